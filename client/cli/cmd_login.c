/*
 * cmd_login.c - crm login, logout, whoami, passwd: the session
 *
 * Secrets live in buffers of this file that are wiped before they go out of scope; they are never
 * printed and never part of argv.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/address.h"
#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/prompt.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"

#define CA_SIZE_MAX 65536

/* --ca, the invitation's fingerprint, or what the profile knows of this very server. */
static enum crm_status choose_ca(struct cli *cli, const struct address *address,
                                 struct profile *profile)
{
    const char *ca = cli->options.ca;
    bool is_known = strcmp(profile->host, address->host) == 0 && profile->port == address->port;

    if (*address->ca_sha256 || (ca && strncmp(ca, "sha256:", 7) == 0)) {
        *profile->ca_file = '\0';
        if (*address->ca_sha256)
            memcpy(profile->ca_sha256, address->ca_sha256, sizeof(profile->ca_sha256));
        else if (!address_fingerprint(ca, profile->ca_sha256))
            return fail(&cli->failure, CRM_USAGE, NULL,
                        "--ca: 'sha256:' is followed by 64 hexadecimal digits");
        return CRM_OK;
    }
    if (!ca && is_known && (*profile->ca_file || *profile->ca_sha256))
        return CRM_OK;
    if (!ca)
        return fail(
            &cli->failure, CRM_USAGE, NULL,
            "say how to know the server: --ca FILE with its CA certificate, or --ca sha256:HEX");
    *profile->ca_sha256 = '\0';
    if (strlen(ca) >= sizeof(profile->ca_file) || !realpath(ca, profile->ca_file))
        return fail(&cli->failure, CRM_USAGE, NULL, "--ca %s: %s", ca, strerror(errno));
    return CRM_OK;
}

/* What the server says about the session goes into the profile. */
static enum crm_status take_reply(struct cli *cli, const Crm__LoginReply *reply)
{
    struct profile *profile = &cli->profile;

    if (reply->token.len == 0 || reply->token.len > TOKEN_SIZE_MAX)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server gave no session");
    memcpy(profile->token, reply->token.data, reply->token.len);
    profile->token_size = reply->token.len;
    cli_take_session(cli, reply);
    return profile_save(profile, &cli->failure);
}

/* Who has come in, and what has to be done before anything else is answered. */
static void greet(struct cli *cli, const Crm__LoginReply *session)
{
    if (!cli->options.quiet)
        printf(cli->chinese ? "已登录: %s (%s)\n" : "Logged in as %s (%s).\n",
               cli_safe(cli, cli->profile.login),
               cli_safe(cli, session->name ? session->name : ""));
    if (session->must == CRM_CHANGE_PASSWORD)
        fprintf(stderr, "crm: %s: crm passwd\n",
                cli_label(cli, "choose a new password first", "请先修改密码"));
    if (session->must == CRM_ENROL_FACTOR)
        fprintf(stderr, "crm: %s: crm factor setup\n",
                cli_label(cli, "your role needs a second factor, set one up first",
                          "您的角色需要第二因素,请先设置"));
}

/* The password was right, a code is missing: ask for it and try again. */
static enum crm_status log_in_with_factor(struct cli *cli, Crm__LoginRequest *request,
                                          struct crm_call **out_call,
                                          const Crm__LoginReply **out_reply)
{
    char code[FACTOR_CODE_SIZE] = "";
    enum crm_status status = confirm_ask_factor(cli, code);

    request->factor = code;
    if (!status) {
        status = crm_login(cli->client, request, out_call, out_reply);
        if (status)
            status = cli_call_failed(cli, status, *out_call);
    }
    request->factor = NULL;
    secret_wipe(code, sizeof(code));
    return status;
}

static enum crm_status log_in(struct cli *cli, Crm__LoginRequest *request)
{
    char device[256] = "";
    const Crm__LoginReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    if (cli->options.device)
        snprintf(device, sizeof(device), "%s", cli->options.device);
    else if (gethostname(device, sizeof(device) - 1) != 0)
        *device = '\0';
    request->device_name = device;
    status = cli_client_create(cli, &cli->client);
    if (status)
        return status;
    status = crm_login(cli->client, request, &call, &reply);
    if (status == CRM_SECOND_FACTOR) {
        crm_call_destroy(call);
        call = NULL;
        status = log_in_with_factor(cli, request, &call, &reply);
    } else if (status) {
        status = cli_call_failed(cli, status, call);
    }
    if (!status)
        status = take_reply(cli, reply);
    if (!status)
        greet(cli, reply);
    crm_call_destroy(call);
    return status;
}

/* By an API token, which is kept as a session's would be. */
static enum crm_status log_in_token(struct cli *cli)
{
    const Crm__Hello *hello;
    enum crm_status status = cli_client_create(cli, &cli->client);

    if (status)
        return status;
    status = crm_client_connect(cli->client);
    if (status)
        return fail(&cli->failure, status, NULL, "%s", crm_client_error(cli->client)->text);
    hello = crm_client_hello(cli->client);
    if (!hello->session)
        return fail(&cli->failure, CRM_NOT_LOGGED_IN, NULL,
                    "the server does not take this token: it was revoked, or has expired");
    cli_take_session(cli, hello->session);
    status = profile_save(&cli->profile, &cli->failure);
    if (!status)
        greet(cli, hello->session);
    return status;
}

/* By invitation: the code is good once, and the user chooses a password. */
static enum crm_status log_in_invited(struct cli *cli, struct address *address)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    char password[PASSWORD_SIZE] = "";
    enum crm_status status =
        prompt_password("CRM_NEW_PASSWORD", cli_label(cli, "Choose a password: ", "设置密码: "),
                        true, password, &cli->failure);

    request.code = address->code;
    request.new_password = password;
    if (!status)
        status = log_in(cli, &request);
    secret_wipe(password, sizeof(password));
    return status;
}

static enum crm_status log_in_user(struct cli *cli)
{
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    char password[PASSWORD_SIZE] = "", login[sizeof(cli->profile.login)];
    enum crm_status status;

    snprintf(login, sizeof(login), "%s",
             cli->options.user ? cli->options.user : cli->profile.login);
    if (!*login)
        return fail(&cli->failure, CRM_USAGE, NULL, "say who logs in: --user LOGIN");
    status = prompt_password("CRM_PASSWORD", cli_label(cli, "Password: ", "密码: "), false,
                             password, &cli->failure);
    request.login = login;
    request.password = password;
    if (!status)
        status = log_in(cli, &request);
    secret_wipe(password, sizeof(password));
    return status;
}

enum crm_status cmd_login(struct cli *cli, int argc, char **argv)
{
    struct profile *profile = &cli->profile;
    struct address address = { 0 };
    struct uuid device = uuid_create();
    enum crm_status status;

    if (argc > 1) {
        status = address_parse(argv[1], &address, &cli->failure);
    } else {
        address.port = (uint16_t)profile->port;
        snprintf(address.host, sizeof(address.host), "%s", profile->host);
        status = *profile->host
                     ? CRM_OK
                     : fail(&cli->failure, CRM_USAGE, NULL,
                            "log in to which server? crm login HOST:PORT --ca FILE --user LOGIN");
    }
    if (!status)
        status = choose_ca(cli, &address, profile);
    if (status)
        return status;
    snprintf(profile->host, sizeof(profile->host), "%s", address.host);
    profile->port = address.port;
    if (!cli->has_api_token)
        profile->token_size = 0;
    if (!*profile->device)
        uuid_format(&device, profile->device);
    if (cli->has_api_token)
        return log_in_token(cli);
    return *address.code ? log_in_invited(cli, &address) : log_in_user(cli);
}

enum crm_status cmd_logout(struct cli *cli, int argc, char **argv)
{
    Crm__LogoutRequest request = CRM__LOGOUT_REQUEST__INIT;
    const Crm__LogoutReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    (void)argc;
    (void)argv;
    if (cli->has_api_token)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "an API token has no session to end: crm admin token revoke ends the token");
    if (cli->profile.token_size == 0)
        return CRM_OK;
    status = cli_client_create(cli, &cli->client);
    if (!status)
        status = crm_logout(cli->client, &request, &call, &reply);
    if (status && status != CRM_SESSION_EXPIRED && status != CRM_NOT_LOGGED_IN)
        fprintf(stderr,
                "crm: the server did not hear of it (%s): the session ends there by itself\n",
                cli_safe(cli, crm_call_error(call)->text));
    crm_call_destroy(call);
    cli->failure = (struct failure){ 0 };
    return profile_forget(&cli->profile, &cli->failure);
}

static json_t *session_json(const struct cli *cli, const Crm__LoginReply *session)
{
    char expires[INSTANT_TEXT_SIZE] = "";

    if (session->has_expires_at)
        instant_format(session->expires_at, expires);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:s}", "login",
                     cli->profile.login, "name", session->name ? session->name : "", "user",
                     cli->profile.user, "team", cli->profile.team, "role",
                     session->role ? session->role : "", "host", cli->profile.host, "port",
                     (int)cli->profile.port, "company", cli->profile.company, "currency",
                     cli->profile.currency, "expires", expires);
}

enum crm_status cmd_whoami(struct cli *cli, int argc, char **argv)
{
    const Crm__Hello *hello = crm_client_hello(cli->client);
    const Crm__LoginReply *session = hello ? hello->session : NULL;
    char expires[INSTANT_TEXT_SIZE];

    (void)argc;
    (void)argv;
    if (!session)
        return fail(&cli->failure, CRM_NOT_LOGGED_IN, NULL, "you are not logged in");
    if (cli->options.json)
        return json_print(cli->out, session_json(cli, session), true);
    fprintf(cli->out, cli->chinese ? "%s (%s),角色 %s,服务器 %s:%d\n" : "%s (%s), role %s, on %s:%d\n",
           cli_safe(cli, session->name ? session->name : ""), cli_safe(cli, cli->profile.login),
           cli_safe(cli, session->role ? session->role : "-"), cli_safe(cli, cli->profile.host),
           (int)cli->profile.port);
    if (*cli->profile.company)
        fprintf(cli->out, "%s, %s\n", cli_safe(cli, cli->profile.company),
               cli_safe(cli, cli->profile.currency));
    if (session->has_expires_at) {
        instant_format_short(session->expires_at, expires);
        fprintf(cli->out, cli->chinese ? "会话有效期至 %s\n" : "session until %s\n", expires);
    }
    return CRM_OK;
}

enum crm_status cmd_passwd(struct cli *cli, int argc, char **argv)
{
    Crm__PasswordRequest request = CRM__PASSWORD_REQUEST__INIT;
    const Crm__PasswordReply *reply;
    struct crm_call *call = NULL;
    char current[PASSWORD_SIZE] = "", password[PASSWORD_SIZE] = "";
    enum crm_status status;

    (void)argc;
    (void)argv;
    status = cli_connect_bare(cli);
    if (!status)
        status =
            prompt_password("CRM_PASSWORD", cli_label(cli, "Current password: ", "当前密码: "),
                            false, current, &cli->failure);
    if (!status)
        status = prompt_password("CRM_NEW_PASSWORD", cli_label(cli, "New password: ", "新密码: "),
                                 true, password, &cli->failure);
    request.current = current;
    request.password = password;
    if (!status) {
        status = crm_password(cli->client, &request, &call, &reply);
        if (status)
            status = cli_call_failed(cli, status, call);
        else if (!cli->options.quiet)
            puts(cli_label(cli, "The password is changed.", "密码已修改。"));
    }
    secret_wipe(current, sizeof(current));
    secret_wipe(password, sizeof(password));
    crm_call_destroy(call);
    return status;
}
