/*
 * prompt.c - questions on the terminal
 *
 * Main thread. Passwords go over /dev/tty with echo off; the terminal's state comes back also when
 * the user interrupts.
 */
#include "client/cli/prompt.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

bool prompt_line(const char *shown, char *text, size_t size)
{
    fputs(shown, stderr);
    fflush(stderr);
    if (!fgets(text, (int)size, stdin))
        return false;
    text[strcspn(text, "\n")] = '\0';
    return true;
}

bool prompt_confirm(const struct cli *cli, const char *question)
{
    char shown[512], answer[16];

    if (!cli->in_is_tty || !cli->err_is_tty)
        return false;
    snprintf(shown, sizeof(shown), "%s [y/N] ", question);
    if (!prompt_line(shown, answer, sizeof(answer)))
        return false;
    return strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0 ||
           strcmp(answer, "是") == 0;
}

bool prompt_bulk(const struct cli *cli, const char *verb, const char *verb_zh,
                 const struct kind_def *kind, size_t n)
{
    char question[200], count[32];

    if (cli->options.yes || cli->options.dry_run || !cli->in_is_tty || n == 0)
        return true;
    snprintf(question, sizeof(question), cli->chinese ? "%s %s 条%s?" : "%s %s %s?",
             cli_label(cli, verb, verb_zh), cli_grouped((int64_t)n, count),
             cli->chinese ? kind->label_zh
             : n == 1     ? kind->name
                          : kind->plural);
    return prompt_confirm(cli, question);
}

int prompt_choice(const char *question, const char *const *lines, size_t n)
{
    char answer[16], *end;
    long chosen;

    fprintf(stderr, "%s\n", question);
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "  %zu  %s\n", i + 1, lines[i]);
    if (!prompt_line("Which one? ", answer, sizeof(answer)))
        return -1;
    chosen = strtol(answer, &end, 10);
    return end != answer && !*end && chosen >= 1 && (size_t)chosen <= n ? (int)chosen - 1 : -1;
}

/* Read one line from the terminal with echo off. Signals that would end the program wait until the
 * echo is on again. */
static bool read_silently(FILE *tty, const char *shown, char text[PASSWORD_SIZE])
{
    struct termios before, silent;
    sigset_t interrupts, old;
    bool is_read;

    if (tcgetattr(fileno(tty), &before) != 0)
        return false;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGTSTP);
    sigaddset(&interrupts, SIGTERM);
    sigprocmask(SIG_BLOCK, &interrupts, &old);
    silent = before;
    silent.c_lflag &= ~(
        tcflag_t)(ECHO | ISIG); /* ^C arrives as a character, so that the echo always comes back */
    silent.c_lflag |= ECHONL;
    fputs(shown, tty);
    fflush(tty);
    is_read =
        tcsetattr(fileno(tty), TCSAFLUSH, &silent) == 0 && fgets(text, PASSWORD_SIZE, tty) != NULL;
    tcsetattr(fileno(tty), TCSAFLUSH, &before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (!is_read || strchr(text, 3)) /* ^C */
        return false;
    text[strcspn(text, "\n")] = '\0';
    return true;
}

static enum crm_status ask_password(FILE *tty, const char *shown, bool again,
                                    char text[PASSWORD_SIZE], struct failure *failure)
{
    char repeated[PASSWORD_SIZE] = "";
    bool is_same;

    if (!read_silently(tty, shown, text))
        return fail(failure, CRM_CANCELLED, NULL, "no password was given");
    if (!again)
        return CRM_OK;
    is_same = read_silently(tty, "Once more: ", repeated) && strcmp(text, repeated) == 0;
    secret_wipe(repeated, sizeof(repeated));
    return is_same ? CRM_OK : fail(failure, CRM_INVALID, NULL, "the two passwords differ");
}

enum crm_status prompt_password(const char *variable, const char *shown, bool again,
                                char text[PASSWORD_SIZE], struct failure *failure)
{
    const char *given = getenv(variable);
    FILE *tty;
    enum crm_status status;

    if (given) {
        if (strlen(given) >= PASSWORD_SIZE)
            return fail(failure, CRM_INVALID, NULL, "the password in %s is too long", variable);
        snprintf(text, PASSWORD_SIZE, "%s", given);
        return CRM_OK;
    }
    tty = fopen("/dev/tty", "r+e");
    if (!tty)
        return fail(failure, CRM_USAGE, NULL, "there is no terminal to ask on; set %s", variable);
    status = ask_password(tty, shown, again, text, failure);
    fclose(tty);
    return status;
}
