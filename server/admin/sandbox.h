/*
 * sandbox.h - what the serving process may still touch: its data directory, and the system's files
 * for reading
 */
#ifndef CRM_SERVER_ADMIN_SANDBOX_H
#define CRM_SERVER_ADMIN_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/*
 * From now on this thread, and those that it starts, may write in the writable directories only and
 * read the readable files and directories, what stands in /usr, /lib, /etc, /proc and /sys, and
 * /dev/null. false: the kernel has no Landlock; nothing has changed. Before any thread starts;
 * cannot be undone.
 */
bool sandbox_enter(const char *const *writable, size_t n_writable, const char *const *readable,
                   size_t n_readable);

#endif
