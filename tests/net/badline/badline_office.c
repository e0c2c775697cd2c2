/*
 * badline_office.c - a crmd at one end of a bad line and crm at the other
 *
 * Called by cmocka programs, in one thread. Owns the line, the daemon and the folder of both.
 */
#include "tests/net/badline/badline_office.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PORT          "7420"
#define HOST          BADLINE_SERVER_ADDRESS ":" PORT
#define CUSTOMERS_MAX 10000
#define NS_PER_MS     INT64_C(1000000)

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* --- crm */

/* In the child: never returns. */
static void become_crm(const struct office *office, const char *const *arguments, int output)
{
    const char *folder = getenv("CRM_BIN");
    const char *words[16] = { "crm" };
    char path[PATH_MAX];

    for (size_t i = 0; arguments[i] && i + 2 < sizeof(words) / sizeof(*words); i++)
        words[i + 1] = arguments[i];
    snprintf(path, sizeof(path), "%s/crm", folder ? folder : ".");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    setenv("CRM_HOME", office->home, 1);
    setenv("CRM_PASSWORD", DAEMON_PASSWORD, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    if (badline_enter(office->line, BADLINE_CLIENT))
        execv(path, (char *const *)(uintptr_t)words);
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    _exit(127);
}

struct running office_start(const struct office *office, const char *const *arguments)
{
    struct running rep = { .from_ns = now_ns() };
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    rep.pid = fork();
    assert_true(rep.pid >= 0);
    if (rep.pid == 0)
        become_crm(office, arguments, ends[1]);
    close(ends[1]);
    rep.output = ends[0];
    return rep;
}

void office_finish(const struct running *rep, struct outcome *out_outcome)
{
    size_t size = 0;
    ssize_t n;
    int status = 0;

    while ((n = read(rep->output, out_outcome->output + size, OFFICE_OUTPUT_MAX - size)) > 0)
        size += (size_t)n;
    out_outcome->output[size] = '\0';
    close(rep->output);
    while (waitpid(rep->pid, &status, 0) < 0 && errno == EINTR)
        ;
    out_outcome->took_ns = now_ns() - rep->from_ns;
    out_outcome->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool office_ends_within(const struct running *rep, int timeout_ms)
{
    struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, rep->pid, 0), .events = POLLIN };
    int n;

    assert_true(end.fd >= 0);
    do
        n = poll(&end, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    close(end.fd);
    return n > 0;
}

void office_run(const struct office *office, const char *const *arguments, struct outcome *out_outcome)
{
    struct running rep = office_start(office, arguments);

    office_finish(&rep, out_outcome);
    if (out_outcome->code != 0)
        fail_msg("crm %s: exit code %d: %s", arguments[0], out_outcome->code, out_outcome->output);
}

/* --- customers */

const char *office_write_customers(const struct office *office, unsigned n)
{
    static char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/customers.csv", office->daemon.root);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs("name\n", file);
    for (unsigned i = 0; i < n; i++)
        fprintf(file, "Customer %05u of street %llx\n", i, (unsigned long long)i * i * UINT64_C(0x9e3779b97f4a7c15)); /* does not compress to nothing */
    assert_int_equal(fclose(file), 0);
    return path;
}

void office_assert_customers(const struct office *office, unsigned n)
{
    static struct outcome outcome;
    static bool is_seen[CUSTOMERS_MAX];
    const char *place = outcome.output;
    unsigned number, found = 0;

    office_run(office, (const char *const[]){ "list", "customer", "--jsonl", "--columns", "name", "--limit", "10000", NULL }, &outcome);
    memset(is_seen, 0, sizeof(is_seen));
    while ((place = strstr(place, "Customer ")) && sscanf(place, "Customer %u", &number) == 1) {
        assert_true(number < CUSTOMERS_MAX);
        if (is_seen[number])
            fail_msg("customer %u is there twice", number);
        is_seen[number] = true;
        found++;
        place++;
    }
    assert_int_equal(found, n);
}

/* --- the server's log */

static bool log_has(const struct office *office, const char *text)
{
    FILE *log = fopen(office->daemon.log_file, "re");
    char line[1024];
    bool is_there = false;

    assert_non_null(log);
    while (!is_there && fgets(line, sizeof(line), log))
        is_there = strstr(line, text) != NULL;
    fclose(log);
    return is_there;
}

bool office_wait_log(const struct office *office, const char *text, int timeout_ms)
{
    int64_t until_ns = now_ns() + timeout_ms * NS_PER_MS, left_ms = timeout_ms;
    int fd = inotify_init1(IN_CLOEXEC);
    bool is_there = false;
    char events[4096];

    assert_true(fd >= 0 && inotify_add_watch(fd, office->daemon.log_file, IN_MODIFY) >= 0);
    while (!(is_there = log_has(office, text)) && left_ms > 0) {
        struct pollfd change = { .fd = fd, .events = POLLIN };

        if (poll(&change, 1, (int)left_ms) > 0 && read(fd, events, sizeof(events)) < 0)
            break;
        left_ms = (until_ns - now_ns()) / NS_PER_MS;
    }
    close(fd);
    return is_there;
}

/* --- its life */

static bool enter_server(const void *argument)
{
    return badline_enter(argument, BADLINE_SERVER);
}

static void log_in(struct office *office)
{
    static struct outcome outcome;

    snprintf(office->home, sizeof(office->home), "%s/rep", office->daemon.root);
    office_run(office, (const char *const[]){ "login", HOST, "--ca", office->daemon.ca_file, "--user", "admin", "--quiet", NULL }, &outcome);
    office_run(office, (const char *const[]){ "list", "customer", "--json", NULL }, &outcome); /* the schema is kept from now on */
}

void office_set_line(struct office *office, const struct badline_way *way)
{
    const struct badline_config config = { .way = { *way, *way } };

    assert_true(badline_set(office->line, &config));
}

void office_open(struct office *office, const struct badline_config *config)
{
    const struct badline_config perfect = { .seed = config->seed };
    struct daemon_place place = { .listen = HOST, .name = BADLINE_SERVER_ADDRESS, .enter = enter_server };

    switch (badline_start(&perfect, &office->line)) {
    case BADLINE_STARTED:
        break;
    case BADLINE_REFUSED:
        print_message("no network namespaces here\n");
        skip();
        break;
    case BADLINE_FAILED:
        fail();
    }
    place.argument = office->line;
    assert_true(daemon_init_at(&office->daemon, &place));
    assert_true(daemon_set(&office->daemon, "level", "debug"));
    assert_true(daemon_start(&office->daemon));
    log_in(office);
    assert_true(badline_set(office->line, config));
}

void office_close(struct office *office)
{
    assert_true(daemon_stop(&office->daemon));
    daemon_fini(&office->daemon);
    badline_stop(office->line);
}
