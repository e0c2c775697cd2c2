/*
 * manual.c - manual pages as roff(7)
 */
#include "server/admin/manual.h"

#include <inttypes.h>

#include "common/base/roff.h"
#include "common/base/text.h"
#include "server/engine/settings.h"

/* Text whose lines are never requests. */
static void print_text(FILE *out, struct slice text)
{
    int32_t c, before = '\n';

    for (size_t at = 0; (c = text_next(text, &at)) >= 0; before = c) {
        if (before == '\n' && (c == '.' || c == '\''))
            fputs("\\&", out);
        roff_put(out, c);
    }
}

static void print_words(FILE *out, const char *text)
{
    print_text(out, slice_text(text));
}

/* Paragraphs with an empty line between them; a heading stands before the first. */
static void print_paragraphs(FILE *out, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);

        print_text(out, slice_of(text, size));
        fputc('\n', out);
        text += size;
        while (*text == '\n')
            text++;
        if (*text)
            fputs(".PP\n", out);
    }
}

static void print_command(FILE *out, const struct command *command)
{
    fprintf(out, ".SS \"crmd %s %s%s\"\n", command->name, command->arguments,
            command->n_options ? " [options]" : "");
    print_paragraphs(out, command->help);
    for (size_t i = 0; i < command->n_options; i++) {
        const struct command_option *option = &command->options[i];

        fputs(".TP\n\\fB\\-\\-", out);
        print_words(out, option->name);
        fputs("\\fR", out);
        if (option->argument)
            fprintf(out, " \\fI%s\\fR", option->argument);
        fputc('\n', out);
        print_words(out, option->help);
        fputc('\n', out);
    }
    fputs(".PP\n.nf\n", out);
    print_words(out, command->examples);
    fputs("\n.fi\n", out);
}

/* The statuses that an administrator's command can end with, by exit code. */
static void print_exit_codes(FILE *out)
{
    static const struct {
        int code;
        const char *what;
    } codes[] = {
        { 0, "done" },
        { 1, "failure; a check that found a fault" },
        { 2, "usage" },
        { 3, "there is no such directory or file" },
        { 4, "it exists, or is not empty" },
        { 6, "a value or a setting is not valid" },
        { 7, "another crmd works on the directory; certificate or key cannot be used" },
        { 70, "run: the database file was cut off while it was in use" },
        { 74, "run: a sync failed; start it again" },
    };

    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        fprintf(out, ".TP\n%d\n%s\n", codes[i].code, codes[i].what);
}

void manual_print_commands(FILE *out, const struct command *const *commands, size_t n)
{
    fputs(".TH CRMD 8 \"" ROFF_DATE "\" \"crm " CRM_VERSION "\" \"System administration\"\n"
          ".SH NAME\ncrmd \\- the server of crm\n"
          ".SH SYNOPSIS\n.B crmd\n.I COMMAND DIR\n[options]\n"
          ".SH DESCRIPTION\n"
          "One directory holds everything: settings, certificates, the database. These commands "
          "make it, serve it and look after it.\n"
          ".SH COMMANDS\n",
          out);
    for (size_t i = 0; i < n; i++)
        print_command(out, commands[i]);
    fputs(".SH SIGNALS\n.TP\nSIGTERM, SIGINT\nrun: replies that are under way are sent, then it "
          "ends, after at most 10 seconds.\n"
          ".TP\nSIGHUP\nrun: certificate, key and log level are read again; what cannot be read "
          "leaves the old ones and is logged.\n",
          out);
    print_exit_codes(out);
    fputs(
        ".SH ENVIRONMENT\n.TP\nCRM_PASSWORD\ninit: the administrator's password.\n"
        ".SH FILES\n.TP\n\\fIDIR\\fR/crmd.conf\nsettings, see \\fBcrmd.conf\\fR(5)\n"
        ".TP\n\\fIDIR\\fR/ca.crt, ca.key\nthe certificate authority; clients need ca.crt. Nothing that "
        "serves opens ca.key: it may be kept elsewhere\n"
        ".TP\n\\fIDIR\\fR/devices.crt, devices.key\nthe authority that signs the certificates of "
        "enrolled devices; only the server trusts it\n"
        ".TP\n\\fIDIR\\fR/server.crt, server.key\nwhat the server shows to clients\n"
        ".TP\n\\fIDIR\\fR/data\nthe database\n.TP\n\\fIDIR\\fR/lock\nheld by the crmd that writes\n"
        ".SH SEE ALSO\n\\fBcrm\\fR(1), \\fBcrmd.conf\\fR(5)\n",
        out);
}

void manual_print_settings(FILE *out)
{
    const char *section = "";

    fputs(".TH CRMD.CONF 5 \"" ROFF_DATE "\" \"crm " CRM_VERSION "\" \"File formats\"\n"
          ".SH NAME\ncrmd.conf \\- settings of crmd\n"
          ".SH DESCRIPTION\n"
          "\\fIDIR\\fR/crmd.conf, written by \\fBcrmd init\\fR, is read when the server starts. "
          "Lines are \\fIname\\fR = \\fIvalue\\fR below a\n"
          "[section]; # and ; begin a comment. A name that is not listed here, or a value out of "
          "range, stops the start and is named.\n",
          out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];

        if (strcmp(section, setting->section) != 0) {
            section = setting->section;
            fprintf(out, ".SH [%s]\n", section);
        }
        fprintf(out, ".TP\n\\fB%s\\fR = ", setting->name);
        print_words(out, setting->initial);
        fputc('\n', out);
        print_words(out, setting->help);
        if (setting->type == SETTING_INTEGER)
            fprintf(out, "\n%" PRId64 " to %" PRId64 "%s%s.", setting->minimum, setting->maximum,
                    setting->unit ? " " : "", setting->unit ? setting->unit : "");
        fputc('\n', out);
    }
    fputs(".SH SEE ALSO\n\\fBcrmd\\fR(8)\n", out);
}
