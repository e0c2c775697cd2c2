/*
 * main.c - crm_sim: seeds in turn; one that fails is told, and comes again by its number
 *
 *     crm_sim [--seeds N] [--from N] [--jobs N]     seeds from, from + 1, …
 *     crm_sim --seed N [--trace]                    one of them, telling what happens
 *     crm_sim --file FILE                           those with which the lines of a file begin
 *
 * Each job is a process of its own, and begins another one behind a seed that has failed: a crash ends no more than its seed.
 */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"

#define ARENA_SIZE   ((size_t)64 << 20)
#define JOBS_MAX     64
#define SEEDS_MAX    256 /* in a file */
#define FAILURES_MAX 10 /* then the rest is not tried */

static const enum person with_replica[REPS_N] = { ANN, BOB, MIA };

/* Mostly everything that the user sees: that can be checked in two ways. */
static Crm__SyncScope any_scope(void)
{
    return seed_chance(DICE_SCRIPT, 60) ? CRM__SYNC_SCOPE__SYNC_SCOPE_ALL : (Crm__SyncScope)seed_draw(DICE_SCRIPT, CRM__SYNC_SCOPE__SYNC_SCOPE_ALL);
}

static void run_seed(const struct base *base, uint64_t seed, bool trace)
{
    struct sim sim = { .base = base };

    seed_begin(seed, trace);
    arena_init(&sim.arena, ARENA_SIZE);
    words_init(&sim.words);
    host_init(&sim.host, base->map);
    for (; sim.n_reps < REPS_N; sim.n_reps++)
        rep_init(&sim.reps[sim.n_reps], &sim, with_replica[sim.n_reps], any_scope());
    script_run(&sim);
    check_all(&sim);
    for (unsigned i = 0; i < sim.n_reps; i++)
        rep_fini(&sim.reps[i]);
    host_fini(&sim.host);
    store_close(sim.backup);
    words_fini(&sim.words);
    arena_fini(&sim.arena);
    seed_pass(INT64_C(3600) * 1000000); /* the next begins earlier than this one has ended: ids are made anew */
    (void)uuid_create();
}

/* --- jobs */

struct options {
    uint64_t from, n;
    unsigned jobs;
    bool one, trace;
    const char *file;
};

struct job {
    pid_t pid;
    uint64_t *at; /* shared with the child: the seed under way */
    bool is_over;
};

static void start(struct job *job, const struct base *base, const struct options *options)
{
    fflush(stdout);
    job->pid = fork();
    if (job->pid < 0) {
        perror("fork");
        exit(1);
    }
    if (job->pid > 0)
        return;
    for (; *job->at < options->from + options->n; *job->at += options->jobs)
        run_seed(base, *job->at, false);
    exit(0);
}

/* Until all jobs are over; how many seeds have failed. */
static unsigned run_jobs(const struct base *base, const struct options *options)
{
    uint64_t *at = mmap(NULL, JOBS_MAX * sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct job jobs[JOBS_MAX] = { { 0 } };
    unsigned failures = 0, left = options->jobs;

    if (at == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    for (unsigned i = 0; i < options->jobs; i++) {
        jobs[i].at = &at[i];
        at[i] = options->from + i;
        start(&jobs[i], base, options);
    }
    while (left > 0) {
        int status;
        pid_t pid = wait(&status);
        unsigned i = 0;

        while (i < options->jobs && jobs[i].pid != pid)
            i++;
        if (i == options->jobs)
            continue;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            if (WIFSIGNALED(status))
                printf("seed %llu: signal %d\n", (unsigned long long)at[i], WTERMSIG(status));
            printf("seed %llu has failed: crm_sim --seed %llu --trace\n", (unsigned long long)at[i], (unsigned long long)at[i]);
            at[i] += options->jobs;
            if (++failures < FAILURES_MAX) {
                start(&jobs[i], base, options);
                continue;
            }
        }
        left--;
    }
    munmap(at, JOBS_MAX * sizeof *at);
    return failures;
}

static bool read_number(const char *text, uint64_t *out_number)
{
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    *out_number = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){ .n = 200, .jobs = 2 };
    for (int i = 1; i < argc; i++) {
        uint64_t number = 0;
        bool has = i + 1 < argc && read_number(argv[i + 1], &number);

        if (strcmp(argv[i], "--file") == 0 && i + 1 < argc) {
            options->file = argv[++i];
            continue;
        }
        if (strcmp(argv[i], "--trace") == 0) {
            options->trace = true;
            continue;
        }
        if (!has)
            return false;
        if (strcmp(argv[i], "--seeds") == 0)
            options->n = number;
        else if (strcmp(argv[i], "--from") == 0)
            options->from = number;
        else if (strcmp(argv[i], "--jobs") == 0 && number > 0 && number <= JOBS_MAX)
            options->jobs = (unsigned)number;
        else if (strcmp(argv[i], "--seed") == 0) {
            options->from = number;
            options->one = true;
        } else {
            return false;
        }
        i++;
    }
    return true;
}

/* Each in a process of its own; how many have failed. Read before: a process that ends takes the file's place along. */
static unsigned run_file(const struct base *base, const char *name, uint64_t *out_n)
{
    FILE *file = fopen(name, "r");
    struct options one = { .n = 1, .jobs = 1 };
    uint64_t seeds[SEEDS_MAX];
    unsigned failures = 0;
    char line[256];

    if (!file) {
        perror(name);
        exit(2);
    }
    for (*out_n = 0; *out_n < SEEDS_MAX && fgets(line, sizeof line, file);)
        if (*line >= '0' && *line <= '9')
            seeds[(*out_n)++] = strtoull(line, NULL, 10);
    fclose(file);
    for (uint64_t i = 0; i < *out_n; i++) {
        one.from = seeds[i];
        failures += run_jobs(base, &one);
    }
    return failures;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct options options;
    struct base base;
    double begin = seconds();
    unsigned failures = 0;

    if (!read_options(argc, argv, &options)) {
        fprintf(stderr, "usage: crm_sim [--seeds N] [--from N] [--jobs N] | --seed N [--trace] | --file FILE\n");
        return 2;
    }
    setenv("TZ", "UTC", 1);
    log_set_level(options.trace ? LOG_LEVEL_ERROR : (enum log_level)-1); /* what fails here is meant to */
    base_make(&base);
    if (options.one)
        run_seed(&base, options.from, options.trace);
    else if (options.file)
        failures = run_file(&base, options.file, &options.n);
    else
        failures = run_jobs(&base, &options);
    base_fini(&base);
    if (options.one)
        printf("seed %llu: passed\n", (unsigned long long)options.from);
    else
        printf("sim: %llu seeds, %u failed, %.1f ms each\n", (unsigned long long)options.n, failures,
               1000 * (seconds() - begin) * options.jobs / (double)(options.n ? options.n : 1));
    return failures > 0;
}
