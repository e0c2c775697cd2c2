/*
 * sync_seal.c - crm sync --encrypt, --decrypt, --lock; and the end of a replica at the server's word
 *
 * Main thread. Passphrases live in buffers of this file and are wiped before they go out of scope.
 */
#include "client/cli/sync_seal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/prompt.h"
#include "client/replica/replica.h"
#include "common/base/digest.h"

#define PASSPHRASE_VARIABLE "CRM_REPLICA_PASSPHRASE"
#define KEEP_HOURS_MAX      8760

_Static_assert(PASSWORD_SIZE <= REPLICA_PASSPHRASE_SIZE, "what is typed has room");

/* Its file may be there without one. */
static bool has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static enum crm_status ask(struct cli *cli, bool is_new, char text[PASSWORD_SIZE], struct failure *failure)
{
    if (!getenv(PASSPHRASE_VARIABLE) && has_terminal())
        return prompt_password(PASSPHRASE_VARIABLE,
                               is_new ? cli_label(cli, "New passphrase of the replica: ", "离线副本的新口令: ")
                                      : cli_label(cli, "Passphrase of the replica: ", "离线副本的口令: "),
                               is_new, text, failure);
    if (getenv(PASSPHRASE_VARIABLE))
        return prompt_password(PASSPHRASE_VARIABLE, "", false, text, failure);
    return fail(failure, CRM_BAD_CREDENTIALS, NULL, "the replica's passphrase is needed: there is no terminal to ask on; set %s", PASSPHRASE_VARIABLE);
}

static enum crm_status on_ask(void *arg, char passphrase[REPLICA_PASSPHRASE_SIZE], struct failure *failure)
{
    return ask(arg, false, passphrase, failure);
}

void seal_ask_by(struct cli *cli)
{
    replica_asks(on_ask, cli);
}

void seal_ask_nobody(void)
{
    replica_asks(NULL, NULL);
}

static void say(struct cli *cli, const char *english, const char *chinese)
{
    if (!cli->options.quiet && !cli->options.json)
        puts(cli_label(cli, english, chinese));
}

/* --- the key */

static enum crm_status keep_seconds(struct cli *cli, uint32_t *out_seconds)
{
    const char *text = cli->options.keep;
    char *end;
    long hours;

    *out_seconds = cli->options.keyring ? 0 : REPLICA_KEEP_S;
    if (!text)
        return CRM_OK;
    hours = strtol(text, &end, 10);
    if (end == text || (*end && strcmp(end, "h") != 0) || hours < 1 || hours > KEEP_HOURS_MAX)
        return fail(&cli->failure, CRM_USAGE, NULL, "--keep is a number of hours from 1 to %d, not '%s'", KEEP_HOURS_MAX, text);
    *out_seconds = (uint32_t)hours * 3600;
    return CRM_OK;
}

enum crm_status seal_encrypt(struct cli *cli)
{
    char passphrase[PASSWORD_SIZE] = "";
    struct replica_sealing sealing = { .passphrase = cli->options.keyring ? NULL : passphrase };
    enum crm_status status = keep_seconds(cli, &sealing.keep_s);

    if (!status)
        status = profile_make_home(&cli->profile, &cli->failure);
    if (!status && !cli->options.keyring)
        status = ask(cli, true, passphrase, &cli->failure);
    if (!status)
        status = replica_encrypt(cli->profile.home, &sealing, &cli->failure);
    secret_wipe(passphrase, sizeof passphrase);
    if (!status && cli->options.keyring)
        cli_hint(cli, "%s", cli_label(cli, "The key is in the kernel's keyring only: after a restart of the system the replica is made anew, and what waited in it is gone.",
                                      "密钥只在内核密钥环中:系统重启后须重新同步,未提交的更改会丢失。"));
    if (!status)
        say(cli, "The replica is encrypted.", "离线副本已加密。");
    return status;
}

enum crm_status seal_decrypt(struct cli *cli)
{
    enum crm_status status = replica_decrypt(cli->profile.home, &cli->failure);

    if (!status)
        say(cli, "The replica is not encrypted any more.", "离线副本已解除加密。");
    return status;
}

enum crm_status seal_lock(struct cli *cli)
{
    enum crm_status status = replica_forget_key(cli->profile.home, &cli->failure);

    if (!status)
        say(cli, "The replica is locked.", "离线副本已锁定。");
    return status;
}

/* --- the end */

void seal_obey(struct cli *cli)
{
    struct failure failure = { 0 };
    uint64_t lost = 0;

    if (!cli->must_wipe && !(cli->client && crm_client_must_wipe(cli->client)))
        return;
    replica_close(cli->replica);
    cli->replica = NULL;
    if (replica_count_waiting(cli->profile.home, &lost) == CRM_NOT_FOUND)
        return;
    cli->detail = NULL;
    if (replica_wipe(cli->profile.home, &failure) != CRM_OK)
        cli->detail = arena_printf(&cli->arena, "  the replica here should go, and could not be removed: %s\n", cli_safe(cli, failure.text));
    else if (lost)
        cli->detail = arena_printf(&cli->arena, "  the replica here was removed, and with it %" PRIu64 " %s the server never got\n", lost,
                                   lost == 1 ? "change that" : "changes that");
    else
        cli->detail = "  the replica here was removed\n";
}
