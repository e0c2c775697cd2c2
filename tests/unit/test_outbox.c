/*
 * test_outbox.c - changes queued in a replica: what they show, what the server is told of them, how they are carried over to what it tells
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/replica/outbox.h"
#include "client/replica/rows.h"
#include "common/engine/view.h"
#include "proto/records.pb-c.h"

#define NOW_US (INT64_C(20000) * 86400000000)

static struct test {
    char home[64];
    struct replica *replica;
    struct arena arena;
    struct uuid customer;
} test;

/* --- customers, packed */

static struct slice body_of(const char *name, const char *industry)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    uint8_t *bytes;
    size_t size;

    customer.name = (char *)(uintptr_t)name;
    customer.industry = (char *)(uintptr_t)industry;
    size = crm__customer__get_packed_size(&customer);
    bytes = arena_alloc(&test.arena, size + 1);
    assert_non_null(bytes);
    crm__customer__pack(&customer, bytes);
    return slice_of(bytes, size);
}

/* The server's words: the customer has this state. NULL: it is to be forgotten. */
struct telling {
    const char *name, *industry;
    uint64_t rev;
};

static enum crm_status tell_run(struct store_txn *txn, void *arg)
{
    const struct telling *telling = arg;
    struct record record = { .header = { .id = test.customer, .kind = KIND_CUSTOMER, .number = 7, .rev = telling->rev, .root = test.customer } };
    Crm__Record wire;
    Crm__Header header;
    struct failure failure = { 0 };
    struct rows rows;
    enum crm_status status = rows_init(&rows, txn, replica_state(test.replica)->schema, &test.arena);

    assert_int_equal(status, CRM_OK);
    if (telling->name) {
        record.body = body_of(telling->name, telling->industry);
        record_to_wire(&record, &wire, &header);
        status = rows_take(&rows, &wire, &failure);
    } else {
        status = rows_forget(&rows, KIND_CUSTOMER, &test.customer);
    }
    return status == CRM_OK ? rows_apply(&rows) : status;
}

static void tell(const char *name, const char *industry, uint64_t rev)
{
    struct telling telling = { .name = name, .industry = industry, .rev = rev };

    assert_int_equal(store_write_run(replica_store(test.replica), tell_run, &telling), CRM_OK);
}

static void carry(void)
{
    struct failure failure = { 0 };

    assert_int_equal(outbox_carry(test.replica, NOW_US, &failure), CRM_OK);
}

static int setup(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    memset(&test, 0, sizeof test);
    strcpy(test.home, "/tmp/crm-test-outbox-XXXXXX");
    assert_non_null(mkdtemp(test.home));
    arena_init(&test.arena, (size_t)16 << 20);
    test.customer.bytes[0] = 7;
    assert_int_equal(replica_open(test.home, REPLICA_WRITE, &test.replica, &failure), CRM_OK);
    tell("Acme", "retail", 5);
    return 0;
}

static int teardown(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    replica_close(test.replica);
    assert_int_equal(replica_wipe(test.home, &failure), CRM_OK);
    assert_int_equal(rmdir(test.home), 0);
    arena_fini(&test.arena);
    return 0;
}

/* --- changing and looking */

struct adding {
    const Crm__Mutation *mutation;
    Crm__MutateResult result;
    struct failure failure;
    bool keep;
};

static enum crm_status add_run(struct store_txn *txn, void *arg)
{
    struct adding *adding = arg;
    const struct outbox_add add = { .replica = test.replica, .txn = txn, .arena = &test.arena, .now_us = NOW_US, .keep = adding->keep };

    crm__mutate_result__init(&adding->result);
    return outbox_add(&add, adding->mutation, &adding->result, &adding->failure);
}

static enum crm_status add(const Crm__Mutation *mutation, struct adding *adding)
{
    *adding = (struct adding){ .mutation = mutation, .keep = true };
    return store_write_run(replica_store(test.replica), add_run, adding);
}

static Crm__Mutation mutation_of(Crm__Verb verb, const struct uuid *id, struct slice set)
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

static void set_name(const char *name)
{
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of(name, NULL));
    struct adding adding;

    assert_int_equal(add(&mutation, &adding), CRM_OK);
    assert_true(adding.result.pending);
}

static struct outbox_list queue(void)
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

static enum crm_status look_run(struct store_txn *txn, void *arg)
{
    struct looking *looking = arg;
    const struct view view = { .txn = txn, .schema = replica_state(test.replica)->schema };
    enum crm_status status = view_record(&view, KIND_CUSTOMER, looking->id, &looking->record);

    looking->alias_status = outbox_alias(txn, KIND_CUSTOMER, RECORD_NUMBER_LOCAL | 1, &looking->alias);
    if (status == CRM_OK)
        looking->customer = crm__customer__unpack(&test.arena.protobuf, looking->record.body.size, looking->record.body.data);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static struct looking look(const struct uuid *id)
{
    struct looking looking = { .id = id };

    assert_int_equal(store_read_run(replica_store(test.replica), look_run, &looking), CRM_OK);
    return looking;
}

static void assert_shown(const char *name, const char *industry)
{
    const Crm__Customer *customer = look(&test.customer).customer;

    assert_non_null(customer);
    assert_string_equal(customer->name, name);
    assert_string_equal(customer->industry, industry);
}

/* --- stories */

static void a_change_is_shown_and_says_what_its_author_saw(void **state)
{
    const Crm__Mutation *queued;
    struct outbox_list list;
    Crm__Customer *old;

    (void)state;
    set_name("Acme Works");
    assert_shown("Acme Works", "retail");
    list = queue();
    assert_int_equal(list.n, 1);
    queued = list.items[0].queued->mutation;
    assert_int_equal(queued->base_rev, 5);
    assert_true(queued->has_old);
    old = crm__customer__unpack(&test.arena.protobuf, queued->old.len, queued->old.data);
    assert_non_null(old);
    assert_string_equal(old->name, "Acme");
    assert_null(old->industry); /* it is not about that */
    assert_false(list.items[0].queued->has_number);
}

static void what_waits_is_carried_over_to_what_the_server_tells(void **state)
{
    (void)state;
    set_name("Acme Works");
    tell("Acme", "finance", 6);
    assert_shown("Acme Works", "retail"); /* until it is carried over */
    carry();
    assert_shown("Acme Works", "finance");
    carry();
    assert_shown("Acme Works", "finance");
    tell("Acme Theirs", "finance", 7); /* in conflict: what the server has is shown, the change is still to be sent */
    carry();
    assert_shown("Acme Theirs", "finance");
    assert_int_equal(queue().n, 1);
}

static void what_the_server_takes_away_is_gone_and_its_changes_stay(void **state)
{
    (void)state;
    set_name("Acme Works");
    tell(NULL, NULL, 0);
    carry();
    assert_null(look(&test.customer).customer);
    assert_int_equal(queue().n, 1);
    tell("Acme", "retail", 5);
    carry();
    assert_shown("Acme Works", "retail");
}

static void a_change_that_is_dropped_is_not_shown(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    set_name("First");
    assert_shown("First", "retail");
    assert_int_equal(outbox_drop(test.replica, queue().items[0].place, NOW_US, &failure), CRM_OK);
    assert_shown("Acme", "retail");
    assert_int_equal(outbox_drop(test.replica, 1, NOW_US, &failure), CRM_NOT_FOUND);
}

static enum crm_status number_run(struct store_txn *txn, void *arg)
{
    struct outbox_item *item = arg;

    item->queued->has_number = true;
    item->queued->number = 1;
    return outbox_put(txn, item, &test.arena);
}

static void what_may_have_been_sent_is_not_dropped(void **state)
{
    struct failure failure = { 0 };
    struct outbox_list list;

    (void)state;
    set_name("Acme Works");
    list = queue();
    assert_int_equal(store_write_run(replica_store(test.replica), number_run, &list.items[0]), CRM_OK);
    assert_int_equal(outbox_drop(test.replica, list.items[0].place, NOW_US, &failure), CRM_BUSY);
    assert_int_equal(queue().n, 1);
    set_name("Acme Works and Sons"); /* nothing is put into it any more */
    assert_int_equal(queue().n, 2);
    assert_int_equal(outbox_drop(test.replica, queue().items[1].place, NOW_US, &failure), CRM_OK);
    assert_shown("Acme Works", "retail");
}

static void a_new_record_has_a_number_of_its_own(void **state)
{
    struct uuid id = { { 9 } };
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_CREATE, &id, body_of("New", NULL));
    char label[RECORD_LABEL_SIZE];
    struct adding adding;
    struct looking looking;

    (void)state;
    assert_int_equal(add(&mutation, &adding), CRM_OK);
    looking = look(&id);
    assert_non_null(looking.customer);
    record_label(&looking.record.header, label);
    assert_string_equal(label, "C-~1");
    assert_int_equal(looking.record.header.number, adding.result.number);
    assert_int_equal(looking.alias_status, CRM_OK);
    assert_true(uuid_equal(&looking.alias, &id));
    carry();
    assert_non_null(look(&id).customer);
    assert_int_equal(add(&mutation, &adding), CRM_EXISTS);
    assert_int_equal(queue().n, 1);
}

static void what_is_refused_changes_nothing(void **state)
{
    Crm__Mutation wrong = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("", NULL));
    Crm__Mutation user = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("x", NULL));
    struct adding adding;

    (void)state;
    wrong.clear = &(uint32_t){ 1 }; /* the name */
    wrong.n_clear = 1;
    assert_int_equal(add(&wrong, &adding), CRM_INVALID);
    user.kind = KIND_USER;
    assert_int_equal(add(&user, &adding), CRM_UNREACHABLE);
    assert_int_equal(queue().n, 0);
    assert_shown("Acme", "retail");
}

static void a_dry_run_keeps_nothing(void **state)
{
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Dry", NULL));
    struct adding adding = { .mutation = &mutation };

    (void)state;
    assert_int_equal(store_write_run(replica_store(test.replica), add_run, &adding), CRM_OK);
    assert_int_equal(queue().n, 0);
    assert_shown("Acme", "retail");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_is_shown_and_says_what_its_author_saw, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_is_carried_over_to_what_the_server_tells, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_server_takes_away_is_gone_and_its_changes_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_is_dropped_is_not_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_have_been_sent_is_not_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_record_has_a_number_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dry_run_keeps_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
