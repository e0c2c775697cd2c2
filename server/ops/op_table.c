/*
 * op_table.c - every operation, by its code
 */
#include "server/ops/op.h"

static const struct op_def *const table[OP_MAX + 1] = {
    [OP_LOGIN] = &op_login,
    [OP_LOGOUT] = &op_logout,
    [OP_PING] = &op_ping,
    [OP_DESCRIBE] = &op_describe,
    [OP_GET] = &op_get,
    [OP_LIST] = &op_list,
    [OP_COUNT] = &op_count,
    [OP_SEARCH] = &op_search,
    [OP_MUTATE] = &op_mutate,
    [OP_HISTORY] = &op_history,
    [OP_SUBSCRIBE] = &op_subscribe,
    [OP_UPLOAD] = &op_upload,
    [OP_REPORT] = &op_report,
    [OP_INVITE] = &op_invite,
    [OP_PASSWORD] = &op_password,
    [OP_ACCESS_EXPLAIN] = &op_access_explain,
    [OP_ACCESS_WHO] = &op_access_who,
    [OP_ACCESS_SHARES] = &op_access_shares,
    [OP_AUDIT_LIST] = &op_audit_list,
    [OP_ERASE] = &op_erase,
    [OP_SESSION_LIST] = &op_session_list,
    [OP_SESSION_END] = &op_session_end,
    [OP_CONFIRM] = &op_confirm,
    [OP_FACTOR] = &op_factor,
    [OP_TOKEN] = &op_token,
    [OP_DEVICE] = &op_device,
    [OP_ENROL] = &op_enrol,
    [OP_SYNC_CHANGES] = &op_sync_changes,
    [OP_SYNC_CONFLICTS] = &op_sync_conflicts,
    [OP_JOB] = &op_job,
    [OP_EXPORT_BEGIN] = &op_export_begin,
    [OP_EXPORT] = &op_export,
    [OP_DUPLICATES] = &op_duplicates,
};

const struct op_def *op_find(uint32_t code)
{
    return code <= OP_MAX ? table[code] : NULL;
}
