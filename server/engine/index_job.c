/*
 * index_job.c - the turns of an index job
 *
 * Writer thread only.
 */
#include "server/engine/index_job.h"

#include "server/engine/mutate.h"
#include "server/engine/sealed.h"

#define JOB_KEY_SIZE 4

struct job {
    const struct kind_def *kind;
    uint32_t ref;
    bool builds;
    struct slice position; /* the key behind which it goes on; empty: from the start */
};

static void job_key(struct key *key, enum kind kind, uint32_t ref)
{
    key->size = 0;
    key_u8(key, 'i');
    key_u8(key, (uint8_t)kind);
    key_u16(key, (uint16_t)ref);
}

static enum crm_status put_job(struct writeset *set, const struct job *job, struct arena *arena)
{
    size_t size = 1 + job->position.size;
    uint8_t *content, *value = sealed_alloc(arena, size, &content);
    struct key key;

    if (!value)
        return CRM_NO_MEMORY;
    content[0] = job->builds;
    if (job->position.size)
        memcpy(content + 1, job->position.data, job->position.size);
    job_key(&key, job->kind->kind, job->ref);
    return writeset_put(set, STORE_JOB, key_slice(&key), sealed_close(value, size));
}

/* The definition of a live record with an index; NULL otherwise. */
static const Crm__FieldDefinition *indexed_definition(struct change *change, const struct record *record)
{
    Crm__FieldDefinition *definition;

    if (!record)
        return NULL;
    definition = crm__field_definition__unpack(&change->group->arena->protobuf, record->body.size, record->body.data);
    return definition && definition->indexed ? definition : NULL;
}

enum crm_status index_job_note(struct change *change, const struct record *before, const struct record *after)
{
    const Crm__FieldDefinition *old = indexed_definition(change, before), *new = indexed_definition(change, after);
    const Crm__FieldDefinition *either = new ? new : old;
    struct job job = { .builds = new != NULL };

    if (!old == !new)
        return CRM_OK;
    job.kind = kind_find(either->kind);
    job.ref = FIELD_REF_CUSTOM + either->number;
    return job.kind ? put_job(change->own, &job, change->group->arena) : CRM_OK;
}

static enum crm_status first_job(const struct view *view, struct job *out_job)
{
    static const uint8_t first = 'i', behind = 'j';
    struct slice key, value, content;
    enum crm_status status = view_seek(view, STORE_JOB, &(struct store_range){ .from = slice_of(&first, 1), .to = slice_of(&behind, 1) }, &key,
                                       &value);

    if (status == CRM_OK)
        status = key.size == JOB_KEY_SIZE ? sealed_open(value, 1, &content) : CRM_CORRUPT;
    if (status != CRM_OK)
        return status;
    *out_job = (struct job){ .kind = kind_def(key.data[1]), .ref = key_read_u16(key.data + 2), .builds = content.data[0],
                             .position = slice_of(content.data + 1, content.size - 1) };
    return out_job->kind ? CRM_OK : CRM_CORRUPT;
}

/* What one turn has looked at. */
struct turn {
    struct change_group *group;
    const struct view *view;
    struct job *job;
    struct key last;
    unsigned n;
    enum crm_status status;
};

static bool add_entries(void *arg, struct slice key, struct slice value)
{
    struct turn *turn = arg;
    struct field_set changed = { .refs = &turn->job->ref, .n = 1 };
    struct record record;
    struct uuid id;
    enum kind kind;

    turn->last.size = 0;
    key_bytes(&turn->last, key.data, key.size);
    if (record_key_parse(key, &kind, &id) && record_decode(kind, &id, value, &record) == CRM_OK)
        turn->status = index_update(turn->view, turn->group->set, turn->job->kind, NULL, &record, &changed, turn->group->arena, NULL);
    return turn->status == CRM_OK && ++turn->n < INDEX_JOB_STEP;
}

static bool drop_entry(void *arg, struct slice key, struct slice value)
{
    struct turn *turn = arg;

    (void)value;
    turn->status = writeset_delete(turn->group->set, STORE_INDEX, key);
    return turn->status == CRM_OK && ++turn->n < INDEX_JOB_STEP;
}

static enum crm_status build_turn(struct turn *turn)
{
    struct key from = { 0 }, end = { 0 };
    enum crm_status status;

    if (turn->job->position.size) {
        key_bytes(&from, turn->job->position.data, turn->job->position.size);
        key_u8(&from, 0);
    } else {
        key_u8(&from, (uint8_t)turn->job->kind->kind);
    }
    key_u8(&end, (uint8_t)(turn->job->kind->kind + 1));
    status = view_scan(turn->view, STORE_RECORD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, add_entries, turn);
    return status == CRM_OK ? turn->status : status;
}

static enum crm_status drop_turn(struct turn *turn)
{
    struct key from = { 0 }, end;
    enum crm_status status;

    key_u8(&from, (uint8_t)turn->job->kind->kind);
    key_u16(&from, (uint16_t)turn->job->ref);
    key_after_prefix(&from, &end);
    status = view_scan(turn->view, STORE_INDEX, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, drop_entry, turn);
    return status == CRM_OK ? turn->status : status;
}

/* The definition's record: by its kind and number. */
static enum crm_status find_definition(const struct view *view, const struct job *job, struct arena *arena, struct uuid *out_id)
{
    const struct field_def *field = schema_field(view->schema, job->kind, job->ref);
    const struct kind_def *definitions = kind_def(KIND_FIELD_DEFINITION);
    const char *qualified;

    if (!field)
        return CRM_NOT_FOUND;
    qualified = arena_printf(arena, "%s.%s", job->kind->name, field->name);
    if (!qualified)
        return CRM_NO_MEMORY;
    return view_unique(view, KIND_FIELD_DEFINITION, kind_field_by_name(definitions, "qualified"),
                       &(struct value){ .type = FIELD_TEXT, .text = slice_text(qualified) }, out_id);
}

/* The job is done: its row goes, and a built index may be used from now on. */
static enum crm_status finish(struct change_group *group, const struct view *view, const struct job *job)
{
    static const struct change_actor system = { .from = "crmd", .is_system = true };
    const struct kind_def *definitions = kind_def(KIND_FIELD_DEFINITION);
    struct body_patch patch = { 0 };
    struct body_builder builder;
    struct record_header header;
    struct change change;
    struct uuid id;
    struct key key;
    enum crm_status status;

    job_key(&key, job->kind->kind, job->ref);
    status = writeset_delete(group->set, STORE_JOB, key_slice(&key));
    if (status != CRM_OK || !job->builds)
        return status;
    status = find_definition(view, job, group->arena, &id);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status; /* deleted in the meantime: a job to drop it waits */
    body_builder_init(&builder, group->arena);
    body_builder_add(&builder, kind_field_by_name(definitions, "index_ready"), &(struct value){ .type = FIELD_BOOLEAN, .integer = 1 });
    status = body_builder_finish(&builder, &patch.set);
    if (status == CRM_OK)
        status = change_begin(&change, group, &system);
    if (status == CRM_OK)
        status = mutate_patch(&change, definitions, &id, &patch, group->now_us, &header);
    return status == CRM_OK ? change_accept(&change) : status;
}

enum crm_status index_job_step(struct change_group *group, bool *out_more)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct job job;
    struct turn turn = { .group = group, .view = &view, .job = &job, .status = CRM_OK };
    enum crm_status status = first_job(&view, &job);

    *out_more = false;
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status == CRM_OK)
        status = job.builds ? build_turn(&turn) : drop_turn(&turn);
    if (status != CRM_OK)
        return status;
    *out_more = true;
    if (turn.n < INDEX_JOB_STEP)
        return finish(group, &view, &job);
    job.position = job.builds ? key_slice(&turn.last) : (struct slice){ 0 };
    return put_job(group->set, &job, group->arena);
}
