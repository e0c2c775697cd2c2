/*
 * badline_queue.h - what a bad line does to the packets of one direction
 *
 * Pure: told the time, asks no clock, and what it decides about the n-th packet follows from the seed and n alone, whatever the time and whatever
 * befell the packets before it. A packet meets, in this order: cut · loss · the bottleneck (rate and room) · delay and jitter, duplication, reordering ·
 * cut again on arrival.
 */
#ifndef CRM_TESTS_NET_BADLINE_QUEUE_H
#define CRM_TESTS_NET_BADLINE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BADLINE_PACKET_MAX  65535u
#define BADLINE_BURST_BYTES 1500u /* what an unused rate saves up: one packet of the usual size */

/* How the line treats one direction. All zero: a perfect line. Chances are from 0 to 1. */
struct badline_way {
    int64_t delay_us;     /* of each packet, behind the bottleneck */
    int64_t jitter_us;    /* up to so much more or less; alone it never changes the order */
    double loss;          /* chance to vanish */
    double duplicate;     /* chance to arrive twice */
    double reorder;       /* chance to be held back by reorder_us, so that those behind it overtake */
    int64_t reorder_us;   /* 0: a quarter of the delay, at least 5 ms */
    uint64_t rate_bit_s;  /* bytes of IP, by a token bucket of BADLINE_BURST_BYTES; 0: unlimited */
    uint64_t queue_bytes; /* room in front of the bottleneck, what comes in vain is dropped; 0: unlimited */
    int64_t cut_every_us; /* the line is cut at the end of each such period, counted from when this was set; 0: never */
    int64_t cut_for_us;   /* for so long */
    bool is_dead;         /* nothing gets through, until it is set otherwise: one way only makes a peer half open */
};

/* What happened to packets. sent = lost + overflowed + cut at the entry + accepted; accepted + duplicated = delivered + cut on arrival + in_flight. */
struct badline_count {
    uint64_t sent;            /* handed in */
    uint64_t sent_bytes;
    uint64_t lost;
    uint64_t overflowed;      /* dropped for want of room, or of memory */
    uint64_t cut;             /* dropped by a cut or a dead line, at either end */
    uint64_t duplicated;      /* came twice */
    uint64_t held;            /* held back */
    uint64_t overtaken;       /* delivered behind one that was sent later */
    uint64_t delivered;
    uint64_t delivered_bytes;
    uint64_t in_flight;       /* at this moment */
};

/* One that has arrived; the taker's, to be freed with free(). */
struct badline_packet {
    int64_t due_ns;   /* when it arrives */
    uint64_t order;   /* of arrival among those of one moment */
    uint64_t number;  /* of sending */
    size_t size;
    uint8_t bytes[];
};

struct badline_queue;

/* A perfect line; NULL: no memory. The n-th packet's fate follows from seed and n. */
struct badline_queue *badline_queue_create(uint64_t seed);
void badline_queue_destroy(struct badline_queue *queue);

/* From now on. What is on its way keeps its time of arrival; cuts that differ from those before begin their period now. */
void badline_queue_set(struct badline_queue *queue, int64_t now_ns, const struct badline_way *way);
/* A packet is sent. now_ns never runs backwards. */
void badline_queue_put(struct badline_queue *queue, int64_t now_ns, const void *bytes, size_t size);
/* When the next one arrives; INT64_MAX: none is on its way. */
int64_t badline_queue_next_ns(const struct badline_queue *queue);
/* The next one that has arrived by now, NULL: none. Those that arrive in a cut are dropped here. */
struct badline_packet *badline_queue_take(struct badline_queue *queue, int64_t now_ns);
struct badline_count badline_queue_count(const struct badline_queue *queue);

#endif
