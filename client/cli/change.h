/*
 * change.h - what a person or a file wants changed in one record, gathered field by field into a
 * mutation
 *
 *     field=value     set (of a list: the first one empties it, further ones add)
 *     field=          clear
 *     field+=value    add to a list        field-=value    take out of a list
 *     field=@file     the file's content   field=@@text    a value that begins with @
 *
 * Fields by name or label, values as value_parse takes them; elements of a group as JSON objects.
 * owner and team are of the header.
 */
#ifndef CRM_CLI_CHANGE_H
#define CRM_CLI_CHANGE_H

#include <jansson.h>

#include "common/model/reflect.h"
#include "common/model/schema.h"

#define CHANGE_FIELDS_MAX 256

/* Look up the record that a text means ("D-17", a name, "me"); kind KIND_NONE: any. */
typedef enum crm_status change_resolve(void *arg, enum kind kind, const char *text,
                                       struct uuid *out_id, struct failure *failure);

enum change_op { CHANGE_SET, CHANGE_ADD, CHANGE_REMOVE };

struct change {
    const struct schema *schema;
    const struct kind_def *kind;
    struct arena *arena;
    struct value_context context;
    change_resolve *resolve;
    void *resolve_arg;
    struct body_builder set, add, remove;
    uint32_t clear[CHANGE_FIELDS_MAX];
    size_t n_clear;
    uint32_t given[CHANGE_FIELDS_MAX]; /* fields set so far: only a list may be set twice */
    size_t n_given;
    bool has_owner, has_team;
    struct uuid owner, team;
    bool has_happened;
    int64_t happened_us; /* when it happened, where that is not now */
};

/* What a file calls the time at which a record's creation happened: no field of it, unless the
 * company has added one of that name. */
#define CHANGE_HAPPENED "happened"

/* arena outlives the change; resolve may be NULL: then references must be ids. */
void change_init(struct change *change, const struct schema *schema, const struct kind_def *kind,
                 const struct value_context *context, struct arena *arena, change_resolve *resolve,
                 void *resolve_arg);

/* Has an argument the form field=value? Else it is a selector. */
bool change_is_assignment(const char *argument);
/* One argument of the command line. CRM_INVALID names the field, or says what is wrong with the
 * form. */
enum crm_status change_assign(struct change *change, const char *argument,
                              struct failure *failure) MUST_CHECK;
/* One value as text; empty text with CHANGE_SET clears. */
enum crm_status change_text(struct change *change, const struct field_def *field, enum change_op op,
                            struct slice text, struct failure *failure) MUST_CHECK;
/* A list as CSV and the editor write it: values divided by ';', "\;" for a ';' within one. Of other
 * fields the same as change_text. */
enum crm_status change_list(struct change *change, const struct field_def *field, struct slice text,
                            struct failure *failure) MUST_CHECK;
/* A value as JSON: a text, a number, a list of them, of groups a list of objects. */
enum crm_status change_json_field(struct change *change, const struct field_def *field,
                                  enum change_op op, json_t *json,
                                  struct failure *failure) MUST_CHECK;
/* When the change happened: an instant or a day, which is its beginning. */
enum crm_status change_happened(struct change *change, struct slice text,
                                struct failure *failure) MUST_CHECK;
/* A whole record as JSON: null and absent fields are left out, and so is what only the server sets.
 * The key CHANGE_HAPPENED says when. */
enum crm_status change_json(struct change *change, json_t *object,
                            struct failure *failure) MUST_CHECK;

/* Nothing was asked for? */
bool change_is_empty(const struct change *change);
/* Fill in kind, set, clear, add and remove, when it happened, and for a create owner and team;
 * everything in the arena. */
enum crm_status change_finish(struct change *change, bool is_create, Crm__Mutation *mutation,
                              struct failure *failure) MUST_CHECK;
/* Owner and team, which change_finish gives to a create only: in the mutation of an existing record
 * they hand it over, if they are others than it has. */
enum crm_status change_finish_owner(struct change *change, Crm__Mutation *mutation,
                                    struct failure *failure) MUST_CHECK;
/* The action that hands a record to owner and team, for an existing record; CRM_OK with action NULL
 * where neither was given. */
enum crm_status change_finish_assign(struct change *change, Crm__Mutation *mutation,
                                     struct failure *failure) MUST_CHECK;

#endif
