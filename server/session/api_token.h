/*
 * api_token.h - API tokens: a user's keys for scripts, named, expiring, narrowed to a role where that is asked for
 *
 *     credential  'a' ‖ SHA-256(token) → see api_token.c
 *
 * A token stands in the hello where a session's token would: there is no login and no row of a session. It acts as its user, with what both the user's role and
 * its own give, and has no password to confirm with. It outlives a change of the password; with its user it ends.
 */
#ifndef CRM_SERVER_SESSION_API_TOKEN_H
#define CRM_SERVER_SESSION_API_TOKEN_H

#include "proto/token_text.h"
#include "server/engine/core.h"

#define API_TOKEN_NAME_MAX  64  /* bytes */
#define API_TOKENS_MAX      100 /* of one user */
#define API_TOKEN_LASTS_US  (90 * INT64_C(86400000000))  /* unless somebody says otherwise */
#define API_TOKEN_LATEST_US (366 * INT64_C(86400000000)) /* at most: a year */
#define API_TOKEN_KEPT_US   (30 * INT64_C(86400000000))  /* listed as expired, before it is swept */

/* A row. */
struct api_token {
    struct uuid id; /* may be shown, lets nobody in */
    struct uuid user;
    struct uuid role; /* it may do what both the user and this role may; nil: what the user may */
    int64_t created_us, expires_us;
    int64_t used_us; /* about; 0: never */
    char name[API_TOKEN_NAME_MAX + 1];
    uint8_t hash[SHA256_SIZE];
};

/* By the hash of what was given. CRM_NOT_LOGGED_IN: none, or revoked; CRM_SESSION_EXPIRED. */
enum crm_status api_token_find(const struct view *view, const uint8_t hash[SHA256_SIZE], int64_t now_us, struct api_token *out_token) MUST_CHECK;

/* false: enough. */
typedef bool api_token_visit(void *arg, const struct api_token *token);
/* Each of a user, or (NULL) of all, also expired ones; in no order. */
enum crm_status api_token_each(const struct view *view, const struct uuid *user, api_token_visit *visit, void *arg) MUST_CHECK;

/*
 * Make one for user, role, name and expires_us, which the caller has filled in; id, created_us and hash are set. CRM_EXISTS: the user has one of this name that
 * has not expired; CRM_TOO_LARGE: or API_TOKENS_MAX.
 */
enum crm_status api_token_create(struct change_group *group, struct api_token *token, char out_text[API_TOKEN_TEXT_SIZE]) MUST_CHECK;
/* It was used just now. */
enum crm_status api_token_touch(struct change_group *group, const uint8_t hash[SHA256_SIZE]) MUST_CHECK;
/* For good. The caller sees to it that its connections hear of it (ends_sessions). */
enum crm_status api_token_revoke(struct change_group *group, const struct api_token *token) MUST_CHECK;

#endif
