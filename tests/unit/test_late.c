/*
 * test_late.c - mutations that come late: merged by field, in conflict, resolved; nothing that anybody has typed is gone
 */
#include "late_fixture.h"

#include "common/ops/conflicts.h"

static const Crm__MutateResult *result_of(struct server *s, size_t i)
{
    assert_true(i < s->reply.n_results);
    return s->reply.results[i];
}

static void assert_outcome(struct server *s, Crm__MutateOutcome outcome, enum crm_status status)
{
    assert_int_equal(result_of(s, 0)->outcome, outcome);
    assert_int_equal(result_of(s, 0)->status, status);
    assert_int_equal(result_of(s, 0)->error != NULL, status != CRM_OK);
}

#define assert_applied(s)     assert_outcome(s, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_APPLIED, CRM_OK)
#define assert_merged(s)      assert_outcome(s, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_MERGED, CRM_OK)
#define assert_partial(s)     assert_outcome(s, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT, CRM_PARTIAL)
#define assert_in_conflict(s) assert_outcome(s, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT, CRM_CONFLICT)

static const Crm__FieldConflict *conflict_on(struct server *s, Crm__FieldConflict *const *list, size_t n, enum kind kind, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->field == server_field(s, kind, name)->ref)
            return list[i];
    return NULL;
}

static void assert_conflict(struct server *s, enum kind kind, const char *name, const char *mine, const char *theirs)
{
    const Crm__MutateResult *result = result_of(s, 0);
    const Crm__FieldConflict *conflict = conflict_on(s, result->conflicts, result->n_conflicts, kind, name);

    assert_non_null(conflict);
    assert_string_equal(value_text(s, kind, name, conflict->mine), mine);
    assert_true(conflict->has_theirs);
    assert_string_equal(value_text(s, kind, name, conflict->theirs), theirs);
}

/* --- by field */

static void takes_what_nobody_else_has_touched(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "industry=retail");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "industry=finance");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Acme Ltd", "size=12", NULL), &base));
    assert_applied(s);
    assert_int_equal(result_of(s, 0)->rev, 3);
    assert_field(s, KIND_CUSTOMER, &id, "name", "Acme Ltd");
    assert_field(s, KIND_CUSTOMER, &id, "size", "12");
    assert_field(s, KIND_CUSTOMER, &id, "industry", "finance");

    /* Both to the same: nothing is left to do, and nothing to choose. */
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "industry=finance", NULL), &base));
    assert_applied(s);
    assert_int_equal(result_of(s, 0)->rev, 3);
    assert_int_equal(kept_of(s, &id).n, 0);
}

static void merges_lists_and_long_texts(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "tags=a", "tags=b", "note=first");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "tags-=a", "tags+=c", "note=first\ntheirs");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "tags-=b", "tags+=d", "note=first\nmine", NULL), &base));
    assert_merged(s);
    assert_int_equal(result_of(s, 0)->n_merged, 2);
    assert_field(s, KIND_CUSTOMER, &id, "tags", "c,d");
    assert_field(s, KIND_CUSTOMER, &id, "note", "first\ntheirs\nmine");
}

static void keeps_what_two_have_set(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;
    struct kept kept;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "revenue=10 USD");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs", "revenue=20 USD");
    server_now_us += 7;
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", "revenue=30 USD", "industry=retail", NULL), &base));
    assert_partial(s);
    assert_int_equal(result_of(s, 0)->n_conflicts, 2);
    assert_conflict(s, KIND_CUSTOMER, "name", "Mine", "Theirs");
    assert_conflict(s, KIND_CUSTOMER, "revenue", "30.00 USD", "20.00 USD");
    assert_int_equal(result_of(s, 0)->rev, 3);
    assert_field(s, KIND_CUSTOMER, &id, "name", "Theirs");
    assert_field(s, KIND_CUSTOMER, &id, "industry", "retail");

    kept = kept_of(s, &id);
    assert_int_equal(kept.n, 1);
    assert_memory_equal(kept.ids[0].bytes, result_of(s, 0)->conflict.data, UUID_SIZE);
    assert_int_equal(kept.rows[0]->n_fields, 2);
    assert_int_equal(kept.rows[0]->recorded_at, server_now_us);
    assert_string_equal(kept.rows[0]->from, "test");
    assert_string_equal(value_text(s, KIND_CUSTOMER, "name", kept.rows[0]->fields[0]->mine), "Mine");
    assert_string_equal(value_text(s, KIND_CUSTOMER, "name", kept.rows[0]->fields[0]->before), "Acme");
    assert_false(kept.rows[0]->fields[0]->has_theirs);

    /* All of it in conflict: the record stays, and has no new revision. */
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine 2", NULL), &base));
    assert_in_conflict(s);
    assert_int_equal(result_of(s, 0)->rev, 3);
    assert_int_equal(kept_of(s, &id).n, 2);
}

static void wants_to_know_what_was_seen(void **state)
{
    struct server *s = *state;
    struct uuid id;
    Crm__Mutation *mutation;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs");
    mutation = seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", NULL), &base);
    mutation->has_old = false;
    server_refuses(s, mutation, CRM_CONFLICT, "rev");
    mutation->has_old = true;
    mutation->old = server_binary(s, "\x0a\x02\xc3\x28", 4); /* no UTF-8 */
    server_refuses(s, mutation, CRM_INVALID, "old");
    mutation->old = server_binary(s, "\x0a\x7f", 2); /* cut */
    server_refuses(s, mutation, CRM_INVALID, "old");
    mutation->old = server_binary(s, "", 0); /* there was no name: also another one than there is now */
    server_must(s, mutation);
    assert_in_conflict(s);
}

static void does_not_hand_over_silently(void **state)
{
    struct server *s = *state;
    struct uuid id, b, c;
    struct record base;
    Crm__Mutation *mutation;

    server_create(s, KIND_USER, &b, "login=b", "name=B", server_ref(s, "team", &s->team));
    server_create(s, KIND_USER, &c, "login=c", "name=C", server_ref(s, "team", &s->team));
    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    mutation = server_patch(s, KIND_CUSTOMER, &id, "industry=retail", NULL);
    mutation->has_owner = true;
    mutation->owner = server_id(s, &b);
    server_must(s, mutation);

    mutation = seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", NULL), &base);
    mutation->has_owner = true;
    mutation->owner = server_id(s, &c);
    server_must(s, mutation);
    assert_partial(s);
    assert_int_equal(result_of(s, 0)->n_conflicts, 1);
    assert_int_equal(result_of(s, 0)->conflicts[0]->field, HEADER_OWNER);
    assert_memory_equal(result_of(s, 0)->conflicts[0]->mine.data, c.bytes, UUID_SIZE);
    assert_memory_equal(result_of(s, 0)->conflicts[0]->theirs.data, b.bytes, UUID_SIZE);
    assert_memory_equal(result_of(s, 0)->conflicts[0]->before.data, s->user.bytes, UUID_SIZE);
    assert_field(s, KIND_CUSTOMER, &id, "name", "Mine");
    assert_field(s, KIND_CUSTOMER, &id, "owner", server_id_text(s, &b));
    s->actor.rights &= ~(1u << CRM__RIGHT__RIGHT_REASSIGN);
    server_refuses(s, resolution(s, KIND_CUSTOMER, &id, "owner", CRM__TAKE__TAKE_MINE, NULL), CRM_NOT_ALLOWED, "owner");
    s->actor.rights = SERVER_ALL_RIGHTS;
    server_must(s, resolution(s, KIND_CUSTOMER, &id, "owner", CRM__TAKE__TAKE_MINE, NULL));
    assert_field(s, KIND_CUSTOMER, &id, "owner", server_id_text(s, &c));
}

/* --- as a whole */

static void keeps_what_the_rules_refuse(void **state)
{
    struct server *s = *state;
    struct uuid a, b;
    struct record base;
    struct kept kept;

    server_create(s, KIND_CUSTOMER, &a, "name=A");
    server_create(s, KIND_CUSTOMER, &b, "name=B");
    base = server_record(s, KIND_CUSTOMER, &a);
    server_change(s, KIND_CUSTOMER, &b, server_ref(s, "parent", &a));
    server_change(s, KIND_CUSTOMER, &a, "industry=retail");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &a, server_ref(s, "parent", &b), "name=Mine", NULL), &base));
    assert_in_conflict(s);
    assert_int_equal(result_of(s, 0)->n_conflicts, 2);
    assert_conflict(s, KIND_CUSTOMER, "name", "Mine", "A");
    assert_field(s, KIND_CUSTOMER, &a, "name", "A");
    assert_int_equal(server_record(s, KIND_CUSTOMER, &a).header.rev, 2);
    kept = kept_of(s, &a);
    assert_int_equal(kept.n, 1);
    assert_non_null(kept.rows[0]->why);
    assert_string_equal(kept.rows[0]->why, result_of(s, 0)->error->text);

    /* What they still refuse stays in conflict. */
    assert_int_equal(server_run(s, resolution(s, KIND_CUSTOMER, &a, "parent", CRM__TAKE__TAKE_MINE, NULL)), CRM_INVALID);
    assert_int_equal(kept_of(s, &a).n, 1);
    server_change(s, KIND_CUSTOMER, &b, "parent=");
    server_must(s, resolution(s, KIND_CUSTOMER, &a, "parent", CRM__TAKE__TAKE_MINE, NULL));
    assert_field(s, KIND_CUSTOMER, &a, "parent", server_id_text(s, &b));
    assert_int_equal(kept_of(s, &a).rows[0]->n_fields, 1);
}

/* What is wrong whatever others have done, or not allowed, is refused as ever: its author has the words. */
static void refuses_what_is_wrong_anyway(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;
    Crm__Mutation *mutation;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs");
    mutation = seen(s, server_patch(s, KIND_CUSTOMER, &id, NULL), &base);
    mutation->has_set = true;
    mutation->set = server_binary(s, "\x20\x63", 2); /* no such choice */
    server_refuses(s, mutation, CRM_INVALID, "type");
    s->actor.rights = 0;
    server_refuses(s, seen(s, server_deletion(s, KIND_CUSTOMER, &id), &base), CRM_NOT_ALLOWED, "");
    s->actor.rights = SERVER_ALL_RIGHTS;
    assert_int_equal(kept_of(s, &id).n, 0);
}

static void moves_late(void **state)
{
    struct server *s = *state;
    uint32_t stage = server_field(s, KIND_DEAL, "stage")->ref;
    struct uuid id;
    struct record base;
    Crm__Mutation *mutation;
    struct kept kept;

    server_create(s, KIND_DEAL, &id, "name=D");
    base = server_record(s, KIND_DEAL, &id);
    server_change(s, KIND_DEAL, &id, "name=D 2");
    mutation = seen(s, server_move(s, &id, "move", "Qualified"), &base);
    mutation->seen = &stage;
    mutation->n_seen = 1;
    server_must(s, mutation);
    assert_applied(s);
    assert_field(s, KIND_DEAL, &id, "stage", "Qualified");

    /* The same once more from the same base: it is where its author wants it. Elsewhere: not silently. */
    server_must(s, mutation);
    assert_applied(s);
    mutation = seen(s, server_move(s, &id, "move", "Proposal"), &base);
    mutation->seen = &stage;
    mutation->n_seen = 1;
    server_must(s, mutation);
    assert_in_conflict(s);
    assert_conflict(s, KIND_DEAL, "stage", "Proposal", "Qualified");
    assert_field(s, KIND_DEAL, &id, "stage", "Qualified");
    kept = kept_of(s, &id);
    assert_int_equal(kept.n, 1);
    assert_string_equal(kept.rows[0]->action, "move");
    server_must(s, resolution(s, KIND_DEAL, &id, NULL, CRM__TAKE__TAKE_MINE, NULL));
    assert_field(s, KIND_DEAL, &id, "stage", "Proposal");
    assert_int_equal(kept_of(s, &id).n, 0);
}

static void moves_no_deal_that_is_lost_meanwhile(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;
    Crm__MoveArgument lost = CRM__MOVE_ARGUMENT__INIT;
    struct kept kept;

    server_create(s, KIND_DEAL, &id, "name=D");
    base = server_record(s, KIND_DEAL, &id);
    lost.stage = (char *)(uintptr_t)"Lost";
    lost.lost_reason = (char *)(uintptr_t)"price";
    server_must(s, server_action(s, KIND_DEAL, &id, "move", &lost.base));
    server_must(s, seen(s, server_move(s, &id, "move", "Proposal"), &base));
    assert_in_conflict(s);
    assert_int_equal(result_of(s, 0)->n_conflicts, 0);
    kept = kept_of(s, &id);
    assert_int_equal(kept.n, 1);
    assert_true(kept.rows[0]->has_argument);
    server_refuses(s, resolution(s, KIND_DEAL, &id, NULL, CRM__TAKE__TAKE_MINE, NULL), CRM_INVALID, "take");
    server_must(s, resolution(s, KIND_DEAL, &id, NULL, CRM__TAKE__TAKE_THEIRS, NULL));
    assert_int_equal(kept_of(s, &id).n, 0);
}

/* --- deleted, and changed */

static void deletes_nothing_unseen(void **state)
{
    struct server *s = *state;
    struct uuid id, b;
    struct record base;

    server_create(s, KIND_USER, &b, "login=b", "name=Bo", server_ref(s, "team", &s->team));
    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Mine");
    s->actor.user = b;
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs");
    s->actor.user = s->user;
    server_change(s, KIND_CUSTOMER, &id, "name=Mine again");
    server_must(s, seen(s, server_deletion(s, KIND_CUSTOMER, &id), &base));
    assert_in_conflict(s);
    assert_false(result_of(s, 0)->has_conflict);
    assert_true(server_exists(s, KIND_CUSTOMER, &id));
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "industry=retail"); /* what one has done oneself one knows */
    server_change(s, KIND_CUSTOMER, &id, "industry=finance");
    server_must(s, seen(s, server_deletion(s, KIND_CUSTOMER, &id), &base));
    assert_applied(s);
    assert_false(server_exists(s, KIND_CUSTOMER, &id));
    server_must(s, seen(s, server_deletion(s, KIND_CUSTOMER, &id), &base)); /* it is gone, as was wanted */
    assert_applied(s);
}

static void keeps_what_was_written_on_something_deleted(void **state)
{
    struct server *s = *state;
    struct uuid id, deal;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_delete(s, KIND_CUSTOMER, &id);
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", NULL), &base));
    assert_in_conflict(s);
    assert_true(result_of(s, 0)->deleted);
    assert_conflict(s, KIND_CUSTOMER, "name", "Mine", "Acme");
    server_refuses(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_MINE, NULL), CRM_NOT_FOUND, "");
    server_restore(s, KIND_CUSTOMER, &id);
    server_must(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_MINE, NULL));
    assert_field(s, KIND_CUSTOMER, &id, "name", "Mine");

    server_create(s, KIND_DEAL, &deal, "name=D");
    base = server_record(s, KIND_DEAL, &deal);
    server_delete(s, KIND_DEAL, &deal);
    server_must(s, seen(s, server_move(s, &deal, "move", "Proposal"), &base));
    assert_in_conflict(s);
    assert_true(result_of(s, 0)->deleted);
    assert_string_equal(kept_of(s, &deal).rows[0]->action, "move");
}

/* --- groups, and answers */

static void keeps_groups_whole(void **state)
{
    struct server *s = *state;
    struct uuid a, b, made;
    struct record base_a, base_b;
    Crm__Mutation *mutations[3];
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    uint64_t seq;

    server_create(s, KIND_CUSTOMER, &a, "name=A");
    server_create(s, KIND_CUSTOMER, &b, "name=B");
    base_a = server_record(s, KIND_CUSTOMER, &a);
    base_b = server_record(s, KIND_CUSTOMER, &b);
    server_change(s, KIND_CUSTOMER, &b, "name=Theirs");
    mutations[0] = seen(s, server_patch(s, KIND_CUSTOMER, &a, "name=Mine A", NULL), &base_a);
    mutations[1] = seen(s, server_patch(s, KIND_CUSTOMER, &b, "name=Mine B", "industry=retail", NULL), &base_b);
    mutations[2] = server_creation(s, KIND_CUSTOMER, &made, "name=C", NULL);
    request.mutations = mutations;
    request.n_mutations = 3;
    request.has_atomic = request.atomic = true;
    seq = s->seq;
    assert_int_equal(server_request(s, &request), CRM_OK);
    assert_int_equal(s->seq, seq);
    assert_int_equal(result_of(s, 1)->outcome, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT);
    assert_int_equal(result_of(s, 1)->status, CRM_CONFLICT);
    assert_int_equal(result_of(s, 1)->n_conflicts, 1);
    assert_false(result_of(s, 1)->has_conflict);
    for (size_t i = 0; i < 3; i += 2) {
        assert_int_equal(result_of(s, i)->outcome, CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED);
        assert_int_equal(result_of(s, i)->status, CRM_CONFLICT);
        assert_non_null(strstr(result_of(s, i)->error->text, "change 2"));
    }
    assert_field(s, KIND_CUSTOMER, &a, "name", "A");
    assert_false(server_exists(s, KIND_CUSTOMER, &made));
    assert_int_equal(kept_of(s, &b).n, 0);

    request.atomic = false;
    assert_int_equal(server_request(s, &request), CRM_OK);
    assert_field(s, KIND_CUSTOMER, &a, "name", "Mine A");
    assert_field(s, KIND_CUSTOMER, &b, "industry", "retail");
    assert_true(server_exists(s, KIND_CUSTOMER, &made));
    assert_int_equal(kept_of(s, &b).n, 1);
}

static enum crm_status fill(struct store_txn *txn, void *arg)
{
    struct server *s = arg;
    struct view view = { .txn = txn, .schema = s->core.schema };

    return late_fill_values(&view, &s->actor, &s->reply, &s->arena);
}

/* A kept answer holds no value; told again it has those that are still to be chosen between, as the record is by then. */
static void answers_again_without_keeping_values(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;
    struct slice packed;
    Crm__MutateReply *again;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "industry=retail");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs", "industry=finance");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Secret", "industry=Secret", NULL), &base));
    assert_int_equal(late_take_values(&s->reply, &s->arena), CRM_OK);
    assert_int_equal(codec_pack(&s->reply.base, &s->arena, &packed), CRM_OK);
    assert_null(memmem(packed.data, packed.size, "Secret", 6));
    assert_null(memmem(packed.data, packed.size, "Theirs", 6));
    server_must(s, resolution(s, KIND_CUSTOMER, &id, "industry", CRM__TAKE__TAKE_VALUE, "industry=steel"));
    server_change(s, KIND_CUSTOMER, &id, "name=Others");
    again = crm__mutate_reply__unpack(&s->arena.protobuf, packed.size, packed.data);
    assert_non_null(again);
    s->reply = *again;
    assert_int_equal(store_read_run(s->store, fill, s), CRM_OK);
    assert_int_equal(result_of(s, 0)->n_conflicts, 2);
    assert_conflict(s, KIND_CUSTOMER, "name", "Secret", "Others");
    assert_false(conflict_on(s, result_of(s, 0)->conflicts, 2, KIND_CUSTOMER, "industry")->has_mine);
}

static void bounds_what_is_open(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs");
    for (int i = 0; i < CONFLICTS_MAX; i++)
        server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", NULL), &base));
    server_refuses(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", "size=3", NULL), &base), CRM_TOO_LARGE, "");
    assert_field(s, KIND_CUSTOMER, &id, "size", "");
    server_must(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_THEIRS, NULL));
    assert_int_equal(kept_of(s, &id).n, 0);
}

/* --- fields that the company has added merge as it says */

static void merges_custom_fields(void **state)
{
    static const char *const definitions[][3] = { { "name=asks", "type=number", "merge=ask" },   { "name=lasts", "type=text", "merge=last" },
                                                  { "name=grows", "type=number", "merge=max" },  { "name=sees", "type=date", "merge=max" },
                                                  { "name=silent", "type=number", "merge=" } };
    struct server *s = *state;
    struct uuid id, definition;
    struct record base;

    for (size_t i = 0; i < ARRAY_LEN(definitions); i++)
        server_create(s, KIND_FIELD_DEFINITION, &definition, "kind=customer", definitions[i][0], definitions[i][1], definitions[i][2]);
    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "asks=1", "lasts=a", "grows=1", "sees=2020-01-01", "silent=1");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "asks=2", "lasts=b", "grows=5", "sees=2020-01-02", "silent=2");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "asks=3", "lasts=c", "grows=3", "sees=2020-01-03", "silent=3", NULL), &base));
    assert_partial(s);
    assert_field(s, KIND_CUSTOMER, &id, "asks", "2");
    assert_field(s, KIND_CUSTOMER, &id, "silent", "2");
    assert_field(s, KIND_CUSTOMER, &id, "lasts", "c");
    assert_field(s, KIND_CUSTOMER, &id, "grows", "5");
    assert_field(s, KIND_CUSTOMER, &id, "sees", "2020-01-03");
    assert_int_equal(kept_of(s, &id).rows[0]->n_fields, 2);
}

/* --- choosing */

static void resolves(void **state)
{
    struct server *s = *state;
    struct uuid id, nobody = uuid_create();
    struct record base;
    Crm__Mutation *mutation;
    uint64_t rev;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "industry=a", "web=a", "tags=x");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs", "industry=b", "web=b", "country=b");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", "industry=", "web=c", "country=c", NULL), &base));
    assert_in_conflict(s);
    server_refuses(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_UNSET, NULL), CRM_INVALID, "take");
    server_refuses(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_VALUE, NULL), CRM_INVALID, "field");
    server_refuses(s, resolution(s, KIND_CUSTOMER, &id, "size", CRM__TAKE__TAKE_MINE, NULL), CRM_INVALID, "conflict");
    server_refuses(s, resolution(s, KIND_CUSTOMER, &nobody, NULL, CRM__TAKE__TAKE_MINE, NULL), CRM_NOT_FOUND, "");

    mutation = resolution(s, KIND_CUSTOMER, &id, "web", CRM__TAKE__TAKE_VALUE, "web=d");
    server_must(s, mutation);
    assert_field(s, KIND_CUSTOMER, &id, "web", "d");
    server_refuses(s, mutation, CRM_INVALID, "conflict");
    rev = server_record(s, KIND_CUSTOMER, &id).header.rev;
    server_must(s, resolution(s, KIND_CUSTOMER, &id, "country", CRM__TAKE__TAKE_THEIRS, NULL));
    assert_field(s, KIND_CUSTOMER, &id, "country", "b");
    assert_int_equal(server_record(s, KIND_CUSTOMER, &id).header.rev, rev + 1); /* it is in the history */
    server_must(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_MINE, NULL));
    assert_field(s, KIND_CUSTOMER, &id, "name", "Mine");
    assert_field(s, KIND_CUSTOMER, &id, "industry", "");
    assert_field(s, KIND_CUSTOMER, &id, "web", "d");
    assert_int_equal(kept_of(s, &id).n, 0);
}

/* One mutation settles several fields, each in its own way; what is not named stays open. */
static void resolves_by_choices(void **state)
{
    struct server *s = *state;
    Crm__ResolveChoice name = CRM__RESOLVE_CHOICE__INIT, web = CRM__RESOLVE_CHOICE__INIT, *choices[] = { &name, &web };
    Crm__ResolveArgument argument = CRM__RESOLVE_ARGUMENT__INIT;
    struct uuid id;
    struct record base;
    struct kept kept;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "industry=a", "web=a");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs", "industry=b", "web=b");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=", "industry=c", "web=c", NULL), &base));
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", NULL), &base));
    assert_int_equal(kept_of(s, &id).n, 2);

    name.has_field = name.has_take = web.has_field = web.has_take = web.has_value = true;
    name.field = server_field(s, KIND_CUSTOMER, "name")->ref;
    name.take = CRM__TAKE__TAKE_MINE;
    web.field = server_field(s, KIND_CUSTOMER, "web")->ref;
    argument.choices = choices;
    argument.n_choices = 2;
    server_refuses(s, server_action(s, KIND_CUSTOMER, &id, "resolve", &argument.base), CRM_INVALID, "take");
    web.take = CRM__TAKE__TAKE_VALUE;
    web.value = server_patch(s, KIND_CUSTOMER, &id, "web=d", NULL)->set;
    server_must(s, server_action(s, KIND_CUSTOMER, &id, "resolve", &argument.base));
    assert_field(s, KIND_CUSTOMER, &id, "name", "Mine"); /* the later wish */
    assert_field(s, KIND_CUSTOMER, &id, "web", "d");
    assert_field(s, KIND_CUSTOMER, &id, "industry", "b");
    kept = kept_of(s, &id);
    assert_int_equal(kept.n, 1);
    assert_int_equal(kept.rows[0]->n_fields, 1);
    assert_int_equal(kept.rows[0]->fields[0]->field, server_field(s, KIND_CUSTOMER, "industry")->ref);
    argument.has_take = true;
    argument.take = CRM__TAKE__TAKE_THEIRS; /* for the rest */
    server_must(s, server_action(s, KIND_CUSTOMER, &id, "resolve", &argument.base));
    assert_int_equal(kept_of(s, &id).n, 0);
}

static void resolves_nothing_of_others(void **state)
{
    struct server *s = *state;
    struct uuid id, b;
    struct record base;

    server_create(s, KIND_USER, &b, "login=b", "name=B", server_ref(s, "team", &s->team));
    server_create(s, KIND_CUSTOMER, &id, "name=Acme");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", NULL), &base));
    s->actor.user = b;
    server_refuses(s, resolution(s, KIND_CUSTOMER, &id, NULL, CRM__TAKE__TAKE_THEIRS, NULL), CRM_INVALID, "conflict");
    s->actor.user = s->user;
    assert_int_equal(kept_of(s, &id).n, 1);
}

/* --- who may read what by now */

static bool hides_names(const struct view_guard *guard, enum kind kind, uint32_t field)
{
    (void)guard;
    return kind == KIND_CUSTOMER && field == 1;
}

static enum crm_status admits(const struct view_guard *guard, const struct view *view, const struct record_header *header)
{
    (void)view;
    (void)header;
    return guard->arg ? CRM_OK : CRM_NOT_FOUND;
}

static enum crm_status masks_nothing(const struct view_guard *guard, struct arena *arena, struct record *record)
{
    (void)guard;
    (void)arena;
    (void)record;
    return CRM_OK;
}

struct completing {
    struct server *server;
    Crm__Conflict *conflict;
    bool is_admitted;
};

static enum crm_status complete(struct store_txn *txn, void *arg)
{
    struct completing *completing = arg;
    const struct view_guard guard = { .admit = admits, .mask = masks_nothing, .hides = hides_names, .arg = completing->is_admitted ? arg : NULL };
    const struct view seen_by = { .txn = txn, .schema = completing->server->core.schema, .guard = &guard, .arena = &completing->server->arena };

    return conflict_complete(&seen_by, completing->conflict, &completing->server->arena);
}

/* One's own words one may always read; those of others only as far as one may read the record by now. */
static void tells_nothing_that_is_hidden_by_now(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct record base;

    server_create(s, KIND_CUSTOMER, &id, "name=Acme", "web=a");
    base = server_record(s, KIND_CUSTOMER, &id);
    server_change(s, KIND_CUSTOMER, &id, "name=Theirs", "web=b");
    server_must(s, seen(s, server_patch(s, KIND_CUSTOMER, &id, "name=Mine", "web=c", NULL), &base));
    for (int admitted = 0; admitted < 2; admitted++) {
        struct completing completing = { .server = s, .conflict = kept_of(s, &id).rows[0], .is_admitted = admitted };

        completing.conflict->id = server_id(s, &id);
        assert_int_equal(completing.conflict->n_fields, 2);
        assert_int_equal(store_read_run(s->store, complete, &completing), CRM_OK);
        assert_int_equal(completing.conflict->gone, !admitted);
        for (size_t i = 0; i < 2; i++) {
            const Crm__FieldConflict *field = completing.conflict->fields[i];

            assert_true(field->has_mine);
            assert_int_equal(field->has_theirs, admitted && field->field != 1);
            assert_int_equal(field->has_before, admitted && field->field != 1);
        }
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        T(takes_what_nobody_else_has_touched),
        T(merges_lists_and_long_texts),
        T(keeps_what_two_have_set),
        T(wants_to_know_what_was_seen),
        T(does_not_hand_over_silently),
        T(keeps_what_the_rules_refuse),
        T(refuses_what_is_wrong_anyway),
        T(moves_late),
        T(moves_no_deal_that_is_lost_meanwhile),
        T(deletes_nothing_unseen),
        T(keeps_what_was_written_on_something_deleted),
        T(keeps_groups_whole),
        T(answers_again_without_keeping_values),
        T(bounds_what_is_open),
        T(merges_custom_fields),
        T(resolves),
        T(resolves_by_choices),
        T(resolves_nothing_of_others),
        T(tells_nothing_that_is_hidden_by_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
