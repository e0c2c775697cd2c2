/*
 * feed_inside.h - what the files of feeds share; only feed*.c include it
 */
#ifndef CRM_CLI_FEED_INSIDE_H
#define CRM_CLI_FEED_INSIDE_H

#include "client/cli/feed.h"

#define PIECE_BUDGET ((size_t)16 << 20)
#define WHOLE_BUDGET ((size_t)256 << 20)

enum piece_state { PIECE_FREE, PIECE_GATHERS, PIECE_WAITS, PIECE_SENT, PIECE_TAKEN };

struct piece {
    struct feed *feed;
    enum piece_state state;
    struct arena arena;
    struct crm_call *call;
    uint64_t from, to;
    Crm__Mutation *mutations[FEED_BATCH];
    uint64_t lines[FEED_BATCH], places[FEED_BATCH];
    Crm__JobRefusal *refused[FEED_BATCH];
    uint64_t refused_places[FEED_BATCH];
    size_t n, n_refused, bytes;
};

struct feed {
    struct cli *cli;
    struct feed_options options;
    struct uuid id;
    struct arena arena; /* the job's last state */
    Crm__Job *job;
    struct piece pieces[FEED_WINDOW];
    size_t first;  /* of those not free, in order */
    size_t n_open; /* free ones follow */
    bool is_ended; /* the last piece is to say so */
    unsigned lost;
    enum crm_status status; /* why nothing more is sent */
    struct progress progress;
    uint64_t total;
    Crm__Mutation **whole; /* with is_whole: gathered in whole_arena */
    uint64_t *whole_lines;
    size_t n_whole, whole_capacity;
    struct arena whole_arena;
    uint64_t n_done, n_failed, n_told; /* of this run */
    enum crm_status first_refusal;
};

/* feed_piece.c: the ring. The nth of those that are not free. */
struct piece *feed_piece(struct feed *feed, size_t n);
/* The one that is being gathered; NULL: there is none. */
struct piece *feed_gathering(struct feed *feed);
bool feed_is_any_sent(struct feed *feed);
/* Begin to gather; waits where too many are under way. */
enum crm_status feed_open(struct feed *feed) MUST_CHECK;
/* The piece that is being gathered is whole: it leaves. */
enum crm_status feed_close(struct feed *feed) MUST_CHECK;
/* One turn: answers come, and what was lost goes out again. */
enum crm_status feed_turn(struct feed *feed) MUST_CHECK;
bool feed_is_interrupted(void);

/* feed_whole.c: all or nothing. */
enum crm_status feed_whole_add(struct feed *feed, const Crm__Mutation *mutation, uint64_t line) MUST_CHECK;
enum crm_status feed_whole_send(struct feed *feed) MUST_CHECK;

/* feed_piece.c: what the server has told. */
enum crm_status feed_take_job(struct feed *feed, const Crm__Job *job) MUST_CHECK;
void feed_tell_refusal(struct feed *feed, uint64_t line, const struct failure *failure);

#endif
