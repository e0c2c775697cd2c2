/*
 * conflicts_take.c - taking over which conflicts the server keeps
 *
 * Called by sync.c and crm resolve; single-threaded.
 */
#include "client/replica/conflicts.h"

#include "client/replica/outbox.h"
#include "common/engine/conflict.h"

#define TAKE_BUDGET ((size_t)32 << 20)
#define PAGE_LIMIT  500u

static enum crm_status cannot_write(struct failure *failure, enum crm_status status)
{
    return fail(failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

static bool id_of(ProtobufCBinaryData bytes, struct uuid *out_id)
{
    return uuid_from_slice(slice_of(bytes.data, bytes.len), out_id);
}

struct taking {
    struct replica *replica;
    struct arena arena; /* of a run */
    struct arena kept;
    struct writeset *told;
    struct uuid user;
    uint32_t epoch; /* the server's */
    bool is_same;
    uint64_t n_here;
};

/* As the server keeps it: without what the record has. That it is there stays noted: it may be one that is not carried here. */
static enum crm_status add_told(struct taking *taking, const Crm__Conflict *conflict)
{
    Crm__Conflict row = *conflict;
    struct uuid record, id;

    if (!id_of(conflict->id, &record) || !id_of(conflict->conflict, &id))
        return CRM_PROTOCOL;
    row.has_id = row.has_conflict = false;
    row.has_gone = !conflict->gone;
    row.gone = false;
    row.fields = arena_alloc(&taking->kept, (row.n_fields + 1) * sizeof *row.fields);
    for (size_t i = 0; row.fields && i < row.n_fields; i++) {
        row.fields[i] = arena_memdup(&taking->kept, conflict->fields[i], sizeof *row.fields[i]);
        if (!row.fields[i])
            return CRM_NO_MEMORY;
        row.fields[i]->has_theirs = false;
    }
    return row.fields ? conflict_put(taking->told, &taking->user, &record, &id, &row, &taking->kept) : CRM_NO_MEMORY;
}

/* Behind the first page one by one; *out_next is what comes behind it, in kept. */
static enum crm_status add_page(struct taking *taking, const Crm__ConflictsReply *reply, Crm__ConflictsRequest *next)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < reply->n_conflicts && status == CRM_OK; i++)
        status = add_told(taking, reply->conflicts[i]);
    next->has_after = reply->has_next;
    next->after = (ProtobufCBinaryData){ .data = arena_memdup(&taking->kept, reply->next.data, reply->next.len), .len = reply->next.len };
    return status == CRM_OK && reply->has_next && !next->after.data ? CRM_NO_MEMORY : status;
}

static bool compare_row(void *arg, struct slice key, struct slice value)
{
    struct taking *taking = arg;
    struct slice told;

    taking->n_here++;
    taking->is_same = writeset_get(taking->told, STORE_CONFLICT, key, &told) && slice_equal(told, value);
    return taking->is_same;
}

static enum crm_status compare(struct store_txn *txn, void *arg)
{
    struct taking *taking = arg;
    enum crm_status status;

    taking->is_same = true;
    taking->n_here = 0;
    status = store_scan(txn, STORE_CONFLICT, &(struct store_range){ 0 }, compare_row, taking);
    taking->is_same = taking->is_same && taking->n_here == writeset_count(taking->told);
    return status;
}

struct clearing {
    struct arena *arena;
    struct writeset *gone;
    enum crm_status status;
};

static bool clear_row(void *arg, struct slice key, struct slice value)
{
    struct clearing *clearing = arg;
    uint8_t *copy = arena_memdup(clearing->arena, key.data, key.size);

    (void)value;
    clearing->status = copy ? writeset_delete(clearing->gone, STORE_CONFLICT, slice_of(copy, key.size)) : CRM_NO_MEMORY;
    return clearing->status == CRM_OK;
}

static enum crm_status replace(struct store_txn *txn, void *arg)
{
    struct taking *taking = arg;
    struct clearing clearing = { .arena = &taking->arena };
    enum crm_status status = CRM_OK;

    arena_reset(&taking->arena);
    if (!taking->is_same) {
        clearing.gone = writeset_create(&taking->arena);
        if (!clearing.gone)
            return CRM_NO_MEMORY;
        status = store_scan(txn, STORE_CONFLICT, &(struct store_range){ 0 }, clear_row, &clearing);
        if (status == CRM_OK)
            status = clearing.status;
        if (status == CRM_OK)
            status = writeset_apply(clearing.gone, txn);
        if (status == CRM_OK)
            status = writeset_apply(taking->told, txn);
    }
    return status == CRM_OK ? conflicts_prune_run(txn, taking->replica, &taking->arena, &taking->epoch) : status;
}

/* Nothing is written where nothing is new. */
static enum crm_status store_told(struct taking *taking, struct failure *failure)
{
    struct outbox_list list = { 0 };
    bool keeps = false;
    enum crm_status status = outbox_load(taking->replica, &taking->arena, &list, failure);

    if (status != CRM_OK)
        return status;
    for (size_t i = 0; i < list.n; i++)
        keeps = keeps || list.items[i].queued->answer;
    status = store_read_run(replica_store(taking->replica), compare, taking);
    if (status == CRM_OK && (!taking->is_same || keeps))
        status = store_write_run(replica_store(taking->replica), replace, taking);
    return status == CRM_OK ? CRM_OK : cannot_write(failure, status);
}

enum crm_status conflicts_ask(struct crm_client *client, struct crm_call **out_call)
{
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;

    *out_call = NULL;
    request.has_limit = true;
    request.limit = PAGE_LIMIT;
    return crm_call_start(client, OP_SYNC_CONFLICTS, &request.base, NULL, out_call);
}

static enum crm_status call_failed(struct failure *failure, enum crm_status status, const struct crm_call *call)
{
    return fail(failure, status, NULL, "%s", crm_call_error(call)->text);
}

/* The first page: what was asked before, and again where the line was cut meanwhile. */
static enum crm_status wait_first(struct crm_client *client, struct crm_call **call, struct failure *failure)
{
    enum crm_status status = *call ? crm_call_wait(*call) : CRM_UNREACHABLE;

    if (status == CRM_UNREACHABLE || status == CRM_SHUTTING_DOWN) {
        crm_call_destroy(*call);
        status = conflicts_ask(client, call);
        if (status == CRM_OK)
            status = crm_call_wait(*call);
    }
    return status == CRM_OK ? CRM_OK : call_failed(failure, status, *call);
}

static enum crm_status take_pages(struct taking *taking, struct crm_client *client, struct crm_call **call, struct failure *failure)
{
    Crm__ConflictsRequest next = CRM__CONFLICTS_REQUEST__INIT;
    const Crm__ConflictsReply *reply = (const Crm__ConflictsReply *)crm_call_reply(*call);
    enum crm_status status = add_page(taking, reply, &next);

    while (status == CRM_OK && next.has_after) {
        crm_call_destroy(*call);
        *call = NULL;
        next.has_limit = true;
        next.limit = PAGE_LIMIT;
        status = crm_sync_conflicts(client, &next, call, &reply);
        if (status != CRM_OK)
            return call_failed(failure, status, *call);
        status = add_page(taking, reply, &next);
    }
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "the conflicts cannot be taken over: %s", crm_status_info((int)status)->sentence);
}

enum crm_status conflicts_take(struct replica *replica, struct crm_client *client, struct crm_call *take_call, struct failure *failure)
{
    struct taking taking = { .replica = replica, .user = conflicts_user(replica) };
    enum crm_status status;

    arena_init(&taking.arena, TAKE_BUDGET);
    arena_init(&taking.kept, TAKE_BUDGET);
    status = wait_first(client, &take_call, failure);
    if (status == CRM_OK) {
        const Crm__Hello *hello = crm_client_hello(client);

        taking.epoch = hello ? hello->epoch : 0;
        taking.told = writeset_create(&taking.kept);
        status = taking.told ? take_pages(&taking, client, &take_call, failure) : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
        if (status == CRM_OK)
            status = store_told(&taking, failure);
    } else if (status == CRM_UNKNOWN_OPERATION) {
        *failure = (struct failure){ 0 };
        status = CRM_OK;
    }
    crm_call_destroy(take_call);
    arena_fini(&taking.kept);
    arena_fini(&taking.arena);
    return status;
}
