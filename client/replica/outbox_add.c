/*
 * outbox_add.c - queueing a change, or a group of changes, and showing it at once
 *
 * Called by the local transport within its write run; single-threaded.
 */
#include "client/replica/outbox.h"

#include <inttypes.h>

#include "client/replica/outbox_fold.h"
#include "client/replica/pending.h"

/* One call of outbox_add_group. */
struct adding {
    const struct outbox_add *add;
    struct failure *failure;
    struct rows rows;
    struct pending pending;
    Crm__Mutation *mutations; /* copies, with what their author sees */
    uint64_t *numbers;        /* local ones; 0: none */
    size_t n;
    uint64_t last_number;
};

static enum crm_status adding_failed(struct adding *adding, enum crm_status status)
{
    if (status == CRM_OK)
        return CRM_OK;
    return fail(adding->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
}

static enum crm_status adding_begin(struct adding *adding, const struct outbox_add *add, size_t n, struct failure *failure)
{
    enum crm_status status;

    *adding = (struct adding){ .add = add, .failure = failure, .n = n };
    adding->mutations = arena_alloc(add->arena, n * sizeof *adding->mutations);
    adding->numbers = arena_zalloc(add->arena, n * sizeof *adding->numbers);
    if (!adding->mutations || !adding->numbers)
        return CRM_NO_MEMORY;
    status = rows_init(&adding->rows, add->txn, replica_state(add->replica)->schema, add->arena);
    if (status == CRM_OK)
        status = replica_get_number(add->txn, ROW_LOCAL, &adding->last_number);
    pending_begin(&adding->pending, &adding->rows, add->replica, add->now_us, failure);
    return status;
}

static enum crm_status fill_result(struct adding *adding, size_t i, Crm__MutateResult *result)
{
    const struct evolve *evolve = &adding->pending.evolve;
    const struct record_header *header = evolve->has_before ? &evolve->before.header : &evolve->after.header;

    result->id.data = arena_memdup(adding->add->arena, header->id.bytes, UUID_SIZE);
    if (!result->id.data)
        return CRM_NO_MEMORY;
    result->has_id = result->has_number = result->has_rev = result->has_pending = result->pending = true;
    result->id.len = UUID_SIZE;
    result->number = adding->numbers[i] ? RECORD_NUMBER_LOCAL | adding->numbers[i] : header->number;
    result->rev = header->rev;
    return CRM_OK;
}

/* Show the nth, and let it say what its author sees. */
static enum crm_status show(struct adding *adding, size_t i, const Crm__Mutation *asked, Crm__MutateResult *result)
{
    const struct kind_def *kind = kind_def(asked->kind);
    Crm__Mutation *mutation = &adding->mutations[i];
    enum crm_status status;

    *mutation = *asked;
    if (asked->verb == CRM__VERB__VERB_CREATE && kind && !(kind->flags & KIND_NO_NUMBER))
        adding->numbers[i] = ++adding->last_number;
    status = pending_show(&adding->pending, mutation, adding->numbers[i]);
    if (status == CRM_OK)
        status = pending_note_seen(&adding->pending, mutation);
    if (status != CRM_OK)
        return status;
    if (!mutation->has_happened_at) {
        mutation->has_happened_at = true;
        mutation->happened_at = adding->add->now_us;
    }
    return fill_result(adding, i, result);
}

/* --- into the outbox */

static enum crm_status check_room(struct adding *adding)
{
    struct store_db_stats stats;
    enum crm_status status = store_stats(adding->add->txn, (enum store_db)REPLICA_OUTBOX, &stats);

    if (status != CRM_OK || (stats.entries < OUTBOX_ITEMS_MAX && stats.bytes < OUTBOX_BYTES_MAX))
        return status;
    return fail(adding->failure, CRM_FULL, NULL, "%" PRIu64 " changes wait for the server: crm sync makes room for more", stats.entries);
}

/* A name of its own, by which the server knows it whoever brings it. */
static enum crm_status name_change(struct adding *adding, Crm__QueuedMutation *queued)
{
    struct uuid fresh = uuid_create();

    queued->has_change = true;
    queued->change.len = UUID_SIZE;
    queued->change.data = arena_memdup(adding->add->arena, fresh.bytes, UUID_SIZE);
    return queued->change.data ? CRM_OK : CRM_NO_MEMORY;
}

static enum crm_status add_parts(struct adding *adding, Crm__QueuedMutation *queued)
{
    struct arena *arena = adding->add->arena;
    Crm__QueuedPart *parts = arena_alloc(arena, adding->n * sizeof *parts);

    queued->parts = arena_alloc(arena, adding->n * sizeof *queued->parts);
    if (!parts || !queued->parts)
        return CRM_NO_MEMORY;
    for (size_t i = 1; i < adding->n; i++) {
        Crm__QueuedPart *part = queued->parts[queued->n_parts++] = &parts[i - 1];

        crm__queued_part__init(part);
        part->mutation = &adding->mutations[i];
        part->has_local_number = adding->numbers[i] != 0;
        part->local_number = adding->numbers[i];
    }
    return CRM_OK;
}

static enum crm_status put_numbers(struct adding *adding)
{
    struct store_txn *txn = adding->add->txn;
    enum crm_status status = CRM_OK;
    bool has_any = false;

    for (size_t i = 0; i < adding->n && status == CRM_OK; i++) {
        const Crm__Mutation *mutation = &adding->mutations[i];
        struct uuid id;

        if (!adding->numbers[i])
            continue;
        has_any = true;
        uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &id);
        status = outbox_put_alias(txn, (enum kind)mutation->kind, adding->numbers[i], &id);
    }
    return status == CRM_OK && has_any ? replica_put_number(txn, ROW_LOCAL, adding->last_number) : status;
}

static enum crm_status queue(struct adding *adding)
{
    Crm__QueuedMutation queued = CRM__QUEUED_MUTATION__INIT;
    struct outbox_item item = { .queued = &queued };
    enum crm_status status = check_room(adding);

    queued.mutation = &adding->mutations[0];
    queued.has_queued_at = true;
    queued.queued_at = adding->add->now_us;
    queued.has_local_number = adding->numbers[0] != 0;
    queued.local_number = adding->numbers[0];
    if (status == CRM_OK)
        status = add_parts(adding, &queued);
    if (status == CRM_OK)
        status = name_change(adding, &queued);
    if (status == CRM_OK)
        status = outbox_last(adding->add->txn, &item.place);
    item.place++;
    if (status == CRM_OK)
        status = outbox_put(adding->add->txn, &item, adding->add->arena);
    if (status == CRM_TOO_LARGE)
        return fail(adding->failure, status, NULL, "it is too much for one change that waits: %d bytes", STORE_VALUE_MAX);
    return status == CRM_OK ? put_numbers(adding) : status;
}

/* As a part of one that waits. CRM_NOT_FOUND: there is none; CRM_TOO_LARGE: together they are. */
static enum crm_status join(struct adding *adding)
{
    const Crm__Mutation *mutation = &adding->mutations[0];
    struct evolve *evolve = &adding->pending.evolve;
    struct outbox_item item;
    enum crm_status status;

    if (adding->n != 1 || mutation->verb != CRM__VERB__VERB_PATCH)
        return CRM_NOT_FOUND;
    status = outbox_fold_target(adding->add->txn, adding->add->arena, evolve, mutation, &evolve->changed, &item);
    if (status == CRM_OK)
        status = outbox_fold(evolve, item.queued->mutation, mutation);
    if (status == CRM_OK)
        status = name_change(adding, item.queued);
    return status == CRM_OK ? outbox_put(adding->add->txn, &item, adding->add->arena) : status;
}

/* What may be refused comes before what is put. */
static enum crm_status keep(struct adding *adding)
{
    enum crm_status status = join(adding);

    if (status == CRM_NOT_FOUND || status == CRM_TOO_LARGE)
        status = queue(adding);
    return status == CRM_OK ? rows_apply(&adding->rows) : status;
}

enum crm_status outbox_add_group(const struct outbox_add *add, Crm__Mutation *const *mutations, size_t n, Crm__MutateResult *const *out_results,
                                 size_t *out_at, struct failure *failure)
{
    struct adding adding;
    enum crm_status status = adding_begin(&adding, add, n, failure);

    *out_at = 0;
    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        *out_at = i;
        status = show(&adding, i, mutations[i], out_results[i]);
    }
    if (status == CRM_OK && add->keep)
        status = keep(&adding);
    return adding_failed(&adding, status);
}

enum crm_status outbox_add(const struct outbox_add *add, const Crm__Mutation *mutation, Crm__MutateResult *out_result, struct failure *failure)
{
    Crm__Mutation *mutations[] = { (Crm__Mutation *)(uintptr_t)mutation };
    size_t at;

    return outbox_add_group(add, mutations, 1, &out_result, &at, failure);
}
