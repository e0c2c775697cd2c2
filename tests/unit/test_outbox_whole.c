/*
 * test_outbox_whole.c - away from the server: deletions with what hangs on them, groups, what the role does not allow, and how much may wait
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "outbox_fixture.h"

static struct uuid contact = { { 3 } }, deal = { { 4 } }, other = { { 9 } }, somebody = { { 5 } };

/* --- what the server has told */

static ProtobufCBinaryData id_bytes(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

static struct slice contact_body(void)
{
    Crm__Contact body = CRM__CONTACT__INIT;

    body.name = (char *)(uintptr_t)"Bo";
    body.has_customer = true;
    body.customer = id_bytes(&test.customer);
    return packed(&body.base);
}

static struct slice deal_body(void)
{
    Crm__Deal body = CRM__DEAL__INIT;

    body.name = (char *)(uintptr_t)"Renewal";
    body.has_customer = true;
    body.customer = id_bytes(&test.customer);
    return packed(&body.base);
}

static void tell_contact(void)
{
    tell_record(KIND_CONTACT, &contact, &test.customer, 2, contact_body());
}

/* --- asking */

struct asking {
    Crm__Mutation *mutations[4];
    size_t n;
    Crm__MutateResult results[4];
    size_t at;
    struct failure failure;
};

static enum crm_status ask_run(struct store_txn *txn, void *arg)
{
    struct asking *asking = arg;
    const struct outbox_add adding = { .replica = test.replica, .txn = txn, .arena = &test.arena, .now_us = NOW_US, .keep = true };
    Crm__MutateResult *results[4];

    asking->failure = (struct failure){ 0 };
    for (size_t i = 0; i < asking->n; i++) {
        crm__mutate_result__init(&asking->results[i]);
        results[i] = &asking->results[i];
    }
    return outbox_add_group(&adding, asking->mutations, asking->n, results, &asking->at, &asking->failure);
}

static enum crm_status ask(struct asking *asking)
{
    return store_write_run(replica_store(test.replica), ask_run, asking);
}

static enum crm_status ask_one(Crm__Mutation mutation)
{
    struct asking asking = { .mutations = { &mutation }, .n = 1 };

    return ask(&asking);
}

static Crm__Mutation of_kind(enum kind kind, Crm__Verb verb, const struct uuid *id)
{
    Crm__Mutation mutation = mutation_of(verb, id, (struct slice){ 0 });

    mutation.kind = (uint32_t)kind;
    return mutation;
}

static Crm__Mutation deletion(enum kind kind, const struct uuid *id)
{
    return of_kind(kind, CRM__VERB__VERB_DELETE, id);
}

static Crm__Mutation restoring(enum kind kind, const struct uuid *id)
{
    Crm__Mutation mutation = of_kind(kind, CRM__VERB__VERB_ACTION, id);

    mutation.action = (char *)(uintptr_t)"restore";
    return mutation;
}

/* --- looking */

struct seeing {
    enum kind kind;
    const struct uuid *id;
    enum crm_status live, deleted;
};

static enum crm_status see_run(struct store_txn *txn, void *arg)
{
    struct seeing *seeing = arg;
    const struct view view = { .txn = txn, .schema = replica_state(test.replica)->schema };
    struct record record;

    seeing->live = view_record(&view, seeing->kind, seeing->id, &record);
    seeing->deleted = view_deleted(&view, seeing->kind, seeing->id, &record);
    return CRM_OK;
}

static void assert_live(enum kind kind, const struct uuid *id, bool live)
{
    struct seeing seeing = { .kind = kind, .id = id };

    assert_int_equal(store_read_run(replica_store(test.replica), see_run, &seeing), CRM_OK);
    assert_int_equal(seeing.live, live ? CRM_OK : CRM_NOT_FOUND);
    assert_true(!live || seeing.deleted == CRM_NOT_FOUND);
}

static enum crm_status count_run(struct store_txn *txn, void *arg)
{
    uint64_t *counts = arg;
    struct store_db_stats stats;

    for (int db = 0; db < STORE_DB_COUNT; db++) {
        assert_int_equal(store_stats(txn, (enum store_db)db, &stats), CRM_OK);
        counts[db] = stats.entries;
    }
    return CRM_OK;
}

/* How much there is of everything. */
static void count_all(uint64_t counts[STORE_DB_COUNT])
{
    assert_int_equal(store_read_run(replica_store(test.replica), count_run, counts), CRM_OK);
}

/* --- deletions */

static void what_is_deleted_is_gone_with_what_hangs_on_it(void **state)
{
    uint64_t before[STORE_DB_COUNT], after[STORE_DB_COUNT];
    struct failure failure = { 0 };

    (void)state;
    tell_contact();
    count_all(before);
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_OK);
    assert_live(KIND_CUSTOMER, &test.customer, false);
    assert_live(KIND_CONTACT, &contact, false);
    assert_int_equal(queue().items[0].queued->mutation->base_rev, 5);
    assert_true(queue().items[0].queued->mutation->has_old);
    carry();
    assert_live(KIND_CONTACT, &contact, false);
    assert_int_equal(outbox_drop(test.replica, queue().items[0].place, NOW_US, &failure), CRM_OK);
    assert_live(KIND_CUSTOMER, &test.customer, true);
    assert_live(KIND_CONTACT, &contact, true);
    count_all(after);
    assert_memory_equal(after, before, sizeof before); /* no key of it is left behind */
}

static void what_cannot_be_without_it_forbids_a_deletion(void **state)
{
    (void)state;
    tell_contact();
    tell_record(KIND_DEAL, &deal, &deal, 2, deal_body());
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_IN_USE);
    assert_int_equal(queue().n, 0);
    assert_live(KIND_CONTACT, &contact, true);
    assert_int_equal(ask_one(deletion(KIND_DEAL, &deal)), CRM_OK);
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_OK);
    assert_int_equal(queue().n, 2);
    carry();
    assert_live(KIND_CUSTOMER, &test.customer, false);
}

static void what_was_deleted_here_is_taken_back_here(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    tell_contact();
    set_name("Works");
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_OK);
    assert_int_equal(ask_one(restoring(KIND_CUSTOMER, &test.customer)), CRM_OK);
    assert_live(KIND_CONTACT, &contact, true);
    assert_shown("Works", "retail");
    assert_int_equal(queue().n, 3); /* the server is told of both */
    carry();
    assert_live(KIND_CONTACT, &contact, true);
    assert_shown("Works", "retail");
    assert_int_equal(outbox_drop(test.replica, queue().items[1].place, NOW_US, &failure), CRM_OK);
    assert_shown("Works", "retail");
}

static void what_was_deleted_elsewhere_is_not_taken_back_here(void **state)
{
    (void)state;
    assert_int_equal(ask_one(restoring(KIND_CUSTOMER, &other)), CRM_UNREACHABLE);
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &other)), CRM_NOT_FOUND);
}

static void what_others_change_is_not_shown_as_deleted(void **state)
{
    (void)state;
    log_in(NULL);
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_OK);
    tell("Theirs", "retail", 6);
    carry();
    assert_shown("Theirs", "retail");
    assert_int_equal(queue().n, 1); /* the server will say why */
}

static void who_means_a_revision_means_no_other(void **state)
{
    Crm__Mutation away = deletion(KIND_CUSTOMER, &test.customer), restore = restoring(KIND_CUSTOMER, &test.customer);

    (void)state;
    away.has_base_rev = restore.has_base_rev = true;
    away.base_rev = restore.base_rev = 4;
    assert_int_equal(ask_one(away), CRM_CONFLICT);
    away.base_rev = 5;
    assert_int_equal(ask_one(away), CRM_OK);
    assert_int_equal(ask_one(restore), CRM_CONFLICT);
    restore.base_rev = 5;
    assert_int_equal(ask_one(restore), CRM_OK);
}

static void what_goes_at_the_server_leaves_nothing_here(void **state)
{
    uint64_t before[STORE_DB_COUNT], after[STORE_DB_COUNT];

    (void)state;
    tell(NULL, NULL, 0);
    count_all(before);
    tell("Acme", "retail", 5);
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_OK);
    tell(NULL, NULL, 0); /* it was done */
    carry();
    count_all(after);
    after[REPLICA_OUTBOX] = before[REPLICA_OUTBOX];
    assert_memory_equal(after, before, sizeof before);
}

/* --- groups */

static void a_group_is_whole(void **state)
{
    Crm__Mutation create = mutation_of(CRM__VERB__VERB_CREATE, &other, body_of("New", NULL));
    Crm__Mutation rename = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Works", NULL));
    Crm__Mutation away = deletion(KIND_CUSTOMER, &contact);
    struct asking asking = { .mutations = { &create, &rename, &away }, .n = 3 };
    struct failure failure = { 0 };
    const Crm__QueuedMutation *queued;

    (void)state;
    assert_int_equal(ask(&asking), CRM_NOT_FOUND);
    assert_int_equal(asking.at, 2);
    assert_int_equal(queue().n, 0);
    assert_shown("Acme", "retail");
    asking.n = 2;
    assert_int_equal(ask(&asking), CRM_OK);
    assert_int_equal(asking.results[0].number, RECORD_NUMBER_LOCAL | 1);
    assert_int_equal(queue().n, 1);
    queued = queue().items[0].queued;
    assert_int_equal(outbox_mutations(queued), 2);
    assert_int_equal(outbox_part(queued, 1).mutation->base_rev, 5);
    set_name("Not put into it");
    assert_int_equal(queue().n, 2);
    assert_int_equal(outbox_drop(test.replica, queue().items[1].place, NOW_US, &failure), CRM_OK);
    tell(NULL, NULL, 0); /* the second can no longer be done, so neither is shown */
    carry();
    assert_live(KIND_CUSTOMER, &other, false);
    tell("Acme", "retail", 5);
    carry();
    assert_live(KIND_CUSTOMER, &other, true);
    assert_shown("Works", "retail");
    assert_int_equal(outbox_drop(test.replica, queue().items[0].place, NOW_US, &failure), CRM_OK);
    assert_live(KIND_CUSTOMER, &other, false);
    assert_shown("Acme", "retail");
}

/* --- what the role allows */

static void what_the_role_does_not_allow_is_not_queued(void **state)
{
    uint32_t industry = 5;
    Crm__KindPermission contacts = CRM__KIND_PERMISSION__INIT, customers = CRM__KIND_PERMISSION__INIT;
    Crm__KindPermission *kinds[] = { &contacts, &customers };
    Crm__Permissions may = CRM__PERMISSIONS__INIT;
    Crm__Mutation hand_over = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, (struct slice){ 0 });
    Crm__Mutation create = mutation_of(CRM__VERB__VERB_CREATE, &other, body_of("New", NULL));
    Crm__User user = CRM__USER__INIT;

    (void)state;
    user.login = user.name = (char *)(uintptr_t)"bo";
    tell_contact();
    tell_record(KIND_USER, &somebody, &somebody, 1, packed(&user.base));
    contacts.has_kind = contacts.has_write = customers.has_kind = customers.has_write = true;
    contacts.kind = KIND_CONTACT;
    contacts.write = CRM__SCOPE__SCOPE_NONE;
    customers.kind = KIND_CUSTOMER;
    customers.write = CRM__SCOPE__SCOPE_OWN;
    customers.fixed = &industry;
    customers.n_fixed = 1;
    may.has_rights = may.has_write = true;
    may.write = CRM__SCOPE__SCOPE_ALL;
    may.kinds = kinds;
    may.n_kinds = 2;
    log_in(&may);
    assert_int_equal(ask_one(of_kind(KIND_CONTACT, CRM__VERB__VERB_PATCH, &contact)), CRM_NOT_ALLOWED);
    assert_int_equal(ask_one(mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of(NULL, "mining"))), CRM_NOT_ALLOWED);
    assert_int_equal(ask_one(deletion(KIND_CUSTOMER, &test.customer)), CRM_NOT_ALLOWED);
    hand_over.has_owner = create.has_owner = true;
    hand_over.owner = create.owner = id_bytes(&somebody);
    assert_int_equal(ask_one(hand_over), CRM_NOT_ALLOWED);
    assert_int_equal(ask_one(create), CRM_NOT_ALLOWED);
    assert_int_equal(queue().n, 0);
    set_name("Works"); /* one's own, and a field that is free */
    assert_int_equal(queue().n, 1);
}

static void what_is_anothers_is_changed_where_it_may_be_shared(void **state)
{
    Crm__Permissions may = CRM__PERMISSIONS__INIT;
    Crm__KindPermission customers = CRM__KIND_PERMISSION__INIT, *kinds[] = { &customers };
    Crm__Mutation rename = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Works", NULL));

    (void)state;
    test.user.bytes[0] = 2; /* not who owns it */
    customers.has_kind = customers.has_write = true;
    customers.kind = KIND_CUSTOMER;
    customers.write = CRM__SCOPE__SCOPE_OWN;
    may.kinds = kinds;
    may.n_kinds = 1;
    log_in(&may);
    assert_int_equal(ask_one(rename), CRM_NOT_ALLOWED);
    customers.has_shared = customers.shared = true;
    log_in(&may);
    assert_int_equal(ask_one(rename), CRM_OK);
    test.user.bytes[0] = 1;
}

/* --- how much may wait */

struct filling {
    struct slice body;
    unsigned from, added; /* of this run */
    bool is_full;
};

#define RUN_ITEMS 500u

/* In one run, with the memory of one change. */
static enum crm_status fill_run(struct store_txn *txn, void *arg)
{
    struct filling *filling = arg;
    struct arena arena;
    enum crm_status status = CRM_OK;

    arena_init(&arena, (size_t)1 << 20);
    filling->added = 0;
    while (filling->added < RUN_ITEMS && status == CRM_OK) {
        unsigned n = filling->from + filling->added;
        const struct outbox_add adding = { .replica = test.replica, .txn = txn, .arena = &arena, .now_us = NOW_US, .keep = true };
        struct uuid id = { { 20, (uint8_t)(n >> 8), (uint8_t)n } };
        Crm__Mutation create = mutation_of(CRM__VERB__VERB_CREATE, &id, filling->body);
        Crm__MutateResult result = CRM__MUTATE_RESULT__INIT;
        struct failure failure = { 0 };

        status = outbox_add(&adding, &create, &result, &failure);
        filling->added += status == CRM_OK;
        if (status != CRM_OK && !strstr(failure.text, "crm sync"))
            fail_msg("%s", failure.text);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    filling->is_full = status == CRM_FULL;
    return filling->is_full ? CRM_OK : status;
}

/* How many go in. */
static unsigned fill(struct slice body)
{
    struct filling filling = { .body = body };

    while (!filling.is_full) {
        assert_int_equal(store_write_run(replica_store(test.replica), fill_run, &filling), CRM_OK);
        filling.from += filling.added;
    }
    return filling.from;
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(fill(body_of("New", NULL)), OUTBOX_ITEMS_MAX);
    carry(); /* in less memory than all of it would take */
    assert_live(KIND_CUSTOMER, &(struct uuid){ { 20, 0, 1 } }, true);
}

static void so_much_waits_as_can_be_sent(void **state)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    static char note[20001];
    unsigned n;

    (void)state;
    memset(note, 'n', sizeof note - 1);
    customer.name = (char *)(uintptr_t)"Long";
    customer.note = note;
    n = fill(packed(&customer.base));
    assert_true(n > OUTBOX_BYTES_MAX / 30000);
    assert_true(n < OUTBOX_BYTES_MAX / 20000);
    carry();
}

/* --- more than a run can put */

#define LARGE     600u /* records, of 20,000 bytes each: twice what the server has of them and what is shown is more than 32 MiB */
#define LARGE_RUN 200u

static struct slice large_body(const char *name)
{
    static char note[20001];
    Crm__Customer customer = CRM__CUSTOMER__INIT;

    memset(note, 'n', sizeof note - 1);
    customer.name = (char *)(uintptr_t)name;
    customer.note = note;
    return packed(&customer.base);
}

/* The server's records, and a change of each. */
static enum crm_status large_run(struct store_txn *txn, void *arg)
{
    const struct slice body = large_body("Server's"), name = body_of("Mine", NULL);
    unsigned *from = arg;
    struct arena arena;
    enum crm_status status = CRM_OK;

    arena_init(&arena, (size_t)1 << 20);
    for (unsigned n = *from; n < *from + LARGE_RUN && status == CRM_OK; n++) {
        struct uuid id = { { 21, (uint8_t)(n >> 8), (uint8_t)n } };
        struct telling telling = { .header = { .id = id, .kind = KIND_CUSTOMER, .number = n, .rev = 1, .root = id }, .body = body };
        const struct outbox_add adding = { .replica = test.replica, .txn = txn, .arena = &arena, .now_us = NOW_US, .keep = true };
        Crm__Mutation rename = mutation_of(CRM__VERB__VERB_PATCH, &id, name);
        Crm__MutateResult result = CRM__MUTATE_RESULT__INIT;
        struct failure failure = { 0 };

        status = tell_run(txn, &telling);
        if (status == CRM_OK)
            status = outbox_add(&adding, &rename, &result, &failure);
        arena_reset(&arena);
    }
    arena_fini(&arena);
    return status;
}

static void what_is_too_much_for_one_run_is_carried_in_pieces(void **state)
{
    Crm__Mutation edit = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, body_of("Edited", NULL));
    uint32_t name = 1;
    struct failure failure = { 0 };
    uint64_t place;

    (void)state;
    for (unsigned n = 0; n < LARGE; n += LARGE_RUN)
        assert_int_equal(store_write_run(replica_store(test.replica), large_run, &n), CRM_OK);
    set_name("Works");
    place = queue().items[LARGE].place;
    carry();
    assert_string_equal(look(&(struct uuid){ { 21, 0, 1 } }).customer->name, "Mine");
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_OK);
    assert_shown("Edited", "retail");
    edit = mutation_of(CRM__VERB__VERB_PATCH, &test.customer, (struct slice){ 0 });
    edit.clear = &name;
    edit.n_clear = 1;
    assert_int_equal(outbox_edit(test.replica, place, &edit, NOW_US, &failure), CRM_INVALID);
    assert_string_equal(failure.field, "name");
    assert_shown("Edited", "retail");
    assert_int_equal(outbox_drop(test.replica, place, NOW_US, &failure), CRM_OK);
    assert_shown("Acme", "retail");
    assert_string_equal(look(&(struct uuid){ { 21, 0, 1 } }).customer->name, "Mine");
}

static enum crm_status open_run(struct store_txn *txn, void *arg)
{
    struct rows rows;
    enum crm_status status = rows_init(&rows, txn, replica_state(test.replica)->schema, &test.arena);

    (void)arg;
    if (status == CRM_OK)
        status = rows_unchange(&rows, KIND_CUSTOMER, &test.customer);
    if (status == CRM_OK)
        status = rows_apply(&rows);
    return status == CRM_OK ? replica_put_number(txn, ROW_CARRYING, 1) : status;
}

static void who_was_stopped_in_the_middle_goes_on(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    set_name("Works");
    assert_int_equal(outbox_mend(test.replica, NOW_US, &failure), CRM_OK);
    assert_int_equal(store_write_run(replica_store(test.replica), open_run, NULL), CRM_OK);
    assert_shown("Acme", "retail");
    assert_int_equal(outbox_mend(test.replica, NOW_US, &failure), CRM_OK);
    assert_shown("Works", "retail");
    assert_int_equal(store_write_run(replica_store(test.replica), open_run, NULL), CRM_OK);
    carry();
    assert_shown("Works", "retail");
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_deleted_is_gone_with_what_hangs_on_it),
        T(what_cannot_be_without_it_forbids_a_deletion),
        T(what_was_deleted_here_is_taken_back_here),
        T(what_was_deleted_elsewhere_is_not_taken_back_here),
        T(what_others_change_is_not_shown_as_deleted),
        T(who_means_a_revision_means_no_other),
        T(what_goes_at_the_server_leaves_nothing_here),
        T(a_group_is_whole),
        T(what_the_role_does_not_allow_is_not_queued),
        T(what_is_anothers_is_changed_where_it_may_be_shared),
        T(what_waits_is_bounded),
        T(so_much_waits_as_can_be_sent),
        T(what_is_too_much_for_one_run_is_carried_in_pieces),
        T(who_was_stopped_in_the_middle_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
