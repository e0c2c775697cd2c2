/*
 * badline_loop.c - the emulator's process: makes the two ends and moves packets between them
 *
 * One thread, one epoll: the devices, the socket to the program that asks, and one timer for whatever is due next. Owns the ends and the queues;
 * what happens to a packet is the queue's matter.
 */
#include "tests/net/badline/badline_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/badline/badline_host.h"

#define NS_PER_S     INT64_C(1000000000)
#define NS_PER_US    INT64_C(1000)
#define READS_A_TURN 64 /* of one device, so that the other and the timer get their turn */
#define NEVER_NS     INT64_MAX
#define IPV4         4

/* What an event is about: the ends by their number, then these. */
enum source { SOURCE_SOCKET = BADLINE_SIDES, SOURCE_TIMER, N_SOURCES };

/* The asker that waits for bytes. */
struct waiter {
    bool is_waiting;
    enum badline_side side;
    uint64_t bytes;   /* of the count, in all */
    int64_t until_ns;
};

struct loop {
    struct badline_host hosts[BADLINE_SIDES];
    struct badline_queue *queues[BADLINE_SIDES]; /* of what each end sends */
    int user;   /* the user namespace, -1: none */
    int socket;
    int epoll;
    int timer;
    struct waiter waiter;
};

static const char *const addresses[BADLINE_SIDES] = { BADLINE_CLIENT_ADDRESS, BADLINE_SERVER_ADDRESS };

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* --- answers */

static void answer(const struct loop *loop, int error)
{
    struct badline_answer message = { .error = error };

    for (int side = 0; side < BADLINE_SIDES; side++)
        message.counts[side] = badline_queue_count(loop->queues[side]);
    (void)send(loop->socket, &message, sizeof(message), MSG_NOSIGNAL); /* an asker that is gone ends the loop anyway */
}

/* The first answer: the namespaces, or why there are none. */
static bool announce(const struct loop *loop, int error, const char *step)
{
    struct badline_answer message = { .error = error };
    int fds[3] = { loop->hosts[BADLINE_CLIENT].network, loop->hosts[BADLINE_SERVER].network, loop->user };
    char control[CMSG_SPACE(sizeof(fds))] __attribute__((aligned(sizeof(struct cmsghdr)))) = { 0 };
    struct iovec part = { &message, sizeof(message) };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    size_t fds_size;

    snprintf(message.step, sizeof(message.step), "%s", step);
    message.n_fds = error ? 0 : loop->user < 0 ? 2 : 3;
    fds_size = (size_t)message.n_fds * sizeof(int);
    if (message.n_fds) {
        struct cmsghdr *rights;

        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(fds_size);
        rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds_size);
        memcpy(CMSG_DATA(rights), fds, fds_size);
    }
    return sendmsg(loop->socket, &header, MSG_NOSIGNAL) == (ssize_t)sizeof(message) && !error;
}

static void begin_to_wait(struct loop *loop, const struct badline_question *question)
{
    loop->waiter = (struct waiter){
        .is_waiting = true,
        .side = question->side,
        .bytes = badline_queue_count(loop->queues[question->side]).delivered_bytes + question->bytes,
        .until_ns = now_ns() + question->timeout_us * NS_PER_US,
    };
}

static void look_after_the_waiter(struct loop *loop)
{
    const struct waiter *waiter = &loop->waiter;
    bool has_come;

    if (!waiter->is_waiting)
        return;
    has_come = badline_queue_count(loop->queues[waiter->side]).delivered_bytes >= waiter->bytes;
    if (!has_come && now_ns() < waiter->until_ns)
        return;
    loop->waiter.is_waiting = false;
    answer(loop, has_come ? 0 : ETIMEDOUT);
}

/* false: nobody asks any more. */
static bool take_question(struct loop *loop)
{
    struct badline_question question;
    ssize_t size = recv(loop->socket, &question, sizeof(question), 0);

    if (size < 0 && errno == EINTR)
        return true;
    if (size != (ssize_t)sizeof(question))
        return false;
    switch (question.ask) {
    case BADLINE_ASK_SET:
        for (int side = 0; side < BADLINE_SIDES; side++)
            badline_queue_set(loop->queues[side], now_ns(), &question.way[side]);
        answer(loop, 0);
        break;
    case BADLINE_ASK_STATS:
        answer(loop, 0);
        break;
    case BADLINE_ASK_MOVE:
        answer(loop, badline_host_move(&loop->hosts[BADLINE_CLIENT], question.address));
        break;
    case BADLINE_ASK_WAIT:
        begin_to_wait(loop, &question);
        break;
    }
    return true;
}

/* --- packets */

/* What the kernel of an end sends. Its IPv6 talks to itself as soon as a device is up: that is no traffic of ours. */
static void take_packets(struct loop *loop, int side)
{
    static uint8_t bytes[BADLINE_PACKET_MAX];

    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t size = read(loop->hosts[side].tun, bytes, sizeof(bytes));

        if (size <= 0)
            return;
        if (bytes[0] >> 4 == IPV4)
            badline_queue_put(loop->queues[side], now_ns(), bytes, (size_t)size);
    }
}

/* What has come through to the other end. A packet that its kernel does not take is lost there, as on a real host. */
static void deliver(struct loop *loop)
{
    for (int side = 0; side < BADLINE_SIDES; side++) {
        struct badline_packet *packet;

        while ((packet = badline_queue_take(loop->queues[side], now_ns()))) {
            (void)!write(loop->hosts[1 - side].tun, packet->bytes, packet->size);
            free(packet);
        }
    }
}

static void set_timer(const struct loop *loop)
{
    int64_t next_ns = loop->waiter.is_waiting ? loop->waiter.until_ns : NEVER_NS;
    struct itimerspec when = { 0 }; /* never */

    for (int side = 0; side < BADLINE_SIDES; side++) {
        int64_t due_ns = badline_queue_next_ns(loop->queues[side]);

        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    if (next_ns != NEVER_NS) {
        when.it_value.tv_sec = next_ns / NS_PER_S;
        when.it_value.tv_nsec = next_ns % NS_PER_S;
    }
    timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* --- its life */

static bool watch(const struct loop *loop, uint32_t source, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static int open_hosts(struct loop *loop, const char **out_step)
{
    int error = badline_host_prepare(&loop->user);

    *out_step = "a namespace";
    for (int side = 0; side < BADLINE_SIDES && !error; side++)
        error = badline_host_open(&loop->hosts[side], addresses[side], out_step);
    return error;
}

static int open_loop(struct loop *loop, const struct badline_config *config, const char **out_step)
{
    int error = open_hosts(loop, out_step);

    if (error)
        return error;
    *out_step = "the emulator";
    for (int side = 0; side < BADLINE_SIDES; side++) {
        loop->queues[side] = badline_queue_create(2 * config->seed + (uint64_t)side);
        if (!loop->queues[side])
            return ENOMEM;
        badline_queue_set(loop->queues[side], now_ns(), &config->way[side]);
    }
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    for (int side = 0; side < BADLINE_SIDES; side++)
        if (!watch(loop, (uint32_t)side, loop->hosts[side].tun))
            return errno;
    return watch(loop, SOURCE_SOCKET, loop->socket) && watch(loop, SOURCE_TIMER, loop->timer) ? 0 : errno;
}

/* One wait and what it brought; false: the end. */
static bool turn(struct loop *loop)
{
    struct epoll_event events[N_SOURCES];
    uint64_t expirations;
    int n;

    set_timer(loop);
    n = epoll_wait(loop->epoll, events, N_SOURCES, -1);
    if (n < 0)
        return errno == EINTR;
    for (int i = 0; i < n; i++) {
        uint32_t source = events[i].data.u32;

        if (source < BADLINE_SIDES)
            take_packets(loop, (int)source);
        else if (source == SOURCE_TIMER)
            (void)!read(loop->timer, &expirations, sizeof(expirations));
        else if (!take_question(loop))
            return false;
    }
    deliver(loop);
    look_after_the_waiter(loop);
    return true;
}

int badline_loop(const struct badline_config *config, int socket)
{
    struct loop loop = { .hosts = { BADLINE_HOST_NONE, BADLINE_HOST_NONE }, .user = -1, .socket = socket, .epoll = -1, .timer = -1 };
    const char *step = "";
    int error = open_loop(&loop, config, &step);
    bool is_up = announce(&loop, error, step);

    while (is_up && turn(&loop))
        ;
    for (int side = 0; side < BADLINE_SIDES; side++) {
        badline_queue_destroy(loop.queues[side]);
        badline_host_close(&loop.hosts[side]);
    }
    if (loop.epoll >= 0)
        close(loop.epoll);
    if (loop.timer >= 0)
        close(loop.timer);
    if (loop.user >= 0)
        close(loop.user);
    return is_up ? 0 : 1;
}
