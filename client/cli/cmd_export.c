/*
 * cmd_export.c - crm export: records of one moment into a file, going on after a cut
 *
 * Main thread. Beside an unfinished file FILE lies FILE.resume: how much of the file is whole, and the token of the next part; it goes with the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/command.h"
#include "client/cli/confirm.h"
#include "client/cli/display.h"
#include "client/cli/progress.h"
#include "client/cli/query.h"
#include "client/cli/rows.h"
#include "client/cli/select.h"
#include "common/base/digest.h"

#define PART       2000 /* records: on a slow line a part must not take as long as the server lets a request run */
#define TOKEN_MAX  512
#define RESUME_MAX (2 * TOKEN_MAX + 200)

struct export {
    struct cli *cli;
    const char *path, *resume; /* NULL: to the standard output */
    Crm__ListRequest list;
    uint8_t token[TOKEN_MAX];
    struct rows *rows;
    struct progress progress;
    uint64_t before; /* rows that an earlier run has written */
    bool is_continued;
    bool is_cut;
};

static enum crm_status keep_token(struct export *export, ProtobufCBinaryData token)
{
    if (token.len > TOKEN_MAX)
        return fail(&export->cli->failure, CRM_PROTOCOL, NULL, "the server's token is too long");
    memcpy(export->token, token.data, token.len);
    export->list.has_token = true;
    export->list.token = (ProtobufCBinaryData){ .data = export->token, .len = token.len };
    return CRM_OK;
}

/* --- going on */

static enum crm_status cannot(struct export *export, const char *path)
{
    return fail(&export->cli->failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
}

/* What has been asked: another export into the same file begins anew. */
static void hash_request(const struct export *export, char text[2 * SHA256_SIZE + 1])
{
    Crm__ListRequest bound = export->list;
    uint8_t hash[SHA256_SIZE];
    const struct options *options = &export->cli->options;
    char form[80];
    size_t size;
    uint8_t *packed;

    bound.has_token = false;
    size = crm__list_request__get_packed_size(&bound);
    packed = arena_alloc(&export->cli->arena, size + 1);
    snprintf(form, sizeof(form), "%d%d%d%d%.60s", options->jsonl, options->json, options->raw, options->excel, options->columns ? options->columns : "");
    if (packed)
        crm__list_request__pack(&bound, packed);
    sha256((struct slice[]){ slice_of(packed, packed ? size : 0), slice_text(form) }, 2, hash);
    hex_format(hash, sizeof(hash), text);
}

/* Read FILE.resume and cut the file to what is whole. false: there is nothing to go on with. */
static bool read_resume(struct export *export)
{
    char asked[2 * SHA256_SIZE + 1], known[2 * SHA256_SIZE + 1], token[2 * TOKEN_MAX + 1];
    uint64_t size, rows;
    FILE *in = export->resume ? fopen(export->resume, "re") : NULL;
    int n;

    if (!in)
        return false;
    n = fscanf(in, "%64s %" SCNu64 " %" SCNu64 " %1024s", known, &size, &rows, token);
    fclose(in);
    hash_request(export, asked);
    if (n != 4 || strcmp(asked, known) != 0 || strlen(token) % 2 || !hex_parse(token, export->token, strlen(token) / 2) ||
        truncate(export->path, (off_t)size) != 0)
        return false;
    export->list.has_token = true;
    export->list.token = (ProtobufCBinaryData){ .data = export->token, .len = strlen(token) / 2 };
    export->before = rows;
    export->is_continued = true;
    return true;
}

/* What is written is on disk before it is said to be. */
static enum crm_status write_resume(struct export *export)
{
    struct cli *cli = export->cli;
    char asked[2 * SHA256_SIZE + 1], token[2 * TOKEN_MAX + 1], text[RESUME_MAX];
    const char *fresh = arena_printf(&cli->arena, "%s.new", export->resume);
    FILE *out;
    bool is_bad;

    if (!export->resume)
        return CRM_OK;
    if (fflush(cli->out) != 0 || fsync(fileno(cli->out)) != 0)
        return cannot(export, export->path);
    hash_request(export, asked);
    hex_format(export->token, export->list.token.len, token);
    snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64 " %s\n", asked, (uint64_t)ftello(cli->out), export->before + rows_count(export->rows), token);
    out = fresh ? fopen(fresh, "we") : NULL;
    if (!out)
        return cannot(export, export->resume);
    is_bad = fputs(text, out) == EOF;
    is_bad |= fclose(out) != 0;
    return is_bad || rename(fresh, export->resume) != 0 ? cannot(export, export->resume) : CRM_OK;
}

/* --- the parts */

static enum crm_status begin(struct export *export)
{
    struct cli *cli = export->cli;
    Crm__ExportRequest request = CRM__EXPORT_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__ExportReply *reply;
    enum crm_status status;

    request.list = &export->list;
    status = confirm_run(cli, OP_EXPORT_BEGIN, &request.base, &call);
    reply = status ? NULL : (const Crm__ExportReply *)crm_call_reply(call);
    if (!status)
        status = reply ? keep_token(export, reply->token) : fail(&cli->failure, CRM_PROTOCOL, NULL, "the server has given no token");
    crm_call_destroy(call);
    return status;
}

static enum crm_status run_part(struct export *export, bool *out_more)
{
    const Crm__ListReply *reply;
    struct crm_call *call;
    enum crm_status status = query_run(export->cli, OP_EXPORT, &export->list.base, export->rows, &call, &reply);

    if (!status) {
        *out_more = reply->has_token;
        status = reply->has_token ? keep_token(export, reply->token) : CRM_OK;
    }
    crm_call_destroy(call);
    if (!status && *out_more)
        status = write_resume(export);
    progress_update(&export->progress, export->before + rows_count(export->rows));
    return status;
}

static enum crm_status run(struct export *export, const struct kind_def *kind)
{
    const struct options *options = &export->cli->options;
    unsigned flags = (options->raw ? 0u : ROWS_SAFE) | (options->excel ? ROWS_EXCEL : 0u) | (export->is_continued ? ROWS_CONTINUED : 0u);
    bool more = true;
    enum crm_status status = CRM_OK;

    if (options->excel && !export->is_continued)
        fputs("\xef\xbb\xbf", export->cli->out);
    status = rows_create_with(export->cli, kind, flags, &export->rows);
    if (!status && !export->is_continued)
        status = write_resume(export);
    while (!status && more)
        status = run_part(export, &more);
    if (!status)
        status = rows_finish(export->rows);
    progress_end(&export->progress);
    return status;
}

/* --- the file */

static enum crm_status open_output(struct export *export)
{
    struct cli *cli = export->cli;

    if (!export->path)
        return CRM_OK;
    cli->out = fopen(export->path, export->is_continued ? "r+e" : "we");
    if (cli->out && (!export->is_continued || fseeko(cli->out, 0, SEEK_END) == 0))
        return CRM_OK;
    cannot(export, export->path);
    if (cli->out)
        fclose(cli->out);
    cli->out = stdout;
    return CRM_IO;
}

static enum crm_status close_output(struct export *export, enum crm_status status)
{
    struct cli *cli = export->cli;
    FILE *out = cli->out;

    if (!export->path)
        return status;
    cli->out = stdout;
    if (fclose(out) != 0 && !status)
        status = cannot(export, export->path);
    if (!status && unlink(export->resume) != 0 && errno != ENOENT)
        status = cannot(export, export->resume);
    if (status)
        cli_hint(cli, "The same command goes on where this one stopped.");
    return status;
}

enum crm_status cmd_export(struct cli *cli, int argc, char **argv)
{
    struct export export = { .cli = cli, .path = cli->options.output };
    const struct kind_def *kind;
    uint64_t total = 0;
    char number[32];
    enum crm_status status = select_kind(cli, argv[1], &kind);

    if (!cli->options.jsonl)
        cli->options.csv = true;
    if (!status)
        status = query_list(cli, kind, query_text(cli, argc, argv, 2), &export.list);
    if (!status)
        status = query_count(cli, &export.list, &total);
    if (status)
        return status;
    export.list.has_limit = true;
    export.list.limit = PART;
    export.resume = export.path ? arena_printf(&cli->arena, "%s.resume", export.path) : NULL;
    progress_init(&export.progress, cli, total);
    if (!read_resume(&export))
        status = begin(&export);
    if (!status)
        status = open_output(&export);
    if (status)
        return status;
    status = close_output(&export, run(&export, kind));
    if (!status && export.path && !cli->options.quiet)
        fprintf(stderr, cli->chinese ? "已导出 %s 条%s\n" : "Exported %s %s.\n", cli_grouped((int64_t)(export.before + rows_count(export.rows)), number),
                cli->chinese ? kind->label_zh : kind->plural);
    rows_destroy(export.rows);
    return status;
}
