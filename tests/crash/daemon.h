/*
 * daemon.h - a crmd of this build on a directory of its own, for test programs that start, kill and question it
 *
 * Nothing here waits by time: a start waits for the line that says where the server listens, an end for the process. What goes wrong is told on
 * stderr, with the end of the server's log.
 */
#ifndef CRM_TESTS_CRASH_DAEMON_H
#define CRM_TESTS_CRASH_DAEMON_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define DAEMON_PASSWORD "gravel ferry umbrella"

/* Where a daemon is to run, if not on this machine's loopback network. What it points at lives as long as the daemon. */
struct daemon_place {
    const char *listen;                  /* ADDR:PORT */
    const char *name;                    /* of the certificate; NULL: this machine's */
    bool (*enter)(const void *argument); /* called in its process before it becomes crmd; NULL: nothing is needed */
    const void *argument;
};

struct daemon {
    struct daemon_place place;
    char root[PATH_MAX / 4];      /* temporary, removed by daemon_fini */
    char directory[PATH_MAX / 2]; /* crmd's, inside root */
    char ca_file[PATH_MAX];
    char log_file[PATH_MAX / 2];
    pid_t pid;                    /* 0: not running */
    int output;                   /* its standard output, -1 where it is not running */
    uint16_t port;                /* since it listens */
    unsigned files_max;           /* RLIMIT_NOFILE of the next start; 0: as it is */
};

/* A fresh directory by `crmd init`, administrator "admin" with DAEMON_PASSWORD. Not running yet. */
bool daemon_init(struct daemon *daemon);
/* The same somewhere else. */
bool daemon_init_at(struct daemon *daemon, const struct daemon_place *place);
/* Kill it, remove its files. Accepts a half-made one. */
void daemon_fini(struct daemon *daemon);
/* Set a setting in crmd.conf for the next start. */
bool daemon_set(const struct daemon *daemon, const char *name, const char *value);

/* Start it without waiting for anything. */
bool daemon_spawn(struct daemon *daemon);
/* Wait until a spawned one listens; false: it ended instead. */
bool daemon_wait_listening(struct daemon *daemon);
/* Both. */
bool daemon_start(struct daemon *daemon);
/* SIGKILL and its end. */
void daemon_kill(struct daemon *daemon);
/* SIGTERM, without waiting for its end. */
void daemon_ask_to_stop(const struct daemon *daemon);
/* SIGTERM and its exit status; false, with the log, unless it is 0. */
bool daemon_stop(struct daemon *daemon);
/* Still there? */
bool daemon_is_alive(const struct daemon *daemon);

/* `crmd VERB DIRECTORY`; false, with what it printed, unless it exits with 0. */
bool daemon_run(const struct daemon *daemon, const char *verb);
/* The last lines of the server's log, on stderr. */
void daemon_show_log(const struct daemon *daemon);

#endif
