/*
 * test_link_hostile.c - clients that ask for too much, and what happens to their neighbours
 *
 * The same server as test_link.c, over plain buffers. Time stands, or runs as a test says.
 */
#include "tests/unit/link_fixture.h"

#include <stdatomic.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/dispatch/request.h"

#define LONG_NAME 1000 /* bytes of a name that makes answers large */

/* --- a clock that the tests set */

static atomic_llong time_us = 1000000000, time_step_us; /* each look at the clock takes a step */

static int64_t fake_monotonic(void)
{
    return atomic_fetch_add(&time_us, atomic_load(&time_step_us));
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

/* --- talking */

static const char *long_name(struct fixture *f, size_t n)
{
    char *name = arena_printf(&f->arena, "%0*zu", LONG_NAME, n);

    assert_non_null(name);
    return name;
}

/* A batch of customers; the id of each is in *out_ids where that is asked for. */
static void add_named(struct fixture *f, size_t n, bool is_long, const struct uuid *parents, struct uuid *out_ids)
{
    Crm__Mutation **mutations = arena_alloc(&f->arena, n * sizeof *mutations);

    for (size_t i = 0; i < n; i++) {
        Crm__Customer customer = CRM__CUSTOMER__INIT;
        uint8_t *bytes = arena_alloc(&f->arena, 4096);

        mutations[i] = new_customer(f, "");
        customer.name = (char *)(is_long ? long_name(f, i) : arena_printf(&f->arena, "short %zu", i));
        if (parents) {
            customer.has_parent = true;
            customer.parent = (ProtobufCBinaryData){ .data = (uint8_t *)parents[i].bytes, .len = UUID_SIZE };
        }
        mutations[i]->set = (ProtobufCBinaryData){ .data = bytes, .len = crm__customer__pack(&customer, bytes) };
    }
    for (size_t at = 0; at < n; at += 400) {
        uint32_t stream = ask_mutate(f, mutations + at, n - at < 400 ? n - at : 400, NULL, 0);
        const Crm__MutateReply *reply = take(f, FRAME_REPLY, stream, &crm__mutate_reply__descriptor);

        for (size_t i = 0; i < reply->n_results; i++) {
            assert_false(reply->results[i]->has_status);
            if (out_ids)
                assert_true(uuid_from_slice(slice_of(reply->results[i]->id.data, reply->results[i]->id.len), &out_ids[at + i]));
        }
    }
}

static void still_answers(struct fixture *f)
{
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;

    assert_false(f->closed);
    take(f, FRAME_REPLY, ask(f, OP_PING, &ping.base), NULL);
}

static uint32_t field_ref(enum kind kind, const char *name)
{
    return kind_field_by_name(kind_def((unsigned)kind), name)->ref;
}

/* --- answers that are too large */

static void an_answer_beyond_a_frame_fails_alone(void **state)
{
    struct fixture *f = *state;
    Crm__CountRequest count = CRM__COUNT_REQUEST__INIT;

    login(f);
    add_named(f, FRAME_MAX / LONG_NAME + 10, true, NULL, NULL);
    count.has_kind = count.has_group = true;
    count.kind = KIND_CUSTOMER;
    count.group = field_ref(KIND_CUSTOMER, "name");
    take_error(f, ask(f, OP_COUNT, &count.base), CRM_TOO_LARGE);
    still_answers(f);
}

static void titles_count_for_a_chunk(void **state)
{
    static struct uuid parents[200];
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    struct frame frame;
    size_t chunks = 0;

    login(f);
    add_named(f, ARRAY_LEN(parents), true, NULL, parents);
    add_named(f, ARRAY_LEN(parents), false, parents, NULL);
    list.has_kind = list.has_titles = true;
    list.kind = KIND_CUSTOMER;
    list.titles = true;
    ask(f, OP_LIST, &list.base);
    for (take_frame(f, &frame); frame.header.type == FRAME_CHUNK; take_frame(f, &frame), chunks++) {
        Crm__Credit credit = CRM__CREDIT__INIT;

        assert_in_range(frame.header.length, 0, FRAME_CHUNK_MAX + 8 * LONG_NAME);
        credit.has_bytes = true;
        credit.bytes = frame.header.length;
        send_frame(f, FRAME_CREDIT, 0, frame.header.stream, &credit.base);
    }
    assert_int_equal(frame.header.type, FRAME_END);
    assert_in_range(chunks, 4, 100);
}

/* --- a batch of which nearly all is refused */

static Crm__Mutation *new_deal(struct fixture *f, const char *stage)
{
    Crm__Mutation *mutation = new_customer(f, "");
    Crm__Deal deal = CRM__DEAL__INIT;
    uint8_t *bytes = arena_alloc(&f->arena, 4096);

    deal.name = (char *)"Deal";
    deal.stage = (char *)stage;
    mutation->kind = KIND_DEAL;
    mutation->set = (ProtobufCBinaryData){ .data = bytes, .len = crm__deal__pack(&deal, bytes) };
    return mutation;
}

static void a_long_answer_is_kept_without_sentences(void **state)
{
    static uint8_t client[16] = { 1 };
    struct fixture *f = *state;
    Crm__Mutation *mutations[400];
    const Crm__MutateReply *reply;

    login(f);
    for (size_t i = 0; i < ARRAY_LEN(mutations); i++)
        mutations[i] = new_deal(f, i ? long_name(f, i) : NULL);
    for (int again = 0; again < 2; again++) {
        reply = take(f, FRAME_REPLY, ask_mutate(f, mutations, ARRAY_LEN(mutations), client, 1), &crm__mutate_reply__descriptor);
        assert_int_equal(reply->duplicate, again);
        assert_int_equal(reply->n_results, ARRAY_LEN(mutations));
        assert_int_equal(reply->results[0]->rev, 1);
        assert_int_equal(reply->results[399]->error->status, CRM_INVALID);
        assert_int_equal(reply->results[399]->error->text != NULL, !again);
    }
}

/* --- records that have changed often */

/* A customer whose note of so many bytes is written so many times. */
static struct uuid often_changed(struct fixture *f, size_t note_size, size_t times)
{
    struct uuid id;
    char *note = arena_alloc(&f->arena, note_size + 1);

    add_named(f, 1, false, NULL, &id);
    for (size_t done = 0; done < times;) {
        Crm__Mutation *mutations[20];
        size_t n = times - done < ARRAY_LEN(mutations) ? times - done : ARRAY_LEN(mutations);

        for (size_t i = 0; i < n; i++, done++) {
            Crm__Customer customer = CRM__CUSTOMER__INIT;
            uint8_t *bytes = arena_alloc(&f->arena, note_size + 64);

            memset(note, 'a' + (int)(done % 26), note_size);
            note[note_size] = '\0';
            customer.note = note;
            mutations[i] = new_customer(f, "");
            mutations[i]->verb = CRM__VERB__VERB_PATCH;
            mutations[i]->has_id = true;
            mutations[i]->id = (ProtobufCBinaryData){ .data = arena_memdup(&f->arena, id.bytes, UUID_SIZE), .len = UUID_SIZE };
            mutations[i]->set = (ProtobufCBinaryData){ .data = bytes, .len = crm__customer__pack(&customer, bytes) };
        }
        take(f, FRAME_REPLY, ask_mutate(f, mutations, n, NULL, 0), &crm__mutate_reply__descriptor);
    }
    return id;
}

static void a_long_history_is_told_to_its_end(void **state)
{
    enum { TIMES = 4000, NOTE = 30000 };
    struct fixture *f = *state;
    Crm__HistoryRequest history = CRM__HISTORY_REQUEST__INIT;
    struct arena arena;
    struct frame frame;
    struct uuid id;
    size_t changes = 0;

    login(f);
    arena_fini(&f->arena);
    arena_init(&f->arena, 1u << 30);
    id = often_changed(f, NOTE, TIMES);
    history.has_kind = history.has_id = true;
    history.kind = KIND_CUSTOMER;
    history.id = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
    ask(f, OP_HISTORY, &history.base);
    for (take_frame(f, &frame); frame.header.type == FRAME_CHUNK; take_frame(f, &frame)) {
        Crm__Credit credit = CRM__CREDIT__INIT;
        const void *chunk;

        arena_init(&arena, 16u << 20);
        assert_int_equal(codec_unpack(&frame, &crm__history_chunk__descriptor, FRAME_MAX, &arena, &chunk, NULL), CRM_OK);
        changes += ((const Crm__HistoryChunk *)chunk)->n_changes;
        arena_fini(&arena);
        credit.has_bytes = true;
        credit.bytes = frame.header.length;
        send_frame(f, FRAME_CREDIT, 0, frame.header.stream, &credit.base);
    }
    assert_int_equal(frame.header.type, FRAME_END);
    assert_int_equal(changes, TIMES + 1);
}

/* A page as of the past, and how many there were. */
static void the_past_is_whole_or_an_error(void **state)
{
    enum { TIMES = 400, NOTE = 30000 };
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    Crm__CountRequest count = CRM__COUNT_REQUEST__INIT;
    Crm__AsOf as_of = CRM__AS_OF__INIT;
    const Crm__ListChunk *chunk;

    login(f);
    as_of.has_seq = true;
    as_of.seq = atomic_load(&f->core.seq) + 2; /* created, and its note written once */
    often_changed(f, NOTE, TIMES);
    list.has_kind = count.has_kind = true;
    list.kind = count.kind = KIND_CUSTOMER;
    list.as_of = count.as_of = &as_of;
    chunk = take(f, FRAME_CHUNK, ask(f, OP_LIST, &list.base), &crm__list_chunk__descriptor);
    assert_int_equal(chunk->n_records, 1);
    assert_int_equal(chunk->records[0]->header->rev, 2);
    take(f, FRAME_END, f->next_stream - 1, NULL);
    assert_int_equal(((const Crm__CountReply *)take(f, FRAME_REPLY, ask(f, OP_COUNT, &count.base), &crm__count_reply__descriptor))->count, 1);
}

/* --- searches and lists */

static void a_search_of_many_comes_in_chunks(void **state)
{
    enum { FOUND = 300 };
    struct fixture *f = *state;
    Crm__SearchRequest search = CRM__SEARCH_REQUEST__INIT;
    size_t records = 0, chunks = 0;
    struct frame frame;
    const void *message;

    login(f);
    add_named(f, FOUND, true, NULL, NULL);
    search.text = (char *)"0000";
    search.has_limit = true;
    search.limit = 1000;
    ask(f, OP_SEARCH, &search.base);
    for (take_frame(f, &frame); frame.header.type == FRAME_CHUNK; take_frame(f, &frame), chunks++) {
        Crm__Credit credit = CRM__CREDIT__INIT;

        assert_int_equal(codec_unpack(&frame, &crm__list_chunk__descriptor, FRAME_MAX, &f->arena, &message, NULL), CRM_OK);
        records += ((const Crm__ListChunk *)message)->n_records;
        credit.has_bytes = true;
        credit.bytes = frame.header.length;
        send_frame(f, FRAME_CREDIT, 0, frame.header.stream, &credit.base);
    }
    assert_int_equal(frame.header.type, FRAME_END);
    assert_int_equal(codec_unpack(&frame, &crm__list_reply__descriptor, FRAME_MAX, &f->arena, &message, NULL), CRM_OK);
    assert_int_equal(records, FOUND);
    assert_int_equal(((const Crm__ListReply *)message)->rows, FOUND);
    assert_in_range(chunks, 4, FOUND);
}

/* A commit between the turn's snapshot and its list: what it has moved must be flagged on later pages, so the list's seq is that of its snapshot. */
static void a_list_has_the_seq_of_its_snapshot(void **state)
{
    struct fixture *f = *state;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    struct slice bytes;
    uint64_t seq;
    size_t consumed;

    login(f);
    add_named(f, 1, false, NULL, NULL);
    seq = atomic_load(&f->core.seq);
    list.has_kind = true;
    list.kind = KIND_CUSTOMER;
    bytes = frame_bytes(f, FRAME_REQUEST, OP_LIST, f->next_stream++, &list.base);
    assert_true(link_input(f->link, bytes, &consumed)); /* the turn has its snapshot now, and goes on */
    atomic_fetch_add(&f->core.seq, 1);                  /* as the writer does after a commit */
    bytes = frame_bytes(f, FRAME_REQUEST, OP_LIST, f->next_stream++, &list.base);
    assert_true(link_input(f->link, bytes, &consumed));
    atomic_fetch_sub(&f->core.seq, 1);
    for (uint32_t stream = f->next_stream - 2, ended = 0; ended < 2;) {
        struct frame frame;
        const void *reply;

        take_frame(f, &frame);
        assert_in_range(frame.header.stream, stream, stream + 1);
        if (frame.header.type != FRAME_END)
            continue;
        assert_int_equal(codec_unpack(&frame, &crm__list_reply__descriptor, FRAME_MAX, &f->arena, &reply, NULL), CRM_OK);
        assert_int_equal(((const Crm__ListReply *)reply)->seq, seq);
        ended++;
    }
}

/* --- subscribers that do not read */

/* Fill the output above the mark at which nothing more is produced; how much was there before. */
static size_t fill_output(struct fixture *f)
{
    size_t before = f->out.size;
    uint8_t *room = buf_reserve(&f->out, 300000);

    assert_non_null(room);
    memset(room, 0, 300000);
    buf_commit(&f->out, 300000);
    return before;
}

static uint32_t subscribe(struct fixture *f, bool has_after)
{
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;

    request.has_after_seq = has_after;
    return ask(f, OP_SUBSCRIBE, &request.base);
}

static const Crm__Event *take_event(struct fixture *f, uint32_t stream)
{
    return take(f, FRAME_EVENT, stream, &crm__event__descriptor);
}

/* Nothing else happens afterwards: the next commit may be days away. */
static void who_missed_an_event_is_told_when_the_output_has_drained(void **state)
{
    struct fixture *f = *state;
    const Crm__Event *event;
    uint64_t seq;
    uint32_t stream;
    size_t kept;

    login(f);
    stream = subscribe(f, false);
    take(f, FRAME_REPLY, stream, NULL);
    ask_mutate(f, (Crm__Mutation *[]){ new_customer(f, "Missed") }, 1, NULL, 0);
    kept = fill_output(f);
    while (atomic_load(&f->core.seq) == 0 || f->out.size == kept + 300000) { /* until the answer is there */
        wait_for_wake(f);
        dispatch_thread_drain(f->thread);
    }
    buf_truncate(&f->out, 0);
    seq = atomic_load(&f->core.seq);
    event = take_event(f, stream);
    assert_true(event->behind);
    assert_int_equal(event->seq, seq);
    assert_int_equal(event->n_changes, 0);
}

/* A subscription that begins in the past, when its reply has filled the output. */
static void a_subscription_is_not_lost_for_a_full_output(void **state)
{
    struct fixture *f = *state;
    struct slice bytes;
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    uint32_t stream;
    size_t consumed;
    uint8_t *room;

    login(f);
    add_named(f, 1, false, NULL, NULL);
    request.has_after_seq = true;
    request.after_seq = 1;
    stream = f->next_stream++;
    bytes = frame_bytes(f, FRAME_REQUEST, OP_SUBSCRIBE, stream, &request.base);
    room = buf_reserve(&f->out, 256 * 1024);
    assert_non_null(room);
    buf_commit(&f->out, 256 * 1024); /* as high as it may be: the reply goes above */
    assert_true(link_input(f->link, bytes, &consumed));
    dispatch_thread_end_turn(f->thread);
    buf_consume(&f->out, 256 * 1024);
    take(f, FRAME_REPLY, stream, NULL);
    assert_true(take_event(f, stream)->behind);
    ask_mutate(f, (Crm__Mutation *[]){ new_customer(f, "Later") }, 1, NULL, 0);
    for (struct frame frame = { 0 }; frame.header.type != FRAME_EVENT;)
        take_frame(f, &frame);
}

/* --- requests that hold memory */

/* A list of all customers that are not of 500 industries. */
static uint32_t ask_heavy_list(struct fixture *f)
{
    static Crm__Value values[500], *pointers[ARRAY_LEN(values)];
    Crm__FilterNode nodes[2], *filter[] = { &nodes[0], &nodes[1] };
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        crm__value__init(&values[i]);
        values[i].text = (char *)long_name(f, i) + LONG_NAME - 100;
        pointers[i] = &values[i];
    }
    crm__filter_node__init(&nodes[0]);
    nodes[0].has_op = nodes[0].has_field = true;
    nodes[0].op = 1; /* equals any */
    nodes[0].field = field_ref(KIND_CUSTOMER, "industry");
    nodes[0].n_values = ARRAY_LEN(values);
    nodes[0].values = pointers;
    crm__filter_node__init(&nodes[1]);
    nodes[1].has_op = true;
    nodes[1].op = 22; /* not */
    list.has_kind = true;
    list.kind = KIND_CUSTOMER;
    list.n_filter = ARRAY_LEN(filter);
    list.filter = filter;
    return ask(f, OP_LIST, &list.base);
}

static void all_requests_share_a_bound_of_memory(void **state)
{
    enum { BOUND = 4u << 20 };
    struct fixture *f = *state;
    size_t refused = 0, before;

    login(f);
    add_named(f, 400, true, NULL, NULL); /* more than the credit of a stream: each list stays open */
    before = atomic_load(&f->dispatch->memory.used);
    f->dispatch->memory.max = BOUND;
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        uint32_t stream = ask_heavy_list(f);
        struct failure failure = { 0 };
        struct frame frame;
        size_t size;

        while (link_resume(f->link))
            buf_truncate(&f->out, 0);
        refused += frame_parse(buf_slice(&f->out), FRAME_MAX, &frame, &size, &failure) == FRAME_WHOLE && frame.header.type == FRAME_ERROR &&
                   frame.header.stream == stream && frame.header.code == CRM_NO_MEMORY;
        dispatch_thread_end_turn(f->thread);
        assert_true(atomic_load(&f->dispatch->memory.used) <= BOUND);
        buf_truncate(&f->out, 0);
    }
    assert_in_range(refused, 1, STREAMS_MAX - 2);
    still_answers(f);
    open_link(f); /* who goes gives it back */
    assert_true(atomic_load(&f->dispatch->memory.used) <= before + 2 * 65536);
}

/* --- requests that take long */

/* Every look at the clock takes half a millisecond: after 2 ms others have their turn, however much is there. */
static void a_turn_of_requests_ends_by_time(void **state)
{
    enum { PINGS = 200 };
    struct fixture *f = *state;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    uint8_t *bytes = arena_alloc(&f->arena, PINGS * 64);
    size_t size = 0, consumed = 0;

    login(f);
    for (int i = 0; i < PINGS; i++) {
        struct slice one = frame_bytes(f, FRAME_REQUEST, OP_PING, f->next_stream++, &ping.base);

        memcpy(bytes + size, one.data, one.size);
        size += one.size;
    }
    atomic_store(&time_step_us, 500);
    assert_true(link_input(f->link, slice_of(bytes, size), &consumed));
    atomic_store(&time_step_us, 0);
    assert_in_range(consumed, size / PINGS, size / 4);
    feed(f, slice_of(bytes + consumed, size - consumed));
    for (uint32_t stream = f->next_stream - PINGS; stream < f->next_stream; stream++)
        take(f, FRAME_REPLY, stream, NULL);
}

static void a_filter_does_not_name_thousands_of_records(void **state)
{
    static Crm__Value values[101], *pointers[ARRAY_LEN(values)];
    struct fixture *f = *state;
    Crm__FilterNode node = CRM__FILTER_NODE__INIT, *filter[] = { &node };
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;

    login(f);
    add_named(f, ARRAY_LEN(values), false, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        crm__value__init(&values[i]);
        values[i].text = arena_printf(&f->arena, "short %zu", i);
        pointers[i] = &values[i];
    }
    node.has_op = node.has_field = list.has_kind = true;
    node.op = 1;
    node.field = field_ref(KIND_CUSTOMER, "parent");
    node.n_values = ARRAY_LEN(values) - 1;
    node.values = pointers;
    list.kind = KIND_CUSTOMER;
    list.n_filter = 1;
    list.filter = filter;
    take(f, FRAME_END, ask(f, OP_LIST, &list.base), NULL);
    node.n_values++;
    take_error(f, ask(f, OP_LIST, &list.base), CRM_TOO_LARGE);
}

/* --- sessions that end while they are used */

/* Another connection beside the first; both write to the same output. */
static struct link *second_link(struct fixture *f, const uint8_t *token)
{
    struct link *first = f->link;

    f->link = NULL;
    open_link(f);
    hello(f, token);
    take(f, FRAME_HELLO, 0, NULL);
    return first;
}

static void swap_links(struct fixture *f, struct link **other)
{
    struct link *link = f->link;

    f->link = *other;
    *other = link;
}

static void a_logout_ends_what_goes_on(void **state)
{
    struct fixture *f = *state;
    Crm__LogoutRequest logout = CRM__LOGOUT_REQUEST__INIT;
    uint32_t watching[3], leaving, ended = 0;
    struct frame frame;

    login(f);
    for (size_t i = 0; i < ARRAY_LEN(watching); i++) {
        watching[i] = subscribe(f, false);
        take(f, FRAME_REPLY, watching[i], NULL);
    }
    leaving = ask(f, OP_LOGOUT, &logout.base);
    for (size_t i = 0; i < 1 + ARRAY_LEN(watching); i++) { /* the link may hear of the end before the answer comes back */
        take_frame(f, &frame);
        assert_int_equal(frame.header.type, frame.header.stream == leaving ? FRAME_REPLY : FRAME_ERROR);
        assert_int_equal(frame.header.code, frame.header.stream == leaving ? CRM_OK : CRM_NOT_LOGGED_IN);
        ended += frame.header.stream;
    }
    assert_int_equal(ended, leaving + watching[0] + watching[1] + watching[2]);
    assert_int_equal(atomic_load(&f->dispatch->watches), 0);
}

static void a_token_that_was_logged_out_is_out_everywhere(void **state)
{
    struct fixture *f = *state;
    Crm__LogoutRequest logout = CRM__LOGOUT_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    const Crm__LoginReply *reply = login(f);
    struct link *other;
    uint32_t watching = subscribe(f, false);

    take(f, FRAME_REPLY, watching, NULL);
    other = second_link(f, reply->token.data);
    take(f, FRAME_REPLY, ask(f, OP_LOGOUT, &logout.base), NULL);
    swap_links(f, &other);
    f->next_stream = watching + 1;
    link_tick(f->link, atomic_load(&time_us)); /* a subscription asks for nothing */
    take_error(f, watching, CRM_NOT_LOGGED_IN);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_NOT_LOGGED_IN);
    link_destroy(other);
}

static void a_new_password_ends_other_sessions(void **state)
{
    struct fixture *f = *state;
    Crm__PasswordRequest password = CRM__PASSWORD_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    struct link *other;

    login(f);
    other = f->link;
    f->link = NULL;
    open_link(f);
    login(f);
    password.current = (char *)PASSWORD;
    password.password = (char *)"battery staple";
    take(f, FRAME_REPLY, ask(f, OP_PASSWORD, &password.base), NULL);
    still_answers(f);
    swap_links(f, &other);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_NOT_LOGGED_IN);
    link_destroy(other);
}

static ProtobufCBinaryData role_named(struct fixture *f, const char *name)
{
    Crm__GetRequest get = CRM__GET_REQUEST__INIT;
    const Crm__GetReply *reply;

    get.has_kind = true;
    get.kind = KIND_ROLE;
    get.selector = (char *)(uintptr_t)name;
    reply = take(f, FRAME_REPLY, ask(f, OP_GET, &get.base), &crm__get_reply__descriptor);
    return reply->record->header->id;
}

/* Whose account is closed while they are connected. */
static void a_user_who_is_not_active_any_more_is_out(void **state)
{
    struct fixture *f = *state;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    const Crm__LoginReply *admin = login(f), *ann;
    Crm__InviteRequest invite = CRM__INVITE_REQUEST__INIT;
    Crm__LoginRequest by_code = CRM__LOGIN_REQUEST__INIT;
    Crm__User user = CRM__USER__INIT;
    Crm__Mutation *mutation = new_customer(f, "");
    const Crm__MutateReply *created;
    uint8_t bytes[256];
    struct link *other;

    user.login = user.name = (char *)"ann";
    user.has_team = user.has_role = true;
    user.team = admin->team;
    user.role = role_named(f, admin->role);
    mutation->kind = KIND_USER;
    mutation->set = (ProtobufCBinaryData){ .data = bytes, .len = crm__user__pack(&user, bytes) };
    created = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    invite.has_user = true;
    invite.user = created->results[0]->id;
    by_code.code = ((const Crm__InviteReply *)take(f, FRAME_REPLY, ask(f, OP_INVITE, &invite.base), &crm__invite_reply__descriptor))->code;
    by_code.new_password = (char *)"battery staple";
    other = second_link(f, NULL);
    ann = take(f, FRAME_REPLY, ask(f, OP_LOGIN, &by_code.base), &crm__login_reply__descriptor);
    assert_string_equal(ann->login, "ann");

    crm__user__init(&user);
    user.has_active = true;
    user.active = false;
    mutation = new_customer(f, "");
    mutation->kind = KIND_USER;
    mutation->verb = CRM__VERB__VERB_PATCH;
    mutation->has_id = true;
    mutation->id = created->results[0]->id;
    mutation->set = (ProtobufCBinaryData){ .data = bytes, .len = crm__user__pack(&user, bytes) };
    swap_links(f, &other);
    f->next_stream = 1000;
    take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), NULL);
    still_answers(f);
    swap_links(f, &other);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_REVOKED);
    link_destroy(other);
}

/* --- what an administrator can find again */

static void an_error_has_a_trace_of_its_own(void **state)
{
    static const uint8_t none[16], mine[16] = { 1, 2, 3 };
    struct fixture *f = *state;
    Crm__GetRequest get = CRM__GET_REQUEST__INIT;
    Crm__Meta meta = CRM__META__INIT;
    uint8_t first[16];
    const Crm__Error *error;

    login(f);
    get.selector = (char *)"C-4711";
    error = take_error(f, ask(f, OP_GET, &get.base), CRM_NOT_FOUND);
    assert_int_equal(error->trace.len, sizeof first);
    assert_memory_not_equal(error->trace.data, none, sizeof none);
    memcpy(first, error->trace.data, sizeof first);
    error = take_error(f, ask(f, OP_GET, &get.base), CRM_NOT_FOUND);
    assert_memory_not_equal(error->trace.data, first, sizeof first);
    get.meta = &meta;
    meta.has_trace = true;
    meta.trace = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)mine, .len = sizeof mine };
    error = take_error(f, ask(f, OP_GET, &get.base), CRM_NOT_FOUND);
    assert_memory_equal(error->trace.data, mine, sizeof mine);
}

static enum crm_status damage_record(struct store_txn *txn, void *id)
{
    uint8_t key[RECORD_KEY_SIZE];

    record_key(KIND_CUSTOMER, id, key);
    return store_put(txn, STORE_RECORD, slice_of(key, sizeof key), slice_of(key, sizeof key));
}

/* Line by line, what the server says on stderr while a record is damaged. */
static void what_is_the_servers_fault_is_logged(void **state)
{
    struct fixture *f = *state;
    Crm__GetRequest get = CRM__GET_REQUEST__INIT;
    char text[4096] = "", hex[2 * 16 + 1];
    const Crm__Error *error;
    struct uuid id;
    int saved, pipe_fds[2];
    ssize_t size;

    login(f);
    add_named(f, 1, false, NULL, &id);
    assert_int_equal(store_write_run(f->store, damage_record, &id), CRM_OK);
    get.has_kind = get.has_id = true;
    get.kind = KIND_CUSTOMER;
    get.id = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
    assert_int_equal(pipe(pipe_fds), 0);
    saved = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    error = take_error(f, ask(f, OP_GET, &get.base), CRM_CORRUPT);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipe_fds[1]);
    size = read(pipe_fds[0], text, sizeof text - 1);
    close(pipe_fds[0]);
    assert_true(size > 0);
    hex_format(error->trace.data, 16, hex);
    assert_non_null(strstr(text, "record.get"));
    assert_non_null(strstr(text, "corrupt"));
    assert_non_null(strstr(text, hex));
}

/* --- before login, and time that runs out */

static void one_password_at_a_time(void **state)
{
    struct fixture *f = *state;
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    struct slice one, two;
    uint8_t *both;

    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
    request.login = (char *)"admin";
    request.password = (char *)PASSWORD;
    one = frame_bytes(f, FRAME_REQUEST, OP_LOGIN, 1, &request.base);
    two = frame_bytes(f, FRAME_REQUEST, OP_LOGIN, 2, &request.base);
    both = arena_alloc(&f->arena, one.size + two.size);
    memcpy(both, one.data, one.size);
    memcpy(both + one.size, two.data, two.size);
    feed(f, slice_of(both, one.size + two.size));
    take_error(f, 2, CRM_BUSY);
    take(f, FRAME_REPLY, 1, NULL);
}

static void a_count_ends_at_its_deadline(void **state)
{
    struct fixture *f = *state;
    Crm__CountRequest count = CRM__COUNT_REQUEST__INIT;
    Crm__AsOf as_of = CRM__AS_OF__INIT;

    login(f);
    add_named(f, 800, false, NULL, NULL);
    as_of.has_seq = count.has_kind = true;
    as_of.seq = atomic_load(&f->core.seq);
    count.kind = KIND_CUSTOMER;
    count.as_of = &as_of; /* in small steps */
    atomic_store(&time_step_us, 2000000);
    take_error(f, ask(f, OP_COUNT, &count.base), CRM_DEADLINE);
    atomic_store(&time_step_us, 0);
    still_answers(f);
}

static void an_upload_that_stands_still_ends(void **state)
{
    struct fixture *f = *state;
    Crm__UploadRequest request = CRM__UPLOAD_REQUEST__INIT;
    uint32_t stream;

    login(f);
    stream = ask(f, OP_UPLOAD, &request.base);
    take(f, FRAME_CREDIT, stream, NULL);
    link_tick(f->link, atomic_load(&time_us) + INT64_C(119000000));
    assert_int_equal(f->out.size, 0);
    link_tick(f->link, atomic_load(&time_us) + INT64_C(121000000));
    take_error(f, stream, CRM_DEADLINE);
    assert_true(link_is_idle(f->link));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_count_ends_at_its_deadline),
        TEST(one_password_at_a_time),
        TEST(an_upload_that_stands_still_ends),
        TEST(an_error_has_a_trace_of_its_own),
        TEST(what_is_the_servers_fault_is_logged),
        TEST(a_logout_ends_what_goes_on),
        TEST(a_token_that_was_logged_out_is_out_everywhere),
        TEST(a_new_password_ends_other_sessions),
        TEST(a_user_who_is_not_active_any_more_is_out),
        TEST(a_turn_of_requests_ends_by_time),
        TEST(a_filter_does_not_name_thousands_of_records),
        TEST(all_requests_share_a_bound_of_memory),
        TEST(who_missed_an_event_is_told_when_the_output_has_drained),
        TEST(a_subscription_is_not_lost_for_a_full_output),
        TEST(a_search_of_many_comes_in_chunks),
        TEST(a_list_has_the_seq_of_its_snapshot),
        TEST(a_long_history_is_told_to_its_end),
        TEST(the_past_is_whole_or_an_error),
        TEST(a_long_answer_is_kept_without_sentences),
        TEST(an_answer_beyond_a_frame_fails_alone),
        TEST(titles_count_for_a_chunk),
    };

    return cmocka_run_group_tests(tests, set_clock, NULL);
}
