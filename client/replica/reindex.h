/*
 * reindex.h - the keys by which a replica's records are found, made anew where they were made with other fields; private to client/replica
 */
#ifndef CRM_REPLICA_REINDEX_H
#define CRM_REPLICA_REINDEX_H

#include "client/replica/replica.h"

/*
 * Do nothing where index, child, unique and term go with the fields as they are and with this build; else clear and fill them, in bounded runs. Records of
 * kinds that this build has come to know become records. Cut off, the next call begins again.
 */
enum crm_status reindex(struct replica *replica, const struct schema *schema) MUST_CHECK;

#endif
