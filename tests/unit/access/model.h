/*
 * model.h - the rules of access once more, as plain loops over plain structs: what the server's answers are compared with
 *
 * Written from DESIGN section 10 and issue 3 alone. It knows no header, no key and no index, and shares nothing with server/engine/access.c.
 */
#ifndef CRM_TEST_ACCESS_MODEL_H
#define CRM_TEST_ACCESS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "common/model/kind.h"

#define MODEL_TEAMS   32
#define MODEL_ROLES   64
#define MODEL_USERS   64
#define MODEL_RECORDS 4096
#define MODEL_GRANTS  4096
#define MODEL_HIDDEN  8
#define MODEL_NOBODY  (-1) /* in the place of an index */

enum model_scope { MODEL_NONE, MODEL_OWN, MODEL_TEAM, MODEL_BRANCH, MODEL_ALL };

struct model_team {
    struct uuid id;
    int parent; /* index of a team */
};

/* What a role says of one kind. */
struct model_row {
    enum model_scope read, write;
    const char *hidden[MODEL_HIDDEN];    /* names of fields, ended by NULL */
    const char *read_only[MODEL_HIDDEN]; /* likewise */
};

struct model_role {
    struct uuid id;
    struct model_row rows[KIND_MAX + 1];
    bool has_rights; /* all of them, or none */
};

struct model_user {
    struct uuid id;
    int role;
    int team, more_team; /* indexes of teams */
};

struct model_record {
    enum kind kind;
    struct uuid id;
    struct uuid owner, team;
    int parent;          /* index of the record that decides over this one, where it names one */
    int refers;          /* index of the customer that it refers to, as parent or not */
    uint64_t number;     /* 0: none */
    bool is_deleted;
    bool has_values;     /* made by the world: title and values are known */
    char title[64];      /* one word that no other record has */
    char secret[64];     /* the value of the kind's secret text field, likewise */
    char past_secret[64]; /* before it was changed */
    int64_t money;       /* minor units of the kind's secret money field; 0: none */
};

enum model_principal { MODEL_USER, MODEL_TEAM_ITSELF, MODEL_TEAM_AND_BELOW };

struct model_grant {
    int record; /* the root that is shared */
    enum model_principal sort;
    int principal; /* index of a user or a team */
    bool may_write, is_over;
};

struct model {
    struct model_team teams[MODEL_TEAMS];
    struct model_role roles[MODEL_ROLES];
    struct model_user users[MODEL_USERS];
    struct model_record records[MODEL_RECORDS];
    struct model_grant grants[MODEL_GRANTS];
    int n_teams, n_roles, n_users, n_records, n_grants;
};

bool model_may_read(const struct model *model, const struct model_user *user, const struct model_record *record);
bool model_may_write(const struct model *model, const struct model_user *user, const struct model_record *record);
/* By owner and team alone, as reports count: shares do not. */
bool model_covers(const struct model *model, const struct model_user *user, const struct model_record *record);
bool model_hides(const struct model *model, const struct model_user *user, enum kind kind, const char *field);
bool model_keeps(const struct model *model, const struct model_user *user, enum kind kind, const char *field);
const struct model_row *model_row(const struct model *model, const struct model_user *user, enum kind kind);

/* NULL: there is none. */
struct model_record *model_find(struct model *model, enum kind kind, const struct uuid *id);
int model_index(const struct model *model, const struct model_record *record);

#endif
