/*
 * rep.h - somebody with a replica, for tests that break a sync: the real crm, changes made offline, and what must be true afterwards
 *
 * For single-threaded test programs. The replica is opened here between two commands, never beside one. What goes wrong is told on stderr.
 */
#ifndef CRM_TESTS_CRASH_REP_H
#define CRM_TESTS_CRASH_REP_H

#include <crm.h>

#include "tests/crash/daemon.h"

#define REP_OUTPUT_MAX  65536
#define REP_TOKEN_MAX   64
#define REP_ANSWERS_MAX 16

struct replica;

struct rep {
    const struct daemon *daemon;
    const char *host;    /* where the server is for rep_connect; NULL: this machine's loopback network */
    bool (*enter)(const void *argument); /* called in the process of a crm before it is one; NULL: nothing is needed */
    const void *argument;
    char home[PATH_MAX]; /* CRM_HOME */
    const char *login;
    uint8_t token[REP_TOKEN_MAX]; /* of a session of its own, for looking at the server; with token_size 0: none yet */
    size_t token_size;
    uint8_t user[CRM_KEY_SIZE];   /* whose it is, since the first rep_connect */
};

/* A crm under way. */
struct command {
    pid_t pid;
    int output; /* its stdout and stderr */
};

/* --- crm. Arguments end with NULL. */

bool rep_start(const struct rep *rep, const char *const *arguments, struct command *out_command);
/* Its exit code, or 128 + signal; what it has said, of which the beginning is kept. */
int rep_finish(const struct command *command, char output[REP_OUTPUT_MAX]);
/* Both; false, with what it said, unless it exits with 0. */
bool rep_run(const struct rep *rep, const char *const *arguments, char output[REP_OUTPUT_MAX]);

/* --- its life */

/* Make admin's profile in home, for the commands that follow. */
bool rep_init_admin(struct rep *rep, const struct daemon *daemon, const char *home);
/* Make a user with a role and log in, from where admin works, with a profile that reaches the server by a port (0: the server's own). */
bool rep_init(struct rep *rep, const struct rep *admin, const char *login, const char *role, const char *home, uint16_t port);
/* A client that sees what the user sees; the caller's to destroy. NULL: told. */
struct crm_client *rep_connect(struct rep *rep);

/* --- the replica */

/* NULL: told. */
struct replica *rep_open(const struct rep *rep, bool is_to_write);
/* Queue one change. CRM_OK: it is pending; else why not, and nothing is. */
enum crm_status rep_change(const struct rep *rep, Crm__Mutation *mutation);
/* Queue several, each for itself; true: all are pending. */
bool rep_change_all(const struct rep *rep, Crm__Mutation **mutations, size_t n);
/* Is the replica what the user may see, record by record and byte by byte? client is of rep_connect. *out_records: how many there are. */
bool rep_equals_view(const struct rep *rep, struct crm_client *client, unsigned *out_records);
/* How many changes of the outbox have a text in them; with answer: that the server has answered. -1: it cannot be read. */
int rep_count_queued(const struct rep *rep, const char *text, bool is_answered);
/* How many of them delete a record. */
int rep_count_deletes(const struct rep *rep, const uint8_t id[CRM_KEY_SIZE]);
/* Give up what the server has answered. *out_n: so many. */
bool rep_drop_answered(const struct rep *rep, unsigned *out_n);

/* --- the server */

/* One change at once. */
enum crm_status online_change(struct crm_client *client, Crm__Mutation *mutation);
/* How many changes in a record's history were of this sort. -1: told. */
int online_count_verb(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], Crm__Verb verb);
/* How many gave a field a value with this text. -1: told. */
int online_count_history(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], const char *text);
/* Does a record have this text in a value, or had it when it was changed last? What a create brought along is in no history. */
bool online_had(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], const char *text);
/* How many values of the user's conflicts have a text in them; "": all. -1: told. */
int online_count_conflicts(struct crm_client *client, const char *text);

#endif
