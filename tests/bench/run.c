/*
 * run.c - the bench: starts the servers in a directory of its own, measures in rounds, prints the
 * medians, cleans up
 *
 *     run [--quick | --large] [--records N] [--rounds N] [--only MEASURE] [--directory DIR]
 *
 * Finds crmd one directory above itself and echo_server beside itself. The work is done in a child:
 * whatever ends it, the parent removes the directory, and the servers are killed with it.
 */
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define RECORDS       100000
#define RECORDS_MIN   1000
#define ROUNDS        5
#define DURATION_US   1000000
#define QUICK_RECORDS 5000
#define QUICK_US      200000
#define FILES         8192
#define STATS_MAX     16384
#define REMOVE_DEPTH  16

static const struct {
    const char *name;
    enum crm_status (*run)(struct bench *bench);
} measures[] = {
    { "get", measure_gets },
    { "list", measure_lists },
    { "search", measure_searches },
    { "own", measure_own },
    { "access", measure_access },
    { "update", measure_updates },
    { "connect", measure_connections },
    { "sync", measure_sync },
    { "badline", measure_badline },
};

/* --- before the first round */

static enum crm_status start_echo(struct bench *bench)
{
    char certificate[PATH_MAX], key[PATH_MAX];
    const char *argv[] = { bench->echo_server, "1", certificate, key, NULL };
    int n = snprintf(certificate, sizeof certificate, "%s/server.crt", bench->site.directory);
    enum crm_status status;

    if (n < 0 || n >= PATH_MAX ||
        snprintf(key, sizeof key, "%s/server.key", bench->site.directory) >= PATH_MAX)
        return fail(bench->failure, CRM_INVALID, NULL, "the path of the directory is too long");
    status = child_start(argv, &bench->echo, bench->failure);
    bench->echo_target =
        (struct peer_target){ .tls = bench->site.target.tls, .port = bench->echo.port };
    return status;
}

/* "NAME ENTRIES BYTES" of each database, and "used_bytes BYTES". */
static enum crm_status note_sizes(struct bench *bench)
{
    char *line, *rest = NULL;
    struct buf out;
    enum crm_status status;

    buf_init(&out, STATS_MAX);
    status = site_stats(&bench->site, &out, bench->failure);
    if (status == CRM_OK)
        status = buf_append(&out, "", 1);
    for (line = status == CRM_OK ? strtok_r((char *)out.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest)) {
        unsigned long long first, bytes;
        char name[32];
        int n = sscanf(line, "%31s %llu %llu", name, &first, &bytes);

        if (n == 2 && strcmp(name, "used_bytes") == 0)
            bench_note(bench, FIGURE_BYTES_PER_RECORD, (double)first / (double)bench->n_records);
        else if (n == 3 && bytes / bench->n_records > 0)
            printf("bytes_per_record_%s %.0f bytes\n", name,
                   (double)bytes / (double)bench->n_records);
    }
    buf_fini(&out);
    return status;
}

static enum crm_status make_site(struct bench *bench, struct site *site, const char *name)
{
    char directory[PATH_MAX];
    double rate;
    enum crm_status status = bench_make_directory(bench, name, directory);

    if (status == CRM_OK)
        status = site_create(site, bench->crmd, directory, bench->failure);
    if (status == CRM_OK)
        status = site_start(site, bench->failure);
    if (status == CRM_OK)
        status = bench_pin(bench, site->server.pid, false);
    if (status == CRM_OK)
        status = site_load(site, bench->n_records, 0, &rate, bench->failure);
    if (status == CRM_OK)
        bench_note(bench, FIGURE_LOAD_ROWS, rate);
    return status;
}

static enum crm_status set_up(struct bench *bench)
{
    char directory[PATH_MAX];
    enum crm_status status = make_site(bench, &bench->site, "site");

    if (status == CRM_OK)
        status = note_sizes(bench);
    if (status == CRM_OK)
        status = start_echo(bench);
    if (status == CRM_OK)
        status = bench_make_directory(bench, "yardstick", directory);
    return status == CRM_OK
               ? yardstick_create(directory, bench->n_records, &bench->yardstick, bench->failure)
               : status;
}

/* --- rounds */

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *ftw)
{
    (void)found;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_all(const char *directory)
{
    nftw(directory, remove_one, REMOVE_DEPTH, FTW_DEPTH | FTW_PHYS);
}

/* The same load once more, into a directory that is thrown away. */
static enum crm_status measure_load(struct bench *bench)
{
    struct site site = { 0 };
    enum crm_status status = make_site(bench, &site, "load");

    site_stop(&site);
    SSL_CTX_free(site.target.tls);
    if (site.directory[0])
        remove_all(site.directory);
    return status;
}

static enum crm_status run_rounds(struct bench *bench)
{
    enum crm_status status = set_up(bench);

    for (unsigned round = 0; round < bench->rounds && status == CRM_OK; round++) {
        if (round > 0 && bench_wants(bench, "load"))
            status = measure_load(bench);
        for (size_t i = 0; i < ARRAY_LEN(measures) && status == CRM_OK; i++)
            if (bench_wants(bench, measures[i].name))
                status = measures[i].run(bench);
        fprintf(stderr, "bench: round %u of %u\n", round + 1, bench->rounds);
    }
    yardstick_destroy(bench->yardstick);
    child_stop(&bench->echo);
    site_stop(&bench->site);
    SSL_CTX_free(bench->site.target.tls);
    frames_fini(&bench->gets);
    frames_fini(&bench->echoes);
    frames_fini(&bench->pages);
    frames_fini(&bench->pages_by_name);
    frames_fini(&bench->searches);
    own_fini(&bench->own);
    carrying_fini(&bench->carrying);
    return status;
}

/* In the child. */
static int work(struct bench *bench, bool is_large)
{
    struct failure failure = { 0 };
    struct rlimit limit;
    sigset_t none;
    enum crm_status status;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES) {
        limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
        setrlimit(RLIMIT_NOFILE, &limit); /* where it is too few, connecting says so */
    }
    bench->failure = &failure;
    status = is_large ? growth_run(bench) : run_rounds(bench);
    if (status != CRM_OK) {
        fprintf(stderr, "bench: %s\n",
                failure.text[0] ? failure.text : crm_status_info((int)status)->sentence);
        return EXIT_FAILURE;
    }
    bench_print(bench);
    return EXIT_SUCCESS;
}

/* --- the parent */

/* Wait for the worker; a signal to us ends it. */
static int supervise(pid_t worker)
{
    sigset_t set;
    int number, status;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        sigwait(&set, &number);
        if (number != SIGCHLD)
            kill(worker, SIGKILL); /* and with it, by their own wish, the servers */
        if (waitpid(worker, &status, number == SIGCHLD ? WNOHANG : 0) == worker)
            return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    }
}

static int run(struct bench *bench, bool is_large)
{
    sigset_t set;
    pid_t worker;
    int code;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    worker = fork();
    if (worker == 0)
        exit(work(bench, is_large));
    code = worker > 0 ? supervise(worker) : EXIT_FAILURE;
    remove_all(bench->directory);
    return code;
}

/* The program NAME, found from where this one is. */
static bool find_program(const char *name, char out_path[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (size <= 0)
        return false;
    self[size] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return snprintf(out_path, PATH_MAX, "%s/%s", self, name) < PATH_MAX &&
           access(out_path, X_OK) == 0;
}

/* Cores for server and load; where there is only one they share it. */
static void choose_cores(struct bench *bench)
{
    bool has_two = sysconf(_SC_NPROCESSORS_ONLN) >= 2;

    bench->server_cpu = has_two ? 0 : CPU_ANY;
    bench->load_cpu = has_two ? 1 : CPU_ANY;
    if (!has_two)
        fprintf(stderr, "bench: one core only: server and load share it, ratios say little\n");
}

static const struct option options[] = {
    { "quick", no_argument, NULL, 'q' },
    { "large", no_argument, NULL, 'l' },
    { "records", required_argument, NULL, 'n' },
    { "rounds", required_argument, NULL, 'r' },
    { "only", required_argument, NULL, 'o' },
    { "directory", required_argument, NULL, 'd' },
    { NULL, 0, NULL, 0 },
};

static int usage(void)
{
    fprintf(stderr, "usage: run [--quick | --large] [--records N] [--rounds N] [--only MEASURE] "
                    "[--directory DIR]\n\n"
                    "Prints figures as NAME VALUE UNIT, the median of the rounds. MEASURE: load, "
                    "get, get_16c32, list, search, own, access,\n"
                    "update, update_64c, connect, sync …, badline; with --large get, page, search, report, own, "
                    "update, sync. The directory for the databases is made below\n"
                    "DIR (TMPDIR, else /var/tmp), which is to be on the disk that is measured, and "
                    "is removed at the end.\n");
    return 2;
}

/* What was typed. below is left as it is where no --directory is given. */
static bool read_options(int argc, char **argv, struct bench *bench, bool *out_is_large,
                         const char **below)
{
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'q':
            bench->n_records = QUICK_RECORDS;
            bench->rounds = 1;
            bench->duration_us = QUICK_US;
            break;
        case 'l':
            *out_is_large = true;
            break;
        case 'n':
            bench->n_records = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            bench->rounds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'o':
            bench->only = optarg;
            break;
        case 'd':
            *below = optarg;
            break;
        default:
            return false;
        }
    }
    return optind == argc && bench->n_records >= RECORDS_MIN && bench->rounds >= 1 &&
           bench->rounds <= ROUNDS_MAX;
}

int main(int argc, char **argv)
{
    struct bench bench = { .n_records = RECORDS, .rounds = ROUNDS, .duration_us = DURATION_US };
    char crm[PATH_MAX], crmd[PATH_MAX], echo_server[PATH_MAX], badline[PATH_MAX], directory[PATH_MAX];
    const char *below = getenv("TMPDIR");
    bool is_large = false;

    if (!below || !below[0])
        below = "/var/tmp"; /* not /tmp, which may be memory: then a sync is none */
    if (!read_options(argc, argv, &bench, &is_large, &below))
        return usage();
    if (!find_program("../crm", crm) || !find_program("../crmd", crmd) || !find_program("echo_server", echo_server) ||
        !find_program("../tests/net/badline/test_badline_ideal", badline)) {
        fprintf(stderr, "bench: crm, crmd, echo_server and test_badline_ideal are not where they are built\n");
        return EXIT_FAILURE;
    }
    if (snprintf(directory, sizeof directory, "%s/crm-bench-XXXXXX", below) >= PATH_MAX ||
        !mkdtemp(directory)) {
        fprintf(stderr, "bench: cannot make a directory below %s: %s\n", below, strerror(errno));
        return EXIT_FAILURE;
    }
    bench.crm = crm;
    bench.crmd = crmd;
    bench.echo_server = echo_server;
    bench.badline = badline;
    bench.directory = directory;
    choose_cores(&bench);
    return run(&bench, is_large);
}
