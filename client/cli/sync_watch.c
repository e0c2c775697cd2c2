/*
 * sync_watch.c - crm sync --watch: a sync whenever something changes, there or here, until interrupted
 *
 * Main thread. The server tells over a subscription that something has changed; what, the next sync brings. Changes that are queued here meanwhile are seen
 * by the time of the replica's file. Between two syncs the replica is closed and its lock is free, so that others may queue changes beside this.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/cli/json.h"
#include "client/cli/sync_once.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

#define SECOND_US    INT64_C(1000000)
#define TICK_MS      500
#define CALM_US      SECOND_US        /* from one sync to the next at least */
#define ANYWAY_US    (60 * SECOND_US) /* and at most: what leaves the user's view may come without an event */
#define RETRY_MIN_US SECOND_US
#define RETRY_MAX_US (60 * SECOND_US)

struct watch {
    struct cli *cli;
    struct crm_call *events; /* the subscription; NULL: none */
    bool is_dirty;           /* something has changed there */
    unsigned failures;       /* of the line, in a row */
    int64_t synced_us;       /* when the last sync ended, monotonic; 0: none */
    struct timespec written; /* the replica's file then */
};

/* Set by the signals that end the watch. */
static volatile sig_atomic_t is_stopped;
/* A sync may be left at any moment: what has arrived is kept, and the lock goes with the process. */
static volatile sig_atomic_t is_at_work;

static void on_signal(int number)
{
    (void)number;
    is_stopped = 1;
    if (is_at_work)
        _exit(0);
}

static void on_event(void *arg, const ProtobufCMessage *message)
{
    struct watch *watch = arg;

    (void)message;
    watch->is_dirty = true;
}

/* --- what a sync has done */

static enum crm_status tell_json(const struct sync_once *once, const char *instant)
{
    json_t *object = json_pack("{s:s, s:I, s:I, s:o, s:I, s:I, s:I}", "time", instant, "sent", (json_int_t)once->pushed.applied, "kept",
                               (json_int_t)once->pushed.kept, "numbered", json_object(), "records", (json_int_t)once->pulled.records, "forgotten",
                               (json_int_t)once->pulled.forgets, "seq", (json_int_t)once->seq);

    if (once->answers.told)
        json_object_update(object, once->answers.told);
    return json_print(stdout, object, false);
}

static enum crm_status tell(struct cli *cli, const struct sync_once *once)
{
    const struct sync_progress *pulled = &once->pulled;
    char instant[INSTANT_TEXT_SIZE], sent[32], came[32], went[32];

    if (!once->pushed.applied && !once->pushed.kept && !pulled->records && !pulled->forgets)
        return CRM_OK;
    instant_format_short(clock_now_us(), instant);
    if (cli->options.json)
        return tell_json(once, instant);
    if (cli->options.quiet)
        return CRM_OK;
    printf(cli->chinese ? "%s  提交 %s 项,收到 %s 条,移除 %s 条\n" : "%s  %s sent, %s came, %s went\n", instant,
           cli_grouped((int64_t)(once->pushed.applied + once->pushed.kept), sent), cli_grouped((int64_t)pulled->records, came),
           cli_grouped((int64_t)pulled->forgets, went));
    return CRM_OK;
}

/* --- here */

static bool file_time(const struct cli *cli, struct timespec *out_time)
{
    char path[PATH_MAX];
    struct stat info;

    snprintf(path, sizeof path, "%s/replica/data.mdb", cli->profile.home); /* home leaves room for it */
    if (stat(path, &info) != 0)
        return false;
    *out_time = info.st_mtim;
    return true;
}

/* Has another process written to the replica since the last sync? */
static bool is_written(const struct watch *watch)
{
    struct timespec now;

    return file_time(watch->cli, &now) && (now.tv_sec != watch->written.tv_sec || now.tv_nsec != watch->written.tv_nsec);
}

/* --- the line */

static void hang_up(struct watch *watch)
{
    crm_call_destroy(watch->events);
    watch->events = NULL;
    crm_client_destroy(watch->cli->client);
    watch->cli->client = NULL;
}

static enum crm_status subscribe(struct watch *watch, uint64_t seq)
{
    const struct crm_call_options options = { .on_event = on_event, .arg = watch };
    Crm__SubscribeRequest request = CRM__SUBSCRIBE_REQUEST__INIT;
    enum crm_status status;

    if (watch->events)
        return CRM_OK;
    request.has_after_seq = true;
    request.after_seq = seq;
    status = crm_call_start(watch->cli->client, OP_SUBSCRIBE, &request.base, &options, &watch->events);
    return status ? cli_call_failed(watch->cli, status, NULL) : CRM_OK;
}

/* The line, or another process at the replica: worth another attempt. */
static bool may_try_again(enum crm_status status)
{
    return status == CRM_UNREACHABLE || status == CRM_DEADLINE || status == CRM_BUSY || status == CRM_SHUTTING_DOWN || status == CRM_SLOW_CONSUMER;
}

/* Twice as long after each failure, and never the same for two who were cut off together. */
static int64_t retry_us(const struct watch *watch)
{
    int64_t us = RETRY_MIN_US << (watch->failures < 6 ? watch->failures : 6);
    int64_t asked_us = (int64_t)watch->cli->failure.retry_after_ms * 1000;

    us = us < RETRY_MAX_US ? us : RETRY_MAX_US;
    us = us / 2 + (int64_t)(uuid_create().bytes[15] * (us / 256));
    return us > asked_us ? us : asked_us;
}

/* --- the loop */

static enum crm_status work(struct watch *watch)
{
    struct cli *cli = watch->cli;
    struct sync_once once;
    enum crm_status status;

    watch->is_dirty = false;
    arena_reset(&cli->arena); /* this may run for weeks */
    cli->known = NULL;        /* it was there */
    is_at_work = 1;
    if (is_stopped)
        return CRM_CANCELLED;
    status = sync_once(cli, &once);
    is_at_work = 0;
    if (!status)
        status = tell(cli, &once);
    if (!status)
        status = subscribe(watch, once.seq);
    sync_once_fini(&once);
    watch->synced_us = clock_monotonic_us();
    (void)file_time(cli, &watch->written);
    return fflush(stdout) != 0 && !status ? CRM_IO : status;
}

/* Until something has changed, it is time anyway, or the line is lost. */
static enum crm_status wait_for_change(struct watch *watch)
{
    struct cli *cli = watch->cli;

    while (!is_stopped) {
        int64_t age_us = clock_monotonic_us() - watch->synced_us;

        if (crm_call_is_done(watch->events))
            return cli_call_failed(cli, crm_call_error(watch->events)->status, watch->events);
        if (age_us >= CALM_US && (watch->is_dirty || age_us >= ANYWAY_US || is_written(watch)))
            return CRM_OK;
        crm_client_wait(cli->client, TICK_MS);
    }
    return CRM_CANCELLED;
}

/* The line is down: say so once, and wait. */
static void wait_to_retry(struct watch *watch)
{
    int64_t until_us = clock_monotonic_us() + retry_us(watch);
    const struct timespec tick = { .tv_nsec = TICK_MS * 1000000L };

    if (watch->failures++ == 0)
        cli_hint(watch->cli, watch->cli->chinese ? "%s: 正在重试。" : "%s: trying again until it works.", cli_safe(watch->cli, watch->cli->failure.text));
    watch->cli->failure = (struct failure){ 0 };
    while (!is_stopped && clock_monotonic_us() < until_us)
        nanosleep(&tick, NULL);
}

enum crm_status sync_watch(struct cli *cli)
{
    const struct sigaction action = { .sa_handler = on_signal };
    struct watch watch = { .cli = cli };
    enum crm_status status;

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    cli_hint(cli, "%s", cli_label(cli, "Following; Ctrl-C ends it.", "持续同步中,Ctrl-C 结束。"));
    do {
        status = work(&watch);
        if (!status) {
            watch.failures = 0;
            status = wait_for_change(&watch);
        }
        if (may_try_again(status)) {
            hang_up(&watch);
            wait_to_retry(&watch);
            status = CRM_OK;
        }
    } while (!status && !is_stopped);
    crm_call_destroy(watch.events);
    return status == CRM_CANCELLED ? CRM_OK : status;
}
