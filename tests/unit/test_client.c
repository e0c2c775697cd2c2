/*
 * test_client.c - calls of the client library on one connection: order, streams, credit, errors, cancel, deadlines,
 * hostile servers
 */
#include "tests/unit/client_fixture.h"

/* --- hello */

static void hello_and_first_request_share_a_flight(void **state)
{
    static const uint8_t token[] = "a session's token";
    struct crm_client *client =
        client_with((struct crm_options){ .token = token, .token_size = sizeof(token), .locale = "zh_CN" });
    struct crm_call *call = start_get(client, "C-1");
    const Crm__Hello *hello;
    const void *message;

    (void)state;
    crm_client_process(client);
    server_expect(FRAME_HELLO, &crm__hello__descriptor, &message);
    hello = message;
    assert_int_equal(hello->session_token.len, sizeof(token));
    assert_memory_equal(hello->session_token.data, token, sizeof(token));
    assert_string_equal(hello->locale, "zh_CN");
    assert_int_equal(server_expect_request(OP_GET), 1);
    server_expect_nothing();
    crm_call_destroy(call);
    crm_client_destroy(client);
}

static void without_a_session_the_request_waits_for_the_hello(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *call = start_get(client, "C-1");
    const void *message;

    (void)state;
    crm_client_process(client);
    server_expect(FRAME_HELLO, &crm__hello__descriptor, &message);
    server_expect_nothing();
    server_hello(32, false);
    crm_client_process(client);
    server_expect_request(OP_GET);
    crm_call_destroy(call);
    crm_client_destroy(client);
}

static void login_gives_the_token_of_later_connections(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    Crm__LoginReply reply = CRM__LOGIN_REPLY__INIT;
    uint8_t token[] = "fresh";
    const uint8_t *got;
    size_t size;
    struct crm_call *call;
    const void *message;

    (void)state;
    request.login = (char *)"li";
    request.password = (char *)"secret";
    assert_int_equal(crm_call_start(client, OP_LOGIN, &request.base, NULL, &call), CRM_OK);
    assert_false(crm_client_token(client, &got, &size));
    crm_client_process(client);
    server_expect(FRAME_HELLO, &crm__hello__descriptor, &message);
    server_hello(32, false);
    reply.has_token = true;
    reply.token = (ProtobufCBinaryData){ .len = sizeof(token), .data = token };
    server_send(FRAME_REPLY, 0, server_expect_request(OP_LOGIN), &reply.base);
    crm_client_process(client);
    assert_true(crm_call_is_done(call));
    assert_true(crm_client_token(client, &got, &size));
    assert_int_equal(size, sizeof(token));
    assert_memory_equal(got, token, size);
    crm_call_destroy(call);
    crm_client_destroy(client);
}

static void a_request_that_the_server_would_not_read_before_login_is_refused_here(void **state)
{
    static char long_text[8000];
    struct crm_client *client = client_with((struct crm_options){ 0 });
    Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;
    struct crm_call *call;
    const void *message;

    (void)state;
    memset(long_text, 'a', sizeof(long_text) - 1);
    request.text = long_text;
    assert_int_equal(crm_call_start(client, OP_SEARCH, &request.base, NULL, &call), CRM_OK);
    crm_client_process(client);
    server_expect(FRAME_HELLO, &crm__hello__descriptor, &message);
    server_hello(32, false);
    crm_client_process(client);
    server_expect_nothing();
    assert_int_equal(crm_call_error(call)->status, CRM_NOT_LOGGED_IN);
    crm_call_destroy(call);
    crm_client_destroy(client);
}

/* --- many calls */

static void replies_may_come_in_any_order(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *calls[5];
    uint32_t streams[5];

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        calls[i] = start_get(client, "C-1");
    client_greet(client, 32);
    for (unsigned i = 0; i < 5; i++)
        streams[i] = server_expect_request(OP_GET);
    for (unsigned i = 5; i-- > 0;) {
        Crm__GetReply reply = CRM__GET_REPLY__INIT;
        Crm__Record record = CRM__RECORD__INIT;
        Crm__Header header = CRM__HEADER__INIT;

        header.has_number = true;
        header.number = i + 1;
        record.header = &header;
        reply.record = &record;
        server_send(FRAME_REPLY, 0, streams[i], &reply.base);
        crm_client_process(client);
        assert_true(crm_call_is_done(calls[i]));
        assert_true(i == 0 || !crm_call_is_done(calls[i - 1]));
    }
    for (unsigned i = 0; i < 5; i++) {
        const Crm__GetReply *reply = (const Crm__GetReply *)crm_call_reply(calls[i]);

        assert_int_equal(crm_call_error(calls[i])->status, CRM_OK);
        assert_int_equal(reply->record->header->number, i + 1);
        crm_call_destroy(calls[i]);
    }
    crm_client_destroy(client);
}

static void calls_queue_beyond_the_servers_limit(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *calls[6];
    uint32_t first;

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        calls[i] = start_get(client, "C-1");
    client_greet(client, 2);
    first = server_expect_request(OP_GET);
    server_expect_request(OP_GET);
    server_expect_nothing();
    server_send(FRAME_REPLY, 0, first, NULL);
    crm_client_process(client);
    assert_true(crm_call_is_done(calls[0]));
    assert_int_equal(server_expect_request(OP_GET), 3);
    server_expect_nothing();
    for (unsigned i = 0; i < 6; i++)
        crm_call_destroy(calls[i]);
    crm_client_destroy(client);
}

static void large_requests_travel_compressed_where_both_want_it(void **state)
{
    static char long_text[8000];
    Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;

    (void)state;
    memset(long_text, 'a', sizeof(long_text) - 1);
    request.text = long_text;
    for (unsigned want = 0; want < 2; want++) {
        struct crm_client *client = client_with((struct crm_options){ .without_features = want ? 0 : FEATURE_ZSTD });
        Crm__Hello hello = CRM__HELLO__INIT;
        Crm__LoginReply session = CRM__LOGIN_REPLY__INIT;
        struct crm_call *call;
        struct frame frame;
        const void *message;

        assert_int_equal(crm_call_start(client, OP_SEARCH, &request.base, NULL, &call), CRM_OK);
        crm_client_process(client);
        server_expect(FRAME_HELLO, &crm__hello__descriptor, &message);
        assert_int_equal(((const Crm__Hello *)message)->features, want ? FEATURE_ZSTD : 0);
        hello.has_features = true;
        hello.features = FEATURE_ZSTD;
        hello.session = &session;
        server_send(FRAME_HELLO, 0, 0, &hello.base);
        crm_client_process(client);
        frame = server_expect(FRAME_REQUEST, &crm__search_request__descriptor, &message);
        assert_int_equal(frame.header.flags, want ? FRAME_ZSTD : 0);
        assert_string_equal(((const Crm__SearchRequest *)message)->text, long_text);
        assert_true(((const Crm__SearchRequest *)message)->meta->deadline_ms > 0);
        crm_call_destroy(call);
        crm_client_destroy(client);
    }
}

/* --- streams */

struct seen {
    struct crm_call *call;
    unsigned chunks;
    unsigned done;
    bool destroy; /* the call, at the first chunk */
};

static void count_chunk(void *arg, const ProtobufCMessage *message)
{
    struct seen *seen = arg;
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;

    assert_int_equal(chunk->records[0]->header->number, seen->chunks);
    seen->chunks++;
    if (seen->destroy)
        crm_call_destroy(seen->call);
}

static void count_done(void *arg, struct crm_call *call)
{
    struct seen *seen = arg;

    assert_ptr_equal(call, seen->call);
    seen->done++;
}

static void start_list(struct crm_client *client, struct seen *seen)
{
    const struct crm_call_options options = { .on_chunk = count_chunk, .on_done = count_done, .arg = seen };
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;

    assert_int_equal(crm_call_start(client, OP_LIST, &request.base, &options, &seen->call), CRM_OK);
}

/* A chunk with one record of this number, whose body makes it about 40 KiB. */
static void send_chunk(uint32_t stream, uint64_t number)
{
    static uint8_t body[40000];
    Crm__ListChunk chunk = CRM__LIST_CHUNK__INIT;
    Crm__Record record = CRM__RECORD__INIT, *records[] = { &record };
    Crm__Header header = CRM__HEADER__INIT;

    header.has_number = true;
    header.number = number;
    record.header = &header;
    record.has_body = true;
    record.body = (ProtobufCBinaryData){ .len = sizeof(body), .data = body };
    chunk.n_records = 1;
    chunk.records = records;
    server_send(FRAME_CHUNK, 0, stream, &chunk.base);
}

static void chunks_are_granted_once_they_are_consumed(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    Crm__ListReply reply = CRM__LIST_REPLY__INIT;
    struct seen seen = { 0 };
    const void *message;
    uint32_t stream, granted;
    unsigned pairs = 0;
    struct frame frame;

    (void)state;
    start_list(client, &seen);
    client_greet(client, 32);
    stream = server_expect_request(OP_LIST);
    send_chunk(stream, 0);
    crm_client_process(client);
    assert_int_equal(seen.chunks, 1);
    server_expect_nothing(); /* 40 KiB are not worth a frame */
    send_chunk(stream, 1);
    crm_client_process(client);
    frame = server_expect(FRAME_CREDIT, &crm__credit__descriptor, &message);
    assert_int_equal(frame.header.stream, stream);
    granted = ((const Crm__Credit *)message)->bytes;
    assert_in_range(granted, 2 * 80000, 2 * 80200); /* it grows while it is used up */
    while (++pairs < 60) {
        send_chunk(stream, 2 * pairs);
        send_chunk(stream, 2 * pairs + 1);
        crm_client_process(client);
        server_expect(FRAME_CREDIT, &crm__credit__descriptor, &message);
        granted += ((const Crm__Credit *)message)->bytes;
    }
    assert_in_range(granted, 60 * 80000 + (2u << 20), 60 * 80200 + (2u << 20)); /* up to a limit */

    reply.has_rows = true;
    reply.rows = 2;
    server_send(FRAME_END, 0, stream, &reply.base);
    assert_int_equal(seen.done, 0);
    crm_client_process(client);
    assert_int_equal(seen.done, 1);
    assert_int_equal(((const Crm__ListReply *)crm_call_reply(seen.call))->rows, 2);
    crm_call_destroy(seen.call);
    crm_client_destroy(client);
}

static void a_call_may_be_destroyed_by_its_own_callback(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct seen seen = { .destroy = true };
    uint32_t stream;
    const void *none;

    (void)state;
    start_list(client, &seen);
    client_greet(client, 32);
    stream = server_expect_request(OP_LIST);
    send_chunk(stream, 0);
    send_chunk(stream, 1); /* finds nobody */
    crm_client_process(client);
    assert_int_equal(seen.chunks, 1);
    assert_int_equal(server_expect(FRAME_CANCEL, NULL, &none).header.stream, stream);
    server_expect_nothing();
    server_error(stream, CRM_CANCELLED);
    crm_client_process(client);
    assert_int_equal(client->channel.n_streams, 0);
    assert_int_equal(seen.done, 0);
    crm_client_destroy(client);
}

static void count_event(void *arg, const ProtobufCMessage *message)
{
    assert_ptr_equal(message->descriptor, &crm__event__descriptor);
    ++*(unsigned *)arg;
}

static void a_subscription_goes_on_after_its_reply(void **state)
{
    unsigned events = 0;
    const struct crm_call_options options = { .on_event = count_event, .arg = &events };
    struct crm_client *client = client_with((struct crm_options){ 0 });
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    Crm__SubscribeReply reply = CRM__SUBSCRIBE_REPLY__INIT;
    struct crm_call *call;
    const void *none;
    uint32_t stream;

    (void)state;
    assert_int_equal(crm_call_start(client, OP_SUBSCRIBE, &request.base, &options, &call), CRM_OK);
    client_greet(client, 32);
    stream = server_expect_request(OP_SUBSCRIBE);
    reply.has_seq = true;
    reply.seq = 41;
    server_send(FRAME_REPLY, 0, stream, &reply.base);
    server_send(FRAME_EVENT, 0, stream, NULL);
    server_send(FRAME_EVENT, 0, stream, NULL);
    crm_client_process(client);
    assert_false(crm_call_is_done(call));
    assert_int_equal(((const Crm__SubscribeReply *)crm_call_reply(call))->seq, 41);
    assert_int_equal(events, 2);
    assert_int_equal(client->next_deadline_us, INT64_MAX); /* subscriptions have none of their own accord */
    crm_call_cancel(call);
    assert_int_equal(crm_call_error(call)->status, CRM_CANCELLED);
    crm_client_process(client);
    server_expect(FRAME_CANCEL, NULL, &none);
    crm_call_destroy(call);
    crm_client_destroy(client);
}

/* --- upload */

static void count_credit(void *arg, struct crm_call *call)
{
    (void)call;
    ++*(unsigned *)arg;
}

static void send_credit(uint32_t stream, uint32_t bytes)
{
    Crm__Credit credit = CRM__CREDIT__INIT;

    credit.has_bytes = true;
    credit.bytes = bytes;
    server_send(FRAME_CREDIT, 0, stream, &credit.base);
}

static void an_upload_goes_as_far_as_credit_allows(void **state)
{
    static uint8_t data[1000];
    unsigned offers = 0;
    const struct crm_call_options options = { .on_credit = count_credit, .arg = &offers };
    struct crm_client *client = client_with((struct crm_options){ 0 });
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    Crm__UploadReply reply = CRM__UPLOAD_REPLY__INIT;
    struct crm_call *call;
    const void *message;
    uint32_t stream;

    (void)state;
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .len = sizeof(data), .data = data };
    assert_int_equal(crm_call_start(client, OP_UPLOAD, &request.base, &options, &call), CRM_OK);
    assert_int_equal(crm_call_send_chunk(call, &chunk.base), CRM_BUSY); /* not sent yet */
    client_greet(client, 32);
    stream = server_expect_request(OP_UPLOAD);
    assert_int_equal(crm_call_send_chunk(call, &chunk.base), CRM_BUSY); /* not taken yet */
    assert_int_equal(crm_call_end(call, NULL), CRM_BUSY);
    send_credit(stream, 1500);
    assert_int_equal(offers, 0);
    crm_client_process(client);
    assert_int_equal(offers, 1);
    assert_int_equal(crm_call_send_chunk(call, &chunk.base), CRM_OK);
    assert_int_equal(crm_call_send_chunk(call, &chunk.base), CRM_BUSY);
    crm_client_process(client);
    server_expect(FRAME_CHUNK, &crm__upload_chunk__descriptor, &message);
    server_expect_nothing();
    send_credit(stream, UINT32_MAX);
    crm_client_process(client);
    assert_int_equal(crm_call_send_chunk(call, &chunk.base), CRM_OK);
    assert_int_equal(crm_call_send_chunk(call, &request.base), CRM_USAGE);
    assert_int_equal(crm_call_end(call, NULL), CRM_OK);
    assert_int_equal(crm_call_end(call, NULL), CRM_USAGE);
    crm_client_process(client);
    server_expect(FRAME_CHUNK, &crm__upload_chunk__descriptor, &message);
    server_expect(FRAME_END, &crm__upload_end__descriptor, &message);
    reply.has_complete = reply.complete = true;
    server_send(FRAME_REPLY, 0, stream, &reply.base);
    crm_client_process(client);
    assert_true(((const Crm__UploadReply *)crm_call_reply(call))->complete);
    crm_call_destroy(call);
    crm_client_destroy(client);
}

/* --- errors */

static void errors_come_as_the_server_says_them(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *call = start_get(client, "Li");
    Crm__Candidate candidate = CRM__CANDIDATE__INIT, *candidates[] = { &candidate };
    Crm__Error error = CRM__ERROR__INIT;
    const struct crm_error *got;

    (void)state;
    client_greet(client, 32);
    candidate.title = (char *)"Li Lei";
    error.has_retry = error.has_outcome = error.has_position = error.has_retry_after_ms = true;
    error.retry = CRM_RETRY_AFTER;
    error.outcome = CRM_OUTCOME_UNKNOWN;
    error.position = 7;
    error.retry_after_ms = 250;
    error.field = (char *)"customer";
    error.text = (char *)"two people are called Li";
    error.n_candidates = 1;
    error.candidates = candidates;
    server_send(FRAME_ERROR, CRM_AMBIGUOUS, server_expect_request(OP_GET), &error.base);
    crm_client_process(client);
    got = crm_call_error(call);
    assert_int_equal(got->status, CRM_AMBIGUOUS);
    assert_int_equal(got->retry, CRM_RETRY_AFTER);
    assert_int_equal(got->outcome, CRM_OUTCOME_UNKNOWN);
    assert_int_equal(got->retry_after_ms, 250);
    assert_int_equal(got->position, 7);
    assert_string_equal(got->field, "customer");
    assert_string_equal(got->text, "two people are called Li");
    assert_string_equal(got->wire->candidates[0]->title, "Li Lei");
    assert_null(crm_call_reply(call));
    crm_call_destroy(call);
    crm_client_destroy(client);
}

static void what_an_error_leaves_out_comes_from_the_table(void **state)
{
    static const struct {
        uint32_t code;
        enum crm_status status;
        enum crm_outcome outcome;
    } rows[] = {
        { CRM_CONFLICT, CRM_CONFLICT, CRM_OUTCOME_NOT_DONE }, { CRM_UNKNOWN, CRM_UNKNOWN, CRM_OUTCOME_UNKNOWN },
        { 4711, CRM_FAILED, CRM_OUTCOME_NOT_DONE },           { UINT32_MAX, CRM_FAILED, CRM_OUTCOME_NOT_DONE },
        { CRM_OK, CRM_PROTOCOL, CRM_OUTCOME_NOT_DONE },
    };
    struct crm_client *client = client_with((struct crm_options){ 0 });

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct crm_call *call = start_get(client, "C-1");

        if (i == 0)
            client_greet(client, 32);
        else
            crm_client_process(client);
        server_error(server_expect_request(OP_GET), (enum crm_status)rows[i].code);
        crm_client_process(client);
        assert_int_equal(crm_call_error(call)->status, rows[i].status);
        assert_int_equal(crm_call_error(call)->outcome, rows[i].outcome);
        assert_string_not_equal(crm_call_error(call)->text, "");
        crm_call_destroy(call);
    }
    crm_client_destroy(client);
}

static void the_wrong_message_is_refused(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct crm_call *call;
    struct crm_options nowhere = { .host = "localhost", .port = 1 };

    (void)state;
    assert_int_equal(crm_call_start(client, OP_LIST, &request.base, NULL, &call), CRM_USAGE);
    assert_int_equal(crm_call_start(client, (enum operation)99, &request.base, NULL, &call), CRM_USAGE);
    assert_int_equal(crm_client_create(&nowhere, &client), CRM_USAGE); /* no CA */
    assert_int_equal(crm_call_error(NULL)->status, CRM_NO_MEMORY);
    crm_client_destroy(client);
}

/* --- cancel and deadlines */

static void cancel_ends_reads_at_once_and_asks_for_changes(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *get = start_get(client, "C-1");
    struct crm_call *change = start_mutate(client, true);
    struct crm_call *queued;
    const void *none;
    uint32_t get_stream, change_stream;

    (void)state;
    client_greet(client, 2);
    get_stream = server_expect_request(OP_GET);
    change_stream = server_expect_request(OP_MUTATE);
    queued = start_mutate(client, true);
    crm_call_cancel(get);
    crm_call_cancel(change);
    crm_call_cancel(change);
    crm_call_cancel(queued);
    assert_int_equal(crm_call_error(get)->status, CRM_CANCELLED);
    assert_int_equal(crm_call_error(queued)->status, CRM_CANCELLED);
    assert_int_equal(crm_call_error(queued)->outcome, CRM_OUTCOME_NOT_DONE);
    assert_false(crm_call_is_done(change));
    crm_client_process(client);
    assert_int_equal(server_expect(FRAME_CANCEL, NULL, &none).header.stream, get_stream);
    assert_int_equal(server_expect(FRAME_CANCEL, NULL, &none).header.stream, change_stream);
    server_expect_nothing();
    server_send(FRAME_REPLY, 0, change_stream, NULL); /* it had been done already */
    server_send(FRAME_REPLY, 0, get_stream, NULL);
    crm_client_process(client);
    assert_true(crm_call_is_done(change));
    assert_int_equal(crm_call_error(change)->status, CRM_OK);
    assert_int_equal(crm_call_error(get)->status, CRM_CANCELLED);
    crm_call_destroy(get);
    crm_call_destroy(change);
    crm_call_destroy(queued);
    crm_client_destroy(client);
}

static void a_deadline_always_ends_the_wait(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ .request_timeout_ms = 8000 });
    struct crm_call *get = start_get(client, "C-1");
    struct crm_call *change = start_mutate(client, true);
    struct crm_call *queued;
    const void *message;
    uint32_t stream;

    (void)state;
    client_greet(client, 2);
    stream = server_expect(FRAME_REQUEST, &crm__get_request__descriptor, &message).header.stream;
    assert_int_equal(((const Crm__GetRequest *)message)->meta->deadline_ms, 7000); /* a little less than ours */
    server_expect_request(OP_MUTATE);
    queued = start_mutate(client, true);
    assert_int_equal(crm_client_timeout_ms(client), 8000);
    server.clock_us += 8 * SECOND - 1;
    crm_client_process(client);
    assert_false(crm_call_is_done(get));
    server.clock_us += 1;
    crm_client_process(client);
    assert_int_equal(crm_call_error(get)->status, CRM_DEADLINE);
    assert_int_equal(crm_call_error(get)->outcome, CRM_OUTCOME_NOT_DONE);
    assert_int_equal(crm_call_error(change)->status, CRM_UNKNOWN);
    assert_int_equal(crm_call_error(change)->outcome, CRM_OUTCOME_UNKNOWN);
    assert_int_equal(crm_call_error(queued)->status, CRM_DEADLINE);
    assert_int_equal(crm_call_error(queued)->outcome, CRM_OUTCOME_NOT_DONE);
    server_expect(FRAME_CANCEL, NULL, &message);
    server_expect(FRAME_CANCEL, NULL, &message);
    server_expect_nothing();
    server_send(FRAME_REPLY, 0, stream, NULL); /* too late, and no harm */
    crm_client_process(client);
    assert_int_equal(crm_call_error(get)->status, CRM_DEADLINE);
    assert_int_equal(client->channel.state, CHANNEL_READY);
    crm_call_destroy(get);
    crm_call_destroy(change);
    crm_call_destroy(queued);
    crm_client_destroy(client);
}

/* --- hostile servers */

/* After this frame, instead of the reply of a get (stream 1) and a mutate (stream 2), both have ended and nothing is
 * sent again. */
static void break_with(unsigned type, uint32_t code, uint32_t stream, const ProtobufCMessage *message)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *get = start_get(client, "C-1");
    struct crm_call *change = start_mutate(client, true);
    unsigned opens = server.opens;

    client_greet(client, 32);
    server_send(type, code, stream, message);
    crm_client_process(client);
    assert_int_equal(crm_call_error(get)->status, CRM_PROTOCOL);
    assert_int_equal(crm_call_error(change)->status, CRM_UNKNOWN);
    assert_int_equal(crm_client_error(client)->status, CRM_PROTOCOL);
    assert_int_equal(client->channel.state, CHANNEL_CLOSED);
    crm_client_process(client);
    assert_int_equal(server.opens, opens + 1);
    crm_call_destroy(get);
    crm_call_destroy(change);
    crm_client_destroy(client);
}

static void frames_that_do_not_belong_close_the_connection(void **state)
{
    Crm__Hello hello = CRM__HELLO__INIT;

    (void)state;
    break_with(FRAME_REPLY, 0, 3, NULL);        /* a stream that was never opened */
    break_with(FRAME_REPLY, 0, 0, NULL);        /* a reply of the connection */
    break_with(FRAME_CHUNK, 0, 1, NULL);        /* get has no chunks */
    break_with(FRAME_EVENT, 0, 1, NULL);        /* nor events */
    break_with(FRAME_CREDIT, 0, 1, NULL);       /* nor an upload */
    break_with(FRAME_HELLO, 0, 0, &hello.base); /* twice */
    break_with(FRAME_REQUEST, OP_GET, 1, NULL); /* servers do not ask */
    break_with(FRAME_CANCEL, 0, 1, NULL);
    break_with(FRAME_PING, 0, 1, NULL);
}

static void a_reply_after_the_reply_closes_the_connection(void **state)
{
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *first = start_get(client, "C-1");
    struct crm_call *second = start_get(client, "C-2");

    (void)state;
    client_greet(client, 32);
    server_send(FRAME_REPLY, 0, 1, NULL);
    server_send(FRAME_REPLY, 0, 1, NULL);
    crm_client_process(client);
    assert_int_equal(crm_call_error(first)->status, CRM_OK);
    assert_int_equal(crm_call_error(second)->status, CRM_PROTOCOL);
    crm_call_destroy(first);
    crm_call_destroy(second);
    crm_client_destroy(client);
}

static void raw(const uint8_t *bytes, size_t size)
{
    assert_int_equal(buf_append(&server.down, bytes, size), CRM_OK);
}

static void oversized_and_foreign_headers_are_refused_before_their_body(void **state)
{
    static const uint8_t too_long[] = { 1, 0, 16, 0, 1, FRAME_REPLY, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
    static const uint8_t version[] = { 0, 0, 0, 0, 2, FRAME_REPLY, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0 };
    static const uint8_t long_hello[] = { 1, 16, 0, 0, 1, FRAME_HELLO, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    static const uint8_t http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    static const struct slice early[] = { { long_hello, 16 }, { http, sizeof(http) }, { too_long, 16 } };
    static const struct slice late[] = { { too_long, 16 }, { version, 16 }, { http, sizeof(http) } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(early) + ARRAY_LEN(late); i++) {
        struct crm_client *client = client_with((struct crm_options){ 0 });
        struct crm_call *call = start_get(client, "C-1");
        struct slice bytes = i < ARRAY_LEN(early) ? early[i] : late[i - ARRAY_LEN(early)];

        if (i < ARRAY_LEN(early))
            crm_client_process(client);
        else
            client_greet(client, 32);
        raw(bytes.data, bytes.size);
        crm_client_process(client);
        assert_int_equal(crm_call_error(call)->status, CRM_PROTOCOL);
        crm_call_destroy(call);
        crm_client_destroy(client);
    }
}

static void an_unreadable_reply_fails_its_call_alone(void **state)
{
    static const uint8_t garbage[] = { 5, 0, 0, 0, 1, FRAME_REPLY, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x0a, 0x7f, 1, 2, 3 };
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct crm_call *change = start_mutate(client, true);
    struct crm_call *get = start_get(client, "C-1");

    (void)state;
    client_greet(client, 32);
    raw(garbage, sizeof(garbage));
    server_send(FRAME_REPLY, 0, 2, NULL);
    crm_client_process(client);
    assert_int_equal(crm_call_error(change)->status, CRM_UNKNOWN);
    assert_int_equal(crm_call_error(get)->status, CRM_OK);
    crm_call_destroy(get);
    crm_call_destroy(change);
    crm_client_destroy(client);
}

static void bombs_are_refused_before_they_are_unpacked(void **state)
{
    static uint8_t body[FRAME_CHUNK_MAX];
    uint8_t header[FRAME_HEADER_SIZE];
    struct crm_client *client = client_with((struct crm_options){ 0 });
    struct seen seen = { 0 };
    const struct frame_header fields = { .length = sizeof(body), .type = FRAME_CHUNK, .stream = 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(body); i += 2)
        body[i] = 0x0a; /* 32,768 empty records */
    start_list(client, &seen);
    client_greet(client, 32);
    frame_put_header(header, &fields);
    raw(header, sizeof(header));
    raw(body, sizeof(body));
    crm_client_process(client);
    assert_int_equal(seen.chunks, 0);
    assert_int_equal(crm_call_error(seen.call)->status, CRM_PROTOCOL);
    assert_true(client->scratch.used == 0);
    crm_call_destroy(seen.call);
    crm_client_destroy(client);
}

/* Whatever arrives, calls end or wait; sanitizers watch. */
static void noise_does_no_harm(void **state)
{
    unsigned broken = 0;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        struct crm_client *client = client_with((struct crm_options){ .reconnect_attempts = CRM_NO_RECONNECT });
        struct crm_call *call = start_get(client, "C-1");
        uint8_t noise[64];

        client_greet(client, 32);
        random_bytes(noise, sizeof(noise));
        if (round % 2) { /* past the header's checks */
            const struct frame_header header = { .length = noise[0] % 40,
                                                 .type = (uint8_t)(1 + noise[1] % 12),
                                                 .stream = noise[2] % 3 };

            frame_put_header(noise, &header);
        }
        raw(noise, sizeof(noise));
        crm_client_process(client);
        broken += crm_call_is_done(call);
        crm_call_destroy(call);
        crm_client_destroy(client);
    }
    assert_true(broken > 1000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        T(hello_and_first_request_share_a_flight),
        T(without_a_session_the_request_waits_for_the_hello),
        T(login_gives_the_token_of_later_connections),
        T(a_request_that_the_server_would_not_read_before_login_is_refused_here),
        T(replies_may_come_in_any_order),
        T(calls_queue_beyond_the_servers_limit),
        T(large_requests_travel_compressed_where_both_want_it),
        T(chunks_are_granted_once_they_are_consumed),
        T(a_call_may_be_destroyed_by_its_own_callback),
        T(a_subscription_goes_on_after_its_reply),
        T(an_upload_goes_as_far_as_credit_allows),
        T(errors_come_as_the_server_says_them),
        T(what_an_error_leaves_out_comes_from_the_table),
        T(the_wrong_message_is_refused),
        T(cancel_ends_reads_at_once_and_asks_for_changes),
        T(a_deadline_always_ends_the_wait),
        T(frames_that_do_not_belong_close_the_connection),
        T(a_reply_after_the_reply_closes_the_connection),
        T(oversized_and_foreign_headers_are_refused_before_their_body),
        T(an_unreadable_reply_fails_its_call_alone),
        T(bombs_are_refused_before_they_are_unpacked),
        T(noise_does_no_harm),
    };

    return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
