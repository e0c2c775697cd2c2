/*
 * test_link_factor.c - second factors and API tokens as the protocol sees them: what a wrong code costs, what needs one, what is closed meanwhile
 *
 * Time is the test's, and stands until it moves it.
 */
#include "link_fixture.h"

#include <sys/random.h>

#include "server/ops/op.h"
#include "server/session/api_token.h"
#include "server/session/factor.h"

#define MINUTE_US INT64_C(60000000)

static _Atomic int64_t time_us;

static int64_t test_clock(void)
{
    return atomic_load(&time_us);
}

static void test_random(void *out, size_t size)
{
    if (getrandom(out, size, 0) != (ssize_t)size)
        abort();
}

static int factor_setup(void **state)
{
    static const struct clock_source source = { .now_us = test_clock, .monotonic_us = test_clock, .random = test_random };

    atomic_store(&time_us, INT64_C(1478000000000000));
    clock_replace(&source);
    return setup(state);
}

static int factor_teardown(void **state)
{
    int failed = teardown(state);

    clock_replace(NULL);
    return failed;
}

static void pass(int64_t us)
{
    atomic_fetch_add(&time_us, us);
}

/* --- talking */

static uint8_t secret[TOTP_SECRET_SIZE];

/* What the authenticator shows so many steps from now. */
static char *code_at(struct fixture *f, int steps)
{
    return arena_printf(&f->arena, "%06u", hotp_code(secret, (uint64_t)(test_clock() / TOTP_STEP_US + steps)));
}

static uint32_t ask_factor(struct fixture *f, Crm__FactorStep step, char *code)
{
    Crm__FactorRequest request = CRM__FACTOR_REQUEST__INIT;

    request.has_step = true;
    request.step = step;
    request.code = code;
    return ask(f, OP_FACTOR, &request.base);
}

static void read_secret(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint64_t held = 0;
    unsigned n_held = 0;
    uint8_t *out = secret;

    assert_int_equal(strlen(text), 32);
    for (; *text; text++) {
        held = held << 5 | (uint64_t)(strchr(letters, *text) - letters);
        n_held += 5;
        if (n_held >= 8) {
            n_held -= 8;
            *out++ = (uint8_t)(held >> n_held);
        }
    }
}

/* On a connection that is logged in. The code that shows it is used up; the next step's is not. */
static const Crm__FactorReply *set_up(struct fixture *f)
{
    const Crm__FactorReply *reply =
        take(f, FRAME_REPLY, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_BEGIN, NULL), &crm__factor_reply__descriptor);

    read_secret(reply->secret);
    reply = take(f, FRAME_REPLY, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_CONFIRM, code_at(f, 0)), &crm__factor_reply__descriptor);
    assert_int_equal(reply->n_recovery_codes, FACTOR_RECOVERY_CODES);
    return reply;
}

static uint32_t ask_login(struct fixture *f, char *password, char *code)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

    request.login = (char *)"admin";
    request.password = password;
    request.factor = code;
    return ask(f, OP_LOGIN, &request.base);
}

static void welcome(struct fixture *f)
{
    open_link(f);
    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
}

static uint32_t ask_confirm(struct fixture *f, char *code)
{
    Crm__ConfirmRequest request = CRM__CONFIRM_REQUEST__INIT;

    request.password = (char *)PASSWORD;
    request.factor = code;
    return ask(f, OP_CONFIRM, &request.base);
}

static const Crm__TokenReply *create_token(struct fixture *f, const char *name)
{
    Crm__TokenRequest request = CRM__TOKEN_REQUEST__INIT;

    request.has_step = true;
    request.step = CRM__TOKEN_STEP__TOKEN_STEP_CREATE;
    request.name = (char *)(uintptr_t)name;
    return take(f, FRAME_REPLY, ask(f, OP_TOKEN, &request.base), &crm__token_reply__descriptor);
}

static const Crm__Hello *hello_with(struct fixture *f, const char *token)
{
    Crm__Hello message = CRM__HELLO__INIT;

    open_link(f);
    message.has_version_min = message.has_version_max = message.has_session_token = true;
    message.version_min = message.version_max = 1;
    message.session_token = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)token, .len = strlen(token) };
    send_frame(f, FRAME_HELLO, 0, 0, &message.base);
    return take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
}

/* The administrators' role asks for a second factor from now on. */
static void require_factor(struct fixture *f)
{
    Crm__GetRequest get = CRM__GET_REQUEST__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations = &mutation;
    Crm__Role role = CRM__ROLE__INIT;
    const Crm__GetReply *found;
    uint8_t set[16];

    get.has_kind = true;
    get.kind = KIND_ROLE;
    get.selector = (char *)"administrator";
    found = take(f, FRAME_REPLY, ask(f, OP_GET, &get.base), &crm__get_reply__descriptor);
    role.has_second_factor = role.second_factor = true;
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = KIND_ROLE;
    mutation.id = found->record->header->id;
    mutation.verb = CRM__VERB__VERB_PATCH;
    mutation.set = (ProtobufCBinaryData){ .data = set, .len = crm__role__pack(&role, set) };
    assert_false(((const Crm__MutateReply *)take(f, FRAME_REPLY, ask_mutate(f, &mutations, 1, NULL, 0), &crm__mutate_reply__descriptor))
                     ->results[0]->has_status);
}

/* --- what a wrong code costs */

static void a_code_is_asked_for_after_the_password(void **state)
{
    struct fixture *f = *state;
    const char *text;

    login(f);
    set_up(f);
    welcome(f);
    take_error(f, ask_login(f, (char *)PASSWORD, NULL), CRM_SECOND_FACTOR);
    text = take_error(f, ask_login(f, (char *)"wrong horse", NULL), CRM_BAD_CREDENTIALS)->text;
    assert_string_equal(take_error(f, ask_login(f, (char *)"wrong horse", code_at(f, 1)), CRM_BAD_CREDENTIALS)->text, text);
    assert_string_equal(take_error(f, ask_login(f, (char *)PASSWORD, (char *)"123"), CRM_BAD_CREDENTIALS)->text, text);
    assert_string_equal(take_error(f, ask_login(f, (char *)PASSWORD, code_at(f, 0)), CRM_BAD_CREDENTIALS)->text, text); /* used up */
    take(f, FRAME_REPLY, ask_login(f, (char *)PASSWORD, code_at(f, 1)), &crm__login_reply__descriptor);
}

/* Asking without a code is no failure, and takes none back. */
static void wrong_codes_count_like_wrong_passwords(void **state)
{
    struct fixture *f = *state;

    login(f);
    set_up(f);
    welcome(f);
    for (int i = 1; i < THROTTLE_FREE_USER; i++) {
        take_error(f, ask_login(f, (char *)PASSWORD, (char *)"not it"), CRM_BAD_CREDENTIALS);
        take_error(f, ask_login(f, (char *)PASSWORD, NULL), CRM_SECOND_FACTOR);
    }
    take_error(f, ask_login(f, (char *)PASSWORD, (char *)"not it"), CRM_BAD_CREDENTIALS);
    assert_true(take_error(f, ask_login(f, (char *)PASSWORD, code_at(f, 1)), CRM_BUSY)->retry_after_ms > 0);
    pass(THROTTLE_LONGEST_US);
    take(f, FRAME_REPLY, ask_login(f, (char *)PASSWORD, code_at(f, 0)), &crm__login_reply__descriptor);
}

/* From one address a stranger may try more: but an invitation tells at whom the codes are guessed. */
static void an_invitation_is_no_way_around_the_count(void **state)
{
    struct fixture *f = *state;
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    Crm__InviteRequest invite = CRM__INVITE_REQUEST__INIT;
    const Crm__LoginReply *reply = login(f);
    const Crm__FactorReply *factor;

    invite.has_user = true;
    invite.user = reply->user;
    request.code = ((const Crm__InviteReply *)take(f, FRAME_REPLY, ask(f, OP_INVITE, &invite.base), &crm__invite_reply__descriptor))->code;
    request.new_password = (char *)"other battery staple";
    factor = set_up(f);
    welcome(f);
    take_error(f, ask(f, OP_LOGIN, &request.base), CRM_SECOND_FACTOR);
    request.factor = (char *)"not it";
    for (int i = 0; i < THROTTLE_FREE_USER; i++)
        take_error(f, ask(f, OP_LOGIN, &request.base), CRM_BAD_CREDENTIALS);
    take_error(f, ask(f, OP_LOGIN, &request.base), CRM_BUSY);
    pass(THROTTLE_LONGEST_US);
    request.factor = factor->recovery_codes[4];
    take(f, FRAME_REPLY, ask(f, OP_LOGIN, &request.base), &crm__login_reply__descriptor);
}

/* --- what needs the password once more */

static void changing_it_needs_the_password_once_more(void **state)
{
    struct fixture *f = *state;

    login(f);
    pass(16 * MINUTE_US);
    take_error(f, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_BEGIN, NULL), CRM_CONFIRM);
    take(f, FRAME_REPLY, ask_confirm(f, NULL), &crm__confirm_reply__descriptor);
    set_up(f);
    pass(16 * MINUTE_US);
    take_error(f, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_REMOVE, NULL), CRM_CONFIRM);
    take_error(f, ask_confirm(f, NULL), CRM_SECOND_FACTOR);
    take_error(f, ask_confirm(f, (char *)"not it"), CRM_BAD_CREDENTIALS);
    take(f, FRAME_REPLY, ask_confirm(f, code_at(f, 0)), &crm__confirm_reply__descriptor);
    take_error(f, ask_confirm(f, code_at(f, 0)), CRM_BAD_CREDENTIALS); /* used up */
    take(f, FRAME_REPLY, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_REMOVE, NULL), NULL);
    take_error(f, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_REMOVE, NULL), CRM_NOT_FOUND);
}

static void a_new_token_needs_the_password_once_more(void **state)
{
    struct fixture *f = *state;
    Crm__TokenRequest request = CRM__TOKEN_REQUEST__INIT;

    login(f);
    pass(16 * MINUTE_US);
    request.has_step = true;
    request.step = CRM__TOKEN_STEP__TOKEN_STEP_CREATE;
    request.name = (char *)"backup";
    take_error(f, ask(f, OP_TOKEN, &request.base), CRM_CONFIRM);
    take(f, FRAME_REPLY, ask_confirm(f, NULL), NULL);
    create_token(f, "backup");
}

/* --- what is closed meanwhile */

static void nothing_else_is_answered_before_it_is_set_up(void **state)
{
    static const uint8_t open[] = { OP_LOGIN, OP_ENROL, OP_LOGOUT, OP_PING, OP_PASSWORD, OP_CONFIRM, OP_FACTOR };
    struct fixture *f = *state;

    login(f);
    require_factor(f);
    for (uint32_t code = 1; code <= OP_MAX; code++)
        if (!memchr(open, (int)code, sizeof open) && op_find(code))
            take_error(f, ask(f, (enum operation)code, NULL), CRM_ENROL_FACTOR);
    take(f, FRAME_REPLY, ask(f, OP_PING, NULL), NULL);
    take_error(f, ask_factor(f, CRM__FACTOR_STEP__FACTOR_STEP_REMOVE, NULL), CRM_NOT_ALLOWED);
    set_up(f);
    take(f, FRAME_REPLY, ask(f, OP_DESCRIBE, NULL), NULL);
}

/* --- API tokens */

static void a_token_is_a_session_without_a_person(void **state)
{
    static const enum operation closed[] = { OP_PASSWORD, OP_CONFIRM, OP_FACTOR, OP_TOKEN };
    struct fixture *f = *state;
    const Crm__TokenReply *token;
    const Crm__Hello *answer;

    login(f);
    token = create_token(f, "backup");
    require_factor(f);
    answer = hello_with(f, token->token);
    assert_non_null(answer->session);
    assert_string_equal(answer->session->login, "admin");
    assert_false(answer->session->has_token);
    assert_false(answer->session->has_must); /* a script has no authenticator */
    assert_int_equal(answer->session->expires_at, token->tokens[0]->expires_at);
    take(f, FRAME_REPLY, ask(f, OP_DESCRIBE, NULL), NULL);
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        take_error(f, ask(f, closed[i], NULL), CRM_NOT_ALLOWED);
    take_error(f, ask(f, OP_INVITE, NULL), CRM_CONFIRM);
}

static void a_token_ends_when_it_says(void **state)
{
    struct fixture *f = *state;
    const char *token;

    login(f);
    token = create_token(f, "backup")->token;
    pass(API_TOKEN_LASTS_US - 1);
    assert_non_null(hello_with(f, token)->session);
    pass(2);
    take_error(f, ask(f, OP_DESCRIBE, NULL), CRM_SESSION_EXPIRED);
    assert_int_equal(hello_with(f, token)->session_error->status, CRM_SESSION_EXPIRED);
    assert_int_equal(hello_with(f, "crm_")->session_error->status, CRM_NOT_LOGGED_IN);
    assert_int_equal(hello_with(f, "crm_J-3BXOusHXJaRAYuWGeucaQVh3f_zRT_HIHjTopV-B8")->session_error->status, CRM_NOT_LOGGED_IN);
}

#define FACTOR_TEST(name) cmocka_unit_test_setup_teardown(name, factor_setup, factor_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACTOR_TEST(a_code_is_asked_for_after_the_password),
        FACTOR_TEST(wrong_codes_count_like_wrong_passwords),
        FACTOR_TEST(an_invitation_is_no_way_around_the_count),
        FACTOR_TEST(changing_it_needs_the_password_once_more),
        FACTOR_TEST(a_new_token_needs_the_password_once_more),
        FACTOR_TEST(nothing_else_is_answered_before_it_is_set_up),
        FACTOR_TEST(a_token_is_a_session_without_a_person),
        FACTOR_TEST(a_token_ends_when_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
