/*
 * test_cli_change.c - field=value to a mutation
 */
#include "cli_fixture.h"

#include "client/cli/display.h"
#include "common/model/reflect.h"

static enum crm_status resolve_known(void *arg, enum kind kind, const char *text,
                                     struct uuid *out_id, struct failure *failure)
{
    (void)arg;
    if (strcmp(text, "Acme") != 0 && strcmp(text, "me") != 0)
        return (fail)(failure, CRM_NOT_FOUND, NULL, "nobody is called %s", text);
    *out_id = (struct uuid){ { (uint8_t)kind } };
    return CRM_OK;
}

/* What change_assign makes of one argument. */
static enum crm_status assign(enum kind kind, const char *argument)
{
    struct change change;

    begin_change(&change, kind, resolve_known);
    return change_assign(&change, argument, &fixture.failure);
}

static const char *shown(const struct record *record, const char *name)
{
    const struct field_def *field =
        schema_field_by_name(fixture.schema, kind_def(record->header.kind), name);

    assert_non_null(field);
    return display_field(&fixture, field, record, &fixture.arena);
}

static void test_values(void **state)
{
    struct record deal;

    (void)state;
    deal = make_record(KIND_DEAL, "name=Renewal", "amount=12k EUR", "expected_close=+30d",
                       "stage=Engaging", "note=@@home", "estimated=yes", NULL);
    assert_string_equal(shown(&deal, "name"), "Renewal");
    assert_string_equal(shown(&deal, "amount"), "12,000.00 EUR");
    assert_string_equal(shown(&deal, "expected_close"), "2016-12-01");
    assert_string_equal(shown(&deal, "note"), "@home");
    assert_string_equal(shown(&deal, "estimated"), "yes");
    assert_string_equal(shown(&deal, "lost_reason"), "");
}

static void test_labels_are_names(void **state)
{
    struct record customer;

    (void)state;
    customer = make_record(KIND_CUSTOMER, "名称=华为", "状态=活跃", "Employees=1200", NULL);
    assert_string_equal(shown(&customer, "name"), "华为");
    assert_string_equal(shown(&customer, "status"), "Active");
    assert_string_equal(shown(&customer, "size"), "1,200");
}

static void test_value_may_hold_anything(void **state)
{
    struct record deal;

    (void)state;
    deal = make_record(KIND_DEAL, "name=a=b+=c", "note==x", NULL);
    assert_string_equal(shown(&deal, "name"), "a=b+=c");
    assert_string_equal(shown(&deal, "note"), "=x");
    assert_true(change_is_assignment("a=b"));
    assert_true(change_is_assignment("a+=b"));
    assert_false(change_is_assignment("D-17"));
    assert_false(change_is_assignment("=b"));
    assert_false(change_is_assignment("+=b"));
}

static void test_lists(void **state)
{
    struct record customer;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;

    (void)state;
    customer = make_record(KIND_CUSTOMER, "name=A", "tags=one", "tags=two", NULL);
    assert_string_equal(shown(&customer, "tags"), "one, two");
    begin_change(&change, KIND_CUSTOMER, NULL);
    assert_int_equal(change_assign(&change, "tags+=three", &fixture.failure), CRM_OK);
    assert_int_equal(change_assign(&change, "tags-=one", &fixture.failure), CRM_OK);
    assert_int_equal(change_assign(&change, "industry=", &fixture.failure), CRM_OK);
    assert_int_equal(change_finish(&change, false, &mutation, &fixture.failure), CRM_OK);
    assert_false(mutation.has_set);
    assert_true(mutation.has_add);
    assert_true(mutation.has_remove);
    assert_int_equal(mutation.n_clear, 1);
    assert_int_equal(mutation.clear[0], 5);
}

static void test_list_text(void **state)
{
    const struct field_def *tags =
        schema_field_by_name(fixture.schema, kind_def(KIND_CUSTOMER), "tags");
    struct record record = { .header = { .kind = KIND_CUSTOMER } };
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;

    (void)state;
    begin_change(&change, KIND_CUSTOMER, NULL);
    assert_int_equal(change_list(&change, tags, slice_text("a; b\\;c;;d\\\\"), &fixture.failure),
                     CRM_OK);
    assert_int_equal(change_finish(&change, true, &mutation, &fixture.failure), CRM_OK);
    record.body = slice_of(mutation.set.data, mutation.set.len);
    assert_string_equal(shown(&record, "tags"), "a, b;c, d\\");
}

static void test_groups(void **state)
{
    struct record customer;

    (void)state;
    customer =
        make_record(KIND_CUSTOMER, "name=A", "addresses={\"kind\": \"office\", \"city\": \"北京\"}",
                    "addresses={\"city\": \"Bonn\"}", NULL);
    assert_string_equal(shown(&customer, "addresses"), "Office 北京; Bonn");
    assert_int_equal(assign(KIND_CUSTOMER, "addresses={\"town\": \"x\"}"), CRM_INVALID);
    assert_string_equal(fixture.failure.field, "addresses");
    assert_int_equal(assign(KIND_CUSTOMER, "addresses=Bonn"), CRM_INVALID);
    assert_int_equal(assign(KIND_CUSTOMER, "addresses=[1]"), CRM_INVALID);
}

static void test_references(void **state)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT, hand_over = CRM__MUTATION__INIT;
    struct change change;

    (void)state;
    assert_int_equal(assign(KIND_DEAL, "customer=Acme"), CRM_OK);
    assert_int_equal(assign(KIND_DEAL, "customer=Nobody"), CRM_NOT_FOUND);
    assert_string_equal(fixture.failure.field, "customer");
    begin_change(&change, KIND_DEAL, resolve_known);
    assert_int_equal(change_assign(&change, "owner=me", &fixture.failure), CRM_OK);
    assert_int_equal(change_finish(&change, true, &mutation, &fixture.failure), CRM_OK);
    assert_true(mutation.has_owner);
    assert_int_equal(mutation.owner.data[0], KIND_USER);
    assert_int_equal(change_finish_assign(&change, &hand_over, &fixture.failure), CRM_OK);
    assert_string_equal(hand_over.action, "assign");
    assert_int_equal(hand_over.verb, CRM__VERB__VERB_ACTION);
}

static void assert_refused(const char *argument, enum crm_status expected, const char *field)
{
    assert_int_equal(assign(KIND_DEAL, argument), expected);
    assert_string_equal(fixture.failure.field, field);
    assert_true(*fixture.failure.text);
}

static void test_refusals(void **state)
{
    struct change change;

    (void)state;
    assert_refused("colour=red", CRM_INVALID, "colour");
    assert_refused("amount=much", CRM_INVALID, "amount");
    assert_refused("amount=1.005 EUR", CRM_INVALID, "amount");
    assert_refused("expected_close=someday", CRM_INVALID, "expected_close");
    assert_refused("name+=x", CRM_INVALID, "name");
    assert_refused("rev=3", CRM_INVALID, "rev");
    assert_refused("category=hopeful", CRM_INVALID, "category");
    assert_refused("nothing", CRM_USAGE, "");
    assert_int_equal(assign(KIND_DEAL, "note=@/nonexistent/file"), CRM_USAGE);
    begin_change(&change, KIND_DEAL, NULL);
    assert_int_equal(change_assign(&change, "name=a", &fixture.failure), CRM_OK);
    assert_int_equal(change_assign(&change, "name=b", &fixture.failure), CRM_INVALID);
}

static void test_file(void **state)
{
    char path[] = "/tmp/crm-test-XXXXXX", argument[64];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    struct record deal;

    (void)state;
    assert_non_null(file);
    fputs("from a file\n", file);
    fclose(file);
    snprintf(argument, sizeof(argument), "name=@%s", path);
    deal = make_record(KIND_DEAL, argument, NULL);
    remove(path);
    assert_string_equal(shown(&deal, "name"), "from a file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_labels_are_names),
        cmocka_unit_test(test_value_may_hold_anything),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_list_text),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
