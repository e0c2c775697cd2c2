/*
 * load.c - the load generator
 *
 * The bench's single thread, pinned by its caller. Each turn of a connection reads what is there,
 * counts, puts as many new requests in line as answers have come, and writes them at once: what a
 * pipelining client does at its best.
 */
#include "tests/bench/load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#include "common/base/clock.h"

#define READ_SIZE  16384 /* one TLS record */
#define EVENTS_MAX 64
#define STALLED_MS 30000 /* nothing came for so long: the server hangs */

/* One connection in a run. */
struct lane {
    struct peer *peer;
    uint32_t answered;       /* every stream up to it */
    uint64_t answered_above; /* bit i: stream answered + 1 + i too */
    unsigned waiting;        /* requests without an answer */
    bool wants_write;
    int64_t sent_ns[LOAD_WINDOW]; /* by stream */
};

struct load {
    const struct load_plan *plan;
    struct lane *lanes;
    unsigned n_lanes;
    int epoll;
    bool is_over;     /* no more requests */
    uint64_t waiting; /* of all lanes */
    struct load_result result;
    int64_t began_us;
    struct failure *failure;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- times */

static bool times_add(struct load_times *times, uint64_t ns)
{
    if (times->n == times->capacity) {
        size_t capacity = times->capacity ? 2 * times->capacity : 4096;
        uint64_t *more = realloc(times->ns, capacity * sizeof *more);

        if (!more)
            return false;
        times->ns = more;
        times->capacity = capacity;
    }
    times->ns[times->n++] = ns;
    return true;
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

double load_times_quantile(struct load_times *times, double quantile)
{
    if (times->n == 0)
        return 0;
    qsort(times->ns, times->n, sizeof *times->ns, compare_times);
    return (double)times->ns[(size_t)(quantile * (double)(times->n - 1))] / 1e6;
}

void load_times_fini(struct load_times *times)
{
    free(times->ns);
    *times = (struct load_times){ 0 };
}

/* --- answers */

/* Note the answer to a stream; false: nothing was asked there. */
static bool lane_answer(struct lane *lane, uint32_t stream)
{
    uint32_t offset = stream - lane->answered - 1;

    if (stream <= lane->answered || stream > lane->peer->last_stream ||
        lane->answered_above >> offset & 1)
        return false;
    lane->answered_above |= UINT64_C(1) << offset;
    while (lane->answered_above & 1) {
        lane->answered_above >>= 1;
        lane->answered++;
    }
    lane->waiting--;
    return true;
}

static enum crm_status take_answer(struct load *load, struct lane *lane, const struct frame *frame)
{
    const struct load_plan *plan = load->plan;

    if (!lane_answer(lane, frame->header.stream))
        return fail(load->failure, CRM_PROTOCOL, NULL,
                    "an answer to stream %u, which is not under way", frame->header.stream);
    load->waiting--;
    if (!load->is_over || plan->duration_us == 0) {
        load->result.replies++;
        load->result.bytes += frame->header.length;
        if (plan->times &&
            !times_add(plan->times,
                       (uint64_t)(now_ns() - lane->sent_ns[frame->header.stream % LOAD_WINDOW])))
            return fail(load->failure, CRM_NO_MEMORY, NULL, "no memory for the times");
    }
    return plan->check ? plan->check(plan->arg, frame->body, load->failure) : CRM_OK;
}

static enum crm_status take_frame(struct load *load, struct lane *lane, const struct frame *frame)
{
    switch (frame->header.type) {
    case FRAME_REPLY:
    case FRAME_END:
        return take_answer(load, lane, frame);
    case FRAME_CHUNK:
        load->result.bytes += frame->header.length;
        return CRM_OK;
    case FRAME_ERROR:
    case FRAME_GOAWAY:
        return peer_fail(frame, load->failure);
    default:
        return fail(load->failure, CRM_PROTOCOL, NULL, "the server sends a %s frame",
                    frame_type_name(frame->header.type));
    }
}

static enum crm_status take_input(struct load *load, struct lane *lane)
{
    struct slice input = buf_slice(&lane->peer->in);
    enum crm_status status = CRM_OK;
    size_t consumed = 0;

    while (status == CRM_OK) {
        struct frame frame;
        size_t size;
        enum frame_progress progress =
            frame_parse(slice_of(input.data + consumed, input.size - consumed), FRAME_MAX, &frame,
                        &size, load->failure);

        if (progress == FRAME_NEEDS_MORE)
            break;
        if (progress == FRAME_BROKEN)
            return CRM_PROTOCOL;
        status = take_frame(load, lane, &frame);
        consumed += size;
    }
    buf_consume(&lane->peer->in, consumed);
    return status;
}

/* --- bytes */

static enum crm_status fail_connection(struct load *load, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    ERR_clear_error();
    return fail(load->failure, CRM_UNREACHABLE, NULL, "%s: %s", what,
                reason ? reason : "the connection was closed");
}

static enum crm_status lane_read(struct load *load, struct lane *lane)
{
    for (;;) {
        uint8_t *room = buf_reserve(&lane->peer->in, READ_SIZE);
        enum crm_status status;
        size_t n;

        if (!room)
            return fail(load->failure, CRM_NO_MEMORY, NULL, "no room to read");
        if (!SSL_read_ex(lane->peer->ssl, room, READ_SIZE, &n))
            return SSL_get_error(lane->peer->ssl, 0) == SSL_ERROR_WANT_READ
                       ? CRM_OK
                       : fail_connection(load, "reading failed");
        buf_commit(&lane->peer->in, n);
        status = take_input(load, lane);
        if (status != CRM_OK)
            return status;
    }
}

static enum crm_status lane_write(struct load *load, struct lane *lane)
{
    struct buf *out = &lane->peer->out;
    struct epoll_event event = { .data.ptr = lane };
    bool is_full = false;

    while (out->size > 0 && !is_full) {
        size_t n;

        if (SSL_write_ex(lane->peer->ssl, buf_slice(out).data, out->size, &n))
            buf_consume(out, n);
        else if (SSL_get_error(lane->peer->ssl, 0) == SSL_ERROR_WANT_WRITE)
            is_full = true;
        else
            return fail_connection(load, "writing failed");
    }
    if (is_full == lane->wants_write)
        return CRM_OK;
    lane->wants_write = is_full;
    event.events = EPOLLIN | (is_full ? EPOLLOUT : 0u);
    return epoll_ctl(load->epoll, EPOLL_CTL_MOD, lane->peer->fd, &event) == 0
               ? CRM_OK
               : fail(load->failure, CRM_IO, NULL, "epoll: %s", strerror(errno));
}

static void lane_refill(struct load *load, struct lane *lane)
{
    struct peer *peer = lane->peer;

    while (!load->is_over && lane->waiting < load->plan->in_flight &&
           peer->last_stream - lane->answered < LOAD_WINDOW) {
        const struct load_turn turn = {
            .connection = (unsigned)(lane - load->lanes),
            .stream = peer->last_stream + 1,
            .answered = lane->answered,
        };

        if (!load->plan->next(load->plan->arg, &turn, &peer->out)) {
            load->is_over = true;
            return;
        }
        peer->last_stream++;
        if (load->plan->times)
            lane->sent_ns[peer->last_stream % LOAD_WINDOW] = now_ns();
        lane->waiting++;
        load->waiting++;
    }
}

/* --- a run */

static enum crm_status lane_begin(struct load *load, struct lane *lane, struct peer *peer)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = lane };
    enum crm_status status = peer_set_blocking(peer, false, load->failure);

    lane->peer = peer;
    lane->answered = peer->last_stream;
    if (status == CRM_OK && epoll_ctl(load->epoll, EPOLL_CTL_ADD, peer->fd, &event) != 0)
        status = fail(load->failure, CRM_IO, NULL, "epoll: %s", strerror(errno));
    return status;
}

static void end_in_time(struct load *load)
{
    int64_t now_us = clock_monotonic_us();

    if (load->is_over || load->plan->duration_us == 0 ||
        now_us - load->began_us < load->plan->duration_us)
        return;
    load->is_over = true;
    load->result.us = now_us - load->began_us;
}

static enum crm_status turn(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(load->epoll, events, EVENTS_MAX, STALLED_MS);
    enum crm_status status = CRM_OK;

    if (n == 0)
        return fail(load->failure, CRM_DEADLINE, NULL, "the server has not answered for %d s",
                    STALLED_MS / 1000);
    if (n < 0 && errno != EINTR)
        return fail(load->failure, CRM_IO, NULL, "epoll: %s", strerror(errno));
    end_in_time(load);
    for (int i = 0; i < n && status == CRM_OK; i++) {
        struct lane *lane = events[i].data.ptr;

        status = lane_read(load, lane);
        if (status != CRM_OK)
            break;
        lane_refill(load, lane);
        status = lane_write(load, lane);
    }
    return status;
}

static enum crm_status drive(struct load *load, struct peer *peers)
{
    enum crm_status status = CRM_OK;

    for (unsigned i = 0; i < load->n_lanes && status == CRM_OK; i++)
        status = lane_begin(load, &load->lanes[i], &peers[i]);
    load->began_us = clock_monotonic_us();
    for (unsigned i = 0; i < load->n_lanes && status == CRM_OK; i++) {
        lane_refill(load, &load->lanes[i]);
        status = lane_write(load, &load->lanes[i]);
    }
    while (status == CRM_OK && load->waiting > 0)
        status = turn(load);
    if (load->result.us == 0)
        load->result.us = clock_monotonic_us() - load->began_us;
    for (unsigned i = 0; i < load->n_lanes && status == CRM_OK; i++)
        status = peer_set_blocking(&peers[i], true, load->failure);
    return status;
}

enum crm_status load_run(struct peer *peers, unsigned n_peers, const struct load_plan *plan,
                         struct load_result *out_result, struct failure *failure)
{
    struct load load = {
        .plan = plan, .n_lanes = n_peers, .failure = failure, .epoll = epoll_create1(EPOLL_CLOEXEC)
    };
    enum crm_status status;

    load.lanes = calloc(n_peers, sizeof *load.lanes);
    if (load.epoll < 0 || !load.lanes)
        status = fail(failure, CRM_NO_MEMORY, NULL, "the load generator cannot be set up");
    else
        status = drive(&load, peers);
    if (status == CRM_OK && load.result.us > 0) {
        load.result.per_second = (double)load.result.replies * 1e6 / (double)load.result.us;
        *out_result = load.result;
    }
    free(load.lanes);
    if (load.epoll >= 0)
        close(load.epoll);
    return status;
}
