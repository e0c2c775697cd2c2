/*
 * cmd_duplicates.c - crm duplicates: pairs of records that are probably one, how sure that is, and why
 *
 * Main thread. The server compares; pairs come the surest first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/command.h"
#include "client/cli/csv.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/query.h"
#include "client/cli/select.h"
#include "client/cli/table.h"

#define THOUSAND 1000

struct shown {
    struct cli *cli;
    const struct kind_def *kind;
    struct table *table; /* NULL: JSON or CSV */
    struct arena arena;  /* of a pair */
    uint64_t n;
    enum crm_status status;
};

static const char *const reason_names[] = {
    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_NAME] = "name",         [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_GIVEN] = "given name",
    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_FAMILY] = "family name", [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_ADDRESS] = "address",
    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_CITY] = "city",         [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_REGION] = "region",
    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_POSTCODE] = "postcode", [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_PHONE] = "phone",
    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_MAIL] = "e-mail",       [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_WEB] = "domain",
    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_BIRTH] = "birthday",    [CRM__DUPLICATE_FIELD__DUPLICATE_FIELD_KEY] = "key",
};

static const char *reason_name(const Crm__DuplicateReason *reason)
{
    unsigned field = reason->field;

    return field < ARRAY_LEN(reason_names) && reason_names[field] ? reason_names[field] : "other";
}

/* "same phone, name 0.93, but city 0.10" */
static const char *reasons_text(struct shown *shown, const Crm__DuplicatePair *pair)
{
    const char *text = "";

    for (size_t i = 0; i < pair->n_reasons && text; i++) {
        const Crm__DuplicateReason *reason = pair->reasons[i];
        const char *comma = i ? ", " : "", *but = reason->against ? "but " : "";

        if (reason->likeness >= THOUSAND)
            text = arena_printf(&shown->arena, "%s%s%ssame %s", text, comma, but, reason_name(reason));
        else
            text = arena_printf(&shown->arena, "%s%s%s%s %u.%02u", text, comma, but, reason_name(reason), reason->likeness / THOUSAND,
                                reason->likeness % THOUSAND / 10);
    }
    return text;
}

static const char *label_of(struct shown *shown, const Crm__DuplicateRecord *record)
{
    struct uuid id = { { 0 } };

    if (!record || !uuid_from_slice(slice_of(record->id.data, record->id.len), &id))
        return "";
    return display_label(shown->kind->kind, &id, record->number, &shown->arena);
}

static json_t *record_object(struct shown *shown, const Crm__DuplicateRecord *record)
{
    const char *label = label_of(shown, record);
    char text[UUID_TEXT_SIZE] = "";
    struct uuid id;

    if (record && uuid_from_slice(slice_of(record->id.data, record->id.len), &id))
        uuid_format(&id, text);
    return json_pack("{s:s, s:s?, s:s}", "id", text, "number", label, "name", record && record->title ? record->title : "");
}

static enum crm_status show_json(struct shown *shown, const Crm__DuplicatePair *pair)
{
    FILE *out = shown->cli->out;
    json_t *reasons = json_array(), *object;
    bool is_written;

    for (size_t i = 0; i < pair->n_reasons; i++)
        json_array_append_new(reasons, json_pack("{s:s, s:f, s:b}", "field", reason_name(pair->reasons[i]), "likeness",
                                                 (double)pair->reasons[i]->likeness / THOUSAND, "against", (int)pair->reasons[i]->against));
    object = json_pack("{s:f, s:o, s:o, s:o}", "score", (double)pair->score / THOUSAND, "first", record_object(shown, pair->first), "second",
                       record_object(shown, pair->second), "reasons", reasons);
    if (!object)
        return CRM_NO_MEMORY;
    fputs(shown->n > 1 ? ",\n " : "\n ", out);
    is_written = json_dumpf(object, out, JSON_COMPACT) == 0;
    json_decref(object);
    return is_written ? CRM_OK : CRM_IO;
}

static enum crm_status show_pair(struct shown *shown, const Crm__DuplicatePair *pair)
{
    struct cli *cli = shown->cli;
    char score[16];
    const char *cells[6];

    arena_reset(&shown->arena);
    shown->n++;
    if (cli->options.json)
        return show_json(shown, pair);
    snprintf(score, sizeof(score), "%u.%03u", pair->score / THOUSAND, pair->score % THOUSAND);
    cells[0] = score;
    cells[1] = label_of(shown, pair->first);
    cells[2] = pair->first && pair->first->title ? pair->first->title : "";
    cells[3] = label_of(shown, pair->second);
    cells[4] = pair->second && pair->second->title ? pair->second->title : "";
    cells[5] = reasons_text(shown, pair);
    if (!cells[1] || !cells[3] || !cells[5])
        return CRM_NO_MEMORY;
    if (shown->table) {
        cells[2] = cli_safe(cli, cells[2]);
        cells[4] = cli_safe(cli, cells[4]);
        return table_row(shown->table, cells, 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        csv_cell(cli->out, slice_text(cells[i]), i == 0);
    csv_end(cli->out);
    return CRM_OK;
}

static void on_chunk(void *arg, const ProtobufCMessage *message)
{
    const Crm__DuplicatesChunk *chunk = (const Crm__DuplicatesChunk *)message;
    struct shown *shown = arg;

    for (size_t i = 0; i < chunk->n_pairs && !shown->status; i++)
        shown->status = show_pair(shown, chunk->pairs[i]);
}

static enum crm_status begin(struct shown *shown)
{
    struct cli *cli = shown->cli;

    if (cli->options.json) {
        fputs("[", cli->out);
        return CRM_OK;
    }
    if (cli->options.csv) {
        fputs("score,first,first_name,second,second_name,reasons\n", cli->out);
        return CRM_OK;
    }
    shown->table = table_create(cli->out, cli->colour);
    if (!shown->table || table_column(shown->table, cli_label(cli, "Score", "相似度"), TABLE_RIGHT) || table_column(shown->table, "", 0) ||
        table_column(shown->table, cli_label(cli, "Record", "记录"), TABLE_TRUNCATE) || table_column(shown->table, "", 0) ||
        table_column(shown->table, cli_label(cli, "Likely the same as", "疑似重复"), TABLE_TRUNCATE) ||
        table_column(shown->table, cli_label(cli, "Why", "依据"), TABLE_WRAP))
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return CRM_OK;
}

static enum crm_status end(struct shown *shown, const Crm__DuplicatesReply *reply)
{
    struct cli *cli = shown->cli;

    if (shown->status)
        return fail(&cli->failure, shown->status, NULL, "the pairs cannot be shown");
    if (cli->options.json)
        fputs(shown->n ? "\n]\n" : "]\n", cli->out);
    if (shown->table && shown->n > 0 && table_flush(shown->table))
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (shown->table && shown->n == 0 && !cli->options.quiet)
        fprintf(cli->out, "%s\n", cli_label(cli, "No likely duplicates.", "没有疑似重复。"));
    if (reply->more)
        cli_hint(cli, "There are more pairs: --limit N, or a higher --min.");
    if (shown->n > 0)
        cli_hint(cli, cli->chinese ? "合并: crm merge 保留 并入…" : "Make one of two with: crm merge RECORD OTHER");
    return CRM_OK;
}

/* "0.9" or "90": thousandths. */
static enum crm_status read_min(struct cli *cli, Crm__DuplicatesRequest *request)
{
    char *rest;
    double min;

    if (!cli->options.min)
        return CRM_OK;
    min = strtod(cli->options.min, &rest);
    if (*rest || rest == cli->options.min || !(min >= 0 && min <= 1))
        return fail(&cli->failure, CRM_USAGE, NULL, "'%s': --min takes a score from 0 to 1", cli->options.min);
    request->has_min = true;
    request->min = (uint32_t)(min * THOUSAND + 0.5);
    return CRM_OK;
}

enum crm_status cmd_duplicates(struct cli *cli, int argc, char **argv)
{
    Crm__DuplicatesRequest request = CRM__DUPLICATES_REQUEST__INIT;
    struct shown shown = { .cli = cli };
    struct crm_call *call = NULL;
    const Crm__DuplicatesReply *reply;
    enum crm_status status = select_kind(cli, argv[1], &shown.kind);

    if (!status)
        status = read_min(cli, &request);
    if (!status)
        status = query_filter(cli, shown.kind, query_text(cli, argc, argv, 2), &request.n_filter, &request.filter);
    if (status)
        return status;
    request.has_kind = true;
    request.kind = (uint32_t)shown.kind->kind;
    request.has_limit = cli->options.limit > 0;
    request.limit = cli->options.limit < UINT32_MAX ? (uint32_t)cli->options.limit : UINT32_MAX;
    arena_init(&shown.arena, (size_t)1 << 20);
    status = begin(&shown);
    if (!status) {
        status = crm_duplicates(cli->client, &request, on_chunk, &shown, &call, &reply);
        status = status ? cli_call_failed(cli, status, call) : end(&shown, reply);
    }
    crm_call_destroy(call);
    table_destroy(shown.table);
    arena_fini(&shown.arena);
    return status;
}
