/*
 * test_base_text.c - UTF-8 refused and accepted, composed, folded, measured, escaped
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "common/base/text.h"

#define BUDGET ((size_t)1 << 20)

static struct arena arena;

static int arena_setup(void **state)
{
    (void)state;
    arena_init(&arena, BUDGET);
    return 0;
}

static int arena_teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static void assert_slice(struct slice actual, const char *expected)
{
    assert_int_equal(actual.size, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.size);
}

static void assert_folds(const char *text, const char *expected)
{
    struct slice folded, again;

    assert_true(text_fold(&arena, slice_text(text), &folded));
    assert_slice(folded, expected);
    assert_true(text_fold(&arena, folded, &again));
    assert_true(slice_equal(folded, again));
}

/* Every code point, alone and behind eight ASCII bytes, is valid unless it is a surrogate or NUL.
 */
static void test_every_code_point(void **state)
{
    (void)state;
    for (int32_t c = 0; c <= 0x10FFFF; c++) {
        uint8_t bytes[16] = "abcdefgh";
        size_t size = (size_t)utf8proc_encode_char(c, bytes + 8);
        bool is_right = c != 0 && (c < 0xD800 || c > 0xDFFF);
        size_t position = 0;

        if (text_is_valid(slice_of(bytes + 8, size)) != is_right ||
            text_is_valid(slice_of(bytes, 8 + size)) != is_right)
            fail_msg("U+%04X", (unsigned)c);
        if (is_right && (text_next(slice_of(bytes + 8, size), &position) != c || position != size))
            fail_msg("U+%04X decoded wrongly", (unsigned)c);
    }
}

static void test_ill_formed(void **state)
{
    static const char *const wrong[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xE0\x80\x80",
        "\xE0\x9F\xBF",
        "\xF0\x80\x80\x80",
        "\xF0\x8F\xBF\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFE",
        "\xFF",
        "\xC3",
        "\xE4\xB8",
        "\xF0\x9F\x98",
        "\xC3(",
        "\xE4\xB8(",
        "\xF0\x9F\x98(",
        "abcdefgh\xFF",
        "abcdefg\x80",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(text_is_valid(slice_text(wrong[i])));
    for (size_t at = 0; at < 20; at++) {
        char text[] = "abcdefghijklmnopqrst";

        text[at] = '\0';
        assert_false(text_is_valid(slice_of(text, 20)));
        assert_int_equal(text_prefix_size(slice_of(text, 20), 20), at);
    }
    assert_true(text_is_valid(slice_of(NULL, 0)));
}

static void test_prefix_ends_between_characters(void **state)
{
    struct slice text = slice_text("ab中é😀");

    (void)state;
    assert_int_equal(text_prefix_size(text, 1), 1);
    assert_int_equal(text_prefix_size(text, 4), 2);
    assert_int_equal(text_prefix_size(text, 5), 5);
    assert_int_equal(text_prefix_size(text, 6), 5);
    assert_int_equal(text_prefix_size(text, 10), 7);
    assert_int_equal(text_prefix_size(text, SIZE_MAX), 11);
}

static void test_normalise(void **state)
{
    struct slice in = slice_text("héllo 张伟 ＡＢＣ");
    struct slice out;

    (void)state;
    assert_true(text_normalise(&arena, in, &out));
    assert_ptr_equal(out.data, in.data);
    assert_true(text_normalise(&arena, slice_text("e\xCC\x81"), &out));
    assert_slice(out, "é");
    assert_true(text_normalise(&arena, slice_text("\xE2\x84\xAB"),
                               &out)); /* the unit Angstrom is the letter Å */
    assert_slice(out, "Å");
    assert_true(text_normalise(&arena, slice_text("か\xE3\x82\x99"), &out));
    assert_slice(out, "が");
    assert_false(text_normalise(&arena, slice_text("\xFF"), &out));
    assert_false(text_normalise(&arena, slice_of("a\0b", 3), &out));
}

/* Each code point that the short way takes for composed is one, also behind a letter. */
static void test_short_way_of_normalise(void **state)
{
    (void)state;
    for (int32_t c = 1; c <= 0xFFFF; c++) {
        uint8_t bytes[8] = "e";
        size_t size = 1 + (size_t)utf8proc_encode_char(c, bytes + 1);
        utf8proc_uint8_t *expected;
        struct slice out;

        if (c >= 0xD800 && c <= 0xDFFF)
            continue;
        arena_reset(&arena);
        bytes[size] = '\0';
        expected = utf8proc_NFC(bytes);
        assert_non_null(expected);
        assert_true(text_normalise(&arena, slice_of(bytes, size), &out));
        if (!slice_equal(out, slice_text((const char *)expected)))
            fail_msg("U+%04X", (unsigned)c);
        free(expected);
    }
}

static void test_fold(void **state)
{
    struct slice out;

    (void)state;
    assert_folds("  Straße ＡＢＣ é", "strasse abc e");
    assert_folds("\t Hello,\r\n  WORLD \x7F", "hello, world");
    assert_folds("", "");
    assert_folds("   ", "");
    assert_folds("　张　伟　", "张 伟");
    assert_folds("ÅNGSTRÖM ﬁ ①", "angstrom fi 1");
    assert_folds("soft\xC2\xADhyphen", "softhyphen");
    assert_folds("ｶﾞｽ", "ガス");
    assert_folds("한국", "한국");
    assert_folds("ЙОД", "иод");
    assert_false(text_fold(&arena, slice_text("abc\xFF"), &out));
}

/* The ASCII way gives what the long way gives: a dropped mark behind the text forces the latter. */
static void test_fold_ways_agree(void **state)
{
    (void)state;
    for (int c = 1; c < 128; c++) {
        char ascii[] = { 'A', (char)c, (char)c, 'b', (char)c, '\0' };
        char marked[16];
        struct slice one, other;

        snprintf(marked, sizeof(marked), "%s\xC2\xAD", ascii);
        assert_true(text_fold(&arena, slice_text(ascii), &one));
        assert_true(text_fold(&arena, slice_text(marked), &other));
        assert_true(slice_equal(one, other));
    }
}

static void test_memory_runs_out(void **state)
{
    struct arena small;
    struct slice out = slice_text("untouched");

    (void)state;
    arena_init(&small, 16);
    assert_false(text_fold(&small, slice_text("a text of more than sixteen bytes"), &out));
    assert_false(text_fold(&small, slice_text("é und ein langer Text"), &out));
    assert_false(text_normalise(&small, slice_text("e\xCC\x81 und ein langer Text"), &out));
    assert_false(text_escape(&small, slice_text("a\nb\nc\nd\ne\nf\ng\nh\n"), &out));
    assert_slice(out, "untouched");
    arena_fini(&small);
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(text_width(slice_text("")), 0);
    assert_int_equal(text_width(slice_text("abc")), 3);
    assert_int_equal(text_width(slice_text("张伟 Li")), 7);
    assert_int_equal(text_width(slice_text("e\xCC\x81")), 1);
    assert_int_equal(text_width(slice_text("ＡＢ")), 4);
    assert_int_equal(text_width(slice_text("a\xFF")), 2);
}

static void test_escape(void **state)
{
    struct slice in = slice_text("plain 张伟 é \\n");
    struct slice out;

    (void)state;
    assert_true(text_escape(&arena, in, &out));
    assert_ptr_equal(out.data, in.data);
    assert_true(text_escape(&arena, slice_text("a\nb\tc\x1b[31m\x7F"), &out));
    assert_slice(out, "a\\nb\\tc\\x1b[31m\\x7f");
    assert_true(text_escape(&arena, slice_text("x\xE2\x80\xAEy\xC2\x9B\xE2\x81\xA6"), &out));
    assert_slice(out, "x\\u202ey\\x9b\\u2066");
    assert_true(text_escape(&arena, slice_text("a\xFF\xE4\xB8"), &out));
    assert_slice(out, "a\\xff\\xe4\\xb8");
}

static void test_cjk(void **state)
{
    (void)state;
    assert_true(text_is_cjk(0x5F20)); /* 张 */
    assert_true(text_is_cjk(0x3042)); /* あ */
    assert_true(text_is_cjk(0xD55C)); /* 한 */
    assert_true(text_is_cjk(0x20000));
    assert_false(text_is_cjk('a'));
    assert_false(text_is_cjk(0x3002)); /* 。 */
    assert_false(text_is_cjk(0xFF0C)); /* ， */
    assert_false(text_is_cjk(-1));
}

static void test_next_ends(void **state)
{
    struct slice text = slice_text("a中");
    size_t position = 0;

    (void)state;
    assert_int_equal(text_next(text, &position), 'a');
    assert_int_equal(text_next(text, &position), 0x4E2D);
    assert_int_equal(text_next(text, &position), -1);
    assert_int_equal(position, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_ill_formed),
        cmocka_unit_test(test_prefix_ends_between_characters),
        cmocka_unit_test_setup_teardown(test_normalise, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(test_short_way_of_normalise, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(test_fold, arena_setup, arena_teardown),
        cmocka_unit_test_setup_teardown(test_fold_ways_agree, arena_setup, arena_teardown),
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_width),
        cmocka_unit_test_setup_teardown(test_escape, arena_setup, arena_teardown),
        cmocka_unit_test(test_cjk),
        cmocka_unit_test(test_next_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
