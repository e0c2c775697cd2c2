/*
 * pull.h - taking over what the server tells: pages of records and of ids to forget, each with the cursor behind it, and the end
 *
 * A page and its cursor are stored in one transaction: what was cut off goes on behind the last page that arrived. A page that does not add up to what its
 * cursor says, or of which something cannot be stored, changes nothing. Single-threaded, of a replica that is open for writing.
 */
#ifndef CRM_REPLICA_PULL_H
#define CRM_REPLICA_PULL_H

#include "client/replica/compare.h"
#include "common/base/arena.h"
#include "common/model/record_sum.h"

/* Where a pull is, as it is committed. */
struct pull_place {
    uint64_t records;      /* told since it began */
    struct record_sum sum; /* over those */
    enum replica_phase phase;
};

struct pull {
    struct replica *replica;
    struct schema *schema; /* its own reference: a load replaces the replica's */
    struct pull_place place;
    struct compare *compare; /* what is told are the differences from it; NULL: no comparison is under way */
    struct arena arena;      /* of one page */
    /* What this run has brought, for people. */
    uint64_t n_records, n_forgets, n_pages;
};

/* What the replica is to know before the first page: whose it is, of which database, with which fields. */
struct pull_terms {
    struct uuid database;
    const Crm__LoginReply *session; /* its token is not kept */
    const Crm__DescribeReply *describe; /* of all kinds; NULL: as it is known already */
    const char *scope;
};

/*
 * Begin or go on. Finishes what an earlier run was cut off in. CRM_CONFLICT: it is of another database or another user's. pull_fini also after a failure.
 */
enum crm_status pull_init(struct pull *pull, struct replica *replica, const struct pull_terms *terms, struct failure *failure) MUST_CHECK;
void pull_fini(struct pull *pull);

/*
 * What comes next is the answer to a comparison, until its end. Its pages are stored like others but leave no cursor behind: the next comparison after a cut
 * finds what has arrived to agree. With compare NULL there is none any more.
 */
void pull_compare(struct pull *pull, struct compare *compare);
/* What the replica has does not count: the next pull begins with a snapshot over it. */
enum crm_status pull_begin_anew(struct pull *pull, struct failure *failure) MUST_CHECK;

/* Store a page. CRM_CONFLICT: after a comparison the replica does not add up. CRM_PROTOCOL: it is not whole. */
enum crm_status pull_page(struct pull *pull, const Crm__SyncChunk *page, struct failure *failure) MUST_CHECK;
/* Several that came one after the other, in one transaction. A page that begins a snapshot is the first of them, one that ends a comparison the last. */
enum crm_status pull_pages(struct pull *pull, const Crm__SyncChunk *const *pages, size_t n, struct failure *failure) MUST_CHECK;
/*
 * All has arrived: what a snapshot did not name is forgotten now, and only now. now_us is the time of the sync. However much that is, nobody is asked: count
 * and hash say that nothing is missing, what may be seen no more has to go, and what somebody typed here is in the outbox, not in what goes.
 */
enum crm_status pull_end(struct pull *pull, const Crm__SyncReply *reply, int64_t now_us, struct failure *failure) MUST_CHECK;

#endif
