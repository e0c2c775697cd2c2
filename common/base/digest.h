/*
 * digest.h - checksums and hashes: CRC32C for stored values, SHA-256 and HMAC for chains, tokens and codes
 *
 * The algorithms are fetched from OpenSSL once (PITFALLS 1.2 item 17). Thread-safe.
 */
#ifndef CRM_BASE_DIGEST_H
#define CRM_BASE_DIGEST_H

#include "common/base/slice.h"

#define SHA256_SIZE 32
#define SHA1_SIZE   20

/* CRC-32C (Castagnoli, RFC 3720 appendix B.4); hardware where the CPU has it. Chain calls by passing the last result; begin with 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* The same by tables, on any CPU: what crc32c falls back to, and what its test compares it with. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

/* SHA-256 of the parts one after the other. Aborts only if OpenSSL has lost its default provider. */
void sha256(const struct slice *parts, size_t n_parts, uint8_t out[SHA256_SIZE]);
void hmac_sha256(struct slice key, const struct slice *parts, size_t n_parts, uint8_t out[SHA256_SIZE]);
/* For the codes of authenticators (RFC 6238), which know nothing newer; for nothing else. */
void hmac_sha1(struct slice key, const struct slice *parts, size_t n_parts, uint8_t out[SHA1_SIZE]);
/* In constant time. */
bool digest_equal(const void *a, const void *b, size_t size);
/* Overwrite a secret so that the compiler cannot leave it out. */
void secret_wipe(void *data, size_t size);

/* Lower-case hex with a NUL; text has room for 2 * size + 1. */
void hex_format(const void *data, size_t size, char *text);
/* Exactly size bytes from 2 * size hex digits. */
bool hex_parse(const char *text, void *out, size_t size) MUST_CHECK;

#endif
