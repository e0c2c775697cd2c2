/*
 * wire.c - what only the server's answers have: changes, the past, and how far who asks may look
 *
 * Any thread with a view.
 */
#include "server/ops/wire.h"

#include "server/engine/grants.h"
#include "server/engine/log.h"

#define REWIND_BUDGET (64u << 20) /* memory to take one record back */

void wire_change(Crm__Change *change, const struct change_event *event)
{
    static const Crm__Verb verbs[] = {
        [LOG_CREATE] = CRM__VERB__VERB_CREATE, [LOG_PATCH] = CRM__VERB__VERB_PATCH, [LOG_DELETE] = CRM__VERB__VERB_DELETE,
        [LOG_RESTORE] = CRM__VERB__VERB_CREATE, [LOG_ERASE] = CRM__VERB__VERB_DELETE,
    };

    crm__change__init(change);
    change->has_seq = change->has_kind = change->has_id = change->has_rev = change->has_verb = change->has_by = true;
    change->has_recorded_at = change->has_happened_at = true;
    change->seq = event->seq;
    change->kind = event->kind;
    change->id = (ProtobufCBinaryData){ .data = (uint8_t *)event->id.bytes, .len = UUID_SIZE };
    change->has_number = event->number != 0;
    change->number = event->number;
    change->rev = event->rev;
    change->verb = event->verb < ARRAY_LEN(verbs) ? verbs[event->verb] : CRM__VERB__VERB_PATCH;
    change->has_restored = change->restored = event->verb == LOG_RESTORE;
    change->has_erased = change->erased = event->verb == LOG_ERASE;
    change->by = (ProtobufCBinaryData){ .data = (uint8_t *)event->by.bytes, .len = UUID_SIZE };
    change->recorded_at = event->recorded_us;
    change->happened_at = event->happened_us;
}

Crm__Share *wire_share(const struct grant *grant, struct arena *arena)
{
    Crm__Share *share = arena_alloc(arena, sizeof *share);
    uint8_t *principal = arena_memdup(arena, grant->principal.bytes, UUID_SIZE);

    if (!share || !principal)
        return NULL;
    crm__share__init(share);
    share->has_kind = share->has_principal = true;
    share->kind = (uint32_t)grant_principal_kind(grant->sort);
    share->principal = (ProtobufCBinaryData){ .data = principal, .len = UUID_SIZE };
    share->has_with_below = share->with_below = grant->sort == GRANT_TEAM_AND_BELOW;
    share->has_member = share->member = grant->sort == GRANT_MEMBER;
    share->has_may_write = share->may_write = grant->rights == GRANT_WRITE;
    share->has_ended = share->ended = grant->rights == GRANT_NONE;
    share->has_until = grant->until_us != 0;
    share->until = grant->until_us;
    return share;
}

struct ask op_ask(struct op_ctx *ctx)
{
    return (struct ask){
        .view = ctx->view, .schema = ctx->schema, .arena = ctx->arena, .scratch = ctx->scratch, .user = &ctx->session->user,
        .team = &ctx->session->team, .failure = &ctx->failure, .error = &ctx->error,
    };
}

enum crm_status wire_scope(struct op_ctx *ctx, const struct kind_def *kind, const struct list_scope **out_scope)
{
    enum crm_status status = CRM_OK;

    *out_scope = NULL;
    if (ctx->session && !access_sees_all(ctx->session->access))
        status = access_scope(ctx->session->access, ctx->view, kind->kind, ctx->arena, out_scope);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "what you may see cannot be told");
}

enum crm_status wire_as_of(struct op_ctx *ctx, const Crm__AsOf *as_of, uint64_t *out_seq)
{
    struct log_head head;
    enum crm_status status;

    *out_seq = 0;
    if (!as_of || (!as_of->has_seq && !as_of->has_time))
        return CRM_OK;
    status = log_head_load(ctx->view, &head);
    if (status == CRM_OK && as_of->has_seq)
        *out_seq = as_of->seq;
    else if (status == CRM_OK)
        status = log_seq_at(ctx->view, as_of->time, out_seq);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the log cannot be read");
    if (*out_seq > head.seq)
        return op_fail_field(ctx, CRM_INVALID, "as_of", "the last change has the number %llu", (unsigned long long)head.seq);
    if (*out_seq == 0)
        return op_fail_field(ctx, CRM_NOT_FOUND, "as_of", "there was nothing at that time");
    return CRM_OK;
}

enum crm_status wire_rewind(struct op_ctx *ctx, uint64_t seq, struct record *record, bool *out_existed)
{
    struct arena way;
    enum crm_status status;

    arena_init(&way, REWIND_BUDGET);
    status = log_rewind(ctx->view, seq, &way, record, out_existed);
    if (status == CRM_OK && *out_existed)
        status = view_mask(ctx->view, record); /* the log has brought hidden fields back */
    if (status == CRM_OK && *out_existed && record->body.size) {
        record->body.data = arena_memdup(ctx->scratch, record->body.data, record->body.size);
        status = record->body.data ? CRM_OK : CRM_NO_MEMORY;
    }
    arena_fini(&way);
    return status;
}
