/*
 * sync_once.h - one sync: the outbox sent, the replica brought up to date, and what came of it; private to crm sync
 */
#ifndef CRM_CLI_SYNC_ONCE_H
#define CRM_CLI_SYNC_ONCE_H

#include "client/cli/answers.h"
#include "client/replica/push.h"
#include "client/replica/sync.h"

struct sync_once {
    struct cli *cli;
    struct push_counts pushed;
    struct sync_progress pulled;
    struct answers answers; /* to what was sent */
    const char *scope; /* as the replica knows it, in cli->arena */
    uint64_t seq;
    int64_t took_us;
};

/* Connects where cli->client is NULL. The replica is open, and locked against other writers, for this time only. sync_once_fini is due in any case. */
enum crm_status sync_once(struct cli *cli, struct sync_once *once) MUST_CHECK;
void sync_once_fini(struct sync_once *once);

/* "3.4 MB" into text[32]. */
const char *sync_bytes_text(uint64_t bytes, char text[32]);

/* sync_status.c: what is here, for people or as JSON. */
enum crm_status sync_status(struct cli *cli) MUST_CHECK;
/* sync_watch.c: syncs as long as nobody interrupts it. */
enum crm_status sync_watch(struct cli *cli) MUST_CHECK;

#endif
