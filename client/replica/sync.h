/*
 * sync.h - one sync: say who asks and what is to be carried, take in what the server tells, page by page, across cuts
 */
#ifndef CRM_REPLICA_SYNC_H
#define CRM_REPLICA_SYNC_H

#include "client/include/crm.h"
#include "client/replica/replica.h"

/* So far, for a bar and for the report. */
struct sync_progress {
    uint64_t records, forgets, pages; /* taken in by this sync */
    uint64_t bytes;                   /* of their pages, unpacked */
    uint64_t done, total;             /* changes in the server's log that are behind, of all since the last sync; total 0: not known, as of a snapshot */
    int64_t first_us;                 /* from the beginning to the first answer */
    unsigned cuts;                    /* connections that were lost on the way */
    bool is_snapshot;
    bool is_comparison;               /* only what differed from what was there has come */
};

struct sync_options {
    Crm__SyncScope scope;
    size_t n_filters; /* of kinds of which only a part is carried, each once; borrowed until sync_run returns */
    Crm__SyncFilter **filters;
    const char *scope_text; /* what the replica remembers as its scope; NULL: the scope's name */
    bool compares; /* hold all that there is against what the server has, whatever the cursor says: what is damaged comes anew */
    void (*on_progress)(void *arg, const struct sync_progress *progress); /* NULL: none */
    void *arg;
};

/* "mine", "team", "all". false: none of them. */
bool sync_scope_parse(const char *name, Crm__SyncScope *out_scope) MUST_CHECK;
const char *sync_scope_name(Crm__SyncScope scope);

/*
 * Bring the replica (open for writing) up to the server's state. client is logged in by token. Goes on by itself where the line was cut, as long as each
 * attempt brings something. What has arrived stays, also after a failure.
 */
enum crm_status sync_run(struct replica *replica, struct crm_client *client, const struct sync_options *options, struct sync_progress *out_progress,
                         struct failure *failure) MUST_CHECK;

#endif
