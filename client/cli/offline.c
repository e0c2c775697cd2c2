/*
 * offline.c - commands answered by the replica instead of the server
 *
 * Called by connect.c. The replica is a client's other end like the server: nothing behind it knows which of the two it talks to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/command.h"
#include "client/cli/rows.h"
#include "client/replica/local.h"
#include "common/base/clock.h"

#define MINUTE_US INT64_C(60000000)

bool cli_is_offline(const struct cli *cli)
{
    const char *value = getenv("CRM_OFFLINE");

    return cli->options.offline || (value && *value && strcmp(value, "0") != 0);
}

/* Somebody is logged in and looks at a terminal. */
static bool is_for_people(const struct cli *cli)
{
    return cli->out_is_tty && !rows_for_programs(cli) && !cli->has_api_token && cli->profile.token_size > 0 && !cli_is_offline(cli);
}

bool cli_may_answer_first(const struct cli *cli)
{
    return cli->command->flags & COMMAND_READS && is_for_people(cli);
}

bool cli_may_queue(const struct cli *cli)
{
    return cli->command->flags & COMMAND_QUEUES && !cli->options.from && !cli->options.where && is_for_people(cli);
}

const char *cli_age(struct cli *cli, int64_t since_us)
{
    static const struct {
        int64_t minutes; /* of one */
        const char *one, *many, *zh;
    } units[] = { { 1440, "day", "days", "天" }, { 60, "hour", "hours", "小时" }, { 1, "minute", "minutes", "分钟" } };
    int64_t minutes = (clock_now_us() - since_us) / MINUTE_US;
    const char *text = cli_label(cli, "less than a minute", "不到一分钟");

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        int64_t n = minutes / units[i].minutes;

        if (n >= 1) {
            text = cli->chinese ? arena_printf(&cli->arena, "%d%s", (int)n, units[i].zh)
                                : arena_printf(&cli->arena, "%d %s", (int)n, n == 1 ? units[i].one : units[i].many);
            break;
        }
    }
    return text ? text : "";
}

/* Is it the one of who uses this profile? */
static enum crm_status check_user(struct cli *cli, const struct replica_state *state)
{
    struct uuid profile_user, user;

    if (!state->session || !uuid_from_slice(slice_of(state->session->user.data, state->session->user.len), &user))
        return fail(&cli->failure, CRM_CORRUPT, NULL, "the replica does not say whose it is");
    if (uuid_parse(cli->profile.user, &profile_user) && !uuid_equal(&profile_user, &user))
        return fail(&cli->failure, CRM_NOT_ALLOWED, NULL, "the replica here is another user's: crm sync --wipe removes it");
    return CRM_OK;
}

/* Who asks, with which fields, is what the last sync was told. */
static void take_state(struct cli *cli, const struct replica_state *state)
{
    cli_take_session(cli, state->session);
    schema_unref(cli->schema);
    cli->schema = schema_ref(state->schema);
}

/* To write it must be there: only a sync makes one. */
static enum crm_status open_replica(struct cli *cli, bool write)
{
    enum crm_status status = replica_open(cli->profile.home, REPLICA_READ, &cli->replica, &cli->failure);

    if (status || !write)
        return status;
    replica_close(cli->replica);
    cli->replica = NULL;
    return replica_open(cli->profile.home, REPLICA_WRITE, &cli->replica, &cli->failure);
}

/* Open, and this user's to see. */
static enum crm_status open_usable(struct cli *cli, bool write)
{
    enum crm_status status = open_replica(cli, write);

    if (!status)
        status = replica_check(cli->replica, clock_now_us(), &cli->failure);
    if (!status)
        status = check_user(cli, replica_state(cli->replica));
    return status;
}

static void close_replica(struct cli *cli)
{
    crm_client_destroy(cli->client);
    cli->client = NULL;
    replica_close(cli->replica);
    cli->replica = NULL;
}

bool cli_has_replica(const struct cli *cli)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/replica/data.mdb", cli->profile.home); /* home leaves room for it */
    return access(path, F_OK) == 0;
}

enum crm_status cli_open_replica(struct cli *cli, bool write)
{
    enum crm_status status = open_usable(cli, write);

    if (!status && local_client_create(cli->replica, &cli->client))
        status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!status && crm_client_connect(cli->client))
        status = fail(&cli->failure, CRM_IO, NULL, "%s", crm_client_error(cli->client)->text);
    if (status)
        close_replica(cli);
    else
        take_state(cli, replica_state(cli->replica)); /* greeting has read it anew */
    return status;
}

enum crm_status cli_connect_offline(struct cli *cli)
{
    enum crm_status status = cli_open_replica(cli, !(cli->command->flags & COMMAND_READS));
    const struct replica_state *state;

    if (status)
        return status;
    state = replica_state(cli->replica);
    cli_hint(cli, cli->chinese ? "离线:数据为%s前" : "offline: as of %s ago", cli_age(cli, state->synced_us));
    return CRM_OK;
}
