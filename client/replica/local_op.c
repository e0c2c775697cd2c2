/*
 * local_op.c - what a replica answers: who is there, which fields there are, get, list, count, search (changes: local_mutate.c)
 *
 * Called by local.c with a view of the replica. The reading itself is common/ops, as on the server; here is what differs: there is no history to go back
 * in, no recycle bin, nobody to hide anything from, and a page token that needs no seal.
 */
#include "client/replica/local_op.h"

#include "client/replica/outbox.h"
#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/engine/search.h"
#include "common/ops/answer.h"
#include "common/ops/tally.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "proto/operation.h"

#define TURN_ROWS   1000
#define SEARCH_MOST 1000
#define TOKEN_CHECK 8 /* bytes of a hash before the place in a page token */

struct ask local_ask(struct local_call *call, const struct view *view)
{
    static const struct uuid nobody;
    const Crm__LoginReply *session = replica_state(call->replica)->session;
    struct uuid *ids = arena_zalloc(&call->arena, 2 * sizeof *ids);

    if (ids && session) {
        uuid_from_slice(slice_of(session->user.data, session->user.len), &ids[0]);
        uuid_from_slice(slice_of(session->team.data, session->team.len), &ids[1]);
    }
    return (struct ask){
        .view = view, .schema = view->schema, .arena = &call->arena, .scratch = &call->scratch, .user = ids ? &ids[0] : &nobody,
        .team = ids ? &ids[1] : &nobody, .failure = &call->failure, .error = &call->error,
    };
}

static enum crm_status no_memory(struct local_call *call)
{
    return fail(&call->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

static enum crm_status needs_server(struct local_call *call, const char *what)
{
    return fail(&call->failure, CRM_UNREACHABLE, NULL, "%s needs the server", what);
}

enum crm_status local_reply(struct local_call *call, const ProtobufCMessage *message)
{
    call->is_done = true;
    return codec_pack(message, &call->arena, &call->reply) == CRM_OK ? CRM_OK : no_memory(call);
}

/* What the replica does not have of the past. */
static enum crm_status check_present(struct local_call *call, const Crm__AsOf *as_of, bool deleted)
{
    if (as_of)
        return needs_server(call, "what was in the past");
    return deleted ? needs_server(call, "the recycle bin") : CRM_OK;
}

/* --- ping, describe */

static enum crm_status run_ping(struct local_call *call, const struct view *view)
{
    Crm__PingReply reply = CRM__PING_REPLY__INIT;

    (void)view;
    reply.has_now = reply.has_seq = true;
    reply.now = clock_now_us();
    reply.software = (char *)(uintptr_t)"crm-replica/" CRM_VERSION;
    reply.seq = replica_state(call->replica)->seq;
    return local_reply(call, &reply.base);
}

/* What the server said, all of it or one kind. */
static enum crm_status run_describe(struct local_call *call, const struct view *view)
{
    const Crm__DescribeRequest *request = call->request;
    Crm__DescribeReply reply = CRM__DESCRIBE_REPLY__INIT;
    Crm__DescribeReply *all;
    const void *message;
    enum crm_status status =
        codec_unpack_body(replica_state(call->replica)->describe, &crm__describe_reply__descriptor, &call->arena, &message, &call->failure);

    if (status != CRM_OK)
        return status;
    all = (Crm__DescribeReply *)(uintptr_t)message;
    reply.has_level = true;
    reply.level = schema_level(view->schema);
    if (request->has_known_level && request->known_level == reply.level)
        return local_reply(call, &reply.base);
    reply.kinds = all->kinds;
    reply.n_kinds = all->n_kinds;
    for (size_t i = 0; request->kind && i < all->n_kinds; i++)
        if (all->kinds[i]->kind == request->kind) {
            reply.kinds = &all->kinds[i];
            reply.n_kinds = 1;
            return local_reply(call, &reply.base);
        }
    if (request->kind)
        return fail(&call->failure, CRM_INVALID, "kind", "there is no kind number %u", request->kind);
    return local_reply(call, &reply.base);
}

/* --- get */

/* A number that a record made here had, or has: also when the server has given it another since. */
static bool find_alias(const Crm__GetRequest *request, const struct view *view, struct uuid *out_id, enum kind *out_kind)
{
    const struct kind_def *kind = kind_def(request->kind);
    uint64_t number;

    if (request->has_id || !request->selector || !record_number_parse(request->selector, &kind, &number))
        return false;
    *out_kind = kind->kind;
    return outbox_alias(view->txn, kind->kind, number, out_id) == CRM_OK;
}

/* In the bin here is only what waits to be deleted: of the rest nobody knows. */
static enum crm_status find_one(struct local_call *call, const struct view *view, struct record *out_record)
{
    const Crm__GetRequest *request = call->request;
    struct ask ask = local_ask(call, view);
    struct uuid id;
    enum kind kind;
    enum crm_status status = find_alias(request, view, &id, &kind) ? CRM_OK : ask_get(&ask, request, &id, &kind);

    if (status == CRM_NOT_FOUND && request->deleted) {
        call->failure = (struct failure){ 0 };
        return select_deleted(view, request->kind, request->selector, out_record) ? CRM_OK : needs_server(call, "what was deleted before the last sync");
    }
    if (status != CRM_OK)
        return status;
    status = view_record(view, kind, &id, out_record);
    if (status == CRM_NOT_FOUND && request->deleted) {
        status = view_deleted(view, kind, &id, out_record);
        if (status == CRM_NOT_FOUND)
            return needs_server(call, "what was deleted before the last sync");
    }
    if (status == CRM_NOT_FOUND)
        return fail(&call->failure, CRM_NOT_FOUND, NULL, "there is no such %s", kind_def(kind)->name);
    return status == CRM_OK ? CRM_OK : fail(&call->failure, status, NULL, "the stored record is damaged");
}

static enum crm_status run_get(struct local_call *call, const struct view *view)
{
    const Crm__GetRequest *request = call->request;
    struct answer answer;
    struct record record;
    enum crm_status status = check_present(call, request->as_of, false);

    if (status == CRM_OK)
        status = find_one(call, view, &record);
    if (status != CRM_OK)
        return status;
    answer_init(&answer, &call->arena, view, request->titles);
    if (!answer_add(&answer, &record, 0) || answer_finish(&answer, &call->reply) != CRM_OK)
        return no_memory(call);
    call->is_done = true;
    return CRM_OK;
}

/* --- list */

struct listing {
    struct filter filter;
    struct list_query query;
    struct list_cursor *cursor;
    struct slice bound; /* the query, for the page token */
    uint64_t rows;
    int64_t began_us;
};

/* Records of one turn on their way into a chunk. */
static bool emit_record(void *arg, const struct record *record)
{
    struct answer *answer = arg;

    return answer_add(answer, record, 0) && answer->bytes + answer->title_bytes < FRAME_CHUNK_MAX;
}

/* What a token is bound to: the request without what changes from page to page. */
static enum crm_status bind_query(struct local_call *call, struct listing *listing)
{
    Crm__ListRequest bound = *(const Crm__ListRequest *)call->request;

    bound.meta = NULL;
    bound.has_token = bound.has_limit = bound.has_titles = bound.has_explain = false;
    return codec_pack(&bound.base, &call->arena, &listing->bound) == CRM_OK ? CRM_OK : no_memory(call);
}

static void token_check(const struct listing *listing, struct slice place, uint8_t out[SHA256_SIZE])
{
    sha256((const struct slice[]){ listing->bound, place }, 2, out);
}

static enum crm_status open_token(struct local_call *call, struct listing *listing)
{
    const Crm__ListRequest *request = call->request;
    struct slice token = slice_of(request->token.data, request->token.len), place;
    uint8_t check[SHA256_SIZE];

    if (!request->has_token)
        return CRM_OK;
    if (token.size >= TOKEN_CHECK) {
        place = slice_of(token.data + TOKEN_CHECK, token.size - TOKEN_CHECK);
        token_check(listing, place, check);
        if (memcmp(check, token.data, TOKEN_CHECK) == 0) {
            listing->query.position = place;
            return CRM_OK;
        }
    }
    return fail(&call->failure, CRM_INVALID, "token", "the page token is not one of the replica's, or of another list");
}

static enum crm_status begin_list(struct local_call *call, const struct view *view)
{
    const Crm__ListRequest *request = call->request;
    struct listing *listing = arena_zalloc(&call->arena, sizeof *listing);
    struct ask ask = local_ask(call, view);
    enum crm_status status = check_present(call, request->as_of, request->deleted);

    if (status != CRM_OK)
        return status;
    if (!listing)
        return no_memory(call);
    listing->began_us = clock_monotonic_us();
    status = ask_list(&ask, request, &listing->filter, &listing->query);
    if (status == CRM_OK)
        status = bind_query(call, listing);
    if (status == CRM_OK)
        status = open_token(call, listing);
    if (status == CRM_OK)
        status = list_begin(view, &listing->query, &call->arena, &listing->cursor, &call->failure);
    call->state = listing;
    return status;
}

static enum crm_status end_list(struct local_call *call, const struct listing *listing)
{
    const Crm__ListRequest *request = call->request;
    Crm__ListReply reply = CRM__LIST_REPLY__INIT;
    struct slice place = list_position(listing->cursor);
    uint8_t check[SHA256_SIZE];

    reply.has_rows = reply.has_seq = true;
    reply.rows = listing->rows;
    reply.seq = replica_state(call->replica)->seq;
    if (place.size > 0) {
        uint8_t *token = arena_alloc(&call->arena, TOKEN_CHECK + place.size);

        if (!token)
            return no_memory(call);
        token_check(listing, place, check);
        memcpy(token, check, TOKEN_CHECK);
        memcpy(token + TOKEN_CHECK, place.data, place.size);
        reply.has_token = true;
        reply.token = (ProtobufCBinaryData){ .data = token, .len = TOKEN_CHECK + place.size };
    }
    if (request->explain) {
        reply.explain = answer_explain(list_explain(listing->cursor), clock_monotonic_us() - listing->began_us, &call->arena);
        if (!reply.explain)
            return no_memory(call);
    }
    return local_reply(call, &reply.base);
}

static enum crm_status run_list(struct local_call *call, const struct view *view)
{
    const Crm__ListRequest *request = call->request;
    enum crm_status status = call->state ? CRM_OK : begin_list(call, view);
    struct listing *listing = call->state;
    enum list_state state = LIST_MORE;
    struct answer answer;

    if (status != CRM_OK)
        return status;
    answer_init(&answer, &call->scratch, view, request->titles);
    status = list_step(listing->cursor, view, TURN_ROWS, 0, emit_record, &answer, &call->scratch, &state, &call->failure);
    if (status == CRM_OK)
        status = answer_finish(&answer, &call->part);
    if (status != CRM_OK)
        return fail(&call->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    listing->rows += answer.n;
    return state == LIST_DONE ? end_list(call, listing) : CRM_OK;
}

/* --- count */

struct counting {
    struct ask ask;
    struct list_query query;
    struct list_cursor *cursor;
    struct filter filter;
    struct tally tally;
    int64_t began_us;
};

static enum crm_status begin_count(struct local_call *call, const struct view *view)
{
    const Crm__CountRequest *request = call->request;
    struct counting *counting = arena_zalloc(&call->arena, sizeof *counting);
    enum crm_status status = check_present(call, request->as_of, request->deleted);

    if (status != CRM_OK)
        return status;
    if (!counting)
        return no_memory(call);
    counting->began_us = clock_monotonic_us();
    counting->ask = local_ask(call, view);
    status = ask_count(&counting->ask, request, &counting->filter, &counting->query);
    if (status == CRM_OK)
        status = tally_init(&counting->tally, &counting->ask, counting->query.kind, request);
    if (status == CRM_OK)
        status = list_begin(view, &counting->query, &call->arena, &counting->cursor, &call->failure);
    call->state = counting;
    return status;
}

static enum crm_status end_count(struct local_call *call, struct counting *counting)
{
    const Crm__CountRequest *request = call->request;
    Crm__CountReply reply = CRM__COUNT_REPLY__INIT;
    enum crm_status status;

    reply.has_count = reply.has_seq = true;
    reply.count = list_explain(counting->cursor)->matched;
    reply.seq = replica_state(call->replica)->seq;
    if (request->explain)
        reply.explain = answer_explain(list_explain(counting->cursor), clock_monotonic_us() - counting->began_us, &call->arena);
    status = tally_finish(&counting->tally, &reply);
    return status == CRM_OK ? local_reply(call, &reply.base) : status;
}

/* In turns, so that memory does not grow with what is looked at. */
static enum crm_status run_count(struct local_call *call, const struct view *view)
{
    enum crm_status status = call->state ? CRM_OK : begin_count(call, view);
    struct counting *counting = call->state;
    enum list_state state = LIST_MORE;

    if (status != CRM_OK)
        return status;
    counting->ask.view = view;
    status = list_step(counting->cursor, view, TURN_ROWS, 0, tally_add, &counting->tally, &call->scratch, &state, &call->failure);
    if (status == CRM_OK)
        status = counting->tally.status;
    if (status != CRM_OK || state == LIST_MORE)
        return status;
    return end_count(call, counting);
}

/* --- search */

/* What was found; the records are read again in the turn that tells them. */
struct searching {
    size_t n, told;
    struct {
        enum kind kind;
        struct uuid id;
    } found[SEARCH_MOST];
    struct list_explain explain;
    int64_t began_us;
};

static bool note_found(void *arg, const struct record *record)
{
    struct searching *searching = arg;

    searching->found[searching->n].kind = record->header.kind;
    searching->found[searching->n++].id = record->header.id;
    return searching->n < SEARCH_MOST;
}

/* What is found is bounded, so one turn finds it; telling may take several. */
static enum crm_status find_all(struct local_call *call, const struct view *view)
{
    const Crm__SearchRequest *request = call->request;
    struct search_query query = { .text = slice_text(request->text), .kinds = request->kinds, .n_kinds = request->n_kinds,
                                  .limit = request->limit ? request->limit : 20 };
    struct searching *searching = arena_zalloc(&call->arena, sizeof *searching);

    if (!request->text)
        return fail(&call->failure, CRM_INVALID, "text", "what is to be found?");
    if (request->limit > SEARCH_MOST)
        return fail(&call->failure, CRM_INVALID, "limit", "a search gives at most %d records", SEARCH_MOST);
    if (!searching)
        return no_memory(call);
    searching->began_us = clock_monotonic_us();
    call->state = searching;
    return search_run(view, &query, &call->scratch, note_found, searching, &searching->explain, &call->failure);
}

static enum crm_status end_search(struct local_call *call, const struct searching *searching)
{
    const Crm__SearchRequest *request = call->request;
    Crm__ListReply reply = CRM__LIST_REPLY__INIT;

    reply.has_rows = true;
    reply.rows = searching->told;
    if (request->explain)
        reply.explain = answer_explain(&searching->explain, clock_monotonic_us() - searching->began_us, &call->arena);
    return local_reply(call, &reply.base);
}

static enum crm_status run_search(struct local_call *call, const struct view *view)
{
    const Crm__SearchRequest *request = call->request;
    enum crm_status status = call->state ? CRM_OK : find_all(call, view);
    struct searching *searching = call->state;
    struct answer answer;
    bool has_room = true;

    answer_init(&answer, &call->scratch, view, request->titles);
    while (status == CRM_OK && searching->told < searching->n && has_room) {
        struct record record;

        status = view_record(view, searching->found[searching->told].kind, &searching->found[searching->told].id, &record);
        searching->told++;
        if (status == CRM_OK)
            has_room = emit_record(&answer, &record);
        else if (status == CRM_NOT_FOUND) /* a sync has taken it away meanwhile */
            status = CRM_OK;
    }
    if (status == CRM_OK)
        status = answer_finish(&answer, &call->part);
    if (status != CRM_OK)
        return fail(&call->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    return searching->told == searching->n ? end_search(call, searching) : CRM_OK;
}

static const struct local_op ops[] = {
    { .code = OP_PING, .run = run_ping },
    { .code = OP_DESCRIBE, .run = run_describe },
    { .code = OP_GET, .run = run_get },
    { .code = OP_LIST, .run = run_list, .is_stream = true },
    { .code = OP_COUNT, .run = run_count },
    { .code = OP_MUTATE, .run = local_mutate, .writes = true },
    { .code = OP_SEARCH, .run = run_search, .is_stream = true },
    { .code = OP_SYNC_CONFLICTS, .run = local_conflicts },
};

const struct local_op *local_op_find(uint32_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (ops[i].code == code)
            return &ops[i];
    return NULL;
}
