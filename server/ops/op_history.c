/*
 * op_history.c - what happened: one record's changes, newest first, or the feed of all, oldest first; and being told of new ones
 */
#include "common/base/clock.h"
#include "common/engine/alias.h"
#include "server/engine/log.h"
#include "server/ops/wire.h"

#define TURN_ENTRIES 100
#define MERGED_MAX   100 /* records that have become a part of one, whose history is told with it */

/* A history between its turns. */
struct history_state {
    bool is_feed;
    struct record record; /* the record as it was after the entry at next; its body is in body */
    uint8_t *body;        /* room for the largest: the memory of a long history does not grow */
    uint64_t next;        /* seq */
    uint64_t limit;       /* entries left, 0: none is set */
    bool limited;
    uint64_t head;
    bool done;
    enum kind kind;
    struct uuid merged[MERGED_MAX]; /* whose history comes next */
    size_t n_merged, at;
};

/* The body outlives its turn. */
static enum crm_status keep_body(struct history_state *state, struct slice body)
{
    if (body.size > RECORD_SIZE_MAX)
        return CRM_CORRUPT;
    if (body.size)
        memmove(state->body, body.data, body.size);
    state->record.body = slice_of(state->body, body.size);
    return CRM_OK;
}

static bool note_merged(void *arg, const struct uuid *merged)
{
    struct history_state *state = arg;

    if (state->n_merged < MERGED_MAX)
        state->merged[state->n_merged++] = *merged;
    return state->n_merged < MERGED_MAX;
}

/* A record's own chain is next; behind it those of what has become a part of it. */
static enum crm_status take_record(struct op_ctx *ctx, struct history_state *state, const struct uuid *id)
{
    const Crm__HistoryRequest *request = ctx->request;
    enum crm_status status = view_record(ctx->view, state->kind, id, &state->record);

    if (status == CRM_NOT_FOUND)
        status = view_deleted(ctx->view, state->kind, id, &state->record);
    if (status == CRM_OK && request->merged)
        status = alias_each(ctx->view, id, note_merged, state);
    if (status != CRM_OK)
        return status;
    state->next = state->record.header.seq;
    state->done = false;
    return keep_body(state, state->record.body);
}

static enum crm_status begin_record(struct op_ctx *ctx, const Crm__HistoryRequest *request, struct history_state *state)
{
    struct uuid id;
    enum crm_status status;

    if (!kind_def(request->kind) || !uuid_from_slice(slice_of(request->id.data, request->id.len), &id))
        return op_fail_field(ctx, CRM_INVALID, "id", "a record's history needs its kind and its id of 16 bytes");
    state->kind = (enum kind)request->kind;
    state->body = arena_alloc(ctx->arena, RECORD_SIZE_MAX);
    if (!state->body)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = take_record(ctx, state, &id);
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, status, "there is no such %s", kind_def(request->kind)->name);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the stored record cannot be read");
}

/* The next of those that have become a part of it; who asks may not see all of them. */
static enum crm_status next_merged(struct op_ctx *ctx, struct history_state *state)
{
    enum crm_status status = CRM_NOT_FOUND;

    if (state->is_feed || (state->limited && state->limit == 0))
        return CRM_OK;
    while (status == CRM_NOT_FOUND && state->at < state->n_merged)
        status = take_record(ctx, state, &state->merged[state->at++]);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static enum crm_status begin_history(struct op_ctx *ctx)
{
    const Crm__HistoryRequest *request = ctx->request;
    struct history_state *state = arena_zalloc(ctx->arena, sizeof *state);
    struct log_head head;

    if (!state || log_head_load(ctx->view, &head) != CRM_OK)
        return op_fail(ctx, CRM_IO, "the log cannot be read");
    ctx->state = state;
    state->limit = request->limit;
    state->limited = request->limit > 0;
    state->head = head.seq;
    state->is_feed = !request->has_id;
    if (!state->is_feed)
        return begin_record(ctx, request, state);
    if (request->after_seq > head.seq)
        return op_fail_field(ctx, CRM_GONE, "after_seq", "the last change has the number %llu", (unsigned long long)head.seq);
    state->next = request->after_seq + 1;
    state->done = state->next > head.seq;
    return CRM_OK;
}

/* --- one change as a message; everything in the turn's scratch */

static bool set_bytes(struct op_ctx *ctx, ProtobufCBinaryData *out, protobuf_c_boolean *has, const void *data, size_t size)
{
    out->data = arena_memdup(ctx->scratch, size ? data : "", size ? size : 1);
    out->len = size;
    *has = true;
    return out->data;
}

static struct slice keep_one(struct op_ctx *ctx, struct slice body, uint32_t ref)
{
    struct field_set set = { .refs = &ref, .n = 1 };
    struct slice kept = { 0 };

    return body_keep(ctx->scratch, body, &set, &kept) == CRM_OK ? kept : (struct slice){ 0 };
}

/* Before and after of every field that an entry changed, as far as this reader sees it. record NULL (feed): only which fields. */
static bool fill_fields(struct op_ctx *ctx, Crm__Change *change, const struct log_entry *entry, const struct record *record)
{
    Crm__FieldChange *fields = arena_alloc(ctx->scratch, (entry->changed.n + 1) * sizeof *fields);

    change->fields = arena_alloc(ctx->scratch, (entry->changed.n + 1) * sizeof *change->fields);
    if (!fields || !change->fields)
        return false;
    for (size_t i = 0; i < entry->changed.n; i++) {
        uint32_t ref = entry->changed.refs[i];
        Crm__FieldChange *field = &fields[i];
        struct slice before, after;

        if (view_hides(ctx->view, entry->kind, ref))
            continue;
        crm__field_change__init(field);
        change->fields[change->n_fields++] = field;
        field->has_field = true;
        field->field = ref;
        if (!record)
            continue;
        before = ref == HEADER_OWNER ? uuid_slice(&entry->old_owner) : ref == HEADER_TEAM ? uuid_slice(&entry->old_team)
                                                                                          : keep_one(ctx, entry->previous, ref);
        after = ref == HEADER_OWNER ? uuid_slice(&record->header.owner)
                : ref == HEADER_TEAM ? uuid_slice(&record->header.team)
                                     : keep_one(ctx, record->body, ref);
        if ((before.size && !set_bytes(ctx, &field->before, &field->has_before, before.data, before.size)) ||
            (after.size && !set_bytes(ctx, &field->after, &field->has_after, after.data, after.size)))
            return false;
    }
    return true;
}

static Crm__Change *make_change(struct op_ctx *ctx, const struct log_entry *entry, const struct record *record)
{
    Crm__Change *change = arena_alloc(ctx->scratch, sizeof *change);
    struct change_event *event = arena_alloc(ctx->scratch, sizeof *event);

    if (!change || !event)
        return NULL;
    *event = (struct change_event){
        .seq = entry->seq, .rev = entry->rev, .number = entry->number, .verb = entry->verb, .kind = entry->kind, .id = entry->id,
        .by = entry->by, .recorded_us = entry->recorded_us, .happened_us = entry->happened_us,
    };
    wire_change(change, event);
    change->action = entry->action.size ? arena_strndup(ctx->scratch, entry->action.data, entry->action.size) : NULL;
    change->from = entry->from.size ? arena_strndup(ctx->scratch, entry->from.data, entry->from.size) : NULL;
    if (record && entry->reason.size)
        change->reason = arena_strndup(ctx->scratch, entry->reason.data, entry->reason.size);
    if (record && (entry->flags & LOG_GRANT) && !entry->is_erased) {
        change->share = wire_share(&entry->grant, ctx->scratch);
        if (!change->share)
            return NULL;
    }
    return fill_fields(ctx, change, entry, record) ? change : NULL;
}

/* One entry back along the record's own chain. */
static enum crm_status step_back(struct op_ctx *ctx, struct history_state *state, const struct log_entry *entry)
{
    struct record before = state->record;
    struct slice body = { 0 };
    enum crm_status status = body_overlay(ctx->scratch, state->record.body, &entry->changed, entry->previous, &body);

    before.body = body;
    if (status == CRM_OK)
        status = view_mask(ctx->view, &before); /* the overlay has brought hidden fields back */
    if (status == CRM_OK)
        status = keep_body(state, before.body);
    if (status != CRM_OK)
        return status;
    if (field_set_has(&entry->changed, HEADER_OWNER) || field_set_has(&entry->changed, HEADER_TEAM)) {
        state->record.header.owner = entry->old_owner;
        state->record.header.team = entry->old_team;
    }
    state->next = entry->before;
    state->done = entry->verb == LOG_CREATE || entry->before == 0;
    return CRM_OK;
}

/* What the references in before and after values are called. */
static void refer_fields(struct answer *titles, const struct kind_def *kind, const struct record *record)
{
    const struct field_def *field;

    if (!kind)
        return;
    for (size_t n = 0; (field = schema_field_at(titles->schema, kind, n)); n++) {
        struct value value;

        if (field->type == FIELD_REFERENCE && reflect_get(field, record, &value))
            answer_refer(titles, field->ref_kind, &value.ref);
    }
}

/*
 * The feed tells of what may be read now, live or in the recycle bin; of nothing else, not even that something happened. That something was erased it tells
 * those who could read it at its end, so that they forget their copies.
 */
static bool may_know(struct op_ctx *ctx, const struct log_entry *entry)
{
    const struct record_header erased = { .kind = entry->kind, .id = entry->id, .owner = entry->old_owner, .team = entry->old_team,
                                          .root = entry->old_root };
    struct record record;

    if (entry->verb == LOG_ERASE && ctx->view->guard)
        return access_may(ctx->session->access, ctx->view, ACCESS_READ, &erased, NULL) == CRM_OK;
    return !ctx->view->guard || view_record(ctx->view, entry->kind, &entry->id, &record) == CRM_OK ||
           view_deleted(ctx->view, entry->kind, &entry->id, &record) == CRM_OK;
}

static enum crm_status one_entry(struct op_ctx *ctx, struct history_state *state, Crm__HistoryChunk *chunk, struct answer *titles)
{
    struct log_entry entry;
    struct record before = state->record;
    Crm__Change *change;
    enum crm_status status = log_read(ctx->view, state->next, ctx->scratch, &entry);

    if (status == CRM_NOT_FOUND) { /* below the floor of the log: that is where history begins */
        state->done = true;
        return CRM_OK;
    }
    if (status != CRM_OK)
        return status;
    if (state->is_feed && !may_know(ctx, &entry)) {
        state->done = ++state->next > state->head;
        return CRM_OK;
    }
    change = make_change(ctx, &entry, state->is_feed ? NULL : &state->record);
    if (!change)
        return CRM_NO_MEMORY;
    chunk->changes[chunk->n_changes++] = change;
    answer_refer(titles, KIND_USER, &entry.by);
    if (state->is_feed) {
        answer_refer(titles, entry.kind, &entry.id);
        state->done = ++state->next > state->head;
    } else {
        before.body = entry.previous;
        status = view_mask(ctx->view, &before);
        if (status != CRM_OK)
            return status;
        refer_fields(titles, kind_def(entry.kind), &before);
        refer_fields(titles, kind_def(entry.kind), &state->record);
        answer_refer(titles, KIND_USER, &entry.old_owner);
        answer_refer(titles, KIND_TEAM, &entry.old_team);
        if (change->share)
            answer_refer(titles, (enum kind)change->share->kind, &entry.grant.principal);
        status = step_back(ctx, state, &entry);
    }
    if (state->limited && --state->limit == 0)
        state->done = true;
    return status;
}

static enum crm_status step_history(struct op_ctx *ctx, bool *out_more)
{
    const Crm__HistoryRequest *request = ctx->request;
    struct history_state *state = ctx->state;
    Crm__HistoryChunk *chunk = ctx->chunk;
    Crm__HistoryReply *reply = ctx->reply;
    struct answer titles;
    enum crm_status status = CRM_OK;

    chunk->changes = arena_alloc(ctx->scratch, TURN_ENTRIES * sizeof *chunk->changes);
    if (!chunk->changes)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    answer_init(&titles, ctx->scratch, ctx->view, request->titles);
    for (int n = 0; n < TURN_ENTRIES && !state->done && status == CRM_OK && ctx->scratch->used < ctx->chunk_budget; n++) {
        status = one_entry(ctx, state, chunk, &titles);
        if (status == CRM_OK && state->done)
            status = next_merged(ctx, state);
    }
    if (status != CRM_OK)
        return op_fail(ctx, status, "the log cannot be read");
    if (request->titles) {
        chunk->n_titles = titles.n_titles;
        chunk->titles = titles.titles;
    }
    *out_more = !state->done;
    reply->has_seq = reply->has_more = true;
    reply->seq = state->is_feed ? state->next - 1 : state->head;
    reply->more = state->is_feed && state->next <= state->head;
    return CRM_OK;
}

const struct op_def op_history = {
    .code = OP_HISTORY, .name = "record.history", .flags = OP_STREAMS, .request = &crm__history_request__descriptor,
    .reply = &crm__history_reply__descriptor, .chunk = &crm__history_chunk__descriptor, .run = begin_history, .step = step_history,
};

/* --- subscribe */

static enum crm_status run_subscribe(struct op_ctx *ctx)
{
    const Crm__SubscribeRequest *request = ctx->request;

    for (size_t i = 0; i < request->n_kinds; i++) {
        if (!kind_def(request->kinds[i]))
            return op_fail_field(ctx, CRM_INVALID, "kinds", "there is no kind number %u", request->kinds[i]);
        ctx->watch->kinds |= UINT64_C(1) << request->kinds[i];
    }
    if (request->has_id && !uuid_from_slice(slice_of(request->id.data, request->id.len), &ctx->watch->id))
        return op_fail_field(ctx, CRM_INVALID, "id", "an id has 16 bytes");
    ctx->watch->has_after = request->has_after_seq;
    ctx->watch->after_seq = request->after_seq;
    return CRM_OK;
}

/* The subscription stands: every commit after this seq is told. */
static enum crm_status watch_begun(struct op_ctx *ctx, bool *out_more)
{
    Crm__SubscribeReply *reply = ctx->reply;

    reply->has_seq = true;
    reply->seq = atomic_load(&ctx->core->seq);
    *out_more = false;
    return CRM_OK;
}

const struct op_def op_subscribe = {
    .code = OP_SUBSCRIBE, .name = "record.subscribe", .flags = OP_WATCHES, .request = &crm__subscribe_request__descriptor,
    .reply = &crm__subscribe_reply__descriptor, .run = run_subscribe, .step = watch_begun,
};
