/*
 * wire.c - between records and messages
 *
 * Any thread with a view. Stored bodies are copied once, into the packed answer, without being unpacked.
 */
#include "server/ops/wire.h"

#include "common/base/clock.h"
#include "server/engine/log.h"

#define TITLE_FIXED        40 /* of a packed title, beside its text */
#define NAMES_MAX          100 /* of records in a filter: each is looked for in several indexes, on the io thread */
#define REWIND_BUDGET      (64u << 20) /* memory to take one record back */

void wire_records_init(struct wire_records *records, struct arena *arena, const struct view *view, bool with_titles)
{
    *records = (struct wire_records){ .arena = arena, .view = view, .schema = view->schema, .with_titles = with_titles, .status = CRM_OK };
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
static bool mark_seen(struct wire_records *records, const struct uuid *id)
{
    uint64_t hash;

    memcpy(&hash, id->bytes + 8, sizeof hash);
    hash |= 1; /* 0 is an empty place */
    if (2 * (records->n_seen + 1) > records->seen_capacity) {
        size_t capacity = records->seen_capacity ? 2 * records->seen_capacity : 256;
        uint64_t *places = arena_zalloc(records->arena, capacity * sizeof *places);

        if (!places)
            return false;
        for (size_t i = 0; i < records->seen_capacity; i++) {
            size_t at = records->seen[i] & (capacity - 1);

            if (!records->seen[i])
                continue;
            while (places[at])
                at = (at + 1) & (capacity - 1);
            places[at] = records->seen[i];
        }
        records->seen = places;
        records->seen_capacity = capacity;
    }
    for (size_t at = hash & (records->seen_capacity - 1);; at = (at + 1) & (records->seen_capacity - 1)) {
        if (records->seen[at] == hash)
            return false;
        if (!records->seen[at]) {
            records->seen[at] = hash;
            records->n_seen++;
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

void wire_records_refer(struct wire_records *records, enum kind kind, const struct uuid *id)
{
    struct record target;
    struct slice text;
    Crm__Title *title;

    if (kind == KIND_NONE || uuid_is_nil(id) || !mark_seen(records, id) || view_record(records->view, kind, id, &target) != CRM_OK)
        return;
    title = arena_alloc(records->arena, sizeof *title);
    if (!title || !grow(records->arena, &records->titles, records->n_titles, &records->titles_capacity)) {
        records->status = CRM_NO_MEMORY;
        return;
    }
    text = record_title(&target);
    crm__title__init(title);
    title->has_kind = title->has_id = true;
    title->kind = kind;
    title->id = (ProtobufCBinaryData){ .data = arena_memdup(records->arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
    title->has_number = target.header.number != 0;
    title->number = target.header.number;
    title->title = arena_strndup(records->arena, text.data, text.size);
    if (!title->id.data || !title->title) {
        records->status = CRM_NO_MEMORY;
        return;
    }
    records->titles[records->n_titles++] = title;
    records->title_bytes += TITLE_FIXED + text.size;
}

struct refer {
    struct wire_records *records;
    const struct field_def *field;
};

static bool refer_value(void *arg, const struct value *value)
{
    struct refer *refer = arg;

    wire_records_refer(refer->records, refer->field->ref_kind, &value->ref);
    return true;
}

static bool refer_element(void *arg, struct slice element)
{
    struct refer *refer = arg;
    struct value value;

    for (size_t i = 0; i < refer->field->n_members; i++) {
        const struct field_def *member = &refer->field->members[i];

        if (member->type == FIELD_REFERENCE && reflect_member(member, element, &value))
            wire_records_refer(refer->records, member->ref_kind, &value.ref);
    }
    return true;
}

static void add_titles(struct wire_records *records, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    struct refer refer = { .records = records };

    wire_records_refer(records, KIND_USER, &record->header.owner);
    wire_records_refer(records, KIND_TEAM, &record->header.team);
    wire_records_refer(records, KIND_USER, &record->header.created_by);
    wire_records_refer(records, KIND_USER, &record->header.updated_by);
    for (size_t n = 0; (refer.field = schema_field_at(records->schema, kind, n)); n++) {
        if (refer.field->flags & FIELD_HEADER)
            continue;
        if (refer.field->type == FIELD_REFERENCE)
            reflect_each(refer.field, record, refer_value, &refer);
        else if (refer.field->type == FIELD_GROUP)
            reflect_each_element(refer.field, record, refer_element, &refer);
    }
}

/* Room for more bytes of packed records. */
static bool reserve(struct wire_records *records, size_t more)
{
    size_t capacity = records->capacity ? records->capacity : 4096;
    uint8_t *packed;

    if (more <= records->capacity - records->bytes)
        return true;
    while (capacity - records->bytes < more)
        capacity *= 4; /* few steps to a full chunk: each copies */
    packed = arena_alloc(records->arena, capacity);
    if (!packed) {
        records->status = CRM_NO_MEMORY;
        return false;
    }
    if (records->bytes)
        memcpy(packed, records->packed, records->bytes);
    records->packed = packed;
    records->capacity = capacity;
    return true;
}

bool wire_records_add(struct wire_records *records, const struct record *record, uint32_t flags)
{
    struct record shown = *record;

    if (!reserve(records, record_packed_max(record)))
        return false;
    shown.header.flags |= flags;
    records->bytes += record_pack(&shown, records->packed + records->bytes);
    records->n++;
    if (records->with_titles)
        add_titles(records, record);
    return records->status == CRM_OK;
}

enum crm_status wire_records_finish(struct wire_records *records, struct slice *out_packed)
{
    Crm__ListChunk titles = CRM__LIST_CHUNK__INIT; /* GetReply has its titles in the same field */
    size_t size;

    titles.n_titles = records->n_titles;
    titles.titles = records->titles;
    size = protobuf_c_message_get_packed_size(&titles.base);
    if (records->status == CRM_OK && size > 0 && reserve(records, size))
        records->bytes += protobuf_c_message_pack(&titles.base, records->packed + records->bytes);
    *out_packed = slice_of(records->packed, records->bytes);
    return records->status;
}

void wire_change(Crm__Change *change, const struct change_event *event)
{
    static const Crm__Verb verbs[] = {
        [LOG_CREATE] = CRM__VERB__VERB_CREATE, [LOG_PATCH] = CRM__VERB__VERB_PATCH, [LOG_DELETE] = CRM__VERB__VERB_DELETE,
        [LOG_RESTORE] = CRM__VERB__VERB_CREATE, [LOG_ERASE] = CRM__VERB__VERB_DELETE,
    };

    crm__change__init(change);
    change->has_seq = change->has_kind = change->has_id = change->has_rev = change->has_verb = change->has_by = true;
    change->has_recorded_at = change->has_happened_at = true;
    change->seq = event->seq;
    change->kind = event->kind;
    change->id = (ProtobufCBinaryData){ .data = (uint8_t *)event->id.bytes, .len = UUID_SIZE };
    change->has_number = event->number != 0;
    change->number = event->number;
    change->rev = event->rev;
    change->verb = event->verb < ARRAY_LEN(verbs) ? verbs[event->verb] : CRM__VERB__VERB_PATCH;
    change->has_restored = change->restored = event->verb == LOG_RESTORE;
    change->has_erased = change->erased = event->verb == LOG_ERASE;
    change->by = (ProtobufCBinaryData){ .data = (uint8_t *)event->by.bytes, .len = UUID_SIZE };
    change->recorded_at = event->recorded_us;
    change->happened_at = event->happened_us;
}

Crm__Explain *wire_explain(const struct list_explain *explain, int64_t microseconds, struct arena *arena)
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

enum crm_status wire_scope(struct op_ctx *ctx, const struct kind_def *kind, const struct list_scope **out_scope)
{
    enum crm_status status = CRM_OK;

    *out_scope = NULL;
    if (ctx->session && !access_sees_all(ctx->session->access))
        status = access_scope(ctx->session->access, ctx->view, kind->kind, ctx->arena, out_scope);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "what you may see cannot be told");
}

enum crm_status wire_as_of(struct op_ctx *ctx, const Crm__AsOf *as_of, uint64_t *out_seq)
{
    struct log_head head;
    enum crm_status status;

    *out_seq = 0;
    if (!as_of || (!as_of->has_seq && !as_of->has_time))
        return CRM_OK;
    status = log_head_load(ctx->view, &head);
    if (status == CRM_OK && as_of->has_seq)
        *out_seq = as_of->seq;
    else if (status == CRM_OK)
        status = log_seq_at(ctx->view, as_of->time, out_seq);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the log cannot be read");
    if (*out_seq > head.seq)
        return op_fail_field(ctx, CRM_INVALID, "as_of", "the last change has the number %llu", (unsigned long long)head.seq);
    if (*out_seq == 0)
        return op_fail_field(ctx, CRM_NOT_FOUND, "as_of", "there was nothing at that time");
    return CRM_OK;
}

enum crm_status wire_rewind(struct op_ctx *ctx, uint64_t seq, struct record *record, bool *out_existed)
{
    struct arena way;
    enum crm_status status;

    arena_init(&way, REWIND_BUDGET);
    status = log_rewind(ctx->view, seq, &way, record, out_existed);
    if (status == CRM_OK && *out_existed)
        status = view_mask(ctx->view, record); /* the log has brought hidden fields back */
    if (status == CRM_OK && *out_existed && record->body.size) {
        record->body.data = arena_memdup(ctx->scratch, record->body.data, record->body.size);
        status = record->body.data ? CRM_OK : CRM_NO_MEMORY;
    }
    arena_fini(&way);
    return status;
}

/* Names of records in a filter. */
struct naming {
    struct op_ctx *ctx;
    size_t n;
};

static enum crm_status resolve(void *arg, enum kind kind, struct slice text, struct uuid *out_id, struct failure *failure)
{
    struct naming *naming = arg;
    struct op_ctx *ctx = naming->ctx;
    const char *selector = arena_strndup(ctx->arena, text.data, text.size);
    enum kind found;

    (void)failure; /* select_record fills the request's own, which is the same one */
    if (++naming->n > NAMES_MAX)
        return op_fail_field(ctx, CRM_TOO_LARGE, "filter", "a filter names at most %d records: give their ids", NAMES_MAX);
    return selector ? select_record(ctx, kind, selector, false, out_id, &found) : CRM_NO_MEMORY;
}

enum crm_status wire_filter(struct op_ctx *ctx, const struct kind_def *kind, size_t n, Crm__FilterNode *const *nodes, struct filter *out_filter)
{
    struct naming naming = { .ctx = ctx };
    enum crm_status status = filter_from_wire(ctx->schema, kind, n, nodes, ctx->arena, out_filter, &ctx->failure);

    if (status == CRM_OK)
        status = filter_bind(out_filter, resolve, &naming, &ctx->session->user, &ctx->session->team, &ctx->failure);
    return status;
}
