/*
 * there.c - the child and its pipe
 *
 * Called by first.c; main thread of a process without others, so that the child may do anything.
 */
#include "client/cli/there.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/command.h"
#include "common/base/clock.h"

/* What the child says: that the line has answered, and then its answer, whose text follows. */
struct news {
    bool is_answer, must_wipe;
    enum crm_status status;
    int64_t took_us; /* until the first answer */
    struct failure failure;
    size_t size;
};

void answer_keep(struct cli *cli, int argc, char **argv, answer_run *run, void *arg, struct answer *out_answer)
{
    FILE *out = open_memstream(&out_answer->text, &out_answer->size);

    if (!out) {
        out_answer->status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        return;
    }
    cli->out = cli->err = out;
    out_answer->status = run(cli, argc, argv, arg);
    cli->out = stdout;
    cli->err = stderr;
    if (fclose(out) != 0 && !out_answer->status)
        out_answer->status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

/* --- in the child */

static bool write_whole(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* The command over the line. What goes wrong is part of what is printed. */
static enum crm_status run_there(struct cli *cli, int argc, char **argv, void *arg)
{
    const int *fd = arg;
    struct news news = { 0 };
    enum crm_status status = cli_connect_measured(cli, &news.took_us);

    if (!status)
        (void)write_whole(*fd, &news, sizeof news); /* a parent that is gone is noticed with the answer */
    if (!status)
        status = cli->command->run(cli, argc, argv);
    if (status && !cli->reported) {
        cli->failure.status = status;
        cli_print_failure(cli, &cli->failure);
    }
    return status;
}

static _Noreturn void be_child(struct cli *cli, int argc, char **argv, int fd)
{
    struct answer answer = { 0 };
    struct news news = { .is_answer = true };

    cli->replica = NULL; /* the parent's, as its client is */
    cli->client = NULL;
    cli->in_is_tty = false; /* nothing is asked here */
    answer_keep(cli, argc, argv, run_there, &fd, &answer);
    news.status = answer.status;
    news.must_wipe = cli->client && crm_client_must_wipe(cli->client);
    news.failure = cli->failure;
    news.size = answer.size;
    (void)(write_whole(fd, &news, sizeof news) && write_whole(fd, answer.text, answer.size));
    _exit(0);
}

/* --- in the parent */

void there_begin(struct there *there, struct cli *cli, int argc, char **argv)
{
    int ends[2];

    fflush(stdout);
    if (pipe(ends) != 0)
        return;
    there->child = fork();
    if (there->child == 0) {
        close(ends[0]);
        be_child(cli, argc, argv, ends[1]);
    }
    close(ends[1]);
    there->pipe = ends[0];
    if (there->child < 0) {
        close(ends[0]);
        there->child = 0;
    }
}

void there_end(struct there *there)
{
    free(there->answer.text);
    there->answer.text = NULL;
    if (!there->child)
        return;
    kill(there->child, SIGTERM);
    close(there->pipe);
    while (waitpid(there->child, NULL, 0) < 0 && errno == EINTR)
        ;
    there->child = 0;
}

/* size bytes from the child, until a moment of clock_monotonic_us; 0: as long as it takes. */
static bool read_whole(const struct there *there, void *data, size_t size, int64_t until_us)
{
    uint8_t *at = data;

    while (size > 0) {
        struct pollfd in = { .fd = there->pipe, .events = POLLIN };
        int64_t left_us = until_us - clock_monotonic_us();
        ssize_t n;

        if (until_us && left_us <= 0)
            return false;
        n = poll(&in, 1, until_us ? (int)(left_us / 1000 + 1) : -1);
        if (n == 0 || (n < 0 && errno == EINTR))
            continue;
        n = n > 0 ? read(there->pipe, at, size) : -1;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static bool read_answer(struct there *there, const struct news *news)
{
    there->must_wipe = news->must_wipe;
    there->failure = news->failure;
    there->answer.text = malloc(news->size + 1);
    there->answer.size = news->size;
    if (!there->answer.text || !read_whole(there, there->answer.text, news->size, 0))
        return false;
    there->answer.status = news->status;
    return true;
}

bool there_wait(struct there *there, int64_t budget_us)
{
    struct news news;

    for (;;) {
        if (!read_whole(there, &news, sizeof news, budget_us ? clock_monotonic_us() + budget_us : 0))
            return false;
        if (news.is_answer)
            return read_answer(there, &news);
        there->has_connected = true;
        there->took_us = news.took_us;
    }
}

bool there_has_answered(const struct there *there)
{
    const enum crm_status status = there->answer.status;

    return there->answer.text && status != CRM_UNREACHABLE && status != CRM_DEADLINE && status != CRM_SHUTTING_DOWN && status != CRM_BUSY;
}
