/*
 * filter_fixture.h - a schema, a fixed day and some saved views to read filters with, and filters
 * as text to compare; for test_filter*.c
 */
#ifndef CRM_TESTS_FILTER_FIXTURE_H
#define CRM_TESTS_FILTER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/calendar.h"
#include "common/base/text.h"
#include "common/model/filter.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#define MEMORY (8u << 20)

static struct arena arena;
static struct schema *schema;
static const struct kind_def *deal;
static struct value_context context;

static inline int setup(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    arena_init(&arena, MEMORY);
    deal = kind_def(KIND_DEAL);
    context = (struct value_context){ .currency = "USD",
                                      .today = day_from_civil((struct civil){ 2016, 11, 15 }) };
    context.now_us = instant_of_day(context.today) + 9 * INT64_C(3600000000);
    return schema_create(&schema) == CRM_OK ? 0 : -1;
}

static inline int teardown(void **state)
{
    (void)state;
    schema_unref(schema);
    arena_fini(&arena);
    return 0;
}

static inline int forget(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static inline struct uuid id_of(uint8_t n)
{
    struct uuid id;

    memset(id.bytes, n, sizeof id.bytes);
    return id;
}

/* Saved views of the tests. */
static inline const char *view_text(void *arg, const char *name)
{
    static const char *const views[][2] = {
        { "won", "stage = Won" },
        { "either", "stage = Won or stage = Lost" },
        { "big", "amount > 10k and @either" },
        { "all", "  " },
        { "loop", "@loop and stage = Won" },
        { "d4", "stage = Won" },
        { "d3", "@d4" },
        { "d2", "@d3" },
        { "d1", "@d2" },
        { "d0", "@d1" },
        { "broken", "stage = Won and stge = Lost" },
        { "my view", "owner = me" },
    };

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(views); i++) {
        if (strcmp(views[i][0], name) == 0)
            return views[i][1];
    }
    return NULL;
}

static inline enum crm_status parse(const struct kind_def *kind, const char *text,
                                    struct filter *out_filter, struct failure *failure)
{
    return filter_parse(schema, kind, text, &context, view_text, NULL, &arena, out_filter, failure);
}

static inline struct filter parsed(const struct kind_def *kind, const char *text)
{
    struct failure failure = { 0 };
    struct filter filter = { 0 };

    if (parse(kind, text, &filter, &failure) != CRM_OK)
        fail_msg("%s: %s (at %d)", text, failure.text, failure.position);
    return filter;
}

/* ---- a filter as text, to compare with */

static inline const char *value_text(const struct filter_node *node, size_t i)
{
    const struct value *value = &node->values[i];

    if (value->special != VALUE_PLAIN)
        return value->special == VALUE_ME ? "<me>" : "<my team>";
    if (node->folded)
        return arena_strndup(&arena, node->folded[i].data, node->folded[i].size);
    if (value->type == FIELD_TEXT)
        return arena_printf(&arena, "?%.*s", (int)value->text.size, (const char *)value->text.data);
    if (node->field->type == FIELD_REFERENCE || node->field->type == FIELD_ID)
        return arena_printf(&arena, "#%02x", value->ref.bytes[0]);
    if (node->field->type == FIELD_MONEY)
        return arena_printf(&arena, "%lld%s%s", (long long)value->integer, value->currency,
                            value->has_company ? "*" : "");
    if (node->field->type == FIELD_DATE) {
        char day[DAY_TEXT_SIZE];

        day_format((int32_t)value->integer, day);
        return arena_strdup(&arena, day);
    }
    if (node->field->type == FIELD_INSTANT) {
        char instant[INSTANT_TEXT_SIZE];

        instant_format(value->integer, instant);
        return arena_strdup(&arena, instant);
    }
    if (node->field->type == FIELD_CHOICE)
        return choice_by_number(node->field, (int)value->integer)->name;
    return arena_printf(&arena, "%lld", (long long)value->integer);
}

static inline const char *dump(const struct filter *filter)
{
    static const char *const ops[] = {
        [FILTER_EQ] = "=",         [FILTER_LT] = "<",      [FILTER_LE] = "<=",
        [FILTER_GT] = ">",         [FILTER_GE] = ">=",     [FILTER_CONTAINS] = "~",
        [FILTER_EMPTY] = " empty", [FILTER_AND] = "AND",   [FILTER_OR] = "OR",
        [FILTER_NOT] = "NOT",      [FILTER_TRUE] = "TRUE",
    };
    const char *text = "";

    for (size_t i = 0; i < filter->n; i++) {
        const struct filter_node *node = &filter->nodes[i];

        text = arena_printf(&arena, "%s%s%s%s%s%s", text, i > 0 ? "; " : "",
                            node->through ? node->through->name : "", node->through ? "." : "",
                            node->field ? node->field->name : "", ops[node->op]);
        for (size_t j = 0; j < node->n_values; j++)
            text = arena_printf(&arena, "%s%s%s", text, j > 0 ? "|" : "", value_text(node, j));
        assert_non_null(text);
    }
    return text;
}

#endif
