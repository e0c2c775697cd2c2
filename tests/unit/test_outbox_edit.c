/*
 * test_outbox_edit.c - changes that wait: put into each other, edited, tried again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "outbox_fixture.h"

static const struct uuid other = { { 9 } };

/* --- changing */

static void must(const Crm__Mutation *mutation)
{
    struct adding adding;

    if (add(mutation, &adding) != CRM_OK)
        fail_msg("%s", adding.failure.text);
}

static struct slice tags_of(const char *first, const char *second)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    char *tags[] = { (char *)(uintptr_t)first, (char *)(uintptr_t)second };

    customer.tags = tags;
    customer.n_tags = 1 + (second != NULL);
    return packed(&customer.base);
}

static void set_bytes(struct slice bytes, protobuf_c_boolean *out_has, ProtobufCBinaryData *out)
{
    *out_has = bytes.size > 0;
    *out = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)bytes.data, .len = bytes.size };
}

/* Elements of tags that come and go. */
static void change_tags(const char *come, const char *go)
{
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, (struct slice){ 0 });

    if (come)
        set_bytes(tags_of(come, NULL), &mutation.has_add, &mutation.add);
    if (go)
        set_bytes(tags_of(go, NULL), &mutation.has_remove, &mutation.remove);
    must(&mutation);
}

static void create_other(const char *name)
{
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_CREATE, &other, body_of(name, NULL));

    must(&mutation);
}

static void hang_under_other(void)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Mutation mutation;

    customer.has_parent = true;
    customer.parent = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)other.bytes, .len = UUID_SIZE };
    mutation = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, packed(&customer.base));
    must(&mutation);
}

static const Crm__Customer *read_customer(ProtobufCBinaryData bytes)
{
    const Crm__Customer *customer = crm__customer__unpack(&test.arena.protobuf, bytes.len, bytes.data);

    assert_non_null(customer);
    return customer;
}

static const Crm__Mutation *queued(size_t n)
{
    return queue().items[n].queued->mutation;
}

/* --- what the server answers */

struct answering {
    uint64_t place;
    Crm__MutateResult answer;
};

static enum crm_status answer_run(struct store_txn *txn, void *arg)
{
    struct answering *answering = arg;
    struct outbox_item item;

    assert_int_equal(outbox_find(txn, answering->place, &test.arena, &item), CRM_OK);
    item.queued->has_number = true;
    item.queued->number = 1;
    item.queued->answer = answering->answer.has_status ? &answering->answer : NULL;
    return outbox_put(txn, &item, &test.arena);
}

/* status CRM_OK: it was sent, and there is no answer yet. */
static void answer(uint64_t place, enum crm_status status)
{
    struct answering answering = { .place = place, .answer = CRM__MUTATE_RESULT__INIT };

    answering.answer.has_status = status != CRM_OK;
    answering.answer.status = (uint32_t)status;
    assert_int_equal(store_write_run(replica_store(test.replica), answer_run, &answering), CRM_OK);
    carry();
}

/* --- put into each other */

static void ten_edits_are_one_change(void **state)
{
    char name[32];

    (void)state;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "Acme %d", i);
        set_name(name);
    }
    assert_int_equal(queue().n, 1);
    assert_string_equal(read_customer(queued(0)->set)->name, "Acme 9");
    assert_string_equal(read_customer(queued(0)->old)->name, "Acme");
    assert_int_equal(queued(0)->base_rev, 5);
    assert_shown("Acme 9", "retail");
}

static void each_field_keeps_how_it_was_first_seen(void **state)
{
    Crm__Mutation industry = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of(NULL, "mining"));
    const Crm__Customer *old;

    (void)state;
    set_name("Works");
    tell("Acme", "finance", 6);
    carry();
    must(&industry);
    set_name("Works and Sons");
    assert_int_equal(queue().n, 1);
    old = read_customer(queued(0)->old);
    assert_string_equal(old->name, "Acme");
    assert_string_equal(old->industry, "finance");
    assert_int_equal(queued(0)->base_rev, 5);
}

static void what_comes_and_goes_in_lists_is_put_together(void **state)
{
    const Crm__Customer *come, *go;

    (void)state;
    change_tags("north", NULL);
    change_tags("south", NULL);
    change_tags("west", "north");
    assert_int_equal(queue().n, 1);
    come = read_customer(queued(0)->add);
    go = read_customer(queued(0)->remove);
    assert_int_equal(come->n_tags, 2);
    assert_string_equal(come->tags[0], "south");
    assert_string_equal(come->tags[1], "west");
    assert_int_equal(go->n_tags, 1);
    assert_string_equal(go->tags[0], "north");
}

static void a_new_record_takes_its_edits_in(void **state)
{
    Crm__Mutation patch = mutation_of(CRM__VERB__VERB_PATCH, &other, body_of("Renamed", "mining"));
    uint32_t industry = 5;

    (void)state;
    create_other("New");
    must(&patch);
    patch = mutation_of(CRM__VERB__VERB_PATCH, &other, (struct slice){ 0 });
    patch.clear = &industry;
    patch.n_clear = 1;
    must(&patch);
    assert_int_equal(queue().n, 1);
    assert_int_equal(queued(0)->verb, CRM__VERB__VERB_CREATE);
    assert_false(queued(0)->has_old);
    assert_string_equal(read_customer(queued(0)->set)->name, "Renamed");
    assert_null(read_customer(queued(0)->set)->industry);
    assert_string_equal(look(&other).customer->name, "Renamed");
    carry();
    assert_string_equal(look(&other).customer->name, "Renamed");
}

static void what_lies_between_is_not_overtaken(void **state)
{
    (void)state;
    set_name("First");
    create_other("New");
    set_name("Second"); /* the new one has nothing to do with it */
    assert_int_equal(queue().n, 2);
    hang_under_other(); /* what it refers to would come later */
    assert_int_equal(queue().n, 3);
    answer(queue().items[2].place, CRM_OK);
    set_name("Third"); /* nothing is put into what may have arrived */
    assert_int_equal(queue().n, 4);
    assert_shown("Third", "retail");
}

static void an_altered_change_has_another_name(void **state)
{
    uint8_t before[UUID_SIZE];

    (void)state;
    set_name("First");
    assert_int_equal(queue().items[0].queued->change.len, UUID_SIZE);
    memcpy(before, queue().items[0].queued->change.data, UUID_SIZE);
    set_name("Second");
    assert_memory_not_equal(before, queue().items[0].queued->change.data, UUID_SIZE);
}

/* --- whatever is put together comes to the same */

static uint64_t seed;

static size_t any(size_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)((seed >> 33) % n);
}

static const char *word(void)
{
    static const char *const words[] = { "a", "b", "c", "d" };

    return words[any(ARRAY_LEN(words))];
}

static void change_something(const struct uuid *id)
{
    static const uint32_t clearable[] = { 5, 90 };
    Crm__Mutation mutation = mutation_of(CRM__VERB__VERB_PATCH, id, (struct slice){ 0 });
    uint32_t clear = clearable[any(ARRAY_LEN(clearable))];
    size_t what = any(6);

    if (what == 0)
        set_bytes(body_of(word(), NULL), &mutation.has_set, &mutation.set);
    if (what == 1)
        set_bytes(body_of(NULL, word()), &mutation.has_set, &mutation.set);
    if (what == 2)
        set_bytes(tags_of(word(), NULL), &mutation.has_set, &mutation.set);
    if (what == 3 || what == 5)
        set_bytes(tags_of(word(), NULL), &mutation.has_add, &mutation.add);
    if (what == 4 || what == 5)
        set_bytes(tags_of(word(), NULL), &mutation.has_remove, &mutation.remove);
    mutation.clear = &clear;
    mutation.n_clear = any(5) == 0;
    must(&mutation);
}

static void put_together_it_comes_to_the_same(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    for (uint64_t first = 1; first <= 40; first++) {
        const struct uuid *id = first % 2 ? &test.customer : &other;
        struct slice shown;

        seed = first;
        if (first % 2 == 0)
            create_other("New");
        for (int i = 0; i < 6; i++)
            change_something(id);
        shown = look(id).record.body;
        shown = slice_of(arena_memdup(&test.arena, shown.data, shown.size), shown.size);
        assert_int_equal(queue().n, 1);
        carry();
        assert_int_equal(look(id).record.body.size, shown.size);
        assert_memory_equal(look(id).record.body.data, shown.data, shown.size);
        assert_int_equal(outbox_drop(test.replica, queue().items[0].place, NOW_US, &failure), CRM_OK);
        arena_reset(&test.arena);
    }
}

/* --- edited */

static void what_waits_can_be_edited(void **state)
{
    Crm__Mutation edit = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Edited", NULL));
    Crm__Mutation wrong = mutation_of(CRM__VERB__VERB_DELETE, &test.customer, (struct slice){ 0 });
    struct failure failure = { 0 };
    uint64_t place;

    (void)state;
    set_name("Works");
    place = queue().items[0].place;
    tell("Acme", "finance", 6);
    carry();
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_OK);
    assert_shown("Edited", "finance");
    assert_int_equal(queued(0)->base_rev, 6); /* who edits it has seen what there is */
    assert_string_equal(read_customer(queued(0)->old)->name, "Acme");
    assert_int_equal(outbox_edit(test.replica, place, &wrong, NOW_US, &failure), CRM_INVALID);
    failure = (struct failure){ 0 };
    edit = mutation_of(CRM__VERB__VERB_PATCH, &other, body_of("Another", NULL));
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_INVALID);
    failure = (struct failure){ 0 };
    assert_int_equal(outbox_edit(test.replica, place + 1, &edit, NOW_US, &failure), CRM_NOT_FOUND);
    answer(place, CRM_OK);
    failure = (struct failure){ 0 };
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_BUSY);
    assert_shown("Edited", "finance");
}

static void an_edit_that_is_refused_changes_nothing(void **state)
{
    Crm__Mutation edit = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, (struct slice){ 0 });
    struct failure failure = { 0 };
    uint32_t name = 1;

    (void)state;
    set_name("Works");
    edit.clear = &name;
    edit.n_clear = 1;
    assert_int_equal(outbox_edit(test.replica, queue().items[0].place, &edit, NOW_US, &failure), CRM_INVALID);
    assert_string_equal(failure.field, "name");
    assert_string_equal(read_customer(queued(0)->set)->name, "Works");
    assert_shown("Works", "retail");
}

static void what_was_refused_is_edited_and_sent_again(void **state)
{
    Crm__Mutation edit = mutation_of(CRM__VERB__VERB_PATCH, &other, body_of(NULL, "mining"));
    struct failure failure = { 0 };
    const Crm__QueuedMutation *again;
    uint64_t place;

    (void)state;
    create_other("New");
    place = queue().items[0].place;
    answer(place, CRM_INVALID);
    assert_null(look(&other).customer);
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_OK);
    again = queue().items[0].queued;
    assert_int_equal(queue().items[0].place, place);
    assert_null(again->answer);
    assert_false(again->has_number);
    assert_string_equal(look(&other).customer->industry, "mining");
    assert_string_equal(look(&other).customer->name, "New");
    assert_int_equal(look(&other).record.header.number, RECORD_NUMBER_LOCAL | 1);
}

static enum crm_status return_run(struct store_txn *txn, void *arg)
{
    struct outbox_item item;

    assert_int_equal(outbox_find(txn, *(const uint64_t *)arg, &test.arena, &item), CRM_OK);
    item.queued->has_again = item.queued->again = true;
    return outbox_put(txn, &item, &test.arena);
}

static void what_a_restored_server_may_have_is_left_as_it_is(void **state)
{
    Crm__Mutation edit = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Edited", NULL));
    struct failure failure = { 0 };
    uint64_t place;

    (void)state;
    set_name("Works");
    place = queue().items[0].place;
    assert_int_equal(store_write_run(replica_store(test.replica), return_run, &place), CRM_OK);
    set_name("Works and Sons");
    assert_int_equal(queue().n, 2);
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_BUSY);
    assert_shown("Works and Sons", "retail");
}

/* --- tried again */

static void what_was_in_conflict_wins_when_tried_again(void **state)
{
    struct failure failure = { 0 };
    uint64_t place;

    (void)state;
    set_name("Mine");
    place = queue().items[0].place;
    tell("Theirs", "retail", 6);
    answer(place, CRM_CONFLICT);
    assert_shown("Theirs", "retail");
    assert_int_equal(outbox_retry(test.replica, place, NOW_US, &failure), CRM_OK);
    assert_shown("Mine", "retail");
    assert_int_equal(queued(0)->base_rev, 6);
    assert_string_equal(read_customer(queued(0)->old)->name, "Theirs");
    assert_null(queue().items[0].queued->answer);
    assert_int_equal(outbox_retry(test.replica, place, NOW_US, &failure), CRM_OK); /* it waits */
    answer(place, CRM_OK);
    assert_int_equal(outbox_retry(test.replica, place, NOW_US, &failure), CRM_BUSY);
}

static void what_would_be_refused_again_is_not_tried(void **state)
{
    struct failure failure = { 0 };
    uint64_t place;

    (void)state;
    set_name("Mine");
    place = queue().items[0].place;
    tell(NULL, NULL, 0);
    answer(place, CRM_NOT_FOUND);
    assert_int_equal(outbox_retry(test.replica, place, NOW_US, &failure), CRM_NOT_FOUND);
    assert_non_null(queue().items[0].queued->answer);
    failure = (struct failure){ 0 };
    assert_int_equal(outbox_retry(test.replica, place + 1, NOW_US, &failure), CRM_NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ten_edits_are_one_change),
        T(each_field_keeps_how_it_was_first_seen),
        T(what_comes_and_goes_in_lists_is_put_together),
        T(a_new_record_takes_its_edits_in),
        T(what_lies_between_is_not_overtaken),
        T(an_altered_change_has_another_name),
        T(put_together_it_comes_to_the_same),
        T(what_waits_can_be_edited),
        T(an_edit_that_is_refused_changes_nothing),
        T(what_was_refused_is_edited_and_sent_again),
        T(what_a_restored_server_may_have_is_left_as_it_is),
        T(what_was_in_conflict_wins_when_tried_again),
        T(what_would_be_refused_again_is_not_tried),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
