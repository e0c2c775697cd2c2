/*
 * outbox_fold.c - see outbox_fold.h
 *
 * Called by outbox_add.c and outbox_carry.c within their write runs. Pure but for reading the outbox.
 */
#include "client/replica/outbox_fold.h"

#include <stdlib.h>

#include "common/model/body.h"

#define LOOK_BACK_MAX 64 /* items; what lies further back stays as it is */

/* --- which one */

struct looking {
    struct arena *arena;
    const struct evolve *evolve;
    const Crm__Mutation *patch;
    bool is_unique;          /* the patch takes or frees a unique value: nothing may come between */
    size_t n;
    struct outbox_item found;
    enum crm_status status;  /* CRM_NOT_FOUND until it is found */
};

static bool same_bytes(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
    return slice_equal(slice_of(a.data, a.len), slice_of(b.data, b.len));
}

/* Does the patch refer to a record? Its id would have to stand in it. */
static bool mentions(const Crm__Mutation *patch, ProtobufCBinaryData id)
{
    const ProtobufCBinaryData parts[] = { patch->set, patch->add, patch->remove, patch->owner, patch->team };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (id.len > 0 && parts[i].len >= id.len && memmem(parts[i].data, parts[i].len, id.data, id.len))
            return true;
    return false;
}

static bool is_plain(const Crm__QueuedMutation *queued)
{
    Crm__Verb verb = queued->mutation->verb;

    return queued->n_parts == 0 && (verb == CRM__VERB__VERB_CREATE || verb == CRM__VERB__VERB_PATCH);
}

/* From the last one back. false: that is enough. */
static bool look_at(void *arg, struct slice key, struct slice value)
{
    struct looking *looking = arg;
    struct outbox_item item;
    const Crm__QueuedMutation *queued;
    enum crm_status status = outbox_open(key, value, looking->arena, &item);

    if (status != CRM_OK) {
        looking->status = status;
        return false;
    }
    queued = item.queued;
    if (!outbox_waits(queued))
        return ++looking->n < LOOK_BACK_MAX; /* it is not shown, or the server's by now */
    if (!is_plain(queued))
        return false;
    if (queued->mutation->kind != looking->patch->kind || !same_bytes(queued->mutation->id, looking->patch->id))
        return !looking->is_unique && !mentions(looking->patch, queued->mutation->id) && ++looking->n < LOOK_BACK_MAX;
    if (!queued->has_number && !queued->again) { /* what a restored server may have after all is known there by its name */
        looking->found = item;
        looking->status = CRM_OK;
    }
    return false;
}

enum crm_status outbox_fold_target(struct store_txn *txn, struct arena *arena, const struct evolve *evolve, const Crm__Mutation *patch,
                                   const struct field_set *touched, struct outbox_item *out_item)
{
    struct looking looking = { .arena = arena, .evolve = evolve, .patch = patch, .status = CRM_NOT_FOUND };
    enum crm_status status;

    for (size_t i = 0; i < touched->n; i++) {
        const struct field_def *field = schema_field(evolve->view->schema, evolve->kind, touched->refs[i]);

        looking.is_unique |= field && field->flags & FIELD_UNIQUE;
    }
    status = store_scan(txn, (enum store_db)REPLICA_OUTBOX, &(struct store_range){ .reverse = true }, look_at, &looking);
    if (status == CRM_OK)
        status = looking.status;
    if (status == CRM_OK)
        *out_item = looking.found;
    return status;
}

/* --- how */

struct folding {
    const struct kind_def *kind;
    struct arena *arena;
    struct failure *failure;
    enum crm_status status;
};

static struct field_set refs_of(struct folding *folding, struct slice body)
{
    struct field_set refs = { 0 };

    if (folding->status == CRM_OK)
        folding->status = body_diff(folding->arena, (struct slice){ 0 }, body, &refs);
    return refs;
}

static struct slice keep(struct folding *folding, struct slice body, const struct field_set *set, bool is_drop)
{
    struct slice kept = { 0 };

    if (folding->status == CRM_OK)
        folding->status = (is_drop ? body_drop : body_keep)(folding->arena, body, set, &kept);
    return kept;
}

static struct slice apply(struct folding *folding, struct slice body, const struct body_patch *patch)
{
    struct slice after = { 0 };

    if (folding->status == CRM_OK)
        folding->status = body_apply(folding->kind, folding->arena, body, patch, &after, folding->failure);
    return after;
}

static int compare_refs(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Sorted, each once. */
static struct field_set join(struct folding *folding, const struct field_set *sets, size_t n)
{
    struct field_set all = { 0 };
    size_t total = 0, unique = 0;

    for (size_t i = 0; i < n; i++)
        total += sets[i].n;
    all.refs = arena_alloc(folding->arena, (total + 1) * sizeof *all.refs);
    if (!all.refs) {
        folding->status = CRM_NO_MEMORY;
        return all;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sets[i].n; k++)
            all.refs[all.n++] = sets[i].refs[k];
    qsort(all.refs, all.n, sizeof *all.refs, compare_refs);
    for (size_t i = 0; i < all.n; i++)
        if (unique == 0 || all.refs[unique - 1] != all.refs[i])
            all.refs[unique++] = all.refs[i];
    all.n = unique;
    return all;
}

static struct field_set clear_of(const struct body_patch *patch)
{
    return (struct field_set){ .refs = (uint32_t *)(uintptr_t)patch->clear, .n = patch->n_clear };
}

/* All that a patch is about. */
static struct field_set touched_by(struct folding *folding, const struct body_patch *patch)
{
    const struct field_set sets[] = { refs_of(folding, patch->set), refs_of(folding, patch->add), refs_of(folding, patch->remove), clear_of(patch) };

    return join(folding, sets, ARRAY_LEN(sets));
}

/* Of one that is without some fields. */
static struct body_patch without(struct folding *folding, const struct body_patch *patch, const struct field_set *fields)
{
    struct field_set clear = join(folding, &(struct field_set){ .refs = (uint32_t *)(uintptr_t)patch->clear, .n = patch->n_clear }, 1);
    size_t n = 0;

    for (size_t i = 0; i < clear.n; i++)
        if (!field_set_has(fields, clear.refs[i]))
            clear.refs[n++] = clear.refs[i];
    return (struct body_patch){ .set = keep(folding, patch->set, fields, true), .add = keep(folding, patch->add, fields, true),
                                .remove = keep(folding, patch->remove, fields, true), .clear = clear.refs, .n_clear = n };
}

/*
 * first, then second, as one. What second sets or clears no longer matters in first. Elements that come and go do so in what first sets, or, where it sets
 * nothing, beside its own: what one brings and the other takes is taken, and the other way round.
 */
static struct body_patch compose(struct folding *folding, const struct body_patch *first, const struct body_patch *second)
{
    const struct field_set replaced_by[] = { refs_of(folding, second->set), clear_of(second) };
    const struct field_set replaced = join(folding, replaced_by, ARRAY_LEN(replaced_by));
    const struct body_patch rest = without(folding, first, &replaced);
    const struct field_set whole_by[] = { refs_of(folding, rest.set), clear_of(&rest) };
    const struct field_set whole = join(folding, whole_by, ARRAY_LEN(whole_by));
    const struct field_set cleared_by[] = { clear_of(&rest), clear_of(second) };
    const struct field_set cleared = join(folding, cleared_by, ARRAY_LEN(cleared_by));
    const struct slice add = keep(folding, second->add, &whole, true), remove = keep(folding, second->remove, &whole, true);
    struct slice set = apply(folding, rest.set, &(struct body_patch){ .add = keep(folding, second->add, &whole, false),
                                                                     .remove = keep(folding, second->remove, &whole, false) });

    return (struct body_patch){
        .set = apply(folding, set, &(struct body_patch){ .set = second->set }),
        .clear = cleared.refs,
        .n_clear = cleared.n,
        .add = apply(folding, rest.add, &(struct body_patch){ .remove = remove, .add = add }),
        .remove = apply(folding, rest.remove, &(struct body_patch){ .remove = add, .add = remove }),
    };
}

static void set_bytes(struct slice slice, protobuf_c_boolean *out_has, ProtobufCBinaryData *out)
{
    *out_has = slice.size > 0;
    *out = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)slice.data, .len = slice.size };
}

/* What the author saw of the fields that only the second is about he saw then. */
static void fold_old(struct folding *folding, const struct body_patch *first, Crm__Mutation *into, const Crm__Mutation *patch)
{
    const struct field_set touched = touched_by(folding, first);
    const struct slice more = keep(folding, slice_of(patch->old.data, patch->old.len), &touched, true);
    protobuf_c_boolean has;

    set_bytes(apply(folding, slice_of(into->old.data, into->old.len), &(struct body_patch){ .set = more }), &has, &into->old);
    if (!into->has_owner)
        into->old_owner = patch->old_owner;
    if (!into->has_team)
        into->old_team = patch->old_team;
}

static void fold_header(Crm__Mutation *into, const Crm__Mutation *patch)
{
    if (patch->has_owner) {
        into->has_owner = true;
        into->owner = patch->owner;
        into->has_team = patch->has_team; /* a team that went with another owner goes */
        into->team = patch->team;
    } else if (patch->has_team) {
        into->has_team = true;
        into->team = patch->team;
    }
    if (into->verb == CRM__VERB__VERB_PATCH && patch->has_happened_at) {
        into->has_happened_at = true;
        into->happened_at = patch->happened_at;
    }
}

enum crm_status outbox_fold(struct evolve *evolve, Crm__Mutation *into, const Crm__Mutation *patch)
{
    struct folding folding = { .kind = evolve->kind, .arena = evolve->arena, .failure = evolve->failure };
    struct body_patch first, second, both;

    folding.status = evolve_read_patch(evolve, into, &first);
    if (folding.status == CRM_OK)
        folding.status = evolve_read_patch(evolve, patch, &second);
    if (folding.status != CRM_OK)
        return folding.status;
    if (into->has_old)
        fold_old(&folding, &first, into, patch);
    both = compose(&folding, &first, &second);
    if (folding.status != CRM_OK)
        return folding.status;
    set_bytes(both.set, &into->has_set, &into->set);
    set_bytes(both.add, &into->has_add, &into->add);
    set_bytes(both.remove, &into->has_remove, &into->remove);
    into->clear = (uint32_t *)(uintptr_t)both.clear;
    into->n_clear = both.n_clear;
    fold_header(into, patch);
    return CRM_OK;
}
