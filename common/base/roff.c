/*
 * roff.c - characters of a manual page
 *
 * Called by the writers of both programs' pages; main thread.
 */
#include "common/base/roff.h"

#include "common/base/slice.h"

static const struct {
    char character;
    const char *name;
} names[] = {
    { '\\', "\\e" },  { '-', "\\-" },   { '`', "\\(ga" },
    { '"', "\\(dq" }, { '^', "\\(ha" }, { '~', "\\(ti" },
};

void roff_put(FILE *out, int32_t character)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (character == names[i].character) {
            fputs(names[i].name, out);
            return;
        }
    }
    if (character < 0x80)
        fputc(character, out);
    else
        fprintf(out, "\\[u%04X]", (unsigned)character);
}
