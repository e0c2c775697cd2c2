/*
 * test_cli_first.c - what an answer from the replica and then one from the server need: the estimate of the line, and what is drawn over what
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/cli/line.h"
#include "client/cli/redraw.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROUND_TRIP_US INT64_C(600000)

/*
 * Nothing is known, or only of a faster line: a second, twice doubled where it does not answer, and then from the beginning, as a dead line is not waited for
 * longer and longer.
 */
static void test_line_missed(void **state)
{
    struct line line = { 0 };

    (void)state;
    for (int cycle = 0; cycle < 3; cycle++) {
        assert_int_equal(line_budget_us(&line), line.smoothed_us ? LINE_BUDGET_MIN_US : LINE_BUDGET_FIRST_US);
        line_missed(&line);
        assert_int_equal(line_budget_us(&line), LINE_BUDGET_FIRST_US);
        line_missed(&line);
        assert_int_equal(line_budget_us(&line), 2 * LINE_BUDGET_FIRST_US);
        line_missed(&line);
        assert_int_equal(line_budget_us(&line), 4 * LINE_BUDGET_FIRST_US);
        line_missed(&line);
        line.smoothed_us = 1000; /* from now on */
    }
    line_answered(&line, 3 * ROUND_TRIP_US);
    assert_int_equal(line.missed, 0);
}

/* The first answer takes three round trips at least; the budget is never less, however steady the line. */
static void test_line_steady(void **state)
{
    struct line line = { 0 };

    (void)state;
    for (int i = 0; i < 200; i++) {
        line_answered(&line, 3 * ROUND_TRIP_US);
        assert_true(line_budget_us(&line) >= 3 * ROUND_TRIP_US);
        assert_true(line_budget_us(&line) <= LINE_BUDGET_MAX_US);
    }
    assert_int_equal(line.smoothed_us, 3 * ROUND_TRIP_US);
    assert_true(line_budget_us(&line) < 4 * ROUND_TRIP_US); /* it is known well by now */
    line_missed(&line);
    line_missed(&line);
    assert_true(line_budget_us(&line) >= 6 * ROUND_TRIP_US);
    line_missed(&line);
    assert_int_equal(line_budget_us(&line), LINE_BUDGET_MAX_US);
}

/* As in RFC 6298: an eighth of the new, four times what it varies by. */
static void test_line_smoothed(void **state)
{
    struct line line = { 0 };

    (void)state;
    line_answered(&line, 800000);
    assert_int_equal(line.smoothed_us, 800000);
    assert_int_equal(line.varies_us, 400000);
    assert_int_equal(line_budget_us(&line), 2400000);
    line_answered(&line, 1600000);
    assert_int_equal(line.varies_us, 500000);
    assert_int_equal(line.smoothed_us, 900000);
    assert_int_equal(line_budget_us(&line), 2900000);
    for (int i = 0; i < 500; i++)
        line_answered(&line, 500);
    assert_int_equal(line_budget_us(&line), LINE_BUDGET_MIN_US);
    line_answered(&line, INT64_MAX);
    assert_int_equal(line_budget_us(&line), LINE_BUDGET_MAX_US);
    line_answered(&line, -5);
    assert_true(line.smoothed_us > 0 && line.varies_us > 0);
}

static void put(const char *home, const char *text)
{
    char path[200];
    FILE *file;

    snprintf(path, sizeof path, "%s/line", home);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_line_file(void **state)
{
    static const char *const damaged[] = { "", "17", "17 4", "-1 4 0\n", "100 -4 0", "99999999999999 1 0", "x y z" };
    char home[] = "/tmp/crm-test-XXXXXX", path[200];
    struct line line = { .smoothed_us = 1234567, .varies_us = 89, .missed = 2 }, again;

    (void)state;
    assert_non_null(mkdtemp(home));
    line_read(home, &again);
    assert_int_equal(again.smoothed_us, 0);
    line_write(home, &line);
    line_read(home, &again);
    assert_int_equal(again.smoothed_us, 1234567);
    assert_int_equal(again.varies_us, 89);
    assert_int_equal(again.missed, 2);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        put(home, damaged[i]);
        line_read(home, &again);
        assert_int_equal(again.smoothed_us, 0);
        assert_int_equal(again.missed, 0);
    }
    snprintf(path, sizeof path, "%s/line", home);
    unlink(path);
    rmdir(home);
}

static size_t lines(const char *text, size_t columns)
{
    return redraw_lines(slice_text(text), columns);
}

static void test_lines(void **state)
{
    (void)state;
    assert_int_equal(lines("", 80), 0);
    assert_int_equal(lines("\n", 80), 1);
    assert_int_equal(lines("one\ntwo\n", 80), 2);
    assert_int_equal(lines("12345\n", 5), 1);
    assert_int_equal(lines("123456\n", 5), 2);
    assert_int_equal(lines("12345678901\n", 5), 3);
    assert_int_equal(lines("上海科技\n", 8), 1);
    assert_int_equal(lines("上海科技\n", 7), 2);
    assert_int_equal(lines("\033[1m12345\033[0m\n\033[1m\033[0m\n", 5), 2);
    assert_int_equal(lines("12\033[\n\033\n", 5), 2);
    assert_int_equal(lines("12345678901\n", 0), 1);
}

static struct redraw_plan plan(const char *older, const char *newer, size_t columns, size_t rows, bool has_cursor)
{
    const struct screen screen = { .columns = columns, .rows = rows, .has_cursor = has_cursor };

    return redraw_choose(slice_text(older), slice_text(newer), &screen);
}

static enum redraw choose(const char *older, const char *newer, size_t columns, size_t rows, bool has_cursor)
{
    return plan(older, newer, columns, rows, has_cursor).how;
}

static void test_choose(void **state)
{
    (void)state;
    assert_int_equal(choose("a\nb\n", "a\nb\n", 80, 24, true), REDRAW_NOTHING);
    assert_int_equal(choose("", "", 80, 24, true), REDRAW_NOTHING);
    assert_int_equal(choose("a\nb\n", "a\nc\n", 80, 24, true), REDRAW_OVER);
    assert_int_equal(choose("", "c\n", 80, 24, true), REDRAW_OVER);
    assert_int_equal(choose("a\n", "", 80, 24, true), REDRAW_OVER);
    /* two lines and the one in which the cursor stands need three */
    assert_int_equal(choose("a\nb\n", "c\n", 80, 3, true), REDRAW_OVER);
    assert_int_equal(choose("a\nb\n", "c\n", 80, 2, true), REDRAW_BELOW);
    assert_int_equal(choose("123456\nb\n", "c\n", 5, 3, true), REDRAW_BELOW);
    assert_int_equal(choose("a\n", "c\n", 80, 24, false), REDRAW_BELOW);
    assert_int_equal(choose("a\n", "a\n", 80, 24, false), REDRAW_NOTHING);
}

/* Lines at the beginning that are the same stay; what only comes behind is added, also where the cursor cannot be moved. */
static void test_common(void **state)
{
    struct redraw_plan it = plan("a\nb\nc\n", "a\nB\nc\n", 80, 24, true);

    (void)state;
    assert_int_equal(it.common, 2);
    assert_int_equal(it.up, 2);
    it = plan("1\n2\n3\n4\nb\n", "1\n2\n3\n4\nc\n", 80, 2, true);
    assert_int_equal(it.how, REDRAW_OVER);
    assert_int_equal(it.up, 1);
    it = plan("a\nb\n", "a\nb\nc\n", 80, 2, false);
    assert_int_equal(it.how, REDRAW_OVER);
    assert_int_equal(it.common, 4);
    assert_int_equal(it.up, 0);
    it = plan("ab\n", "ac\n", 80, 24, true); /* whole lines only */
    assert_int_equal(it.common, 0);
    it = plan("a\nb\nc\n", "a\n", 80, 24, true);
    assert_int_equal(it.common, 2);
    assert_int_equal(it.up, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_missed), cmocka_unit_test(test_line_steady), cmocka_unit_test(test_line_smoothed),
        cmocka_unit_test(test_line_file),    cmocka_unit_test(test_lines),       cmocka_unit_test(test_choose), cmocka_unit_test(test_common),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
