/*
 * child.c - the processes that the bench starts
 *
 * The bench's single thread.
 */
#include "tests/bench/child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_STEP 4096
#define LINE_SIZE   256
#define WATCH_MS    2

/* In the child: never returns. */
static void execute(const char *const *argv, const char *password, int out)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(out, STDOUT_FILENO) < 0 || (password && setenv("CRM_PASSWORD", password, 1) != 0))
        _exit(126);
    execv(argv[0], (char *const *)argv);
    fprintf(stderr, "bench: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

static enum crm_status start(const char *const *argv, const char *password, struct child *out_child,
                             struct failure *failure)
{
    int ends[2];
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail(failure, CRM_IO, NULL, "pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0)
        execute(argv, password, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return fail(failure, CRM_IO, NULL, "fork: %s", strerror(errno));
    }
    *out_child = (struct child){ .pid = pid, .out = ends[0] };
    return CRM_OK;
}

static int finish(struct child *child)
{
    int status = -1;

    close(child->out);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *child = (struct child){ 0 };
    return status;
}

enum crm_status child_run(const char *const *argv, const char *password, struct buf *out,
                          struct failure *failure)
{
    char bytes[OUTPUT_STEP];
    struct child child;
    ssize_t n;
    enum crm_status status = start(argv, password, &child, failure);

    if (status != CRM_OK)
        return status;
    while ((n = read(child.out, bytes, sizeof bytes)) > 0)
        if (out && status == CRM_OK)
            status = buf_append(out, bytes, (size_t)n);
    if (finish(&child) != 0)
        return fail(failure, CRM_FAILED, NULL, "%s %s failed", argv[0], argv[1] ? argv[1] : "");
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "%s prints too much", argv[0]);
}

static uint64_t anonymous(pid_t pid)
{
    unsigned long long kib = 0;
    char path[64], line[LINE_SIZE];
    FILE *in;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    in = fopen(path, "re");
    while (in && fgets(line, sizeof line, in) && sscanf(line, "RssAnon: %llu", &kib) != 1)
        ;
    if (in)
        fclose(in);
    return kib * 1024;
}

enum crm_status child_anonymous(pid_t pid, uint64_t *out_bytes, struct failure *failure)
{
    *out_bytes = anonymous(pid);
    return *out_bytes ? CRM_OK
                      : fail(failure, CRM_IO, NULL, "the memory of process %d cannot be read", (int)pid);
}

enum crm_status child_watch(const char *const *argv, pid_t other, uint64_t *out_own,
                            uint64_t *out_other, struct failure *failure)
{
    char bytes[OUTPUT_STEP];
    struct child child;
    struct pollfd end;
    enum crm_status status = start(argv, NULL, &child, failure);

    if (status != CRM_OK)
        return status;
    *out_own = *out_other = 0;
    end = (struct pollfd){ .fd = child.out, .events = POLLIN };
    do {
        uint64_t own = anonymous(child.pid), others = anonymous(other);

        *out_own = own > *out_own ? own : *out_own;
        *out_other = others > *out_other ? others : *out_other;
    } while (poll(&end, 1, WATCH_MS) == 0 || read(child.out, bytes, sizeof bytes) > 0);
    if (finish(&child) != 0)
        return fail(failure, CRM_FAILED, NULL, "%s %s failed", argv[0], argv[1] ? argv[1] : "");
    return CRM_OK;
}

/* The number at the end of the first line; 0: there is none. */
static uint16_t read_port(int fd)
{
    char line[LINE_SIZE];
    size_t n = 0, digits;

    while (n < sizeof line - 1 && read(fd, line + n, 1) == 1 && line[n] != '\n')
        n++;
    line[n] = '\0';
    for (digits = n; digits > 0 && line[digits - 1] >= '0' && line[digits - 1] <= '9'; digits--)
        ;
    return (uint16_t)strtoul(line + digits, NULL, 10);
}

enum crm_status child_start(const char *const *argv, struct child *out_child,
                            struct failure *failure)
{
    struct child child;
    enum crm_status status = start(argv, NULL, &child, failure);

    if (status != CRM_OK)
        return status;
    child.port = read_port(child.out);
    if (child.port == 0) {
        child_stop(&child);
        return fail(failure, CRM_FAILED, NULL, "%s did not say on which port it listens", argv[0]);
    }
    *out_child = child;
    return CRM_OK;
}

void child_stop(struct child *child)
{
    if (child->pid == 0)
        return;
    kill(child->pid, SIGTERM);
    finish(child);
}

enum crm_status child_pin(pid_t pid, int cpu, struct failure *failure)
{
    char path[64];
    struct dirent *entry;
    cpu_set_t set;
    DIR *tasks;

    CPU_ZERO(&set);
    for (unsigned i = 0; i < CPU_SETSIZE; i++)
        if (cpu == CPU_ANY || (unsigned)cpu == i)
            CPU_SET(i, &set);
    snprintf(path, sizeof path, "/proc/%d/task", pid ? (int)pid : (int)getpid());
    tasks = opendir(path);
    if (!tasks)
        return fail(failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
    while ((entry = readdir(tasks)))
        if (entry->d_name[0] != '.' &&
            sched_setaffinity(atoi(entry->d_name), sizeof set, &set) != 0 && errno != ESRCH)
            break;
    closedir(tasks);
    return entry ? fail(failure, CRM_IO, NULL, "cannot bind a thread to core %d: %s", cpu,
                        strerror(errno))
                 : CRM_OK;
}

enum crm_status child_rss(pid_t pid, uint64_t *out_bytes, struct failure *failure)
{
    unsigned long size, resident;
    char path[64];
    FILE *in;
    int n;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    in = fopen(path, "re");
    if (!in)
        return fail(failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
    n = fscanf(in, "%lu %lu", &size, &resident);
    fclose(in);
    if (n != 2)
        return fail(failure, CRM_IO, NULL, "%s cannot be read", path);
    *out_bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
    return CRM_OK;
}
