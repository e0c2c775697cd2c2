/*
 * test_base_status.c - the list of statuses is complete and consistent, and a failure keeps its
 * first sentence, well-formed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* its own; failure.h's is tested here */

#include "common/base/failure.h"
#include "common/base/text.h"

#define STATUS_NUMBER(NAME, number, name, sentence, retry, outcome, exit_code) number,
static const int numbers[] = { CRM_STATUS_LIST(STATUS_NUMBER) };

static void test_rows_are_found_by_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct crm_status_info *info = crm_status_info(numbers[i]);

        assert_int_equal(info->status, numbers[i]);
        assert_true(strlen(info->name) > 0 && strlen(info->sentence) > 0);
        assert_int_equal(info->exit_code == 0, numbers[i] == CRM_OK);
        assert_in_range(info->exit_code, 0, 10);
    }
    assert_int_equal(crm_status_info(CRM_BUSY)->retry, CRM_RETRY_AFTER);
    assert_int_equal(crm_status_info(CRM_UNKNOWN)->outcome, CRM_OUTCOME_UNKNOWN);
    assert_string_equal(crm_status_info(CRM_NOT_FOUND)->name, "not-found");
}

static void test_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(crm_status_info(numbers[i])->name,
                                    crm_status_info(numbers[j])->name);
    }
}

static void test_unknown_number_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(crm_status_info(-1)->status, CRM_FAILED);
    assert_int_equal(crm_status_info((int)ARRAY_LEN(numbers))->status, CRM_FAILED);
    assert_int_equal(crm_status_info(INT32_MAX)->status, CRM_FAILED);
}

static void test_first_failure_stays(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(fail(&failure, CRM_INVALID, "amount", "'%s' is wrong", "x"), CRM_INVALID);
    assert_int_equal(fail(&failure, CRM_IO, "other", "later"), CRM_IO);
    assert_int_equal(failure.status, CRM_INVALID);
    assert_string_equal(failure.field, "amount");
    assert_string_equal(failure.text, "'x' is wrong");
    assert_int_equal(fail(NULL, CRM_IO, NULL, "nobody listens"), CRM_IO);
}

static void test_place_is_kept(void **state)
{
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(fail_at(&failure, CRM_INVALID, 17, "here"), CRM_INVALID);
    assert_int_equal(failure.position, 17);
    assert_string_equal(failure.field, "");
}

static void test_text_is_well_formed(void **state)
{
    struct failure failure = { 0 };
    struct failure longer = { 0 };
    char text[400];

    (void)state;
    (void)fail(&failure, CRM_INVALID, "f\xFF",
               "a\xFF"
               "b\xE4\xB8");
    assert_string_equal(failure.text, "a?b??");
    assert_string_equal(failure.field, "f?");

    /* 254 letters and a character of three bytes: one byte of it would fit. */
    memset(text, 'x', sizeof(text));
    memcpy(text + 254, "中", 4);
    (void)fail(&longer, CRM_INVALID, NULL, "%s", text);
    assert_int_equal(strlen(longer.text), 254);
    assert_true(text_is_valid(slice_text(longer.text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_found_by_number),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_unknown_number_is_a_failure),
        cmocka_unit_test(test_first_failure_stays),
        cmocka_unit_test(test_place_is_kept),
        cmocka_unit_test(test_text_is_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
