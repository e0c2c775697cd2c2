/*
 * test_custom_fields.c - field definitions, and custom values in validation, filters, sort and history
 */
#include "server_fixture.h"

#include "common/engine/list.h"
#include "server/engine/log.h"

static struct uuid define(struct server *s, const char *name, const char *type)
{
    struct uuid id;

    server_create(s, KIND_FIELD_DEFINITION, &id, "kind=deal", arena_printf(&s->arena, "name=%s", name),
                  arena_printf(&s->arena, "type=%s", type));
    return id;
}

static uint64_t number_of(struct server *s, const struct uuid *definition)
{
    return (uint64_t)server_value(s, KIND_FIELD_DEFINITION, definition, "number").integer;
}

/* --- definitions */

static void numbers_fields_once(void **state)
{
    struct server *s = *state;
    struct uuid a = define(s, "a", "text"), b = define(s, "b", "text"), other;

    assert_int_equal(number_of(s, &a), 1);
    assert_int_equal(number_of(s, &b), 2);
    assert_field(s, KIND_FIELD_DEFINITION, &a, "qualified", "deal.a");
    server_create(s, KIND_FIELD_DEFINITION, &other, "kind=customers", "name=a", "type=text");
    assert_field(s, KIND_FIELD_DEFINITION, &other, "kind", "customer");
    assert_int_equal(number_of(s, &other), 1); /* each kind counts for itself */

    server_delete(s, KIND_FIELD_DEFINITION, &b);
    b = define(s, "c", "text");
    assert_int_equal(number_of(s, &b), 3); /* a number that was given stays given */
}

static void refuses_what_cannot_be_a_field(void **state)
{
    static const struct {
        const char *texts[4], *field;
        enum crm_status status;
    } cases[] = {
        { { "kind=starship", "name=a", "type=text" }, "kind", CRM_INVALID },
        { { "kind=deal", "name=A b", "type=text" }, "name", CRM_INVALID },
        { { "kind=deal", "name=1a", "type=text" }, "name", CRM_INVALID },
        { { "kind=deal", "name=_a", "type=text" }, "name", CRM_INVALID },
        { { "kind=deal", "name=empty", "type=text" }, "name", CRM_INVALID }, /* a word of filters */
        { { "kind=deal", "name=me", "type=text" }, "name", CRM_INVALID },
        { { "kind=deal", "name=amount", "type=text" }, "name", CRM_EXISTS },
        { { "kind=deal", "name=zone", "type=text" }, "name", CRM_EXISTS },
        { { "kind=deal", "name=region", "type=text" }, "name", CRM_EXISTS }, /* another one's label */
        { { "kind=deal", "name=other", "type=text", "label=Zone" }, "label", CRM_EXISTS },
        { { "kind=deal", "name=a" }, "type", CRM_INVALID },
        { { "kind=deal", "name=a", "type=choice" }, "choices", CRM_INVALID },
        { { "kind=deal", "name=a", "type=money", "merge=last" }, "merge", CRM_INVALID },
        { { "kind=deal", "name=a", "type=text", "merge=max" }, "merge", CRM_INVALID },
        { { "kind=deal", "name=a", "type=multi_choice" }, "choices", CRM_INVALID },
        { { "kind=deal", "name=a", "type=reference" }, "ref_kind", CRM_INVALID },
        { { "kind=deal", "name=a", "type=reference", "ref_kind=starship" }, "ref_kind", CRM_INVALID },
        { { "kind=deal", "name=a", "type=text", "ref_kind=starship" }, "ref_kind", CRM_INVALID },
        { { "kind=deal", "name=a", "type=text", "number=7" }, "number", CRM_INVALID },
    };
    struct server *s = *state;
    struct uuid id;

    server_create(s, KIND_FIELD_DEFINITION, &id, "kind=deal", "name=zone", "type=text", "label=Region");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const *t = cases[i].texts;
        Crm__Mutation *mutation = server_creation(s, KIND_FIELD_DEFINITION, &id, t[0], t[1], t[2], t[3], NULL);

        if (strcmp(cases[i].field, "label") == 0) { /* allowed or refused: what matters is that the schema still loads */
            (void)server_run(s, mutation);
            continue;
        }
        if (server_run(s, mutation) != cases[i].status || strcmp(s->failure.field, cases[i].field) != 0)
            fail_msg("%s %s: '%s': %s", t[1], t[2], s->failure.field, s->failure.text);
    }
}

/* A definition that the schema does not take would keep the server from starting. */
static void takes_back_only_what_the_schema_takes(void **state)
{
    struct server *s = *state;
    struct uuid a = define(s, "a", "text"), b;

    server_change(s, KIND_FIELD_DEFINITION, &a, "label=zone");
    server_delete(s, KIND_FIELD_DEFINITION, &a);
    b = define(s, "zone", "text");
    server_refuses(s, server_restoration(s, KIND_FIELD_DEFINITION, &a), CRM_EXISTS, "name");
    server_change(s, KIND_FIELD_DEFINITION, &b, "name=area");
    server_restore(s, KIND_FIELD_DEFINITION, &a);
    server_refuses(s, server_patch(s, KIND_FIELD_DEFINITION, &b, "name=zone", NULL), CRM_EXISTS, "name");
}

static void keeps_kind_and_type(void **state)
{
    struct server *s = *state;
    struct uuid a = define(s, "a", "text");

    server_refuses(s, server_patch(s, KIND_FIELD_DEFINITION, &a, "type=date", NULL), CRM_INVALID, "type");
    server_refuses(s, server_patch(s, KIND_FIELD_DEFINITION, &a, "kind=customer", NULL), CRM_INVALID, "type");
    server_change(s, KIND_FIELD_DEFINITION, &a, "label=Alpha");
    assert_int_equal(number_of(s, &a), 1);
}

static void bounds_the_fields_of_a_kind(void **state)
{
    struct server *s = *state;
    struct uuid id;

    for (int i = 0; i < CUSTOM_FIELDS_MAX; i++)
        define(s, arena_printf(&s->arena, "f%d", i), "text");
    server_refuses(s, server_creation(s, KIND_FIELD_DEFINITION, &id, "kind=deal", "name=more", "type=text", NULL), CRM_INVALID, "kind");
    server_create(s, KIND_FIELD_DEFINITION, &id, "kind=customer", "name=more", "type=text");
}

/* --- values */

static void checks_values_by_their_type(void **state)
{
    struct server *s = *state;
    struct uuid deal, id, customer, nobody = uuid_create();
    Crm__Deal message = CRM__DEAL__INIT;
    Crm__CustomValue value = CRM__CUSTOM_VALUE__INIT, *values[] = { &value };
    Crm__Mutation *patch;

    define(s, "zone", "text");
    server_create(s, KIND_FIELD_DEFINITION, &id, "kind=deal", "name=mood", "type=choice", "choices=good", "choices=bad");
    server_create(s, KIND_FIELD_DEFINITION, &id, "kind=deal", "name=partner", "type=reference", "ref_kind=customer");
    server_create(s, KIND_FIELD_DEFINITION, &id, "kind=deal", "name=moods", "type=multi_choice", "choices=good", "choices=bad");
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_DEAL, &deal, "name=D", "zone=North", "mood=good", "moods=bad", "moods=good", server_ref(s, "partner", &customer));
    assert_field(s, KIND_DEAL, &deal, "zone", "North");
    assert_field(s, KIND_DEAL, &deal, "moods", "bad,good");

    message.custom = values;
    message.n_custom = 1;
    value.has_number = true;
    value.number = 1;
    patch = server_patch(s, KIND_DEAL, &deal, NULL);
    server_refuses(s, server_with(s, patch, &message.base), CRM_INVALID, "zone"); /* without a value */
    value.has_integer = true;
    value.integer = 5;
    server_refuses(s, server_with(s, patch, &message.base), CRM_INVALID, "zone"); /* of another type */
    value.has_integer = false;
    value.text = (char *)"ugly";
    value.number = 2;
    server_refuses(s, server_with(s, patch, &message.base), CRM_INVALID, "mood");
    value.number = 99;
    server_refuses(s, server_with(s, patch, &message.base), CRM_INVALID, "custom");
    server_refuses(s, server_patch(s, KIND_DEAL, &deal, server_ref(s, "partner", &nobody), NULL), CRM_INVALID, "partner");

    server_delete(s, KIND_CUSTOMER, &customer);
    assert_field(s, KIND_DEAL, &deal, "partner", ""); /* unlinked */
    server_change(s, KIND_DEAL, &deal, "zone=", "moods-=bad");
    assert_field(s, KIND_DEAL, &deal, "zone", "");
    assert_field(s, KIND_DEAL, &deal, "mood", "good");
}

static void asks_for_required_values(void **state)
{
    struct server *s = *state;
    struct uuid definition, id;

    server_create(s, KIND_FIELD_DEFINITION, &definition, "kind=deal", "name=zone", "type=text", "required=yes");
    server_refuses(s, server_creation(s, KIND_DEAL, &id, "name=D", NULL), CRM_INVALID, "zone");
    server_create(s, KIND_DEAL, &id, "name=D", "zone=North");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "zone=", NULL), CRM_INVALID, "zone");
    server_delete(s, KIND_FIELD_DEFINITION, &definition);
    server_create(s, KIND_DEAL, &id, "name=D");
}

/* A custom amount gets its value in the company's currency like any other. */
static void derives_custom_amounts(void **state)
{
    struct server *s = *state;
    struct uuid rate, id;
    struct value value;

    define(s, "fee", "money");
    server_create(s, KIND_EXCHANGE_RATE, &rate, "currency=EUR", "day=2016-11-01", "rate=1.1");
    server_create(s, KIND_DEAL, &id, "name=D", "fee=10 EUR");
    value = server_value(s, KIND_DEAL, &id, "fee");
    assert_true(value.has_company);
    assert_int_equal(value.company_minor, 1100);
    assert_true(uuid_equal(&value.ref, &rate));
}

/* --- lists and history */

struct names {
    struct server *server;
    const char *filter, *sort;
    bool descending;
    struct failure failure;
    enum crm_status status;
    char text[256];
};

static bool add_name(void *arg, const struct record *record)
{
    struct names *names = arg;
    struct value value;
    size_t used = strlen(names->text);

    if (reflect_get(server_field(names->server, KIND_DEAL, "name"), record, &value))
        snprintf(names->text + used, sizeof names->text - used, "%.*s ", (int)value.text.size, (const char *)value.text.data);
    return true;
}

static enum crm_status list_names(struct store_txn *txn, void *arg)
{
    struct names *names = arg;
    struct server *s = names->server;
    struct view view = { .txn = txn, .schema = s->core.schema };
    const struct value_context context = { .currency = "USD", .today = server_today(), .now_us = server_now_us };
    struct list_query query = { .kind = kind_def(KIND_DEAL) };
    struct filter typed = { 0 }, filter = { 0 };
    Crm__FilterNode **nodes = NULL;
    size_t n = 0;
    struct list_cursor *cursor;
    enum list_state state = LIST_MORE;
    enum crm_status status = filter_parse(s->core.schema, query.kind, names->filter, &context, NULL, NULL, &s->arena, &typed, &names->failure);

    if (status == CRM_OK)
        status = filter_to_wire(&typed, &s->arena, &n, &nodes);
    if (status == CRM_OK)
        status = filter_from_wire(s->core.schema, query.kind, n, nodes, &s->arena, &filter, &names->failure);
    query.filter = &filter;
    if (names->sort) {
        query.sort[0] = (struct sort_key){ .field = server_field(s, KIND_DEAL, names->sort), .descending = names->descending };
        query.n_sort = 1;
    }
    if (status == CRM_OK)
        status = list_begin(&view, &query, &s->arena, &cursor, &names->failure);
    while (status == CRM_OK && state == LIST_MORE)
        status = list_step(cursor, &view, 100, 0, add_name, names, &s->arena, &state, &names->failure);
    return status;
}

static const char *names_of(struct server *s, const char *filter, const char *sort, bool descending)
{
    struct names *names = arena_zalloc(&s->arena, sizeof *names);

    names->server = s;
    names->filter = filter;
    names->sort = sort;
    names->descending = descending;
    if (store_read_run(s->store, list_names, names) != CRM_OK)
        return names->failure.text;
    return names->text;
}

static void filters_and_sorts_by_custom_values(void **state)
{
    struct server *s = *state;
    struct uuid id;

    define(s, "zone", "text");
    define(s, "weight", "number");
    server_create(s, KIND_DEAL, &id, "name=A", "zone=North", "weight=2.5");
    server_create(s, KIND_DEAL, &id, "name=B", "zone=south", "weight=10");
    server_create(s, KIND_DEAL, &id, "name=C");
    server_create(s, KIND_DEAL, &id, "name=D", "zone=NORTH", "weight=-1");

    assert_string_equal(names_of(s, "zone = north", NULL, false), "A D ");
    assert_string_equal(names_of(s, "weight > 2", NULL, false), "A B ");
    assert_string_equal(names_of(s, "zone is empty", NULL, false), "C ");
    assert_string_equal(names_of(s, "weight < 100", "weight", false), "D A B ");
    assert_string_equal(names_of(s, "", "weight", true), "B A D C "); /* what has none comes last */
}

struct past {
    struct server *server;
    const struct uuid *id;
    uint64_t seq;
    struct log_entry entry;
    struct record record;
    bool existed;
};

static enum crm_status read_past(struct store_txn *txn, void *arg)
{
    struct past *past = arg;
    struct view view = { .txn = txn, .schema = past->server->core.schema };
    enum crm_status status = view_record(&view, KIND_DEAL, past->id, &past->record);

    if (status == CRM_OK)
        status = log_read(&view, past->record.header.seq, &past->server->arena, &past->entry);
    if (status == CRM_OK)
        status = log_rewind(&view, past->seq, &past->server->arena, &past->record, &past->existed);
    past->record.body.data = arena_memdup(&past->server->arena, past->record.body.data, past->record.body.size);
    past->entry.previous.data = arena_memdup(&past->server->arena, past->entry.previous.data, past->entry.previous.size);
    return status;
}

static void keeps_custom_values_in_history(void **state)
{
    struct server *s = *state;
    struct uuid id;
    struct past past = { .server = s, .id = &id };
    struct record before = { .header = { .kind = KIND_DEAL } };
    const struct field_def *zone;
    struct value value;

    define(s, "zone", "text");
    define(s, "area", "text");
    zone = server_field(s, KIND_DEAL, "zone");
    server_create(s, KIND_DEAL, &id, "name=A", "zone=North", "area=x");
    past.seq = s->seq;
    server_change(s, KIND_DEAL, &id, "zone=South");
    assert_int_equal(store_read_run(s->store, read_past, &past), CRM_OK);
    assert_int_equal(past.entry.changed.n, 1);
    assert_int_equal(past.entry.changed.refs[0], zone->ref);
    before.body = past.entry.previous;
    assert_true(reflect_get(zone, &before, &value));
    assert_true(slice_equal(value.text, slice_text("North")));
    assert_true(past.existed);
    assert_true(reflect_get(zone, &past.record, &value));
    assert_true(slice_equal(value.text, slice_text("North")));
    assert_true(reflect_get(server_field(s, KIND_DEAL, "area"), &past.record, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(numbers_fields_once),
        server_test(refuses_what_cannot_be_a_field),
        server_test(takes_back_only_what_the_schema_takes),
        server_test(keeps_kind_and_type),
        server_test(bounds_the_fields_of_a_kind),
        server_test(checks_values_by_their_type),
        server_test(asks_for_required_values),
        server_test(derives_custom_amounts),
        server_test(filters_and_sorts_by_custom_values),
        server_test(keeps_custom_values_in_history),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
