/*
 * check_write.c - changes: what may not be seen is not there, what may only be seen is not changed; whatever is allowed is run dry, so that a world
 * stays as it is
 */
#include "check.h"

#include "common/base/digest.h"

/* What the answer to a change of a record must be, for a right that the role needs besides. */
static enum crm_status due(struct eyes *eyes, const struct model_record *record, bool also_deleted, bool needs_right)
{
    const struct model *model = eyes->world->model;
    bool has_rights = model->roles[eyes->user->role].has_rights;

    if ((kind_def((unsigned)record->kind)->flags & KIND_ADMINISTRATION) && !has_rights)
        return CRM_NOT_ALLOWED;
    if (!may_see(eyes, record) || (record->is_deleted && !also_deleted))
        return CRM_NOT_FOUND;
    if (!model_may_write(model, eyes->user, record) || (needs_right && !has_rights))
        return CRM_NOT_ALLOWED;
    return CRM_OK;
}

/*
 * The same mutation twice: of the record, and of one that never was. Where the record is not there for this user both answers are the same. A change that
 * is refused is sent for real: nothing must come of it.
 */
static void change(struct eyes *eyes, const struct model_record *record, Crm__Mutation *mutation, enum crm_status status, const char *how)
{
    struct uuid nobody = never_used();
    Crm__Mutation other = *mutation;
    bool is_there = may_see(eyes, record);
    struct answer answer = world_mutate(eyes->world, eyes->peer, mutation, status == CRM_OK), none;

    /* What is allowed may still be refused for what the record is: in use, not deleted, the last of its kind. */
    if (status == CRM_OK)
        expect(eyes, answer.status != CRM_NOT_FOUND && answer.status != CRM_NOT_ALLOWED, record, "%s: status %d", how, answer.status);
    else
        expect(eyes, answer.status == status, record, "%s: status %d, not %d", how, answer.status, status);
    if (is_there)
        return;
    other.id = world_bytes(eyes->peer, &nobody);
    none = world_mutate(eyes->world, eyes->peer, &other, false);
    expect(eyes, same_answer(&answer, &none), record, "%s: answers %d, and of one that never was %d, or in other words", how, answer.status, none.status);
}

static Crm__Mutation *setting(struct eyes *eyes, const struct model_record *record, const char *text)
{
    Crm__Mutation *mutation = world_mutation(eyes->peer, record->kind, &record->id, CRM__VERB__VERB_PATCH);

    mutation->has_set = true;
    mutation->set = world_body(eyes->peer, eyes->world->admin.core.schema, record->kind, (const char *const[]){ text, NULL });
    return mutation;
}

static void patch(struct eyes *eyes, const struct model_record *record)
{
    const struct world_kind *kind = world_kind(record->kind);
    const struct model *model = eyes->world->model;
    enum crm_status may = due(eyes, record, false, false);
    enum crm_status may_late, with_secret = may == CRM_OK && model_keeps(model, eyes->user, record->kind, kind->secret) ? CRM_NOT_ALLOWED : may;
    struct model_record *to = model_find(eyes->world->model, KIND_USER, &model->users[eyes->world->owners[0]].id);
    Crm__Mutation *mutation;

    change(eyes, record, setting(eyes, record, "tags=seen"), strcmp(kind->secret, "tags") == 0 ? with_secret : may, "a tag");
    change(eyes, record, setting(eyes, record, arena_printf(&eyes->peer->arena, "%s=other", kind->secret)), with_secret, "the secret field");
    mutation = world_mutation(eyes->peer, record->kind, &record->id, CRM__VERB__VERB_PATCH);
    mutation->n_clear = 1;
    mutation->clear = arena_memdup(&eyes->peer->arena, &world_field(record->kind, kind->secret)->ref, sizeof *mutation->clear);
    change(eyes, record, mutation, with_secret, "the secret field, cleared");
    mutation = setting(eyes, record, "tags=seen");
    mutation->has_base_rev = true;
    mutation->base_rev = 77;
    change(eyes, record, mutation, may == CRM_OK ? CRM_CONFLICT : may, "a revision that never was");
    mutation->has_old = true; /* it would be merged; of a deleted record it is a conflict */
    may_late = due(eyes, record, true, false);
    if (may_late == CRM_OK && strcmp(kind->secret, "tags") == 0 && model_keeps(model, eyes->user, record->kind, kind->secret))
        may_late = CRM_NOT_ALLOWED;
    change(eyes, record, mutation, may_late, "a late change");
    mutation = setting(eyes, record, "tags=seen");
    mutation->has_owner = true;
    mutation->owner = world_bytes(eyes->peer, &model->users[eyes->world->owners[0]].id);
    if (uuid_equal(&record->owner, &to->id) || strcmp(kind->secret, "tags") == 0)
        return;
    if (may == CRM_OK)
        may = !may_see(eyes, to) ? CRM_INVALID : model->roles[eyes->user->role].has_rights ? CRM_OK : CRM_NOT_ALLOWED;
    change(eyes, record, mutation, may, "another owner by a patch");
}

static void actions(struct eyes *eyes, const struct model_record *record)
{
    const struct model *model = eyes->world->model;
    bool has_rights = model->roles[eyes->user->role].has_rights;
    Crm__AssignArgument assign = CRM__ASSIGN_ARGUMENT__INIT;
    Crm__ShareArgument share = CRM__SHARE_ARGUMENT__INIT;
    Crm__RestoreArgument restore = CRM__RESTORE_ARGUMENT__INIT;
    struct model_record *to = model_find(eyes->world->model, KIND_USER, &model->users[eyes->world->owners[0]].id);
    struct uuid nobody = never_used();
    enum crm_status with_bin = has_rights ? due(eyes, record, true, true) : CRM_NOT_ALLOWED;
    bool sees_them = may_see(eyes, to) || uuid_equal(&record->owner, &to->id);

    change(eyes, record, world_mutation(eyes->peer, record->kind, &record->id, CRM__VERB__VERB_DELETE), due(eyes, record, false, true), "deletion");
    change(eyes, record, world_action(eyes->peer, record->kind, &record->id, "restore", &restore.base), with_bin, "restoring");
    /* To whom: somebody who may not be seen is nobody. */
    assign.has_owner = share.has_principal = true;
    assign.owner = share.principal = world_bytes(eyes->peer, sees_them ? &to->id : &nobody);
    if (with_bin != CRM_OK || (sees_them && !record->is_deleted)) {
        change(eyes, record, world_action(eyes->peer, record->kind, &record->id, "assign", &assign.base), with_bin, "assigning");
        change(eyes, record, world_action(eyes->peer, record->kind, &record->id, "share", &share.base), with_bin, "sharing");
    }
    if (with_bin == CRM_OK && !sees_them && !record->is_deleted) {
        const struct { const char *name; const ProtobufCMessage *argument; ProtobufCBinaryData *principal; } both[] = {
            { "assign", &assign.base, &assign.owner }, { "share", &share.base, &share.principal },
        };

        for (size_t i = 0; i < ARRAY_LEN(both); i++) {
            struct answer none = world_mutate(eyes->world, eyes->peer, world_action(eyes->peer, record->kind, &record->id, both[i].name, both[i].argument), true);
            struct answer unseen;

            *both[i].principal = world_bytes(eyes->peer, &to->id);
            unseen = world_mutate(eyes->world, eyes->peer, world_action(eyes->peer, record->kind, &record->id, both[i].name, both[i].argument), true);
            expect(eyes, same_answer(&none, &unseen), record, "%s with an unseen user: %d, with nobody: %d, or in other words", both[i].name, unseen.status,
                   none.status);
        }
    }
}

/* A new record that refers to a customer, or hangs below it. */
static void refer(struct eyes *eyes, enum kind kind, const struct model_record *customer)
{
    const struct model *model = eyes->world->model;
    const struct model_row *row = model_row(model, eyes->user, kind);
    const struct world_kind *of = world_kind(kind);
    struct uuid ids[2] = { customer->id, never_used() }, made[2] = { uuid_create(), uuid_create() };
    struct answer answers[2];
    bool is_there = may_see(eyes, customer) && !customer->is_deleted;
    struct model_record planned = { .kind = kind, .owner = eyes->user->id, .team = model->teams[eyes->user->team].id, .refers = model_index(model, customer),
                                    .parent = of->parent ? model_index(model, customer) : MODEL_NOBODY };

    for (size_t i = 0; i < 2; i++) {
        Crm__Mutation *mutation = world_mutation(eyes->peer, kind, &made[i], CRM__VERB__VERB_CREATE);
        char text[UUID_TEXT_SIZE];

        uuid_format(&ids[i], text);
        mutation->has_set = true;
        mutation->set = world_body(eyes->peer, eyes->world->admin.core.schema, kind,
                                   (const char *const[]){ arena_printf(&eyes->peer->arena, "%s=new", of->title), arena_printf(&eyes->peer->arena, "customer=%s", text),
                                                          of->more, NULL });
        answers[i] = world_mutate(eyes->world, eyes->peer, mutation, true);
    }
    if (!is_there) {
        expect(eyes, answers[0].type == FRAME_ERROR && same_answer(&answers[0], &answers[1]), customer, "a new %s of an unseen one: %d, of none: %d",
               kind_def((unsigned)kind)->name, answers[0].status, answers[1].status);
        return;
    }
    /* What is shared of a root is shared of its children; an own record that hangs on nothing needs no more than "own". */
    if (model_keeps(model, eyes->user, kind, of->title) || !model_may_write(model, eyes->user, &planned))
        expect(eyes, answers[0].status == CRM_NOT_ALLOWED, customer, "a new %s without leave: %d (reads %d, writes %d)", kind_def((unsigned)kind)->name, answers[0].status,
               row->read, row->write);
    else
        expect(eyes, answers[0].type == FRAME_REPLY, customer, "a new %s: %d", kind_def((unsigned)kind)->name, answers[0].status);
}

void check_mutate(struct eyes *eyes)
{
    static const enum kind referring[] = { KIND_CONTACT, KIND_ACTIVITY, KIND_TASK, KIND_DEAL };
    const struct model *model = eyes->world->model;
    uint64_t seq = world_seq(eyes->world);

    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];

        if (!is_looked_at(eyes, i))
            continue;
        patch(eyes, record);
        actions(eyes, record);
        if (record->kind == KIND_CUSTOMER)
            for (size_t k = 0; k < ARRAY_LEN(referring); k++)
                refer(eyes, referring[k], record);
        arena_reset(&eyes->peer->arena);
    }
    expect(eyes, world_seq(eyes->world) == seq, NULL, "a change that was refused was done");
}

/* --- uploads */

/* The administrator's staged mutations, named by somebody else: there is no such upload. */
void check_upload(struct eyes *eyes)
{
    struct world *world = eyes->world;
    struct fixture *f = &world->admin;
    struct uuid id = uuid_create(), nobody = never_used();
    Crm__UploadRequest begin = CRM__UPLOAD_REQUEST__INIT;
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    Crm__UploadEnd end = CRM__UPLOAD_END__INIT;
    Crm__MutateRequest staged = CRM__MUTATE_REQUEST__INIT, request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutation = new_customer(f, "Staged");
    uint8_t hash[SHA256_SIZE];
    struct slice bytes;
    struct answer answer, none;
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
    send_frame(f, FRAME_END, 0, stream, &end.base);
    take(f, FRAME_REPLY, stream, NULL);

    request.has_upload = true;
    request.upload = world_bytes(eyes->peer, &id);
    answer = talk(world, eyes->peer, OP_MUTATE, &request.base);
    request.upload = world_bytes(eyes->peer, &nobody);
    none = talk(world, eyes->peer, OP_MUTATE, &request.base);
    expect(eyes, answer.status == CRM_NOT_FOUND && same_answer(&answer, &none), NULL, "the upload of another: %d, one that never was: %d", answer.status, none.status);
}

/* --- subscriptions */

/* One for all, and the world's records change: exactly the seen ones are told of. */
void check_subscribe(struct eyes *eyes)
{
    struct world *world = eyes->world;
    struct model *model = world->model;
    struct fixture peer;
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    static bool changed[MODEL_RECORDS], told[MODEL_RECORDS];
    struct failure failure = { 0 };
    struct frame frame;
    size_t size;

    memset(changed, 0, sizeof changed);
    memset(told, 0, sizeof told);
    world_join(world, &peer, &eyes->user->id);
    take(&peer, FRAME_REPLY, ask(&peer, OP_SUBSCRIBE, &request.base), NULL);
    for (int i = 0; i < model->n_records; i++) {
        struct model_record *record = &model->records[i];
        Crm__Mutation *mutation;

        /* People, roles and teams would have everybody looked at again; they are in test_access_live. */
        if (!is_looked_at(eyes, i) || record->is_deleted || !record->has_values || i % 4 || record->kind == KIND_USER || record->kind == KIND_TEAM ||
            record->kind == KIND_ROLE || record->kind == KIND_FIELD_DEFINITION)
            continue;
        mutation = world_mutation(&world->admin, record->kind, &record->id, CRM__VERB__VERB_PATCH);
        mutation->has_set = true;
        mutation->set = world_body(&world->admin, world->admin.core.schema, record->kind,
                                   (const char *const[]){ arena_printf(&world->admin.arena, record->kind == KIND_PIPELINE ? "version=%d" : "tags=told%d", 2 + eyes->number), NULL });
        world_must(world, mutation);
        changed[i] = true;
    }
    dispatch_thread_drain(peer.thread); /* the writer tells every thread before it answers */
    while (frame_parse(buf_slice(&peer.out), FRAME_MAX, &frame, &size, &failure) == FRAME_WHOLE) {
        const Crm__Event *event;
        const void *message;

        assert_int_equal(frame.header.type, FRAME_EVENT);
        assert_int_equal(codec_unpack(&frame, &crm__event__descriptor, FRAME_MAX, &peer.arena, &message, &failure), CRM_OK);
        event = message;
        for (size_t i = 0; i < event->n_changes; i++) {
            struct uuid id;
            struct model_record *record;

            assert_true(uuid_from_slice(slice_of(event->changes[i]->id.data, UUID_SIZE), &id));
            record = model_find(model, (enum kind)event->changes[i]->kind, &id);
            expect(eyes, record && may_see(eyes, record), record, "an event tells of it");
            told[model_index(model, record)] = true;
        }
        buf_consume(&peer.out, size);
    }
    for (int i = 0; i < model->n_records; i++)
        expect(eyes, told[i] == (changed[i] && may_see(eyes, &model->records[i])), &model->records[i], "changed %d, told %d", changed[i], told[i]);
    link_destroy(peer.link);
    peer.link = NULL;
    dispatch_thread_destroy(peer.thread);
    buf_fini(&peer.out);
    arena_fini(&peer.arena);
    for (int i = 0; i < model->n_records; i++)
        if (changed[i])
            world_reread(world, i);
}
