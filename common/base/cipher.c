/*
 * cipher.c - AES-256-GCM by OpenSSL
 *
 * Called from any thread, seldom: a login with a second step, a setup. Each call has a context of
 * its own.
 */
#include "common/base/cipher.h"

#include <limits.h>
#include <openssl/evp.h>

#include "common/base/clock.h"
#include "common/base/digest.h"

#define NONCE_SIZE 12
#define TAG_SIZE   16

void cipher_key_derive(struct slice secret, const char *purpose, uint8_t out_key[CIPHER_KEY_SIZE])
{
    const struct slice label = slice_text(purpose);

    _Static_assert(CIPHER_KEY_SIZE == SHA256_SIZE, "one block of HKDF-Expand is the whole key");
    hmac_sha256(secret, &label, 1, out_key);
}

/* Key, nonce and about go in; what follows is encrypted, or decrypted. */
static bool begin(EVP_CIPHER_CTX *context, bool closes, const uint8_t *key, const uint8_t *nonce,
                  struct slice about)
{
    int n;

    return EVP_CipherInit_ex2(context, EVP_aes_256_gcm(), key, nonce, closes, NULL) == 1 &&
           (about.size == 0 ||
            EVP_CipherUpdate(context, NULL, &n, about.data, (int)about.size) == 1);
}

enum crm_status cipher_close(const uint8_t key[CIPHER_KEY_SIZE], struct slice about,
                             struct slice plain, uint8_t *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    uint8_t *nonce = out, *tag = out + NONCE_SIZE, *text = tag + TAG_SIZE;
    int n;
    bool ok;

    random_bytes(nonce, NONCE_SIZE);
    ok = context && plain.size < INT_MAX && about.size < INT_MAX &&
         begin(context, true, key, nonce, about) &&
         EVP_CipherUpdate(context, text, &n, plain.data, (int)plain.size) == 1 &&
         EVP_CipherFinal_ex(context, text + plain.size, &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok ? CRM_OK : CRM_NO_MEMORY;
}

enum crm_status cipher_open(const uint8_t key[CIPHER_KEY_SIZE], struct slice about,
                            struct slice closed, uint8_t *out)
{
    EVP_CIPHER_CTX *context;
    uint8_t tag[TAG_SIZE];
    size_t size;
    int n;
    bool ok;

    if (closed.size < CIPHER_OVERHEAD || closed.size >= INT_MAX || about.size >= INT_MAX)
        return CRM_CORRUPT;
    size = closed.size - CIPHER_OVERHEAD;
    memcpy(tag, closed.data + NONCE_SIZE, sizeof tag);
    context = EVP_CIPHER_CTX_new();
    if (!context)
        return CRM_NO_MEMORY;
    ok = begin(context, false, key, closed.data, about) &&
         EVP_CipherUpdate(context, out, &n, closed.data + CIPHER_OVERHEAD, (int)size) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
         EVP_CipherFinal_ex(context, out + size, &n) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!ok)
        secret_wipe(out, size);
    return ok ? CRM_OK : CRM_CORRUPT;
}
