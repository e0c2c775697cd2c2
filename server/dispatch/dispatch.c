/*
 * dispatch.c - writer and workers, made and ended together
 */
#include <stdlib.h>
#include <unistd.h>

#include "server/dispatch/request.h"

#define MEMORY_LEAST (256u << 20)

/* A quarter of the machine for all requests together; the rest is for the store's pages, and others. */
static size_t memory_for_requests(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    size_t quarter = pages > 0 && size > 0 ? (size_t)pages / 4 * (size_t)size : 0;

    return quarter > MEMORY_LEAST ? quarter : MEMORY_LEAST;
}

static enum crm_status create(struct core *core, bool is_stepped, struct dispatch **out_dispatch)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    enum crm_status status;

    if (!dispatch)
        return CRM_NO_MEMORY;
    dispatch->core = core;
    dispatch->is_stepped = is_stepped;
    dispatch->memory.max = memory_for_requests();
    if (pthread_mutex_init(&dispatch->lock, NULL) != 0) {
        free(dispatch);
        return CRM_NO_MEMORY;
    }
    dispatch->throttle = throttle_create();
    dispatch->crowd = crowd_create((unsigned)core->settings.connections_per_user);
    status = dispatch->throttle && dispatch->crowd ? CRM_OK : CRM_NO_MEMORY;
    if (status == CRM_OK)
        status = worker_pool_create(is_stepped ? 0 : (unsigned)core->settings.workers, &dispatch->workers);
    if (status == CRM_OK)
        status = writer_create(core, push_publish, dispatch, &dispatch->writer);
    if (status == CRM_OK && is_stepped)
        writer_start_stepped(dispatch->writer);
    else if (status == CRM_OK)
        status = writer_start(dispatch->writer);
    if (status != CRM_OK) {
        dispatch_destroy(dispatch);
        return status;
    }
    *out_dispatch = dispatch;
    return CRM_OK;
}

enum crm_status dispatch_create(struct core *core, struct dispatch **out_dispatch)
{
    return create(core, false, out_dispatch);
}

enum crm_status dispatch_create_stepped(struct core *core, struct dispatch **out_dispatch)
{
    return create(core, true, out_dispatch);
}

bool dispatch_step(struct dispatch *dispatch)
{
    return worker_step(dispatch->workers) || writer_step(dispatch->writer);
}

void dispatch_stop(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    while (dispatch->is_stepped && dispatch->workers && dispatch->writer && dispatch_step(dispatch))
        continue;
    worker_pool_destroy(dispatch->workers); /* first: they hand on to the writer */
    dispatch->workers = NULL;
    if (dispatch->writer)
        writer_stop(dispatch->writer);
}

void dispatch_destroy(struct dispatch *dispatch)
{
    if (!dispatch)
        return;
    dispatch_stop(dispatch);
    writer_destroy(dispatch->writer);
    throttle_destroy(dispatch->throttle);
    crowd_destroy(dispatch->crowd);
    pthread_mutex_destroy(&dispatch->lock);
    free(dispatch);
}

struct writer *dispatch_writer(struct dispatch *dispatch)
{
    return dispatch->writer;
}
