/*
 * sort.c - `--sort -amount,name` as field definitions
 *
 * Called by the command line and for saved views. Pure. Which of the fields have an index is for
 * the planner to ask.
 */
#include "common/model/filter.h"

#include "common/base/text.h"
#include "common/model/filter_suggest.h"

#define NAME_SIZE_MAX 128

static struct slice trim(struct slice text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* One key: "-amount". at is its place in the whole text. */
static enum crm_status parse_key(const struct schema *schema, const struct kind_def *kind,
                                 struct slice text, size_t at, struct sort_key *out_key,
                                 struct failure *failure)
{
    struct sort_key key = { .descending = text.size > 0 && text.data[0] == '-' };
    const struct field_def *meant;
    char name[NAME_SIZE_MAX];
    struct slice bare = text;

    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        bare = trim(slice_of(text.data + 1, text.size - 1));
    if (bare.size == 0)
        return fail_at(failure, CRM_INVALID, (int)at, "expected a field to sort by");
    if (bare.size >= sizeof(name))
        return fail_at(failure, CRM_INVALID, (int)at, "this is too long for the name of a field");
    memcpy(name, bare.data, bare.size);
    name[bare.size] = '\0';

    key.field = schema_field_by_name(schema, kind, name);
    if (!key.field) {
        meant = filter_suggest_field(schema, kind, name);
        if (meant)
            return fail_at(failure, CRM_INVALID, (int)at,
                           "there is no field '%s' in %s; did you mean '%s'?", name, kind->name,
                           meant->name);
        return fail_at(failure, CRM_INVALID, (int)at, "there is no field '%s' in %s", name,
                       kind->name);
    }
    if (key.field->type == FIELD_GROUP || (key.field->flags & FIELD_REPEATED))
        return fail_at(failure, CRM_INVALID, (int)at, "%s has several values and gives no order",
                       key.field->name);
    *out_key = key;
    return CRM_OK;
}

enum crm_status sort_parse(const struct schema *schema, const struct kind_def *kind,
                           const char *text, struct sort_key keys[SORT_KEYS_MAX], size_t *out_n,
                           struct failure *failure)
{
    struct sort_key parsed[SORT_KEYS_MAX];
    struct slice rest = slice_text(text);
    size_t n = 0;

    if (!text_is_valid(rest))
        return fail_at(failure, CRM_INVALID, 0, "the text is not UTF-8");
    if (trim(rest).size == 0) {
        *out_n = 0;
        return CRM_OK;
    }
    for (;;) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        struct slice part =
            trim(slice_of(rest.data, comma ? (size_t)(comma - rest.data) : rest.size));
        size_t at = (size_t)(part.data - (const uint8_t *)text);
        enum crm_status status;

        if (n == SORT_KEYS_MAX)
            return fail_at(failure, CRM_TOO_LARGE, (int)at, "at most %d fields to sort by",
                           SORT_KEYS_MAX);
        status = parse_key(schema, kind, part, at, &parsed[n], failure);
        if (status != CRM_OK)
            return status;
        for (size_t i = 0; i < n; i++) {
            if (parsed[i].field == parsed[n].field)
                return fail_at(failure, CRM_INVALID, (int)at, "%s is there twice",
                               parsed[n].field->name);
        }
        n++;
        if (!comma)
            break;
        rest = slice_of(comma + 1, rest.size - (size_t)(comma + 1 - rest.data));
    }
    memcpy(keys, parsed, n * sizeof(keys[0]));
    *out_n = n;
    return CRM_OK;
}
