/*
 * outbox_view.h - the outbox as people see it: each change with its state, its record by name, and what it changes
 */
#ifndef CRM_CLI_OUTBOX_VIEW_H
#define CRM_CLI_OUTBOX_VIEW_H

#include "client/cli/cli.h"
#include "client/replica/outbox.h"
#include "common/model/record.h"

enum outbox_state {
    OUTBOX_PENDING,  /* the next sync sends it */
    OUTBOX_SENT,     /* it may have arrived: the next sync tells */
    OUTBOX_HELD,     /* with one that was not taken, and that it depends on */
    OUTBOX_CONFLICT, /* not taken, or not all of it: others have changed the same */
    OUTBOX_REJECTED,
};

struct outbox_view {
    struct cli *cli;
    struct crm_client *client; /* the replica's, for the names of records; borrowed */
    struct outbox_list list; /* in cli->arena, as all that comes from it */
    const uint64_t *held;    /* by item: the place of the one that holds it; 0: none */
};

/* Open the replica here (cli->replica), whose it is or how old it is, to read or to write, and look. Closed with cli. */
enum crm_status outbox_view_open(struct cli *cli, bool write, struct outbox_view *out_view) MUST_CHECK;
/* The same of one that is open, with a client of it. */
enum crm_status outbox_view_load(struct cli *cli, struct replica *replica, struct crm_client *client, struct outbox_view *out_view) MUST_CHECK;
/* The item with a place; NULL: there is none. */
const struct outbox_item *outbox_view_find(const struct outbox_view *view, uint64_t place);

enum outbox_state outbox_view_state(const struct outbox_view *view, const struct outbox_item *item);
/* "pending", as in JSON. */
const char *outbox_state_name(enum outbox_state state);
/* Why it is not taken, or is held; "" for what waits. */
const char *outbox_view_why(const struct outbox_view *view, const struct outbox_item *item);

/* The record that a mutation is about: its number here (local where the server has given none) and its title, as far as they are known. */
struct record_header outbox_view_header(const struct outbox_view *view, const Crm__Mutation *mutation, uint64_t local_number, const char **out_title);
/* The record as it is shown here; false: it is not. In cli->arena. */
bool outbox_view_get(const struct outbox_view *view, const Crm__Mutation *mutation, struct record *out_record);
/* "C-~1 Field Finds", of a group with "+2". */
const char *outbox_view_record(const struct outbox_view *view, const struct outbox_item *item);
/* "set", "move", as in JSON. */
const char *outbox_view_verb(const struct outbox_view *view, const Crm__Mutation *mutation);
/* The fields that a create or a patch sets, clears or changes, in display order: *at is 0 at first, and moves. NULL behind the last. */
const struct field_def *outbox_view_field(const struct outbox_view *view, const Crm__Mutation *mutation, size_t *at);
/* "set name, industry", "move stage=Won". */
const char *outbox_view_change(const struct outbox_view *view, const Crm__Mutation *mutation);
/* Is the server keeping what was not taken? Then crm resolve is how to go on. */
bool outbox_view_is_open(const struct outbox_item *item);
/* Which command goes on with it: "crm resolve C-4", "crm outbox show 3". */
const char *outbox_view_next(const struct outbox_view *view, const struct outbox_item *item);

#endif
