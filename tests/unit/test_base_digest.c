/*
 * test_base_digest.c - published vectors of CRC-32C, SHA-256 and HMAC; parts; threads; hex
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "common/base/digest.h"

/* RFC 3720, appendix B.4, and the check value of the catalogue of CRCs. */
static void test_crc32c_vectors(void **state)
{
    uint8_t bytes[32] = { 0 };

    (void)state;
    assert_int_equal(crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62A8AB43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(crc32c(0, bytes, 32), 0x46DD794E);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(0, bytes, 32), 0x113FDB5C);
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c_portable(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(0, NULL, 0), 0);
}

/* Every size and alignment, in one piece and in two, by the instruction and by the tables. */
static void test_crc32c_forms_agree(void **state)
{
    uint8_t bytes[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 151 + 7);
    for (size_t from = 0; from < 8; from++) {
        for (size_t size = 0; size + from <= sizeof(bytes); size++) {
            uint32_t whole = crc32c(0, bytes + from, size);
            size_t cut = size / 3;

            assert_int_equal(whole, crc32c_portable(0, bytes + from, size));
            assert_int_equal(whole,
                             crc32c(crc32c(0, bytes + from, cut), bytes + from + cut, size - cut));
        }
    }
}

static void assert_hex(const uint8_t *digest, const char *expected)
{
    char text[2 * SHA256_SIZE + 1];

    hex_format(digest, SHA256_SIZE, text);
    assert_string_equal(text, expected);
}

/* FIPS 180-4's examples. */
static void test_sha256_vectors(void **state)
{
    const struct slice parts[] = { slice_text("a"), slice_text(""), slice_text("bc") };
    uint8_t digest[SHA256_SIZE];

    (void)state;
    sha256(NULL, 0, digest);
    assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256(parts, ARRAY_LEN(parts), digest);
    assert_hex(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(
        &(struct slice){
            (const uint8_t *)"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56 },
        1, digest);
    assert_hex(digest, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* RFC 4231, cases 1 and 2, and the empty key. */
static void test_hmac_vectors(void **state)
{
    uint8_t key[20];
    const struct slice parts[] = { slice_text("Hi "), slice_text("There") };
    const struct slice question = slice_text("what do ya want for nothing?");
    uint8_t digest[SHA256_SIZE];

    (void)state;
    memset(key, 0x0B, sizeof(key));
    hmac_sha256(slice_of(key, sizeof(key)), parts, ARRAY_LEN(parts), digest);
    assert_hex(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256(slice_text("Jefe"), &question, 1, digest);
    assert_hex(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_sha256(slice_text(NULL), NULL, 0, digest);
    assert_hex(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 2202, cases 1 and 2. */
static void test_hmac_sha1_vectors(void **state)
{
    const struct slice parts[] = { slice_text("Hi "), slice_text("There") };
    const struct slice question = slice_text("what do ya want for nothing?");
    uint8_t key[20], digest[SHA1_SIZE];
    char text[2 * SHA1_SIZE + 1];

    (void)state;
    memset(key, 0x0B, sizeof(key));
    hmac_sha1(slice_of(key, sizeof(key)), parts, ARRAY_LEN(parts), digest);
    hex_format(digest, sizeof(digest), text);
    assert_string_equal(text, "b617318655057264e28bc0b6fb378c8ef146be00");
    hmac_sha1(slice_text("Jefe"), &question, 1, digest);
    hex_format(digest, sizeof(digest), text);
    assert_string_equal(text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

static void *hash_many(void *out_is_right)
{
    struct slice text = slice_text("abc");
    uint8_t first[SHA256_SIZE], again[SHA256_SIZE];

    sha256(&text, 1, first);
    *(bool *)out_is_right = first[0] == 0xBA;
    for (int i = 0; i < 2000; i++) {
        sha256(&text, 1, again);
        *(bool *)out_is_right &= digest_equal(first, again, SHA256_SIZE);
    }
    return NULL;
}

static void test_threads_hash_apart(void **state)
{
    bool is_right[4] = { false };
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_many, &is_right[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(is_right[i]);
    }
}

static void test_compare_and_wipe(void **state)
{
    char secret[] = "password";

    (void)state;
    assert_true(digest_equal("abc", "abc", 3));
    assert_false(digest_equal("abc", "abd", 3));
    secret_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, (char[sizeof(secret)]){ 0 }, sizeof(secret));
}

static void test_hex(void **state)
{
    uint8_t out[3] = { 9, 9, 9 };
    char text[7];

    (void)state;
    hex_format("\x00\xAB\x7F", 3, text);
    assert_string_equal(text, "00ab7f");
    assert_false(hex_parse("00ab7", out, 3));
    assert_false(hex_parse("00ab7f0", out, 3));
    assert_false(hex_parse("00ab7g", out, 3));
    assert_false(hex_parse("", out, 3));
    assert_int_equal(out[0], 9);
    assert_true(hex_parse("00Ab7F", out, 3));
    assert_memory_equal(out, "\x00\xAB\x7F", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c_vectors),
        cmocka_unit_test(test_crc32c_forms_agree),
        cmocka_unit_test(test_sha256_vectors),
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_hmac_sha1_vectors),
        cmocka_unit_test(test_threads_hash_apart),
        cmocka_unit_test(test_compare_and_wipe),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
