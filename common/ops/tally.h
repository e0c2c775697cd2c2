/*
 * tally.h - what record.count answers with: how many records match, by the values of a field, and what an amount adds up to
 */
#ifndef CRM_OPS_TALLY_H
#define CRM_OPS_TALLY_H

#include "common/ops/ask.h"

struct tally_group;

struct tally {
    struct ask *ask;
    const struct field_def *group, *sum; /* or NULL */
    struct tally_group **groups;
    size_t n_groups, capacity;
    size_t *places; /* open-addressed: index + 1 into groups; twice capacity */
    enum crm_status status; /* the first failure; asked after each step of the list */
};

/* The fields of a request; CRM_INVALID. ask must live as long as the tally; its view may change from turn to turn. */
enum crm_status tally_init(struct tally *tally, struct ask *ask, const struct kind_def *kind, const Crm__CountRequest *request) MUST_CHECK;
/* A list_emit. */
bool tally_add(void *tally, const struct record *record);
/* Fills the groups; count, seq and plan are the caller's. */
enum crm_status tally_finish(struct tally *tally, Crm__CountReply *reply) MUST_CHECK;

#endif
