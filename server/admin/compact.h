/*
 * compact.h - the database file written anew, after an erasure has asked for it
 *
 * Deleted values lie in a database file until their place is used again. Who erases a person leaves
 * a row in meta (ERASE_COMPACT); the next `crmd run` writes the file anew before it serves, and from
 * then on nothing of them is in it. What the file system or the disk keep of the old file's blocks
 * is beyond a program's reach.
 */
#ifndef CRM_SERVER_ADMIN_COMPACT_H
#define CRM_SERVER_ADMIN_COMPACT_H

#include "common/store/store.h"
#include "server/engine/settings.h"

/* Has an erasure asked for it since the file was written anew? */
bool compact_is_asked(struct store *store);

/*
 * Where it is asked for: write the database of a locked directory anew, put the new one in the place
 * of the old, and open it. The old one stays, and is served, where there is no room for a new one:
 * that is logged, and tried again at the next start. Fails only where no database is open any more.
 */
enum crm_status compact_if_asked(const char *directory, const struct settings *settings,
                                 struct store **store, struct failure *failure) MUST_CHECK;

#endif
