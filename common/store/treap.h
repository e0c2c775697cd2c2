/*
 * treap.h - the map engine's ordered tree of byte keys, every state of which can be kept; only
 * common/store includes it
 *
 * A tree is a pointer to its root, NULL for the empty one. Changing a tree gives a new root beside
 * the old one; both stay whole and share what they have in common. Whoever holds a root holds a
 * reference to it.
 */
#ifndef CRM_STORE_TREAP_H
#define CRM_STORE_TREAP_H

#include <stdatomic.h>

#include "common/store/store.h"

/* A key and its value, shared by every node that has stood for it. */
struct treap_pair {
    atomic_uint references;
    uint32_t priority;
    uint32_t key_size;
    uint32_t value_size;
    uint8_t bytes[]; /* the key, then the value */
};

/* Immutable while more than one holds it. */
struct treap_node {
    atomic_uint references;
    struct treap_pair *pair;
    struct treap_node *left;  /* keys below; NULL: none */
    struct treap_node *right; /* keys above */
};

static inline struct slice pair_key(const struct treap_pair *pair)
{
    return slice_of(pair->bytes, pair->key_size);
}

static inline struct slice pair_value(const struct treap_pair *pair)
{
    return slice_of(pair->bytes + pair->key_size, pair->value_size);
}

/* A pair with one reference, the caller's; NULL when memory is spent. */
struct treap_pair *treap_pair_create(struct slice key, struct slice value) MUST_CHECK;
void treap_pair_unref(struct treap_pair *pair);

/* One more reference, and one fewer. Both accept NULL. */
struct treap_node *treap_ref(struct treap_node *node);
void treap_unref(struct treap_node *node);

/* The key's pair, or NULL. Lives as long as the tree. */
struct treap_pair *treap_find(const struct treap_node *node, struct slice key) MUST_CHECK;
/* A new tree with the pair in it, in place of its key's former one. NULL when memory is spent. */
struct treap_node *treap_put(struct treap_node *node, struct treap_pair *pair) MUST_CHECK;
/* A new tree without a key that the tree holds. false when memory is spent. */
bool treap_remove(struct treap_node *node, struct slice key,
                  struct treap_node **out_root) MUST_CHECK;
/* Visit a range in order. false: the visitor has had enough. */
bool treap_scan(const struct treap_node *node, const struct store_range *range, store_visit *visit,
                void *arg);

#endif
