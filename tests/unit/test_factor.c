/*
 * test_factor.c - second factors and API tokens as they are kept: what works once, what expires, and what is not in the store
 */
#include "server_fixture.h"

#include "server/session/api_token.h"
#include "server/session/factor.h"

/* One thing done to a user's factor or token, in a group or in a snapshot. */
struct work {
    struct server *server;
    struct uuid user;
    const char *code;
    uint8_t secret[TOTP_SECRET_SIZE];
    char recovery[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_SIZE];
    struct factor factor;
    struct api_token token;
    char text[API_TOKEN_TEXT_SIZE];
    unsigned n;
};

typedef enum crm_status server_work(struct server *server, struct change_group *group, void *arg);

static enum crm_status run_begin(struct server *s, struct change_group *group, void *arg)
{
    struct work *work = arg;

    return factor_begin(&s->core, group, &work->user, work->secret);
}

static enum crm_status run_confirm(struct server *s, struct change_group *group, void *arg)
{
    struct work *work = arg;

    return factor_confirm(&s->core, group, &work->user, work->code, work->recovery);
}

static enum crm_status run_use(struct server *s, struct change_group *group, void *arg)
{
    struct work *work = arg;

    return factor_use(&s->core, group, &work->user, work->code);
}

/* The same code in one group: the second sees what the first has put. */
static enum crm_status run_use_twice(struct server *s, struct change_group *group, void *arg)
{
    enum crm_status status = run_use(s, group, arg);

    return status == CRM_OK ? run_use(s, group, arg) : status;
}

static enum crm_status run_remove(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    return factor_remove(group, &((struct work *)arg)->user);
}

static enum crm_status run_damage(struct server *s, struct change_group *group, void *arg)
{
    struct work *work = arg;
    struct key key = { 0 };

    (void)s;
    key_u8(&key, 't');
    key_bytes(&key, work->user.bytes, UUID_SIZE);
    return writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), slice_text("no row"));
}

static enum crm_status turn(struct server *s, server_work *run, struct work *work)
{
    struct server_turn one = { .work = run, .arg = work };

    return server_turn(s, &one);
}

static enum crm_status look_check(struct store_txn *txn, void *arg)
{
    struct work *work = arg;
    struct view view = { .txn = txn, .schema = work->server->core.schema };
    enum crm_status status = factor_look(&view, &work->user, &work->factor);

    return status == CRM_OK ? factor_check(&work->server->core, &view, &work->user, work->code, server_now_us) : status;
}

static enum crm_status check(struct server *s, struct work *work, const char *code)
{
    work->server = s;
    work->code = code;
    return store_read_run(s->store, look_check, work);
}

static enum crm_status use(struct server *s, struct work *work, const char *code)
{
    work->code = code;
    return turn(s, run_use, work);
}

/* What the authenticator shows so many steps from now. */
static const char *code_at(struct server *s, const struct work *work, int steps)
{
    return arena_printf(&s->arena, "%06u", hotp_code(work->secret, (uint64_t)(server_now_us / TOTP_STEP_US + steps)));
}

static struct work set_up(struct server *s)
{
    struct work work = { .user = s->user };

    assert_int_equal(turn(s, run_begin, &work), CRM_OK);
    work.code = code_at(s, &work, 0);
    assert_int_equal(turn(s, run_confirm, &work), CRM_OK);
    server_now_us += TOTP_STEP_US; /* the code that showed it is used up */
    return work;
}

static void asks_nobody_who_has_none(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user };

    assert_int_equal(check(s, &work, NULL), CRM_OK);
    assert_false(work.factor.in_force);
    assert_int_equal(use(s, &work, "whatever"), CRM_OK);
    assert_int_equal(turn(s, run_remove, &work), CRM_NOT_FOUND);
}

static void is_in_force_once_it_is_confirmed(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user, .code = "000000" };
    uint8_t first[TOTP_SECRET_SIZE];

    assert_int_equal(turn(s, run_confirm, &work), CRM_CONFLICT); /* none was begun */
    assert_int_equal(turn(s, run_begin, &work), CRM_OK);
    memcpy(first, work.secret, sizeof first);
    assert_int_equal(check(s, &work, NULL), CRM_OK); /* not yet */
    work.code = code_at(s, &work, 5);
    assert_int_equal(turn(s, run_confirm, &work), CRM_BAD_CREDENTIALS);
    work.code = NULL;
    assert_int_equal(turn(s, run_confirm, &work), CRM_BAD_CREDENTIALS);
    assert_int_equal(turn(s, run_begin, &work), CRM_OK);
    assert_memory_not_equal(first, work.secret, sizeof first); /* the newer one counts */
    server_now_us += FACTOR_BEGUN_US;
    work.code = code_at(s, &work, 0);
    assert_int_equal(turn(s, run_confirm, &work), CRM_CONFLICT); /* too long ago */

    work = set_up(s);
    assert_int_equal(check(s, &work, NULL), CRM_SECOND_FACTOR);
    assert_int_equal(check(s, &work, ""), CRM_SECOND_FACTOR);
    assert_true(work.factor.in_force);
    assert_int_equal(work.factor.recovery_left, FACTOR_RECOVERY_CODES);
    assert_int_equal(check(s, &work, code_at(s, &work, 0)), CRM_OK);
    assert_int_equal(check(s, &work, code_at(s, &work, 9)), CRM_BAD_CREDENTIALS);
    work.code = code_at(s, &work, 0);
    assert_int_equal(turn(s, run_confirm, &work), CRM_CONFLICT); /* confirmed once */
}

static void takes_a_code_once(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user };
    const char *code;

    assert_int_equal(turn(s, run_begin, &work), CRM_OK);
    code = work.code = code_at(s, &work, 0);
    assert_int_equal(turn(s, run_confirm, &work), CRM_OK);
    assert_int_equal(use(s, &work, code), CRM_BAD_CREDENTIALS); /* nor the one that has shown it */
    code = code_at(s, &work, 1);
    assert_int_equal(check(s, &work, code), CRM_OK); /* looking uses nothing up */
    assert_int_equal(use(s, &work, code), CRM_OK);
    assert_int_equal(use(s, &work, code), CRM_BAD_CREDENTIALS);
    assert_int_equal(check(s, &work, code), CRM_BAD_CREDENTIALS);
    server_now_us += 2 * TOTP_STEP_US;
    work.code = code_at(s, &work, 0);
    assert_int_equal(turn(s, run_use_twice, &work), CRM_BAD_CREDENTIALS);
}

static void recovers_ten_times(void **state)
{
    struct server *s = *state;
    struct work work = set_up(s);
    char typed[64], *at = typed;

    for (int i = 0; i < FACTOR_RECOVERY_CODES; i++) {
        assert_int_equal(strlen(work.recovery[i]), 19);
        assert_int_equal(check(s, &work, work.recovery[i]), CRM_OK);
        assert_int_equal(use(s, &work, work.recovery[i]), CRM_OK);
        assert_int_equal(use(s, &work, work.recovery[i]), CRM_BAD_CREDENTIALS);
        assert_int_equal(check(s, &work, NULL), CRM_SECOND_FACTOR);
        assert_int_equal(work.factor.recovery_left, FACTOR_RECOVERY_CODES - 1 - i);
    }
    assert_int_equal(use(s, &work, code_at(s, &work, 0)), CRM_OK); /* the authenticator goes on */

    work = set_up(s); /* again: with codes of its own */
    for (const char *from = work.recovery[3]; *from; from++) {
        if (*from == '-')
            *at++ = ' ';
        *at++ = (char)(*from >= 'a' && *from <= 'z' ? *from - 'a' + 'A' : *from);
    }
    *at = '\0';
    assert_int_equal(check(s, &work, typed), CRM_OK);
    typed[0] = typed[0] == 'A' ? 'B' : 'A';
    assert_int_equal(check(s, &work, typed), CRM_BAD_CREDENTIALS);
    assert_int_equal(check(s, &work, "aaaa-aaaa-aaaa-aaaa-aaaa"), CRM_BAD_CREDENTIALS);
}

static void belongs_to_its_user(void **state)
{
    struct server *s = *state;
    struct uuid ann;
    struct work work = set_up(s), other = { 0 };

    server_create(s, KIND_USER, &ann, "login=ann");
    other.user = ann;
    assert_int_equal(check(s, &other, NULL), CRM_OK);
    assert_int_equal(turn(s, run_begin, &other), CRM_OK);
    other.code = code_at(s, &other, 0);
    assert_int_equal(turn(s, run_confirm, &other), CRM_OK);
    assert_int_equal(check(s, &other, work.recovery[0]), CRM_BAD_CREDENTIALS);
    assert_int_equal(check(s, &other, code_at(s, &work, 0)), CRM_BAD_CREDENTIALS);
    assert_int_equal(turn(s, run_remove, &other), CRM_OK);
    assert_int_equal(check(s, &other, NULL), CRM_OK);
    assert_int_equal(check(s, &work, NULL), CRM_SECOND_FACTOR);
}

/* What cannot be read lets nobody in, and can be removed. */
static void keeps_out_where_it_is_damaged(void **state)
{
    struct server *s = *state;
    struct work work = set_up(s);

    s->core.token_key[0] ^= 1; /* a secret that was closed with another key */
    assert_int_equal(check(s, &work, code_at(s, &work, 0)), CRM_CORRUPT);
    assert_int_equal(use(s, &work, code_at(s, &work, 0)), CRM_CORRUPT);
    s->core.token_key[0] ^= 1;
    assert_int_equal(turn(s, run_damage, &work), CRM_OK);
    assert_int_equal(check(s, &work, NULL), CRM_CORRUPT);
    assert_int_equal(use(s, &work, NULL), CRM_CORRUPT);
    assert_int_equal(turn(s, run_remove, &work), CRM_OK);
    assert_int_equal(check(s, &work, NULL), CRM_OK);
}

/* --- API tokens */

static enum crm_status run_create(struct server *s, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)s;
    return api_token_create(group, &work->token, work->text);
}

static enum crm_status run_touch(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    return api_token_touch(group, ((struct work *)arg)->token.hash);
}

static enum crm_status run_revoke(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    return api_token_revoke(group, &((struct work *)arg)->token);
}

static enum crm_status look_token(struct store_txn *txn, void *arg)
{
    struct work *work = arg;
    struct view view = { .txn = txn, .schema = work->server->core.schema };
    struct slice text = slice_text(work->text);
    uint8_t hash[SHA256_SIZE];

    sha256(&text, 1, hash);
    return api_token_find(&view, hash, server_now_us, &work->token);
}

static enum crm_status find(struct server *s, struct work *work)
{
    work->server = s;
    return store_read_run(s->store, look_token, work);
}

static bool count_one(void *arg, const struct api_token *token)
{
    (void)token;
    ++*(unsigned *)arg;
    return true;
}

static enum crm_status look_count(struct store_txn *txn, void *arg)
{
    struct work *work = arg;
    struct view view = { .txn = txn, .schema = work->server->core.schema };

    work->n = 0;
    return api_token_each(&view, uuid_is_nil(&work->user) ? NULL : &work->user, count_one, &work->n);
}

static unsigned count(struct server *s, struct uuid user)
{
    struct work work = { .server = s, .user = user };

    assert_int_equal(store_read_run(s->store, look_count, &work), CRM_OK);
    return work.n;
}

static struct work make_token(struct server *s, const struct uuid *user, const char *name)
{
    struct work work = { .token = { .user = *user, .expires_us = server_now_us + US_PER_DAY } };

    snprintf(work.token.name, sizeof work.token.name, "%s", name);
    assert_int_equal(turn(s, run_create, &work), CRM_OK);
    return work;
}

static void finds_a_token_until_it_expires(void **state)
{
    struct server *s = *state;
    struct uuid role = server_find(s, KIND_ROLE, "name", "auditor");
    struct work work = { .token = { .user = s->user, .role = role, .expires_us = server_now_us + US_PER_DAY, .name = "backup" } };
    struct uuid id;

    assert_int_equal(turn(s, run_create, &work), CRM_OK);
    assert_true(api_token_is_whole(slice_text(work.text)));
    id = work.token.id;
    work.token = (struct api_token){ 0 };
    assert_int_equal(find(s, &work), CRM_OK);
    assert_true(uuid_equal(&work.token.user, &s->user));
    assert_true(uuid_equal(&work.token.role, &role));
    assert_true(uuid_equal(&work.token.id, &id));
    assert_string_equal(work.token.name, "backup");
    assert_int_equal(work.token.created_us, server_now_us);
    assert_int_equal(work.token.used_us, 0);
    server_now_us += US_PER_DAY - 1;
    assert_int_equal(turn(s, run_touch, &work), CRM_OK);
    assert_int_equal(find(s, &work), CRM_OK);
    assert_int_equal(work.token.used_us, server_now_us);
    server_now_us += 1;
    assert_int_equal(find(s, &work), CRM_SESSION_EXPIRED);
    assert_int_equal(turn(s, run_touch, &work), CRM_SESSION_EXPIRED);
    work.text[10] = work.text[10] == 'a' ? 'b' : 'a';
    assert_int_equal(find(s, &work), CRM_NOT_LOGGED_IN);
}

static void revokes_one_token(void **state)
{
    struct server *s = *state;
    struct work first = make_token(s, &s->user, "first"), second = make_token(s, &s->user, "second");

    assert_string_not_equal(first.text, second.text);
    assert_int_equal(count(s, s->user), 2);
    assert_int_equal(turn(s, run_revoke, &first), CRM_OK);
    assert_int_equal(find(s, &first), CRM_NOT_LOGGED_IN);
    assert_int_equal(turn(s, run_touch, &first), CRM_NOT_LOGGED_IN); /* which must not bring it back */
    assert_int_equal(find(s, &first), CRM_NOT_LOGGED_IN);
    assert_int_equal(find(s, &second), CRM_OK);
    assert_int_equal(count(s, s->user), 1);
}

static void gives_a_name_once_and_a_bounded_number(void **state)
{
    struct server *s = *state;
    struct uuid ann;
    struct work work;
    char name[16];

    server_create(s, KIND_USER, &ann, "login=ann");
    make_token(s, &s->user, "n0");
    work = make_token(s, &ann, "n0"); /* another's names are others */
    assert_int_equal(turn(s, run_create, &work), CRM_EXISTS);
    for (int i = 1; i < API_TOKENS_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        make_token(s, &ann, name);
    }
    snprintf(work.token.name, sizeof work.token.name, "one more");
    assert_int_equal(turn(s, run_create, &work), CRM_TOO_LARGE);
    assert_int_equal(count(s, ann), API_TOKENS_MAX);
    assert_int_equal(count(s, (struct uuid){ { 0 } }), API_TOKENS_MAX + 1);
    server_now_us += US_PER_DAY; /* they expire, and stand in nobody's way */
    make_token(s, &ann, "n0");
}

/* --- the store */

/* Nothing that lets anybody in is in the store. */
struct needle {
    const void *bytes;
    size_t size;
    bool found;
};

static bool holds(void *arg, struct slice key, struct slice value)
{
    struct needle *needle = arg;

    needle->found |= memmem(key.data, key.size, needle->bytes, needle->size) || memmem(value.data, value.size, needle->bytes, needle->size);
    return true;
}

static enum crm_status scan(struct store_txn *txn, void *arg)
{
    return store_scan(txn, STORE_CREDENTIAL, &(struct store_range){ 0 }, holds, arg);
}

static bool is_stored(struct server *s, const void *bytes, size_t size)
{
    struct needle needle = { .bytes = bytes, .size = size };

    assert_int_equal(store_read_run(s->store, scan, &needle), CRM_OK);
    return needle.found;
}

static void stores_nothing_that_lets_in(void **state)
{
    struct server *s = *state;
    struct work work = set_up(s), token = make_token(s, &s->user, "backup");

    assert_false(is_stored(s, work.secret, 8));
    assert_false(is_stored(s, work.recovery[0], 9));
    assert_false(is_stored(s, token.text + 4, 8));
    assert_true(is_stored(s, "backup", 6)); /* the scan does look */
    assert_int_equal(turn(s, run_begin, &work), CRM_OK);
    assert_false(is_stored(s, work.secret, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(asks_nobody_who_has_none),
        server_test(is_in_force_once_it_is_confirmed),
        server_test(takes_a_code_once),
        server_test(recovers_ten_times),
        server_test(belongs_to_its_user),
        server_test(keeps_out_where_it_is_damaged),
        server_test(finds_a_token_until_it_expires),
        server_test(revokes_one_token),
        server_test(gives_a_name_once_and_a_bounded_number),
        server_test(stores_nothing_that_lets_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
