/*
 * outbox_fixture.h - what the tests of the outbox share: a replica with one customer of the server's, changes of it, what is queued and shown
 */
#ifndef CRM_TEST_OUTBOX_FIXTURE_H
#define CRM_TEST_OUTBOX_FIXTURE_H

#include <stdlib.h>
#include <unistd.h>

#include "client/replica/outbox.h"
#include "client/replica/rows.h"
#include "common/engine/view.h"
#include "proto/records.pb-c.h"

#define NOW_US (INT64_C(20000) * 86400000000)

static struct test {
    char home[64];
    struct replica *replica;
    struct arena arena;
    struct uuid customer, user;
} test;

/* --- customers, packed */

static inline struct slice packed(const ProtobufCMessage *message)
{
    uint8_t *bytes = arena_alloc(&test.arena, protobuf_c_message_get_packed_size(message) + 1);

    assert_non_null(bytes);
    return slice_of(bytes, protobuf_c_message_pack(message, bytes));
}

static inline struct slice body_of(const char *name, const char *industry)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;

    customer.name = (char *)(uintptr_t)name;
    customer.industry = (char *)(uintptr_t)industry;
    return packed(&customer.base);
}

/* The server's words: a record is like this now. Without a body: it is to be forgotten. */
struct telling {
    struct record_header header;
    struct slice body;
};

static inline enum crm_status tell_run(struct store_txn *txn, void *arg)
{
    const struct telling *telling = arg;
    struct record record = { .header = telling->header, .body = telling->body };
    Crm__Record wire;
    Crm__Header header;
    struct failure failure = { 0 };
    struct rows rows;
    enum crm_status status = rows_init(&rows, txn, replica_state(test.replica)->schema, &test.arena);

    assert_int_equal(status, CRM_OK);
    if (telling->body.size > 0) {
        record_to_wire(&record, &wire, &header);
        status = rows_take(&rows, &wire, &failure);
    } else {
        status = rows_forget(&rows, (uint32_t)record.header.kind, &record.header.id);
    }
    return status == CRM_OK ? rows_apply(&rows) : status;
}

static inline void tell_record(enum kind kind, const struct uuid *id, const struct uuid *root, uint64_t rev, struct slice body)
{
    struct telling telling = { .header = { .id = *id, .kind = kind, .number = 7, .rev = rev, .root = *root, .owner = test.user }, .body = body };

    assert_int_equal(store_write_run(replica_store(test.replica), tell_run, &telling), CRM_OK);
}

/* The customer; name NULL: it is to be forgotten. */
static inline void tell(const char *name, const char *industry, uint64_t rev)
{
    tell_record(KIND_CUSTOMER, &test.customer, &test.customer, rev, name ? body_of(name, industry) : (struct slice){ 0 });
}

static inline void carry(void)
{
    struct failure failure = { 0 };

    assert_int_equal(outbox_carry(test.replica, NOW_US, &failure), CRM_OK);
}

static inline int setup(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    memset(&test, 0, sizeof test);
    strcpy(test.home, "/tmp/crm-test-outbox-XXXXXX");
    assert_non_null(mkdtemp(test.home));
    arena_init(&test.arena, (size_t)64 << 20);
    test.customer.bytes[0] = 7;
    test.user.bytes[0] = 1;
    assert_int_equal(replica_open(test.home, REPLICA_WRITE, &test.replica, &failure), CRM_OK);
    tell("Acme", "retail", 5);
    return 0;
}

static inline int teardown(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    replica_close(test.replica);
    assert_int_equal(replica_wipe(test.home, &failure), CRM_OK);
    assert_int_equal(rmdir(test.home), 0);
    arena_fini(&test.arena);
    return 0;
}

/* --- who it is */

static inline enum crm_status session_run(struct store_txn *txn, void *arg)
{
    return replica_put(txn, ROW_SESSION, *(const struct slice *)arg);
}

/* The replica's user, with these permissions; NULL: the server has not said. */
static inline void log_in(Crm__Permissions *may)
{
    Crm__LoginReply session = CRM__LOGIN_REPLY__INIT;
    struct failure failure = { 0 };
    struct slice bytes;

    session.has_user = true;
    session.user = (ProtobufCBinaryData){ .data = test.user.bytes, .len = UUID_SIZE };
    session.may = may;
    bytes = packed(&session.base);
    assert_int_equal(store_write_run(replica_store(test.replica), session_run, &bytes), CRM_OK);
    assert_int_equal(replica_load(test.replica, &failure), CRM_OK);
}

/* --- changing and looking */

struct adding {
    const Crm__Mutation *mutation;
    Crm__MutateResult result;
    struct failure failure;
    bool keep;
};

static inline enum crm_status add_run(struct store_txn *txn, void *arg)
{
    struct adding *adding = arg;
    const struct outbox_add add = { .replica = test.replica, .txn = txn, .arena = &test.arena, .now_us = NOW_US, .keep = adding->keep };

    crm__mutate_result__init(&adding->result);
    return outbox_add(&add, adding->mutation, &adding->result, &adding->failure);
}

static inline enum crm_status add(const Crm__Mutation *mutation, struct adding *adding)
{
    *adding = (struct adding){ .mutation = mutation, .keep = true };
    return store_write_run(replica_store(test.replica), add_run, adding);
}

static inline Crm__Mutation mutation_of(Crm__Verb verb, const struct uuid *id, struct slice set)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;

    mutation.has_kind = mutation.has_verb = mutation.has_id = true;
    mutation.kind = KIND_CUSTOMER;
    mutation.verb = verb;
    mutation.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
    mutation.has_set = set.size > 0;
    mutation.set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)set.data, .len = set.size };
    return mutation;
}

static inline void set_name(const char *name)
{
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of(name, NULL));
    struct adding adding;

    assert_int_equal(add(&mutation, &adding), CRM_OK);
    assert_true(adding.result.pending);
}

static inline struct outbox_list queue(void)
{
    struct failure failure = { 0 };
    struct outbox_list list = { 0 };

    assert_int_equal(outbox_load(test.replica, &test.arena, &list, &failure), CRM_OK);
    return list;
}

struct looking {
    const struct uuid *id;
    const Crm__Customer *customer; /* NULL: there is none */
    struct record record;
    struct uuid alias;
    enum crm_status alias_status;
};

static inline enum crm_status look_run(struct store_txn *txn, void *arg)
{
    struct looking *looking = arg;
    const struct view view = { .txn = txn, .schema = replica_state(test.replica)->schema };
    enum crm_status status = view_record(&view, KIND_CUSTOMER, looking->id, &looking->record);

    looking->alias_status = outbox_alias(txn, KIND_CUSTOMER, RECORD_NUMBER_LOCAL | 1, &looking->alias);
    if (status == CRM_OK)
        looking->customer = crm__customer__unpack(&test.arena.protobuf, looking->record.body.size, looking->record.body.data);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static inline struct looking look(const struct uuid *id)
{
    struct looking looking = { .id = id };

    assert_int_equal(store_read_run(replica_store(test.replica), look_run, &looking), CRM_OK);
    return looking;
}

static inline void assert_shown(const char *name, const char *industry)
{
    const Crm__Customer *customer = look(&test.customer).customer;

    assert_non_null(customer);
    assert_string_equal(customer->name, name);
    assert_string_equal(customer->industry, industry);
}

#endif
