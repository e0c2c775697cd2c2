/*
 * conflicts.c - see conflicts.h
 *
 * Pure: any thread, any transaction. Who asks is ask->user; what they may read is the view's guard.
 */
#include "common/ops/conflicts.h"

#include "common/ops/answer.h"

#define LIMIT_DEFAULT 100u
#define LIMIT_MAX     500u
#define REPLY_BYTES   (512u << 10) /* about: a page is ended behind the conflict that reaches it */
#define PLACE_SIZE    (2 * UUID_SIZE) /* record ‖ conflict: the user stands for itself */

enum crm_status conflict_value(const struct record *record, uint32_t ref, struct arena *arena, ProtobufCBinaryData *out_value)
{
    const struct field_set one = { .refs = &ref, .n = 1 };
    struct slice kept = { 0 };
    enum crm_status status = CRM_OK;

    if (ref == HEADER_OWNER || ref == HEADER_TEAM) {
        kept.data = arena_memdup(arena, ref == HEADER_OWNER ? record->header.owner.bytes : record->header.team.bytes, UUID_SIZE);
        kept.size = UUID_SIZE;
        status = kept.data ? CRM_OK : CRM_NO_MEMORY;
    } else {
        status = body_keep(arena, record->body, &one, &kept);
    }
    *out_value = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)kept.data, .len = kept.size };
    return status;
}

enum crm_status conflict_complete(const struct view *seen, Crm__Conflict *conflict, struct arena *arena)
{
    const struct kind_def *kind = kind_def(conflict->kind);
    struct record record;
    struct uuid id;
    bool is_here;
    enum crm_status status;

    if (!kind || !uuid_from_slice(slice_of(conflict->id.data, conflict->id.len), &id))
        return CRM_CORRUPT;
    status = view_record(seen, kind->kind, &id, &record);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    is_here = status == CRM_OK;
    conflict->gone = !is_here && !conflict->has_gone; /* a replica has noted which are there, also of those that it does not carry */
    conflict->has_gone = true;
    status = CRM_OK;
    for (size_t i = 0; i < conflict->n_fields && status == CRM_OK; i++) {
        Crm__FieldConflict *field = conflict->fields[i];

        field->has_theirs = is_here && !view_hides(seen, kind->kind, field->field);
        if (field->has_theirs)
            status = conflict_value(&record, field->field, arena, &field->theirs);
        else if (is_here || conflict->gone)
            field->has_before = false;
    }
    return status;
}

enum crm_status conflicts_record(struct ask *ask, const Crm__ConflictsRequest *request, struct uuid *out_record)
{
    *out_record = (struct uuid){ 0 };
    if (request->has_id && !uuid_from_slice(slice_of(request->id.data, request->id.len), out_record))
        return ask_fail_field(ask, CRM_INVALID, "id", "an id has 16 bytes");
    if (request->has_after && request->after.len != PLACE_SIZE)
        return ask_fail_field(ask, CRM_INVALID, "after", "that is not what an answer said");
    return CRM_OK;
}

/* A value that is a reference is told by its name, too. */
static void refer_value(struct answer *titles, const struct field_def *field, ProtobufCBinaryData value)
{
    struct record alone = { .body = slice_of(value.data, value.len) };
    struct uuid id;

    if (!(field->flags & FIELD_HEADER))
        answer_refer_field(titles, field, &alone);
    else if (uuid_from_slice(alone.body, &id))
        answer_refer(titles, field->ref_kind, &id);
}

static void refer_values(struct answer *titles, const Crm__Conflict *conflict)
{
    const struct kind_def *kind = kind_def(conflict->kind);

    for (size_t i = 0; i < conflict->n_fields; i++) {
        const Crm__FieldConflict *values = conflict->fields[i];
        const struct field_def *field = schema_field(titles->schema, kind, values->field);

        if (!field)
            continue;
        refer_value(titles, field, values->mine);
        if (values->has_theirs)
            refer_value(titles, field, values->theirs);
        if (values->has_before)
            refer_value(titles, field, values->before);
    }
}

/* A page of them, behind `at`, which moves along. */
static enum crm_status add_page(struct ask *ask, const struct uuid *record, struct key *at, size_t limit, struct answer *titles,
                                Crm__ConflictsReply *reply)
{
    Crm__Conflict *conflict;
    size_t bytes = 0;
    enum crm_status status = CRM_OK;

    while (reply->n_conflicts < limit && bytes < REPLY_BYTES) {
        uint8_t *place;
        struct uuid id;

        status = conflict_next(ask->view, ask->user, record, at, ask->arena, &conflict);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : status;
        place = arena_memdup(ask->arena, at->data + UUID_SIZE, PLACE_SIZE);
        if (!place)
            return CRM_NO_MEMORY;
        memcpy(id.bytes, place, UUID_SIZE);
        conflict->has_id = conflict->has_conflict = true;
        conflict->id = (ProtobufCBinaryData){ .data = place, .len = UUID_SIZE };
        conflict->conflict = (ProtobufCBinaryData){ .data = place + UUID_SIZE, .len = UUID_SIZE };
        status = conflict_complete(ask->view, conflict, ask->arena);
        if (status != CRM_OK)
            return status;
        answer_refer(titles, (enum kind)conflict->kind, &id);
        refer_values(titles, conflict);
        bytes += crm__conflict__get_packed_size(conflict);
        reply->conflicts[reply->n_conflicts++] = conflict;
    }
    reply->has_next = true;
    reply->next = (ProtobufCBinaryData){ .data = arena_memdup(ask->arena, at->data + UUID_SIZE, PLACE_SIZE), .len = PLACE_SIZE };
    return reply->next.data ? CRM_OK : CRM_NO_MEMORY;
}

enum crm_status conflicts_list(struct ask *ask, const Crm__ConflictsRequest *request, Crm__ConflictsReply *reply)
{
    size_t limit = request->limit == 0 ? LIMIT_DEFAULT : request->limit < LIMIT_MAX ? request->limit : LIMIT_MAX;
    struct answer titles;
    struct uuid record;
    struct key at = { 0 };
    enum crm_status status = conflicts_record(ask, request, &record);

    if (status != CRM_OK)
        return status;
    if (request->has_after) {
        key_bytes(&at, ask->user->bytes, UUID_SIZE);
        key_bytes(&at, request->after.data, PLACE_SIZE);
    }
    reply->conflicts = arena_alloc(ask->arena, limit * sizeof *reply->conflicts);
    if (!reply->conflicts)
        return ask_fail(ask, CRM_NO_MEMORY, "out of memory");
    answer_init(&titles, ask->arena, ask->view, true);
    status = add_page(ask, request->has_id ? &record : NULL, &at, limit, &titles, reply);
    if (status == CRM_OK)
        status = titles.status;
    reply->titles = titles.titles;
    reply->n_titles = titles.n_titles;
    return status == CRM_OK ? CRM_OK : ask_fail(ask, status, "the conflicts cannot be read");
}
