/*
 * test_device.c - devices as rows: codes that end, certificates that are good, sessions that go with their device
 */
#include "server_fixture.h"

#include "server/session/device.h"

#define HOUR_US INT64_C(3600000000)

/* What one group does, and with what. */
struct work {
    struct uuid user;
    const char *name;
    char code[DEVICE_CODE_SIZE];
    struct device device;
    struct device_claim claim;
    uint8_t hash[SHA256_SIZE];
};

static enum crm_status run_invite(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return device_invite(group, &work->user, work->name, group->now_us + HOUR_US, work->code);
}

static enum crm_status run_use(struct server *server, struct change_group *group, void *arg)
{
    (void)server;
    return device_use_invitation(group, ((struct work *)arg)->code);
}

static enum crm_status run_store(struct server *server, struct change_group *group, void *arg)
{
    (void)server;
    return device_store(group, &((struct work *)arg)->device);
}

/* A session's row, as far as it matters here: that it is there. */
static enum crm_status run_session(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;
    enum crm_status status = writeset_put(group->set, STORE_SESSION, slice_of(work->hash, SHA256_SIZE), slice_text("a session"));

    (void)server;
    return status == CRM_OK ? device_used(group, &work->claim, work->hash, group->now_us + HOUR_US) : status;
}

static enum crm_status run_revoke(struct server *server, struct change_group *group, void *arg)
{
    (void)server;
    return device_revoke(group, &((struct work *)arg)->device.id);
}

static enum crm_status turn(struct server *s, enum crm_status (*run)(struct server *, struct change_group *, void *), void *arg)
{
    struct server_turn one = { .work = run, .arg = arg };

    return server_turn(s, &one);
}

/* --- looking */

struct look {
    struct server *server;
    const struct work *work;
    const struct uuid *user;
    struct device device;
    struct failure failure;
    unsigned n;
    enum crm_status status;
};

static enum crm_status look(struct server *s, enum crm_status (*run)(struct store_txn *, void *), struct look *out_look, const struct work *work)
{
    *out_look = (struct look){ .server = s, .work = work };
    assert_int_equal(store_read_run(s->store, run, out_look), CRM_OK);
    return out_look->status;
}

static struct view view_of(const struct look *look, struct store_txn *txn)
{
    return (struct view){ .txn = txn, .schema = look->server->core.schema };
}

static enum crm_status look_invitation(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    const struct view view = view_of(look, txn);

    look->status = device_find_invitation(&view, look->work->code, clock_now_us(), &look->device);
    return CRM_OK;
}

static enum crm_status look_device(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    const struct view view = view_of(look, txn);

    look->status = device_load(&view, &look->work->device.id, &look->device);
    return CRM_OK;
}

static enum crm_status look_check(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    const struct view view = view_of(look, txn);

    look->status = device_check(&view, &look->work->claim, clock_now_us(), &look->failure);
    return CRM_OK;
}

static enum crm_status look_session(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct slice value;

    look->status = store_get(txn, STORE_SESSION, slice_of(look->work->hash, SHA256_SIZE), &value);
    return CRM_OK;
}

static bool count(void *arg, const struct device *device)
{
    struct look *look = arg;

    assert_true(!look->user || uuid_equal(look->user, &device->user));
    look->n++;
    return true;
}

static bool stop_at_once(void *arg, const struct device *device)
{
    (void)device;
    ((struct look *)arg)->n++;
    return false;
}

static enum crm_status count_each(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    const struct view view = view_of(look, txn);

    return device_each(&view, look->user, count, look);
}

static enum crm_status count_first(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    const struct view view = view_of(look, txn);

    return device_each(&view, NULL, stop_at_once, look);
}

/* A device of a user, and what its certificate says. */
static struct work enrolled(struct server *s, const struct uuid *user, uint8_t serial)
{
    struct work work = { .device = { .id = uuid_create(), .user = *user, .created_us = clock_now_us(), .expires_us = clock_now_us() + 24 * HOUR_US } };

    strcpy(work.device.name, "Laptop 笔记本");
    memset(work.device.serial, serial, DEVICE_SERIAL_SIZE);
    work.claim = (struct device_claim){ .is_given = true, .device = work.device.id, .user = *user, .expires_us = work.device.expires_us };
    memset(work.claim.serial, serial, DEVICE_SERIAL_SIZE);
    memset(work.hash, serial, SHA256_SIZE);
    assert_int_equal(turn(s, run_store, &work), CRM_OK);
    return work;
}

/* --- codes */

static void a_code_is_good_once_and_for_a_while(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user, .name = "Laptop 笔记本" }, late = work;
    struct look seen;

    assert_int_equal(turn(s, run_invite, &work), CRM_OK);
    assert_int_equal(turn(s, run_invite, &late), CRM_OK);
    assert_string_not_equal(work.code, late.code);
    assert_int_equal(look(s, look_invitation, &seen, &work), CRM_OK);
    assert_true(uuid_equal(&seen.device.user, &s->user));
    assert_string_equal(seen.device.name, "Laptop 笔记本");
    assert_int_equal(turn(s, run_use, &work), CRM_OK);
    assert_int_equal(look(s, look_invitation, &seen, &work), CRM_BAD_CREDENTIALS);

    server_now_us += HOUR_US - 1;
    assert_int_equal(look(s, look_invitation, &seen, &late), CRM_OK);
    server_now_us += 1;
    assert_int_equal(look(s, look_invitation, &seen, &late), CRM_BAD_CREDENTIALS);
    late.code[0] ^= 1;
    assert_int_equal(look(s, look_invitation, &seen, &late), CRM_BAD_CREDENTIALS);
}

static enum crm_status find_code(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct slice key, value, code = slice_text(look->work->code);

    assert_int_equal(store_seek(txn, STORE_CREDENTIAL, &(struct store_range){ .from = slice_text("e"), .to = slice_text("f") }, &key, &value), CRM_OK);
    assert_null(memmem(key.data, key.size, code.data, code.size));
    assert_null(memmem(value.data, value.size, code.data, code.size));
    return CRM_OK;
}

static void a_code_is_stored_hashed(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user, .name = "x" };
    struct look seen;

    assert_int_equal(turn(s, run_invite, &work), CRM_OK);
    look(s, find_code, &seen, &work);
}

/* --- devices */

static void a_row_comes_back_as_it_was(void **state)
{
    struct server *s = *state;
    struct work work = enrolled(s, &s->user, 7);
    struct look seen;

    assert_int_equal(look(s, look_device, &seen, &work), CRM_OK);
    assert_memory_equal(&seen.device, &work.device, offsetof(struct device, name));
    assert_string_equal(seen.device.name, work.device.name);
    work.device.id = uuid_create();
    assert_int_equal(look(s, look_device, &seen, &work), CRM_NOT_FOUND);
}

static void lists_those_of_a_user(void **state)
{
    struct server *s = *state;
    struct uuid other = uuid_create();
    struct look seen = { .server = s };

    enrolled(s, &s->user, 1);
    enrolled(s, &other, 2);
    enrolled(s, &s->user, 3);
    assert_int_equal(store_read_run(s->store, count_each, &seen), CRM_OK);
    assert_int_equal(seen.n, 3);
    seen = (struct look){ .server = s, .user = &s->user };
    assert_int_equal(store_read_run(s->store, count_each, &seen), CRM_OK);
    assert_int_equal(seen.n, 2);
    seen = (struct look){ .server = s };
    assert_int_equal(store_read_run(s->store, count_first, &seen), CRM_OK);
    assert_int_equal(seen.n, 1);
}

static void a_certificate_is_good_until_it_ends(void **state)
{
    struct server *s = *state;
    struct work work = enrolled(s, &s->user, 7), none = { 0 };
    struct look seen;

    assert_int_equal(look(s, look_check, &seen, &none), CRM_OK); /* who shows none */
    assert_int_equal(look(s, look_check, &seen, &work), CRM_OK);
    server_now_us = work.claim.expires_us - 1;
    assert_int_equal(look(s, look_check, &seen, &work), CRM_OK);
    server_now_us++;
    assert_int_equal(look(s, look_check, &seen, &work), CRM_REVOKED);
    assert_non_null(strstr(seen.failure.text, "expired"));
}

/* What prepare of an enrolment that failed would leave behind must not open a door: no serial is no serial. */
static void the_one_before_is_good_too(void **state)
{
    struct server *s = *state;
    struct work work = enrolled(s, &s->user, 7), none = work;
    struct look seen;

    memset(none.claim.serial, 0, DEVICE_SERIAL_SIZE);
    assert_int_equal(look(s, look_check, &seen, &none), CRM_REVOKED);
    memset(work.device.previous, 7, DEVICE_SERIAL_SIZE);
    memset(work.device.serial, 8, DEVICE_SERIAL_SIZE);
    assert_int_equal(turn(s, run_store, &work), CRM_OK);
    assert_int_equal(look(s, look_check, &seen, &work), CRM_OK);
    memset(work.claim.serial, 8, DEVICE_SERIAL_SIZE);
    assert_int_equal(look(s, look_check, &seen, &work), CRM_OK);
    memset(work.claim.serial, 9, DEVICE_SERIAL_SIZE);
    assert_int_equal(look(s, look_check, &seen, &work), CRM_REVOKED);
}

static void its_sessions_go_with_it(void **state)
{
    struct server *s = *state;
    struct work work = enrolled(s, &s->user, 7), again = work, other = enrolled(s, &s->user, 9);
    struct look seen;

    again.hash[0] = 1;
    server_now_us += HOUR_US;
    assert_int_equal(turn(s, run_session, &work), CRM_OK);
    assert_int_equal(turn(s, run_session, &again), CRM_OK);
    assert_int_equal(turn(s, run_session, &other), CRM_OK);
    assert_int_equal(look(s, look_device, &seen, &work), CRM_OK);
    assert_int_equal(seen.device.used_us, server_now_us);

    assert_int_equal(turn(s, run_revoke, &work), CRM_OK);
    assert_int_equal(look(s, look_check, &seen, &work), CRM_REVOKED);
    assert_int_equal(look(s, look_session, &seen, &work), CRM_NOT_FOUND);
    assert_int_equal(look(s, look_session, &seen, &again), CRM_NOT_FOUND);
    assert_int_equal(look(s, look_check, &seen, &other), CRM_OK);
    assert_int_equal(look(s, look_session, &seen, &other), CRM_OK);

    /* For good: the time of the first counts. */
    look(s, look_device, &seen, &work);
    again.device.revoked_us = seen.device.revoked_us;
    assert_int_equal(again.device.revoked_us, server_now_us);
    server_now_us += HOUR_US;
    assert_int_equal(turn(s, run_revoke, &work), CRM_OK);
    look(s, look_device, &seen, &work);
    assert_int_equal(seen.device.revoked_us, again.device.revoked_us);
    work.device.id = uuid_create();
    assert_int_equal(turn(s, run_revoke, &work), CRM_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(a_code_is_good_once_and_for_a_while), server_test(a_code_is_stored_hashed), server_test(a_row_comes_back_as_it_was),
        server_test(lists_those_of_a_user), server_test(a_certificate_is_good_until_it_ends), server_test(the_one_before_is_good_too),
        server_test(its_sessions_go_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
