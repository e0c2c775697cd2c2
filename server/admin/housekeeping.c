/*
 * housekeeping.c - bounded turns of the sweeps, on the writer thread
 *
 * A sweep goes through one range of one database and remembers where it stopped, so that no turn is
 * long however much there is.
 */
#include "server/admin/housekeeping.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/uuid.h"
#include "server/engine/done.h"
#include "server/engine/job.h"
#include "server/engine/outcome.h"
#include "common/base/sealed.h"
#include "server/session/api_token.h"

#define ROWS_PER_TURN    500
#define CLIENTS_PER_TURN 100
#define CLIENTS_EVERY_US (INT64_C(3600) * 1000000)
#define UPLOAD_KEPT_US   (INT64_C(24) * 3600 * 1000000)
#define UPLOAD_KEY_SIZE                                                                            \
    (1 + UUID_SIZE) /* of an upload's first row; those of its chunks are longer */

/* One range to be swept. */
struct sweep {
    enum store_db db;
    const char *prefix; /* one letter, or empty for the whole database */
    size_t time_offset; /* in the content: an instant as i64 */
    int64_t kept_us;    /* the row goes when this much has passed since then */
};

static const struct sweep sweeps[HOUSEKEEPING_SWEEPS] = {
    { STORE_SESSION, "", 24, 0 },           /* session.h: expires */
    { STORE_CREDENTIAL, "i", 16, 0 },       /* session.h: an invitation's end */
    { STORE_CREDENTIAL, "n", 0, 0 },        /* factor.h: the end of a secret that was begun */
    { STORE_CREDENTIAL, "a", 0, API_TOKEN_KEPT_US }, /* api_token.h: an API token expires */
    { STORE_CREDENTIAL, "e", 16, 0 },       /* device.h: the end of a device's code */
    { STORE_CREDENTIAL, "o", 0, 0 },        /* device.h: a session of a device expires */
    { STORE_JOB, "u", 16, UPLOAD_KEPT_US }, /* upload.h: started */
    { STORE_JOB, DONE_PREFIX, 0, DONE_KEPT_US },
};

struct turn {
    const struct sweep *sweep;
    struct change_group *group;
    struct key *next;
    unsigned left;
    enum crm_status status;
};

static bool is_over(const struct turn *turn, struct slice value)
{
    struct slice content;
    int64_t at_us;

    /* A damaged row is for `crmd check` to name, not for housekeeping to hide. */
    if (sealed_open(value, turn->sweep->time_offset + sizeof at_us, &content) != CRM_OK)
        return false;
    memcpy(&at_us, content.data + turn->sweep->time_offset, sizeof at_us);
    return at_us < turn->group->now_us - turn->sweep->kept_us;
}

/* A chunk goes with its upload, which stands before it. */
static bool chunk_is_over(const struct turn *turn, struct slice key)
{
    struct view view = { .txn = turn->group->txn, .group = turn->group->set };
    struct slice row;
    enum crm_status status =
        view_get(&view, turn->sweep->db, slice_of(key.data, UPLOAD_KEY_SIZE), &row);

    return status == CRM_NOT_FOUND || (status == CRM_OK && is_over(turn, row));
}

static bool sweep_row(void *arg, struct slice key, struct slice value)
{
    struct turn *turn = arg;
    bool is_chunk = turn->sweep->db == STORE_JOB && *turn->sweep->prefix == 'u' && key.size > UPLOAD_KEY_SIZE;

    if (turn->left-- == 0) {
        turn->next->size = 0;
        key_bytes(turn->next, key.data, key.size);
        return false;
    }
    if (is_chunk ? chunk_is_over(turn, key) : is_over(turn, value))
        turn->status = writeset_delete(turn->group->set, turn->sweep->db, key);
    return turn->status == CRM_OK;
}

static enum crm_status run_sweep(const struct sweep *sweep, struct change_group *group,
                                 const struct key *from, struct key *next)
{
    struct turn turn = {
        .sweep = sweep, .group = group, .next = next, .left = ROWS_PER_TURN, .status = CRM_OK
    };
    struct key first = { 0 }, end = { 0 };
    struct store_range range = { 0 };
    enum crm_status status;

    key_bytes(&first, sweep->prefix, strlen(sweep->prefix));
    if (first.size && key_after_prefix(&first, &end))
        range.to = key_slice(&end);
    range.from = from->size ? key_slice(from) : key_slice(&first);
    next->size = 0; /* from the beginning again, unless the turn ends before the range does */
    status = store_scan(group->txn, sweep->db, &range, sweep_row, &turn);
    return status == CRM_OK ? turn.status : status;
}

static enum crm_status apply(struct write_job *job, struct change_group *group)
{
    struct housekeeping *keeping = (struct housekeeping *)job;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < HOUSEKEEPING_SWEEPS && status == CRM_OK; i++)
        status = run_sweep(&sweeps[i], group, &keeping->from[i], &keeping->next[i]);
    if (status == CRM_OK && keeping->sweeps_clients)
        status = outcome_sweep(group, group->now_us - OUTCOME_KEPT_US, CLIENTS_PER_TURN);
    if (status == CRM_OK && keeping->sweeps_clients)
        status = job_sweep(group, group->now_us - JOB_KEPT_US, ROWS_PER_TURN);
    return status;
}

static void done(struct write_job *job, enum crm_status status)
{
    struct housekeeping *keeping = (struct housekeeping *)job;

    if (status == CRM_OK)
        memcpy(keeping->from, keeping->next, sizeof keeping->from);
    else
        log_warn("housekeeping", "status=%s", crm_status_info((int)status)->name);
    atomic_store(&keeping->is_waiting, false);
}

void housekeeping_turn(struct housekeeping *keeping, struct writer *writer)
{
    int64_t now_us = clock_monotonic_us();
    enum crm_status status;

    writer_keep_audit(writer);
    if (atomic_exchange(&keeping->is_waiting, true))
        return;
    keeping->job = (struct write_job){ .is_bulk = true, .apply = apply, .done = done };
    keeping->sweeps_clients = now_us - keeping->clients_swept_us >= CLIENTS_EVERY_US;
    if (keeping->sweeps_clients)
        keeping->clients_swept_us = now_us;
    status = writer_submit(writer, &keeping->job);
    if (status != CRM_OK) { /* full or ending: the next minute will do */
        log_debug("housekeeping", "status=%s", crm_status_info((int)status)->name);
        atomic_store(&keeping->is_waiting, false);
    }
}
