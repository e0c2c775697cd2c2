/*
 * writeset.h - what a mutation or a group of them would put and delete: held in memory, read through, folded or thrown away
 *
 * Ordered by database and key, so that a commit puts everything in key order. One thread at a time.
 */
#ifndef CRM_ENGINE_WRITESET_H
#define CRM_ENGINE_WRITESET_H

#include "common/base/arena.h"
#include "common/store/store.h"

struct writeset;

/* In the arena, which also holds copies of all keys and values; there is nothing to destroy. NULL when memory is spent. */
struct writeset *writeset_create(struct arena *arena) MUST_CHECK;

enum crm_status writeset_put(struct writeset *set, enum store_db db, struct slice key, struct slice value) MUST_CHECK;
enum crm_status writeset_delete(struct writeset *set, enum store_db db, struct slice key) MUST_CHECK;

/* Does the set say something of this key? *out_value.data is NULL where it says "deleted". */
bool writeset_get(const struct writeset *set, enum store_db db, struct slice key, struct slice *out_value);
/* The first entry of a range (the last with reverse), deletes included (data NULL). */
bool writeset_seek(const struct writeset *set, enum store_db db, const struct store_range *range, struct slice *out_key, struct slice *out_value);

/* Put all that take_from says on top of into; take_from is empty afterwards. Of one arena the entries change hands, else they are copied; CRM_NO_MEMORY: nothing
 * has happened. */
enum crm_status writeset_fold(struct writeset *into, struct writeset *take_from) MUST_CHECK;
/* What is in it is no longer whole (a change got lost half-way): it can be read, but not applied any more. */
void writeset_spoil(struct writeset *set);
/* Put and delete everything in the transaction, in key order. CRM_NO_MEMORY, and nothing is put, for a set that is spoiled. */
enum crm_status writeset_apply(const struct writeset *set, struct store_txn *txn) MUST_CHECK;
/* Forget everything (the memory stays with the arena). */
void writeset_clear(struct writeset *set);

size_t writeset_count(const struct writeset *set);
/* Rises with every put and delete, and when the set is spoiled: tells whether something has happened to it since. */
uint64_t writeset_changes(const struct writeset *set);
/* Keys and values together: what the engine's transaction limit is compared with. */
size_t writeset_bytes(const struct writeset *set);

#endif
