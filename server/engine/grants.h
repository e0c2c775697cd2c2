/*
 * grants.h - the rows of shares: by root for the evaluator, by principal for lists, and by time where they end
 *
 *     due  time i64 ‖ rule u8 ‖ what the rule is about  →  what it needs, sealed
 *
 * is the shape of everything that is to happen at a time; a row goes when it has been seen to. DUE_GRANT, a share that ends: root ‖ sort u8 ‖
 * principal  →  kind u8 of the root (expiry.h).
 */
#ifndef CRM_SERVER_ENGINE_GRANTS_H
#define CRM_SERVER_ENGINE_GRANTS_H

#include "common/base/arena.h"
#include "common/engine/grant.h"

/* Part of the format. */
enum due_rule { DUE_GRANT = 1 };

/* Bytes of a due key before what its rule is about. */
#define DUE_HEAD_SIZE 9
/* With so many a record may be shared: all of them are looked at by who has no other way to it. */
#define GRANTS_MAX 256

/* What a principal has on a root now; rights GRANT_NONE where there is no row. wanted says whom. */
enum crm_status grant_load(const struct view *view, const struct uuid *root, const struct grant *wanted, struct grant *out_grant) MUST_CHECK;
/*
 * Give, change or (rights GRANT_NONE) take a grant on a root of a kind, in all its rows. old is what there was (grant_load): its end is no longer due.
 */
enum crm_status grant_store(struct writeset *set, enum kind root_kind, const struct uuid *root, const struct grant *old, const struct grant *grant,
                            struct arena *arena) MUST_CHECK;
/* The keys of the rows that a grant has beside its own: by principal, and of its end (only with an end). */
void grant_shared_key(struct key *key, enum kind root_kind, const struct uuid *root, const struct grant *grant);
void grant_due_key(struct key *key, const struct uuid *root, const struct grant *grant);
/* The value of a due row: the root's kind. data NULL when memory is spent. */
struct slice grant_due_value(enum kind root_kind, struct arena *arena);

/* All grants of a root, at most max of them, in the arena. CRM_TOO_LARGE: there are more. */
enum crm_status grant_list(const struct view *view, const struct uuid *root, size_t max, struct arena *arena, struct grant **out_grants,
                           size_t *out_n) MUST_CHECK;
/* What a principal of this sort is. */
enum kind grant_principal_kind(enum grant_sort sort);
/* The kind of the record that decides over records of a kind, if it is not the record itself. */
enum kind root_kind_of(const struct record_header *header);

#endif
