/*
 * output.c - writing records as lines of JSON
 *
 * Called by the sample company and the Maven conversion. Owns the open file.
 */
#include "tests/sample/output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/calendar.h"

enum crm_status output_begin(struct output *out, const char *kind, const char *name,
                             struct failure *failure)
{
    int size = snprintf(out->path, sizeof out->path, "%s/%s.jsonl", out->directory, name);

    if (size < 0 || (size_t)size >= sizeof out->path)
        return fail(failure, CRM_USAGE, NULL, "the name of the directory is too long");
    out->file = fopen(out->path, "we");
    if (!out->file)
        return fail(failure, CRM_IO, NULL, "cannot write %s: %s", out->path, strerror(errno));
    out->kind = kind;
    out->n = 0;
    out->is_broken = false;
    return CRM_OK;
}

void output_add(struct output *out, json_t *take_record)
{
    if (!take_record || json_dumpf(take_record, out->file, JSON_COMPACT) != 0 ||
        fputc('\n', out->file) == EOF)
        out->is_broken = true;
    json_decref(take_record);
    out->n++;
}

enum crm_status output_end(struct output *out, struct failure *failure)
{
    bool is_whole = fclose(out->file) == 0 && !out->is_broken;

    out->file = NULL;
    if (!is_whole)
        return fail(failure, CRM_IO, NULL, "%s could not be written", out->path);
    if (printf("%s %zu %s\n", out->kind, out->n, out->path) < 0)
        return fail(failure, CRM_IO, NULL, "the standard output could not be written");
    return CRM_OK;
}

void output_fini(struct output *out)
{
    if (out->file)
        fclose(out->file);
    out->file = NULL;
}

json_t *output_money(int64_t units, const char *currency)
{
    char amount[32];

    snprintf(amount, sizeof amount, "%" PRId64, units);
    return json_pack("{s:s, s:s}", "amount", amount, "currency", currency);
}

json_t *output_day(int32_t day)
{
    char text[DAY_TEXT_SIZE];

    day_format(day, text);
    return json_string(text);
}
