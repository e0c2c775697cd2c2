/*
 * op_audit.c - what handlers tell the audit trail (op_about), and reading it
 *
 * Entries are read newest first, a bounded number a turn; who has the right AUDIT reads all of them. Nobody changes one: no operation does.
 */
#include <stdarg.h>

#include "server/ops/op.h"
#include "server/ops/wire.h"

#define TURN_ENTRIES 200

void op_about(struct op_ctx *ctx, enum kind kind, const struct uuid *id, const char *format, ...)
{
    char text[AUDIT_TEXT_MAX + 1];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ctx->subject.kind = kind;
    ctx->subject.id = id ? *id : (struct uuid){ 0 };
    ctx->subject.text = arena_strdup(ctx->arena, text); /* without memory the operation's name stands there */
    ctx->subject.is_nothing = false;
}

/* What is asked for, and how far it has come. */
struct audit_walk {
    struct uuid user, record; /* nil: all */
    int64_t from_us, until_us;
    uint32_t acts; /* bit (1 << act); 0: all */
    uint64_t before; /* entries below this number are still to be looked at */
    uint32_t left;
    bool done;
};

static bool take_id(protobuf_c_boolean has, ProtobufCBinaryData bytes, struct uuid *out_id)
{
    return !has || uuid_from_slice(slice_of(bytes.data, bytes.len), out_id);
}

static enum crm_status begin_list(struct op_ctx *ctx)
{
    const Crm__AuditListRequest *request = ctx->request;
    struct audit_walk *state = arena_zalloc(ctx->arena, sizeof *state);

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    ctx->state = state;
    if (!take_id(request->has_user, request->user, &state->user))
        return op_fail_field(ctx, CRM_INVALID, "user", "an id has 16 bytes");
    if (!take_id(request->has_record, request->record, &state->record))
        return op_fail_field(ctx, CRM_INVALID, "record", "an id has 16 bytes");
    for (size_t i = 0; i < request->n_acts; i++) {
        if ((uint32_t)request->acts[i] >= 32)
            return op_fail_field(ctx, CRM_INVALID, "acts", "there is no act number %u", (unsigned)request->acts[i]);
        state->acts |= UINT32_C(1) << request->acts[i];
    }
    state->from_us = request->has_from ? request->from : INT64_MIN;
    state->until_us = request->has_until ? request->until : INT64_MAX;
    state->before = request->has_before ? request->before : UINT64_MAX;
    state->left = request->limit ? request->limit : UINT32_MAX;
    state->done = request->has_head_only && request->head_only;
    return CRM_OK;
}

static bool fits(const struct audit_walk *state, const struct audit_entry *entry)
{
    return (uuid_is_nil(&state->user) || uuid_equal(&state->user, &entry->user)) &&
           (uuid_is_nil(&state->record) || uuid_equal(&state->record, &entry->record)) && entry->at_us >= state->from_us &&
           entry->at_us < state->until_us && (!state->acts || (state->acts & UINT32_C(1) << (entry->act & 31)));
}

static bool set_bytes(struct arena *arena, const void *bytes, size_t size, protobuf_c_boolean *has, ProtobufCBinaryData *out)
{
    *out = (ProtobufCBinaryData){ .data = arena_memdup(arena, bytes, size), .len = size };
    *has = true;
    return out->data;
}

static bool set_text(struct arena *arena, struct slice text, char **out)
{
    if (text.size == 0)
        return true;
    *out = arena_strndup(arena, text.data, text.size);
    return *out;
}

/* An entry as a message; NULL when memory is spent. */
static Crm__AuditEntry *make_entry(struct arena *arena, const struct audit_entry *entry)
{
    static const uint8_t no_trace[AUDIT_TRACE_SIZE];
    Crm__AuditEntry *out = arena_alloc(arena, sizeof *out);
    bool ok;

    if (!out)
        return NULL;
    crm__audit_entry__init(out);
    out->has_number = out->has_act = out->has_at = out->has_times = true;
    out->number = entry->number;
    out->act = entry->act;
    out->at = entry->at_us;
    out->times = entry->times;
    out->has_erased = out->erased = entry->is_erased;
    ok = set_bytes(arena, entry->hash, sizeof entry->hash, &out->has_hash, &out->hash);
    if (ok && !uuid_is_nil(&entry->user))
        ok = set_bytes(arena, entry->user.bytes, UUID_SIZE, &out->has_user, &out->user);
    if (ok && entry->kind != KIND_NONE) {
        out->has_kind = true;
        out->kind = entry->kind;
        ok = set_bytes(arena, entry->record.bytes, UUID_SIZE, &out->has_record, &out->record);
    }
    if (ok && memcmp(entry->trace, no_trace, sizeof no_trace) != 0)
        ok = set_bytes(arena, entry->trace, sizeof entry->trace, &out->has_trace, &out->trace);
    return ok && set_text(arena, entry->login, &out->login) && set_text(arena, entry->from, &out->from) &&
                   set_text(arena, entry->text, &out->text)
               ? out
               : NULL;
}

static enum crm_status one_entry(struct op_ctx *ctx, struct audit_walk *state, Crm__AuditListChunk *chunk, struct answer *titles)
{
    struct audit_entry entry;
    enum crm_status status = audit_before(ctx->view, state->before, &entry);

    if (status == CRM_NOT_FOUND) {
        state->done = true;
        return CRM_OK;
    }
    if (status != CRM_OK)
        return status;
    state->before = entry.number;
    if (!fits(state, &entry))
        return CRM_OK;
    chunk->entries[chunk->n_entries] = make_entry(ctx->scratch, &entry);
    if (!chunk->entries[chunk->n_entries++])
        return CRM_NO_MEMORY;
    answer_refer(titles, KIND_USER, &entry.user);
    if (entry.kind != KIND_NONE)
        answer_refer(titles, entry.kind, &entry.record);
    state->done = --state->left == 0;
    return CRM_OK;
}

/* Where both chains end: what an auditor keeps elsewhere. */
static enum crm_status fill_ends(struct op_ctx *ctx, Crm__AuditListReply *reply)
{
    struct audit_head head, floor;
    struct log_head log;
    enum crm_status status = audit_head_load(ctx->view, &head);

    if (status == CRM_OK)
        status = audit_floor_load(ctx->view, &floor);
    if (status == CRM_OK)
        status = log_head_load(ctx->view, &log);
    if (status != CRM_OK)
        return status;
    reply->has_head = reply->has_floor = reply->has_log_seq = true;
    reply->head = head.number;
    reply->floor = floor.number;
    reply->log_seq = log.seq;
    return set_bytes(ctx->arena, head.hash, sizeof head.hash, &reply->has_hash, &reply->hash) &&
                   set_bytes(ctx->arena, log.hash, sizeof log.hash, &reply->has_log_hash, &reply->log_hash)
               ? CRM_OK
               : CRM_NO_MEMORY;
}

static enum crm_status step_list(struct op_ctx *ctx, bool *out_more)
{
    struct audit_walk *state = ctx->state;
    Crm__AuditListChunk *chunk = ctx->chunk;
    struct answer titles;
    enum crm_status status = CRM_OK;

    chunk->entries = arena_alloc(ctx->scratch, TURN_ENTRIES * sizeof *chunk->entries);
    if (!chunk->entries)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    answer_init(&titles, ctx->scratch, ctx->view, true);
    for (int n = 0; n < TURN_ENTRIES && !state->done && status == CRM_OK && ctx->scratch->used < ctx->chunk_budget; n++)
        status = one_entry(ctx, state, chunk, &titles);
    if (status == CRM_OK)
        status = titles.status;
    chunk->n_titles = titles.n_titles;
    chunk->titles = titles.titles;
    *out_more = !state->done;
    if (status == CRM_OK && state->done)
        status = fill_ends(ctx, ctx->reply);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the audit trail cannot be read");
}

const struct op_def op_audit_list = {
    .code = OP_AUDIT_LIST, .name = "audit.list", .flags = OP_STREAMS, .right = CRM__RIGHT__RIGHT_AUDIT,
    .request = &crm__audit_list_request__descriptor, .reply = &crm__audit_list_reply__descriptor, .chunk = &crm__audit_list_chunk__descriptor,
    .run = begin_list, .step = step_list,
};
