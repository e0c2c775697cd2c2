/*
 * mapping_file.c - a mapping kept as JSON, to be used again and edited
 *
 *     { "kind": "customer", "match": "registration_number", "date_format": "%d/%m/%Y",
 *       "columns": { "公司名称": "name", "Billing City": "addresses.billing.city", "Junk": null } }
 *
 * Called by crm import; one thread. Columns that the file does not name are looked for as ever.
 */
#include "client/import/mapping.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#define FILE_MAX ((size_t)4 << 20)

static size_t read_capped(void *buffer, size_t size, void *arg)
{
    FILE *in = arg;

    return (size_t)ftell(in) > FILE_MAX ? (size_t)-1 : fread(buffer, 1, size, in);
}

static enum crm_status check_columns(json_t *columns, struct failure *failure)
{
    const char *header;
    json_t *target;

    if (!json_is_object(columns))
        return fail(failure, CRM_INVALID, "columns",
                    "a mapping file is an object with the object \"columns\"");
    json_object_foreach(columns, header, target)
    {
        if (!json_is_string(target) && !json_is_null(target))
            return fail(failure, CRM_INVALID, header,
                        "a column leads to a field's name, or to null");
    }
    return CRM_OK;
}

static const char *text_of(const struct mapping *mapping, const char *key)
{
    return json_string_value(json_object_get(mapping->file, key));
}

enum crm_status mapping_load(struct mapping *mapping, const char *path, struct failure *failure)
{
    json_error_t error;
    FILE *in = fopen(path, "re");
    const char *kind;

    if (!in)
        return fail(failure, CRM_USAGE, NULL, "%.180s: %s", path, strerror(errno));
    mapping->file = json_load_callback(read_capped, in, JSON_REJECT_DUPLICATES, &error);
    fclose(in);
    if (!mapping->file)
        return fail(failure, CRM_INVALID, NULL, "%.60s: line %d: %.120s", path, error.line,
                    error.text);
    kind = text_of(mapping, "kind");
    if (kind && kind_find(kind) != mapping->kind)
        return fail(failure, CRM_INVALID, "kind", "the mapping is for a %.40s", kind);
    mapping->match = text_of(mapping, "match");
    mapping->date_format = text_of(mapping, "date_format");
    return check_columns(json_object_get(mapping->file, "columns"), failure);
}

const char *mapping_file_target(const struct mapping *mapping, const char *header)
{
    json_t *target = json_object_get(json_object_get(mapping->file, "columns"), header);

    return json_is_null(target) ? "-" : json_string_value(target);
}

void mapping_file_close(struct mapping *mapping)
{
    json_decref(mapping->file);
    mapping->file = NULL;
}

static bool set_text(json_t *object, const char *key, const char *text)
{
    return !text || json_object_set_new(object, key, json_string(text)) == 0;
}

static json_t *columns_object(struct mapping *mapping)
{
    json_t *columns = json_object();

    for (size_t i = 0; columns && i < mapping->n_columns; i++) {
        const struct mapping_column *column = &mapping->columns[i];
        const char *target = mapping_target(mapping, column);

        if (json_object_set_new(columns, column->header,
                                *target == '-' ? json_null() : json_string(target)) != 0) {
            json_decref(columns);
            return NULL;
        }
    }
    return columns;
}

enum crm_status mapping_save(struct mapping *mapping, const char *path, struct failure *failure)
{
    json_t *object = json_object(), *columns = columns_object(mapping);
    enum crm_status status = CRM_OK;

    if (!object || !columns || !set_text(object, "kind", mapping->kind->name) ||
        !set_text(object, "match", mapping->match) ||
        !set_text(object, "date_format", mapping->date_format) ||
        json_object_set(object, "columns", columns) != 0)
        status = fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    else if (json_dump_file(object, path, JSON_INDENT(2)) != 0)
        status = fail(failure, CRM_IO, NULL, "%.180s: it cannot be written", path);
    json_decref(columns);
    json_decref(object);
    return status;
}
