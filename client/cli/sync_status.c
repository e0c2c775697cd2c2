/*
 * sync_status.c - crm sync --status: how old the replica is, what it holds, what waits
 *
 * Main thread. Reads beside whoever writes.
 */
#include <stdio.h>

#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/outbox.h"
#include "client/cli/sync_once.h"
#include "client/cli/table.h"
#include "client/replica/conflicts.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

static json_t *instant_json(int64_t instant_us)
{
    char text[INSTANT_TEXT_SIZE];

    if (instant_us == 0)
        return json_null();
    instant_format(instant_us, text);
    return json_string(text);
}

/* All that is told. */
struct status {
    const struct replica_state *replica;
    struct replica_counts counts;
    struct outbox_tally outbox;
    uint64_t conflicts; /* that are open, whichever machine has sent them */
};

static json_t *status_object(const struct status *status)
{
    const struct replica_state *state = status->replica;
    const struct replica_counts *counts = &status->counts;
    char id[UUID_TEXT_SIZE];
    json_t *object = json_object(), *kinds = json_object();
    const struct kind_def *kind;

    uuid_format(&state->id, id);
    for (size_t i = 0; (kind = kind_at(i)); i++)
        if (counts->by_kind[kind->kind])
            json_object_set_new(kinds, kind->name, json_integer((json_int_t)counts->by_kind[kind->kind]));
    json_object_set_new(object, "last_sync", instant_json(state->synced_us));
    json_object_set_new(object, "age_seconds",
                        state->synced_us ? json_integer((json_int_t)((clock_now_us() - state->synced_us) / 1000000)) : json_null());
    json_object_set_new(object, "expires", instant_json(state->expires_us));
    json_object_set_new(object, "complete", json_boolean(state->is_usable));
    json_object_set_new(object, "encrypted", json_boolean(state->is_sealed));
    json_object_set_new(object, "scope", json_string(state->scope));
    json_object_set_new(object, "user", json_string(state->session && state->session->login ? state->session->login : ""));
    json_object_set_new(object, "replica", json_string(id));
    json_object_set_new(object, "seq", json_integer((json_int_t)state->seq));
    json_object_set_new(object, "records", json_integer((json_int_t)counts->records));
    json_object_set_new(object, "by_kind", kinds);
    json_object_set_new(object, "unknown", json_integer((json_int_t)counts->raw));
    json_object_set_new(object, "pending", json_integer((json_int_t)status->outbox.waiting));
    json_object_set_new(object, "conflicts", json_integer((json_int_t)status->conflicts));
    json_object_set_new(object, "rejected", json_integer((json_int_t)status->outbox.rejected));
    json_object_set_new(object, "bytes", json_integer((json_int_t)counts->bytes));
    return object;
}

static enum crm_status status_row(struct table *table, const char *label, const char *text)
{
    return table_row(table, (const char *[]){ label, text }, 0);
}

static enum crm_status count_row(struct table *table, const char *label, uint64_t count)
{
    char number[32];

    return status_row(table, label, cli_grouped((int64_t)count, number));
}

/* How old it is, and how long it may be read. */
static enum crm_status add_times(struct cli *cli, struct table *table, const struct replica_state *state)
{
    char instant[INSTANT_TEXT_SIZE] = "";
    const char *when = cli_label(cli, "not complete yet", "尚未完成");
    enum crm_status status;

    if (state->synced_us) {
        instant_format_short(state->synced_us, instant);
        when = arena_printf(&cli->arena, cli->chinese ? "%s(%s前)" : "%s (%s ago)", instant, cli_age(cli, state->synced_us));
    }
    status = status_row(table, cli_label(cli, "Last sync", "上次同步"), when);
    if (status || !state->expires_us)
        return status;
    instant_format_short(state->expires_us, instant);
    return status_row(table, cli_label(cli, "Shown until", "有效期至"), instant);
}

static enum crm_status add_counts(struct cli *cli, struct table *table, const struct replica_counts *counts)
{
    const struct kind_def *kind;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; !status && (kind = kind_at(i)); i++)
        if (counts->by_kind[kind->kind])
            status = count_row(table, display_kind_label(cli, kind, true), counts->by_kind[kind->kind]);
    return status || !counts->raw ? status : count_row(table, cli_label(cli, "Of unknown kinds", "未知类型"), counts->raw);
}

/* What waits, and what needs somebody's decision. */
static enum crm_status add_outbox(struct cli *cli, struct table *table, const struct status *all)
{
    enum crm_status status = count_row(table, cli_label(cli, "Pending", "待提交"), all->outbox.waiting);

    if (!status && all->conflicts)
        status = count_row(table, cli_label(cli, "In conflict", "冲突"), all->conflicts);
    if (!status && all->outbox.rejected)
        status = count_row(table, cli_label(cli, "Not taken", "未被接受"), all->outbox.rejected);
    return status;
}

static enum crm_status fill_status(struct cli *cli, struct table *table, const struct status *all)
{
    const struct replica_state *state = all->replica;
    char text[UUID_TEXT_SIZE];
    enum crm_status status = add_times(cli, table, state);

    if (!status)
        status = status_row(table, cli_label(cli, "Carries", "范围"), cli_safe(cli, state->scope));
    if (!status)
        status = add_counts(cli, table, &all->counts);
    if (!status)
        status = add_outbox(cli, table, all);
    if (!status)
        status = status_row(table, cli_label(cli, "On disk", "占用空间"), sync_bytes_text(all->counts.bytes, text));
    if (!status)
        status = status_row(table, cli_label(cli, "Encrypted", "加密"), state->is_sealed ? cli_label(cli, "yes", "是") : cli_label(cli, "no", "否"));
    if (!status)
        status = status_row(table, cli_label(cli, "Of", "用户"), cli_safe(cli, state->session && state->session->login ? state->session->login : "-"));
    uuid_format(&state->id, text);
    return status ? status : status_row(table, cli_label(cli, "Replica", "副本标识"), text);
}

static enum crm_status status_table(struct cli *cli, const struct status *all)
{
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (int i = 0; i < 2 && !status; i++)
        status = table_column(table, NULL, 0);
    if (!status)
        status = fill_status(cli, table, all);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

enum crm_status sync_status(struct cli *cli)
{
    struct replica *replica = NULL;
    struct status all;
    enum crm_status status = replica_open(cli->profile.home, REPLICA_READ, &replica, &cli->failure);

    if (!status)
        status = replica_count(replica, &all.counts, &cli->failure);
    if (!status)
        status = outbox_tally(replica, &all.outbox, &cli->failure);
    if (!status)
        status = conflicts_count(replica, &all.conflicts, &cli->failure);
    if (!status) {
        all.conflicts += all.outbox.unkept;
        all.replica = replica_state(replica);
        status = cli->options.json ? json_print(stdout, status_object(&all), true) : status_table(cli, &all);
    }
    replica_close(replica);
    return status;
}
