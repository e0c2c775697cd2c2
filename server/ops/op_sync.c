/*
 * op_sync.c - sync.changes: what a replica has to be told, in pages that each leave a cursor behind
 *
 * A page is gathered over as many turns as it takes: small ones would compress badly and cost a cursor each. The cursor goes to the replica and comes
 * back in plain fields, which the replica reads too (a new epoch: the server was restored); it opens nothing, so that it needs no seal: what is told is
 * what this session may see now, and a cursor of other eyes, another scope, another database or another epoch begins a snapshot, or, where the replica can do
 * that, a comparison of what it has.
 */
#include "common/base/clock.h"
#include "proto/codec.h"
#include "server/engine/feed.h"
#include "server/engine/feed_compare.h"
#include "server/ops/sync_page.h"
#include "server/ops/wire.h"

#define TURN_ROWS       200
#define TURN_US         2000
#define SILENT_MAX      20000  /* entries of no concern for which a page without records is sent: they need not be walked again after a cut */
#define VIEW_SIZE       16

/* What is asked. */
enum sync_task {
    TASK_PULL,   /* what is new */
    TASK_REFUSE, /* to be asked again as a comparison */
    TASK_SUMS,   /* which buckets differ? */
    TASK_ITEMS,  /* what of those is not as the replica has it? And then what is new */
};

/* A pull between its turns. */
struct sync_state {
    enum sync_task task;
    struct feed_sums sums;
    struct feed_items items;
    bool is_compared; /* of TASK_ITEMS: its end has been told */
    struct feed_scope scope;
    struct feed *feed;
    uint8_t view[VIEW_SIZE];
    uint64_t examined_before; /* when the last page was sent */
    bool is_begun;            /* a page has been sent */
    struct sync_page page;
};

/* --- the request */

static enum crm_status read_filters(struct op_ctx *ctx, const Crm__SyncRequest *request, struct sync_state *state)
{
    struct ask ask = op_ask(ctx);

    for (size_t i = 0; i < request->n_filters; i++) {
        const Crm__SyncFilter *wire = request->filters[i];
        const struct kind_def *kind = kind_def(wire->kind);
        struct filter *filter = arena_zalloc(ctx->arena, sizeof *filter);
        enum crm_status status;

        if (!filter)
            return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
        if (!kind || state->scope.filters[wire->kind])
            return op_fail_field(ctx, CRM_INVALID, "filters", "each names a kind of its own");
        status = ask_filter(&ask, kind, wire->n_filter, wire->filter, filter);
        if (status != CRM_OK)
            return status;
        for (size_t n = 0; n < filter->n; n++)
            if (filter->nodes[n].through)
                return op_fail_field(ctx, CRM_INVALID, "filters", "what a replica carries is chosen by the records' own fields");
        state->scope.filters[wire->kind] = filter;
    }
    return CRM_OK;
}

/* Who looks, and at what, in whatever order it was said: a cursor of anything else does not count. Each filter is of another kind (read_filters). */
static enum crm_status make_view(struct op_ctx *ctx, const Crm__SyncRequest *request, struct sync_state *state)
{
    Crm__SyncRequest scope = CRM__SYNC_REQUEST__INIT;
    Crm__SyncFilter *filters[KIND_MAX + 1];
    uint8_t digest[SHA256_SIZE];
    struct slice parts[2] = { slice_of(access_fingerprint(ctx->session->access), SHA256_SIZE) };

    scope.has_scope = true;
    scope.scope = request->scope;
    scope.filters = filters;
    for (unsigned kind = 0; kind <= KIND_MAX; kind++)
        for (size_t i = 0; i < request->n_filters; i++)
            if (request->filters[i]->kind == kind)
                filters[scope.n_filters++] = request->filters[i];
    if (codec_pack(&scope.base, ctx->arena, &parts[1]) != CRM_OK)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    sha256(parts, ARRAY_LEN(parts), digest);
    memcpy(state->view, digest, VIEW_SIZE);
    return CRM_OK;
}

static bool equals(ProtobufCBinaryData data, const void *bytes, size_t size)
{
    return data.len == size && memcmp(data.data, bytes, size) == 0;
}

/* false: it is none, or another's; then the replica is a new one. */
static bool read_cursor(const struct op_ctx *ctx, const struct sync_state *state, const Crm__SyncCursor *wire, struct feed_cursor *out_cursor)
{
    if (!wire || !equals(wire->database, ctx->core->database, UUID_SIZE) || wire->epoch != ctx->core->epoch ||
        !equals(wire->view, state->view, VIEW_SIZE) || (wire->has_id && wire->id.len != UUID_SIZE) || wire->kind > KIND_MAX)
        return false;
    *out_cursor = (struct feed_cursor){
        .mode = wire->mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE ? FEED_SNAPSHOT : (enum feed_mode)wire->mode, .is_walked = wire->walked, .base = wire->since, .seq = wire->seq, .head = wire->head,
        .base_us = wire->since_at, .head_us = wire->head_at, .kind = (enum kind)wire->kind, .n_records = wire->records, .n_forgets = wire->forgets,
    };
    if (wire->has_id)
        memcpy(out_cursor->id.bytes, wire->id.data, UUID_SIZE);
    return record_sum_read(slice_of(wire->hash.data, wire->has_hash ? wire->hash.len : 0), &out_cursor->sum);
}

/* How the replica wants it, and how it is to be had. */
static enum crm_status begin_feed(struct op_ctx *ctx, const Crm__SyncRequest *request, struct sync_state *state)
{
    struct feed_cursor from;
    bool has_from = read_cursor(ctx, state, request->cursor, &from);
    const struct feed_cursor *use = has_from ? &from : NULL;
    enum crm_status status = CRM_OK;

    if (request->has_items) {
        state->task = TASK_ITEMS;
        status = feed_items_init(&state->items, slice_of(request->items.data, request->items.len), ctx->arena);
    } else if (request->has_buckets) {
        state->task = TASK_SUMS;
        use = NULL;
        status = feed_sums_init(&state->sums, slice_of(request->buckets.data, request->buckets.len), ctx->arena);
    }
    if (status == CRM_INVALID)
        return op_fail_field(ctx, status, request->has_items ? "items" : "buckets", "buckets follow each other, and are whole");
    if (status == CRM_OK)
        status = feed_begin(ctx->view, &state->scope, use, request->held, ctx->arena, &state->feed);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the log cannot be read");
    /* Who has something, or was told of buckets as others see them, has it compared. */
    if (feed_is_anew(state->feed) && (state->task == TASK_ITEMS || (state->task == TASK_PULL && request->compares && request->held > 0)))
        state->task = TASK_REFUSE;
    return CRM_OK;
}

static enum crm_status begin_sync(struct op_ctx *ctx)
{
    const Crm__SyncRequest *request = ctx->request;
    struct sync_state *state = arena_zalloc(ctx->arena, sizeof *state);
    enum crm_status status;

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    if (request->has_replica && request->replica.len != UUID_SIZE)
        return op_fail_field(ctx, CRM_INVALID, "replica", "a replica's name has 16 bytes");
    ctx->state = state;
    state->scope.access = ctx->session->access;
    state->scope.reach = (enum feed_reach)request->scope;
    if (sync_page_init(&state->page, request->page_records, request->page_bytes, ctx->arena) != CRM_OK)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = read_filters(ctx, request, state);
    if (status == CRM_OK)
        status = make_view(ctx, request, state);
    return status == CRM_OK ? begin_feed(ctx, request, state) : status;
}

/* --- the page */

static bool page_send(void *arg, const struct record *record)
{
    struct sync_state *state = arg;

    sync_page_add(&state->page, record);
    return sync_page_has_room(&state->page);
}

static bool page_forget(void *arg, enum kind kind, const struct uuid *id)
{
    struct sync_state *state = arg;

    sync_page_forget(&state->page, kind, id);
    return sync_page_has_room(&state->page);
}

/* A record of the walk in a comparison: first only added up, then sent where the replica has it not, or not so. */
static bool page_has(void *arg, const struct record *record)
{
    struct sync_state *state = arg;

    if (state->task == TASK_ITEMS)
        return feed_items_have(&state->items, record);
    feed_sums_take(&state->sums, record);
    return true;
}

/* Is the walk of a comparison still under way? Its cursors lead nowhere: after a cut the replica has it compared again, and what has arrived agrees. */
static bool is_comparing(const struct sync_state *state)
{
    return state->task == TASK_SUMS || (state->task == TASK_ITEMS && !state->is_compared);
}

static Crm__SyncCursor *make_cursor(struct op_ctx *ctx, struct sync_state *state, const struct feed_cursor *cursor, struct arena *arena)
{
    Crm__SyncCursor *wire = arena_alloc(arena, sizeof *wire);
    uint8_t *bytes = arena_alloc(arena, RECORD_SUM_SIZE + UUID_SIZE);

    if (!wire || !bytes)
        return NULL;
    crm__sync_cursor__init(wire);
    wire->has_database = wire->has_epoch = wire->has_view = wire->has_mode = wire->has_since = wire->has_seq = wire->has_head = true;
    wire->database = (ProtobufCBinaryData){ .data = ctx->core->database, .len = UUID_SIZE };
    wire->epoch = ctx->core->epoch;
    wire->view = (ProtobufCBinaryData){ .data = state->view, .len = VIEW_SIZE };
    wire->mode = is_comparing(state) ? CRM__SYNC_MODE__SYNC_MODE_COMPARE : (Crm__SyncMode)cursor->mode;
    wire->since = cursor->base;
    wire->seq = cursor->seq;
    wire->head = cursor->head;
    wire->has_since_at = wire->has_head_at = true;
    wire->since_at = cursor->base_us;
    wire->head_at = cursor->head_us;
    wire->has_kind = wire->has_id = cursor->kind != KIND_NONE;
    wire->kind = (uint32_t)cursor->kind;
    wire->id = (ProtobufCBinaryData){ .data = bytes + RECORD_SUM_SIZE, .len = UUID_SIZE };
    memcpy(wire->id.data, cursor->id.bytes, UUID_SIZE);
    wire->has_walked = wire->walked = cursor->is_walked;
    wire->has_records = wire->has_hash = cursor->n_records > 0;
    wire->records = cursor->n_records;
    wire->has_forgets = cursor->n_forgets > 0;
    wire->forgets = cursor->n_forgets;
    record_sum_write(&cursor->sum, bytes);
    wire->hash = (ProtobufCBinaryData){ .data = bytes, .len = RECORD_SUM_SIZE };
    return wire;
}

static enum crm_status send_page(struct op_ctx *ctx, struct sync_state *state)
{
    Crm__SyncChunk *chunk = ctx->chunk;
    enum crm_status status;

    chunk->cursor = make_cursor(ctx, state, feed_cursor(state->feed), ctx->scratch);
    if (!chunk->cursor)
        return CRM_NO_MEMORY;
    chunk->has_begins = chunk->begins = feed_is_anew(state->feed) && !state->is_begun;
    chunk->has_erased = chunk->erased = state->page.n_forgets > 0 && feed_has_erased(state->feed);
    status = sync_page_pack(&state->page, chunk, ctx->scratch, &ctx->packed);
    state->examined_before = feed_examined(state->feed);
    state->is_begun = true;
    return status;
}

/* Is it time for a page? At the end whatever there is; of a snapshot the first one says that it begins, although it may be empty. */
static bool is_due(const struct sync_state *state, bool more)
{
    if (!more)
        return !sync_page_is_empty(&state->page) || (feed_is_anew(state->feed) && !state->is_begun);
    return !sync_page_has_room(&state->page) || feed_examined(state->feed) - state->examined_before > SILENT_MAX;
}

/* What a cursor of TASK_SUMS says is as it was when the walk began: changes since are told behind the second one. */
static enum crm_status end_sums(struct op_ctx *ctx, struct sync_state *state)
{
    Crm__SyncReply *reply = ctx->reply;

    feed_sums_end(&state->sums);
    reply->has_differ = true;
    reply->differ = (ProtobufCBinaryData){ .data = state->sums.differ, .len = state->sums.differ_size };
    reply->cursor = make_cursor(ctx, state, &(struct feed_cursor){
        .base = feed_cursor(state->feed)->base, .seq = feed_cursor(state->feed)->base, .head = feed_cursor(state->feed)->base,
        .base_us = feed_cursor(state->feed)->base_us, .head_us = feed_cursor(state->feed)->base_us }, ctx->arena);
    return reply->cursor ? CRM_OK : CRM_NO_MEMORY;
}

static enum crm_status end_pull(struct op_ctx *ctx, struct sync_state *state)
{
    Crm__SyncReply *reply = ctx->reply;
    const struct feed_cursor *told = feed_cursor(state->feed), next = feed_end_cursor(state->feed);
    uint8_t *sum = arena_alloc(ctx->arena, RECORD_SUM_SIZE);

    reply->cursor = make_cursor(ctx, state, &next, ctx->arena);
    if (!reply->cursor || !sum)
        return CRM_NO_MEMORY;
    record_sum_write(&told->sum, sum);
    reply->has_records = reply->has_forgets = reply->has_hash = reply->has_seq = true;
    reply->records = told->n_records;
    reply->forgets = told->n_forgets;
    reply->hash = (ProtobufCBinaryData){ .data = sum, .len = RECORD_SUM_SIZE };
    reply->seq = next.seq;
    reply->backed_up_seq = atomic_load(&ctx->core->backed_up_seq);
    reply->has_backed_up_seq = reply->backed_up_seq > 0;
    reply->has_days = true;
    reply->days = (uint32_t)ctx->core->settings.replica_days;
    return CRM_OK;
}

static enum crm_status end_sync(struct op_ctx *ctx, struct sync_state *state)
{
    Crm__SyncReply *reply = ctx->reply;

    reply->has_mode = reply->has_examined = true;
    reply->mode = CRM__SYNC_MODE__SYNC_MODE_COMPARE;
    reply->examined = feed_examined(state->feed);
    if (state->task == TASK_REFUSE)
        return CRM_OK;
    if (state->task == TASK_SUMS)
        return end_sums(ctx, state);
    reply->mode = (Crm__SyncMode)feed_cursor(state->feed)->mode;
    return end_pull(ctx, state);
}

/* --- turns */

static bool is_walked(const struct sync_state *state)
{
    const struct feed_cursor *cursor = feed_cursor(state->feed);

    return cursor->mode != FEED_SNAPSHOT || cursor->is_walked;
}

/* Strays of what the walk is behind, as many as fit. false: there are more. */
static bool take_strays(struct sync_state *state)
{
    uint32_t position;

    while (sync_page_has_room(&state->page)) {
        if (!feed_items_next_stray(&state->items, &position))
            return true;
        sync_page_stray(&state->page, position);
    }
    return false;
}

/* The walk of a comparison is at its end, with all its strays: say so, by the sum over what is in its buckets now. */
static enum crm_status tell_compared(struct op_ctx *ctx, struct sync_state *state)
{
    Crm__SyncChunk *chunk = ctx->chunk;
    uint8_t *sum = arena_alloc(ctx->scratch, RECORD_SUM_SIZE);

    if (!sum)
        return CRM_NO_MEMORY;
    record_sum_write(&state->items.sum, sum);
    chunk->has_compared = true;
    chunk->compared = (ProtobufCBinaryData){ .data = sum, .len = RECORD_SUM_SIZE };
    state->is_compared = true;
    return send_page(ctx, state);
}

/* A turn of the walk that compares. */
static enum crm_status step_items(struct op_ctx *ctx, struct sync_state *state, const struct feed_sink *sink, int64_t deadline_us, bool *out_more)
{
    bool more = true, are_told = take_strays(state);
    enum crm_status status = CRM_OK;

    if (are_told && !is_walked(state)) {
        status = feed_step(state->feed, ctx->view, sink, ctx->scratch, TURN_ROWS, deadline_us, &more);
        if (is_walked(state))
            feed_items_end(&state->items);
        are_told = take_strays(state);
    }
    *out_more = true;
    if (status != CRM_OK)
        return status;
    if (are_told && is_walked(state)) {
        *out_more = more;
        return tell_compared(ctx, state);
    }
    return is_due(state, true) ? send_page(ctx, state) : CRM_OK;
}

static enum crm_status step(struct op_ctx *ctx, struct sync_state *state, bool *out_more)
{
    const struct feed_sink sink = { .has = is_comparing(state) ? page_has : NULL, .send = page_send, .forget = page_forget, .arg = state };
    int64_t deadline_us = clock_monotonic_us() + TURN_US;
    enum crm_status status;

    *out_more = false;
    if (state->task == TASK_REFUSE)
        return CRM_OK;
    if (state->task == TASK_ITEMS && !state->is_compared)
        return step_items(ctx, state, &sink, deadline_us, out_more);
    status = feed_step(state->feed, ctx->view, &sink, ctx->scratch, TURN_ROWS, deadline_us, out_more);
    if (state->task == TASK_SUMS) {
        *out_more = !is_walked(state);
        return status;
    }
    return status == CRM_OK && is_due(state, *out_more) ? send_page(ctx, state) : status;
}

static enum crm_status step_sync(struct op_ctx *ctx, bool *out_more)
{
    struct sync_state *state = ctx->state;
    enum crm_status status;

    state->scope.access = ctx->session->access;
    status = step(ctx, state, out_more);
    if (status == CRM_OK && !*out_more)
        status = end_sync(ctx, state);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
}

const struct op_def op_sync_changes = {
    .code = OP_SYNC_CHANGES, .name = "sync.changes", .flags = OP_STREAMS, .request = &crm__sync_request__descriptor,
    .reply = &crm__sync_reply__descriptor, .chunk = &crm__sync_chunk__descriptor, .run = begin_sync, .step = step_sync,
};
