/*
 * block.c - see block.h: the keys
 */
#include "common/match/block.h"

#define PHONE_END    7  /* digits that are the same however a phone is dialled */
#define RAREST       4  /* words of a name or a street that make keys */
#define BEGINNING    4  /* letters of a word that two spellings share */
#define SOUND_SIZE   8
#define ACRONYM_MIN  3
#define ACRONYM_MAX  8
#define COUNT_MAX    2000 /* records that may have a word which makes a key by itself */

/* What a key is made of; two kinds of key never meet. */
enum key_kind {
    KEY_VALUE = 1,
    KEY_PHONE,
    KEY_WORD,
    KEY_BEGINNING,
    KEY_SOUND,
    KEY_SOUNDS,
    KEY_NAME_PLACE,
    KEY_NAME_BIRTH,
    KEY_STREET,
    KEY_STREET_PLACE,
    KEY_ACRONYM,
};

struct keys {
    uint64_t *keys;
    size_t n;
};

static uint64_t mix(uint64_t hash, struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ text.data[i]) * 1099511628211u;
    return (hash ^ 0xFF) * 1099511628211u; /* where it ends */
}

static void add(struct keys *keys, enum key_kind kind, struct slice one, struct slice other)
{
    uint64_t hash = mix(mix(14695981039346656037u ^ (uint64_t)kind, one), other);

    hash ^= hash >> 31;
    if (one.size == 0 || keys->n == BLOCK_KEYS_MAX)
        return;
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->keys[i] == hash)
            return;
    }
    keys->keys[keys->n++] = hash;
}

static const struct slice nothing = { 0 };

static struct slice text_of(const struct match_word *word)
{
    return word ? match_text(word) : nothing;
}

static struct slice beginning(struct slice text, size_t size)
{
    return text.size > size ? slice_of(text.data, size) : text;
}

/* --- how a name sounds */

/* Letters that are mistaken for each other: Soundex's groups (R. C. Russell, US patent 1,261,167); vowels 0. */
static const char sound_of[] = "01230120022455012623010202";

/* The first letter (by its sound where it has one) and the consonants behind it. Of other scripts the text itself. */
static struct slice sound(struct slice text, uint8_t out[SOUND_SIZE])
{
    size_t n = 0;
    char last = 0;

    if (text.size == 0 || text.data[0] < 'a' || text.data[0] > 'z')
        return text;
    for (size_t i = 0; i < text.size && n < 5; i++) {
        char code = text.data[i] >= 'a' && text.data[i] <= 'z' ? sound_of[text.data[i] - 'a'] : 0;

        if (i == 0)
            out[n++] = text.data[0];
        else if (code > '0' && code != last)
            out[n++] = (uint8_t)code;
        last = code;
    }
    return slice_of(out, n);
}

/* --- keys of both */

static void add_values(struct keys *keys, const struct match_set *set, const struct match_subject *subject, enum match_part part)
{
    size_t n;
    struct match_word **words = match_part(set, subject, part, &n);
    const uint8_t tag = (uint8_t)part;

    for (size_t i = 0; i < n; i++)
        add(keys, KEY_VALUE, match_text(words[i]), slice_of(&tag, 1));
}

static void add_phones(struct keys *keys, const struct match_set *set, const struct match_subject *subject)
{
    size_t n;
    struct match_word **words = match_part(set, subject, PART_PHONE, &n);

    for (size_t i = 0; i < n; i++) {
        struct slice digits = match_text(words[i]);

        if (digits.size > PHONE_END)
            digits = slice_of(digits.data + digits.size - PHONE_END, PHONE_END);
        add(keys, KEY_PHONE, digits, nothing);
    }
}

/* The rarest words of a part, usual ones left out. Returns their number. */
static size_t rarest(const struct match_set *set, const struct match_subject *subject, enum match_part part, const struct match_word *out[RAREST])
{
    size_t n, kept = 0;
    struct match_word **words = match_part(set, subject, part, &n);

    for (size_t i = 0; i < n; i++) {
        size_t at = kept < RAREST ? kept++ : RAREST;

        if (words[i]->is_usual) {
            kept -= at < RAREST;
            continue;
        }
        for (; at > 0 && out[at - 1]->count > words[i]->count; at--) {
            if (at < RAREST)
                out[at] = out[at - 1];
        }
        if (at < RAREST)
            out[at] = words[i];
    }
    return kept;
}

/* A street's rarest word with the house's number, and with the postcode and the town. */
static void add_places(struct keys *keys, const struct match_set *set, const struct match_subject *subject)
{
    const struct match_word *street[RAREST];
    size_t n = rarest(set, subject, PART_STREET, street);
    struct slice number = text_of(match_first(set, subject, PART_NUMBER)), postcode = text_of(match_first(set, subject, PART_POSTCODE)),
                 city = text_of(match_first(set, subject, PART_CITY));

    for (size_t i = 0; i < n && i < 2; i++) {
        struct slice word = beginning(match_text(street[i]), BEGINNING);

        if (number.size)
            add(keys, KEY_STREET, word, number);
        if (postcode.size)
            add(keys, KEY_STREET_PLACE, word, postcode);
        if (city.size)
            add(keys, KEY_STREET_PLACE, word, city);
    }
    if (n > 1) /* both, in an order that does not depend on which is rarer */
        add(keys, KEY_STREET, slice_compare(match_text(street[0]), match_text(street[1])) < 0 ? match_text(street[0]) : match_text(street[1]),
            slice_compare(match_text(street[0]), match_text(street[1])) < 0 ? match_text(street[1]) : match_text(street[0]));
}

/* --- persons */

/* The two names by their sound, in an order that does not depend on which is which. */
static void add_sounds(struct keys *keys, struct slice given, struct slice family)
{
    uint8_t space_given[SOUND_SIZE], space_family[SOUND_SIZE];
    struct slice one = sound(given, space_given), other = sound(family, space_family);

    if (given.size == 0 || family.size == 0)
        add(keys, KEY_SOUND, given.size ? one : other, nothing);
    else if (slice_compare(one, other) < 0)
        add(keys, KEY_SOUNDS, one, other);
    else
        add(keys, KEY_SOUNDS, other, one);
}

static void person_keys(struct keys *keys, const struct match_set *set, const struct match_subject *subject)
{
    const enum match_part names[] = { PART_GIVEN, PART_FAMILY };
    struct slice birth = text_of(match_first(set, subject, PART_BIRTH)), postcode = text_of(match_first(set, subject, PART_POSTCODE));

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice name = text_of(match_first(set, subject, names[i])), first = beginning(name, 3);

        if (postcode.size)
            add(keys, KEY_NAME_PLACE, first, postcode);
        if (birth.size == 8) {
            add(keys, KEY_NAME_BIRTH, first, slice_of(birth.data, 4));
            add(keys, KEY_NAME_BIRTH, first, slice_of(birth.data + 4, 4));
        }
    }
    add_sounds(keys, text_of(match_first(set, subject, PART_GIVEN)), text_of(match_first(set, subject, PART_FAMILY)));
    add_values(keys, set, subject, PART_FAMILY);
    add_values(keys, set, subject, PART_BIRTH);
}

/* --- organisations */

/* "ibm", or the first letters of the words. */
static void add_acronym(struct keys *keys, struct match_word **words, size_t n)
{
    uint8_t letters[ACRONYM_MAX];

    if (n == 1 && words[0]->size >= ACRONYM_MIN && words[0]->size <= ACRONYM_MAX)
        add(keys, KEY_ACRONYM, match_text(words[0]), nothing);
    if (n < ACRONYM_MIN || n > ACRONYM_MAX)
        return;
    for (size_t i = 0; i < n; i++)
        letters[i] = words[i]->text[0];
    add(keys, KEY_ACRONYM, slice_of(letters, n), nothing);
}

static void organisation_keys(struct keys *keys, const struct match_set *set, const struct match_subject *subject)
{
    const struct match_word *rare[RAREST];
    size_t n, m = rarest(set, subject, PART_NAME, rare);
    struct match_word **words = match_part(set, subject, PART_NAME, &n);
    struct slice whole = text_of(match_first(set, subject, PART_WHOLE));

    for (size_t i = 0; i < m; i++) {
        uint8_t space[SOUND_SIZE];
        struct slice word = match_text(rare[i]);

        if (rare[i]->count <= COUNT_MAX)
            add(keys, KEY_WORD, word, nothing);
        if (word.size > BEGINNING)
            add(keys, KEY_SOUND, sound(word, space), nothing);
        if (i > 0) {
            bool is_less = slice_compare(match_text(rare[0]), word) < 0;

            add(keys, KEY_WORD, is_less ? match_text(rare[0]) : word, is_less ? word : match_text(rare[0]));
        }
    }
    add(keys, KEY_BEGINNING, beginning(whole, BEGINNING + 2), nothing);
    add_values(keys, set, subject, PART_WHOLE);
    add_acronym(keys, words, n);
}

size_t block_keys(const struct match_set *set, const struct match_subject *subject, uint64_t out[BLOCK_KEYS_MAX])
{
    struct keys keys = { .keys = out };

    add_phones(&keys, set, subject);
    add_values(&keys, set, subject, PART_MAIL);
    add_values(&keys, set, subject, PART_DOMAIN);
    add_values(&keys, set, subject, PART_KEY);
    if (set->type == MATCH_PERSON)
        person_keys(&keys, set, subject);
    else
        organisation_keys(&keys, set, subject);
    add_places(&keys, set, subject);
    return keys.n;
}
