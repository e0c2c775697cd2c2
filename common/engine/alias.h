/*
 * alias.h - records that have become one with others: their numbers lead to those
 *
 *     alias  kind u32 ‖ number u64  → sealed id of the record that it leads to
 *            id ‖ merged id         → sealed kind u32: what has become a part of it, for its history
 *
 * The rows are put when a merge deletes a record, and go when it comes back. A replica has its own rows there, for numbers that it has given itself.
 */
#ifndef CRM_ENGINE_ALIAS_H
#define CRM_ENGINE_ALIAS_H

#include "common/engine/view.h"
#include "common/engine/writeset.h"

#define ALIAS_HOPS_MAX 16 /* records that have become one with one that has become one with … */

/* Where a number that no live record has leads to. CRM_NOT_FOUND: nowhere, or to what is gone. */
enum crm_status alias_follow(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id) MUST_CHECK;

/* A record has become a part of another. */
enum crm_status alias_put(struct writeset *set, const struct record_header *merged, const struct uuid *into, struct arena *arena) MUST_CHECK;
/* It is itself again. CRM_OK also where it never was another's. */
enum crm_status alias_drop(const struct view *view, struct writeset *set, const struct record_header *restored) MUST_CHECK;

/* Called with the id of each record that has become a part of one; false ends it. */
typedef bool alias_visit(void *arg, const struct uuid *merged);
enum crm_status alias_each(const struct view *view, const struct uuid *id, alias_visit *visit, void *arg) MUST_CHECK;

#endif
