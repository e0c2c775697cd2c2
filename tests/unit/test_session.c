/*
 * test_session.c - sessions and invitations: what is stored, what expires, who may go on
 */
#include "server_fixture.h"

#include "common/base/sealed.h"

/* --- sessions */

struct work {
    struct session session;
    struct uuid user;
    uint8_t token[TOKEN_SIZE];
    char code[INVITE_CODE_SIZE];
    const char *device, *encoded;
    int64_t expires_us;            /* of an invitation */
    int64_t lasts_us, idle_us, confirmed_us;
    struct session_choice choice;
    unsigned closed;
    bool must_change;
};

static enum crm_status run_open(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    enum crm_status status = session_load(&view, &work->user, &work->session);

    const struct session_opening opening = {
        .how = SESSION_BY_PASSWORD, .device_name = work->device, .from = "192.0.2.7 test/1", .lasts_us = work->lasts_us,
        .idle_us = work->idle_us, .confirmed_us = work->confirmed_us,
    };

    (void)server;
    if (status == CRM_OK)
        status = session_open(group, &work->session, &opening, work->token);
    access_unref(work->session.access); /* only the rest is looked at */
    work->session.access = NULL;
    return status;
}

static enum crm_status run_close(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return session_close(group, work->session.token_hash);
}

static enum crm_status run_touch(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return session_touch(group, work->session.token_hash, group->now_us, work->idle_us);
}

static enum crm_status run_confirm(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return session_confirm(group, work->session.token_hash, group->now_us + work->confirmed_us);
}

static enum crm_status run_close_chosen(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return session_close_chosen(group, &work->choice, &work->closed);
}

static enum crm_status run_must_change(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return credential_require_change(group, &work->user, work->must_change);
}

static enum crm_status run_invite(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return invite_create(group, &work->user, work->expires_us, work->code);
}

static enum crm_status run_use(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    enum crm_status status = invite_find(&view, work->code, group->now_us, &work->user);

    (void)server;
    return status == CRM_OK ? invite_use(group, work->code) : status;
}

static enum crm_status run_credential(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return credential_store(group, &work->user, work->encoded);
}

static enum crm_status turn(struct server *s, enum crm_status (*work)(struct server *, struct change_group *, void *), void *arg)
{
    struct server_turn one = { .work = work, .arg = arg };

    return server_turn(s, &one);
}

struct look {
    struct server *server;
    const struct work *work;
    struct session session;
    struct uuid user;
    const char *login, *encoded;
    enum crm_status status;
};

static enum crm_status look_resume(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct view view = { .txn = txn, .schema = look->server->core.schema };

    return session_resume(&view, slice_of(look->work->token, TOKEN_SIZE), server_now_us, &look->session);
}

static enum crm_status look_invite(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct view view = { .txn = txn, .schema = look->server->core.schema };

    return invite_find(&view, look->work->code, server_now_us, &look->user);
}

static enum crm_status look_login(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct view view = { .txn = txn, .schema = look->server->core.schema };
    enum crm_status status = session_find_login(&view, slice_text(look->login), &look->server->arena, &look->user);

    return status == CRM_OK ? credential_load(&view, &look->user, &look->server->arena, &look->encoded) : status;
}

static enum crm_status resume(struct server *s, const struct work *work, struct session *out_session)
{
    struct look look = { .server = s, .work = work };
    enum crm_status status = store_read_run(s->store, look_resume, &look);

    access_unref(look.session.access);
    look.session.access = NULL;
    *out_session = look.session;
    return status;
}

static struct work open_session(struct server *s, const struct uuid *user)
{
    struct work work = { .user = *user, .device = "laptop", .expires_us = server_now_us + 1000, .lasts_us = 1000, .idle_us = 1000 };

    assert_int_equal(turn(s, run_open, &work), CRM_OK);
    return work;
}

static void resumes_a_session_by_its_token(void **state)
{
    struct server *s = *state;
    struct work work = open_session(s, &s->user), other = open_session(s, &s->user);
    struct session session;

    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_true(uuid_equal(&session.user, &s->user));
    assert_true(uuid_equal(&session.team, &s->team));
    assert_string_equal(session.login, "admin");
    assert_string_equal(session.role, "administrator");
    assert_true(session.rights & 1u << CRM__RIGHT__RIGHT_MANAGE_USERS);
    assert_int_equal(session.expires_us, server_now_us + 1000);
    assert_false(uuid_equal(&work.session.id, &other.session.id));
    assert_memory_not_equal(work.token, other.token, TOKEN_SIZE);
    assert_memory_not_equal(work.token, work.session.token_hash, TOKEN_SIZE);

    assert_int_equal(turn(s, run_close, &work), CRM_OK);
    assert_int_equal(resume(s, &work, &session), CRM_NOT_LOGGED_IN);
    assert_int_equal(resume(s, &other, &session), CRM_OK);
    other.token[31] ^= 1;
    assert_int_equal(resume(s, &other, &session), CRM_NOT_LOGGED_IN);
}

static void ends_a_session_in_time(void **state)
{
    struct server *s = *state;
    struct work work = open_session(s, &s->user);
    struct session session;

    server_now_us += 999;
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    server_now_us += 1;
    assert_int_equal(resume(s, &work, &session), CRM_SESSION_EXPIRED);
}

/* Use puts the end off, but not beyond the latest. */
static void ends_what_is_not_used(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user, .lasts_us = 250, .idle_us = 100 };
    struct session session;

    assert_int_equal(turn(s, run_open, &work), CRM_OK);
    server_now_us += 99;
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(turn(s, run_touch, &work), CRM_OK);
    server_now_us += 99;
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(session.used_us, server_now_us - 99);
    assert_int_equal(turn(s, run_touch, &work), CRM_OK);
    server_now_us += 51;
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    server_now_us += 1;
    assert_int_equal(resume(s, &work, &session), CRM_SESSION_EXPIRED);
    assert_int_equal(turn(s, run_touch, &work), CRM_SESSION_EXPIRED); /* what has ended does not come back */
    assert_int_equal(resume(s, &work, &session), CRM_SESSION_EXPIRED);

    assert_int_equal(turn(s, run_open, &work), CRM_OK);
    server_now_us += 100;
    assert_int_equal(resume(s, &work, &session), CRM_SESSION_EXPIRED);
    assert_int_equal(turn(s, run_close, &work), CRM_OK);
    assert_int_equal(turn(s, run_touch, &work), CRM_NOT_LOGGED_IN);
}

static void counts_the_password_as_given_for_a_while(void **state)
{
    struct server *s = *state;
    struct work work = { .user = s->user, .lasts_us = 1000, .idle_us = 1000, .confirmed_us = 10 };
    struct session session;

    assert_int_equal(turn(s, run_open, &work), CRM_OK);
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_true(session_is_confirmed(&session, server_now_us + 9));
    assert_false(session_is_confirmed(&session, server_now_us + 10));
    server_now_us += 20;
    assert_int_equal(turn(s, run_confirm, &work), CRM_OK);
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_true(session_is_confirmed(&session, server_now_us + 9));
}

static void must_change_the_password(void **state)
{
    struct server *s = *state;
    struct work work = open_session(s, &s->user);
    struct session session;

    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(session.must, CRM_OK);
    work.must_change = true;
    assert_int_equal(turn(s, run_must_change, &work), CRM_OK);
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(session.must, CRM_CHANGE_PASSWORD);
    work.must_change = false;
    assert_int_equal(turn(s, run_must_change, &work), CRM_OK);
    assert_int_equal(turn(s, run_must_change, &work), CRM_OK); /* there is nothing to take away */
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(session.must, CRM_OK);
}

struct listed {
    struct uuid user;
    unsigned n;
    char from[64], device[64];
};

static bool note_session(void *arg, const uint8_t *token_hash, const struct session_info *info)
{
    struct listed *listed = arg;

    (void)token_hash;
    if (!uuid_equal(&info->user, &listed->user))
        return true;
    listed->n++;
    snprintf(listed->from, sizeof listed->from, "%.*s", (int)info->from.size, (const char *)info->from.data);
    snprintf(listed->device, sizeof listed->device, "%.*s", (int)info->device_name.size, (const char *)info->device_name.data);
    return true;
}

static enum crm_status list_sessions(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return session_each(&view, note_session, arg);
}

static unsigned count_sessions(struct server *s, const struct uuid *user)
{
    struct listed listed = { .user = *user };

    assert_int_equal(store_read_run(s->store, list_sessions, &listed), CRM_OK);
    return listed.n;
}

static void closes_the_chosen(void **state)
{
    struct server *s = *state;
    struct uuid ann, rep = server_find(s, KIND_ROLE, "name", "representative");
    struct work a, b, c, d;
    struct session session;
    struct listed listed;

    server_create(s, KIND_USER, &ann, "login=ann", server_ref(s, "role", &rep));
    a = open_session(s, &s->user);
    b = open_session(s, &s->user);
    c = open_session(s, &s->user);
    d = open_session(s, &ann);
    listed = (struct listed){ .user = ann };
    assert_int_equal(store_read_run(s->store, list_sessions, &listed), CRM_OK);
    assert_int_equal(listed.n, 1);
    assert_string_equal(listed.from, "192.0.2.7 test/1");
    assert_string_equal(listed.device, "laptop");

    a.choice = (struct session_choice){ .user = &s->user, .id = &b.session.id };
    assert_int_equal(turn(s, run_close_chosen, &a), CRM_OK);
    assert_int_equal(a.closed, 1);
    assert_int_equal(resume(s, &b, &session), CRM_NOT_LOGGED_IN);
    a.choice = (struct session_choice){ .user = &ann, .id = &a.session.id }; /* not ann's */
    assert_int_equal(turn(s, run_close_chosen, &a), CRM_OK);
    assert_int_equal(a.closed, 0);
    a.choice = (struct session_choice){ .user = &s->user, .kept = a.session.token_hash };
    assert_int_equal(turn(s, run_close_chosen, &a), CRM_OK);
    assert_int_equal(a.closed, 1);
    assert_int_equal(resume(s, &c, &session), CRM_NOT_LOGGED_IN);
    assert_int_equal(resume(s, &a, &session), CRM_OK);
    assert_int_equal(resume(s, &d, &session), CRM_OK);
    assert_int_equal(count_sessions(s, &s->user), 1);
}

/* A row as format 2 of the database had it: user, created, expires, device name. Who has it logs in again. */
static enum crm_status run_old_row(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;
    uint8_t *content, *value = sealed_alloc(group->arena, 38, &content);
    const struct slice token = slice_of(work->token, TOKEN_SIZE);
    int64_t expires_us = group->now_us + 1000;

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, server->user.bytes, UUID_SIZE);
    memcpy(content + 16, &group->now_us, 8);
    memcpy(content + 24, &expires_us, 8);
    memcpy(content + 32, "laptop", 6);
    sha256(&token, 1, work->session.token_hash);
    return writeset_put(group->set, STORE_SESSION, slice_of(work->session.token_hash, SHA256_SIZE), sealed_close(value, 38));
}

static void takes_an_older_row_for_none(void **state)
{
    struct server *s = *state;
    struct work work = { .token = { 9 } };
    struct session session;

    assert_int_equal(turn(s, run_old_row, &work), CRM_OK);
    assert_int_equal(resume(s, &work, &session), CRM_NOT_LOGGED_IN);
    assert_int_equal(count_sessions(s, &s->user), 0);
    assert_int_equal(turn(s, run_touch, &work), CRM_NOT_LOGGED_IN);
}

static void ends_the_sessions_of_who_is_gone(void **state)
{
    struct server *s = *state;
    struct uuid ann, rep = server_find(s, KIND_ROLE, "name", "representative");
    struct work work;
    struct session session;

    server_create(s, KIND_USER, &ann, "login=ann", server_ref(s, "role", &rep));
    work = open_session(s, &ann);
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_false(session.rights & 1u << CRM__RIGHT__RIGHT_MANAGE_USERS);
    server_change(s, KIND_USER, &ann, "active=no");
    assert_int_equal(resume(s, &work, &session), CRM_REVOKED);
    assert_int_equal(turn(s, run_open, &work), CRM_BAD_CREDENTIALS);
    server_change(s, KIND_USER, &ann, "active=yes", "role="); /* whose role was taken away has no rights */
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(session.rights, 0);
    server_delete(s, KIND_USER, &ann);
    assert_int_equal(resume(s, &work, &session), CRM_REVOKED);
    server_now_us += work.lasts_us; /* who was away for longer than the session lasts is told the same */
    assert_int_equal(resume(s, &work, &session), CRM_REVOKED);
}

/* Long names are cut between characters. */
static void copies_names_whole(void **state)
{
    struct server *s = *state;
    struct uuid ann;
    struct work work;
    struct session session;
    char name[200] = "name=";

    for (int i = 0; i < 50; i++)
        strcat(name, "张");
    server_create(s, KIND_USER, &ann, "login=ann", name);
    work = open_session(s, &ann);
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(strlen(session.name), 126);
}

/* --- logins and invitations */

static void finds_a_login_as_it_is_typed(void **state)
{
    struct server *s = *state;
    struct look look = { .server = s, .login = "ＡＤＭＩＮ" };
    struct work work = { .user = s->user, .encoded = "$argon2id$other" };

    assert_int_equal(store_read_run(s->store, look_login, &look), CRM_OK);
    assert_true(uuid_equal(&look.user, &s->user));
    assert_string_equal(look.encoded, "none");
    assert_int_equal(turn(s, run_credential, &work), CRM_OK);
    assert_int_equal(store_read_run(s->store, look_login, &look), CRM_OK);
    assert_string_equal(look.encoded, "$argon2id$other");
    look.login = "nobody";
    assert_int_equal(store_read_run(s->store, look_login, &look), CRM_NOT_FOUND);
}

static void invites_once(void **state)
{
    struct server *s = *state;
    struct work first = { .user = s->user, .expires_us = server_now_us + 1000 }, second = first;
    struct look look = { .server = s, .work = &first };

    assert_int_equal(turn(s, run_invite, &first), CRM_OK);
    assert_int_equal(turn(s, run_invite, &second), CRM_OK);
    assert_int_equal(strlen(first.code), INVITE_CODE_SIZE - 1);
    assert_int_equal(strspn(first.code, "abcdefghijkmnpqrstuvwxyz23456789"), INVITE_CODE_SIZE - 1);
    assert_string_not_equal(first.code, second.code);
    assert_int_equal(store_read_run(s->store, look_invite, &look), CRM_OK);
    assert_true(uuid_equal(&look.user, &s->user));

    first.user = (struct uuid){ { 0 } };
    assert_int_equal(turn(s, run_use, &first), CRM_OK);
    assert_true(uuid_equal(&first.user, &s->user));
    assert_int_equal(turn(s, run_use, &first), CRM_BAD_CREDENTIALS);
    assert_int_equal(store_read_run(s->store, look_invite, &look), CRM_BAD_CREDENTIALS);
    server_now_us += 1000;
    assert_int_equal(turn(s, run_use, &second), CRM_BAD_CREDENTIALS); /* expired */
    first.code[0] = first.code[0] == 'a' ? 'b' : 'a';
    assert_int_equal(turn(s, run_use, &first), CRM_BAD_CREDENTIALS);
}

/* Nothing that lets anybody in is in the store. */
struct secrets {
    const void *needle;
    size_t size;
    bool found;
};

static bool holds_secret(void *arg, struct slice key, struct slice value)
{
    struct secrets *secrets = arg;

    secrets->found |= memmem(key.data, key.size, secrets->needle, secrets->size) || memmem(value.data, value.size, secrets->needle, secrets->size);
    return true;
}

static enum crm_status scan_secrets(struct store_txn *txn, void *arg)
{
    enum crm_status status = store_scan(txn, STORE_SESSION, &(struct store_range){ 0 }, holds_secret, arg);

    return status == CRM_OK ? store_scan(txn, STORE_CREDENTIAL, &(struct store_range){ 0 }, holds_secret, arg) : status;
}

static void stores_hashes_only(void **state)
{
    struct server *s = *state;
    struct work work = open_session(s, &s->user);
    struct secrets secrets = { .needle = work.token, .size = 8 };

    assert_int_equal(turn(s, run_invite, &work), CRM_OK);
    assert_int_equal(store_read_run(s->store, scan_secrets, &secrets), CRM_OK);
    assert_false(secrets.found);
    secrets = (struct secrets){ .needle = work.code, .size = 8 };
    assert_int_equal(store_read_run(s->store, scan_secrets, &secrets), CRM_OK);
    assert_false(secrets.found);
    secrets = (struct secrets){ .needle = "laptop", .size = 6 }; /* the scan does look */
    assert_int_equal(store_read_run(s->store, scan_secrets, &secrets), CRM_OK);
    assert_true(secrets.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(resumes_a_session_by_its_token),
        server_test(ends_a_session_in_time),
        server_test(ends_what_is_not_used),
        server_test(counts_the_password_as_given_for_a_while),
        server_test(must_change_the_password),
        server_test(closes_the_chosen),
        server_test(takes_an_older_row_for_none),
        server_test(ends_the_sessions_of_who_is_gone),
        server_test(copies_names_whole),
        server_test(finds_a_login_as_it_is_typed),
        server_test(invites_once),
        server_test(stores_hashes_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
