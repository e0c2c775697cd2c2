/*
 * check_duplicates.c - likely duplicates: only of what may be seen, and by what of it may be seen
 */
#include "check.h"

/* Two of a pair may be seen, and are told as they may be. */
static void check_side(struct eyes *eyes, enum kind kind, const Crm__DuplicateRecord *side)
{
    struct uuid id;
    const struct model_record *record;

    assert_true(uuid_from_slice(slice_of(side->id.data, side->id.len), &id));
    record = model_find(eyes->world->model, kind, &id);
    expect(eyes, record && may_see(eyes, record), record, "it is in a pair");
    expect(eyes, shows(eyes, kind, "name") || !*side->title, record, "its hidden title is in a pair");
}

/* How many of a kind this user may see. */
static uint64_t count_visible(struct eyes *eyes, enum kind kind)
{
    const struct model *model = eyes->world->model;
    uint64_t n = 0;

    for (int i = 0; i < model->n_records; i++)
        n += model->records[i].kind == kind && !model->records[i].is_deleted && may_see(eyes, &model->records[i]);
    return n;
}

static bool is_hidden(struct eyes *eyes, enum kind kind, Crm__DuplicateField field)
{
    switch (field) {
    case CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_NAME:
        return !shows(eyes, kind, "name") && !shows(eyes, kind, kind == KIND_CUSTOMER ? "legal_name" : "family");
    case CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_PHONE:
        return !shows(eyes, kind, "phones");
    case CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_MAIL:
        return !shows(eyes, kind, "emails");
    default:
        return false;
    }
}

static void check_kind(struct eyes *eyes, enum kind kind)
{
    Crm__DuplicatesRequest request = CRM__DUPLICATES_REQUEST__INIT;
    const Crm__DuplicatesReply *reply;
    struct answer answer;
    uint64_t told = 0;

    request.has_kind = request.has_min = true;
    request.kind = kind;
    answer = talk(eyes->world, eyes->peer, OP_DUPLICATES, &request.base);
    expect(eyes, answer.type == FRAME_END, NULL, "duplicates of %s: %d", kind_def((unsigned)kind)->plural, answer.status);
    for (size_t c = 0; c < answer.n_chunks; c++) {
        const Crm__DuplicatesChunk *chunk = answer_message(eyes->peer, answer.chunks[c], &crm__duplicates_chunk__descriptor);

        for (size_t i = 0; i < chunk->n_pairs; i++, told++) {
            check_side(eyes, kind, chunk->pairs[i]->first);
            check_side(eyes, kind, chunk->pairs[i]->second);
            for (size_t r = 0; r < chunk->pairs[i]->n_reasons; r++)
                expect(eyes, !is_hidden(eyes, kind, chunk->pairs[i]->reasons[r]->field), NULL, "a hidden field is a reason: %d",
                       (int)chunk->pairs[i]->reasons[r]->field);
        }
    }
    reply = answer_message(eyes->peer, answer.body, &crm__duplicates_reply__descriptor);
    expect(eyes, reply->pairs == told, NULL, "%llu pairs", (unsigned long long)reply->pairs);
    expect(eyes, reply->compared == count_visible(eyes, kind), NULL, "%llu records compared", (unsigned long long)reply->compared);
}

/* Of one that may not be seen the same answer as of one that nobody has. */
static void check_one(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;
    struct uuid nobody = never_used();
    Crm__DuplicatesRequest request = CRM__DUPLICATES_REQUEST__INIT;
    struct answer none;

    request.has_kind = request.has_id = true;
    request.kind = KIND_CUSTOMER;
    request.id = world_bytes(eyes->peer, &nobody);
    none = talk(eyes->world, eyes->peer, OP_DUPLICATES, &request.base);
    expect(eyes, none.status == CRM_NOT_FOUND, NULL, "of nobody: %d", none.status);
    for (int i = 0; i < model->n_records; i++) {
        struct answer answer;

        if (model->records[i].kind != KIND_CUSTOMER || model->records[i].is_deleted || !is_looked_at(eyes, i) || may_see(eyes, &model->records[i]))
            continue;
        request.id = world_bytes(eyes->peer, &model->records[i].id);
        answer = talk(eyes->world, eyes->peer, OP_DUPLICATES, &request.base);
        expect(eyes, same_answer(&answer, &none), &model->records[i], "of one that may not be seen: %d", answer.status);
        break; /* each looks at all customers */
    }
}

void check_duplicates(struct eyes *eyes)
{
    check_kind(eyes, KIND_CUSTOMER);
    check_kind(eyes, KIND_CONTACT);
    check_one(eyes);
    arena_reset(&eyes->peer->arena);
}
