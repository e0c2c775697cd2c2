/*
 * disk.c - a store whose process dies at a commit: before it has become durable, or right behind that
 *
 * A store over the map that is the disk. Transactions are the map's own; only where they begin is looked at. A process that has died sees every further run
 * fail, and is taken down by whoever asked; what the map holds is what the next one finds. The map shares its states (treap.h), so that a backup and a copied
 * directory cost nothing.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "common/store/store_engine.h"

struct disk_store {
    struct store base;
    struct disk *disk;
    bool is_dead;
};

static struct store *map_of(struct store *store)
{
    return ((struct disk_store *)store)->disk->map;
}

static enum crm_status die(struct disk_store *store)
{
    store->is_dead = store->disk->is_dead = true;
    store->disk->fuse = 0;
    return CRM_IO;
}

static void disk_close(struct store *store)
{
    free(store);
}

static enum crm_status disk_read_begin(struct store *base, struct store_txn **out_txn)
{
    return ((struct disk_store *)base)->is_dead ? CRM_IO : store_read_begin(map_of(base), out_txn);
}

static void disk_read_end(struct store_txn *txn)
{
    store_read_end(txn); /* never: it is the map's */
}

struct lost_run {
    store_fn *fn;
    void *arg;
};

/* All is done but that nothing of it is kept. */
static enum crm_status run_and_lose(struct store_txn *txn, void *arg)
{
    const struct lost_run *run = arg;
    enum crm_status status = run->fn(txn, run->arg);

    return status == CRM_OK ? CRM_IO : status;
}

static enum crm_status disk_write_run(struct store *base, store_fn *fn, void *arg)
{
    struct disk_store *store = (struct disk_store *)base;
    struct disk *disk = store->disk;
    struct lost_run run = { .fn = fn, .arg = arg };
    enum crm_status status;

    if (store->is_dead)
        return CRM_IO;
    if (disk->fuse == 1 && !disk->dies_behind) {
        status = store_write_run(disk->map, run_and_lose, &run);
        return status == CRM_IO ? die(store) : status;
    }
    status = store_write_run(disk->map, fn, arg);
    if (status != CRM_OK)
        return status;
    disk->n_commits++;
    if (disk->fuse == 1)
        return die(store);
    if (disk->fuse > 0)
        disk->fuse--;
    return CRM_OK;
}

static enum crm_status disk_usage(struct store *base, struct store_usage *out_usage)
{
    return store_usage(map_of(base), out_usage);
}

static const struct store_engine engine_disk = {
    .name = "sim",
    .traits = { .is_local = true, .transaction_bytes = (size_t)32 << 20 },
    .close = disk_close,
    .read_begin = disk_read_begin,
    .read_end = disk_read_end,
    .write_run = disk_write_run,
    .usage = disk_usage,
};

void disk_init(struct disk *disk, struct store *like)
{
    *disk = (struct disk){ .fuse = 0 };
    sim_must(like ? store_open_map_of(like, &disk->map) : store_open_map(&disk->map), "a disk");
}

void disk_fini(struct disk *disk)
{
    store_close(disk->map);
    disk->map = NULL;
}

void disk_replace(struct disk *disk, struct store *like)
{
    struct store *map;

    sim_must(store_open_map_of(like, &map), "a disk put back");
    store_close(disk->map);
    disk->map = map;
}

void disk_arm(struct disk *disk, enum dice dice, unsigned within)
{
    disk->fuse = 1 + (unsigned)seed_draw(dice, within);
    disk->dies_behind = seed_chance(dice, 50);
}

struct store *disk_open(struct disk *disk)
{
    struct disk_store *store = calloc(1, sizeof *store);

    if (!store)
        sim_fail("out of memory");
    store->base.engine = &engine_disk;
    store->disk = disk;
    disk->is_dead = false;
    return &store->base;
}
