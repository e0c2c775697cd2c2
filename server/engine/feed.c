/*
 * feed.c - a pull: which way it goes, its turns, and the cursor that it leaves behind
 *
 * Any thread with a view.
 */
#include "server/engine/feed_inside.h"

#include "common/base/clock.h"
#include "common/store/key.h"

/*
 * So many entries of the log are walked for the price of one record of a snapshot: an entry that is of no concern is one read, a record is read, judged,
 * copied, compressed and sent.
 */
#define ENTRIES_PER_RECORD 4
/* So few entries are always walked. */
#define ENTRIES_ALWAYS 1000

/* --- beginning */

static bool place_is_valid(const struct feed_cursor *cursor)
{
    return cursor->kind == KIND_NONE || kind_def((unsigned)cursor->kind);
}

/* Does the log still reach back to what the cursor has not been told? */
static enum crm_status reaches_back(const struct view *view, uint64_t seq, bool *out_reaches)
{
    struct key key = { 0 };
    struct slice value;
    enum crm_status status;

    key_u64(&key, seq);
    status = view_get(view, STORE_LOG, key_slice(&key), &value);
    *out_reaches = status == CRM_OK;
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static enum crm_status can_go_on(const struct view *view, const struct feed_cursor *from, uint64_t newest, uint64_t held, bool *out_can)
{
    uint64_t most = held > ENTRIES_ALWAYS / ENTRIES_PER_RECORD ? held : ENTRIES_ALWAYS / ENTRIES_PER_RECORD;

    *out_can = (from->mode == FEED_CHANGES || from->mode == FEED_SNAPSHOT) && from->base <= from->seq && from->seq <= from->head &&
               from->head <= newest && place_is_valid(from);
    if (!*out_can || from->base == newest)
        return CRM_OK;
    /* Where the replica does not say what it has, only the log's floor counts. */
    if (from->mode == FEED_CHANGES && held && (newest - from->seq) / ENTRIES_PER_RECORD > most) {
        *out_can = false;
        return CRM_OK;
    }
    return reaches_back(view, from->base + 1, out_can);
}

enum crm_status feed_begin(const struct view *view, const struct feed_scope *scope, const struct feed_cursor *from, uint64_t held, struct arena *arena,
                           struct feed **out_feed)
{
    struct feed *feed = arena_zalloc(arena, sizeof *feed);
    struct log_head head;
    bool can = false;
    enum crm_status status;

    if (!feed)
        return CRM_NO_MEMORY;
    status = log_head_load(view, &head);
    if (status == CRM_OK && from)
        status = can_go_on(view, from, head.seq, held, &can);
    if (status != CRM_OK)
        return status;
    feed->scope = scope;
    feed->arena = arena;
    feed->newest = head.seq;
    if (can)
        feed->cursor = *from;
    else
        feed->cursor = (struct feed_cursor){ .mode = FEED_SNAPSHOT, .base = head.seq, .seq = head.seq, .base_us = clock_now_us() };
    feed->is_anew = !can;
    /* A pull that begins: what it will have told by its end was to be seen at some time from now on. */
    if (!can || (from->mode == FEED_CHANGES && from->seq == from->base && from->kind == KIND_NONE)) {
        feed->cursor.head = head.seq;
        feed->cursor.head_us = clock_now_us();
    }
    *out_feed = feed;
    return CRM_OK;
}

/* --- turns */

bool feed_may_go_on(struct feed *feed)
{
    if (feed->is_full || feed->left == 0 || clock_monotonic_us() > feed->deadline_us)
        return false;
    feed->left--;
    return true;
}

static bool is_walking(const struct feed *feed)
{
    return feed->cursor.mode == FEED_SNAPSHOT && !feed->cursor.is_walked;
}

void feed_send(struct feed *feed, const struct record *record)
{
    if (feed->sink->has && is_walking(feed) && feed->sink->has(feed->sink->arg, record))
        return;
    feed->cursor.n_records++;
    record_sum_add(&feed->cursor.sum, record->header.kind, &record->header.id, record->header.rev);
    if (!feed->sink->send(feed->sink->arg, record))
        feed->is_full = true;
}

void feed_forget(struct feed *feed, enum kind kind, const struct uuid *id)
{
    feed->cursor.n_forgets++;
    if (!feed->sink->forget(feed->sink->arg, kind, id))
        feed->is_full = true;
}

static bool is_done(const struct feed *feed)
{
    return !is_walking(feed) && feed->cursor.seq >= feed->newest;
}

enum crm_status feed_step(struct feed *feed, const struct view *view, const struct feed_sink *sink, struct arena *scratch, unsigned max,
                          int64_t deadline_us, bool *out_more)
{
    struct log_head head;
    bool was_walking = is_walking(feed);
    enum crm_status status = log_head_load(view, &head);

    feed->view = view;
    feed->plain = view_unguarded(view);
    feed->scratch = scratch;
    feed->sink = sink;
    feed->left = max;
    feed->deadline_us = deadline_us;
    feed->is_full = feed->has_root = false;
    if (status == CRM_OK)
        feed->newest = head.seq;
    while (status == CRM_OK && !is_done(feed) && was_walking == is_walking(feed) && feed_may_go_on(feed))
        status = is_walking(feed) ? feed_snapshot_unit(feed) : feed_changes_unit(feed);
    *out_more = !is_done(feed);
    return status;
}

/* --- the cursor */

const struct feed_cursor *feed_cursor(const struct feed *feed)
{
    return &feed->cursor;
}

struct feed_cursor feed_end_cursor(const struct feed *feed)
{
    return (struct feed_cursor){
        .mode = FEED_CHANGES, .base = feed->cursor.seq, .seq = feed->cursor.seq, .head = feed->cursor.seq, .base_us = feed->cursor.head_us,
        .head_us = feed->cursor.head_us,
    };
}

bool feed_is_anew(const struct feed *feed)
{
    return feed->is_anew;
}

bool feed_has_erased(const struct feed *feed)
{
    return feed->has_erased;
}

uint64_t feed_examined(const struct feed *feed)
{
    return feed->examined;
}
