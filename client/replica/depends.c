/*
 * depends.c - see depends.h
 *
 * Ids are 16 random bytes: where these stand in what a change says, it names the record. All changes are read once, with a table of the ids that they are
 * about; of each id only the last change about it and those that have named it since matter, because these wait for the ones before.
 */
#include "client/replica/depends.h"

/* A record that some change is about. */
struct about {
    struct uuid id;
    bool is_used;
    size_t last;                    /* item about it, if has_last */
    bool has_last, is_made;         /* made by last */
    const struct dependence *named; /* items that have named it since */
    size_t seen;                    /* the item that looked at it last, from 1 */
};

struct finding {
    const struct outbox_list *list;
    struct depends *depends;
    struct arena *arena;
    struct about *table;
    size_t mask;
    bool is_spent;
};

static struct about *slot_of(const struct finding *finding, const uint8_t id[UUID_SIZE])
{
    uint64_t hash;
    size_t at;

    memcpy(&hash, id + 8, sizeof hash); /* the random half */
    for (at = (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 20) & finding->mask; finding->table[at].is_used; at = (at + 1) & finding->mask)
        if (memcmp(finding->table[at].id.bytes, id, UUID_SIZE) == 0)
            break;
    return &finding->table[at];
}

static bool id_of(const Crm__Mutation *mutation, struct uuid *out_id)
{
    return uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), out_id);
}

static void add(struct finding *finding, const struct dependence **list, size_t item, bool is_made)
{
    struct dependence *dependence = arena_alloc(finding->arena, sizeof *dependence);

    finding->is_spent |= !dependence;
    if (!dependence)
        return;
    *dependence = (struct dependence){ .next = *list, .item = item, .is_made = is_made };
    *list = dependence;
}

static void fill_table(struct finding *finding)
{
    for (size_t i = 0; i < finding->list->n; i++) {
        const Crm__QueuedMutation *queued = finding->list->items[i].queued;

        for (size_t n = 0; n < outbox_mutations(queued); n++) {
            struct uuid id;

            if (id_of(outbox_part(queued, n).mutation, &id)) {
                struct about *about = slot_of(finding, id.bytes);

                about->id = id;
                about->is_used = true;
            }
        }
    }
}

static enum crm_status make_table(struct finding *finding)
{
    size_t n = 0, size = 16;

    for (size_t i = 0; i < finding->list->n; i++)
        n += outbox_mutations(finding->list->items[i].queued);
    while (size < 2 * n)
        size *= 2;
    finding->table = arena_alloc(finding->arena, size * sizeof *finding->table);
    if (!finding->table)
        return CRM_NO_MEMORY;
    memset(finding->table, 0, size * sizeof *finding->table);
    finding->mask = size - 1;
    fill_table(finding);
    return CRM_OK;
}

/* It comes behind all that is about the record or has named it. */
static void is_about(struct finding *finding, size_t item, const Crm__Mutation *mutation)
{
    bool is_made = mutation->verb == CRM__VERB__VERB_CREATE;
    struct about *about;
    struct uuid id;

    if (!id_of(mutation, &id))
        return;
    about = slot_of(finding, id.bytes);
    if (about->has_last && about->last == item) {
        about->is_made |= is_made;
        return; /* a group comes to a record more than once */
    }
    if (about->has_last)
        add(finding, &finding->depends->of[item], about->last, about->is_made);
    for (const struct dependence *named = about->named; named; named = named->next)
        if (named->item != item)
            add(finding, &finding->depends->of[item], named->item, false);
    *about = (struct about){ .id = id, .is_used = true, .last = item, .has_last = true, .is_made = is_made, .seen = item + 1 };
}

static void reads(struct finding *finding, size_t item, ProtobufCBinaryData bytes)
{
    for (size_t at = 0; at + UUID_SIZE <= bytes.len; at++) {
        struct about *about = slot_of(finding, bytes.data + at);

        if (!about->is_used || about->seen == item + 1)
            continue;
        about->seen = item + 1;
        if (about->has_last)
            add(finding, &finding->depends->of[item], about->last, about->is_made);
        add(finding, &about->named, item, false);
    }
}

static void names(struct finding *finding, size_t item, const Crm__Mutation *mutation)
{
    const ProtobufCBinaryData parts[] = { mutation->set, mutation->add, mutation->remove, mutation->argument, mutation->owner, mutation->team };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        reads(finding, item, parts[i]);
}

/* Of what was answered only a creation that was refused stands in the way. */
static void find_item(struct finding *finding, size_t item)
{
    const Crm__QueuedMutation *queued = finding->list->items[item].queued;
    bool is_answered = queued->answer;

    for (size_t n = 0; n < outbox_mutations(queued); n++) {
        const Crm__Mutation *mutation = outbox_part(queued, n).mutation;

        if (!is_answered || mutation->verb == CRM__VERB__VERB_CREATE)
            is_about(finding, item, mutation);
    }
    for (size_t n = 0; n < outbox_mutations(queued) && !is_answered; n++)
        names(finding, item, outbox_part(queued, n).mutation);
}

enum crm_status depends_find(const struct outbox_list *list, struct arena *arena, struct depends *out_depends)
{
    struct finding finding = { .list = list, .depends = out_depends, .arena = arena };
    enum crm_status status;

    *out_depends = (struct depends){ .of = arena_alloc(arena, (list->n + 1) * sizeof(void *)), .n = list->n };
    if (!out_depends->of)
        return CRM_NO_MEMORY;
    memset(out_depends->of, 0, (list->n + 1) * sizeof(void *));
    status = make_table(&finding);
    for (size_t i = 0; i < list->n && status == CRM_OK; i++)
        find_item(&finding, i);
    return status == CRM_OK && finding.is_spent ? CRM_NO_MEMORY : status;
}

enum item_state depends_ask(const struct depends *depends, const enum item_state *states, size_t item, size_t *out_by)
{
    enum item_state answer = ITEM_OPEN;

    for (const struct dependence *on = depends->of[item]; on; on = on->next) {
        enum item_state state = states[on->item];

        if (state == ITEM_HELD || (state == ITEM_REFUSED && on->is_made)) {
            *out_by = on->item;
            return ITEM_HELD;
        }
        if (state == ITEM_WAITS || state == ITEM_OPEN)
            answer = ITEM_WAITS;
    }
    return answer;
}

enum crm_status depends_held(const struct outbox_list *list, struct arena *arena, uint64_t **out_places)
{
    uint64_t *places = arena_alloc(arena, (list->n + 1) * sizeof *places);
    enum item_state *states = arena_alloc(arena, (list->n + 1) * sizeof *states);
    struct depends depends;
    enum crm_status status = places && states ? depends_find(list, arena, &depends) : CRM_NO_MEMORY;

    for (size_t i = 0; i < list->n && status == CRM_OK; i++) {
        size_t by = 0;

        places[i] = 0;
        states[i] = list->items[i].queued->answer ? ITEM_REFUSED : ITEM_WAITS;
        if (states[i] != ITEM_WAITS || depends_ask(&depends, states, i, &by) != ITEM_HELD)
            continue;
        places[i] = places[by] ? places[by] : list->items[by].place;
        states[i] = ITEM_HELD;
    }
    *out_places = places;
    return status;
}
