/*
 * push_fixture.h - what the tests of sending share: an office (the real server, stepped, over a map) and a line to it whose round trips are counted and which
 * may be cut behind any byte; replicas over maps, which can be copied; an office that is restored from a backup
 *
 * No thread, no socket. What a client writes reaches the office when the client has nothing more to do but to read: one round trip.
 */
#ifndef CRM_TEST_PUSH_FIXTURE_H
#define CRM_TEST_PUSH_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>

#include "client/lib/client.h"
#include "client/replica/local.h"
#include "client/replica/push.h"
#include "client/replica/sync.h"
#include "common/base/clock.h"
#include "common/engine/view.h"
#include "proto/codec.h"
#include "server/admin/first_records.h"
#include "server/dispatch/dispatch.h"
#include "server/dispatch/link.h"
#include "server/engine/core.h"
#include "server/engine/number.h"
#include "server/session/session.h"

#include <cmocka.h>

#define PASSWORD   "correct horse"
#define TOKEN_ROOM 64

struct office {
    struct store *store;
    struct core core;
    struct dispatch *dispatch;
    struct dispatch_thread *thread;
    bool is_open, is_woken;
    unsigned restores;
    uint8_t token[TOKEN_ROOM];
    size_t token_size;
    struct arena arena;     /* of the test */
    /* the line */
    unsigned rounds;        /* round trips since it was asked last */
    unsigned requests, open, open_max;
    uint64_t cut_up, cut_down; /* bytes of the next connection; 0: it holds */
    uint64_t sent, came;       /* bytes of the last connection */
};

static struct office office;

/* --- the server */

static inline void on_wake(void *arg)
{
    (void)arg;
    office.is_woken = true;
}

static inline void office_open(struct store *store)
{
    struct failure failure = { 0 };
    struct settings settings;

    config_defaults(settings_table, settings_count, &settings);
    office.store = store;
    assert_int_equal(core_init(&office.core, store, &settings, "/nowhere", &failure), CRM_OK);
    assert_int_equal(dispatch_create_stepped(&office.core, &office.dispatch), CRM_OK);
    assert_int_equal(dispatch_thread_create(office.dispatch, on_wake, NULL, &office.thread), CRM_OK);
    office.is_open = true;
}

/* No client may be there. */
static inline void office_close(void)
{
    if (!office.is_open)
        return;
    dispatch_stop(office.dispatch);
    dispatch_thread_destroy(office.thread);
    dispatch_destroy(office.dispatch);
    core_fini(&office.core);
    store_close(office.store);
    office.is_open = false;
}

static inline struct store *copy_of(struct store *store)
{
    struct store *copy;

    assert_int_equal(store_open_map_of(store, &copy), CRM_OK);
    return copy;
}

static inline enum crm_status raise_epoch(struct store_txn *txn, void *arg)
{
    struct arena *arena = arg;
    struct view view = { .txn = txn };
    struct writeset *set = writeset_create(arena);
    uint32_t epoch;

    assert_non_null(set);
    assert_int_equal(core_begin_epoch(&view, set, clock_now_us() + ++office.restores * INT64_C(1000000), arena, &epoch), CRM_OK);
    return writeset_apply(set, txn);
}

/* As crmd restore does: the backup becomes the database, in a new epoch. backup moves in. */
static inline void office_restore(struct store *backup)
{
    office_close();
    assert_int_equal(store_write_run(backup, raise_epoch, &office.arena), CRM_OK);
    office_open(backup);
}

/* --- the line */

struct wire {
    struct transport base;
    struct link *link;
    struct buf up, in, out, down;
    uint64_t up_left, down_left;
    bool is_closed, is_cut;
};

static inline void on_flush(void *conn)
{
    (void)conn;
}

static inline void on_close(void *conn)
{
    ((struct wire *)conn)->is_closed = true;
}

static inline enum transport_result wire_connect(struct transport *transport, struct failure *failure)
{
    (void)transport;
    (void)failure;
    return TRANSPORT_DONE;
}

static inline enum transport_result wire_write(struct transport *transport, const void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct wire *wire = (struct wire *)transport;
    size_t n = size < wire->up_left ? size : (size_t)wire->up_left;

    (void)failure;
    if (wire->is_closed)
        return TRANSPORT_CLOSED;
    assert_int_equal(buf_append(&wire->up, data, n), CRM_OK);
    office.sent += n;
    wire->up_left -= n;
    wire->is_cut |= n < size;
    *out_n = size;
    return TRANSPORT_DONE;
}

static inline void count_frames(struct slice bytes, enum frame_type type, int step)
{
    struct failure failure = { 0 };
    struct frame frame;
    size_t n;

    while (frame_parse(bytes, FRAME_MAX, &frame, &n, &failure) == FRAME_WHOLE) {
        bool counts = frame.header.type == type || (type == FRAME_REPLY && frame.header.type == FRAME_ERROR);

        if (counts) {
            office.open = (unsigned)((int)office.open + step);
            office.requests += step > 0;
        }
        bytes = slice_of(bytes.data + n, bytes.size - n);
    }
    if (office.open > office.open_max)
        office.open_max = office.open;
}

/* All that the office can do with what has come. */
static inline void office_work(struct wire *wire)
{
    bool any = true;

    while (any && !wire->is_closed) {
        size_t consumed = 0;

        any = wire->in.size > 0 && link_wants_input(wire->link);
        if (any) {
            link_input(wire->link, buf_slice(&wire->in), &consumed);
            buf_consume(&wire->in, consumed);
            any = consumed > 0;
        }
        if (!wire->is_closed)
            any |= link_resume(wire->link);
        dispatch_thread_end_turn(office.thread);
        any |= dispatch_step(office.dispatch);
        if (office.is_woken) {
            office.is_woken = false;
            dispatch_thread_drain(office.thread);
            dispatch_thread_end_turn(office.thread);
            any = true;
        }
    }
}

/* There and back. */
static inline void carry(struct wire *wire)
{
    struct slice bytes = buf_slice(&wire->up);
    size_t n;

    office.rounds += wire->up.size > 0;
    link_tick(wire->link, clock_monotonic_us());
    count_frames(bytes, FRAME_REQUEST, 1);
    assert_int_equal(buf_append(&wire->in, bytes.data, bytes.size), CRM_OK);
    buf_consume(&wire->up, bytes.size);
    office_work(wire);
    bytes = buf_slice(&wire->out);
    count_frames(bytes, FRAME_REPLY, -1);
    n = bytes.size < wire->down_left ? bytes.size : (size_t)wire->down_left;
    assert_int_equal(buf_append(&wire->down, bytes.data, n), CRM_OK);
    wire->down_left -= n;
    wire->is_cut |= n < bytes.size;
    office.came += n;
    buf_consume(&wire->out, bytes.size);
}

static inline enum transport_result wire_read(struct transport *transport, void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct wire *wire = (struct wire *)transport;

    (void)failure;
    if (wire->down.size == 0)
        carry(wire);
    if (wire->down.size == 0)
        return wire->is_closed || wire->is_cut ? TRANSPORT_CLOSED : TRANSPORT_WANT_READ;
    *out_n = wire->down.size < size ? wire->down.size : size;
    memcpy(data, buf_slice(&wire->down).data, *out_n);
    buf_consume(&wire->down, *out_n);
    return TRANSPORT_DONE;
}

static inline void wire_destroy(struct transport *transport)
{
    struct wire *wire = (struct wire *)transport;

    link_destroy(wire->link);
    buf_fini(&wire->up);
    buf_fini(&wire->in);
    buf_fini(&wire->out);
    buf_fini(&wire->down);
    free(wire);
}

static const struct transport_ops wire_ops = { .connect = wire_connect, .read = wire_read, .write = wire_write, .destroy = wire_destroy };

static inline enum crm_status wire_open(void *arg, int64_t until_us, struct transport **out_transport, struct failure *failure)
{
    struct wire *wire = calloc(1, sizeof *wire);
    struct link_carrier carrier = { .conn = wire, .want_flush = on_flush, .want_close = on_close };

    (void)arg;
    (void)until_us;
    (void)failure;
    assert_non_null(wire);
    wire->base = (struct transport){ .ops = &wire_ops, .fd = -1, .is_ready = true };
    buf_init(&wire->up, 64u << 20);
    buf_init(&wire->in, 64u << 20);
    buf_init(&wire->out, 64u << 20);
    buf_init(&wire->down, 64u << 20);
    wire->up_left = office.cut_up ? office.cut_up : UINT64_MAX;
    wire->down_left = office.cut_down ? office.cut_down : UINT64_MAX;
    office.cut_up = office.cut_down = office.sent = office.came = 0;
    office.open = 0;
    carrier.out = &wire->out;
    wire->link = link_create(office.thread, &carrier, "192.0.2.7");
    assert_non_null(wire->link);
    *out_transport = &wire->base;
    return CRM_OK;
}

/* A lost connection is not made again by the library, which would wait: who sends begins anew. */
static inline struct crm_client *dial(void)
{
    const struct connector connector = { .open = wire_open };
    const struct crm_options options = { .host = "office", .token = office.token_size ? office.token : NULL, .token_size = office.token_size,
                                         .reconnect_attempts = CRM_NO_RECONNECT };
    struct crm_client *client;

    assert_int_equal(client_create(&options, &connector, &client), CRM_OK);
    return client;
}

/* --- replicas */

/* A copy of one, as it is on disk now. */
static inline struct replica *replica_copy(struct replica *replica)
{
    struct failure failure = { 0 };
    struct replica *copy;

    assert_int_equal(replica_open_store(copy_of(replica_store(replica)), &copy, &failure), CRM_OK);
    return copy;
}

static inline enum crm_status try_pull(struct replica *replica)
{
    const struct sync_options options = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL };
    struct crm_client *client = dial();
    struct sync_progress progress;
    struct failure failure = { 0 };
    enum crm_status status = sync_run(replica, client, &options, &progress, &failure);

    if (status != CRM_OK)
        print_error("%s\n", failure.text);
    crm_client_destroy(client);
    return status;
}

/* The changes that the server has answered, as they are told. */
struct told {
    struct push_counts counts;
    unsigned n, renumbered;
    uint64_t progress; /* the last that was told */
    unsigned rests;
};

static inline void on_answer(void *arg, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer)
{
    struct told *told = arg;

    told->n++;
    told->renumbered += queued->wanted != 0 && answer->number != queued->wanted;
}

static inline void on_progress(void *arg, const struct push_counts *so_far)
{
    struct told *told = arg;

    assert_true(so_far->answered >= told->progress && so_far->answered <= so_far->total);
    told->progress = so_far->answered;
}

static inline void on_rest(void *arg, uint32_t ms)
{
    struct told *told = arg;

    told->rests += ms > 0;
}

static inline enum crm_status try_push(struct replica *replica, struct told *told)
{
    const struct push_options options = { .on_answer = on_answer, .on_progress = on_progress, .rest = on_rest, .arg = told };
    struct crm_client *client = dial();
    struct failure failure = { 0 };
    enum crm_status status;

    *told = (struct told){ .n = 0 };
    office.rounds = office.requests = office.open_max = 0;
    status = push_run(replica, client, &options, &told->counts, &failure);
    if (status != CRM_OK)
        print_error("%s\n", failure.text);
    crm_client_destroy(client);
    return status;
}

static inline struct told push(struct replica *replica)
{
    struct told told;

    assert_int_equal(try_push(replica, &told), CRM_OK);
    assert_int_equal(told.counts.answered, told.progress);
    return told;
}

/* --- changes */

static inline Crm__Mutation *mutation_of(enum kind kind, Crm__Verb verb, const struct uuid *id, const ProtobufCMessage *message)
{
    Crm__Mutation *mutation = arena_alloc(&office.arena, sizeof *mutation);
    struct slice body = { 0 };

    assert_non_null(mutation);
    crm__mutation__init(mutation);
    mutation->has_kind = mutation->has_verb = mutation->has_id = true;
    mutation->kind = kind;
    mutation->verb = verb;
    mutation->id = (ProtobufCBinaryData){ .data = arena_memdup(&office.arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
    if (message)
        assert_int_equal(codec_pack(message, &office.arena, &body), CRM_OK);
    mutation->has_set = message != NULL;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)body.data, .len = body.size };
    return mutation;
}

static inline Crm__Mutation *customer_of(Crm__Verb verb, const struct uuid *id, const char *name, const char *industry)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;

    customer.name = (char *)(uintptr_t)name;
    customer.industry = (char *)(uintptr_t)industry;
    return mutation_of(KIND_CUSTOMER, verb, id, &customer.base);
}

/* Through the client, the office's or a replica's. One request, atomic where there are several. */
static inline enum crm_status mutate(struct crm_client *client, Crm__Mutation **mutations, size_t n)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    const Crm__MutateReply *reply;
    struct crm_call *call;
    enum crm_status status;

    request.mutations = mutations;
    request.n_mutations = n;
    request.has_atomic = request.atomic = n > 1;
    status = crm_mutate(client, &request, &call, &reply);
    if (status != CRM_OK)
        print_error("%s\n", crm_call_error(call)->text);
    else
        status = (enum crm_status)reply->results[0]->status;
    crm_call_destroy(call);
    return status;
}

static inline void queue_all(struct replica *replica, Crm__Mutation **mutations, size_t n)
{
    struct crm_client *client;

    assert_int_equal(local_client_create(replica, &client), CRM_OK);
    assert_int_equal(mutate(client, mutations, n), CRM_OK);
    crm_client_destroy(client);
}

static inline void queue(struct replica *replica, Crm__Mutation *mutation)
{
    queue_all(replica, &mutation, 1);
}

/* A new customer, by the replica's user. */
static inline struct uuid queue_customer(struct replica *replica, const char *name)
{
    struct uuid id = uuid_create();

    queue(replica, customer_of(CRM__VERB__VERB_CREATE, &id, name, NULL));
    return id;
}

static inline void in_office(Crm__Mutation *mutation)
{
    struct crm_client *client = dial();

    assert_int_equal(mutate(client, &mutation, 1), CRM_OK);
    crm_client_destroy(client);
}

static inline struct outbox_list outbox_of(struct replica *replica)
{
    struct outbox_list list = { 0 };
    struct failure failure = { 0 };

    assert_int_equal(outbox_load(replica, &office.arena, &list, &failure), CRM_OK);
    return list;
}

/* --- what the office has */

struct counting {
    const char *name;
    unsigned n;
    struct record_header header;
    const Crm__Customer *customer;
};

static inline bool count_customer(void *arg, struct slice key, struct slice value)
{
    struct counting *counting = arg;
    struct record record;
    struct uuid id;
    enum kind kind;
    const Crm__Customer *customer;

    if (!record_key_parse(key, &kind, &id) || kind != KIND_CUSTOMER)
        return true;
    assert_int_equal(record_decode(kind, &id, value, &record), CRM_OK);
    customer = crm__customer__unpack(&office.arena.protobuf, record.body.size, record.body.data);
    assert_non_null(customer);
    if (counting->name && strcmp(customer->name, counting->name) != 0)
        return true;
    counting->n++;
    counting->header = record.header;
    counting->customer = customer;
    return true;
}

static inline enum crm_status count_run(struct store_txn *txn, void *arg)
{
    return store_scan(txn, STORE_RECORD, &(struct store_range){ 0 }, count_customer, arg);
}

/* Customers of that name, or all; in the office or in a replica. */
static inline struct counting customers_in(struct store *store, const char *name)
{
    struct counting counting = { .name = name };

    assert_int_equal(store_read_run(store, count_run, &counting), CRM_OK);
    return counting;
}

static inline struct counting customers(const char *name)
{
    return customers_in(office.store, name);
}

static inline uint64_t seq_now(void)
{
    return atomic_load(&office.core.seq);
}

/* --- setting up: an office with a customer, and a replica that has it */

static struct replica *rep;
static struct uuid acme;

static inline int setup(void **state)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__LoginReply *reply;
    struct failure failure = { 0 };
    char encoded[PASSWORD_ENCODED_SIZE];
    struct store *store, *empty;
    struct crm_client *client;
    struct crm_call *call;

    (void)state;
    memset(&office, 0, sizeof office);
    arena_init(&office.arena, (size_t)256 << 20);
    assert_int_equal(store_open_map(&store), CRM_OK);
    assert_int_equal(password_hash(PASSWORD, encoded), CRM_OK);
    assert_int_equal(first_records_write(store,
                                         &(struct first_records){ .company = "Test", .currency = "USD", .time_zone = "UTC", .login = "admin",
                                                                  .password_encoded = encoded },
                                         &failure),
                     CRM_OK);
    office_open(store);
    client = dial();
    request.login = (char *)(uintptr_t)"admin";
    request.password = (char *)(uintptr_t)PASSWORD;
    assert_int_equal(crm_login(client, &request, &call, &reply), CRM_OK);
    assert_true(reply->token.len <= TOKEN_ROOM);
    office.token_size = reply->token.len;
    memcpy(office.token, reply->token.data, reply->token.len);
    crm_call_destroy(call);
    crm_client_destroy(client);
    acme = uuid_create();
    in_office(customer_of(CRM__VERB__VERB_CREATE, &acme, "Acme", "retail"));
    assert_int_equal(store_open_map(&empty), CRM_OK);
    assert_int_equal(replica_open_store(empty, &rep, &failure), CRM_OK);
    assert_int_equal(try_pull(rep), CRM_OK);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    replica_close(rep);
    rep = NULL;
    office_close();
    arena_fini(&office.arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
