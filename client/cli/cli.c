/*
 * cli.c - from arguments to an exit code
 *
 * Finds the command, reads its options, prepares what it needs (profile, connection), runs it, and
 * says what went wrong. Commands return a status and leave the sentence in cli->failure; printing
 * it is this file's, so that no failure is told twice.
 */
#include "client/cli/cli.h"

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/command.h"
#include "client/cli/first.h"
#include "client/cli/help.h"
#include "client/cli/sync_seal.h"
#include "client/replica/replica.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

#define ARENA_BUDGET ((size_t)512 << 20)

/* The language of labels. Read from the environment itself: it holds also where the locale's data
 * is not installed. */
static bool locale_is_chinese(void)
{
    static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strncmp(value, "zh", 2) == 0;
    }
    return false;
}

/* All our text is UTF-8; libsmartcols measures it with the C library, which must be told so even
 * under LANG=C. */
static void init_locale(void)
{
    if (!setlocale(LC_ALL, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    (void)setlocale(LC_NUMERIC, "C"); /* jansson and printf write numbers for programs */
    tzset();
}

void cli_init(struct cli *cli)
{
    *cli = (struct cli){ 0 };
    arena_init(&cli->arena, ARENA_BUDGET);
    titles_init(&cli->titles);
    cli->out = stdout;
    cli->err = stderr;
    cli->in_is_tty = isatty(STDIN_FILENO) == 1;
    cli->out_is_tty = isatty(STDOUT_FILENO) == 1;
    cli->err_is_tty = isatty(STDERR_FILENO) == 1;
    cli->chinese = locale_is_chinese();
}

enum crm_status cli_prepare(struct cli *cli, bool profile_needed)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    enum crm_status status;

    cli->colour = cli->out_is_tty && !cli->options.no_color && !(no_color && *no_color) &&
                  !(term && strcmp(term, "dumb") == 0);
    if (schema_create(&cli->schema) != CRM_OK)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!profile_needed)
        return CRM_OK;
    status = profile_load(&cli->profile, cli->options.home, &cli->failure);
    return status ? status : cli_take_api_token(cli);
}

void cli_fini(struct cli *cli)
{
    crm_client_destroy(cli->client);
    replica_close(cli->replica);
    if (cli->schema)
        schema_unref(cli->schema);
    titles_fini(&cli->titles);
    arena_fini(&cli->arena);
    secret_wipe(cli->profile.token, sizeof(cli->profile.token));
}

struct value_context cli_value_context(const struct cli *cli)
{
    int64_t now = clock_now_us();

    return (struct value_context){ .currency = cli->profile.currency,
                                   .today = day_of_instant(now),
                                   .now_us = now };
}

/* Options may stand before the command's name; bring the name to the front. false if there is no
 * name. */
static bool name_to_front(int argc, char **argv)
{
    int i = 1;

    while (i < argc && argv[i][0] == '-') {
        if (strcmp(argv[i], "--home") == 0 || strcmp(argv[i], "--timeout") == 0 ||
            strcmp(argv[i], "--token-file") == 0)
            i++;
        i++;
    }
    if (i >= argc)
        return false;
    for (char *name = argv[i]; i > 0; i--)
        argv[i] = i > 1 ? argv[i - 1] : name;
    return true;
}

static enum crm_status unknown_command(struct cli *cli, const char *name)
{
    const char *near = command_suggest(NULL, name);

    if (near)
        return fail(&cli->failure, CRM_USAGE, NULL, "there is no command '%s'; did you mean '%s'?",
                    name, near);
    return fail(&cli->failure, CRM_USAGE, NULL, "there is no command '%s'; crm help lists them",
                name);
}

/* cli->command, over the connection that it needs. */
static enum crm_status connect_and_run(struct cli *cli, int argc, char **argv)
{
    enum crm_status status = CRM_OK;

    if (cli->command->flags & COMMAND_CONNECTS) {
        if (first_begin(cli))
            return first_run(cli, argc, argv);
        status = cli_connect(cli);
    }
    return status ? status : cli->command->run(cli, argc, argv);
}

/* crm without a command: today for who is logged in, else how to begin. */
static enum crm_status run_bare(struct cli *cli, int argc, char **argv)
{
    static char today[] = "today";
    static const enum option_id none[] = { OPT_END };
    int n;
    enum crm_status status;

    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        return cmd_version(cli, argc, argv);
    status = options_parse(none, argc, argv, &cli->options, &n, &cli->failure);
    if (status)
        return status;
    status = cli_prepare(cli, !cli->options.help);
    if (status)
        return status;
    if (cli->options.help || cli->profile.token_size == 0) {
        help_overview(stdout, cli->options.help);
        return CRM_OK;
    }
    cli->command = command_find(today);
    return connect_and_run(cli, 1, (char *[]){ today, NULL });
}

/* A group without a verb, or with one that it does not have: say which there are. */
static enum crm_status run_group(struct cli *cli, const struct command *group, int argc,
                                 char **argv)
{
    const char *near = argc > 0 ? command_suggest(group, argv[1]) : NULL;
    const struct command *verb;
    char known[200] = "";
    size_t size = 0;

    if (cli->options.help) {
        help_command(stdout, group);
        return CRM_OK;
    }
    for (size_t i = 0; (verb = command_below(group, i)) && size < sizeof(known); i++)
        size += (size_t)snprintf(known + size, sizeof(known) - size, "%s%s", i ? ", " : "",
                                 command_word(verb));
    if (argc == 0)
        return fail(&cli->failure, CRM_USAGE, NULL, "crm %s is followed by one of: %s", group->name,
                    known);
    if (near)
        return fail(&cli->failure, CRM_USAGE, NULL, "crm %s has no '%s'; did you mean '%s'?",
                    group->name, argv[1], near);
    return fail(&cli->failure, CRM_USAGE, NULL, "crm %s has no '%s', but: %s", group->name, argv[1],
                known);
}

static enum crm_status run_command(struct cli *cli, int argc, char **argv)
{
    int n, depth;
    const struct command *command = command_resolve(argc, argv, &depth);
    enum crm_status status;

    if (!command)
        return unknown_command(cli, argv[0]);
    cli->command = command;
    argc -= depth - 1;
    argv += depth - 1;
    status = options_parse(command->options, argc, argv, &cli->options, &n, &cli->failure);
    if (status)
        return status;
    if (command->verbs)
        return run_group(cli, command, n, argv);
    if (cli->options.help) {
        help_command(stdout, command);
        return CRM_OK;
    }
    if (n < command->min_args || (command->max_args >= 0 && n > command->max_args))
        return fail(&cli->failure, CRM_USAGE, NULL, "usage: crm %s %s", command->name,
                    command->synopsis);
    status = cli_prepare(cli, !(command->flags & COMMAND_PURE));
    return status ? status : connect_and_run(cli, n + 1, argv);
}

/* Has whoever read our output gone away? The failed write was somewhere in the middle, its errno is
 * lost: ask the pipe itself. */
static bool reader_is_gone(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

    return poll(&out, 1, 0) == 1 && out.revents & (POLLERR | POLLHUP);
}

/* Results that could not be written are a failure, unless the reader has had enough (`crm list
 * deals | head`). */
static enum crm_status finish_output(struct cli *cli, enum crm_status status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (reader_is_gone())
        return status == CRM_CANCELLED ? CRM_OK : status;
    if (status == CRM_CANCELLED)
        status = CRM_OK;
    return status ? status : fail(&cli->failure, CRM_IO, NULL, "the result could not be written");
}

int cli_main(int argc, char **argv)
{
    struct cli cli;
    enum crm_status status;

    signal(SIGPIPE, SIG_IGN);
    init_locale();
    cli_init(&cli);
    seal_ask_by(&cli);
    if (name_to_front(argc, argv))
        status = run_command(&cli, argc - 1, argv + 1);
    else
        status = run_bare(&cli, argc, argv);
    seal_obey(&cli);
    status = finish_output(&cli, status);
    if (status && !cli.reported) {
        cli.failure.status = status;
        cli_print_failure(&cli, &cli.failure);
    }
    cli_fini(&cli);
    return crm_status_info((int)status)->exit_code;
}
