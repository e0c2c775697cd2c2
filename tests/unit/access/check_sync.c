/*
 * check_sync.c - what a replica is told: of every scope exactly what may be seen and is in it, as it may be seen; and of conflicts one's own
 */
#include "check.h"

static bool is_of_team(struct eyes *eyes, const struct uuid *team)
{
    const struct model *model = eyes->world->model;

    return uuid_equal(team, &model->teams[eyes->user->team].id) ||
           (eyes->user->more_team != MODEL_NOBODY && uuid_equal(team, &model->teams[eyes->user->more_team].id));
}

/* Where it is certain: what is the user's own, or everybody's. */
static bool is_certainly_in(struct eyes *eyes, const struct model_record *record, Crm__SyncScope scope)
{
    const struct model_record *root = record->parent == MODEL_NOBODY ? record : &eyes->world->model->records[record->parent];

    if (scope == CRM__SYNC_SCOPE__SYNC_SCOPE_ALL || uuid_equal(&record->owner, &eyes->user->id) || uuid_equal(&root->owner, &eyes->user->id))
        return true;
    return scope == CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM && (is_of_team(eyes, &record->team) || is_of_team(eyes, &root->team));
}

static bool is_everybodys(enum kind kind)
{
    return kind != KIND_CUSTOMER && kind != KIND_CONTACT && kind != KIND_DEAL && kind != KIND_ACTIVITY && kind != KIND_TASK;
}

static bool is_certainly_out(struct eyes *eyes, const struct model_record *record, Crm__SyncScope scope);

/* Does a deal that may be in it, and is seen, belong to this customer? */
static bool is_of_a_deal(struct eyes *eyes, const struct model_record *customer, Crm__SyncScope scope)
{
    const struct model *model = eyes->world->model;

    for (int i = 0; i < model->n_records; i++)
        if (model->records[i].kind == KIND_DEAL && model->records[i].refers != MODEL_NOBODY && &model->records[model->records[i].refers] == customer &&
            may_see(eyes, &model->records[i]) && !is_certainly_out(eyes, &model->records[i], scope))
            return true;
    return false;
}

static bool is_certainly_out(struct eyes *eyes, const struct model_record *record, Crm__SyncScope scope)
{
    const struct model_record *root = record->parent == MODEL_NOBODY ? record : &eyes->world->model->records[record->parent];
    const struct model *model = eyes->world->model;

    if (is_certainly_in(eyes, record, scope) || is_everybodys(record->kind) || (record->kind == KIND_CUSTOMER && is_of_a_deal(eyes, record, scope)))
        return false;
    for (int i = 0; i < model->n_grants; i++)
        if (&model->records[model->grants[i].record] == root)
            return false; /* perhaps with this one */
    return true;
}

/* How often each record came. */
struct told {
    unsigned char times[MODEL_RECORDS];
    size_t n;
};

static void take_page(struct eyes *eyes, const Crm__SyncChunk *page, struct told *told)
{
    expect(eyes, page->n_forgets == 0, NULL, "a new replica is to forget %zu records", page->n_forgets);
    expect(eyes, page->cursor, NULL, "a page without a cursor");
    for (size_t i = 0; i < page->n_records; i++) {
        struct model_record *record;
        struct uuid id;

        assert_true(uuid_from_slice(slice_of(page->records[i]->header->id.data, UUID_SIZE), &id));
        record = model_find(eyes->world->model, (enum kind)page->records[i]->header->kind, &id);
        expect(eyes, record && may_see(eyes, record) && !record->is_deleted, record, "a replica is told of it");
        expect(eyes, same_body(eyes, record, page->records[i]->body), record, "told with other fields than the role shows");
        told->times[model_index(eyes->world->model, record)]++;
        told->n++;
    }
}

static void check_scope(struct eyes *eyes, Crm__SyncScope scope)
{
    static struct told told;
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;
    const Crm__SyncReply *end;
    struct answer answer;

    memset(&told, 0, sizeof told);
    request.has_scope = true;
    request.scope = scope;
    answer = talk(eyes->world, eyes->peer, OP_SYNC_CHANGES, &request.base);
    expect(eyes, answer.type == FRAME_END, NULL, "a sync ends with status %d", answer.status);
    for (size_t c = 0; c < answer.n_chunks; c++)
        take_page(eyes, answer_message(eyes->peer, answer.chunks[c], &crm__sync_chunk__descriptor), &told);
    end = answer_message(eyes->peer, answer.body, &crm__sync_reply__descriptor);
    expect(eyes, end->mode == CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT && end->records == told.n, NULL, "told %zu, not %d", told.n, (int)end->records);
    for (int i = 0; i < eyes->world->model->n_records; i++) {
        const struct model_record *record = &eyes->world->model->records[i];
        bool sees = may_see(eyes, record) && !record->is_deleted;

        expect(eyes, told.times[i] <= 1, record, "scope %d: told %d times", scope, told.times[i]);
        if (sees && is_certainly_in(eyes, record, scope))
            expect(eyes, told.times[i] == 1, record, "scope %d: a replica is not told of it", scope);
        else if (sees && is_everybodys(record->kind))
            expect(eyes, told.times[i] == 1, record, "scope %d: a replica cannot show the rest without it", scope);
        else if (is_certainly_out(eyes, record, scope))
            expect(eyes, told.times[i] == 0, record, "scope %d: it is not in it", scope);
    }
}

void check_sync(struct eyes *eyes)
{
    check_scope(eyes, CRM__SYNC_SCOPE__SYNC_SCOPE_ALL);
    check_scope(eyes, CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM);
    check_scope(eyes, CRM__SYNC_SCOPE__SYNC_SCOPE_MINE);
}

/* Nobody here has a conflict: of a record that is there the answer is as of one that never was. */
void check_conflicts(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;
    struct uuid nobody = never_used();

    for (int i = 0; i < model->n_records; i++) {
        Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
        struct answer answers[2], drops[2];

        if (!is_looked_at(eyes, i))
            continue;
        for (int n = 0; n < 2; n++) {
            request.has_id = true;
            request.id = world_bytes(eyes->peer, n ? &nobody : &model->records[i].id);
            request.has_drop = false;
            answers[n] = talk(eyes->world, eyes->peer, OP_SYNC_CONFLICTS, &request.base);
            request.has_drop = true;
            request.drop = world_bytes(eyes->peer, &nobody);
            drops[n] = talk(eyes->world, eyes->peer, OP_SYNC_CONFLICTS, &request.base);
        }
        expect(eyes, answers[0].type == FRAME_REPLY && same_answer(&answers[0], &answers[1]), &model->records[i], "conflicts: %d", answers[0].status);
        expect(eyes, drops[0].status == CRM_NOT_FOUND && same_answer(&drops[0], &drops[1]), &model->records[i], "a conflict dropped: %d", drops[0].status);
        arena_reset(&eyes->peer->arena);
    }
}
