/*
 * cipher.c - AES-256-GCM by OpenSSL
 *
 * Called from any thread. A call for one secret (a login with a second step, a setup: seldom) has a
 * context of its own; a struct cipher keeps one for each direction, in which the key is expanded
 * already: half the cost of a short value.
 */
#include "common/base/cipher.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/digest.h"

#define NONCE_SIZE 12
#define TAG_SIZE   16

struct cipher {
    EVP_CIPHER_CTX *closes, *opens;
};

void cipher_key_derive(struct slice secret, const char *purpose, uint8_t out_key[CIPHER_KEY_SIZE])
{
    const struct slice label = slice_text(purpose);

    _Static_assert(CIPHER_KEY_SIZE == SHA256_SIZE, "one block of HKDF-Expand is the whole key");
    hmac_sha256(secret, &label, 1, out_key);
}

/* A context with the key in it; NULL: no memory. */
static EVP_CIPHER_CTX *context_create(const uint8_t key[CIPHER_KEY_SIZE], bool closes)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

    if (context &&
        EVP_CipherInit_ex2(context, EVP_aes_256_gcm(), key, NULL, closes, NULL) != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

/* Nonce and about go in; what follows is encrypted, or decrypted. */
static bool begin(EVP_CIPHER_CTX *context, const uint8_t *nonce, struct slice about)
{
    int n;

    return EVP_CipherInit_ex2(context, NULL, NULL, nonce, -1, NULL) == 1 &&
           (about.size == 0 ||
            EVP_CipherUpdate(context, NULL, &n, about.data, (int)about.size) == 1);
}

static enum crm_status close_in(EVP_CIPHER_CTX *context, struct slice about, struct slice plain,
                                uint8_t *out)
{
    uint8_t *nonce = out, *tag = out + NONCE_SIZE, *text = tag + TAG_SIZE;
    int n;
    bool ok;

    random_bytes(nonce, NONCE_SIZE);
    ok = context && plain.size < INT_MAX && about.size < INT_MAX &&
         begin(context, nonce, about) &&
         EVP_CipherUpdate(context, text, &n, plain.data, (int)plain.size) == 1 &&
         EVP_CipherFinal_ex(context, text + plain.size, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1;
    return ok ? CRM_OK : CRM_NO_MEMORY;
}

static enum crm_status open_in(EVP_CIPHER_CTX *context, struct slice about, struct slice closed,
                               uint8_t *out)
{
    uint8_t tag[TAG_SIZE];
    size_t size;
    int n;
    bool ok;

    if (closed.size < CIPHER_OVERHEAD || closed.size >= INT_MAX || about.size >= INT_MAX)
        return CRM_CORRUPT;
    if (!context)
        return CRM_NO_MEMORY;
    size = closed.size - CIPHER_OVERHEAD;
    memcpy(tag, closed.data + NONCE_SIZE, sizeof tag);
    ok = begin(context, closed.data, about) &&
         EVP_CipherUpdate(context, out, &n, closed.data + CIPHER_OVERHEAD, (int)size) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
         EVP_CipherFinal_ex(context, out + size, &n) == 1;
    if (!ok)
        secret_wipe(out, size);
    return ok ? CRM_OK : CRM_CORRUPT;
}

enum crm_status cipher_close(const uint8_t key[CIPHER_KEY_SIZE], struct slice about,
                             struct slice plain, uint8_t *out)
{
    EVP_CIPHER_CTX *context = context_create(key, true);
    enum crm_status status = close_in(context, about, plain, out);

    EVP_CIPHER_CTX_free(context);
    return status;
}

enum crm_status cipher_open(const uint8_t key[CIPHER_KEY_SIZE], struct slice about,
                            struct slice closed, uint8_t *out)
{
    EVP_CIPHER_CTX *context = context_create(key, false);
    enum crm_status status = open_in(context, about, closed, out);

    EVP_CIPHER_CTX_free(context);
    return status;
}

enum crm_status cipher_create(const uint8_t key[CIPHER_KEY_SIZE], struct cipher **out_cipher)
{
    struct cipher *cipher = calloc(1, sizeof *cipher);

    if (!cipher)
        return CRM_NO_MEMORY;
    cipher->closes = context_create(key, true);
    cipher->opens = context_create(key, false);
    if (!cipher->closes || !cipher->opens) {
        cipher_destroy(cipher);
        return CRM_NO_MEMORY;
    }
    *out_cipher = cipher;
    return CRM_OK;
}

void cipher_destroy(struct cipher *cipher)
{
    if (!cipher)
        return;
    EVP_CIPHER_CTX_free(cipher->closes); /* overwrites the key */
    EVP_CIPHER_CTX_free(cipher->opens);
    free(cipher);
}

enum crm_status cipher_close_with(struct cipher *cipher, struct slice about, struct slice plain,
                                  uint8_t *out)
{
    return close_in(cipher->closes, about, plain, out);
}

enum crm_status cipher_open_with(struct cipher *cipher, struct slice about, struct slice closed,
                                 uint8_t *out)
{
    return open_in(cipher->opens, about, closed, out);
}
