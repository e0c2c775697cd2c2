/*
 * totp.c - time-based one-time codes
 *
 * Pure: knows no rows and asks no clock. Any thread.
 */
#include "server/session/totp.h"

#include "common/base/encode.h"

uint32_t hotp_code(const uint8_t secret[TOTP_SECRET_SIZE], uint64_t counter)
{
    uint8_t digest[SHA1_SIZE], moving[8] = { 0 };
    const struct slice part = slice_of(moving, sizeof moving);
    uint32_t number;
    unsigned at;

    for (unsigned i = 0; i < sizeof moving; i++)
        moving[i] = (uint8_t)(counter >> (56 - 8 * i));
    hmac_sha1(slice_of(secret, TOTP_SECRET_SIZE), &part, 1, digest);
    at = digest[SHA1_SIZE - 1] & 15;
    number = (uint32_t)(digest[at] & 0x7f) << 24 | (uint32_t)digest[at + 1] << 16 |
             (uint32_t)digest[at + 2] << 8 | digest[at + 3];
    return number % 1000000;
}

/* Exactly six digits, as "123456" or "123 456". */
static bool read_code(const char *text, uint32_t *out_code)
{
    uint32_t code = 0;
    unsigned digits = 0;

    for (; *text; text++) {
        if (*text == ' ')
            continue;
        if (*text < '0' || *text > '9' || digits == TOTP_DIGITS)
            return false;
        code = code * 10 + (uint32_t)(*text - '0');
        digits++;
    }
    *out_code = code;
    return digits == TOTP_DIGITS;
}

bool totp_verify(const uint8_t secret[TOTP_SECRET_SIZE], const char *code, int64_t now_us,
                 int64_t last_step, int64_t *out_step)
{
    int64_t now = now_us / TOTP_STEP_US;
    bool fits = false;
    uint32_t typed;

    if (!read_code(code, &typed))
        return false;
    /* All of them, whichever fits: the time taken says nothing. */
    for (int64_t step = now - TOTP_WINDOW; step <= now + TOTP_WINDOW; step++) {
        uint32_t right = hotp_code(secret, (uint64_t)step);

        if (digest_equal(&right, &typed, sizeof right) && step > last_step) {
            *out_step = step;
            fits = true;
        }
    }
    return fits;
}

/* What a URI may not hold as it is goes as %XX. */
static char *percent_encode(struct arena *arena, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *out = arena_alloc(arena, 3 * strlen(text) + 1), *at = out;

    if (!out)
        return NULL;
    for (; *text; text++) {
        if (strchr(plain, *text)) {
            *at++ = *text;
        } else {
            *at++ = '%';
            *at++ = "0123456789ABCDEF"[(uint8_t)*text >> 4];
            *at++ = "0123456789ABCDEF"[(uint8_t)*text & 15];
        }
    }
    *at = '\0';
    return out;
}

char *totp_uri(struct arena *arena, const char *issuer, const char *login,
               const uint8_t secret[TOTP_SECRET_SIZE])
{
    char letters[BASE32_TEXT_SIZE(TOTP_SECRET_SIZE)];
    char *who = percent_encode(arena, login), *where = percent_encode(arena, issuer), *uri = NULL;

    base32_format(secret, TOTP_SECRET_SIZE, letters);
    if (who && where)
        uri = arena_printf(arena, "otpauth://totp/%s:%s?secret=%s&issuer=%s", where, who, letters,
                           where);
    secret_wipe(letters, sizeof letters);
    return uri;
}
