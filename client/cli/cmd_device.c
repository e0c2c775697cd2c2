/*
 * cmd_device.c - crm device: the certificate of this installation
 *
 * Key and certificate are in the profile's home (device.pem); the library makes and reads them.
 * Every connection shows the certificate where there is one; cli_connect renews it in time.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "client/cli/address.h"
#include "client/cli/cli.h"
#include "client/cli/command.h"
#include "client/cli/json.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

/* --- enrol */

/* The line of crm admin device enroll, or its code alone: then the server is the profile's.
 * *out_moved: what the profile knows of a session belongs to another server. */
static enum crm_status take_address(struct cli *cli, const char *text, char code[128],
                                    bool *out_moved)
{
    struct profile *profile = &cli->profile;
    struct address address = { 0 };
    enum crm_status status;

    *out_moved = false;
    if (strncmp(text, "crm://", 6) != 0) {
        if (!*profile->host || strlen(text) >= sizeof(address.code))
            return fail(&cli->failure, CRM_USAGE, NULL,
                        "give the whole line: crm device enrol 'crm://HOST:PORT/?ca=...&code=...'");
        strcpy(code, text);
        return CRM_OK;
    }
    status = address_parse(text, &address, &cli->failure);
    if (status)
        return status;
    *out_moved = strcmp(profile->host, address.host) != 0 || profile->port != address.port;
    snprintf(profile->host, sizeof(profile->host), "%s", address.host);
    profile->port = address.port;
    memcpy(profile->ca_sha256, address.ca_sha256, sizeof(profile->ca_sha256));
    *profile->ca_file = '\0';
    strcpy(code, address.code);
    return CRM_OK;
}

static enum crm_status enrol_failed(struct cli *cli, enum crm_status status,
                                    const struct crm_call *call, const char *file)
{
    int error = errno;

    if (call && crm_call_error(call)->status != CRM_OK)
        return cli_call_failed(cli, status, call);
    if (status == CRM_IO)
        return fail(&cli->failure, status, NULL, "%s: %s", file, strerror(error));
    return fail(&cli->failure, status, NULL, "%s",
                status == CRM_BUSY ? "another crm is asking for this device's certificate just now"
                                   : crm_status_info((int)status)->sentence);
}

static enum crm_status run_enrol(struct cli *cli, int argc, char **argv)
{
    struct profile *profile = &cli->profile;
    struct uuid installation = uuid_create();
    struct crm_call *call = NULL;
    char code[128], file[PATH_MAX];
    bool moved;
    enum crm_status status = take_address(cli, argv[1], code, &moved);

    (void)argc;
    if (!status)
        status = profile_make_home(profile, &cli->failure);
    if (status)
        return status;
    profile_device_file(profile, file);
    cli->is_stranger = true; /* what was good before must not be in the way */
    status = cli_client_create(cli, &cli->client);
    if (status)
        return status;
    status = crm_device_enrol(cli->client, code, file, &call);
    if (status)
        status = enrol_failed(cli, status, call, file);
    secret_wipe(code, sizeof(code));
    crm_call_destroy(call);
    if (!status && moved)
        status = profile_forget(profile, &cli->failure);
    if (!*profile->device)
        uuid_format(&installation, profile->device);
    if (!status)
        status = profile_save(profile, &cli->failure);
    if (!status && !cli->options.quiet)
        puts(cli_label(cli,
                       "This device is enrolled. Its certificate renews itself while it is used.",
                       "此设备已登记。使用期间证书会自动续期。"));
    if (!status)
        cli_hint(cli, "%s",
                 cli_label(cli, "Now: crm login --user LOGIN", "接下来: crm login --user LOGIN"));
    return status;
}

const struct command device_enrol = {
    .name = "device enrol",
    .synopsis = "'crm://...' | CODE",
    .summary = "make a key for this device and have it certified",
    .run = run_enrol,
    OPTIONS(OPT_END),
    .min_args = 1,
    .max_args = 1,
    .description =
        "Takes the line that crm admin device enroll prints; it is good once. The key is made here "
        "and stays here, readable for you alone. A code without an address is for the server of "
        "the last time.",
    EXAMPLES("crm device enrol 'crm://crm.example:7400/?ca=sha256:...&code=...'",
             "before the first login from a new laptop"),
};

/* The same under its other spelling. */
const struct command device_enroll = {
    .name = "device enroll",
    .synopsis = "'crm://...' | CODE",
    .summary = "the same as crm device enrol",
    .run = run_enrol,
    OPTIONS(OPT_END),
    .min_args = 1,
    .max_args = 1,
    .description = "See crm device enrol.",
    EXAMPLES("crm device enroll 'crm://crm.example:7400/?ca=sha256:...&code=...'",
             "as crm device enrol"),
};

/* --- status */

static json_t *status_json(const struct crm_device_info *info)
{
    char device[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE];
    char renews[INSTANT_TEXT_SIZE], expires[INSTANT_TEXT_SIZE];
    struct uuid id;

    memcpy(id.bytes, info->device, UUID_SIZE);
    uuid_format(&id, device);
    memcpy(id.bytes, info->user, UUID_SIZE);
    uuid_format(&id, user);
    instant_format(info->renew_at, renews);
    instant_format(info->expires_at, expires);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "device", device, "user", user, "serial",
                     info->serial, "renews", renews, "expires", expires, "expired",
                     info->expires_at <= clock_now_us());
}

static enum crm_status run_status(struct cli *cli, int argc, char **argv)
{
    struct crm_device_info info;
    char file[PATH_MAX], until[INSTANT_TEXT_SIZE], device[UUID_TEXT_SIZE];
    struct uuid id;
    enum crm_status status;

    (void)argc;
    (void)argv;
    profile_device_file(&cli->profile, file);
    status = crm_device_read(file, &info);
    if (status == CRM_NOT_FOUND)
        return fail(&cli->failure, status, NULL, "this device is not enrolled");
    if (status)
        return fail(&cli->failure, status, NULL, "%s: %s", file,
                    status == CRM_IO ? strerror(errno)
                                     : "no certificate with its key: enrol this device again");
    if (cli->options.json)
        return json_print(stdout, status_json(&info), true);
    memcpy(id.bytes, info.device, UUID_SIZE);
    uuid_format(&id, device);
    instant_format_short(info.expires_at, until);
    if (info.expires_at <= clock_now_us())
        printf(cli->chinese ? "设备 %s,证书已于 %s 过期\n"
                            : "device %s, its certificate expired %s\n",
               device, until);
    else
        printf(cli->chinese ? "设备 %s,证书有效期至 %s\n" : "device %s, certified until %s\n",
               device, until);
    instant_format_short(info.renew_at, until);
    if (info.expires_at > clock_now_us())
        printf(cli->chinese ? "自 %s 起自动续期\n" : "renewed by the first command after %s\n",
               until);
    return CRM_OK;
}

const struct command device_status = {
    .name = "device status",
    .synopsis = "",
    .summary = "what this device's certificate says",
    .run = run_status,
    OPTIONS(OPT_JSON),
    .max_args = 0,
    .description = "Does not ask the server.",
    EXAMPLES("crm device status --json | jq -r .expires", "until when it is good"),
};

/* --- forget */

static enum crm_status run_forget(struct cli *cli, int argc, char **argv)
{
    char file[PATH_MAX];

    (void)argc;
    (void)argv;
    profile_device_file(&cli->profile, file);
    if (unlink(file) != 0 && errno != ENOENT)
        return fail(&cli->failure, CRM_IO, NULL, "%s: %s", file, strerror(errno));
    return CRM_OK;
}

const struct command device_forget = {
    .name = "device forget",
    .synopsis = "",
    .summary = "remove the certificate and its key from this device",
    .run = run_forget,
    OPTIONS(OPT_END),
    .max_args = 0,
    .description =
        "Connections show none from now on. The server hears nothing of it: an administrator "
        "revokes the device.",
    EXAMPLES("crm device forget", "before the machine goes to somebody else"),
};
