/*
 * measure_access.c - what one question to the access evaluator costs: an own record, one of the team, of a team below, and a shared one, in turn
 *
 * In this process, over a store of its own in a directory of the bench's, with no more in it than the question needs.
 */
#include "tests/bench/bench.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "proto/codec.h"
#include "server/engine/access.h"
#include "server/engine/grants.h"

#define MAP_BYTES     ((size_t)64 << 20)
#define ARENA_SIZE    (4u << 20)
#define ASKED_AT_ONCE 4096

enum asked { ASK_OWN, ASK_TEAM, ASK_BRANCH, ASK_GRANTED, ASKED };

struct asking {
    struct schema *schema;
    struct arena arena;
    struct uuid user, role, team, below;
    struct record_header headers[ASKED];
    int64_t duration_us;
    double ns; /* a question */
    enum crm_status status;
};

static ProtobufCBinaryData binary(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

/* A record of the administration, as access reads it: nothing but its body counts. */
static enum crm_status put(struct asking *asking, struct writeset *set, enum kind kind, const struct uuid *id,
                           const ProtobufCMessage *message)
{
    struct record record = { .header = { .id = *id, .kind = kind, .root = *id, .rev = 1, .seq = 1 } };
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value;
    enum crm_status status = codec_pack(message, &asking->arena, &record.body);

    if (status == CRM_OK)
        status = record_encode(&record, &asking->arena, &value);
    record_key(kind, id, key);
    return status == CRM_OK ? writeset_put(set, STORE_RECORD, slice_of(key, sizeof key), value) : status;
}

static enum crm_status put_people(struct asking *asking, struct writeset *set)
{
    Crm__KindScope row = CRM__KIND_SCOPE__INIT, *rows = &row;
    Crm__Role role = CRM__ROLE__INIT;
    Crm__User user = CRM__USER__INIT;
    Crm__Team team = CRM__TEAM__INIT, below = CRM__TEAM__INIT;
    struct key child = { 0 };
    enum crm_status status;

    row.kind = (char *)"*";
    row.has_read = row.has_write = true;
    row.read = row.write = CRM__SCOPE__SCOPE_BRANCH;
    role.scopes = &rows;
    role.n_scopes = 1;
    user.has_team = user.has_role = below.has_parent = true;
    user.team = below.parent = binary(&asking->team);
    user.role = binary(&asking->role);
    status = put(asking, set, KIND_ROLE, &asking->role, &role.base);
    if (status == CRM_OK)
        status = put(asking, set, KIND_USER, &asking->user, &user.base);
    if (status == CRM_OK)
        status = put(asking, set, KIND_TEAM, &asking->team, &team.base);
    if (status == CRM_OK)
        status = put(asking, set, KIND_TEAM, &asking->below, &below.base);
    child_prefix(&child, &asking->team, KIND_TEAM, kind_field_by_name(kind_def(KIND_TEAM), "parent")->ref);
    key_bytes(&child, asking->below.bytes, UUID_SIZE);
    return status == CRM_OK ? writeset_put(set, STORE_CHILD, key_slice(&child), slice_of((const uint8_t *)"", 0)) : status;
}

static enum crm_status fill(struct store_txn *txn, void *arg)
{
    struct asking *asking = arg;
    const struct grant none = { 0 }, grant = { .sort = GRANT_USER, .principal = asking->user, .rights = GRANT_READ };
    struct writeset *set = writeset_create(&asking->arena);
    enum crm_status status = set ? put_people(asking, set) : CRM_NO_MEMORY;

    if (status == CRM_OK)
        status = grant_store(set, KIND_CUSTOMER, &asking->headers[ASK_GRANTED].root, &none, &grant, &asking->arena);
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

static void make_headers(struct asking *asking)
{
    for (size_t i = 0; i < ASKED; i++) {
        struct record_header *header = &asking->headers[i];

        *header = (struct record_header){ .id = uuid_create(), .kind = KIND_CUSTOMER, .owner = uuid_create(), .team = uuid_create() };
        header->root = header->id;
    }
    asking->headers[ASK_OWN].owner = asking->user;
    asking->headers[ASK_TEAM].team = asking->team;
    asking->headers[ASK_BRANCH].team = asking->below;
}

static enum crm_status ask(struct store_txn *txn, void *arg)
{
    struct asking *asking = arg;
    const struct view view = { .txn = txn, .schema = asking->schema };
    struct access *access;
    uint64_t n = 0;
    int64_t began_us, took_us = 0;
    enum crm_status status = access_create(&view, &asking->user, NULL, &access);

    if (status != CRM_OK)
        return status;
    for (began_us = clock_monotonic_us(); took_us < asking->duration_us && status == CRM_OK; took_us = clock_monotonic_us() - began_us)
        for (size_t i = 0; i < ASKED_AT_ONCE && status == CRM_OK; i++, n++)
            status = access_may(access, &view, ACCESS_READ, &asking->headers[i % ASKED], NULL);
    asking->ns = (double)took_us * 1000 / (double)n;
    access_unref(access);
    return status;
}

enum crm_status measure_access(struct bench *bench)
{
    struct asking asking = { .user = uuid_create(), .role = uuid_create(), .team = uuid_create(), .below = uuid_create(),
                             .duration_us = bench->duration_us };
    struct store_lmdb_options options = { .map_bytes = MAP_BYTES };
    struct store *store = NULL;
    char directory[PATH_MAX], name[32];
    enum crm_status status;

    snprintf(name, sizeof name, "access.%u", bench->samples[FIGURE_ACCESS_CHECK].n); /* a new one each round */
    status = bench_make_directory(bench, name, directory);
    arena_init(&asking.arena, ARENA_SIZE);
    make_headers(&asking);
    options.path = directory;
    if (status == CRM_OK)
        status = schema_create(&asking.schema);
    if (status == CRM_OK)
        status = store_open_lmdb(&options, &store, bench->failure);
    if (status == CRM_OK)
        status = store_write_run(store, fill, &asking);
    if (status == CRM_OK)
        status = store_read_run(store, ask, &asking);
    if (status == CRM_OK)
        bench_note(bench, FIGURE_ACCESS_CHECK, asking.ns);
    if (store)
        store_close(store);
    schema_unref(asking.schema);
    arena_fini(&asking.arena);
    return status == CRM_OK ? CRM_OK : fail(bench->failure, status, NULL, "the evaluator of access cannot be measured");
}
