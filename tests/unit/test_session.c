/*
 * test_session.c - passwords, invitations and sessions: what is stored, what expires, and that nobody costs as much as somebody
 */
#include "server_fixture.h"

#include <argon2.h>

/* In the place of libargon2's, which counts and looks at what it was given. */
static unsigned verifications;
static int last_verification;
int argon2id_verify(const char *encoded, const void *password, const size_t size)
{
    verifications++;
    last_verification = argon2_verify(encoded, password, size, Argon2_id);
    return last_verification;
}

/* --- passwords */

static void asks_for_a_sensible_password(void **state)
{
    static const struct {
        const char *password;
        enum crm_status status;
    } cases[] = {
        { NULL, CRM_INVALID },          { "", CRM_INVALID },         { "1234567", CRM_INVALID },
        { "12345678", CRM_OK },         { "密码密码密码密码", CRM_OK }, { "密码密码密码密", CRM_INVALID },
        { "correct horse battery", CRM_OK }, { "1234567\xff", CRM_INVALID },
    };
    char longest[PASSWORD_MAX + 2];
    struct failure failure;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        failure = (struct failure){ 0 };
        assert_int_equal(password_check_rules(cases[i].password, &failure), cases[i].status);
        assert_string_equal(failure.field, cases[i].status == CRM_OK ? "" : "password");
    }
    memset(longest, 'x', sizeof longest);
    longest[PASSWORD_MAX] = '\0';
    assert_int_equal(password_check_rules(longest, &failure), CRM_OK);
    longest[PASSWORD_MAX] = 'x';
    longest[PASSWORD_MAX + 1] = '\0';
    assert_int_equal(password_check_rules(longest, &failure), CRM_INVALID);
}

static void hashes_with_a_salt_of_its_own(void **state)
{
    char first[PASSWORD_ENCODED_SIZE], second[PASSWORD_ENCODED_SIZE];

    (void)state;
    assert_int_equal(password_hash("correct horse", first), CRM_OK);
    assert_int_equal(password_hash("correct horse", second), CRM_OK);
    assert_string_not_equal(first, second);
    assert_memory_equal(first, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    assert_null(strstr(first, "correct"));
    assert_true(password_verify(first, "correct horse"));
    assert_true(password_verify(second, "correct horse"));
    assert_false(password_verify(first, "correct horsf"));
    assert_false(password_verify(first, ""));
    assert_false(password_verify("none", "correct horse")); /* a damaged row lets nobody in */
}

/* A whole computation of the same cost, not a refusal to read the string. */
static void costs_the_same_for_nobody(void **state)
{
    static const char *const passwords[] = { "correct horse", "", "x" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        verifications = 0;
        assert_false(password_verify(NULL, passwords[i]));
        assert_int_equal(verifications, 1);
        assert_int_equal(last_verification, ARGON2_VERIFY_MISMATCH);
    }
}

/* --- sessions */

struct work {
    struct session session;
    struct uuid user;
    uint8_t token[TOKEN_SIZE];
    char code[INVITE_CODE_SIZE];
    const char *device, *encoded;
    int64_t expires_us;
};

static enum crm_status run_open(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    enum crm_status status = session_load(&view, &work->user, &work->session);

    (void)server;
    return status == CRM_OK ? session_open(group, &work->session, work->device, work->expires_us, work->token) : status;
}

static enum crm_status run_close(struct server *server, struct change_group *group, void *arg)
{
    struct work *work = arg;

    (void)server;
    return session_close(group, &work->session);
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

    *out_session = look.session;
    return status;
}

static struct work open_session(struct server *s, const struct uuid *user)
{
    struct work work = { .user = *user, .device = "laptop", .expires_us = server_now_us + 1000 };

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
    assert_int_equal(session.expires_us, work.expires_us);
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
    assert_int_equal(resume(s, &work, &session), CRM_NOT_LOGGED_IN);
    assert_int_equal(turn(s, run_open, &work), CRM_BAD_CREDENTIALS);
    server_change(s, KIND_USER, &ann, "active=yes", "role="); /* whose role was taken away has no rights */
    assert_int_equal(resume(s, &work, &session), CRM_OK);
    assert_int_equal(session.rights, 0);
    server_delete(s, KIND_USER, &ann);
    assert_int_equal(resume(s, &work, &session), CRM_NOT_LOGGED_IN);
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
        cmocka_unit_test(asks_for_a_sensible_password),
        cmocka_unit_test(hashes_with_a_salt_of_its_own),
        cmocka_unit_test(costs_the_same_for_nobody),
        server_test(resumes_a_session_by_its_token),
        server_test(ends_a_session_in_time),
        server_test(ends_the_sessions_of_who_is_gone),
        server_test(copies_names_whole),
        server_test(finds_a_login_as_it_is_typed),
        server_test(invites_once),
        server_test(stores_hashes_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
