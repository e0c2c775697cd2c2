/*
 * objects.c - JSON lines, or one JSON array, as rows: a key is a column
 *
 * Called through grid.c; one thread. An object within an object gives columns "outer.inner", a list
 * of plain values one cell with ';' between; what refers to a record of ours is its number. Columns
 * are those of the first row; later rows may add some. A line that is no JSON is lost alone; in an
 * array everything behind it is.
 */
#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "client/import/grid_inside.h"

#define DEPTH_MAX 4

struct objects {
    bool is_array;
    bool is_pending;  /* the first object was read for its columns */
    json_t *object;
    uint64_t line;    /* physical lines taken */
    size_t size;      /* bytes of the element that were read */
};

/* --- an object as cells */

static enum crm_status column_of(struct grid *grid, const char *name, size_t *out_column, struct failure *failure)
{
    for (size_t i = 0; i < grid->n_names; i++)
        if (strcmp(grid->names[i], name) == 0) {
            *out_column = i;
            return CRM_OK;
        }
    *out_column = grid->n_names;
    return grid_add_column(grid, slice_text(name), failure);
}

/* A plain value as text; NULL for what is none. */
static const char *plain_text(struct grid *grid, json_t *json)
{
    char *dump;
    const char *text;

    if (json_is_null(json))
        return "";
    if (json_is_string(json))
        return strlen(json_string_value(json)) == json_string_length(json) ? json_string_value(json) : NULL;
    dump = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    text = dump ? arena_strdup(&grid->arena, dump) : NULL;
    free(dump);
    return text;
}

static const char *list_text(struct grid *grid, json_t *list)
{
    const char *text = "", *item;
    size_t i;
    json_t *json;

    json_array_foreach(list, i, json)
    {
        if (json_is_object(json) || json_is_array(json))
            return plain_text(grid, list); /* groups of our own export are JSON in a cell */
    }
    json_array_foreach(list, i, json)
    {
        item = plain_text(grid, json);
        text = item && text ? arena_printf(&grid->arena, "%s%s%s", text, i ? ";" : "", item) : NULL;
    }
    return text;
}

static enum crm_status set_cell(struct grid *grid, const char *name, const char *text, struct failure *failure)
{
    size_t column;
    enum crm_status status = column_of(grid, name, &column, failure);

    if (status)
        return status;
    if (!text || strlen(text) > GRID_CELL_MAX)
        return fail(failure, CRM_INVALID, name, "it is longer than %d bytes, or holds what is no text", GRID_CELL_MAX);
    grid->cells[column] = slice_text(text);
    return CRM_OK;
}

static enum crm_status set_object(struct grid *grid, const char *prefix, json_t *object, int depth, struct failure *failure)
{
    enum crm_status status = CRM_OK;
    const char *key, *name;
    json_t *json;

    json_object_foreach(object, key, json)
    {
        json_t *number = json_object_get(json, "number");

        if (status)
            break;
        name = prefix ? arena_printf(&grid->arena, "%s.%s", prefix, key) : key;
        if (!name)
            return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
        if (json_is_string(number))
            status = set_cell(grid, name, plain_text(grid, number), failure);
        else if (json_is_object(json) && depth < DEPTH_MAX)
            status = set_object(grid, name, json, depth + 1, failure);
        else
            status = set_cell(grid, name, json_is_array(json) ? list_text(grid, json) : plain_text(grid, json), failure);
    }
    return status;
}

/* --- reading */

static enum crm_status read_line(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct objects *objects = grid->state;
    json_error_t error;
    struct slice line;
    bool is_cut;
    size_t blank;

    do {
        line = source_line(grid->source, 0, &is_cut);
        *out_is_end = line.size == 0;
        grid->line = ++objects->line;
        for (blank = 0; blank < line.size && isspace(line.data[blank]);)
            blank++;
        if (blank == line.size)
            source_skip(grid->source, line.size);
    } while (line.size > 0 && blank == line.size);
    if (*out_is_end)
        return CRM_OK;
    objects->object = is_cut ? NULL : json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, &error);
    source_skip(grid->source, line.size);
    if (is_cut) {
        source_skip_line(grid->source);
        return fail(failure, CRM_INVALID, NULL, "the line is longer than a record may be");
    }
    if (!objects->object)
        return fail(failure, CRM_INVALID, NULL, "column %d: %.160s", error.column, error.text);
    return CRM_OK;
}

/* A byte at a time, so that nothing behind the element is taken. */
static size_t read_byte(void *buffer, size_t size, void *arg)
{
    struct grid *grid = arg;
    struct objects *objects = grid->state;
    struct slice seen = size > 0 && objects->size < SOURCE_LINE_MAX ? source_peek(grid->source, 1) : (struct slice){ 0 };

    if (seen.size == 0)
        return 0;
    objects->size++;
    objects->line += *seen.data == '\n';
    memcpy(buffer, seen.data, 1);
    source_skip(grid->source, 1);
    return 1;
}

/* The next byte that is no blank, not taken; 0: the end. */
static int next_sign(struct grid *grid)
{
    struct objects *objects = grid->state;
    struct slice seen;

    while ((seen = source_peek(grid->source, 1)).size > 0 && isspace(*seen.data)) {
        objects->line += *seen.data == '\n';
        source_skip(grid->source, 1);
    }
    return seen.size > 0 ? *seen.data : 0;
}

static enum crm_status read_element(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct objects *objects = grid->state;
    json_error_t error;
    int sign = next_sign(grid);

    if (sign == ',' || sign == '[') {
        source_skip(grid->source, 1);
        sign = next_sign(grid);
    }
    *out_is_end = sign == ']';
    grid->line = objects->line + 1;
    if (*out_is_end)
        return CRM_OK;
    objects->size = 0;
    objects->object = json_load_callback(read_byte, grid, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &error);
    if (objects->object)
        return CRM_OK;
    grid->is_broken = true;
    return fail(failure, CRM_INVALID, NULL, "this is no JSON, and nothing behind it can be read: %.120s", error.text);
}

static enum crm_status read_object(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct objects *objects = grid->state;
    enum crm_status status;

    if (objects->is_pending) {
        objects->is_pending = false;
        return CRM_OK;
    }
    json_decref(objects->object);
    objects->object = NULL;
    status = objects->is_array ? read_element(grid, out_is_end, failure) : read_line(grid, out_is_end, failure);
    if (!status && !*out_is_end && !json_is_object(objects->object))
        status = fail(failure, CRM_INVALID, NULL, "a row must be a JSON object");
    return status;
}

static enum crm_status next_object(struct grid *grid, bool *out_is_end, struct failure *failure)
{
    struct objects *objects = grid->state;
    enum crm_status status = read_object(grid, out_is_end, failure);

    memset(grid->cells, 0, sizeof(grid->cells));
    if (!status && !*out_is_end)
        status = set_object(grid, NULL, objects->object, 0, failure);
    grid->n_cells = grid->n_names;
    return status;
}

static enum crm_status open_objects(struct grid *grid, struct failure *failure)
{
    struct objects *objects = calloc(1, sizeof(*objects));
    bool is_end = false;
    enum crm_status status;

    grid->state = objects;
    if (!objects)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    objects->is_array = next_sign(grid) == '[';
    status = next_object(grid, &is_end, failure);
    if (!status && is_end)
        return fail(failure, CRM_INVALID, NULL, "the file is empty");
    objects->is_pending = true;
    return status;
}

static void close_objects(struct grid *grid)
{
    struct objects *objects = grid->state;

    if (objects)
        json_decref(objects->object);
    free(objects);
}

const struct grid_format grid_json = { .name = "JSON", .open = open_objects, .next = next_object, .close = close_objects };
