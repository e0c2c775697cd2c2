/*
 * badline_peers.h - the two programs of a test over the line: one that receives, one that sends, each a process in its namespace
 *
 * For cmocka programs; a process that cannot be started fails the test. What they find out they report over a pipe. They end with the test program.
 */
#ifndef CRM_TESTS_NET_BADLINE_PEERS_H
#define CRM_TESTS_NET_BADLINE_PEERS_H

#include <stdint.h>
#include <sys/types.h>

#include "common/base/digest.h"
#include "tests/net/badline/badline.h"

/* What a peer has to say, as one message on its pipe. */
struct peer_report {
    uint64_t bytes;              /* received */
    uint8_t sha256[SHA256_SIZE]; /* of them */
    int64_t took_ns;             /* of the sender: from before its connect until the receiver has closed */
    char address[16];            /* of the other end */
    uint64_t datagrams;          /* received */
    uint64_t doubles;            /* of them: seen before */
    uint64_t late;               /* of them: behind one that was sent later */
};

/* A peer's process. */
struct peer {
    pid_t pid;
    int from; /* its reports */
    int to;   /* a byte lets it go on */
};

typedef void peer_body(const struct peer *self, uint64_t argument);

/* Run body in a process in the namespace of an end; it exits where body returns. */
struct peer peer_start(const struct badline *line, enum badline_side side, peer_body *body, uint64_t argument);
/* Its next report; fails the test where it ends instead. */
struct peer_report peer_hear(const struct peer *peer);
/* Let it go on. */
void peer_go(const struct peer *peer);
/* Wait for its end, which must be a good one. */
void peer_join(struct peer *peer);
/* Make it end. */
void peer_kill(struct peer *peer);

/* Bodies. Receivers report once when they listen, again at the end. */

/* Receive one stream until its end. */
void peer_receive_stream(const struct peer *self, uint64_t unused);
/* Send so many bytes of the pattern as one stream; report when the receiver has closed. */
void peer_send_stream(const struct peer *self, uint64_t bytes);
/* Receive datagrams until the one that is numbered UINT32_MAX. */
void peer_receive_datagrams(const struct peer *self, uint64_t unused);
/* Send so many numbered datagrams, report, wait for the word, and send the one that is numbered UINT32_MAX. */
void peer_send_datagrams(const struct peer *self, uint64_t datagrams);

/* --- what tests have in common */

/* A line of this kind, or the test is skipped. */
struct badline *peers_line(const struct badline_config *config);
struct badline_config peers_both_ways(const struct badline_way *way);
/* The receiver has so many bytes of the pattern, unchanged. At most 4 MiB. */
void peers_assert_pattern(const struct peer_report *report, uint64_t bytes);
/* A stream from the client to the server, whole; how long it took. */
int64_t peers_transfer(const struct badline *line, uint64_t bytes);

#endif
