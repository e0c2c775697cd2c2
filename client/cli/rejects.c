/*
 * rejects.c - see rejects.h
 *
 * Called by crm apply; main thread.
 */
#include "client/cli/rejects.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static enum crm_status out_of_memory(struct rejects *rejects)
{
    return fail(&rejects->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

/* In CSV the reason comes first, since a row may have too many cells, or too few. */

/* leads.csv gives leads.rejects.csv; the standard input gives rejects. */
static const char *default_path(struct cli *cli, const char *input)
{
    const char *slash = strrchr(input, '/'), *name = slash ? slash + 1 : input, *dot = strrchr(name, '.');

    if (strcmp(input, "-") == 0)
        return "rejects";
    return dot && dot > name ? arena_printf(&cli->arena, "%.*s.rejects%s", (int)(dot - name), name, dot) : arena_printf(&cli->arena, "%s.rejects", name);
}

enum crm_status rejects_init(struct rejects *rejects, struct cli *cli, const char *path, const char *input, bool is_appended)
{
    memset(rejects, 0, sizeof(*rejects));
    rejects->cli = cli;
    rejects->path = path ? path : default_path(cli, input);
    rejects->is_appended = is_appended;
    return rejects->path ? CRM_OK : out_of_memory(rejects);
}

enum crm_status rejects_fini(struct rejects *rejects)
{
    for (size_t i = 0; i < REJECTS_KEPT; i++)
        free(rejects->kept[i].text);
    free(rejects->header);
    if (rejects->out && (fclose(rejects->out) != 0 || rejects->status))
        return fail(&rejects->cli->failure, CRM_IO, NULL, "%s: %s", rejects->path, strerror(errno));
    return rejects->status;
}

static char *row_text(const struct slice *cells, size_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++)
        csv_cell(out, cells[i], i == 0);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static enum crm_status keep_header(struct rejects *rejects, const struct import_row *row)
{
    struct slice *names;

    rejects->is_csv = row->names != NULL;
    if (!row->names || rejects->header)
        return CRM_OK;
    names = calloc(row->n_names + 1, sizeof(*names));
    if (!names)
        return out_of_memory(rejects);
    for (size_t i = 0; i < row->n_names; i++)
        names[i] = slice_text(row->names[i]);
    rejects->header = row_text(names, row->n_names);
    free(names);
    return rejects->header ? CRM_OK : out_of_memory(rejects);
}

enum crm_status rejects_keep(struct rejects *rejects, const struct import_row *row)
{
    size_t at = rejects->next++ % REJECTS_KEPT;
    enum crm_status status = keep_header(rejects, row);

    if (status)
        return status;
    free(rejects->kept[at].text);
    rejects->kept[at].line = row->line;
    rejects->kept[at].text = row->object  ? json_dumps(row->object, JSON_COMPACT)
                             : row->names ? row_text(row->cells, row->n_cells)
                                          : strdup("{}"); /* a line that is no JSON: its number must do */
    return rejects->kept[at].text ? CRM_OK : out_of_memory(rejects);
}

static bool open_file(struct rejects *rejects)
{
    if (rejects->out || rejects->status)
        return rejects->out;
    rejects->out = fopen(rejects->path, rejects->is_appended ? "ae" : "we");
    if (!rejects->out) {
        rejects->status = fail(&rejects->cli->failure, CRM_IO, NULL, "%s: %s", rejects->path, strerror(errno));
        return false;
    }
    if (rejects->is_csv && ftell(rejects->out) == 0)
        fprintf(rejects->out, "$rejected_line,$rejected_field,$rejected_reason,%s\n", rejects->header);
    return true;
}

static const char *text_of(const struct rejects *rejects, uint64_t line)
{
    for (size_t i = 0; i < REJECTS_KEPT; i++)
        if (rejects->kept[i].text && rejects->kept[i].line == line)
            return rejects->kept[i].text;
    return NULL;
}

static bool write_object(const struct rejects *rejects, const char *text, uint64_t line, const struct failure *failure)
{
    json_t *object = json_loads(text, 0, NULL);
    bool is_written = object && json_object_set_new(object, "$rejected_line", json_integer((json_int_t)line)) == 0 &&
                      json_object_set_new(object, "$rejected_field", json_string(failure->field)) == 0 &&
                      json_object_set_new(object, "$rejected_reason", json_string(failure->text)) == 0 &&
                      json_dumpf(object, rejects->out, JSON_COMPACT) == 0 && fputc('\n', rejects->out) != EOF;

    json_decref(object);
    return is_written;
}

static bool write_row(const struct rejects *rejects, const char *text, uint64_t line, const struct failure *failure)
{
    fprintf(rejects->out, "%" PRIu64, line);
    csv_cell(rejects->out, slice_text(failure->field), false);
    csv_cell(rejects->out, slice_text(failure->text), false);
    fprintf(rejects->out, "%s%s", *text ? "," : "", text);
    csv_end(rejects->out);
    return !ferror(rejects->out);
}

void rejects_add(struct rejects *rejects, uint64_t line, const struct failure *failure)
{
    const char *text = text_of(rejects, line);

    rejects->n++;
    if (!text || !open_file(rejects))
        return;
    if (!(rejects->is_csv ? write_row : write_object)(rejects, text, line, failure))
        rejects->status = fail(&rejects->cli->failure, CRM_IO, NULL, "%s: %s", rejects->path, strerror(errno));
}
