/*
 * check_get.c - one record, by everything that people type, now and as it was; its history; and everybody's feed
 */
#include "check.h"

static struct answer get(struct eyes *eyes, Crm__GetRequest *request)
{
    request->has_titles = request->titles = true;
    return talk(eyes->world, eyes->peer, OP_GET, &request->base);
}

static void check_reply(struct eyes *eyes, const struct model_record *record, const struct answer *answer, const char *how)
{
    const Crm__GetReply *reply;

    expect(eyes, answer->type == FRAME_REPLY, record, "%s: status %d", how, answer->status);
    reply = answer_message(eyes->peer, answer->body, &crm__get_reply__descriptor);
    expect(eyes, memcmp(reply->record->header->id.data, record->id.bytes, UUID_SIZE) == 0, record, "%s: it is another record", how);
    expect(eyes, same_body(eyes, record, reply->record->body), record, "%s: fields differ from what the role shows", how);
    check_titles(eyes, reply->titles, reply->n_titles);
}

/* By id: with and without the recycle bin, and as of the past. What is not there answers the same, whatever the reason. */
static void by_id(struct eyes *eyes, const struct model_record *record, bool deleted, uint64_t as_of)
{
    Crm__AsOf past = CRM__AS_OF__INIT;
    Crm__GetRequest request = CRM__GET_REQUEST__INIT, other = CRM__GET_REQUEST__INIT;
    struct uuid nobody = never_used();
    bool is_there = may_see(eyes, record) && (!record->is_deleted || (deleted && !as_of));
    struct answer answer, none;

    past.has_seq = true;
    past.seq = as_of;
    request.has_kind = request.has_id = request.has_deleted = true;
    request.kind = record->kind;
    request.deleted = deleted;
    request.as_of = as_of ? &past : NULL;
    other = request;
    request.id = world_bytes(eyes->peer, &record->id);
    other.id = world_bytes(eyes->peer, &nobody);
    answer = get(eyes, &request);
    if (!is_there && may_see(eyes, record)) {
        expect(eyes, answer.status == CRM_NOT_FOUND, record, "by id of the bin (deleted %d, as of %d): status %d", deleted, as_of != 0, answer.status);
    } else if (!is_there) {
        none = get(eyes, &other);
        expect(eyes, answer.status == CRM_NOT_FOUND && same_answer(&answer, &none), record, "by id (deleted %d, as of %d): answers %d, and one that never was %d",
               deleted, as_of != 0, answer.status, none.status);
    } else if (!as_of) {
        check_reply(eyes, record, &answer, "by id");
    } else if (record->has_values) {
        const struct world_kind *kind = world_kind(record->kind);
        const Crm__GetReply *reply;
        struct failure failure = { 0 };
        struct record stored;
        struct value value;
        bool has;

        expect(eyes, answer.type == FRAME_REPLY, record, "as of: status %d", answer.status);
        reply = answer_message(eyes->peer, answer.body, &crm__get_reply__descriptor);
        assert_int_equal(record_from_wire(reply->record, &stored, &failure), CRM_OK);
        has = reflect_get(world_field(record->kind, kind->secret), &stored, &value);
        expect(eyes, has == shows(eyes, record->kind, kind->secret), record, "as of: the secret is %sthere", has ? "" : "not ");
        expect(eyes, !has || slice_equal(value.text, slice_text(record->past_secret)), record, "as of: the secret is another one");
        check_titles(eyes, reply->titles, reply->n_titles);
    }
}

/* The sentence names what was typed: put the one in the place of the other before they are compared. */
static struct answer say(struct answer answer, const char *typed, const char *instead, struct arena *arena)
{
    uint8_t *copy = arena_memdup(arena, answer.body.data, answer.body.size), *at = copy;
    size_t size = strlen(typed);

    assert_int_equal(size, strlen(instead));
    for (; (at = memmem(at, answer.body.size - (size_t)(at - copy), typed, size)); at += size)
        memcpy(at, instead, size);
    answer.body.data = copy;
    return answer;
}

static void by_text(struct eyes *eyes, const struct model_record *record, const char *typed, const char *never, bool finds, bool deleted,
                    const char *how)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT, other = CRM__GET_REQUEST__INIT;
    struct answer answer, none;

    request.has_kind = true;
    request.kind = record->kind;
    request.has_deleted = request.deleted = deleted;
    other = request;
    request.selector = (char *)(uintptr_t)typed;
    other.selector = (char *)(uintptr_t)never;
    answer = get(eyes, &request);
    if (finds) {
        check_reply(eyes, record, &answer, how);
        return;
    }
    none = get(eyes, &other);
    answer = say(answer, typed, never, &eyes->peer->arena);
    expect(eyes, answer.status == CRM_NOT_FOUND && same_answer(&answer, &none), record, "%s '%s': answers %d, and one that never was %d", how, typed,
           answer.status, none.status);
}

static void by_texts(struct eyes *eyes, const struct model_record *record)
{
    const struct world_kind *kind = world_kind(record->kind);
    struct arena *arena = &eyes->peer->arena;
    bool sees = may_see(eyes, record) && !record->is_deleted;
    const struct field_def *title = world_field(record->kind, kind->title), *secret = world_field(record->kind, kind->secret);
    struct uuid nobody = never_used();
    char id[2 * UUID_SIZE + 1], never[2 * UUID_SIZE + 1];

    if (record->number) {
        const char *letter = kind_def(record->kind)->letter;

        by_text(eyes, record, arena_printf(arena, "%s-%06llu", letter, (unsigned long long)record->number), arena_printf(arena, "%s-%06d", letter, 0), sees,
                false, "by number");
        by_text(eyes, record, arena_printf(arena, "%s-%llu", letter, (unsigned long long)record->number),
                arena_printf(arena, "%s-%0*d", letter, (int)strlen(arena_printf(arena, "%llu", (unsigned long long)record->number)), 0), may_see(eyes, record),
                true, "by number, the bin too");
    }
    if (record->has_values && (title->flags & (FIELD_INDEXED | FIELD_SORTABLE | FIELD_UNIQUE)) && !kind->derives_title)
        by_text(eyes, record, record->title, "tzzzztz", sees && shows(eyes, record->kind, kind->title), false, "by title");
    if (record->has_values && (secret->flags & FIELD_UNIQUE))
        by_text(eyes, record, record->secret, "szzzztz", sees && shows(eyes, record->kind, kind->secret), false, "by a unique value");
    hex_format(record->id.bytes, UUID_SIZE, id);
    hex_format(nobody.bytes, UUID_SIZE, never);
    by_text(eyes, record, id + 20, never + 20, sees, false, "by the ending of its id");
    by_text(eyes, record, id, never, sees, false, "by id as text");
}

void check_get(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;

    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];

        if (!is_looked_at(eyes, i))
            continue;
        by_id(eyes, record, false, 0);
        by_id(eyes, record, true, 0);
        by_id(eyes, record, false, eyes->world->past_seq);
        if (i % 2 == 0)
            by_texts(eyes, record);
        arena_reset(&eyes->peer->arena);
    }
}

/* --- history */

static void check_change(struct eyes *eyes, const Crm__Change *change)
{
    struct uuid id;
    struct model_record *record;

    assert_true(uuid_from_slice(slice_of(change->id.data, change->id.len), &id));
    record = model_find(eyes->world->model, (enum kind)change->kind, &id);
    expect(eyes, record && may_see(eyes, record), record, "an entry of what may not be seen");
    for (size_t i = 0; i < change->n_fields; i++) {
        const struct field_def *field = kind_field(kind_def(change->kind), change->fields[i]->field);

        expect(eyes, !field || (field->flags & FIELD_HEADER) || shows(eyes, (enum kind)change->kind, field->name), record, "an entry tells of %s", field ? field->name : "");
    }
}

static size_t check_chunks(struct eyes *eyes, const struct answer *answer)
{
    size_t n = 0;

    for (size_t c = 0; c < answer->n_chunks; c++) {
        const Crm__HistoryChunk *chunk = answer_message(eyes->peer, answer->chunks[c], &crm__history_chunk__descriptor);

        for (size_t i = 0; i < chunk->n_changes; i++)
            check_change(eyes, chunk->changes[i]);
        check_titles(eyes, chunk->titles, chunk->n_titles);
        n += chunk->n_changes;
    }
    return n;
}

static struct answer history(struct eyes *eyes, enum kind kind, const struct uuid *id)
{
    Crm__HistoryRequest request = CRM__HISTORY_REQUEST__INIT;

    request.has_titles = request.titles = true;
    request.has_kind = request.has_id = id != NULL;
    if (id) {
        request.kind = kind;
        request.id = world_bytes(eyes->peer, id);
    }
    return talk(eyes->world, eyes->peer, OP_HISTORY, &request.base);
}

void check_history(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;
    struct answer answer = history(eyes, KIND_NONE, NULL), none;
    bool sees_any = false;
    size_t n = check_chunks(eyes, &answer);

    for (int i = 0; i < model->n_records; i++)
        sees_any = sees_any || may_see(eyes, &model->records[i]);
    expect(eyes, answer.type == FRAME_END && (n > 0) == sees_any, NULL, "the feed has %zu entries", n);
    for (int i = 0; i < model->n_records; i++) {
        const struct model_record *record = &model->records[i];
        struct uuid nobody = never_used();

        if (!is_looked_at(eyes, i))
            continue;
        arena_reset(&eyes->peer->arena);
        answer = history(eyes, record->kind, &record->id);
        if (may_see(eyes, record)) {
            expect(eyes, answer.type == FRAME_END && check_chunks(eyes, &answer) > 0, record, "its history: status %d", answer.status);
        } else {
            none = history(eyes, record->kind, &nobody);
            expect(eyes, answer.status == CRM_NOT_FOUND && same_answer(&answer, &none), record, "history answers %d, and of one that never was %d",
                   answer.status, none.status);
        }
    }
}
