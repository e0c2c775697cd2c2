/*
 * encode.c - base32 and base64url: groups of bits to letters, and back
 *
 * Pure. Any thread. The letters of a secret are looked up in a table: whoever can time that already
 * runs on this machine.
 */
#include "common/base/encode.h"

static const char base32_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
static const char base64url_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void format(const uint8_t *data, size_t size, unsigned bits, const char *letters, char *text)
{
    uint32_t held = 0;
    unsigned n_held = 0;

    for (size_t i = 0; i < size; i++) {
        held = held << 8 | data[i];
        for (n_held += 8; n_held >= bits; n_held -= bits)
            *text++ = letters[held >> (n_held - bits) & ((1u << bits) - 1)];
    }
    if (n_held)
        *text++ = letters[held << (bits - n_held) & ((1u << bits) - 1)];
    *text = '\0';
}

void base32_format(const void *data, size_t size, char *text)
{
    format(data, size, 5, base32_letters, text);
}

void base64url_format(const void *data, size_t size, char *text)
{
    format(data, size, 6, base64url_letters, text);
}

bool base64url_parse(struct slice text, void *out, size_t size)
{
    uint32_t held = 0;
    unsigned n_held = 0;
    uint8_t *at = out;

    if (text.size != BASE64URL_TEXT_SIZE(size) - 1)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const char *letter = text.data[i] ? strchr(base64url_letters, text.data[i]) : NULL;

        if (!letter)
            return false;
        held = held << 6 | (uint32_t)(letter - base64url_letters);
        n_held += 6;
        if (n_held >= 8) {
            n_held -= 8;
            *at++ = (uint8_t)(held >> n_held);
        }
    }
    return (held & ((1u << n_held) - 1)) == 0;
}
