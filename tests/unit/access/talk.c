/*
 * talk.c - links of several users in one test, and mutations as text
 */
#include "world.h"

#include "common/base/calendar.h"
#include "server/dispatch/writer.h"

static _Atomic int64_t clock_offset_us;

static int64_t shifted_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + clock_offset_us;
}

static int64_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void bytes(void *out, size_t size)
{
    static _Atomic uint64_t state = 1;

    for (size_t i = 0; i < size; i++) {
        uint64_t n = state++ * UINT64_C(0x9e3779b97f4a7c15);

        n = (n ^ (n >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        ((uint8_t *)out)[i] = (uint8_t)(n >> 56);
    }
}

void world_pass(int64_t us)
{
    static const struct clock_source source = { shifted_now, monotonic, bytes };

    clock_offset_us += us;
    if (us == 0)
        clock_replace(&source);
}

uint64_t world_random(struct world *world, uint64_t n)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world->random >> 33) % n;
}

/* --- links */

/* Opens a session for a user, in the writer's turn, without the cost of a password. */
struct opening {
    struct write_job job;
    struct uuid user;
    uint8_t token[TOKEN_SIZE];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_done;
    enum crm_status status;
};

static enum crm_status open_session(struct write_job *job, struct change_group *group)
{
    struct opening *opening = (struct opening *)job;
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    const struct session_opening how = { .how = SESSION_BY_PASSWORD, .lasts_us = 365 * US_PER_DAY, .idle_us = 365 * US_PER_DAY,
                                         .confirmed_us = 365 * US_PER_DAY };
    struct session session;
    enum crm_status status = session_load(&view, &opening->user, &session);

    if (status == CRM_OK) {
        status = session_open(group, &session, &how, opening->token);
        session_fini(&session);
    }
    return status;
}

static void session_is_open(struct write_job *job, enum crm_status status)
{
    struct opening *opening = (struct opening *)job;

    pthread_mutex_lock(&opening->lock);
    opening->status = status;
    opening->is_done = true;
    pthread_cond_signal(&opening->wake);
    pthread_mutex_unlock(&opening->lock);
}

static void open_token(struct fixture *f, const struct uuid *user, uint8_t out_token[TOKEN_SIZE])
{
    struct opening opening = { .job = { .apply = open_session, .done = session_is_open }, .user = *user,
                               .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

    assert_int_equal(writer_submit(dispatch_writer(f->dispatch), &opening.job), CRM_OK);
    pthread_mutex_lock(&opening.lock);
    while (!opening.is_done)
        pthread_cond_wait(&opening.wake, &opening.lock);
    pthread_mutex_unlock(&opening.lock);
    assert_int_equal(opening.status, CRM_OK);
    memcpy(out_token, opening.token, TOKEN_SIZE);
}

void world_join(struct world *world, struct fixture *peer, const struct uuid *user)
{
    uint8_t token[TOKEN_SIZE];

    if (peer != &world->admin) {
        *peer = (struct fixture){ .dispatch = world->admin.dispatch };
        pthread_mutex_init(&peer->lock, NULL);
        pthread_cond_init(&peer->woken, NULL);
        assert_int_equal(dispatch_thread_create(peer->dispatch, on_wake, peer, &peer->thread), CRM_OK);
        buf_init(&peer->out, 8u << 20);
        arena_init(&peer->arena, 256u << 20);
    }
    open_link(peer);
    open_token(peer, user, token);
    hello(peer, token);
    take(peer, FRAME_HELLO, 0, NULL);
    assert_true(link_is_logged_in(peer->link));
}

void world_part(struct fixture *peer)
{
    link_destroy(peer->link);
    peer->link = NULL;
}

struct answer talk(struct world *world, struct fixture *peer, enum operation op, ProtobufCMessage *request)
{
    const ProtobufCFieldDescriptor *meta = protobuf_c_message_descriptor_get_field(request->descriptor, 1);
    struct answer answer = { .status = CRM_OK };
    uint32_t stream;
    struct frame frame;

    *(Crm__Meta **)(void *)((char *)request + meta->offset) = &world->meta;
    stream = ask(peer, op, request);
    for (;;) {
        take_frame(peer, &frame);
        assert_int_equal(frame.header.stream, stream);
        if (frame.header.type != FRAME_CHUNK)
            break;
        assert_true(answer.n_chunks < ARRAY_LEN(answer.chunks));
        answer.chunks[answer.n_chunks++] = frame.body;
        send_frame(peer, FRAME_CREDIT, 0, stream,
                   &((Crm__Credit){ .base = PROTOBUF_C_MESSAGE_INIT(&crm__credit__descriptor), .has_bytes = true,
                                    .bytes = (uint32_t)frame.body.size + FRAME_HEADER_SIZE }).base);
    }
    answer.type = (enum frame_type)frame.header.type;
    answer.body = frame.body;
    if (answer.type == FRAME_ERROR)
        answer.status = (enum crm_status)frame.header.code;
    return answer;
}

const void *answer_message(struct fixture *peer, struct slice body, const ProtobufCMessageDescriptor *descriptor)
{
    struct failure failure = { 0 };
    const void *message;

    assert_int_equal(codec_unpack_body(body, descriptor, &peer->arena, &message, &failure), CRM_OK);
    return message;
}

/* --- mutations */

const struct field_def *world_field(enum kind kind, const char *name)
{
    const struct field_def *field = kind_field_by_name(kind_def(kind), name);

    if (!field)
        fail_msg("%s has no field %s", kind_def(kind)->name, name);
    return field;
}

ProtobufCBinaryData world_bytes(struct fixture *peer, const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = arena_memdup(&peer->arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
}

ProtobufCBinaryData world_body(struct fixture *peer, const struct schema *schema, enum kind kind, const char *const *texts)
{
    const struct value_context context = { .currency = "USD", .today = day_of_instant(clock_now_us()), .now_us = clock_now_us() };
    struct body_builder builder;
    struct slice body;

    body_builder_init(&builder, &peer->arena);
    for (; *texts; texts++) {
        const char *equals = strchr(*texts, '=');
        const char *name = arena_strndup(&peer->arena, *texts, (size_t)(equals - *texts));
        const struct field_def *field = schema_field_by_name(schema, kind_def(kind), name);
        struct failure failure = { 0 };
        struct value value;

        if (!field || value_parse(field, slice_text(equals + 1), &context, &peer->arena, &value, &failure) != CRM_OK)
            fail_msg("%s: %s", *texts, failure.text);
        body_builder_add(&builder, field, &value);
    }
    assert_int_equal(body_builder_finish(&builder, &body), CRM_OK);
    return (ProtobufCBinaryData){ .data = arena_memdup(&peer->arena, body.size ? (const void *)body.data : "", body.size + !body.size),
                                  .len = body.size };
}

Crm__Mutation *world_mutation(struct fixture *peer, enum kind kind, const struct uuid *id, Crm__Verb verb)
{
    Crm__Mutation *mutation = arena_alloc(&peer->arena, sizeof *mutation);

    crm__mutation__init(mutation);
    mutation->has_kind = mutation->has_id = mutation->has_verb = true;
    mutation->kind = (uint32_t)kind;
    mutation->id = world_bytes(peer, id);
    mutation->verb = verb;
    return mutation;
}

Crm__Mutation *world_action(struct fixture *peer, enum kind kind, const struct uuid *id, const char *name, const ProtobufCMessage *argument)
{
    Crm__Mutation *mutation = world_mutation(peer, kind, id, CRM__VERB__VERB_ACTION);
    struct slice packed;

    assert_int_equal(codec_pack(argument, &peer->arena, &packed), CRM_OK);
    mutation->action = arena_strdup(&peer->arena, name);
    mutation->has_argument = true;
    mutation->argument = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return mutation;
}

struct answer world_mutate(struct world *world, struct fixture *peer, Crm__Mutation *mutation, bool dry_run)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;

    request.mutations = &mutation;
    request.n_mutations = 1;
    request.has_dry_run = request.dry_run = dry_run;
    return talk(world, peer, OP_MUTATE, &request.base);
}

void world_must(struct world *world, Crm__Mutation *mutation)
{
    struct answer answer = world_mutate(world, &world->admin, mutation, false);

    if (answer.type == FRAME_ERROR) {
        const Crm__Error *error = answer_message(&world->admin, answer.body, &crm__error__descriptor);

        fail_msg("%s: %s: %s: %s", kind_def(mutation->kind)->name, error->name, error->field ? error->field : "", error->text);
    }
}

uint64_t world_seq(struct world *world)
{
    return atomic_load(&world->admin.core.seq);
}
