/*
 * grants.h - the rows of shares, both ways round: by root for the evaluator, by principal for lists
 */
#ifndef CRM_SERVER_ENGINE_GRANTS_H
#define CRM_SERVER_ENGINE_GRANTS_H

#include "common/base/arena.h"
#include "common/engine/grant.h"

/* A row of STORE_GRANT. CRM_CORRUPT. */
enum crm_status grant_decode(struct slice key, struct slice value, struct grant *out_grant) MUST_CHECK;
/* What a principal has on a root now; rights GRANT_NONE where there is no row. wanted says whom. */
enum crm_status grant_load(const struct view *view, const struct uuid *root, const struct grant *wanted, struct grant *out_grant) MUST_CHECK;
/* Give, change or (rights GRANT_NONE) take a grant on a root of a kind. */
enum crm_status grant_store(struct writeset *set, enum kind root_kind, const struct uuid *root, const struct grant *grant, struct arena *arena) MUST_CHECK;
/* The kind of the record that decides over records of a kind, if it is not the record itself. */
enum kind root_kind_of(const struct record_header *header);

#endif
