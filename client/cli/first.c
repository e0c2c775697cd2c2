/*
 * first.c - two answers to one command, the nearer one first
 *
 * Called by cli.c; main thread. The child never touches the replica and never writes to the terminal: its answer comes through a pipe. Changes that wait
 * in the outbox are in the replica's answer alone, so that the server is not asked while there are any.
 */
#include "client/cli/first.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/cli/command.h"
#include "client/cli/line.h"
#include "client/cli/outbox.h"
#include "client/cli/redraw.h"
#include "client/replica/replica.h"
#include "common/base/clock.h"
#include "common/base/text.h"

#define SECOND_US     INT64_C(1000000)
#define TIMEOUT_MAX_S 3600

/* What a run of the command came to. */
struct answer {
    enum crm_status status;
    char *text; /* what it printed, on both outputs; owned */
    size_t size;
};

/* What the child says: that the line has answered, and then its answer, whose text follows. */
struct news {
    bool is_answer;
    enum crm_status status;
    int64_t took_us; /* until the first answer; 0: there was none */
    size_t size;
};

struct first {
    struct cli *cli;
    int argc;
    char **argv;
    struct line line;
    uint64_t waiting; /* changes in the outbox */
    const char *age;
    pid_t child; /* 0: the server is not asked */
    int pipe;    /* from it; in the child, to the parent */
    bool has_connected;
    struct answer here, there;
    bool is_told; /* the footer stands in the cursor's line, to be replaced */
};

/* --- running the command */

static void keep_output(struct first *first, struct answer *answer, enum crm_status (*run)(struct first *first))
{
    struct cli *cli = first->cli;
    FILE *out = open_memstream(&answer->text, &answer->size);

    if (!out) {
        answer->status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        return;
    }
    cli->out = cli->err = out;
    answer->status = run(first);
    cli->out = stdout;
    cli->err = stderr;
    if (fclose(out) != 0 && !answer->status)
        answer->status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

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

static enum crm_status run_here(struct first *first)
{
    return first->cli->command->run(first->cli, first->argc, first->argv);
}

/* In the child: the same command over the line. What goes wrong is part of what is printed. */
static enum crm_status run_there(struct first *first)
{
    struct cli *cli = first->cli;
    struct news news = { 0 };
    enum crm_status status = cli_connect_measured(cli, &news.took_us);

    if (!status)
        (void)write_whole(first->pipe, &news, sizeof news);
    if (!status)
        status = run_here(first);
    if (status && !cli->reported) {
        cli->failure.status = status;
        cli_print_failure(cli, &cli->failure);
    }
    return status;
}

static _Noreturn void be_child(struct first *first)
{
    struct cli *cli = first->cli;
    struct answer answer = { 0 };
    struct news news = { .is_answer = true };

    cli->replica = NULL; /* the parent's */
    cli->client = NULL;
    cli->in_is_tty = false; /* nothing is asked here */
    keep_output(first, &answer, run_there);
    news.status = answer.status;
    news.size = answer.size;
    (void)(write_whole(first->pipe, &news, sizeof news) && write_whole(first->pipe, answer.text, answer.size));
    _exit(0);
}

/* Without a child the replica's answer stands. */
static void ask_there(struct first *first)
{
    int ends[2];

    fflush(stdout);
    if (pipe(ends) != 0)
        return;
    first->child = fork();
    if (first->child == 0) {
        close(ends[0]);
        first->pipe = ends[1];
        be_child(first);
    }
    close(ends[1]);
    first->pipe = ends[0];
    if (first->child < 0) {
        close(ends[0]);
        first->child = 0;
    }
}

static void end_child(struct first *first)
{
    if (!first->child)
        return;
    kill(first->child, SIGTERM);
    close(first->pipe);
    while (waitpid(first->child, NULL, 0) < 0 && errno == EINTR)
        ;
    first->child = 0;
}

/* --- waiting */

/* size bytes from the child, until a moment of clock_monotonic_us; 0: as long as it takes, it has limits of its own. */
static bool read_whole(struct first *first, void *data, size_t size, int64_t until_us)
{
    uint8_t *at = data;

    while (size > 0) {
        struct pollfd in = { .fd = first->pipe, .events = POLLIN };
        int64_t left_us = until_us - clock_monotonic_us();
        ssize_t n;

        if (until_us && left_us <= 0)
            return false;
        n = poll(&in, 1, until_us ? (int)(left_us / 1000 + 1) : -1);
        if (n > 0)
            n = read(first->pipe, at, size);
        else if (n == 0)
            continue;
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* Was that the server's word, or was there none? */
static bool is_of_line(enum crm_status status)
{
    return status == CRM_UNREACHABLE || status == CRM_DEADLINE || status == CRM_SHUTTING_DOWN || status == CRM_BUSY;
}

/* As long as the user says, else as long as the line is known to take. */
static int64_t budget_of(const struct first *first)
{
    int64_t seconds = first->cli->options.timeout;

    if (!seconds)
        return line_budget_us(&first->line);
    return (seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S) * SECOND_US;
}

/* The child's answer is in first->there; false: none, or none in time. A budget for the first answer of the line, and another for the rest. */
static bool wait_there(struct first *first, bool has_time)
{
    int64_t budget_us = budget_of(first);
    struct news news;

    for (;;) {
        int64_t until_us = has_time ? 0 : clock_monotonic_us() + budget_us;

        if (!read_whole(first, &news, sizeof news, until_us))
            return false;
        if (news.is_answer)
            break;
        first->has_connected = true;
        line_answered(&first->line, news.took_us);
    }
    first->there.status = news.status;
    first->there.size = news.size;
    first->there.text = malloc(news.size + 1);
    return first->there.text && read_whole(first, first->there.text, news.size, 0) && !is_of_line(news.status);
}

/* --- the screen */

static struct screen screen_of(const struct cli *cli)
{
    const char *term = getenv("TERM");
    struct winsize window;
    struct screen screen = { .columns = 80, .rows = 24, .has_cursor = cli->out_is_tty && cli->err_is_tty && term && *term && strcmp(term, "dumb") != 0 };

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 0 && window.ws_col > 0) {
        screen.columns = window.ws_col;
        screen.rows = window.ws_row;
    }
    return screen;
}

static void show(const struct answer *answer)
{
    fwrite(answer->text, 1, answer->size, stdout);
    fflush(stdout);
}

/* While the server is asked: in a line that is written over. */
static void tell_asking(struct first *first)
{
    struct cli *cli = first->cli;
    const struct screen screen = screen_of(cli);
    const char *text = arena_printf(&cli->arena, cli->chinese ? "数据为%s前,正在询问服务器 …" : "as of %s ago, asking the server …", first->age);

    if (!text || !screen.has_cursor || cli->options.quiet || text_width(slice_text(text)) >= screen.columns)
        return;
    fputs(text, stderr);
    fflush(stderr);
    first->is_told = true;
}

static void clear_line(struct first *first)
{
    if (first->is_told)
        fputs("\r\033[K", stderr);
    fflush(stderr);
    first->is_told = false;
}

/* How old what stands there is. Also where the error output is no terminal: nothing old is shown without its age. */
static void tell_age(struct first *first)
{
    struct cli *cli = first->cli;
    const char *text;

    clear_line(first);
    if (cli->options.quiet)
        return;
    if (first->waiting)
        text = arena_printf(&cli->arena, cli->chinese ? "数据为%s前,含 %d 项待提交更改 (crm sync)" : "as of %s ago, with %d %s to be sent by crm sync", first->age,
                            (int)first->waiting, first->waiting == 1 ? "change" : "changes");
    else if (first->has_connected)
        text = arena_printf(&cli->arena, cli->chinese ? "数据为%s前,服务器响应较慢" : "as of %s ago: the line is slow", first->age);
    else
        text = arena_printf(&cli->arena, cli->chinese ? "离线:数据为%s前" : "offline: as of %s ago", first->age);
    fprintf(stderr, "%s\n", text ? text : "");
}

static void tell_fresh(struct first *first)
{
    clear_line(first);
    cli_hint(first->cli, "%s", cli_label(first->cli, "as of now", "数据为最新"));
}

/* The server's answer in the place of the replica's. */
static void show_newer(struct first *first)
{
    const struct screen screen = screen_of(first->cli);
    const struct slice older = slice_of(first->here.text, first->here.size), newer = slice_of(first->there.text, first->there.size);

    clear_line(first);
    switch (redraw_choose(older, newer, &screen)) {
    case REDRAW_NOTHING:
        break;
    case REDRAW_OVER:
        if (older.size > 0)
            printf("\033[%zuA\r\033[J", redraw_lines(older, screen.columns));
        show(&first->there);
        break;
    case REDRAW_BELOW:
        cli_hint(first->cli, "%s", cli_label(first->cli, "The server has newer:", "服务器上有更新:"));
        show(&first->there);
        break;
    }
    tell_fresh(first);
}

/* --- the whole */

/* What the replica says is shown, and then what the line brings. */
static enum crm_status settle_shown(struct first *first)
{
    struct cli *cli = first->cli;

    show(&first->here);
    if (!first->child) {
        tell_age(first);
        return CRM_OK;
    }
    tell_asking(first);
    if (!wait_there(first, false)) {
        if (!first->has_connected && !first->there.status)
            line_missed(&first->line);
        tell_age(first);
        return CRM_OK;
    }
    if (!first->there.status) {
        show_newer(first);
        return CRM_OK;
    }
    tell_age(first);
    if (first->there.status == CRM_AMBIGUOUS) /* here it was settled by a question */
        return CRM_OK;
    fwrite(first->there.text, 1, first->there.size, stderr);
    cli->reported = true;
    return first->there.status;
}

/* The replica has no answer: the server's is waited for, unless there is nothing to ask. */
static enum crm_status settle_failed(struct first *first)
{
    struct cli *cli = first->cli;
    enum crm_status status = first->here.status;

    if (status != CRM_USAGE && !first->child)
        ask_there(first);
    if (status != CRM_USAGE && first->child && wait_there(first, true)) {
        status = first->there.status;
        fwrite(first->there.text, 1, first->there.size, status ? stderr : stdout);
        cli->reported = status != CRM_OK;
        return status;
    }
    show(&first->here);
    tell_age(first);
    return status;
}

bool first_begin(struct cli *cli)
{
    const struct options *options = &cli->options;

    if (!cli_may_answer_first(cli) || options->explain || options->as_of || options->deleted)
        return false;
    if (cli_open_replica(cli, false) == CRM_OK)
        return true;
    cli->failure = (struct failure){ 0 };
    return false;
}

enum crm_status first_run(struct cli *cli, int argc, char **argv)
{
    struct first first = { .cli = cli, .argc = argc, .argv = argv, .age = cli_age(cli, replica_state(cli->replica)->synced_us) };
    struct outbox_tally tally;
    enum crm_status status = outbox_tally(cli->replica, &tally, &cli->failure);

    if (status)
        return status;
    first.waiting = tally.waiting;
    line_read(cli->profile.home, &first.line);
    if (!first.waiting)
        ask_there(&first);
    keep_output(&first, &first.here, run_here);
    status = first.here.status ? settle_failed(&first) : settle_shown(&first);
    if (first.child) /* what was learned */
        line_write(cli->profile.home, &first.line);
    end_child(&first);
    free(first.here.text);
    free(first.there.text);
    return status;
}
