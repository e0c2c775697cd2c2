/*
 * session.h - who is there: users' passwords, invitations, session tokens; only hashes are stored
 *
 *     credential  'p' ‖ user            → argon2id string
 *                 'i' ‖ SHA-256(code)   → user, expires
 *     session     SHA-256(token)        → user, created, expires, device name
 */
#ifndef CRM_SERVER_SESSION_SESSION_H
#define CRM_SERVER_SESSION_SESSION_H

#include "proto/wire.pb-c.h"
#include "server/engine/core.h"

#define TOKEN_SIZE        32
#define INVITE_CODE_SIZE  27 /* 26 letters and digits, NUL */
#define PASSWORD_MIN      8   /* characters */
#define PASSWORD_MAX      256 /* bytes */

/* A logged-in user, as of login or resumption. Plain data, copied into each request. */
struct session {
    struct uuid user;
    struct uuid team;
    uint32_t rights;      /* bit (1 << enum right) */
    char login[64];
    char name[128];
    char role[64];
    int64_t expires_us;
    uint8_t token_hash[SHA256_SIZE];
};

/* Fill who a user is from the records. CRM_BAD_CREDENTIALS: there is none, or not active. */
enum crm_status session_load(const struct view *view, const struct uuid *user, struct session *out_session) MUST_CHECK;
/* The user with this login. CRM_NOT_FOUND. */
enum crm_status session_find_login(const struct view *view, struct slice login, struct arena *arena, struct uuid *out_user) MUST_CHECK;
/* By token: CRM_NOT_LOGGED_IN, CRM_SESSION_EXPIRED. */
enum crm_status session_resume(const struct view *view, struct slice token, int64_t now_us, struct session *out_session) MUST_CHECK;

/* A session that was open is looked at again: still there, its user active, with which rights? As session_resume. */
enum crm_status session_refresh(const struct view *view, int64_t now_us, struct session *session) MUST_CHECK;

/* A new token for session->user, stored hashed; sets session->token_hash. */
enum crm_status session_open(struct change_group *group, struct session *session, const char *device_name, int64_t expires_us,
                             uint8_t out_token[TOKEN_SIZE]) MUST_CHECK;
enum crm_status session_close(struct change_group *group, const struct session *session) MUST_CHECK;
/* All of a user but the one with this token_hash (NULL: all). */
enum crm_status session_close_others(struct change_group *group, const struct uuid *user, const uint8_t *token_hash) MUST_CHECK;

/* The stored argon2id string of a user, in the arena; CRM_NOT_FOUND. */
enum crm_status credential_load(const struct view *view, const struct uuid *user, struct arena *arena, const char **out_encoded) MUST_CHECK;
enum crm_status credential_store(struct change_group *group, const struct uuid *user, const char *encoded) MUST_CHECK;

/* A code that logs its user in once, with a new password. */
enum crm_status invite_create(struct change_group *group, const struct uuid *user, int64_t expires_us, char out_code[INVITE_CODE_SIZE]) MUST_CHECK;
/* Who a code is for. CRM_BAD_CREDENTIALS for one that does not exist, was used, or has expired. */
enum crm_status invite_find(const struct view *view, const char *code, int64_t now_us, struct uuid *out_user) MUST_CHECK;
enum crm_status invite_use(struct change_group *group, const char *code) MUST_CHECK;

/* --- password.c: slow on purpose, on workers only */

#define PASSWORD_ENCODED_SIZE 128
/* Length and UTF-8; CRM_INVALID says what is asked for. */
enum crm_status password_check_rules(const char *password, struct failure *failure) MUST_CHECK;
/* argon2id, 19 MiB, t = 2, p = 1 (OWASP); CRM_NO_MEMORY. */
enum crm_status password_hash(const char *password, char out_encoded[PASSWORD_ENCODED_SIZE]) MUST_CHECK;
/* encoded NULL: there is no such user; takes the same time and says no. */
bool password_verify(const char *encoded, const char *password);

#endif
