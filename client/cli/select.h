/*
 * select.h - which record is meant: a number (D-17), an id or its ending, a unique name, me
 */
#ifndef CRM_CLI_SELECT_H
#define CRM_CLI_SELECT_H

#include "client/cli/cli.h"
#include "common/model/record.h"

/* What a word names a kind by, with a suggestion in the failure where it names none. */
enum crm_status select_kind(struct cli *cli, const char *word,
                            const struct kind_def **out_kind) MUST_CHECK;

/* How to look. */
struct selection {
    const struct kind_def *kind; /* NULL: the selector must say it (D-17) */
    const char *selector;
    bool deleted;      /* look in the recycle bin too */
    bool titles;       /* also learn what it refers to */
    const char *as_of; /* NULL: now */
};

/* Ask the server; on a terminal an ambiguous selector offers its candidates. The record lives in
 * cli->arena. */
enum crm_status select_record(struct cli *cli, const struct selection *selection,
                              struct record *out_record) MUST_CHECK;

/* Is it the number of a record that was made offline (D-~1)? Then which: *out_kind and *out_id.
 * CRM_NOT_FOUND where there is none, or where the server is to be asked and has not got it yet. */
enum crm_status select_local(struct cli *cli, const struct kind_def *kind, const char *text,
                             const struct kind_def **out_kind, struct uuid *out_id,
                             bool *out_is) MUST_CHECK;

/* `KIND SELECTOR` or `SELECTOR` at the front of argv[1..argc): how many words it took in *out_n. Of
 * a kind with one record (company) the kind alone means it. */
enum crm_status select_from_arguments(struct cli *cli, int argc, char **argv,
                                      struct selection *selection, int *out_n) MUST_CHECK;

/* The id of what a reference's text means; answers are remembered, so that an import asks once for
 * each name. A change_resolve; arg is struct cli. */
enum crm_status select_resolve(void *arg, enum kind kind, const char *text, struct uuid *out_id,
                               struct failure *failure);

/* --as-of: a number is a seq, anything else a day (its end) or an instant. */
enum crm_status select_as_of(struct cli *cli, const char *text, Crm__AsOf *out_as_of) MUST_CHECK;

#endif
