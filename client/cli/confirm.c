/*
 * confirm.c - asking for the password once more in the middle of a command
 *
 * Main thread. The password and the code live in buffers of this file that are wiped before they go
 * out of scope.
 */
#include "client/cli/confirm.h"

#include <stdio.h>

#include "client/cli/prompt.h"

enum crm_status confirm_ask_factor(struct cli *cli, char code[FACTOR_CODE_SIZE])
{
    char typed[PASSWORD_SIZE] = "";
    enum crm_status status =
        prompt_password("CRM_FACTOR", cli_label(cli, "Code of your authenticator: ", "验证码: "),
                        false, typed, &cli->failure);

    if (!status && strlen(typed) >= FACTOR_CODE_SIZE)
        status = fail(&cli->failure, CRM_INVALID, NULL, "the code is too long");
    if (!status)
        memcpy(code, typed, strlen(typed) + 1);
    secret_wipe(typed, sizeof(typed));
    return status;
}

static enum crm_status send_confirmation(struct cli *cli, Crm__ConfirmRequest *request,
                                         enum crm_status *out_refusal)
{
    const Crm__ConfirmReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status = crm_confirm(cli->client, request, &call, &reply);

    *out_refusal = status;
    if (status)
        status = cli_call_failed(cli, status, call);
    crm_call_destroy(call);
    return status;
}

static enum crm_status confirm(struct cli *cli)
{
    Crm__ConfirmRequest request = CRM__CONFIRM_REQUEST__INIT;
    char password[PASSWORD_SIZE] = "", code[FACTOR_CODE_SIZE] = "";
    enum crm_status refusal, status;

    status =
        prompt_password("CRM_PASSWORD", cli_label(cli, "Your password once more: ", "再次输入密码: "),
                        false, password, &cli->failure);
    request.password = password;
    if (!status) {
        status = send_confirmation(cli, &request, &refusal);
        if (refusal == CRM_SECOND_FACTOR) {
            status = confirm_ask_factor(cli, code);
            request.factor = code;
            if (!status)
                status = send_confirmation(cli, &request, &refusal);
        }
    }
    secret_wipe(password, sizeof(password));
    secret_wipe(code, sizeof(code));
    return status;
}

enum crm_status confirm_run(struct cli *cli, enum operation operation,
                            const ProtobufCMessage *request, struct crm_call **out_call)
{
    struct crm_call *call = NULL;
    enum crm_status status = crm_call_run(cli->client, operation, request, NULL, &call);

    if (status == CRM_CONFIRM) {
        crm_call_destroy(call);
        call = NULL;
        *out_call = NULL;
        status = confirm(cli);
        if (status)
            return status;
        status = crm_call_run(cli->client, operation, request, NULL, &call);
    }
    *out_call = call;
    return status ? cli_call_failed(cli, status, call) : CRM_OK;
}
