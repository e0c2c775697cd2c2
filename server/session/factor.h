/*
 * factor.h - the second step at login: an authenticator's secret, and recovery codes for the day on which it is lost
 *
 *     credential  't' ‖ user → last time step used, closed secret, SHA-256(user ‖ recovery code) of each that is left
 *                 'n' ‖ user → end, closed secret: a new one that no code has confirmed yet
 *
 * Secrets are closed (cipher.h) with a key out of core's: a row that leaks without the others is of no use. A code works once, a recovery code too. What is
 * typed is checked twice: in a snapshot, together with the password and its throttle, then inside the commit that uses it up.
 */
#ifndef CRM_SERVER_SESSION_FACTOR_H
#define CRM_SERVER_SESSION_FACTOR_H

#include "server/engine/core.h"
#include "server/session/totp.h"

#define FACTOR_RECOVERY_CODES 10
#define FACTOR_RECOVERY_SIZE  20                    /* "abcd-efgh-jkmn-pqrs" with the NUL: 80 bits */
#define FACTOR_BEGUN_US       (INT64_C(900) * 1000000) /* to scan a picture and type a code */

/* What a user has set up. */
struct factor {
    bool in_force;
    unsigned recovery_left;
};

/* Any thread, in its snapshot. */
enum crm_status factor_look(const struct view *view, const struct uuid *user, struct factor *out_factor) MUST_CHECK;

/*
 * May this user go on with this code? CRM_OK also where no factor is in force, whatever was typed. CRM_SECOND_FACTOR: none was typed (NULL or empty).
 * CRM_BAD_CREDENTIALS: a wrong one, or one that was used: to be counted like a wrong password.
 */
enum crm_status factor_check(const struct core *core, const struct view *view, const struct uuid *user, const char *code, int64_t now_us) MUST_CHECK;
/* The same inside the commit: of two that come with one code one wins. */
enum crm_status factor_use(const struct core *core, struct change_group *group, const struct uuid *user, const char *code) MUST_CHECK;

/* A new secret, not in force yet: what is in force stays so. */
enum crm_status factor_begin(const struct core *core, struct change_group *group, const struct uuid *user,
                             uint8_t out_secret[TOTP_SECRET_SIZE]) MUST_CHECK;
/*
 * A code of the new secret puts it in force, with recovery codes that are shown now and never again. CRM_CONFLICT: none was begun, or too long ago;
 * CRM_BAD_CREDENTIALS.
 */
enum crm_status factor_confirm(const struct core *core, struct change_group *group, const struct uuid *user, const char *code,
                               char out_codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_SIZE]) MUST_CHECK;
/* CRM_NOT_FOUND where there is none. */
enum crm_status factor_remove(struct change_group *group, const struct uuid *user) MUST_CHECK;

#endif
