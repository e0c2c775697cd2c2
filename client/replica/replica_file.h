/*
 * replica_file.h - where a replica's files are, and the lock of the one process that may change them; private to client/replica
 */
#ifndef CRM_REPLICA_REPLICA_FILE_H
#define CRM_REPLICA_REPLICA_FILE_H

#include <limits.h>

#include "common/base/failure.h"

/* <home>/replica into path; CRM_USAGE where that is too long. */
enum crm_status replica_directory(const char *home, char path[PATH_MAX], struct failure *failure) MUST_CHECK;
/* Make it, readable by its owner alone. */
enum crm_status replica_make_directory(const char *directory, struct failure *failure) MUST_CHECK;
/* Become its only writer until the descriptor is closed. CRM_BUSY names the process that is; CRM_NOT_FOUND: no such directory. */
enum crm_status replica_lock(const char *directory, int *out_fd, struct failure *failure) MUST_CHECK;

/*
 * Files are opened under a shared guard and exchanged under an exclusive one: nobody opens the data of one file with the lock of another. Held until the
 * descriptor is closed; for moments.
 */
enum crm_status replica_guard(const char *directory, bool exclusive, int *out_fd, struct failure *failure) MUST_CHECK;
/* <directory>/next, made and empty: for the file that is to be in the place of the present one. */
enum crm_status replica_next_make(const char *directory, char path[PATH_MAX], struct failure *failure) MUST_CHECK;
/* Put it there. Neither is open. */
enum crm_status replica_next_take(const char *directory, struct failure *failure) MUST_CHECK;
/* Remove it, with what is in it; that it is not there is as good. */
void replica_next_remove(const char *directory);

#endif
