/*
 * test_admin_sandbox.c - behind the sandbox a process writes in its directory and nowhere else, and
 * still reads what it must
 */
#include "tests/unit/admin_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "server/admin/sandbox.h"

enum verdict { AS_MEANT, NO_LANDLOCK, TOO_NARROW, TOO_WIDE };

static bool can_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* In a child: it cannot be left again. */
static enum verdict try_it(const struct admin *admin)
{
    char inside[PATH_MAX + 8], outside[PATH_MAX];
    const char *writable[] = { admin->data };

    snprintf(inside, sizeof inside, "%s/file", admin->data);
    snprintf(outside, sizeof outside, "%s/file", admin->base);
    if (!sandbox_enter(writable, 1, NULL, 0))
        return NO_LANDLOCK;
    if (!can_open(inside, O_WRONLY | O_CREAT) || !can_open(inside, O_RDONLY) ||
        !can_open("/dev/null", O_RDONLY) || !can_open("/etc/passwd", O_RDONLY) ||
        unlink(inside) != 0)
        return TOO_NARROW;
    if (can_open(outside, O_WRONLY | O_CREAT) || can_open("/etc/passwd", O_WRONLY | O_APPEND) ||
        can_open(admin->backup, O_RDONLY))
        return TOO_WIDE;
    execl("/bin/true", "true", (char *)NULL);
    return errno == EACCES ? AS_MEANT : TOO_WIDE;
}

static void nothing_else_can_be_written(void **state)
{
    struct admin *admin = *state;
    int status;
    pid_t child;

    assert_int_equal(mkdir(admin->data, 0700), 0);
    assert_true(can_open(admin->backup, O_WRONLY | O_CREAT));
    child = fork();
    if (child == 0)
        _exit((int)try_it(admin));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NO_LANDLOCK)
        skip();
    assert_int_equal(WEXITSTATUS(status), AS_MEANT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_else_can_be_written, admin_setup, admin_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
