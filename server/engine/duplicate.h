/*
 * duplicate.h - what of a record tells whether it is the same customer or contact as another, for common/match
 *
 * Any thread. Reads records as they are given: what is hidden from who asks is taken out of them before, and so is not compared.
 */
#ifndef CRM_SERVER_ENGINE_DUPLICATE_H
#define CRM_SERVER_ENGINE_DUPLICATE_H

#include "common/match/match.h"
#include "common/model/reflect.h"
#include "common/model/schema.h"

#define DUPLICATE_FIELDS_MAX 64

/* Which fields of a kind are compared, and as what. Borrows the schema's fields. */
struct duplicate_plan {
    enum match_type type;
    size_t n;
    struct {
        const struct field_def *field;
        enum match_field as;
    } fields[DUPLICATE_FIELDS_MAX];
};

/* false: records of this kind are not compared. */
bool duplicate_plan(const struct schema *schema, const struct kind_def *kind, struct duplicate_plan *out_plan);

/* One more record into a set of the plan's type; scratch may be reset afterwards. */
enum crm_status duplicate_add(const struct duplicate_plan *plan, const struct record *record, struct arena *scratch, struct match_set *set) MUST_CHECK;

#endif
