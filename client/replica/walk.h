/*
 * walk.h - going through a whole database of the replica and changing it, in bounded write runs; private to client/replica
 */
#ifndef CRM_REPLICA_WALK_H
#define CRM_REPLICA_WALK_H

#include "client/replica/rows.h"
#include "common/base/arena.h"
#include "common/store/key.h"

struct walk;

/* Called with each pair. Changes go to walk->rows, which are put when the run has come to its end; nothing is put before. */
typedef enum crm_status walk_visit(struct walk *walk, struct slice key, struct slice value);

struct walk {
    struct replica *replica;
    const struct schema *schema;
    /* for visits */
    struct store_txn *txn;
    struct rows rows;
    struct arena arena; /* of a run */
    enum store_db db;
    uint64_t n_changed; /* for a visit to count in; of the runs that were committed */
    /* inside */
    walk_visit *visit;
    struct key behind, last; /* where the run begins, and the last key that it has looked at */
    size_t n;
    bool more;
    uint64_t n_committed;
    enum crm_status status;
};

void walk_init(struct walk *walk, struct replica *replica, const struct schema *schema);
void walk_fini(struct walk *walk);
/* All pairs of a database. Cut off, the runs that were committed stay. */
enum crm_status walk_all(struct walk *walk, enum store_db db, walk_visit *visit) MUST_CHECK;
/* Empty a database. */
enum crm_status walk_clear(struct walk *walk, enum store_db db) MUST_CHECK;

#endif
