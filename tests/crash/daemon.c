/*
 * daemon.c - starts, kills and questions the crmd of this build
 *
 * Used by single-threaded test programs. The server dies with the test (PR_SET_PDEATHSIG), so that a test that was cut off leaves nothing running.
 */
#include "tests/crash/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_SHOWN 2000

/* What a child's descriptors 1 and 2 are, and what it may open. */
struct child {
    const char *const *arguments; /* NULL at the end; the first is "crmd" */
    int output;                   /* -1: the log */
    const char *log_file;
    const struct daemon_place *place;
    unsigned files_max;
    bool ends_with_us;
};

/* --- processes */

static const char *program(void)
{
    static char path[PATH_MAX];
    const char *folder = getenv("CRM_BIN");

    snprintf(path, sizeof(path), "%s/crmd", folder ? folder : ".");
    return path;
}

/* In the child: never returns. */
static void become(const struct child *child)
{
    int log = open(child->log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
    struct rlimit files = { child->files_max, child->files_max };

    if (child->ends_with_us)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (child->files_max)
        setrlimit(RLIMIT_NOFILE, &files);
    dup2(child->output >= 0 ? child->output : log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    setenv("CRM_PASSWORD", DAEMON_PASSWORD, 1);
    if (child->place->enter && !child->place->enter(child->place->argument))
        _exit(127);
    execv(program(), (char *const *)(uintptr_t)child->arguments);
    fprintf(stderr, "%s: %s\n", program(), strerror(errno));
    _exit(127);
}

static pid_t spawn(const struct child *child)
{
    pid_t pid = fork();

    if (pid == 0)
        become(child);
    if (pid < 0)
        perror("fork");
    return pid;
}

/* Exit code, 128 + signal, or -1. */
static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool run(const struct daemon *daemon, const char *const *arguments)
{
    struct child child = { .arguments = arguments, .output = -1, .log_file = daemon->log_file, .place = &daemon->place };
    pid_t pid = spawn(&child);
    int code = pid > 0 ? wait_for(pid) : -1;

    if (code == 0)
        return true;
    fprintf(stderr, "crmd %s: exit code %d\n", arguments[1], code);
    daemon_show_log(daemon);
    return false;
}

/* --- files */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

void daemon_show_log(const struct daemon *daemon)
{
    char text[LOG_SHOWN + 1];
    FILE *log = fopen(daemon->log_file, "re");
    size_t n;

    if (!log)
        return;
    if (fseek(log, -LOG_SHOWN, SEEK_END) != 0)
        rewind(log);
    n = fread(text, 1, LOG_SHOWN, log);
    text[n] = '\0';
    fclose(log);
    fprintf(stderr, "--- end of %s\n%s---\n", daemon->log_file, text);
}

bool daemon_set(const struct daemon *daemon, const char *name, const char *value)
{
    char path[PATH_MAX], line[512];
    size_t name_size = strlen(name), size = 0;
    char *text = NULL;
    FILE *out = open_memstream(&text, &size), *file;
    bool is_found = false;

    snprintf(path, sizeof(path), "%s/crmd.conf", daemon->directory);
    file = fopen(path, "re");
    while (out && file && fgets(line, sizeof(line), file)) {
        bool is_it = strncmp(line, name, name_size) == 0 && strncmp(line + name_size, " = ", 3) == 0;

        is_found |= is_it;
        if (is_it)
            fprintf(out, "%s = %s\n", name, value);
        else
            fputs(line, out);
    }
    if (file)
        fclose(file);
    if (out)
        fclose(out);
    file = is_found ? fopen(path, "we") : NULL;
    if (file)
        is_found = fwrite(text, 1, size, file) == size;
    if (!file || fclose(file) != 0 || !is_found)
        fprintf(stderr, "%s: cannot set %s\n", path, name);
    free(text);
    return file && is_found;
}

bool daemon_init_at(struct daemon *daemon, const struct daemon_place *place)
{
    const char *folder = getenv("TMPDIR");
    const char *const arguments[] = {
        "crmd", "init", daemon->directory, "--listen", place->listen, place->name ? "--name" : NULL, place->name, NULL,
    };

    *daemon = (struct daemon){ .place = *place, .output = -1 };
    snprintf(daemon->root, sizeof(daemon->root), "%s/crm-test-XXXXXX", folder ? folder : "/tmp");
    if (!mkdtemp(daemon->root)) {
        perror(daemon->root);
        daemon->root[0] = '\0';
        return false;
    }
    snprintf(daemon->directory, sizeof(daemon->directory), "%s/data", daemon->root);
    snprintf(daemon->ca_file, sizeof(daemon->ca_file), "%s/ca.crt", daemon->directory);
    snprintf(daemon->log_file, sizeof(daemon->log_file), "%s/log", daemon->root);
    return run(daemon, arguments);
}

bool daemon_init(struct daemon *daemon)
{
    return daemon_init_at(daemon, &(const struct daemon_place){ .listen = "127.0.0.1:0" });
}

void daemon_fini(struct daemon *daemon)
{
    daemon_kill(daemon);
    if (daemon->root[0])
        nftw(daemon->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- its life */

bool daemon_spawn(struct daemon *daemon)
{
    const char *const arguments[] = { "crmd", "run", daemon->directory, NULL };
    struct child child = {
        .arguments = arguments,
        .log_file = daemon->log_file,
        .place = &daemon->place,
        .files_max = daemon->files_max,
        .ends_with_us = true,
    };
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    child.output = ends[1];
    daemon->pid = spawn(&child);
    close(ends[1]);
    daemon->output = ends[0];
    if (daemon->pid < 0)
        daemon->pid = 0;
    return daemon->pid > 0;
}

bool daemon_wait_listening(struct daemon *daemon)
{
    char text[512];
    size_t size = 0;
    ssize_t n;

    while (size < sizeof(text) - 1 && (n = read(daemon->output, text + size, sizeof(text) - 1 - size)) != 0) {
        const char *port;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        size += (size_t)n;
        text[size] = '\0';
        port = strchr(text, '\n') ? strrchr(text, ':') : NULL;
        if (port) {
            daemon->port = (uint16_t)strtoul(port + 1, NULL, 10);
            return true;
        }
    }
    fprintf(stderr, "crmd run ended before it listened\n");
    daemon_show_log(daemon);
    return false;
}

bool daemon_start(struct daemon *daemon)
{
    return daemon_spawn(daemon) && daemon_wait_listening(daemon);
}

/* Its exit code. */
static int end_by(struct daemon *daemon, int number)
{
    int code = 0;

    if (daemon->pid > 0) {
        kill(daemon->pid, number);
        code = wait_for(daemon->pid);
    }
    daemon->pid = 0;
    if (daemon->output >= 0)
        close(daemon->output);
    daemon->output = -1;
    return code;
}

void daemon_kill(struct daemon *daemon)
{
    (void)end_by(daemon, SIGKILL);
}

void daemon_ask_to_stop(const struct daemon *daemon)
{
    if (daemon->pid > 0)
        kill(daemon->pid, SIGTERM);
}

bool daemon_stop(struct daemon *daemon)
{
    int code = end_by(daemon, SIGTERM);

    if (code == 0)
        return true;
    fprintf(stderr, "crmd run: exit code %d\n", code);
    daemon_show_log(daemon);
    return false;
}

bool daemon_is_alive(const struct daemon *daemon)
{
    siginfo_t info = { 0 };

    return daemon->pid > 0 && waitid(P_PID, (id_t)daemon->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

bool daemon_run(const struct daemon *daemon, const char *verb)
{
    const char *const arguments[] = { "crmd", verb, daemon->directory, NULL };

    return run(daemon, arguments);
}
