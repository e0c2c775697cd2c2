/*
 * audit_sums.h - what was refused, added up by act, user, address and minute until the writer puts it into the audit trail
 *
 * A stranger who guesses a thousand times a second costs a row a minute, not a thousand. The table is bounded: what finds no room goes into one row of
 * others a minute; who is not known to the server may fill at most half of it, so that guessing names hides nobody's own refusals.
 *
 * Any thread adds; the writer takes, once a minute and at the end (writer.c).
 */
#ifndef CRM_SERVER_ENGINE_AUDIT_SUMS_H
#define CRM_SERVER_ENGINE_AUDIT_SUMS_H

#include <pthread.h>

#include "server/engine/audit.h"

#define AUDIT_SUMS_MAX 64 /* rows between two turns of the writer, beside those of others */
#define AUDIT_OTHERS_MAX 4

struct audit_sum {
    Crm__AuditAct act;
    struct uuid user;  /* nil: nobody known */
    int64_t minute;    /* since 1970 */
    uint32_t times;
    uint8_t trace[AUDIT_TRACE_SIZE]; /* of the first */
    char login[64];    /* as typed; only where the user is not known */
    char from[64];     /* address alone: programs and ports would tell one stranger apart from himself */
    char text[64];     /* what was asked for */
};

struct audit_sums_table {
    struct audit_sum rows[AUDIT_SUMS_MAX];
    struct audit_sum others[AUDIT_OTHERS_MAX];
    unsigned n, n_strangers, n_others;
};

/* Part of a core. */
struct audit_sums {
    pthread_mutex_t lock;
    struct audit_sums_table tables[2];
    unsigned filling; /* which of the tables takes what comes; the other one is the writer's */
    bool is_taken;    /* the writer has not yet committed what it took */
};

/* What was refused, to whom; everything borrowed. */
struct audit_refusal {
    Crm__AuditAct act;
    const struct uuid *user; /* NULL: nobody known */
    const char *login;       /* as typed, where the user is not known; or NULL */
    const char *peer;        /* address */
    const char *text;        /* the operation's name, or NULL */
    const uint8_t *trace;    /* or NULL */
};

void audit_sums_init(struct audit_sums *sums);
void audit_sums_add(struct audit_sums *sums, const struct audit_refusal *refusal, int64_t now_us);

/* Is there anything to write? */
bool audit_sums_are_due(struct audit_sums *sums);
/* The writer, in a group; may be called again before the group is committed, with the same rows. */
enum crm_status audit_sums_write(struct audit_sums *sums, struct change_group *group) MUST_CHECK;
/* The rows written last are durable, or (false) they are not and wait for the next turn. */
void audit_sums_written(struct audit_sums *sums, bool is_durable);

#endif
