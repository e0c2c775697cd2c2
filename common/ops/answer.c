/*
 * answer.c - records, titles and plans as the wire's messages
 *
 * Any thread with a view. Stored bodies are copied once, into the packed answer, without being unpacked.
 */
#include "common/ops/answer.h"

#define TITLE_FIXED 40 /* of a packed title, beside its text */

void answer_init(struct answer *answer, struct arena *arena, const struct view *view, bool with_titles)
{
    *answer = (struct answer){ .arena = arena, .view = view, .schema = view->schema, .with_titles = with_titles, .status = CRM_OK };
}

/* Room for one more pointer. */
static bool grow(struct arena *arena, void *array, size_t n, size_t *capacity)
{
    void ***items = array;
    size_t more = *capacity ? 2 * *capacity : 64;
    void **bigger;

    if (n < *capacity)
        return true;
    bigger = arena_alloc(arena, more * sizeof *bigger);
    if (!bigger)
        return false;
    if (n)
        memcpy(bigger, *items, n * sizeof *bigger);
    *items = bigger;
    *capacity = more;
    return true;
}

/* Add to the open-addressed set; false if it was there, or memory is spent. */
static bool mark_seen(struct answer *answer, const struct uuid *id)
{
    uint64_t hash;

    memcpy(&hash, id->bytes + 8, sizeof hash);
    hash |= 1; /* 0 is an empty place */
    if (2 * (answer->n_seen + 1) > answer->seen_capacity) {
        size_t capacity = answer->seen_capacity ? 2 * answer->seen_capacity : 256;
        uint64_t *places = arena_zalloc(answer->arena, capacity * sizeof *places);

        if (!places)
            return false;
        for (size_t i = 0; i < answer->seen_capacity; i++) {
            size_t at = answer->seen[i] & (capacity - 1);

            if (!answer->seen[i])
                continue;
            while (places[at])
                at = (at + 1) & (capacity - 1);
            places[at] = answer->seen[i];
        }
        answer->seen = places;
        answer->seen_capacity = capacity;
    }
    for (size_t at = hash & (answer->seen_capacity - 1);; at = (at + 1) & (answer->seen_capacity - 1)) {
        if (answer->seen[at] == hash)
            return false;
        if (!answer->seen[at]) {
            answer->seen[at] = hash;
            answer->n_seen++;
            return true;
        }
    }
}

struct slice record_title(const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    struct value value;

    if (kind && kind->title && reflect_get(kind_field_by_name(kind, kind->title), record, &value))
        return value.text;
    return (struct slice){ 0 };
}

void answer_refer(struct answer *answer, enum kind kind, const struct uuid *id)
{
    struct record target;
    struct slice text;
    Crm__Title *title;

    if (kind == KIND_NONE || uuid_is_nil(id) || !mark_seen(answer, id) || view_record(answer->view, kind, id, &target) != CRM_OK)
        return;
    title = arena_alloc(answer->arena, sizeof *title);
    if (!title || !grow(answer->arena, &answer->titles, answer->n_titles, &answer->titles_capacity)) {
        answer->status = CRM_NO_MEMORY;
        return;
    }
    text = record_title(&target);
    crm__title__init(title);
    title->has_kind = title->has_id = true;
    title->kind = kind;
    title->id = (ProtobufCBinaryData){ .data = arena_memdup(answer->arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
    title->has_number = target.header.number != 0;
    title->number = target.header.number;
    title->title = arena_strndup(answer->arena, text.data, text.size);
    if (!title->id.data || !title->title) {
        answer->status = CRM_NO_MEMORY;
        return;
    }
    answer->titles[answer->n_titles++] = title;
    answer->title_bytes += TITLE_FIXED + text.size;
}

struct refer {
    struct answer *answer;
    const struct field_def *field;
};

static bool refer_value(void *arg, const struct value *value)
{
    struct refer *refer = arg;

    answer_refer(refer->answer, refer->field->ref_kind, &value->ref);
    return true;
}

static bool refer_element(void *arg, struct slice element)
{
    struct refer *refer = arg;
    struct value value;

    for (size_t i = 0; i < refer->field->n_members; i++) {
        const struct field_def *member = &refer->field->members[i];

        if (member->type == FIELD_REFERENCE && reflect_member(member, element, &value))
            answer_refer(refer->answer, member->ref_kind, &value.ref);
    }
    return true;
}

void answer_refer_field(struct answer *answer, const struct field_def *field, const struct record *record)
{
    struct refer refer = { .answer = answer, .field = field };

    if (field->type == FIELD_REFERENCE)
        reflect_each(field, record, refer_value, &refer);
    else if (field->type == FIELD_GROUP)
        reflect_each_element(field, record, refer_element, &refer);
}

static void add_titles(struct answer *answer, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *field;

    answer_refer(answer, KIND_USER, &record->header.owner);
    answer_refer(answer, KIND_TEAM, &record->header.team);
    answer_refer(answer, KIND_USER, &record->header.created_by);
    answer_refer(answer, KIND_USER, &record->header.updated_by);
    for (size_t n = 0; (field = schema_field_at(answer->schema, kind, n)); n++)
        if (!(field->flags & FIELD_HEADER))
            answer_refer_field(answer, field, record);
}

/* Room for more bytes of packed records. */
static bool reserve(struct answer *answer, size_t more)
{
    size_t capacity = answer->capacity ? answer->capacity : 4096;
    uint8_t *packed;

    if (more <= answer->capacity - answer->bytes)
        return true;
    while (capacity - answer->bytes < more)
        capacity *= 4; /* few steps to a full chunk: each copies */
    packed = arena_alloc(answer->arena, capacity);
    if (!packed) {
        answer->status = CRM_NO_MEMORY;
        return false;
    }
    if (answer->bytes)
        memcpy(packed, answer->packed, answer->bytes);
    answer->packed = packed;
    answer->capacity = capacity;
    return true;
}

bool answer_add(struct answer *answer, const struct record *record, uint32_t flags)
{
    struct record shown = *record;

    if (!reserve(answer, record_packed_max(record)))
        return false;
    shown.header.flags |= flags;
    answer->bytes += record_pack(&shown, answer->packed + answer->bytes);
    answer->n++;
    if (answer->with_titles)
        add_titles(answer, record);
    return answer->status == CRM_OK;
}

enum crm_status answer_finish(struct answer *answer, struct slice *out_packed)
{
    Crm__ListChunk titles = CRM__LIST_CHUNK__INIT; /* GetReply has its titles in the same field */
    size_t size;

    titles.n_titles = answer->n_titles;
    titles.titles = answer->titles;
    size = protobuf_c_message_get_packed_size(&titles.base);
    if (answer->status == CRM_OK && size > 0 && reserve(answer, size))
        answer->bytes += protobuf_c_message_pack(&titles.base, answer->packed + answer->bytes);
    *out_packed = slice_of(answer->packed, answer->bytes);
    return answer->status;
}

Crm__Explain *answer_explain(const struct list_explain *explain, int64_t microseconds, struct arena *arena)
{
    Crm__Explain *out = arena_alloc(arena, sizeof *out);

    if (!out)
        return NULL;
    crm__explain__init(out);
    out->plan = arena_strdup(arena, explain->plan);
    out->has_examined = out->has_matched = out->has_microseconds = true;
    out->examined = explain->examined;
    out->matched = explain->matched;
    out->microseconds = (uint64_t)microseconds;
    return out->plan ? out : NULL;
}
