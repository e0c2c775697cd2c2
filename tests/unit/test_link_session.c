/*
 * test_link_session.c - sessions as a client meets them: use, idleness, the password once more, places for connections, guesses that wait
 *
 * The whole server over plain buffers. Time stands until a test moves it.
 */
#include "tests/unit/link_fixture.h"

#include <stdatomic.h>
#include <sys/random.h>

#include "server/session/throttle.h"

#define MINUTE (60 * INT64_C(1000000))
#define HOUR   (60 * MINUTE)

static atomic_llong time_us = HOUR;

static int64_t fake_monotonic(void)
{
    return atomic_load(&time_us);
}

static int64_t fake_now(void)
{
    return INT64_C(1700000000000000) + atomic_load(&time_us);
}

static void fake_random(void *out, size_t size)
{
    if (getrandom(out, size, 0) != (ssize_t)size)
        abort();
}

static int set_clock(void **state)
{
    static const struct clock_source source = { fake_now, fake_monotonic, fake_random };

    (void)state;
    clock_replace(&source);
    return 0;
}

static void pass(int64_t us)
{
    atomic_fetch_add(&time_us, us);
}

static void ping_works(struct fixture *f)
{
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;

    take(f, FRAME_REPLY, ask(f, OP_PING, &ping.base), NULL);
}

static uint32_t ask_confirm(struct fixture *f, const char *password)
{
    Crm__ConfirmRequest request = CRM__CONFIRM_REQUEST__INIT;

    request.password = (char *)(uintptr_t)password;
    return ask(f, OP_CONFIRM, &request.base);
}

/* The one session there is, by the list. */
static const Crm__SessionInfo *only_session(struct fixture *f)
{
    Crm__SessionListRequest request = CRM__SESSION_LIST_REQUEST__INIT;
    const Crm__SessionListReply *reply = take(f, FRAME_REPLY, ask(f, OP_SESSION_LIST, &request.base), &crm__session_list_reply__descriptor);

    assert_int_equal(reply->n_sessions, 1);
    return reply->sessions[0];
}

/* --- the password once more */

static uint32_t ask_invite(struct fixture *f, ProtobufCBinaryData user)
{
    Crm__InviteRequest request = CRM__INVITE_REQUEST__INIT;

    request.has_user = true;
    request.user = user;
    return ask(f, OP_INVITE, &request.base);
}

static uint32_t ask_rename(struct fixture *f, ProtobufCBinaryData user)
{
    Crm__Mutation *mutation = new_customer(f, "");
    Crm__User name = CRM__USER__INIT;

    name.name = (char *)"Somebody else";
    mutation->kind = KIND_USER;
    mutation->has_id = true;
    mutation->id = user;
    mutation->verb = CRM__VERB__VERB_PATCH;
    mutation->set.len = crm__user__pack(&name, mutation->set.data);
    return ask_mutate(f, &mutation, 1, NULL, 0);
}

static void asks_again_before_what_is_sensitive(void **state)
{
    struct fixture *f = *state;
    const Crm__LoginReply *me = login(f);
    const Crm__ConfirmReply *confirmed;

    take(f, FRAME_REPLY, ask_invite(f, me->user), NULL); /* a password was given just now */
    pass(15 * MINUTE);
    take_error(f, ask_invite(f, me->user), CRM_CONFIRM);
    take_error(f, ask_rename(f, me->user), CRM_CONFIRM);
    assert_string_equal(take_error(f, ask_confirm(f, "wrong horse"), CRM_BAD_CREDENTIALS)->field, "password");
    take_error(f, ask_invite(f, me->user), CRM_CONFIRM);
    confirmed = take(f, FRAME_REPLY, ask_confirm(f, PASSWORD), &crm__confirm_reply__descriptor);
    assert_int_equal(confirmed->until, fake_now() + 15 * MINUTE);
    take(f, FRAME_REPLY, ask_invite(f, me->user), NULL);
    take(f, FRAME_REPLY, ask_rename(f, me->user), NULL);
    pass(15 * MINUTE - 1);
    take(f, FRAME_REPLY, ask_invite(f, me->user), NULL);
    pass(1);
    take_error(f, ask_invite(f, me->user), CRM_CONFIRM);
    ping_works(f);
}

static uint32_t ask_delete(struct fixture *f, size_t n, bool dry_run)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.mutations = arena_alloc(&f->arena, n * sizeof *request.mutations);
    request.n_mutations = n;
    request.has_dry_run = request.dry_run = dry_run;
    for (size_t i = 0; i < n; i++) {
        request.mutations[i] = new_customer(f, "");
        request.mutations[i]->has_set = false;
        request.mutations[i]->verb = CRM__VERB__VERB_DELETE;
        request.mutations[i]->has_id = true;
        request.mutations[i]->id = (ProtobufCBinaryData){ .data = (uint8_t *)"0123456789abcdef", .len = UUID_SIZE };
    }
    return ask(f, OP_MUTATE, &request.base);
}

static void asks_again_before_much_is_deleted(void **state)
{
    struct fixture *f = *state;

    login(f);
    pass(15 * MINUTE);
    take(f, FRAME_REPLY, ask_delete(f, 20, false), NULL); /* there is none of them, each is told so */
    take_error(f, ask_delete(f, 21, false), CRM_CONFIRM);
    take(f, FRAME_REPLY, ask_delete(f, 21, true), NULL);
    take(f, FRAME_REPLY, ask_confirm(f, PASSWORD), NULL);
    take(f, FRAME_REPLY, ask_delete(f, 21, false), NULL);
}

/* --- use and idleness */

static void notes_use_now_and_then(void **state)
{
    struct fixture *f = *state;
    int64_t began = fake_now();

    login(f);
    pass(5 * MINUTE - 1);
    ping_works(f);
    add_customers(f, 1); /* the writer has done what was before */
    assert_int_equal(only_session(f)->used_at, began);
    pass(1);
    ping_works(f);
    add_customers(f, 1);
    assert_int_equal(only_session(f)->used_at, began + 5 * MINUTE);
    assert_int_equal(only_session(f)->expires_at, began + 5 * MINUTE + 72 * HOUR);
    assert_int_equal(only_session(f)->created_at, began);
    assert_string_equal(only_session(f)->from, "192.0.2.7 test/1");
    assert_true(only_session(f)->current);
}

static void ends_what_is_not_used(void **state)
{
    struct fixture *f = *state;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    const Crm__Hello *answer;
    uint8_t token[TOKEN_SIZE];

    memcpy(token, login(f)->token.data, TOKEN_SIZE);
    pass(71 * HOUR);
    ping_works(f);
    pass(71 * HOUR);
    ping_works(f);
    add_customers(f, 1);
    open_link(f); /* what was noted holds for the next connection too */
    hello(f, token);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    if (answer->session_error)
        print_error("%s\n", answer->session_error->text);
    assert_non_null(answer->session);
    pass(26 * HOUR + 1); /* 168 hours since the login: it ends although it was used */
    take_error(f, ask(f, OP_PING, &ping.base), CRM_SESSION_EXPIRED);

    open_link(f);
    memcpy(token, login(f)->token.data, TOKEN_SIZE);
    pass(72 * HOUR + 1);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_SESSION_EXPIRED);
    open_link(f);
    hello(f, token);
    assert_int_equal(((const Crm__Hello *)take(f, FRAME_HELLO, 0, &crm__hello__descriptor))->session_error->status, CRM_SESSION_EXPIRED);
}

/* --- places */

static struct link *set_aside(struct fixture *f)
{
    struct link *link = f->link;

    f->link = NULL;
    open_link(f);
    return link;
}

static void has_twenty_connections_a_user(void **state)
{
    struct fixture *f = *state;
    struct link *others[20];
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__Hello *answer;
    uint8_t token[TOKEN_SIZE];

    memcpy(token, login(f)->token.data, TOKEN_SIZE);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        others[i] = set_aside(f);
        hello(f, token);
        answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
        assert_int_equal(answer->session != NULL, i < 19);
    }
    assert_int_equal(answer->session_error->status, CRM_BUSY);
    request.login = (char *)"admin";
    request.password = (char *)PASSWORD;
    take_error(f, ask(f, OP_LOGIN, &request.base), CRM_BUSY);
    link_destroy(others[7]); /* a place is free */
    take(f, FRAME_REPLY, ask(f, OP_LOGIN, &request.base), NULL);
    take(f, FRAME_REPLY, ask(f, OP_LOGIN, &request.base), NULL); /* who has one takes no other */
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (i != 7)
            link_destroy(others[i]);
}

/* --- guesses */

static enum crm_status guess(struct fixture *f, const char *name, const char *password, uint32_t *out_retry_ms)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    struct failure failure = { 0 };
    const void *message;
    struct frame frame;

    *out_retry_ms = 0;
    request.login = (char *)(uintptr_t)name;
    request.password = (char *)(uintptr_t)password;
    ask(f, OP_LOGIN, &request.base);
    take_frame(f, &frame);
    if (frame.header.type == FRAME_REPLY)
        return CRM_OK;
    assert_int_equal(codec_unpack(&frame, &crm__error__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
    *out_retry_ms = ((const Crm__Error *)message)->retry_after_ms;
    return (enum crm_status)frame.header.code;
}

static void lets_guesses_wait(void **state)
{
    static const char *const names[] = { "admin", "nobody" }; /* one who exists and one who does not */
    struct fixture *f = *state;
    uint32_t retry_ms;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        open_link(f);
        hello(f, NULL);
        take(f, FRAME_HELLO, 0, NULL);
        for (unsigned n = 0; n < THROTTLE_FREE_USER; n++)
            assert_int_equal(guess(f, names[i], "wrong horse", &retry_ms), CRM_BAD_CREDENTIALS);
        assert_int_equal(guess(f, names[i], PASSWORD, &retry_ms), CRM_BUSY);
        assert_int_equal(retry_ms, 1000);
    }
    pass(MINUTE / 60);
    assert_int_equal(guess(f, "ＡＤＭＩＮ", "wrong horse", &retry_ms), CRM_BAD_CREDENTIALS);
    assert_int_equal(guess(f, "admin", PASSWORD, &retry_ms), CRM_BUSY); /* the same name, however it is written */
    assert_int_equal(retry_ms, 2000);
    pass(2 * MINUTE / 60);
    assert_int_equal(guess(f, "admin", PASSWORD, &retry_ms), CRM_OK);
}

/* A session that somebody has found open is no place to guess from either. */
static void lets_confirmations_wait(void **state)
{
    struct fixture *f = *state;

    login(f);
    for (unsigned n = 0; n < THROTTLE_FREE_USER; n++)
        take_error(f, ask_confirm(f, "wrong horse"), CRM_BAD_CREDENTIALS);
    assert_int_equal(take_error(f, ask_confirm(f, PASSWORD), CRM_BUSY)->retry_after_ms, 1000);
    pass(MINUTE / 60);
    take(f, FRAME_REPLY, ask_confirm(f, PASSWORD), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_again_before_what_is_sensitive),
        TEST(asks_again_before_much_is_deleted),
        TEST(notes_use_now_and_then),
        TEST(ends_what_is_not_used),
        TEST(has_twenty_connections_a_user),
        TEST(lets_guesses_wait),
        TEST(lets_confirmations_wait),
    };

    return cmocka_run_group_tests(tests, set_clock, NULL);
}
