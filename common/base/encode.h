/*
 * encode.h - bytes as letters that people and programs pass on: base32 and base64url (RFC 4648), without padding
 */
#ifndef CRM_BASE_ENCODE_H
#define CRM_BASE_ENCODE_H

#include "common/base/slice.h"

/* Room for the letters of so many bytes, with the NUL. */
#define BASE32_TEXT_SIZE(size)    (((size) * 8 + 4) / 5 + 1)
#define BASE64URL_TEXT_SIZE(size) (((size) * 8 + 5) / 6 + 1)

/* Capital letters and 2 to 7, with a NUL. */
void base32_format(const void *data, size_t size, char *text);
void base64url_format(const void *data, size_t size, char *text);
/* Exactly size bytes; false for letters that are none, another length, or bits that are left over and set. */
bool base64url_parse(struct slice text, void *out, size_t size) MUST_CHECK;

#endif
