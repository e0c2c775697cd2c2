/*
 * test_cli_import.c - files become rows with line numbers; days, kinds and names as typed
 */
#include "cli_fixture.h"

#include <unistd.h>

#include "client/cli/import.h"
#include "client/cli/select.h"

/* All rows of a file as "line:name\n", refusals as "line!text\n"; "" and the failure where it
 * cannot be opened. */
static const char *read_all(const char *text)
{
    static char out[2000];
    char path[] = "/tmp/crm-test-XXXXXX";
    int fd = mkstemp(path);
    struct import *import = NULL;
    bool is_end = false;
    size_t used = 0;

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    fixture.failure = (struct failure){ 0 };
    out[0] = '\0';
    if (import_open(&fixture, kind_def(KIND_CUSTOMER), path, &import) == CRM_OK)
        while (!is_end) {
            struct import_row row;
            struct failure failure = { 0 };
            const char *name = "";

            if (import_next(import, &row, &is_end, &failure) != CRM_OK) {
                used += (size_t)snprintf(out + used, sizeof(out) - used, "%zu!%s\n", row.line,
                                         failure.text);
                is_end = import_is_broken(import);
                continue;
            }
            if (is_end)
                break;
            if (row.object)
                name = json_string_value(json_object_get(row.object, "name"));
            else
                name = arena_strndup(&fixture.arena, row.cells[0].data, row.cells[0].size);
            used += (size_t)snprintf(out + used, sizeof(out) - used, "%zu:%s\n", row.line,
                                     name ? name : "-");
        }
    import_close(import);
    remove(path);
    return out;
}

static void test_json_lines(void **state)
{
    (void)state;
    assert_string_equal(read_all("{\"name\":\"a\"}\n\n  \n{\"name\":\"b\"}"), "1:a\n4:b\n");
    assert_string_equal(read_all("\n\n{\"name\":\"a\"}\n"), "3:a\n");
    assert_non_null(
        strstr(read_all("{\"name\":\"a\"}\n{\"name\"\n{\"name\":\"c\"}\n"), "1:a\n2!column"));
    assert_non_null(strstr(read_all("{\"name\":\"a\"}\n{\"name\"\n{\"name\":\"c\"}\n"), "3:c\n"));
    assert_non_null(strstr(read_all("{\"name\":\"a\",\"name\":\"b\"}\n"), "duplicate"));
}

static void test_json_array(void **state)
{
    (void)state;
    assert_string_equal(read_all(" [\n {\"name\":\"a\"},\n {\"name\":\"b\"}\n]\n"), "1:a\n2:b\n");
    assert_string_equal(read_all("[]"), "");
    assert_string_equal(fixture.failure.text, "");
    assert_string_equal(read_all("[\n{\"name\":\n"), "");
    assert_non_null(strstr(fixture.failure.text, "line "));
}

static void test_csv(void **state)
{
    (void)state;
    assert_string_equal(read_all("name,industry,rev\na,b,3\n\"c\nd\",,\n"), "2:a\n3:c\nd\n");
    assert_string_equal(read_all("名称\n华为\n"), "2:华为\n");
    assert_string_equal(read_all("name\na,b\nc\n"), "2!the row has 2 cells, the header 1\n3:c\n");
    assert_string_equal(read_all("name,colour\na,b\n"), "");
    assert_string_equal(fixture.failure.field, "colour");
    assert_string_equal(
        read_all("name\na\"b\nc\n"),
        "2!a quote stands where none may; a quote within a quoted cell is doubled\n");
}

static void test_as_of(void **state)
{
    Crm__AsOf as_of;

    (void)state;
    assert_int_equal(select_as_of(&fixture, "2016", &as_of), CRM_OK);
    assert_true(as_of.has_seq && !as_of.has_time);
    assert_int_equal(as_of.seq, 2016);
    assert_int_equal(select_as_of(&fixture, "2016-11-01", &as_of), CRM_OK);
    assert_true(as_of.has_time && !as_of.has_seq);
    assert_int_equal(as_of.time,
                     INT64_C(1478016000000000) - 1); /* the last moment of the day in Shanghai */
    assert_int_equal(select_as_of(&fixture, "2016-11-01T09:30:00+08:00", &as_of), CRM_OK);
    assert_int_equal(as_of.time, INT64_C(1477963800000000));
    assert_int_not_equal(select_as_of(&fixture, "once upon a time", &as_of), CRM_OK);
    fixture.failure = (struct failure){ 0 };
}

static void test_kinds(void **state)
{
    const struct kind_def *kind;

    (void)state;
    assert_int_equal(select_kind(&fixture, "deals", &kind), CRM_OK);
    assert_int_equal(kind->kind, KIND_DEAL);
    assert_int_equal(select_kind(&fixture, "商机", &kind), CRM_OK);
    assert_int_equal(select_kind(&fixture, "custmers", &kind), CRM_USAGE);
    assert_non_null(strstr(fixture.failure.text, "'customers'"));
    fixture.failure = (struct failure){ 0 };
    assert_int_equal(select_kind(&fixture, "unicorns", &kind), CRM_USAGE);
    assert_null(strstr(fixture.failure.text, "did you mean"));
    fixture.failure = (struct failure){ 0 };
}

/* Of a kind with one record its name is enough; a selector may still follow. */
static void test_single_kind(void **state)
{
    static char command[] = "set", kind[] = "Company", assignment[] = "currency=EUR", name[] = "me";
    struct selection selection = { .selector = NULL };
    int n;

    (void)state;
    assert_int_equal(select_from_arguments(&fixture, 3,
                                           (char *[]){ command, kind, assignment, NULL },
                                           &selection, &n),
                     CRM_OK);
    assert_int_equal(n, 1);
    assert_int_equal(selection.kind->kind, KIND_COMPANY);
    assert_string_equal(selection.selector, "company");
    assert_int_equal(
        select_from_arguments(&fixture, 2, (char *[]){ command, kind, NULL }, &selection, &n),
        CRM_OK);
    assert_int_equal(n, 1);
    assert_string_equal(selection.selector, "company");
    assert_int_equal(
        select_from_arguments(&fixture, 3, (char *[]){ command, kind, name, NULL }, &selection, &n),
        CRM_OK);
    assert_int_equal(n, 2);
    assert_string_equal(selection.selector, "me");
}

static void test_arguments(void **state)
{
    static char command[] = "show", number[] = "D-17", kind[] = "deal", name[] = "Big one";
    struct selection selection = { .selector = NULL };
    int n;

    (void)state;
    assert_int_equal(
        select_from_arguments(&fixture, 2, (char *[]){ command, number, NULL }, &selection, &n),
        CRM_OK);
    assert_int_equal(n, 1);
    assert_null(selection.kind);
    assert_string_equal(selection.selector, "D-17");
    assert_int_equal(
        select_from_arguments(&fixture, 3, (char *[]){ command, kind, name, NULL }, &selection, &n),
        CRM_OK);
    assert_int_equal(n, 2);
    assert_int_equal(selection.kind->kind, KIND_DEAL);
    assert_string_equal(selection.selector, "Big one");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_lines), cmocka_unit_test(test_json_array),
        cmocka_unit_test(test_csv),        cmocka_unit_test(test_as_of),
        cmocka_unit_test(test_kinds),      cmocka_unit_test(test_single_kind),
        cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
