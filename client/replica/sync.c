/*
 * sync.c - the conversation of a sync
 *
 * Called by crm sync. The client's callbacks store a page before the server is allowed the next. The first question goes out with the hello, beside that
 * for the fields; whose answer that is and with which fields is looked at before the first page is stored.
 */
#include "client/replica/sync.h"

#include "client/replica/conflicts.h"
#include "client/replica/outbox.h"
#include "client/replica/pages.h"
#include "common/base/clock.h"
#include "common/model/schema.h"
#include "proto/codec.h"

#define IDLE_ATTEMPTS 5 /* in a row that bring nothing */
#define ARENA_BUDGET  ((size_t)16 << 20)

struct sync {
    struct replica *replica;
    struct crm_client *client;
    const struct sync_options *options;
    struct sync_progress *progress;
    struct pull pull;
    struct arena arena;
    struct crm_call *describe; /* of the first flight */
    int64_t began_us;          /* monotonic */
    bool is_begun;             /* pull is in use */
    bool takes_all;            /* comparing does not help: a snapshot */
    bool is_in_doubt;          /* what came did not add up: compare */
    struct crm_call *call;     /* under way */
    struct failure *failure;
    struct pages pages;        /* arrived, not stored yet */
    enum crm_status page_status; /* the first page that could not be stored */
};

static const char *const scope_names[] = {
    [CRM__SYNC_SCOPE__SYNC_SCOPE_MINE] = "mine", [CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM] = "team", [CRM__SYNC_SCOPE__SYNC_SCOPE_ALL] = "all"
};

bool sync_scope_parse(const char *name, Crm__SyncScope *out_scope)
{
    for (size_t i = 0; i < ARRAY_LEN(scope_names); i++)
        if (strcmp(name, scope_names[i]) == 0) {
            *out_scope = (Crm__SyncScope)i;
            return true;
        }
    return false;
}

const char *sync_scope_name(Crm__SyncScope scope)
{
    return (unsigned)scope < ARRAY_LEN(scope_names) ? scope_names[scope] : "";
}

static enum crm_status call_failed(struct sync *sync, enum crm_status status, const struct crm_call *call)
{
    const struct crm_error *error = crm_call_error(call);

    fail(sync->failure, status, *error->field ? error->field : NULL, "%s", error->text);
    sync->failure->retry_after_ms = error->retry_after_ms;
    return status;
}

/* --- who asks, and what fields there are */

/* The fields, where they are not those that the replica knows. */
static enum crm_status ask_fields(struct sync *sync)
{
    const struct replica_state *state = replica_state(sync->replica);
    Crm__DescribeRequest request = CRM__DESCRIBE_REQUEST__INIT;

    request.has_known_level = state->describe.size > 0;
    request.known_level = schema_level(state->schema);
    return crm_call_start(sync->client, OP_DESCRIBE, &request.base, NULL, &sync->describe);
}

/* The line was cut before they were known: what else was asked cannot be used without them. */
static enum crm_status ask_fields_again(struct sync *sync)
{
    if (sync->is_begun || !crm_call_is_done(sync->describe) || crm_call_error(sync->describe)->status == CRM_OK)
        return CRM_OK;
    crm_call_destroy(sync->describe);
    sync->describe = NULL;
    return ask_fields(sync);
}

/* A replica that is there already is told what the role wants by now, so that it is not shown any more until it is so. */
static enum crm_status begin_pull(struct sync *sync, const struct pull_terms *terms)
{
    enum crm_status status = pull_init(&sync->pull, sync->replica, terms, sync->failure);

    return status == CRM_OK ? replica_admits(sync->replica, terms->session, sync->failure) : status;
}

/* Once the fields are known. */
static enum crm_status begin(struct sync *sync)
{
    const Crm__DescribeReply *describe = (const Crm__DescribeReply *)crm_call_reply(sync->describe);
    const Crm__Hello *hello = crm_client_hello(sync->client);
    struct pull_terms terms = { .scope = sync->options->scope_text ? sync->options->scope_text : sync_scope_name(sync->options->scope) };

    if (!hello || !hello->session || !uuid_from_slice(slice_of(hello->database.data, hello->database.len), &terms.database))
        return fail(sync->failure, CRM_NOT_LOGGED_IN, NULL, "you are not logged in");
    terms.session = hello->session;
    terms.describe = describe && describe->n_kinds > 0 ? describe : NULL;
    if (!replica_state(sync->replica)->is_made) {
        enum crm_status status = replica_admits(sync->replica, hello->session, sync->failure);

        if (status != CRM_OK)
            return status;
    }
    sync->is_begun = true;
    sync->progress->first_us = clock_monotonic_us() - sync->began_us;
    return begin_pull(sync, &terms);
}

/* Before anything of an answer is used. */
static enum crm_status begin_once(struct sync *sync)
{
    enum crm_status status;

    if (sync->is_begun)
        return CRM_OK;
    status = crm_call_wait(sync->describe);
    return status == CRM_OK ? begin(sync) : call_failed(sync, status, sync->describe);
}

/* --- pages */

static void tell_progress(struct sync *sync)
{
    sync->progress->records = sync->pull.n_records;
    sync->progress->forgets = sync->pull.n_forgets;
    sync->progress->pages = sync->pull.n_pages;
    if (sync->options->on_progress)
        sync->options->on_progress(sync->options->arg, sync->progress);
}

/* How much of the server's log is behind. Of a snapshot nobody knows. */
static void measure(struct sync *sync, const Crm__SyncCursor *cursor)
{
    bool is_known = cursor->mode == CRM__SYNC_MODE__SYNC_MODE_CHANGES && cursor->since <= cursor->seq && cursor->seq <= cursor->head;

    sync->progress->done = is_known ? cursor->seq - cursor->since : 0;
    sync->progress->total = is_known ? cursor->head - cursor->since : 0;
}

static void on_page(void *arg, const ProtobufCMessage *message)
{
    const Crm__SyncChunk *page = (const Crm__SyncChunk *)message;
    struct sync *sync = arg;

    if (sync->page_status == CRM_OK && !sync->is_begun)
        sync->page_status = crm_call_is_done(sync->describe) && !crm_call_error(sync->describe)->status ? begin(sync) : CRM_UNREACHABLE; /* then again */
    if (sync->page_status == CRM_OK)
        sync->page_status = pages_take(&sync->pages, &sync->pull, page, sync->failure);
    if (sync->page_status != CRM_OK) {
        crm_call_cancel(sync->call);
        return;
    }
    measure(sync, page->cursor);
    sync->progress->bytes += protobuf_c_message_get_packed_size(message);
    sync->progress->is_snapshot = page->cursor->mode == CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT && !sync->progress->is_comparison;
    tell_progress(sync);
}

static enum crm_status count_held(struct store_txn *txn, void *arg)
{
    uint64_t *held = arg;
    struct store_db_stats records, raw;
    enum crm_status status = store_stats(txn, STORE_RECORD, &records);

    if (status == CRM_OK)
        status = store_stats(txn, (enum store_db)REPLICA_RAW, &raw);
    if (status == CRM_OK)
        *held = records.entries + raw.entries;
    return status;
}

/* The request for what comes behind the last page that was stored. */
static enum crm_status make_request(struct sync *sync, Crm__SyncRequest *request)
{
    const struct replica_state *state;
    const void *cursor;
    uint64_t held = 0;
    enum crm_status status = replica_load(sync->replica, sync->failure);

    if (status != CRM_OK)
        return status;
    state = replica_state(sync->replica);
    arena_reset(&sync->arena);
    if (state->cursor.size > 0) {
        status = codec_unpack_body(state->cursor, &crm__sync_cursor__descriptor, &sync->arena, &cursor, sync->failure);
        if (status != CRM_OK)
            return status;
        request->cursor = (Crm__SyncCursor *)(uintptr_t)cursor;
    }
    if (store_read_run(replica_store(sync->replica), count_held, &held) != CRM_OK)
        return fail(sync->failure, CRM_IO, NULL, "the replica cannot be read");
    request->has_scope = request->has_held = true;
    request->has_replica = !uuid_is_nil(&state->id);
    request->replica = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)state->id.bytes, .len = UUID_SIZE };
    request->scope = sync->options->scope;
    request->n_filters = sync->options->n_filters;
    request->filters = sync->options->filters;
    request->held = held;
    request->has_compares = request->compares = !sync->takes_all;
    return CRM_OK;
}

/* One request; its pages are stored when the reply is there, which lives as long as sync->call. */
static enum crm_status ask(struct sync *sync, const Crm__SyncRequest *request, const Crm__SyncReply **out_reply)
{
    struct crm_call_options options = { .on_chunk = on_page, .arg = sync, .deadline_ms = CRM_NO_DEADLINE };
    enum crm_status status;

    sync->page_status = CRM_OK;
    status = crm_call_start(sync->client, OP_SYNC_CHANGES, &request->base, &options, &sync->call);
    if (status == CRM_OK)
        status = crm_call_wait(sync->call);
    if (sync->page_status == CRM_OK) /* what has arrived stays, also where the line was cut */
        sync->page_status = pages_flush(&sync->pages, &sync->pull, sync->failure);
    if (sync->page_status != CRM_OK)
        status = sync->page_status;
    else if (status != CRM_OK)
        status = call_failed(sync, status, sync->call);
    else
        status = begin_once(sync);
    *out_reply = status == CRM_OK ? (const Crm__SyncReply *)crm_call_reply(sync->call) : NULL;
    return status;
}

static void ask_end(struct sync *sync)
{
    crm_call_destroy(sync->call);
    sync->call = NULL;
}

/* --- comparing */

/* The second question: what of these buckets is not as the replica has it? */
static enum crm_status ask_items(struct sync *sync, struct compare *compare, Crm__SyncRequest *request, const Crm__SyncReply *sums)
{
    const Crm__SyncReply *reply;
    struct crm_call *first = sync->call; /* its reply is used */
    struct slice items;
    enum crm_status status = compare_items(compare, slice_of(sums->differ.data, sums->differ.len), &items);

    if (status != CRM_OK)
        return status == CRM_TOO_LARGE ? status : fail(sync->failure, status, NULL, "the server's comparison cannot be followed");
    request->cursor = sums->cursor;
    request->has_buckets = false;
    request->has_items = true;
    request->items = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)items.data, .len = items.size };
    pull_compare(&sync->pull, compare);
    status = ask(sync, request, &reply);
    if (status == CRM_OK && reply->mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE)
        status = CRM_ACCESS_CHANGED; /* since the first one */
    if (status == CRM_OK)
        status = pull_end(&sync->pull, reply, clock_now_us(), sync->failure);
    crm_call_destroy(first);
    return status;
}

static enum crm_status ask_sums(struct sync *sync, struct compare *compare)
{
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;
    const Crm__SyncReply *reply;
    struct slice sums;
    enum crm_status status = make_request(sync, &request);

    if (status == CRM_OK)
        status = compare_sums(compare, &sums);
    if (status != CRM_OK)
        return status;
    request.cursor = NULL;
    request.has_buckets = true;
    request.buckets = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)sums.data, .len = sums.size };
    status = ask(sync, &request, &reply);
    if (status == CRM_OK && reply->mode != CRM__SYNC_MODE__SYNC_MODE_COMPARE)
        status = pull_end(&sync->pull, reply, clock_now_us(), sync->failure); /* it cannot compare: that was a snapshot */
    else if (status == CRM_OK)
        status = ask_items(sync, compare, &request, reply);
    ask_end(sync);
    return status;
}

static enum crm_status compare(struct sync *sync)
{
    struct compare compare;
    enum crm_status status = begin_once(sync);

    if (status != CRM_OK)
        return status;
    status = compare_init(&compare, sync->replica);
    sync->progress->is_comparison = true;
    if (status == CRM_OK)
        status = ask_sums(sync, &compare);
    pull_compare(&sync->pull, NULL);
    compare_fini(&compare);
    if (status == CRM_TOO_LARGE || status == CRM_CONFLICT) {
        sync->takes_all = true;
        sync->is_in_doubt = sync->progress->is_comparison = false;
        *sync->failure = (struct failure){ 0 };
        status = pull_begin_anew(&sync->pull, sync->failure);
        return status == CRM_OK ? CRM_ACCESS_CHANGED : status;
    }
    return status;
}

/* --- an attempt */

/* Go on behind the last page that was stored; where the server wants to know what there is, compare. */
static enum crm_status attempt(struct sync *sync)
{
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;
    const Crm__SyncReply *reply;
    bool compares = sync->is_in_doubt;
    enum crm_status status = CRM_OK;

    if (!compares) {
        status = make_request(sync, &request);
        if (status == CRM_OK)
            status = ask(sync, &request, &reply);
        compares = status == CRM_OK && reply->mode == CRM__SYNC_MODE__SYNC_MODE_COMPARE;
        if (status == CRM_OK && !compares)
            status = pull_end(&sync->pull, reply, clock_now_us(), sync->failure);
        ask_end(sync);
    }
    return status == CRM_OK && compares ? compare(sync) : status;
}

/*
 * Was it the line, or what the user may see that changed meanwhile? Then the next attempt goes on where this one stopped. What does not add up is compared,
 * once.
 */
static bool may_go_on(struct sync *sync, enum crm_status status)
{
    if (status == CRM_PROTOCOL && sync->is_begun && !sync->is_in_doubt && !sync->takes_all) {
        sync->is_in_doubt = true;
        return true;
    }
    return status == CRM_UNREACHABLE || status == CRM_ACCESS_CHANGED || status == CRM_SHUTTING_DOWN ||
           status == CRM_DEADLINE; /* the server lets no request run for ever */
}

enum crm_status sync_run(struct replica *replica, struct crm_client *client, const struct sync_options *options, struct sync_progress *out_progress,
                         struct failure *failure)
{
    struct sync sync = { .replica = replica, .client = client, .options = options, .progress = out_progress, .failure = failure,
                         .is_in_doubt = options->compares, .began_us = clock_monotonic_us() };
    struct crm_call *conflicts = NULL; /* asked beside the first pages: no round trip of its own */
    unsigned idle = 0;
    enum crm_status status;

    *out_progress = (struct sync_progress){ 0 };
    arena_init(&sync.arena, ARENA_BUDGET);
    pages_init(&sync.pages);
    status = ask_fields(&sync);
    if (status == CRM_OK && conflicts_ask(client, &conflicts) != CRM_OK)
        conflicts = NULL;
    while (status == CRM_OK) {
        uint64_t pages = sync.pull.n_pages;

        status = ask_fields_again(&sync);
        if (status == CRM_OK)
            status = attempt(&sync);
        if (!may_go_on(&sync, status))
            break;
        idle = sync.pull.n_pages > pages ? 0 : idle + 1;
        if (idle == IDLE_ATTEMPTS)
            break;
        out_progress->cuts++;
        *failure = (struct failure){ 0 };
        status = CRM_OK;
    }
    if (status == CRM_OK) {
        tell_progress(&sync);
        status = replica_load(replica, failure);
    }
    if (status == CRM_OK) {
        status = conflicts_take(replica, client, conflicts, failure);
        conflicts = NULL;
    }
    if (status == CRM_OK)
        status = outbox_carry(replica, clock_now_us(), failure);
    if (status == CRM_OK)
        status = replica_compact(replica, failure);
    crm_call_destroy(conflicts);
    crm_call_destroy(sync.describe);
    pages_fini(&sync.pages);
    pull_fini(&sync.pull);
    arena_fini(&sync.arena);
    return status;
}
