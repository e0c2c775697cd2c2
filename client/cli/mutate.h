/*
 * mutate.h - sending changes: the key that makes them happen once, and what became of each
 */
#ifndef CRM_CLI_MUTATE_H
#define CRM_CLI_MUTATE_H

#include "client/cli/cli.h"

/*
 * The key of one command's changes. The first request has the key itself, the nth "key/n": each is
 * remembered by the server on its own, so that a file of any size can be sent again. The ids of
 * records that are created follow from the key too: the same command with the same key sends the
 * same bytes, and the server answers as it did the first time.
 */
struct mutate_key {
    const char *text;              /* as --key takes it */
    uint8_t client[CRM_KEY_SIZE];  /* of text */
    uint8_t current[CRM_KEY_SIZE]; /* of the last request */
    uint64_t n_requests;
};

/* --key, or a new one. */
enum crm_status mutate_key_init(struct cli *cli, struct mutate_key *key) MUST_CHECK;
/* The id of the nth record that this key creates. */
struct uuid mutate_key_id(const struct mutate_key *key, uint64_t n);

/* The nth id that follows from a seed; front: its first bytes, by which ids are in order. */
struct uuid mutate_nth_id(const uint8_t seed[CRM_KEY_SIZE], const uint8_t front[6], uint64_t n);

/* Put the key of the next request into it. CRM_NO_MEMORY. */
enum crm_status mutate_key_next(struct cli *cli, struct mutate_key *key,
                                Crm__MutateRequest *request) MUST_CHECK;

/* What came of a request that has been answered. Lives until mutate_end. */
struct mutate_outcome {
    struct crm_call *call;
    const Crm__MutateReply *reply;
};

/*
 * Send n mutations as one request and wait. CRM_OK: every one of them is done. Otherwise the first
 * failure is in cli->failure; outcome may hold results even then. With --dry-run nothing is done.
 * mutate_end is due in any case.
 */
enum crm_status mutate_send(struct cli *cli, struct mutate_key *key, Crm__Mutation **mutations,
                            size_t n, bool atomic, struct mutate_outcome *outcome) MUST_CHECK;
void mutate_end(struct mutate_outcome *outcome);

/* Fill in a mutation's bytes; the id is borrowed. */
void mutation_set_id(Crm__Mutation *mutation, const struct uuid *id);
/* Why one mutation of a request was refused, for people. */
enum crm_status mutate_result_failure(const Crm__MutateResult *result, struct failure *out_failure);
/* Say with which key to repeat, where a failure left the outcome open, or with --verbose. */
void mutate_tell_key(struct cli *cli, const struct mutate_key *key, enum crm_status status);

#endif
