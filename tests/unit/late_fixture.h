/*
 * late_fixture.h - what the tests of late mutations share: what their author saw, what is kept, how it is resolved
 */
#ifndef CRM_TEST_LATE_FIXTURE_H
#define CRM_TEST_LATE_FIXTURE_H

#include "server_fixture.h"

#include "server/engine/late.h"

/* A mutation says what its author saw: the record as it was when they read it. */
static inline Crm__Mutation *seen(struct server *s, Crm__Mutation *mutation, const struct record *base)
{
    mutation->has_base_rev = mutation->has_old = mutation->has_old_owner = mutation->has_old_team = true;
    mutation->base_rev = base->header.rev;
    mutation->old = server_binary(s, base->body.data, base->body.size);
    mutation->old_owner = server_id(s, &base->header.owner);
    mutation->old_team = server_id(s, &base->header.team);
    return mutation;
}

/* The plain text of one field's value in a conflict. */
static inline const char *value_text(struct server *s, enum kind kind, const char *name, ProtobufCBinaryData bytes)
{
    struct record record = { .body = slice_of(bytes.data, bytes.len) };
    struct server_join join = { .server = s, .field = server_field(s, kind, name), .text = "" };

    reflect_each(join.field, &record, server_join_value, &join);
    return join.text;
}

/* --- what is kept */

struct kept {
    struct server *server;
    const struct uuid *record;
    Crm__Conflict *rows[CONFLICTS_MAX + 1];
    struct uuid ids[CONFLICTS_MAX + 1];
    size_t n;
};

static inline enum crm_status read_kept(struct store_txn *txn, void *arg)
{
    struct kept *kept = arg;
    struct view view = { .txn = txn, .schema = kept->server->core.schema };
    struct key at = { 0 };
    enum crm_status status;

    while (kept->n <= CONFLICTS_MAX && (status = conflict_next(&view, &kept->server->actor.user, kept->record, &at, &kept->server->arena,
                                                               &kept->rows[kept->n])) == CRM_OK) {
        memcpy(kept->ids[kept->n].bytes, at.data + 2 * UUID_SIZE, UUID_SIZE);
        kept->n++;
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

static inline struct kept kept_of(struct server *s, const struct uuid *record)
{
    struct kept kept = { .server = s, .record = record };

    assert_int_equal(store_read_run(s->store, read_kept, &kept), CRM_OK);
    return kept;
}

static inline Crm__Mutation *resolution(struct server *s, enum kind kind, const struct uuid *id, const char *field, Crm__Take take, const char *text)
{
    Crm__ResolveArgument argument = CRM__RESOLVE_ARGUMENT__INIT;

    argument.has_take = true;
    argument.take = take;
    if (field) {
        argument.has_field = true;
        argument.field = server_field(s, kind, field)->ref;
    }
    if (text) {
        argument.has_value = true;
        argument.value = server_patch(s, kind, id, text, NULL)->set;
    }
    return server_action(s, kind, id, "resolve", &argument.base);
}

#endif
