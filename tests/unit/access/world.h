/*
 * world.h - a company made from a seed through the real way in: teams, roles, users, records of every kind in every relation; and its model
 *
 * Over the map store, with the real writer and workers. Every user has a link of their own, on a thread of its own as far as the dispatcher knows, all
 * driven by the test's one thread. The clock is the system's plus an offset that a test moves.
 */
#ifndef CRM_TEST_ACCESS_WORLD_H
#define CRM_TEST_ACCESS_WORLD_H

#include "../link_fixture.h"
#include "model.h"

#define WORLD_USERS 12 /* whose eyes are compared with the model */

/* What the test knows of a kind beyond its table: how one is made, and which fields a role may keep. */
struct world_kind {
    enum kind kind;
    const char *title;   /* the field that stands for the record, one word */
    const char *secret;  /* a text field with one word */
    const char *money;   /* or NULL */
    const char *parent;  /* the field that names the customer, or NULL */
    const char *more;    /* "name=value" that a create needs besides, or NULL */
    bool derives_title;  /* the title is made of other fields */
    bool is_once;        /* one of it there is already */
};

/* What became of a request. */
struct answer {
    enum frame_type type; /* FRAME_REPLY, FRAME_END, FRAME_ERROR */
    enum crm_status status;
    struct slice body;    /* of that frame */
    struct slice chunks[512];
    size_t n_chunks;
};

struct world {
    struct fixture admin; /* owner of store, core and dispatch */
    struct fixture peers[WORLD_USERS];
    struct model *model;
    uint64_t random;
    int users[WORLD_USERS]; /* indexes in the model */
    int first_of_user[WORLD_USERS];
    int n_shared;           /* records in front: those that are the same for all users */
    uint64_t past_seq;      /* before secrets were changed and records handed over */
    struct slice bodies[MODEL_RECORDS]; /* as the administrator sees them, by index in the model; in admin.arena */
    int owners[15];         /* of each team somebody who only owns, by index in the model */
    Crm__Meta meta;         /* the same for all requests, so that answers can be compared byte by byte */
    uint8_t trace[16];
};

enum visibility { SEE_ALL, HIDE_SECRET, KEEP_SECRET, HIDE_TITLE, VISIBILITIES };

extern const struct world_kind world_kinds[];
const struct world_kind *world_kind(enum kind kind);

/* combination: the first of the role combinations (read x write x visibility) that its users have, one after the other. */
struct world *world_create(uint64_t seed, unsigned combination);
/* Nothing but the administrator and the teams; peers join by hand. */
struct world *world_create_bare(uint64_t seed);
void world_destroy(struct world *world);
/* What the administrator sees of a record has changed by the test's doing. */
void world_reread(struct world *world, int record);

uint64_t world_random(struct world *world, uint64_t n);
void world_pass(int64_t us);
/* A link of somebody's own; close it with world_part. */
void world_join(struct world *world, struct fixture *peer, const struct uuid *user);
void world_part(struct fixture *peer);

/* Ask, and wait for the end of the answer. Lives in the peer's arena. */
struct answer talk(struct world *world, struct fixture *peer, enum operation op, ProtobufCMessage *request);
const void *answer_message(struct fixture *peer, struct slice body, const ProtobufCMessageDescriptor *descriptor);

/* "name=value" into a body. texts ended by NULL. */
ProtobufCBinaryData world_body(struct fixture *peer, const struct schema *schema, enum kind kind, const char *const *texts);
ProtobufCBinaryData world_bytes(struct fixture *peer, const struct uuid *id);
Crm__Mutation *world_mutation(struct fixture *peer, enum kind kind, const struct uuid *id, Crm__Verb verb);
Crm__Mutation *world_action(struct fixture *peer, enum kind kind, const struct uuid *id, const char *name, const ProtobufCMessage *argument);
struct answer world_mutate(struct world *world, struct fixture *peer, Crm__Mutation *mutation, bool dry_run);
/* By the administrator; it must be done. */
void world_must(struct world *world, Crm__Mutation *mutation);
const struct field_def *world_field(enum kind kind, const char *name);
uint64_t world_seq(struct world *world);

#endif
