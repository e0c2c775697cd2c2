/*
 * treap.c - the map engine's ordered tree of byte keys, every state of which can be kept
 *
 * Called by store_map.c on any thread: nodes never change once they are made, and their reference
 * counts are atomic. A node's priority is a hash of its key: the tree's shape follows from its keys
 * alone, and a failing test fails again.
 */
#include "common/store/treap.h"

#include <stdlib.h>

/* FNV-1a, its bits mixed once more: FNV's high bits barely move for short keys. */
static uint32_t key_priority(struct slice key)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ key.data[i]) * UINT32_C(16777619);
    hash = (hash ^ hash >> 16) * UINT32_C(0x85ebca6b);
    return hash ^ hash >> 13;
}

struct treap_pair *treap_pair_create(struct slice key, struct slice value)
{
    struct treap_pair *pair = malloc(sizeof *pair + key.size + value.size);

    if (!pair)
        return NULL;
    atomic_init(&pair->references, 1);
    pair->priority = key_priority(key);
    pair->key_size = (uint32_t)key.size;
    pair->value_size = (uint32_t)value.size;
    memcpy(pair->bytes, key.data, key.size);
    if (value.size)
        memcpy(pair->bytes + key.size, value.data, value.size);
    return pair;
}

static struct treap_pair *treap_pair_ref(struct treap_pair *pair)
{
    atomic_fetch_add(&pair->references, 1);
    return pair;
}

void treap_pair_unref(struct treap_pair *pair)
{
    if (atomic_fetch_sub(&pair->references, 1) == 1)
        free(pair);
}

struct treap_node *treap_ref(struct treap_node *node)
{
    if (node)
        atomic_fetch_add(&node->references, 1);
    return node;
}

/* As deep as the tree, which is balanced. */
void treap_unref(struct treap_node *node)
{
    if (!node || atomic_fetch_sub(&node->references, 1) != 1)
        return;
    treap_unref(node->left);
    treap_unref(node->right);
    treap_pair_unref(node->pair);
    free(node);
}

/* Takes the three references, also when it fails: NULL when memory is spent. */
static struct treap_node *node_create(struct treap_pair *take_pair, struct treap_node *take_left,
                                      struct treap_node *take_right)
{
    struct treap_node *node = malloc(sizeof *node);

    if (!node) {
        treap_pair_unref(take_pair);
        treap_unref(take_left);
        treap_unref(take_right);
        return NULL;
    }
    atomic_init(&node->references, 1);
    node->pair = take_pair;
    node->left = take_left;
    node->right = take_right;
    return node;
}

static bool node_split(struct treap_node *node, struct slice key, struct treap_node **out_below,
                       struct treap_node **out_above) MUST_CHECK;

/* Two new trees of the keys below and above one that the tree does not hold. false when memory is
 * spent. */
static bool node_split(struct treap_node *node, struct slice key, struct treap_node **out_below,
                       struct treap_node **out_above)
{
    struct treap_node *below, *above;

    if (!node) {
        *out_below = *out_above = NULL;
        return true;
    }
    if (slice_compare(key, pair_key(node->pair)) < 0) {
        if (!node_split(node->left, key, &below, &above))
            return false;
        above = node_create(treap_pair_ref(node->pair), above, treap_ref(node->right));
        if (!above) {
            treap_unref(below);
            return false;
        }
    } else {
        if (!node_split(node->right, key, &below, &above))
            return false;
        below = node_create(treap_pair_ref(node->pair), treap_ref(node->left), below);
        if (!below) {
            treap_unref(above);
            return false;
        }
    }
    *out_below = below;
    *out_above = above;
    return true;
}

/* A new tree of two, every key of the first below those of the second. false when memory is spent.
 */
static bool node_join(struct treap_node *below, struct treap_node *above,
                      struct treap_node **out_root)
{
    struct treap_node *joined;

    if (!below || !above) {
        *out_root = treap_ref(below ? below : above);
        return true;
    }
    if (below->pair->priority >= above->pair->priority) {
        if (!node_join(below->right, above, &joined))
            return false;
        *out_root = node_create(treap_pair_ref(below->pair), treap_ref(below->left), joined);
    } else {
        if (!node_join(below, above->left, &joined))
            return false;
        *out_root = node_create(treap_pair_ref(above->pair), joined, treap_ref(above->right));
    }
    return *out_root != NULL;
}

struct treap_pair *treap_find(const struct treap_node *node, struct slice key)
{
    while (node) {
        int order = slice_compare(key, pair_key(node->pair));

        if (order == 0)
            return node->pair;
        node = order < 0 ? node->left : node->right;
    }
    return NULL;
}

/* A new tree with the pair in it, in place of its key's former one. NULL when memory is spent. */
struct treap_node *treap_put(struct treap_node *node, struct treap_pair *pair)
{
    struct treap_node *left, *right;
    int order;

    /* A key of higher priority than this node's cannot stand below it: it is new, and this is its
     * place. */
    if (!node || pair->priority > node->pair->priority) {
        if (!node_split(node, pair_key(pair), &left, &right))
            return NULL;
        return node_create(treap_pair_ref(pair), left, right);
    }
    order = slice_compare(pair_key(pair), pair_key(node->pair));
    if (order == 0)
        return node_create(treap_pair_ref(pair), treap_ref(node->left), treap_ref(node->right));
    if (order < 0) {
        left = treap_put(node->left, pair);
        return left ? node_create(treap_pair_ref(node->pair), left, treap_ref(node->right)) : NULL;
    }
    right = treap_put(node->right, pair);
    return right ? node_create(treap_pair_ref(node->pair), treap_ref(node->left), right) : NULL;
}

/* A new tree without a key that the tree holds. false when memory is spent. */
bool treap_remove(struct treap_node *node, struct slice key, struct treap_node **out_root)
{
    int order = slice_compare(key, pair_key(node->pair));
    struct treap_node *child;

    if (order == 0)
        return node_join(node->left, node->right, out_root);
    if (!treap_remove(order < 0 ? node->left : node->right, key, &child))
        return false;
    if (order < 0)
        *out_root = node_create(treap_pair_ref(node->pair), child, treap_ref(node->right));
    else
        *out_root = node_create(treap_pair_ref(node->pair), treap_ref(node->left), child);
    return *out_root != NULL;
}

/* false: the visitor has had enough. */
bool treap_scan(const struct treap_node *node, const struct store_range *range, store_visit *visit,
                void *arg)
{
    bool is_above_from, is_below_to;
    const struct treap_node *first, *last;

    if (!node)
        return true;
    is_above_from = slice_compare(pair_key(node->pair), range->from) >= 0;
    is_below_to = range->to.size == 0 || slice_compare(pair_key(node->pair), range->to) < 0;
    /* A side that lies wholly outside the range is not entered. */
    first = is_above_from ? node->left : NULL;
    last = is_below_to ? node->right : NULL;
    if (!treap_scan(range->reverse ? last : first, range, visit, arg))
        return false;
    if (is_above_from && is_below_to && !visit(arg, pair_key(node->pair), pair_value(node->pair)))
        return false;
    return treap_scan(range->reverse ? first : last, range, visit, arg);
}
