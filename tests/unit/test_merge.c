/*
 * test_merge.c - what comes of a record that two people have changed: by field, by element, by policy
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/model/merge.h"
#include "common/model/reflect.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

struct fixture {
    struct arena arena;
    struct schema *schema;
    const struct kind_def *kind;
    struct slice base, now;
    struct body_patch patch;
    struct merge_result result;
    struct slice merged; /* now with the result's patch */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f || schema_create(&f->schema) != CRM_OK)
        return -1;
    arena_init(&f->arena, 16u << 20);
    f->kind = kind_def(KIND_CUSTOMER);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    schema_unref(f->schema);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static const struct field_def *field(struct fixture *f, const char *name)
{
    const struct field_def *found = schema_field_by_name(f->schema, f->kind, name);

    assert_non_null(found);
    return found;
}

/* "name=Acme", "tags=a", "tags=b": texts only. Ended by NULL. */
static struct slice body(struct fixture *f, const char *const *fields)
{
    struct body_builder builder;
    struct slice built;

    body_builder_init(&builder, &f->arena);
    for (; *fields; fields++) {
        const char *equals = strchr(*fields, '=');
        char name[64];
        struct value value = { .type = FIELD_TEXT, .text = slice_text(equals + 1) };

        snprintf(name, sizeof name, "%.*s", (int)(equals - *fields), *fields);
        body_builder_add(&builder, field(f, name), &value);
    }
    assert_int_equal(body_builder_finish(&builder, &built), CRM_OK);
    return built;
}

#define BODY(f, ...) body((f), (const char *const[]){ __VA_ARGS__, NULL })

static void merge(struct fixture *f)
{
    struct merge_input input = { .schema = f->schema, .kind = f->kind, .base = f->base, .patch = &f->patch, .now = f->now };

    assert_int_equal(merge_patch(&f->arena, &input, &f->result), CRM_OK);
    assert_int_equal(body_apply(f->kind, &f->arena, f->now, &f->result.patch, &f->merged, NULL), CRM_OK);
}

static bool add_text(void *arg, const struct value *value)
{
    char *all = arg;

    strcat(all, all[0] ? "," : "");
    strncat(all, (const char *)value->text.data, value->text.size);
    return true;
}

static void expect(struct fixture *f, const char *name, const char *expected)
{
    struct record record = { .header = { .kind = KIND_CUSTOMER }, .body = f->merged };
    char all[512] = "";

    reflect_each(field(f, name), &record, add_text, all);
    assert_string_equal(all, expected);
}

static void what_only_one_has_changed_is_taken(void **state)
{
    struct fixture *f = *state;

    f->base = BODY(f, "name=Acme");
    f->now = BODY(f, "name=Acme", "web=new.example");
    f->patch.set = BODY(f, "name=Acme Ltd");
    merge(f);
    expect(f, "name", "Acme Ltd");
    expect(f, "web", "new.example");
    assert_int_equal(f->result.merged.n, 0);
    assert_int_equal(f->result.conflicts.n, 0);
}

static void what_both_set_alike_is_no_conflict(void **state)
{
    struct fixture *f = *state;

    f->base = BODY(f, "name=Acme");
    f->now = f->patch.set = BODY(f, "name=Acme Ltd");
    merge(f);
    expect(f, "name", "Acme Ltd");
    assert_int_equal(f->result.conflicts.n, 0);
}

static void what_both_set_differently_stays_and_is_told(void **state)
{
    struct fixture *f = *state;

    f->base = BODY(f, "name=Acme", "web=old.example");
    f->now = BODY(f, "name=Acme Inc", "web=old.example");
    f->patch.set = BODY(f, "name=Acme Ltd", "web=new.example");
    merge(f);
    expect(f, "name", "Acme Inc");
    expect(f, "web", "new.example");
    assert_int_equal(f->result.conflicts.n, 1);
    assert_int_equal(f->result.conflicts.refs[0], field(f, "name")->ref);
    f->merged = f->result.refused;
    expect(f, "name", "Acme Ltd");
    expect(f, "web", "");
}

static void a_field_that_one_clears_and_the_other_sets_is_in_conflict(void **state)
{
    struct fixture *f = *state;
    uint32_t clear = field(f, "web")->ref;

    f->base = BODY(f, "web=old.example");
    f->now = BODY(f, "web=new.example");
    f->patch.clear = &clear;
    f->patch.n_clear = 1;
    merge(f);
    expect(f, "web", "new.example");
    assert_int_equal(f->result.conflicts.n, 1);
}

static void sets_merge_by_element(void **state)
{
    struct fixture *f = *state;

    f->base = BODY(f, "tags=a", "tags=b");
    f->now = BODY(f, "tags=a", "tags=b", "tags=theirs");
    f->patch.set = BODY(f, "tags=b", "tags=mine");
    merge(f);
    expect(f, "tags", "b,theirs,mine");
    assert_int_equal(f->result.merged.n, 1);
    assert_int_equal(f->result.conflicts.n, 0);
}

static void a_set_that_loses_its_last_element_is_empty(void **state)
{
    struct fixture *f = *state;
    uint32_t clear = field(f, "tags")->ref;

    f->base = BODY(f, "tags=a", "tags=b");
    f->now = BODY(f, "tags=a");
    f->patch.clear = &clear;
    f->patch.n_clear = 1;
    merge(f);
    expect(f, "tags", "");
    assert_int_equal(f->result.conflicts.n, 0);
}

static void elements_that_come_and_go_do_so_in_what_is_there_now(void **state)
{
    struct fixture *f = *state;

    f->base = BODY(f, "tags=a", "tags=b");
    f->now = BODY(f, "tags=b", "tags=c");
    f->patch.add = BODY(f, "tags=d");
    f->patch.remove = BODY(f, "tags=b");
    merge(f);
    expect(f, "tags", "c,d");
}

static void texts_to_which_both_append_keep_both(void **state)
{
    struct fixture *f = *state;

    f->kind = kind_def(KIND_ACTIVITY);
    f->base = BODY(f, "text=Met Li.");
    f->now = BODY(f, "text=Met Li. He wants a quote.");
    f->patch.set = BODY(f, "text=Met Li. Call on Monday.");
    merge(f);
    expect(f, "text", "Met Li. He wants a quote.\n Call on Monday.");
    assert_int_equal(f->result.merged.n, 1);
    assert_int_equal(f->result.conflicts.n, 0);
}

/* A copy of a replica has sent the beginning of it. */
static void lines_that_both_append_are_there_once(void **state)
{
    struct fixture *f = *state;

    f->kind = kind_def(KIND_ACTIVITY);
    f->base = BODY(f, "text=Met Li.");
    f->now = BODY(f, "text=Met Li.\nHe calls.\nSent the offer.\nPaid.");
    f->patch.set = BODY(f, "text=Met Li.\nSent the offer.\nPaid.\nAnd a thank-you.");
    merge(f);
    expect(f, "text", "Met Li.\nHe calls.\nSent the offer.\nPaid.\nAnd a thank-you.");
    f->patch.set = BODY(f, "text=Met Li.\nSent the offer.");
    merge(f);
    expect(f, "text", "Met Li.\nHe calls.\nSent the offer.\nPaid.");
    f->patch.set = BODY(f, "text=Met Li.\nPaid.\nSent the offer.");
    merge(f);
    expect(f, "text", "Met Li.\nHe calls.\nSent the offer.\nPaid.\nSent the offer."); /* another order is another text */
}

static void texts_that_both_rewrite_are_in_conflict(void **state)
{
    struct fixture *f = *state;

    f->kind = kind_def(KIND_ACTIVITY);
    f->base = BODY(f, "text=Met Li.");
    f->now = BODY(f, "text=Met Wu.");
    f->patch.set = BODY(f, "text=Met Li and Wu.");
    merge(f);
    expect(f, "text", "Met Wu.");
    assert_int_equal(f->result.conflicts.n, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_only_one_has_changed_is_taken),
        TEST(what_both_set_alike_is_no_conflict),
        TEST(what_both_set_differently_stays_and_is_told),
        TEST(a_field_that_one_clears_and_the_other_sets_is_in_conflict),
        TEST(sets_merge_by_element),
        TEST(a_set_that_loses_its_last_element_is_empty),
        TEST(elements_that_come_and_go_do_so_in_what_is_there_now),
        TEST(texts_to_which_both_append_keep_both),
        TEST(lines_that_both_append_are_there_once),
        TEST(texts_that_both_rewrite_are_in_conflict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
