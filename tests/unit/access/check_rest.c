/*
 * check_rest.c - operations that tell of the schema, of access itself, or that need a right and nothing else
 */
#include "check.h"

/* What kinds and fields there are is no secret; no value of a record is in it. */
void check_describe(struct eyes *eyes)
{
    Crm__DescribeRequest request = CRM__DESCRIBE_REQUEST__INIT;
    struct answer answer = talk(eyes->world, eyes->peer, OP_DESCRIBE, &request.base), admin = talk(eyes->world, &eyes->world->admin, OP_DESCRIBE, &request.base);

    expect(eyes, answer.type == FRAME_REPLY && same_answer(&answer, &admin), NULL, "the description depends on who asks");
}

/* --- who may see what */

static struct answer explain(struct eyes *eyes, struct fixture *peer, const struct uuid *user, enum kind kind, const struct uuid *id, uint32_t field)
{
    Crm__AccessExplainRequest request = CRM__ACCESS_EXPLAIN_REQUEST__INIT;

    request.has_user = user != NULL;
    if (user)
        request.user = world_bytes(peer, user);
    request.has_kind = request.has_id = request.has_field = true;
    request.kind = kind;
    request.id = world_bytes(peer, id);
    request.field = field;
    return talk(eyes->world, peer, OP_ACCESS_EXPLAIN, &request.base);
}

/* The administrator is told of every record what the model says of this user; the user is told nothing of what they do not see. */
void check_explain(struct eyes *eyes)
{
    struct world *world = eyes->world;
    const struct model *model = world->model;
    struct model_record *self = model_find(world->model, KIND_USER, &eyes->user->id);
    struct uuid nobody = never_used();

    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];
        const struct world_kind *kind = world_kind(record->kind);
        const Crm__AccessExplainReply *reply;
        struct answer answer, none;

        if (!is_looked_at(eyes, i) || record->is_deleted)
            continue;
        answer = explain(eyes, &world->admin, &eyes->user->id, record->kind, &record->id, 0);
        expect(eyes, answer.type == FRAME_REPLY, record, "explained to the administrator: status %d", answer.status);
        reply = answer_message(eyes->peer, answer.body, &crm__access_explain_reply__descriptor);
        expect(eyes, reply->may_read == may_see(eyes, record) && reply->may_write == model_may_write(model, eyes->user, record) && reply->n_rules > 0, record,
               "explained: may read %d, may write %d", reply->may_read, reply->may_write);
        answer = explain(eyes, &world->admin, &eyes->user->id, record->kind, &record->id, world_field(record->kind, kind->secret)->ref);
        reply = answer_message(eyes->peer, answer.body, &crm__access_explain_reply__descriptor);
        expect(eyes, reply->may_read == (may_see(eyes, record) && shows(eyes, record->kind, kind->secret)) &&
                         reply->may_write == (model_may_write(model, eyes->user, record) && !model_keeps(model, eyes->user, record->kind, kind->secret)),
               record, "its secret field explained: may read %d, may write %d", reply->may_read, reply->may_write);
        answer = explain(eyes, eyes->peer, NULL, record->kind, &record->id, 0);
        none = explain(eyes, eyes->peer, NULL, record->kind, &nobody, 0);
        if (may_see(eyes, record) && may_see(eyes, self))
            expect(eyes, answer.type == FRAME_REPLY, record, "explained to oneself: status %d", answer.status);
        else
            expect(eyes, answer.type == FRAME_ERROR && same_answer(&answer, &none), record, "explained: %d, of one that never was %d", answer.status, none.status);
        arena_reset(&eyes->peer->arena);
    }
}

void check_who(struct eyes *eyes)
{
    struct world *world = eyes->world;
    const struct model *model = world->model;

    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];
        Crm__AccessWhoRequest request = CRM__ACCESS_WHO_REQUEST__INIT;
        const Crm__AccessWhoReply *reply;
        struct uuid nobody = never_used();
        struct answer answer, none;

        if (!is_looked_at(eyes, i) || record->is_deleted || i % 4)
            continue;
        request.has_kind = request.has_id = true;
        request.kind = record->kind;
        request.id = world_bytes(eyes->peer, &record->id);
        answer = talk(world, eyes->peer, OP_ACCESS_WHO, &request.base);
        if (answer.type == FRAME_REPLY) {
            expect(eyes, may_see(eyes, record) && model->roles[eyes->user->role].has_rights, record, "who may see it is told");
            reply = answer_message(eyes->peer, answer.body, &crm__access_who_reply__descriptor);
            for (int u = 0; u < model->n_users; u++) {
                struct eyes other = { .user = &model->users[u], .world = world };
                struct model_record *them = model_find(world->model, KIND_USER, &model->users[u].id);
                bool is_told = false, writes = false;

                for (size_t h = 0; h < reply->n_holders; h++)
                    if (memcmp(reply->holders[h]->user.data, them->id.bytes, UUID_SIZE) == 0) {
                        is_told = true;
                        writes = reply->holders[h]->may_write;
                    }
                expect(eyes, is_told == (may_see(eyes, them) && may_see(&other, record)), record, "user %d is among those who see it: %d", u, is_told);
                expect(eyes, !is_told || writes == model_may_write(model, other.user, record), record, "user %d changes it: %d", u, writes);
            }
        } else {
            request.id = world_bytes(eyes->peer, &nobody);
            none = talk(world, eyes->peer, OP_ACCESS_WHO, &request.base);
            expect(eyes, same_answer(&answer, &none) && !(may_see(eyes, record) && model->roles[eyes->user->role].has_rights), record,
                   "who may see it: %d, of one that never was %d", answer.status, none.status);
        }
        arena_reset(&eyes->peer->arena);
    }
}

/* With whom a record is shared: who sees the record that decides is told all of it; to others there is no such record. */
static void check_shares_of(struct eyes *eyes, const struct model_record *record, const struct answer *answer)
{
    const struct model *model = eyes->world->model;
    const Crm__AccessSharesReply *reply = answer_message(eyes->peer, answer->body, &crm__access_shares_reply__descriptor);
    int root = record->parent != MODEL_NOBODY ? record->parent : model_index(model, record);
    size_t n = 0;

    for (int g = 0; g < model->n_grants; g++) {
        const struct model_grant *grant = &model->grants[g];
        const struct uuid *with = grant->sort == MODEL_USER ? &model->users[grant->principal].id : &model->teams[grant->principal].id;
        bool is_told = false;

        if (grant->record != root || grant->is_over)
            continue;
        n++;
        for (size_t i = 0; i < reply->n_shares; i++)
            is_told = is_told || (memcmp(reply->shares[i]->principal.data, with->bytes, UUID_SIZE) == 0 && reply->shares[i]->may_write == grant->may_write);
        expect(eyes, is_told, record, "a share is not told");
    }
    expect(eyes, reply->n_shares == n, record, "%zu shares are told of %zu", reply->n_shares, n);
    check_titles(eyes, reply->titles, reply->n_titles);
}

void check_shares(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;

    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];
        Crm__AccessSharesRequest request = CRM__ACCESS_SHARES_REQUEST__INIT;
        struct uuid nobody = never_used();
        struct answer answer, none;

        if (!is_looked_at(eyes, i) || record->is_deleted)
            continue;
        request.has_kind = request.has_id = true;
        request.kind = record->kind;
        request.id = world_bytes(eyes->peer, &record->id);
        answer = talk(eyes->world, eyes->peer, OP_ACCESS_SHARES, &request.base);
        if (may_see(eyes, record) && (record->parent == MODEL_NOBODY || may_see(eyes, &model->records[record->parent]))) {
            expect(eyes, answer.type == FRAME_REPLY, record, "its shares: status %d", answer.status);
            check_shares_of(eyes, record, &answer);
        } else {
            request.id = world_bytes(eyes->peer, &nobody);
            none = talk(eyes->world, eyes->peer, OP_ACCESS_SHARES, &request.base);
            expect(eyes, answer.status == CRM_NOT_FOUND && same_answer(&answer, &none), record, "its shares: %d, of one that never was %d", answer.status, none.status);
        }
        arena_reset(&eyes->peer->arena);
    }
}

/* --- rights */

/* Sent as it is, with the id of a user and then with that of nobody in every field of 16 bytes. */
static struct answer with_id(struct eyes *eyes, enum operation op, const ProtobufCMessageDescriptor *descriptor, const struct uuid *id, int step)
{
    ProtobufCMessage *message = arena_zalloc(&eyes->peer->arena, descriptor->sizeof_message);

    descriptor->message_init(message);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        char *member = (char *)message + field->offset;

        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            continue;
        if (field->type == PROTOBUF_C_TYPE_BYTES && (op != OP_SESSION_END || strcmp(field->name, "user") == 0)) {
            *(protobuf_c_boolean *)(void *)((char *)message + field->quantifier_offset) = true;
            *(ProtobufCBinaryData *)(void *)member = world_bytes(eyes->peer, id);
        } else if (field->type == PROTOBUF_C_TYPE_ENUM && step) {
            *(protobuf_c_boolean *)(void *)((char *)message + field->quantifier_offset) = true;
            *(int *)(void *)member = step;
        }
    }
    return talk(eyes->world, eyes->peer, op, message);
}

/*
 * Operations that concern people and the server itself: who has not the right is told so, of a user who is there and of nobody alike. Those that also
 * serve oneself refuse what names another, and know nobody who may not be seen.
 */
void check_rights(struct eyes *eyes)
{
    static const struct {
        enum operation op;
        int step;
    } asked[] = {
        { OP_INVITE, 0 }, { OP_AUDIT_LIST, 0 }, { OP_ERASE, 0 },   { OP_DEVICE, CRM__DEVICE_STEP__DEVICE_STEP_LIST },
        { OP_DEVICE, CRM__DEVICE_STEP__DEVICE_STEP_INVITE },        { OP_DEVICE, CRM__DEVICE_STEP__DEVICE_STEP_REVOKE },
        { OP_SESSION_LIST, 0 },                                     { OP_SESSION_END, 0 },
        { OP_TOKEN, CRM__TOKEN_STEP__TOKEN_STEP_LIST },             { OP_FACTOR, CRM__FACTOR_STEP__FACTOR_STEP_REMOVE },
        { OP_PASSWORD, 0 },
    };
    const struct uuid *other = &eyes->world->model->users[eyes->world->owners[0]].id;
    bool is_seen = may_see(eyes, model_find(eyes->world->model, KIND_USER, other));
    struct uuid nobody = never_used();

    if (eyes->world->model->roles[eyes->user->role].has_rights)
        return;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct op_def *op = op_find(asked[i].op);
        struct answer answer = with_id(eyes, asked[i].op, op->request, other, asked[i].step);
        struct answer none = with_id(eyes, asked[i].op, op->request, &nobody, asked[i].step);

        expect(eyes, answer.type == FRAME_ERROR && (is_seen || same_answer(&answer, &none)), NULL, "%s: of a user %d, of nobody %d, or in other words", op->name, answer.status,
               none.status);
        if (op->right || is_seen)
            expect(eyes, answer.status == CRM_NOT_ALLOWED, NULL, "%s without the right: %d", op->name, answer.status);
    }
}
