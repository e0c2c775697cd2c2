/*
 * intake.h - the rows of a file, whatever its format, through a job: each exactly once, with what
 * was refused kept for mending
 *
 * Rows are counted, and the job's place is the number of rows that were taken: created, changed,
 * unchanged, deleted or refused.
 */
#ifndef CRM_CLI_INTAKE_H
#define CRM_CLI_INTAKE_H

#include "client/cli/apply_line.h"

struct intake_source {
    const char *path;            /* of the input; "-": the standard input */
    const char *title;           /* for crm job list */
    const struct kind_def *kind; /* of rows that do not say one, or NULL */
    const char *match; /* of rows that do not say one: the field by which records are found */
    bool is_raw;       /* cells were not made safe for spreadsheets */
    bool tells_rows;   /* the counts begin with that of the rows */
    /*
     * The next row as apply_line takes it, and as it stands in the file (the same where that is the
     * same). A failure: this row is lost, and where is_broken says so all that follow.
     */
    enum crm_status (*next)(void *arg, struct import_row *row, struct import_row *out_kept,
                            bool *out_is_end, struct failure *failure);
    bool (*is_broken)(void *arg);
    uint64_t (*estimate)(void *arg); /* of the rows; 0: unknown */
    void *arg;
};

/* With the options job, rejects and dry_run. CRM_PARTIAL: some rows were refused. */
enum crm_status intake_run(struct cli *cli, const struct intake_source *source) MUST_CHECK;

#endif
