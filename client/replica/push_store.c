/*
 * push_store.c - what sending leaves on disk: numbers before they are used, answers before the server may forget them
 *
 * One run a turn, with one sync of the disk, however many were answered and are sent in it.
 */
#include "client/replica/push_inside.h"

static enum crm_status cannot_write(struct push *push, enum crm_status status)
{
    return status == CRM_OK ? CRM_OK : fail(push->failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

/* The server keeps the values of conflicts; where they do not fit they are left to it. */
static enum crm_status put_answered(struct store_txn *txn, const struct outbox_item *item, struct arena *arena)
{
    enum crm_status status = outbox_put(txn, item, arena);

    if (status != CRM_TOO_LARGE || !item->queued->answer)
        return status;
    item->queued->answer->n_conflicts = 0;
    for (size_t i = 0; i < item->queued->n_parts; i++)
        if (item->queued->parts[i]->answer)
            item->queued->parts[i]->answer->n_conflicts = 0;
    return outbox_put(txn, item, arena);
}

static enum crm_status store_item(struct store_txn *txn, struct push *push, size_t i)
{
    const struct outbox_item *item = &push->list.items[i];
    enum crm_status status;

    switch (push->fates[i]) {
    case FATE_SENT:
        return outbox_put(txn, item, &push->scratch);
    case FATE_STORED:
        return put_answered(txn, item, &push->scratch);
    case FATE_TAKEN:
        status = kept_put(txn, item, &push->scratch);
        return status == CRM_OK ? outbox_take(txn, item->place) : status;
    default:
        return CRM_OK;
    }
}

static enum crm_status store_turn(struct store_txn *txn, void *arg)
{
    struct push *push = arg;
    enum crm_status status = CRM_OK;

    arena_reset(&push->scratch);
    for (size_t i = 0; i < push->n_touched && status == CRM_OK; i++)
        status = store_item(txn, push, push->touched[i]);
    return status == CRM_OK ? replica_put_number(txn, ROW_SENT, push->last) : status;
}

enum crm_status push_store(struct push *push)
{
    enum crm_status status = push->n_touched > 0 ? store_write_run(replica_store(push->replica), store_turn, push) : CRM_OK;

    for (size_t i = 0; i < push->n_touched; i++)
        push->fates[push->touched[i]] = FATE_NONE;
    push->n_touched = 0;
    return cannot_write(push, status);
}

static enum crm_status store_identity(struct store_txn *txn, void *arg)
{
    struct push *push = arg;
    const struct uuid id = uuid_create();
    enum crm_status status = replica_put(txn, ROW_ID, uuid_slice(&id));

    if (status == CRM_OK)
        status = replica_put_number(txn, ROW_SENT, 0);
    for (size_t i = 0; i < push->list.n && status == CRM_OK; i++) {
        struct outbox_item *item = &push->list.items[i];

        if (push->states[i] != ITEM_WAITS || !item->queued->has_number)
            continue;
        item->queued->has_number = false;
        item->queued->number = 0;
        arena_reset(&push->scratch);
        status = outbox_put(txn, item, &push->scratch);
    }
    return status;
}

enum crm_status push_new_identity(struct push *push)
{
    enum crm_status status = store_write_run(replica_store(push->replica), store_identity, push);

    if (status != CRM_OK)
        return cannot_write(push, status);
    push->last = 0;
    push->is_taken_over = false;
    push->counts->is_new_copy = true;
    return replica_load(push->replica, push->failure);
}

struct return_run {
    uint32_t epoch;
    size_t n;
};

static enum crm_status return_kept(struct store_txn *txn, void *arg)
{
    struct return_run *run = arg;

    return kept_return(txn, run->epoch, &run->n);
}

enum crm_status push_return(struct push *push, uint32_t epoch)
{
    struct return_run run = { .epoch = epoch };

    return cannot_write(push, store_write_run(replica_store(push->replica), return_kept, &run));
}
