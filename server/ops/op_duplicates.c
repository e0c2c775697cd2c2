/*
 * op_duplicates.c - record.duplicates: which customers or contacts are probably the same, how sure that is, and why
 *
 * Compared by a worker, of what who asks may see; told in turns, with the records read again, so that what may be seen no more is passed over. One search at a
 * time: its memory is bounded, that of several would not be.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "server/engine/duplicate.h"
#include "server/engine/log.h"
#include "server/ops/wire.h"

#define MEMORY_MAX    (512u << 20)
#define PAIRS_DEFAULT 10000
#define PAIRS_MAX     100000
#define REASONS_MAX   4    /* of a pair; the strongest */
#define STEP_ROWS     4096
#define THOUSAND      1000 /* of the wire's scores */
#define TITLE_MAX     200  /* bytes */

static atomic_flag is_searching = ATOMIC_FLAG_INIT;

struct found {
    struct uuid first, second;
    uint16_t score;
    uint8_t n_reasons;
    struct {
        uint8_t field;
        bool is_against;
        uint16_t likeness;
    } reasons[REASONS_MAX];
};

struct duplicates_state {
    enum kind kind;
    struct found *found;
    size_t n, told, skipped;
    bool is_more; /* than were asked for */
    uint64_t compared, seq;
};

/* What lives while a worker compares. */
struct search {
    struct op_ctx *ctx;
    struct duplicate_plan plan;
    struct match_set *set;
    struct uuid *ids; /* by place in the set */
    size_t n, max;
    uint32_t only;
    bool has_only;
    enum crm_status status;
};

static bool add_record(void *arg, const struct record *record)
{
    struct search *search = arg;
    const Crm__DuplicatesRequest *request = search->ctx->request;

    if (search->n == search->max) {
        size_t more = search->max ? search->max * 2 : 1024;
        struct uuid *grown = realloc(search->ids, more * sizeof *grown);

        if (!grown) {
            search->status = CRM_NO_MEMORY;
            return false;
        }
        search->ids = grown;
        search->max = more;
    }
    if (request->has_id && slice_equal(slice_of(request->id.data, request->id.len), uuid_slice(&record->header.id))) {
        search->has_only = true;
        search->only = (uint32_t)search->n;
    }
    search->status = duplicate_add(&search->plan, record, search->ctx->scratch, search->set);
    if (search->status == CRM_OK)
        search->ids[search->n++] = record->header.id;
    return search->status == CRM_OK;
}

static enum crm_status gather(struct search *search, const struct list_query *query)
{
    struct op_ctx *ctx = search->ctx;
    enum list_state state = LIST_MORE;
    struct list_cursor *cursor;
    enum crm_status status = list_begin(ctx->view, query, ctx->arena, &cursor, &ctx->failure);

    while (status == CRM_OK && state == LIST_MORE) {
        arena_reset(ctx->scratch);
        status = list_step(cursor, ctx->view, STEP_ROWS, 0, add_record, search, ctx->scratch, &state, &ctx->failure);
        if (status == CRM_OK)
            status = search->status;
        if (status == CRM_OK)
            status = ctx->still_wanted(ctx);
    }
    if (status == CRM_TOO_LARGE)
        return op_fail(ctx, status, "these are too many to be compared at once: choose some by a filter");
    return status;
}

static bool goes_on(void *arg)
{
    struct search *search = arg;

    search->status = search->ctx->still_wanted(search->ctx);
    return search->status == CRM_OK;
}

static uint16_t in_thousandths(float share)
{
    return (uint16_t)lroundf(share * THOUSAND);
}

static void note(const struct search *search, const struct match_pair *pair, struct found *out_found)
{
    struct match_reason reasons[MATCH_FIELDS];
    size_t n = match_explain(search->set, pair->first, pair->second, reasons);

    *out_found = (struct found){ .first = search->ids[pair->first], .second = search->ids[pair->second], .score = in_thousandths(pair->score) };
    for (size_t i = 0; i < n && out_found->n_reasons < REASONS_MAX; i++) {
        if (reasons[i].weight < 0 && out_found->n_reasons == REASONS_MAX - 1)
            i = n - 1; /* the last place is for what speaks against it most */
        out_found->reasons[out_found->n_reasons].field = (uint8_t)(reasons[i].field + 1);
        out_found->reasons[out_found->n_reasons].is_against = reasons[i].weight < 0;
        out_found->reasons[out_found->n_reasons++].likeness = in_thousandths(reasons[i].likeness);
    }
}

static enum crm_status compare(struct search *search, struct duplicates_state *state)
{
    const Crm__DuplicatesRequest *request = search->ctx->request;
    size_t limit = request->limit ? (size_t)request->limit : PAIRS_DEFAULT;
    struct match_wish wish = { .min = request->has_min ? (float)request->min / THOUSAND : MATCH_SCORE_LIKELY, .max = limit + 1,
                               .only = request->has_id ? &search->only : NULL, .goes_on = goes_on, .arg = search };
    const struct match_pair *pairs;
    enum crm_status status = match_find(search->set, &wish, &pairs, &state->n);

    if (status == CRM_CANCELLED)
        return search->status;
    if (status == CRM_TOO_LARGE)
        return op_fail(search->ctx, status, "these are too many to be compared at once: choose some by a filter");
    if (status != CRM_OK)
        return op_fail(search->ctx, status, "out of memory");
    state->is_more = state->n > limit;
    state->n = state->is_more ? limit : state->n;
    state->found = arena_alloc(search->ctx->arena, (state->n + 1) * sizeof *state->found);
    if (!state->found)
        return op_fail(search->ctx, CRM_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < state->n; i++)
        note(search, &pairs[i], &state->found[i]);
    return CRM_OK;
}

/* Whom to compare. */
static enum crm_status read_request(struct op_ctx *ctx, struct filter *filter, struct list_query *out_query, struct duplicate_plan *out_plan)
{
    const Crm__DuplicatesRequest *request = ctx->request;
    Crm__CountRequest count = CRM__COUNT_REQUEST__INIT;
    struct ask ask = op_ask(ctx);
    enum crm_status status;

    if (request->min > THOUSAND)
        return op_fail_field(ctx, CRM_INVALID, "min", "a score has 0 to %d thousandths", THOUSAND);
    if (request->limit > PAIRS_MAX)
        return op_fail_field(ctx, CRM_TOO_LARGE, "limit", "at most %d pairs", PAIRS_MAX);
    if (request->has_id && request->id.len != UUID_SIZE)
        return op_fail_field(ctx, CRM_INVALID, "id", "a record's id has 16 bytes");
    count.has_kind = request->has_kind;
    count.kind = request->kind;
    count.n_filter = request->n_filter;
    count.filter = request->filter;
    status = ask_count(&ask, &count, filter, out_query);
    if (status != CRM_OK)
        return status;
    if (!duplicate_plan(ctx->schema, out_query->kind, out_plan))
        return op_fail_field(ctx, CRM_INVALID, "kind", "%s are not compared", out_query->kind->plural);
    return wire_scope(ctx, out_query->kind, &out_query->scope);
}

static enum crm_status search_all(struct search *search, const struct list_query *query, struct duplicates_state *state)
{
    struct op_ctx *ctx = search->ctx;
    enum crm_status status;

    search->set = match_create(search->plan.type, MEMORY_MAX);
    if (!search->set)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = gather(search, query);
    if (status == CRM_OK && ((const Crm__DuplicatesRequest *)ctx->request)->has_id && !search->has_only)
        status = op_fail_field(ctx, CRM_NOT_FOUND, "id", "there is no such %s", query->kind->name);
    state->kind = query->kind->kind;
    state->compared = search->n;
    return status == CRM_OK ? compare(search, state) : status;
}

static enum crm_status run_duplicates(struct op_ctx *ctx)
{
    struct duplicates_state *state = arena_zalloc(ctx->arena, sizeof *state);
    struct search search = { .ctx = ctx, .status = CRM_OK };
    struct filter filter;
    struct list_query query;
    struct log_head head;
    enum crm_status status;

    if (!state)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = read_request(ctx, &filter, &query, &search.plan);
    if (status != CRM_OK)
        return status;
    if (log_head_load(ctx->view, &head) != CRM_OK)
        return op_fail(ctx, CRM_IO, "the log cannot be read");
    if (atomic_flag_test_and_set(&is_searching))
        return op_fail(ctx, CRM_BUSY, "another search for duplicates is under way");
    state->seq = head.seq;
    status = search_all(&search, &query, state);
    match_destroy(search.set);
    free(search.ids);
    atomic_flag_clear(&is_searching);
    ctx->state = state;
    return status;
}

/* --- telling */

static enum crm_status tell_record(struct op_ctx *ctx, enum kind kind, const struct uuid *id, Crm__DuplicateRecord **out_record)
{
    Crm__DuplicateRecord *told = arena_alloc(ctx->scratch, sizeof *told);
    struct record record;
    struct slice title;
    enum crm_status status = view_record(ctx->view, kind, id, &record);

    if (status != CRM_OK || !told)
        return status != CRM_OK ? status : CRM_NO_MEMORY;
    crm__duplicate_record__init(told);
    title = record_title(&record);
    told->has_id = true;
    told->id.len = UUID_SIZE;
    told->id.data = arena_memdup(ctx->scratch, id->bytes, UUID_SIZE);
    told->has_number = record.header.number != 0;
    told->number = record.header.number;
    told->title = arena_strndup(ctx->scratch, title.size ? (const char *)title.data : "", text_prefix_size(title, TITLE_MAX));
    *out_record = told;
    return told->id.data && told->title ? CRM_OK : CRM_NO_MEMORY;
}

static enum crm_status tell_reasons(struct op_ctx *ctx, const struct found *found, Crm__DuplicatePair *pair)
{
    Crm__DuplicateReason *reasons = arena_alloc(ctx->scratch, REASONS_MAX * sizeof *reasons);

    pair->reasons = arena_alloc(ctx->scratch, REASONS_MAX * sizeof *pair->reasons);
    if (!reasons || !pair->reasons)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < found->n_reasons; i++) {
        crm__duplicate_reason__init(&reasons[i]);
        reasons[i].has_field = reasons[i].has_likeness = true;
        reasons[i].field = (Crm__DuplicateField)found->reasons[i].field;
        reasons[i].likeness = found->reasons[i].likeness;
        reasons[i].has_against = reasons[i].against = found->reasons[i].is_against;
        pair->reasons[pair->n_reasons++] = &reasons[i];
    }
    return CRM_OK;
}

static enum crm_status tell_pair(struct op_ctx *ctx, enum kind kind, const struct found *found, Crm__DuplicatePair **out_pair)
{
    Crm__DuplicatePair *pair = arena_alloc(ctx->scratch, sizeof *pair);
    enum crm_status status;

    if (!pair)
        return CRM_NO_MEMORY;
    crm__duplicate_pair__init(pair);
    pair->has_score = true;
    pair->score = found->score;
    status = tell_record(ctx, kind, &found->first, &pair->first);
    if (status == CRM_OK)
        status = tell_record(ctx, kind, &found->second, &pair->second);
    if (status == CRM_OK)
        status = tell_reasons(ctx, found, pair);
    *out_pair = pair;
    return status;
}

#define PAIRS_PER_CHUNK 200 /* a turn's reads are bounded */

static enum crm_status step_duplicates(struct op_ctx *ctx, bool *out_more)
{
    struct duplicates_state *state = ctx->state;
    Crm__DuplicatesChunk *chunk = ctx->chunk;
    Crm__DuplicatesReply *reply = ctx->reply;
    size_t bytes = 0;

    chunk->pairs = arena_alloc(ctx->scratch, PAIRS_PER_CHUNK * sizeof *chunk->pairs);
    if (!chunk->pairs)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    while (state->told < state->n && chunk->n_pairs < PAIRS_PER_CHUNK && bytes < ctx->chunk_budget) {
        Crm__DuplicatePair *pair;
        enum crm_status status = tell_pair(ctx, state->kind, &state->found[state->told++], &pair);

        if (status == CRM_NOT_FOUND) {
            state->skipped++;
            continue;
        }
        if (status != CRM_OK)
            return op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
        chunk->pairs[chunk->n_pairs++] = pair;
        bytes += 2 * TITLE_MAX;
    }
    *out_more = state->told < state->n;
    reply->has_compared = reply->has_pairs = reply->has_seq = true;
    reply->compared = state->compared;
    reply->pairs = state->told - state->skipped;
    reply->seq = state->seq;
    reply->has_more = reply->more = state->is_more;
    return CRM_OK;
}

const struct op_def op_duplicates = {
    .code = OP_DUPLICATES, .name = "record.duplicates", .flags = OP_WORKS | OP_STREAMS, .request = &crm__duplicates_request__descriptor,
    .reply = &crm__duplicates_reply__descriptor, .chunk = &crm__duplicates_chunk__descriptor, .run = run_duplicates, .step = step_duplicates,
};
