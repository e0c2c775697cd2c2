/*
 * endings.c - asking the writer to end what is due
 */
#include "server/admin/endings.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/engine/expiry.h"

static enum crm_status apply(struct write_job *job, struct change_group *group)
{
    (void)job;
    return expiry_sweep(group);
}

static void done(struct write_job *job, enum crm_status status)
{
    struct endings *endings = (struct endings *)job;

    if (status != CRM_OK)
        log_warn("endings", "status=%s", crm_status_info((int)status)->name);
    atomic_store(&endings->is_waiting, false);
}

static enum crm_status look(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return expiry_next(&view, arg);
}

void endings_turn(struct endings *endings, struct store *store, struct writer *writer)
{
    int64_t next_us = INT64_MAX;
    enum crm_status status;

    if (atomic_load(&endings->is_waiting))
        return;
    status = store_read_run(store, look, &next_us);
    if (status == CRM_OK && next_us > clock_now_us())
        return;
    if (status == CRM_OK) {
        atomic_store(&endings->is_waiting, true);
        endings->job = (struct write_job){ .apply = apply, .done = done };
        status = writer_submit(writer, &endings->job);
    }
    if (status != CRM_OK) { /* full, ending, or a page is damaged: the next second will do */
        log_debug("endings", "status=%s", crm_status_info((int)status)->name);
        atomic_store(&endings->is_waiting, false);
    }
}
