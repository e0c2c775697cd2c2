/*
 * cmd_resolve.c - crm resolve: which values a record is to have where others have changed it too
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/resolve.h"
#include "client/cli/result.h"
#include "client/cli/select.h"
#include "client/replica/conflicts.h"

/* --- afterwards: what the replica has kept for it goes at once */

static bool is_same_id(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
    return slice_equal(slice_of(a.data, a.len), slice_of(b.data, b.len));
}

/* Is a replica that of who is logged in? */
static bool is_ours(const struct cli *cli, const struct replica *replica)
{
    const struct replica_state *state = replica_state(replica);
    const Crm__Hello *hello = crm_client_hello(cli->client);

    return hello && hello->session && state->is_usable && state->session && is_same_id(hello->session->user, state->session->user) &&
           slice_equal(slice_of(hello->database.data, hello->database.len), uuid_slice(&state->database));
}

/* Best effort: the next sync does the same. */
static void tell_replica(struct cli *cli)
{
    struct replica *replica = NULL;
    struct failure ignored = { 0 };
    enum crm_status status = CRM_OK;

    if (cli->options.dry_run)
        return;
    if (cli->replica) {
        status = conflicts_prune(cli->replica, &ignored);
    } else if (replica_open(cli->profile.home, REPLICA_READ, &replica, &ignored) == CRM_OK) {
        replica_close(replica);
        replica = NULL;
        if (replica_open(cli->profile.home, REPLICA_WRITE, &replica, &ignored) == CRM_OK && is_ours(cli, replica))
            status = conflicts_take(replica, cli->client, NULL, &ignored);
        replica_close(replica);
    }
    if (status)
        cli_verbose(cli, "replica: %s", ignored.text);
}

static void tell_rest(struct cli *cli, size_t open)
{
    if (open > 0)
        cli_hint(cli, cli->chinese ? "还有 %zu 项未决:crm conflicts" : "%zu more %s open: crm conflicts", open, open == 1 ? "is" : "are");
}

/* --- giving up */

static enum crm_status drop_one(struct cli *cli, const Crm__Conflict *conflict)
{
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
    const Crm__ConflictsReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    request.has_id = request.has_drop = true;
    request.id = conflict->id;
    request.drop = conflict->conflict;
    status = crm_sync_conflicts(cli->client, &request, &call, &reply);
    if (status)
        status = cli_call_failed(cli, status, call);
    crm_call_destroy(call);
    return status;
}

static enum crm_status drop(struct cli *cli, const struct conflict_list *list)
{
    size_t n = 0;
    enum crm_status status = CRM_OK;

    for (; n < list->n && !status && !cli->options.dry_run; n++)
        status = drop_one(cli, list->items[n]);
    tell_replica(cli);
    if (status)
        return status;
    if (cli->options.json)
        return json_print(stdout, json_pack("{s:s, s:I, s:b}", "status", "ok", "dropped", (json_int_t)list->n, "dry_run", cli->options.dry_run), true);
    if (!cli->options.quiet)
        printf("%s%s %s\n", cli->options.dry_run ? cli_label(cli, "Dry run, nothing is changed: ", "试运行,未作更改: ") : "",
               cli_label(cli, "Given up", "已放弃"), conflict_record_text(cli, list->items[0]));
    return CRM_OK;
}

/* --- choosing */

static enum crm_status send(struct cli *cli, const struct record *record, const struct resolve *resolve)
{
    struct result result = { .done = "Resolved", .done_zh = "已解决" };
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    size_t settled, open;
    enum crm_status status;

    resolve_count(resolve, &settled, &open);
    if (settled == 0)
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was chosen");
    status = resolve_finish(resolve, &mutation);
    if (!status)
        status = result_of_change(cli, record, &mutation, NULL, &result);
    if (status)
        return status;
    tell_replica(cli);
    tell_rest(cli, open);
    return CRM_OK;
}

static enum crm_status choose(struct cli *cli, const struct record *record, const struct conflict_list *list, char *const *words, size_t n)
{
    struct resolve resolve;
    enum crm_status status;

    resolve_init(&resolve, cli, list);
    if (n > 0 || cli->options.mine || cli->options.theirs) {
        status = resolve_read(&resolve, words, n);
        if (!status && cli->options.dry_run && !cli->options.json && !cli->options.quiet)
            status = resolve_show(&resolve);
    } else if (cli->in_is_tty && cli->out_is_tty && cli->err_is_tty && !cli->options.json) {
        status = resolve_ask(&resolve);
    } else {
        status = fail(&cli->failure, CRM_USAGE, NULL, "say what to take: --mine, --theirs, --mine=FIELD, field=value, or --drop");
    }
    return status ? status : send(cli, record, &resolve);
}

/* --- which record */

/* A record that is gone has no number any more: the id, or its end, as crm conflicts shows it. */
static void find_gone(const struct conflict_list *all, const char *selector, struct conflict_list *out_list)
{
    size_t size = strlen(selector), n = 0;

    for (size_t i = 0; i < all->n; i++) {
        struct uuid id = conflict_record_id(all->items[i]);
        char text[UUID_TEXT_SIZE];

        uuid_format(&id, text);
        if (all->items[i]->gone && size >= 4 && size <= strlen(text) && strcmp(text + strlen(text) - size, selector) == 0)
            all->items[n++] = all->items[i];
    }
    *out_list = (struct conflict_list){ .items = all->items, .n = n };
}

/* CRM_NOT_FOUND is in cli->failure: there is no such record to be seen. */
static enum crm_status resolve_gone(struct cli *cli, const char *selector)
{
    struct failure why = cli->failure;
    struct conflict_list all, list;
    enum crm_status status;

    cli->failure = (struct failure){ 0 };
    status = conflict_fetch(cli, NULL, &all);
    if (status)
        return status;
    find_gone(&all, selector, &list);
    if (list.n == 0) {
        cli->failure = why;
        return why.status;
    }
    if (!cli->options.drop)
        return fail(&cli->failure, CRM_NOT_FOUND, NULL, "the record is deleted, or no longer yours to see: --drop gives the change up");
    return drop(cli, &list);
}

enum crm_status cmd_resolve(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .titles = true };
    struct conflict_list list;
    struct record record;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status && cli->options.drop && (cli->options.mine || cli->options.theirs || argc > n + 1))
        return fail(&cli->failure, CRM_USAGE, NULL, "--drop gives all of it up: nothing to choose");
    if (!status)
        status = select_record(cli, &selection, &record);
    if (status == CRM_NOT_FOUND)
        return resolve_gone(cli, selection.selector);
    if (!status)
        status = conflict_fetch(cli, &record.header.id, &list);
    if (status)
        return status;
    if (list.n == 0)
        return fail(&cli->failure, CRM_NOT_FOUND, NULL, "nothing is in conflict there");
    return cli->options.drop ? drop(cli, &list) : choose(cli, &record, &list, argv + n + 1, (size_t)(argc - n - 1));
}
