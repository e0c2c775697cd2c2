/*
 * test_client_lost.c - what the client library does when connections are lost, cut, drained, dead or cannot be made
 */
#include "tests/unit/client_fixture.h"

/* Past any back-off, and one turn. */
static void come_back(struct crm_client *client)
{
    server.clock_us += 11 * SECOND;
    crm_client_process(client);
}

/* The server closes; the client notices. */
static void cut(struct crm_client *client)
{
    server.is_closed = true;
    crm_client_process(client);
}

static const struct crm_options patient = { .request_timeout_ms = 3600000 };

/* --- cut replies */

/* A get whose reply is cut at every byte is never taken for whole, and is asked again. */
static void a_reply_cut_at_any_byte_is_asked_for_again(void **state)
{
    Crm__GetReply reply = CRM__GET_REPLY__INIT;
    Crm__Title title = CRM__TITLE__INIT, *titles[] = { &title };
    size_t size = SIZE_MAX;

    (void)state;
    title.title = (char *)"Acme 公司";
    reply.n_titles = 1;
    reply.titles = titles;
    for (size_t at = 0; at < size; at++) {
        struct crm_client *client = client_with(patient);
        struct crm_call *call = start_get(client, "C-1");

        client_greet(client, 32);
        server_expect_request(OP_GET);
        server_send(FRAME_REPLY, 0, 1, &reply.base);
        size = server.down.size;
        buf_truncate(&server.down, at);
        server.step = 1;
        for (size_t i = 0; i < at; i++)
            crm_client_process(client);
        cut(client);
        server.step = SIZE_MAX;
        assert_false(crm_call_is_done(call));
        come_back(client);
        client_greet(client, 32);
        server_expect_request(OP_GET);
        server_send(FRAME_REPLY, 0, 1, &reply.base);
        crm_client_process(client);
        assert_int_equal(crm_call_error(call)->status, CRM_OK);
        assert_string_equal(((const Crm__GetReply *)crm_call_reply(call))->titles[0]->title, "Acme 公司");
        crm_call_destroy(call);
        crm_client_destroy(client);
    }
    assert_true(size > FRAME_HEADER_SIZE);
}

static void a_reply_byte_by_byte_is_the_same_reply(void **state)
{
    struct crm_client *client = client_with(patient);
    struct crm_call *call = start_get(client, "C-1");

    (void)state;
    server.step = 1;
    crm_client_process(client);
    server_expect(FRAME_HELLO, NULL, NULL);
    server_hello(32, true);
    while (client->channel.state == CHANNEL_HELLO)
        crm_client_process(client);
    crm_client_process(client);
    server_send(FRAME_REPLY, 0, server_expect_request(OP_GET), NULL);
    while (server.down.size > 0)
        crm_client_process(client);
    assert_int_equal(crm_call_error(call)->status, CRM_OK);
    assert_true(crm_call_is_done(call));
    crm_call_destroy(call);
    crm_client_destroy(client);
}

/* --- what is sent again */

static struct crm_call *start_of(struct crm_client *client, enum operation operation)
{
    static const struct crm_call_options none = { 0 };
    Crm__LoginRequest login = CRM__LOGIN_REQUEST__INIT;
    Crm__PasswordRequest password = CRM__PASSWORD_REQUEST__INIT;
    Crm__ReportRequest report = CRM__REPORT_REQUEST__INIT;
    Crm__UploadRequest upload = CRM__UPLOAD_REQUEST__INIT;
    const ProtobufCMessage *request = operation == OP_LOGIN      ? &login.base
                                      : operation == OP_PASSWORD ? &password.base
                                      : operation == OP_UPLOAD   ? &upload.base
                                                                 : &report.base;
    struct crm_call *call;

    login.code = (char *)"an invitation";
    assert_int_equal(crm_call_start(client, operation, request, &none, &call), CRM_OK);
    return call;
}

static void each_call_in_flight_gets_what_its_nature_allows(void **state)
{
    struct crm_client *client = client_with(patient);
    struct crm_call *get = start_get(client, "C-1");
    struct crm_call *keyed = start_mutate(client, true);
    struct crm_call *keyless = start_mutate(client, false);
    struct crm_call *login = start_of(client, OP_LOGIN);
    struct crm_call *password = start_of(client, OP_PASSWORD);
    struct crm_call *upload = start_of(client, OP_UPLOAD);
    struct crm_call *queued = start_mutate(client, false);

    (void)state;
    client_greet(client, 6);
    cut(client);
    assert_false(crm_call_is_done(get));
    assert_false(crm_call_is_done(keyed));
    assert_int_equal(crm_call_error(keyless)->status, CRM_UNKNOWN);
    assert_int_equal(crm_call_error(keyless)->outcome, CRM_OUTCOME_UNKNOWN);
    assert_int_equal(crm_call_error(login)->status, CRM_UNKNOWN); /* the invitation may have been used */
    assert_int_equal(crm_call_error(password)->status, CRM_UNKNOWN);
    assert_int_equal(crm_call_error(upload)->status, CRM_UNREACHABLE);
    assert_int_equal(crm_call_error(upload)->outcome, CRM_OUTCOME_NOT_DONE);
    assert_false(crm_call_is_done(queued));
    come_back(client);
    client_greet(client, 6);
    assert_int_equal(server_expect_request(OP_GET), 1); /* in the order in which they were started */
    assert_int_equal(server_expect_request(OP_MUTATE), 2);
    assert_int_equal(server_expect_request(OP_MUTATE), 3);
    server_expect_nothing();
    for (uint32_t stream = 1; stream <= 3; stream++)
        server_send(FRAME_REPLY, 0, stream, NULL);
    crm_client_process(client);
    assert_int_equal(crm_call_wait(get), CRM_OK);
    assert_int_equal(crm_call_wait(keyed), CRM_OK);
    assert_int_equal(crm_call_wait(queued), CRM_OK);
    crm_client_destroy(client); /* with all its calls */
}

/* A code of an authenticator works once: sent again it would look like a wrong one. What only asks is asked again. */
static void a_code_that_works_once_is_not_sent_again(void **state)
{
    struct crm_client *client = client_with(patient);
    Crm__LoginRequest login = CRM__LOGIN_REQUEST__INIT;
    Crm__ConfirmRequest confirm = CRM__CONFIRM_REQUEST__INIT;
    Crm__FactorRequest begin = CRM__FACTOR_REQUEST__INIT, look = CRM__FACTOR_REQUEST__INIT;
    Crm__TokenRequest create = CRM__TOKEN_REQUEST__INIT, list = CRM__TOKEN_REQUEST__INIT;
    struct crm_call *calls[7];

    (void)state;
    begin.has_step = look.has_step = create.has_step = list.has_step = true;
    begin.step = CRM__FACTOR_STEP__FACTOR_STEP_BEGIN;
    look.step = CRM__FACTOR_STEP__FACTOR_STEP_STATUS;
    create.step = CRM__TOKEN_STEP__TOKEN_STEP_CREATE;
    list.step = CRM__TOKEN_STEP__TOKEN_STEP_LIST;
    assert_int_equal(crm_call_start(client, OP_CONFIRM, &confirm.base, NULL, &calls[4]), CRM_OK);
    login.factor = confirm.factor = (char *)"123456";
    assert_int_equal(crm_call_start(client, OP_LOGIN, &login.base, NULL, &calls[0]), CRM_OK);
    assert_int_equal(crm_call_start(client, OP_CONFIRM, &confirm.base, NULL, &calls[1]), CRM_OK);
    assert_int_equal(crm_call_start(client, OP_FACTOR, &begin.base, NULL, &calls[2]), CRM_OK);
    assert_int_equal(crm_call_start(client, OP_TOKEN, &create.base, NULL, &calls[3]), CRM_OK);
    assert_int_equal(crm_call_start(client, OP_FACTOR, &look.base, NULL, &calls[5]), CRM_OK);
    assert_int_equal(crm_call_start(client, OP_TOKEN, &list.base, NULL, &calls[6]), CRM_OK);
    client_greet(client, 7);
    cut(client);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(crm_call_error(calls[i])->status, CRM_UNKNOWN);
    for (size_t i = 4; i < 7; i++)
        assert_false(crm_call_is_done(calls[i]));
    crm_client_destroy(client);
}

static void take_chunk(void *arg, const ProtobufCMessage *message)
{
    (void)message;
    ++*(unsigned *)arg;
}

static void a_list_that_was_seen_in_part_is_not_begun_again(void **state)
{
    unsigned chunks = 0;
    const struct crm_call_options options = { .on_chunk = take_chunk, .arg = &chunks };
    struct crm_client *client = client_with(patient);
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct crm_call *seen, *unseen;

    (void)state;
    assert_int_equal(crm_call_start(client, OP_LIST, &request.base, &options, &seen), CRM_OK);
    assert_int_equal(crm_call_start(client, OP_LIST, &request.base, &options, &unseen), CRM_OK);
    client_greet(client, 32);
    server_send(FRAME_CHUNK, 0, 1, NULL);
    cut(client);
    assert_int_equal(chunks, 1);
    assert_int_equal(crm_call_error(seen)->status, CRM_UNREACHABLE);
    assert_false(crm_call_is_done(unseen));
    crm_client_destroy(client);
}

static void a_request_that_breaks_connections_is_not_sent_for_ever(void **state)
{
    struct crm_client *client = client_with(patient);
    struct crm_call *get = start_get(client, "C-1");
    struct crm_call *change = start_mutate(client, true);

    (void)state;
    for (unsigned i = 0; i < SENDS_MAX; i++) {
        assert_false(crm_call_is_done(get));
        come_back(client);
        client_greet(client, 32);
        server_expect_request(OP_GET);
        cut(client);
    }
    assert_int_equal(crm_call_error(get)->status, CRM_UNREACHABLE);
    assert_int_equal(crm_call_error(change)->status, CRM_UNKNOWN);
    crm_client_destroy(client);
}

/* A busy server has not looked the key up, a refusal on the merits has. */
static void a_refused_second_sending_leaves_doubt_unless_it_was_looked_at(void **state)
{
    static const struct {
        enum crm_status said, status;
        enum crm_outcome outcome;
    } rows[] = {
        { CRM_BUSY, CRM_UNKNOWN, CRM_OUTCOME_UNKNOWN },
        { CRM_SESSION_EXPIRED, CRM_UNKNOWN, CRM_OUTCOME_UNKNOWN },
        { CRM_DEADLINE, CRM_UNKNOWN, CRM_OUTCOME_UNKNOWN },
        { CRM_CONFLICT, CRM_CONFLICT, CRM_OUTCOME_NOT_DONE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct crm_client *client = client_with(patient);
        struct crm_call *change = start_mutate(client, true);

        client_greet(client, 32);
        cut(client);
        come_back(client);
        client_greet(client, 32);
        server_error(server_expect_request(OP_MUTATE), rows[i].said);
        crm_client_process(client);
        assert_int_equal(crm_call_error(change)->status, rows[i].status);
        assert_int_equal(crm_call_error(change)->outcome, rows[i].outcome);
        crm_client_destroy(client);
    }
}

static void without_reconnecting_everything_ends_at_once(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ .reconnect_attempts = CRM_NO_RECONNECT });
    struct crm_call *get = start_get(client, "C-1");
    struct crm_call *change = start_mutate(client, true);
    struct crm_call *queued = start_mutate(client, true);

    (void)state;
    client_greet(client, 2);
    cut(client);
    assert_int_equal(crm_call_error(get)->status, CRM_UNREACHABLE);
    assert_int_equal(crm_call_error(change)->status, CRM_UNKNOWN);
    assert_int_equal(crm_call_error(queued)->status, CRM_UNREACHABLE);
    assert_int_equal(crm_call_error(queued)->outcome, CRM_OUTCOME_NOT_DONE);
    crm_call_destroy(get);
    get = start_get(client, "C-1"); /* a new call is a new reason to connect */
    client_greet(client, 2);
    assert_int_equal(server_expect_request(OP_GET), 1);
    crm_client_destroy(client);
}

/* --- making connections */

static void a_first_connection_that_fails_is_reported(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ .connect_attempts = 3 });
    struct crm_call *call = start_get(client, "C-1");
    unsigned delays = 0;

    (void)state;
    server.refuses = true;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(crm_call_is_done(call));
        crm_client_process(client);
        if (i < 2) {
            int ms = crm_client_timeout_ms(client);

            assert_in_range(ms, 0, 100 << i); /* full jitter below a ceiling that doubles */
            delays += (unsigned)ms;
            server.clock_us += ms * INT64_C(1000);
        }
    }
    assert_true(delays > 0);
    assert_int_equal(server.opens, 3);
    assert_int_equal(crm_call_error(call)->status, CRM_UNREACHABLE);
    assert_string_equal(crm_call_error(call)->text, "refused");
    crm_client_destroy(client);
}

static void a_server_that_is_not_trusted_is_not_tried_again(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ .connect_attempts = 5 });
    struct crm_call *call = start_mutate(client, true);

    (void)state;
    server.refuses = true;
    server.why = CRM_TLS;
    crm_client_process(client);
    assert_int_equal(server.opens, 1);
    assert_int_equal(crm_call_error(call)->status, CRM_TLS);
    assert_int_equal(crm_call_error(call)->outcome, CRM_OUTCOME_NOT_DONE);
    crm_client_destroy(client);
}

static void a_silent_server_is_given_up(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ .connect_timeout_ms = 5000 });
    struct crm_call *call = start_get(client, "C-1");

    (void)state;
    crm_client_process(client);
    assert_int_equal(crm_client_timeout_ms(client), 5000);
    server.clock_us += 5 * SECOND;
    crm_client_process(client);
    assert_int_equal(crm_call_error(call)->status, CRM_UNREACHABLE);
    assert_int_equal(crm_client_fd(client), -1);
    crm_client_destroy(client);
}

static void an_idle_connection_may_be_closed_without_a_word(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *call = start_get(client, "C-1");

    (void)state;
    client_greet(client, 32);
    server_send(FRAME_REPLY, 0, server_expect_request(OP_GET), NULL);
    crm_client_process(client);
    assert_int_equal(crm_client_timeout_ms(client), -1);
    assert_false(crm_client_wait(client, -1));
    cut(client);
    assert_int_equal(crm_client_error(client)->status, CRM_OK);
    assert_int_equal(crm_client_timeout_ms(client), -1); /* nothing waits: no new connection */
    crm_call_destroy(call);
    crm_client_destroy(client);
}

/* --- keep-alive */

static void a_dead_line_is_noticed_while_somebody_waits(void **state)
{
    struct crm_client *client = client_with(patient);
    struct crm_call *call = start_get(client, "C-1");
    const void *ping;

    (void)state;
    client_greet(client, 32);
    server_expect_request(OP_GET);
    assert_int_equal(crm_client_timeout_ms(client), 30000);
    server.clock_us += 30 * SECOND;
    crm_client_process(client);
    server_expect(FRAME_PING, &crm__ping__descriptor, &ping);
    server_send(FRAME_PONG, 0, 0, ping);
    crm_client_process(client);
    server.clock_us += 29 * SECOND;
    crm_client_process(client);
    server_expect_nothing();
    server.clock_us += SECOND;
    crm_client_process(client);
    server_expect(FRAME_PING, &crm__ping__descriptor, &ping);
    assert_int_equal(crm_client_timeout_ms(client), 15000);
    server.clock_us += 15 * SECOND;
    crm_client_process(client);
    assert_int_equal(client->channel.state, CHANNEL_BACKOFF);
    assert_false(crm_call_is_done(call));
    crm_client_destroy(client);
}

static void a_ping_is_answered_with_its_bytes(void **state)
{
    struct crm_client *client = client_with(patient);
    Crm__Ping ping = CRM__PING__INIT;
    const void *pong;

    (void)state;
    client->wants_connection = true;
    client_greet(client, 32);
    ping.has_cookie = true;
    ping.cookie = 4711;
    server_send(FRAME_PING, 0, 0, &ping.base);
    crm_client_process(client);
    server_expect(FRAME_PONG, &crm__ping__descriptor, &pong);
    assert_int_equal(((const Crm__Ping *)pong)->cookie, 4711);
    crm_client_destroy(client);
}

/* --- goaway */

static void goaway_finishes_the_old_and_moves_the_rest(void **state)
{
    struct crm_client *client = client_with(patient);
    struct crm_call *old = start_mutate(client, false);
    struct crm_call *moved =
        start_mutate(client, false); /* without a key: it was not looked at, so it may be sent again */
    struct crm_call *later;
    Crm__Goaway goaway = CRM__GOAWAY__INIT;

    (void)state;
    client_greet(client, 32);
    goaway.has_last_stream = goaway.has_retry_after_ms = true;
    goaway.last_stream = 1;
    goaway.retry_after_ms = 2000;
    server_send(FRAME_GOAWAY, 0, 0, &goaway.base);
    server_error(2, CRM_SHUTTING_DOWN); /* the request and the goaway had crossed */
    crm_client_process(client);
    later = start_get(client, "C-1");
    crm_client_process(client);
    assert_false(crm_call_is_done(old));
    assert_false(crm_call_is_done(moved));
    assert_int_equal(server.opens, 1);
    server_send(FRAME_REPLY, 0, 1, NULL);
    crm_client_process(client);
    assert_int_equal(crm_call_error(old)->status, CRM_OK);
    assert_true(crm_call_is_done(old));
    assert_int_equal(crm_client_timeout_ms(client), 2000);
    server.clock_us += 2 * SECOND;
    client_greet(client, 32);
    assert_int_equal(server.opens, 2);
    assert_int_equal(server_expect_request(OP_MUTATE), 1);
    assert_int_equal(server_expect_request(OP_GET), 2);
    assert_false(crm_call_is_done(later));
    crm_client_destroy(client);
}

static void the_servers_reason_for_closing_is_told(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *call = start_get(client, "C-1");
    Crm__Error error = CRM__ERROR__INIT;

    (void)state;
    client_greet(client, 32);
    error.text = (char *)"too many frames";
    server_send(FRAME_ERROR, CRM_PROTOCOL, 0, &error.base);
    crm_client_process(client);
    assert_int_equal(crm_call_error(call)->status, CRM_PROTOCOL);
    assert_string_equal(crm_call_error(call)->text, "the server closed the connection: too many frames");
    crm_client_destroy(client);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        T(a_reply_cut_at_any_byte_is_asked_for_again),
        T(a_reply_byte_by_byte_is_the_same_reply),
        T(each_call_in_flight_gets_what_its_nature_allows),
        T(a_code_that_works_once_is_not_sent_again),
        T(a_list_that_was_seen_in_part_is_not_begun_again),
        T(a_request_that_breaks_connections_is_not_sent_for_ever),
        T(a_refused_second_sending_leaves_doubt_unless_it_was_looked_at),
        T(without_reconnecting_everything_ends_at_once),
        T(a_first_connection_that_fails_is_reported),
        T(a_server_that_is_not_trusted_is_not_tried_again),
        T(a_silent_server_is_given_up),
        T(an_idle_connection_may_be_closed_without_a_word),
        T(a_dead_line_is_noticed_while_somebody_waits),
        T(a_ping_is_answered_with_its_bytes),
        T(goaway_finishes_the_old_and_moves_the_rest),
        T(the_servers_reason_for_closing_is_told),
    };

    return cmocka_run_group_tests_name("client_lost", tests, NULL, NULL);
}
