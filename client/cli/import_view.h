/*
 * import_view.h - what a mapping makes of a file's columns, for people: before anything is sent
 */
#ifndef CRM_CLI_IMPORT_VIEW_H
#define CRM_CLI_IMPORT_VIEW_H

#include "client/cli/cli.h"
#include "client/import/mapping.h"

/* Column, field, values of the first rows, doubts: to out. */
enum crm_status import_view(struct cli *cli, struct mapping *mapping,
                            const struct grid_options *options, FILE *out) MUST_CHECK;

#endif
