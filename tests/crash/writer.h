/*
 * writer.h - one writer of the crash test and its ledger: what was acknowledged, what is unknown, and what the server must therefore hold
 *
 * A writer changes only records that it has made, one change of a record at a time, several records at once. So the ledger knows the exact revision and
 * content of each record, up to changes whose answer was lost: those are sent again under their number.
 */
#ifndef CRM_TESTS_CRASH_WRITER_H
#define CRM_TESTS_CRASH_WRITER_H

#include <crm.h>

#include "common/base/uuid.h"

#define WRITER_SLOTS  12 /* records of a writer */
#define WRITER_FLIGHT 4  /* changes of a writer under way */
#define WRITER_KEEPS  16 /* numbers behind the lowest open one that the server is asked to keep */
#define NAME_SIZE     48

struct writer;

enum change_state {
    CHANGE_NONE,
    CHANGE_SENT,    /* its answer is awaited */
    CHANGE_UNKNOWN, /* its answer was lost */
};

/* The record in a slot as the last acknowledged change has left it, and the change under way. */
struct slot {
    struct writer *writer;
    struct uuid id;
    bool exists;
    uint64_t rev;
    uint64_t label;   /* the record's number, C-… */
    uint64_t content; /* number of the change that gave it its name */
    /* the change */
    enum change_state state;
    Crm__Verb verb;
    struct uuid changed_id; /* id, or of a create the new one's */
    uint64_t number;
    struct crm_call *call;
};

/* An acknowledged change, to be sent once more: the answer must be the same. */
struct acknowledged {
    bool is_set;
    Crm__Verb verb;
    struct uuid id;
    uint64_t number, rev, seq;
};

struct writer {
    unsigned index;
    struct crm_client *client;
    uint8_t key[CRM_KEY_SIZE];
    uint64_t last_number;
    uint64_t n_creates, n_updates, n_deletes; /* acknowledged, over all rounds */
    struct slot slots[WRITER_SLOTS];
    struct acknowledged last;
    uint64_t *random;        /* shared state of the seeded generator */
    unsigned *acks;          /* shared: acknowledged since the round began */
    bool has_failed;         /* the server gave an answer that it must not give; told on stderr */
};

/* The next number of the seeded generator, below limit. */
unsigned random_below(uint64_t *state, unsigned limit);

void writer_init(struct writer *writer, unsigned index, uint64_t *random, unsigned *acks);
/* A client of its own that gives up at once when the connection is lost. */
bool writer_connect(struct writer *writer, const struct crm_options *options);
/* Keep WRITER_FLIGHT changes under way. */
void writer_fill(struct writer *writer);
/* After a kill: end what is under way; what was sent and not answered becomes unknown. Closes the client. */
void writer_cut(struct writer *writer);
/* Send the unknown ones again, and the last acknowledged one: the first are applied or were, exactly once, the last is a duplicate. */
bool writer_settle(struct writer *writer);
/* The name of a record whose content is the change `number`. */
void writer_name(const struct writer *writer, uint64_t number, char name[NAME_SIZE]);

#endif
