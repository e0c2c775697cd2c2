/*
 * digest.c - SHA-256 and HMAC by OpenSSL, comparing and wiping secrets, hex
 *
 * Called from any thread. SHA-256 of a few hundred bytes is on the way of every write: fetching an
 * algorithm costs ten times the hash itself, so algorithms are fetched once, and each thread keeps
 * a context until it ends.
 */
#include "common/base/digest.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_once_t digest_once = PTHREAD_ONCE_INIT;
static pthread_key_t context_key;
static EVP_MD *sha256_algorithm;
static EVP_MAC *hmac_algorithm;

static _Thread_local EVP_MD_CTX *thread_context;

static void context_free(void *context)
{
    EVP_MD_CTX_free(context);
}

/* A server that cannot hash cannot check a password or write its log: there is nothing to go on
 * with. */
static void require(bool holds)
{
    if (!holds)
        abort();
}

static void digest_init(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    hmac_algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
    require(sha256_algorithm && hmac_algorithm);
    require(pthread_key_create(&context_key, context_free) == 0);
}

/* This thread's context, ready for data. */
static EVP_MD_CTX *context_begin(void)
{
    if (!thread_context) {
        pthread_once(&digest_once, digest_init);
        thread_context = EVP_MD_CTX_new();
        require(thread_context != NULL);
        require(pthread_setspecific(context_key, thread_context) == 0);
        require(EVP_DigestInit_ex2(thread_context, sha256_algorithm, NULL) == 1);
        return thread_context;
    }
    require(EVP_DigestInit_ex2(thread_context, NULL, NULL) == 1);
    return thread_context;
}

void sha256(const struct slice *parts, size_t n_parts, uint8_t out[SHA256_SIZE])
{
    EVP_MD_CTX *context = context_begin();

    for (size_t i = 0; i < n_parts; i++)
        require(EVP_DigestUpdate(context, parts[i].data, parts[i].size) == 1);
    require(EVP_DigestFinal_ex(context, out, NULL) == 1);
}

static void hmac(char *name, struct slice key, const struct slice *parts, size_t n_parts,
                 uint8_t *out, size_t size)
{
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    /* OpenSSL takes a NULL key for "the same as before". */
    const uint8_t *bytes = key.size ? key.data : (const uint8_t *)"";
    EVP_MAC_CTX *context;

    pthread_once(&digest_once, digest_init);
    context = EVP_MAC_CTX_new(hmac_algorithm);
    require(context && EVP_MAC_init(context, bytes, key.size, parameters) == 1);
    for (size_t i = 0; i < n_parts; i++)
        require(EVP_MAC_update(context, parts[i].data, parts[i].size) == 1);
    require(EVP_MAC_final(context, out, NULL, size) == 1);
    EVP_MAC_CTX_free(context);
}

void hmac_sha256(struct slice key, const struct slice *parts, size_t n_parts,
                 uint8_t out[SHA256_SIZE])
{
    static char name[] = "SHA256";

    hmac(name, key, parts, n_parts, out, SHA256_SIZE);
}

void hmac_sha1(struct slice key, const struct slice *parts, size_t n_parts, uint8_t out[SHA1_SIZE])
{
    static char name[] = "SHA1";

    hmac(name, key, parts, n_parts, out, SHA1_SIZE);
}

bool digest_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

void secret_wipe(void *data, size_t size)
{
    OPENSSL_cleanse(data, size);
}

void hex_format(const void *data, size_t size, char *text)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < size; i++) {
        *text++ = "0123456789abcdef"[at[i] >> 4];
        *text++ = "0123456789abcdef"[at[i] & 15];
    }
    *text = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_parse(const char *text, void *out, size_t size)
{
    uint8_t *at = out;

    /* All of it is looked at before out is touched; a NUL is no digit, so this never runs past the
     * end. */
    for (size_t i = 0; i < 2 * size; i++) {
        if (hex_digit(text[i]) < 0)
            return false;
    }
    if (text[2 * size] != '\0')
        return false;
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return true;
}
