/*
 * grant.c - reading a share's row
 */
#include "common/engine/grant.h"

#include "common/base/sealed.h"

bool grant_key_parse(struct slice key, struct uuid *out_root, struct grant *out_grant)
{
    struct grant grant = { .until_us = 0 };

    if (key.size != GRANT_KEY_SIZE || key.data[UUID_SIZE] < GRANT_USER || key.data[UUID_SIZE] > GRANT_SORT_MAX)
        return false;
    memcpy(out_root->bytes, key.data, UUID_SIZE);
    grant.sort = (enum grant_sort)key.data[UUID_SIZE];
    memcpy(grant.principal.bytes, key.data + UUID_SIZE + 1, UUID_SIZE);
    *out_grant = grant;
    return true;
}

enum crm_status grant_decode(struct slice key, struct slice value, struct grant *out_grant)
{
    struct slice content;
    struct uuid root;
    enum crm_status status = sealed_open(value, GRANT_VALUE_SIZE, &content);

    if (status != CRM_OK || !grant_key_parse(key, &root, out_grant))
        return CRM_CORRUPT;
    out_grant->rights = (enum grant_rights)content.data[0];
    memcpy(&out_grant->until_us, content.data + 1, sizeof out_grant->until_us);
    return CRM_OK;
}
