/*
 * feed_snapshot.c - all that a replica may have, by kind and id
 *
 * What a user has of a kind lies in a few ranges: of an owner, of teams, of parents, and what is shared. They are gone through together in the order of
 * ids, a batch at a time, so that a kind and an id are all that has to be known to go on. Where there are too many of them the whole kind is looked
 * through.
 */
#include "server/engine/feed_inside.h"

/* The first ids behind a place, of several ranges, in order, each once. */
struct batch {
    struct uuid after;
    struct uuid ids[FEED_BATCH];
    size_t n, most;
};

/* false: this range has nothing more that is among the first. */
static bool batch_add(struct batch *batch, const struct uuid *id)
{
    size_t low = 0, high = batch->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(batch->ids[middle].bytes, id->bytes, UUID_SIZE) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == batch->most)
        return false;
    if (low < batch->n && uuid_equal(&batch->ids[low], id))
        return true;
    if (batch->n == batch->most)
        batch->n--;
    memmove(&batch->ids[low + 1], &batch->ids[low], (batch->n - low) * sizeof *batch->ids);
    batch->ids[low] = *id;
    batch->n++;
    return true;
}

static bool batch_visit(void *arg, struct slice key, struct slice value)
{
    struct batch *batch = arg;
    struct uuid id;

    (void)value;
    memcpy(id.bytes, key.data + key.size - UUID_SIZE, UUID_SIZE);
    if (memcmp(id.bytes, batch->after.bytes, UUID_SIZE) <= 0)
        return true; /* only a key that is named whole */
    return batch_add(batch, &id);
}

static enum crm_status batch_scan(struct feed *feed, struct batch *batch, enum store_db db, struct slice prefix)
{
    struct key from = { 0 }, to;
    bool is_whole = db == STORE_RECORD && prefix.size == RECORD_KEY_SIZE;

    key_bytes(&from, prefix.data, prefix.size);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    if (!is_whole) {
        key_bytes(&from, batch->after.bytes, UUID_SIZE);
        if (!uuid_is_nil(&batch->after))
            key_u8(&from, 0);
    }
    return view_scan(&feed->plain, db, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, batch_visit, batch);
}

static enum crm_status whole_kind(struct feed *feed, const struct kind_def *kind, struct scope_ranges *out_ranges)
{
    struct key whole = { 0 };

    key_u8(&whole, (uint8_t)kind->kind);
    *out_ranges = (struct scope_ranges){ .ranges = arena_zalloc(feed->arena, sizeof *out_ranges->ranges), .n = 1 };
    if (!out_ranges->ranges)
        return CRM_NO_MEMORY;
    out_ranges->ranges[0].db = STORE_RECORD;
    out_ranges->ranges[0].prefix = slice_of(arena_memdup(feed->arena, whole.data, whole.size), whole.size);
    return out_ranges->ranges[0].prefix.data ? CRM_OK : CRM_NO_MEMORY;
}

/* Where the records of a kind are. A range in which one has come since is told of by the log. */
static enum crm_status find_own_ranges(struct feed *feed, const struct kind_def *kind, struct scope_ranges *out_ranges)
{
    static const Crm__Scope reaches[] = { [FEED_MINE] = CRM__SCOPE__SCOPE_OWN, [FEED_TEAM] = CRM__SCOPE__SCOPE_TEAM, [FEED_ALL] = CRM__SCOPE__SCOPE_ALL };
    Crm__Scope reach = feed_is_common(kind->kind) ? CRM__SCOPE__SCOPE_ALL : reaches[feed->scope->reach];
    const struct list_scope *scope = NULL;
    enum crm_status status = access_scope_within(feed->scope->access, &feed->plain, kind->kind, reach, feed->arena, &scope);

    if (status == CRM_OK && scope) {
        status = scope_ranges_find(&feed->plain, kind, scope, feed->arena, out_ranges);
        if (status != CRM_TOO_LARGE)
            return status;
        status = CRM_OK;
    }
    return status == CRM_OK ? whole_kind(feed, kind, out_ranges) : status;
}

static enum crm_status find_ranges(struct feed *feed, const struct kind_def *kind)
{
    struct scope_ranges deals;
    bool too_many = false;
    enum crm_status status = find_own_ranges(feed, kind, &feed->ranges);

    feed->ranges_kind = kind->kind;
    feed->n_referred = 0;
    if (status != CRM_OK || !feed_may_be_referred(feed, kind->kind))
        return status;
    status = find_own_ranges(feed, kind_def(KIND_DEAL), &deals);
    if (status == CRM_OK)
        status = feed_find_referred(feed, &deals, &feed->referred, &feed->n_referred, &too_many);
    return status == CRM_OK && too_many ? whole_kind(feed, kind, &feed->ranges) : status;
}

static void batch_add_referred(const struct feed *feed, struct batch *batch)
{
    for (size_t i = 0; i < feed->n_referred; i++)
        if (memcmp(feed->referred[i].bytes, batch->after.bytes, UUID_SIZE) > 0 && !batch_add(batch, &feed->referred[i]))
            return;
}

static enum crm_status tell(struct feed *feed, const struct uuid *id)
{
    struct record record, now;
    bool has;
    enum crm_status status = view_record(&feed->plain, feed->cursor.kind, id, &record);

    feed->examined++;
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    status = feed_read_now(feed, &record, &now, &has);
    if (status == CRM_OK && has)
        feed_send(feed, &now);
    return status;
}

static const struct kind_def *next_kind(const struct feed *feed, enum kind after)
{
    for (unsigned k = (unsigned)after + 1; k <= KIND_MAX; k++)
        if (kind_def(k) && access_opens(feed->scope->access, (enum kind)k))
            return kind_def(k);
    return NULL;
}

static void begin_kind(struct feed *feed, const struct kind_def *kind)
{
    feed->cursor.kind = kind ? kind->kind : KIND_NONE;
    feed->cursor.id = (struct uuid){ 0 };
    feed->cursor.is_walked = !kind;
}

enum crm_status feed_snapshot_unit(struct feed *feed)
{
    struct batch batch = { .after = feed->cursor.id, .most = feed->left < FEED_BATCH ? feed->left + 1 : FEED_BATCH };
    enum crm_status status = CRM_OK;

    if (feed->cursor.kind == KIND_NONE) {
        begin_kind(feed, next_kind(feed, KIND_NONE));
        return CRM_OK;
    }
    if (feed->ranges_kind != feed->cursor.kind)
        status = find_ranges(feed, kind_def((unsigned)feed->cursor.kind));
    for (size_t i = 0; i < feed->ranges.n && status == CRM_OK; i++)
        status = batch_scan(feed, &batch, feed->ranges.ranges[i].db, feed->ranges.ranges[i].prefix);
    batch_add_referred(feed, &batch);
    for (size_t i = 0; i < batch.n && status == CRM_OK; i++) {
        if (i > 0 && !feed_may_go_on(feed))
            return CRM_OK;
        status = tell(feed, &batch.ids[i]);
        if (status == CRM_OK)
            feed->cursor.id = batch.ids[i];
    }
    if (status == CRM_OK && batch.n < batch.most)
        begin_kind(feed, next_kind(feed, feed->cursor.kind));
    return status;
}
