/*
 * match.h - which records are probably the same person or the same organisation, how sure that is, and why
 *
 * Add every record with the values that may tell (match_add), then look (match_find). Nobody compares all with all: records meet where they share something
 * telling (block.h), and what has met is weighed field by field after I. P. Fellegi and A. B. Sunter, "A Theory for Record Linkage" (JASA 64, 1969): each field adds
 * the logarithm of how much more probable its agreement (or disagreement) is between two records of one than between two of two, with rare values weighing more
 * than usual ones (score.h). One rule set for persons, one for organisations, whatever file they come from.
 *
 * Pure; knows neither kinds nor stores. A set belongs to one thread.
 */
#ifndef CRM_MATCH_MATCH_H
#define CRM_MATCH_MATCH_H

#include "common/base/slice.h"
#include "common/base/status.h"

enum match_type { MATCH_PERSON, MATCH_ORGANISATION };

/* What a value is. Several of one field are alternatives. */
enum match_field {
    MATCH_NAME,     /* as a whole */
    MATCH_GIVEN,
    MATCH_FAMILY,
    MATCH_ADDRESS,  /* street, number, what else is on the lines */
    MATCH_CITY,
    MATCH_REGION,
    MATCH_POSTCODE,
    MATCH_PHONE,
    MATCH_MAIL,
    MATCH_WEB,      /* address of a site */
    MATCH_BIRTH,    /* year, month, day in digits, with or without anything between */
    MATCH_KEY,      /* registration number, tax number, key of another system */
    MATCH_FIELDS,
};

struct match_value {
    enum match_field field;
    struct slice text; /* valid UTF-8; need not outlive the call */
};

/* One ground for or against. */
struct match_reason {
    enum match_field field;
    float likeness; /* 0 to 1; 1: the same */
    float weight;   /* binary logarithm; below 0: speaks against */
};

struct match_pair {
    uint32_t first, second; /* in the order in which they were added, first < second */
    float score;            /* 0 to 1; 0.5 is as probable as not */
};

#define MATCH_SCORE_LIKELY 0.5f

struct match_set;

/* An empty set that takes at most so many bytes. NULL when memory is spent. */
struct match_set *match_create(enum match_type type, size_t memory_max);
void match_destroy(struct match_set *set);

/* One more record; its place is the number of records added before. CRM_TOO_LARGE: the set is full. */
enum crm_status match_add(struct match_set *set, const struct match_value *values, size_t n) MUST_CHECK;

struct match_wish {
    float min;      /* scores from here on */
    size_t max;     /* at most so many pairs, the surest; 0: all of them */
    const uint32_t *only; /* pairs with this one; NULL: all pairs */
    bool (*goes_on)(void *arg); /* asked now and then; false: nobody waits any more. NULL: always */
    void *arg;
};

/* Pairs, the surest first; the array is the set's and lives until the next call. CRM_CANCELLED: goes_on said no. Nothing may be added afterwards. */
enum crm_status match_find(struct match_set *set, const struct match_wish *wish, const struct match_pair **out_pairs, size_t *out_n) MUST_CHECK;

/* Why: grounds of two records, the strongest first. Returns how many, at most MATCH_FIELDS. */
size_t match_explain(const struct match_set *set, uint32_t first, uint32_t second, struct match_reason reasons[MATCH_FIELDS]);

/* "name", "phone" … */
const char *match_field_name(enum match_field field);

#endif
