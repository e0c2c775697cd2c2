/*
 * feed.h - what a replica has to be told: the records that it may have, and what it must forget
 *
 * A pull brings a replica from what it held at the cursor's base to what its user may see and wants to carry now. It goes in units (a record, live or
 * gone; a child of a record that changed hands), each of which leaves a cursor behind it with which another pull goes on.
 *
 * Changes: the log is walked from the cursor to its head; a record is told once, at its newest entry, as it is now. Where a record's newest entry comes
 * with a change of owner, team or shares since the base, its children are looked at too, although they have not changed. What is no longer to be seen is
 * forgotten only if it was to be seen when the replica last took it: of anything else the replica is told nothing, not even an id. A customer that is
 * carried for the sake of a deal alone follows that: see feed_refer.c.
 *
 * Snapshot: for a replica that is new, has other eyes or another scope, or is so far behind that walking the log costs more: all that it may have,
 * by kind and id, and then the changes since the snapshot began. What the replica has and the whole of it did not name, it forgets by itself.
 *
 * Any thread with a view, in turns; called by op_sync.c.
 */
#ifndef CRM_SERVER_ENGINE_FEED_H
#define CRM_SERVER_ENGINE_FEED_H

#include "common/model/filter.h"
#include "common/model/record_sum.h"
#include "server/engine/access.h"

/* Of what the user may see, what the replica carries. With each what is needed to show it: the customers of its deals, products, users, pipelines … */
enum feed_reach {
    FEED_MINE = 0, /* what the user owns or is shared with the user, and what hangs on it */
    FEED_TEAM = 1, /* and what belongs to the user's teams */
    FEED_ALL = 2,
};

struct feed_scope {
    const struct access *access; /* of the session as it is in this turn */
    enum feed_reach reach;
    const struct filter *filters[KIND_MAX + 1]; /* bound, without `through`; NULL: all of the kind */
};

enum feed_mode { FEED_CHANGES = 1, FEED_SNAPSHOT = 2 };

/* How far a replica is. All of it is told to the replica and comes back: nothing in it opens anything, a wrong one only tells too much of what may be seen. */
struct feed_cursor {
    enum feed_mode mode;
    bool is_walked;      /* of a snapshot: all kinds are told, the changes since it began are not */
    uint64_t base;       /* what the replica holds is what was to be seen behind this change … */
    uint64_t seq;        /* … and what has been told of the changes up to this one */
    uint64_t head;       /* the newest change when the pull began */
    int64_t base_us, head_us; /* when they were the newest: shares that had ended by then were not seen */
    enum kind kind;      /* a place: of a snapshot the last record told; of changes the last child told of the record of entry seq + 1; KIND_NONE: none */
    struct uuid id;
    uint64_t n_records, n_forgets; /* told since the pull began */
    struct record_sum sum; /* over the records told */
};

/* Where it goes. A record is borrowed until the call returns. false: that was the last for now, the page is full. */
struct feed_sink {
    /* NULL, or for each record of a snapshot before it is told: the replica has it already, just so. */
    bool (*has)(void *arg, const struct record *record);
    bool (*send)(void *arg, const struct record *record);
    bool (*forget)(void *arg, enum kind kind, const struct uuid *id);
    void *arg;
};

struct feed; /* in the arena; holds no transaction */

/*
 * Begin a pull or go on with one. from NULL, or of no use any more: a snapshot. held: how many records the replica has, 0: it does not say; by it is
 * decided which way is the shorter. scope outlives the feed; its access may change to an equal one.
 */
enum crm_status feed_begin(const struct view *view, const struct feed_scope *scope, const struct feed_cursor *from, uint64_t held, struct arena *arena,
                           struct feed **out_feed) MUST_CHECK;

/*
 * At most max entries or rows, until deadline_us of clock_monotonic_us, until the sink has enough; a turn ends with the walk of a snapshot. view is of this turn, with the user's guard. *out_more:
 * false when the replica now has all.
 */
enum crm_status feed_step(struct feed *feed, const struct view *view, const struct feed_sink *sink, struct arena *scratch, unsigned max,
                          int64_t deadline_us, bool *out_more) MUST_CHECK;

/* Where the next pull goes on if what was told so far has arrived. */
const struct feed_cursor *feed_cursor(const struct feed *feed);
/* The same of a feed that is at its end: base of the next pull. */
struct feed_cursor feed_end_cursor(const struct feed *feed);
/* A snapshot that does not go on with an earlier one: what was told of that does not count. */
bool feed_is_anew(const struct feed *feed);
/* Was anything forgotten in this feed that was erased for good? */
bool feed_has_erased(const struct feed *feed);
/* Log entries and rows looked at in this feed. */
uint64_t feed_examined(const struct feed *feed);

#endif
