/*
 * badline_work.h - a day's work for a sync: changes of a rep without the server, changes of others at the server, and the proof that nothing is lost
 *
 * For cmocka programs, over an office (badline_office.h) whose administrator is the rep. What is not as it should be fails the test.
 */
#ifndef CRM_TESTS_NET_BADLINE_WORK_H
#define CRM_TESTS_NET_BADLINE_WORK_H

#include "tests/crash/rep.h"
#include "tests/net/badline/badline_office.h"

#define WORK_PUSHES_MAX 1000

/* A change of the rep's. */
struct work_change {
    uint8_t id[CRM_KEY_SIZE];
    bool is_new;
    char token[32]; /* in the value that it gives */
};

struct work {
    struct office office;
    struct rep rep;
    unsigned n_customers;
    unsigned n_rounds;
    struct work_change changes[WORK_PUSHES_MAX]; /* of this round */
    unsigned n_changes;
};

/* What a sync came to. */
struct work_report {
    unsigned attempts; /* until one has ended with 0 */
    int64_t took_ns;   /* all of them */
    struct badline_count counts[BADLINE_SIDES]; /* of the line, since it was made */
};

/* Server, line, rep, so many customers, and a replica with all of them. The line is perfect. */
void work_open(struct work *work, uint64_t seed, unsigned n_customers);
void work_close(struct work *work);
/* So many of the customers change at the server, and the rep makes so many changes offline: half are new customers, half are in what has changed. */
void work_make(struct work *work, unsigned n_pushes, unsigned n_pulls);
/* crm sync, until it ends with 0. */
void work_sync(struct work *work, struct work_report *out_report);
/* The same where one is under way already. */
void work_finish_sync(struct work *work, struct running first, struct work_report *out_report);
/* Over a perfect line: each change is at the server once, nothing waits, and the replica is the view. */
void work_assert_synced(struct work *work);

#endif
