/*
 * cipher.h - secrets that have to be read again, closed with AES-256-GCM
 *
 * What is closed is nonce ‖ tag ‖ ciphertext, with a random nonce each time. Thread-safe, but for a
 * struct cipher.
 */
#ifndef CRM_BASE_CIPHER_H
#define CRM_BASE_CIPHER_H

#include "common/base/slice.h"
#include "common/base/status.h"

#define CIPHER_KEY_SIZE 32
#define CIPHER_OVERHEAD 28 /* nonce and tag */

/* A key for one purpose out of a secret that has several. */
void cipher_key_derive(struct slice secret, const char *purpose, uint8_t out_key[CIPHER_KEY_SIZE]);

/*
 * Close plain into out, which has room for plain.size + CIPHER_OVERHEAD. about is not stored: it says
 * whose secret this is, and only the same opens it. CRM_NO_MEMORY.
 */
enum crm_status cipher_close(const uint8_t key[CIPHER_KEY_SIZE], struct slice about,
                             struct slice plain, uint8_t *out) MUST_CHECK;
/* Open into out, which has room for closed.size - CIPHER_OVERHEAD. CRM_CORRUPT: another key, another
 * about, or changed bytes; out is then wiped. */
enum crm_status cipher_open(const uint8_t key[CIPHER_KEY_SIZE], struct slice about,
                            struct slice closed, uint8_t *out) MUST_CHECK;

/* The same for many values with one key, set up once. One thread at a time. */
struct cipher;
enum crm_status cipher_create(const uint8_t key[CIPHER_KEY_SIZE],
                              struct cipher **out_cipher) MUST_CHECK;
/* The key is overwritten. Accepts NULL. */
void cipher_destroy(struct cipher *cipher);
enum crm_status cipher_close_with(struct cipher *cipher, struct slice about, struct slice plain,
                                  uint8_t *out) MUST_CHECK;
enum crm_status cipher_open_with(struct cipher *cipher, struct slice about, struct slice closed,
                                 uint8_t *out) MUST_CHECK;

#endif
