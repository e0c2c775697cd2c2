/*
 * password_rules.c - what may be a password: long enough, and not what is guessed first
 *
 * Any thread; costs microseconds. No demand for digits and signs: they make passwords that are hard to remember and easy to guess (NIST SP 800-63B). What is
 * compared is folded, so that case, width and accents make no password of a common word.
 */
#include <stdlib.h>

#include "common/base/text.h"
#include "server/session/common_passwords.h"
#include "server/session/session.h"

#define RULES_ARENA 65536
#define UNIT_MAX    4 /* characters that are repeated, and no more */
#define RELATED_MIN 3 /* characters of a name that says something */
#define ADDED_MAX   5 /* characters around a common word that make no password of it */
#define WORD_MIN    4

/* The folded password as code points: at most a few more than it had bytes. */
struct points {
    int32_t at[4 * PASSWORD_MAX];
    size_t n;
};

static void take_points(struct slice text, struct points *out)
{
    out->n = 0;
    for (size_t position = 0; position < text.size && out->n < ARRAY_LEN(out->at);)
        out->at[out->n++] = text_next(text, &position);
}

/* "aaaaaaaa", "abcabcabc" */
static bool is_repetition(const struct points *points)
{
    for (size_t unit = 1; unit <= UNIT_MAX && unit < points->n; unit++) {
        size_t i = unit;

        while (i < points->n && points->at[i] == points->at[i - unit])
            i++;
        if (i == points->n)
            return true;
    }
    return false;
}

/* "abcdefgh", "87654321", "13579bdf" is none. */
static bool is_sequence(const struct points *points)
{
    int32_t step = points->n > 1 ? points->at[1] - points->at[0] : 0;

    if (step < -2 || step > 2)
        return false;
    for (size_t i = 1; i < points->n; i++)
        if (points->at[i] - points->at[i - 1] != step)
            return false;
    return true;
}

static int compare_text(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool is_common(const char *word)
{
    return bsearch(word, common_passwords, common_passwords_count, sizeof common_passwords[0], compare_text) != NULL;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || c >= 0x80;
}

/* What is left of a word when the digits and signs around it are taken off: "summer" of "2024summer!". */
static struct slice core_of(struct slice word)
{
    while (word.size > 0 && !is_letter(word.data[0]))
        word = slice_of(word.data + 1, word.size - 1);
    while (word.size > 0 && !is_letter(word.data[word.size - 1]))
        word.size--;
    return word;
}

/* "p@ssw0rd" is "password" to whoever guesses. */
static void unmask(char *word)
{
    static const char masks[] = "@4310$5!7", meant[] = "aaeiossit";
    const char *at;

    for (; *word; word++)
        if ((at = strchr(masks, *word)) != NULL)
            *word = meant[at - masks];
}

static bool is_common_with_additions(struct slice folded, struct arena *arena)
{
    struct slice core = core_of(folded);
    char *whole = arena_strndup(arena, folded.data, folded.size), *word = arena_strndup(arena, core.data, core.size);

    if (!whole || !word || is_common(whole))
        return true;
    if (core.size >= WORD_MIN && folded.size - core.size <= ADDED_MAX && is_common(word))
        return true;
    unmask(whole);
    return is_common(whole);
}

/* The password is the name, alone or with a few characters around it. */
static bool is_about(struct slice folded, struct slice name)
{
    const uint8_t *at;

    if (name.size < RELATED_MIN || folded.size > name.size + ADDED_MAX)
        return false;
    at = memmem(folded.data, folded.size, name.data, name.size);
    return at != NULL;
}

/* Of "Anna Maria Wu" each word, and all together without the blanks. */
static bool is_about_words(struct slice folded, struct slice name, struct arena *arena)
{
    char *joined = arena_alloc(arena, name.size + 1);
    size_t n = 0, begin = 0;

    if (!joined)
        return true;
    for (size_t i = 0; i <= name.size; i++) {
        if (i < name.size && name.data[i] != ' ') {
            joined[n++] = (char)name.data[i];
            continue;
        }
        if (is_about(folded, slice_of(name.data + begin, i - begin)))
            return true;
        begin = i + 1;
    }
    return is_about(folded, name) || is_about(folded, slice_of(joined, n));
}

static enum crm_status check_guessable(struct slice password, const struct slice *related, size_t n_related, struct arena *arena, struct failure *failure)
{
    struct points *points = arena_alloc(arena, sizeof *points);
    struct slice folded, name;

    if (!points || !text_fold(arena, password, &folded))
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    take_points(folded, points);
    if (is_repetition(points) || is_sequence(points))
        return fail(failure, CRM_INVALID, "password", "a repetition or a sequence is no password");
    if (is_common_with_additions(folded, arena))
        return fail(failure, CRM_INVALID, "password", "this password is one of those that are guessed first");
    for (size_t i = 0; i < n_related; i++) {
        if (!text_fold(arena, related[i], &name))
            return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
        if (is_about_words(folded, name, arena))
            return fail(failure, CRM_INVALID, "password", "the name of the user or of the company is no password");
    }
    return CRM_OK;
}

enum crm_status password_check_rules(const char *password, const struct slice *related, size_t n_related, struct failure *failure)
{
    struct slice text = slice_text(password);
    size_t characters = 0;
    struct arena arena;
    enum crm_status status;

    if (!text_is_valid(text))
        return fail(failure, CRM_INVALID, "password", "a password is UTF-8 text");
    for (size_t position = 0; position < text.size; characters++)
        (void)text_next(text, &position);
    if (characters < PASSWORD_MIN)
        return fail(failure, CRM_INVALID, "password", "a password has at least %d characters", PASSWORD_MIN);
    if (text.size > PASSWORD_MAX)
        return fail(failure, CRM_INVALID, "password", "a password has at most %d bytes", PASSWORD_MAX);
    arena_init(&arena, RULES_ARENA);
    status = check_guessable(text, related, n_related, &arena, failure);
    arena_fini(&arena);
    return status;
}
