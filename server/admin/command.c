/*
 * command.c - from argv to a command's arguments and options, and its help
 *
 * Main thread, at the start of the process.
 */
#include "server/admin/command.h"

static const struct command_option *find_option(const struct command *command, const char *name,
                                                size_t size, size_t *out_index)
{
    for (size_t i = 0; i < command->n_options; i++) {
        if (strlen(command->options[i].name) == size &&
            memcmp(command->options[i].name, name, size) == 0) {
            *out_index = i;
            return &command->options[i];
        }
    }
    return NULL;
}

/* "--name value", "--name=value" or "--flag"; moves *i on where the value is a word of its own. */
static enum crm_status take_option(const struct command *command, int argc, char **argv, int *i,
                                   struct command_input *input, struct failure *failure)
{
    const char *name = argv[*i] + 2;
    size_t size = strcspn(name, "="), index = 0;
    const struct command_option *option = find_option(command, name, size, &index);

    if (!option)
        return fail(failure, CRM_USAGE, NULL,
                    "%s has no option --%.*s; `crmd %s --help` lists them", command->name,
                    (int)size, name, command->name);
    if (!option->argument && name[size] == '=')
        return fail(failure, CRM_USAGE, NULL, "--%s takes no value", option->name);
    if (!option->argument)
        input->options[index] = "";
    else if (name[size] == '=')
        input->options[index] = name + size + 1;
    else if (*i + 1 < argc)
        input->options[index] = argv[++*i];
    else
        return fail(failure, CRM_USAGE, NULL, "--%s needs a value: --%s %s", option->name,
                    option->name, option->argument);
    return CRM_OK;
}

enum crm_status command_parse(const struct command *command, int argc, char **argv,
                              struct command_input *out_input, bool *out_help,
                              struct failure *failure)
{
    struct command_input input = { 0 };
    size_t n = 0;
    bool is_rest = false; /* behind "--" */

    *out_help = false;
    for (int i = 0; i < argc; i++) {
        enum crm_status status = CRM_OK;

        if (!is_rest && strcmp(argv[i], "--") == 0) {
            is_rest = true;
        } else if (!is_rest && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            *out_help = true;
            return CRM_OK;
        } else if (!is_rest && argv[i][0] == '-' && argv[i][1] == '-') {
            status = take_option(command, argc, argv, &i, &input, failure);
        } else if (!is_rest && argv[i][0] == '-' && argv[i][1]) {
            status =
                fail(failure, CRM_USAGE, NULL, "%s has no option %s; `crmd %s --help` lists them",
                     command->name, argv[i], command->name);
        } else if (n == command->n_arguments) {
            status = fail(failure, CRM_USAGE, NULL, "'%s' is one argument too many: crmd %s %s",
                          argv[i], command->name, command->arguments);
        } else {
            input.arguments[n++] = argv[i];
        }
        if (status != CRM_OK)
            return status;
    }
    if (n < command->n_arguments)
        return fail(failure, CRM_USAGE, NULL, "an argument is missing: crmd %s %s", command->name,
                    command->arguments);
    *out_input = input;
    return CRM_OK;
}

void command_print_help(FILE *out, const struct command *command)
{
    fprintf(out, "usage: crmd %s %s%s\n\n%s\n", command->name, command->arguments,
            command->n_options ? " [options]" : "", command->help);
    if (command->n_options)
        fprintf(out, "\noptions:\n");
    for (size_t i = 0; i < command->n_options; i++) {
        const struct command_option *option = &command->options[i];
        int width = fprintf(out, "  --%s%s%s", option->name, option->argument ? " " : "",
                            option->argument ? option->argument : "");

        fprintf(out, "%*s%s\n", width < 26 ? 26 - width : 1, "", option->help);
    }
    fprintf(out, "\nexamples:\n");
    for (const char *line = command->examples; *line;) {
        size_t size = strcspn(line, "\n");

        fprintf(out, "  %.*s\n", (int)size, line);
        line += size;
        line += *line == '\n';
    }
}
