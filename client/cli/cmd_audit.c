/*
 * cmd_audit.c - crm audit: what was done besides changing records, and where the chains end
 */
#include <ctype.h>
#include <stdio.h>

#include "client/cli/admin.h"
#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/rows.h"
#include "client/cli/select.h"
#include "client/cli/table.h"
#include "common/base/calendar.h"
#include "common/base/clock.h"

#define SCREENFUL  50
#define ACTS_MAX   32
#define ACT_SIZE   32
#define ACT_PREFIX "AUDIT_ACT_"

/* "login-refused": the enum's name on the wire without its prefix, so that the two cannot drift
 * apart. */
static const char *act_name(int act, char text[ACT_SIZE])
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&crm__audit_act__descriptor, act);
    const char *name = value ? value->name : ACT_PREFIX "UNKNOWN";
    size_t n = 0;

    for (const char *at = name + strlen(ACT_PREFIX); *at && n < ACT_SIZE - 1; at++)
        text[n++] = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
    text[n] = '\0';
    return text;
}

static bool act_find(const char *word, size_t size, Crm__AuditAct *out_act)
{
    char name[ACT_SIZE];

    for (unsigned i = 0; i < crm__audit_act__descriptor.n_values; i++) {
        int act = crm__audit_act__descriptor.values[i].value;

        act_name(act, name);
        if (act != CRM__AUDIT_ACT__AUDIT_ACT_UNSET && strlen(name) == size &&
            strncmp(name, word, size) == 0) {
            *out_act = (Crm__AuditAct)act;
            return true;
        }
    }
    return false;
}

/* All of them, for who has mistyped one. */
static const char *all_acts(struct cli *cli)
{
    const char *text = "";
    char name[ACT_SIZE];

    for (unsigned i = 1; i < crm__audit_act__descriptor.n_values && text; i++)
        text = arena_printf(&cli->arena, "%s%s%s", text, i > 1 ? ", " : "",
                            act_name(crm__audit_act__descriptor.values[i].value, name));
    return text ? text : "";
}

/* --- what is asked for */

/* The request with what it borrows. */
struct asked {
    Crm__AuditListRequest request;
    Crm__AuditAct acts[ACTS_MAX];
    struct record user, record;
};

static enum crm_status take_acts(struct cli *cli, struct asked *asked)
{
    const char *at = cli->options.act ? cli->options.act : "";

    asked->request.acts = asked->acts;
    while (*at) {
        size_t size = strcspn(at, ",");

        if (asked->request.n_acts == ACTS_MAX ||
            !act_find(at, size, &asked->acts[asked->request.n_acts++]))
            return fail(&cli->failure, CRM_USAGE, NULL, "--act '%.*s': %s", (int)size, at,
                        all_acts(cli));
        at += size + (at[size] == ',');
    }
    return CRM_OK;
}

static enum crm_status take_time(struct cli *cli, const char *text, protobuf_c_boolean *has,
                                 int64_t *out_us)
{
    *has = text != NULL;
    return text ? instant_parse(slice_text(text), clock_now_us(), out_us, &cli->failure) : CRM_OK;
}

/* By its number, also where it is in the recycle bin; of one that was erased by its id. */
static enum crm_status take_record(struct cli *cli, struct asked *asked)
{
    struct selection selection = { .selector = cli->options.record, .deleted = true };
    enum crm_status status = CRM_OK;

    if (!cli->options.record)
        return CRM_OK;
    asked->request.has_record = true;
    if (!uuid_parse(cli->options.record, &asked->record.header.id))
        status = select_record(cli, &selection, &asked->record);
    asked->request.record = admin_id(&asked->record.header.id);
    return status;
}

static enum crm_status take_request(struct cli *cli, struct asked *asked)
{
    Crm__AuditListRequest *request = &asked->request;
    enum crm_status status = take_acts(cli, asked);

    if (!status)
        status = take_time(cli, cli->options.since, &request->has_from, &request->from);
    if (!status)
        status = take_time(cli, cli->options.until, &request->has_until, &request->until);
    if (!status && cli->options.user) {
        status = admin_select(cli, KIND_USER, cli->options.user, &asked->user);
        request->has_user = true;
        request->user = admin_id(&asked->user.header.id);
    }
    if (!status)
        status = take_record(cli, asked);
    request->has_limit = true;
    if (cli->options.limit)
        request->limit =
            cli->options.limit < UINT32_MAX ? (uint32_t)cli->options.limit : UINT32_MAX;
    else if (cli->out_is_tty && !cli->options.all && !rows_for_programs(cli))
        request->limit = SCREENFUL;
    return status;
}

/* --- showing */

struct shown {
    struct cli *cli;
    struct table *table; /* NULL: JSON */
    uint64_t n;
    enum crm_status status;
};

static struct uuid uuid_of(ProtobufCBinaryData bytes)
{
    struct uuid id = { { 0 } };

    (void)uuid_from_slice(slice_of(bytes.data, bytes.len), &id);
    return id;
}

static const char *who_text(struct cli *cli, const Crm__AuditEntry *entry)
{
    struct uuid user = uuid_of(entry->user);

    if (entry->has_user)
        return display_ref(cli, &user, &cli->arena);
    return entry->login ? arena_printf(&cli->arena, "(%s)", cli_safe(cli, entry->login)) : "–";
}

static const char *what_text(struct cli *cli, const Crm__AuditEntry *entry)
{
    const char *text = entry->erased ? cli_label(cli, "(erased)", "(已彻底删除)")
                                     : cli_safe(cli, entry->text ? entry->text : "");

    return entry->times > 1 ? arena_printf(&cli->arena, "%s ×%u", text, entry->times) : text;
}

static enum crm_status show_row(struct shown *shown, const Crm__AuditEntry *entry)
{
    struct cli *cli = shown->cli;
    struct uuid record = uuid_of(entry->record);
    char number[24], at[INSTANT_TEXT_SIZE], act[ACT_SIZE];

    snprintf(number, sizeof(number), "%llu", (unsigned long long)entry->number);
    instant_format_short(entry->at, at);
    return table_row(
        shown->table,
        (const char *[]){ number, at, who_text(cli, entry), act_name((int)entry->act, act),
                          what_text(cli, entry),
                          entry->has_record ? display_ref(cli, &record, &cli->arena) : "",
                          cli_safe(cli, entry->from ? entry->from : "") },
        0);
}

static json_t *hex_json(protobuf_c_boolean has, ProtobufCBinaryData bytes)
{
    char text[2 * SHA256_SIZE + 1];

    if (!has || bytes.len > SHA256_SIZE)
        return json_null();
    hex_format(bytes.data, bytes.len, text);
    return json_string(text);
}

static json_t *entry_json(struct cli *cli, const Crm__AuditEntry *entry)
{
    struct uuid user = uuid_of(entry->user), record = uuid_of(entry->record);
    char at[INSTANT_TEXT_SIZE], act[ACT_SIZE];

    instant_format(entry->at, at);
    return json_pack("{s:I, s:s, s:s, s:i, s:o, s:s?, s:s?, s:o, s:s?, s:o, s:o, s:b}", "number",
                     (json_int_t)entry->number, "at", at, "act", act_name((int)entry->act, act), "times",
                     (int)entry->times, "user",
                     entry->has_user ? json_ref(cli, &user) : json_null(), "login", entry->login,
                     "from", entry->from, "record",
                     entry->has_record ? json_ref(cli, &record) : json_null(), "text", entry->text,
                     "trace", hex_json(entry->has_trace, entry->trace), "hash",
                     hex_json(entry->has_hash, entry->hash), "erased", entry->erased);
}

static enum crm_status show_entry(struct shown *shown, const Crm__AuditEntry *entry)
{
    struct cli *cli = shown->cli;

    if (shown->table)
        return show_row(shown, entry);
    if (!cli->options.jsonl)
        fputs(shown->n > 0 ? ",\n " : "\n ", stdout);
    shown->n++;
    if (cli->options.jsonl)
        return json_print(stdout, entry_json(cli, entry), false);

    json_t *object = entry_json(cli, entry);
    int written = object ? json_dumpf(object, stdout, JSON_COMPACT) : -1;

    json_decref(object);
    return written == 0 ? CRM_OK : CRM_IO;
}

static void on_chunk(void *arg, const ProtobufCMessage *message)
{
    const Crm__AuditListChunk *chunk = (const Crm__AuditListChunk *)message;
    struct shown *shown = arg;

    titles_add(&shown->cli->titles, chunk->n_titles, chunk->titles);
    for (size_t i = 0; i < chunk->n_entries && !shown->status; i++)
        shown->status = show_entry(shown, chunk->entries[i]);
}

static enum crm_status begin(struct shown *shown)
{
    static const char *const headings[][2] = { { "number", "编号" }, { "when", "时间" },
                                               { "who", "操作人" },  { "act", "操作" },
                                               { "what", "内容" },   { "record", "记录" },
                                               { "from", "来源" } };
    struct cli *cli = shown->cli;
    enum crm_status status = CRM_OK;

    if (cli->options.json || cli->options.jsonl) {
        if (!cli->options.jsonl)
            fputs("[", stdout);
        return CRM_OK;
    }
    shown->table = table_create(stdout, cli->colour);
    for (size_t i = 0; shown->table && i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(shown->table, headings[i][cli->chinese],
                              i == 0   ? TABLE_RIGHT
                              : i == 4 ? TABLE_WRAP
                                       : 0);
    return shown->table ? status : CRM_NO_MEMORY;
}

static enum crm_status end(struct shown *shown, const Crm__AuditListRequest *request)
{
    if (!shown->table) {
        if (!shown->cli->options.jsonl)
            fputs(shown->n > 0 ? "\n]\n" : "]\n", stdout);
        return CRM_OK;
    }
    if (request->limit && table_rows(shown->table) == request->limit && !shown->cli->options.limit)
        cli_hint(shown->cli, "%s",
                 cli_label(shown->cli, "The newest ones; all with --all.",
                           "仅显示最新的,全部请用 --all。"));
    return table_flush(shown->table);
}

static enum crm_status run_list(struct cli *cli, int argc, char **argv)
{
    struct asked asked = { .request = CRM__AUDIT_LIST_REQUEST__INIT };
    struct shown shown = { .cli = cli };
    const Crm__AuditListReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status = take_request(cli, &asked);

    (void)argc;
    (void)argv;
    if (status)
        return status;
    status = begin(&shown);
    if (!status) {
        status = crm_audit_list(cli->client, &asked.request, on_chunk, &shown, &call, &reply);
        if (status)
            status = cli_call_failed(cli, status, call);
        else
            status = shown.status ? shown.status : end(&shown, &asked.request);
    }
    crm_call_destroy(call);
    table_destroy(shown.table);
    return status == CRM_IO ? CRM_CANCELLED : status;
}

/* --- the ends of the chains */

static enum crm_status show_head(struct cli *cli, const Crm__AuditListReply *reply)
{
    char audit[2 * SHA256_SIZE + 1], log[2 * SHA256_SIZE + 1];

    if (reply->hash.len != SHA256_SIZE || reply->log_hash.len != SHA256_SIZE)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server sent no hashes");
    hex_format(reply->hash.data, SHA256_SIZE, audit);
    hex_format(reply->log_hash.data, SHA256_SIZE, log);
    if (cli->options.json)
        return json_print(stdout,
                          json_pack("{s:{s:I, s:s, s:I}, s:{s:I, s:s}}", "audit", "number",
                                    (json_int_t)reply->head, "hash", audit, "floor",
                                    (json_int_t)reply->floor, "log", "number",
                                    (json_int_t)reply->log_seq, "hash", log),
                          true);
    printf("audit %llu:%s\nlog   %llu:%s\n", (unsigned long long)reply->head, audit,
           (unsigned long long)reply->log_seq, log);
    cli_hint(
        cli, "%s",
        cli_label(
            cli,
            "Keep it elsewhere; crmd check DIR --audit-head NUMBER:HASH --log-head NUMBER:HASH "
            "compares.",
            "请另行保存;用 crmd check DIR --audit-head 编号:哈希 --log-head 编号:哈希 比对。"));
    return CRM_OK;
}

static void no_chunk(void *arg, const ProtobufCMessage *message)
{
    (void)arg;
    (void)message;
}

static enum crm_status run_head(struct cli *cli, int argc, char **argv)
{
    Crm__AuditListRequest request = CRM__AUDIT_LIST_REQUEST__INIT;
    const Crm__AuditListReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status;

    (void)argc;
    (void)argv;
    request.has_head_only = request.head_only = true;
    status = crm_audit_list(cli->client, &request, no_chunk, NULL, &call, &reply);
    status = status ? cli_call_failed(cli, status, call) : show_head(cli, reply);
    crm_call_destroy(call);
    return status;
}

const struct command audit_list = {
    .name = "audit list",
    .synopsis = "",
    .summary = "entries of the audit trail, the newest first",
    .run = run_list,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_USER, OPT_RECORD, OPT_SINCE, OPT_UNTIL, OPT_ACT, OPT_LIMIT, OPT_ALL, OPT_JSON,
            OPT_JSONL),
    .max_args = 0,
    .description = "Who did what, when, from where. Refusals are summed by user, address and "
                   "minute: \"×17\" were seventeen. In brackets "
                   "stands a login that somebody typed and that does not exist.\n\n"
                   "Acts: login, login-refused, logout, session-ended, password, invitation, "
                   "factor, token, device, permission, export, "
                   "report, administration, erase, refused, confirm, access.",
    EXAMPLES("crm audit list --act login-refused --since -7d", "who was turned away this week",
             "crm audit list --user anna --json", "all that one user did",
             "crm audit list --record U-3", "who changed this user's permissions"),
};

const struct command audit_head = {
    .name = "audit head",
    .synopsis = "",
    .summary = "number and hash of the newest entries, to be kept elsewhere",
    .run = run_head,
    .flags = COMMAND_CONNECTS,
    OPTIONS(OPT_JSON),
    .max_args = 0,
    .description = "Of the audit trail and of the log of record changes. Each entry's hash stands "
                   "for all before it: where crmd check finds the "
                   "same hash at the same number, nothing up to there was changed or removed, not "
                   "even by somebody who could write to the "
                   "database.",
    EXAMPLES("crm audit head > head-$(date +%F)", "once a day, onto another machine",
             "crm audit head --json | jq -r '.audit | \"\\(.number):\\(.hash)\"'",
             "as crmd check --audit-head takes it"),
};
