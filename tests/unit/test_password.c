/*
 * test_password.c - what may be a password, and how it is kept
 */
#include "server_fixture.h"

#include <argon2.h>

#include "common/base/text.h"
#include "server/session/common_passwords.h"

/* In the place of libargon2's, which counts and looks at what it was given. */
static unsigned verifications;
static int last_verification;
int argon2id_verify(const char *encoded, const void *password, const size_t size)
{
    verifications++;
    last_verification = argon2_verify(encoded, password, size, Argon2_id);
    return last_verification;
}

static enum crm_status check(const char *password, struct failure *failure)
{
    const struct slice related[] = { slice_text("amwu"), slice_text("Anna María Wu-Lee"), slice_text("Maven Hardware"), slice_text("张伟民") };

    *failure = (struct failure){ 0 };
    return password_check_rules(password, related, ARRAY_LEN(related), failure);
}

static void asks_for_a_sensible_password(void **state)
{
    static const struct {
        const char *password;
        enum crm_status status;
    } cases[] = {
        { NULL, CRM_INVALID },
        { "", CRM_INVALID },
        { "bx7-qpl", CRM_INVALID },
        { "bx7-qplm", CRM_OK },
        { "天气好明天去钓鱼吧", CRM_OK },
        { "天气好明天去钓", CRM_INVALID },
        { "correct horse", CRM_OK },
        { "bx7-qplm\xff", CRM_INVALID },
        /* repetitions and sequences */
        { "aaaaaaaa", CRM_INVALID },
        { "xyxyxyxyx", CRM_INVALID },
        { "abc!abc!abc!", CRM_INVALID },
        { "密码密码密码密码", CRM_INVALID },
        { "23456789", CRM_INVALID },
        { "hgfedcba", CRM_INVALID },
        { "acegikmo", CRM_INVALID },
        { "abcdefgx", CRM_OK },
        /* common ones, however they are dressed */
        { "password", CRM_INVALID },
        { "PassWord", CRM_INVALID },
        { "ｐａｓｓｗｏｒｄ", CRM_INVALID },
        { "P@ssw0rd", CRM_INVALID },
        { "1qaz2wsx", CRM_INVALID },
        { "qwertyuiop", CRM_INVALID },
        { "19871987", CRM_INVALID },
        { "woaini1314", CRM_INVALID },
        { "Summer2024!", CRM_INVALID },
        { "##Jessica##", CRM_INVALID },
        { "summer of 2024 in Oslo", CRM_OK },
        { "summer-2024-08-17", CRM_OK },
        /* whose it is */
        { "amwu2024", CRM_INVALID },
        { "AnnaMariaWuLee", CRM_OK },
        { "annamariawu-lee", CRM_INVALID },
        { "wu-lee 77", CRM_INVALID },
        { "maría-17", CRM_INVALID },
        { "Hardware!!", CRM_INVALID },
        { "mavenhardware1", CRM_INVALID },
        { "张伟民12345", CRM_INVALID },
        { "hardware of the moon", CRM_OK },
    };
    char longest[PASSWORD_MAX + 2];
    struct failure failure;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (check(cases[i].password, &failure) != cases[i].status)
            print_error("%s: %s\n", cases[i].password, failure.text);
        assert_int_equal(failure.status, cases[i].status);
        assert_string_equal(failure.field, cases[i].status == CRM_OK ? "" : "password");
    }
    for (size_t i = 0; i < sizeof longest; i++)
        longest[i] = (char)('a' + i * i % 23);
    longest[PASSWORD_MAX] = '\0';
    assert_int_equal(check(longest, &failure), CRM_OK);
    longest[PASSWORD_MAX] = 'x';
    longest[PASSWORD_MAX + 1] = '\0';
    assert_int_equal(check(longest, &failure), CRM_INVALID);
}

/* Sorted and folded: else an entry would never be found. */
static void keeps_a_list_that_can_be_searched(void **state)
{
    struct arena arena;
    struct slice folded;

    (void)state;
    arena_init(&arena, 8u << 20);
    assert_true(common_passwords_count > 3000);
    for (size_t i = 0; i < common_passwords_count; i++) {
        assert_true(i == 0 || strcmp(common_passwords[i - 1], common_passwords[i]) < 0);
        assert_true(text_fold(&arena, slice_text(common_passwords[i]), &folded));
        if (!slice_equal(folded, slice_text(common_passwords[i])))
            print_error("not folded: %s\n", common_passwords[i]);
        assert_true(slice_equal(folded, slice_text(common_passwords[i])));
    }
    arena_fini(&arena);
}

static void hashes_with_a_salt_of_its_own(void **state)
{
    char first[PASSWORD_ENCODED_SIZE], second[PASSWORD_ENCODED_SIZE];

    (void)state;
    assert_int_equal(password_hash("correct horse", first), CRM_OK);
    assert_int_equal(password_hash("correct horse", second), CRM_OK);
    assert_string_not_equal(first, second);
    assert_memory_equal(first, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    assert_null(strstr(first, "correct"));
    assert_true(password_verify(first, "correct horse"));
    assert_true(password_verify(second, "correct horse"));
    assert_false(password_verify(first, "correct horsf"));
    assert_false(password_verify(first, ""));
    assert_false(password_verify("none", "correct horse")); /* a damaged row lets nobody in */
}

/* A whole computation of the same cost, not a refusal to read the string. */
static void costs_the_same_for_nobody(void **state)
{
    static const char *const passwords[] = { "correct horse", "", "x" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        verifications = 0;
        assert_false(password_verify(NULL, passwords[i]));
        assert_int_equal(verifications, 1);
        assert_int_equal(last_verification, ARGON2_VERIFY_MISMATCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_a_sensible_password),
        cmocka_unit_test(keeps_a_list_that_can_be_searched),
        cmocka_unit_test(hashes_with_a_salt_of_its_own),
        cmocka_unit_test(costs_the_same_for_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
