/*
 * test_access_live.c - what somebody may see is taken away while they are at it: not one row, event or change of it afterwards
 *
 * Every way of losing something (losses) meets everything that may be under way (readings). Nothing is left to chance: streams stand because their credit is
 * spent, the writer stands because a job of the test's holds it, and answers of other threads are looked at when the loss is done.
 */
#include "access/world.h"

#include "server/dispatch/request.h"

#define HOME      3  /* the user's team */
#define BELOW     7  /* a group of it */
#define ELSEWHERE 12 /* a group of another region */
#define EACH      16 /* records of each set */
#define NOTE      30000

/* Why a record may be seen. In this order they are listed. */
enum set { OWN, TEAM, BRANCH, SHARED, SETS };

struct scene {
    struct world *world;
    struct fixture *user; /* a peer */
    struct uuid role, user_id, other;
    struct uuid records[SETS][EACH];
    const struct loss *loss;
    uint64_t loss_seq;
    size_t lost_rows; /* listed after the loss */
};

/* A way of losing something. */
struct loss {
    const char *name;
    Crm__Mutation *(*mutation)(struct scene *scene); /* NULL: time does it */
    bool lost[SETS];         /* the whole set */
    bool lost_last[SETS];    /* the last of it */
    bool hides;              /* the field legal_name */
    enum crm_status ends;    /* with what streams end; CRM_OK: they go on without what was lost */
};

/* --- the scene */

static const char *id_text(struct fixture *f, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    return arena_printf(&f->arena, "%s=%s", name, text);
}

static Crm__Mutation *with_texts(struct scene *scene, Crm__Mutation *mutation, const char *const *texts)
{
    struct fixture *f = &scene->world->admin;

    mutation->has_set = true;
    mutation->set = world_body(f, f->core.schema, (enum kind)mutation->kind, texts);
    return mutation;
}

static Crm__Mutation *role_with(struct scene *scene, Crm__Verb verb, Crm__Scope scope, const char *hidden)
{
    struct fixture *f = &scene->world->admin;
    Crm__Mutation *mutation = world_mutation(f, KIND_ROLE, &scene->role, verb);
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope row = CRM__KIND_SCOPE__INIT, *rows = &row;
    Crm__Right rights[] = { CRM__RIGHT__RIGHT_DELETE, CRM__RIGHT__RIGHT_REPORT };
    struct uuid id = uuid_create();
    struct slice packed;

    row.has_id = row.has_read = row.has_write = true;
    row.id = world_bytes(f, &id);
    row.kind = (char *)"*";
    row.read = row.write = scope;
    row.hidden = (char **)(void *)&hidden;
    row.n_hidden = hidden != NULL;
    role.name = (char *)"watched";
    role.scopes = &rows;
    role.n_scopes = 1;
    role.rights = rights;
    role.n_rights = ARRAY_LEN(rights);
    assert_int_equal(codec_pack(&role.base, &f->arena, &packed), CRM_OK);
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return mutation;
}

static struct uuid make_user(struct scene *scene, const char *login, int team)
{
    struct fixture *f = &scene->world->admin;
    struct uuid id = uuid_create();

    world_must(scene->world, with_texts(scene, world_mutation(f, KIND_USER, &id, CRM__VERB__VERB_CREATE),
                                        (const char *const[]){ arena_printf(&f->arena, "login=%s", login), id_text(f, "team", &scene->world->model->teams[team].id),
                                                               id_text(f, "role", &scene->role), NULL }));
    return id;
}

static Crm__Mutation *sharing(struct scene *scene, const struct uuid *record, bool revoke, int64_t until)
{
    Crm__ShareArgument share = CRM__SHARE_ARGUMENT__INIT;

    share.has_principal = share.has_may_write = share.has_revoke = true;
    share.principal = world_bytes(&scene->world->admin, &scene->user_id);
    share.may_write = true;
    share.revoke = revoke;
    share.has_until = until != 0;
    share.until = until;
    return world_action(&scene->world->admin, KIND_CUSTOMER, record, "share", &share.base);
}

/* Large enough that a stream's credit is spent before the first set is told. */
static void make_customer(struct scene *scene, enum set set, size_t n)
{
    static const int teams[SETS] = { ELSEWHERE, HOME, BELOW, ELSEWHERE };
    struct fixture *f = &scene->world->admin;
    struct uuid *id = &scene->records[set][n];
    Crm__Mutation *mutation;
    char *note = arena_alloc(&f->arena, NOTE + 6);

    memcpy(note, "note=", 5);
    memset(note + 5, 'n', NOTE);
    note[5 + NOTE] = '\0';
    *id = uuid_create();
    mutation = with_texts(scene, world_mutation(f, KIND_CUSTOMER, id, CRM__VERB__VERB_CREATE),
                          (const char *const[]){ arena_printf(&f->arena, "name=watched %d %zu", set, n), "legal_name=secret", note, NULL });
    mutation->has_owner = mutation->has_team = true;
    mutation->owner = world_bytes(f, set == OWN ? &scene->user_id : &scene->other);
    mutation->team = world_bytes(f, &scene->world->model->teams[teams[set]].id);
    world_must(scene->world, mutation);
    if (set == SHARED)
        world_must(scene->world, sharing(scene, id, false, n == EACH - 1 ? clock_now_us() + INT64_C(60000000) : 0));
}

static void set_scene(struct scene *scene, const struct loss *loss)
{
    *scene = (struct scene){ .world = world_create_bare(1), .role = uuid_create(), .loss = loss };
    world_must(scene->world, role_with(scene, CRM__VERB__VERB_CREATE, CRM__SCOPE__SCOPE_BRANCH, NULL));
    scene->user_id = make_user(scene, "watcher", HOME);
    scene->other = make_user(scene, "other", ELSEWHERE);
    for (int set = 0; set < SETS; set++)
        for (size_t n = 0; n < EACH; n++)
            make_customer(scene, (enum set)set, n);
    scene->user = &scene->world->peers[0];
    world_join(scene->world, scene->user, &scene->user_id);
}

static void lose(struct scene *scene)
{
    if (scene->loss->mutation)
        world_must(scene->world, scene->loss->mutation(scene));
    else
        world_pass(INT64_C(120000000));
    scene->loss_seq = world_seq(scene->world);
}

static bool is_lost(const struct scene *scene, const struct uuid *id)
{
    for (int set = 0; set < SETS; set++)
        for (size_t n = 0; n < EACH; n++)
            if (uuid_equal(&scene->records[set][n], id))
                return scene->loss->lost[set] || (scene->loss->lost_last[set] && n == EACH - 1);
    return false;
}

/* One that is lost; with a hidden field: any. */
static const struct uuid *a_lost_one(const struct scene *scene)
{
    for (int set = SETS; set-- > 0;)
        if (is_lost(scene, &scene->records[set][EACH - 1]))
            return &scene->records[set][EACH - 1];
    return &scene->records[OWN][EACH - 1];
}

/* --- losses */

static Crm__Mutation *lose_role(struct scene *scene)
{
    return role_with(scene, CRM__VERB__VERB_PATCH, CRM__SCOPE__SCOPE_NONE, NULL);
}

static Crm__Mutation *lose_team(struct scene *scene)
{
    return with_texts(scene, world_mutation(&scene->world->admin, KIND_USER, &scene->user_id, CRM__VERB__VERB_PATCH),
                      (const char *const[]){ id_text(&scene->world->admin, "team", &scene->world->model->teams[ELSEWHERE + 1].id), NULL });
}

static Crm__Mutation *lose_user(struct scene *scene)
{
    Crm__DisableArgument disable = CRM__DISABLE_ARGUMENT__INIT;

    disable.has_heir = true;
    disable.heir = world_bytes(&scene->world->admin, &scene->other);
    return world_action(&scene->world->admin, KIND_USER, &scene->user_id, "disable", &disable.base);
}

static Crm__Mutation *lose_record(struct scene *scene)
{
    Crm__AssignArgument assign = CRM__ASSIGN_ARGUMENT__INIT;

    assign.has_owner = true;
    assign.owner = world_bytes(&scene->world->admin, &scene->other);
    return world_action(&scene->world->admin, KIND_CUSTOMER, &scene->records[OWN][EACH - 1], "assign", &assign.base);
}

static Crm__Mutation *lose_share(struct scene *scene)
{
    return sharing(scene, &scene->records[SHARED][EACH - 1], true, 0);
}

static Crm__Mutation *lose_field(struct scene *scene)
{
    return role_with(scene, CRM__VERB__VERB_PATCH, CRM__SCOPE__SCOPE_BRANCH, "legal_name");
}

static Crm__Mutation *lose_branch(struct scene *scene)
{
    return with_texts(scene, world_mutation(&scene->world->admin, KIND_TEAM, &scene->world->model->teams[BELOW].id, CRM__VERB__VERB_PATCH),
                      (const char *const[]){ id_text(&scene->world->admin, "parent", &scene->world->model->teams[5].id), NULL });
}

static const struct loss losses[] = {
    { "the role shows nothing any more", lose_role, .lost = { true, true, true, true }, .ends = CRM_ACCESS_CHANGED },
    { "the user goes to another team", lose_team, .lost = { [TEAM] = true, [BRANCH] = true }, .ends = CRM_ACCESS_CHANGED },
    { "the user is disabled", lose_user, .lost = { true, true, true, true }, .ends = CRM_REVOKED },
    { "a record is handed over", lose_record, .lost_last = { [OWN] = true } },
    { "a share is revoked", lose_share, .lost_last = { [SHARED] = true } },
    { "a share is over", NULL, .lost_last = { [SHARED] = true } },
    { "a field is hidden", lose_field, .hides = true, .ends = CRM_ACCESS_CHANGED },
    { "the team below gets another parent", lose_branch, .lost = { [BRANCH] = true }, .ends = CRM_ACCESS_CHANGED },
};

/* --- streams */

/* What comes without waiting for anybody; END and ERROR give their status. false: the stream stands. */
static bool take_rows(struct scene *scene, uint32_t stream, bool is_after, size_t *rows, enum crm_status *out_status)
{
    struct fixture *f = scene->user;
    struct failure failure = { 0 };
    struct frame frame;
    size_t size;
    bool more = true;

    while (more || f->out.size > 0) {
        more = link_resume(f->link);
        dispatch_thread_end_turn(f->thread);
        while (frame_parse(buf_slice(&f->out), FRAME_MAX, &frame, &size, &failure) == FRAME_WHOLE) {
            const Crm__ListChunk *chunk;
            const void *message;

            assert_int_equal(frame.header.stream, stream);
            *out_status = frame.header.type == FRAME_ERROR ? (enum crm_status)frame.header.code : CRM_OK;
            if (frame.header.type != FRAME_CHUNK) {
                buf_consume(&f->out, size);
                return true;
            }
            assert_int_equal(codec_unpack(&frame, &crm__list_chunk__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
            chunk = message;
            for (size_t i = 0; i < chunk->n_records; i++) {
                const Crm__Customer *customer = crm__customer__unpack(&f->arena.protobuf, chunk->records[i]->body.len, chunk->records[i]->body.data);
                struct uuid id;

                assert_true(uuid_from_slice(slice_of(chunk->records[i]->header->id.data, UUID_SIZE), &id));
                if (is_after && (is_lost(scene, &id) || (scene->loss->hides && customer->legal_name)))
                    fail_msg("%s: a row of it afterwards", scene->loss->name);
            }
            for (size_t i = 0; is_after && i < chunk->n_titles; i++) {
                struct uuid id;

                assert_true(uuid_from_slice(slice_of(chunk->titles[i]->id.data, UUID_SIZE), &id));
                assert_false(chunk->titles[i]->kind == KIND_CUSTOMER && is_lost(scene, &id));
            }
            *rows += chunk->n_records;
            buf_consume(&f->out, size);
        }
    }
    return false;
}

static void grant(struct scene *scene, uint32_t stream)
{
    Crm__Credit credit = CRM__CREDIT__INIT;

    credit.has_bytes = true;
    credit.bytes = 64u << 20;
    send_frame(scene->user, FRAME_CREDIT, 0, stream, &credit.base);
}

/* Its first rows have come, the rest waits for credit; then the loss; then the credit. */
static void lose_in_a_stream(struct scene *scene, uint32_t stream)
{
    size_t before = 0, after = 0, lost = 0;
    enum crm_status status = CRM_OK;

    assert_false(take_rows(scene, stream, false, &before, &status));
    assert_true(before > 0 && before < EACH);
    lose(scene);
    grant(scene, stream);
    assert_true(take_rows(scene, stream, true, &after, &status));
    assert_int_equal(status, scene->loss->ends);
    for (int set = 0; set < SETS; set++)
        for (size_t n = 0; n < EACH; n++)
            lost += is_lost(scene, &scene->records[set][n]);
    assert_int_equal(after, scene->loss->ends == CRM_OK ? SETS * EACH - lost - before : 0);
}

static void in_a_list(struct scene *scene)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;

    request.has_kind = request.has_titles = request.titles = true;
    request.kind = KIND_CUSTOMER;
    lose_in_a_stream(scene, ask(scene->user, OP_LIST, &request.base));
}

/* In memory, by a field without an index: what was collected before the loss is asked about again. */
static void in_a_sorted_list(struct scene *scene)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    Crm__Sort sort = CRM__SORT__INIT, *sorts = &sort;

    sort.has_field = true;
    sort.field = world_field(KIND_CUSTOMER, "web")->ref;
    request.has_kind = true;
    request.kind = KIND_CUSTOMER;
    request.sort = &sorts;
    request.n_sort = 1;
    lose_in_a_stream(scene, ask(scene->user, OP_LIST, &request.base));
}

static void in_a_search(struct scene *scene)
{
    Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;
    size_t before = 0, after = 0;
    enum crm_status status = CRM_OK;
    uint32_t stream;

    request.text = (char *)"watched";
    request.has_limit = true;
    request.limit = 1000;
    stream = ask(scene->user, OP_SEARCH, &request.base);
    assert_false(take_rows(scene, stream, false, &before, &status)); /* the newest first: what is shared is among these */
    lose(scene);
    grant(scene, stream);
    assert_true(take_rows(scene, stream, true, &after, &status));
    assert_int_equal(status, scene->loss->ends);
    assert_true(scene->loss->ends == CRM_OK || after == 0);
}

/* The page before the loss gives a token: with it only what is left is told. */
static void between_two_pages(struct scene *scene)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct answer answer;
    size_t rows = 0;
    enum crm_status status = CRM_OK;
    uint32_t stream;

    request.has_kind = request.has_limit = true;
    request.kind = KIND_CUSTOMER;
    request.limit = 2;
    answer = talk(scene->world, scene->user, OP_LIST, &request.base);
    assert_int_equal(answer.type, FRAME_END);
    request.has_token = true;
    request.token = ((const Crm__ListReply *)answer_message(scene->user, answer.body, &crm__list_reply__descriptor))->token;
    request.limit = 0;
    lose(scene);
    stream = ask(scene->user, OP_LIST, &request.base);
    grant(scene, stream);
    assert_true(take_rows(scene, stream, true, &rows, &status));
    assert_int_equal(status, scene->loss->ends == CRM_REVOKED ? CRM_REVOKED : CRM_OK);
}

/* --- a replica */

/* What one holds of the scene's records. */
struct mirror {
    bool has[SETS][EACH];
    bool is_named[SETS][EACH]; /* by the snapshot that is under way */
    bool is_snapshot;
    const Crm__SyncCursor *cursor;
    size_t told; /* since the request */
};

/* Where the mirror has a record of the scene; NULL: it is another. */
static bool *place_in(const struct scene *scene, bool (*places)[EACH], ProtobufCBinaryData id)
{
    for (int set = 0; set < SETS; set++)
        for (size_t n = 0; n < EACH; n++)
            if (id.len == UUID_SIZE && memcmp(scene->records[set][n].bytes, id.data, UUID_SIZE) == 0)
                return &places[set][n];
    return NULL;
}

static void take_page(struct scene *scene, struct mirror *mirror, const Crm__SyncChunk *page, bool is_after)
{
    if (page->begins) {
        mirror->is_snapshot = true;
        memset(mirror->is_named, 0, sizeof mirror->is_named);
    }
    for (size_t i = 0; i < page->n_records; i++) {
        const Crm__Record *record = page->records[i];
        bool *has = place_in(scene, mirror->has, record->header->id);
        const Crm__Customer *customer;

        if (!has)
            continue;
        customer = crm__customer__unpack(&scene->user->arena.protobuf, record->body.len, record->body.data);
        if (is_after && (is_lost(scene, (const struct uuid *)(const void *)record->header->id.data) || (scene->loss->hides && customer->legal_name)))
            fail_msg("%s: a row of it afterwards", scene->loss->name);
        *has = *place_in(scene, mirror->is_named, record->header->id) = true;
        mirror->told++;
    }
    for (size_t i = 0; i < page->n_forgets; i++) {
        bool *has = place_in(scene, mirror->has, page->forgets[i]->id);

        if (!is_after || !has || !is_lost(scene, (const struct uuid *)(const void *)page->forgets[i]->id.data))
            fail_msg("%s: told to forget what is not lost", scene->loss->name);
        *has = *place_in(scene, mirror->is_named, page->forgets[i]->id) = false;
        mirror->told++;
    }
    mirror->cursor = page->cursor;
}

/* As take_rows. */
static bool take_pages(struct scene *scene, struct mirror *mirror, uint32_t stream, bool is_after, enum crm_status *out_status)
{
    struct fixture *f = scene->user;
    struct failure failure = { 0 };
    struct frame frame;
    size_t size;
    bool more = true;

    while (more || f->out.size > 0) {
        more = link_resume(f->link);
        dispatch_thread_end_turn(f->thread);
        while (frame_parse(buf_slice(&f->out), FRAME_MAX, &frame, &size, &failure) == FRAME_WHOLE) {
            const void *message;

            assert_int_equal(frame.header.stream, stream);
            *out_status = frame.header.type == FRAME_ERROR ? (enum crm_status)frame.header.code : CRM_OK;
            if (frame.header.type == FRAME_CHUNK) {
                assert_int_equal(codec_unpack(&frame, &crm__sync_chunk__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
                take_page(scene, mirror, message, is_after);
            } else if (frame.header.type == FRAME_END) {
                assert_int_equal(codec_unpack(&frame, &crm__sync_reply__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
                mirror->cursor = ((const Crm__SyncReply *)message)->cursor;
            }
            buf_consume(&f->out, size);
            if (frame.header.type != FRAME_CHUNK)
                return true;
        }
    }
    return false;
}

static uint32_t ask_sync(struct scene *scene, struct mirror *mirror)
{
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;

    mirror->told = 0;
    mirror->is_snapshot = false;
    request.cursor = (Crm__SyncCursor *)(uintptr_t)mirror->cursor;
    request.has_scope = true;
    request.scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL;
    return ask(scene->user, OP_SYNC_CHANGES, &request.base);
}

/* What a snapshot did not name is gone at its end; then the mirror has what is not lost, and nothing else. */
static void assert_mirrors(const struct scene *scene, struct mirror *mirror)
{
    for (int set = 0; set < SETS; set++)
        for (size_t n = 0; n < EACH; n++) {
            bool has = mirror->has[set][n] && (!mirror->is_snapshot || mirror->is_named[set][n]);

            assert_int_equal(has, !is_lost(scene, &scene->records[set][n]));
        }
}

/* The pull stands in its middle; then the loss; then the credit. What ended it is asked for again, by its cursor. */
static void lose_in_a_sync(struct scene *scene, struct mirror *mirror, uint32_t stream)
{
    enum crm_status status = CRM_OK;

    assert_false(take_pages(scene, mirror, stream, false, &status));
    assert_in_range(mirror->told, 1, EACH - 1);
    mirror->told = 0;
    lose(scene);
    grant(scene, stream);
    assert_true(take_pages(scene, mirror, stream, true, &status));
    assert_int_equal(status, scene->loss->ends);
    if (status != CRM_OK) {
        assert_int_equal(mirror->told, 0);
        stream = ask_sync(scene, mirror);
        grant(scene, stream);
        assert_true(take_pages(scene, mirror, stream, true, &status));
        assert_int_equal(status, scene->loss->ends == CRM_REVOKED ? CRM_REVOKED : CRM_OK);
        assert_int_equal(mirror->is_snapshot, status == CRM_OK); /* other eyes */
    }
    if (status == CRM_OK)
        assert_mirrors(scene, mirror);
}

static void in_a_first_sync(struct scene *scene)
{
    struct mirror mirror = { .told = 0 };

    lose_in_a_sync(scene, &mirror, ask_sync(scene, &mirror));
}

/* It has everything, and everything has changed since. */
static void in_a_later_sync(struct scene *scene)
{
    struct mirror mirror = { .told = 0 };
    enum crm_status status = CRM_OK;
    uint32_t stream = ask_sync(scene, &mirror);

    grant(scene, stream);
    assert_true(take_pages(scene, &mirror, stream, false, &status));
    assert_int_equal(mirror.told, SETS * EACH);
    for (int set = 0; set < SETS; set++)
        for (size_t n = 0; n < EACH; n++)
            world_must(scene->world, with_texts(scene, world_mutation(&scene->world->admin, KIND_CUSTOMER, &scene->records[set][n], CRM__VERB__VERB_PATCH),
                                                (const char *const[]){ "source=news", NULL }));
    stream = ask_sync(scene, &mirror);
    lose_in_a_sync(scene, &mirror, stream);
}

/* --- elsewhere */

/* Counted before or after, but told after: nobody is told whose access has changed. */
static void in_a_count(struct scene *scene)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    struct frame frame;
    uint32_t stream;

    request.has_kind = true;
    request.kind = KIND_CUSTOMER;
    stream = ask(scene->user, OP_COUNT, &request.base);
    lose(scene);
    take_frame(scene->user, &frame);
    assert_int_equal(frame.header.stream, stream);
    if (scene->loss->ends != CRM_OK) {
        assert_int_equal(frame.header.type, FRAME_ERROR);
        assert_int_equal(frame.header.code, scene->loss->ends);
        return;
    }
    assert_int_equal(frame.header.type, FRAME_REPLY);
    reply = answer_message(scene->user, frame.body, &crm__count_reply__descriptor);
    if (scene->loss->mutation)
        assert_int_equal(reply->count, SETS * EACH - (reply->seq >= scene->loss_seq));
}

static void in_a_subscription(struct scene *scene)
{
    struct fixture *f = scene->user;
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    const struct uuid *lost = a_lost_one(scene), *kept = &scene->records[OWN][0];
    struct failure failure = { 0 };
    uint32_t stream = ask(f, OP_SUBSCRIBE, &request.base);
    struct frame frame;
    size_t size, told = 0;
    bool has_ended = false;

    take(f, FRAME_REPLY, stream, NULL);
    world_must(scene->world, with_texts(scene, world_mutation(&scene->world->admin, KIND_CUSTOMER, lost, CRM__VERB__VERB_PATCH),
                                        (const char *const[]){ "source=old", NULL })); /* to be told when the thread comes to it */
    lose(scene);
    for (int i = 0; i < 2; i++)
        world_must(scene->world, with_texts(scene, world_mutation(&scene->world->admin, KIND_CUSTOMER, i ? kept : lost, CRM__VERB__VERB_PATCH),
                                            (const char *const[]){ "source=news", NULL }));
    dispatch_thread_drain(f->thread);
    while (frame_parse(buf_slice(&f->out), FRAME_MAX, &frame, &size, &failure) == FRAME_WHOLE) {
        assert_int_equal(frame.header.stream, stream);
        assert_false(has_ended);
        if (frame.header.type == FRAME_ERROR) {
            assert_int_equal(frame.header.code, scene->loss->ends);
            has_ended = true;
        } else {
            const void *message;
            const Crm__Event *event;

            assert_int_equal(frame.header.type, FRAME_EVENT);
            assert_int_equal(codec_unpack(&frame, &crm__event__descriptor, FRAME_MAX, &f->arena, &message, &failure), CRM_OK);
            event = message;
            for (size_t i = 0; i < event->n_changes; i++) {
                struct uuid id;

                assert_true(uuid_from_slice(slice_of(event->changes[i]->id.data, UUID_SIZE), &id));
                if (is_lost(scene, &id))
                    fail_msg("%s: an event of it afterwards", scene->loss->name);
                told += uuid_equal(&id, kept);
            }
        }
        buf_consume(&f->out, size);
    }
    assert_int_equal(has_ended, scene->loss->ends != CRM_OK);
    assert_int_equal(told, scene->loss->ends == CRM_OK);
}

static Crm__Mutation *change_lost(struct scene *scene, struct fixture *f)
{
    Crm__Mutation *mutation = world_mutation(f, KIND_CUSTOMER, a_lost_one(scene), CRM__VERB__VERB_PATCH);

    mutation->has_set = true;
    mutation->set = world_body(f, scene->world->admin.core.schema, KIND_CUSTOMER, (const char *const[]){ "legal_name=changed", NULL });
    return mutation;
}

static void assert_unchanged(struct scene *scene)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct fixture *f = &scene->world->admin;
    struct answer answer;
    const Crm__Record *record;

    request.has_kind = request.has_id = true;
    request.kind = KIND_CUSTOMER;
    request.id = world_bytes(f, a_lost_one(scene));
    answer = talk(scene->world, f, OP_GET, &request.base);
    record = ((const Crm__GetReply *)answer_message(f, answer.body, &crm__get_reply__descriptor))->record;
    assert_string_equal(crm__customer__unpack(&f->arena.protobuf, record->body.len, record->body.data)->legal_name, "secret");
}

/* What was staged before is not done with rights that are gone. */
static void in_an_upload(struct scene *scene)
{
    struct fixture *f = scene->user;
    struct uuid id = uuid_create();
    Crm__UploadRequest begin = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    Crm__UploadEnd end = CRM__UPLOAD_END__INIT;
    Crm__MutateRequest staged = CRM__MUTATE_REQUEST__INIT, request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutation = change_lost(scene, f);
    uint8_t hash[SHA256_SIZE];
    struct slice bytes;
    struct answer answer;
    struct frame frame;
    uint32_t stream;

    staged.mutations = &mutation;
    staged.n_mutations = 1;
    assert_int_equal(codec_pack(&staged.base, &f->arena, &bytes), CRM_OK);
    sha256(&bytes, 1, hash);
    begin.has_upload = chunk.has_data = end.has_sha256 = true;
    begin.upload = world_bytes(f, &id);
    chunk.data = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)bytes.data, .len = bytes.size };
    end.sha256 = (ProtobufCBinaryData){ .data = hash, .len = sizeof hash };
    stream = ask(f, OP_UPLOAD, &begin.base);
    take(f, FRAME_CREDIT, stream, NULL);
    send_frame(f, FRAME_CHUNK, 0, stream, &chunk.base);
    take(f, FRAME_CREDIT, stream, NULL);
    lose(scene);
    link_renew_session(f->link);
    send_frame(f, FRAME_END, 0, stream, &end.base);
    take_frame(f, &frame);
    assert_int_equal(frame.header.stream, stream);
    if (scene->loss->ends == CRM_OK)
        assert_int_equal(frame.header.type, FRAME_REPLY);
    else
        assert_int_equal(frame.header.code, scene->loss->ends);
    request.has_upload = true;
    request.upload = world_bytes(f, &id);
    answer = talk(scene->world, f, OP_MUTATE, &request.base);
    assert_int_equal(answer.type, FRAME_ERROR);
    assert_int_equal(answer.status, scene->loss->ends == CRM_REVOKED ? CRM_REVOKED : CRM_NOT_FOUND);
    assert_unchanged(scene);
}

/* --- behind the loss, in its own group */

/* Holds the writer until the test lets go. */
struct holding {
    struct write_job job;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool holds, may_go, is_done;
};

static enum crm_status hold(struct write_job *job, struct change_group *group)
{
    struct holding *holding = (struct holding *)job;

    (void)group;
    pthread_mutex_lock(&holding->lock);
    holding->holds = true;
    pthread_cond_broadcast(&holding->wake);
    while (!holding->may_go)
        pthread_cond_wait(&holding->wake, &holding->lock);
    pthread_mutex_unlock(&holding->lock);
    return CRM_OK;
}

static void hold_done(struct write_job *job, enum crm_status status)
{
    struct holding *holding = (struct holding *)job;

    (void)status;
    pthread_mutex_lock(&holding->lock);
    holding->is_done = true;
    pthread_cond_broadcast(&holding->wake);
    pthread_mutex_unlock(&holding->lock);
}

static uint32_t ask_change(struct fixture *f, Crm__Mutation *mutation)
{
    return ask_mutate(f, &mutation, 1, NULL, 0);
}

static void in_the_group_of_the_loss(struct scene *scene)
{
    struct holding holding = { .job = { .apply = hold, .done = hold_done }, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };
    struct fixture *admin = &scene->world->admin, *f = scene->user;
    uint32_t losing, changing;
    struct frame frame;

    if (!scene->loss->mutation)
        return;
    assert_int_equal(writer_submit(dispatch_writer(admin->dispatch), &holding.job), CRM_OK);
    pthread_mutex_lock(&holding.lock);
    while (!holding.holds)
        pthread_cond_wait(&holding.wake, &holding.lock);
    pthread_mutex_unlock(&holding.lock);
    losing = ask_change(admin, scene->loss->mutation(scene));
    changing = ask_change(f, change_lost(scene, f));
    pthread_mutex_lock(&holding.lock);
    holding.may_go = true;
    pthread_cond_broadcast(&holding.wake);
    while (!holding.is_done)
        pthread_cond_wait(&holding.wake, &holding.lock);
    pthread_mutex_unlock(&holding.lock);
    take(admin, FRAME_REPLY, losing, NULL);
    take_frame(f, &frame);
    assert_int_equal(frame.header.stream, changing);
    assert_int_equal(frame.header.type, FRAME_ERROR);
    assert_int_equal(frame.header.code, scene->loss->ends == CRM_REVOKED ? CRM_REVOKED : scene->loss->hides ? CRM_NOT_ALLOWED : CRM_NOT_FOUND);
    assert_unchanged(scene);
}

/* --- all with all */

static void (*const readings[])(struct scene *) = {
    in_a_list, in_a_sorted_list, in_a_search, between_two_pages, in_a_count, in_a_subscription, in_an_upload, in_the_group_of_the_loss,
    in_a_first_sync, in_a_later_sync,
};

static void meet_all_losses(void (*reading)(struct scene *))
{
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        struct scene scene;

        print_message("    %s\n", losses[i].name);
        set_scene(&scene, &losses[i]);
        reading(&scene);
        world_destroy(scene.world);
    }
}

static void test_reading(void **state)
{
    meet_all_losses(*(void (**)(struct scene *))*state);
}

#define READING(n, what) { what, test_reading, NULL, NULL, (void *)(uintptr_t)&readings[n] }

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING(0, "lost in a list"),         READING(1, "lost in a list that was sorted"), READING(2, "lost in a search"),
        READING(3, "lost between two pages"), READING(4, "lost in a count"),                READING(5, "lost in a subscription"),
        READING(6, "lost in an upload"),      READING(7, "lost in the same group"),
        READING(8, "lost in a first sync"),   READING(9, "lost in a later sync"),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
