/*
 * connect.c - the connection of a command, and the schema that goes with it
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/cli.h"
#include "client/cli/display.h"
#include "client/cli/line.h"
#include "common/base/clock.h"
#include "common/model/schema_wire.h"
#include "proto/codec.h"
#include "proto/token_text.h"

#define REQUEST_TIMEOUT_S 30
#define TIMEOUT_MAX_S     3600
#define TOKEN_FILE_MAX    4096

enum crm_status cli_client_create(struct cli *cli, struct crm_client **out_client)
{
    const struct profile *profile = &cli->profile;
    uint8_t ca_sha256[CRM_CA_SHA256_SIZE];
    char device_file[PATH_MAX];
    struct uuid device;
    int64_t seconds = cli->options.timeout ? cli->options.timeout : REQUEST_TIMEOUT_S;
    struct crm_options options = {
        .host = profile->host,
        .port = (uint16_t)profile->port,
        .ca_file = *profile->ca_file ? profile->ca_file : NULL,
        .token = profile->token_size && !cli->is_stranger ? profile->token : NULL,
        .token_size = profile->token_size,
        .software = "crm/" CRM_VERSION,
        .locale = cli->chinese ? "zh" : NULL,
        .request_timeout_ms = (uint32_t)(seconds < TIMEOUT_MAX_S ? seconds : TIMEOUT_MAX_S) * 1000,
        .connect_timeout_ms = cli->patience_ms ? cli->patience_ms : (uint32_t)(seconds < 10 ? seconds : 10) * 1000,
    };
    enum crm_status status;

    if (*profile->ca_sha256) {
        if (!hex_parse(profile->ca_sha256, ca_sha256, sizeof(ca_sha256)))
            return fail(&cli->failure, CRM_INVALID, NULL,
                        "the profile's CA fingerprint is damaged: log in again");
        options.ca_sha256 = ca_sha256;
    }
    if (uuid_parse(profile->device, &device))
        options.device = device.bytes;
    profile_device_file(profile, device_file);
    if (!cli->is_stranger && access(device_file, F_OK) == 0)
        options.device_file = device_file;
    status = crm_client_create(&options, out_client);
    return status ? fail(&cli->failure, status, NULL, "the connection to '%s' cannot be set up",
                         profile->host)
                  : CRM_OK;
}

static void copy_id(char text[UUID_TEXT_SIZE], ProtobufCBinaryData bytes)
{
    struct uuid id;

    *text = '\0';
    if (uuid_from_slice(slice_of(bytes.data, bytes.len), &id))
        uuid_format(&id, text);
}

void cli_take_session(struct cli *cli, const Crm__LoginReply *session)
{
    struct profile *profile = &cli->profile;

    snprintf(profile->login, sizeof(profile->login), "%s", session->login ? session->login : "");
    copy_id(profile->user, session->user);
    copy_id(profile->team, session->team);
    if (session->company) {
        snprintf(profile->currency, sizeof(profile->currency), "%s",
                 session->company->currency ? session->company->currency : "");
        snprintf(profile->company, sizeof(profile->company), "%s",
                 session->company->name ? session->company->name : "");
    }
}

enum crm_status cli_take_api_token(struct cli *cli)
{
    const char *file = cli->options.token_file;
    struct slice text = slice_text(getenv("CRM_TOKEN"));
    enum crm_status status = CRM_OK;

    if (file)
        status = file_read(file, TOKEN_FILE_MAX, &cli->arena, &text, &cli->failure);
    if (status || (!file && text.size == 0))
        return status;
    while (text.size > 0 && strchr("\r\n\t ", text.data[text.size - 1]))
        text.size--;
    if (!api_token_is_whole(text))
        return fail(&cli->failure, CRM_INVALID, NULL,
                    "%s holds no API token: that is crm_ and 43 letters, and one of them may be wrong",
                    file ? file : "CRM_TOKEN");
    memcpy(cli->profile.token, text.data, text.size);
    cli->profile.token_size = text.size;
    cli->has_api_token = true;
    /* Whose it is the server will say. */
    *cli->profile.login = *cli->profile.user = *cli->profile.team = '\0';
    return CRM_OK;
}

static void take_schema(struct cli *cli, struct schema *schema)
{
    schema_unref(cli->schema);
    cli->schema = schema;
}

/* What the last describe said; a cache that does not read is as good as none. */
static void schema_from_cache(struct cli *cli)
{
    struct slice packed = profile_schema_read(&cli->profile, &cli->arena);
    struct failure ignored = { 0 };
    const void *message;
    struct schema *schema;

    if (packed.size == 0 || codec_unpack_body(packed, &crm__describe_reply__descriptor, &cli->arena,
                                              &message, &ignored))
        return;
    if (schema_from_describe(message, &cli->arena, &schema, NULL) == CRM_OK)
        take_schema(cli, schema);
}

enum crm_status cli_connect_bare(struct cli *cli)
{
    if (cli->profile.token_size == 0)
        return fail(&cli->failure, CRM_NOT_LOGGED_IN, NULL, "you are not logged in");
    return cli_client_create(cli, &cli->client);
}

/* With a token that was given for this call: who is it? "me" in filters is resolved here. */
static void take_session_of_token(struct cli *cli)
{
    const Crm__Hello *hello = crm_client_hello(cli->client);

    if (cli->has_api_token && hello && hello->session)
        cli_take_session(cli, hello->session);
}

/* Two thirds of the certificate's time are over. What fails is tried again by the next command; the old one is still good. */
static void renew_device(struct cli *cli)
{
    struct crm_device_info info;
    struct crm_call *call = NULL;
    char file[PATH_MAX];
    enum crm_status status;

    profile_device_file(&cli->profile, file);
    if (crm_device_read(file, &info) || clock_now_us() < info.renew_at)
        return;
    status = crm_device_enrol(cli->client, NULL, file, &call);
    if (status && status != CRM_BUSY)
        cli_hint(cli, "%s: %s", cli_label(cli, "This device's certificate could not be renewed", "此设备的证书无法续期"),
                 call ? cli_safe(cli, crm_call_error(call)->text) : crm_status_info((int)status)->sentence);
    crm_call_destroy(call);
}

enum crm_status cli_connect_measured(struct cli *cli, int64_t *out_took_us)
{
    Crm__DescribeRequest request = CRM__DESCRIBE_REQUEST__INIT;
    const struct crm_call_options options = { .deadline_ms = cli->patience_ms };
    const Crm__DescribeReply *reply;
    struct crm_call *call = NULL;
    struct schema *schema;
    struct slice packed;
    int64_t began_us = clock_monotonic_us();
    enum crm_status status = cli_connect_bare(cli);

    if (status)
        return status;
    schema_from_cache(cli);
    request.has_known_level = true;
    request.known_level = schema_level(cli->schema);
    status = crm_call_run(cli->client, OP_DESCRIBE, &request.base, &options, &call);
    reply = (const Crm__DescribeReply *)crm_call_reply(call);
    *out_took_us = clock_monotonic_us() - began_us;
    if (status)
        status = cli_call_failed(cli, status, call);
    else if (reply->n_kinds > 0)
        status = schema_from_describe(reply, &cli->arena, &schema, &cli->failure);
    if (!status && reply->n_kinds > 0) {
        take_schema(cli, schema);
        if (codec_pack(&reply->base, &cli->arena, &packed) == CRM_OK)
            profile_schema_write(&cli->profile, packed);
    }
    if (!status) {
        take_session_of_token(cli);
        renew_device(cli);
    }
    crm_call_destroy(call);
    return status;
}

/* Over the line, and learn from it how long that takes. */
static enum crm_status connect_online(struct cli *cli)
{
    struct line line;
    int64_t took_us = 0;
    enum crm_status status = cli_connect_measured(cli, &took_us);

    if (cli->has_api_token || (status && status != CRM_DEADLINE))
        return status;
    if (!status) {
        line_learn(cli->profile.home, took_us);
        return CRM_OK;
    }
    line_read(cli->profile.home, &line);
    line_missed(&line);
    line_write(cli->profile.home, &line);
    return status;
}

/* Whoever changes something waits a little longer than whoever looks. */
static uint32_t patience_of(const struct cli *cli)
{
    struct line line;
    int64_t budget_us;

    line_read(cli->profile.home, &line);
    budget_us = line_budget_us(&line);
    return (uint32_t)((budget_us > LINE_BUDGET_FIRST_US ? budget_us : LINE_BUDGET_FIRST_US) / 1000);
}

/* Nothing was sent yet: to queue a change does not do it twice. */
static enum crm_status queue_instead(struct cli *cli)
{
    cli->failure = (struct failure){ 0 };
    crm_client_destroy(cli->client);
    cli->client = NULL;
    if (cli_open_replica(cli, true) != CRM_OK) { /* then wait for the server as long as without one */
        cli->failure = (struct failure){ 0 };
        cli->patience_ms = 0;
        return connect_online(cli);
    }
    cli_hint(cli, "%s", cli_label(cli, "The server cannot be reached: what is changed waits for crm sync.", "无法连接服务器:更改将等待 crm sync 提交。"));
    return CRM_OK;
}

enum crm_status cli_connect(struct cli *cli)
{
    bool may_queue;
    enum crm_status status;

    if (cli_is_offline(cli))
        return cli_connect_offline(cli);
    may_queue = cli_may_queue(cli) && cli_has_replica(cli);
    if (may_queue)
        cli->patience_ms = patience_of(cli);
    status = connect_online(cli);
    return may_queue && (status == CRM_UNREACHABLE || status == CRM_DEADLINE) ? queue_instead(cli) : status;
}

/* One line for each record that an ambiguous selector fits. */
static const char *candidate_lines(struct cli *cli, const Crm__Error *wire)
{
    const char *lines = "";

    for (size_t i = 0; wire && i < wire->n_candidates && lines; i++) {
        const Crm__Candidate *candidate = wire->candidates[i];
        char number[CRM_LABEL_SIZE] = "?";
        char id[UUID_TEXT_SIZE] = "";
        struct uuid uuid;

        if (uuid_from_slice(slice_of(candidate->id.data, candidate->id.len), &uuid)) {
            struct record_header header = { .kind = (enum kind)candidate->kind,
                                            .id = uuid,
                                            .number = candidate->number };

            record_label(&header, number);
            uuid_format(&uuid, id);
        }
        lines = arena_printf(&cli->arena, "%s  %s  %s  %s\n", lines, number,
                             cli_safe(cli, candidate->title ? candidate->title : ""), id);
    }
    return lines && *lines ? lines : NULL;
}

enum crm_status cli_call_failed(struct cli *cli, enum crm_status status,
                                const struct crm_call *call)
{
    const struct crm_error *error = crm_call_error(call);

    fail(&cli->failure, status, *error->field ? error->field : NULL, "%s", error->text);
    cli->failure.position = error->position;
    cli->failure.retry_after_ms = error->retry_after_ms;
    if (error->wire)
        cli->detail = candidate_lines(cli, error->wire);
    if (status == CRM_DEVICE_NEEDED)
        cli->detail = "  an administrator gives you the line that enrols this one: crm admin device enroll\n";
    if (status == CRM_REVOKED)
        cli->detail = "  an administrator gives you the line that enrols it anew; crm device forget goes on without\n";
    return status;
}
