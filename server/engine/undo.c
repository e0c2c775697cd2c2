/*
 * undo.c - see undo.h
 *
 * Writer thread. The runs of the log that a job's pieces have left (job.h) are walked backwards; entries of others in between are passed over.
 */
#include "server/engine/undo.h"

#include <inttypes.h>

#include "server/engine/access.h"
#include "server/engine/mutate_inside.h"

#define TURNS_MAX 64 /* that a job was taken back and brought back */

struct undo {
    struct change_group *group;
    const struct change_actor *actor;
    Crm__Job *job;
    struct uuid own, undone; /* the ids of this job, and of the one that is taken back */
    Crm__MutateReply *reply;
    struct failure *failure;
    unsigned left;           /* entries to look at */
};

/* --- one entry, inside a change */

static enum crm_status refuse(struct change *change, const struct log_entry *entry, const char *why)
{
    const struct kind_def *kind = kind_def(entry->kind);

    if (entry->number)
        return fail(&change->failure, CRM_CONFLICT, NULL, "%s-%" PRIu64 " %s", kind->letter, entry->number, why);
    return fail(&change->failure, CRM_CONFLICT, NULL, "a %s %s", kind->name, why);
}

static enum crm_status not_allowed(struct change *change, const struct log_entry *entry)
{
    return fail(&change->failure, CRM_NOT_ALLOWED, NULL, "your role does not allow changing this %s", kind_def(entry->kind)->name);
}

/* Is it the job itself, or has it taken the job back, or brought it back, in turn? What that left is as the job wrote it. */
static bool is_of_the_job(const struct undo *undo, const struct change *change, const struct uuid *id)
{
    struct uuid at = *id;
    Crm__Job *job;

    for (int depth = 0; depth < TURNS_MAX && !uuid_is_nil(&at); depth++) {
        if (uuid_equal(&at, &undo->undone) || uuid_equal(&at, &undo->own))
            return true;
        if (job_load(&change->view, &at, NULL, undo->group->arena, &job) != CRM_OK || !uuid_from_slice(slice_of(job->undoes.data, job->undoes.len), &at))
            return false;
    }
    return false;
}

/* What others have done to the record since; taken: of the entry's changed fields those that they have changed too. */
struct since {
    bool any;
    bool *taken;
};

static enum crm_status look_since(const struct undo *undo, const struct change *change, const struct record_header *header, const struct log_entry *entry,
                                  struct since *out_since)
{
    struct arena *arena = undo->group->arena;
    uint64_t seq = header->seq;
    enum crm_status status = CRM_OK;

    *out_since = (struct since){ .taken = arena_zalloc(arena, entry->changed.n + 1) };
    if (!out_since->taken)
        return CRM_NO_MEMORY;
    while (status == CRM_OK && seq > entry->seq) {
        struct log_entry later;

        status = log_read(&change->view, seq, arena, &later);
        if (status != CRM_OK)
            break;
        seq = later.before;
        if (is_of_the_job(undo, change, &later.job))
            continue;
        out_since->any = true;
        for (size_t i = 0; i < entry->changed.n; i++)
            out_since->taken[i] |= field_set_has(&later.changed, entry->changed.refs[i]);
    }
    return status;
}

static bool may_change(const struct undo *undo, const struct change *change, const struct record_header *header)
{
    const struct access *access = undo->actor->access;

    return !access || access_may(access, &change->view, ACCESS_WRITE, header, NULL) == CRM_OK;
}

/* What of an entry's fields goes back: not what others have changed since, nor what this user may not change. */
static enum crm_status fields_back(const struct undo *undo, const struct log_entry *entry, const struct since *since, struct field_set *out_back)
{
    const struct access *access = undo->actor->access;
    uint32_t *refs = arena_alloc(undo->group->arena, (entry->changed.n + 1) * sizeof *refs);

    *out_back = (struct field_set){ .refs = refs };
    if (!refs)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < entry->changed.n; i++)
        if (!since->taken[i] && !(access && access_keeps(access, entry->kind, entry->changed.refs[i])))
            refs[out_back->n++] = entry->changed.refs[i];
    return CRM_OK;
}

/* The patch that takes them back: a field that had a value is cleared and set. */
static enum crm_status patch_back(const struct undo *undo, const struct log_entry *entry, const struct field_set *back, struct rule_more *out_more)
{
    uint32_t *clear = arena_alloc(undo->group->arena, (back->n + 1) * sizeof *clear);

    *out_more = (struct rule_more){ .verb = RULE_PATCH, .kind = entry->kind, .id = entry->id, .clear = clear };
    if (!clear)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < back->n; i++)
        if (back->refs[i] == HEADER_OWNER)
            out_more->owner = entry->old_owner;
        else if (back->refs[i] == HEADER_TEAM)
            out_more->team = entry->old_team;
        else
            clear[out_more->n_clear++] = back->refs[i];
    return body_keep(undo->group->arena, entry->previous, back, &out_more->set);
}

static enum crm_status undo_patch(const struct undo *undo, struct change *change, const struct log_entry *entry, struct record_header *out_header)
{
    struct rule_more more;
    struct field_set back;
    struct since since;
    struct record record;
    enum crm_status status = view_record(&change->view, entry->kind, &entry->id, &record);

    if (status == CRM_NOT_FOUND)
        return refuse(change, entry, "has been deleted since");
    if (status == CRM_OK && !may_change(undo, change, &record.header))
        return not_allowed(change, entry);
    if (entry->flags & LOG_GRANT)
        return refuse(change, entry, "was shared: crm unshare takes that back");
    if (status == CRM_OK)
        status = look_since(undo, change, &record.header, entry, &since);
    if (status == CRM_OK)
        status = fields_back(undo, entry, &since, &back);
    if (status == CRM_OK && back.n == 0)
        return refuse(change, entry, "has been changed since");
    if (status == CRM_OK)
        status = patch_back(undo, entry, &back, &more);
    if (status == CRM_OK && back.n < entry->changed.n)
        undo->job->kept++; /* a part of it */
    return status == CRM_OK ? mutate_more(change, &more, change->group->now_us, out_header) : status;
}

/* It is so already. */
static enum crm_status nothing_to_do(const struct log_entry *entry, struct record_header *out_header)
{
    *out_header = (struct record_header){ .kind = entry->kind, .id = entry->id, .number = entry->number };
    return CRM_OK;
}

static enum crm_status undo_create(const struct undo *undo, struct change *change, const struct log_entry *entry, struct record_header *out_header)
{
    struct since since;
    struct record record;
    enum crm_status status = view_record(&change->view, entry->kind, &entry->id, &record);

    if (status == CRM_NOT_FOUND)
        return nothing_to_do(entry, out_header);
    if (status == CRM_OK && !(may_change(undo, change, &record.header) && actor_has_right(undo->actor, CRM__RIGHT__RIGHT_DELETE)))
        return not_allowed(change, entry);
    if (status == CRM_OK)
        status = look_since(undo, change, &record.header, entry, &since);
    if (status == CRM_OK && since.any)
        return refuse(change, entry, "has been changed since");
    return status == CRM_OK ? remove_record(change, kind_def(entry->kind), &record, change->group->now_us, out_header) : status;
}

static enum crm_status undo_delete(const struct undo *undo, struct change *change, const struct log_entry *entry, struct record_header *out_header)
{
    struct record record;
    enum crm_status status = view_deleted(&change->view, entry->kind, &entry->id, &record);

    if (status == CRM_NOT_FOUND && view_record(&change->view, entry->kind, &entry->id, &record) == CRM_OK)
        return nothing_to_do(entry, out_header); /* it came back along with another */
    if (status == CRM_NOT_FOUND)
        return refuse(change, entry, "is gone for good");
    if (status == CRM_OK && !may_change(undo, change, &record.header))
        return not_allowed(change, entry);
    return status == CRM_OK ? restore_record(change, kind_def(entry->kind), &record, change->group->now_us, out_header) : status;
}

static enum crm_status undo_entry(const struct undo *undo, struct change *change, const struct log_entry *entry, struct record_header *out_header)
{
    if (entry->is_erased)
        return refuse(change, entry, "was erased");
    switch (entry->verb) {
    case LOG_CREATE:
    case LOG_RESTORE:
        return undo_create(undo, change, entry, out_header);
    case LOG_PATCH:
        return undo_patch(undo, change, entry, out_header);
    case LOG_DELETE:
        return undo_delete(undo, change, entry, out_header);
    default:
        return refuse(change, entry, "was erased");
    }
}

/* --- a piece */

/* One entry of the job: taken back whole, or left and told. */
static enum crm_status take_back(struct undo *undo, const struct log_entry *entry)
{
    struct record_header header;
    struct change change;
    uint64_t kept = undo->job->kept;
    Crm__MutateResult *result = undo->reply->results[undo->reply->n_results];
    enum crm_status status = change_begin(&change, undo->group, undo->actor);

    if (status == CRM_OK)
        status = undo_entry(undo, &change, entry, &header);
    if (status == CRM_OK)
        status = change_accept(&change);
    if (mutate_is_fatal(status)) {
        *undo->failure = change.failure;
        return fail(undo->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    }
    undo->reply->n_results++;
    if (status == CRM_OK) {
        undo->job->updated++;
        return mutate_set_result(undo->group, result, &header) ? CRM_OK : CRM_NO_MEMORY;
    }
    undo->job->kept = kept;
    undo->job->refused++;
    return mutate_set_rejected(undo->group, result, status, &change.failure) ? CRM_OK : CRM_NO_MEMORY;
}

/* The entries of a run of the log before undo_at, newest first, as many as this piece may look at. */
static enum crm_status walk_span(struct undo *undo, uint64_t first, uint64_t last)
{
    struct view view = { .txn = undo->group->txn, .group = undo->group->set, .schema = undo->group->schema };
    enum crm_status status = CRM_OK;

    if (last >= undo->job->undo_at)
        last = undo->job->undo_at - 1;
    for (uint64_t seq = last; seq >= first && undo->left > 0 && status == CRM_OK; seq--) {
        struct log_entry entry;

        status = log_read(&view, seq, undo->group->arena, &entry);
        if (status == CRM_OK && uuid_equal(&entry.job, &undo->undone))
            status = take_back(undo, &entry);
        if (status == CRM_OK) {
            undo->job->undo_at = seq;
            undo->left--;
        }
    }
    return status;
}

static enum crm_status span_before(const struct undo *undo, const struct view *view, uint64_t *out_first, uint64_t *out_last)
{
    const Crm__Job *job = undo->job;

    if (!job->has_undo_first)
        return job_span_before(view, &undo->undone, job->undo_at, out_first, out_last);
    *out_first = job->undo_first;
    *out_last = job->undo_last;
    return job->undo_at > job->undo_first ? CRM_OK : CRM_NOT_FOUND;
}

static enum crm_status walk(struct undo *undo)
{
    struct view view = { .txn = undo->group->txn, .group = undo->group->set, .schema = undo->group->schema };
    uint64_t first, last;
    enum crm_status status = CRM_OK;

    while (status == CRM_OK && undo->left > 0) {
        status = span_before(undo, &view, &first, &last);
        if (status == CRM_NOT_FOUND) {
            undo->job->state = CRM__JOB_STATE__JOB_STATE_DONE;
            return CRM_OK;
        }
        if (status == CRM_OK)
            status = walk_span(undo, first, last);
    }
    return status;
}

static enum crm_status make_room(struct undo *undo)
{
    Crm__MutateReply *reply = undo->reply;
    Crm__MutateResult *results = arena_alloc(undo->group->arena, UNDO_STEP * sizeof *results);

    reply->results = arena_alloc(undo->group->arena, UNDO_STEP * sizeof *reply->results);
    if (!results || !reply->results)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < UNDO_STEP; i++) {
        crm__mutate_result__init(&results[i]);
        reply->results[i] = &results[i];
    }
    return CRM_OK;
}

enum crm_status undo_step(struct change_group *group, const struct change_actor *actor, Crm__Job *job, Crm__MutateReply *reply,
                          struct failure *failure)
{
    struct undo undo = { .group = group, .actor = actor, .job = job, .own = actor->job, .reply = reply, .failure = failure, .left = UNDO_STEP };
    uint64_t seq = group->head.seq;
    enum crm_status status = make_room(&undo);

    if (!uuid_from_slice(slice_of(job->undoes.data, job->undoes.len), &undo.undone))
        return fail(failure, CRM_INVALID, "undo", "this job takes nothing back");
    if (!job->has_undo_at) {
        job->has_undo_at = job->has_updated = job->has_kept = job->has_refused = true;
        job->undo_at = group->head.seq + 1;
    }
    if (status == CRM_OK)
        status = walk(&undo);
    if (status == CRM_OK)
        status = job_move(group, job, job->position + (UNDO_STEP - undo.left), seq);
    if (status != CRM_OK)
        change_group_spoil(group);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
}

/* Is the entry there, and does it belong to the same? Nothing belongs to a change that was made by itself. */
static enum crm_status belongs(const struct view *view, uint64_t seq, const struct uuid *job, struct arena *arena, bool *out_belongs)
{
    struct log_entry entry;
    enum crm_status status = uuid_is_nil(job) ? CRM_NOT_FOUND : log_read(view, seq, arena, &entry);

    *out_belongs = status == CRM_OK && uuid_equal(&entry.job, job);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status undo_find(const struct view *view, uint64_t seq, struct arena *arena, Crm__Job *job)
{
    struct log_entry entry;
    struct uuid *undone = arena_alloc(arena, sizeof *undone);
    bool more = true;
    enum crm_status status = undone ? log_read(view, seq, arena, &entry) : CRM_NO_MEMORY;

    if (status != CRM_OK)
        return status;
    *undone = entry.job;
    job->has_undoes = job->has_undo_first = job->has_undo_last = true;
    job->undoes = (ProtobufCBinaryData){ .data = undone->bytes, .len = UUID_SIZE };
    job->undo_first = job->undo_last = seq;
    while (status == CRM_OK && more && job->undo_last - job->undo_first < MUTATION_RECORDS_MAX) {
        status = belongs(view, job->undo_first - 1, undone, arena, &more);
        job->undo_first -= more;
    }
    more = true;
    while (status == CRM_OK && more && job->undo_last - job->undo_first < MUTATION_RECORDS_MAX) {
        status = belongs(view, job->undo_last + 1, undone, arena, &more);
        job->undo_last += more;
    }
    return status;
}
