/*
 * server_fixture.h - what the tests of server/engine, server/session and server/reports share: a formatted store with a
 * company's first records, mutations written as text, and a run that does what the writer's turn does
 *
 * Time and randomness are the test's: the clock stands until a test moves it. Nothing here asserts inside a transaction.
 */
#ifndef CRM_TEST_SERVER_FIXTURE_H
#define CRM_TEST_SERVER_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "common/model/reflect.h"
#include "proto/codec.h"
#include "server/admin/first_records.h"
#include "server/engine/core.h"
#include "server/engine/mutate.h"
#include "server/engine/outcome.h"
#include "server/session/session.h"

/* Last: its macro fail() would garble the prototype in failure.h. */
#include <cmocka.h>

#define SERVER_ARENA     (512u << 20) /* of what a whole test reads and writes down */
#define SERVER_GROUP     (64u << 20)
#define SERVER_START_US  INT64_C(1478000000000000) /* 2016-11-01T11:33:20Z */
#define SERVER_ALL_RIGHTS UINT32_MAX

enum server_engine { SERVER_MAP, SERVER_LMDB };

struct server {
    struct store *store;
    char dir[64]; /* of LMDB, else empty */
    struct core core;
    struct arena arena; /* lives as long as the test */
    struct arena group_arena;
    size_t group_budget; /* of the arena of the groups that follow */
    struct uuid user, team, pipeline; /* the administrator, the first team, the sales pipeline */
    struct change_actor actor;
    /* of the last run */
    Crm__MutateReply reply;
    struct failure failure;
    uint64_t seq; /* after its commit */
    struct change_event *events;
};

/* --- time and randomness */

static int64_t server_now_us;
static uint64_t server_random_state;

static inline int64_t server_clock(void)
{
    return server_now_us;
}

static inline uint64_t server_random(uint64_t n)
{
    server_random_state = server_random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (server_random_state >> 33) % n;
}

static inline void server_random_bytes(void *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)server_random(256);
}

static inline void server_pass_days(int days)
{
    server_now_us += days * US_PER_DAY;
}

static inline int32_t server_today(void)
{
    return day_of_instant(server_now_us);
}

/* --- reading */

struct server_read {
    struct server *server;
    enum kind kind;
    const struct uuid *id;
    struct record record;
    bool deleted;
};

static inline enum crm_status server_read_run(struct store_txn *txn, void *arg)
{
    struct server_read *read = arg;
    struct view view = { .txn = txn, .schema = read->server->core.schema };
    enum crm_status status = read->deleted ? view_deleted(&view, read->kind, read->id, &read->record)
                                           : view_record(&view, read->kind, read->id, &read->record);

    if (status == CRM_OK) {
        read->record.body.data =
            arena_memdup(&read->server->arena, read->record.body.size ? (const void *)read->record.body.data : "",
                         read->record.body.size + !read->record.body.size);
        if (!read->record.body.data)
            abort();
    }
    return status;
}

/* A copy of a record, live or (deleted) in the recycle bin. */
static inline enum crm_status server_load(struct server *server, enum kind kind, const struct uuid *id, bool deleted,
                                          struct record *out_record)
{
    struct server_read read = { .server = server, .kind = kind, .id = id, .deleted = deleted };
    enum crm_status status = store_read_run(server->store, server_read_run, &read);

    *out_record = read.record;
    return status;
}

static inline struct record server_record(struct server *server, enum kind kind, const struct uuid *id)
{
    struct record record;

    assert_int_equal(server_load(server, kind, id, false, &record), CRM_OK);
    return record;
}

static inline bool server_exists(struct server *server, enum kind kind, const struct uuid *id)
{
    struct record record;

    return server_load(server, kind, id, false, &record) == CRM_OK;
}

static inline const struct field_def *server_field(const struct server *server, enum kind kind, const char *name)
{
    const struct field_def *field = schema_field_by_name(server->core.schema, kind_def((unsigned)kind), name);

    if (!field) {
        fprintf(stderr, "no field %s\n", name);
        abort();
    }
    return field;
}

struct server_join {
    struct server *server;
    const struct field_def *field;
    const char *text;
};

static inline bool server_join_value(void *arg, const struct value *value)
{
    struct server_join *join = arg;
    const char *text = value_format(join->field, value, &join->server->arena);

    join->text = *join->text ? arena_printf(&join->server->arena, "%s,%s", join->text, text) : text;
    return true;
}

/* A field of a live record in its plain form, a list's values joined by commas; "" where there is none. */
static inline const char *server_text(struct server *server, enum kind kind, const struct uuid *id, const char *name)
{
    struct record record = server_record(server, kind, id);
    struct server_join join = { .server = server, .field = server_field(server, kind, name), .text = "" };

    reflect_each(join.field, &record, server_join_value, &join);
    return join.text;
}

#define assert_field(server, kind, id, name, text) assert_string_equal(server_text(server, kind, id, name), text)

/* A money field with all that is derived of it. */
static inline struct value server_value(struct server *server, enum kind kind, const struct uuid *id, const char *name)
{
    struct record record = server_record(server, kind, id);
    struct value value = { .type = FIELD_NONE };

    (void)reflect_get(server_field(server, kind, name), &record, &value);
    return value;
}

static inline const char *server_id_text(struct server *server, const struct uuid *id)
{
    char *text = arena_alloc(&server->arena, UUID_TEXT_SIZE);

    if (!text)
        abort();
    uuid_format(id, text);
    return text;
}

/* --- mutations */

struct server_parts {
    struct body_builder set, add, remove;
    uint32_t clear[32];
    size_t n_clear;
};

/* "name=value" sets (several: a list), "name=" clears, "name+=value" adds, "name-=value" takes out. */
static inline void server_part(struct server *server, enum kind kind, struct server_parts *parts, const char *text)
{
    const char *equals = strchr(text, '=');
    char sign = equals > text ? equals[-1] : ' ';
    struct body_builder *builder = sign == '+' ? &parts->add : sign == '-' ? &parts->remove : &parts->set;
    const char *name = arena_strndup(&server->arena, text, (size_t)(equals - text) - (builder != &parts->set));
    const struct field_def *field = server_field(server, kind, name);
    const struct value_context context = { .currency = "", .today = server_today(), .now_us = server_now_us };
    struct failure failure = { 0 };
    struct value value;

    if (!equals[1]) {
        parts->clear[parts->n_clear++] = field->ref;
        return;
    }
    if (value_parse(field, slice_text(equals + 1), &context, &server->arena, &value, &failure) != CRM_OK) {
        fprintf(stderr, "%s: %s\n", text, failure.text);
        abort();
    }
    body_builder_add(builder, field, &value);
}

static inline bool server_take(struct body_builder *builder, ProtobufCBinaryData *out)
{
    struct slice body;

    if (body_builder_finish(builder, &body) != CRM_OK)
        abort();
    *out = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)body.data, .len = body.size };
    return body.size > 0;
}

static inline ProtobufCBinaryData server_binary(struct server *server, const void *data, size_t size)
{
    uint8_t *copy = arena_memdup(&server->arena, size ? data : "", size + !size);

    if (!copy)
        abort();
    return (ProtobufCBinaryData){ .data = copy, .len = size };
}

static inline ProtobufCBinaryData server_id(struct server *server, const struct uuid *id)
{
    return server_binary(server, id->bytes, UUID_SIZE);
}

static inline Crm__Mutation *server_mutation(struct server *server, Crm__Verb verb, enum kind kind, const struct uuid *id)
{
    Crm__Mutation *mutation = arena_alloc(&server->arena, sizeof *mutation);

    if (!mutation)
        abort();
    crm__mutation__init(mutation);
    mutation->has_kind = mutation->has_id = mutation->has_verb = true;
    mutation->kind = (uint32_t)kind;
    mutation->id = server_id(server, id);
    mutation->verb = verb;
    return mutation;
}

static inline Crm__Mutation *server_written(struct server *server, Crm__Verb verb, enum kind kind, const struct uuid *id,
                                            va_list texts)
{
    Crm__Mutation *mutation = server_mutation(server, verb, kind, id);
    struct server_parts parts = { .n_clear = 0 };
    const char *text;

    body_builder_init(&parts.set, &server->arena);
    body_builder_init(&parts.add, &server->arena);
    body_builder_init(&parts.remove, &server->arena);
    while ((text = va_arg(texts, const char *)))
        server_part(server, kind, &parts, text);
    mutation->has_set = server_take(&parts.set, &mutation->set);
    mutation->has_add = server_take(&parts.add, &mutation->add);
    mutation->has_remove = server_take(&parts.remove, &mutation->remove);
    mutation->n_clear = parts.n_clear;
    mutation->clear = arena_memdup(&server->arena, parts.clear, sizeof parts.clear);
    return mutation;
}

/* A create; the id is made here. Texts as of server_part, ended by NULL. */
static inline Crm__Mutation *server_creation(struct server *server, enum kind kind, struct uuid *out_id, ...)
{
    Crm__Mutation *mutation;
    va_list texts;

    *out_id = uuid_create();
    va_start(texts, out_id);
    mutation = server_written(server, CRM__VERB__VERB_CREATE, kind, out_id, texts);
    va_end(texts);
    return mutation;
}

static inline Crm__Mutation *server_patch(struct server *server, enum kind kind, const struct uuid *id, ...)
{
    Crm__Mutation *mutation;
    va_list texts;

    va_start(texts, id);
    mutation = server_written(server, CRM__VERB__VERB_PATCH, kind, id, texts);
    va_end(texts);
    return mutation;
}

static inline Crm__Mutation *server_deletion(struct server *server, enum kind kind, const struct uuid *id)
{
    return server_mutation(server, CRM__VERB__VERB_DELETE, kind, id);
}

static inline Crm__Mutation *server_action(struct server *server, enum kind kind, const struct uuid *id, const char *name,
                                           const ProtobufCMessage *argument)
{
    Crm__Mutation *mutation = server_mutation(server, CRM__VERB__VERB_ACTION, kind, id);
    struct slice packed;

    mutation->action = arena_strdup(&server->arena, name);
    if (argument) {
        if (codec_pack(argument, &server->arena, &packed) != CRM_OK)
            abort();
        mutation->has_argument = true;
        mutation->argument = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    }
    return mutation;
}

/* A mutation gets a message of its kind as what it sets, in the place of text. */
static inline Crm__Mutation *server_with(struct server *server, Crm__Mutation *mutation, const ProtobufCMessage *message)
{
    struct slice packed;

    if (codec_pack(message, &server->arena, &packed) != CRM_OK)
        abort();
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return mutation;
}

static inline Crm__Mutation *server_restoration(struct server *server, enum kind kind, const struct uuid *id)
{
    return server_action(server, kind, id, "restore", NULL);
}

static inline Crm__Mutation *server_move(struct server *server, const struct uuid *deal, const char *action, const char *stage)
{
    Crm__MoveArgument argument = CRM__MOVE_ARGUMENT__INIT;

    argument.stage = (char *)(uintptr_t)stage;
    return server_action(server, KIND_DEAL, deal, action, &argument.base);
}

/* --- running */

struct server_turn {
    struct server *server;
    const Crm__MutateRequest *request; /* or NULL: nothing but what work does */
    enum crm_status (*work)(struct server *server, struct change_group *group, void *arg);
    void *arg;
    struct change_group group;
    enum crm_status status;
};

/* As the writer does: the group is committed whatever became of the job. */
static inline enum crm_status server_turn_run(struct store_txn *txn, void *arg)
{
    struct server_turn *turn = arg;
    struct server *server = turn->server;
    enum crm_status status;

    arena_fini(&server->group_arena);
    arena_init(&server->group_arena, server->group_budget);
    server->failure = (struct failure){ 0 };
    crm__mutate_reply__init(&server->reply);
    change_group_init(&turn->group, txn, server->core.schema, &server->group_arena, clock_now_us());
    status = change_group_begin(&turn->group);
    if (status != CRM_OK)
        return status;
    turn->status = turn->work ? turn->work(server, &turn->group, turn->arg)
                              : mutate_run(&turn->group, &server->actor, turn->request, &server->reply, &server->failure);
    return writeset_apply(turn->group.set, txn);
}

static inline enum crm_status server_turn(struct server *server, struct server_turn *turn)
{
    struct failure failure = { 0 };
    enum crm_status status;

    turn->server = server;
    status = store_write_run(server->store, server_turn_run, turn);
    if (status == CRM_OK) {
        server->seq = turn->group.head.seq;
        server->events = turn->group.events;
        if (turn->group.schema_changed)
            assert_int_equal(core_reload_schema(&server->core, &failure), CRM_OK);
    }
    return status == CRM_OK ? turn->status : status;
}

static inline enum crm_status server_request(struct server *server, const Crm__MutateRequest *request)
{
    struct server_turn turn = { .request = request };

    return server_turn(server, &turn);
}

/* One mutation, in a group of its own. */
static inline enum crm_status server_run(struct server *server, Crm__Mutation *mutation)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.mutations = &mutation;
    request.n_mutations = 1;
    return server_request(server, &request);
}

static inline void server_must(struct server *server, Crm__Mutation *mutation)
{
    enum crm_status status = server_run(server, mutation);

    if (status != CRM_OK)
        print_error("%s: %s: %s\n", crm_status_info((int)status)->name, server->failure.field, server->failure.text);
    assert_int_equal(status, CRM_OK);
}

/* The mutation is refused with this status, the field is named, and nothing has changed. */
static inline void server_refuses(struct server *server, Crm__Mutation *mutation, enum crm_status status, const char *field)
{
    uint64_t seq = server->seq;

    assert_int_equal(server_run(server, mutation), status);
    assert_string_equal(server->failure.field, field);
    assert_true(server->failure.text[0] != '\0');
    assert_int_equal(server->seq, seq);
}

#define server_create(server, kind, out_id, ...) server_must(server, server_creation(server, kind, out_id, __VA_ARGS__, NULL))
#define server_change(server, kind, id, ...)     server_must(server, server_patch(server, kind, id, __VA_ARGS__, NULL))

static inline void server_delete(struct server *server, enum kind kind, const struct uuid *id)
{
    server_must(server, server_deletion(server, kind, id));
}

static inline void server_restore(struct server *server, enum kind kind, const struct uuid *id)
{
    server_must(server, server_restoration(server, kind, id));
}

/* "name=<id>" */
static inline const char *server_ref(struct server *server, const char *name, const struct uuid *id)
{
    return arena_printf(&server->arena, "%s=%s", name, server_id_text(server, id));
}

/* --- beginning and end */

struct server_find {
    struct server *server;
    enum kind kind;
    const char *field, *text;
    struct uuid id;
};

static inline enum crm_status server_find_run(struct store_txn *txn, void *arg)
{
    struct server_find *find = arg;
    struct view view = { .txn = txn, .schema = find->server->core.schema };
    struct value value = { .type = FIELD_TEXT, .text = slice_text(find->text) };

    return view_unique(&view, find->kind, server_field(find->server, find->kind, find->field), &value, &find->id);
}

/* The record that holds a unique text. */
static inline struct uuid server_find(struct server *server, enum kind kind, const char *field, const char *text)
{
    struct server_find find = { .server = server, .kind = kind, .field = field, .text = text };

    assert_int_equal(store_read_run(server->store, server_find_run, &find), CRM_OK);
    return find.id;
}

static inline void server_begin_sized(struct server *server, enum server_engine engine, uint64_t seed, size_t map_bytes)
{
    static const struct clock_source source = { server_clock, server_clock, server_random_bytes };
    static const struct first_records first = {
        .company = "Example", .currency = "USD", .time_zone = "UTC", .login = "admin", .password_encoded = "none",
    };
    static const struct settings settings = { .session_hours = 168 };
    struct failure failure = { 0 };

    memset(server, 0, sizeof *server);
    server_now_us = SERVER_START_US;
    server_random_state = seed;
    clock_replace(&source);
    setenv("TZ", "UTC", 1);
    arena_init(&server->arena, SERVER_ARENA);
    arena_init(&server->group_arena, SERVER_GROUP);
    server->group_budget = SERVER_GROUP;
    if (engine == SERVER_LMDB) {
        snprintf(server->dir, sizeof server->dir, "/tmp/crm-test-server-XXXXXX");
        assert_non_null(mkdtemp(server->dir));
        assert_int_equal(store_open_lmdb(&(struct store_lmdb_options){ .path = server->dir, .map_bytes = map_bytes },
                                         &server->store, &failure),
                         CRM_OK);
    } else {
        assert_int_equal(store_open_map(&server->store), CRM_OK);
    }
    assert_int_equal(first_records_write(server->store, &first, &failure), CRM_OK);
    assert_int_equal(core_init(&server->core, server->store, &settings, "", &failure), CRM_OK);
    server->seq = atomic_load(&server->core.seq);
    server->user = server_find(server, KIND_USER, "login", "admin");
    server->team = server_find(server, KIND_TEAM, "name", "Company");
    server->pipeline = server_find(server, KIND_PIPELINE, "name", "Sales");
    server->actor = (struct change_actor){
        .user = server->user, .team = server->team, .rights = SERVER_ALL_RIGHTS, .is_confirmed = true, .from = "test"
    };
}

static inline void server_begin(struct server *server, enum server_engine engine, uint64_t seed)
{
    server_begin_sized(server, engine, seed, 256u << 20);
}

static inline void server_end(struct server *server)
{
    char path[128];

    core_fini(&server->core);
    store_close(server->store);
    arena_fini(&server->group_arena);
    arena_fini(&server->arena);
    clock_replace(NULL);
    if (!server->dir[0])
        return;
    snprintf(path, sizeof path, "%s/data.mdb", server->dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", server->dir);
    unlink(path);
    rmdir(server->dir);
}

static inline int server_setup(void **state)
{
    struct server *server = calloc(1, sizeof *server);

    if (!server)
        return -1;
    server_begin(server, SERVER_MAP, 1);
    *state = server;
    return 0;
}

static inline int server_teardown(void **state)
{
    server_end(*state);
    free(*state);
    return 0;
}

#define server_test(function) cmocka_unit_test_setup_teardown(function, server_setup, server_teardown)

#endif
