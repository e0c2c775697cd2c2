/*
 * cmd_apply.c - crm apply: creates, changes, deletes and actions from a file, each exactly once
 *
 * Main thread. Reads with import.h, and leaves the rest to intake.h.
 */
#include "client/cli/command.h"
#include "client/cli/intake.h"
#include "client/cli/select.h"

static enum crm_status next(void *arg, struct import_row *row, struct import_row *out_kept,
                            bool *out_is_end, struct failure *failure)
{
    enum crm_status status = import_next(arg, row, out_is_end, failure);

    *out_kept = *row;
    return status;
}

static bool is_broken(void *arg)
{
    return import_is_broken(arg);
}

static uint64_t estimate(void *arg)
{
    return import_estimate(arg);
}

enum crm_status cmd_apply(struct cli *cli, int argc, char **argv)
{
    struct import *import = NULL;
    struct intake_source source = { .path = argc > 1 ? argv[1] : "-",
                                    .match = cli->options.match,
                                    .is_raw = cli->options.raw,
                                    .next = next,
                                    .is_broken = is_broken,
                                    .estimate = estimate };
    enum crm_status status =
        cli->options.kind ? select_kind(cli, cli->options.kind, &source.kind) : CRM_OK;

    if (!status)
        status = import_open(cli, NULL, source.path, &import);
    source.title = arena_printf(&cli->arena, "apply %s", source.path);
    source.arg = import;
    if (!status)
        status = intake_run(cli, &source);
    import_close(import);
    return status;
}
