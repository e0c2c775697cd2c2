/*
 * test_link_late.c - late changes and their conflicts as a client meets them: with a key, told again, listed in pages, dropped
 */
#include "tests/unit/link_fixture.h"

/* A customer that others have renamed since it was read at revision 1. */
static struct uuid renamed(struct fixture *f)
{
    Crm__Mutation *mutation = new_customer(f, "Acme");
    struct uuid id = uuid_create();
    const Crm__MutateReply *reply;

    mutation->has_id = true;
    mutation->id = (ProtobufCBinaryData){ .data = arena_memdup(&f->arena, id.bytes, UUID_SIZE), .len = UUID_SIZE };
    reply = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    assert_int_equal(reply->results[0]->outcome, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_APPLIED);
    mutation->set = new_customer(f, "Theirs")->set;
    mutation->verb = CRM__VERB__VERB_PATCH;
    take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    return id;
}

static Crm__Mutation *late(struct fixture *f, const struct uuid *id, const char *name)
{
    Crm__Mutation *mutation = new_customer(f, name);

    mutation->verb = CRM__VERB__VERB_PATCH;
    mutation->has_id = mutation->has_base_rev = mutation->has_old = true;
    mutation->id = (ProtobufCBinaryData){ .data = arena_memdup(&f->arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
    mutation->base_rev = 1;
    mutation->old = new_customer(f, "Acme")->set;
    return mutation;
}

static const char *name_in(struct fixture *f, ProtobufCBinaryData body)
{
    const Crm__Customer *customer = crm__customer__unpack(&f->arena.protobuf, body.len, body.data);

    assert_non_null(customer);
    return customer->name;
}

static const Crm__ConflictsReply *list(struct fixture *f, Crm__ConflictsRequest *request)
{
    return take(f, FRAME_REPLY, ask(f, OP_SYNC_CONFLICTS, &request->base), &crm__conflicts_reply__descriptor);
}

static void conflicts_exactly_once(void **state)
{
    struct fixture *f = *state;
    uint8_t client[16] = "a replica's own";
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
    const Crm__MutateReply *first, *again;
    const Crm__ConflictsReply *kept;
    Crm__Mutation *mutation;
    struct uuid id;

    login(f);
    id = renamed(f);
    mutation = late(f, &id, "Mine");
    first = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, client, 1), &crm__mutate_reply__descriptor);
    again = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, client, 1), &crm__mutate_reply__descriptor);
    assert_false(first->duplicate);
    assert_true(again->duplicate);
    for (int i = 0; i < 2; i++) {
        const Crm__MutateResult *result = (i ? again : first)->results[0];

        assert_int_equal(result->status, CRM_CONFLICT);
        assert_int_equal(result->n_conflicts, 1);
        assert_string_equal(name_in(f, result->conflicts[0]->mine), "Mine");
        assert_string_equal(name_in(f, result->conflicts[0]->theirs), "Theirs");
        assert_memory_equal(result->conflict.data, first->results[0]->conflict.data, UUID_SIZE);
    }
    kept = list(f, &request);
    assert_int_equal(kept->n_conflicts, 1);
    assert_memory_equal(kept->conflicts[0]->id.data, id.bytes, UUID_SIZE);
    assert_memory_equal(kept->conflicts[0]->conflict.data, first->results[0]->conflict.data, UUID_SIZE);
    assert_memory_equal(kept->conflicts[0]->client.data, client, sizeof client);
    assert_string_equal(name_in(f, kept->conflicts[0]->fields[0]->mine), "Mine");
    assert_string_equal(name_in(f, kept->conflicts[0]->fields[0]->theirs), "Theirs");
    assert_string_equal(name_in(f, kept->conflicts[0]->fields[0]->before), "Acme");
    assert_false(kept->has_next);
    assert_int_equal(kept->n_titles, 1);
    assert_string_equal(kept->titles[0]->title, "Theirs");
}

static void lists_in_pages_and_drops(void **state)
{
    struct fixture *f = *state;
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
    const Crm__ConflictsReply *page;
    size_t n = 0;

    login(f);
    for (int i = 0; i < 3; i++) {
        struct uuid id = renamed(f);

        for (int j = 0; j < 2; j++) {
            Crm__Mutation *mutation = late(f, &id, "Mine");

            take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
        }
    }
    request.has_limit = true;
    request.limit = 4;
    do {
        page = list(f, &request);
        n += page->n_conflicts;
        request.has_after = page->has_next;
        request.after = page->next;
        request.id = page->n_conflicts ? page->conflicts[0]->id : request.id;
        request.drop = page->n_conflicts ? page->conflicts[0]->conflict : request.drop;
    } while (page->has_next);
    assert_int_equal(n, 6);

    /* Of one record, and one of them less. */
    request.has_after = false;
    request.has_id = true;
    assert_int_equal(list(f, &request)->n_conflicts, 2);
    request.has_drop = true;
    list(f, &request);
    take_error(f, ask(f, OP_SYNC_CONFLICTS, &request.base), CRM_NOT_FOUND);
    request.has_id = false;
    take_error(f, ask(f, OP_SYNC_CONFLICTS, &request.base), CRM_INVALID);
    request.has_id = true;
    request.has_drop = false;
    assert_int_equal(list(f, &request)->n_conflicts, 1);
    request.has_after = true;
    request.after = request.id; /* half of a place */
    take_error(f, ask(f, OP_SYNC_CONFLICTS, &request.base), CRM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(conflicts_exactly_once), TEST(lists_in_pages_and_drops) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
