/*
 * index_job.c - the turns of an index job
 *
 * Writer thread only.
 */
#include "server/engine/index_job.h"

#include "server/engine/mutate.h"
#include "common/base/sealed.h"

#define JOB_KEY_SIZE 4

/* What a job is at; a reference's entries in child have no range of their own, they are found through the records. */
enum phase { PHASE_DROP_INDEX = 0, PHASE_BUILD = 1, PHASE_DROP_CHILDREN = 2 };

struct job {
    const struct kind_def *kind;
    uint32_t ref;
    enum phase phase;
    bool is_reference;
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
    size_t size = 2 + job->position.size;
    uint8_t *content, *value = sealed_alloc(arena, size, &content);
    struct key key;

    if (!value)
        return CRM_NO_MEMORY;
    content[0] = (uint8_t)job->phase;
    content[1] = job->is_reference;
    if (job->position.size)
        memcpy(content + 2, job->position.data, job->position.size);
    job_key(&key, job->kind->kind, job->ref);
    return writeset_put(set, STORE_JOB, key_slice(&key), sealed_close(value, size));
}

/* The definition of a live record whose values have entries; NULL otherwise. */
static const Crm__FieldDefinition *entered_definition(struct change *change, const struct record *record)
{
    Crm__FieldDefinition *definition;

    if (!record)
        return NULL;
    definition = crm__field_definition__unpack(&change->group->arena->protobuf, record->body.size, record->body.data);
    return definition && (definition->indexed || definition->type == CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE) ? definition : NULL;
}

enum crm_status index_job_note(struct change *change, const struct record *before, const struct record *after)
{
    const Crm__FieldDefinition *old = entered_definition(change, before), *new = entered_definition(change, after);
    const Crm__FieldDefinition *either = new ? new : old;
    struct job job = { .phase = new && (new->indexed || !old) ? PHASE_BUILD : PHASE_DROP_INDEX };

    if (!either || (old && new && !old->indexed == !new->indexed))
        return CRM_OK;
    job.kind = kind_find(either->kind);
    job.ref = FIELD_REF_CUSTOM + either->number;
    job.is_reference = !new && either->type == CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE; /* one that stays keeps its child entries */
    return job.kind ? put_job(change->own, &job, change->group->arena) : CRM_OK;
}

static enum crm_status first_job(const struct view *view, struct job *out_job)
{
    static const uint8_t first = 'i', behind = 'j';
    struct slice key, value, content;
    enum crm_status status = view_seek(view, STORE_JOB, &(struct store_range){ .from = slice_of(&first, 1), .to = slice_of(&behind, 1) }, &key,
                                       &value);

    if (status == CRM_OK)
        status = key.size == JOB_KEY_SIZE ? sealed_open(value, 2, &content) : CRM_CORRUPT;
    if (status != CRM_OK)
        return status;
    *out_job = (struct job){ .kind = kind_def(key.data[1]), .ref = key_read_u16(key.data + 2), .phase = content.data[0],
                             .is_reference = content.data[1], .position = slice_of(content.data + 2, content.size - 2) };
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

/* What a record's value of a field that is gone had in child. */
static bool drop_child(void *arg, const struct value *value)
{
    struct turn *turn = arg;
    struct key key = { 0 };

    child_prefix(&key, &value->ref, turn->job->kind->kind, turn->job->ref);
    key_bytes(&key, turn->last.data + 1, UUID_SIZE); /* the record's id, from its key */
    turn->status = writeset_delete(turn->group->set, STORE_CHILD, key_slice(&key));
    return turn->status == CRM_OK;
}

static bool drop_children(void *arg, struct slice key, struct slice value)
{
    struct turn *turn = arg;
    const struct field_def gone = { .ref = turn->job->ref, .type = FIELD_REFERENCE, .flags = FIELD_CUSTOM };
    struct record record;
    struct uuid id;
    enum kind kind;

    turn->last.size = 0;
    key_bytes(&turn->last, key.data, key.size);
    if (record_key_parse(key, &kind, &id) && record_decode(kind, &id, value, &record) == CRM_OK)
        reflect_each(&gone, &record, drop_child, turn);
    return turn->status == CRM_OK && ++turn->n < INDEX_JOB_STEP;
}

static bool drop_entry(void *arg, struct slice key, struct slice value)
{
    struct turn *turn = arg;

    (void)value;
    turn->status = writeset_delete(turn->group->set, STORE_INDEX, key);
    return turn->status == CRM_OK && ++turn->n < INDEX_JOB_STEP;
}

static enum crm_status records_turn(struct turn *turn, store_visit *visit)
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
    status = view_scan(turn->view, STORE_RECORD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&end) }, visit, turn);
    return status == CRM_OK ? turn->status : status;
}

static enum crm_status index_turn(struct turn *turn)
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
    if (status != CRM_OK || job->phase != PHASE_BUILD)
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
        status = job.phase == PHASE_DROP_INDEX ? index_turn(&turn)
                                               : records_turn(&turn, job.phase == PHASE_BUILD ? add_entries : drop_children);
    if (status != CRM_OK)
        return status;
    *out_more = true;
    if (turn.n == INDEX_JOB_STEP) {
        job.position = job.phase == PHASE_DROP_INDEX ? (struct slice){ 0 } : key_slice(&turn.last);
    } else if (job.phase == PHASE_DROP_INDEX && job.is_reference) {
        job.phase = PHASE_DROP_CHILDREN;
        job.position = (struct slice){ 0 };
    } else {
        return finish(group, &view, &job);
    }
    return put_job(group->set, &job, group->arena);
}
