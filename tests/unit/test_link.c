/*
 * test_link.c - a client's protocol state over plain buffers: hello, gates, streams, credit, cancel, uploads, events, drain
 *
 * The real operations, writer and workers over the map store; no socket, no TLS. What other threads answer is waited for on the mailbox's
 * wake-up, never by the clock.
 */
#include "tests/unit/link_fixture.h"

/* --- tests */

static void hello_comes_first(void **state)
{
    struct fixture *f = *state;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;

    ask(f, OP_PING, &ping.base);
    take_error(f, 0, CRM_PROTOCOL);
    assert_true(f->closed);
}

static void hello_tells_limits_and_epoch(void **state)
{
    struct fixture *f = *state;
    const Crm__Hello *answer;

    hello(f, NULL);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_int_equal(answer->limits->streams, STREAMS_MAX);
    assert_int_equal(answer->limits->frame_bytes, FRAME_MAX);
    assert_int_equal(answer->epoch, 1);
    assert_int_equal(answer->database.len, UUID_SIZE);
    assert_null(answer->session);
    hello(f, NULL);
    take_error(f, 0, CRM_PROTOCOL);
    assert_true(f->closed);
}

static void hello_of_another_version_is_refused(void **state)
{
    struct fixture *f = *state;
    Crm__Hello future = CRM__HELLO__INIT;

    future.has_version_min = future.has_version_max = true;
    future.version_min = 2;
    future.version_max = 3;
    send_frame(f, FRAME_HELLO, 0, 0, &future.base);
    take_error(f, 0, CRM_PROTOCOL);
    assert_true(f->closed);
}

static void every_operation_but_two_asks_for_login(void **state)
{
    struct fixture *f = *state;

    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
    for (uint32_t code = 0; code <= OP_MAX + 1; code++) {
        uint32_t stream = f->next_stream++;

        if (code == OP_LOGIN || code == OP_ENROL) /* a device is enrolled first */
            continue;
        send_frame(f, FRAME_REQUEST, code, stream, NULL);
        take_error(f, stream, code == 0 || code > OP_MAX ? CRM_UNKNOWN_OPERATION : CRM_NOT_LOGGED_IN);
    }
    assert_false(f->closed);
}

static void wrong_password_and_unknown_user_read_alike(void **state)
{
    static const char *const logins[] = { "admin", "nobody" };
    struct fixture *f = *state;
    const char *texts[2];

    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
        Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;

        request.login = (char *)logins[i];
        request.password = (char *)"not this one";
        texts[i] = take_error(f, ask(f, OP_LOGIN, &request.base), CRM_BAD_CREDENTIALS)->text;
    }
    assert_string_equal(texts[0], texts[1]);
    assert_false(link_is_logged_in(f->link));
}

static void a_token_resumes_in_the_first_flight(void **state)
{
    struct fixture *f = *state;
    const Crm__LoginReply *reply = login(f);
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    const Crm__Hello *answer;
    uint32_t stream;

    assert_string_equal(reply->name, "admin");
    assert_string_equal(reply->company->currency, "USD");
    assert_int_equal(reply->token.len, TOKEN_SIZE);
    open_link(f);
    hello(f, reply->token.data);
    stream = ask(f, OP_PING, &ping.base);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_non_null(answer->session);
    assert_false(answer->session->has_token);
    assert_string_equal(answer->session->login, "admin");
    take(f, FRAME_REPLY, stream, &crm__ping_reply__descriptor);
}

static void a_token_that_is_none_says_so(void **state)
{
    struct fixture *f = *state;
    const uint8_t token[TOKEN_SIZE] = { 1, 2, 3 };
    const Crm__Hello *answer;

    hello(f, token);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_null(answer->session);
    assert_int_equal(answer->session_error->status, CRM_NOT_LOGGED_IN);
    assert_int_equal(answer->session_error->retry, CRM_RETRY_AFTER_LOGIN);
    assert_true(answer->session_error->has_outcome);
}

static void logout_ends_the_session(void **state)
{
    struct fixture *f = *state;
    const Crm__LoginReply *reply = login(f);
    Crm__LogoutRequest request = CRM__LOGOUT_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    const Crm__Hello *answer;

    take(f, FRAME_REPLY, ask(f, OP_LOGOUT, &request.base), &crm__logout_reply__descriptor);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_NOT_LOGGED_IN);
    open_link(f);
    hello(f, reply->token.data);
    answer = take(f, FRAME_HELLO, 0, &crm__hello__descriptor);
    assert_int_equal(answer->session_error->status, CRM_NOT_LOGGED_IN);
}

static void stream_ids_rise(void **state)
{
    struct fixture *f = *state;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    uint32_t stream;

    login(f);
    stream = ask(f, OP_PING, &ping.base);
    take(f, FRAME_REPLY, stream, NULL);
    send_frame(f, FRAME_REQUEST, OP_PING, stream, &ping.base);
    take_error(f, 0, CRM_PROTOCOL);
    assert_true(f->closed);
}

static void frames_that_only_the_server_sends_end_it(void **state)
{
    static const enum frame_type types[] = { FRAME_REPLY, FRAME_ERROR, FRAME_PONG, FRAME_EVENT };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        open_link(f);
        hello(f, NULL);
        take(f, FRAME_HELLO, 0, NULL);
        send_frame(f, types[i], 0, 1, NULL);
        take_error(f, 0, CRM_PROTOCOL);
        assert_true(f->closed);
    }
}

static void a_bad_body_fails_its_request_alone(void **state)
{
    struct fixture *f = *state;
    const uint8_t garbage[] = { 0xff, 0xff, 0xff };
    uint8_t bytes[FRAME_HEADER_SIZE + sizeof garbage];
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    uint32_t stream;

    login(f);
    stream = f->next_stream++;
    frame_put_header(bytes, &(struct frame_header){ .length = sizeof garbage, .type = FRAME_REQUEST, .code = OP_GET, .stream = stream });
    memcpy(bytes + FRAME_HEADER_SIZE, garbage, sizeof garbage);
    feed(f, slice_of(bytes, sizeof bytes));
    take_error(f, stream, CRM_INVALID);
    take(f, FRAME_REPLY, ask(f, OP_PING, &ping.base), NULL);
}

static void created_is_read_back(void **state)
{
    struct fixture *f = *state;
    Crm__Mutation *mutation = new_customer(f, "华为技术");
    const Crm__MutateReply *reply;
    const Crm__GetReply *got;
    Crm__GetRequest get = CRM__GET_REQUEST__INIT;
    const Crm__Customer *customer;

    login(f);
    reply = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    assert_int_equal(reply->n_results, 1);
    assert_int_equal(reply->results[0]->number, 1);
    get.selector = (char *)"c-1";
    got = take(f, FRAME_REPLY, ask(f, OP_GET, &get.base), &crm__get_reply__descriptor);
    assert_memory_equal(got->record->header->id.data, reply->results[0]->id.data, UUID_SIZE);
    customer = crm__customer__unpack(&f->arena.protobuf, got->record->body.len, got->record->body.data);
    assert_string_equal(customer->name, "华为技术");
    get.selector = (char *)"C-2";
    take_error(f, ask(f, OP_GET, &get.base), CRM_NOT_FOUND);
}

static void the_same_key_gets_the_stored_answer(void **state)
{
    struct fixture *f = *state;
    Crm__Mutation *one = new_customer(f, "One"), *other = new_customer(f, "Other");
    uint8_t client[16] = { 'c', 1 }, id[UUID_SIZE];
    const Crm__MutateReply *first, *second;

    login(f);
    first = take(f, FRAME_REPLY, ask_mutate(f, &one, 1, client, 1), &crm__mutate_reply__descriptor);
    memcpy(id, first->results[0]->id.data, UUID_SIZE);
    second = take(f, FRAME_REPLY, ask_mutate(f, &one, 1, client, 1), &crm__mutate_reply__descriptor);
    assert_true(second->duplicate);
    assert_memory_equal(second->results[0]->id.data, id, UUID_SIZE);
    take_error(f, ask_mutate(f, &other, 1, client, 1), CRM_KEY_REUSED);
}

static void a_dry_run_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    Crm__Mutation *mutation = new_customer(f, "Ghost");
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__CountRequest count = CRM__COUNT_REQUEST__INIT;
    const Crm__MutateReply *reply;

    login(f);
    request.mutations = &mutation;
    request.n_mutations = 1;
    request.has_dry_run = request.dry_run = true;
    reply = take(f, FRAME_REPLY, ask(f, OP_MUTATE, &request.base), &crm__mutate_reply__descriptor);
    assert_int_equal(reply->results[0]->number, 1);
    count.has_kind = true;
    count.kind = KIND_CUSTOMER;
    assert_int_equal(((const Crm__CountReply *)take(f, FRAME_REPLY, ask(f, OP_COUNT, &count.base), &crm__count_reply__descriptor))->count, 0);
}

static void a_list_waits_for_credit_and_ends_explicitly(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    Crm__Credit credit = CRM__CREDIT__INIT;
    size_t rows = 0, bytes = 0;
    bool ended = false;
    uint32_t stream;

    login(f);
    add_customers(f, 4000);
    list.has_kind = true;
    list.kind = KIND_CUSTOMER;
    stream = ask(f, OP_LIST, &list.base);
    while (link_resume(f->link) || f->out.size > 0) {
        struct failure failure = { 0 };
        const void *message;
        struct frame frame;

        dispatch_thread_end_turn(f->thread);
        if (f->out.size == 0)
            continue;
        take_frame(f, &frame);
        assert_int_equal(frame.header.type, FRAME_CHUNK);
        bytes += frame.header.length;
        assert_int_equal(codec_unpack(&frame, &crm__list_chunk__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
        rows += ((const Crm__ListChunk *)message)->n_records;
    }
    assert_in_range(bytes, STREAM_CREDIT, STREAM_CREDIT + 2 * FRAME_CHUNK_MAX);
    assert_true(rows < 4000);
    credit.has_bytes = true;
    credit.bytes = 64u << 20;
    send_frame(f, FRAME_CREDIT, 0, stream, &credit.base);
    while (!ended) {
        struct failure failure = { 0 };
        const void *message;
        struct frame frame;

        take_frame(f, &frame);
        ended = frame.header.type == FRAME_END;
        if (ended)
            break;
        assert_int_equal(codec_unpack(&frame, &crm__list_chunk__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
        rows += ((const Crm__ListChunk *)message)->n_records;
    }
    assert_int_equal(rows, 4000);
}

static void pages_join_without_gap(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    uint64_t expected = 1;

    login(f);
    add_customers(f, 25);
    list.has_kind = list.has_limit = true;
    list.kind = KIND_CUSTOMER;
    list.limit = 10;
    for (int page = 0; page < 3; page++) {
        uint32_t stream = ask(f, OP_LIST, &list.base);
        const Crm__ListChunk *chunk = take(f, FRAME_CHUNK, stream, &crm__list_chunk__descriptor);
        const Crm__ListReply *end = take(f, FRAME_END, stream, &crm__list_reply__descriptor);

        assert_int_equal(chunk->n_records, page < 2 ? 10 : 5);
        for (size_t i = 0; i < chunk->n_records; i++)
            assert_int_equal(chunk->records[i]->header->number, expected++);
        assert_int_equal(end->has_token, page < 2);
        list.has_token = true;
        list.token = end->token;
    }
}

static void a_token_of_another_query_or_a_changed_one_is_refused(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    const Crm__ListReply *end;
    uint32_t stream;

    login(f);
    add_customers(f, 3);
    list.has_kind = list.has_limit = true;
    list.kind = KIND_CUSTOMER;
    list.limit = 1;
    stream = ask(f, OP_LIST, &list.base);
    take(f, FRAME_CHUNK, stream, NULL);
    end = take(f, FRAME_END, stream, &crm__list_reply__descriptor);
    list.has_token = true;
    list.token = end->token;
    list.kind = KIND_CONTACT;
    take_error(f, ask(f, OP_LIST, &list.base), CRM_INVALID);
    list.kind = KIND_CUSTOMER;
    for (size_t i = 0; i < list.token.len; i++) {
        list.token.data[i] ^= 0x40;
        take_error(f, ask(f, OP_LIST, &list.base), CRM_INVALID);
        list.token.data[i] ^= 0x40;
    }
}

static void a_cancelled_stream_ends_with_an_error(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    uint32_t stream;

    login(f);
    add_customers(f, 10);
    list.has_kind = true;
    list.kind = KIND_CUSTOMER;
    stream = ask(f, OP_LIST, &list.base);
    send_frame(f, FRAME_CANCEL, 0, stream, NULL);
    take_error(f, stream, CRM_CANCELLED);
    assert_false(link_resume(f->link));
    assert_int_equal(f->out.size, 0);
    assert_true(link_is_idle(f->link));
}

static void cancelling_for_its_own_sake_ends_it(void **state)
{
    struct fixture *f = *state;

    login(f);
    for (int i = 0; i < 60 && !f->closed; i++)
        send_frame(f, FRAME_CANCEL, 0, 1, NULL);
    assert_true(f->closed);
}

static void more_streams_than_announced_are_busy(void **state)
{
    struct fixture *f = *state;
    Crm__SubscribeRequest subscribe = CRM__SUBSCRIBE_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;

    login(f);
    for (int i = 0; i < STREAMS_MAX; i++)
        take(f, FRAME_REPLY, ask(f, OP_SUBSCRIBE, &subscribe.base), NULL);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_BUSY);
}

static void subscribers_are_told(void **state)
{
    struct fixture *f = *state;
    Crm__SubscribeRequest subscribe = CRM__SUBSCRIBE_REQUEST__INIT;
    uint32_t kinds[] = { KIND_CUSTOMER };
    Crm__Mutation *mutation = new_customer(f, "News");
    const Crm__SubscribeReply *begun;
    uint32_t watch, change;
    bool told = false, answered = false;

    login(f);
    subscribe.kinds = kinds;
    subscribe.n_kinds = 1;
    watch = ask(f, OP_SUBSCRIBE, &subscribe.base);
    begun = take(f, FRAME_REPLY, watch, &crm__subscribe_reply__descriptor);
    change = ask_mutate(f, &mutation, 1, NULL, 0);
    while (!told || !answered) {
        struct failure failure = { 0 };
        const void *message;
        struct frame frame;

        take_frame(f, &frame);
        if (frame.header.type == FRAME_EVENT) {
            const Crm__Event *event;

            assert_int_equal(frame.header.stream, watch);
            assert_int_equal(codec_unpack(&frame, &crm__event__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
            event = message;
            assert_int_equal(event->n_changes, 1);
            assert_int_equal(event->changes[0]->kind, KIND_CUSTOMER);
            assert_int_equal(event->changes[0]->seq, begun->seq + 1);
            told = true;
        } else {
            assert_int_equal(frame.header.stream, change);
            answered = true;
        }
    }
    send_frame(f, FRAME_CANCEL, 0, watch, NULL);
    take_error(f, watch, CRM_CANCELLED);
}

static void a_subscription_after_an_old_seq_is_told_that_it_is_behind(void **state)
{
    struct fixture *f = *state;
    Crm__SubscribeRequest subscribe = CRM__SUBSCRIBE_REQUEST__INIT;
    uint32_t watch;

    login(f);
    subscribe.has_after_seq = true;
    subscribe.after_seq = 1;
    watch = ask(f, OP_SUBSCRIBE, &subscribe.base);
    take(f, FRAME_REPLY, watch, NULL);
    assert_true(((const Crm__Event *)take(f, FRAME_EVENT, watch, &crm__event__descriptor))->behind);
}

static uint32_t upload(struct fixture *f, struct slice bytes, const uint8_t sha[SHA256_SIZE])
{
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    Crm__UploadEnd end = CRM__UPLOAD_END__INIT;
    uint32_t stream = ask(f, OP_UPLOAD, &request.base);

    assert_int_equal(((const Crm__Credit *)take(f, FRAME_CREDIT, stream, &crm__credit__descriptor))->bytes, STREAM_CREDIT);
    for (size_t at = 0; at < bytes.size; at += 1000) {
        size_t n = bytes.size - at < 1000 ? bytes.size - at : 1000;

        chunk.has_offset = chunk.has_data = true;
        chunk.offset = at;
        chunk.data = (ProtobufCBinaryData){ .data = (uint8_t *)bytes.data + at, .len = n };
        send_frame(f, FRAME_CHUNK, 0, stream, &chunk.base);
        assert_true(((const Crm__Credit *)take(f, FRAME_CREDIT, stream, &crm__credit__descriptor))->bytes >= n);
    }
    end.has_sha256 = true;
    end.sha256 = (ProtobufCBinaryData){ .data = (uint8_t *)sha, .len = SHA256_SIZE };
    send_frame(f, FRAME_END, 0, stream, &end.base);
    return stream;
}

static void a_staged_upload_is_applied_atomically(void **state)
{
    struct fixture *f = *state;
    Crm__MutateRequest staged = CRM__MUTATE_REQUEST__INIT, request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutations[100];
    const Crm__UploadReply *uploaded;
    uint8_t sha[SHA256_SIZE];
    struct slice bytes;
    uint32_t stream;

    login(f);
    for (size_t i = 0; i < ARRAY_LEN(mutations); i++)
        mutations[i] = new_customer(f, "Staged");
    staged.mutations = mutations;
    staged.n_mutations = ARRAY_LEN(mutations);
    assert_int_equal(codec_pack(&staged.base, &f->arena, &bytes), CRM_OK);
    sha256(&bytes, 1, sha);
    uploaded = take(f, FRAME_REPLY, upload(f, bytes, sha), &crm__upload_reply__descriptor);
    assert_true(uploaded->complete);
    assert_int_equal(uploaded->received, bytes.size);
    request.has_upload = request.has_atomic = request.atomic = true;
    request.upload = uploaded->upload;
    stream = ask(f, OP_MUTATE, &request.base);
    assert_int_equal(((const Crm__MutateReply *)take(f, FRAME_REPLY, stream, &crm__mutate_reply__descriptor))->n_results, 100);
}

static void an_upload_that_was_cut_goes_on(void **state)
{
    struct fixture *f = *state;
    const Crm__LoginReply *session = login(f);
    uint8_t id[UUID_SIZE] = "upload of mine", sha[SHA256_SIZE];
    const struct slice whole = slice_text("first second");
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    Crm__UploadEnd end = CRM__UPLOAD_END__INIT;
    uint32_t stream;

    request.has_upload = chunk.has_offset = chunk.has_data = end.has_sha256 = true;
    request.upload = (ProtobufCBinaryData){ .data = id, .len = sizeof id };
    stream = ask(f, OP_UPLOAD, &request.base);
    take(f, FRAME_CREDIT, stream, NULL);
    chunk.data = (ProtobufCBinaryData){ .data = (uint8_t *)whole.data, .len = 6 };
    send_frame(f, FRAME_CHUNK, 0, stream, &chunk.base);
    take(f, FRAME_CREDIT, stream, NULL);
    open_link(f); /* the line was cut */
    hello(f, session->token.data);
    take(f, FRAME_HELLO, 0, NULL);
    stream = ask(f, OP_UPLOAD, &request.base);
    take(f, FRAME_CREDIT, stream, NULL);
    chunk.offset = 6;
    chunk.data = (ProtobufCBinaryData){ .data = (uint8_t *)whole.data + 6, .len = whole.size - 6 };
    send_frame(f, FRAME_CHUNK, 0, stream, &chunk.base);
    take(f, FRAME_CREDIT, stream, NULL);
    sha256(&whole, 1, sha);
    end.sha256 = (ProtobufCBinaryData){ .data = sha, .len = sizeof sha };
    send_frame(f, FRAME_END, 0, stream, &end.base);
    assert_int_equal(((const Crm__UploadReply *)take(f, FRAME_REPLY, stream, &crm__upload_reply__descriptor))->received, whole.size);
}

static void an_upload_with_another_hash_is_refused(void **state)
{
    struct fixture *f = *state;
    uint8_t sha[SHA256_SIZE] = { 0 };

    login(f);
    take_error(f, upload(f, slice_text("some bytes"), sha), CRM_INVALID);
}

static void chunks_beyond_credit_end_it(void **state)
{
    struct fixture *f = *state;
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    uint32_t stream;

    login(f);
    stream = ask(f, OP_UPLOAD, &request.base);
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .data = (uint8_t *)"x", .len = 1 };
    send_frame(f, FRAME_CHUNK, 0, stream, &chunk.base); /* before any credit was given */
    assert_true(f->closed);
}

/* The writer still has the beginning when a frame behind it fails; its request must outlive the stream. */
static void an_upload_may_fail_before_it_has_begun(void **state)
{
    struct fixture *f = *state;
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    static const uint8_t end[] = { 1, 0, 0, 0, FRAME_VERSION, FRAME_END, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff };
    uint8_t bytes[sizeof end];
    struct slice both;
    struct buf buf;

    login(f);
    memcpy(bytes, end, sizeof end);
    for (int i = 0; i < 20; i++) {
        bytes[12] = (uint8_t)f->next_stream;
        both = frame_bytes(f, FRAME_REQUEST, OP_UPLOAD, f->next_stream, &request.base);
        buf_init(&buf, FRAME_MAX);
        assert_int_equal(buf_append(&buf, both.data, both.size), CRM_OK);
        assert_int_equal(buf_append(&buf, bytes, sizeof bytes), CRM_OK);
        feed(f, buf_slice(&buf)); /* in one flight */
        buf_fini(&buf);
        take_error(f, f->next_stream++, CRM_INVALID);
    }
    take(f, FRAME_REPLY, ask(f, OP_PING, &ping.base), NULL);
}

/* What is with the writer when its client goes is done or not, but where it is, it knows who asked. */
static void a_request_outlives_its_link(void **state)
{
    struct fixture *f = *state;
    Crm__HistoryRequest history = CRM__HISTORY_REQUEST__INIT;
    const Crm__LoginReply *session = login(f);
    const Crm__HistoryChunk *chunk;
    uint64_t before = atomic_load(&f->core.seq);

    for (int i = 0; i < 20; i++) {
        Crm__Mutation *mutation = new_customer(f, "Left behind");

        (void)ask_mutate(f, &mutation, 1, NULL, 0);
        open_link(f);
        hello(f, session->token.data);
        take(f, FRAME_HELLO, 0, NULL);
    }
    add_customers(f, 1); /* behind them in the writer's queue */
    history.has_after_seq = true;
    history.after_seq = before;
    chunk = take(f, FRAME_CHUNK, ask(f, OP_HISTORY, &history.base), &crm__history_chunk__descriptor);
    assert_in_range(chunk->n_changes, 1, 21);
    for (size_t i = 0; i < chunk->n_changes; i++)
        assert_string_equal(chunk->changes[i]->from, "192.0.2.7 test/1");
}

static void goaway_lets_the_rest_finish(void **state)
{
    struct fixture *f = *state;
    Crm__Mutation *mutation = new_customer(f, "Last");
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    const Crm__Goaway *goaway;
    uint32_t stream;

    login(f);
    stream = ask_mutate(f, &mutation, 1, NULL, 0);
    link_goaway(f->link, CRM_SHUTTING_DOWN);
    goaway = take(f, FRAME_GOAWAY, 0, &crm__goaway__descriptor);
    assert_int_equal(goaway->last_stream, stream);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_SHUTTING_DOWN);
    assert_false(link_is_idle(f->link));
    take(f, FRAME_REPLY, stream, &crm__mutate_reply__descriptor);
    assert_true(link_is_idle(f->link));
}

static void pings_are_answered_but_not_for_ever(void **state)
{
    struct fixture *f = *state;
    Crm__Ping ping = CRM__PING__INIT;

    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
    ping.has_cookie = true;
    ping.cookie = 77;
    send_frame(f, FRAME_PING, 0, 0, &ping.base);
    assert_int_equal(((const Crm__Ping *)take(f, FRAME_PONG, 0, &crm__ping__descriptor))->cookie, 77);
    for (int i = 0; i < 100 && !f->closed; i++)
        send_frame(f, FRAME_PING, 0, 0, &ping.base);
    assert_true(f->closed);
}

static void credit_beyond_its_range_ends_it(void **state)
{
    struct fixture *f = *state;
    Crm__SubscribeRequest subscribe = CRM__SUBSCRIBE_REQUEST__INIT;
    Crm__Credit credit = CRM__CREDIT__INIT;
    uint32_t stream;

    login(f);
    stream = ask(f, OP_SUBSCRIBE, &subscribe.base);
    credit.has_bytes = true;
    credit.bytes = INT32_MAX;
    send_frame(f, FRAME_CREDIT, 0, stream, &credit.base);
    assert_true(f->closed);
}

static void deadlines_of_the_link_are_kept(void **state)
{
    struct fixture *f = *state;
    int64_t now = clock_monotonic_us();

    link_tick(f->link, now + 9000000);
    assert_false(f->closed);
    link_tick(f->link, now + 11000000);
    assert_true(f->closed);
    open_link(f);
    hello(f, NULL);
    link_tick(f->link, now + 15000000);
    assert_false(f->closed);
    link_tick(f->link, clock_monotonic_us() + 21000000);
    assert_true(f->closed);
}

static void a_starved_stream_meets_its_deadline(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    uint32_t stream;

    login(f);
    list.has_kind = true;
    list.kind = KIND_CUSTOMER;
    stream = ask(f, OP_LIST, &list.base);
    link_tick(f->link, clock_monotonic_us() + 11000000);
    take_error(f, stream, CRM_DEADLINE);
    assert_true(link_is_idle(f->link));
}

/* What was written comes to the same whatever the pieces it arrives in. */
static void any_cut_gives_the_same_answers(void **state)
{
    struct fixture *f = *state;
    struct slice whole[3];
    Crm__GetRequest get = CRM__GET_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    struct buf bytes;

    login(f);
    get.selector = (char *)"me";
    buf_init(&bytes, 1 << 20);
    for (size_t cut = 1; cut < 60; cut++) {
        whole[0] = frame_bytes(f, FRAME_REQUEST, OP_PING, f->next_stream, &ping.base);
        whole[1] = frame_bytes(f, FRAME_REQUEST, OP_GET, f->next_stream + 1, &get.base);
        whole[2] = frame_bytes(f, FRAME_REQUEST, OP_PING, f->next_stream + 2, &ping.base);
        buf_truncate(&bytes, 0);
        for (size_t i = 0; i < ARRAY_LEN(whole); i++)
            assert_int_equal(buf_append(&bytes, whole[i].data, whole[i].size), CRM_OK);
        for (size_t sent = 0, have = 0; have < bytes.size;) {
            size_t consumed;

            have = have + cut < bytes.size ? have + cut : bytes.size;
            assert_true(link_input(f->link, slice_of(buf_slice(&bytes).data + sent, have - sent), &consumed));
            sent += consumed;
        }
        for (uint32_t i = 0; i < 3; i++)
            take(f, FRAME_REPLY, f->next_stream++, NULL);
        assert_int_equal(f->out.size, 0);
    }
    buf_fini(&bytes);
}

static void history_tells_before_and_after(void **state)
{
    struct fixture *f = *state;
    Crm__Mutation *mutation = new_customer(f, "Before"), change = CRM__MUTATION__INIT, *changes = &change;
    Crm__Customer after = CRM__CUSTOMER__INIT;
    const Crm__MutateReply *reply;
    const Crm__HistoryChunk *chunk;
    Crm__HistoryRequest history = CRM__HISTORY_REQUEST__INIT;
    uint8_t packed[64];
    uint32_t stream;

    login(f);
    reply = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    after.name = (char *)"After";
    change.has_kind = change.has_id = change.has_verb = change.has_set = true;
    change.kind = KIND_CUSTOMER;
    change.id = reply->results[0]->id;
    change.verb = CRM__VERB__VERB_PATCH;
    change.set = (ProtobufCBinaryData){ .data = packed, .len = crm__customer__pack(&after, packed) };
    take(f, FRAME_REPLY, ask_mutate(f, &changes, 1, NULL, 0), NULL);
    history.has_kind = history.has_id = true;
    history.kind = KIND_CUSTOMER;
    history.id = reply->results[0]->id;
    stream = ask(f, OP_HISTORY, &history.base);
    chunk = take(f, FRAME_CHUNK, stream, &crm__history_chunk__descriptor);
    assert_int_equal(chunk->n_changes, 2);
    assert_int_equal(chunk->changes[0]->rev, 2);
    assert_int_equal(chunk->changes[0]->n_fields, 1);
    assert_string_equal(
        crm__customer__unpack(&f->arena.protobuf, chunk->changes[0]->fields[0]->before.len, chunk->changes[0]->fields[0]->before.data)->name,
        "Before");
    assert_string_equal(
        crm__customer__unpack(&f->arena.protobuf, chunk->changes[0]->fields[0]->after.len, chunk->changes[0]->fields[0]->after.data)->name,
        "After");
    assert_int_equal(chunk->changes[1]->verb, CRM__VERB__VERB_CREATE);
    take(f, FRAME_END, stream, NULL);
}

static void counts_are_grouped_by_choice(void **state)
{
    struct fixture *f = *state;
    Crm__CountRequest count = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    Crm__Mutation *mutation = new_customer(f, "Grouped");
    Crm__Customer customer = CRM__CUSTOMER__INIT;

    login(f);
    customer.name = (char *)"Grouped";
    customer.has_status = true;
    customer.status = CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
    mutation->set.len = crm__customer__pack(&customer, mutation->set.data);
    take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), NULL);
    count.has_kind = count.has_group = true;
    count.kind = KIND_CUSTOMER;
    count.group = 8; /* status */
    reply = take(f, FRAME_REPLY, ask(f, OP_COUNT, &count.base), &crm__count_reply__descriptor);
    assert_int_equal(reply->n_groups, 1);
    assert_int_equal(reply->groups[0]->count, 1);
    assert_null(reply->groups[0]->value->text);
    assert_int_equal(reply->groups[0]->value->integer, CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE);
}

static void describe_is_empty_for_who_knows_already(void **state)
{
    struct fixture *f = *state;
    Crm__DescribeRequest describe = CRM__DESCRIBE_REQUEST__INIT;
    const Crm__DescribeReply *reply;

    login(f);
    reply = take(f, FRAME_REPLY, ask(f, OP_DESCRIBE, &describe.base), &crm__describe_reply__descriptor);
    assert_int_equal(reply->n_kinds, KIND_MAX);
    describe.has_known_level = true;
    describe.known_level = reply->level;
    reply = take(f, FRAME_REPLY, ask(f, OP_DESCRIBE, &describe.base), &crm__describe_reply__descriptor);
    assert_int_equal(reply->n_kinds, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hello_comes_first),
        TEST(hello_tells_limits_and_epoch),
        TEST(hello_of_another_version_is_refused),
        TEST(every_operation_but_two_asks_for_login),
        TEST(wrong_password_and_unknown_user_read_alike),
        TEST(a_token_resumes_in_the_first_flight),
        TEST(a_token_that_is_none_says_so),
        TEST(logout_ends_the_session),
        TEST(stream_ids_rise),
        TEST(frames_that_only_the_server_sends_end_it),
        TEST(a_bad_body_fails_its_request_alone),
        TEST(created_is_read_back),
        TEST(the_same_key_gets_the_stored_answer),
        TEST(a_dry_run_leaves_nothing),
        TEST(a_list_waits_for_credit_and_ends_explicitly),
        TEST(pages_join_without_gap),
        TEST(a_token_of_another_query_or_a_changed_one_is_refused),
        TEST(a_cancelled_stream_ends_with_an_error),
        TEST(cancelling_for_its_own_sake_ends_it),
        TEST(more_streams_than_announced_are_busy),
        TEST(subscribers_are_told),
        TEST(a_subscription_after_an_old_seq_is_told_that_it_is_behind),
        TEST(a_staged_upload_is_applied_atomically),
        TEST(an_upload_that_was_cut_goes_on),
        TEST(an_upload_with_another_hash_is_refused),
        TEST(chunks_beyond_credit_end_it),
        TEST(an_upload_may_fail_before_it_has_begun),
        TEST(a_request_outlives_its_link),
        TEST(goaway_lets_the_rest_finish),
        TEST(pings_are_answered_but_not_for_ever),
        TEST(credit_beyond_its_range_ends_it),
        TEST(deadlines_of_the_link_are_kept),
        TEST(a_starved_stream_meets_its_deadline),
        TEST(any_cut_gives_the_same_answers),
        TEST(history_tells_before_and_after),
        TEST(counts_are_grouped_by_choice),
        TEST(describe_is_empty_for_who_knows_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
