/*
 * rows.h - records on their way to the output: as a table, JSON, JSON lines or CSV
 */
#ifndef CRM_CLI_ROWS_H
#define CRM_CLI_ROWS_H

#include "client/cli/cli.h"
#include "common/model/record.h"

struct rows;

#define COLUMNS_MAX 64

/* kind NULL: of several kinds, in columns that all have. --columns, --json, --jsonl and --csv of
 * cli->options decide the form. CRM_USAGE names a column that is no field. */
enum crm_status rows_create(struct cli *cli, const struct kind_def *kind,
                            struct rows **out_rows) MUST_CHECK;
/* Of files that are to be read again, or opened by a spreadsheet. */
enum rows_flag {
    ROWS_SAFE = 1,      /* CSV: no text is taken for a formula (csv_safe) */
    ROWS_EXCEL = 2,     /* CSV: lines end with CR LF, long digits stay text */
    ROWS_CONTINUED = 4, /* what stands before the first row is there already */
};
enum crm_status rows_create_with(struct cli *cli, const struct kind_def *kind, unsigned flags,
                                 struct rows **out_rows) MUST_CHECK;
/* Accepts NULL. */
void rows_destroy(struct rows *rows);
/* The record is shown, or its cells copied, before it returns. CRM_CANCELLED once nobody reads the
 * output. */
enum crm_status rows_add(struct rows *rows, const struct record *record) MUST_CHECK;
/* The records and titles of a chunk. */
enum crm_status rows_add_chunk(struct rows *rows, const Crm__ListChunk *chunk) MUST_CHECK;
/* The end: closes the array, prints the table. */
enum crm_status rows_finish(struct rows *rows) MUST_CHECK;
uint64_t rows_count(const struct rows *rows);
/* Is the form one for programs? Then there is no limit of a screenful. */
bool rows_for_programs(const struct cli *cli);

#endif
