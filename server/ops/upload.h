/*
 * upload.h - staged uploads: what is too large for one frame, sent in chunks, kept in `job` until it is used or a day has passed
 *
 *     job  'u' ‖ upload            → user, started, size received, complete
 *          'u' ‖ upload ‖ offset   → bytes
 */
#ifndef CRM_SERVER_OPS_UPLOAD_H
#define CRM_SERVER_OPS_UPLOAD_H

#include "server/engine/core.h"

#define UPLOAD_MAX (32u << 20) /* bytes */

/* The whole of a complete upload that belongs to user. CRM_NOT_FOUND, CRM_NOT_ALLOWED reads as CRM_NOT_FOUND. */
enum crm_status upload_load(const struct view *view, struct slice id, const struct uuid *user, struct arena *arena, struct slice *out_bytes,
                            struct failure *failure) MUST_CHECK;

#endif
