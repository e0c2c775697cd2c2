/*
 * suggest.c - what a mistyped word was meant to be
 *
 * Pure.
 */
#include "client/cli/command.h"
#include "common/base/distance.h"

const char *command_suggest(const struct command *group, const char *name)
{
    const struct command *command;
    const char *near = NULL;
    size_t best = strlen(name) > 3 ? 3 : 2; /* less than this many slips */

    for (size_t i = 0; (command = command_below(group, i)); i++) {
        const char *word = command_word(command);
        size_t distance = edit_distance(name, word);
        bool is_beginning = strlen(name) > 1 && strncmp(name, word, strlen(name)) == 0;

        if (distance < best || (is_beginning && !near)) {
            best = distance < best ? distance : best;
            near = word;
        }
    }
    return near;
}
