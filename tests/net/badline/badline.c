/*
 * badline.c - starts the emulator's process, asks it, enters its namespaces
 *
 * Called by test programs and by badline_main.c. Owns the socket to the process and the descriptors of the namespaces.
 */
#include "tests/net/badline/badline.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/net/badline/badline_host.h"
#include "tests/net/badline/badline_loop.h"

#define FDS_MAX 3

struct badline {
    pid_t pid;
    int socket;
    int networks[BADLINE_SIDES];
    int user; /* the user namespace that owns them; -1: ours */
};

/* --- questions */

static bool ask(struct badline *line, const struct badline_question *question, struct badline_answer *out_answer)
{
    ssize_t size;

    if (send(line->socket, question, sizeof(*question), MSG_NOSIGNAL) != (ssize_t)sizeof(*question))
        return false;
    do
        size = recv(line->socket, out_answer, sizeof(*out_answer), 0);
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof(*out_answer))
        fprintf(stderr, "badline: the emulator has ended\n");
    return size == (ssize_t)sizeof(*out_answer);
}

bool badline_set(struct badline *line, const struct badline_config *config)
{
    struct badline_question question = { .ask = BADLINE_ASK_SET };
    struct badline_answer answer;

    memcpy(question.way, config->way, sizeof(question.way));
    return ask(line, &question, &answer) && answer.error == 0;
}

bool badline_stats(struct badline *line, struct badline_count out_counts[BADLINE_SIDES])
{
    const struct badline_question question = { .ask = BADLINE_ASK_STATS };
    struct badline_answer answer;

    if (!ask(line, &question, &answer))
        return false;
    memcpy(out_counts, answer.counts, sizeof(answer.counts));
    return true;
}

bool badline_move(struct badline *line, const char *address)
{
    struct badline_question question = { .ask = BADLINE_ASK_MOVE };
    struct badline_answer answer;

    if ((size_t)snprintf(question.address, sizeof(question.address), "%s", address) >= sizeof(question.address))
        return false;
    return ask(line, &question, &answer) && answer.error == 0;
}

bool badline_wait_bytes(struct badline *line, enum badline_side side, uint64_t bytes, int timeout_ms)
{
    const struct badline_question question = {
        .ask = BADLINE_ASK_WAIT, .side = side, .bytes = bytes, .timeout_us = (int64_t)timeout_ms * 1000
    };
    struct badline_answer answer;

    return ask(line, &question, &answer) && answer.error == 0;
}

/* --- namespaces */

bool badline_enter(const struct badline *line, enum badline_side side)
{
    if ((line->user < 0 || setns(line->user, CLONE_NEWUSER) == 0) && setns(line->networks[side], CLONE_NEWNET) == 0)
        return true;
    perror("badline: a namespace cannot be entered");
    return false;
}

/* --- its life */

/* The emulator's first answer, with the namespaces. */
static bool receive_start(struct badline *line, struct badline_answer *out_answer)
{
    char control[CMSG_SPACE(FDS_MAX * sizeof(int))] __attribute__((aligned(sizeof(struct cmsghdr))));
    struct iovec part = { out_answer, sizeof(*out_answer) };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
    struct cmsghdr *rights;
    int fds[FDS_MAX] = { -1, -1, -1 };
    ssize_t size;

    do
        size = recvmsg(line->socket, &header, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size != (ssize_t)sizeof(*out_answer))
        return false;
    rights = CMSG_FIRSTHDR(&header);
    if (rights && rights->cmsg_type == SCM_RIGHTS && rights->cmsg_len <= CMSG_LEN(sizeof(fds)))
        memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    line->networks[BADLINE_CLIENT] = fds[0];
    line->networks[BADLINE_SERVER] = fds[1];
    line->user = fds[2];
    return out_answer->error != 0 || (fds[0] >= 0 && fds[1] >= 0);
}

/* In the child: never returns. */
static void become_emulator(const struct badline_config *config, int socket, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    _exit(badline_loop(config, socket));
}

static enum badline_start tell_why_not(const struct badline_answer *answer)
{
    bool is_refusal = badline_host_is_refusal(answer->error);

    fprintf(stderr, "badline: %s%s: %s\n", is_refusal ? "no right to make " : "cannot make ", answer->step, strerror(answer->error));
    return is_refusal ? BADLINE_REFUSED : BADLINE_FAILED;
}

enum badline_start badline_start(const struct badline_config *config, struct badline **out_line)
{
    struct badline *line = malloc(sizeof(*line));
    struct badline_answer answer = { .error = EIO, .step = "the emulator's process" };
    enum badline_start result = BADLINE_FAILED;
    pid_t parent = getpid();
    int ends[2];

    if (!line)
        return BADLINE_FAILED;
    *line = (struct badline){ .socket = -1, .networks = { -1, -1 }, .user = -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        goto out;
    line->socket = ends[0];
    line->pid = fork();
    if (line->pid == 0) {
        close(ends[0]);
        become_emulator(config, ends[1], parent);
    }
    close(ends[1]);
    if (line->pid < 0 || !receive_start(line, &answer) || answer.error) {
        result = tell_why_not(&answer);
        goto out;
    }
    *out_line = line;
    return BADLINE_STARTED;

out:
    badline_stop(line);
    return result;
}

void badline_stop(struct badline *line)
{
    if (!line)
        return;
    if (line->pid > 0) {
        /* Not by closing the socket: a child of the caller may hold another of it. */
        kill(line->pid, SIGKILL);
        while (waitpid(line->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (line->socket >= 0)
        close(line->socket);
    for (int side = 0; side < BADLINE_SIDES; side++)
        if (line->networks[side] >= 0)
            close(line->networks[side]);
    if (line->user >= 0)
        close(line->user);
    free(line);
}
