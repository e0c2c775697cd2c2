/*
 * test_cli_json.c - records as JSON and back again
 */
#include "cli_fixture.h"

#include "client/cli/json.h"

static void assert_json(json_t *take_json, const char *expected)
{
    char *text = json_dumps(take_json, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(take_json);
}

static json_t *field_json(const struct record *record, const char *name)
{
    const struct field_def *field =
        schema_field_by_name(fixture.schema, kind_def(record->header.kind), name);

    assert_non_null(field);
    return json_field(&fixture, field, record);
}

static void test_forms(void **state)
{
    struct record deal =
        make_record(KIND_DEAL, "name=\xe5\x8d\x8e\xe4\xb8\xba \"x\"", "amount=1200.5 USD",
                    "expected_close=2016-11-01", "category=commit", "estimated=no", NULL);

    (void)state;
    assert_json(field_json(&deal, "name"), "\"华为 \\\"x\\\"\"");
    assert_json(field_json(&deal, "amount"), "{\"amount\":\"1200.50\",\"currency\":\"USD\"}");
    assert_json(field_json(&deal, "expected_close"), "\"2016-11-01\"");
    assert_json(field_json(&deal, "category"), "\"commit\"");
    assert_json(field_json(&deal, "estimated"), "false");
    assert_json(field_json(&deal, "closed"), "null");
    assert_json(field_json(&deal, "tags"), "[]");
    assert_json(field_json(&deal, "number"), "\"D-17\"");
    deal.header.created_us = INT64_C(1477963800000000);
    assert_json(field_json(&deal, "created"), "\"2016-11-01T09:30:00+08:00\"");
}

static void test_references(void **state)
{
    struct uuid id = know_title(KIND_CUSTOMER, 4, "Acme");
    char argument[64] = "customer=";
    struct record deal;

    (void)state;
    uuid_format(&id, argument + strlen(argument));
    deal = make_record(KIND_DEAL, "name=a", argument, NULL);
    assert_json(field_json(&deal, "customer"),
                "{\"kind\":\"customer\",\"id\":\"09000000-0000-0000-0000-000000000004\",\"number\":"
                "\"C-4\",\"name\":\"Acme\"}");
}

/* Keys are there whatever the record holds, and the locale changes none of them. */
static void test_keys_are_stable(void **state)
{
    struct record empty = make_record(KIND_DEAL, "name=a", NULL),
                  full = make_record(KIND_DEAL, "name=b", "amount=1 USD", "tags=x", NULL);
    json_t *a = json_record(&fixture, &empty, NULL, 0), *b;
    const char *key;
    json_t *value;

    (void)state;
    fixture.chinese = true;
    b = json_record(&fixture, &full, NULL, 0);
    fixture.chinese = false;
    assert_int_equal(json_object_size(a), json_object_size(b));
    json_object_foreach(a, key, value) assert_non_null(json_object_get(b, key));
    assert_string_equal(json_string_value(json_object_get(a, "kind")), "deal");
    assert_string_equal(json_string_value(json_object_get(a, "number")), "D-17");
    assert_int_equal(json_integer_value(json_object_get(a, "rev")), 3);
    json_decref(a);
    json_decref(b);
}

/* What a record prints makes the same record again. */
static void assert_round_trip(const struct record *record)
{
    json_t *json = json_record(&fixture, record, NULL, 0);
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct change change;

    begin_change(&change, record->header.kind, NULL);
    if (change_json(&change, json, &fixture.failure) != CRM_OK)
        fail_msg("%s: %s", fixture.failure.field, fixture.failure.text);
    assert_int_equal(change_finish(&change, true, &mutation, &fixture.failure), CRM_OK);
    assert_int_equal(mutation.set.len, record->body.size);
    assert_memory_equal(mutation.set.data, record->body.data, record->body.size);
    json_decref(json);
}

static void test_round_trip(void **state)
{
    struct record customer = make_record(
        KIND_CUSTOMER, "name=Acme; Inc", "revenue=1.2亿 CNY", "phones=+49 30 1", "phones=2",
        "status=active", "size=7", "founded=1999-12-31", "note=a\nb", "tags=x;y",
        "addresses={\"kind\":\"office\",\"city\":\"Bonn\",\"latitude\":\"50.7\"}", NULL);
    struct record activity = make_record(KIND_ACTIVITY, "kind=call", "subject=Hello",
                                         "started=2016-11-01T09:30:00+08:00", "duration=5", NULL);
    struct record rate =
        make_record(KIND_EXCHANGE_RATE, "currency=USD", "day=2016-11-01", "rate=6.774312", NULL);
    json_t *json;

    (void)state;
    assert_round_trip(&customer);
    assert_round_trip(&activity);
    assert_round_trip(&rate);
    json = json_record(&fixture, &activity, NULL, 0);
    assert_string_equal(json_string_value(json_object_get(json, "kind")), "activity");
    assert_string_equal(json_string_value(json_object_get(json, "activity_kind")), "call");
    json_decref(json);
}

static enum crm_status read_text(enum kind kind, const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    struct change change;
    enum crm_status status;

    assert_non_null(json);
    begin_change(&change, kind, NULL);
    status = change_json(&change, json, &fixture.failure);
    json_decref(json);
    return status;
}

static void test_refusals(void **state)
{
    (void)state;
    assert_int_equal(read_text(KIND_DEAL, "{\"name\": \"a\", \"tags\": [\"x\"], \"kind\": "
                                          "\"deal\", \"rev\": 9, \"closed\": null}"),
                     CRM_OK);
    assert_int_equal(read_text(KIND_ACTIVITY, "{\"kind\": \"call\"}"), CRM_OK);
    assert_int_equal(read_text(KIND_DEAL, "{\"colour\": 1}"), CRM_INVALID);
    assert_string_equal(fixture.failure.field, "colour");
    assert_int_equal(read_text(KIND_DEAL, "{\"kind\": \"customer\"}"), CRM_INVALID);
    assert_int_equal(read_text(KIND_DEAL, "{\"name\": [\"a\"]}"), CRM_INVALID);
    assert_string_equal(fixture.failure.field, "name");
    assert_int_equal(read_text(KIND_DEAL, "{\"amount\": {\"sum\": 1}}"), CRM_INVALID);
    assert_string_equal(fixture.failure.field, "amount");
    assert_int_equal(
        read_text(KIND_DEAL, "{\"amount\": {\"amount\": \"1\", \"currency\": \"XXQ\"}}"),
        CRM_INVALID);
    assert_int_equal(read_text(KIND_DEAL, "[1]"), CRM_INVALID);
    assert_int_equal(read_text(KIND_CUSTOMER, "{\"addresses\": {\"city\": \"x\"}}"), CRM_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),           cmocka_unit_test(test_references),
        cmocka_unit_test(test_keys_are_stable), cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, cli_setup, cli_teardown);
}
