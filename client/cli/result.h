/*
 * result.h - telling what a change has done: a line for people, an object for programs
 */
#ifndef CRM_CLI_RESULT_H
#define CRM_CLI_RESULT_H

#include <jansson.h>

#include "client/cli/change.h"
#include "client/cli/mutate.h"
#include "common/model/record.h"

/* What was done to one record. */
struct result {
    const struct kind_def *kind;
    struct uuid id;
    uint64_t number;
    const char *title; /* for people; NULL if it is not known */
    const char *done;  /* "Created" */
    const char *done_zh;
    const char *restore; /* the command that takes it back; NULL if there is none */
};

/* {"status", "kind", "number", "id", "rev", "seq", "key"}; answer may be NULL. NULL when memory is
 * spent; the caller owns it. */
json_t *result_object(const struct cli *cli, const struct result *result,
                      const Crm__MutateResult *answer, const struct mutate_key *key);
/* Print it to the output: with --json an object with status, kind, id, number, rev, seq and key;
 * with --quiet the number alone. answer may be NULL (nothing to do). */
enum crm_status result_show(struct cli *cli, const struct result *result,
                            const Crm__MutateResult *answer,
                            const struct mutate_key *key) MUST_CHECK;

/* Create the record that change describes; result's kind is set by the caller, its id and number
 * come back. As mutate_send: outcome is to be ended in any case. */
enum crm_status result_create(struct cli *cli, struct change *change, struct result *result,
                              struct mutate_key *key, struct mutate_outcome *outcome) MUST_CHECK;
/* Create the record that change describes, at the time of --at, and tell what it did; result's kind
 * and done are set by the caller. */
enum crm_status result_of_create(struct cli *cli, struct change *change,
                                 struct result *result) MUST_CHECK;
/*
 * Change a record that is there and tell what was done; result's kind, id, number and title come
 * from record. second may be NULL, or first is: two mutations are one request, all or nothing.
 * --rev is asked of the first.
 */
enum crm_status result_of_change(struct cli *cli, const struct record *record, Crm__Mutation *first,
                                 Crm__Mutation *second, struct result *result) MUST_CHECK;

#endif
