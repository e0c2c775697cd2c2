/*
 * op_erase.c - admin.erase: a person's data out of everything, for privacy law
 *
 * A worker looks through what is large (prepare), the writer erases (run), in one commit with the entry of the audit trail. What must not be lost by an
 * error is said before: it cannot be taken back.
 */
#include "server/engine/erase.h"
#include "server/ops/op.h"

#define REASON_MAX 200 /* bytes */

struct erase_state {
    const struct kind_def *kind;
    struct uuid id;
    char label[RECORD_LABEL_SIZE];
    struct erase_found found;
};

/* The record, where who asks may see it: live, or in the bin. */
static enum crm_status find_record(struct op_ctx *ctx, struct erase_state *state)
{
    const Crm__EraseRequest *request = ctx->request;
    struct record record;
    enum crm_status status;

    state->kind = kind_def(request->kind);
    if (!state->kind || !uuid_from_slice(slice_of(request->id.data, request->id.len), &state->id))
        return op_fail_field(ctx, CRM_INVALID, "id", "a record's erasure needs its kind and its id of 16 bytes");
    status = view_record(ctx->view, state->kind->kind, &state->id, &record);
    if (status == CRM_NOT_FOUND)
        status = view_deleted(ctx->view, state->kind->kind, &state->id, &record);
    if (status != CRM_OK)
        return op_fail(ctx, status, "there is no such %s", state->kind->name);
    record_label(&record.header, state->label);
    return CRM_OK;
}

static enum crm_status prepare_erase(struct op_ctx *ctx)
{
    const Crm__EraseRequest *request = ctx->request;
    struct erase_state *state = arena_zalloc(ctx->arena, sizeof *state);
    struct view all = view_unguarded(ctx->view);
    enum crm_status status;

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    ctx->state = state;
    if (!request->reason || !*request->reason || strlen(request->reason) > REASON_MAX)
        return op_fail_field(ctx, CRM_INVALID, "reason", "say why, in at most %d bytes", REASON_MAX);
    status = find_record(ctx, state);
    if (status != CRM_OK)
        return status;
    status = erase_look(&all, state->kind->kind, &state->id, ctx->arena, &state->found);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the recycle bin or the audit trail cannot be read");
}

static bool fill_places(struct op_ctx *ctx, const struct erase_result *result, Crm__EraseReply *reply)
{
    enum store_db db;

    reply->places = arena_alloc(ctx->arena, STORE_DB_COUNT * sizeof *reply->places);
    for (size_t n = 0; reply->places && erase_place(n, &db); n++) {
        Crm__ErasePlace *place = result->rows[db] ? arena_alloc(ctx->arena, sizeof *place) : NULL;

        if (!result->rows[db])
            continue;
        if (!place)
            return false;
        crm__erase_place__init(place);
        place->name = (char *)store_db_name(db);
        place->has_rows = true;
        place->rows = result->rows[db];
        reply->places[reply->n_places++] = place;
    }
    return reply->places;
}

static bool fill_left(struct op_ctx *ctx, const struct erase_result *result, Crm__EraseReply *reply)
{
    size_t n = 0;

    for (const struct erase_item *item = result->left; item; item = item->next)
        n++;
    reply->left = arena_alloc(ctx->arena, (n + 1) * sizeof *reply->left);
    for (const struct erase_item *item = result->left; reply->left && item; item = item->next) {
        Crm__Title *left = arena_alloc(ctx->arena, sizeof *left);

        if (!left)
            return false;
        crm__title__init(left);
        left->has_kind = left->has_id = true;
        left->kind = item->kind;
        left->id = (ProtobufCBinaryData){ .data = arena_memdup(ctx->arena, item->id.bytes, UUID_SIZE), .len = UUID_SIZE };
        left->has_number = item->number != 0;
        left->number = item->number;
        if (!left->id.data)
            return false;
        reply->left[reply->n_left++] = left;
    }
    return reply->left;
}

static bool fill_reply(struct op_ctx *ctx, const struct erase_result *result)
{
    Crm__EraseReply *reply = ctx->reply;

    reply->has_records = reply->has_log_entries = true;
    reply->records = result->records;
    reply->log_entries = result->rows[STORE_LOG];
    reply->text = (char *)"Until crmd starts the next time, and then writes its file anew, parts of it can still lie in unused pages of the file. "
                          "Backups made before hold it, too.";
    return fill_places(ctx, result, reply) && fill_left(ctx, result, reply);
}

static enum crm_status run_erase(struct op_ctx *ctx)
{
    const Crm__EraseRequest *request = ctx->request;
    struct erase_state *state = ctx->state;
    const struct change_actor actor = {
        .user = ctx->session->user, .team = ctx->session->team, .rights = ctx->session->rights, .trace = ctx->trace,
        .from = arena_printf(ctx->arena, "%s %s", ctx->peer, ctx->software),
    };
    struct erase_result result;
    struct change change;
    enum crm_status status = actor.from ? find_record(ctx, state) : op_fail(ctx, CRM_NO_MEMORY, "out of memory");

    if (status != CRM_OK)
        return status;
    status = change_begin(&change, ctx->group, &actor);
    if (status == CRM_OK)
        status = erase_record(&change, state->kind->kind, &state->id, request->with_children, &state->found, &result);
    if (status == CRM_OK && !fill_reply(ctx, &result))
        status = CRM_NO_MEMORY;
    if (status == CRM_OK)
        status = change_accept(&change);
    if (status != CRM_OK) {
        if (!ctx->failure.status)
            ctx->failure = change.failure;
        return op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
    }
    ctx->ends_sessions = state->kind->kind == KIND_USER;
    op_about(ctx, state->kind->kind, &state->id, "%s: %s", state->label, request->reason);
    return CRM_OK;
}

const struct op_def op_erase = {
    .code = OP_ERASE, .name = "admin.erase", .flags = OP_WRITES | OP_CONFIRMED, .right = CRM__RIGHT__RIGHT_ERASE,
    .request = &crm__erase_request__descriptor, .reply = &crm__erase_reply__descriptor, .prepare = prepare_erase, .run = run_erase,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_ERASE,
};
