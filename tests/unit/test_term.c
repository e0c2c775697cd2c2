/*
 * test_term.c - the words of a record, and what a query finds by them
 */
#include <stdio.h>

#include "common/model/term.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;
static struct schema *schema;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 4u << 20);
    return schema_create(&schema) == CRM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    schema_unref(schema);
    arena_fini(&arena);
    return 0;
}

static const struct kind_def *customer(void)
{
    return kind_def(KIND_CUSTOMER);
}

static struct term_list terms_of(const char *name, const char *phone, const char *email)
{
    const char *texts[] = { name, phone, email }, *fields[] = { "name", "phones", "emails" };
    struct body_builder builder;
    struct record record = { 0 };
    struct term_list list;

    body_builder_init(&builder, &arena);
    for (size_t i = 0; i < 3; i++) {
        struct value value = { .type = FIELD_TEXT, .text = slice_text(texts[i]) };

        if (texts[i])
            body_builder_add(&builder, kind_field_by_name(customer(), fields[i]), &value);
    }
    assert_int_equal(body_builder_finish(&builder, &record.body), CRM_OK);
    assert_int_equal(term_extract(schema, customer(), &record, &arena, &list), CRM_OK);
    return list;
}

static bool has(const struct term_list *list, const char *term)
{
    for (size_t i = 0; i < list->n; i++) {
        if (slice_equal(slice_of(list->terms[i].data, list->terms[i].size), slice_text(term)))
            return true;
    }
    return false;
}

static bool one_matches(const struct term_list *list, const struct term *term, bool is_prefix)
{
    struct slice wanted = slice_of(term->data, term->size);

    for (size_t i = 0; term->size && i < list->n; i++) {
        struct slice have = slice_of(list->terms[i].data, list->terms[i].size);

        if (is_prefix ? slice_has_prefix(have, wanted) : slice_equal(have, wanted))
            return true;
    }
    return false;
}

/* As the engine's search does: all terms, each in one of its two forms. */
static bool finds(const char *query, const struct term_list *list)
{
    struct term alternative[16];
    struct term_query parsed;

    assert_int_equal(term_query_parse(slice_text(query), &arena, &parsed, alternative, NULL),
                     CRM_OK);
    for (size_t i = 0; i < parsed.n; i++) {
        if (!one_matches(list, &parsed.terms[i], parsed.is_prefix[i]) &&
            !one_matches(list, &alternative[i], true))
            return false;
    }
    return true;
}

static void words_are_folded(void **state)
{
    struct term_list list = terms_of("Straße ＡＢＣ-Müller & Søn 24", NULL, "Anna.Li@acme.example");

    (void)state;
    assert_true(has(&list, "wstrasse"));
    assert_true(has(&list, "wabc"));
    assert_true(has(&list, "wmuller"));
    assert_true(has(&list, "w24"));
    assert_true(has(&list, "wanna"));
    assert_true(has(&list, "wacme"));
    assert_false(has(&list, "w"));
    for (size_t i = 1; i < list.n; i++)
        assert_true(slice_compare(slice_of(list.terms[i - 1].data, list.terms[i - 1].size),
                                  slice_of(list.terms[i].data, list.terms[i].size)) < 0);
}

static void chinese_is_cut_into_pairs(void **state)
{
    struct term_list list = terms_of("华为技术2部", NULL, NULL);

    (void)state;
    assert_true(has(&list, "c华为"));
    assert_true(has(&list, "c为技"));
    assert_true(has(&list, "c技术"));
    assert_true(has(&list, "c术"));
    assert_true(has(&list, "w2"));
    assert_true(has(&list, "c部"));
    assert_int_equal(list.n, 6);
}

static void phones_are_kept_by_their_ending(void **state)
{
    struct term_list list = terms_of("x", "010-1234-5678 转 801", NULL);

    (void)state;
    assert_true(has(&list, "p87654321010"));
    list = terms_of("x", "12", NULL);
    assert_int_equal(list.n, 1);
}

static void queries_find_what_people_expect(void **state)
{
    struct term_list huawei = terms_of("华为技术 Huawei Technologies", "+86 138 0013 8000", NULL);
    struct term_list berlin = terms_of("Müller GmbH", "+49 (30) 1234567", "info@mueller.example");

    (void)state;
    assert_true(finds("华为", &huawei));
    assert_true(finds("华", &huawei));
    assert_true(finds("术", &huawei));
    assert_true(finds("为技术", &huawei));
    assert_true(finds("huawei tech", &huawei));
    assert_true(finds("技术 HUA", &huawei));
    assert_true(finds("8000", &huawei));
    assert_true(finds("13800138000", &huawei));
    assert_true(finds("138-0013-8000", &huawei));
    assert_true(finds("+86 13800138000", &huawei));
    assert_true(finds("008613800138000", &huawei));
    assert_false(finds("华技", &huawei));
    assert_false(finds("hua tech", &huawei)); /* only the last word may be unfinished */
    assert_false(finds("8001", &huawei));
    assert_false(finds("13800138001", &huawei));
    assert_true(finds("muller", &berlin));
    assert_true(finds("MÜLL", &berlin));
    assert_true(finds("030 1234567", &berlin));
    assert_true(finds("info@mueller", &berlin));
    assert_false(finds("华", &berlin));
}

static void terms_are_bounded(void **state)
{
    char many[2000], longest[200];
    struct term_list list;
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 150; i++)
        used += (size_t)snprintf(many + used, sizeof many - used, "word%03d ", i);
    list = terms_of(many, "13800138000", NULL);
    assert_int_equal(list.n, TERMS_MAX);

    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    list = terms_of(longest, NULL, NULL);
    assert_int_equal(list.n, 1);
    assert_int_equal(list.terms[0].size, TERM_SIZE_MAX);
    assert_true(finds(longest, &list));
    assert_true(finds(longest + 190, &list));

    list = terms_of("same Same SAME", NULL, NULL);
    assert_int_equal(list.n, 1);
}

static void what_cannot_be_searched_is_refused(void **state)
{
    static const char *const bad[] = { "", "   ", "!?-", "。，" };
    struct term alternative[16];
    struct term_query query;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct failure failure = { 0 };

        assert_int_equal(
            term_query_parse(slice_text(bad[i]), &arena, &query, alternative, &failure),
            CRM_INVALID);
        assert_string_equal(failure.field, "text");
    }
    assert_int_equal(term_query_parse(slice_text("\xff"), &arena, &query, alternative, NULL),
                     CRM_INVALID);
}

static void long_queries_keep_their_first_terms(void **state)
{
    struct term alternative[16];
    struct term_query query;

    (void)state;
    assert_int_equal(
        term_query_parse(slice_text("a b c d e f g h i j k l m n o p q r s t 1234 5678"), &arena,
                         &query, alternative, NULL),
        CRM_OK);
    assert_int_equal(query.n, 16);
    assert_int_equal(
        term_query_parse(slice_text("这是一个很长很长很长的查询语句不会越界的一二三四五六七"),
                         &arena, &query, alternative, NULL),
        CRM_OK);
    assert_int_equal(query.n, 16);
    assert_int_equal(term_query_parse(slice_text("部门 7788"), &arena, &query, alternative, NULL),
                     CRM_OK);
    assert_int_equal(query.n, 2);
    assert_int_equal(alternative[0].size, 0);
    assert_memory_equal(alternative[1].data, "p8877", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_folded),
        cmocka_unit_test(chinese_is_cut_into_pairs),
        cmocka_unit_test(phones_are_kept_by_their_ending),
        cmocka_unit_test(queries_find_what_people_expect),
        cmocka_unit_test(terms_are_bounded),
        cmocka_unit_test(what_cannot_be_searched_is_refused),
        cmocka_unit_test(long_queries_keep_their_first_terms),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
