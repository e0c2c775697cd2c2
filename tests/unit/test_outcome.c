/*
 * test_outcome.c - exactly once: kept answers, keys that are used again, low marks, and clients that are swept
 */
#include "server_fixture.h"

struct keyed {
    struct outcome_key key;
    struct uuid user;
    const char *answer; /* kept where the key is new */
    char found[64];     /* the stored answer */
};

/* As op_mutate does: look up, work, keep. */
static enum crm_status run_keyed(struct server *server, struct change_group *group, void *arg)
{
    struct keyed *keyed = arg;
    struct slice reply;
    enum crm_status status = outcome_find(group, &keyed->key, &keyed->user, &reply, &server->failure);

    keyed->found[0] = '\0';
    if (status != CRM_OK)
        return status;
    if (reply.data) {
        snprintf(keyed->found, sizeof keyed->found, "%.*s", (int)reply.size, (const char *)reply.data);
        return CRM_OK;
    }
    return outcome_keep(group, &keyed->key, &keyed->user, slice_text(keyed->answer));
}

static enum crm_status ask(struct server *s, struct keyed *keyed)
{
    struct server_turn turn = { .work = run_keyed, .arg = keyed };

    return server_turn(s, &turn);
}

static struct keyed key_of(struct server *s, uint64_t number, uint64_t low_mark, const char *request)
{
    struct keyed keyed = { .key = { .client = "a client's 16 by", .number = number, .low_mark = low_mark }, .user = s->user, .answer = request };

    memcpy(keyed.key.hash, request, strlen(request));
    return keyed;
}

static void assert_new(struct server *s, struct keyed keyed)
{
    assert_int_equal(ask(s, &keyed), CRM_OK);
    assert_string_equal(keyed.found, "");
}

static void assert_stored(struct server *s, struct keyed keyed, const char *answer)
{
    assert_int_equal(ask(s, &keyed), CRM_OK);
    assert_string_equal(keyed.found, answer);
}

static void assert_refused(struct server *s, struct keyed keyed, enum crm_status status, const char *field)
{
    assert_int_equal(ask(s, &keyed), status);
    assert_string_equal(s->failure.field, field);
}

static void answers_again_as_it_did(void **state)
{
    struct server *s = *state;

    assert_new(s, key_of(s, 1, 0, "first"));
    assert_stored(s, key_of(s, 1, 0, "first"), "first");
    assert_refused(s, key_of(s, 1, 0, "other"), CRM_KEY_REUSED, "number");
    assert_new(s, key_of(s, 3, 0, "third")); /* in any order */
    assert_new(s, key_of(s, 2, 0, "second"));
    assert_stored(s, key_of(s, 3, 0, "third"), "third");
    assert_refused(s, key_of(s, 0, 0, "none"), CRM_KEY_REUSED, "number");
}

static void keeps_clients_apart(void **state)
{
    struct server *s = *state;
    struct keyed keyed = key_of(s, 1, 0, "first");

    assert_new(s, keyed);
    keyed.user = uuid_create();
    assert_refused(s, keyed, CRM_NOT_ALLOWED, "client");
    keyed.key.number = 2;
    assert_refused(s, keyed, CRM_NOT_ALLOWED, "client");
    keyed.key.client[15]++;
    assert_new(s, keyed);
}

static void forgets_up_to_the_low_mark(void **state)
{
    struct server *s = *state;

    for (uint64_t i = 1; i <= 5; i++)
        assert_new(s, key_of(s, i, 0, "r"));
    assert_new(s, key_of(s, 6, 3, "r"));
    for (uint64_t i = 1; i <= 3; i++)
        assert_refused(s, key_of(s, i, 0, "r"), CRM_KEY_REUSED, "number");
    assert_stored(s, key_of(s, 4, 0, "r"), "r");
    assert_new(s, key_of(s, 7, 1, "r")); /* a mark never goes back */
    assert_refused(s, key_of(s, 2, 0, "r"), CRM_KEY_REUSED, "number");
    assert_new(s, key_of(s, 8, 100, "r")); /* nor beyond the request itself */
    assert_stored(s, key_of(s, 8, 0, "r"), "r");
    assert_new(s, key_of(s, 9, 0, "r"));
}

static enum crm_status count_rows(struct store_txn *txn, void *arg)
{
    struct store_db_stats stats;
    enum crm_status status = store_stats(txn, STORE_CLIENT, &stats);

    *(uint64_t *)arg = stats.entries;
    return status;
}

static uint64_t rows(struct server *s)
{
    uint64_t n = 0;

    assert_int_equal(store_read_run(s->store, count_rows, &n), CRM_OK);
    return n;
}

static void bounds_open_numbers(void **state)
{
    struct server *s = *state;

    assert_refused(s, key_of(s, OUTCOMES_OPEN + 1, 0, "r"), CRM_BUSY, "number");
    for (uint64_t i = 1; i <= OUTCOMES_OPEN; i++)
        assert_new(s, key_of(s, i, 0, "r"));
    assert_refused(s, key_of(s, OUTCOMES_OPEN + 1, 0, "r"), CRM_BUSY, "number");
    assert_int_equal(rows(s), OUTCOMES_OPEN + 1);
    assert_new(s, key_of(s, OUTCOMES_OPEN + 1, 1, "r"));
    assert_int_equal(rows(s), OUTCOMES_OPEN + 1);
}

/* Work is bounded by the rows there are, never by the numbers that a client names. */
static void stands_the_largest_numbers(void **state)
{
    static const uint64_t numbers[] = { UINT64_C(1) << 40, UINT64_MAX - 64, UINT64_MAX - 1, UINT64_MAX };
    struct server *s = *state;

    assert_new(s, key_of(s, 1, 0, "r"));
    assert_refused(s, key_of(s, UINT64_MAX, 0, "r"), CRM_BUSY, "number");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_new(s, key_of(s, numbers[i], numbers[i] - 1, "r"));
        assert_stored(s, key_of(s, numbers[i], numbers[i] - 1, "r"), "r");
        assert_refused(s, key_of(s, numbers[i] - 1, 0, "r"), CRM_KEY_REUSED, "number");
        assert_int_equal(rows(s), 2);
    }
}

/* Two requests of one client in one group: the second sees the first. */
static enum crm_status run_twice(struct server *server, struct change_group *group, void *arg)
{
    struct keyed *keyed = arg;
    enum crm_status status = run_keyed(server, group, &keyed[0]);

    return status == CRM_OK ? run_keyed(server, group, &keyed[1]) : status;
}

static void sees_its_own_group(void **state)
{
    struct server *s = *state;
    struct keyed keyed[] = { key_of(s, 1, 0, "first"), key_of(s, 1, 0, "first") };
    struct server_turn turn = { .work = run_twice, .arg = keyed };

    assert_int_equal(server_turn(s, &turn), CRM_OK);
    assert_string_equal(keyed[0].found, "");
    assert_string_equal(keyed[1].found, "first");
}

/* --- sweeping */

static enum crm_status run_sweep(struct server *server, struct change_group *group, void *arg)
{
    (void)server;
    return outcome_sweep(group, server_now_us - OUTCOME_KEPT_US, *(unsigned *)arg);
}

static void sweep(struct server *s, unsigned max)
{
    struct server_turn turn = { .work = run_sweep, .arg = &max };

    assert_int_equal(server_turn(s, &turn), CRM_OK);
}

static void sweeps_what_nobody_uses(void **state)
{
    struct server *s = *state;
    struct keyed old[3];

    for (size_t i = 0; i < ARRAY_LEN(old); i++) {
        old[i] = key_of(s, 1, 0, "r");
        old[i].key.client[0] = (uint8_t)i;
        assert_new(s, old[i]);
        old[i].key.number = 2;
        assert_new(s, old[i]);
    }
    server_pass_days(6);
    old[1].key.number = 3;
    assert_new(s, old[1]); /* in use */
    sweep(s, 100);
    assert_int_equal(rows(s), 10);
    server_pass_days(2);
    sweep(s, 1);
    assert_int_equal(rows(s), 7);
    sweep(s, 100);
    assert_int_equal(rows(s), 4);
    old[1].key.number = 2;
    assert_stored(s, old[1], "r");
    old[0].key.number = 1;
    assert_new(s, old[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(answers_again_as_it_did),  server_test(keeps_clients_apart),  server_test(forgets_up_to_the_low_mark),
        server_test(bounds_open_numbers),      server_test(stands_the_largest_numbers), server_test(sees_its_own_group),
        server_test(sweeps_what_nobody_uses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
