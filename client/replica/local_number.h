/*
 * local_number.h - "D-~1": the numbers that records made here have until the server gives them others, and by which they are known here ever after
 */
#ifndef CRM_REPLICA_LOCAL_NUMBER_H
#define CRM_REPLICA_LOCAL_NUMBER_H

#include "client/replica/replica.h"

struct local_number {
    const struct kind_def *kind;
    uint64_t number; /* as in a header */
};

/* Is it one? kind: what is asked for, or NULL: its letter says so, or must agree. */
bool local_number_parse(const char *text, const struct kind_def *kind, struct local_number *out_number);
/* The record. *out_waits: the server has not got it yet. CRM_NOT_FOUND: none that was made here has had this number. */
enum crm_status local_number_find(struct replica *replica, const struct local_number *number, struct uuid *out_id, bool *out_waits,
                                  struct failure *failure) MUST_CHECK;

#endif
