/*
 * query.h - lists: from a filter as typed to rows on the output
 */
#ifndef CRM_CLI_QUERY_H
#define CRM_CLI_QUERY_H

#include "client/cli/rows.h"

/* The words of argv[from..argc) as one text, so that a filter needs no quotes where the shell
 * leaves it alone. NULL when memory is spent. */
const char *query_text(struct cli *cli, int argc, char **argv, int from);

/* A filter for the wire, in cli->arena; text NULL or empty: everything. Saved views (@name) are
 * asked for. The failure has the place for the caret. */
enum crm_status query_filter(struct cli *cli, const struct kind_def *kind, const char *text,
                             size_t *out_n, Crm__FilterNode ***out_nodes) MUST_CHECK;

/* A list request from filter text and the options (--sort, --as-of, --deleted, --explain); without
 * a limit. In cli->arena. */
enum crm_status query_list(struct cli *cli, const struct kind_def *kind, const char *filter,
                           Crm__ListRequest *out_request) MUST_CHECK;

/* Run list or search (operation says which) into rows. *out_call is the caller's to destroy; the
 * reply lives as long. CRM_CANCELLED once nobody reads the output. */
enum crm_status query_run(struct cli *cli, enum operation operation,
                          const ProtobufCMessage *request, struct rows *rows,
                          struct crm_call **out_call, const Crm__ListReply **out_reply) MUST_CHECK;

/* How many records a list would have without its limit. */
enum crm_status query_count(struct cli *cli, const Crm__ListRequest *request,
                            uint64_t *out_count) MUST_CHECK;

/* What a whole list has, by id only; in cli->arena. For changes of everything that fits. */
struct query_ids {
    struct uuid *ids;
    size_t n;
};
enum crm_status query_ids(struct cli *cli, const struct kind_def *kind, const char *filter,
                          struct query_ids *out_ids) MUST_CHECK;

/* Print a plan to the error output. explain may be NULL. */
void query_tell_plan(struct cli *cli, const Crm__Explain *explain);

#endif
