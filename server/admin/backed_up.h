/*
 * backed_up.h - up to which change the last backup holds the database
 *
 * A backup runs beside the server and cannot write to its database: it leaves a note in the data
 * directory, which the server reads now and then and tells replicas. They keep what they have sent
 * until it is in a backup, to send it again after a restore. The note is in no backup.
 */
#ifndef CRM_SERVER_ADMIN_BACKED_UP_H
#define CRM_SERVER_ADMIN_BACKED_UP_H

#include "common/base/failure.h"

#define BACKED_UP_FILE "backed-up"

/* By a backup that is complete. */
enum crm_status backed_up_note(const char *directory, uint32_t epoch, uint64_t seq,
                               struct failure *failure) MUST_CHECK;
/* 0: nothing is known, or it is of another epoch. */
uint64_t backed_up_read(const char *directory, uint32_t epoch);

#endif
