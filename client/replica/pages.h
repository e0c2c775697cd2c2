/*
 * pages.h - pages that have arrived and are stored together, where they come faster than the disk takes them; private to client/replica
 *
 * On a slow line each page is stored as it comes: a cut loses nothing that has arrived. Where the next one is there before the last is on the disk, a few
 * share a transaction, since what costs is the sync and the pages of the tree that each touches anew. Bounded; single-threaded.
 */
#ifndef CRM_REPLICA_PAGES_H
#define CRM_REPLICA_PAGES_H

#include "client/replica/pull.h"

#define PAGES_MAX 4

struct pages {
    struct arena arena; /* copies */
    const Crm__SyncChunk *list[PAGES_MAX];
    size_t n;
    int64_t stored_us, took_us; /* the last transaction: when it had ended, and how long it took */
};

void pages_init(struct pages *pages);
void pages_fini(struct pages *pages);
/* Borrowed for the call. Stores it, with those that wait, or keeps it to wait. */
enum crm_status pages_take(struct pages *pages, struct pull *pull, const Crm__SyncChunk *page, struct failure *failure) MUST_CHECK;
/* Store what waits: nothing more comes for now. */
enum crm_status pages_flush(struct pages *pages, struct pull *pull, struct failure *failure) MUST_CHECK;

#endif
