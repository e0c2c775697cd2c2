/*
 * cmd_admin_device.c - crm admin device: codes for devices, the list, and revoking
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

#define ENDING_MIN 6 /* hex digits of an id that are enough to name a device */

/* --- a code */

static enum crm_status run_enroll(struct cli *cli, int argc, char **argv)
{
    Crm__DeviceRequest request = CRM__DEVICE_REQUEST__INIT;
    Crm__InviteReply line = CRM__INVITE_REPLY__INIT;
    struct invitation invitation;
    const Crm__DeviceReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    enum crm_status status;

    (void)argc;
    (void)argv;
    if (!cli->options.user || !cli->options.name)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "say whose it is and what it is called: --user LOGIN --name NAME");
    status = admin_select(cli, KIND_USER, cli->options.user, &user);
    if (status)
        return status;
    request.has_step = request.has_user = true;
    request.step = CRM__DEVICE_STEP__DEVICE_STEP_INVITE;
    request.user = admin_id(&user.header.id);
    request.name = (char *)(uintptr_t)cli->options.name;
    status = confirm_run(cli, OP_DEVICE, &request.base, &call);
    if (!status) {
        reply = (const Crm__DeviceReply *)crm_call_reply(call);
        line.code = reply->code;
        line.address = reply->address;
        line.ca_sha256 = reply->ca_sha256;
        line.expires_at = reply->expires_at;
        status = invitation_from_reply(cli, &line, &invitation);
    }
    crm_call_destroy(call);
    if (status)
        return status;
    if (cli->options.json)
        return json_print(stdout, invitation_json(&invitation), false);
    printf("crm device enrol '%s'\n", invitation.url);
    cli_hint(cli, "%s",
             cli_label(cli, "To be run on the device, before its first login. It is good once.",
                       "在该设备首次登录前运行,仅可使用一次。"));
    return CRM_OK;
}

#define ENROLL_ROW                                                                                 \
    .synopsis = "", .run = run_enroll, .flags = COMMAND_CONNECTS,                                  \
    OPTIONS(OPT_USER, OPT_NAME, OPT_JSON), .max_args = 0

static const struct command admin_device_enroll = {
    .name = "admin device enroll",
    .summary = "a line that enrols a device of a user",
    ENROLL_ROW,
    .description = "The device makes its key itself and gets a certificate from the installation's "
                   "authority. The line is good once.",
    EXAMPLES("crm admin device enroll --user anna --name 'Anna laptop'",
             "the line for Anna's laptop"),
};

static const struct command admin_device_enrol = {
    .name = "admin device enrol",
    .summary = "the same as crm admin device enroll",
    ENROLL_ROW,
    .description = "See crm admin device enroll.",
    EXAMPLES("crm admin device enrol --user anna --name 'Anna laptop'",
             "as crm admin device enroll"),
};

/* --- the list */

/* Of --user, or all; *out_call is the caller's to destroy, also on failure. */
static enum crm_status fetch(struct cli *cli, struct crm_call **out_call,
                             const Crm__DeviceReply **out_reply)
{
    Crm__DeviceRequest request = CRM__DEVICE_REQUEST__INIT;
    struct record user;
    enum crm_status status;

    *out_call = NULL;
    request.has_step = true;
    request.step = CRM__DEVICE_STEP__DEVICE_STEP_LIST;
    if (cli->options.user) {
        status = admin_select(cli, KIND_USER, cli->options.user, &user);
        if (status)
            return status;
        request.has_user = true;
        request.user = admin_id(&user.header.id);
    }
    status = crm_device(cli->client, &request, out_call, out_reply);
    return status ? cli_call_failed(cli, status, *out_call) : CRM_OK;
}

static bool read_id(const Crm__DeviceInfo *info, struct uuid *out_id, char text[UUID_TEXT_SIZE])
{
    if (!uuid_from_slice(slice_of(info->id.data, info->id.len), out_id))
        return false;
    uuid_format(out_id, text);
    return true;
}

static const char *state_of(const Crm__DeviceInfo *info)
{
    if (info->revoked)
        return "revoked";
    return info->expires_at <= clock_now_us() ? "expired" : "active";
}

static const char *instant_or_empty(bool is_there, int64_t at_us, char text[INSTANT_TEXT_SIZE],
                                    bool is_short)
{
    *text = '\0';
    if (is_there && at_us > 0 && is_short)
        instant_format_short(at_us, text);
    else if (is_there && at_us > 0)
        instant_format(at_us, text);
    return text;
}

static json_t *device_json(const Crm__DeviceInfo *info)
{
    char id_text[UUID_TEXT_SIZE] = "", created[INSTANT_TEXT_SIZE], used[INSTANT_TEXT_SIZE],
         expires[INSTANT_TEXT_SIZE];
    struct uuid id;

    (void)read_id(info, &id, id_text);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", id_text, "user",
                     info->login ? info->login : "", "name", info->name ? info->name : "", "state",
                     state_of(info), "created",
                     instant_or_empty(info->has_created_at, info->created_at, created, false),
                     "used", instant_or_empty(info->has_used_at, info->used_at, used, false),
                     "expires",
                     instant_or_empty(info->has_expires_at, info->expires_at, expires, false),
                     "serial", info->serial ? info->serial : "");
}

static enum crm_status print_json(const Crm__DeviceReply *reply)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < reply->n_devices; i++)
        if (json_array_append_new(list, device_json(reply->devices[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return json_print(stdout, list, true);
}

static enum crm_status print_row(struct cli *cli, struct table *table, const Crm__DeviceInfo *info)
{
    char id_text[UUID_TEXT_SIZE] = "", used[INSTANT_TEXT_SIZE], expires[INSTANT_TEXT_SIZE];
    struct uuid id;

    (void)read_id(info, &id, id_text);
    return table_row(table,
                     (const char *const[]){
                         cli_safe(cli, info->login ? info->login : ""),
                         cli_safe(cli, info->name ? info->name : ""), state_of(info),
                         instant_or_empty(info->has_used_at, info->used_at, used, true),
                         instant_or_empty(info->has_expires_at, info->expires_at, expires, true),
                         id_text },
                     0);
}

static enum crm_status print_table(struct cli *cli, const Crm__DeviceReply *reply)
{
    static const char *const headings[][2] = { { "User", "用户" },        { "Device", "设备" },
                                               { "State", "状态" },       { "Used", "最近使用" },
                                               { "Expires", "有效期至" }, { "Id", "编号" } };
    struct table *table = table_create(stdout, cli->colour);
    enum crm_status status = table ? CRM_OK : CRM_NO_MEMORY;

    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, cli_label(cli, headings[i][0], headings[i][1]),
                              i == 1 ? TABLE_TRUNCATE : 0);
    for (size_t i = 0; i < reply->n_devices && !status; i++)
        status = print_row(cli, table, reply->devices[i]);
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status ? fail(&cli->failure, status, NULL, "the list cannot be shown") : CRM_OK;
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    const Crm__DeviceReply *reply;
    struct crm_call *call;
    enum crm_status status = fetch(cli, &call, &reply);

    (void)argc;
    (void)argv;
    if (!status && cli->options.json)
        status = print_json(reply);
    else if (!status && reply->n_devices > 0)
        status = print_table(cli, reply);
    else if (!status)
        cli_hint(cli, "%s", cli_label(cli, "No device is enrolled.", "没有已登记的设备。"));
    crm_call_destroy(call);
    return status;
}

static const struct command admin_device_list = {
    .name = "admin device list",
    .synopsis = "",
    .summary = "the enrolled devices",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_JSON),
    .max_args = 0,
    .description =
        "Revoked ones too. When a device was used is known about: it is noted at its logins "
        "and when it gets a certificate.",
    EXAMPLES("crm admin device list", "all", "crm admin device list --user anna --json",
             "Anna's, for a script"),
};

/* --- revoke */

/* Does this device go by that name: its id, the end of it, or what it is called? */
static bool is_named(const Crm__DeviceInfo *info, const char *name)
{
    char text[UUID_TEXT_SIZE];
    size_t size = strlen(name);
    struct uuid id;

    if (info->name && strcmp(info->name, name) == 0)
        return true;
    return read_id(info, &id, text) && size >= ENDING_MIN && size < sizeof(text) &&
           strcmp(text + sizeof(text) - 1 - size, name) == 0;
}

static enum crm_status choose(struct cli *cli, const Crm__DeviceReply *reply, const char *name,
                              struct uuid *out_id)
{
    const Crm__DeviceInfo *found = NULL;
    char text[UUID_TEXT_SIZE];

    for (size_t i = 0; i < reply->n_devices; i++) {
        if (reply->devices[i]->revoked || !is_named(reply->devices[i], name))
            continue;
        if (found)
            return fail(
                &cli->failure, CRM_AMBIGUOUS, NULL,
                "several devices are called '%s': give the end of an id (crm admin device list)",
                name);
        found = reply->devices[i];
    }
    if (!found || !read_id(found, out_id, text))
        return fail(&cli->failure, CRM_NOT_FOUND, NULL,
                    "no device that is not revoked is called '%s'", name);
    return CRM_OK;
}

static enum crm_status run_revoke(struct cli *cli, int argc, char **argv)
{
    Crm__DeviceRequest request = CRM__DEVICE_REQUEST__INIT;
    const Crm__DeviceReply *reply;
    struct crm_call *call;
    struct uuid id;
    enum crm_status status = fetch(cli, &call, &reply);

    (void)argc;
    if (!status)
        status = choose(cli, reply, argv[1], &id);
    crm_call_destroy(call);
    if (status)
        return status;
    request.has_step = request.has_id = true;
    request.step = CRM__DEVICE_STEP__DEVICE_STEP_REVOKE;
    request.id = admin_id(&id);
    status = crm_device(cli->client, &request, &call, &reply);
    if (status)
        status = cli_call_failed(cli, status, call);
    else if (!cli->options.quiet)
        puts(cli_label(cli, "The device is revoked, and its sessions have ended.",
                       "设备已撤销,其会话已结束。"));
    crm_call_destroy(call);
    return status;
}

static const struct command admin_device_revoke = {
    .name = "admin device revoke",
    .synopsis = "DEVICE",
    .summary = "shut a device out, at once and for good",
    .run = run_revoke,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER),
    .min_args = 1,
    .max_args = 1,
    .description =
        "By its name or the end of its id. Open connections end within a second, and so do all "
        "sessions that were opened over it.",
    EXAMPLES("crm admin device revoke 'Anna laptop'", "it was stolen"),
};

const struct command command_admin_device = {
    .name = "admin device",
    .summary = "devices that may log in",
    VERBS(&admin_device_enroll, &admin_device_enrol, &admin_device_list, &admin_device_revoke),
    .description = "A role may ask for an enrolled device (crm admin role set ROLE "
                   "--enrolled-device on): then "
                   "its users come in from devices of their own alone.",
};
