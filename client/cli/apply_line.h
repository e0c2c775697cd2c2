/*
 * apply_line.h - one line of what crm apply reads, as the mutation that it asks for
 *
 *     $do       create, update, upsert, delete, or the name of an action; without it: upsert where
 *               there is $by, update where there is $record, else create
 *     kind      of the record; without it the one of --kind
 *     $record   which record: a number, an id, a unique name, or @NAME of an earlier line
 *     $by       of an upsert: the field whose value says which record is meant
 *     $as       a name for this line's record, by which later lines may refer to it as @NAME
 *     $with     the argument of an action, an object
 *     $clear    fields to empty, divided by ';' (in JSON also null)
 *     FIELD     a value; +FIELD and -FIELD add to a list and take out of it
 *
 * Keys that begin with $rejected are passed over: they are in a file of rejected lines.
 */
#ifndef CRM_CLI_APPLY_LINE_H
#define CRM_CLI_APPLY_LINE_H

#include "client/cli/feed.h"
#include "client/cli/import.h"

struct apply_names; /* the temporary names of a file */

struct apply {
    struct cli *cli;
    struct feed *feed;           /* NULL in a dry run */
    const struct kind_def *kind; /* of lines that do not say one, or NULL */
    const char *by;              /* --match: of lines that do not say one, or NULL */
    struct apply_names *names;
    struct uuid seed; /* of ids, where there is no feed */
    bool is_raw;      /* cells were not made safe for spreadsheets */
    bool may_wait;    /* what is not found may be on its way: CRM_BUSY instead of CRM_NOT_FOUND */
};

enum crm_status apply_init(struct apply *apply, struct cli *cli, struct feed *feed) MUST_CHECK;
void apply_fini(struct apply *apply);

/*
 * The nth row (from 1) as a mutation in the arena. Also called for rows that an earlier run has
 * sent, so that their names are known: then is_past, and nothing is asked of the server. CRM_BUSY:
 * it refers to what has not been answered yet; wait (feed_flush), and call again.
 */
enum crm_status apply_line(struct apply *apply, const struct import_row *row, uint64_t n,
                           bool is_past, struct arena *arena, Crm__Mutation *mutation,
                           struct failure *failure) MUST_CHECK;

/* What became of a line: its name is that record's. */
void apply_learn(struct apply *apply, uint64_t line, const Crm__MutateResult *result);

#endif
