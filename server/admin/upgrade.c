/*
 * upgrade.c - crmd upgrade: from an older format to this one, a step at a time, with a way back
 *
 * A row for each released format says what its step does. Every step can be run again from its
 * beginning, and only its last commit stamps the new format: a run that was killed is simply
 * repeated. The backup made before is DIR/before-upgrade-N.backup.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/admin/backup.h"
#include "server/admin/command.h"
#include "server/admin/rebuild.h"
#include "server/admin/upgrade_grants.h"
#include "server/engine/core.h"

#define CELLS_PER_RUN   20000
#define RECORDS_PER_RUN 500
#define RUN_ARENA       (64u << 20)

/* One write run of a rebuild: some of the cells that differ, and the format once none is left. */
struct rollup_run {
    struct store *cells; /* as they should be */
    struct store_txn *txn;
    struct arena arena;
    struct writeset *set;
    uint32_t format; /* to be stamped */
    unsigned left;
    bool is_complete;
    enum crm_status status;
};

static bool mend_cell(void *arg, struct slice key, struct slice stored, struct slice right)
{
    struct rollup_run *run = arg;

    (void)stored;
    if (run->left == 0) {
        run->is_complete = false;
        return false;
    }
    run->left--;
    run->status = right.data ? writeset_put(run->set, STORE_ROLLUP, key, right)
                             : writeset_delete(run->set, STORE_ROLLUP, key);
    return run->status == CRM_OK;
}

static enum crm_status compare_cells(struct store_txn *right, void *arg)
{
    struct rollup_run *run = arg;
    enum crm_status status = rebuild_compare(run->txn, right, mend_cell, run);

    return status == CRM_OK ? run->status : status;
}

static enum crm_status mend_some(struct store_txn *txn, void *arg)
{
    struct rollup_run *run = arg;
    enum crm_status status;

    arena_reset(&run->arena);
    run->txn = txn;
    run->left = CELLS_PER_RUN;
    run->is_complete = true;
    run->status = CRM_OK;
    run->set = writeset_create(&run->arena);
    if (!run->set)
        return CRM_NO_MEMORY;
    status = store_read_run(run->cells, compare_cells, run);
    if (status == CRM_OK && run->is_complete)
        status = meta_put(run->set, "format", &run->format, sizeof run->format, &run->arena);
    return status == CRM_OK ? writeset_apply(run->set, txn) : status;
}

static enum crm_status recompute(struct store_txn *txn, void *arg)
{
    struct rollup_run *run = arg;
    struct view view = { .txn = txn };

    return rebuild_rollups(&view, run->cells);
}

/* 1 → 2: rollups carry the pipeline in their keys. The log knows all of it. */
static enum crm_status rebuild_step(struct store *store, uint32_t to, struct failure *failure)
{
    struct rollup_run run = { .format = to };
    enum crm_status status = store_open_map(&run.cells);

    if (status != CRM_OK)
        return fail(failure, status, NULL, "out of memory");
    arena_init(&run.arena, RUN_ARENA);
    status = store_read_run(store, recompute, &run);
    while (status == CRM_OK && !run.is_complete)
        status = store_write_run(store, mend_some, &run);
    if (status != CRM_OK)
        fail(failure, status, NULL, "the running totals cannot be rebuilt: %s",
             crm_status_info((int)status)->sentence);
    arena_fini(&run.arena);
    store_close(run.cells);
    return status;
}

/* One write run of completing the entries of records: those behind cursor, and the format behind
 * the last. */
struct entries_run {
    const struct schema *schema;
    struct view view;
    struct arena arena;
    struct writeset *set;
    struct key cursor, last; /* of `record`: where this run begins, and the last that it has seen */
    uint32_t format;
    unsigned left;
    bool is_complete;
    enum crm_status status;
};

/* Is it one of those that format 3 has and format 2 has not, or otherwise? */
static bool is_new_entry(enum store_db db, struct slice key)
{
    return db == STORE_TERM || (db == STORE_INDEX && key_read_u16(key.data + 1) == HEADER_OWNER);
}

static enum crm_status complete_entry(void *arg, enum store_db db, struct slice key,
                                      struct slice value)
{
    struct entries_run *run = arg;
    struct slice stored;
    enum crm_status status;

    if (!is_new_entry(db, key))
        return CRM_OK;
    /* What is only a beginning now was a word. A real one comes later, and is put again. */
    if (db == STORE_TERM && key.data[0] == 'b') {
        struct key word = { .size = 0 };

        key_u8(&word, 'w');
        key_bytes(&word, key.data + 1, key.size - 1);
        status = view_get(&run->view, STORE_TERM, key_slice(&word), &stored);
        if (status == CRM_OK)
            status = writeset_delete(run->set, STORE_TERM, key_slice(&word));
        if (status != CRM_OK && status != CRM_NOT_FOUND)
            return status;
    }
    status = view_get(&run->view, db, key, &stored);
    if (status == CRM_OK && slice_equal(stored, value))
        return CRM_OK;
    return status == CRM_OK || status == CRM_NOT_FOUND ? writeset_put(run->set, db, key, value)
                                                       : status;
}

static bool complete_record(void *arg, struct slice key, struct slice value)
{
    struct entries_run *run = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    if (run->left-- == 0) {
        run->is_complete = false;
        return false;
    }
    run->last.size = 0;
    key_bytes(&run->last, key.data, key.size);
    run->status = record_key_parse(key, &kind, &id) && kind_def((unsigned)kind)
                      ? record_decode(kind, &id, value, &record)
                      : CRM_CORRUPT;
    if (run->status == CRM_OK)
        run->status = index_each(run->schema, kind_def((unsigned)kind), &record, &run->arena,
                                 complete_entry, run);
    return run->status == CRM_OK;
}

static enum crm_status complete_some(struct store_txn *txn, void *arg)
{
    struct entries_run *run = arg;
    struct key from = run->cursor;
    enum crm_status status;

    arena_reset(&run->arena);
    run->set = writeset_create(&run->arena);
    if (!run->set)
        return CRM_NO_MEMORY;
    run->view = (struct view){ .txn = txn, .own = run->set, .schema = run->schema };
    run->last = run->cursor;
    run->left = RECORDS_PER_RUN;
    run->is_complete = true;
    run->status = CRM_OK;
    if (from.size)
        key_u8(&from, 0); /* behind the last one */
    status = store_scan(txn, STORE_RECORD, &(struct store_range){ .from = key_slice(&from) },
                        complete_record, run);
    if (status == CRM_OK)
        status = run->status;
    if (status == CRM_OK && run->is_complete)
        status = meta_put(run->set, "format", &run->format, sizeof run->format, &run->arena);
    return status == CRM_OK ? writeset_apply(run->set, txn) : status;
}

/* 2 → 3: shares are found by whom they are for and by their end, what an owner has is in the
 * index, how words begin is in the terms, and words of one or two letters are only there. */
static enum crm_status entries_step(struct store *store, uint32_t to, struct failure *failure)
{
    struct entries_run run = { .format = to };
    struct core core = { .store = store };
    enum crm_status status = upgrade_grants(store, failure);

    if (status != CRM_OK)
        return status;
    if (pthread_mutex_init(&core.schema_lock, NULL) != 0)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    arena_init(&run.arena, RUN_ARENA);
    status = core_reload_schema(&core, failure);
    run.schema = core.schema;
    while (status == CRM_OK && !run.is_complete) {
        status = store_write_run(store, complete_some, &run);
        run.cursor = run.last;
    }
    if (status != CRM_OK)
        fail(failure, status, NULL, "index and search words cannot be completed: %s",
             crm_status_info((int)status)->sentence);
    arena_fini(&run.arena);
    core_fini(&core);
    return status;
}

static const struct {
    uint32_t from, to;
    const char *what;
    enum crm_status (*run)(struct store *store, uint32_t to, struct failure *failure);
} steps[] = {
    { 1, 2, "running totals by pipeline", rebuild_step },
    { 2, 3, "shares by whom they are for, records by owner, words by their beginnings", entries_step },
};

static enum crm_status read_format(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return meta_get(&view, "format", arg, sizeof(uint32_t));
}

/* The way back. One of an earlier, unfinished run is kept if it is whole: the data may be half
 * changed by now. */
static enum crm_status keep_way_back(struct store *store, const char *directory,
                                     const struct settings *settings, uint32_t format,
                                     struct failure *failure)
{
    char name[64], path[PATH_MAX];
    struct archive_facts facts;
    struct archive archive = { 0 };
    struct stat st;
    enum crm_status status;

    snprintf(name, sizeof name, "before-upgrade-%" PRIu32 ".backup", format);
    status = directory_path(directory, name, path, failure);
    if (status != CRM_OK)
        return status;
    if (lstat(path, &st) == 0) {
        status = archive_open(path, &archive, failure);
        archive_close(&archive);
    } else {
        status = backup_write(store, directory, settings, path, &facts, failure);
    }
    if (status == CRM_OK)
        printf("crmd: the way back is %s\n", path);
    return status;
}

static enum crm_status run_steps(struct store *store, uint32_t format, struct failure *failure)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(steps) && status == CRM_OK; i++) {
        if (steps[i].from != format)
            continue;
        printf("crmd: format %" PRIu32 " to %" PRIu32 ": %s\n", steps[i].from, steps[i].to,
               steps[i].what);
        status = steps[i].run(store, steps[i].to, failure);
        format = steps[i].to;
    }
    return status;
}

static enum crm_status upgrade_store(struct store *store, const char *directory,
                                     const struct settings *settings, struct failure *failure)
{
    uint32_t format = 0;
    enum crm_status status = store_read_run(store, read_format, &format);

    if (status != CRM_OK)
        return fail(failure, status == CRM_NOT_FOUND ? CRM_FORMAT : status, NULL,
                    "%s holds no database of crmd's", directory);
    if (format == FORMAT_VERSION) {
        printf("crmd: %s has format %" PRIu32 " already\n", directory, format);
        return CRM_OK;
    }
    if (format > FORMAT_VERSION || format < steps[0].from)
        return fail(failure, CRM_FORMAT, NULL,
                    "%s has format %" PRIu32
                    ", which this crmd does not know: it works with format %d",
                    directory, format, FORMAT_VERSION);
    status = directory_use_time_zone(store, failure);
    if (status == CRM_OK)
        status = keep_way_back(store, directory, settings, format, failure);
    if (status == CRM_OK)
        status = run_steps(store, format, failure);
    if (status == CRM_OK)
        printf("crmd: %s has format %d now\n", directory, FORMAT_VERSION);
    return status;
}

static enum crm_status run_upgrade(const struct command_input *input, struct failure *failure)
{
    const char *directory = input->arguments[0];
    struct settings settings;
    struct store *store = NULL;
    int lock_fd = -1;
    enum crm_status status = directory_settings(directory, &settings, failure);

    if (status == CRM_OK)
        status = directory_lock(directory, &lock_fd, failure);
    if (status == CRM_OK)
        status = directory_open(directory, &settings, false, &store, failure);
    if (status == CRM_OK)
        status = upgrade_store(store, directory, &settings, failure);
    store_close(store);
    if (lock_fd >= 0)
        close(lock_fd);
    return status;
}

const struct command command_upgrade = {
    .name = "upgrade",
    .arguments = "DIR",
    .n_arguments = 1,
    .summary = "bring an older database to this format",
    .help = "Stop the server first. A checked backup is written to DIR/before-upgrade-N.backup, "
            "then what the\n"
            "new format derives otherwise is rebuilt. A run that was interrupted is repeated. To "
            "go back,\n"
            "restore that backup with the older crmd.",
    .examples = "crmd upgrade /var/lib/crm",
    .run = run_upgrade,
};
