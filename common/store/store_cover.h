/*
 * store_cover.h - a store in front of another: values pass through two functions on their way in and out
 *
 * For a store whose values are sealed. Keys stay as they are, so that what is made of values has no place in it: of index, term, child and unique only
 * what the cover lets pass is kept (store_keeps says no). All else is as store.h says, and so is who may use it on which thread, as far as the functions allow it.
 */
#ifndef CRM_STORE_COVER_H
#define CRM_STORE_COVER_H

#include "common/base/arena.h"
#include "common/store/store.h"

struct store_cover {
    /* What is kept in the place of a value, in the arena. */
    enum crm_status (*close)(void *arg, enum store_db db, struct slice key, struct slice value, struct arena *arena, struct slice *out_kept);
    /* The value again, in the arena or as it was kept. CRM_CORRUPT: it is none of those. */
    enum crm_status (*open)(void *arg, enum store_db db, struct slice key, struct slice kept, struct arena *arena, struct slice *out_value);
    /* Of those four databases: is nothing of a value in this key? */
    bool (*keeps)(void *arg, enum store_db db, struct slice key);
    void (*destroy)(void *arg); /* with the store; NULL: nothing */
    void *arg;
};

/* Both the store and the cover's arg move in, also on failure. */
enum crm_status store_open_cover(struct store *take_store, const struct store_cover *take_cover, struct store **out_store) MUST_CHECK;

#endif
