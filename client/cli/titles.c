/*
 * titles.c - a hash table from id to title
 *
 * Owned by struct cli; main thread only. Ids are random in their last bytes, so those are the hash.
 */
#include "client/cli/titles.h"

#include <stdlib.h>

#define TEXT_BUDGET ((size_t)256 << 20)

void titles_init(struct titles *titles)
{
    *titles = (struct titles){ 0 };
    arena_init(&titles->arena, TEXT_BUDGET);
}

void titles_fini(struct titles *titles)
{
    free(titles->places);
    arena_fini(&titles->arena);
    *titles = (struct titles){ 0 };
}

/* The place where an id is, or where it would go; capacity is never all used. */
static struct title *place_of(const struct titles *titles, const struct uuid *id)
{
    uint64_t hash;
    size_t i;

    memcpy(&hash, id->bytes + 8, sizeof(hash));
    for (i = (size_t)hash & (titles->capacity - 1);; i = (i + 1) & (titles->capacity - 1)) {
        struct title *place = &titles->places[i];

        if (place->kind == KIND_NONE || uuid_equal(&place->id, id))
            return place;
    }
}

static bool grow(struct titles *titles)
{
    struct titles old = *titles;
    size_t capacity = old.capacity ? old.capacity * 2 : 256;
    struct title *places = calloc(capacity, sizeof(*places));

    if (!places)
        return false;
    titles->places = places;
    titles->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.places[i].kind != KIND_NONE)
            *place_of(titles, &old.places[i].id) = old.places[i];
    free(old.places);
    return true;
}

static void add_one(struct titles *titles, const Crm__Title *wire)
{
    struct uuid id;
    struct title *place;
    char *text;

    if (!kind_def(wire->kind) || !uuid_from_slice(slice_of(wire->id.data, wire->id.len), &id))
        return;
    if (2 * (titles->n + 1) > titles->capacity && !grow(titles))
        return;
    place = place_of(titles, &id);
    if (place->kind != KIND_NONE && (!wire->title || strcmp(place->text, wire->title) == 0))
        return;
    text = arena_strdup(&titles->arena, wire->title ? wire->title : "");
    if (!text)
        return;
    titles->n += place->kind == KIND_NONE;
    *place = (struct title){
        .kind = (enum kind)wire->kind, .id = id, .number = wire->number, .text = text
    };
}

void titles_add(struct titles *titles, size_t n, Crm__Title *const *wire)
{
    for (size_t i = 0; i < n; i++)
        add_one(titles, wire[i]);
}

const struct title *titles_find(const struct titles *titles, const struct uuid *id)
{
    const struct title *place;

    if (titles->capacity == 0)
        return NULL;
    place = place_of(titles, id);
    return place->kind == KIND_NONE ? NULL : place;
}
