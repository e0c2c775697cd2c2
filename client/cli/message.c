/*
 * message.c - what the command line says to people besides results: failures with a caret, hints,
 * labels
 *
 * All of it goes to the error output, so that results can be piped. Text from the server is escaped
 * before it reaches a terminal.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/cli.h"
#include "client/cli/command.h"
#include "common/base/text.h"

const char *cli_label(const struct cli *cli, const char *en, const char *zh)
{
    return cli->chinese ? zh : en;
}

static void PRINTF_LIKE(2, 0) say(FILE *to, const char *format, va_list arguments)
{
    flockfile(to);
    vfprintf(to, format, arguments);
    fputc('\n', to);
    funlockfile(to);
}

void cli_hint(const struct cli *cli, const char *format, ...)
{
    va_list arguments;

    if (!cli->err_is_tty || cli->options.quiet)
        return;
    va_start(arguments, format);
    say(cli->err, format, arguments);
    va_end(arguments);
}

void cli_verbose(const struct cli *cli, const char *format, ...)
{
    va_list arguments;

    if (!cli->options.verbose)
        return;
    va_start(arguments, format);
    say(cli->err, format, arguments);
    va_end(arguments);
}

const char *cli_safe(struct cli *cli, const char *text)
{
    struct slice safe;
    char *copy;

    if (!text_is_valid(slice_text(text)) || !text_escape(&cli->arena, slice_text(text), &safe))
        return "?";
    copy = arena_strndup(&cli->arena, safe.data, safe.size);
    return copy ? copy : "?";
}

/* The line of text in which position falls, and a caret under the place. */
static void print_caret(struct cli *cli, const char *text, size_t position)
{
    size_t size = strlen(text), start, end;
    const char *line, *before;

    if (position > size)
        position = size;
    for (start = position; start > 0 && text[start - 1] != '\n'; start--)
        ;
    end = start + strcspn(text + start, "\n");
    line = arena_strndup(&cli->arena, text + start, end - start);
    before = arena_strndup(&cli->arena, text + start, position - start);
    if (!line || !before)
        return;
    before = cli_safe(cli, before);
    fprintf(cli->err, "  %s\n  %*s^\n", cli_safe(cli, line), (int)text_width(slice_text(before)), "");
}

static void print_next_step(struct cli *cli, enum crm_status status)
{
    if (status == CRM_NOT_LOGGED_IN || status == CRM_SESSION_EXPIRED) {
        if (*cli->profile.login)
            cli_hint(cli, "Log in with: crm login %s:%d --user %s",
                     cli_safe(cli, cli->profile.host), (int)cli->profile.port,
                     cli_safe(cli, cli->profile.login));
        else
            cli_hint(cli, "Log in with: crm login HOST:PORT --ca FILE --user LOGIN");
    } else if (status == CRM_USAGE && cli->command) {
        cli_hint(cli, "See: crm help %s", cli->command->name);
    } else if (status == CRM_CONFLICT) {
        cli_hint(cli, "Somebody else was faster. Look at it with crm show, then change it again.");
    }
}

void cli_print_failure(struct cli *cli, const struct failure *failure)
{
    const char *text =
        *failure->text ? failure->text : crm_status_info((int)failure->status)->sentence;

    fflush(cli->out);
    if (*failure->field)
        fprintf(cli->err, "crm: field '%s': %s\n", cli_safe(cli, failure->field),
                cli_safe(cli, text));
    else
        fprintf(cli->err, "crm: %s\n", cli_safe(cli, text));
    if (cli->filter_text && failure->position >= 0 &&
        (failure->status == CRM_INVALID || failure->status == CRM_NOT_FOUND))
        print_caret(cli, cli->filter_text, (size_t)failure->position);
    if (cli->detail)
        fputs(cli->detail, cli->err);
    print_next_step(cli, failure->status);
}

bool cli_output_is_open(void)
{
    return !ferror(stdout);
}

const char *cli_grouped(int64_t number, char text[32])
{
    char digits[24];
    size_t n, out = 0;

    snprintf(digits, sizeof(digits), "%lld", (long long)number);
    n = strlen(digits);
    for (size_t i = 0; i < n; i++) {
        text[out++] = digits[i];
        if (i + 1 < n && (n - 1 - i) % 3 == 0 && digits[i] != '-')
            text[out++] = ',';
    }
    text[out] = '\0';
    return text;
}
