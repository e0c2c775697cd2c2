/*
 * command.c - finding a command by the words that name it
 *
 * Pure; reads the rows of cmd_table.c and those of its groups.
 */
#include "client/cli/command.h"

const struct command *command_below(const struct command *group, size_t n)
{
    size_t i = 0;

    if (!group)
        return command_at(n);
    while (i < n && group->verbs && group->verbs[i])
        i++;
    return group->verbs ? group->verbs[i] : NULL;
}

const char *command_word(const struct command *command)
{
    const char *space = strrchr(command->name, ' ');

    return space ? space + 1 : command->name;
}

const struct command *command_resolve(int n, char *const *words, int *out_n)
{
    const struct command *found = NULL, *row;
    int depth = 0;

    while (depth < n && (depth == 0 || found->verbs)) {
        for (size_t i = 0; (row = command_below(found, i)); i++)
            if (strcmp(command_word(row), words[depth]) == 0)
                break;
        if (!row)
            break;
        found = row;
        depth++;
    }
    *out_n = depth;
    return found;
}

static const struct command *find_below(const struct command *group, const char *name)
{
    const struct command *row, *found = NULL;

    for (size_t i = 0; !found && (row = command_below(group, i)); i++)
        found = strcmp(row->name, name) == 0 ? row : row->verbs ? find_below(row, name) : NULL;
    return found;
}

const struct command *command_find(const char *name)
{
    return find_below(NULL, name);
}
