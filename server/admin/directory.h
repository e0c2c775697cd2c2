/*
 * directory.h - a data directory: its files, its lock, its settings, its database
 *
 *     crmd.conf  ca.crt  ca.key  server.crt  server.key  devices.crt  devices.key  lock  data/
 *     backed-up
 *
 * Used by every command and by the server, on the main thread.
 */
#ifndef CRM_SERVER_ADMIN_DIRECTORY_H
#define CRM_SERVER_ADMIN_DIRECTORY_H

#include <limits.h>

#include "common/store/store.h"
#include "server/engine/settings.h"

#define DIRECTORY_CONFIG "crmd.conf"
#define DIRECTORY_DATA   "data"
#define DIRECTORY_LOCK   "lock"

/* DIR/NAME, or NAME itself where it is absolute. CRM_INVALID when it does not fit. */
enum crm_status directory_path(const char *directory, const char *name, char out_path[PATH_MAX],
                               struct failure *failure) MUST_CHECK;

/* Make a directory with mode 0700, or take an existing empty one. CRM_EXISTS: it is not empty. */
enum crm_status directory_make(const char *directory, bool *out_made,
                               struct failure *failure) MUST_CHECK;
/* Take back what a failed init or restore has put there; the directory itself where it was made. */
void directory_clear(const char *directory, bool was_made);

/* The one lock of a process that writes. CRM_BUSY: another one has it. Held until the descriptor is
 * closed. */
enum crm_status directory_lock(const char *directory, int *out_fd,
                               struct failure *failure) MUST_CHECK;

/* DIR/crmd.conf over the defaults. */
enum crm_status directory_settings(const char *directory, struct settings *out_settings,
                                   struct failure *failure) MUST_CHECK;

/* The database. settings for the size of the map; read_only beside a running server. */
enum crm_status directory_open(const char *directory, const struct settings *settings,
                               bool read_only, struct store **out_store,
                               struct failure *failure) MUST_CHECK;

/* Use the company's time zone for days: TZ from its record. Before any thread starts. */
enum crm_status directory_use_time_zone(struct store *store, struct failure *failure) MUST_CHECK;

#endif
