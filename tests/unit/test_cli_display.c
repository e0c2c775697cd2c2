/*
 * test_cli_display.c - what people see: values, languages, columns that line up, the bar of a long
 * run
 */
#include "cli_fixture.h"

#include "client/cli/display.h"
#include "client/cli/progress.h"
#include "client/cli/table.h"
#include "common/base/text.h"

static const char *shown(const struct record *record, const char *name)
{
    const struct field_def *field =
        schema_field_by_name(fixture.schema, kind_def(record->header.kind), name);

    assert_non_null(field);
    return display_field(&fixture, field, record, &fixture.arena);
}

static void test_values(void **state)
{
    struct record deal =
        make_record(KIND_DEAL, "name=a\033[31mred\n\xe2\x80\xaeright", "amount=-1234567.5 USD",
                    "expected_close=2016-11-01", "estimated=yes", NULL);

    (void)state;
    assert_string_equal(shown(&deal, "name"), "a\\x1b[31mred\\n\\u202eright");
    assert_string_equal(shown(&deal, "amount"), "-1,234,567.50 USD");
    assert_string_equal(shown(&deal, "expected_close"), "2016-11-01");
    assert_string_equal(shown(&deal, "number"), "D-17");
    deal.header.created_us = INT64_C(1477963800000000);
    assert_string_equal(shown(&deal, "created"), "2016-11-01 09:30");
    deal.header.number = 0;
    assert_string_equal(shown(&deal, "number"), "000000ab");
}

static void test_languages(void **state)
{
    struct record customer = make_record(KIND_CUSTOMER, "name=A", "status=active", NULL);
    const struct field_def *status = kind_field_by_name(kind_def(KIND_CUSTOMER), "status");

    (void)state;
    assert_string_equal(display_field_label(&fixture, status), "Status");
    assert_string_equal(shown(&customer, "status"), "Active");
    fixture.chinese = true;
    assert_string_equal(display_field_label(&fixture, status), "状态");
    assert_string_equal(shown(&customer, "status"), "活跃");
    assert_string_equal(display_kind_label(&fixture, kind_def(KIND_CUSTOMER), true), "客户");
    fixture.chinese = false;
}

static void test_references(void **state)
{
    struct uuid known = know_title(KIND_CUSTOMER, 4, "Acme\t"), unknown = { { 7 } };

    (void)state;
    unknown.bytes[15] = 0x5c;
    assert_string_equal(display_ref(&fixture, &known, &fixture.arena), "Acme\\t");
    assert_string_equal(display_ref(&fixture, &unknown, &fixture.arena), "0000005c");
    assert_string_equal(display_ref(&fixture, &(struct uuid){ { 0 } }, &fixture.arena), "");
}

static void test_grouped(void **state)
{
    static const struct {
        int64_t number;
        const char *text;
    } rows[] = { { 0, "0" },
                 { 999, "999" },
                 { 1000, "1,000" },
                 { -1000, "-1,000" },
                 { -100, "-100" },
                 { 1234567, "1,234,567" },
                 { INT64_MIN, "-9,223,372,036,854,775,808" } };
    char text[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(cli_grouped(rows[i].number, text), rows[i].text);
}

/* Where the last column begins in each line, in columns of the terminal. */
static void test_table_lines_up(void **state)
{
    static const char *const names[] = { "Acme", "华为技术有限公司", "Zoë Ünal", "①ＡＢ", "" };
    char *text = NULL, *line, *save = NULL;
    size_t size = 0, lines = 0;
    FILE *out = open_memstream(&text, &size);
    struct table *table = table_create(out, false);

    (void)state;
    assert_non_null(table);
    assert_int_equal(table_column(table, "名称", TABLE_TRUNCATE), CRM_OK);
    assert_int_equal(table_column(table, "x", 0), CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(table_row(table, (const char *[]){ names[i], "x" }, 0), CRM_OK);
    assert_int_equal(table_flush(table), CRM_OK);
    table_destroy(table);
    fclose(out);
    for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), lines++) {
        const char *last = strrchr(line, 'x');

        assert_non_null(last);
        assert_int_equal(text_width(slice_of(line, (size_t)(last - line))), 18);
    }
    assert_int_equal(lines, ARRAY_LEN(names) + 1);
    free(text);
}

/* A long table goes out in parts: one heading, no row lost. */
static void test_table_in_parts(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct table *table = table_create(out, false);

    (void)state;
    assert_int_equal(table_column(table, "head", 0), CRM_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(table_row(table, (const char *[]){ "row" }, 0), CRM_OK);
        assert_int_equal(table_flush(table), CRM_OK);
        assert_int_equal(table_rows(table), 0);
    }
    table_destroy(table);
    fclose(out);
    assert_string_equal(text, "head\nrow\nrow\nrow\n");
    free(text);
}

static void test_progress(void **state)
{
    char text[120];

    (void)state;
    progress_text(4200, 8800, 2000000, text);
    assert_string_equal(text, "4,200 of 8,800  47 %  2,100/s  2 s left");
    progress_text(10, 0, 1000000, text);
    assert_string_equal(text, "10  10/s");
    progress_text(0, 10, 5000000, text);
    assert_string_equal(text, "0 of 10");
    progress_text(20, 10, 1000000, text);
    assert_string_equal(text, "20  20/s");
}

/* A bar after a second, ten times in each; without a terminal a line after ten seconds, and in each ten; nothing with --quiet. */
static void test_progress_due(void **state)
{
    struct progress bar = { .is_shown = true, .is_bar = true, .started_us = 5000000 };
    struct progress lines = { .is_shown = true, .started_us = 5000000 };
    const struct progress quiet = { .is_bar = true };

    (void)state;
    assert_false(progress_is_due(&bar, 5999999));
    assert_true(progress_is_due(&bar, 6000000));
    bar.drawn_us = 6000000;
    assert_false(progress_is_due(&bar, 6099999));
    assert_true(progress_is_due(&bar, 6100000));
    assert_false(progress_is_due(&lines, 14999999));
    assert_true(progress_is_due(&lines, 15000000));
    lines.drawn_us = 15000000;
    assert_false(progress_is_due(&lines, 24999999));
    assert_true(progress_is_due(&lines, 25000000));
    assert_false(progress_is_due(&quiet, INT64_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),         cmocka_unit_test(test_languages),
        cmocka_unit_test(test_references),     cmocka_unit_test(test_grouped),
        cmocka_unit_test(test_table_lines_up), cmocka_unit_test(test_table_in_parts),
        cmocka_unit_test(test_progress), cmocka_unit_test(test_progress_due),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
