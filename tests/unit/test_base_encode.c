/*
 * test_base_encode.c - base32 and base64url by RFC 4648's vectors, and secrets closed with AES-256-GCM
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cipher.h"
#include "common/base/encode.h"
#include "proto/token_text.h"

static void writes_base32(void **state)
{
    static const char *const vectors[][2] = { { "", "" },
                                              { "f", "MY" },
                                              { "fo", "MZXQ" },
                                              { "foo", "MZXW6" },
                                              { "foob", "MZXW6YQ" },
                                              { "fooba", "MZXW6YTB" },
                                              { "foobar", "MZXW6YTBOI" } };
    char text[BASE32_TEXT_SIZE(6)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        base32_format(vectors[i][0], strlen(vectors[i][0]), text);
        assert_string_equal(text, vectors[i][1]);
        assert_int_equal(strlen(text) + 1, BASE32_TEXT_SIZE(strlen(vectors[i][0])));
    }
}

static void writes_and_reads_base64url(void **state)
{
    static const char *const vectors[][2] = {
        { "", "" },           { "f", "Zg" },           { "fo", "Zm8" },          { "foo", "Zm9v" },
        { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" }, { "\xfb\xff", "-_8" },
    };
    char text[BASE64URL_TEXT_SIZE(6)], back[6];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        size_t size = strlen(vectors[i][0]);

        base64url_format(vectors[i][0], size, text);
        assert_string_equal(text, vectors[i][1]);
        assert_int_equal(strlen(text) + 1, BASE64URL_TEXT_SIZE(size));
        assert_true(base64url_parse(slice_text(text), back, size));
        assert_memory_equal(back, vectors[i][0], size);
    }
    assert_false(base64url_parse(slice_text("Zm9v"), back, 2));  /* too long */
    assert_false(base64url_parse(slice_text("Zm9"), back, 3));   /* too short */
    assert_false(base64url_parse(slice_text("Zm+v"), back, 3));  /* of the other alphabet */
    assert_false(base64url_parse(slice_text("Zm9="), back, 2));  /* padded */
    assert_false(base64url_parse(slice_text("Zm9"), back, 2));   /* bits left over */
    assert_false(base64url_parse(slice_of("Zm\0v", 4), back, 3));
    assert_false(base64url_parse(slice_text("Zm\xc3v"), back, 3));
}

static void opens_what_it_closed(void **state)
{
    const struct slice about = slice_text("anna"), plain = slice_text("a secret of 20 bytes");
    uint8_t key[CIPHER_KEY_SIZE], other[CIPHER_KEY_SIZE], out[20];
    uint8_t closed[20 + CIPHER_OVERHEAD], again[sizeof closed];

    (void)state;
    cipher_key_derive(slice_text("master"), "one purpose", key);
    cipher_key_derive(slice_text("master"), "another", other);
    assert_memory_not_equal(key, other, sizeof key);
    assert_int_equal(cipher_close(key, about, plain, closed), CRM_OK);
    assert_int_equal(cipher_close(key, about, plain, again), CRM_OK);
    assert_memory_not_equal(closed, again, 12); /* a nonce of its own */
    assert_memory_not_equal(closed + CIPHER_OVERHEAD, plain.data, plain.size);
    assert_int_equal(cipher_open(key, about, slice_of(closed, sizeof closed), out), CRM_OK);
    assert_memory_equal(out, plain.data, plain.size);

    assert_int_equal(cipher_open(other, about, slice_of(closed, sizeof closed), out), CRM_CORRUPT);
    assert_int_equal(cipher_open(key, slice_text("bert"), slice_of(closed, sizeof closed), out), CRM_CORRUPT);
    assert_memory_equal(out, (char[20]){ 0 }, 20);
    assert_int_equal(cipher_open(key, about, slice_of(closed, sizeof closed - 1), out), CRM_CORRUPT);
    assert_int_equal(cipher_open(key, about, slice_of(closed, CIPHER_OVERHEAD - 1), out), CRM_CORRUPT);
    for (size_t i = 0; i < sizeof closed; i++) {
        closed[i] ^= 1;
        assert_int_equal(cipher_open(key, about, slice_of(closed, sizeof closed), out), CRM_CORRUPT);
        closed[i] ^= 1;
    }
}

/* GCM's published test case 14 (McGrew and Viega): a zero key, nonce and block. */
static void is_aes_256_gcm(void **state)
{
    static const uint8_t key[CIPHER_KEY_SIZE];
    static const uint8_t closed[] = { 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                      0,    0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b,
                                      0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19, 0xce, 0xa7, 0x40, 0x3d, 0x4d,
                                      0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18 };
    uint8_t out[16];

    (void)state;
    assert_int_equal(cipher_open(key, (struct slice){ 0 }, slice_of(closed, sizeof closed), out), CRM_OK);
    assert_memory_equal(out, (char[16]){ 0 }, 16);
}

/* --- API tokens as text */

static void tells_a_typo_from_a_token(void **state)
{
    uint8_t random[API_TOKEN_RANDOM];
    char text[API_TOKEN_TEXT_SIZE];

    (void)state;
    memset(random, 0x5a, sizeof random);
    api_token_format(random, text);
    assert_int_equal(strlen(text), 47);
    assert_memory_equal(text, "crm_", 4);
    assert_true(api_token_is_one(slice_text(text)));
    assert_true(api_token_is_whole(slice_text(text)));
    for (size_t i = 4; i < 47; i++) {
        char right = text[i];

        text[i] = right == 'A' ? 'B' : 'A';
        assert_true(api_token_is_one(slice_text(text)));
        assert_false(api_token_is_whole(slice_text(text)));
        text[i] = right;
    }
    assert_false(api_token_is_whole(slice_of(text, 46)));
    assert_false(api_token_is_whole(slice_of(text, 0)));
    assert_true(api_token_is_one(slice_of(text, 46)));
    /* The random token of a session may begin with anything. */
    assert_false(api_token_is_one(slice_of(text, 32)));
    text[0] = 'C';
    assert_false(api_token_is_one(slice_text(text)));
    assert_false(api_token_is_whole(slice_text(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_base32),        cmocka_unit_test(writes_and_reads_base64url),
        cmocka_unit_test(opens_what_it_closed), cmocka_unit_test(is_aes_256_gcm),
        cmocka_unit_test(tells_a_typo_from_a_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
