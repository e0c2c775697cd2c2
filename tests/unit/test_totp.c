/*
 * test_totp.c - codes of an authenticator: the vectors of RFC 4226 and RFC 6238, the window, and that a code works once
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/session/totp.h"

static const uint8_t secret[TOTP_SECRET_SIZE] = "12345678901234567890";

/* RFC 4226, appendix D. */
static void counts_as_rfc_4226(void **state)
{
    static const uint32_t codes[] = { 755224, 287082, 359152, 969429, 338314,
                                      254676, 287922, 162583, 399871, 520489 };

    (void)state;
    for (uint64_t counter = 0; counter < ARRAY_LEN(codes); counter++)
        assert_int_equal(hotp_code(secret, counter), codes[counter]);
}

/* RFC 6238, appendix B, SHA-1: the last six of its eight digits. */
static const struct {
    int64_t seconds;
    const char *code;
} vectors[] = {
    { 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
    { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
};

static void keeps_time_as_rfc_6238(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        int64_t step = -1;

        assert_true(totp_verify(secret, vectors[i].code, vectors[i].seconds * 1000000, 0, &step));
        assert_int_equal(step, vectors[i].seconds / 30);
    }
}

static bool fits(const char *code, int64_t seconds, int64_t last_step)
{
    int64_t step;

    return totp_verify(secret, code, seconds * 1000000, last_step, &step);
}

static void takes_one_step_before_and_after(void **state)
{
    const int64_t step = 41152263; /* of 1234567890 */

    (void)state;
    assert_true(fits("005924", (step - 1) * 30, 0));
    assert_true(fits("005924", (step + 1) * 30 + 29, 0));
    assert_false(fits("005924", (step - 1) * 30 - 1, 0));
    assert_false(fits("005924", (step + 2) * 30, 0));
}

static void takes_no_code_twice(void **state)
{
    const int64_t now = 1234567890, step = now / 30;

    (void)state;
    assert_true(fits("005924", now, step - 1));
    assert_false(fits("005924", now, step));
    assert_false(fits("005924", now, step + 1)); /* nor one that is older than the last */
}

static void reads_what_people_type(void **state)
{
    static const char *const wrong[] = { "",        "5924",     "00592",   "0059240", "005 92x",
                                         "-05924",  "+05924",   "0x5924",  "005925",  "005924\n",
                                         "005.924", "00592\xc3" };

    (void)state;
    assert_true(fits("005 924", 1234567890, 0));
    assert_true(fits(" 005924 ", 1234567890, 0));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(fits(wrong[i], 1234567890, 0));
}

static void writes_a_uri(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 65536);
    assert_string_equal(totp_uri(&arena, "Acme & Co", "anna", secret),
                        "otpauth://totp/Acme%20%26%20Co:anna?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                        "&issuer=Acme%20%26%20Co");
    assert_string_equal(totp_uri(&arena, "公司", "a:b", secret),
                        "otpauth://totp/%E5%85%AC%E5%8F%B8:a%3Ab?secret="
                        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=%E5%85%AC%E5%8F%B8");
    arena_fini(&arena);
    arena_init(&arena, 0);
    assert_null(totp_uri(&arena, "a", "b", secret));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_as_rfc_4226),        cmocka_unit_test(keeps_time_as_rfc_6238),
        cmocka_unit_test(takes_one_step_before_and_after), cmocka_unit_test(takes_no_code_twice),
        cmocka_unit_test(reads_what_people_type),    cmocka_unit_test(writes_a_uri),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
