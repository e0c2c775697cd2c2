/*
 * words.c - every value that somebody types has a word in it that stands nowhere else
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#define LETTERS 7

void words_init(struct words *words)
{
    *words = (struct words){ .n = 0 };
}

void words_fini(struct words *words)
{
    free(words->rows);
}

/* The index in letters: no word is part of another, and none begins like the rest of what is typed. */
static void spell(size_t index, char text[WORD_SIZE])
{
    text[0] = 'z';
    text[1] = 'q';
    for (unsigned i = 0; i < LETTERS; i++, index /= 20)
        text[2 + i] = (char)('a' + index % 20);
    text[WORD_SIZE - 1] = '\0';
}

struct word *words_new(struct words *words, enum person by, enum kind kind, const struct record *record, uint32_t field)
{
    struct word *word;

    if (words->n == words->room) {
        words->room = words->room ? 2 * words->room : 64;
        words->rows = realloc(words->rows, words->room * sizeof *words->rows);
        if (!words->rows)
            sim_fail("out of memory");
    }
    word = &words->rows[words->n];
    *word = (struct word){ .by = by, .kind = kind, .record = record->header.id, .root = record->header.root, .field = field };
    spell(words->n++, word->text);
    return word;
}

void words_find(struct words *words, struct slice bytes, words_found *found, void *arg)
{
    const uint8_t *at = bytes.data, *end = bytes.data + bytes.size;

    while (at && at + WORD_SIZE - 1 <= end && (at = memmem(at, (size_t)(end - at), "zq", 2)) && at + WORD_SIZE - 1 <= end) {
        size_t index = 0;

        for (unsigned i = LETTERS; i-- > 0;)
            index = index * 20 + (size_t)(at[2 + i] - 'a');
        at += 2;
        if (index < words->n && memcmp(words->rows[index].text + 2, at, LETTERS) == 0)
            found(arg, &words->rows[index]);
    }
}

static void find_in_mutation(struct words *words, const Crm__Mutation *mutation, words_found *found, void *arg)
{
    words_find(words, slice_of(mutation->set.data, mutation->set.len), found, arg);
    words_find(words, slice_of(mutation->add.data, mutation->add.len), found, arg);
}

void words_queued(struct words *words, const Crm__QueuedMutation *queued, words_found *found, void *arg)
{
    find_in_mutation(words, queued->mutation, found, arg);
    for (size_t i = 0; i < queued->n_parts; i++)
        find_in_mutation(words, queued->parts[i]->mutation, found, arg);
}
