/*
 * stats.c - crmd stats: what a database holds and how full it is, also beside a running server
 */
#include <inttypes.h>

#include "server/admin/command.h"
#include "server/admin/directory.h"
#include "server/engine/core.h"

struct stats {
    struct store_db_stats dbs[STORE_DB_COUNT];
    struct log_head head;
    uint32_t format, epoch;
};

static enum crm_status read_stats(struct store_txn *txn, void *arg)
{
    struct stats *stats = arg;
    struct view view = { .txn = txn };
    enum crm_status status = meta_get(&view, "format", &stats->format, sizeof stats->format);

    if (status == CRM_OK)
        status = meta_get(&view, "epoch", &stats->epoch, sizeof stats->epoch);
    if (status == CRM_OK)
        status = log_head_load(&view, &stats->head);
    for (int db = 0; db < STORE_DB_COUNT && status == CRM_OK; db++)
        status = store_stats(txn, (enum store_db)db, &stats->dbs[db]);
    return status;
}

static void print_stats(const struct stats *stats, const struct store_usage *usage)
{
    printf("%-12s %12s %14s\n", "database", "entries", "bytes");
    for (int db = 0; db < STORE_DB_COUNT; db++)
        printf("%-12s %12" PRIu64 " %14" PRIu64 "\n", store_db_name((enum store_db)db),
               stats->dbs[db].entries, stats->dbs[db].bytes);
    printf("\n%-12s %12" PRIu32 "\n", "format", stats->format);
    printf("%-12s %12" PRIu32 "\n", "epoch", stats->epoch);
    printf("%-12s %12" PRIu64 "\n", "seq", stats->head.seq);
    printf("%-12s %12" PRIu64 "\n", "used_bytes", usage->used_bytes);
    printf("%-12s %12" PRIu64 "\n", "map_bytes", usage->map_bytes);
    printf("%-12s %12" PRIu64 "\n", "disk_free", usage->disk_free_bytes);
}

static enum crm_status run_stats(const struct command_input *input, struct failure *failure)
{
    const char *directory = input->arguments[0];
    struct store *store = NULL;
    struct store_usage usage;
    struct stats stats = { 0 };
    enum crm_status status = directory_open(directory, NULL, true, &store, failure);

    if (status != CRM_OK)
        return status;
    status = store_read_run(store, read_stats, &stats);
    if (status == CRM_OK)
        status = store_usage(store, &usage);
    if (status == CRM_OK)
        print_stats(&stats, &usage);
    else
        fail(failure, status, NULL, "the database in %s cannot be read: %s", directory,
             crm_status_info((int)status)->sentence);
    store_close(store);
    return status;
}

const struct command command_stats = {
    .name = "stats",
    .arguments = "DIR",
    .n_arguments = 1,
    .summary = "how large and how full a database is",
    .help = "Prints entries and bytes of each database, the format, the epoch, the number of the "
            "last change\n"
            "and how much of the map and of the disk is left. Works beside a running server.",
    .examples = "crmd stats /var/lib/crm",
    .run = run_stats,
};
