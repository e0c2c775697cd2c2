/*
 * badline.h - two hosts of this machine joined by a bad line, over which the kernel's real TCP runs
 *
 * Two network namespaces, each with one TUN device, and a process that moves packets between them through the two queues of badline_queue.h. For
 * single-threaded test programs. The line ends with the program that made it. Nothing but these two namespaces is touched; what runs in them sees no
 * other network.
 *
 *     struct badline *line;
 *     struct badline_config config = { .seed = 7, .way = { { .delay_us = 100000, .loss = 0.01 }, { .delay_us = 100000 } } };
 *
 *     if (badline_start(&config, &line) == BADLINE_REFUSED)
 *         skip();
 *     if (fork() == 0) {
 *         badline_enter(line, BADLINE_SERVER);
 *         … listen on BADLINE_SERVER_ADDRESS …
 *     }
 *     badline_stop(line);
 *
 * With one seed the n-th packet of a direction meets the same fate in each run; which packet of a conversation is the n-th is up to the kernels.
 */
#ifndef CRM_TESTS_NET_BADLINE_H
#define CRM_TESTS_NET_BADLINE_H

#include "tests/net/badline/badline_queue.h"

#define BADLINE_CLIENT_ADDRESS "10.77.0.1"
#define BADLINE_SERVER_ADDRESS "10.77.0.2"

/* The two ends. */
enum badline_side { BADLINE_CLIENT, BADLINE_SERVER, BADLINE_SIDES };

/* What the line is like. */
struct badline_config {
    uint64_t seed;                           /* of both directions */
    struct badline_way way[BADLINE_SIDES];   /* how it treats what each end sends */
};

/* What came of a start. */
enum badline_start {
    BADLINE_STARTED,
    BADLINE_REFUSED, /* the right or the device is missing here: a test skips */
    BADLINE_FAILED,
};

struct badline;

/* Make the namespaces and let packets flow; what is in the way is told on stderr. */
enum badline_start badline_start(const struct badline_config *config, struct badline **out_line);
/* End it: connections across it hear nothing any more. Accepts NULL. */
void badline_stop(struct badline *line);

/* Move the calling process, which has one thread, into the namespace of an end; its sockets that are open stay where they were made. */
bool badline_enter(const struct badline *line, enum badline_side side);

/* The line is like this from now on, when it returns (the seed stays). */
bool badline_set(struct badline *line, const struct badline_config *config);
/* What happened so far to what each end sent. */
bool badline_stats(struct badline *line, struct badline_count out_counts[BADLINE_SIDES]);
/* The client gets another address, as by a change of networks: its connections of before get nothing through any more. */
bool badline_move(struct badline *line, const char *address);
/* Wait until so many bytes more of what an end sends have arrived. false: not within timeout_ms. */
bool badline_wait_bytes(struct badline *line, enum badline_side side, uint64_t bytes, int timeout_ms);

#endif
