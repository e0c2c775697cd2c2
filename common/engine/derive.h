/*
 * derive.h - index, term, child and unique where the store does not keep them: made from the records whenever they are asked for
 *
 * Only view.c calls it, so that whoever reads through a view need not know. Each call walks the records of the kinds that the keys can be of: a list or a
 * search that looks at all records anyway goes through `record` itself.
 */
#ifndef CRM_ENGINE_DERIVE_H
#define CRM_ENGINE_DERIVE_H

#include "common/engine/view.h"

/* As the functions of view.h of those names, of one of these databases. What is given lives until the run ends. */
enum crm_status derive_get(const struct view *view, enum store_db db, struct slice key, struct slice *out_value) MUST_CHECK;
enum crm_status derive_seek(const struct view *view, enum store_db db, const struct store_range *range, struct slice *out_key,
                            struct slice *out_value) MUST_CHECK;
enum crm_status derive_scan(const struct view *view, enum store_db db, const struct store_range *range, store_visit *visit, void *arg) MUST_CHECK;

/* As view_number, by the records' headers alone. */
enum crm_status derive_number(const struct view *view, enum kind kind, uint64_t number, struct uuid *out_id) MUST_CHECK;

/* view.c: what the layers themselves hold of such a database; it is given with the rest. */
enum crm_status view_get_kept(const struct view *view, enum store_db db, struct slice key, struct slice *out_value) MUST_CHECK;
enum crm_status view_scan_kept(const struct view *view, enum store_db db, const struct store_range *range, store_visit *visit, void *arg) MUST_CHECK;

#endif
