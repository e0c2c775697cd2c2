/*
 * cmd_sync.c - crm sync: changes sent, the replica brought up to date, described, removed
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/progress.h"
#include "client/cli/table.h"
#include "client/cli/outbox.h"
#include "client/replica/push.h"
#include "client/replica/sync.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

/* "3.4 MB" into text[32]. */
static const char *bytes_text(uint64_t bytes, char text[32])
{
    static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(text, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

/* --- the sync itself */

static void on_progress(void *arg, const struct sync_progress *so_far)
{
    struct progress *progress = arg;

    bytes_text(so_far->bytes, progress->note);
    progress_update(progress, so_far->records);
}

static enum crm_status choose_scope(struct cli *cli, const struct replica *replica, Crm__SyncScope *out_scope)
{
    const char *before = replica_state(replica)->scope;

    *out_scope = CRM__SYNC_SCOPE__SYNC_SCOPE_MINE;
    if (cli->options.carry && !sync_scope_parse(cli->options.carry, out_scope))
        return fail(&cli->failure, CRM_USAGE, NULL, "--scope is mine, team or all, not '%s'", cli->options.carry);
    if (!cli->options.carry && before && *before && !sync_scope_parse(before, out_scope))
        return fail(&cli->failure, CRM_USAGE, NULL, "say what to carry: --scope mine, team or all");
    return CRM_OK;
}

/* What became of the changes that were sent. */
struct pushing {
    struct cli *cli;
    struct push_counts counts;
    json_t *numbered; /* number here → number there */
};

/* "C-~1 → C-1042" for a new record, and why a change was not taken. */
static void on_answer(void *arg, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer)
{
    struct pushing *pushing = arg;
    struct cli *cli = pushing->cli;
    struct record_header header = { .kind = (enum kind)queued->mutation->kind, .number = answer->number };
    char here[RECORD_LABEL_SIZE], there[RECORD_LABEL_SIZE];

    if (answer->status != CRM_OK) {
        cli_hint(cli, "%s: %s", outbox_what(cli, queued), outbox_why(cli, answer));
        return;
    }
    if (!queued->local_number || !answer->number)
        return;
    record_label(&header, there);
    header.number = RECORD_NUMBER_LOCAL | queued->local_number;
    record_label(&header, here);
    if (cli->options.json)
        json_object_set_new(pushing->numbered, here, json_string(there));
    else if (!cli->options.quiet)
        printf("%s → %s\n", here, there);
}

static enum crm_status push(struct cli *cli, struct replica *replica, struct pushing *pushing)
{
    const struct push_options options = { .on_answer = on_answer, .arg = pushing };

    return replica_state(replica)->is_usable ? push_run(replica, cli->client, &options, &pushing->counts, &cli->failure) : CRM_OK;
}

static enum crm_status tell_sync(struct cli *cli, const struct sync_progress *progress, const struct pushing *pushing, const struct replica_state *state,
                                 int64_t took_us)
{
    char records[32], forgets[32], bytes[32];

    if (cli->options.json)
        return json_print(stdout,
                          json_pack("{s:I, s:I, s:O, s:I, s:I, s:I, s:i, s:b, s:s, s:I}", "sent", (json_int_t)pushing->counts.applied, "kept",
                                    (json_int_t)pushing->counts.kept, "numbered", pushing->numbered, "records", (json_int_t)progress->records, "forgotten",
                                    (json_int_t)progress->forgets, "bytes", (json_int_t)progress->bytes, "cuts", (int)progress->cuts, "snapshot",
                                    progress->is_snapshot, "scope", state->scope, "seq", (json_int_t)state->seq),
                          true);
    if (cli->options.quiet)
        return CRM_OK;
    if (pushing->counts.applied)
        printf(cli->chinese ? "已提交: %s 项更改\n" : "Changes sent: %s.\n", cli_grouped((int64_t)pushing->counts.applied, records));
    if (pushing->counts.kept)
        printf(cli->chinese ? "未被接受: %s 项更改 (crm outbox list)\n" : "Changes not taken: %s, see crm outbox list.\n",
               cli_grouped((int64_t)pushing->counts.kept, records));
    printf(cli->chinese ? "已同步: 收到 %s 条,移除 %s 条,%s,%.1f 秒\n" : "Synced: %s records came, %s went, %s in %.1f s.\n",
           cli_grouped((int64_t)progress->records, records), cli_grouped((int64_t)progress->forgets, forgets), bytes_text(progress->bytes, bytes),
           (double)took_us / 1e6);
    return CRM_OK;
}

static enum crm_status synchronise(struct cli *cli)
{
    struct sync_progress so_far;
    struct progress progress;
    struct sync_options options = { .on_progress = on_progress, .arg = &progress };
    struct replica *replica = NULL;
    struct pushing pushing = { .cli = cli, .numbered = json_object() };
    int64_t began_us = clock_monotonic_us();
    enum crm_status status = cli_connect_bare(cli);

    if (!status)
        status = profile_make_home(&cli->profile, &cli->failure);
    if (!status)
        status = replica_open(cli->profile.home, REPLICA_WRITE, &replica, &cli->failure);
    if (!status)
        status = choose_scope(cli, replica, &options.scope);
    if (!status)
        status = push(cli, replica, &pushing);
    if (!status) {
        progress_init(&progress, cli, 0);
        status = sync_run(replica, cli->client, &options, &so_far, &cli->failure);
        progress_end(&progress);
    }
    if (!status)
        status = tell_sync(cli, &so_far, &pushing, replica_state(replica), clock_monotonic_us() - began_us);
    json_decref(pushing.numbered);
    replica_close(replica);
    return status;
}

/* --- status */

static json_t *instant_json(int64_t instant_us)
{
    char text[INSTANT_TEXT_SIZE];

    if (instant_us == 0)
        return json_null();
    instant_format(instant_us, text);
    return json_string(text);
}

static json_t *status_object(const struct replica_state *state, const struct replica_counts *counts)
{
    json_t *object = json_object(), *kinds = json_object();
    const struct kind_def *kind;

    for (size_t i = 0; (kind = kind_at(i)); i++)
        if (counts->by_kind[kind->kind])
            json_object_set_new(kinds, kind->name, json_integer((json_int_t)counts->by_kind[kind->kind]));
    json_object_set_new(object, "last_sync", instant_json(state->synced_us));
    json_object_set_new(object, "age_seconds",
                        state->synced_us ? json_integer((json_int_t)((clock_now_us() - state->synced_us) / 1000000)) : json_null());
    json_object_set_new(object, "expires", instant_json(state->expires_us));
    json_object_set_new(object, "complete", json_boolean(state->is_usable));
    json_object_set_new(object, "scope", json_string(state->scope));
    json_object_set_new(object, "user", json_string(state->session && state->session->login ? state->session->login : ""));
    json_object_set_new(object, "seq", json_integer((json_int_t)state->seq));
    json_object_set_new(object, "records", json_integer((json_int_t)counts->records));
    json_object_set_new(object, "by_kind", kinds);
    json_object_set_new(object, "unknown", json_integer((json_int_t)counts->raw));
    json_object_set_new(object, "pending", json_integer((json_int_t)counts->pending));
    json_object_set_new(object, "bytes", json_integer((json_int_t)counts->bytes));
    return object;
}

static enum crm_status status_row(struct table *table, const char *label, const char *text)
{
    return table_row(table, (const char *[]){ label, text }, 0);
}

static enum crm_status fill_status(struct cli *cli, struct table *table, const struct replica_state *state, const struct replica_counts *counts)
{
    char instant[INSTANT_TEXT_SIZE] = "", number[32];
    const struct kind_def *kind;
    const char *when = NULL;
    enum crm_status status;

    if (state->synced_us) {
        instant_format_short(state->synced_us, instant);
        when = arena_printf(&cli->arena, cli->chinese ? "%s(%s前)" : "%s (%s ago)", instant, cli_age(cli, state->synced_us));
    }
    status = status_row(table, cli_label(cli, "Last sync", "上次同步"), when ? when : cli_label(cli, "not complete yet", "尚未完成"));
    if (!status && state->expires_us) {
        instant_format_short(state->expires_us, instant);
        status = status_row(table, cli_label(cli, "Shown until", "有效期至"), instant);
    }
    if (!status)
        status = status_row(table, cli_label(cli, "Carries", "范围"), state->scope);
    for (size_t i = 0; !status && (kind = kind_at(i)); i++)
        if (counts->by_kind[kind->kind])
            status = status_row(table, display_kind_label(cli, kind, true), cli_grouped((int64_t)counts->by_kind[kind->kind], number));
    if (!status && counts->raw)
        status = status_row(table, cli_label(cli, "Of unknown kinds", "未知类型"), cli_grouped((int64_t)counts->raw, number));
    if (!status)
        status = status_row(table, cli_label(cli, "Pending", "待提交"), cli_grouped((int64_t)counts->pending, number));
    return status ? status : status_row(table, cli_label(cli, "On disk", "占用空间"), bytes_text(counts->bytes, number));
}

static enum crm_status status_table(struct cli *cli, const struct replica_state *state, const struct replica_counts *counts)
{
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (int i = 0; i < 2 && !status; i++)
        status = table_column(table, NULL, 0);
    if (!status)
        status = fill_status(cli, table, state, counts);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static enum crm_status show_status(struct cli *cli)
{
    struct replica_counts counts;
    struct replica *replica = NULL;
    enum crm_status status = replica_open(cli->profile.home, REPLICA_READ, &replica, &cli->failure);

    if (!status)
        status = replica_count(replica, &counts, &cli->failure);
    if (!status && cli->options.json)
        status = json_print(stdout, status_object(replica_state(replica), &counts), true);
    else if (!status)
        status = status_table(cli, replica_state(replica), &counts);
    replica_close(replica);
    return status;
}

/* What is nowhere else goes only with --yes. What cannot be opened has nothing to save. */
static enum crm_status check_pending(struct cli *cli)
{
    struct replica_counts counts = { 0 };
    struct replica *replica = NULL;
    struct failure ignored = { 0 };
    enum crm_status status = replica_open(cli->profile.home, REPLICA_READ, &replica, &ignored);

    if (!status)
        status = replica_count(replica, &counts, &ignored);
    replica_close(replica);
    if (status || !counts.pending || cli->options.yes)
        return CRM_OK;
    return fail(&cli->failure, CRM_IN_USE, NULL, "%" PRIu64 " changes are not in the server: crm outbox list; --yes gives them up", counts.pending);
}

static enum crm_status wipe(struct cli *cli)
{
    enum crm_status status = check_pending(cli);

    if (!status)
        status = replica_wipe(cli->profile.home, &cli->failure);

    if (!status && !cli->options.quiet && !cli->options.json)
        puts(cli_label(cli, "The replica is gone.", "本地副本已删除。"));
    return status;
}

enum crm_status cmd_sync(struct cli *cli, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (cli->options.status)
        return show_status(cli);
    if (cli->options.wipe)
        return wipe(cli);
    if (cli_is_offline(cli))
        return fail(&cli->failure, CRM_USAGE, NULL, "a sync needs the server: not with --offline or CRM_OFFLINE");
    return synchronise(cli);
}
