/*
 * sim.h - server, replicas and a script in one thread: what its parts know of each other
 *
 * Everything that happens follows from the seed: time, random bytes, what people do, where the line is cut, at which commit a side dies. What is real: frames,
 * links, dispatch, operations, engine, libcrm, replica. What is not: sockets, TLS, LMDB, threads.
 */
#ifndef CRM_TEST_SIM_H
#define CRM_TEST_SIM_H

#include <sys/queue.h>

#include "client/include/crm.h"
#include "client/lib/transport.h"
#include "client/replica/outbox.h"
#include "client/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/model/record.h"
#include "common/store/store.h"
#include "server/admin/endings.h"
#include "server/admin/housekeeping.h"
#include "server/dispatch/dispatch.h"
#include "server/engine/core.h"

/* --- seed.c: time, chance, telling */

/* Of the script, of the line, and of what the product itself draws: one does not shift the others. */
enum dice { DICE_SCRIPT, DICE_LINE, DICE_PRODUCT, DICE_N };

void seed_begin(uint64_t seed, bool trace);
uint64_t seed_draw(enum dice dice, uint64_t below);
bool seed_chance(enum dice dice, unsigned percent);
void seed_pass(int64_t us);
void sim_trace(const char *format, ...) PRINTF_LIKE(1, 2);
/* The seed has failed: say so and end the process. */
_Noreturn void sim_fail(const char *format, ...) PRINTF_LIKE(1, 2);
void sim_must(enum crm_status status, const char *what);

/* --- disk.c: what outlives a process, and the commit at which the process dies */

struct disk {
    struct store *map;   /* what is durable */
    unsigned fuse;       /* the process dies at the so manieth commit from now; 0: it does not */
    bool dies_behind;    /* and that commit is durable */
    bool is_dead;        /* it has: what is open fails */
    unsigned n_commits;
};

/* An empty one, or what another one holds. */
void disk_init(struct disk *disk, struct store *like);
void disk_fini(struct disk *disk);
/* Put back what it held once: a backup. */
void disk_replace(struct disk *disk, struct store *like);
void disk_arm(struct disk *disk, enum dice dice, unsigned within);
/* For a new process; close it before the next. */
struct store *disk_open(struct disk *disk);

/* --- base.c: a company to begin with, made once */

#define TOKEN_BYTES 32
enum person { OFFICE, ANN, BOB, MIA, PEOPLE_N }; /* the administrator; two representatives; ann's manager */
enum team { NORTH, SOUTH, TEAMS_N };

struct base {
    struct store *map;
    struct uuid people[PEOPLE_N], teams[TEAMS_N], rep_role;
    uint8_t tokens[PEOPLE_N][TOKEN_BYTES];
};

void base_make(struct base *base);
void base_fini(struct base *base);
extern const char *const person_names[PEOPLE_N];

/* --- host.c: the server's process */

struct host;
struct line;

/* The server's end of a connection. */
struct wire {
    TAILQ_ENTRY(wire) entry;
    struct host *host;
    struct line *line; /* NULL: the client is gone, what it has sent may still arrive */
    struct link *link;
    struct buf in, out;
    bool is_closed; /* by the server */
};

struct host {
    struct disk disk;
    struct store *store;
    struct core core;
    struct dispatch *dispatch;
    struct dispatch_thread *thread;
    TAILQ_HEAD(, wire) wires;
    struct endings endings;
    struct housekeeping housekeeping;
    bool is_up, is_woken;
    uint64_t backed_up_seq;
    unsigned n_crashes;
};

void host_init(struct host *host, struct store *like);
void host_fini(struct host *host);
void host_boot(struct host *host);
/* What its main thread does now and then. */
void host_tick(struct host *host);
/* At once, as kill -9. */
void host_kill(struct host *host);
/* As crmd restore does, while it is down. */
void host_begin_epoch(struct host *host);
/* It looks at what the last backup holds. */
void host_know_backup(struct host *host);
/* NULL: it is down. */
struct wire *host_accept(struct host *host, struct line *line);
/* The client's end is gone. What is under way may still arrive. */
void host_leave(struct wire *wire);
/* Go on with what there is to do. false: nothing is. */
bool host_turn(struct host *host);

/* --- line.c: a client's transport */

/* How good the line is. */
struct weather {
    unsigned cut_percent; /* connections that are cut */
    unsigned within;      /* … within so many bytes of either direction */
};

enum crm_status line_client_create(struct host *host, const struct weather *weather, const uint8_t token[TOKEN_BYTES], struct crm_client **out_client)
    MUST_CHECK;
/* Something that happens while somebody waits for an answer. */
extern void (*line_interlude)(void *arg);
extern void *line_interlude_arg;

/* --- words.c: what people have typed */

#define WORD_SIZE 10 /* "zq" and seven letters, NUL */

struct word {
    char text[WORD_SIZE];
    enum person by;
    enum kind kind;
    struct uuid record, root; /* root: the record on which it hangs, or itself */
    uint32_t field;
    bool is_online;   /* typed at the server */
    bool is_typed;    /* the replica, or the server, has taken it */
    bool is_answered; /* the server has said that it is done */
    bool is_erased;   /* with the record in which it stood: it must not be at the server */
    bool is_untold;   /* what the server says of it from now on does not count: it was erased, perhaps */
    bool is_unkept;   /* the replica has forgotten that the server has it: a restore loses it */
    bool is_waived;   /* its author has typed something else over it, or it was lost with the backup: it need not be anywhere */
};

struct words {
    struct word *rows;
    size_t n, room;
};

void words_init(struct words *words);
void words_fini(struct words *words);
/* A new one; lives until the next. */
struct word *words_new(struct words *words, enum person by, enum kind kind, const struct record *record, uint32_t field);
typedef void words_found(void *arg, struct word *word);
/* All that stand in bytes. */
void words_find(struct words *words, struct slice bytes, words_found *found, void *arg);

/* All in what a change of the outbox sets. */
void words_queued(struct words *words, const Crm__QueuedMutation *queued, words_found *found, void *arg);

/* --- rep.c: one who has a replica */

struct sim;

struct rep {
    struct sim *sim;
    enum person who;
    const char *name;
    struct disk disk;
    Crm__SyncScope scope;
    struct store *saved; /* a copy of its directory; NULL: none was made */
    size_t saved_words;  /* that had been typed by then */
};

void rep_init(struct rep *rep, struct sim *sim, enum person who, Crm__SyncScope scope);
void rep_fini(struct rep *rep);
/* crm sync. Ends with the process: whatever is open is closed. */
enum crm_status rep_sync(struct rep *rep, const struct weather *weather);
/* One change, as the command line asks the replica for it. */
enum crm_status rep_change(struct rep *rep, Crm__Mutation *mutation);
/* Several that belong together: all or none. */
enum crm_status rep_change_all(struct rep *rep, Crm__Mutation **mutations, size_t n);
/* Give up any change of the outbox; *out_queued is set to it also where that fails. CRM_NOT_FOUND: there is none. */
enum crm_status rep_drop(struct rep *rep, Crm__QueuedMutation **out_queued);
/* Have any change that was not taken sent again. */
enum crm_status rep_retry(struct rep *rep);
/* Give up all that waits. */
void rep_drop_waiting(struct rep *rep);

/* --- the whole */

#define REPS_N   3 /* with a replica from the beginning */
#define REPS_MAX 4

struct sim {
    const struct base *base;
    struct host host;
    struct rep reps[REPS_MAX];
    unsigned n_reps;
    struct words words;
    struct arena arena; /* of the seed */
    struct store *backup; /* of the server's disk; NULL: none was made */
    size_t backup_words;  /* that had been typed by then */
    unsigned n_restores;
};

/* script.c */
void script_run(struct sim *sim);
/* change.c: what is asked of a replica or of the server */
Crm__Mutation *change_make(struct sim *sim, Crm__Verb verb, enum kind kind, const struct uuid *id);
Crm__Mutation *change_action(struct sim *sim, enum kind kind, const struct uuid *id, const char *name, const ProtobufCMessage *argument);
/* A packed message, in the seed's arena. */
ProtobufCBinaryData change_body(struct sim *sim, const ProtobufCMessage *message);
/* An online request of a person: CRM_UNKNOWN and the like where the line or the server has failed. */
enum crm_status change_online(struct sim *sim, enum person who, const struct weather *weather, Crm__Mutation *mutation);
/* Erase a record and what hangs on it, by the office. */
enum crm_status change_erase(struct sim *sim, enum kind kind, const struct uuid *id);
/* check.c */
void check_all(struct sim *sim);

#endif
