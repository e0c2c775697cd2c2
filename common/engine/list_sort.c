/*
 * list_sort.c - sort places, and matches kept in memory until they can be given in order
 *
 * Called by list.c where the path's order is not the one asked for. With a limit only so many are
 * kept, in a heap: a page costs no memory that grows with the base.
 */
#include "common/engine/list_sort.h"

#include <stdlib.h>

#define PLACE_STEP                                                                                 \
    64 /* entries' room grows in such steps, so that a slot is nearly always used again */

static void turn(uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)~bytes[i];
}

bool sort_place_of(const struct sort_key *sort, size_t n_sort, const struct record *record,
                   struct arena *scratch, struct sort_place *out_place)
{
    size_t size = 0;

    for (size_t i = 0; i < n_sort; i++) {
        struct key key = { .size = 0 };
        struct value value;

        index_first_value(sort[i].field, record, &value);
        if (!index_value(&key, sort[i].field, &value, scratch))
            return false;
        if (sort[i].descending)
            turn(key.data + 1, key.size - 1u);
        memcpy(out_place->data + size, key.data, key.size);
        size += key.size;
        if (i == 0)
            out_place->first_size = (uint16_t)size;
    }
    memcpy(out_place->data + size, record->header.id.bytes, UUID_SIZE);
    if (sort[0].descending)
        turn(out_place->data + size, UUID_SIZE);
    out_place->size = (uint16_t)(size + UUID_SIZE);
    return true;
}

struct uuid sort_place_id(const struct sort_key *sort, struct slice place)
{
    struct uuid id;

    memcpy(id.bytes, place.data + place.size - UUID_SIZE, UUID_SIZE);
    if (sort[0].descending)
        turn(id.bytes, UUID_SIZE);
    return id;
}

bool sort_place_turn(const struct sort_key *sort, struct slice from, uint8_t out[STORE_KEY_MAX])
{
    if (from.size < 1 + UUID_SIZE || from.size > INDEX_TEXT_MAX + 2 + UUID_SIZE)
        return false;
    memcpy(out, from.data, from.size);
    if (sort[0].descending)
        turn(out + 1, from.size - 1);
    return true;
}

/* How many bytes of a place, turned back, are its first value. 0 if that is not one. */
static size_t first_value_size(const struct sort_key *sort, struct slice place)
{
    const uint8_t *end;
    size_t size;

    if (place.size < 1 + UUID_SIZE)
        return 0;
    if (place.data[0] == INDEX_MISSING)
        return 1;
    if (sort[0].field->type == FIELD_TEXT ||
        (sort[0].field->type == FIELD_CHOICE && (sort[0].field->flags & FIELD_CUSTOM))) {
        end = memchr(place.data + 1, 0, place.size - 1);
        size = end ? (size_t)(end - place.data) + 1 : 0;
    } else {
        size = 1 + (sort[0].field->type == FIELD_REFERENCE ? UUID_SIZE : sizeof(int64_t));
    }
    return size <= INDEX_TEXT_MAX + 2 && size <= place.size ? size : 0;
}

bool sort_place_start(const struct sort_key *sort, struct slice place, struct key *out_suffix)
{
    struct key first = { .size = 0 };
    struct sort_place whole;

    if (place.size > sizeof whole.data || place.size == 0)
        return false;
    memcpy(whole.data, place.data, place.size);
    if (sort[0].descending)
        turn(whole.data + 1, place.size - 1);
    key_bytes(&first, whole.data, first_value_size(sort, slice_of(whole.data, place.size)));
    if (first.size == 0)
        return false;
    *out_suffix = first;
    /* Backwards what begins with the value is before the least key above it. */
    return !sort[0].descending || key_after_prefix(&first, out_suffix);
}

static int entry_order(const struct sort_entry *a, const struct sort_entry *b)
{
    return slice_compare(slice_of(a->place, a->size), slice_of(b->place, b->size));
}

static void heap_up(struct sort_entry **heap, size_t i)
{
    while (i > 0 && entry_order(heap[i], heap[(i - 1) / 2]) > 0) {
        struct sort_entry *swap = heap[i];

        heap[i] = heap[(i - 1) / 2];
        heap[(i - 1) / 2] = swap;
        i = (i - 1) / 2;
    }
}

static void heap_down(struct sort_entry **heap, size_t n)
{
    for (size_t i = 0;;) {
        size_t last = i;
        struct sort_entry *swap = heap[i];

        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++) {
            if (entry_order(heap[child], heap[last]) > 0)
                last = child;
        }
        if (last == i)
            return;
        heap[i] = heap[last];
        heap[last] = swap;
        i = last;
    }
}

static void entry_set(struct sort_entry *entry, const struct sort_place *place)
{
    entry->size = place->size;
    entry->first_size = place->first_size;
    memcpy(entry->place, place->data, place->size);
}

/* Room for a place, counted; NULL when there is no more. */
static struct sort_entry *entry_create(struct sorter *sorter, size_t size)
{
    size_t capacity = (size + PLACE_STEP - 1) / PLACE_STEP * PLACE_STEP;
    size_t bytes = sizeof(struct sort_entry) + capacity;
    struct sort_entry *entry;

    /* All that is kept for an export is packed tightly; slots of a heap are used again. */
    if (!sorter->max) {
        capacity = size;
        bytes = sizeof(struct sort_entry) + capacity;
    }
    if (sorter->bytes + bytes > LIST_SORT_MEMORY)
        return NULL;
    entry = arena_alloc(sorter->arena, bytes);
    if (!entry)
        return NULL;
    entry->capacity = (uint16_t)capacity;
    sorter->bytes += bytes;
    return entry;
}

static enum crm_status sorter_grow(struct sorter *sorter)
{
    size_t capacity = sorter->capacity ? sorter->capacity * 2 : 128;
    size_t bytes = capacity * sizeof(struct sort_entry *);
    struct sort_entry **entries;

    if (sorter->bytes + bytes > LIST_SORT_MEMORY)
        return CRM_TOO_LARGE;
    entries = arena_alloc(sorter->arena, bytes);
    if (!entries)
        return CRM_TOO_LARGE;
    if (sorter->n)
        memcpy(entries, sorter->entries, sorter->n * sizeof(struct sort_entry *));
    sorter->entries = entries;
    sorter->capacity = capacity;
    sorter->bytes += bytes;
    return CRM_OK;
}

enum crm_status sorter_add(struct sorter *sorter, const struct sort_place *place)
{
    struct sort_entry *entry;

    if (sorter->max && sorter->n == sorter->max) {
        struct sort_entry *top = sorter->entries[0];

        if (slice_compare(sort_place_slice(place), slice_of(top->place, top->size)) >= 0)
            return CRM_OK;
        if (top->capacity < place->size) {
            top = entry_create(sorter, place->size);
            if (!top)
                return CRM_TOO_LARGE;
            sorter->entries[0] = top;
        }
        entry_set(top, place);
        heap_down(sorter->entries, sorter->n);
        return CRM_OK;
    }
    if (sorter->n == sorter->capacity && sorter_grow(sorter) != CRM_OK)
        return CRM_TOO_LARGE;
    entry = entry_create(sorter, place->size);
    if (!entry)
        return CRM_TOO_LARGE;
    entry_set(entry, place);
    sorter->entries[sorter->n++] = entry;
    if (sorter->max)
        heap_up(sorter->entries, sorter->n - 1);
    return CRM_OK;
}

bool sorter_is_settled(const struct sorter *sorter, const struct sort_place *place)
{
    const struct sort_entry *top;

    if (!sorter->max || sorter->n < sorter->max)
        return false;
    top = sorter->entries[0];
    return slice_compare(slice_of(place->data, place->first_size),
                         slice_of(top->place, top->first_size)) > 0;
}

static int entry_compare(const void *a, const void *b)
{
    return entry_order(*(struct sort_entry *const *)a, *(struct sort_entry *const *)b);
}

void sorter_finish(struct sorter *sorter)
{
    size_t n = 0;

    if (sorter->n > 1)
        qsort(sorter->entries, sorter->n, sizeof(struct sort_entry *), entry_compare);
    for (size_t i = 0; i < sorter->n; i++) {
        if (n == 0 || entry_order(sorter->entries[n - 1], sorter->entries[i]) != 0)
            sorter->entries[n++] = sorter->entries[i];
    }
    sorter->n = n;
}
