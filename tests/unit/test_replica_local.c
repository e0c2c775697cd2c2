/*
 * test_replica_local.c - the same libcrm calls to a server and to the replica that was synced from it: the same bytes come back
 *
 * The server is a link with the real operations (link_fixture.h) behind a transport of the test's; the replica is filled by a real sync.
 */
#include <unistd.h>

#include "client/lib/client.h"
#include "client/replica/local.h"
#include "client/replica/sync.h"
#include "common/model/filter.h"
#include "link_fixture.h"

#define CUSTOMERS 700
#define DEALS     900

static struct fixture *server;
static struct crm_client *online, *offline;
static struct replica *replica;
static struct schema *schema;
static char home[64];

/* --- a transport to the link */

struct wire {
    struct transport base;
    struct buf in;      /* whole frames of the link's, to be read */
    unsigned expected;  /* answers that are still to come */
    unsigned chunks_left; /* then the line is cut; 0: it holds */
};

static unsigned cut_after; /* of transports that are opened from now on */

static enum transport_result wire_connect(struct transport *transport, struct failure *failure)
{
    (void)transport;
    (void)failure;
    return TRANSPORT_DONE;
}

static enum transport_result wire_write(struct transport *transport, const void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct wire *wire = (struct wire *)transport;
    struct slice rest = slice_of(data, size);
    struct frame frame;
    size_t n;

    while (frame_parse(rest, FRAME_MAX, &frame, &n, failure) == FRAME_WHOLE) {
        wire->expected += frame.header.type == FRAME_HELLO || frame.header.type == FRAME_REQUEST;
        rest = slice_of(rest.data + n, rest.size - n);
    }
    assert_int_equal(rest.size, 0);
    feed(server, slice_of(data, size));
    *out_n = size;
    return TRANSPORT_DONE;
}

static enum transport_result wire_read(struct transport *transport, void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct wire *wire = (struct wire *)transport;
    uint8_t header[FRAME_HEADER_SIZE];
    struct frame frame;

    (void)failure;
    if (wire->in.size == 0 && wire->expected > 0) {
        take_frame(server, &frame);
        if (frame.header.type == FRAME_CHUNK && wire->chunks_left && --wire->chunks_left == 0)
            return TRANSPORT_CLOSED;
        wire->expected -= frame.header.type != FRAME_CHUNK;
        frame_put_header(header, &frame.header);
        assert_int_equal(buf_append(&wire->in, header, sizeof header), CRM_OK);
        assert_int_equal(buf_append(&wire->in, frame.body.data, frame.body.size), CRM_OK);
    }
    if (wire->in.size == 0)
        return TRANSPORT_WANT_READ;
    *out_n = wire->in.size < size ? wire->in.size : size;
    memcpy(data, buf_slice(&wire->in).data, *out_n);
    buf_consume(&wire->in, *out_n);
    return TRANSPORT_DONE;
}

static void wire_destroy(struct transport *transport)
{
    buf_fini(&((struct wire *)transport)->in);
    free(transport);
}

static const struct transport_ops wire_ops = { .connect = wire_connect, .read = wire_read, .write = wire_write, .destroy = wire_destroy };

static enum crm_status wire_open(void *arg, int64_t until_us, struct transport **out_transport, struct failure *failure)
{
    struct wire *wire = calloc(1, sizeof *wire);

    (void)arg;
    (void)until_us;
    (void)failure;
    assert_non_null(wire);
    wire->base = (struct transport){ .ops = &wire_ops, .fd = -1, .is_ready = true };
    wire->chunks_left = cut_after;
    buf_init(&wire->in, 4u << 20);
    open_link(server);
    *out_transport = &wire->base;
    return CRM_OK;
}

static void connect_online(const uint8_t *token, size_t size)
{
    const struct connector connector = { .open = wire_open };
    const struct crm_options options = { .host = "link", .token = token, .token_size = size };

    crm_client_destroy(online);
    assert_int_equal(client_create(&options, &connector, &online), CRM_OK);
}

/* --- what the server has */

static struct uuid customer_id(size_t i)
{
    struct uuid id = { { 0xc0 } };

    id.bytes[14] = (uint8_t)(i >> 8);
    id.bytes[15] = (uint8_t)i;
    return id;
}

static Crm__Mutation *create(unsigned kind, const struct uuid *id, const ProtobufCMessage *message)
{
    Crm__Mutation *mutation = arena_alloc(&server->arena, sizeof *mutation);
    struct slice body;

    assert_int_equal(codec_pack(message, &server->arena, &body), CRM_OK);
    crm__mutation__init(mutation);
    mutation->has_kind = mutation->has_verb = mutation->has_set = mutation->has_id = true;
    mutation->kind = kind;
    mutation->verb = CRM__VERB__VERB_CREATE;
    mutation->id = (ProtobufCBinaryData){ .data = arena_memdup(&server->arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)body.data, .len = body.size };
    return mutation;
}

static Crm__Mutation *make_customer(size_t i)
{
    static const char *const industries[] = { "retail", "Médical", "软件" }, *const names[] = { "Acme", "Globex", "上海科技", "北京软件" };
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    char *phone = arena_printf(&server->arena, "+1 555 %04zu", i % 97);
    struct uuid id = customer_id(i);

    customer.name = arena_printf(&server->arena, "%s %zu", names[i % ARRAY_LEN(names)], i);
    if (i % 4)
        customer.industry = (char *)(uintptr_t)industries[i % ARRAY_LEN(industries)];
    customer.phones = &phone;
    customer.n_phones = i % 2;
    return create(KIND_CUSTOMER, &id, &customer.base);
}

static Crm__Mutation *make_deal(size_t i)
{
    Crm__Deal deal = CRM__DEAL__INIT;
    Crm__Money amount = CRM__MONEY__INIT;
    struct uuid customer = customer_id(i * 7 % CUSTOMERS), id = customer;

    id.bytes[0] = 0xd0;
    id.bytes[13] = (uint8_t)(i >> 8);
    id.bytes[12] = (uint8_t)i;
    deal.name = arena_printf(&server->arena, "Deal %zu", i);
    deal.has_customer = true;
    deal.customer = (ProtobufCBinaryData){ .data = customer.bytes, .len = UUID_SIZE };
    amount.has_minor = true;
    amount.minor = (int64_t)(i * 37 % 500) * 100;
    amount.currency = (char *)(uintptr_t)"USD";
    if (i % 5)
        deal.amount = &amount;
    return create(KIND_DEAL, &id, &deal.base);
}

static void add(size_t n, Crm__Mutation *(*make)(size_t i))
{
    for (size_t at = 0; at < n; at += 100) {
        Crm__Mutation *mutations[100];
        Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
        const Crm__MutateReply *reply;
        struct crm_call *call;

        request.mutations = mutations;
        for (; request.n_mutations < 100 && at + request.n_mutations < n; request.n_mutations++)
            mutations[request.n_mutations] = make(at + request.n_mutations);
        assert_int_equal(crm_mutate(online, &request, &call, &reply), CRM_OK);
        for (size_t i = 0; i < reply->n_results; i++)
            if (reply->results[i]->status)
                fail_msg("%s", reply->results[i]->error->text);
        crm_call_destroy(call);
    }
}

static struct sync_progress sync_now(void)
{
    const struct sync_options options = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL };
    struct sync_progress progress;
    struct failure failure = { 0 };

    if (sync_run(replica, online, &options, &progress, &failure) != CRM_OK)
        fail_msg("%s", failure.text);
    return progress;
}

static int group_setup(void **state)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__LoginReply *reply;
    struct failure failure = { 0 };
    struct crm_call *call;
    uint8_t token[64];
    size_t size;

    assert_int_equal(setup(state), 0);
    server = *state;
    assert_int_equal(schema_create(&schema), CRM_OK);
    strcpy(home, "/tmp/crm-test-local-XXXXXX");
    assert_non_null(mkdtemp(home));
    connect_online(NULL, 0);
    request.login = (char *)(uintptr_t)"admin";
    request.password = (char *)(uintptr_t)PASSWORD;
    assert_int_equal(crm_login(online, &request, &call, &reply), CRM_OK);
    size = reply->token.len;
    memcpy(token, reply->token.data, size);
    crm_call_destroy(call);
    add(CUSTOMERS, make_customer);
    add(DEALS, make_deal);
    cut_after = 2; /* of the first sync every connection dies with its second page */
    connect_online(token, size);
    assert_int_equal(replica_open(home, REPLICA_WRITE, &replica, &failure), CRM_OK);
    assert_true(sync_now().cuts > 1);
    cut_after = 0;
    connect_online(token, size);
    assert_int_equal(sync_now().records, 0);
    assert_int_equal(local_client_create(replica, &offline), CRM_OK);
    return 0;
}

static int group_teardown(void **state)
{
    struct failure failure = { 0 };

    crm_client_destroy(online);
    crm_client_destroy(offline);
    replica_close(replica);
    assert_int_equal(replica_wipe(home, &failure), CRM_OK);
    rmdir(home);
    schema_unref(schema);
    return teardown(state);
}

/* --- asking both */

/* All that a client says to a request: chunks without where they are cut, and the end. */
struct said {
    struct buf records; /* packed, one behind the other */
    struct buf titles;
    struct buf reply;
    enum crm_status status;
    char text[256];
    uint8_t token[600];
    size_t token_size;
};

static void append(struct buf *buf, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *room = buf_reserve(buf, size + 1);

    assert_non_null(room);
    buf_commit(buf, protobuf_c_message_pack(message, room));
}

/* Each chunk has the titles of its own records: what an earlier one had does not count. */
static void append_new(struct buf *buf, const ProtobufCMessage *message)
{
    size_t before = buf->size;
    struct slice all;

    append(buf, message);
    all = buf_slice(buf);
    if (before && memmem(all.data, before, all.data + before, all.size - before))
        buf_truncate(buf, before);
}

static void on_chunk(void *arg, const ProtobufCMessage *message)
{
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;
    struct said *said = arg;

    for (size_t i = 0; i < chunk->n_records; i++)
        append(&said->records, &chunk->records[i]->base);
    for (size_t i = 0; i < chunk->n_titles; i++)
        append_new(&said->titles, &chunk->titles[i]->base);
}

static void said_fini(struct said *said)
{
    buf_fini(&said->records);
    buf_fini(&said->titles);
    buf_fini(&said->reply);
}

static void hear(struct crm_client *client, enum operation operation, const ProtobufCMessage *request, struct said *said)
{
    struct crm_call_options options = { .on_chunk = on_chunk, .arg = said };
    struct crm_call *call;

    *said = (struct said){ 0 };
    buf_init(&said->records, 16u << 20);
    buf_init(&said->titles, 16u << 20);
    buf_init(&said->reply, 16u << 20);
    said->status = crm_call_run(client, operation, request, &options, &call);
    snprintf(said->text, sizeof said->text, "%s", crm_call_error(call)->text);
    if (said->status == CRM_OK && (operation == OP_LIST || operation == OP_SEARCH)) {
        Crm__ListReply reply = *(const Crm__ListReply *)crm_call_reply(call);

        said->token_size = reply.token.len; /* each side's own */
        if (reply.token.len)
            memcpy(said->token, reply.token.data, reply.token.len);
        reply.has_token = false;
        append(&said->reply, &reply.base);
    } else if (said->status == CRM_OK) {
        append(&said->reply, crm_call_reply(call));
    }
    crm_call_destroy(call);
}

static void assert_same_bytes(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->size, b->size);
    if (a->size)
        assert_memory_equal(buf_slice(a).data, buf_slice(b).data, a->size);
}

/* Both say the same; how many bytes of records. */
static size_t compare(enum operation operation, const ProtobufCMessage *request)
{
    struct said here, there;
    size_t size;

    hear(online, operation, request, &there);
    hear(offline, operation, request, &here);
    assert_int_equal(here.status, there.status);
    assert_string_equal(here.text, there.text);
    assert_same_bytes(&here.records, &there.records);
    assert_same_bytes(&here.reply, &there.reply);
    assert_same_bytes(&here.titles, &there.titles);
    assert_int_equal(here.token_size > 0, there.token_size > 0);
    size = here.records.size;
    said_fini(&here);
    said_fini(&there);
    return size;
}

static void set_filter(unsigned kind, const char *text, size_t *out_n, Crm__FilterNode ***out_nodes)
{
    const struct value_context context = { .currency = "USD", .today = 17106, .now_us = 17106 * INT64_C(86400000000) };
    struct failure failure = { 0 };
    struct filter filter;

    if (filter_parse(schema, kind_def(kind), text, &context, NULL, NULL, &server->arena, &filter, &failure) != CRM_OK)
        fail_msg("%s: %s", text, failure.text);
    assert_int_equal(filter_to_wire(&filter, &server->arena, out_n, out_nodes), CRM_OK);
}

static uint32_t field(unsigned kind, const char *name)
{
    return schema_field_by_name(schema, kind_def(kind), name)->ref;
}

/* --- tests */

static void get_says_the_same(void **state)
{
    static const char *const selectors[] = { "C-1", "D-17", "c-700", "Acme 4", "上海科技 2", "me", "17", "C-9999", "nobody", "" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
        Crm__GetRequest request = CRM__GET_REQUEST__INIT;

        request.selector = (char *)(uintptr_t)selectors[i];
        request.has_titles = request.titles = true;
        compare(OP_GET, &request.base);
        request.has_kind = true;
        request.kind = KIND_DEAL;
        compare(OP_GET, &request.base);
    }
    for (size_t i = 0; i < 20; i++) {
        struct uuid id = customer_id(i * 40);
        Crm__GetRequest request = CRM__GET_REQUEST__INIT;

        request.has_kind = request.has_id = true;
        request.kind = i % 7 ? KIND_CUSTOMER : KIND_DEAL;
        request.id = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
        compare(OP_GET, &request.base);
    }
}

static void list_says_the_same(void **state)
{
    static const struct {
        unsigned kind;
        const char *filter, *sort;
        bool descending;
    } lists[] = {
        { KIND_CUSTOMER, "", NULL, false },
        { KIND_CUSTOMER, "industry = retail", "name", false },
        { KIND_CUSTOMER, "industry is empty or name ~ 科技", "name", true },
        { KIND_CUSTOMER, "phones ~ 55", "created", true },
        { KIND_DEAL, "", "amount", true },
        { KIND_DEAL, "amount > 100 and amount < 20k", "name", false },
        { KIND_DEAL, "customer.industry = retail", "amount", false },
        { KIND_DEAL, "customer = C-8", NULL, false },
        { KIND_DEAL, "owner = me and state = open", "number", true },
        { KIND_USER, "", NULL, false },
        { KIND_PIPELINE, "", NULL, false },
        { KIND_PRODUCT, "", NULL, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
        Crm__Sort sort = CRM__SORT__INIT, *sorts = &sort;

        request.has_kind = true;
        request.kind = lists[i].kind;
        set_filter(lists[i].kind, lists[i].filter, &request.n_filter, &request.filter);
        sort.has_field = sort.has_descending = true;
        sort.field = lists[i].sort ? field(lists[i].kind, lists[i].sort) : 0;
        sort.descending = lists[i].descending;
        request.sort = &sorts;
        request.n_sort = lists[i].sort != NULL;
        request.has_titles = request.titles = true;
        assert_int_equal(compare(OP_LIST, &request.base) == 0, lists[i].kind == KIND_PRODUCT);
        request.has_limit = true;
        request.limit = 50;
        compare(OP_LIST, &request.base);
    }
}

static void pages_say_the_same(void **state)
{
    Crm__ListRequest here = CRM__LIST_REQUEST__INIT, there;
    struct said mine, theirs;
    Crm__Sort sort = CRM__SORT__INIT, *sorts = &sort;
    uint8_t tokens[2][600];
    size_t pages = 0;

    (void)state;
    here.has_kind = here.has_limit = sort.has_field = true;
    here.kind = KIND_DEAL;
    here.limit = 130;
    sort.field = field(KIND_DEAL, "amount");
    here.sort = &sorts;
    here.n_sort = 1;
    there = here;
    do {
        hear(offline, OP_LIST, &here.base, &mine);
        hear(online, OP_LIST, &there.base, &theirs);
        assert_int_equal(mine.status, CRM_OK);
        assert_same_bytes(&mine.records, &theirs.records);
        here.has_token = there.has_token = true;
        memcpy(tokens[0], mine.token, sizeof mine.token);
        memcpy(tokens[1], theirs.token, sizeof theirs.token);
        here.token = (ProtobufCBinaryData){ .data = tokens[0], .len = mine.token_size };
        there.token = (ProtobufCBinaryData){ .data = tokens[1], .len = theirs.token_size };
        said_fini(&mine);
        said_fini(&theirs);
        pages++;
    } while (here.token.len > 0 && there.token.len > 0);
    assert_int_equal(here.token.len, there.token.len);
    assert_int_equal(pages, 7);
    here.token = (ProtobufCBinaryData){ .data = tokens[0], .len = 20 };
    tokens[0][9] ^= 1;
    hear(offline, OP_LIST, &here.base, &mine);
    assert_int_equal(mine.status, CRM_INVALID);
    said_fini(&mine);
}

static void count_says_the_same(void **state)
{
    static const struct {
        unsigned kind;
        const char *filter, *group, *sum;
    } counts[] = {
        { KIND_CUSTOMER, "", NULL, NULL },
        { KIND_CUSTOMER, "name ~ acme", "industry", NULL },
        { KIND_DEAL, "", "stage", "amount" },
        { KIND_DEAL, "customer.industry = retail", "owner", "amount" },
        { KIND_DEAL, "amount > 100", NULL, "amount" },
        { KIND_DEAL, "", "stage", "name" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;

        request.has_kind = true;
        request.kind = counts[i].kind;
        set_filter(counts[i].kind, counts[i].filter, &request.n_filter, &request.filter);
        request.has_group = counts[i].group != NULL;
        request.group = counts[i].group ? field(counts[i].kind, counts[i].group) : 0;
        request.has_sum = counts[i].sum != NULL;
        request.sum = counts[i].sum ? field(counts[i].kind, counts[i].sum) : 0;
        compare(OP_COUNT, &request.base);
    }
}

static void search_says_the_same(void **state)
{
    static const char *const texts[] = { "acme", "glob", "上海", "科技", "deal 17", "0042", "nothing like it", "!" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;

        request.text = (char *)(uintptr_t)texts[i];
        request.has_titles = request.titles = true;
        compare(OP_SEARCH, &request.base);
        request.has_limit = true;
        request.limit = 400;
        compare(OP_SEARCH, &request.base);
    }
}

static void describe_says_the_same(void **state)
{
    Crm__DescribeRequest request = CRM__DESCRIBE_REQUEST__INIT;

    (void)state;
    compare(OP_DESCRIBE, &request.base);
    request.has_kind = true;
    request.kind = KIND_DEAL;
    compare(OP_DESCRIBE, &request.base);
    request.kind = 4711;
    compare(OP_DESCRIBE, &request.base);
}

static void the_rest_needs_the_server(void **state)
{
    Crm__HistoryRequest history = CRM__HISTORY_REQUEST__INIT;
    Crm__EraseRequest erase = CRM__ERASE_REQUEST__INIT;
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    struct said said;

    (void)state;
    hear(offline, OP_HISTORY, &history.base, &said);
    assert_int_equal(said.status, CRM_UNREACHABLE);
    assert_string_equal(said.text, "this needs the server");
    said_fini(&said);
    hear(offline, OP_ERASE, &erase.base, &said);
    assert_int_equal(said.status, CRM_UNREACHABLE); /* and not UNKNOWN: surely nothing was changed */
    said_fini(&said);
    list.has_kind = list.has_deleted = list.deleted = true;
    list.kind = KIND_DEAL;
    hear(offline, OP_LIST, &list.base, &said);
    assert_int_equal(said.status, CRM_UNREACHABLE);
    said_fini(&said);
}

static void many_calls_at_once_are_all_answered(void **state)
{
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    struct crm_call *calls[100];

    (void)state;
    list.has_kind = true;
    list.kind = KIND_CUSTOMER;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        assert_int_equal(crm_call_start(offline, i % 3 ? OP_PING : OP_LIST, i % 3 ? &ping.base : &list.base, NULL, &calls[i]), CRM_OK);
    crm_call_cancel(calls[3]);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(crm_call_wait(calls[i]), i == 3 ? CRM_CANCELLED : CRM_OK);
        if (i % 3 == 0 && i != 3)
            assert_int_equal(((const Crm__ListReply *)crm_call_reply(calls[i]))->rows, CUSTOMERS);
    }
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        crm_call_destroy(calls[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_says_the_same),     cmocka_unit_test(list_says_the_same),
        cmocka_unit_test(pages_say_the_same),    cmocka_unit_test(count_says_the_same),
        cmocka_unit_test(search_says_the_same),  cmocka_unit_test(describe_says_the_same),
        cmocka_unit_test(the_rest_needs_the_server), cmocka_unit_test(many_calls_at_once_are_all_answered),
    };

    return cmocka_run_group_tests_name("replica.local", tests, group_setup, group_teardown);
}
