/*
 * bulk.h - many changes at once: gathered into requests, several of them under way, and told what
 * became of each
 */
#ifndef CRM_CLI_BULK_H
#define CRM_CLI_BULK_H

#include "client/cli/mutate.h"
#include "client/cli/progress.h"

#define BULK_BATCH    100    /* mutations in a request */
#define BULK_BYTES    200000 /* and about so many bytes */
#define BULK_WINDOW   8      /* requests under way */
#define BULK_TOLD_MAX 20     /* failures that are printed one by one */

struct bulk;

/* One request under way. */
struct bulk_slot {
    struct bulk *bulk;
    struct crm_call *call; /* NULL: free */
    size_t n;
    size_t lines[BULK_BATCH * 2];  /* where each mutation came from */
    bool is_extra[BULK_BATCH * 2]; /* belongs to the one before: not counted by itself */
};

struct bulk {
    struct cli *cli;
    struct mutate_key key;
    const char *source; /* what lines are of: a file's name, or NULL where line is a count */
    struct arena arena; /* of the batch that is being gathered */
    Crm__Mutation *mutations[BULK_BATCH * 2];
    size_t lines[BULK_BATCH * 2];
    bool is_extra[BULK_BATCH * 2];
    size_t n, bytes;
    struct bulk_slot slots[BULK_WINDOW];
    struct progress progress;
    uint64_t n_made; /* ids given out */
    uint64_t n_done, n_failed;
    enum crm_status first; /* the first failure, for the exit code */
    bool is_unknown;       /* an answer was lost */
    void (*on_result)(void *arg, size_t line,
                      const Crm__MutateResult *result); /* of each that is done; may be NULL */
    void *arg;
};

/* "set deals --where 'state = open' owner=anna": the command, for crm job list; in the arena. */
const char *bulk_title(struct cli *cli, int argc, char **argv);

/* total: how many there will be, 0 if that is not known. */
enum crm_status bulk_init(struct bulk *bulk, struct cli *cli, const char *source,
                          uint64_t total) MUST_CHECK;
void bulk_fini(struct bulk *bulk);
/* Before the changes of the next record are put together in bulk->arena: sends what is gathered
 * once it is enough, and empties the arena. */
enum crm_status bulk_begin(struct bulk *bulk) MUST_CHECK;
/* A new id for a record to be created, in the batch's arena. NULL when memory is spent. */
const struct uuid *bulk_id(struct bulk *bulk);
/* A change; everything that it points at lives in bulk->arena or longer. is_extra: a second change
 * of the same record. Fails only where nothing further can be sent. */
enum crm_status bulk_add(struct bulk *bulk, const Crm__Mutation *mutation, size_t line,
                         bool is_extra) MUST_CHECK;
/* Something that never became a change: told and counted like a refusal. */
void bulk_refuse(struct bulk *bulk, size_t line, const struct failure *failure);
/*
 * Send what is gathered, wait for everything, and sum up: CRM_OK, CRM_PARTIAL, CRM_UNKNOWN, or how
 * the first one failed where none was done. broken: why the input ended early, CRM_OK if it did
 * not.
 */
enum crm_status bulk_finish(struct bulk *bulk, enum crm_status broken) MUST_CHECK;
/* "Created 85 customers" to the output, or with --json an object with done, failed and key; nothing
 * with --quiet or --jsonl. */
void bulk_show(const struct bulk *bulk, const struct kind_def *kind, const char *done,
               const char *done_zh);

#endif
