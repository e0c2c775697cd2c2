/*
 * engine_fixture.h - what the tests of common/engine share: a store of either engine, and a small
 * seeded base of customers and deals that is kept twice, in the store and as a plain array
 */
#ifndef CRM_TEST_ENGINE_FIXTURE_H
#define CRM_TEST_ENGINE_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/engine/index.h"
#include "common/model/body.h"
#include "common/model/reflect.h"
#include "common/store/store_cover.h"

/* Last: its macro fail() would garble the prototype in failure.h. */
#include <cmocka.h>

#define WORLD_CUSTOMERS 40
#define WORLD_DEALS     400
#define WORLD_OWNERS    6
#define WORLD_ROWS      (WORLD_CUSTOMERS + WORLD_DEALS)
#define WORLD_ARENA     (256u << 20)

/* WORLD_COVERED: a map in which nothing that is made of values is kept. */
enum world_engine { WORLD_MAP, WORLD_LMDB, WORLD_COVERED };

struct world {
    struct store *store;
    char dir[64]; /* of LMDB, else empty */
    struct schema *schema;
    struct arena arena;
    uint64_t random;
    struct record rows[WORLD_ROWS]; /* customers, then deals; bodies in arena */
    struct uuid owners[WORLD_OWNERS];
};

/* A number below n; the same sequence in every run. */
static inline uint64_t world_random(struct world *world, uint64_t n)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world->random >> 33) % n;
}

static inline bool world_chance(struct world *world, unsigned percent)
{
    return world_random(world, 100) < percent;
}

static inline struct uuid world_id(struct world *world)
{
    struct uuid id;

    for (size_t i = 0; i < UUID_SIZE; i++)
        id.bytes[i] = (uint8_t)world_random(world, 256);
    return id;
}

static inline const struct field_def *world_field(const struct world *world, enum kind kind,
                                                  const char *name)
{
    const struct field_def *field =
        schema_field_by_name(world->schema, kind_def((unsigned)kind), name);

    if (!field) {
        fprintf(stderr, "no field %s\n", name);
        abort();
    }
    return field;
}

static inline bool world_is_deleted(const struct record *record)
{
    return record->header.flags & RECORD_DELETED;
}

/* ---- bodies */

static const char *const world_stages[] = { "Prospecting", "Engaging", "Won", "Lost" };
static const char *const world_industries[] = { "retail", "Médical", "软件", "finance" };
static const char *const world_words[] = { "Acme",    "Globex", "上海科技",     "北京软件",
                                           "Zürich",  "acorn",  "Acme Holding", "contoso",
                                           "initech", "ACME" };

struct world_body {
    struct world *world;
    enum kind kind;
    struct body_builder builder;
};

static inline void world_add(struct world_body *body, const char *name, struct value value)
{
    const struct field_def *field = world_field(body->world, body->kind, name);

    if (value.type == FIELD_NONE)
        value.type = field->type;
    body_builder_add(&body->builder, field, &value);
}

static inline void world_add_text(struct world_body *body, const char *name, const char *text)
{
    world_add(body, name, (struct value){ .text = slice_text(text) });
}

static inline struct value world_money(int64_t minor)
{
    return (struct value){ .type = FIELD_MONEY,
                           .integer = minor,
                           .currency = "USD",
                           .company_minor = minor,
                           .has_company = true };
}

static inline const char *world_name(struct world *world)
{
    const char *word = world_words[world_random(world, ARRAY_LEN(world_words))];
    char *name = world_chance(world, 5) ? arena_printf(&world->arena, "%s %0300d", word, 7)
                                        : arena_printf(&world->arena, "%s %u", word,
                                                       (unsigned)world_random(world, 60));

    if (!name)
        abort();
    return name;
}

static inline struct slice world_customer_body(struct world *world)
{
    struct world_body body = { .world = world, .kind = KIND_CUSTOMER };
    struct slice out;

    body_builder_init(&body.builder, &world->arena);
    world_add_text(&body, "name", world_name(world));
    if (world_chance(world, 80))
        world_add_text(&body, "industry",
                       world_industries[world_random(world, ARRAY_LEN(world_industries))]);
    if (world_chance(world, 50))
        world_add_text(
            &body, "phones",
            arena_printf(&world->arena, "+86 21 5555 %04u", (unsigned)world_random(world, 10000)));
    if (body_builder_finish(&body.builder, &out) != CRM_OK)
        abort();
    return out;
}

/* A customer; some few are referred to more than others, also twice by one deal. */
static inline const struct uuid *world_customer(struct world *world)
{
    return &world->rows[world_random(world, world_chance(world, 40) ? 3 : WORLD_CUSTOMERS)]
                .header.id;
}

static inline struct slice world_line(struct world *world, const struct uuid *product)
{
    Crm__DealLine line = CRM__DEAL_LINE__INIT;
    struct uuid id = world_id(world);
    uint8_t *bytes;

    line.has_id = line.has_product = true;
    line.id = (ProtobufCBinaryData){ .len = UUID_SIZE, .data = id.bytes };
    line.product =
        (ProtobufCBinaryData){ .len = UUID_SIZE, .data = (uint8_t *)(uintptr_t)product->bytes };
    bytes = arena_alloc(&world->arena, crm__deal_line__get_packed_size(&line));
    if (!bytes)
        abort();
    return slice_of(bytes, crm__deal_line__pack(&line, bytes));
}

static inline struct slice world_deal_body(struct world *world)
{
    struct world_body body = { .world = world, .kind = KIND_DEAL };
    struct slice out;

    body_builder_init(&body.builder, &world->arena);
    world_add_text(&body, "name", world_name(world));
    world_add_text(&body, "stage", world_stages[world_random(world, ARRAY_LEN(world_stages))]);
    if (world_chance(world, 80))
        world_add(&body, "customer", (struct value){ .ref = *world_customer(world) });
    if (world_chance(world, 75))
        world_add(&body, "amount", world_money((int64_t)world_random(world, 50) * 100 - 500));
    if (world_chance(world, 70))
        world_add(&body, "expected_close",
                  (struct value){ .integer = (int64_t)world_random(world, 40) - 10 });
    for (int i = 0; world_chance(world, 40) && i < 3; i++)
        world_add_text(&body, "tags", world_words[world_random(world, ARRAY_LEN(world_words))]);
    if (world_chance(world, 60))
        world_add_text(&body, "zone", world_chance(world, 50) ? "North" : "süd");
    for (int i = 0; i < 2 && world_chance(world, 50); i++)
        body_builder_add_element(&body.builder, world_field(world, KIND_DEAL, "lines"),
                                 world_line(world, world_customer(world)));
    if (body_builder_finish(&body.builder, &out) != CRM_OK)
        abort();
    return out;
}

static inline struct record world_row(struct world *world, enum kind kind, uint64_t number)
{
    struct record record = {
        .header = { .id = world_id(world), .kind = kind, .number = number, .rev = 1 }
    };

    record.header.root = record.header.id;
    record.header.created_us = (int64_t)world_random(world, 1000);
    if (world_chance(world, 90))
        record.header.owner = world->owners[world_random(world, WORLD_OWNERS)];
    record.header.team = world->owners[world_random(world, 2)];
    record.body = kind == KIND_DEAL ? world_deal_body(world) : world_customer_body(world);
    return record;
}

/* ---- changes */

/* The state of a record changes from before to after, each NULL where it is not live: everything
 * that the engine would put. */
static inline enum crm_status world_change(const struct world *world, const struct view *view,
                                           struct writeset *set, const struct record *before,
                                           const struct record *after,
                                           const struct field_set *changed, struct arena *arena)
{
    const struct record *record = after ? after : before;
    const struct kind_def *kind = kind_def((unsigned)record->header.kind);
    bool had = before && !world_is_deleted(before), has = !world_is_deleted(record);
    struct failure failure = { 0 };
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value;
    enum crm_status status = record_encode(record, arena, &value);

    (void)world;
    record_key(record->header.kind, &record->header.id, key);
    if (status == CRM_OK && (had || has))
        status = index_update(view, set, kind, had ? before : NULL, has ? record : NULL,
                              had && has ? changed : NULL, arena, &failure);
    if (status == CRM_OK)
        status =
            writeset_put(set, has ? STORE_RECORD : STORE_DELETED, slice_of(key, sizeof key), value);
    if (status == CRM_OK && before && had != has)
        status =
            writeset_delete(set, has ? STORE_DELETED : STORE_RECORD, slice_of(key, sizeof key));
    return status;
}

/* A random change of a row, in the array and in a write set. */
static inline enum crm_status world_touch(struct world *world, size_t row, const struct view *view,
                                          struct writeset *set)
{
    struct record before = world->rows[row], after = before;
    struct field_set changed = { 0 };
    enum crm_status status;

    if (world_chance(world, 15)) {
        after.header.flags ^= RECORD_DELETED;
    } else {
        after.body =
            after.header.kind == KIND_DEAL ? world_deal_body(world) : world_customer_body(world);
        if (world_chance(world, 40))
            after.header.owner = world_chance(world, 20)
                                     ? (struct uuid){ { 0 } }
                                     : world->owners[world_random(world, WORLD_OWNERS)];
    }
    after.header.rev++;
    status = body_diff(&world->arena, before.body, after.body, &changed);
    if (status == CRM_OK && !uuid_equal(&before.header.owner, &after.header.owner)) {
        uint32_t *refs = arena_alloc(&world->arena, (changed.n + 1) * sizeof *refs);
        size_t i = 0, n = 0;

        if (!refs)
            return CRM_NO_MEMORY;
        while (i < changed.n && changed.refs[i] < HEADER_OWNER)
            refs[n++] = changed.refs[i++];
        refs[n++] = HEADER_OWNER;
        while (i < changed.n)
            refs[n++] = changed.refs[i++];
        changed = (struct field_set){ .refs = refs, .n = n };
    }
    if (status == CRM_OK)
        status = world_change(world, view, set, &before, &after, &changed, &world->arena);
    if (status == CRM_OK)
        world->rows[row] = after;
    return status;
}

/* ---- a reader who may not see everything */

/* Behind a view's guard: who sees nothing of one owner, and not all fields. */
struct world_reader {
    struct view_guard guard;
    bool refuses; /* what the owner has */
    struct uuid owner;
    struct field_set hidden[KIND_MAX + 1];
    uint32_t refs[KIND_MAX + 1][4];
};

static inline bool world_reader_sees(const struct world_reader *reader,
                                     const struct record_header *header)
{
    return !reader->refuses || !uuid_equal(&header->owner, &reader->owner);
}

static inline enum crm_status world_reader_admit(const struct view_guard *guard,
                                                 const struct view *view,
                                                 const struct record_header *header)
{
    (void)view;
    return world_reader_sees(guard->arg, header) ? CRM_OK : CRM_NOT_FOUND;
}

static inline enum crm_status world_reader_mask(const struct view_guard *guard, struct arena *arena,
                                                struct record *record)
{
    const struct world_reader *reader = guard->arg;

    return body_drop(arena, record->body, &reader->hidden[record->header.kind], &record->body);
}

static inline bool world_reader_hides(const struct view_guard *guard, enum kind kind,
                                      uint32_t field)
{
    const struct world_reader *reader = guard->arg;

    return field_set_has(&reader->hidden[kind], field);
}

/* Who sees everything. The guard borrows reader. */
static inline void world_reader_init(struct world_reader *reader)
{
    memset(reader, 0, sizeof *reader);
    for (size_t i = 0; i <= KIND_MAX; i++)
        reader->hidden[i].refs = reader->refs[i];
    reader->guard = (struct view_guard){ .admit = world_reader_admit,
                                         .mask = world_reader_mask,
                                         .hides = world_reader_hides,
                                         .arg = reader };
}

/* Up to four of a kind. */
static inline void world_reader_hide(struct world_reader *reader, enum kind kind, uint32_t ref)
{
    struct field_set *set = &reader->hidden[kind];
    size_t i = set->n;

    if (field_set_has(set, ref) || set->n == ARRAY_LEN(reader->refs[0]))
        return;
    for (; i > 0 && set->refs[i - 1] > ref; i--)
        set->refs[i] = set->refs[i - 1];
    set->refs[i] = ref;
    set->n++;
}

/* The record as the reader sees it. */
static inline struct record world_reader_record(const struct world_reader *reader,
                                                const struct record *record, struct arena *arena)
{
    struct record masked = *record;

    if (world_reader_mask(&reader->guard, arena, &masked) != CRM_OK)
        abort();
    return masked;
}

/* ---- beginning and end */

static inline enum crm_status world_fill(struct store_txn *txn, void *arg)
{
    struct world *world = arg;
    struct writeset *set = writeset_create(&world->arena);
    struct view view = { .txn = txn, .own = set, .schema = world->schema };
    enum crm_status status = set ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < WORLD_ROWS && status == CRM_OK; i++) {
        world->rows[i] = world_row(world, i < WORLD_CUSTOMERS ? KIND_CUSTOMER : KIND_DEAL,
                                   i < WORLD_CUSTOMERS ? i + 1 : i + 1 - WORLD_CUSTOMERS);
        if (world_chance(world, 8))
            world->rows[i].header.flags |= RECORD_DELETED;
        status = world_change(world, &view, set, NULL, &world->rows[i], NULL, &world->arena);
    }
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

static inline enum crm_status world_touch_run(struct store_txn *txn, void *arg)
{
    struct world *world = arg;
    struct writeset *set = writeset_create(&world->arena);
    struct view view = { .txn = txn, .own = set, .schema = world->schema };
    enum crm_status status = set ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < 60 && status == CRM_OK; i++)
        status = world_touch(world, world_random(world, WORLD_ROWS), &view, set);
    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

/* Values that are turned around, so that one which was not taken back is no record. */
static inline enum crm_status world_turn(void *arg, enum store_db db, struct slice key, struct slice value, struct arena *arena, struct slice *out)
{
    uint8_t *turned = arena_alloc(arena, value.size + 1);

    (void)arg;
    (void)db;
    (void)key;
    if (!turned)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < value.size; i++)
        turned[i] = (uint8_t)~value.data[i];
    *out = slice_of(turned, value.size);
    return CRM_OK;
}

static inline bool world_keeps(void *arg, enum store_db db, struct slice key)
{
    (void)arg;
    return db == STORE_CHILD && child_key_is_companion(key);
}

static inline void world_cover(struct world *world)
{
    const struct store_cover cover = { .close = world_turn, .open = world_turn, .keeps = world_keeps };

    assert_int_equal(store_open_cover(world->store, &cover, &world->store), CRM_OK);
}

static inline void world_begin(struct world *world, enum world_engine engine, uint64_t seed)
{
    Crm__FieldDefinition zone = CRM__FIELD_DEFINITION__INIT;
    struct failure failure = { 0 };

    memset(world, 0, sizeof *world);
    world->random = seed;
    arena_init(&world->arena, WORLD_ARENA);
    for (size_t i = 0; i < WORLD_OWNERS; i++)
        world->owners[i] = world_id(world);
    zone.kind = (char *)"deal";
    zone.name = (char *)"zone";
    zone.has_type = zone.has_indexed = zone.has_index_ready = zone.has_number = true;
    zone.type = CRM__FIELD_TYPE__FIELD_TYPE_TEXT;
    zone.indexed = zone.index_ready = true;
    zone.number = 1;
    assert_int_equal(schema_create(&world->schema), CRM_OK);
    assert_int_equal(schema_add(world->schema, &zone, &failure), CRM_OK);
    if (engine == WORLD_LMDB) {
        snprintf(world->dir, sizeof world->dir, "/tmp/crm-test-engine-XXXXXX");
        assert_non_null(mkdtemp(world->dir));
        assert_int_equal(store_open_lmdb(&(struct store_lmdb_options){ .path = world->dir,
                                                                       .map_bytes = 256u << 20 },
                                         &world->store, &failure),
                         CRM_OK);
    } else {
        assert_int_equal(store_open_map(&world->store), CRM_OK);
    }
    if (engine == WORLD_COVERED)
        world_cover(world);
    assert_int_equal(store_write_run(world->store, world_fill, world), CRM_OK);
}

static inline void world_end(struct world *world)
{
    char path[128];

    store_close(world->store);
    schema_unref(world->schema);
    arena_fini(&world->arena);
    if (!world->dir[0])
        return;
    snprintf(path, sizeof path, "%s/data.mdb", world->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", world->dir);
    unlink(path);
    rmdir(world->dir);
}

#endif
