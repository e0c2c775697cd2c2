/*
 * grant.h - who else may see or change a record: shares, by access root and principal
 *
 *     grant  root ‖ sort u8 ‖ principal  →  rights u8, until i64
 *
 * Written from the start; asked by the access evaluator.
 */
#ifndef CRM_ENGINE_GRANT_H
#define CRM_ENGINE_GRANT_H

#include "common/base/uuid.h"
#include "common/store/key.h"

/* Part of the format. */
enum grant_sort { GRANT_USER = 1, GRANT_TEAM = 2, GRANT_TEAM_AND_BELOW = 3 };
enum grant_rights { GRANT_NONE = 0, GRANT_READ = 1, GRANT_WRITE = 2 };

struct grant {
    enum grant_sort sort;
    struct uuid principal;
    enum grant_rights rights; /* GRANT_NONE: there is no row */
    int64_t until_us;         /* 0: for good */
};

#define GRANT_VALUE_SIZE 9 /* rights, until */

static inline void grant_key(struct key *key, const struct uuid *root, const struct grant *grant)
{
    key->size = 0;
    key_bytes(key, root->bytes, UUID_SIZE);
    key_u8(key, (uint8_t)grant->sort);
    key_bytes(key, grant->principal.bytes, UUID_SIZE);
}

#endif
