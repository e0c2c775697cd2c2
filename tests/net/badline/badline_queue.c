/*
 * badline_queue.c - what a bad line does to the packets of one direction
 *
 * Called by the emulator's process (badline_loop.c) and by its unit tests with a clock of their own. Owns the packets on their way, in a heap by
 * time of arrival.
 */
#include "tests/net/badline/badline_queue.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_US          1000
#define NS_PER_S           1000000000
#define HEAP_MAX           65536u /* packets on their way; more is an overflow */
#define HEAP_FIRST         64u
#define REORDER_LEAST_US   5000
#define ROOM_FOR_DUPLICATE 2u

/* What is decided about a packet; each has numbers of its own, so that one decision never shifts another. */
enum decision { DECIDE_LOSS, DECIDE_JITTER, DECIDE_DUPLICATE, DECIDE_REORDER, N_DECISIONS };

struct badline_queue {
    uint64_t seed;
    struct badline_way way;
    struct badline_count count;
    int64_t cuts_from_ns;    /* when the first period of cuts began */
    int64_t bucket_full_ns;  /* when the token bucket is full again, if nothing more is sent */
    int64_t in_order_ns;     /* arrival of the last one that was not held back */
    uint64_t n_ordered;      /* orders given out */
    uint64_t latest;         /* the highest number that was delivered */
    struct badline_packet **heap;
    size_t n;
    size_t capacity;
};

/* --- chance */

/* SplitMix64's finalizer: neighbouring inputs give unrelated outputs. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* From 0 to 1, 1 excluded. */
static double chance(const struct badline_queue *queue, uint64_t number, enum decision decision)
{
    return (double)(mix(mix(queue->seed) ^ (number * N_DECISIONS + decision)) >> 11) * 0x1p-53;
}

/* --- the heap */

static bool is_before(const struct badline_packet *a, const struct badline_packet *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct badline_queue *queue, struct badline_packet *packet)
{
    size_t i = queue->n++;

    for (; i > 0 && is_before(packet, queue->heap[(i - 1) / 2]); i = (i - 1) / 2)
        queue->heap[i] = queue->heap[(i - 1) / 2];
    queue->heap[i] = packet;
}

static struct badline_packet *heap_pop(struct badline_queue *queue)
{
    struct badline_packet *first = queue->heap[0], *last = queue->heap[--queue->n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < queue->n) {
        if (child + 1 < queue->n && is_before(queue->heap[child + 1], queue->heap[child]))
            child++;
        if (!is_before(queue->heap[child], last))
            break;
        queue->heap[i] = queue->heap[child];
        i = child;
    }
    queue->heap[i] = last;
    return first;
}

/* Room for a packet and its double. */
static bool heap_has_room(struct badline_queue *queue)
{
    size_t capacity = queue->capacity ? 2 * queue->capacity : HEAP_FIRST;
    struct badline_packet **heap;

    if (queue->n + ROOM_FOR_DUPLICATE <= queue->capacity)
        return true;
    if (capacity > HEAP_MAX)
        return false;
    heap = realloc(queue->heap, capacity * sizeof(struct badline_packet *));
    if (!heap)
        return false;
    queue->heap = heap;
    queue->capacity = capacity;
    return true;
}

/* --- the line */

static bool is_cut(const struct badline_queue *queue, int64_t now_ns)
{
    const struct badline_way *way = &queue->way;
    int64_t into_us;

    if (way->is_dead || way->cut_every_us <= 0)
        return way->is_dead;
    into_us = (now_ns - queue->cuts_from_ns) / NS_PER_US % way->cut_every_us;
    return into_us >= way->cut_every_us - way->cut_for_us;
}

/*
 * Pass the bottleneck: when the last byte has left it, or -1 where there is no room to wait.
 *
 * The bucket is kept as the moment at which it is full again, which counts the bytes ahead as well: what it lies ahead of now, minus the
 * burst, is the wait.
 */
static int64_t pass_bottleneck(struct badline_queue *queue, int64_t now_ns, size_t size)
{
    const struct badline_way *way = &queue->way;
    double ns_per_byte = way->rate_bit_s ? 8.0 * NS_PER_S / (double)way->rate_bit_s : 0;
    int64_t full_ns = queue->bucket_full_ns > now_ns ? queue->bucket_full_ns : now_ns;
    int64_t left_ns;

    if (ns_per_byte <= 0)
        return now_ns;
    full_ns += (int64_t)(ns_per_byte * (double)size);
    left_ns = full_ns - (int64_t)(ns_per_byte * BADLINE_BURST_BYTES);
    if (left_ns < now_ns)
        left_ns = now_ns;
    if (way->queue_bytes && (double)(left_ns - now_ns) > ns_per_byte * (double)way->queue_bytes)
        return -1;
    queue->bucket_full_ns = full_ns;
    return left_ns;
}

static int64_t reorder_ns(const struct badline_way *way)
{
    int64_t us = way->reorder_us ? way->reorder_us : way->delay_us / 4;

    return NS_PER_US * (way->reorder_us || us > REORDER_LEAST_US ? us : REORDER_LEAST_US);
}

/* When a packet that leaves the bottleneck now arrives. */
static int64_t arrival_ns(struct badline_queue *queue, int64_t left_ns, uint64_t number)
{
    const struct badline_way *way = &queue->way;
    double jitter_us = (2 * chance(queue, number, DECIDE_JITTER) - 1) * (double)way->jitter_us;
    int64_t due_ns = left_ns + NS_PER_US * way->delay_us + (int64_t)(NS_PER_US * jitter_us);

    if (due_ns < left_ns)
        due_ns = left_ns;
    if (chance(queue, number, DECIDE_REORDER) < way->reorder) {
        queue->count.held++;
        return due_ns + reorder_ns(way);
    }
    if (due_ns < queue->in_order_ns)
        due_ns = queue->in_order_ns;
    queue->in_order_ns = due_ns;
    return due_ns;
}

static struct badline_packet *packet_copy(const void *bytes, size_t size)
{
    struct badline_packet *packet = malloc(sizeof(*packet) + size);

    if (!packet)
        return NULL;
    *packet = (struct badline_packet){ .size = size };
    memcpy(packet->bytes, bytes, size);
    return packet;
}

static void depart(struct badline_queue *queue, struct badline_packet *packet, int64_t due_ns, uint64_t number)
{
    packet->due_ns = due_ns;
    packet->number = number;
    packet->order = queue->n_ordered++;
    heap_push(queue, packet);
}

void badline_queue_put(struct badline_queue *queue, int64_t now_ns, const void *bytes, size_t size)
{
    uint64_t number = queue->count.sent++;
    struct badline_packet *packet, *copy;
    int64_t left_ns, due_ns;

    queue->count.sent_bytes += size;
    if (is_cut(queue, now_ns)) {
        queue->count.cut++;
        return;
    }
    if (chance(queue, number, DECIDE_LOSS) < queue->way.loss) {
        queue->count.lost++;
        return;
    }
    packet = heap_has_room(queue) ? packet_copy(bytes, size) : NULL;
    left_ns = packet ? pass_bottleneck(queue, now_ns, size) : -1;
    if (left_ns < 0) {
        free(packet);
        queue->count.overflowed++;
        return;
    }
    due_ns = arrival_ns(queue, left_ns, number);
    depart(queue, packet, due_ns, number);
    copy = chance(queue, number, DECIDE_DUPLICATE) < queue->way.duplicate ? packet_copy(bytes, size) : NULL;
    if (copy) {
        queue->count.duplicated++;
        depart(queue, copy, due_ns, number);
    }
}

int64_t badline_queue_next_ns(const struct badline_queue *queue)
{
    return queue->n > 0 ? queue->heap[0]->due_ns : INT64_MAX;
}

struct badline_packet *badline_queue_take(struct badline_queue *queue, int64_t now_ns)
{
    while (badline_queue_next_ns(queue) <= now_ns) {
        struct badline_packet *packet = heap_pop(queue);

        if (is_cut(queue, packet->due_ns)) {
            queue->count.cut++;
            free(packet);
            continue;
        }
        queue->count.delivered++;
        queue->count.delivered_bytes += packet->size;
        queue->count.overtaken += packet->number < queue->latest;
        if (packet->number > queue->latest)
            queue->latest = packet->number;
        return packet;
    }
    return NULL;
}

/* --- its life */

void badline_queue_set(struct badline_queue *queue, int64_t now_ns, const struct badline_way *way)
{
    if (way->cut_every_us != queue->way.cut_every_us || way->cut_for_us != queue->way.cut_for_us)
        queue->cuts_from_ns = now_ns;
    if (way->rate_bit_s != queue->way.rate_bit_s)
        queue->bucket_full_ns = now_ns; /* the debt at the old rate stays with the packets on their way */
    queue->way = *way;
}

struct badline_count badline_queue_count(const struct badline_queue *queue)
{
    struct badline_count count = queue->count;

    count.in_flight = queue->n;
    return count;
}

struct badline_queue *badline_queue_create(uint64_t seed)
{
    struct badline_queue *queue = calloc(1, sizeof(*queue));

    if (queue)
        queue->seed = seed;
    return queue;
}

void badline_queue_destroy(struct badline_queue *queue)
{
    if (!queue)
        return;
    for (size_t i = 0; i < queue->n; i++)
        free(queue->heap[i]);
    free(queue->heap);
    free(queue);
}
