/*
 * op_list.c - lists, exports and searches, streamed in turns
 */
#include "common/base/clock.h"
#include "common/engine/search.h"
#include "proto/codec.h"
#include "server/engine/log.h"
#include "server/ops/token.h"
#include "server/ops/wire.h"

#define TURN_ROWS 200
#define TURN_US   2000

/* A list between its turns. */
struct list_state_kept {
    struct filter filter;
    struct list_query query;
    struct list_cursor *cursor;
    struct slice packed_query; /* for the page token */
    uint64_t token_seq;        /* rows changed after it are flagged as moved; 0: none */
    uint64_t as_of;            /* 0: now */
    bool is_export;            /* one state through all pages */
    uint64_t seq;              /* of the state when it began */
    uint64_t rows;
    int64_t began_us;
    struct op_ctx *ctx;        /* of the turn, for the hooks */
    enum crm_status rewound;   /* the first record that could not be taken back: it must not be missing without a word */
};

/* Records of one turn on their way into a chunk. */
struct emit {
    struct answer records;
    struct list_state_kept *state;
    size_t budget;
};

static bool rewind_record(void *arg, struct record *record)
{
    struct list_state_kept *state = arg;
    bool existed = false;
    enum crm_status status = wire_rewind(state->ctx, state->as_of, record, &existed);

    if (state->rewound == CRM_OK)
        state->rewound = status;
    return status == CRM_OK && existed;
}

/* What a token is bound to: the request without what changes from page to page. An export's is not a list's. */
static enum crm_status pack_query(struct op_ctx *ctx, const Crm__ListRequest *request, bool is_export, struct slice *out_query)
{
    Crm__ListRequest bound = *request;
    Crm__ExportRequest export = CRM__EXPORT_REQUEST__INIT;

    bound.meta = NULL;
    bound.has_token = bound.has_limit = bound.has_titles = bound.has_explain = false;
    export.list = &bound;
    return codec_pack(is_export ? &export.base : &bound.base, ctx->arena, out_query);
}

static enum crm_status read_page(struct op_ctx *ctx, const Crm__ListRequest *request, struct list_state_kept *state)
{
    enum crm_status status = pack_query(ctx, request, state->is_export, &state->packed_query);

    if (status != CRM_OK)
        return op_fail(ctx, status, "out of memory");
    if (!request->has_token)
        return CRM_OK;
    return token_open(ctx, state->packed_query, slice_of(request->token.data, request->token.len), &state->query.position, &state->token_seq);
}

/* Which state is read. An export's stands in its token, and is the same for all its pages. */
static enum crm_status read_as_of(struct op_ctx *ctx, const Crm__ListRequest *request, struct list_state_kept *state)
{
    if (!state->is_export)
        return wire_as_of(ctx, request->as_of, &state->as_of);
    state->as_of = state->token_seq;
    state->token_seq = 0;
    return CRM_OK;
}

static enum crm_status begin(struct op_ctx *ctx, bool is_export)
{
    const Crm__ListRequest *request = ctx->request;
    struct list_state_kept *state = arena_zalloc(ctx->arena, sizeof *state);
    struct ask ask = op_ask(ctx);
    struct log_head head;
    enum crm_status status;

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    ctx->state = state;
    state->ctx = ctx;
    state->is_export = is_export;
    state->began_us = clock_monotonic_us();
    if (log_head_load(ctx->view, &head) != CRM_OK)
        return op_fail(ctx, CRM_IO, "the log cannot be read");
    state->seq = head.seq; /* of this snapshot: the newest may be newer */
    status = ask_list(&ask, request, &state->filter, &state->query);
    if (status == CRM_OK)
        status = wire_scope(ctx, state->query.kind, &state->query.scope);
    if (status == CRM_OK)
        status = read_page(ctx, request, state);
    if (status == CRM_OK)
        status = read_as_of(ctx, request, state);
    if (state->as_of) {
        state->query.rewind = rewind_record;
        state->query.arg = state;
    }
    return status == CRM_OK ? list_begin(ctx->view, &state->query, ctx->arena, &state->cursor, &ctx->failure) : status;
}

static enum crm_status begin_list(struct op_ctx *ctx)
{
    return begin(ctx, false);
}

static enum crm_status begin_export(struct op_ctx *ctx)
{
    const Crm__ListRequest *request = ctx->request;

    return request->has_token ? begin(ctx, true) : op_fail_field(ctx, CRM_INVALID, "token", "an export begins with export.begin");
}

static bool emit_record(void *arg, const struct record *record)
{
    struct emit *emit = arg;
    uint64_t token_seq = emit->state ? emit->state->token_seq : 0;
    bool moved = token_seq && record->header.seq > token_seq;

    if (!answer_add(&emit->records, record, moved ? RECORD_MOVED : 0))
        return false;
    return emit->records.bytes + emit->records.title_bytes < emit->budget;
}

static enum crm_status end_list(struct op_ctx *ctx, struct list_state_kept *state)
{
    const Crm__ListRequest *request = ctx->request;
    Crm__ListReply *reply = ctx->reply;
    struct slice position = list_position(state->cursor);

    reply->has_rows = reply->has_seq = true;
    reply->rows = state->rows;
    reply->seq = state->as_of ? state->as_of : state->seq;
    if (position.size > 0) {
        uint64_t seq = state->is_export ? state->as_of : state->token_seq ? state->token_seq : state->seq;

        reply->has_token = true;
        if (token_make(ctx, state->packed_query, position, seq, &reply->token) != CRM_OK)
            return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    }
    if (request->explain) {
        reply->explain = answer_explain(list_explain(state->cursor), clock_monotonic_us() - state->began_us, ctx->arena);
        if (!reply->explain)
            return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    }
    return CRM_OK;
}

static enum crm_status step_list(struct op_ctx *ctx, bool *out_more)
{
    const Crm__ListRequest *request = ctx->request;
    struct list_state_kept *state = ctx->state;
    struct emit emit = { .state = state, .budget = ctx->chunk_budget };
    enum list_state list = LIST_MORE;
    enum crm_status status;

    answer_init(&emit.records, ctx->scratch, ctx->view, request->titles);
    status = list_step(state->cursor, ctx->view, state->as_of ? REWIND_ROWS : TURN_ROWS, clock_monotonic_us() + TURN_US, emit_record, &emit,
                       ctx->scratch, &list, &ctx->failure);
    if (status == CRM_OK)
        status = state->rewound;
    if (status == CRM_OK)
        status = answer_finish(&emit.records, &ctx->packed);
    if (status != CRM_OK)
        return op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
    state->rows += emit.records.n;
    *out_more = list == LIST_MORE;
    return *out_more ? CRM_OK : end_list(ctx, state);
}

const struct op_def op_list = {
    .code = OP_LIST, .name = "record.list", .flags = OP_STREAMS, .request = &crm__list_request__descriptor,
    .reply = &crm__list_reply__descriptor, .chunk = &crm__list_chunk__descriptor, .run = begin_list, .step = step_list,
};

/* --- exports: a list of one state, for which the right and the password are asked, and of which the audit trail tells */

static enum crm_status run_export_begin(struct op_ctx *ctx)
{
    const Crm__ExportRequest *request = ctx->request;
    Crm__ExportReply *reply = ctx->reply;
    struct ask ask = op_ask(ctx);
    struct filter filter;
    struct list_query query;
    struct slice packed;
    enum crm_status status;

    if (!request->list || request->list->has_token || request->list->as_of)
        return op_fail_field(ctx, CRM_INVALID, "list", "what is to be exported, as it is now?");
    status = ask_list(&ask, request->list, &filter, &query);
    if (status == CRM_OK && pack_query(ctx, request->list, true, &packed) != CRM_OK)
        status = op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    if (status != CRM_OK)
        return status;
    op_about(ctx, KIND_NONE, NULL, "%s%s%s", query.deleted ? "deleted " : "", query.kind->plural, request->list->n_filter ? ", some of them" : "");
    reply->has_seq = reply->has_token = true;
    reply->seq = ctx->group->head.seq;
    return token_make(ctx, packed, (struct slice){ 0 }, reply->seq, &reply->token) == CRM_OK ? CRM_OK : op_fail(ctx, CRM_NO_MEMORY, "out of memory");
}

const struct op_def op_export_begin = {
    .code = OP_EXPORT_BEGIN, .name = "export.begin", .flags = OP_WRITES | OP_CONFIRMED, .right = CRM__RIGHT__RIGHT_EXPORT,
    .audit = CRM__AUDIT_ACT__AUDIT_ACT_EXPORT, .request = &crm__export_request__descriptor, .reply = &crm__export_reply__descriptor,
    .run = run_export_begin,
};

const struct op_def op_export = {
    .code = OP_EXPORT, .name = "record.export", .flags = OP_STREAMS, .right = CRM__RIGHT__RIGHT_EXPORT, .request = &crm__list_request__descriptor,
    .reply = &crm__list_reply__descriptor, .chunk = &crm__list_chunk__descriptor, .run = begin_export, .step = step_list,
};

/* --- search: what is found is bounded, so one turn finds it; telling may take several */

#define SEARCH_MOST 1000

/* What was found; the records are read again in the turn that tells them. */
struct search_state {
    bool is_done; /* all is found */
    size_t n, told;
    struct {
        enum kind kind;
        struct uuid id;
    } found[SEARCH_MOST];
    struct list_explain explain;
    int64_t began_us;
};

static enum crm_status begin_search(struct op_ctx *ctx)
{
    const Crm__SearchRequest *request = ctx->request;

    if (!request->text)
        return op_fail_field(ctx, CRM_INVALID, "text", "what is to be found?");
    if (request->limit > SEARCH_MOST)
        return op_fail_field(ctx, CRM_INVALID, "limit", "a search gives at most %d records", SEARCH_MOST);
    ctx->state = arena_zalloc(ctx->arena, sizeof(struct search_state));
    return ctx->state ? CRM_OK : op_fail(ctx, CRM_NO_MEMORY, "out of memory");
}

static bool note_found(void *arg, const struct record *record)
{
    struct search_state *state = arg;

    state->found[state->n].kind = record->header.kind;
    state->found[state->n++].id = record->header.id;
    return state->n < SEARCH_MOST;
}

static bool is_asked_for(const Crm__SearchRequest *request, const struct kind_def *kind)
{
    for (size_t i = 0; i < request->n_kinds; i++)
        if (request->kinds[i] == (uint32_t)kind->kind)
            return true;
    return request->n_kinds == 0;
}

/* Where to look, kind by kind, as far as they are searched. */
static enum crm_status find_scopes(struct op_ctx *ctx, const struct list_scope *scopes[KIND_MAX + 1])
{
    const struct kind_def *kind;
    enum crm_status status = CRM_OK;

    for (size_t n = 0; (kind = kind_at(n)) && status == CRM_OK; n++)
        if (is_asked_for(ctx->request, kind))
            status = wire_scope(ctx, kind, &scopes[kind->kind]);
    return status;
}

static enum crm_status find_all(struct op_ctx *ctx, struct search_state *state)
{
    const Crm__SearchRequest *request = ctx->request;
    const struct list_scope *scopes[KIND_MAX + 1] = { NULL };
    struct search_query query = { .scopes = scopes, .text = slice_text(request->text), .kinds = request->kinds, .n_kinds = request->n_kinds,
                                  .limit = request->limit ? request->limit : 20 };

    enum crm_status status = find_scopes(ctx, scopes);

    state->is_done = true;
    state->began_us = clock_monotonic_us();
    if (status != CRM_OK)
        return status;
    return search_run(ctx->view, &query, ctx->scratch, note_found, state, &state->explain, &ctx->failure);
}

/* A chunk of what was found; what has gone since then is passed over. */
static enum crm_status tell_found(struct op_ctx *ctx, struct search_state *state)
{
    const Crm__SearchRequest *request = ctx->request;
    Crm__ListReply *reply = ctx->reply;
    struct emit emit = { .budget = ctx->chunk_budget };
    bool has_room = true;

    answer_init(&emit.records, ctx->scratch, ctx->view, request->titles);
    for (; state->told < state->n && has_room; state->told++) {
        struct record record;
        enum crm_status status = view_record(ctx->view, state->found[state->told].kind, &state->found[state->told].id, &record);

        if (status == CRM_OK)
            has_room = emit_record(&emit, &record);
        else if (status != CRM_NOT_FOUND)
            return status;
    }
    reply->has_rows = true;
    reply->rows += emit.records.n;
    return answer_finish(&emit.records, &ctx->packed);
}

static enum crm_status step_search(struct op_ctx *ctx, bool *out_more)
{
    const Crm__SearchRequest *request = ctx->request;
    Crm__ListReply *reply = ctx->reply;
    struct search_state *state = ctx->state;
    enum crm_status status = state->is_done ? CRM_OK : find_all(ctx, state);

    if (status == CRM_OK)
        status = tell_found(ctx, state);
    if (status != CRM_OK)
        return op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
    *out_more = state->told < state->n;
    if (!*out_more && request->explain)
        reply->explain = answer_explain(&state->explain, clock_monotonic_us() - state->began_us, ctx->arena);
    return CRM_OK;
}

const struct op_def op_search = {
    .code = OP_SEARCH, .name = "record.search", .flags = OP_STREAMS, .request = &crm__search_request__descriptor,
    .reply = &crm__list_reply__descriptor, .chunk = &crm__list_chunk__descriptor, .run = begin_search, .step = step_search,
};
