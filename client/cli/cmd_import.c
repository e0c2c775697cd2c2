/*
 * cmd_import.c - crm import: records from other programs' files, whatever their columns are called
 *
 * Main thread. A grid gives rows, a mapping makes values of them, intake.h sends each exactly once.
 */
#include <stdlib.h>

#include "client/cli/command.h"
#include "client/cli/csv.h"
#include "client/cli/import_view.h"
#include "client/cli/intake.h"
#include "client/cli/prompt.h"
#include "client/cli/select.h"

#define ROW_BYTES ((size_t)8 << 20)

struct import_run {
    struct cli *cli;
    struct grid *grid;
    struct mapping mapping;
    struct arena arena; /* of the row */
    struct slice cells[GRID_COLUMNS_MAX];
    const char *names[GRID_COLUMNS_MAX]; /* of the file's columns */
};

static enum crm_status map_columns(struct import_run *run, struct failure *failure)
{
    enum crm_status status = CRM_OK;

    while (!status && run->mapping.n_columns < grid_n_columns(run->grid)) {
        size_t n = run->mapping.n_columns;

        run->names[n] = grid_column(run->grid, n);
        status = mapping_add(&run->mapping, run->names[n], failure);
    }
    return status;
}

static enum crm_status next(void *arg, struct import_row *row, struct import_row *out_kept,
                            bool *out_is_end, struct failure *failure)
{
    struct import_run *run = arg;
    struct grid_row read;
    struct mapped_row mapped;
    enum crm_status status = grid_next(run->grid, &read, out_is_end, failure);

    if (!status)
        status = map_columns(run, failure);
    *out_kept = (struct import_row){ .line = read.line,
                                     .cells = read.cells,
                                     .names = run->names,
                                     .n_cells = read.n_cells,
                                     .n_names = run->mapping.n_columns };
    *row = (struct import_row){ .line = read.line };
    if (status || *out_is_end)
        return status;
    for (size_t i = 0; i < read.n_cells; i++)
        run->cells[i] = run->cli->options.raw ? read.cells[i] : csv_unsafe(read.cells[i]);
    arena_reset(&run->arena);
    status = mapping_row(&run->mapping, run->cells, read.n_cells, &run->arena, &mapped, failure);
    row->cells = mapped.cells;
    row->names = mapped.names;
    row->n_cells = row->n_names = status ? 0 : mapped.n;
    return status;
}

static bool is_broken(void *arg)
{
    struct import_run *run = arg;

    return grid_is_broken(run->grid);
}

static uint64_t estimate(void *arg)
{
    struct import_run *run = arg;

    return grid_estimate(run->grid);
}

static bool has_field(const struct mapping *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->n_slots; i++)
        if (mapping->slots[i] && strcmp(mapping->slots[i]->name, name) == 0)
            return true;
    return false;
}

/* Records are found by --match, by what the mapping file says, else by their own number where the
 * file has it: an export that comes back. */
static enum crm_status choose_match(struct import_run *run, const char **out_match)
{
    struct mapping *mapping = &run->mapping;
    const struct field_def *field;

    if (run->cli->options.match)
        mapping->match = run->cli->options.match;
    if (!mapping->match && has_field(mapping, "number"))
        mapping->match = "number";
    *out_match = mapping->match;
    if (!mapping->match)
        return CRM_OK;
    field = schema_field_by_name(mapping->schema, mapping->kind, mapping->match);
    if (!field)
        return fail(&run->cli->failure, CRM_USAGE, NULL, "a %s has no field '%.80s'",
                    mapping->kind->name, mapping->match);
    *out_match = mapping->match = field->name;
    return has_field(mapping, field->name)
               ? CRM_OK
               : fail(&run->cli->failure, CRM_INVALID, field->name,
                      "no column of the file is this field, by which records are found");
}

/* What is shown before anything is sent: on a terminal and in a dry run; then is it to be done? */
static enum crm_status agree(struct import_run *run, const struct grid_options *options)
{
    struct cli *cli = run->cli;
    bool is_asked = cli->err_is_tty && cli->in_is_tty && !cli->options.yes &&
                    !cli->options.dry_run && !cli->options.quiet;
    enum crm_status status;

    if (cli->options.quiet || (!is_asked && !cli->options.dry_run && !cli->err_is_tty))
        return CRM_OK;
    fprintf(cli->err, "%s: %s\n", cli_safe(cli, options->path), grid_what(run->grid));
    status = import_view(cli, &run->mapping, options, cli->err);
    if (!status && is_asked && !prompt_confirm(cli, cli_label(cli, "Import it so?", "按此导入?")))
        return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was imported");
    return status;
}

/* Columns that are lost are told, also where nobody sees the view. */
static void tell_unknown(struct import_run *run)
{
    struct cli *cli = run->cli;
    const char *list = NULL;

    for (size_t i = 0; i < run->mapping.n_columns; i++) {
        const struct mapping_column *column = &run->mapping.columns[i];

        if (column->doubt == MAPPING_UNKNOWN && *column->header)
            list =
                list ? arena_printf(&cli->arena, "%s, %s", list, column->header) : column->header;
    }
    if (list && !cli->options.quiet)
        fprintf(stderr, cli->chinese ? "crm: 未导入的列: %s\n" : "crm: columns left out: %s\n",
                cli_safe(cli, list));
}

static enum crm_status open_file(struct import_run *run, const struct kind_def *kind,
                                 const struct grid_options *options)
{
    struct cli *cli = run->cli;
    enum crm_status status = mapping_init(&run->mapping, cli->schema, kind, &cli->failure);

    if (!status && cli->options.map)
        status = mapping_load(&run->mapping, cli->options.map, &cli->failure);
    if (cli->options.date_format)
        run->mapping.date_format = cli->options.date_format;
    if (!status)
        status = grid_open(options, &run->grid, &cli->failure);
    if (!status)
        status = map_columns(run, &cli->failure);
    if (!status && run->mapping.n_slots == 0)
        status = fail(&cli->failure, CRM_INVALID, NULL,
                      "no column of %.100s is a field of a %s that is known; say which by --map",
                      options->path, kind->name);
    return status;
}

static enum crm_status import_file(struct import_run *run, const struct kind_def *kind,
                                   const struct grid_options *options)
{
    struct cli *cli = run->cli;
    struct intake_source source = { .path = options->path,
                                    .kind = kind,
                                    .is_raw = true,
                                    .tells_rows = true,
                                    .next = next,
                                    .is_broken = is_broken,
                                    .estimate = estimate,
                                    .arg = run };
    enum crm_status status = open_file(run, kind, options);

    if (!status)
        status = choose_match(run, &source.match);
    if (!status && cli->options.save_map)
        status = mapping_save(&run->mapping, cli->options.save_map, &cli->failure);
    if (!status)
        status = agree(run, options);
    if (status)
        return status;
    tell_unknown(run);
    source.title = arena_printf(&cli->arena, "import %s", options->path);
    return intake_run(cli, &source);
}

enum crm_status cmd_import(struct cli *cli, int argc, char **argv)
{
    struct import_run *run = calloc(1, sizeof(*run));
    struct grid_options options = { .path = argc > 1 ? argv[1] : "-",
                                    .encoding = cli->options.encoding };
    const struct kind_def *kind = NULL;
    enum crm_status status = CRM_OK;

    if (!run)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    run->cli = cli;
    arena_init(&run->arena, ROW_BYTES);
    if (!cli->options.kind)
        status =
            fail(&cli->failure, CRM_USAGE, NULL, "say by --kind of which kind the records are");
    if (!status)
        status = select_kind(cli, cli->options.kind, &kind);
    if (!status)
        status = import_file(run, kind, &options);
    grid_close(run->grid);
    if (kind)
        mapping_fini(&run->mapping);
    arena_fini(&run->arena);
    free(run);
    return status;
}
