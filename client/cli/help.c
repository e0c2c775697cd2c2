/*
 * help.c - the table of commands as text
 *
 * Called by crm help, --help and a bare crm; prints only.
 */
#include "client/cli/help.h"

#include "common/base/text.h"

#define WIDTH 78

/* Words of a text, broken into lines of WIDTH columns; an empty line stays one. */
static void print_wrapped(FILE *out, const char *text, size_t indent)
{
    size_t column = 0;

    while (*text) {
        size_t size = strcspn(text, " \n");
        size_t width = text_width(slice_of(text, size));

        if (column > 0 && column + 1 + width > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        if (size > 0) {
            fprintf(out, "%*s%.*s", column > 0 ? 1 : (int)indent, "", (int)size, text);
            column += (column > 0 ? 1 : indent) + width;
        }
        text += size;
        if (text[0] == '\n' && text[1] == '\n') {
            fputs("\n\n", out);
            column = 0;
            text += 2;
        } else if (*text) {
            text++;
        }
    }
    fputc('\n', out);
}

static void print_options(FILE *out, const enum option_id *ids)
{
    for (; *ids != OPT_END; ids++) {
        const struct option_def *option = option_def(*ids);
        char name[64];
        bool is_maybe = option->type == OPTION_MAYBE;
        int n = snprintf(name, sizeof(name), "%s%c%c --%s%s%s%s", option->letter ? "-" : " ",
                         option->letter ? option->letter : ' ', option->letter ? ',' : ' ',
                         option->name, is_maybe ? "[=" : option->argument ? " " : "",
                         option->argument ? option->argument : "", is_maybe ? "]" : "");

        fprintf(out, "  %s%*s%s\n", name, n < 26 ? 28 - n : 2, "", option->help);
    }
}

void help_overview(FILE *out, bool whole)
{
    const struct command *command;

    fputs("crm - customers, deals and what happens with them\n\nusage: crm COMMAND [ARGUMENTS] "
          "[OPTIONS]\n\n",
          out);
    for (size_t i = 0; (command = command_at(i)); i++)
        fprintf(out, "  %-12s%s\n", command->name, command->summary);
    if (whole) {
        fputs("\nOptions of every command:\n", out);
        print_options(out, options_global);
        fputs("\nEnvironment: CRM_HOME (profile and credentials), CRM_PASSWORD, CRM_NEW_PASSWORD, "
              "CRM_FACTOR,\n  CRM_TOKEN, NO_COLOR, VISUAL, EDITOR.\n",
              out);
        fputs("Exit codes: 0 done, 1 failure, 2 usage, 3 not found, 4 conflict, 5 not logged in, 6 "
              "invalid input,\n"
              "  7 server not reachable and surely nothing done, 8 partly done, 9 not allowed,\n"
              "  10 outcome unknown (repeat with the same --key).\n",
              out);
    } else {
        fputs("\nBegin with: crm login HOST:PORT --ca FILE --user LOGIN\n", out);
    }
    fputs("\ncrm help COMMAND says more about one of them.\n", out);
}

/* The verbs of a group, each a line. */
static void print_verbs(FILE *out, const struct command *group)
{
    const struct command *verb;

    fputs("\nVerbs:\n", out);
    for (size_t i = 0; (verb = command_below(group, i)); i++)
        fprintf(out, "  %-16s%s\n", command_word(verb), verb->summary);
    fprintf(out, "\ncrm help %s VERB says more about one of them.\n", group->name);
}

void help_command(FILE *out, const struct command *command)
{
    fprintf(out, "crm %s - %s\n\nusage: crm %s%s%s [OPTIONS]\n\n", command->name, command->summary,
            command->name, *command->synopsis ? " " : "", command->synopsis);
    print_wrapped(out, command->description, 0);
    if (command->verbs) {
        print_verbs(out, command);
        return;
    }
    if (*command->options != OPT_END) {
        fputs("\nOptions:\n", out);
        print_options(out, command->options);
    }
    fputs("\nOptions of every command:\n", out);
    print_options(out, options_global);
    fputs("\nExamples:\n", out);
    for (const char *const *example = command->examples; *example; example += 2)
        fprintf(out, "  %s\n      %s\n", example[0], example[1]);
}
