/*
 * echo_link.c - answers each REQUEST with as many zero bytes as it asks for, each PING with a PONG; a HELLO logs in
 *
 * Does nothing else on purpose: what remains is the cost of TLS, the event loop and framing. Runs on the io thread that owns the link.
 */
#include "tests/bench/echo_link.h"

#include <stdlib.h>

#include "proto/frame.h"
#include "server/dispatch/dispatch.h"

#define OUTPUT_HIGH (256u * 1024)

struct dispatch_thread {
    void (*wake)(void *arg);
    void *arg;
    struct link *later; /* links with an answer that waits for the wake-up */
};

struct link {
    struct dispatch_thread *thread;
    struct link_carrier carrier;
    struct link *next_later;
    bool is_later;
    uint32_t later_size, later_stream;
    uint32_t left, stream; /* of the stream under way */
    unsigned held;
    bool is_logged_in;
};

enum crm_status dispatch_thread_create(struct dispatch *dispatch, void (*wake)(void *arg), void *arg,
                                       struct dispatch_thread **out_thread)
{
    struct dispatch_thread *thread = calloc(1, sizeof(*thread));

    (void)dispatch;
    if (!thread)
        return CRM_NO_MEMORY;
    thread->wake = wake;
    thread->arg = arg;
    *out_thread = thread;
    return CRM_OK;
}

void dispatch_thread_destroy(struct dispatch_thread *thread)
{
    free(thread);
}

void dispatch_thread_end_turn(struct dispatch_thread *thread)
{
    (void)thread;
}

/* One frame of zeros; without memory the client waits in vain, which its test or benchmark notices. */
static void answer(struct link *link, enum frame_type type, uint32_t stream, uint32_t size)
{
    struct frame_header header = { .length = size, .type = (uint8_t)type, .stream = stream };
    uint8_t *room = buf_reserve(link->carrier.out, FRAME_HEADER_SIZE + size);

    if (!room)
        return;
    frame_put_header(room, &header);
    memset(room + FRAME_HEADER_SIZE, 0, size);
    buf_commit(link->carrier.out, FRAME_HEADER_SIZE + size);
    link->carrier.want_flush(link->carrier.conn);
}

void dispatch_thread_drain(struct dispatch_thread *thread)
{
    struct link *link;

    while ((link = thread->later)) {
        thread->later = link->next_later;
        link->is_later = false;
        answer(link, FRAME_REPLY, link->later_stream, link->later_size);
    }
}

struct link *link_create(struct dispatch_thread *thread, const struct link_carrier *carrier, const char *peer)
{
    struct link *link = calloc(1, sizeof(*link));

    (void)peer;
    if (!link)
        return NULL;
    link->thread = thread;
    link->carrier = *carrier;
    return link;
}

void link_destroy(struct link *link)
{
    if (link && link->is_later) {
        struct link **at = &link->thread->later;

        while (*at != link)
            at = &(*at)->next_later;
        *at = link->next_later;
    }
    free(link);
}

static void answer_later(struct link *link, uint32_t stream, uint32_t size)
{
    link->later_stream = stream;
    link->later_size = size;
    if (!link->is_later) {
        link->is_later = true;
        link->next_later = link->thread->later;
        link->thread->later = link;
    }
    link->thread->wake(link->thread->arg);
}

/* false: close. */
static bool request(struct link *link, const struct frame *frame)
{
    const uint8_t *body = frame->body.data;
    uint32_t size = frame->body.size < 4 ? 0
                    : (uint32_t)body[0] | (uint32_t)body[1] << 8 | (uint32_t)body[2] << 16 | (uint32_t)body[3] << 24;

    switch (frame->header.code) {
    case ECHO_STREAM:
        link->left = size;
        link->stream = frame->header.stream;
        return true;
    case ECHO_CLOSE:
        answer(link, FRAME_REPLY, frame->header.stream, size);
        link->carrier.want_close(link->carrier.conn);
        return false;
    case ECHO_HOLD:
        link->held++;
        return true;
    case ECHO_LATER:
        answer_later(link, frame->header.stream, size);
        return true;
    default:
        answer(link, FRAME_REPLY, frame->header.stream, size);
        return true;
    }
}

static bool handle(struct link *link, const struct frame *frame)
{
    switch (frame->header.type) {
    case FRAME_HELLO:
        link->is_logged_in = true;
        return true;
    case FRAME_REQUEST:
        return request(link, frame);
    case FRAME_PING:
        answer(link, FRAME_PONG, 0, 0);
        return true;
    default:
        return false;
    }
}

bool link_input(struct link *link, struct slice input, size_t *out_consumed)
{
    bool alive = true;

    *out_consumed = 0;
    while (alive && link_wants_input(link)) {
        struct slice rest = slice_of(input.data + *out_consumed, input.size - *out_consumed);
        struct frame frame;
        size_t n;

        switch (frame_parse(rest, FRAME_MAX, &frame, &n, NULL)) {
        case FRAME_NEEDS_MORE:
            return true;
        case FRAME_BROKEN:
            answer(link, FRAME_ERROR, 0, 0);
            return false;
        default:
            alive = handle(link, &frame);
            *out_consumed += n;
        }
    }
    return alive;
}

bool link_wants_input(const struct link *link)
{
    return link->carrier.out->size < OUTPUT_HIGH;
}

bool link_resume(struct link *link)
{
    uint32_t size = link->left < FRAME_CHUNK_MAX ? link->left : FRAME_CHUNK_MAX;

    if (link->left == 0 || !link_wants_input(link))
        return false;
    answer(link, FRAME_CHUNK, link->stream, size);
    link->left -= size;
    if (link->left == 0)
        answer(link, FRAME_END, link->stream, 0);
    return link->left > 0;
}

void link_tick(struct link *link, int64_t now_us)
{
    (void)link;
    (void)now_us;
}

void link_goaway(struct link *link, enum crm_status why)
{
    (void)why;
    answer(link, FRAME_GOAWAY, 0, 0);
}

bool link_is_idle(const struct link *link)
{
    return link->held == 0 && link->left == 0 && !link->is_later;
}

bool link_is_logged_in(const struct link *link)
{
    return link->is_logged_in;
}
