/*
 * child.h - the processes that the bench starts: crmd's commands, the servers, where they run and
 * what they take
 */
#ifndef CRM_TESTS_BENCH_CHILD_H
#define CRM_TESTS_BENCH_CHILD_H

#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/failure.h"

#define CPU_ANY (-1)

/* A server under way. All zero: none. */
struct child {
    pid_t pid;
    int out;       /* its standard output, kept so that it may go on writing */
    uint16_t port; /* of 127.0.0.1 */
};

/* Run to the end; what it prints is appended to out (NULL: thrown away). argv ends with NULL. It
 * gets CRM_PASSWORD where password is not NULL. */
enum crm_status child_run(const char *const *argv, const char *password, struct buf *out,
                          struct failure *failure) MUST_CHECK;
/* Start a server and read the first line that it prints: its port is the number at the end. Killed
 * when the bench dies. */
enum crm_status child_start(const char *const *argv, struct child *out_child,
                            struct failure *failure) MUST_CHECK;
/* End it by SIGTERM and wait. Accepts an all-zero child. */
void child_stop(struct child *child);

/* Bind every thread of a process to a core, or with CPU_ANY to all of them. pid 0: the bench
 * itself. */
enum crm_status child_pin(pid_t pid, int cpu, struct failure *failure) MUST_CHECK;
/* Run to the end and throw away what it prints; meanwhile look, every few milliseconds, at its
 * anonymous memory and at that of another process: the most that was seen of each. */
enum crm_status child_watch(const char *const *argv, pid_t other, uint64_t *out_own,
                            uint64_t *out_other, struct failure *failure) MUST_CHECK;
/* Anonymous memory in bytes: heap and stacks, without pages of files. */
enum crm_status child_anonymous(pid_t pid, uint64_t *out_bytes, struct failure *failure) MUST_CHECK;
/* Resident memory in bytes. */
enum crm_status child_rss(pid_t pid, uint64_t *out_bytes, struct failure *failure) MUST_CHECK;

#endif
