/*
 * outbox_carry.c - the waiting changes on top of what the server tells, anew: after a sync, and when one is given up, altered or tried again
 *
 * Called by sync.c and by outbox_edit.c; single-threaded. In one write run, so that nobody sees less than what waits, unless that is more than a run can put.
 * Memory is that of a few changes.
 */
#include "client/replica/outbox_carry.h"

#define CARRY_BUDGET ((size_t)64 << 20)
#define CARRY_ITEMS  64 /* read at a time */
#define STRIP_ROWS   256

enum crm_status carry_begin_rows(struct carry *carry, struct failure *failure)
{
    enum crm_status status = rows_init(&carry->rows, carry->txn, replica_state(carry->replica)->schema, &carry->scratch);

    pending_begin(&carry->pending, &carry->rows, carry->replica, carry->now_us, failure);
    return status;
}

/* --- the server's state */

static bool strip(void *arg, struct slice key, struct slice value)
{
    struct carry *carry = arg;
    struct uuid id;
    enum kind kind;

    (void)value;
    carry->status = record_key_parse(key, &kind, &id) ? rows_unchange(&carry->rows, kind, &id) : CRM_CORRUPT;
    return ++carry->n < STRIP_ROWS && carry->status == CRM_OK;
}

/* What was stripped is in REPLICA_BASE no more: each look begins at its first. */
static enum crm_status strip_some(struct carry *carry)
{
    enum crm_status status;

    arena_reset(&carry->scratch);
    carry->n = 0;
    carry->status = CRM_OK;
    status = carry_begin_rows(carry, carry->failure);
    if (status == CRM_OK)
        status = store_scan(carry->txn, (enum store_db)REPLICA_BASE, &(struct store_range){ 0 }, strip, carry);
    if (status == CRM_OK)
        status = carry->status;
    return status == CRM_OK ? rows_apply(&carry->rows) : status;
}

/* --- the changes on top */

static enum crm_status show_parts(struct carry *carry, const struct outbox_item *item)
{
    bool is_fresh = item->place == carry->fresh;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < outbox_mutations(item->queued) && status == CRM_OK; i++) {
        const struct outbox_part part = outbox_part(item->queued, i);

        status = pending_show(&carry->pending, part.mutation, part.local_number);
        if (status == CRM_OK && is_fresh)
            status = pending_note_seen(&carry->pending, part.mutation);
    }
    return status == CRM_OK && is_fresh ? outbox_put(carry->txn, item, &carry->scratch) : status;
}

static bool is_ours(enum crm_status status)
{
    return status == CRM_NO_MEMORY || status == CRM_CORRUPT || status == CRM_IO || status == CRM_FULL;
}

/* What the rules refuse by now is not shown, nothing of a group: the server will say why. */
static enum crm_status show_again(struct carry *carry, const struct outbox_item *item)
{
    bool is_fresh = item->place == carry->fresh;
    struct failure refused = { 0 };
    enum crm_status status;

    arena_reset(&carry->scratch);
    carry->at = item->place;
    status = carry_begin_rows(carry, is_fresh ? carry->failure : &refused);
    if (status == CRM_OK)
        status = show_parts(carry, item);
    if (status == CRM_OK)
        return rows_apply(&carry->rows);
    carry->is_refused |= is_fresh;
    return is_ours(status) || is_fresh ? status : CRM_OK;
}

/* From carry->from on; at the end n is less than most. */
static enum crm_status show_some(struct carry *carry)
{
    struct outbox_list list;
    uint64_t from = carry->from;
    enum crm_status status;

    arena_reset(&carry->arena);
    status = outbox_read_some(carry->txn, from, carry->most, &carry->arena, &list);
    for (size_t i = 0; status == CRM_OK && i < list.n; i++) {
        from = list.items[i].place + 1;
        if (outbox_waits(list.items[i].queued))
            status = show_again(carry, &list.items[i]);
    }
    if (status == CRM_OK) {
        carry->from = from;
        carry->n = list.n;
    }
    return status;
}

/* --- in one run */

static void begin(struct carry *carry)
{
    carry->from = 0;
    carry->most = CARRY_ITEMS;
    carry->is_refused = false;
}

static enum crm_status close_it(struct store_txn *txn)
{
    uint64_t is_open;
    enum crm_status status = replica_get_number(txn, ROW_CARRYING, &is_open);

    return status == CRM_OK && is_open ? replica_put_number(txn, ROW_CARRYING, 0) : status;
}

enum crm_status carry_in(struct carry *carry, struct store_txn *txn)
{
    enum crm_status status;

    carry->txn = txn;
    begin(carry);
    do
        status = strip_some(carry);
    while (status == CRM_OK && carry->n == STRIP_ROWS);
    if (status == CRM_OK)
        do
            status = show_some(carry);
        while (status == CRM_OK && carry->n == carry->most);
    return status == CRM_OK ? close_it(txn) : status;
}

/* --- in several */

enum crm_status carry_is_open(struct store_txn *txn)
{
    return replica_put_number(txn, ROW_CARRYING, 1);
}

static enum crm_status run_strip(struct store_txn *txn, void *arg)
{
    struct carry *carry = arg;

    carry->txn = txn;
    return strip_some(carry);
}

static enum crm_status run_show(struct store_txn *txn, void *arg)
{
    struct carry *carry = arg;

    carry->txn = txn;
    return show_some(carry);
}

static enum crm_status run_close(struct store_txn *txn, void *arg)
{
    (void)arg;
    return close_it(txn);
}

/* Fewer at a time where they are too much; a single one that is too much is not shown. */
static enum crm_status show_piece(struct carry *carry)
{
    enum crm_status status = store_write_run(replica_store(carry->replica), run_show, carry);

    if (status == CRM_OK && carry->most < CARRY_ITEMS)
        carry->most *= 2;
    if (status != CRM_TOO_LARGE || carry->is_refused)
        return status;
    if (carry->most == 1)
        carry->from = carry->at + 1;
    else
        carry->most /= 2;
    carry->n = 1;
    return CRM_OK;
}

enum crm_status carry_in_pieces(struct carry *carry)
{
    struct store *store = replica_store(carry->replica);
    enum crm_status status;

    begin(carry);
    do
        status = store_write_run(store, run_strip, carry);
    while (status == CRM_OK && carry->n == STRIP_ROWS);
    carry->n = 1;
    while (status == CRM_OK && carry->n > 0)
        status = show_piece(carry);
    return status == CRM_OK ? store_write_run(store, run_close, NULL) : status;
}

/* --- all of it */

void carry_init(struct carry *carry, struct replica *replica, int64_t now_us, struct failure *failure)
{
    *carry = (struct carry){ .replica = replica, .now_us = now_us, .failure = failure };
    arena_init(&carry->arena, CARRY_BUDGET);
    arena_init(&carry->scratch, CARRY_BUDGET);
}

enum crm_status carry_fini(struct carry *carry, enum crm_status status)
{
    arena_fini(&carry->scratch);
    arena_fini(&carry->arena);
    if (status == CRM_OK)
        return CRM_OK;
    return fail(carry->failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

static enum crm_status run_carry(struct store_txn *txn, void *arg)
{
    return carry_in(arg, txn);
}

static enum crm_status run_open(struct store_txn *txn, void *arg)
{
    (void)arg;
    return carry_is_open(txn);
}

enum crm_status outbox_carry(struct replica *replica, int64_t now_us, struct failure *failure)
{
    struct store *store = replica_store(replica);
    struct carry carry;
    enum crm_status status;

    carry_init(&carry, replica, now_us, failure);
    status = store_write_run(store, run_carry, &carry);
    if (status == CRM_TOO_LARGE) {
        status = store_write_run(store, run_open, NULL);
        if (status == CRM_OK)
            status = carry_in_pieces(&carry);
    }
    return carry_fini(&carry, status);
}

static enum crm_status run_ask(struct store_txn *txn, void *arg)
{
    return replica_get_number(txn, ROW_CARRYING, arg);
}

enum crm_status outbox_mend(struct replica *replica, int64_t now_us, struct failure *failure)
{
    uint64_t is_open = 0;
    enum crm_status status = store_read_run(replica_store(replica), run_ask, &is_open);

    if (status != CRM_OK)
        return fail(failure, status, NULL, "the replica cannot be read: %s", crm_status_info((int)status)->sentence);
    return is_open ? outbox_carry(replica, now_us, failure) : CRM_OK;
}
