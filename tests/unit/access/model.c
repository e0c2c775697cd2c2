/*
 * model.c - who may read and change what, by the plainest means there are
 */
#include "model.h"

#include <string.h>

static const struct model_role *role_of(const struct model *model, const struct model_user *user)
{
    return &model->roles[user->role];
}

const struct model_row *model_row(const struct model *model, const struct model_user *user, enum kind kind)
{
    return &role_of(model, user)->rows[kind];
}

/* Is the team the other one, or somewhere below it? */
static bool is_at_or_below(const struct model *model, int team, int above)
{
    for (; team != MODEL_NOBODY; team = model->teams[team].parent)
        if (team == above)
            return true;
    return false;
}

static int team_by_id(const struct model *model, const struct uuid *id)
{
    for (int i = 0; i < model->n_teams; i++)
        if (uuid_equal(&model->teams[i].id, id))
            return i;
    return MODEL_NOBODY;
}

static bool is_member(const struct model_user *user, int team)
{
    return team != MODEL_NOBODY && (user->team == team || user->more_team == team);
}

/* In a branch is who is in one of the user's teams, or in one below. */
static bool is_in_branch_of(const struct model *model, int team, const struct model_user *user)
{
    return team != MODEL_NOBODY && ((user->team != MODEL_NOBODY && is_at_or_below(model, team, user->team)) ||
                                    (user->more_team != MODEL_NOBODY && is_at_or_below(model, team, user->more_team)));
}

/* The record that decides: itself, or the parent's. */
static const struct model_record *root_of(const struct model *model, const struct model_record *record)
{
    while (record->parent != MODEL_NOBODY)
        record = &model->records[record->parent];
    return record;
}

static bool scope_covers(const struct model *model, const struct model_user *user, enum model_scope scope, const struct model_record *root)
{
    int team = team_by_id(model, &root->team);

    if (scope == MODEL_ALL)
        return true;
    if (scope >= MODEL_OWN && uuid_equal(&root->owner, &user->id))
        return true;
    if (scope >= MODEL_TEAM && is_member(user, team))
        return true;
    return scope >= MODEL_BRANCH && is_in_branch_of(model, team, user);
}

static bool is_for(const struct model *model, const struct model_grant *grant, const struct model_user *user)
{
    switch (grant->sort) {
    case MODEL_USER:
        return &model->users[grant->principal] == user;
    case MODEL_TEAM_ITSELF:
        return is_member(user, grant->principal);
    default: /* the user's team is the one that it is shared with, or lies below */
        return (user->team != MODEL_NOBODY && is_at_or_below(model, user->team, grant->principal)) ||
               (user->more_team != MODEL_NOBODY && is_at_or_below(model, user->more_team, grant->principal));
    }
}

static bool is_shared(const struct model *model, const struct model_user *user, const struct model_record *root, bool to_write)
{
    for (int i = 0; i < model->n_grants; i++) {
        const struct model_grant *grant = &model->grants[i];

        if (&model->records[grant->record] == root && !grant->is_over && (grant->may_write || !to_write) && is_for(model, grant, user))
            return true;
    }
    return false;
}

static bool may(const struct model *model, const struct model_user *user, const struct model_record *record, bool to_write)
{
    const struct model_row *row = model_row(model, user, record->kind);
    enum model_scope scope = to_write ? row->write : row->read;
    const struct model_record *root = root_of(model, record);

    if (scope == MODEL_NONE)
        return false; /* of what is out of scope nothing can be shared */
    return scope_covers(model, user, scope, root) || is_shared(model, user, root, to_write);
}

bool model_may_read(const struct model *model, const struct model_user *user, const struct model_record *record)
{
    return may(model, user, record, false);
}

bool model_may_write(const struct model *model, const struct model_user *user, const struct model_record *record)
{
    return may(model, user, record, false) && may(model, user, record, true);
}

bool model_covers(const struct model *model, const struct model_user *user, const struct model_record *record)
{
    return scope_covers(model, user, model_row(model, user, record->kind)->read, root_of(model, record));
}

static bool is_among(const char *const *names, const char *name)
{
    for (size_t i = 0; i < MODEL_HIDDEN && names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool model_hides(const struct model *model, const struct model_user *user, enum kind kind, const char *field)
{
    return is_among(model_row(model, user, kind)->hidden, field);
}

bool model_keeps(const struct model *model, const struct model_user *user, enum kind kind, const char *field)
{
    return model_hides(model, user, kind, field) || is_among(model_row(model, user, kind)->read_only, field);
}

struct model_record *model_find(struct model *model, enum kind kind, const struct uuid *id)
{
    for (int i = 0; i < model->n_records; i++)
        if (model->records[i].kind == kind && uuid_equal(&model->records[i].id, id))
            return &model->records[i];
    return NULL;
}

int model_index(const struct model *model, const struct model_record *record)
{
    return (int)(record - model->records);
}
