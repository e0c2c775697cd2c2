/*
 * first.c - two answers to one command, the nearer one first
 *
 * Called by cli.c; main thread. Changes that wait in the outbox are in the replica's answer alone, so that the server is not asked while there are any.
 */
#include "client/cli/first.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/cli/command.h"
#include "client/cli/line.h"
#include "client/cli/outbox.h"
#include "client/cli/redraw.h"
#include "client/cli/sync_seal.h"
#include "client/cli/there.h"
#include "client/replica/replica.h"
#include "common/base/text.h"

#define SECOND_US     INT64_C(1000000)
#define TIMEOUT_MAX_S 3600

struct first {
    struct cli *cli;
    int argc;
    char **argv;
    struct line line;
    uint64_t waiting; /* changes in the outbox */
    const char *age;
    struct answer here;
    struct there there;
    bool is_told; /* that the server is asked stands in the cursor's line, to be replaced */
};

static enum crm_status run_here(struct cli *cli, int argc, char **argv, void *arg)
{
    (void)arg;
    return cli->command->run(cli, argc, argv);
}

/* As long as the user says, else as long as the line is known to take. */
static int64_t budget_of(const struct first *first)
{
    int64_t seconds = first->cli->options.timeout;

    if (!seconds)
        return line_budget_us(&first->line);
    return (seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S) * SECOND_US;
}

/* Has the server answered, in time? What the line has shown of itself is learned. */
static bool wait_there(struct first *first, int64_t budget_us)
{
    struct there *there = &first->there;
    bool is_in_time = there_wait(there, budget_us);

    if (there->has_connected)
        line_answered(&first->line, there->took_us);
    else if (!is_in_time)
        line_missed(&first->line);
    line_write(first->cli->profile.home, &first->line);
    return is_in_time && there_has_answered(there);
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

static void show(struct slice text)
{
    fwrite(text.data, 1, text.size, stdout);
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
    else if (there_has_answered(&first->there))
        text = arena_printf(&cli->arena, cli->chinese ? "数据为%s前" : "as of %s ago", first->age);
    else if (first->there.has_connected)
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
    const struct slice older = slice_of(first->here.text, first->here.size), newer = slice_of(first->there.answer.text, first->there.answer.size);
    const struct redraw_plan plan = redraw_choose(older, newer, &screen);

    clear_line(first);
    if (plan.how == REDRAW_OVER && plan.up > 0)
        printf("\033[%zuA\r\033[J", plan.up);
    if (plan.how == REDRAW_OVER)
        show(slice_of(newer.data + plan.common, newer.size - plan.common));
    if (plan.how == REDRAW_BELOW) {
        cli_hint(first->cli, "%s", cli_label(first->cli, "The server has newer:", "服务器上有更新:"));
        show(newer);
    }
    tell_fresh(first);
}

/* --- the whole */

/* The server's refusal. Where the replica has to go, cli_main says so with it. */
static enum crm_status refuse(struct first *first)
{
    struct cli *cli = first->cli;

    cli->must_wipe = first->there.must_wipe;
    cli->reported = !cli->must_wipe;
    cli->failure = first->there.failure;
    if (cli->reported)
        fwrite(first->there.answer.text, 1, first->there.answer.size, stderr);
    return first->there.answer.status;
}

/* What the replica says is shown, and then what the line brings. */
static enum crm_status settle_shown(struct first *first)
{
    show(slice_of(first->here.text, first->here.size));
    if (!first->there.child) {
        tell_age(first);
        return CRM_OK;
    }
    tell_asking(first);
    if (!wait_there(first, budget_of(first))) {
        tell_age(first);
        return CRM_OK;
    }
    if (!first->there.answer.status) {
        show_newer(first);
        return CRM_OK;
    }
    tell_age(first);
    if (first->there.answer.status == CRM_AMBIGUOUS) /* here it was settled by a question */
        return CRM_OK;
    return refuse(first);
}

/* The replica has no answer: the server's is waited for, unless there is nothing to ask. */
static enum crm_status settle_failed(struct first *first)
{
    enum crm_status status = first->here.status;

    if (status != CRM_USAGE && !first->there.child)
        there_begin(&first->there, first->cli, first->argc, first->argv);
    if (status != CRM_USAGE && first->there.child && wait_there(first, 0)) {
        if (first->there.answer.status)
            return refuse(first);
        show(slice_of(first->there.answer.text, first->there.answer.size));
        return CRM_OK;
    }
    show(slice_of(first->here.text, first->here.size));
    tell_age(first);
    return status;
}

bool first_begin(struct cli *cli)
{
    const struct options *options = &cli->options;
    enum crm_status status;

    if (!cli_may_answer_first(cli) || options->explain || options->as_of || options->deleted)
        return false;
    seal_ask_nobody(); /* the server may answer as well */
    status = cli_open_replica(cli, false);
    seal_ask_by(cli);
    if (status == CRM_OK)
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
        there_begin(&first.there, cli, argc, argv);
    answer_keep(cli, argc, argv, run_here, NULL, &first.here);
    status = first.here.status ? settle_failed(&first) : settle_shown(&first);
    there_end(&first.there);
    free(first.here.text);
    return status;
}
