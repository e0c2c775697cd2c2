/*
 * status.c - the list of status.h as a table
 *
 * Pure data; called from everywhere, on any thread.
 */
#include "common/base/status.h"

#include <stddef.h>

#define STATUS_ROW(NAME, number, label, text, again, end, code)                                    \
    [number] = { .status = CRM_##NAME,                                                             \
                 .name = label,                                                                    \
                 .sentence = text,                                                                 \
                 .retry = CRM_RETRY_##again,                                                       \
                 .outcome = CRM_OUTCOME_##end,                                                     \
                 .exit_code = code },

static const struct crm_status_info status_rows[] = { CRM_STATUS_LIST(STATUS_ROW) };

const struct crm_status_info *crm_status_info(int status)
{
    size_t n_rows = sizeof(status_rows) / sizeof(status_rows[0]);

    /* A number that was skipped in the list leaves a row without a name. */
    if (status < 0 || (size_t)status >= n_rows || !status_rows[status].name)
        return &status_rows[CRM_FAILED];
    return &status_rows[status];
}
