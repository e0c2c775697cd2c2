/*
 * steps.h - what may happen in a seed; a step that has nothing to work on does nothing
 */
#ifndef CRM_TEST_SIM_STEPS_H
#define CRM_TEST_SIM_STEPS_H

#include "tests/sim/sim.h"

extern const struct weather good_weather;

/* --- type.c */

struct typed_field;

/* One of the fields in which people type. */
const struct typed_field *type_any(const struct sim *sim);
enum kind type_kind(const struct typed_field *typed);
/* A packed message with this text alone, in the seed's arena. */
ProtobufCBinaryData type_body(struct sim *sim, const struct field_def *field, const char *text);
/* A new word in a field of a record that its author has before their eyes. The word is the last of sim->words. */
Crm__Mutation *type_patch(struct sim *sim, enum person by, const struct typed_field *typed, const struct record *record);
/* Done, or the process has died behind the commit: nobody knows. */
bool type_may_be_done(enum crm_status status);
/* The word at this place was taken, or not. Those of the same author in the same field that were not sent are the author's to lose. */
void type_taken(struct sim *sim, const struct typed_field *typed, size_t at, enum crm_status status);

/* --- pick.c: something to work on */

/* A record of a kind that a disk holds; false: none. */
bool pick_record(struct sim *sim, const struct disk *disk, enum kind kind, struct record *out_record);
/* Does a replica show changes of it that the server has not got? */
bool pick_waits(const struct disk *disk, const struct record *record);
enum kind pick_kind(void);
struct conflict_choice {
    struct uuid id, record;
    Crm__Conflict *conflict;
};
/* One of a person's that is open, as a disk has it. */
bool pick_conflict(struct sim *sim, const struct disk *disk, enum person who, struct conflict_choice *out_choice);

/* --- steps_rep.c: those who have a replica */

void step_create(struct sim *sim);
void step_create_below(struct sim *sim);
void step_edit(struct sim *sim);
void step_edit_group(struct sim *sim);
void step_delete(struct sim *sim);
void step_assign(struct sim *sim);
void step_share(struct sim *sim);
void step_move_deal(struct sim *sim);
void step_drop(struct sim *sim);
void step_retry(struct sim *sim);
void step_resolve(struct sim *sim);
void step_sync(struct sim *sim);
void step_client_dies(struct sim *sim);
void step_clone(struct sim *sim);
void step_save(struct sim *sim);
void step_put_back(struct sim *sim);

/* --- steps_office.c: at the server */

void edit_online(struct sim *sim, enum person who);

void step_edit_online(struct sim *sim);
void step_delete_online(struct sim *sim);
void step_erase(struct sim *sim);
void step_assign_online(struct sim *sim);
void step_share_online(struct sim *sim);
void step_move_team(struct sim *sim);
void step_change_role(struct sim *sim);
void step_define_field(struct sim *sim);
void step_server_dies(struct sim *sim);
void step_server_restarts(struct sim *sim);
void step_back_up(struct sim *sim);
void step_restore(struct sim *sim);

#endif
