/*
 * feed_changes.c - walking the log for a replica
 *
 * Every record is looked at where its newest entry stands; entries that others followed are passed over. Behind a record that has changed hands come
 * those that follow it: they have no entry of their own.
 */
#include "server/engine/feed_inside.h"

/* --- what happened to a record itself */

/*
 * Gone for good, with what was said of whose it was. Everybody is told whose role has anything of the kind: a copy must not stay because it can no longer
 * be told who had one. It says no more than that something with this id is gone. Who cannot have it, because it came after the base, is not told.
 */
static enum crm_status tell_erased(struct feed *feed, const struct log_entry *erased)
{
    uint64_t seq = erased->before;

    if (!access_opens(feed->scope->access, erased->kind))
        return CRM_OK;
    while (seq > feed->cursor.base && erased->seq <= feed->cursor.head) {
        struct log_entry entry;
        enum crm_status status = log_read(&feed->plain, seq, feed->scratch, &entry);

        feed->examined++;
        if (status == CRM_OK && entry.verb == LOG_CREATE)
            return CRM_OK;
        if (status != CRM_OK && status != CRM_NOT_FOUND)
            return status;
        seq = status == CRM_OK ? entry.before : 0;
    }
    feed->has_erased = true;
    feed_forget(feed, erased->kind, &erased->id);
    return CRM_OK;
}

/* Is it one that may have been carried for a deal's sake until it moved away, went, or fits no more? Nothing else that happens to it itself ends that. */
static enum crm_status is_doubtful(struct feed *feed, const struct log_entry *newest, const struct record *record, bool *out_is)
{
    enum kind kind = record->header.kind;

    *out_is = feed_may_be_referred(feed, kind) && ((record->header.flags & RECORD_DELETED) || feed->scope->filters[kind]);
    return feed_may_be_referred(feed, kind) && !*out_is ? feed_has_moved(feed, newest, out_is) : CRM_OK;
}

/* A record at its newest entry. */
static enum crm_status tell_record(struct feed *feed, const struct log_entry *newest, const struct record *record)
{
    struct record now;
    struct feed_held held = { 0 };
    bool has;
    enum crm_status status = feed_read_now(feed, record, &now, &has);

    if (status != CRM_OK)
        return status;
    if (has) {
        feed_send(feed, &now);
        return CRM_OK;
    }
    status = is_doubtful(feed, newest, record, &feed->doubts);
    if (status == CRM_OK)
        status = feed_was_held(feed, record, &held);
    feed->doubts = false;
    if (status == CRM_OK && held.ever)
        feed_forget(feed, record->header.kind, &record->header.id);
    return status;
}

/* --- those that follow a record */

/* The kinds whose records follow one of this kind, in order. */
static const struct kind_def *next_following(enum kind root, enum kind after)
{
    for (unsigned k = (unsigned)after + 1; k <= KIND_MAX; k++) {
        const struct field_def *parent = kind_def(k) ? kind_parent_field(kind_def(k)) : NULL;

        if (parent && parent->ref_kind == root)
            return kind_def(k);
    }
    return NULL;
}

struct gather {
    struct uuid ids[FEED_BATCH];
    size_t n;
};

static bool gather_id(void *arg, struct slice key, struct slice value)
{
    struct gather *gather = arg;

    (void)value;
    if (index_key_id(key, &gather->ids[gather->n]))
        gather->n++;
    return gather->n < FEED_BATCH;
}

/* The next children of a kind behind the cursor's place. */
static enum crm_status gather_children(struct feed *feed, const struct uuid *root, struct gather *out)
{
    const struct field_def *parent = kind_parent_field(kind_def((unsigned)feed->cursor.kind));
    struct key from = { 0 }, to;

    out->n = 0;
    child_prefix(&from, root, feed->cursor.kind, parent->ref);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    key_bytes(&from, feed->cursor.id.bytes, UUID_SIZE);
    if (!uuid_is_nil(&feed->cursor.id))
        key_u8(&from, 0);
    return view_scan(&feed->plain, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, gather_id, out);
}

/*
 * A child of a record whose newest entry is seq and that has changed hands. What has changed itself is told at its own entry: before, if that lies
 * behind us and the parent was what it is now, else later.
 */
static enum crm_status tell_child(struct feed *feed, uint64_t seq, const struct uuid *root, enum kind kind, const struct uuid *id)
{
    struct feed_held held;
    struct record record, now;
    bool has;
    enum crm_status status = view_record(&feed->plain, kind, id, &record);

    feed->examined++;
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    if (!uuid_equal(&record.header.root, root) || record.header.seq > seq || (record.header.seq > feed->cursor.base && seq <= feed->cursor.head))
        return CRM_OK;
    status = feed_read_now(feed, &record, &now, &has);
    if (status == CRM_OK)
        status = feed_was_held(feed, &record, &held);
    if (status != CRM_OK)
        return status;
    if (has && !held.always)
        feed_send(feed, &now);
    else if (!has && held.ever)
        feed_forget(feed, kind, id);
    return CRM_OK;
}

/*
 * From the cursor's place on, as far as the turn goes; with_first: for the first one it has been asked already. Behind the last child of the last kind
 * the cursor has no place any more.
 */
static enum crm_status tell_children(struct feed *feed, uint64_t seq, const struct record_header *root, bool with_first)
{
    enum crm_status status = CRM_OK;

    while (status == CRM_OK && feed->cursor.kind != KIND_NONE) {
        const struct kind_def *next = next_following(root->kind, feed->cursor.kind);
        struct gather gather;

        status = gather_children(feed, &root->id, &gather);
        for (size_t i = 0; i < gather.n && status == CRM_OK; i++) {
            if (!with_first && !feed_may_go_on(feed))
                return CRM_OK;
            with_first = false;
            status = tell_child(feed, seq, &root->id, feed->cursor.kind, &gather.ids[i]);
            if (status == CRM_OK)
                feed->cursor.id = gather.ids[i];
        }
        if (status != CRM_OK || gather.n == FEED_BATCH)
            continue;
        feed->cursor.kind = next ? next->kind : KIND_NONE;
        feed->cursor.id = (struct uuid){ 0 };
    }
    return status;
}

/* --- an entry */

static void entry_is_done(struct feed *feed)
{
    feed->cursor.seq++;
    feed->cursor.kind = KIND_NONE;
    feed->cursor.id = (struct uuid){ 0 };
}

/* The record of an entry, live or in the bin; CRM_NOT_FOUND: it has been erased since, which a later entry tells. */
static enum crm_status read_record(struct feed *feed, const struct log_entry *entry, struct record *out_record)
{
    enum crm_status status = view_record(&feed->plain, entry->kind, &entry->id, out_record);

    return status == CRM_NOT_FOUND ? view_deleted(&feed->plain, entry->kind, &entry->id, out_record) : status;
}

/* Its own part is told; are there others that follow it? Then the cursor stands before the first of them. */
static enum crm_status begin_children(struct feed *feed, const struct log_entry *entry)
{
    const struct kind_def *first = next_following(entry->kind, KIND_NONE);
    bool has_moved = false;
    enum crm_status status = first ? feed_has_moved(feed, entry, &has_moved) : CRM_OK;

    if (status == CRM_OK && has_moved)
        feed->cursor.kind = first->kind;
    return status;
}

/* Is the cursor's place among those that follow this kind? A place that is none of its begins anew. */
static bool is_in_children(const struct feed *feed, enum kind root)
{
    const struct kind_def *place = kind_def((unsigned)feed->cursor.kind);
    const struct field_def *parent = place ? kind_parent_field(place) : NULL;

    return parent && parent->ref_kind == root;
}

/* The newest entry of a record: the record, then those that follow it. */
static enum crm_status tell_newest(struct feed *feed, const struct log_entry *entry, const struct record *record)
{
    bool goes_on = is_in_children(feed, entry->kind);
    enum crm_status status = CRM_OK;

    if (!goes_on) {
        feed->cursor.kind = KIND_NONE;
        feed->cursor.id = (struct uuid){ 0 };
        status = tell_record(feed, entry, record);
        if (status == CRM_OK)
            status = feed_tell_referred(feed, entry, record);
        if (status == CRM_OK)
            status = begin_children(feed, entry);
    }
    if (status == CRM_OK)
        status = tell_children(feed, entry->seq, &record->header, goes_on);
    if (status == CRM_OK && feed->cursor.kind == KIND_NONE)
        entry_is_done(feed);
    return status;
}

static enum crm_status tell_entry(struct feed *feed, const struct log_entry *entry)
{
    struct record record;
    enum crm_status status;

    if (entry->verb == LOG_ERASE) {
        status = tell_erased(feed, entry);
        if (status == CRM_OK)
            entry_is_done(feed);
        return status;
    }
    status = read_record(feed, entry, &record);
    if (status == CRM_OK && record.header.seq == entry->seq)
        return tell_newest(feed, entry, &record);
    if (status == CRM_OK || status == CRM_NOT_FOUND) { /* others follow it */
        entry_is_done(feed);
        return CRM_OK;
    }
    return status;
}

enum crm_status feed_changes_unit(struct feed *feed)
{
    struct log_entry entry;
    enum crm_status status = log_read(&feed->plain, feed->cursor.seq + 1, feed->scratch, &entry);

    feed->examined++;
    if (status == CRM_NOT_FOUND)
        return CRM_GONE; /* the log was cut while the feed went on */
    if (status == CRM_OK && !kind_def((unsigned)entry.kind))
        return CRM_CORRUPT;
    return status == CRM_OK ? tell_entry(feed, &entry) : status;
}
