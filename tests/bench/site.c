/*
 * site.c - a crmd of the bench
 *
 * The bench's single thread.
 */
#include "tests/bench/site.h"

#include <errno.h>
#include <stdio.h>

#include "common/model/kind.h"
#include "proto/operation.h"
#include "server/engine/settings.h"
#include "tests/bench/changes.h"

#define CONNECTIONS    5000
#define LOAD_IN_FLIGHT 4
#define REPLY_BUDGET   (1u << 20)

static enum crm_status path_of(const struct site *site, const char *name, char out_path[PATH_MAX],
                               struct failure *failure)
{
    int n = snprintf(out_path, PATH_MAX, "%s/%s", site->directory, name);

    return n > 0 && n < PATH_MAX
               ? CRM_OK
               : fail(failure, CRM_INVALID, NULL, "the path of the directory is too long");
}

/* Over what init has written. */
static enum crm_status write_settings(const struct site *site, struct failure *failure)
{
    struct settings settings;
    char path[PATH_MAX];
    FILE *out;
    enum crm_status status = path_of(site, "crmd.conf", path, failure);

    config_defaults(settings_table, settings_count, &settings);
    if (status == CRM_OK)
        status =
            config_load(path, settings_table, settings_count, &settings, sizeof settings, failure);
    if (status != CRM_OK)
        return status;
    settings.io_threads = 1; /* as many as the echo server's */
    settings.connections = settings.connections_per_address = settings.connections_per_user = CONNECTIONS;
    strcpy(settings.log_level, "warn");
    out = fopen(path, "we");
    if (!out)
        return fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
    config_write(out, settings_table, settings_count, &settings);
    return fclose(out) == 0
               ? CRM_OK
               : fail(failure, CRM_IO, NULL, "cannot write %s: %s", path, strerror(errno));
}

enum crm_status site_create(struct site *site, const char *crmd, const char *directory,
                            struct failure *failure)
{
    const char *argv[] = { site->crmd, "init",      site->directory, "--listen", "127.0.0.1:0",
                           "--name",   "localhost", "--admin",       SITE_LOGIN, NULL };
    char ca[PATH_MAX];
    enum crm_status status;

    *site = (struct site){ 0 };
    if (strlen(crmd) >= sizeof site->crmd || strlen(directory) >= sizeof site->directory)
        return fail(failure, CRM_INVALID, NULL, "the path of the directory is too long");
    strcpy(site->crmd, crmd);
    strcpy(site->directory, directory);
    status = child_run(argv, SITE_PASSWORD, NULL, failure);
    if (status == CRM_OK)
        status = write_settings(site, failure);
    if (status == CRM_OK)
        status = path_of(site, "ca.crt", ca, failure);
    return status == CRM_OK ? peer_context_create(ca, &site->target.tls, failure) : status;
}

enum crm_status site_start(struct site *site, struct failure *failure)
{
    const char *argv[] = { site->crmd, "run", site->directory, NULL };
    struct peer peer = { 0 };
    enum crm_status status = child_start(argv, &site->server, failure);

    if (status != CRM_OK)
        return status;
    site->target.port = site->server.port;
    status = peer_login(&peer, &site->target, SITE_LOGIN, SITE_PASSWORD, &site->session, failure);
    peer_close(&peer);
    return status;
}

void site_stop(struct site *site)
{
    child_stop(&site->server);
}

enum crm_status site_connect(const struct site *site, struct peer *peers, unsigned n,
                             struct failure *failure)
{
    enum crm_status status = CRM_OK;

    for (unsigned i = 0; i < n && status == CRM_OK; i++)
        status = peer_resume(&peers[i], &site->target, &site->session, failure);
    return status;
}

void site_disconnect(struct peer *peers, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        peer_close(&peers[i]);
}

static enum crm_status check_count(struct peer *peer, enum kind kind, uint64_t expected,
                                   struct failure *failure)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    struct arena arena;
    const void *reply;
    enum crm_status status;

    request.has_kind = true;
    request.kind = (uint32_t)kind;
    arena_init(&arena, REPLY_BUDGET);
    status = peer_call(peer, OP_COUNT, &request.base, &crm__count_reply__descriptor, &arena, &reply,
                       failure);
    if (status == CRM_OK && ((const Crm__CountReply *)reply)->count != expected)
        status = fail(failure, CRM_FAILED, NULL, "%llu records of kind %d instead of %llu",
                      (unsigned long long)((const Crm__CountReply *)reply)->count, kind,
                      (unsigned long long)expected);
    arena_fini(&arena);
    return status;
}

enum crm_status site_load(struct site *site, uint64_t n_customers, uint64_t n_deals,
                          double *out_rows_per_second, struct failure *failure)
{
    struct changes changes;
    struct load_plan plan = {
        .in_flight = LOAD_IN_FLIGHT, .next = changes_next, .check = changes_check, .arg = &changes
    };
    struct load_result result = { 0 };
    struct peer peer = { 0 };
    enum crm_status status = site_connect(site, &peer, 1, failure);

    changes_init(&changes, CHANGES_CREATE, n_customers, n_deals);
    if (status == CRM_OK)
        status = load_run(&peer, 1, &plan, &result, failure);
    if (status == CRM_OK)
        status = check_count(&peer, KIND_CUSTOMER, n_customers, failure);
    if (status == CRM_OK)
        status = check_count(&peer, KIND_DEAL, n_deals, failure);
    if (status == CRM_OK) {
        site->n_customers = n_customers;
        site->n_deals = n_deals;
        *out_rows_per_second = (double)(n_customers + n_deals) * 1e6 / (double)result.us;
    }
    changes_fini(&changes);
    site_disconnect(&peer, 1);
    return status;
}

enum crm_status site_stats(const struct site *site, struct buf *out, struct failure *failure)
{
    const char *argv[] = { site->crmd, "stats", site->directory, NULL };

    return child_run(argv, NULL, out, failure);
}
