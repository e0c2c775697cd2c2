/*
 * feed_past.c - what of a record a replica may have now, and what it may have been told before
 *
 * For the walk of the changes. Whether a record is to be seen its root's owner, team and shares say; all of them are taken back along the root's own
 * chain of the log, as those of the record are along its. What is asked is the past as the user's present role sees it: with another role the cursor does
 * not count.
 */
#include "server/engine/feed_inside.h"

#include "common/base/clock.h"
#include "server/engine/grants.h"

#define MOMENTS_MAX 64

static const bool is_common[KIND_MAX + 1] = {
    [KIND_USER] = true, [KIND_TEAM] = true, [KIND_ROLE] = true, [KIND_PRODUCT] = true, [KIND_PIPELINE] = true, [KIND_FIELD_DEFINITION] = true,
    [KIND_COMPANY] = true, [KIND_EXCHANGE_RATE] = true, [KIND_SAVED_VIEW] = true,
};

bool feed_is_common(enum kind kind)
{
    return is_common[kind];
}

/* --- a root and its shares */

/* Shares with the user, of one root. */
struct shares {
    struct feed *feed;
    struct grant *grants;
    size_t n, capacity;
    enum crm_status status;
};

/* Of several changes of a share the oldest one seen counts: they are undone from the newest on. */
static void put_share(struct shares *shares, const struct grant *grant)
{
    size_t i = 0;

    while (i < shares->n && !(shares->grants[i].sort == grant->sort && uuid_equal(&shares->grants[i].principal, &grant->principal)))
        i++;
    if (i == shares->n && shares->n == shares->capacity) {
        size_t capacity = shares->capacity ? 2 * shares->capacity : 8;
        struct grant *more = arena_alloc(shares->feed->scratch, capacity * sizeof *more);

        if (!more) {
            shares->status = CRM_NO_MEMORY;
            return;
        }
        if (shares->n)
            memcpy(more, shares->grants, shares->n * sizeof *more);
        shares->grants = more;
        shares->capacity = capacity;
    }
    shares->grants[i] = *grant;
    shares->n += i == shares->n;
}

static bool take_share(void *arg, struct slice key, struct slice value)
{
    struct shares *shares = arg;
    struct grant grant;

    shares->status = grant_decode(key, value, &grant);
    if (shares->status == CRM_OK && access_is_principal(shares->feed->scope->access, grant.sort, &grant.principal))
        put_share(shares, &grant);
    return shares->status == CRM_OK;
}

static enum crm_status load_shares(struct shares *shares, const struct uuid *root)
{
    struct key from = { 0 }, to;
    enum crm_status status;

    key_bytes(&from, root->bytes, UUID_SIZE);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    status = view_scan(&shares->feed->plain, STORE_GRANT, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, take_share, shares);
    return status == CRM_OK ? shares->status : status;
}

static void undo_share(struct shares *shares, const struct log_entry *entry)
{
    struct grant old = entry->grant;

    old.rights = entry->old_rights;
    old.until_us = entry->old_until_us;
    if ((entry->flags & LOG_GRANT) && access_is_principal(shares->feed->scope->access, old.sort, &old.principal))
        put_share(shares, &old);
}

static bool any_counts(const struct shares *shares, int64_t at_us)
{
    for (size_t i = 0; i < shares->n; i++)
        if (shares->grants[i].rights >= GRANT_READ && (!shares->grants[i].until_us || shares->grants[i].until_us > at_us))
            return true;
    return false;
}

/* --- back along a record's chain */

static bool tells_old_header(const struct log_entry *entry)
{
    return (entry->flags & LOG_ROOT) || field_set_has(&entry->changed, HEADER_OWNER) || field_set_has(&entry->changed, HEADER_TEAM);
}

/* Undo what has been done to a record behind at; shares may be NULL. */
static enum crm_status take_back(struct feed *feed, struct feed_root *root, uint64_t at, struct shares *shares)
{
    struct record_header *header = &root->header;

    while (header->seq > at && root->existed && root->is_known) {
        struct log_entry entry;
        enum crm_status status = log_read(&feed->plain, header->seq, feed->scratch, &entry);

        feed->examined++;
        if (status == CRM_NOT_FOUND || (status == CRM_OK && entry.is_erased && (entry.flags & LOG_VIEW))) {
            root->is_known = false;
            return CRM_OK;
        }
        if (status != CRM_OK)
            return status;
        if (entry.verb == LOG_CREATE)
            root->existed = false;
        else if (entry.verb == LOG_DELETE)
            header->flags &= ~(uint32_t)RECORD_DELETED;
        else if (entry.verb == LOG_RESTORE)
            header->flags |= RECORD_DELETED;
        if (tells_old_header(&entry)) {
            header->owner = entry.old_owner;
            header->team = entry.old_team;
            header->root = entry.old_root;
        }
        if (shares)
            undo_share(shares, &entry);
        header->seq = entry.before;
    }
    return shares ? shares->status : CRM_OK;
}

/* A record as the one that decides, at a time. */
static enum crm_status root_at(struct feed *feed, const struct record_header *header, uint64_t at, struct feed_root *out_root)
{
    struct shares shares = { .feed = feed, .status = CRM_OK };
    enum crm_status status = load_shares(&shares, &header->id);

    *out_root = (struct feed_root){ .is_known = true, .existed = true, .header = *header };
    if (status == CRM_OK)
        status = take_back(feed, out_root, at, &shares);
    out_root->is_shared = any_counts(&shares, at == FEED_NOW ? clock_now_us() : feed->cursor.base_us);
    out_root->was_shared = at != FEED_NOW && !out_root->is_shared && any_counts(&shares, 0);
    return status;
}

/* The same of a record's parent, which may be gone for good. */
static enum crm_status parent_at(struct feed *feed, enum kind kind, const struct uuid *id, uint64_t at, struct feed_root *out_root)
{
    struct record record;
    enum crm_status status = CRM_OK;

    if (!feed->has_root || feed->root_at != at || !uuid_equal(&feed->root.header.id, id)) {
        feed->has_root = false;
        status = view_record(&feed->plain, kind, id, &record);
        if (status == CRM_NOT_FOUND)
            status = view_deleted(&feed->plain, kind, id, &record);
        if (status == CRM_OK)
            status = root_at(feed, &record.header, at, &feed->root);
        if (status == CRM_NOT_FOUND) {
            *out_root = (struct feed_root){ .is_known = false };
            return CRM_OK;
        }
        feed->has_root = status == CRM_OK;
        feed->root_at = at;
    }
    *out_root = feed->root;
    return status;
}

/* --- was it to be seen? */

static bool is_reached(const struct feed *feed, const struct record_header *header, const struct feed_root *root)
{
    const struct feed_scope *scope = feed->scope;
    const struct uuid *user = access_user(scope->access);

    if (scope->reach == FEED_ALL || feed_is_common(header->kind) || root->is_shared || uuid_equal(&header->owner, user) ||
        uuid_equal(&root->header.owner, user))
        return true;
    return scope->reach == FEED_TEAM && (access_is_team(scope->access, &header->team) || access_is_team(scope->access, &root->header.team));
}

static bool matches(struct feed *feed, const struct record *record)
{
    const struct filter *filter = feed->scope->filters[record->header.kind];

    return !filter || filter_matches(filter, record, NULL, NULL, feed->scratch);
}

static enum crm_status matched_at(struct feed *feed, const struct record *record, uint64_t at, bool *out_matched)
{
    struct record then = *record;
    bool existed = false;
    enum crm_status status;

    *out_matched = true;
    if (!feed->scope->filters[record->header.kind] || at == FEED_NOW)
        return CRM_OK; /* now the guard's copy is asked */
    status = log_rewind(&feed->plain, at, feed->scratch, &then, &existed);
    if (status == CRM_OK && existed)
        status = view_mask(feed->view, &then);
    if (status == CRM_OK)
        *out_matched = existed && matches(feed, &then);
    return status == CRM_GONE ? CRM_OK : status;
}

/* Whose was it, and was that to be seen? *out_known: false where it can no longer be told. */
static enum crm_status was_in(struct feed *feed, const struct record *record, uint64_t at, bool *out_in, bool *out_known)
{
    enum kind kind = record->header.kind;
    const struct field_def *parent = kind_parent_field(kind_def((unsigned)kind));
    struct feed_root own, root;
    enum crm_status status;

    *out_in = false;
    *out_known = true;
    if (!access_opens(feed->scope->access, kind))
        return CRM_OK;
    status = root_at(feed, &record->header, at, &own);
    *out_known = own.is_known;
    if (status != CRM_OK || !own.is_known || !own.existed || (own.header.flags & RECORD_DELETED))
        return status;
    root = own;
    if (!uuid_equal(&own.header.root, &own.header.id)) {
        if (!parent)
            return CRM_CORRUPT;
        status = parent_at(feed, parent->ref_kind, &own.header.root, at, &root);
    }
    /*
     * What a replica took while a share ran it is told to forget by the entry of the share's end, which comes a while behind the end itself. A pull in between
     * tells nothing: whether the replica has it then depends on when it pulled. To be told to forget what was shared with one a moment ago says nothing new.
     */
    *out_known = root.is_known && !root.was_shared;
    if (status != CRM_OK || !*out_known)
        return status;
    *out_in = root.is_shared || access_covers(feed->scope->access, kind, ACCESS_READ, &root.header.owner, &root.header.team);
    if (*out_in && !is_reached(feed, &own.header, &root)) {
        *out_in = false;
        if (!feed_may_be_referred(feed, kind))
            return CRM_OK;
        if (at != FEED_NOW)
            *out_known = !feed->doubts;
        else
            status = feed_is_referred(feed, &record->header.id, out_in);
        if (status != CRM_OK)
            return status;
    }
    return *out_in ? matched_at(feed, record, at, out_in) : CRM_OK;
}

enum crm_status feed_read_now(struct feed *feed, const struct record *record, struct record *out_record, bool *out_has)
{
    bool is_known;
    enum crm_status status;

    *out_has = false;
    if (record->header.flags & RECORD_DELETED)
        return CRM_OK;
    status = was_in(feed, record, FEED_NOW, out_has, &is_known);
    if (status != CRM_OK || !*out_has)
        return status;
    status = view_record(feed->view, record->header.kind, &record->header.id, out_record);
    *out_has = status == CRM_OK && matches(feed, out_record);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* --- what a replica may hold */

/* Times at which a record may have been told last. */
struct moments {
    struct feed *feed;
    uint64_t at[MOMENTS_MAX];
    size_t n;
    bool is_full; /* there are more */
};

static void add_moment(struct moments *moments, uint64_t at)
{
    for (size_t i = 0; i < moments->n; i++)
        if (moments->at[i] == at)
            return;
    if (moments->n == MOMENTS_MAX)
        moments->is_full = true;
    else
        moments->at[moments->n++] = at;
}

/* Can an entry make a difference to who may have the record? */
static bool tells(const struct feed *feed, const struct log_entry *entry)
{
    return entry->verb != LOG_PATCH || (entry->flags & LOG_VIEW) || feed->scope->filters[entry->kind];
}

/*
 * What has changed since the pull began may have been told before it did: as it was before each such change. What had changed by then was not told in
 * this pull but as it was in the end; and before the pull it was told as at the base.
 */
static enum crm_status add_chain(struct moments *moments, uint64_t seq)
{
    struct feed *feed = moments->feed;

    while (seq > feed->cursor.head && !moments->is_full) {
        struct log_entry entry;
        enum crm_status status = log_read(&feed->plain, seq, feed->scratch, &entry);

        feed->examined++;
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : status;
        if (tells(feed, &entry))
            add_moment(moments, seq - 1);
        seq = entry.before;
    }
    return CRM_OK;
}

/* The same of a parent. */
static enum crm_status add_parent(struct moments *moments, const struct record_header *header)
{
    const struct field_def *parent = kind_parent_field(kind_def((unsigned)header->kind));
    struct record record;
    enum crm_status status;

    if (!parent || uuid_equal(&header->root, &header->id))
        return CRM_OK;
    status = view_record(&moments->feed->plain, parent->ref_kind, &header->root, &record);
    if (status == CRM_NOT_FOUND)
        status = view_deleted(&moments->feed->plain, parent->ref_kind, &header->root, &record);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    return add_chain(moments, record.header.seq);
}

/* And of the parents that it had at the moments so far. */
static enum crm_status add_parents(struct moments *moments, const struct record *record)
{
    enum crm_status status = add_parent(moments, &record->header);
    size_t n = moments->n;

    for (size_t i = 0; i < n && status == CRM_OK && record->header.seq > moments->at[i]; i++) {
        struct feed_root then = { .is_known = true, .existed = true, .header = record->header };

        status = take_back(moments->feed, &then, moments->at[i], NULL);
        if (status == CRM_OK && then.existed && then.is_known)
            status = add_parent(moments, &then.header);
    }
    return status;
}

enum crm_status feed_was_held(struct feed *feed, const struct record *record, struct feed_held *out_held)
{
    struct moments moments = { .feed = feed, .at = { feed->cursor.base }, .n = 1 };
    enum crm_status status = CRM_OK;

    *out_held = (struct feed_held){ .ever = false, .always = true };
    if (feed->newest > feed->cursor.head)
        status = add_chain(&moments, record->header.seq);
    if (status == CRM_OK && feed->newest > feed->cursor.head)
        status = add_parents(&moments, record);
    for (size_t i = 0; i < moments.n && status == CRM_OK; i++) {
        bool in, is_known;

        status = was_in(feed, record, moments.at[i], &in, &is_known);
        out_held->ever = out_held->ever || in || !is_known;
        out_held->always = out_held->always && in && is_known;
    }
    if (moments.is_full)
        *out_held = (struct feed_held){ .ever = true, .always = false };
    return status;
}

enum crm_status feed_has_moved(struct feed *feed, const struct log_entry *newest, bool *out_moved)
{
    uint64_t seq = newest->before;
    bool is_new = newest->verb == LOG_CREATE;

    *out_moved = newest->flags & LOG_VIEW;
    while (!*out_moved && !is_new && seq > feed->cursor.base) {
        struct log_entry entry;
        enum crm_status status = log_read(&feed->plain, seq, feed->scratch, &entry);

        feed->examined++;
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : status;
        *out_moved = entry.flags & LOG_VIEW;
        is_new = entry.verb == LOG_CREATE;
        seq = entry.before;
    }
    return CRM_OK;
}
