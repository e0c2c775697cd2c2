/*
 * tally.c - counting matches, and adding them up by group
 *
 * Any thread; fed by list_step, record by record. Everything lives in the request's arena.
 */
#include "common/ops/tally.h"

#include "common/ops/answer.h"

#define GROUPS_MAX 10000
#define SUMS_MAX   16 /* currencies in one group */

struct tally_group {
    struct value value;
    struct slice key; /* what makes groups the same */
    uint64_t count;
    size_t n_sums;
    struct money sums[SUMS_MAX];
};

/* The value's bytes, enough to tell groups apart. */
static struct slice group_key(const struct value *value)
{
    switch (value->type) {
    case FIELD_NONE:
        return (struct slice){ 0 };
    case FIELD_TEXT:
        return value->text;
    case FIELD_REFERENCE:
    case FIELD_ID:
        return uuid_slice(&value->ref);
    default:
        return value->text.size ? value->text : slice_of(&value->integer, sizeof value->integer);
    }
}

/* Where the group with a key is, or would be. There is always a free place. */
static size_t *find_place(const struct tally *tally, struct slice key, enum field_type type)
{
    size_t mask = 2 * tally->capacity - 1;
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)type;
    size_t at;

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * UINT64_C(1099511628211);
    for (at = (hash ^ hash >> 32) & mask; tally->places[at]; at = (at + 1) & mask) {
        const struct tally_group *group = tally->groups[tally->places[at] - 1];

        if (slice_equal(group->key, key) && group->value.type == type)
            break;
    }
    return &tally->places[at];
}

/* Room for one more group, and a table at most half full. */
static bool make_room(struct tally *tally)
{
    struct arena *arena = tally->ask->arena;
    size_t more = tally->capacity ? 2 * tally->capacity : 64;
    struct tally_group **groups;

    if (tally->n_groups < tally->capacity)
        return true;
    groups = arena_alloc(arena, more * sizeof *groups);
    tally->places = arena_zalloc(arena, 2 * more * sizeof *tally->places);
    if (!groups || !tally->places)
        return false;
    if (tally->n_groups)
        memcpy(groups, tally->groups, tally->n_groups * sizeof *groups);
    tally->groups = groups;
    tally->capacity = more;
    for (size_t i = 0; i < tally->n_groups; i++)
        *find_place(tally, groups[i]->key, groups[i]->value.type) = i + 1;
    return true;
}

static struct tally_group *find_group(struct tally *tally, const struct value *value)
{
    struct arena *arena = tally->ask->arena;
    struct slice key = group_key(value);
    struct tally_group *group;
    size_t *place;

    if (!make_room(tally))
        goto no_memory;
    place = find_place(tally, key, value->type);
    if (*place)
        return tally->groups[*place - 1];
    if (tally->n_groups == GROUPS_MAX) {
        tally->status = fail(tally->ask->failure, CRM_TOO_LARGE, "group", "more than %d groups", GROUPS_MAX);
        return NULL;
    }
    group = arena_zalloc(arena, sizeof *group);
    if (!group)
        goto no_memory;
    group->value = *value;
    if (value->text.size) { /* the record's bytes are gone with its turn */
        group->value.text.data = arena_memdup(arena, value->text.data, value->text.size);
        if (!group->value.text.data)
            goto no_memory;
    }
    group->key = group_key(&group->value);
    tally->groups[tally->n_groups++] = group;
    *place = tally->n_groups;
    return group;

no_memory:
    tally->status = fail(tally->ask->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return NULL;
}

static bool add_sum(struct tally *tally, struct tally_group *group, const struct value *amount)
{
    for (size_t i = 0; i < group->n_sums; i++)
        if (strcmp(group->sums[i].currency, amount->currency) == 0) {
            if (!__builtin_add_overflow(group->sums[i].minor, amount->integer, &group->sums[i].minor))
                return true;
            tally->status = fail(tally->ask->failure, CRM_TOO_LARGE, "sum", "the sum is larger than an amount can be");
            return false;
        }
    if (group->n_sums == SUMS_MAX) {
        tally->status = fail(tally->ask->failure, CRM_TOO_LARGE, "sum", "more than %d currencies", SUMS_MAX);
        return false;
    }
    group->sums[group->n_sums].minor = amount->integer;
    memcpy(group->sums[group->n_sums++].currency, amount->currency, sizeof amount->currency);
    return true;
}

bool tally_add(void *arg, const struct record *record)
{
    struct tally *tally = arg;
    struct value value = { .type = FIELD_NONE }, amount;
    struct tally_group *group;

    if (!tally->group && !tally->sum)
        return true;
    if (tally->group)
        reflect_get(tally->group, record, &value);
    group = find_group(tally, &value);
    if (!group)
        return false;
    group->count++;
    return !tally->sum || !reflect_get(tally->sum, record, &amount) || add_sum(tally, group, &amount);
}

static bool set_money(Crm__Money **out, const struct money *money, struct arena *arena)
{
    Crm__Money *wire = arena_alloc(arena, sizeof *wire);

    if (!wire)
        return false;
    crm__money__init(wire);
    wire->has_minor = true;
    wire->minor = money->minor;
    wire->currency = arena_strdup(arena, money->currency);
    *out = wire;
    return wire->currency;
}

static Crm__CountGroup *wire_group(struct tally *tally, const struct tally_group *group)
{
    struct ask *ask = tally->ask;
    Crm__CountGroup *out = arena_alloc(ask->arena, sizeof *out);
    struct answer titles;

    if (!out)
        return NULL;
    crm__count_group__init(out);
    out->has_count = true;
    out->count = group->count;
    out->sums = arena_alloc(ask->arena, (group->n_sums + 1) * sizeof *out->sums);
    if (!out->sums)
        return NULL;
    for (size_t i = 0; i < group->n_sums; i++)
        if (!set_money(&out->sums[out->n_sums++], &group->sums[i], ask->arena))
            return NULL;
    if (group->value.type == FIELD_NONE)
        return out;
    out->value = arena_alloc(ask->arena, sizeof *out->value);
    if (!out->value)
        return NULL;
    value_to_wire(&group->value, out->value, ask->arena);
    if (group->value.type == FIELD_REFERENCE) {
        answer_init(&titles, ask->arena, ask->view, true);
        answer_refer(&titles, tally->group->ref_kind, &group->value.ref);
        out->title = titles.n_titles ? titles.titles[0] : NULL;
    }
    return out;
}

enum crm_status tally_init(struct tally *tally, struct ask *ask, const struct kind_def *kind, const Crm__CountRequest *request)
{
    *tally = (struct tally){ .ask = ask, .status = CRM_OK };

    if (request->sum) {
        tally->sum = schema_field(ask->schema, kind, request->sum);
        if (!tally->sum || tally->sum->type != FIELD_MONEY)
            return ask_fail_field(ask, CRM_INVALID, "sum", "only amounts of money are added up");
    }
    if (request->group) {
        tally->group = schema_field(ask->schema, kind, request->group);
        if (!tally->group || tally->group->type == FIELD_GROUP)
            return ask_fail_field(ask, CRM_INVALID, "group", "%s cannot be grouped by that", kind->plural);
    }
    return CRM_OK;
}

enum crm_status tally_finish(struct tally *tally, Crm__CountReply *reply)
{
    reply->groups = arena_alloc(tally->ask->arena, (tally->n_groups + 1) * sizeof *reply->groups);
    if (!reply->groups)
        return ask_fail(tally->ask, CRM_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < tally->n_groups; i++) {
        reply->groups[i] = wire_group(tally, tally->groups[i]);
        if (!reply->groups[i])
            return ask_fail(tally->ask, CRM_NO_MEMORY, "out of memory");
        reply->n_groups++;
    }
    return CRM_OK;
}
