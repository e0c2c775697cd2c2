/*
 * session_job.c - small writes about a session that no request waits for: it is in use; nobody has it
 */
#include <stdlib.h>

#include "common/base/log.h"
#include "server/dispatch/request.h"
#include "server/session/api_token.h"

#define US_PER_HOUR INT64_C(3600000000)

struct session_job {
    struct write_job job;
    int64_t at_us, idle_us;
    enum session_how how;
    uint8_t token_hash[SHA256_SIZE];
};

static enum crm_status apply_touch(struct write_job *job, struct change_group *group)
{
    const struct session_job *touch = (const struct session_job *)job;

    if (touch->how == SESSION_BY_TOKEN)
        return api_token_touch(group, touch->token_hash);
    return session_touch(group, touch->token_hash, touch->at_us, touch->idle_us);
}

static enum crm_status apply_close(struct write_job *job, struct change_group *group)
{
    return session_close(group, ((const struct session_job *)job)->token_hash);
}

static void done(struct write_job *job, enum crm_status status)
{
    if (status != CRM_OK) /* it has ended meanwhile, or the disk is full: there is another time */
        log_debug("session.job", "status=%s", crm_status_info((int)status)->name);
    free(job);
}

static void submit(struct dispatch *dispatch, const struct session *session, enum crm_status (*apply)(struct write_job *, struct change_group *))
{
    struct session_job *job = calloc(1, sizeof *job);
    enum crm_status status = job ? CRM_OK : CRM_NO_MEMORY;

    if (job) {
        job->job = (struct write_job){ .apply = apply, .done = done };
        job->at_us = session->used_us;
        job->idle_us = dispatch->core->settings.idle_hours * US_PER_HOUR;
        job->how = session->how;
        memcpy(job->token_hash, session->token_hash, sizeof job->token_hash);
        status = writer_submit(dispatch->writer, &job->job);
    }
    if (status != CRM_OK) {
        log_debug("session.job", "status=%s", crm_status_info((int)status)->name);
        free(job);
    }
}

void session_job_touch(struct dispatch *dispatch, const struct session *session)
{
    submit(dispatch, session, apply_touch);
}

void session_job_close(struct dispatch *dispatch, const struct session *session)
{
    submit(dispatch, session, apply_close);
}
