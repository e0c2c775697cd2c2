/*
 * conflicts.c - see conflicts.h
 *
 * Called by crm resolve, by conflicts_take.c, and (conflicts_tell) by the local transport; single-threaded.
 */
#include "client/replica/conflicts.h"

#include "client/replica/kept.h"
#include "common/ops/conflicts.h"
#include "proto/codec.h"
#include "proto/records.pb-c.h"

#define PRUNE_BUDGET ((size_t)32 << 20)
#define COUNT_BUDGET ((size_t)64 << 20)

static enum crm_status cannot_write(struct failure *failure, enum crm_status status)
{
    return fail(failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

static bool id_of(ProtobufCBinaryData bytes, struct uuid *out_id)
{
    return uuid_from_slice(slice_of(bytes.data, bytes.len), out_id);
}

struct uuid conflicts_user(const struct replica *replica)
{
    const Crm__LoginReply *session = replica_state(replica)->session;
    struct uuid user = { 0 };

    if (session)
        (void)id_of(session->user, &user);
    return user;
}

/* --- what waiting resolutions settle */

struct resolution {
    struct uuid record;
    const Crm__ResolveArgument *argument;
};

struct resolutions {
    struct resolution *items;
    size_t n;
};

static enum crm_status read_resolution(const Crm__QueuedMutation *queued, const Crm__Mutation *mutation, struct arena *arena, struct resolutions *into)
{
    struct resolution *resolution = &into->items[into->n];
    const void *argument;

    if (queued->answer || !mutation || mutation->verb != CRM__VERB__VERB_ACTION || !mutation->action || strcmp(mutation->action, "resolve") != 0 ||
        !id_of(mutation->id, &resolution->record))
        return CRM_OK;
    if (codec_unpack_body(slice_of(mutation->argument.data, mutation->argument.len), &crm__resolve_argument__descriptor, arena, &argument, NULL) != CRM_OK)
        return CRM_CORRUPT;
    resolution->argument = argument;
    into->n++;
    return CRM_OK;
}

static enum crm_status read_resolutions(const struct outbox_list *list, struct arena *arena, struct resolutions *out)
{
    size_t room = list->n;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < list->n; i++)
        room += list->items[i].queued->n_parts;
    *out = (struct resolutions){ .items = arena_alloc(arena, (room + 1) * sizeof *out->items) };
    if (!out->items)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < list->n && status == CRM_OK; i++) {
        const Crm__QueuedMutation *queued = list->items[i].queued;

        status = read_resolution(queued, queued->mutation, arena, out);
        for (size_t k = 0; k < queued->n_parts && status == CRM_OK; k++)
            status = read_resolution(queued, queued->parts[k]->mutation, arena, out);
    }
    return status;
}

static bool is_about(protobuf_c_boolean has_conflict, ProtobufCBinaryData named, const struct uuid *conflict, uint32_t named_field, uint32_t field)
{
    return (!has_conflict || slice_equal(slice_of(named.data, named.len), uuid_slice(conflict))) && (named_field == 0 || named_field == field);
}

static bool settles(const Crm__ResolveArgument *argument, const struct uuid *conflict, uint32_t field)
{
    for (size_t i = 0; i < argument->n_choices; i++)
        if (is_about(argument->choices[i]->has_conflict, argument->choices[i]->conflict, conflict, argument->choices[i]->field, field))
            return true;
    return argument->take != CRM__TAKE__TAKE_UNSET && is_about(argument->has_conflict, argument->conflict, conflict, argument->field, field);
}

static bool is_settled(const struct resolutions *resolutions, const struct uuid *record, const struct uuid *conflict, uint32_t field)
{
    for (size_t i = 0; i < resolutions->n; i++)
        if (uuid_equal(&resolutions->items[i].record, record) && settles(resolutions->items[i].argument, conflict, field))
            return true;
    return false;
}

/* false: nothing of it is open. */
static bool take_settled(const struct resolutions *resolutions, const struct uuid *record, const struct uuid *id, Crm__Conflict *conflict)
{
    size_t n = 0;

    if (conflict->n_fields == 0)
        return !is_settled(resolutions, record, id, 0);
    for (size_t i = 0; i < conflict->n_fields; i++)
        if (!is_settled(resolutions, record, id, conflict->fields[i]->field))
            conflict->fields[n++] = conflict->fields[i];
    conflict->n_fields = n;
    return n > 0;
}

enum crm_status conflicts_tell(struct ask *ask, const Crm__ConflictsRequest *request, Crm__ConflictsReply *reply)
{
    struct resolutions resolutions;
    struct outbox_list list = { 0 };
    size_t n = 0;
    enum crm_status status = outbox_read(ask->view->txn, ask->arena, &list);

    if (status == CRM_OK)
        status = read_resolutions(&list, ask->arena, &resolutions);
    if (status != CRM_OK)
        return ask_fail(ask, status, "the outbox cannot be read");
    status = conflicts_list(ask, request, reply);
    for (size_t i = 0; i < reply->n_conflicts && status == CRM_OK; i++) {
        Crm__Conflict *conflict = reply->conflicts[i];
        struct uuid record, id;

        if (id_of(conflict->id, &record) && id_of(conflict->conflict, &id) && take_settled(&resolutions, &record, &id, conflict))
            reply->conflicts[n++] = conflict;
    }
    reply->n_conflicts = n;
    return status;
}

/* --- what the outbox has kept for them */

struct pruning {
    struct arena *arena;
    struct view view;
    struct uuid user;
    struct resolutions resolutions;
    bool is_fresh; /* the conflicts are as the server has just told: what is not among them is open no more */
    uint32_t epoch; /* the server's who has told them */
};

static enum crm_status is_closed(const struct pruning *pruning, const Crm__Mutation *mutation, const Crm__MutateResult *answer, bool *out_is_closed)
{
    struct uuid record, id;
    Crm__Conflict *conflict;
    struct slice value;
    struct key key;
    enum crm_status status;

    *out_is_closed = false;
    if (!answer || !answer->has_conflict || !id_of(mutation->id, &record) || !id_of(answer->conflict, &id))
        return CRM_OK;
    conflict_key(&key, &pruning->user, &record, &id);
    status = view_get(&pruning->view, STORE_CONFLICT, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND) {
        *out_is_closed = pruning->is_fresh;
        return CRM_OK;
    }
    if (status == CRM_OK)
        status = conflict_read(value, pruning->arena, &conflict);
    if (status == CRM_OK)
        *out_is_closed = !take_settled(&pruning->resolutions, &record, &id, conflict);
    return status;
}

/* Of a group each that was in conflict must be closed, and nothing else may be wrong with it. */
static enum crm_status is_done(const struct pruning *pruning, const Crm__QueuedMutation *queued, bool *out_is_done)
{
    enum crm_status status;

    *out_is_done = false;
    if (pruning->is_fresh && queued->has_taken_epoch && queued->taken_epoch != pruning->epoch)
        return CRM_OK; /* a restored server may have lost it: it is sent again */
    status = is_closed(pruning, queued->mutation, queued->answer, out_is_done);
    for (size_t i = 0; i < queued->n_parts && status == CRM_OK && *out_is_done; i++)
        if (queued->parts[i]->answer && queued->parts[i]->answer->status != CRM_OK)
            status = is_closed(pruning, queued->parts[i]->mutation, queued->parts[i]->answer, out_is_done);
    return status;
}

/* Settled, it is as one that was taken: kept until a backup has it. */
static enum crm_status take_out(struct store_txn *txn, const struct outbox_item *item, struct arena *arena)
{
    enum crm_status status = item->queued->has_taken_epoch ? kept_put(txn, item, arena) : CRM_OK;

    return status == CRM_OK ? outbox_take(txn, item->place) : status;
}

enum crm_status conflicts_prune_run(struct store_txn *txn, const struct replica *replica, struct arena *arena, const uint32_t *epoch)
{
    struct pruning pruning = { .arena = arena, .view = { .txn = txn, .schema = replica_state(replica)->schema }, .user = conflicts_user(replica),
                               .is_fresh = epoch != NULL, .epoch = epoch ? *epoch : 0 };
    struct outbox_list list = { 0 };
    enum crm_status status = outbox_read(txn, arena, &list);

    if (status == CRM_OK)
        status = read_resolutions(&list, arena, &pruning.resolutions);
    for (size_t i = 0; i < list.n && status == CRM_OK; i++) {
        bool is_gone;

        status = is_done(&pruning, list.items[i].queued, &is_gone);
        if (status == CRM_OK && is_gone)
            status = take_out(txn, &list.items[i], arena);
    }
    return status;
}

struct prune_run {
    struct replica *replica;
    struct arena arena;
};

static enum crm_status run_prune(struct store_txn *txn, void *arg)
{
    struct prune_run *run = arg;

    arena_reset(&run->arena);
    return conflicts_prune_run(txn, run->replica, &run->arena, NULL);
}

enum crm_status conflicts_prune(struct replica *replica, struct failure *failure)
{
    struct prune_run run = { .replica = replica };
    enum crm_status status;

    arena_init(&run.arena, PRUNE_BUDGET);
    status = store_write_run(replica_store(replica), run_prune, &run);
    arena_fini(&run.arena);
    return status == CRM_OK ? CRM_OK : cannot_write(failure, status);
}

struct count_run {
    struct replica *replica;
    struct arena arena;
    uint64_t n;
};

static enum crm_status run_count(struct store_txn *txn, void *arg)
{
    struct count_run *run = arg;
    const struct view view = { .txn = txn, .schema = replica_state(run->replica)->schema };
    const struct uuid user = conflicts_user(run->replica);
    struct resolutions resolutions;
    struct outbox_list list = { 0 };
    Crm__Conflict *conflict;
    struct key at = { 0 };
    enum crm_status status = outbox_read(txn, &run->arena, &list);

    if (status == CRM_OK)
        status = read_resolutions(&list, &run->arena, &resolutions);
    while (status == CRM_OK && (status = conflict_next(&view, &user, NULL, &at, &run->arena, &conflict)) == CRM_OK) {
        struct uuid record, id;

        memcpy(record.bytes, at.data + UUID_SIZE, UUID_SIZE);
        memcpy(id.bytes, at.data + 2 * UUID_SIZE, UUID_SIZE);
        run->n += take_settled(&resolutions, &record, &id, conflict);
    }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status conflicts_count(struct replica *replica, uint64_t *out_n, struct failure *failure)
{
    struct count_run run = { .replica = replica };
    enum crm_status status;

    arena_init(&run.arena, COUNT_BUDGET);
    status = store_read_run(replica_store(replica), run_count, &run);
    arena_fini(&run.arena);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the conflicts cannot be read: %s", crm_status_info((int)status)->sentence);
    *out_n = run.n;
    return CRM_OK;
}
