/*
 * test_mutate.c - the life of a record: create, patch, delete, restore; revisions, refusals that name their field, batches
 */
#include "server_fixture.h"

#include "common/model/validate.h"


/* --- create and patch */

static void creates_and_patches(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record record;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "industry=retail", "tags=a", "tags=b");
    record = server_record(s, KIND_CUSTOMER, &id);
    assert_int_equal(record.header.rev, 1);
    assert_int_equal(record.header.number, 1);
    assert_int_equal(record.header.seq, s->seq);
    assert_int_equal(record.header.created_us, SERVER_START_US);
    assert_true(uuid_equal(&record.header.owner, &s->user));
    assert_true(uuid_equal(&record.header.team, &s->team));
    assert_true(uuid_equal(&record.header.root, &id));
    assert_int_equal(s->reply.results[0]->rev, 1);
    assert_int_equal(s->reply.results[0]->number, 1);

    server_now_us += 5;
    server_change(s, KIND_CUSTOMER, &id, "name=Acme Ltd", "industry=", "tags+=c", "tags-=a");
    record = server_record(s, KIND_CUSTOMER, &id);
    assert_int_equal(record.header.rev, 2);
    assert_int_equal(record.header.created_us, SERVER_START_US);
    assert_int_equal(record.header.updated_us, SERVER_START_US + 5);
    assert_field(s, KIND_CUSTOMER, &id, "name", "Acme Ltd");
    assert_field(s, KIND_CUSTOMER, &id, "industry", "");
    assert_field(s, KIND_CUSTOMER, &id, "tags", "b,c");
}

static void keeps_the_revision_of_what_does_not_change(void **state)
{
    struct server *s = *state;
    struct uuid id;
    uint64_t seq;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "tags=a");
    seq = s->seq;
    server_change(s, KIND_CUSTOMER, &id, "name=Acme", "tags+=a", "industry=");
    assert_int_equal(s->seq, seq);
    assert_int_equal(s->reply.results[0]->rev, 1);
    assert_null(s->events);
}

static void refuses_a_stale_base(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__Mutation *mutations[3];

    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    server_change(s, KIND_CUSTOMER, &id, "name=Acme 2");
    mutations[0] = server_patch(s, KIND_CUSTOMER, &id, "name=Acme 3", NULL);
    mutations[1] = server_deletion(s, KIND_CUSTOMER, &id);
    mutations[2] = server_action(s, KIND_CUSTOMER, &id, "assign", NULL);
    for (size_t i = 0; i < ARRAY_LEN(mutations); i++) {
        mutations[i]->has_base_rev = true;
        mutations[i]->base_rev = 1;
        server_refuses(s, mutations[i], CRM_CONFLICT, "rev");
    }
    mutations[0]->base_rev = 2;
    server_must(s, mutations[0]);
    mutations[0]->base_rev = 0;
    server_must(s, mutations[0]);
}

/* --- what is asked for must make sense */

static void refuses_what_is_no_mutation(void **state)
{
    struct server *s = *state;
    struct uuid id, other_id, nil = { { 0 } }, nobody = uuid_create();
    Crm__Mutation *other, *mutation = server_creation(s, KIND_CUSTOMER, &id, "name=Acme", NULL);
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    uint64_t seq;

    mutation->kind = 99;
    server_refuses(s, mutation, CRM_INVALID, "kind");
    mutation->kind = KIND_CUSTOMER;
    mutation->verb = CRM__VERB__VERB_UNSET;
    server_refuses(s, mutation, CRM_INVALID, "verb");
    mutation->verb = CRM__VERB__VERB_CREATE;
    mutation->id.len = 15;
    server_refuses(s, mutation, CRM_INVALID, "id");
    server_refuses(s, server_deletion(s, KIND_CUSTOMER, &nil), CRM_INVALID, "id");
    server_refuses(s, server_deletion(s, KIND_CUSTOMER, &nobody), CRM_NOT_FOUND, "");
    server_refuses(s, server_patch(s, KIND_CUSTOMER, &nobody, "name=A", NULL), CRM_NOT_FOUND, "");
    server_refuses(s, server_restoration(s, KIND_CUSTOMER, &nobody), CRM_NOT_FOUND, "");
    assert_int_equal(server_request(s, &request), CRM_INVALID);
    assert_string_equal(s->failure.field, "mutations");

    mutation->id.len = UUID_SIZE;
    server_must(s, mutation);
    seq = s->seq;
    server_must(s, mutation); /* sent again: it is there */
    assert_int_equal(s->seq, seq);
    other = server_creation(s, KIND_CUSTOMER, &other_id, "name=Acme", "industry=retail", NULL);
    other->id = mutation->id;
    server_refuses(s, other, CRM_EXISTS, "id"); /* more than is there */
    server_change(s, KIND_CUSTOMER, &id, "industry=finance");
    server_refuses(s, other, CRM_EXISTS, "id"); /* not the same */
    server_refuses(s, server_action(s, KIND_CUSTOMER, &id, "fly", NULL), CRM_INVALID, "action");
    server_refuses(s, server_restoration(s, KIND_CUSTOMER, &id), CRM_INVALID, "");
    server_delete(s, KIND_CUSTOMER, &id);
    server_refuses(s, mutation, CRM_EXISTS, "id"); /* what lies in the bin still has its id */
    server_refuses(s, server_patch(s, KIND_CUSTOMER, &id, "name=A", NULL), CRM_NOT_FOUND, "");
    server_refuses(s, server_deletion(s, KIND_CUSTOMER, &id), CRM_NOT_FOUND, "");
}

static void gives_an_id_to_a_create_without_one(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__Mutation *mutation = server_creation(s, KIND_CUSTOMER, &id, "name=Acme", NULL);

    mutation->has_id = false;
    server_must(s, mutation);
    assert_true(uuid_from_slice(slice_of(s->reply.results[0]->id.data, s->reply.results[0]->id.len), &id));
    assert_field(s, KIND_CUSTOMER, &id, "name", "Acme");
}

/* A create whose body is given byte for byte. */
static Crm__Mutation *raw_customer(struct server *s, const void *body, size_t size)
{
    struct uuid id = uuid_create();
    Crm__Mutation *mutation = server_mutation(s, CRM__VERB__VERB_CREATE, KIND_CUSTOMER, &id);

    mutation->has_set = true;
    mutation->set = server_binary(s, body, size);
    return mutation;
}

static void names_the_field_at_fault(void **state)
{
    struct server *s = *state;
    struct uuid id, nobody = uuid_create();
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    char text[TEXT_MAX + 2];
    Crm__Mutation *mutation;

    server_refuses(s, server_creation(s, KIND_CUSTOMER, &id, "industry=retail", NULL), CRM_INVALID, "name");
    server_refuses(s, raw_customer(s, "\x0a\x02\xc3\x28", 4), CRM_INVALID, "name");        /* no UTF-8 */
    server_refuses(s, raw_customer(s, "\x0a\x03" "a\0b", 5), CRM_INVALID, "name");         /* NUL */
    server_refuses(s, raw_customer(s, "\x0a\x03" "a\x1b" "b", 5), CRM_INVALID, "name");    /* escape */
    server_refuses(s, raw_customer(s, "\x0a\x01" "a" "\x20\x63", 5), CRM_INVALID, "type"); /* no such choice */
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    customer.name = text;
    mutation = server_with(s, server_creation(s, KIND_CUSTOMER, &id, NULL), &customer.base);
    server_refuses(s, mutation, CRM_INVALID, "name");
    text[sizeof text - 2] = '\0';
    server_must(s, server_with(s, mutation, &customer.base)); /* one byte less fits */

    server_refuses(s, server_creation(s, KIND_CUSTOMER, &id, "name=A", server_ref(s, "parent", &nobody), NULL), CRM_INVALID, "parent");
    server_refuses(s, server_creation(s, KIND_CUSTOMER, &id, "name=A", "last_contact=2016-01-01", NULL), CRM_INVALID, "last_contact");
    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    server_refuses(s, server_patch(s, KIND_CUSTOMER, &id, "name=", NULL), CRM_INVALID, "name");
    server_refuses(s, server_patch(s, KIND_CUSTOMER, &id, "last_contact=", NULL), CRM_INVALID, "last_contact");
    mutation = server_patch(s, KIND_CUSTOMER, &id, "industry=", NULL);
    mutation->clear[0] = HEADER_OWNER;
    server_refuses(s, mutation, CRM_INVALID, "clear");
    mutation->clear[0] = 700;
    server_refuses(s, mutation, CRM_INVALID, "clear");
}

static void refuses_unknown_references_in_elements(void **state)
{
    struct server *s = *state;
    struct uuid id, element = uuid_create(), product = uuid_create();
    Crm__Deal deal = CRM__DEAL__INIT;
    Crm__DealLine line = CRM__DEAL_LINE__INIT, *lines[] = { &line };
    Crm__Money price = CRM__MONEY__INIT;

    deal.name = (char *)"Big";
    deal.lines = lines;
    deal.n_lines = 1;
    line.has_id = line.has_product = line.has_quantity = true;
    line.id = server_id(s, &element);
    line.product = server_id(s, &product);
    line.quantity = 1000000;
    line.price = &price;
    price.has_minor = true;
    price.minor = 100;
    price.currency = (char *)"USD";
    server_refuses(s, server_with(s, server_creation(s, KIND_DEAL, &id, NULL), &deal.base), CRM_INVALID, "product");
}

/* --- unique values */

static void holds_unique_values_among_the_living(void **state)
{
    struct server *s = *state;
    struct uuid first, second;

    server_create(s, KIND_PRODUCT, &first, "name=One", "code=GTX Pro");
    server_refuses(s, server_creation(s, KIND_PRODUCT, &second, "name=Two", "code=ＧＴＸ pro", NULL), CRM_EXISTS, "code");
    server_create(s, KIND_PRODUCT, &second, "name=Two", "code=GTXPro");
    server_refuses(s, server_patch(s, KIND_PRODUCT, &second, "code=gtx PRO", NULL), CRM_EXISTS, "code");
    server_change(s, KIND_PRODUCT, &first, "code=gtx pro"); /* its own, otherwise written */

    server_delete(s, KIND_PRODUCT, &first);
    server_change(s, KIND_PRODUCT, &second, "code=GTX Pro");
    server_refuses(s, server_restoration(s, KIND_PRODUCT, &first), CRM_EXISTS, "code");
    server_change(s, KIND_PRODUCT, &second, "code=");
    server_restore(s, KIND_PRODUCT, &first);
    server_refuses(s, server_patch(s, KIND_PRODUCT, &second, "code=GTX Pro", NULL), CRM_EXISTS, "code");
}

static void sees_unique_values_of_its_own_group(void **state)
{
    struct server *s = *state;
    struct uuid first, second;
    Crm__Mutation *mutations[] = {
        server_creation(s, KIND_PRODUCT, &first, "name=One", "code=1", NULL),
        server_creation(s, KIND_PRODUCT, &second, "name=Two", "code=1", NULL),
    };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.mutations = mutations;
    request.n_mutations = 2;
    assert_int_equal(server_request(s, &request), CRM_OK);
    assert_false(s->reply.results[0]->has_status);
    assert_int_equal(s->reply.results[1]->status, CRM_EXISTS);
    assert_string_equal(s->reply.results[1]->error->field, "code");
    assert_false(server_exists(s, KIND_PRODUCT, &second));
}

/* --- batches */

static void applies_a_batch_whole_or_not_at_all(void **state)
{
    struct server *s = *state;
    struct uuid a, b, c;
    Crm__Mutation *mutations[] = {
        server_creation(s, KIND_CUSTOMER, &a, "name=A", NULL),
        server_creation(s, KIND_CUSTOMER, &b, "industry=nameless", NULL),
        server_creation(s, KIND_CUSTOMER, &c, "name=C", NULL),
    };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    uint64_t seq = s->seq;

    request.mutations = mutations;
    request.n_mutations = ARRAY_LEN(mutations);
    request.has_atomic = request.atomic = true;
    assert_int_equal(server_request(s, &request), CRM_INVALID);
    assert_string_equal(s->failure.field, "name");
    assert_int_equal(s->seq, seq);
    assert_false(server_exists(s, KIND_CUSTOMER, &a));

    request.has_atomic = request.atomic = false;
    assert_int_equal(server_request(s, &request), CRM_OK);
    assert_int_equal(s->reply.n_results, 3);
    assert_int_equal(s->reply.results[1]->status, CRM_INVALID);
    assert_string_equal(s->reply.results[1]->error->field, "name");
    assert_int_equal(s->reply.results[1]->error->outcome, CRM_OUTCOME_NOT_DONE);
    assert_int_equal(s->reply.results[2]->number, 2); /* the refused one took no number */
    assert_true(server_exists(s, KIND_CUSTOMER, &a));
    assert_false(server_exists(s, KIND_CUSTOMER, &b));
    assert_true(server_exists(s, KIND_CUSTOMER, &c));
    assert_int_equal(s->reply.seq, s->seq);
    assert_int_equal(s->seq, seq + 2);
}

/* Later mutations of a batch see what earlier ones have done. */
static void sees_earlier_mutations_of_a_batch(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact;
    Crm__Mutation *mutations[] = {
        server_creation(s, KIND_CUSTOMER, &customer, "name=A", NULL),
        server_creation(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &customer), NULL),
        server_patch(s, KIND_CUSTOMER, &customer, "name=B", NULL),
    };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    struct record record;

    request.mutations = mutations;
    request.n_mutations = ARRAY_LEN(mutations);
    request.has_atomic = request.atomic = true;
    assert_int_equal(server_request(s, &request), CRM_OK);
    record = server_record(s, KIND_CONTACT, &contact);
    assert_true(uuid_equal(&record.header.root, &customer));
    assert_int_equal(s->reply.results[2]->rev, 2);
    assert_field(s, KIND_CUSTOMER, &customer, "name", "B");
}

static void bounds_a_request(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__Mutation *one = server_creation(s, KIND_CUSTOMER, &id, "name=A", NULL);
    Crm__Mutation *mutations[MUTATIONS_MAX + 1];
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    for (size_t i = 0; i < ARRAY_LEN(mutations); i++)
        mutations[i] = one;
    request.mutations = mutations;
    request.n_mutations = ARRAY_LEN(mutations);
    assert_int_equal(server_request(s, &request), CRM_TOO_LARGE);
    assert_string_equal(s->failure.field, "mutations");
    assert_false(server_exists(s, KIND_CUSTOMER, &id));
}

/* --- numbers */

static void numbers_without_gaps(void **state)
{
    struct server *s = *state;
    struct uuid id, refused;
    uint64_t last = 0;

    for (int i = 0; i < 20; i++) {
        if (i % 3 == 1) {
            server_refuses(s, server_creation(s, KIND_PRODUCT, &refused, "name=P", "code=x0", NULL), CRM_EXISTS, "code");
            continue;
        }
        server_create(s, KIND_PRODUCT, &id, "name=P", arena_printf(&s->arena, "code=x%d", i));
        assert_int_equal(s->reply.results[0]->number, ++last);
        server_create(s, KIND_CUSTOMER, &id, "name=C"); /* each kind counts for itself */
        assert_int_equal(s->reply.results[0]->number, last);
    }
    server_delete(s, KIND_CUSTOMER, &id);
    server_create(s, KIND_CUSTOMER, &id, "name=C");
    assert_int_equal(s->reply.results[0]->number, last + 1); /* a number is never given twice */
}

static void has_one_company(void **state)
{
    struct server *s = *state;
    struct uuid id;

    server_refuses(s, server_creation(s, KIND_COMPANY, &id, "name=Second", "currency=EUR", NULL), CRM_EXISTS, "");
}

/* --- rights */

static void many_changes_at_once_are_a_right(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__Mutation *mutations[CHANGES_WITHOUT_RIGHT + 1];
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    server_create(s, KIND_CUSTOMER, &id, "name=A");
    for (size_t i = 0; i < ARRAY_LEN(mutations); i++)
        mutations[i] = server_patch(s, KIND_CUSTOMER, &id, i % 2 ? "name=B" : "name=C", NULL);
    request.mutations = mutations;
    request.n_mutations = ARRAY_LEN(mutations);
    s->actor.rights = ~(1u << CRM__RIGHT__RIGHT_BULK_CHANGE);
    assert_int_equal(server_request(s, &request), CRM_NOT_ALLOWED);
    request.n_mutations--;
    assert_int_equal(server_request(s, &request), CRM_OK);
    s->actor.rights = 1u << CRM__RIGHT__RIGHT_BULK_CHANGE;
    request.n_mutations++;
    assert_int_equal(server_request(s, &request), CRM_OK);
}

static void asks_for_rights(void **state)
{
    struct server *s = *state;
    struct uuid id, other, refused;
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;
    Crm__Mutation *patch;

    server_create(s, KIND_USER, &other, "login=bo");
    server_create(s, KIND_CUSTOMER, &id, "name=A");
    s->actor.rights = 0;
    server_refuses(s, server_creation(s, KIND_USER, &refused, "login=cy", NULL), CRM_NOT_ALLOWED, "");
    server_refuses(s, server_patch(s, KIND_PIPELINE, &s->pipeline, "name=Other", NULL), CRM_NOT_ALLOWED, "");
    to.has_owner = true;
    to.owner = server_id(s, &other);
    server_refuses(s, server_action(s, KIND_CUSTOMER, &id, "assign", &to.base), CRM_NOT_ALLOWED, "");
    patch = server_patch(s, KIND_CUSTOMER, &id, "name=B", NULL);
    patch->has_owner = true;
    patch->owner = server_id(s, &other);
    server_refuses(s, patch, CRM_NOT_ALLOWED, "owner"); /* the same change by another path */
    patch->owner = server_id(s, &s->user);
    server_must(s, patch); /* whose it is already */
    s->actor.rights = 1u << CRM__RIGHT__RIGHT_REASSIGN;
    server_must(s, server_action(s, KIND_CUSTOMER, &id, "assign", &to.base));
}

/* --- when it happened */

static void bounds_what_is_reported(void **state)
{
    struct server *s = *state;
    static const int64_t reported[] = { INT64_MIN, 0, SERVER_START_US - 5, SERVER_START_US + 1, INT64_MAX };
    struct uuid id;

    for (size_t i = 0; i < ARRAY_LEN(reported); i++) {
        Crm__Mutation *mutation = server_creation(s, KIND_DEAL, &id, "name=D", NULL);

        mutation->has_happened_at = true;
        mutation->happened_at = reported[i];
        server_must(s, mutation);
        assert_true(s->events->happened_us <= SERVER_START_US);
        if (reported[i] >= 0)
            assert_int_equal(s->events->happened_us, reported[i] < SERVER_START_US ? reported[i] : SERVER_START_US);
    }
}

/* A change cannot have happened before the one that it follows: totals of past days would fall below nothing. */
static void keeps_a_records_changes_in_order(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__Mutation *mutation;

    server_create(s, KIND_DEAL, &id, "name=D");
    server_pass_days(3);
    mutation = server_patch(s, KIND_DEAL, &id, "stage=Engaging", NULL);
    mutation->has_happened_at = true;
    mutation->happened_at = SERVER_START_US - US_PER_DAY;
    server_must(s, mutation);
    assert_int_equal(s->events->happened_us, SERVER_START_US);
    mutation = server_patch(s, KIND_DEAL, &id, "stage=Qualified", NULL);
    mutation->has_happened_at = true;
    mutation->happened_at = SERVER_START_US + US_PER_DAY;
    server_must(s, mutation);
    assert_int_equal(s->events->happened_us, SERVER_START_US + US_PER_DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(creates_and_patches),
        server_test(keeps_the_revision_of_what_does_not_change),
        server_test(refuses_a_stale_base),
        server_test(refuses_what_is_no_mutation),
        server_test(gives_an_id_to_a_create_without_one),
        server_test(names_the_field_at_fault),
        server_test(refuses_unknown_references_in_elements),
        server_test(holds_unique_values_among_the_living),
        server_test(sees_unique_values_of_its_own_group),
        server_test(applies_a_batch_whole_or_not_at_all),
        server_test(sees_earlier_mutations_of_a_batch),
        server_test(bounds_a_request),
        server_test(numbers_without_gaps),
        server_test(has_one_company),
        server_test(many_changes_at_once_are_a_right),
        server_test(asks_for_rights),
        server_test(bounds_what_is_reported),
        server_test(keeps_a_records_changes_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
