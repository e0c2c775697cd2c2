/*
 * grid.c - see grid.h
 *
 * Called by crm import; one thread. Chooses the format by the file's beginning; checks what every
 * format must: that cells are UTF-8 and within bounds.
 */
#include "client/import/grid_inside.h"

#include <ctype.h>
#include <stdlib.h>

#include "common/base/text.h"

#define ROW_BYTES ((size_t)4 << 20)

enum crm_status grid_add_column(struct grid *grid, struct slice name, struct failure *failure)
{
    while (name.size > 0 && isspace(name.data[0]))
        name = slice_of(name.data + 1, name.size - 1);
    while (name.size > 0 && isspace(name.data[name.size - 1]))
        name.size--;
    if (grid->n_names == GRID_COLUMNS_MAX)
        return fail(failure, CRM_INVALID, NULL, "it has more than %d columns", GRID_COLUMNS_MAX);
    if (!text_is_valid(name))
        return fail(failure, CRM_INVALID, NULL, "the name of column %zu is not %s",
                    grid->n_names + 1, source_encoding(grid->source));
    grid->names[grid->n_names] = strndup(name.size ? (const char *)name.data : "", name.size);
    if (!grid->names[grid->n_names])
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    grid->n_names++;
    return CRM_OK;
}

enum crm_status grid_add_cell(struct grid *grid, struct slice text)
{
    const char *copy;

    if (grid->n_cells == GRID_COLUMNS_MAX || text.size > GRID_CELL_MAX)
        return CRM_TOO_LARGE;
    copy = arena_strndup(&grid->arena, text.data ? (const char *)text.data : "", text.size);
    if (!copy)
        return CRM_NO_MEMORY;
    grid->cells[grid->n_cells++] = slice_of(copy, text.size);
    return CRM_OK;
}

static const struct grid_format *find_format(struct source *source)
{
    struct slice seen = source_peek(source, 64);
    size_t at = 0, size;

    while (at < seen.size && isspace(seen.data[at]))
        at++;
    size = seen.size - at;
    if (size > 0 && (seen.data[at] == '{' || (seen.data[at] == '[' && memchr(seen.data + at, '{', size))))
        return &grid_json;
    /* Behind the name of a group, too. */
    for (; at + 11 <= seen.size && seen.data[at] != '\n' && seen.data[at] != ','; at++)
        if (strncasecmp((const char *)seen.data + at, "BEGIN:VCARD", 11) == 0)
            return &grid_vcard;
    return &grid_csv;
}

enum crm_status grid_from(struct source *take_source, const struct grid_options *options,
                          struct grid **out_grid, struct failure *failure)
{
    struct grid *grid = calloc(1, sizeof(*grid));
    enum crm_status status;

    if (!grid) {
        source_close(take_source);
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    grid->source = take_source;
    grid->options = *options;
    arena_init(&grid->arena, ROW_BYTES);
    grid->format = find_format(grid->source);
    status = grid->format->open(grid, failure);
    if (!status && source_status(grid->source))
        status = fail(failure, source_status(grid->source), NULL, "it cannot be read");
    if (status) {
        grid_close(grid);
        return status;
    }
    if (!grid->what[0])
        snprintf(grid->what, sizeof(grid->what), "%s, %s", grid->format->name,
                 source_encoding(grid->source));
    *out_grid = grid;
    return CRM_OK;
}

enum crm_status grid_open(const struct grid_options *options, struct grid **out_grid,
                          struct failure *failure)
{
    struct source *source;
    enum crm_status status = source_open(options->path, options->encoding, &source, failure);

    return status ? status : grid_from(source, options, out_grid, failure);
}

void grid_close(struct grid *grid)
{
    if (!grid)
        return;
    grid->format->close(grid);
    source_close(grid->source);
    for (size_t i = 0; i < grid->n_names; i++)
        free(grid->names[i]);
    arena_fini(&grid->arena);
    free(grid);
}

size_t grid_n_columns(const struct grid *grid)
{
    return grid->n_names;
}

const char *grid_column(const struct grid *grid, size_t n)
{
    return grid->names[n];
}

const char *grid_what(const struct grid *grid)
{
    return grid->what;
}

bool grid_is_broken(const struct grid *grid)
{
    return grid->is_broken;
}

uint64_t grid_estimate(const struct grid *grid)
{
    return source_estimate(grid->source, grid->n_rows);
}

static bool is_empty(const struct grid *grid)
{
    for (size_t i = 0; i < grid->n_cells; i++)
        if (grid->cells[i].size > 0)
            return false;
    return true;
}

/* Cells behind the last column that hold nothing are none. */
static enum crm_status check_row(struct grid *grid, struct failure *failure)
{
    while (grid->n_cells > grid->n_names && grid->cells[grid->n_cells - 1].size == 0)
        grid->n_cells--;
    for (size_t i = 0; i < grid->n_cells; i++)
        if (!text_is_valid(grid->cells[i])) {
            grid->n_cells = i; /* what is kept of it must be text */
            return fail(failure, CRM_INVALID, i < grid->n_names ? grid->names[i] : NULL,
                        "it holds bytes that are not %s", source_encoding(grid->source));
        }
    if (grid->n_cells != grid->n_names)
        return fail(failure, CRM_INVALID, NULL, "the row has %zu cells, the header %zu",
                    grid->n_cells, grid->n_names);
    return CRM_OK;
}

enum crm_status grid_next(struct grid *grid, struct grid_row *out_row, bool *out_is_end,
                          struct failure *failure)
{
    enum crm_status status = CRM_OK;

    *out_is_end = false;
    do {
        arena_reset(&grid->arena);
        grid->n_cells = 0;
        status = grid->format->next(grid, out_is_end, failure);
        if (!status && *out_is_end && source_status(grid->source))
            status =
                fail(failure, source_status(grid->source), NULL, "it cannot be read any further");
    } while (!status && !*out_is_end && is_empty(grid));
    if (status == CRM_IO || status == CRM_NO_MEMORY)
        grid->is_broken = true;
    if (!status && !*out_is_end)
        status = check_row(grid, failure);
    grid->n_rows += status || !*out_is_end;
    *out_row =
        (struct grid_row){ .line = grid->line, .cells = grid->cells, .n_cells = grid->n_cells };
    return status;
}
