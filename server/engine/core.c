/*
 * core.c - identity and schema of an open database
 */
#include "server/engine/core.h"

#include <stdio.h>

#include "common/base/clock.h"
#include "common/base/sealed.h"
#include "server/engine/number.h"

#define SCHEMA_ARENA (16u << 20)

enum crm_status meta_get(const struct view *view, const char *name, void *out, size_t size)
{
    struct slice value, content;
    enum crm_status status = view_get(view, STORE_META, slice_text(name), &value);

    if (status == CRM_OK)
        status = sealed_open(value, size, &content);
    if (status == CRM_OK)
        memcpy(out, content.data, size);
    return status;
}

enum crm_status meta_put(struct writeset *set, const char *name, const void *data, size_t size, struct arena *arena)
{
    uint8_t *content, *value = sealed_alloc(arena, size, &content);

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, data, size);
    return writeset_put(set, STORE_META, slice_text(name), sealed_close(value, size));
}

enum crm_status core_format(struct change_group *group)
{
    uint32_t format = FORMAT_VERSION, epoch = 1;
    uint8_t database[UUID_SIZE], token_key[32];
    enum crm_status status = meta_put(group->set, "format", &format, sizeof format, group->arena);

    random_bytes(database, sizeof database);
    random_bytes(token_key, sizeof token_key);
    if (status == CRM_OK)
        status = meta_put(group->set, "epoch", &epoch, sizeof epoch, group->arena);
    if (status == CRM_OK)
        status = meta_put(group->set, "database", database, sizeof database, group->arena);
    return status == CRM_OK ? meta_put(group->set, "token_key", token_key, sizeof token_key, group->arena) : status;
}

enum crm_status core_begin_epoch(const struct view *view, struct writeset *set, int64_t now_us, struct arena *arena, uint32_t *out_epoch)
{
    int64_t now_s = now_us / 1000000;
    uint32_t epoch;
    enum crm_status status = meta_get(view, "epoch", &epoch, sizeof epoch);

    if (status != CRM_OK)
        return status;
    epoch = now_s > epoch && now_s <= UINT32_MAX ? (uint32_t)now_s : epoch + 1;
    status = meta_put(set, "epoch", &epoch, sizeof epoch, arena);
    if (status == CRM_OK)
        status = number_jump(view, set, now_us, arena);
    if (status == CRM_OK)
        *out_epoch = epoch;
    return status;
}

struct schema_load {
    struct schema *schema;
    struct arena *arena;
    uint64_t level; /* the newest change among the definitions: rises with every one of them */
    struct failure *failure;
    enum crm_status status;
};

static bool add_definition(void *arg, struct slice key, struct slice value)
{
    struct schema_load *load = arg;
    const Crm__FieldDefinition *definition;
    struct record record;
    struct uuid id;
    enum kind kind;

    if (!record_key_parse(key, &kind, &id) || record_decode(kind, &id, value, &record) != CRM_OK) {
        load->status = fail(load->failure, CRM_CORRUPT, NULL, "a field definition is damaged");
        return false;
    }
    definition = crm__field_definition__unpack(&load->arena->protobuf, record.body.size, record.body.data);
    if (!definition)
        load->status = fail(load->failure, CRM_NO_MEMORY, NULL, "out of memory");
    else
        load->status = schema_add(load->schema, definition, load->failure);
    if (record.header.seq > load->level)
        load->level = record.header.seq;
    return load->status == CRM_OK;
}

static bool note_deleted(void *arg, struct slice key, struct slice value)
{
    struct schema_load *load = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    if (record_key_parse(key, &kind, &id) && record_decode(kind, &id, value, &record) == CRM_OK && record.header.seq > load->level)
        load->level = record.header.seq;
    return true;
}

static enum crm_status load_schema(struct store_txn *txn, void *arg)
{
    static const uint8_t first = KIND_FIELD_DEFINITION, behind = KIND_FIELD_DEFINITION + 1;
    const struct store_range range = { .from = slice_of(&first, 1), .to = slice_of(&behind, 1) };
    struct schema_load *load = arg;
    enum crm_status status = store_scan(txn, STORE_RECORD, &range, add_definition, load);

    if (status == CRM_OK)
        status = load->status;
    return status == CRM_OK ? store_scan(txn, STORE_DELETED, &range, note_deleted, load) : status;
}

enum crm_status core_reload_schema(struct core *core, struct failure *failure)
{
    struct arena arena;
    struct schema_load load = { .arena = &arena, .failure = failure, .status = CRM_OK };
    enum crm_status status = schema_create(&load.schema);
    struct schema *old;

    if (status != CRM_OK)
        return fail(failure, status, NULL, "out of memory");
    arena_init(&arena, SCHEMA_ARENA);
    status = store_read_run(core->store, load_schema, &load);
    arena_fini(&arena);
    if (status != CRM_OK) {
        schema_unref(load.schema);
        return fail(failure, status, NULL, "the field definitions cannot be read");
    }
    schema_set_level(load.schema, load.level);
    pthread_mutex_lock(&core->schema_lock);
    old = core->schema;
    core->schema = load.schema;
    atomic_fetch_add(&core->schema_swaps, 1);
    pthread_mutex_unlock(&core->schema_lock);
    schema_unref(old);
    return CRM_OK;
}

struct schema *core_schema(struct core *core)
{
    struct schema *schema;

    pthread_mutex_lock(&core->schema_lock);
    schema = schema_ref(core->schema);
    pthread_mutex_unlock(&core->schema_lock);
    return schema;
}

struct identity_load {
    struct core *core;
    struct failure *failure;
};

static enum crm_status load_identity(struct store_txn *txn, void *arg)
{
    struct identity_load *load = arg;
    struct core *core = load->core;
    struct view view = { .txn = txn };
    struct log_head head;
    uint32_t format = 0;
    enum crm_status status = meta_get(&view, "format", &format, sizeof format);

    if (status == CRM_NOT_FOUND)
        return fail(load->failure, CRM_FORMAT, NULL, "this is no database of crmd's");
    if (status == CRM_OK && format != FORMAT_VERSION)
        return fail(load->failure, CRM_FORMAT, NULL, "the data has format %u, this crmd works with format %u: run `crmd upgrade DIR`", format,
                    FORMAT_VERSION);
    if (status == CRM_OK)
        status = meta_get(&view, "database", core->database, sizeof core->database);
    if (status == CRM_OK)
        status = meta_get(&view, "epoch", &core->epoch, sizeof core->epoch);
    if (status == CRM_OK)
        status = meta_get(&view, "token_key", core->token_key, sizeof core->token_key);
    if (status == CRM_OK)
        status = log_head_load(&view, &head);
    if (status != CRM_OK)
        return fail(load->failure, status, NULL, "the database's own rows cannot be read");
    atomic_store(&core->seq, head.seq);
    return CRM_OK;
}

enum crm_status core_init(struct core *core, struct store *store, const struct settings *settings, const char *directory,
                          struct failure *failure)
{
    struct identity_load load = { .core = core, .failure = failure };
    enum crm_status status;

    memset(core, 0, sizeof *core);
    core->store = store;
    core->settings = *settings;
    audit_sums_init(&core->refusals);
    snprintf(core->directory, sizeof core->directory, "%s", directory);
    if (pthread_mutex_init(&core->schema_lock, NULL) != 0)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    status = store_read_run(store, load_identity, &load);
    if (status == CRM_OK)
        status = core_reload_schema(core, failure);
    return status;
}

void core_fini(struct core *core)
{
    schema_unref(core->schema);
    if (core->store)
        pthread_mutex_destroy(&core->schema_lock);
    core->schema = NULL;
    core->store = NULL;
}
