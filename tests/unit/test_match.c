/*
 * test_match.c - how names, phones and addresses are made alike, and which pairs are found and why
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/match/normalise.h"
#include "common/match/similar.h"
#include "common/match/words.h"

#include <cmocka.h>

#define BUDGET (1u << 20)

static const char *const part_letters = "nwgfs#crPpmdbk"; /* enum match_part */

/* "n:acme w:acme" */
static void assert_words(enum match_type type, const struct match_value *values, size_t n, const char *wanted)
{
    struct match_words words;
    struct arena arena;
    char told[512] = "";

    arena_init(&arena, BUDGET);
    assert_int_equal(match_normalise(type, values, n, &arena, &words), CRM_OK);
    for (size_t i = 0; i < words.n; i++)
        snprintf(told + strlen(told), sizeof told - strlen(told), "%s%c:%.*s", i ? " " : "", part_letters[words.parts[i]], (int)words.words[i].size,
                 (const char *)words.words[i].data);
    assert_string_equal(told, wanted);
    arena_fini(&arena);
}

static void assert_one(enum match_type type, enum match_field field, const char *text, const char *wanted)
{
    assert_words(type, &(struct match_value){ field, slice_text(text) }, 1, wanted);
}

static void test_names_of_organisations(void **state)
{
    static const char *const rows[][2] = {
        { "ACME, Inc.", "w:acme n:acme" },
        { "The Singer Company N. V.", "w:singer n:singer" },
        { "D.S.M. Intl. Assets B.V.", "w:dsminternationalassets n:dsm n:international n:assets" },
        { "Smith & Sons Ltd", "w:smithsons n:smith n:sons" },
        { "Arnie Morton's", "w:arniemortons n:arnie n:mortons" },
        { "Müller-Lüdenscheidt GmbH", "w:mullerludenscheidt n:muller n:ludenscheidt" },
        { "Ltd", "w:ltd n:ltd" }, /* nothing else is left */
        { "The", "w:the n:the" },
        { "华为技术有限公司", "w:华为技术 n:华为 n:为技 n:技术" },
        { "華為技術股份有限公司", "w:华为技术 n:华为 n:为技 n:技术" },
        { "阿里巴巴（中国）有限公司", "w:阿里巴巴中国 n:阿里 n:里巴 n:巴巴 n:中国" },
        { "ＡＣＭＥ　有限公司", "w:acme n:acme" },
        { "公司", "w:公司 n:公司" },
        { "", "" },
        { "&,.", "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_one(MATCH_ORGANISATION, MATCH_NAME, rows[i][0], rows[i][1]);
}

static void test_names_of_persons(void **state)
{
    const struct match_value han[] = { { MATCH_GIVEN, slice_text("小明") }, { MATCH_FAMILY, slice_text("王") }, { MATCH_NAME, slice_text("王小明") } };
    const struct match_value parts[] = { { MATCH_GIVEN, slice_text("Mary-Ann") }, { MATCH_FAMILY, slice_text("O'Neill") } };

    (void)state;
    assert_one(MATCH_PERSON, MATCH_NAME, "Ada King", "g:ada f:king");
    assert_one(MATCH_PERSON, MATCH_NAME, "King, Ada", "f:king g:ada");
    assert_one(MATCH_PERSON, MATCH_NAME, "王小明", "f:王小明");
    assert_words(MATCH_PERSON, han, ARRAY_LEN(han), "f:王小明");
    assert_words(MATCH_PERSON, parts, ARRAY_LEN(parts), "g:maryann f:oneill");
}

static void test_the_rest(void **state)
{
    (void)state;
    assert_one(MATCH_PERSON, MATCH_PHONE, "+44 20 7946-0018 ext. 12", "p:442079460018");
    assert_one(MATCH_PERSON, MATCH_PHONE, "020 7946 0018", "p:2079460018");
    assert_one(MATCH_PERSON, MATCH_PHONE, "12", "");
    assert_one(MATCH_PERSON, MATCH_MAIL, "Ada+crm@Example.com", "m:ada@example.com d:example.com");
    assert_one(MATCH_PERSON, MATCH_MAIL, "ada@gmail.com", "m:ada@gmail.com");
    assert_one(MATCH_PERSON, MATCH_MAIL, "@", "");
    assert_one(MATCH_ORGANISATION, MATCH_WEB, "https://www.Example.com/about?x", "d:example.com");
    assert_one(MATCH_ORGANISATION, MATCH_WEB, "", "");
    assert_one(MATCH_ORGANISATION, MATCH_ADDRESS, "12 N. Main St., 3rd floor", "#:12 s:north s:main s:street s:3 s:floor");
    assert_one(MATCH_ORGANISATION, MATCH_ADDRESS, "134 E. 32nd Street", "#:134 s:east s:32 s:street");
    assert_one(MATCH_PERSON, MATCH_BIRTH, "1999-02-19", "b:19990219");
    assert_one(MATCH_ORGANISATION, MATCH_KEY, "9131 0000-MA1", "k:91310000ma1");
}

static void test_likeness(void **state)
{
    (void)state;
    assert_true(similar_jaro_winkler(slice_text("martha"), slice_text("marhta")) > 0.960);
    assert_true(similar_jaro_winkler(slice_text("martha"), slice_text("marhta")) < 0.962);
    assert_true(similar_jaro_winkler(slice_text("dixon"), slice_text("dicksonx")) > 0.812);
    assert_true(similar_jaro_winkler(slice_text("dixon"), slice_text("dicksonx")) < 0.814);
    assert_true(similar_jaro_winkler(slice_text("abc"), slice_text("xyz")) <= 0);
    assert_true(similar_jaro_winkler(slice_text(""), slice_text("xyz")) <= 0);
    assert_int_equal(similar_edits(slice_text("kitten"), slice_text("sitting"), 5), 3);
    assert_int_equal(similar_edits(slice_text("ab"), slice_text("ba"), 5), 1);
    assert_int_equal(similar_edits(slice_text("kitten"), slice_text("sitting"), 2), 3);
    assert_true(similar_word(slice_text("on"), slice_text("of")) <= 0);
}

/* --- pairs */

static struct match_set *set_of(enum match_type type, const char *const names[][2], size_t n)
{
    struct match_set *set = match_create(type, 8 * BUDGET);

    assert_non_null(set);
    for (size_t i = 0; i < n; i++) {
        struct match_value values[] = { { MATCH_NAME, slice_text(names[i][0]) }, { MATCH_PHONE, slice_text(names[i][1]) } };

        assert_int_equal(match_add(set, values, *names[i][1] ? 2 : 1), CRM_OK);
    }
    return set;
}

static void test_pairs(void **state)
{
    static const char *const names[][2] = {
        { "Northwind Traders Ltd", "020 7946 0018" }, { "Traders Northwind", "+44 20 7946 0018" }, { "Contoso GmbH", "" }, { "北京字节跳动科技有限公司", "" },
        { "字节跳动科技（北京）", "" }, { "Contosso", "" }, { "Fabrikam", "555 1234 99" },
    };
    struct match_set *set = set_of(MATCH_ORGANISATION, names, ARRAY_LEN(names));
    struct match_reason reasons[MATCH_FIELDS];
    const struct match_pair *pairs;
    const uint32_t contoso = 5;
    size_t n;

    (void)state;
    assert_int_equal(match_find(set, &(struct match_wish){ .min = MATCH_SCORE_LIKELY }, &pairs, &n), CRM_OK);
    assert_int_equal(n, 3);
    assert_int_equal(pairs[0].first, 0);
    assert_int_equal(pairs[0].second, 1);
    assert_true(pairs[0].score > pairs[1].score);
    n = match_explain(set, 0, 1, reasons);
    assert_int_equal(n, 2);
    assert_true(reasons[0].weight >= reasons[1].weight);
    for (size_t i = 0; i < n; i++)
        assert_true(reasons[i].likeness > 0.9f);
    assert_int_equal(match_find(set, &(struct match_wish){ .min = MATCH_SCORE_LIKELY, .max = 1 }, &pairs, &n), CRM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(match_find(set, &(struct match_wish){ .min = MATCH_SCORE_LIKELY, .only = &contoso }, &pairs, &n), CRM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(pairs[0].first, 2);
    assert_int_equal(pairs[0].second, 5);
    match_destroy(set);
}

static bool nobody_waits(void *arg)
{
    (void)arg;
    return false;
}

static void test_ends(void **state)
{
    static const char *const names[][2] = { { "one", "" }, { "other", "" } };
    struct match_set *set = set_of(MATCH_PERSON, names, ARRAY_LEN(names)), *small = match_create(MATCH_PERSON, 1024);
    struct match_value value = { MATCH_NAME, slice_text("somebody else") };
    const struct match_pair *pairs;
    size_t n;

    (void)state;
    assert_int_equal(match_find(set, &(struct match_wish){ .goes_on = nobody_waits }, &pairs, &n), CRM_CANCELLED);
    assert_non_null(small);
    assert_int_equal(match_add(small, &value, 1), CRM_TOO_LARGE);
    match_destroy(small);
    match_destroy(set);
    match_destroy(NULL);
}

static void test_tables_are_sorted(void **state)
{
    (void)state;
    assert_null(words_out_of_order());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_organisations), cmocka_unit_test(test_names_of_persons), cmocka_unit_test(test_the_rest),
        cmocka_unit_test(test_likeness),               cmocka_unit_test(test_pairs),            cmocka_unit_test(test_ends),
        cmocka_unit_test(test_tables_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
