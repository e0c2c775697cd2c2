/*
 * schema_suggest.c - which field a mistyped name means
 */
#include "common/base/distance.h"
#include "common/model/schema.h"

static void look(const struct schema *schema, const struct kind_def *kind, const char *name, size_t *best, const char **near)
{
    const struct field_def *field;

    for (size_t i = 0; (field = schema_field_at(schema, kind, i)); i++) {
        size_t distance = field->flags & FIELD_HEADER ? *best : edit_distance(name, field->name);

        if (distance < *best) {
            *best = distance;
            *near = field->name;
        }
    }
}

const char *schema_suggest(const struct schema *schema, const struct kind_def *kind, const char *name)
{
    size_t best = strlen(name) > 3 ? 3 : 2; /* less than this many slips */
    const char *near = NULL;
    const struct kind_def *each;

    if (kind)
        look(schema, kind, name, &best, &near);
    for (size_t i = 0; !kind && (each = kind_at(i)); i++)
        look(schema, each, name, &best, &near);
    return near;
}
