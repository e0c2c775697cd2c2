/*
 * job.c - the rows of jobs
 *
 * Writer thread, but for what takes a view. A refusal is kept without its sentence, which may quote what a person's data was; status and field stay.
 */
#include "server/engine/job.h"

#include "common/base/sealed.h"
#include "proto/codec.h"

#define JOB_KEY_SIZE (1 + UUID_SIZE)
#define ROW_KEY_SIZE (JOB_KEY_SIZE + 1 + 8) /* of a refusal and of a span */

static void job_key(struct key *key, const struct uuid *id)
{
    key->size = 0;
    key_u8(key, 'j');
    key_bytes(key, id->bytes, UUID_SIZE);
}

static void row_key(struct key *key, const struct uuid *id, char row, uint64_t number)
{
    job_key(key, id);
    key_u8(key, (uint8_t)row);
    key_u64(key, number);
}

static void name_key(struct key *key, const struct uuid *user, const char *name)
{
    struct slice text = slice_text(name);
    uint8_t hash[SHA256_SIZE];

    sha256(&text, 1, hash);
    key->size = 0;
    key_u8(key, 'k');
    key_bytes(key, user->bytes, UUID_SIZE);
    key_bytes(key, hash, sizeof hash);
}

static struct view group_view(const struct change_group *group)
{
    return (struct view){ .txn = group->txn, .group = group->set, .schema = group->schema };
}

/* --- reading */

static enum crm_status unpack_job(struct slice value, struct arena *arena, Crm__Job **out_job)
{
    struct failure failure = { 0 };
    struct slice content;
    const void *message;
    enum crm_status status = sealed_open(value, 0, &content);

    if (status == CRM_OK)
        status = codec_unpack_body(content, &crm__job__descriptor, arena, &message, &failure);
    if (status != CRM_OK)
        return status == CRM_NO_MEMORY ? status : CRM_CORRUPT;
    *out_job = (Crm__Job *)(uintptr_t)message; /* in the caller's arena */
    return CRM_OK;
}

enum crm_status job_load(const struct view *view, const struct uuid *id, const struct uuid *user, struct arena *arena, Crm__Job **out_job)
{
    struct key key;
    struct slice value;
    enum crm_status status;

    job_key(&key, id);
    status = view_get(view, STORE_JOB, key_slice(&key), &value);
    if (status == CRM_OK)
        status = unpack_job(value, arena, out_job);
    if (status == CRM_OK && user && !slice_equal(slice_of((*out_job)->user.data, (*out_job)->user.len), uuid_slice(user)))
        return CRM_NOT_FOUND;
    return status;
}

enum crm_status job_find(const struct view *view, const struct uuid *user, const char *name, struct uuid *out_id)
{
    struct key key;
    struct slice value, content;
    enum crm_status status;

    name_key(&key, user, name);
    status = view_get(view, STORE_JOB, key_slice(&key), &value);
    if (status == CRM_OK)
        status = sealed_open(value, UUID_SIZE, &content);
    if (status == CRM_OK)
        memcpy(out_id->bytes, content.data, UUID_SIZE);
    return status;
}

/* Over their rows: from the end of one to the next. */
enum crm_status job_each(const struct view *view, job_visit *visit, void *arg)
{
    static const uint8_t behind = 'k';
    struct key from = { .data = { 'j' }, .size = 1 };
    struct slice key, value, content;
    struct uuid id;
    enum crm_status status;

    while ((status = view_seek(view, STORE_JOB, &(struct store_range){ .from = key_slice(&from), .to = slice_of(&behind, 1) }, &key, &value)) == CRM_OK) {
        status = key.size == JOB_KEY_SIZE ? sealed_open(value, 0, &content) : CRM_CORRUPT;
        if (status != CRM_OK)
            return status;
        memcpy(id.bytes, key.data + 1, UUID_SIZE);
        if (!visit(arg, &id, content))
            return CRM_OK;
        job_key(&from, &id);
        key_after_prefix(&from, &from);
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

struct visit {
    job_refusal_visit *refusal;
    void *arg;
    enum crm_status status;
};

static bool visit_refusal(void *arg, struct slice key, struct slice value)
{
    struct visit *visit = arg;
    struct slice content;

    visit->status = key.size == ROW_KEY_SIZE ? sealed_open(value, 0, &content) : CRM_CORRUPT;
    return visit->status == CRM_OK && visit->refusal(visit->arg, key_read_u64(key.data + ROW_KEY_SIZE - 8), content);
}

enum crm_status job_refusals(const struct view *view, const struct uuid *id, uint64_t after_line, job_refusal_visit *each, void *arg)
{
    struct visit visit = { .refusal = each, .arg = arg, .status = CRM_OK };
    struct key from, to;
    enum crm_status status;

    if (after_line == UINT64_MAX)
        return CRM_OK;
    row_key(&from, id, 'r', after_line ? after_line + 1 : 0);
    row_key(&to, id, 'r' + 1, 0);
    status = view_scan(view, STORE_JOB, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, visit_refusal, &visit);
    return status == CRM_OK ? visit.status : status;
}

enum crm_status job_span_before(const struct view *view, const struct uuid *id, uint64_t seq, uint64_t *out_first, uint64_t *out_last)
{
    struct key from, to;
    struct slice key, value, content;
    enum crm_status status;

    row_key(&from, id, 's', 0);
    row_key(&to, id, 's', seq);
    status = view_seek(view, STORE_JOB, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to), .reverse = true }, &key, &value);
    if (status == CRM_OK)
        status = sealed_open(value, 8, &content);
    if (status != CRM_OK)
        return status;
    *out_first = key_read_u64(key.data + ROW_KEY_SIZE - 8);
    memcpy(out_last, content.data, 8);
    return CRM_OK;
}

/* --- writing */

static enum crm_status put_bytes(struct change_group *group, const struct key *key, struct slice bytes)
{
    uint8_t *content, *value = sealed_alloc(group->arena, bytes.size, &content);

    if (!value)
        return CRM_NO_MEMORY;
    if (bytes.size)
        memcpy(content, bytes.data, bytes.size);
    return writeset_put(group->set, STORE_JOB, key_slice(key), sealed_close(value, bytes.size));
}

static enum crm_status put_message(struct change_group *group, const struct key *key, const ProtobufCMessage *message)
{
    struct slice packed;
    enum crm_status status = codec_pack(message, group->arena, &packed);

    return status == CRM_OK ? put_bytes(group, key, packed) : status;
}

enum crm_status job_put(struct change_group *group, const Crm__Job *job)
{
    struct uuid id;
    struct key key;

    if (!uuid_from_slice(slice_of(job->id.data, job->id.len), &id))
        return CRM_CORRUPT;
    job_key(&key, &id);
    return put_message(group, &key, &job->base);
}

enum crm_status job_begin(struct change_group *group, const Crm__Job *job)
{
    enum crm_status status = job_put(group, job);
    struct uuid user;
    struct key key;

    if (status != CRM_OK || !job->name || !uuid_from_slice(slice_of(job->user.data, job->user.len), &user))
        return status;
    name_key(&key, &user, job->name);
    return put_bytes(group, &key, slice_of(job->id.data, job->id.len));
}

static enum crm_status keep_refusal(struct change_group *group, Crm__Job *job, const struct uuid *id, uint64_t line, const Crm__Error *error)
{
    Crm__JobRefusal refusal = CRM__JOB_REFUSAL__INIT;
    Crm__Error kept = CRM__ERROR__INIT;
    struct key key;

    job->has_refused = true;
    if (++job->refused > JOB_REFUSALS_MAX || line == 0)
        return CRM_OK;
    kept.has_status = true;
    kept.status = error && error->status ? error->status : CRM_INVALID;
    kept.field = error ? error->field : NULL;
    refusal.has_line = true;
    refusal.line = line;
    refusal.error = &kept;
    row_key(&key, id, 'r', line);
    return put_message(group, &key, &refusal.base);
}

static uint64_t *place_of(Crm__Job *job, const Crm__Mutation *mutation, const Crm__MutateResult *result)
{
    if (result->unchanged) {
        job->has_unchanged = true;
        return &job->unchanged;
    }
    if (mutation->verb == CRM__VERB__VERB_CREATE || result->created) {
        job->has_created = true;
        return &job->created;
    }
    if (mutation->verb == CRM__VERB__VERB_DELETE) {
        job->has_deleted = true;
        return &job->deleted;
    }
    job->has_updated = true;
    return &job->updated;
}

void job_count(Crm__Job *job, const Crm__Mutation *mutation, const Crm__MutateResult *result)
{
    ++*place_of(job, mutation, result);
}

static enum crm_status count_results(struct change_group *group, Crm__Job *job, const struct uuid *id, const Crm__JobStep *step,
                                     const Crm__MutateRequest *request, const Crm__MutateReply *reply)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < reply->n_results && status == CRM_OK; i++) {
        const Crm__MutateResult *result = reply->results[i];

        if (result->error)
            status = keep_refusal(group, job, id, i < step->n_lines ? step->lines[i] : 0, result->error);
        else
            job_count(job, request->mutations[i], result);
    }
    for (size_t i = 0; i < step->n_refused && status == CRM_OK; i++)
        status = keep_refusal(group, job, id, step->refused[i]->line, step->refused[i]->error);
    return status;
}

static enum crm_status keep_span(struct change_group *group, const struct uuid *id, uint64_t seq_before)
{
    struct key key;

    if (group->head.seq == seq_before)
        return CRM_OK;
    row_key(&key, id, 's', seq_before + 1);
    return put_bytes(group, &key, slice_of((const uint8_t *)&group->head.seq, sizeof group->head.seq));
}

enum crm_status job_move(struct change_group *group, Crm__Job *job, uint64_t to, uint64_t seq_before)
{
    struct uuid id;
    enum crm_status status;

    if (!uuid_from_slice(slice_of(job->id.data, job->id.len), &id))
        return CRM_CORRUPT;
    job->has_position = job->has_touched_at = true;
    job->position = to;
    job->touched_at = group->now_us;
    status = keep_span(group, &id, seq_before);
    return status == CRM_OK ? job_put(group, job) : status;
}

static enum crm_status advance(struct change_group *group, Crm__Job *job, const Crm__JobStep *step, const Crm__MutateRequest *request,
                               const Crm__MutateReply *reply, uint64_t seq_before)
{
    struct uuid id;
    enum crm_status status =
        uuid_from_slice(slice_of(job->id.data, job->id.len), &id) ? count_results(group, job, &id, step, request, reply) : CRM_CORRUPT;

    if (step->has_total) {
        job->has_total = true;
        job->total = step->total;
    }
    if (step->last)
        job->state = CRM__JOB_STATE__JOB_STATE_DONE;
    return status == CRM_OK ? job_move(group, job, step->to, seq_before) : status;
}

enum crm_status job_advance(struct change_group *group, Crm__Job *job, const Crm__JobStep *step, const Crm__MutateRequest *request,
                            const Crm__MutateReply *reply, uint64_t seq_before)
{
    enum crm_status status = advance(group, job, step, request, reply, seq_before);

    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

/* --- housekeeping */

/* The name may have another job by now. */
static enum crm_status drop_name(struct change_group *group, const Crm__Job *job)
{
    struct view view = group_view(group);
    struct uuid id, user, named;
    struct key key;
    enum crm_status status;

    if (!job->name || !uuid_from_slice(slice_of(job->id.data, job->id.len), &id) ||
        !uuid_from_slice(slice_of(job->user.data, job->user.len), &user))
        return CRM_OK;
    status = job_find(&view, &user, job->name, &named);
    if (status != CRM_OK || !uuid_equal(&named, &id))
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    name_key(&key, &user, job->name);
    return writeset_delete(group->set, STORE_JOB, key_slice(&key));
}

struct drop {
    struct change_group *group;
    unsigned left;
    enum crm_status status;
};

static bool drop_row(void *arg, struct slice key, struct slice value)
{
    struct drop *drop = arg;

    (void)value;
    if (drop->left == 0)
        return false;
    drop->left--;
    drop->status = writeset_delete(drop->group->set, STORE_JOB, key);
    return drop->status == CRM_OK;
}

/* The rows of a job, and when no more are left its own and its name's: what a turn leaves of it goes in the next. */
static enum crm_status drop_job(struct drop *drop, struct slice key, const Crm__Job *job)
{
    struct key first = { 0 }, end;
    enum crm_status status;

    key_bytes(&first, key.data, key.size);
    key_after_prefix(&first, &end);
    key_u8(&first, 0);
    status = store_scan(drop->group->txn, STORE_JOB, &(struct store_range){ .from = key_slice(&first), .to = key_slice(&end) }, drop_row, drop);
    if (status == CRM_OK)
        status = drop->status;
    if (status != CRM_OK || drop->left == 0)
        return status;
    status = drop_name(drop->group, job);
    return status == CRM_OK ? writeset_delete(drop->group->set, STORE_JOB, key) : status;
}

enum crm_status job_sweep(struct change_group *group, int64_t before_us, unsigned max)
{
    static const uint8_t behind = 'k';
    struct drop drop = { .group = group, .left = max, .status = CRM_OK };
    struct key from = { .data = { 'j' }, .size = 1 };
    struct slice key, value;
    Crm__Job *job;
    enum crm_status status = CRM_OK;

    while (status == CRM_OK && drop.left > 0) {
        status = store_seek(group->txn, STORE_JOB, &(struct store_range){ .from = key_slice(&from), .to = slice_of(&behind, 1) }, &key, &value);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_OK : status;
        status = key.size == JOB_KEY_SIZE ? unpack_job(value, group->arena, &job) : CRM_CORRUPT;
        if (status == CRM_OK && job->touched_at < before_us)
            status = drop_job(&drop, key, job);
        from.size = 0;
        key_bytes(&from, key.data, key.size);
        key_after_prefix(&from, &from);
    }
    return status;
}
