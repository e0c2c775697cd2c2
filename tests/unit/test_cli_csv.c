/*
 * test_cli_csv.c - CSV read with its lines and limits, and written so that it reads back
 */
#include "cli_fixture.h"

#include "client/cli/csv.h"

/* A file whose content is text. */
static FILE *file_of(const char *text, size_t size)
{
    FILE *file = tmpfile();

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    rewind(file);
    return file;
}

/* All rows as "line:cell|cell\n", or the failure's text. */
static const char *read_all(const char *text, size_t size)
{
    static char out[4096];
    FILE *file = file_of(text, size);
    struct csv_reader *reader = csv_reader_create(file);
    struct failure failure = { 0 };
    size_t used = 0;

    assert_non_null(reader);
    for (;;) {
        const struct slice *cells;
        size_t n, line;

        if (csv_reader_next(reader, &cells, &n, &line, &failure) != CRM_OK) {
            used += (size_t)snprintf(out + used, sizeof(out) - used, "! line %zu: %s", line,
                                     failure.text);
            break;
        }
        if (n == 0)
            break;
        used += (size_t)snprintf(out + used, sizeof(out) - used, "%zu:", line);
        for (size_t i = 0; i < n; i++)
            used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%.*s", i > 0 ? "|" : "",
                                     (int)cells[i].size, cells[i].data);
        used += (size_t)snprintf(out + used, sizeof(out) - used, "\n");
    }
    out[used] = '\0';
    csv_reader_destroy(reader);
    fclose(file);
    return out;
}

static void assert_reads(const char *text, const char *expected)
{
    assert_string_equal(read_all(text, strlen(text)), expected);
}

static void test_rows_and_lines(void **state)
{
    (void)state;
    assert_reads("", "");
    assert_reads("\xef\xbb\xbfname,city\r\nAcme,北京\r\n", "1:name|city\n2:Acme|北京\n");
    assert_reads("a,b\n\n\"x\ny\",2\nlast,3", "1:a|b\n3:x\ny|2\n5:last|3\n");
    assert_reads("a,\"say \"\"hi\"\"\",\n", "1:a|say \"hi\"|\n");
    assert_reads("a\n,\n", "1:a\n2:|\n");
}

static void test_refusals(void **state)
{
    char *text = malloc(200000);

    (void)state;
    assert_non_null(text);
    assert_reads(
        "a,b\nx,5\" pipe\n",
        "1:a|b\n! line 2: a quote stands where none may; a quote within a quoted cell is doubled");
    assert_reads("a,b\nx,\"open\n", "1:a|b\n! line 2: a quoted cell is never closed");
    assert_reads("a\n\xff\n", "1:a\n! line 2: it is not UTF-8");
    assert_string_equal(read_all("a,b\n\xe4\xb8,\xad\n", 9), "1:a|b\n! line 2: it is not UTF-8");
    assert_reads("a\rb\r", "! line 1: lines must end with LF or CR LF, not with CR alone");
    memset(text, 'x', 200000);
    memcpy(text, "a\n\"", 3);
    assert_string_equal(read_all(text, 200000),
                        "1:a\n! line 2: the row is too long; is a quote never closed?");
    memset(text, ',', 200000);
    assert_string_equal(read_all(text, 200000),
                        "! line 1: the row is too long; is a quote never closed?");
    free(text);
}

static void test_cells_are_quoted(void **state)
{
    static const char *const cells[] = {
        "plain", "a,b", "say \"hi\"", "two\nlines", " blank ", ""
    };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    assert_non_null(out);
    for (size_t i = 0; i < ARRAY_LEN(cells); i++)
        csv_cell(out, slice_text(cells[i]), i == 0);
    csv_end(out);
    fclose(out);
    assert_string_equal(text, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\" blank \",\n");
    assert_string_equal(read_all(text, size), "1:plain|a,b|say \"hi\"|two\nlines| blank |\n");
    free(text);
}

/* Every field of a record, written as a cell and read back, gives the same body. */
static void test_fields_round_trip(void **state)
{
    struct record customer = make_record(
        KIND_CUSTOMER, "name=Acme", "revenue=1200.5 EUR", "phones=1;2", "phones=back\\slash",
        "status=active", "founded=1999-12-31", "note=a\nb", "addresses={\"city\":\"Bonn\"}", NULL);
    const struct field_def *field;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;

    (void)state;
    begin_change(&change, KIND_CUSTOMER, NULL);
    for (size_t i = 0; (field = schema_field_at(fixture.schema, kind_def(KIND_CUSTOMER), i)); i++) {
        const char *text = csv_field(&fixture, field, &customer, &fixture.arena);

        assert_non_null(text);
        if (*text && !(field->flags & FIELD_HEADER))
            assert_int_equal(change_list(&change, field, slice_text(text), &fixture.failure),
                             CRM_OK);
    }
    assert_int_equal(change_finish(&change, true, &mutation, &fixture.failure), CRM_OK);
    assert_int_equal(mutation.set.len, customer.body.size);
    assert_memory_equal(mutation.set.data, customer.body.data, customer.body.size);
}

static void test_references_by_number(void **state)
{
    struct uuid id = know_title(KIND_CUSTOMER, 4, "Acme");
    const struct field_def *field = kind_field_by_name(kind_def(KIND_DEAL), "customer");
    char argument[64] = "customer=";
    struct record deal;

    (void)state;
    uuid_format(&id, argument + strlen(argument));
    deal = make_record(KIND_DEAL, "name=a", argument, NULL);
    assert_string_equal(csv_field(&fixture, field, &deal, &fixture.arena), "C-4");
}

/* The real files of the data set read to their end. */
static void test_real_files(void **state)
{
    static const char *const names[] = { "accounts", "products", "sales_pipeline", "sales_teams" };
    static const size_t rows[] = { 86, 8, 8801, 36 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[512];
        FILE *file;
        struct csv_reader *reader;
        struct failure failure = { 0 };
        const struct slice *cells;
        size_t n, line, count = 0;

        snprintf(path, sizeof(path), "%s/maven/%s.csv", CRM_SHARED_DATA, names[i]);
        file = fopen(path, "r");
        if (!file) {
            print_message("%s is absent\n", path);
            skip();
        }
        reader = csv_reader_create(file);
        while (csv_reader_next(reader, &cells, &n, &line, &failure) == CRM_OK && n > 0)
            count++;
        assert_string_equal(failure.text, "");
        assert_int_equal(count, rows[i]);
        csv_reader_destroy(reader);
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_and_lines),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_cells_are_quoted),     cmocka_unit_test(test_fields_round_trip),
        cmocka_unit_test(test_references_by_number), cmocka_unit_test(test_real_files),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
