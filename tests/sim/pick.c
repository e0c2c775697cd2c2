/*
 * pick.c - something to work on, by chance: a record of a replica or of the server, a conflict that is open
 */
#include "common/engine/conflict.h"
#include "tests/sim/steps.h"

#define LEANING 3

struct picking {
    enum kind kind;
    struct arena *arena;
    uint64_t left;
    struct record *record;
    bool is_found;
};

static bool pick_one(void *arg, struct slice key, struct slice value)
{
    struct picking *picking = arg;
    struct uuid id;
    enum kind kind;
    void *copy;

    if (picking->left-- > 0)
        return true;
    copy = arena_memdup(picking->arena, value.data, value.size);
    if (!copy)
        sim_fail("out of memory");
    if (!record_key_parse(key, &kind, &id) || record_decode(kind, &id, slice_of(copy, value.size), picking->record) != CRM_OK)
        sim_fail("a store holds what is no record");
    picking->is_found = true;
    return false;
}

static bool count_one(void *arg, struct slice key, struct slice value)
{
    (void)key;
    (void)value;
    ++*(uint64_t *)arg;
    return true;
}

static enum crm_status pick(struct store_txn *txn, void *arg)
{
    struct picking *picking = arg;
    const uint8_t from = (uint8_t)picking->kind, to = (uint8_t)(picking->kind + 1);
    const struct store_range range = { .from = slice_of(&from, 1), .to = slice_of(&to, 1) };
    uint64_t n = 0;
    enum crm_status status = store_scan(txn, STORE_RECORD, &range, count_one, &n);

    if (status != CRM_OK || n == 0)
        return status;
    picking->left = seed_draw(DICE_SCRIPT, n);
    for (unsigned i = 0; i < LEANING; i++) { /* to the first ones, so that people meet */
        uint64_t other = seed_draw(DICE_SCRIPT, n);

        picking->left = other < picking->left ? other : picking->left;
    }
    return store_scan(txn, STORE_RECORD, &range, pick_one, picking);
}

bool pick_record(struct sim *sim, const struct disk *disk, enum kind kind, struct record *out_record)
{
    struct picking picking = { .kind = kind, .arena = &sim->arena, .record = out_record };

    sim_must(store_read_run(disk->map, pick, &picking), "records to work on");
    return picking.is_found;
}

struct waiting {
    const struct record_header *header;
    bool waits;
};

static enum crm_status find_base(struct store_txn *txn, void *arg)
{
    struct waiting *waiting = arg;
    uint8_t key[RECORD_KEY_SIZE];
    struct slice value;

    record_key(waiting->header->kind, &waiting->header->id, key);
    waiting->waits = store_get(txn, (enum store_db)REPLICA_BASE, slice_of(key, sizeof key), &value) == CRM_OK;
    return CRM_OK;
}

bool pick_waits(const struct disk *disk, const struct record *record)
{
    struct waiting waiting = { .header = &record->header };

    sim_must(store_read_run(disk->map, find_base, &waiting), "what waits");
    return waiting.waits;
}

enum kind pick_kind(void)
{
    static const enum kind kinds[] = { KIND_CUSTOMER, KIND_CUSTOMER, KIND_CONTACT, KIND_ACTIVITY, KIND_TASK, KIND_DEAL };

    return kinds[seed_draw(DICE_SCRIPT, ARRAY_LEN(kinds))];
}

struct conflict_pick {
    struct sim *sim;
    const struct uuid *user;
    struct conflict_choice *choice;
    bool is_found;
};

/* Each that comes takes the place of the one before with the chance that all have the same in the end. */
static enum crm_status pick_one_conflict(struct store_txn *txn, void *arg)
{
    struct conflict_pick *pick_run = arg;
    const struct view view = { .txn = txn };
    struct key at = { .size = 0 };
    Crm__Conflict *conflict;
    enum crm_status status;

    for (uint64_t n = 1; (status = conflict_next(&view, pick_run->user, NULL, &at, &pick_run->sim->arena, &conflict)) == CRM_OK; n++)
        if (seed_draw(DICE_SCRIPT, n) == 0) {
            pick_run->is_found = uuid_from_slice(slice_of(at.data + UUID_SIZE, UUID_SIZE), &pick_run->choice->record) &&
                                 uuid_from_slice(slice_of(at.data + 2 * UUID_SIZE, UUID_SIZE), &pick_run->choice->id);
            pick_run->choice->conflict = conflict;
        }
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

bool pick_conflict(struct sim *sim, const struct disk *disk, enum person who, struct conflict_choice *out_choice)
{
    struct conflict_pick run = { .sim = sim, .user = &sim->base->people[who], .choice = out_choice };

    sim_must(store_read_run(disk->map, pick_one_conflict, &run), "conflicts");
    return run.is_found;
}
