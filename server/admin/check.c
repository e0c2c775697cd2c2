/*
 * check.c - crmd check: the order of the checks, what is printed
 *
 * Main thread. Beside a running server too: it reads one snapshot.
 */
#include "server/admin/check.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include "server/admin/check_inside.h"
#include "server/admin/command.h"
#include "server/admin/directory.h"
#include "server/engine/core.h"

#define FAULTS_PRINTED 200
#define RECORD_ARENA   (32u << 20)
#define ENTRY_ARENA    (1u << 20)

void check_fault(struct check *check, const char *format, ...)
{
    va_list arguments;

    check->result.faults++;
    if (check->result.faults > FAULTS_PRINTED)
        return;
    va_start(arguments, format);
    vfprintf(check->out, format, arguments);
    va_end(arguments);
    fputc('\n', check->out);
    if (check->result.faults == FAULTS_PRINTED)
        fprintf(check->out, "… further faults are only counted\n");
}

void check_label(const struct record_header *header, char text[CHECK_LABEL_SIZE])
{
    char label[RECORD_LABEL_SIZE], id[UUID_TEXT_SIZE];

    record_label(header, label);
    uuid_format(&header->id, id);
    snprintf(text, CHECK_LABEL_SIZE, "%s %s (%s)", kind_def(header->kind)->name, label, id);
}

bool check_index_is_in_work(const struct check *check, struct slice index_key)
{
    struct key job = { 0 };
    struct slice row;

    if (index_key.size < INDEX_GLOBAL_PREFIX)
        return false;
    key_u8(&job, 'i');
    key_bytes(&job, index_key.data,
              INDEX_GLOBAL_PREFIX - 1); /* kind ‖ ref: an index key and a job's key agree in them */
    return store_get(check->view.txn, STORE_JOB, key_slice(&job), &row) == CRM_OK;
}

/* What another format derives has other keys: only this one's can be compared. */
static enum crm_status look_at_format(struct check *check)
{
    uint32_t format;
    enum crm_status status = meta_get(&check->view, "format", &format, sizeof format);

    if (status != CRM_OK) {
        check_fault(check, "meta: the row that names the format is %s",
                    status == CRM_NOT_FOUND ? "missing" : "damaged");
        return status == CRM_NOT_FOUND || status == CRM_CORRUPT ? CRM_OK : status;
    }
    check->is_present_format = format == FORMAT_VERSION;
    return check->is_present_format ? store_open_map(&check->cells) : CRM_OK;
}

static enum crm_status check_all(struct store_txn *txn, void *arg)
{
    struct check *check = arg;
    enum crm_status status;

    check->view.txn = txn;
    status = look_at_format(check);
    if (status == CRM_OK)
        status = check_records(check);
    if (status == CRM_OK && check->is_present_format)
        status = check_grants(check);
    if (status == CRM_OK && check->is_present_format)
        status = check_entries(check);
    if (status == CRM_OK)
        status = check_log(check);
    if (status == CRM_OK)
        status = check_audit(check);
    if (status == CRM_OK)
        status = check_rollups(check);
    return status == CRM_OK ? check_rows(check) : status;
}

/* The schema without the rest of a core: the database may be of another format. */
static enum crm_status load_schema(struct store *store, struct core *core, struct failure *failure)
{
    memset(core, 0, sizeof *core);
    if (pthread_mutex_init(&core->schema_lock, NULL) != 0)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    core->store = store;
    return core_reload_schema(core, failure);
}

enum crm_status check_store(struct store *store, FILE *out, struct check_result *out_result,
                            struct failure *failure)
{
    const struct check_kept none = { .audit = { 0 } };

    return check_store_against(store, &none, out, out_result, failure);
}

enum crm_status check_store_against(struct store *store, const struct check_kept *kept, FILE *out,
                                    struct check_result *out_result, struct failure *failure)
{
    struct check check = { .out = out, .kept = kept, .chains_are_whole = true };
    struct core core;
    enum crm_status status = load_schema(store, &core, failure);

    if (status == CRM_OK) {
        arena_init(&check.arena, RECORD_ARENA);
        arena_init(&check.entry_arena, ENTRY_ARENA);
        arena_init(&check.history_arena, ENTRY_ARENA);
        check.view.schema = core.schema;
        status = store_read_run(store, check_all, &check);
        if (status == CRM_CORRUPT)
            check_fault(&check, "a page of the database is damaged: the check could not go on");
        else if (status != CRM_OK)
            fail(failure, status, NULL, "the check could not go on: %s",
                 crm_status_info((int)status)->sentence);
        store_close(check.cells);
        arena_fini(&check.history_arena);
        arena_fini(&check.entry_arena);
        arena_fini(&check.arena);
    }
    core_fini(&core);
    *out_result = check.result;
    if (status == CRM_OK && check.result.faults > 0)
        status = CRM_CORRUPT;
    if (status == CRM_CORRUPT)
        fail(failure, status, NULL, "the database is damaged: %" PRIu64 " fault%s",
             check.result.faults, check.result.faults == 1 ? "" : "s");
    return status;
}

static enum crm_status read_format(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return meta_get(&view, "format", arg, sizeof(uint32_t));
}

enum check_option { OPTION_AUDIT_HEAD, OPTION_LOG_HEAD };

static const struct command_option check_options[] = {
    [OPTION_AUDIT_HEAD] = { "audit-head", "NUMBER:HASH",
                            "nothing in the audit trail up to this entry may have changed: what "
                            "`crm audit head` printed" },
    [OPTION_LOG_HEAD] = { "log-head", "NUMBER:HASH",
                          "the same of the log of record changes" },
};

/* "17:6b86b2…": number and 64 hexadecimal digits. */
static enum crm_status read_head(const struct command_input *input, enum check_option option,
                                 struct check_head *out_head, struct failure *failure)
{
    const char *text = input->options[option];
    char *colon;

    if (!text)
        return CRM_OK;
    errno = 0;
    out_head->number = strtoull(text, &colon, 10);
    if (errno == 0 && colon != text && *colon == ':' && out_head->number > 0 &&
        hex_parse(colon + 1, out_head->hash, sizeof out_head->hash))
        return CRM_OK;
    return fail(failure, CRM_USAGE, check_options[option].name,
                "--%s is a number, a colon and a hash of 64 digits, as `crm audit head` prints it",
                check_options[option].name);
}

static enum crm_status run_check(const struct command_input *input, struct failure *failure)
{
    const char *directory = input->arguments[0];
    struct store *store = NULL;
    struct check_result result = { 0 };
    struct check_kept kept = { .audit = { 0 } };
    uint32_t format = FORMAT_VERSION;
    enum crm_status status = read_head(input, OPTION_AUDIT_HEAD, &kept.audit, failure);

    if (status == CRM_OK)
        status = read_head(input, OPTION_LOG_HEAD, &kept.log, failure);
    if (status == CRM_OK)
        status = directory_open(directory, NULL, true, &store, failure);
    if (status != CRM_OK)
        return status;
    status = directory_use_time_zone(store, NULL);
    if (status == CRM_CORRUPT)
        status = CRM_OK; /* the check itself names the record */
    if (status == CRM_OK && store_read_run(store, read_format, &format) == CRM_OK &&
        format != FORMAT_VERSION)
        status =
            fail(failure, CRM_FORMAT, NULL,
                 "%s has format %" PRIu32 ", this crmd works with format %d: run `crmd upgrade %s`",
                 directory, format, FORMAT_VERSION, directory);
    if (status == CRM_OK)
        status = check_store_against(store, &kept, stdout, &result, failure);
    if (status == CRM_OK)
        printf("crmd: %s is whole: %" PRIu64 " records, %" PRIu64 " deleted ones, %" PRIu64
               " changes, %" PRIu64 " entries of the audit trail, %" PRIu64 " index entries\n",
               directory, result.records, result.deleted, result.changes, result.audited,
               result.index_entries);
    store_close(store);
    return status;
}

const struct command command_check = {
    .name = "check",
    .arguments = "DIR",
    .n_arguments = 1,
    .summary = "is the database whole?",
    .help = "Walks everything: records and their index, unique, child and search entries in both "
            "directions,\n"
            "checksums, the log and the audit trail with their chains and without gaps, each "
            "record's own history, "
            "running totals\n"
            "recomputed from the log, number counters, shares, and the small rows of sessions and "
            "passwords. Names\n"
            "each fault in a line and ends with exit code 1 if there is any. Changes nothing; "
            "works beside a\n"
            "running server, as one long reader.",
    .examples = "crmd check /var/lib/crm\n"
                "crmd check /var/lib/crm --audit-head $(cat audit-head-of-monday)",
    .options = check_options,
    .n_options = ARRAY_LEN(check_options),
    .run = run_check,
};
