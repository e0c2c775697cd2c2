/*
 * badline_main.c - runs a command over a bad line, for stories and by hand
 *
 * The command runs in the client's namespace, with this program's standard input and output; a server may run in the other. Ends with the command's exit
 * code, 77 where namespaces cannot be made here, 2 for wrong use.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/net/badline/badline.h"

#define EXIT_SKIP    77
#define EXIT_USAGE   2
#define EXIT_NO_EXEC 127

/* What is to be done. */
struct plan {
    struct badline_config config;
    unsigned ways;      /* which directions the next option is for: 1 << side */
    const char *server; /* for sh; NULL: none */
    bool wants_stats;
    char **command;     /* NULL at the end */
};

/* The server that was started. */
struct server {
    pid_t pid;  /* leader of a group of its own; 0: none */
    int output; /* -1: closed */
};

static int usage(FILE *out)
{
    fputs("usage: badline [OPTION]... [--server COMMAND] -- COMMAND [ARGUMENT]...\n\n"
          "Runs COMMAND in a network of its own (" BADLINE_CLIENT_ADDRESS "), which a bad line joins to a server's (" BADLINE_SERVER_ADDRESS ").\n\n"
          "  --server COMMAND  run this by sh on the server's side; COMMAND waits for its first line of output\n"
          "  --delay MS        of each packet, each way\n"
          "  --jitter MS       up to so much more or less\n"
          "  --loss PERCENT    --duplicate PERCENT  --reorder PERCENT\n"
          "  --rate BITS       a second, as in 128k or 2M\n"
          "  --queue BYTES     room in front of the rate, as in 64k\n"
          "  --cut FOR/EVERY   cut for so many seconds at the end of each so many, as in 1/5\n"
          "  --dead            nothing gets through\n"
          "  --up, --down      what follows is for what the client, the server sends; --both: for both again\n"
          "  --seed N          another run of luck\n"
          "  --stats           say at the end what became of the packets\n",
          out);
    return out == stdout ? 0 : EXIT_USAGE;
}

/* --- options */

/* A number that is not negative, of which k and M make more. */
static bool parse_number(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || !(value >= 0 && value < 1e12))
        return false;
    if (*end == 'k' || *end == 'M')
        value *= *end++ == 'k' ? 1e3 : 1e6;
    *out = value;
    return *end == '\0';
}

static bool parse_cut(const char *text, struct badline_way *way)
{
    double seconds, period;
    const char *slash = strchr(text, '/');
    char first[32];

    if (!slash || (size_t)(slash - text) >= sizeof(first))
        return false;
    memcpy(first, text, (size_t)(slash - text));
    first[slash - text] = '\0';
    if (!parse_number(first, &seconds) || !parse_number(slash + 1, &period) || seconds > period || period <= 0)
        return false;
    way->cut_for_us = (int64_t)(seconds * 1e6);
    way->cut_every_us = (int64_t)(period * 1e6);
    return true;
}

static bool set_way(struct badline_way *way, int option, const char *text)
{
    double number = 0;

    if (option == 'c')
        return parse_cut(text, way);
    if (option != 'x' && !parse_number(text, &number))
        return false;
    switch (option) {
    case 'd':
        way->delay_us = (int64_t)(number * 1e3);
        return true;
    case 'j':
        way->jitter_us = (int64_t)(number * 1e3);
        return true;
    case 'l':
        way->loss = number / 100;
        return number <= 100;
    case 'D':
        way->duplicate = number / 100;
        return number <= 100;
    case 'r':
        way->reorder = number / 100;
        return number <= 100;
    case 'R':
        way->rate_bit_s = (uint64_t)number;
        return true;
    case 'q':
        way->queue_bytes = (uint64_t)number;
        return true;
    default:
        way->is_dead = true;
        return true;
    }
}

static bool take_option(struct plan *plan, int option, char *text)
{
    double number;
    bool is_good = true;

    switch (option) {
    case 'u':
        plan->ways = 1u << BADLINE_CLIENT;
        return true;
    case 'w':
        plan->ways = 1u << BADLINE_SERVER;
        return true;
    case 'b':
        plan->ways = 1u << BADLINE_CLIENT | 1u << BADLINE_SERVER;
        return true;
    case 's':
        plan->server = text;
        return true;
    case 'S':
        is_good = parse_number(text, &number);
        plan->config.seed = is_good ? (uint64_t)number : 0;
        return is_good;
    case 't':
        plan->wants_stats = true;
        return true;
    default:
        for (int side = 0; side < BADLINE_SIDES; side++)
            if (plan->ways & 1u << side)
                is_good &= set_way(&plan->config.way[side], option, text);
        return is_good;
    }
}

static const struct option options[] = {
    { "server", required_argument, NULL, 's' },    { "delay", required_argument, NULL, 'd' },   { "jitter", required_argument, NULL, 'j' },
    { "loss", required_argument, NULL, 'l' },      { "duplicate", required_argument, NULL, 'D' }, { "reorder", required_argument, NULL, 'r' },
    { "rate", required_argument, NULL, 'R' },      { "queue", required_argument, NULL, 'q' },   { "cut", required_argument, NULL, 'c' },
    { "dead", no_argument, NULL, 'x' },            { "up", no_argument, NULL, 'u' },            { "down", no_argument, NULL, 'w' },
    { "both", no_argument, NULL, 'b' },            { "seed", required_argument, NULL, 'S' },    { "stats", no_argument, NULL, 't' },
    { "help", no_argument, NULL, 'h' },            { 0 },
};

/* -1: go on; else the exit code. */
static int parse(struct plan *plan, int argc, char **argv)
{
    int option, index = 0;

    while ((option = getopt_long(argc, argv, "+", options, &index)) != -1) {
        if (option == 'h')
            return usage(stdout);
        if (option == '?')
            return usage(stderr);
        if (!take_option(plan, option, optarg)) {
            fprintf(stderr, "badline: --%s cannot be %s\n", options[index].name, optarg);
            return EXIT_USAGE;
        }
    }
    plan->command = argv + optind;
    return *plan->command ? -1 : usage(stderr);
}

/* --- processes */

/* In the child: never returns. output: -1: as it is. */
static void become(const struct badline *line, enum badline_side side, char *const *arguments, int output)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (side == BADLINE_SERVER)
        setpgid(0, 0);
    if (output >= 0)
        dup2(output, STDOUT_FILENO);
    if (badline_enter(line, side))
        execvp(*arguments, arguments);
    fprintf(stderr, "badline: %s: %s\n", *arguments, strerror(errno));
    _exit(EXIT_NO_EXEC);
}

/* Pass on what the server says, to stderr. false: it says nothing any more. */
static bool pass_on(struct server *server)
{
    char text[4096];
    ssize_t size = read(server->output, text, sizeof(text));

    if (size > 0)
        fwrite(text, 1, (size_t)size, stderr);
    if (size > 0 || (size < 0 && errno == EINTR))
        return true;
    close(server->output);
    server->output = -1;
    return false;
}

static bool start_server(const struct badline *line, const char *command, struct server *server)
{
    char shell[] = "sh", flag[] = "-c", *text = strdup(command);
    char *const arguments[] = { shell, flag, text, NULL };
    int ends[2];

    if (!text || pipe2(ends, O_CLOEXEC) != 0) {
        free(text);
        return false;
    }
    server->pid = fork();
    if (server->pid == 0)
        become(line, BADLINE_SERVER, arguments, ends[1]);
    free(text);
    close(ends[1]);
    server->output = ends[0];
    if (server->pid > 0 && pass_on(server))
        return true;
    fprintf(stderr, "badline: the server has ended\n");
    return false;
}

/* Until nobody of its group holds its output any more: the shell may end before what it has started. */
static void stop_server(struct server *server)
{
    if (server->pid > 0) {
        kill(-server->pid, SIGTERM);
        while (server->output >= 0)
            (void)pass_on(server);
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (server->output >= 0)
        close(server->output);
}

/* Its exit code. What the server says meanwhile is passed on. */
static int run_command(const struct badline *line, char *const *command, struct server *server)
{
    pid_t pid = fork();
    int status = 0, fd;

    if (pid == 0)
        become(line, BADLINE_CLIENT, command, -1);
    fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    while (fd >= 0) {
        struct pollfd polled[] = { { fd, POLLIN, 0 }, { server->output, POLLIN, 0 } }; /* poll passes over -1 */

        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            break;
        if (polled[1].revents)
            (void)pass_on(server);
        if (polled[0].revents)
            break;
    }
    if (fd >= 0)
        close(fd);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return EXIT_NO_EXEC;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void print_stats(struct badline *line)
{
    static const char *const names[BADLINE_SIDES] = { "up", "down" };
    struct badline_count counts[BADLINE_SIDES];

    if (!badline_stats(line, counts))
        return;
    for (int side = 0; side < BADLINE_SIDES; side++) {
        const struct badline_count *count = &counts[side];

        fprintf(stderr, "badline: %-4s sent %ju (%ju bytes) lost %ju overflowed %ju cut %ju doubled %ju held %ju overtaken %ju delivered %ju (%ju bytes)\n",
                names[side], (uintmax_t)count->sent, (uintmax_t)count->sent_bytes, (uintmax_t)count->lost, (uintmax_t)count->overflowed,
                (uintmax_t)count->cut, (uintmax_t)count->duplicated, (uintmax_t)count->held, (uintmax_t)count->overtaken,
                (uintmax_t)count->delivered, (uintmax_t)count->delivered_bytes);
    }
}

int main(int argc, char **argv)
{
    struct plan plan = { .ways = 1u << BADLINE_CLIENT | 1u << BADLINE_SERVER };
    struct server server = { .output = -1 };
    struct badline *line;
    int code = parse(&plan, argc, argv);

    if (code >= 0)
        return code;
    switch (badline_start(&plan.config, &line)) {
    case BADLINE_STARTED:
        break;
    case BADLINE_REFUSED:
        return EXIT_SKIP;
    case BADLINE_FAILED:
        return 1;
    }
    code = 1;
    if (!plan.server || start_server(line, plan.server, &server))
        code = run_command(line, plan.command, &server);
    stop_server(&server);
    if (plan.wants_stats)
        print_stats(line);
    badline_stop(line);
    return code;
}
