/*
 * push_inside.h - what the files of sending share; only push*.c include it
 */
#ifndef CRM_REPLICA_PUSH_INSIDE_H
#define CRM_REPLICA_PUSH_INSIDE_H

#include "client/replica/depends.h"
#include "client/replica/kept.h"
#include "client/replica/push.h"

#define PUSH_OPEN_MAX 128 /* numbers, as the server allows above the low mark */

/* One that is sent. */
struct flight {
    struct push *push;
    size_t item;
    struct crm_call *call;
    enum crm_status status; /* of a call that could not be started */
    uint32_t epoch;         /* of the server that answered */
    size_t bytes;
    bool is_used, is_done;
};

/* What is to be done with an item in one turn. */
enum push_fate {
    FATE_NONE,
    FATE_SENT,   /* it gets a number */
    FATE_TAKEN,  /* out of the outbox */
    FATE_STORED, /* changed: an answer, or another name */
};

struct push {
    struct replica *replica;
    struct crm_client *client;
    const struct push_options *options;
    struct push_counts *counts;
    struct failure *failure;
    struct arena arena;   /* the outbox */
    struct arena scratch; /* of one write run */
    struct arena answers; /* of one turn */
    struct outbox_list list;
    struct depends depends;
    enum item_state *states; /* by item */
    enum push_fate *fates;   /* likewise, of the turn under way */
    size_t *touched;         /* items with a fate */
    size_t n_touched;
    struct flight flights[2 * PUSH_OPEN_MAX]; /* those that are done are there until it is stored */
    size_t n_open, bytes_open;
    uint64_t last;           /* number that was given */
    unsigned identities;     /* that were given up in this run */
    bool is_resumed;         /* a second attempt, or a later one */
    bool is_taken_over;      /* another copy of the replica uses its numbers */
    enum crm_status status;  /* of what ends it: nothing more is sent */
};

/* push_store.c: all the fates of a turn, in one run. */
enum crm_status push_store(struct push *push) MUST_CHECK;
/* push_store.c: the replica is somebody else from now on; what was not answered has no number any more. */
enum crm_status push_new_identity(struct push *push) MUST_CHECK;
/* push_store.c: queue again what the server of this epoch has not got. */
enum crm_status push_return(struct push *push, uint32_t epoch) MUST_CHECK;

/* push_choose.c: all numbers up to it are answered, and the answers are on disk. */
uint64_t push_low_mark(const struct push *push);
/* push_choose.c: into the flights, in order of making, but those first that were numbered in an earlier run: the window begins with them. */
void push_choose(struct push *push);

/* push_answer.c: a call has been answered: what becomes of its item. Sets push->status where that ends all. */
void push_settle(struct push *push, struct flight *flight);
/* push_answer.c: count it, and tell who wants to know. */
void push_tell(struct push *push, const struct flight *flight);
/* push_answer.c */
void push_set_fate(struct push *push, size_t item, enum push_fate fate);

#endif
