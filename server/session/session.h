/*
 * session.h - who is there: users, their passwords and invitations, open sessions; only hashes of what lets somebody in are stored
 *
 *     credential  'p' ‖ user            → argon2id string
 *                 'm' ‖ user            → nothing: the user must choose a new password before anything else
 *                 'i' ‖ SHA-256(code)   → user, expires
 *     session     SHA-256(token)        → see session.c
 */
#ifndef CRM_SERVER_SESSION_SESSION_H
#define CRM_SERVER_SESSION_SESSION_H

#include "proto/wire.pb-c.h"
#include "server/engine/access.h"
#include "server/engine/core.h"

#define TOKEN_SIZE        32
#define INVITE_CODE_SIZE  27 /* 26 letters and digits, NUL */
#define SESSION_TOUCH_US  INT64_C(300000000) /* last use is kept no more finely than this */
#define PASSWORD_MIN      8   /* characters */
#define PASSWORD_MAX      256 /* bytes */

/* By what somebody has come in. Stored: never renumbered. */
enum session_how {
    SESSION_BY_PASSWORD = 1,
    SESSION_BY_INVITATION = 2,
    SESSION_BY_TOKEN = 3, /* an API token: has no password to confirm with */
};

/* A logged-in user, as of login or resumption. Copied (session_copy) into each request that outlives its turn. */
struct session {
    struct uuid user;
    struct uuid team;
    struct access *access; /* what the user may see and do; counted */
    uint32_t rights;      /* of access: bit (1 << enum right) */
    char login[64];
    char name[128];
    char role[64];
    struct uuid id;       /* of the session: may be shown, lets nobody in */
    enum session_how how;
    bool offline_encrypted; /* the role: a replica has to be */
    enum crm_status must; /* what has to be done before anything else is answered: CRM_CHANGE_PASSWORD, CRM_ENROL_FACTOR; CRM_OK: nothing */
    int64_t used_us;      /* about: session_touch */
    int64_t expires_us;   /* unless it is used */
    int64_t latest_us;    /* in any case */
    int64_t confirmed_until_us; /* until then the password counts as just given */
    uint8_t token_hash[SHA256_SIZE];
};

/* to is not in use (zeroed, or session_fini was called). */
void session_copy(struct session *to, const struct session *from);
/* Lets go of the access and wipes. Accepts an all-zero session. */
void session_fini(struct session *session);

/* Fill who a user is from the records. CRM_BAD_CREDENTIALS: there is none, or not active. */
enum crm_status session_load(const struct view *view, const struct uuid *user, struct session *out_session) MUST_CHECK;
/* Does the user's role ask for a second factor? */
enum crm_status session_needs_factor(const struct view *view, const struct uuid *user, bool *out_needs) MUST_CHECK;
/* The user with this login. CRM_NOT_FOUND. */
enum crm_status session_find_login(const struct view *view, struct slice login, struct arena *arena, struct uuid *out_user) MUST_CHECK;
/*
 * By token, a session's or an API token: CRM_NOT_LOGGED_IN, CRM_SESSION_EXPIRED; CRM_REVOKED: the session was opened, but its user is none any more: what
 * was kept of the server's data away from it is to be removed.
 */
enum crm_status session_resume(const struct view *view, struct slice token, int64_t now_us, struct session *out_session) MUST_CHECK;

/*
 * A session that was open is looked at again: still there, its user active, with which rights? As session_resume. *out_changed: the user may see or do
 * something else now.
 */
enum crm_status session_refresh(const struct view *view, int64_t now_us, struct session *session, bool *out_changed) MUST_CHECK;

/* How a session begins. */
struct session_opening {
    enum session_how how;
    const char *device_name, *from, *name; /* NULL: none. from: address and program; name: of the API token */
    int64_t lasts_us, idle_us;             /* it ends after so long, and when it was not used for so long */
    int64_t confirmed_us;                  /* so long the password counts as just given */
};

/* A new token for session->user, stored hashed; sets what session tells of the session itself. */
enum crm_status session_open(struct change_group *group, struct session *session, const struct session_opening *opening,
                             uint8_t out_token[TOKEN_SIZE]) MUST_CHECK;
/* It was used at at_us: for SESSION_TOUCH_US nobody need say so again. CRM_NOT_LOGGED_IN, CRM_SESSION_EXPIRED. */
enum crm_status session_touch(struct change_group *group, const uint8_t token_hash[SHA256_SIZE], int64_t at_us, int64_t idle_us) MUST_CHECK;
/* The password was given once more. */
enum crm_status session_confirm(struct change_group *group, const uint8_t token_hash[SHA256_SIZE], int64_t until_us) MUST_CHECK;
bool session_is_confirmed(const struct session *session, int64_t now_us);
enum crm_status session_close(struct change_group *group, const uint8_t token_hash[SHA256_SIZE]) MUST_CHECK;

/* A session as its row tells of it. Texts borrow the row. */
struct session_info {
    struct uuid id, user;
    enum session_how how;
    int64_t created_us, used_us, expires_us, latest_us, confirmed_until_us;
    struct slice device_name, from, name;
};

/* false: enough. */
typedef bool session_visit(void *arg, const uint8_t *token_hash, const struct session_info *info);
/* Every session, also one that has expired and was not swept yet, in no order. */
enum crm_status session_each(const struct view *view, session_visit *visit, void *arg) MUST_CHECK;

/* Those that fit all that is not NULL. */
struct session_choice {
    const struct uuid *user, *id;
    const uint8_t *kept; /* token_hash of one that goes on in any case */
};
enum crm_status session_close_chosen(struct change_group *group, const struct session_choice *choice, unsigned *out_closed) MUST_CHECK;

/* --- credential.c */

/* The stored argon2id string of a user, in the arena; CRM_NOT_FOUND. */
enum crm_status credential_load(const struct view *view, const struct uuid *user, struct arena *arena, const char **out_encoded) MUST_CHECK;
enum crm_status credential_store(struct change_group *group, const struct uuid *user, const char *encoded) MUST_CHECK;

/* The user must choose a new password before anything else is answered; or no longer. */
enum crm_status credential_require_change(struct change_group *group, const struct uuid *user, bool is_required) MUST_CHECK;
enum crm_status credential_must_change(const struct view *view, const struct uuid *user, bool *out_must) MUST_CHECK;

/* A code that logs its user in once, with a new password. */
enum crm_status invite_create(struct change_group *group, const struct uuid *user, int64_t expires_us, char out_code[INVITE_CODE_SIZE]) MUST_CHECK;
/* Who a code is for. CRM_BAD_CREDENTIALS for one that does not exist, was used, or has expired. */
enum crm_status invite_find(const struct view *view, const char *code, int64_t now_us, struct uuid *out_user) MUST_CHECK;
enum crm_status invite_use(struct change_group *group, const char *code) MUST_CHECK;

/* --- password.c: slow on purpose, on workers only */

#define PASSWORD_ENCODED_SIZE 128
/*
 * May this be a password? Length, UTF-8, not what is guessed first: common ones, repetitions, sequences, and what is related to its user (login, name, company;
 * empty slices are none). CRM_INVALID says what is wrong.
 */
enum crm_status password_check_rules(const char *password, const struct slice *related, size_t n_related, struct failure *failure) MUST_CHECK;
/* argon2id, 19 MiB, t = 2, p = 1 (OWASP); CRM_NO_MEMORY. */
enum crm_status password_hash(const char *password, char out_encoded[PASSWORD_ENCODED_SIZE]) MUST_CHECK;
/* encoded NULL: there is no such user; takes the same time and says no. */
bool password_verify(const char *encoded, const char *password);

#endif
