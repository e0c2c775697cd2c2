/*
 * test_link_rights.c - rights that go while a request is on its way: between a worker and the writer, between the commit and the answer, before the next chunk
 *
 * The whole server over plain buffers. The writer stands while a job of the test's holds it, so that nothing is left to chance.
 */
#include "tests/unit/link_fixture.h"

#include <stdatomic.h>
#include <sys/random.h>

#include "server/dispatch/request.h"
#include "server/engine/mutate.h"

#define SECOND INT64_C(1000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static atomic_llong time_us = DAY;

static int64_t fake_monotonic(void)
{
    return atomic_load(&time_us);
}

static int64_t fake_now(void)
{
    return INT64_C(1700000000000000) + atomic_load(&time_us);
}

static void fake_random(void *out, size_t size)
{
    if (getrandom(out, size, 0) != (ssize_t)size)
        abort();
}

static int set_clock(void **state)
{
    static const struct clock_source source = { fake_now, fake_monotonic, fake_random };

    (void)state;
    clock_replace(&source);
    return 0;
}

/* --- a job that holds the writer until the test lets go, and then does what the test wants */

struct holding {
    struct write_job job;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool holds, may_go, is_done;
    enum crm_status (*deed)(struct change_group *group, const struct uuid *about); /* or NULL */
    struct uuid about;
    struct dispatch *ends_sessions; /* NULL: it ends none */
};

static enum crm_status hold(struct write_job *job, struct change_group *group)
{
    struct holding *holding = (struct holding *)job;

    pthread_mutex_lock(&holding->lock);
    holding->holds = true;
    pthread_cond_broadcast(&holding->wake);
    while (!holding->may_go)
        pthread_cond_wait(&holding->wake, &holding->lock);
    pthread_mutex_unlock(&holding->lock);
    return holding->deed ? holding->deed(group, &holding->about) : CRM_OK;
}

static void hold_done(struct write_job *job, enum crm_status status)
{
    struct holding *holding = (struct holding *)job;

    assert_int_equal(status, CRM_OK);
    if (holding->ends_sessions)
        atomic_fetch_add(&holding->ends_sessions->identities, 1);
    pthread_mutex_lock(&holding->lock);
    holding->is_done = true;
    pthread_cond_broadcast(&holding->wake);
    pthread_mutex_unlock(&holding->lock);
}

static void begin_hold(struct fixture *f, struct holding *holding)
{
    holding->job = (struct write_job){ .apply = hold, .done = hold_done };
    pthread_mutex_init(&holding->lock, NULL);
    pthread_cond_init(&holding->wake, NULL);
    assert_int_equal(writer_submit(dispatch_writer(f->dispatch), &holding->job), CRM_OK);
    pthread_mutex_lock(&holding->lock);
    while (!holding->holds)
        pthread_cond_wait(&holding->wake, &holding->lock);
    pthread_mutex_unlock(&holding->lock);
}

static void end_hold(struct holding *holding)
{
    pthread_mutex_lock(&holding->lock);
    holding->may_go = true;
    pthread_cond_broadcast(&holding->wake);
    while (!holding->is_done)
        pthread_cond_wait(&holding->wake, &holding->lock);
    pthread_mutex_unlock(&holding->lock);
    pthread_cond_destroy(&holding->wake);
    pthread_mutex_destroy(&holding->lock);
}

static enum crm_status close_sessions(struct change_group *group, const struct uuid *user)
{
    unsigned closed;

    return session_close_chosen(group, &(struct session_choice){ .user = user }, &closed);
}

/* --- until the workers have done what waits: each comes to two jobs at which all of them meet */

struct meeting {
    struct work_job job;
    pthread_barrier_t *all;
};

static void meet(struct work_job *job)
{
    pthread_barrier_t *all = ((struct meeting *)job)->all;

    free(job);
    pthread_barrier_wait(all);
}

static void let_workers_finish(struct fixture *f)
{
    static pthread_barrier_t all; /* never destroyed: a worker may still be on its way out of it */
    static unsigned met;
    unsigned n = (unsigned)f->core.settings.workers;

    if (!met)
        assert_int_equal(pthread_barrier_init(&all, NULL, n + 1), 0);
    met = met ? met : n;
    assert_int_equal(met, n);
    for (int round = 0; round < 2; round++) { /* passwords take turns with the rest */
        for (unsigned i = 0; i < n; i++) {
            struct meeting *meeting = calloc(1, sizeof *meeting);

            assert_non_null(meeting);
            *meeting = (struct meeting){ .job = { .run = meet }, .all = &all };
            assert_int_equal(worker_submit(f->dispatch->workers, &meeting->job, WORK_OTHER), CRM_OK);
        }
        pthread_barrier_wait(&all);
    }
}

/* --- users and roles */

static struct uuid create(struct fixture *f, enum kind kind, const ProtobufCMessage *record)
{
    Crm__Mutation *mutation = new_customer(f, "");
    const Crm__MutateReply *reply;
    struct uuid id;

    mutation->kind = kind;
    mutation->set.len = protobuf_c_message_pack(record, mutation->set.data);
    reply = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    assert_true(uuid_from_slice(slice_of(reply->results[0]->id.data, reply->results[0]->id.len), &id));
    return id;
}

static struct uuid role_without_rights;

static enum crm_status demote(struct change_group *group, const struct uuid *user)
{
    const struct change_actor actor = { .user = *user, .is_system = true };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT, *list = &mutation;
    Crm__MutateReply reply = CRM__MUTATE_REPLY__INIT;
    Crm__User record = CRM__USER__INIT;
    struct failure failure = { 0 };
    uint8_t packed[64];

    record.has_role = true;
    record.role = (ProtobufCBinaryData){ .data = role_without_rights.bytes, .len = UUID_SIZE };
    mutation.has_kind = mutation.has_verb = mutation.has_id = mutation.has_set = true;
    mutation.kind = KIND_USER;
    mutation.verb = CRM__VERB__VERB_PATCH;
    mutation.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)user->bytes, .len = UUID_SIZE };
    mutation.set = (ProtobufCBinaryData){ .data = packed, .len = crm__user__pack(&record, packed) };
    request.mutations = &list;
    request.n_mutations = 1;
    return mutate_run(group, &actor, &request, &reply, &failure);
}

/* --- tests */

/* What was opened is looked at before it is used, where somebody has ended it before its answer was taken in. */
static void a_login_is_as_old_as_its_commit(void **state)
{
    struct fixture *f = *state;
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    struct holding holding = { .deed = close_sessions, .ends_sessions = f->dispatch };
    const struct view *view;
    uint32_t stream;

    hello(f, NULL);
    take(f, FRAME_HELLO, 0, NULL);
    assert_int_equal(thread_view(f->thread, f->core.schema, &view), CRM_OK);
    assert_int_equal(session_find_login(view, slice_text("admin"), &f->arena, &holding.about), CRM_OK);
    dispatch_thread_end_turn(f->thread);
    request.login = (char *)"admin";
    request.password = (char *)PASSWORD;
    stream = ask(f, OP_LOGIN, &request.base);
    wait_for_wake(f); /* it is committed; this thread is busy with something else */
    begin_hold(f, &holding);
    end_hold(&holding);
    dispatch_thread_drain(f->thread);
    take(f, FRAME_REPLY, stream, NULL);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_NOT_LOGGED_IN);
}

/* The beginning of an upload is with the writer when its session ends: nothing more of it is taken. */
static void an_upload_ends_with_its_session(void **state)
{
    struct fixture *f = *state;
    Crm__UploadRequest upload = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    Crm__UploadEnd end = CRM__UPLOAD_END__INIT;
    Crm__PingRequest ping = CRM__PING_REQUEST__INIT;
    struct holding holding = { .deed = NULL };
    uint32_t stream;

    f->core.settings.session_hours = 1;
    login(f);
    atomic_fetch_add(&time_us, HOUR - SECOND);
    begin_hold(f, &holding);
    stream = ask(f, OP_UPLOAD, &upload.base);
    atomic_fetch_add(&time_us, 2 * SECOND);
    take_error(f, ask(f, OP_PING, &ping.base), CRM_SESSION_EXPIRED);
    send_frame(f, FRAME_END, 0, stream, &end.base);
    end_hold(&holding);
    take_error(f, stream, CRM_SESSION_EXPIRED);
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .data = (uint8_t *)"abc", .len = 3 };
    send_frame(f, FRAME_CHUNK, 0, stream, &chunk.base);
    assert_int_equal(f->out.size, 0);
    assert_false(f->closed);
}

/* Who sets the password of another and loses the right to before it is written has set none. */
static void a_right_is_asked_for_where_it_is_used(void **state)
{
    struct fixture *f = *state;
    const Crm__LoginReply *me = login(f);
    Crm__PasswordRequest request = CRM__PASSWORD_REQUEST__INIT;
    Crm__User boss = CRM__USER__INIT;
    Crm__Role role = CRM__ROLE__INIT;
    struct holding holding = { .deed = demote };
    const struct view *view;
    struct record record;
    struct value value;
    struct uuid other;
    uint32_t stream;

    assert_true(uuid_from_slice(slice_of(me->user.data, me->user.len), &holding.about));
    role.name = (char *)"nothing";
    role_without_rights = create(f, KIND_ROLE, &role.base);
    assert_int_equal(thread_view(f->thread, f->core.schema, &view), CRM_OK);
    assert_int_equal(view_record(view, KIND_USER, &holding.about, &record), CRM_OK);
    assert_true(reflect_get(kind_field_by_name(kind_def(KIND_USER), "role"), &record, &value));
    boss.login = (char *)"boss";
    boss.has_role = true;
    boss.role = (ProtobufCBinaryData){ .data = value.ref.bytes, .len = UUID_SIZE };
    dispatch_thread_end_turn(f->thread);
    other = create(f, KIND_USER, &boss.base);

    begin_hold(f, &holding);
    request.has_user = true;
    request.user = (ProtobufCBinaryData){ .data = other.bytes, .len = UUID_SIZE };
    request.password = (char *)"a new horse for the boss";
    stream = ask(f, OP_PASSWORD, &request.base);
    let_workers_finish(f);
    end_hold(&holding);
    take_error(f, stream, CRM_NOT_ALLOWED);
}

/* The audit trail tells whose sessions were ended. */
static void ended_sessions_are_told_with_their_user(void **state)
{
    struct fixture *f = *state;
    Crm__SessionEndRequest request = CRM__SESSION_END_REQUEST__INIT;
    Crm__User boss = CRM__USER__INIT;
    struct audit_entry entry;
    const struct view *view;
    struct uuid other;

    login(f);
    boss.login = (char *)"boss";
    other = create(f, KIND_USER, &boss.base);
    request.has_user = true;
    request.user = (ProtobufCBinaryData){ .data = other.bytes, .len = UUID_SIZE };
    take(f, FRAME_REPLY, ask(f, OP_SESSION_END, &request.base), NULL);
    assert_int_equal(thread_view(f->thread, f->core.schema, &view), CRM_OK);
    assert_int_equal(audit_before(view, UINT64_MAX, &entry), CRM_OK);
    assert_int_equal(entry.act, CRM__AUDIT_ACT__AUDIT_ACT_SESSION_ENDED);
    assert_int_equal(entry.kind, KIND_USER);
    assert_true(uuid_equal(&entry.record, &other));
    dispatch_thread_end_turn(f->thread);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_login_is_as_old_as_its_commit),
        TEST(an_upload_ends_with_its_session),
        TEST(a_right_is_asked_for_where_it_is_used),
        TEST(ended_sessions_are_told_with_their_user),
    };

    return cmocka_run_group_tests(tests, set_clock, NULL);
}
