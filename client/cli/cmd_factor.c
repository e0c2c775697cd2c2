/*
 * cmd_factor.c - crm factor: the second step at login, by an authenticator
 *
 * Works also while the server answers nothing else because a second factor has to be set up first:
 * so none of these asks for fields and kinds.
 */
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/json.h"

static enum crm_status ask(struct cli *cli, Crm__FactorRequest *request, Crm__FactorStep step,
                           struct crm_call **out_call, const Crm__FactorReply **out_reply)
{
    enum crm_status status;

    request->has_step = true;
    request->step = step;
    status = confirm_run(cli, OP_FACTOR, &request->base, out_call);
    if (!status)
        *out_reply = (const Crm__FactorReply *)crm_call_reply(*out_call);
    return status;
}

/* Whose: one's own, or a user's. user keeps the bytes. */
static enum crm_status choose_user(struct cli *cli, int argc, char **argv,
                                   Crm__FactorRequest *request, struct record *user)
{
    enum crm_status status = cli_connect_bare(cli);

    if (!status && argc > 1)
        status = admin_select(cli, KIND_USER, argv[1], user);
    if (!status && argc > 1) {
        request->has_user = true;
        request->user = admin_id(&user->header.id);
    }
    return status;
}

static enum crm_status show_status(struct cli *cli, const Crm__FactorReply *reply)
{
    if (cli->options.json)
        return json_print(stdout,
                          json_pack("{s:b, s:i}", "in_force", (int)reply->in_force, "recovery_left",
                                    (int)reply->recovery_left),
                          false);
    if (reply->in_force)
        printf(cli->chinese ? "已启用,剩余 %u 个恢复码\n"
                            : "A second factor is in force, %u recovery codes are left.\n",
               reply->recovery_left);
    else
        puts(cli_label(cli, "No second factor is set up.", "未设置第二因素。"));
    return CRM_OK;
}

static enum crm_status run_status(struct cli *cli, int argc, char **argv)
{
    Crm__FactorRequest request = CRM__FACTOR_REQUEST__INIT;
    const Crm__FactorReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    enum crm_status status = choose_user(cli, argc, argv, &request, &user);

    if (!status)
        status = ask(cli, &request, CRM__FACTOR_STEP__FACTOR_STEP_STATUS, &call, &reply);
    if (!status)
        status = show_status(cli, reply);
    crm_call_destroy(call);
    return status;
}

static enum crm_status show_secret(struct cli *cli, const Crm__FactorReply *reply)
{
    if (!reply->secret || !reply->uri)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server sent no secret");
    if (cli->options.json)
        return json_print(stdout, json_pack("{s:s, s:s}", "secret", reply->secret, "uri", reply->uri),
                          false);
    printf("%s\n\n  %s\n  %s\n\n",
           cli_label(cli, "Type this into your authenticator, or let it read the address as a QR code:",
                     "将此密钥输入验证器,或以二维码扫描该地址:"),
           cli_safe(cli, reply->secret), cli_safe(cli, reply->uri));
    fflush(stdout);
    return CRM_OK;
}

static enum crm_status show_recovery(struct cli *cli, const Crm__FactorReply *reply)
{
    json_t *codes;

    if (cli->options.json) {
        codes = json_array();
        for (size_t i = 0; codes && i < reply->n_recovery_codes; i++)
            json_array_append_new(codes, json_string(reply->recovery_codes[i]));
        return json_print(stdout, json_pack("{s:o}", "recovery_codes", codes), false);
    }
    puts(cli_label(cli,
                   "The second factor is in force. When the authenticator is lost, each of these "
                   "codes logs you in once; they are not shown again:",
                   "第二因素已启用。若验证器丢失,以下每个恢复码可登录一次,且不会再次显示:"));
    putchar('\n');
    for (size_t i = 0; i < reply->n_recovery_codes; i++)
        printf("  %s\n", cli_safe(cli, reply->recovery_codes[i]));
    return CRM_OK;
}

static enum crm_status confirm_code(struct cli *cli, char *code)
{
    Crm__FactorRequest request = CRM__FACTOR_REQUEST__INIT;
    const Crm__FactorReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    request.code = code;
    status = ask(cli, &request, CRM__FACTOR_STEP__FACTOR_STEP_CONFIRM, &call, &reply);
    if (!status)
        status = show_recovery(cli, reply);
    crm_call_destroy(call);
    return status;
}

static enum crm_status run_setup(struct cli *cli, int argc, char **argv)
{
    Crm__FactorRequest request = CRM__FACTOR_REQUEST__INIT;
    const Crm__FactorReply *reply;
    struct crm_call *call = NULL;
    char code[FACTOR_CODE_SIZE] = "";
    enum crm_status status = cli_connect_bare(cli);

    (void)argc;
    (void)argv;
    if (!status)
        status = ask(cli, &request, CRM__FACTOR_STEP__FACTOR_STEP_BEGIN, &call, &reply);
    if (!status)
        status = show_secret(cli, reply);
    crm_call_destroy(call);
    if (status || cli->options.json || !cli->in_is_tty)
        return status; /* crm factor confirm goes on */
    status = confirm_ask_factor(cli, code);
    if (!status)
        status = confirm_code(cli, code);
    secret_wipe(code, sizeof(code));
    return status;
}

static enum crm_status run_confirm(struct cli *cli, int argc, char **argv)
{
    enum crm_status status = cli_connect_bare(cli);

    (void)argc;
    return status ? status : confirm_code(cli, argv[1]);
}

static enum crm_status run_remove(struct cli *cli, int argc, char **argv)
{
    Crm__FactorRequest request = CRM__FACTOR_REQUEST__INIT;
    const Crm__FactorReply *reply;
    struct crm_call *call = NULL;
    struct record user;
    enum crm_status status = choose_user(cli, argc, argv, &request, &user);

    if (!status)
        status = ask(cli, &request, CRM__FACTOR_STEP__FACTOR_STEP_REMOVE, &call, &reply);
    if (!status && cli->options.json)
        status = show_status(cli, reply);
    else if (!status && !cli->options.quiet)
        puts(cli_label(cli, "The second factor is removed.", "第二因素已移除。"));
    crm_call_destroy(call);
    return status;
}

const struct command command_factor_status = {
    .name = "factor status",
    .synopsis = "[LOGIN]",
    .summary = "whether a second factor is set up",
    .run = run_status,
    OPTIONS(OPT_JSON),
    .min_args = 0,
    .max_args = 1,
    .description = "Yours, or with the right to manage users another's.",
    EXAMPLES("crm factor status", "and how many recovery codes are left"),
};

const struct command command_factor_setup = {
    .name = "factor setup",
    .synopsis = "",
    .summary = "set up a second factor, or a new one",
    .run = run_setup,
    OPTIONS(OPT_JSON),
    .max_args = 0,
    .description =
        "Shows a secret for any authenticator that speaks RFC 6238, as text and as an otpauth "
        "address, then asks for the first code, and prints ten recovery codes. What was in force "
        "stays so until then. The server may ask for your password first (CRM_PASSWORD or the "
        "terminal).\n\n"
        "With --json, or without a terminal, it ends with the secret; crm factor confirm goes on.",
    EXAMPLES("crm factor setup", "on a terminal",
             "crm factor setup --json | jq -r .uri | qrencode -t utf8", "as a picture to scan",
             "crm factor confirm 123456", "with the code that the authenticator then shows"),
};

const struct command command_factor_confirm = {
    .name = "factor confirm",
    .synopsis = "CODE",
    .summary = "put a new second factor in force, with its first code",
    .run = run_confirm,
    OPTIONS(OPT_JSON),
    .min_args = 1,
    .max_args = 1,
    .description = "Within fifteen minutes of crm factor setup. Prints the recovery codes.",
    EXAMPLES("crm factor confirm '123 456'", "spaces do not count"),
};

const struct command command_factor_remove = {
    .name = "factor remove",
    .synopsis = "[LOGIN]",
    .summary = "log in without a second factor again",
    .run = run_remove,
    OPTIONS(OPT_JSON),
    .min_args = 0,
    .max_args = 1,
    .description = "Yours, unless your role needs one; or, for who has lost a telephone and the "
                   "recovery codes too, another's: that needs the right to manage users. The "
                   "server may ask for your password first.",
    EXAMPLES("crm factor remove anna", "anna's telephone is lost"),
};
