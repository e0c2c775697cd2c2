/*
 * cmd_sync.c - crm sync: changes sent, the replica brought up to date, described, removed
 */
#include <inttypes.h>
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/json.h"
#include "client/cli/sync_once.h"
#include "client/cli/sync_seal.h"

static json_t *result_object(const struct sync_once *once)
{
    const struct sync_progress *pulled = &once->pulled;
    json_t *object = json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:i, s:b, s:s, s:I}", "sent", (json_int_t)once->pushed.applied, "kept",
                               (json_int_t)once->pushed.kept, "numbered", json_object(), "records", (json_int_t)pulled->records, "forgotten",
                               (json_int_t)pulled->forgets, "bytes", (json_int_t)pulled->bytes, "cuts", (int)pulled->cuts, "snapshot",
                               pulled->is_snapshot, "scope", once->scope, "seq", (json_int_t)once->seq);

    json_object_set_new(object, "again", json_integer((json_int_t)once->pushed.again));
    json_object_set_new(object, "new_copy", json_boolean(once->pushed.is_new_copy));
    if (once->answers.told)
        json_object_update(object, once->answers.told);
    return object;
}

static enum crm_status tell(struct cli *cli, const struct sync_once *once)
{
    char records[32], forgets[32], bytes[32];

    if (cli->options.json)
        return json_print(stdout, result_object(once), true);
    if (cli->options.quiet)
        return CRM_OK;
    if (once->pushed.applied)
        printf(cli->chinese ? "已提交: %s 项更改\n" : "Changes sent: %s.\n", cli_grouped((int64_t)once->pushed.applied, records));
    if (once->pushed.again)
        printf(cli->chinese ? "服务器已从备份恢复: 重新提交了它丢失的 %s 项更改\n" : "The server was restored from a backup; of these, sent again because it had lost them: %s.\n",
               cli_grouped((int64_t)once->pushed.again, records));
    if (once->pushed.is_new_copy)
        puts(cli_label(cli, "Another copy of this replica is at work: this one goes on under a name of its own.", "此本地副本的另一份拷贝也在使用: 本副本已改用新的标识。"));
    if (once->pushed.kept)
        printf(cli->chinese ? "未被接受: %s 项更改 (crm outbox list)\n" : "Changes not taken: %s, see crm outbox list.\n",
               cli_grouped((int64_t)once->pushed.kept, records));
    printf(cli->chinese ? "已同步: 收到 %s 条,移除 %s 条,%s,%.1f 秒\n" : "Synced: %s records came, %s went, %s in %.1f s.\n",
           cli_grouped((int64_t)once->pulled.records, records), cli_grouped((int64_t)once->pulled.forgets, forgets),
           sync_bytes_text(once->pulled.bytes, bytes), (double)once->took_us / 1e6);
    return CRM_OK;
}

static enum crm_status synchronise(struct cli *cli)
{
    struct sync_once once;
    enum crm_status status = sync_once(cli, &once);

    if (!status)
        status = tell(cli, &once);
    sync_once_fini(&once);
    return status;
}

/* What is nowhere else goes only with --yes. What cannot be opened has nothing to save. */
static enum crm_status check_pending(struct cli *cli)
{
    uint64_t pending = 0;
    enum crm_status status = replica_count_waiting(cli->profile.home, &pending);

    if (status || !pending || cli->options.yes)
        return CRM_OK;
    return fail(&cli->failure, CRM_IN_USE, NULL, "%" PRIu64 " changes are not in the server: crm outbox list; --yes gives them up", pending);
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
        return sync_status(cli);
    if (cli->options.wipe)
        return wipe(cli);
    if (cli->options.lock)
        return seal_lock(cli);
    if (cli->options.decrypt)
        return seal_decrypt(cli);
    if ((cli->options.keyring || cli->options.keep) && !cli->options.encrypt)
        return fail(&cli->failure, CRM_USAGE, NULL, "--keyring and --keep go with --encrypt");
    if (cli_is_offline(cli))
        return fail(&cli->failure, CRM_USAGE, NULL, "a sync needs the server: not with --offline or CRM_OFFLINE");
    if (cli->options.encrypt) {
        enum crm_status status = seal_encrypt(cli);

        if (status)
            return status;
    }
    return cli->options.watch ? sync_watch(cli) : synchronise(cli);
}
