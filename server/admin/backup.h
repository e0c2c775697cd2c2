/*
 * backup.h - a hot, verified backup into one file; for the command and for upgrade's way back
 */
#ifndef CRM_SERVER_ADMIN_BACKUP_H
#define CRM_SERVER_ADMIN_BACKUP_H

#include "server/admin/archive.h"
#include "server/admin/directory.h"

/*
 * Copy an open store, check the copy, pack it with the directory's settings and keys as file.
 * Nothing has that name before all of it is durable and verified. CRM_EXISTS: the file exists.
 * Faults that the check finds are printed to standard error. The company's time zone must be set.
 */
enum crm_status backup_write(struct store *store, const char *directory,
                             const struct settings *settings, const char *file,
                             struct archive_facts *out_facts, struct failure *failure) MUST_CHECK;

#endif
