/*
 * upgrade_grants.h - shares of format 2 get the rows that format 3 has beside them
 */
#ifndef CRM_SERVER_ADMIN_UPGRADE_GRANTS_H
#define CRM_SERVER_ADMIN_UPGRADE_GRANTS_H

#include "common/base/failure.h"
#include "common/store/store.h"

/*
 * Each share gets its row by whom it is for, and by its end where it has one; one that is for
 * nobody any more goes. A part at a time; can be run again from its beginning.
 */
enum crm_status upgrade_grants(struct store *store, struct failure *failure) MUST_CHECK;

#endif
