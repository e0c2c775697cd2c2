/*
 * find.c - the pairs of a set: who meets whom, and how sure each pair is (match.h)
 */
#include <stdlib.h>

#include "common/match/block.h"
#include "common/match/score.h"

#define BLOCK_MAX  48  /* records of a block that all meet */
#define NEIGHBOURS 6   /* to each side in a larger one */
#define ASK_EVERY  256 /* records between two questions whether somebody still waits */

/* A record in a block. */
struct entry {
    uint64_t key;
    uint32_t subject;
    uint32_t size; /* of the block; kept with the first entry, then with all */
};

struct meeting {
    struct match_set *set;
    struct entry *entries; /* by key */
    size_t n, max;
    uint32_t *places;      /* of each record's entries, one record after the other */
    size_t *first;         /* of each record in places; one more behind */
    uint32_t *met;         /* by record: whom it met last, plus one */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;

    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return (one->subject > other->subject) - (one->subject < other->subject);
}

static enum crm_status gather(struct meeting *meeting)
{
    struct match_set *set = meeting->set;
    void *entries = NULL;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; status == CRM_OK && i < set->n_subjects; i++) {
        uint64_t keys[BLOCK_KEYS_MAX];
        size_t n = block_keys(set, &set->subjects[i], keys);

        status = set_grow(set, &entries, &meeting->max, meeting->n + n, sizeof *meeting->entries);
        meeting->entries = entries;
        for (size_t j = 0; status == CRM_OK && j < n; j++)
            meeting->entries[meeting->n++] = (struct entry){ .key = keys[j], .subject = (uint32_t)i };
    }
    if (status == CRM_OK && meeting->n)
        qsort(meeting->entries, meeting->n, sizeof *meeting->entries, compare_entries);
    return status;
}

/* By name, then by the order in which they came. */
static int compare_names(const void *a, const void *b, void *arg)
{
    const struct match_set *set = arg;
    const struct entry *one = a, *other = b;
    enum match_part part = set->type == MATCH_PERSON ? PART_FAMILY : PART_WHOLE;
    const struct match_word *name_one = match_first(set, &set->subjects[one->subject], part);
    const struct match_word *name_other = match_first(set, &set->subjects[other->subject], part);
    int order = name_one && name_other ? slice_compare(match_text(name_one), match_text(name_other)) : (name_one != NULL) - (name_other != NULL);

    return order ? order : (one->subject > other->subject) - (one->subject < other->subject);
}

/* Where each block ends; a large one is put into the order of names. A block of one is nobody's. */
static void shape(struct meeting *meeting)
{
    size_t kept = 0;

    for (size_t i = 0, next; i < meeting->n; i = next) {
        for (next = i + 1; next < meeting->n && meeting->entries[next].key == meeting->entries[i].key;)
            next++;
        if (next - i < 2)
            continue;
        if (next - i > BLOCK_MAX)
            qsort_r(meeting->entries + i, next - i, sizeof *meeting->entries, compare_names, meeting->set);
        memmove(meeting->entries + kept, meeting->entries + i, (next - i) * sizeof *meeting->entries);
        for (size_t j = 0; j < next - i; j++)
            meeting->entries[kept + j].size = (uint32_t)(next - i);
        kept += next - i;
    }
    meeting->n = kept;
}

/* Of each record the places where it stands. */
static enum crm_status index_places(struct meeting *meeting)
{
    size_t n = meeting->set->n_subjects;

    meeting->places = malloc((meeting->n + 1) * sizeof *meeting->places);
    meeting->first = calloc(n + 2, sizeof *meeting->first);
    meeting->met = calloc(n + 1, sizeof *meeting->met);
    if (!meeting->places || !meeting->first || !meeting->met)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < meeting->n; i++)
        meeting->first[meeting->entries[i].subject + 2]++;
    for (size_t i = 2; i < n + 2; i++)
        meeting->first[i] += meeting->first[i - 1];
    for (size_t i = 0; i < meeting->n; i++)
        meeting->places[meeting->first[meeting->entries[i].subject + 1]++] = (uint32_t)i;
    return CRM_OK;
}

/* --- pairs */

static int compare_pairs(const void *a, const void *b)
{
    const struct match_pair *one = a, *other = b;

    if (one->score != other->score)
        return one->score > other->score ? -1 : 1;
    if (one->first != other->first)
        return one->first < other->first ? -1 : 1;
    return (one->second > other->second) - (one->second < other->second);
}

static void sort_pairs(struct match_set *set, size_t max)
{
    if (set->n_pairs)
        qsort(set->pairs, set->n_pairs, sizeof *set->pairs, compare_pairs);
    if (max && set->n_pairs > max)
        set->n_pairs = max;
}

static enum crm_status keep(struct match_set *set, const struct match_wish *wish, const struct match_pair *pair)
{
    void *pairs = set->pairs;
    enum crm_status status;

    if (wish->max && set->n_pairs >= wish->max * 2) /* half of them fall out */
        sort_pairs(set, wish->max);
    status = set_grow(set, &pairs, &set->max_pairs, set->n_pairs + 1, sizeof *set->pairs);
    set->pairs = pairs;
    if (status == CRM_OK)
        set->pairs[set->n_pairs++] = *pair;
    return status;
}

static enum crm_status meet(struct meeting *meeting, const struct match_wish *wish, uint32_t one, uint32_t other)
{
    struct match_set *set = meeting->set;
    struct match_scored scored;

    if (meeting->met[other] == one + 1 || other == one || (!wish->only && other < one))
        return CRM_OK;
    meeting->met[other] = one + 1;
    score_pair(set, &set->subjects[one], &set->subjects[other], &scored);
    if (scored.score < wish->min)
        return CRM_OK;
    return keep(set, wish, &(struct match_pair){ .first = one < other ? one : other, .second = one < other ? other : one, .score = scored.score });
}

/* All whom a record meets. */
static enum crm_status meet_all(struct meeting *meeting, const struct match_wish *wish, uint32_t one)
{
    enum crm_status status = CRM_OK;

    for (size_t i = meeting->first[one]; i < meeting->first[one + 1]; i++) {
        size_t place = meeting->places[i], reach = meeting->entries[place].size > BLOCK_MAX ? NEIGHBOURS : BLOCK_MAX;
        size_t from = place > reach ? place - reach : 0, to = place + reach + 1 < meeting->n ? place + reach + 1 : meeting->n;

        for (size_t j = from; status == CRM_OK && j < to; j++) {
            if (meeting->entries[j].key == meeting->entries[place].key)
                status = meet(meeting, wish, one, meeting->entries[j].subject);
        }
    }
    return status;
}

static enum crm_status meet_everyone(struct meeting *meeting, const struct match_wish *wish)
{
    enum crm_status status = CRM_OK;

    if (wish->only)
        return meet_all(meeting, wish, *wish->only);
    for (size_t i = 0; status == CRM_OK && i < meeting->set->n_subjects; i++) {
        if (i % ASK_EVERY == 0 && wish->goes_on && !wish->goes_on(wish->arg))
            return CRM_CANCELLED;
        status = meet_all(meeting, wish, (uint32_t)i);
    }
    return status;
}

enum crm_status match_find(struct match_set *set, const struct match_wish *wish, const struct match_pair **out_pairs, size_t *out_n)
{
    struct meeting meeting = { .set = set };
    enum crm_status status;

    set_ready(set);
    set->n_pairs = 0;
    status = gather(&meeting);
    if (status == CRM_OK) {
        shape(&meeting);
        status = index_places(&meeting);
    }
    if (status == CRM_OK)
        status = meet_everyone(&meeting, wish);
    if (status == CRM_OK) {
        sort_pairs(set, wish->max);
        *out_pairs = set->pairs;
        *out_n = set->n_pairs;
    }
    set->memory -= meeting.max * sizeof *meeting.entries;
    free(meeting.entries);
    free(meeting.places);
    free(meeting.first);
    free(meeting.met);
    return status;
}

static int compare_reasons(const void *a, const void *b)
{
    const struct match_reason *one = a, *other = b;

    return (one->weight < other->weight) - (one->weight > other->weight);
}

size_t match_explain(const struct match_set *set, uint32_t first, uint32_t second, struct match_reason reasons[MATCH_FIELDS])
{
    struct match_scored scored;

    score_pair(set, &set->subjects[first], &set->subjects[second], &scored);
    qsort(scored.reasons, scored.n, sizeof *scored.reasons, compare_reasons);
    memcpy(reasons, scored.reasons, scored.n * sizeof *reasons);
    return scored.n;
}

static const char *const field_names[MATCH_FIELDS] = {
    [MATCH_NAME] = "name", [MATCH_GIVEN] = "given name", [MATCH_FAMILY] = "family name", [MATCH_ADDRESS] = "address", [MATCH_CITY] = "city",
    [MATCH_REGION] = "region", [MATCH_POSTCODE] = "postcode", [MATCH_PHONE] = "phone", [MATCH_MAIL] = "mail", [MATCH_WEB] = "domain",
    [MATCH_BIRTH] = "birth date", [MATCH_KEY] = "number",
};

const char *match_field_name(enum match_field field)
{
    return field_names[field];
}
