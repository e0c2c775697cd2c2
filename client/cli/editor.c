/*
 * editor.c - see editor.h
 *
 * Called by edit, resolve and outbox edit; main thread.
 */
#include "client/cli/editor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_SIZE_MAX ((size_t)1 << 20)

const char *editor_name(void)
{
    const char *editor = getenv("VISUAL");

    if (!editor || !*editor)
        editor = getenv("EDITOR");
    return editor && *editor ? editor : NULL;
}

/* Run the editor on a file and wait. The shell splits $EDITOR, which may hold options. */
static enum crm_status run(struct cli *cli, const char *editor, const char *path)
{
    const char *script = arena_printf(&cli->arena, "%s \"$1\"", editor);
    int status = -1;
    pid_t pid;

    if (!script)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    pid = fork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", script, editor, path, (char *)NULL);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(&cli->failure, CRM_FAILED, NULL, "the editor '%s' failed: nothing was changed",
                    editor);
    return CRM_OK;
}

/* The text as the user leaves it. The file is private and gone afterwards: it holds what may be
 * confidential. */
enum crm_status editor_run(struct cli *cli, const char *editor, const char *text,
                           struct slice *out_text)
{
    const char *directory = getenv("TMPDIR");
    char *path = arena_printf(&cli->arena, "%s/crm-edit-XXXXXX.txt",
                              directory && *directory ? directory : "/tmp");
    int fd = path ? mkstemps(path, 4) : -1;
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    enum crm_status status = CRM_OK;

    if (!file) {
        if (fd >= 0)
            close(fd);
        return fail(&cli->failure, CRM_IO, NULL, "no temporary file: %s", strerror(errno));
    }
    fputs(text, file);
    if (fclose(file) != 0)
        status = fail(&cli->failure, CRM_IO, NULL, "%s: %s", path, strerror(errno));
    if (!status)
        status = run(cli, editor, path);
    if (!status)
        status = file_read(path, TEXT_SIZE_MAX, &cli->arena, out_text, &cli->failure);
    unlink(path);
    return status;
}
