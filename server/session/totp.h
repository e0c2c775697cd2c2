/*
 * totp.h - the codes of an authenticator: RFC 6238 over RFC 4226, SHA-1, six digits, thirty seconds
 *
 * That is what every authenticator speaks; other parameters are ignored by most of them.
 */
#ifndef CRM_SERVER_SESSION_TOTP_H
#define CRM_SERVER_SESSION_TOTP_H

#include "common/base/arena.h"
#include "common/base/digest.h"

#define TOTP_SECRET_SIZE SHA1_SIZE /* as RFC 4226 section 4 recommends */
#define TOTP_DIGITS      6
#define TOTP_STEP_US     INT64_C(30000000)
#define TOTP_WINDOW      1 /* steps before and after now: clocks of telephones are not ours */

/* RFC 4226: the code of a counter, below 10^TOTP_DIGITS. */
uint32_t hotp_code(const uint8_t secret[TOTP_SECRET_SIZE], uint64_t counter);

/*
 * Does a typed code fit a time step of the window that lies after last_step? (No code works twice.)
 * Spaces in it do not count. *out_step is to be the next last_step.
 */
bool totp_verify(const uint8_t secret[TOTP_SECRET_SIZE], const char *code, int64_t now_us,
                 int64_t last_step, int64_t *out_step) MUST_CHECK;

/* "otpauth://totp/…" for a QR code; NULL when memory is spent. */
char *totp_uri(struct arena *arena, const char *issuer, const char *login,
               const uint8_t secret[TOTP_SECRET_SIZE]) MUST_CHECK;

#endif
