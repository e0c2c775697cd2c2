/*
 * import_view.c - see import_view.h
 *
 * Called by crm import; main thread. Reads the first rows by a grid of its own, so not of a pipe.
 */
#include "client/cli/import_view.h"

#include "client/cli/table.h"
#include "common/base/text.h"

#define SAMPLE_ROWS 3
#define SAMPLE_MAX  24 /* bytes of a value */

struct sample {
    const char *text[GRID_COLUMNS_MAX]; /* values of a column, divided by commas */
};

static const char *shorten(struct cli *cli, struct slice cell)
{
    size_t size = text_prefix_size(cell, SAMPLE_MAX);
    const char *text = arena_strndup(&cli->arena, cell.data, size);

    return text && size < cell.size ? arena_printf(&cli->arena, "%s…", text) : text;
}

static void add_row(struct cli *cli, struct sample *sample, const struct grid_row *row)
{
    for (size_t i = 0; i < row->n_cells; i++) {
        const char *text = row->cells[i].size > 0 ? shorten(cli, row->cells[i]) : NULL;

        if (text)
            sample->text[i] =
                sample->text[i] ? arena_printf(&cli->arena, "%s, %s", sample->text[i], text) : text;
    }
}

static void read_samples(struct cli *cli, const struct grid_options *options, struct sample *sample)
{
    struct failure failure = { 0 };
    struct grid *grid;
    struct grid_row row;
    bool is_end = false;

    if (strcmp(options->path, "-") == 0 || grid_open(options, &grid, &failure) != CRM_OK)
        return;
    for (int i = 0; i < SAMPLE_ROWS && !is_end && !grid_is_broken(grid); i++)
        if (grid_next(grid, &row, &is_end, &failure) == CRM_OK && !is_end)
            add_row(cli, sample, &row);
    grid_close(grid);
}

static const char *doubt_text(const struct cli *cli, const struct mapping_column *column)
{
    switch (column->doubt) {
    case MAPPING_NAMED:
    case MAPPING_KNOWN:
        return NULL;
    case MAPPING_GUESSED:
        return cli_label(cli, "guessed by its name", "按名称猜测");
    case MAPPING_LEFT:
        return cli_label(cli, "left out", "忽略");
    case MAPPING_UNKNOWN:
        break;
    }
    return cli_label(cli, "not known, left out", "未知，忽略");
}

enum crm_status import_view(struct cli *cli, struct mapping *mapping,
                            const struct grid_options *options, FILE *out)
{
    struct sample *sample = arena_zalloc(&cli->arena, sizeof(*sample));
    struct table *table = table_create(out, false);
    enum crm_status status =
        sample && table ? CRM_OK : fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    const char *const headings[] = { cli_label(cli, "Column", "列"),
                                     cli_label(cli, "Field", "字段"),
                                     cli_label(cli, "Values", "示例"),
                                     cli_label(cli, "Doubts", "疑问") };

    if (sample)
        read_samples(cli, options, sample);
    for (size_t i = 0; i < ARRAY_LEN(headings) && !status; i++)
        status = table_column(table, headings[i], i == 2 ? TABLE_TRUNCATE : 0);
    for (size_t i = 0; i < mapping->n_columns && !status; i++) {
        const struct mapping_column *column = &mapping->columns[i];
        const char *cells[] = { cli_safe(cli, column->header), mapping_target(mapping, column),
                                sample->text[i] ? cli_safe(cli, sample->text[i]) : NULL,
                                doubt_text(cli, column) };

        status = table_row(table, cells, 0);
    }
    if (!status)
        status = table_flush(table);
    table_destroy(table);
    return status;
}
