/*
 * feed.h - feeding a job: its input cut into pieces, several of them under way, each taken by the
 * server exactly once
 *
 * A piece that is lost with its connection is sent again, and where the server says that the job
 * stands elsewhere (it was cut off before, or somebody else feeds it too) the feed goes on from
 * there. Ctrl-C ends the feed between two pieces; the job stays and goes on when asked again.
 */
#ifndef CRM_CLI_FEED_H
#define CRM_CLI_FEED_H

#include "client/cli/cli.h"
#include "client/cli/progress.h"

#define FEED_BATCH  100    /* mutations in a piece */
#define FEED_BYTES  200000 /* and about so many bytes */
#define FEED_WINDOW 8      /* pieces under way */
#define FEED_WHOLE  50000  /* mutations that can be all or nothing */
#define FEED_TOLD   20     /* refusals that are printed one by one */

struct feed_options {
    const char *name;   /* of the job; NULL: it is known by its id */
    const char *title;  /* for crm job list */
    const char *source; /* what lines are of, for messages; NULL: nothing has lines */
    struct slice input; /* a hash of what the job is made of; empty: not known */
    const struct uuid *undoes; /* the job to take back, or NULL */
    uint64_t undoes_seq;       /* the change to take back, or 0 */
    bool is_whole; /* all or nothing: one piece of at most FEED_WHOLE mutations */
    bool dry_run; /* nothing is changed, there is no job; each piece meets what is there now */
    /* A line was refused: by this side, by the server, or before this run (then text is the
     * status' sentence). May be NULL. */
    void (*on_refused)(void *arg, uint64_t line, const struct failure *failure);
    /* A mutation was done. May be NULL. */
    void (*on_done)(void *arg, uint64_t line, const Crm__MutateResult *result);
    void *arg;
};

struct feed;

/* Begin the job, or find it again. CRM_EXISTS: the name is another job's. The feed is the caller's
 * to destroy, also where nothing more is done with it. */
enum crm_status feed_create(struct cli *cli, const struct feed_options *options,
                            struct feed **out_feed) MUST_CHECK;
/* Accepts NULL. */
void feed_destroy(struct feed *feed);

/* The job as the server has told last. Never NULL; lives until the next call. */
const Crm__Job *feed_job(const struct feed *feed);
/* "crm apply leads.csv --job leads" shows its id in this form. */
void feed_job_id(const struct feed *feed, char text[UUID_TEXT_SIZE]);
/* Where the input goes on: what is before it was taken by an earlier run. */
uint64_t feed_position(const struct feed *feed);
/* An id for the record that the nth line creates: the same in every run of this job. */
struct uuid feed_id(const struct feed *feed, uint64_t n);

/*
 * The arena of the piece that is being gathered: what a mutation points at lives in it. A piece
 * that is full is sent first, and where too many are under way some are waited for.
 * CRM_CANCELLED: interrupted.
 */
enum crm_status feed_next(struct feed *feed, struct arena **out_arena) MUST_CHECK;
/* What came of the input between the last place and place: a mutation; a line that is none. */
enum crm_status feed_add(struct feed *feed, const Crm__Mutation *mutation, uint64_t line,
                         uint64_t place) MUST_CHECK;
enum crm_status feed_refuse(struct feed *feed, const struct failure *failure, uint64_t line,
                            uint64_t place) MUST_CHECK;
/* Wait until everything that was added has been answered: for what depends on it. */
enum crm_status feed_flush(struct feed *feed) MUST_CHECK;
/* About where the input ends; for the bar. */
void feed_expect(struct feed *feed, uint64_t total);

/*
 * The end of the input, or why it ended early: send what is gathered, wait, sum up. CRM_OK,
 * CRM_PARTIAL, or the first failure where nothing was done.
 */
enum crm_status feed_finish(struct feed *feed, enum crm_status broken) MUST_CHECK;
/*
 * The bulk form of a verb: the same mutation for each of the records of a kind, as a job, whose
 * counts are shown. title: the command. The same job again takes what fits now.
 */
enum crm_status feed_ids(struct cli *cli, const char *title, const Crm__Mutation *mutation,
                         const struct uuid *ids, size_t n) MUST_CHECK;
/* Take back, piece by piece, until there is no more. */
enum crm_status feed_undo(struct feed *feed) MUST_CHECK;

#endif
