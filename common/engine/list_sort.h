/*
 * list_sort.h - the place of a record in a sort order, and the matches of a list that wait to be
 * sorted
 *
 * Between list.c and list_sort.c. A place is a byte string whose order (memcmp) is that of the
 * list: for each sort key present ‖ value, the value's bytes turned where it descends (what has
 * none is last either way), then the id, turned with the first key. It is what a page token holds,
 * whatever path the list takes.
 */
#ifndef CRM_ENGINE_LIST_SORT_H
#define CRM_ENGINE_LIST_SORT_H

#include "common/engine/list.h"

#define SORT_PLACE_MAX (SORT_KEYS_MAX * (INDEX_TEXT_MAX + 2) + UUID_SIZE)

struct sort_place {
    uint16_t size;
    uint16_t first_size; /* bytes of the first sort key */
    uint8_t data[SORT_PLACE_MAX];
};

static inline struct slice sort_place_slice(const struct sort_place *place)
{
    return slice_of(place->data, place->size);
}

/* Where a record stands. scratch is for folding. false when memory is spent. */
bool sort_place_of(const struct sort_key *sort, size_t n_sort, const struct record *record,
                   struct arena *scratch, struct sort_place *out_place) MUST_CHECK;
/* The id at a place's end. */
struct uuid sort_place_id(const struct sort_key *sort, struct slice place);
/* Between a place of one sort key and what follows the prefix of that index: there and back by the
 * same turn. false if the size cannot be one. */
bool sort_place_turn(const struct sort_key *sort, struct slice from,
                     uint8_t out[STORE_KEY_MAX]) MUST_CHECK;

/*
 * Where to start walking the index of the first of several sort keys, to reach all places behind
 * one: what precedes the first wanted key's suffix in walking direction. false if place is none of
 * this order.
 */
bool sort_place_start(const struct sort_key *sort, struct slice place,
                      struct key *out_suffix) MUST_CHECK;

/* A match that waits. */
struct sort_entry {
    uint16_t size;
    uint16_t capacity;
    uint16_t first_size;
    uint8_t place[];
};

/* The first max of what is added, or everything. In the cursor's arena. */
struct sorter {
    struct arena *arena;
    uint64_t max;                /* 0: keep all */
    struct sort_entry **entries; /* with max a heap, the last in order on top */
    size_t n, capacity;
    size_t bytes;
};

/* CRM_TOO_LARGE beyond LIST_SORT_MEMORY. */
enum crm_status sorter_add(struct sorter *sorter, const struct sort_place *place) MUST_CHECK;
/* Nothing whose first sort key is behind this one can be kept any more. */
bool sorter_is_settled(const struct sorter *sorter, const struct sort_place *place);
/* Put entries in order, each place once. */
void sorter_finish(struct sorter *sorter);

#endif
