/*
 * grant.h - who else may see or change a record: shares, by access root and principal
 *
 *     grant  root ‖ sort u8 ‖ principal  →  rights u8, until i64
 *     child  principal ‖ kind u8 of root ‖ GRANT_REF + sort ‖ root        the same the other way round: what is shared with somebody
 *
 * Asked by the access evaluator.
 */
#ifndef CRM_ENGINE_GRANT_H
#define CRM_ENGINE_GRANT_H

#include "common/engine/index.h"

/* Part of the format. */
enum grant_sort {
    GRANT_USER = 1,
    GRANT_TEAM = 2,
    GRANT_TEAM_AND_BELOW = 3,
    GRANT_MEMBER = 4, /* a user too, by being in the team of a deal: comes and goes with that, beside what is shared by hand */
};
#define GRANT_SORT_MAX 4
enum grant_rights { GRANT_NONE = 0, GRANT_READ = 1, GRANT_WRITE = 2 };

struct grant {
    enum grant_sort sort;
    struct uuid principal;
    enum grant_rights rights; /* GRANT_NONE: there is no row */
    int64_t until_us;         /* 0: for good */
};

#define GRANT_REF 810u /* behind the header's field references: those of a child key that tell a share from a reference */

#define GRANT_VALUE_SIZE 9 /* rights, until */
#define GRANT_KEY_SIZE   (2 * UUID_SIZE + 1)

/* A row of STORE_GRANT. CRM_CORRUPT. */
enum crm_status grant_decode(struct slice key, struct slice value, struct grant *out_grant) MUST_CHECK;
/* A key of STORE_GRANT, or the same part of a due key. false: it is none. */
bool grant_key_parse(struct slice key, struct uuid *out_root, struct grant *out_grant);

static inline void grant_key(struct key *key, const struct uuid *root, const struct grant *grant)
{
    key->size = 0;
    key_bytes(key, root->bytes, UUID_SIZE);
    key_u8(key, (uint8_t)grant->sort);
    key_bytes(key, grant->principal.bytes, UUID_SIZE);
}

/* What is shared with a principal: the part of a child key before the root's id. */
static inline void shared_prefix(struct key *key, const struct uuid *principal, enum kind kind, enum grant_sort sort)
{
    child_prefix(key, principal, kind, GRANT_REF + (uint32_t)sort);
}

#endif
