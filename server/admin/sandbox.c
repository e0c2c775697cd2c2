/*
 * sandbox.c - Landlock by its system calls (glibc has none): the file access rights of its first
 * version, which every kernel with it knows
 *
 * A second wall: what an attacker gets who takes the process over is the customers' data, but no
 * foothold on the machine. System calls and the rest are the unit file's matter.
 */
#include "server/admin/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "common/base/log.h"
#include "common/base/slice.h"

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITING                                                                                    \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                              \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR)
/* Nobody has these: no file is executed, no device, socket or link made. */
#define NEVER                                                                                      \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM)
/* What makes sense for a file that is no directory. */
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

static const char *const system_paths[] = { "/usr", "/lib", "/lib64", "/etc", "/proc", "/sys" };

/* What is not there needs no rule. */
static bool allow(int ruleset, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = access,
                                               .parent_fd = open(path, O_PATH | O_CLOEXEC) };
    struct stat st;
    bool ok;

    if (rule.parent_fd < 0)
        return errno == ENOENT || errno == EACCES;
    ok = fstat(rule.parent_fd, &st) == 0;
    if (ok && !S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_FILES;
    ok = ok && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    close(rule.parent_fd);
    return ok;
}

static bool allow_each(int ruleset, const char *const *paths, size_t n, uint64_t access)
{
    for (size_t i = 0; i < n; i++)
        if (!allow(ruleset, paths[i], access))
            return false;
    return true;
}

bool sandbox_enter(const char *const *writable, size_t n_writable, const char *const *readable,
                   size_t n_readable)
{
    const struct landlock_ruleset_attr attributes = { .handled_access_fs =
                                                          READING | WRITING | NEVER };
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    bool ok;

    if (ruleset < 0) {
        log_info("sandbox.none", "errno=%d", errno); /* not built in, or not turned on */
        return false;
    }
    ok = allow_each(ruleset, system_paths, ARRAY_LEN(system_paths), READING) &&
         allow(ruleset, "/dev/null", OF_FILES) &&
         allow_each(ruleset, writable, n_writable, READING | WRITING) &&
         allow_each(ruleset, readable, n_readable, READING) &&
         prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    if (!ok)
        log_warn("sandbox.failed", "errno=%d", errno);
    close(ruleset);
    return ok;
}
