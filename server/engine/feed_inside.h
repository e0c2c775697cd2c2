/*
 * feed_inside.h - a feed under way, as feed.c, feed_changes.c, feed_snapshot.c and feed_past.c share it; nobody else includes it
 */
#ifndef CRM_SERVER_ENGINE_FEED_INSIDE_H
#define CRM_SERVER_ENGINE_FEED_INSIDE_H

#include "common/engine/list_scope.h"
#include "server/engine/feed.h"
#include "server/engine/log.h"

#define FEED_BATCH 200 /* ids that are gathered at once */

/* A record that decides over others, at a time. */
struct feed_root {
    bool is_known;     /* false: what it was can no longer be told */
    bool existed;      /* lived, or lay in the bin */
    struct record_header header;
    bool is_shared;    /* with the user */
    bool was_shared;   /* of the past: by a share whose time was over, and whose end nobody had noted yet */
};

struct feed {
    const struct feed_scope *scope;
    struct feed_cursor cursor;
    struct arena *arena; /* of the whole feed */
    bool is_anew;
    uint64_t examined;
    bool has_erased;     /* something was forgotten that is gone for good */
    uint64_t newest;     /* the head of this turn */
    bool doubts;         /* whether a customer was carried for a deal's sake is asked, and cannot be told */

    /* of a turn */
    const struct view *view;
    struct view plain;   /* without the guard */
    struct arena *scratch;
    const struct feed_sink *sink;
    bool is_full;        /* the sink has enough */
    unsigned left;       /* entries and rows that it may still look at */
    int64_t deadline_us;

    /* Children come one after the other: their root is looked at once. */
    bool has_root;
    uint64_t root_at;
    struct feed_root root;

    /* of a snapshot */
    enum kind ranges_kind; /* whose ranges these are */
    struct scope_ranges ranges;
    struct uuid *referred; /* and these, in order: what deals refer to */
    size_t n_referred;
};

/* May the turn look at one more? Counts it. */
bool feed_may_go_on(struct feed *feed);
/* Tell of a record, or that it is to be forgotten. */
void feed_send(struct feed *feed, const struct record *record);
void feed_forget(struct feed *feed, enum kind kind, const struct uuid *id);

/* --- feed_past.c */

#define FEED_NOW UINT64_MAX

/* Is the kind what everybody needs to show the rest? Then all of it that may be seen is in every scope. */
bool feed_is_common(enum kind kind);
/* The record as the replica may have it; *out_has: false when it may not. record is read past the guard, live or deleted. */
enum crm_status feed_read_now(struct feed *feed, const struct record *record, struct record *out_record, bool *out_has) MUST_CHECK;

/* What a replica may hold of a record whose newest changes it has not been told. */
struct feed_held {
    bool ever;   /* perhaps it has it */
    bool always; /* it certainly has it */
};
enum crm_status feed_was_held(struct feed *feed, const struct record *record, struct feed_held *out_held) MUST_CHECK;
/* Has owner, team or a share of a record changed since the base? By its newest entry and those before. */
enum crm_status feed_has_moved(struct feed *feed, const struct log_entry *newest, bool *out_moved) MUST_CHECK;

/* --- feed_refer.c */

/* Can records of the kind be carried for the sake of others that refer to them? */
bool feed_may_be_referred(const struct feed *feed, enum kind kind);
/* Does the replica carry a deal that shows this customer? */
enum crm_status feed_is_referred(struct feed *feed, const struct uuid *customer, bool *out_is) MUST_CHECK;
/* All customers of the deals in these ranges, in order, some perhaps twice. *out_too_many: they were not looked for. */
enum crm_status feed_find_referred(struct feed *feed, const struct scope_ranges *deal_ranges, struct uuid **out_ids, size_t *out_n, bool *out_too_many) MUST_CHECK;
/* Behind a deal at its newest entry: the customers for which it has made a difference. */
enum crm_status feed_tell_referred(struct feed *feed, const struct log_entry *newest, const struct record *record) MUST_CHECK;

/* --- the next of a snapshot or of the changes; what else fits into the turn may follow at once */

enum crm_status feed_snapshot_unit(struct feed *feed) MUST_CHECK; /* sets cursor.is_walked behind the last kind */
enum crm_status feed_changes_unit(struct feed *feed) MUST_CHECK;

#endif
