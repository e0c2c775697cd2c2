/*
 * writeset.c - puts and deletes held in memory: a skip list over (database, key) in an arena
 *
 * Rules and the engine fill one for each mutation, the writer folds those that are accepted into
 * the group's and applies that one. One thread at a time. Nodes never move and values are never
 * overwritten, so what was read through a set stays valid as long as its arena, even while more is
 * put. The arena owns everything; dropping a set is forgetting it.
 */
#include "common/engine/writeset.h"

#define LEVELS_MAX 16 /* a quarter of the nodes reach the next level: enough for 4^16 */

/* One key's entry: node ‖ key ‖ value in one allocation. */
struct node {
    struct slice key;
    struct slice value; /* data NULL: deleted */
    uint8_t db;
    uint8_t height;      /* levels that it is linked in */
    struct node *next[]; /* by level */
};

struct writeset {
    struct arena *arena;
    size_t count;
    bool is_spoiled; /* it must not be applied */
    size_t bytes;       /* keys and values */
    uint64_t changes;   /* puts and deletes so far, also of a key that was there */
    uint32_t databases; /* bit db: the set says something of it */
    unsigned height;    /* levels in use; small sets stay flat and cheap */
    struct node *head[LEVELS_MAX];
};

_Static_assert(STORE_DB_COUNT <= 32, "databases is a set of bits");

/* The links to change when a node goes in: link[i] points at the first node of level i that is not
 * before the key. */
struct path {
    struct node **link[LEVELS_MAX];
};

static int node_compare(const struct node *node, enum store_db db, struct slice key)
{
    if (node->db != db)
        return node->db < db ? -1 : 1;
    return slice_compare(node->key, key);
}

/* The last node before (db, key), NULL if there is none. path may be NULL. */
static struct node *node_before(const struct writeset *set, enum store_db db, struct slice key,
                                struct path *path)
{
    struct node *const *links = set->head;
    struct node *before = NULL;

    for (unsigned level = set->height; level-- > 0;) {
        while (links[level] && node_compare(links[level], db, key) < 0) {
            before = links[level];
            links = before->next;
        }
        if (path)
            path->link[level] =
                (struct node **)(before ? &before->next[level] : (struct node **)&set->head[level]);
    }
    return before;
}

/* The node behind one; behind NULL is the first of all. */
static struct node *node_after(const struct writeset *set, const struct node *before)
{
    return before ? before->next[0] : set->head[0];
}

static bool set_is_silent(const struct writeset *set, enum store_db db)
{
    return !(set->databases & (UINT32_C(1) << db));
}

/*
 * xorshift32; two bits a level. One sequence for all sets of a thread: nodes keep their height when they change hands, and a group made of many small sets
 * that each began anew would be all but flat. Not from the key: who chooses keys must not choose heights.
 */
static uint8_t next_height(void)
{
    static _Thread_local uint32_t random = 2463534242u;
    uint8_t height = 1;

    random ^= random << 13;
    random ^= random >> 17;
    random ^= random << 5;
    for (uint32_t bits = random; height < LEVELS_MAX && (bits & 3) == 0; bits >>= 2)
        height++;
    return height;
}

/* A node that is not linked yet; value.data NULL for a delete. NULL when memory is spent. */
static struct node *node_create(struct writeset *set, enum store_db db, struct slice key,
                                struct slice value)
{
    uint8_t height = next_height();
    size_t links = height * sizeof(struct node *);
    struct node *node = arena_alloc(set->arena, sizeof *node + links + key.size + value.size);
    uint8_t *bytes;

    if (!node)
        return NULL;
    bytes = (uint8_t *)node + sizeof *node + links;
    memcpy(bytes, key.data, key.size);
    if (value.size)
        memcpy(bytes + key.size, value.data, value.size);
    node->key = slice_of(bytes, key.size);
    node->value = slice_of(value.data ? bytes + key.size : NULL, value.size);
    node->db = (uint8_t)db;
    node->height = height;
    return node;
}

/* Put a node in, or its value in the place of the one that the key has. */
static void node_link(struct writeset *set, struct node *node)
{
    struct path path;
    struct node *there = node_after(set, node_before(set, node->db, node->key, &path));

    set->changes++;
    if (there && node_compare(there, node->db, node->key) == 0) {
        set->bytes = set->bytes - there->value.size + node->value.size;
        there->value = node->value;
        return;
    }
    for (; set->height < node->height; set->height++)
        path.link[set->height] = &set->head[set->height];
    for (unsigned level = 0; level < node->height; level++) {
        node->next[level] = *path.link[level];
        *path.link[level] = node;
    }
    set->count++;
    set->bytes += node->key.size + node->value.size;
    set->databases |= UINT32_C(1) << node->db;
}

static enum crm_status set_entry(struct writeset *set, enum store_db db, struct slice key,
                                 struct slice value)
{
    struct node *node;

    if (key.size > STORE_KEY_MAX || value.size > STORE_VALUE_MAX)
        return CRM_TOO_LARGE;
    node = node_create(set, db, key, value);
    if (!node)
        return CRM_NO_MEMORY;
    node_link(set, node);
    return CRM_OK;
}

struct writeset *writeset_create(struct arena *arena)
{
    struct writeset *set = arena_alloc(arena, sizeof *set);

    if (!set)
        return NULL;
    set->arena = arena;
    set->changes = 0;
    writeset_clear(set);
    return set;
}

void writeset_clear(struct writeset *set)
{
    set->count = 0;
    set->is_spoiled = false;
    set->bytes = 0;
    set->databases = 0;
    set->height = 0;
    memset(set->head, 0, sizeof set->head);
}

enum crm_status writeset_put(struct writeset *set, enum store_db db, struct slice key,
                             struct slice value)
{
    static const uint8_t nothing[1];

    /* An empty value is still a value: only NULL says "deleted". */
    return set_entry(set, db, key, slice_of(value.data ? value.data : nothing, value.size));
}

enum crm_status writeset_delete(struct writeset *set, enum store_db db, struct slice key)
{
    return set_entry(set, db, key, slice_of(NULL, 0));
}

bool writeset_get(const struct writeset *set, enum store_db db, struct slice key,
                  struct slice *out_value)
{
    const struct node *node;

    if (set_is_silent(set, db))
        return false;
    node = node_after(set, node_before(set, db, key, NULL));
    if (!node || node_compare(node, db, key) != 0)
        return false;
    *out_value = node->value;
    return true;
}

bool writeset_seek(const struct writeset *set, enum store_db db, const struct store_range *range,
                   struct slice *out_key, struct slice *out_value)
{
    const struct node *node;

    if (set_is_silent(set, db))
        return false;
    if (!range->reverse)
        node = node_after(set, node_before(set, db, range->from, NULL));
    else if (range->to.size)
        node = node_before(set, db, range->to, NULL);
    else
        node = node_before(set, (enum store_db)(db + 1), slice_of(NULL, 0), NULL);
    if (!node || node->db != db || slice_compare(node->key, range->from) < 0 ||
        (range->to.size && slice_compare(node->key, range->to) >= 0))
        return false;
    *out_key = node->key;
    *out_value = node->value;
    return true;
}

/* Copies of all entries in another arena, chained by their lowest link; made before the first is linked, so that a fold is whole or has not been. */
static enum crm_status copy_entries(struct writeset *into, const struct writeset *from, struct node **out_copies)
{
    struct node **tail = out_copies;

    *out_copies = NULL;
    for (const struct node *node = from->head[0]; node; node = node->next[0]) {
        struct node *copy = node_create(into, node->db, node->key, node->value);

        if (!copy)
            return CRM_NO_MEMORY;
        copy->next[0] = NULL;
        *tail = copy;
        tail = &copy->next[0];
    }
    return CRM_OK;
}

enum crm_status writeset_fold(struct writeset *into, struct writeset *take_from)
{
    struct node *moved = take_from->head[0];
    enum crm_status status = into->arena == take_from->arena ? CRM_OK : copy_entries(into, take_from, &moved);

    if (status != CRM_OK)
        return status;
    while (moved) {
        struct node *node = moved;

        moved = node->next[0];
        node_link(into, node);
    }
    writeset_clear(take_from);
    return CRM_OK;
}

void writeset_spoil(struct writeset *set)
{
    set->is_spoiled = true;
    set->changes++; /* of the worse kind: who made it is left out of the group */
}

enum crm_status writeset_apply(const struct writeset *set, struct store_txn *txn)
{
    if (set->is_spoiled)
        return CRM_NO_MEMORY;
    for (const struct node *node = set->head[0]; node; node = node->next[0]) {
        enum crm_status status = node->value.data ? store_put(txn, node->db, node->key, node->value)
                                                  : store_delete(txn, node->db, node->key);

        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

size_t writeset_count(const struct writeset *set)
{
    return set->count;
}

uint64_t writeset_changes(const struct writeset *set)
{
    return set->changes;
}

size_t writeset_bytes(const struct writeset *set)
{
    return set->bytes;
}
