/*
 * set.c - see set.h and match.h
 */
#include "common/match/set.h"

#include <math.h>
#include <stdlib.h>

#include "common/match/words.h"

#define BUCKETS_MIN  1024u
#define SCRATCH_MAX  (1u << 20)
#define BITS_USUAL   0.3f   /* of what a word would tell that is of many names */
#define BITS_LEAST   2000.0 /* records at least, however few there are: what two of three have in common need not be common */
#define BITS_OWN     20     /* records that everybody knows without having them: few rows make no word rare */

struct match_set *match_create(enum match_type type, size_t memory_max)
{
    struct match_set *set = calloc(1, sizeof *set);

    if (!set)
        return NULL;
    set->type = type;
    set->memory_max = memory_max;
    arena_init(&set->arena, memory_max / 2);
    arena_init(&set->scratch, SCRATCH_MAX);
    set->n_buckets = BUCKETS_MIN;
    set->buckets = calloc(set->n_buckets, sizeof(struct match_word *));
    if (!set->buckets) {
        match_destroy(set);
        return NULL;
    }
    return set;
}

void match_destroy(struct match_set *set)
{
    if (!set)
        return;
    arena_fini(&set->arena);
    arena_fini(&set->scratch);
    free(set->buckets);
    free(set->held);
    free(set->subjects);
    free(set->pairs);
    free(set);
}

enum crm_status set_grow(struct match_set *set, void **inout_array, size_t *max, size_t n, size_t size)
{
    size_t wanted = *max ? *max * 2 : 256;
    void *grown;

    if (n <= *max)
        return CRM_OK;
    while (wanted < n)
        wanted *= 2;
    if (set->memory + (wanted - *max) * size > set->memory_max)
        return CRM_TOO_LARGE;
    grown = realloc(*inout_array, wanted * size);
    if (!grown)
        return CRM_NO_MEMORY;
    set->memory += (wanted - *max) * size;
    *inout_array = grown;
    *max = wanted;
    return CRM_OK;
}

/* FNV-1a with the part before the text. */
static uint64_t hash_word(enum match_part part, struct slice text)
{
    uint64_t hash = (14695981039346656037u ^ (uint64_t)part) * 1099511628211u;

    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ text.data[i]) * 1099511628211u;
    return hash ^ hash >> 29;
}

static enum crm_status spread(struct match_set *set)
{
    size_t wanted = set->n_buckets * 2;
    struct match_word **buckets;

    if (set->n_words < set->n_buckets)
        return CRM_OK;
    buckets = calloc(wanted, sizeof(struct match_word *));
    if (!buckets)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < set->n_buckets; i++) {
        for (struct match_word *word = set->buckets[i], *next; word; word = next) {
            next = word->next;
            word->next = buckets[word->hash & (wanted - 1)];
            buckets[word->hash & (wanted - 1)] = word;
        }
    }
    free(set->buckets);
    set->buckets = buckets;
    set->n_buckets = wanted;
    return CRM_OK;
}

static bool is_usual(enum match_part part, struct slice text)
{
    if (part == PART_NAME)
        return word_is_usual(text) || (text.size == 1 && text.data[0] < 0x80);
    return part == PART_STREET && (word_is_of_streets(text) || text.size == 1);
}

static enum crm_status find_word(struct match_set *set, enum match_part part, struct slice text, struct match_word **out_word)
{
    uint64_t hash = hash_word(part, text);
    struct match_word **bucket = &set->buckets[hash & (set->n_buckets - 1)], *word;

    for (word = *bucket; word; word = word->next) {
        if (word->hash == hash && word->part == part && slice_equal(match_text(word), text)) {
            *out_word = word;
            return CRM_OK;
        }
    }
    word = arena_zalloc(&set->arena, sizeof *word);
    if (!word || !(word->text = arena_memdup(&set->arena, text.data, text.size)))
        return CRM_TOO_LARGE;
    word->hash = hash;
    word->size = (uint8_t)text.size;
    word->part = (uint8_t)part;
    word->is_usual = is_usual(part, text);
    word->next = *bucket;
    *bucket = word;
    set->n_words++;
    *out_word = word;
    return CRM_OK;
}

static bool is_held(const struct match_set *set, size_t from, const struct match_word *word)
{
    for (size_t i = from; i < set->n_held; i++) {
        if (set->held[i] == word)
            return true;
    }
    return false;
}

/* One part after the other, each word once. */
static enum crm_status hold(struct match_set *set, const struct match_words *words, struct match_subject *subject)
{
    for (enum match_part part = 0; part < PARTS; part++) {
        size_t from = set->n_held;

        subject->from[part] = (uint8_t)(from - subject->first);
        for (size_t i = 0; i < words->n; i++) {
            struct match_word *word;
            enum crm_status status;

            if (words->parts[i] != part)
                continue;
            status = find_word(set, part, words->words[i], &word);
            if (status != CRM_OK)
                return status;
            if (!is_held(set, from, word))
                set->held[set->n_held++] = word;
        }
    }
    subject->from[PARTS] = (uint8_t)(set->n_held - subject->first);
    return CRM_OK;
}

static enum crm_status make_room(struct match_set *set, size_t words)
{
    void *held = set->held, *subjects = set->subjects;
    enum crm_status status = set_grow(set, &held, &set->max_held, set->n_held + words, sizeof *set->held);

    set->held = held;
    if (status == CRM_OK)
        status = set_grow(set, &subjects, &set->max_subjects, set->n_subjects + 1, sizeof *set->subjects);
    set->subjects = subjects;
    return status;
}

enum crm_status match_add(struct match_set *set, const struct match_value *values, size_t n)
{
    struct match_words words;
    struct match_subject subject = { .first = set->n_held };
    enum crm_status status;

    arena_reset(&set->scratch);
    status = match_normalise(set->type, values, n, &set->scratch, &words);
    if (status == CRM_OK)
        status = spread(set);
    if (status == CRM_OK)
        status = make_room(set, words.n);
    if (status == CRM_OK)
        status = hold(set, &words, &subject);
    if (status != CRM_OK) {
        set->n_held = subject.first;
        return status;
    }
    for (size_t i = subject.first; i < set->n_held; i++)
        set->held[i]->count++;
    set->subjects[set->n_subjects++] = subject;
    return CRM_OK;
}

/* What agreeing on a word tells: the less, the more records have it. */
void set_ready(struct match_set *set)
{
    double records = (double)set->n_subjects + BITS_OWN;

    if (records < BITS_LEAST)
        records = BITS_LEAST;

    for (size_t i = 0; i < set->n_buckets; i++) {
        for (struct match_word *word = set->buckets[i]; word; word = word->next) {
            double bits = log2(records / (word->count + 1.0));

            word->bits = (float)(bits < 0.5 ? 0.5 : bits) * (word->is_usual ? BITS_USUAL : 1);
        }
    }
    set->is_ready = true;
}
