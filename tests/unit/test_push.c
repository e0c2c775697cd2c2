/*
 * test_push.c - sending the outbox: in few round trips, in order where it matters, exactly once whatever is cut, copied or restored
 */
#include "client/replica/depends.h"
#include "client/replica/kept.h"
#include "push_fixture.h"

#define MANY 200

/* --- many at once */

static enum crm_status count_answers(struct store_txn *txn, void *arg)
{
    struct store_db_stats stats;
    enum crm_status status = store_stats(txn, STORE_CLIENT, &stats);

    *(uint64_t *)arg = stats.entries - 1; /* beside the client's row */
    return status;
}

static uint64_t answers_kept(void)
{
    uint64_t n = 0;

    assert_int_equal(store_read_run(office.store, count_answers, &n), CRM_OK);
    return n;
}

static void many_changes_take_few_round_trips(void **state)
{
    uint64_t seq = seq_now();
    struct told told;

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        queue_customer(rep, arena_printf(&office.arena, "Customer %u", i));
    told = push(rep);
    assert_int_equal(told.counts.applied, MANY);
    assert_int_equal(told.counts.total, MANY);
    assert_int_equal(told.n, MANY);
    assert_int_equal(office.requests, MANY);
    assert_int_equal(seq_now(), seq + MANY);
    assert_in_range(office.open_max, 32, 128);
    assert_in_range(office.rounds, 1, 2 + MANY / 32); /* hello, and as many as the server takes at once */
    assert_int_equal(outbox_of(rep).n, 0);
    assert_in_range(answers_kept(), 1, MANY - 32); /* the server forgets what has arrived */
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(customers(arena_printf(&office.arena, "Customer %u", i)).n, 1);
    told = push(rep); /* nothing waits: nobody is called */
    assert_int_equal(office.rounds, 0);
    assert_int_equal(told.counts.total, 0);
}

/* A replica that is too old to be shown: what was typed into it is not lost by that. */
static enum crm_status grow_old(struct store_txn *txn, void *arg)
{
    (void)arg;
    return replica_put_number(txn, ROW_EXPIRES, 1);
}

static void what_waits_in_an_old_replica_is_sent(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    queue_customer(rep, "Typed long ago");
    assert_int_equal(store_write_run(replica_store(rep), grow_old, NULL), CRM_OK);
    assert_int_equal(replica_load(rep, &failure), CRM_OK);
    assert_int_equal(replica_check(rep, clock_now_us(), &failure), CRM_SESSION_EXPIRED);
    assert_int_equal(push(rep).counts.applied, 1);
    assert_int_equal(customers("Typed long ago").n, 1);
}

/* --- what depends on each other */

static struct uuid queue_contact(const char *given, const struct uuid *customer)
{
    Crm__Contact contact = CRM__CONTACT__INIT;
    struct uuid id = uuid_create();

    contact.given = (char *)(uintptr_t)given;
    contact.has_customer = true;
    contact.customer = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)customer->bytes, .len = UUID_SIZE };
    queue(rep, mutation_of(KIND_CONTACT, CRM__VERB__VERB_CREATE, &id, &contact.base));
    return id;
}

static void queue_note(const char *subject, const struct uuid *contact)
{
    Crm__Activity activity = CRM__ACTIVITY__INIT;
    struct uuid id = uuid_create();

    activity.subject = (char *)(uintptr_t)subject;
    activity.has_kind = activity.has_contact = true;
    activity.kind = CRM__ACTIVITY_KIND__ACTIVITY_KIND_NOTE;
    activity.contact = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)contact->bytes, .len = UUID_SIZE };
    queue(rep, mutation_of(KIND_ACTIVITY, CRM__VERB__VERB_CREATE, &id, &activity.base));
}

static void what_depends_waits_and_the_rest_goes_along(void **state)
{
    struct uuid customer, contact;
    struct told told;

    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        customer = queue_customer(rep, arena_printf(&office.arena, "Chain %u", i));
        contact = queue_contact("Bo", &customer);
        queue_note("Met", &contact);
        queue_note("Called", &contact);
    }
    told = push(rep);
    assert_int_equal(told.counts.applied, 20);
    assert_int_equal(told.counts.kept, 0); /* none has come before what it names */
    assert_in_range(office.rounds, 4, 5);  /* hello, and one for each link of the chains */
    assert_int_equal(office.open_max, 10);
}

/* Whatever it takes of what comes at once, what depends on each other comes in order. */
static void a_server_that_has_too_much_to_do_is_asked_again(void **state)
{
    uint64_t seq = seq_now();
    struct uuid customer;
    struct told told;

    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        customer = queue_customer(rep, arena_printf(&office.arena, "Busy %u", i));
        queue_contact("Bo", &customer);
    }
    office.core.settings.write_queue = 8;
    told = push(rep);
    assert_in_range(told.rests, 2, 16);
    assert_int_equal(told.counts.applied, 60);
    assert_int_equal(told.counts.kept, 0);
    assert_int_equal(seq_now(), seq + 60);
}

/* Of the customer that the office has deleted no contact can be made, and of that nothing can be told. */
static void what_depends_on_a_refused_creation_is_held_and_the_rest_goes_on(void **state)
{
    struct uuid contact = queue_contact("Bo", &acme);
    struct outbox_list list;
    struct failure failure = { 0 };
    uint64_t *held;
    struct told told;

    (void)state;
    queue_note("Met", &contact);
    queue_customer(rep, "Globex");
    in_office(mutation_of(KIND_CUSTOMER, CRM__VERB__VERB_DELETE, &acme, NULL));
    for (unsigned i = 0; i < 2; i++) { /* the second time nothing has changed about that */
        told = push(rep);
        assert_int_equal(told.counts.applied, i == 0);
        assert_int_equal(told.counts.kept, i == 0);
        assert_int_equal(told.counts.held, 1);
        list = outbox_of(rep);
        assert_int_equal(list.n, 2);
        assert_non_null(list.items[0].queued->answer);
        assert_null(list.items[1].queued->answer);
        assert_false(list.items[1].queued->has_number);
        assert_int_equal(depends_held(&list, &office.arena, &held), CRM_OK);
        assert_int_equal(held[0], 0);
        assert_int_equal(held[1], list.items[0].place);
    }
    assert_int_equal(outbox_drop(rep, list.items[0].place, clock_now_us(), &failure), CRM_OK);
    told = push(rep); /* now it says for itself why it is not taken */
    assert_int_equal(told.counts.kept, 1);
    assert_int_equal(told.counts.held, 0);
    assert_non_null(outbox_of(rep).items[0].queued->answer);
}

static void a_group_is_one_request_taken_or_kept_as_a_whole(void **state)
{
    struct uuid first = uuid_create(), second = uuid_create(), third = uuid_create();
    Crm__Mutation *good[] = { customer_of(CRM__VERB__VERB_CREATE, &first, "First", NULL), customer_of(CRM__VERB__VERB_CREATE, &second, "Second", NULL) };
    Crm__Mutation *bad[] = { customer_of(CRM__VERB__VERB_CREATE, &third, "Third", NULL), customer_of(CRM__VERB__VERB_PATCH, &acme, NULL, "finance") };
    const Crm__QueuedMutation *queued;
    struct told told;

    (void)state;
    queue_all(rep, good, 2);
    queue_all(rep, bad, 2);
    assert_int_equal(outbox_of(rep).n, 2);
    in_office(mutation_of(KIND_CUSTOMER, CRM__VERB__VERB_DELETE, &acme, NULL));
    told = push(rep);
    assert_int_equal(office.requests, 2);
    assert_int_equal(told.counts.applied, 1);
    assert_int_equal(told.counts.kept, 1);
    assert_int_equal(told.n, 4); /* each mutation is told of */
    assert_int_equal(customers("Second").n, 1);
    assert_int_equal(customers("Third").n, 0);
    queued = outbox_of(rep).items[0].queued;
    assert_int_equal(queued->n_parts, 1);
    assert_non_null(queued->answer);
    assert_non_null(queued->parts[0]->answer);
}

/* --- cut */

/* Behind any byte, on the way up or down; the numbers, and nothing else, say what has arrived. */
static void a_cut_resumes_exactly(void **state)
{
    uint64_t up, down;
    struct store *before_office = copy_of(office.store);
    struct replica *before;

    (void)state;
    for (unsigned i = 0; i < 12; i++)
        queue_customer(rep, arena_printf(&office.arena, "Cut %u", i));
    before = replica_copy(rep);
    push(rep);
    up = office.sent;
    down = office.came;
    for (unsigned step = 0; step < 40; step++) {
        struct replica *again = replica_copy(before);
        uint64_t seq;
        struct told told;

        office_close();
        office_open(copy_of(before_office));
        seq = seq_now();
        office.cut_up = step % 2 ? 1 + up * step / 40 : 0;
        office.cut_down = step % 2 ? 0 : 1 + down * step / 40;
        told = push(again);
        assert_int_equal(told.counts.applied, 12);
        assert_int_equal(seq_now(), seq + 12);
        assert_int_equal(outbox_of(again).n, 0);
        replica_close(again);
    }
    replica_close(before);
    store_close(before_office);
}

/* --- copies */

static void queue_several(struct replica *replica, const char *name, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        queue_customer(replica, arena_printf(&office.arena, "%s %u", name, i));
}

static void assert_each_once(const char *name, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(customers(arena_printf(&office.arena, "%s %u", name, i)).n, 1);
}

static void an_older_copy_catches_up_without_doing_anything_twice(void **state)
{
    struct replica *older;
    struct told told;
    uint64_t seq;

    (void)state;
    queue_several(rep, "Early", 10);
    older = replica_copy(rep); /* before they were sent */
    push(rep);
    queue_several(rep, "Late", 150); /* the server forgets the answers of the early ones */
    push(rep);
    seq = seq_now();
    told = push(older);
    assert_int_equal(seq_now(), seq);
    assert_int_equal(told.counts.kept, 0);
    assert_int_equal(outbox_of(older).n, 0);
    assert_each_once("Early", 10);
    queue_several(older, "New", 3);
    told = push(older);
    assert_int_equal(told.counts.applied, 3);
    assert_true(told.counts.is_new_copy); /* those numbers were taken */
    assert_int_equal(seq_now(), seq + 3);
    assert_each_once("New", 3);
    replica_close(older);
}

static void two_copies_lose_and_double_nothing(void **state)
{
    struct failure failure = { 0 };
    struct replica *other;
    struct told told;
    uint64_t seq = seq_now();

    (void)state;
    queue_several(rep, "Common", 5);
    other = replica_copy(rep);
    queue_several(rep, "Mine", 70);
    assert_int_equal(outbox_drop(other, outbox_of(other).items[0].place, clock_now_us(), &failure), CRM_OK); /* all numbers are others' there */
    queue_several(other, "Theirs", 70);
    told = push(rep);
    assert_int_equal(told.counts.applied, 75);
    assert_false(told.counts.is_new_copy);
    told = push(other);
    assert_true(told.counts.is_new_copy);
    assert_int_equal(told.counts.applied, 74);
    assert_int_equal(seq_now(), seq + 5 + 70 + 70);
    assert_each_once("Common", 5);
    assert_each_once("Mine", 70);
    assert_each_once("Theirs", 70);
    queue_several(rep, "After", 3);
    told = push(rep);
    assert_false(told.counts.is_new_copy);
    assert_each_once("After", 3);
    replica_close(other);
}

static void copies_that_use_the_same_numbers_part(void **state)
{
    struct replica *other;
    struct told told;

    (void)state;
    other = replica_copy(rep);
    queue_several(rep, "Mine", 3);
    queue_several(other, "Theirs", 3);
    push(other);
    told = push(rep);
    assert_true(told.counts.is_new_copy);
    assert_int_equal(told.counts.applied, 3);
    assert_each_once("Mine", 3);
    assert_each_once("Theirs", 3);
    replica_close(other);
}

static enum crm_status put_item(struct store_txn *txn, void *arg)
{
    return outbox_put(txn, arg, &office.arena);
}

/* Who alters what is queued gives it another name; where that was forgotten the words are not taken for the copy's. */
static void an_altered_change_is_not_taken_for_its_copy(void **state)
{
    struct outbox_list list;
    struct replica *other;
    struct told told;

    (void)state;
    queue(rep, customer_of(CRM__VERB__VERB_PATCH, &acme, NULL, "finance"));
    other = replica_copy(rep);
    push(rep);
    list = outbox_of(other);
    list.items[0].queued->mutation->set = customer_of(CRM__VERB__VERB_PATCH, &acme, NULL, "farming")->set;
    assert_int_equal(store_write_run(replica_store(other), put_item, &list.items[0]), CRM_OK);
    told = push(other);
    assert_int_equal(told.counts.applied, 0);
    assert_int_equal(told.counts.kept, 1); /* in conflict with the other, for its author to choose */
    assert_string_equal(customers("Acme").customer->industry, "finance");
    assert_int_equal(outbox_of(other).n, 1);
    replica_close(other);
}

/* --- restored */

static void a_restored_server_gets_again_what_it_has_lost(void **state)
{
    struct store *backup;
    struct counting lost;
    struct told told;
    uint64_t before;

    (void)state;
    queue_several(rep, "Kept", 3);
    push(rep);
    backup = copy_of(office.store);
    before = customers("Kept 2").header.number;
    queue_several(rep, "Lost", 4);
    queue(rep, customer_of(CRM__VERB__VERB_PATCH, &acme, NULL, "finance"));
    push(rep);
    lost = customers("Lost 3");
    assert_int_equal(lost.header.number, before + 4);
    office_restore(backup);
    assert_int_equal(customers("Lost 3").n, 0);
    in_office(customer_of(CRM__VERB__VERB_CREATE, &(struct uuid){ { 9 } }, "Somebody else's", NULL));
    assert_true(customers("Somebody else's").header.number > before + NUMBER_MARGIN); /* not one that was seen as another's */
    queue_several(rep, "New", 1);
    told = push(rep);
    assert_int_equal(told.counts.again, 5);
    assert_int_equal(told.counts.applied, 6);
    assert_int_equal(told.renumbered, 0);
    assert_each_once("Kept", 3);
    assert_each_once("Lost", 4);
    assert_each_once("New", 1);
    assert_int_equal(customers("Lost 3").header.number, before + 4);
    assert_memory_equal(customers("Lost 3").header.id.bytes, lost.header.id.bytes, UUID_SIZE);
    assert_string_equal(customers("Acme").customer->industry, "finance");
    told = push(rep);
    assert_int_equal(told.counts.total, 0);
}

static void what_waits_for_another_replicas_records_is_tried_anew(void **state)
{
    struct store *backup = copy_of(office.store);
    struct replica *other = replica_copy(rep);
    struct uuid customer = queue_customer(other, "Theirs");
    struct told told;

    (void)state;
    push(other);
    assert_int_equal(try_pull(rep), CRM_OK);
    queue(rep, customer_of(CRM__VERB__VERB_PATCH, &customer, NULL, "finance"));
    push(rep);
    office_restore(backup);
    queue_customer(rep, "New");
    told = push(rep);
    assert_int_equal(told.counts.again, 0);
    assert_int_equal(told.counts.kept, 1); /* there is no such customer yet */
    assert_non_null(outbox_of(rep).items[0].queued->answer);
    queue_customer(other, "New too");
    told = push(other);
    assert_int_equal(told.counts.again, 1);
    told = push(rep);
    assert_int_equal(told.counts.again, 1);
    assert_int_equal(outbox_of(rep).n, 0);
    assert_string_equal(customers("Theirs").customer->industry, "finance");
    replica_close(other);
}

/* Also where the rest was given up since, or waits to be decided. */
static void what_was_taken_in_part_is_sent_again_too(void **state)
{
    struct store *backup = copy_of(office.store);
    struct failure failure = { 0 };
    struct replica *other;
    struct told told;

    (void)state;
    queue(rep, customer_of(CRM__VERB__VERB_PATCH, &acme, "Acme Works", "finance"));
    in_office(customer_of(CRM__VERB__VERB_PATCH, &acme, NULL, "farming"));
    told = push(rep);
    assert_int_equal(told.counts.kept, 1);
    assert_int_equal(outbox_of(rep).items[0].queued->answer->status, CRM_PARTIAL);
    assert_string_equal(customers("Acme Works").customer->industry, "farming");
    other = replica_copy(rep);
    assert_int_equal(outbox_drop(rep, outbox_of(rep).items[0].place, clock_now_us(), &failure), CRM_OK);
    office_restore(backup);
    assert_int_equal(customers("Acme Works").n, 0);
    queue_customer(rep, "New");
    told = push(rep);
    assert_int_equal(told.counts.again, 1);
    assert_int_equal(customers("Acme Works").n, 1);
    queue_customer(other, "New too");
    told = push(other); /* the other copy has sent it */
    assert_int_equal(told.counts.again, 0);
    assert_int_equal(told.counts.kept, 0);
    assert_int_equal(outbox_of(other).n, 0);
    replica_close(other);
}

/* Each finds out for itself, also that what it has sent again is lost once more. Nobody is given a number that nobody had before the first restore. */
static void two_restores_of_one_backup_are_two(void **state)
{
    struct store *backup = copy_of(office.store);
    struct replica *other = replica_copy(rep);
    uint64_t one, two;
    struct told told;

    (void)state;
    queue_customer(rep, "One");
    push(rep);
    one = customers("One").header.number;
    office_restore(copy_of(backup));
    told = push(rep); /* nothing waits, and it has not spoken with the server: it cannot know */
    assert_int_equal(told.counts.total, 0);
    queue_customer(other, "Two");
    push(other);
    two = customers("Two").header.number;
    assert_int_equal(two, one + NUMBER_MARGIN);
    office_restore(backup);
    queue_customer(rep, "Three");
    told = push(rep);
    assert_int_equal(told.counts.again, 1);
    queue_customer(other, "Four");
    told = push(other);
    assert_int_equal(told.counts.again, 1);
    assert_int_equal(told.renumbered, 1); /* somebody has it */
    assert_int_equal(customers("One").header.number, one);
    assert_int_equal(customers("Three").header.number, two);
    assert_int_equal(customers("Two").n, 1);
    assert_int_equal(customers("Four").n, 1);
    replica_close(other);
}

static void what_is_in_a_backup_is_not_kept(void **state)
{
    struct store *backup;
    struct told told;

    (void)state;
    queue_several(rep, "Kept", 3);
    push(rep);
    atomic_store(&office.core.backed_up_seq, seq_now());
    backup = copy_of(office.store);
    queue_several(rep, "Lost", 2);
    push(rep);
    assert_int_equal(try_pull(rep), CRM_OK);
    office_restore(backup);
    queue_customer(rep, "New");
    told = push(rep);
    assert_int_equal(told.counts.total, 3); /* the others are let go */
    assert_int_equal(told.counts.again, 2);
    assert_each_once("Lost", 2);
}

struct kept_run {
    struct arena *arena;
    struct slice value; /* of the one that is kept, copied */
    unsigned n;
};

static bool take_kept(void *arg, struct slice key, struct slice value)
{
    struct kept_run *run = arg;

    (void)key;
    run->n++;
    run->value = slice_of(arena_memdup(run->arena, value.data, value.size), value.size);
    return true;
}

static enum crm_status scan_kept(struct store_txn *txn, void *arg)
{
    return store_scan(txn, (enum store_db)REPLICA_KEPT, &(struct store_range){ 0 }, take_kept, arg);
}

static struct kept_run kept(void)
{
    struct kept_run run = { .arena = &office.arena };

    assert_int_equal(store_read_run(replica_store(rep), scan_kept, &run), CRM_OK);
    return run;
}

/* The end of a sync, in so many days. */
static enum crm_status prune_later(struct store_txn *txn, void *arg)
{
    return kept_prune(txn, office.core.epoch, 0, clock_now_us() + *(int *)arg * INT64_C(86400000000));
}

static void nothing_is_kept_for_ever(void **state)
{
    int days = 29;

    (void)state;
    queue_several(rep, "Kept", 2);
    push(rep);
    assert_int_equal(store_write_run(replica_store(rep), prune_later, &days), CRM_OK);
    assert_int_equal(kept().n, 2);
    days = 31;
    assert_int_equal(store_write_run(replica_store(rep), prune_later, &days), CRM_OK);
    assert_int_equal(kept().n, 0);
}

static bool holds(struct slice bytes, const char *text)
{
    return memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

/* What the office told of it goes with it. Sent again after a restore the change is the same one to the office. */
static void of_a_record_that_is_gone_only_the_reps_words_are_kept(void **state)
{
    struct store *backup;
    struct told told;
    uint64_t seq;

    (void)state;
    queue(rep, customer_of(CRM__VERB__VERB_PATCH, &acme, NULL, "finance"));
    push(rep);
    backup = copy_of(office.store);
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_true(holds(kept().value, "retail") && holds(kept().value, "finance"));
    in_office(mutation_of(KIND_CUSTOMER, CRM__VERB__VERB_DELETE, &acme, NULL));
    assert_int_equal(try_pull(rep), CRM_OK);
    assert_int_equal(kept().n, 1);
    assert_true(!holds(kept().value, "retail") && holds(kept().value, "finance"));
    office_restore(backup);
    seq = seq_now();
    queue_customer(rep, "New");
    told = push(rep);
    assert_int_equal(told.counts.applied, 1);
    assert_int_equal(told.counts.kept, 0); /* it was there */
    assert_int_equal(seq_now(), seq + 1);
}

/* Who has nothing to send finds it out with the next pull, and sends then. */
static void a_pull_tells_that_the_server_was_restored(void **state)
{
    struct store *backup = copy_of(office.store);
    const struct sync_options pulling = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL };
    struct push_options pushing = { .arg = NULL };
    struct sync_progress progress;
    struct push_counts counts;
    struct failure failure = { 0 };
    struct crm_client *client;

    (void)state;
    queue_customer(rep, "Lost");
    push(rep);
    office_restore(backup);
    client = dial();
    assert_int_equal(push_run(rep, client, &pushing, &counts, &failure), CRM_OK);
    assert_int_equal(counts.total, 0);
    assert_int_equal(sync_run(rep, client, &pulling, &progress, &failure), CRM_OK);
    assert_int_equal(customers_in(replica_store(rep), "Lost").n, 0);
    assert_true(push_is_due(rep, client));
    assert_int_equal(push_run(rep, client, &pushing, &counts, &failure), CRM_OK);
    assert_int_equal(counts.again, 1);
    assert_false(push_is_due(rep, client));
    assert_int_equal(sync_run(rep, client, &pulling, &progress, &failure), CRM_OK);
    assert_int_equal(customers_in(replica_store(rep), "Lost").n, 1);
    crm_client_destroy(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_changes_take_few_round_trips),
        TEST(what_waits_in_an_old_replica_is_sent),
        TEST(what_depends_waits_and_the_rest_goes_along),
        TEST(a_server_that_has_too_much_to_do_is_asked_again),
        TEST(what_depends_on_a_refused_creation_is_held_and_the_rest_goes_on),
        TEST(a_group_is_one_request_taken_or_kept_as_a_whole),
        TEST(a_cut_resumes_exactly),
        TEST(an_older_copy_catches_up_without_doing_anything_twice),
        TEST(two_copies_lose_and_double_nothing),
        TEST(copies_that_use_the_same_numbers_part),
        TEST(an_altered_change_is_not_taken_for_its_copy),
        TEST(a_restored_server_gets_again_what_it_has_lost),
        TEST(what_waits_for_another_replicas_records_is_tried_anew),
        TEST(what_was_taken_in_part_is_sent_again_too),
        TEST(two_restores_of_one_backup_are_two),
        TEST(what_is_in_a_backup_is_not_kept),
        TEST(nothing_is_kept_for_ever),
        TEST(of_a_record_that_is_gone_only_the_reps_words_are_kept),
        TEST(a_pull_tells_that_the_server_was_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
