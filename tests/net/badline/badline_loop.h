/*
 * badline_loop.h - the emulator's process, and what it is asked over its socket
 *
 * Between badline.c, which asks, and badline_loop.c, which answers. One question at a time; each has one answer.
 */
#ifndef CRM_TESTS_NET_BADLINE_LOOP_H
#define CRM_TESTS_NET_BADLINE_LOOP_H

#include "tests/net/badline/badline.h"

/* What may be asked. */
enum badline_ask { BADLINE_ASK_SET, BADLINE_ASK_STATS, BADLINE_ASK_MOVE, BADLINE_ASK_WAIT };

/* A question, as one message. */
struct badline_question {
    enum badline_ask ask;
    struct badline_way way[BADLINE_SIDES]; /* SET */
    char address[16];                      /* MOVE */
    enum badline_side side;                /* WAIT: whose bytes */
    uint64_t bytes;                        /* WAIT: how many more */
    int64_t timeout_us;                    /* WAIT */
};

/* An answer, as one message; the first comes unasked, with the namespaces' descriptors, when the line is up or cannot be. */
struct badline_answer {
    int error;      /* errno; 0: done */
    char step[32];  /* of the start, at what it failed */
    int n_fds;      /* of the start: client, server, and the user namespace where there is one */
    struct badline_count counts[BADLINE_SIDES];
};

/* The emulator's whole life; its exit code. Ends when the other end of the socket is closed. */
int badline_loop(const struct badline_config *config, int socket);

#endif
