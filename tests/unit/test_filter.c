/*
 * test_filter.c - the filter language: what is read, what is refused and where, what travels; and
 * sort keys
 */
#include "filter_fixture.h"

/* ---- reading */

struct reading {
    const char *text;
    const char *postfix;
};

static const struct reading readings[] = {
    { "", "" },
    { " \t ", "" },
    { "stage = Engaging", "stage=engaging" },
    { "stage=In Progress", "stage=in progress" },
    { "stage == Won", "stage=won" },
    { "Stage != \"Won\"", "stage=won; NOT" },
    { "stage <> Won", "stage=won; NOT" },
    { "stage = Engaging and amount > 4k and customer.industry = \"retail\" and created >= "
      "2016-11-01",
      "stage=engaging; amount>400000USD*; AND; customer.industry=retail; AND; "
      "created>=2016-11-01T00:00:00+00:00; AND" },
    { "stage = a or stage = b and stage = c", "stage=a; stage=b; stage=c; AND; OR" },
    { "(stage = a or stage = b) and stage = c", "stage=a; stage=b; OR; stage=c; AND" },
    { "not stage = a and stage = b", "stage=a; NOT; stage=b; AND" },
    { "not (stage = a and stage = b)", "stage=a; stage=b; AND; NOT" },
    { "!stage = a && stage = b || stage = c", "stage=a; NOT; stage=b; AND; stage=c; OR" },
    { "stage=a&&stage=b||stage=c", "stage=a; stage=b; AND; stage=c; OR" },
    { "NOT Stage = A AND STAGE = B", "stage=a; NOT; stage=b; AND" },
    { "stage in (Won, Lost)", "stage=won|lost" },
    { "stage not in ('Won, really', Lost )", "stage=won, really|lost; NOT" },
    { "lost reason is empty", "lost_reason empty" },
    { "lost_reason is not empty", "lost_reason empty; NOT" },
    { "lines is empty", "lines empty" },
    { "In this stage since is empty", "stage_since empty" },
    { "\"Expected close\" = 2016-11-01", "expected_close=2016-11-01" },
    { "name ~ acme", "name~acme" },
    { "name = Johnson & Johnson", "name=johnson & johnson" },
    { "name = O'Brien", "name=o'brien" },
    { "name = 'O''Brien and \"Sons\"'", "name=o'brien and \"sons\"" },
    { "name = \"say \"\"and\"\"\"", "name=say \"and\"" },
    { "name = \xe2\x80\x9c"
      "A or B"
      "\xe2\x80\x9d",
      "name=a or b" },
    { "name = Acme(China) and stage = Won", "name=acme(china); stage=won; AND" },
    { "(name = android)", "name=android" },
    { "name = Oregon or name = x", "name=oregon; name=x; OR" },
    { "tags = vip", "tags=vip" },
    { "amount > 1,200.50", "amount>120050USD*" },
    { "amount > 1.5m CNY", "amount>150000000CNY" },
    { "amount in (10k, 5 EUR)", "amount=1000000USD*|500EUR" },
    { "amount >= 10万", "amount>=10000000USD*" },
    { "number = 17", "number=17" },
    { "number = d-17", "number=17" },
    { "number in (D-17, 18)", "number=17|18" },
    { "closed = 2016-11", "closed>=2016-11-01; closed<=2016-11-30; AND" },
    { "closed != 2016-11", "closed>=2016-11-01; closed<=2016-11-30; AND; NOT" },
    { "closed < 2016-11", "closed<2016-11-01" },
    { "closed <= 2016-11", "closed<=2016-11-30" },
    { "closed > 2016-11", "closed>2016-11-30" },
    { "closed >= 2016-11", "closed>=2016-11-01" },
    { "closed = next fri and stage = Won", "closed=2016-11-18; stage=won; AND" },
    { "closed = this quarter", "closed>=2016-10-01; closed<=2016-12-31; AND" },
    { "closed in (2016-11-01, 2016-11-03)", "closed=2016-11-01|2016-11-03" },
    { "closed in (2016-11, 2017-01-02)",
      "closed>=2016-11-01; closed<=2016-11-30; AND; closed=2017-01-02; OR" },
    { "created = 2016-11-01",
      "created>=2016-11-01T00:00:00+00:00; created<=2016-11-01T23:59:59.999999+00:00; AND" },
    { "created > today", "created>2016-11-15T23:59:59.999999+00:00" },
    { "created < -7d", "created<2016-11-08T00:00:00+00:00" },
    { "updated = 2016-11-01 09:30",
      "updated>=2016-11-01T09:30:00+00:00; updated<=2016-11-01T09:30:59.999999+00:00; AND" },
    { "owner = me", "owner=<me>" },
    { "team = my team or owner.team = my team", "team=<my team>; owner.team=<my team>; OR" },
    { "owner = darcel", "owner=?darcel" },
    { "customer = C-17", "customer=?C-17" },
    { "customer = 01010101-0101-0101-0101-010101010101", "customer=#01" },
    { "id = 02020202020202020202020202020202", "id=#02" },
    { "state = won", "state=won" },
    { "estimated = yes", "estimated=1" },
    { "@won", "stage=won" },
    { "@either and owner = me", "stage=won; stage=lost; OR; owner=<me>; AND" },
    { "not @either", "stage=won; stage=lost; OR; NOT" },
    { "(@big)or @\"my view\"",
      "amount>1000000USD*; stage=won; stage=lost; OR; AND; owner=<me>; OR" },
    { "@all and stage = Won", "TRUE; stage=won; AND" },
    { "@d1", "stage=won" },
    /* Chinese */
    { "阶段=谈判", "stage=谈判" },
    { "阶段＝谈判 且 金额＞10万", "stage=谈判; amount>10000000USD*; AND" },
    { "阶段=谈判且金额>10万", "stage=谈判; amount>10000000USD*; AND" },
    { "阶段=谈判或（金额>10万且非负责人=me）",
      "stage=谈判; amount>10000000USD*; owner=<me>; NOT; AND; OR" },
    { "名称=或许且慢", "name=或许且慢" },
    { "非阶段=谈判", "stage=谈判; NOT" },
    { "客户.行业＝非洲", "customer.industry=非洲" },
    { "名称 = 微软（中国）有限公司 且 阶段 in （谈判，赢单、输单）",
      "name=微软(中国)有限公司; stage=谈判|赢单|输单; AND" },
    { "金额 ≥ 5　and 金额 ≤ 6 and 金额 ≠ 7",
      "amount>=500USD*; amount<=600USD*; AND; amount=700USD*; NOT; AND" },
};

static void test_reading(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        struct filter filter = parsed(deal, readings[i].text);

        if (strcmp(dump(&filter), readings[i].postfix) != 0)
            fail_msg("%s\n  gives %s\n  wanted %s", readings[i].text, dump(&filter),
                     readings[i].postfix);
    }
}

static void test_custom_field(void **state)
{
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    char *choices[] = { (char *)"North", (char *)"South" };
    struct schema *own;
    struct filter filter;
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(schema_create(&own), CRM_OK);
    definition.kind = (char *)"deal";
    definition.name = (char *)"region";
    definition.label_zh = (char *)"大区";
    definition.has_type = 1;
    definition.type = CRM__FIELD_TYPE__FIELD_TYPE_CHOICE;
    definition.n_choices = ARRAY_LEN(choices);
    definition.choices = choices;
    definition.has_number = 1;
    definition.number = 7;
    assert_int_equal(schema_add(own, &definition, &failure), CRM_OK);
    assert_int_equal(filter_parse(own, deal, "大区 in (north, South)", &context, NULL, NULL, &arena,
                                  &filter, &failure),
                     CRM_OK);
    assert_string_equal(dump(&filter), "region=north|south");
    assert_int_equal(filter.nodes[0].field->ref, FIELD_REF_CUSTOM + 7);
    assert_int_not_equal(
        filter_parse(own, deal, "region < North", &context, NULL, NULL, &arena, &filter, &failure),
        CRM_OK);
    schema_unref(own);
}

/* ---- refusing */

struct mistake {
    const char *text;
    int position;
    const char *sentence; /* a part of it */
};

static const struct mistake mistakes[] = {
    { "stge = Won", 0, "there is no field 'stge' in deal; did you mean 'stage'?" },
    { "stage = Won and amonut > 5", 16, "did you mean 'amount'?" },
    { "colour = red", 0, "there is no field 'colour' in deal" },
    { "customer.industri = x", 9,
      "there is no field 'industri' in customer; did you mean 'industry'?" },
    { "custmer.industry = x", 0, "did you mean 'customer'?" },
    { "stage.name = x", 0, "stage of a deal refers to no other record" },
    { "customer.parent.name = x", 9, "there is no field" },
    { "stage", 5, "expected a comparison" },
    { "stage Won", 0, "there is no field 'stage Won'" },
    { "stage =", 7, "expected a value" },
    { "stage = and amount > 5", 8, "expected a value" },
    { "stage = \"\"", 8, "stage is empty" },
    { "stage = Won and", 15, "expected a condition" },
    { "and stage = Won", 0, "expected a field" },
    { "stage = Won amount > 5", 19, "expected 'and' or 'or'" },
    { "stage = \"Won\" Lost", 14, "expected 'and' or 'or'" },
    { "(stage = Won", 0, "not closed" },
    { "stage = Won)", 11, "never opened" },
    { "()", 1, "expected a field" },
    { "stage = \"Won", 8, "quote is not closed" },
    { "stage = Won(x and stage = y", 8, "a parenthesis in this value is not closed" },
    { "stage = Won (x)", 12, "expected 'and' or 'or'" },
    { "stage in Won", 9, "parentheses" },
    { "stage in (Won", 13, "comma or ')'" },
    { "stage in ()", 10, "expected a value" },
    { "stage in (a,)", 12, "expected a value" },
    { "stage not Won", 6, "expected a comparison" },
    { "stage is Won", 6, "is empty" },
    { "amount ~ 5", 7, "cannot be compared" },
    { "owner < me", 6, "cannot be compared" },
    { "lines = 5", 6, "cannot be compared" },
    { "amount > abc", 9, "" },
    { "closed = someday", 9, "" },
    { "state = wno", 8, "did you mean 'won'?" },
    { "estimated = perhaps", 12, "" },
    { "number = C-17", 9, "'C-' does not begin the number of a deal" },
    { "owner = my team", 8, "not a value of owner" },
    { "id = abc", 5, "not a value of id" },
    { "stage = Won and @nothing", 16, "there is no saved view 'nothing'" },
    { "@", 1, "expected the name of a saved view" },
    { "stage = Won or @broken", 15, "in the view @broken: there is no field 'stge'" },
    { "stage = Won or @loop", 15, "in the view @loop: views refer to each other" },
    { "@d0", 0, "views refer to each other" },
    { "stage = \xff", 8, "UTF-8" },
};

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        const struct mistake *mistake = &mistakes[i];
        struct filter filter = { .n = 99 };
        struct failure failure = { 0 };

        if (parse(deal, mistake->text, &filter, &failure) == CRM_OK)
            fail_msg("%s was accepted as %s", mistake->text, dump(&filter));
        assert_int_equal(filter.n, 99);
        if (failure.position != mistake->position || !strstr(failure.text, mistake->sentence) ||
            !failure.text[0])
            fail_msg("%s: at %d '%s', wanted at %d '%s'", mistake->text, failure.position,
                     failure.text, mistake->position, mistake->sentence);
    }
}

/* text n times, from which a filter is built. */
static const char *repeated(const char *before, const char *text, size_t n, const char *after)
{
    size_t size = strlen(text);
    char *all = arena_alloc(&arena, strlen(before) + size * n + strlen(after) + 1);
    char *at;

    assert_non_null(all);
    at = stpcpy(all, before);
    for (size_t i = 0; i < n; i++)
        at = stpcpy(at, text);
    strcpy(at, after);
    return all;
}

static enum crm_status status_of(const char *text)
{
    struct filter filter;

    return parse(deal, text, &filter, NULL);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(status_of(repeated("", "not ", FILTER_DEPTH_MAX, "stage = a")), CRM_OK);
    assert_int_equal(status_of(repeated("", "not ", FILTER_DEPTH_MAX + 1, "stage = a")),
                     CRM_TOO_LARGE);
    assert_int_equal(status_of(repeated("", "(", 30000, "")), CRM_TOO_LARGE);
    /* n conditions take n - 1 ands */
    assert_int_equal(
        status_of(repeated("stage = a", " and stage = a", FILTER_NODES_MAX / 2 - 1, "")), CRM_OK);
    assert_int_equal(status_of(repeated("stage = a", " and stage = a", FILTER_NODES_MAX / 2, "")),
                     CRM_TOO_LARGE);
    assert_int_equal(status_of(repeated("stage in (a", ",b", FILTER_VALUES_MAX - 1, ")")), CRM_OK);
    assert_int_equal(status_of(repeated("stage in (a", ",b", FILTER_VALUES_MAX, ")")),
                     CRM_TOO_LARGE);
    assert_int_equal(status_of(repeated("stage = ", "x", FILTER_OPERAND_SIZE_MAX, "")), CRM_OK);
    assert_int_equal(status_of(repeated("stage = ", "x", FILTER_OPERAND_SIZE_MAX + 1, "")),
                     CRM_TOO_LARGE);
    assert_int_equal(status_of(repeated("stage = ", "x", FILTER_TEXT_SIZE_MAX, "")), CRM_TOO_LARGE);
    /* Glued keywords look ahead at each place: it stays quick and changes nothing. */
    assert_int_equal(status_of(repeated("stage = ", "且", 300, "")), CRM_OK);
    assert_int_equal(status_of(repeated("stage = a", "且", 20000, "")), CRM_TOO_LARGE);
    assert_int_equal(status_of(repeated("stage = a", "且(", 15000, "")), CRM_INVALID);
    assert_int_equal(status_of(repeated("", "非", 20000, "stage = a")), CRM_INVALID);
}

static void test_memory_is_spent(void **state)
{
    struct arena small;
    struct filter filter = { .n = 99 };

    (void)state;
    for (size_t budget = 0; budget < 2000; budget += 16) {
        enum crm_status status;

        arena_init(&small, budget);
        status = filter_parse(schema, deal, "stage in (Won, 'a''b') and customer.industry ~ é",
                              &context, NULL, NULL, &small, &filter, NULL);
        assert_true(status == CRM_OK ? filter.n == 3 : status == CRM_NO_MEMORY && filter.n == 99);
        filter.n = 99;
        arena_fini(&small);
    }
}

/* ---- the wire */

static void test_wire_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(readings); i++) {
        struct filter before, after;
        struct failure failure = { 0 };
        Crm__FilterNode **nodes;
        size_t n;

        before = parsed(deal, readings[i].text);
        assert_int_equal(filter_to_wire(&before, &arena, &n, &nodes), CRM_OK);
        if (filter_from_wire(schema, deal, n, nodes, &arena, &after, &failure) != CRM_OK)
            fail_msg("%s: %s", readings[i].text, failure.text);
        assert_string_equal(dump(&before), dump(&after));
        for (size_t j = 0; j < after.n; j++) {
            assert_int_equal(before.nodes[j].jump, after.nodes[j].jump);
            assert_int_equal(before.nodes[j].named_currency, after.nodes[j].named_currency);
        }
    }
}

/* A hostile list: leaves by field with one value each, joints by op. */
struct hostile {
    const char *what;
    size_t n;
    struct {
        uint32_t op, field, through;
        const char *text;
        int64_t integer; /* where there is no text and it is not 0 */
        uint32_t special;
    } nodes[4];
};

#define STAGE    4
#define AMOUNT   5
#define STATE    9
#define CUSTOMER 2

static const struct hostile hostiles[] = {
    { "an and alone", 1, { { FILTER_AND } } },
    { "a not alone", 1, { { FILTER_NOT } } },
    { "an and with one side", 2, { { FILTER_TRUE }, { FILTER_AND } } },
    { "an or whose right side eats its left",
      4,
      { { FILTER_TRUE }, { FILTER_TRUE }, { FILTER_AND }, { FILTER_OR } } },
    { "two expressions", 2, { { FILTER_TRUE }, { FILTER_TRUE } } },
    { "op 0", 1, { { 0, STAGE, 0, "a" } } },
    { "op 2", 1, { { 2, STAGE, 0, "a" } } },
    { "op 9", 1, { { 9, STAGE, 0, "a" } } },
    { "op 24", 1, { { 24 } } },
    { "op 2^32 - 1", 1, { { UINT32_MAX } } },
    { "op 33, which 32 bits would take for 1", 1, { { 33, STAGE, 0, "a" } } },
    { "a joint with a field", 1, { { FILTER_TRUE, STAGE } } },
    { "a joint with a value", 1, { { FILTER_TRUE, 0, 0, "a" } } },
    { "no field", 1, { { FILTER_EQ, 0, 0, "a" } } },
    { "an unknown field", 1, { { FILTER_EQ, 700, 0, "a" } } },
    { "an unknown custom field", 1, { { FILTER_EQ, 1001, 0, "a" } } },
    { "the largest field", 1, { { FILTER_EQ, UINT32_MAX, 0, "a" } } },
    { "through a text", 1, { { FILTER_EQ, 1, STAGE, "a" } } },
    { "through nothing", 1, { { FILTER_EQ, 1, 700, "a" } } },
    { "a field that the other kind lacks", 1, { { FILTER_EQ, 700, CUSTOMER, "a" } } },
    { "no value", 1, { { FILTER_EQ, STAGE } } },
    { "empty with a value", 1, { { FILTER_EMPTY, STAGE, 0, "a" } } },
    { "a text for money", 1, { { FILTER_EQ, AMOUNT, 0, "a" } } },
    { "an integer for money", 1, { { FILTER_EQ, AMOUNT, 0, NULL, 5 } } },
    { "an integer for text", 1, { { FILTER_EQ, STAGE, 0, NULL, 5 } } },
    { "an empty text", 1, { { FILTER_EQ, STAGE, 0, "" } } },
    { "a text that is not UTF-8", 1, { { FILTER_EQ, STAGE, 0, "\xc3(" } } },
    { "an unknown choice", 1, { { FILTER_EQ, STATE, 0, NULL, 99 } } },
    { "order of choices", 1, { { FILTER_LT, STATE, 0, NULL, 1 } } },
    { "contains in money", 1, { { FILTER_CONTAINS, AMOUNT, 0, "a" } } },
    { "me as a text", 1, { { FILTER_EQ, STAGE, 0, NULL, 0, VALUE_ME } } },
    { "me as a customer", 1, { { FILTER_EQ, CUSTOMER, 0, NULL, 0, VALUE_ME } } },
    { "an unknown special", 1, { { FILTER_EQ, HEADER_OWNER, 0, NULL, 0, 3 } } },
    { "an owner that is an integer", 1, { { FILTER_EQ, HEADER_OWNER, 0, NULL, 5 } } },
    { "an id by name", 1, { { FILTER_EQ, HEADER_ID, 0, "a" } } },
};

static void test_hostile_wire(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostiles); i++) {
        Crm__FilterNode nodes[4], *list[4];
        Crm__Value values[4], *value_lists[4];
        struct filter filter = { .n = 99 };
        struct failure failure = { 0 };

        for (size_t j = 0; j < hostiles[i].n; j++) {
            crm__filter_node__init(&nodes[j]);
            crm__value__init(&values[j]);
            nodes[j].op = hostiles[i].nodes[j].op;
            nodes[j].field = hostiles[i].nodes[j].field;
            nodes[j].has_field = nodes[j].field != 0;
            nodes[j].through = hostiles[i].nodes[j].through;
            nodes[j].has_through = nodes[j].through != 0;
            values[j].text = (char *)hostiles[i].nodes[j].text;
            values[j].integer = hostiles[i].nodes[j].integer;
            values[j].has_integer = values[j].integer != 0;
            values[j].special = hostiles[i].nodes[j].special;
            values[j].has_special = values[j].special != 0;
            value_lists[j] = &values[j];
            nodes[j].values = &value_lists[j];
            nodes[j].n_values = values[j].text || values[j].has_integer || values[j].has_special;
            list[j] = &nodes[j];
        }
        if (filter_from_wire(schema, deal, hostiles[i].n, list, &arena, &filter, &failure) !=
            CRM_INVALID)
            fail_msg("%s was accepted", hostiles[i].what);
        assert_int_equal(filter.n, 99);
        assert_int_not_equal(failure.text[0], 0);
    }
}

static void test_hostile_values(void **state)
{
    Crm__FilterNode node = CRM__FILTER_NODE__INIT, *list[FILTER_NODES_MAX + 1];
    Crm__Value value = CRM__VALUE__INIT, *values[FILTER_VALUES_MAX + 1];
    Crm__Money money = CRM__MONEY__INIT;
    struct filter filter;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        values[i] = &value;
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        list[i] = &node;
    node.op = FILTER_EQ;
    node.has_field = 1;
    node.field = STAGE;
    node.values = values;
    node.n_values = FILTER_VALUES_MAX;
    value.text = (char *)"a";
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL), CRM_OK);
    assert_int_equal(filter_from_wire(schema, deal, 5, list, &arena, &filter, NULL), CRM_TOO_LARGE);
    node.n_values++;
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL), CRM_INVALID);
    node.op = FILTER_LT;
    node.n_values = 2;
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL), CRM_INVALID);
    node.n_values = 1;
    value.has_integer = 1; /* two values in one */
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL), CRM_INVALID);

    value.has_integer = 0;
    value.text = NULL;
    value.money = &money;
    node.field = AMOUNT;
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL),
                     CRM_INVALID); /* no amount */
    money.has_minor = 1;
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL), CRM_OK);
    assert_true(filter.nodes[0].values[0].has_company);
    money.currency = (char *)"usd and much more";
    assert_int_equal(filter_from_wire(schema, deal, 1, list, &arena, &filter, NULL), CRM_INVALID);

    node = (Crm__FilterNode)CRM__FILTER_NODE__INIT;
    node.op = FILTER_TRUE;
    assert_int_equal(
        filter_from_wire(schema, deal, FILTER_NODES_MAX + 1, list, &arena, &filter, NULL),
        CRM_TOO_LARGE);
    assert_int_equal(filter_from_wire(schema, deal, 0, NULL, &arena, &filter, NULL), CRM_OK);
    assert_int_equal(filter.n, 0);
}

/* ---- sorting */

static void test_sort(void **state)
{
    struct sort_key keys[SORT_KEYS_MAX];
    struct failure failure = { 0 };
    size_t n = 99;

    (void)state;
    assert_int_equal(sort_parse(schema, deal, " -amount, name,+创建时间", keys, &n, NULL), CRM_OK);
    assert_int_equal(n, 3);
    assert_string_equal(keys[0].field->name, "amount");
    assert_true(keys[0].descending);
    assert_string_equal(keys[1].field->name, "name");
    assert_false(keys[1].descending);
    assert_string_equal(keys[2].field->name, "created");
    assert_int_equal(sort_parse(schema, deal, "", keys, &n, NULL), CRM_OK);
    assert_int_equal(n, 0);

    assert_int_equal(sort_parse(schema, deal, "name,-amuont", keys, &n, &failure), CRM_INVALID);
    assert_int_equal(failure.position, 5);
    assert_string_equal(failure.text, "there is no field 'amuont' in deal; did you mean 'amount'?");
    assert_int_equal(sort_parse(schema, deal, "name,,stage", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(sort_parse(schema, deal, "name,", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(sort_parse(schema, deal, "-", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(sort_parse(schema, deal, "name,-name", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(sort_parse(schema, deal, "tags", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(sort_parse(schema, deal, "lines", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(sort_parse(schema, deal, "name,stage,amount,closed,owner", keys, &n, NULL),
                     CRM_TOO_LARGE);
    assert_int_equal(sort_parse(schema, deal, "\xff", keys, &n, NULL), CRM_INVALID);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_reading, forget),
        cmocka_unit_test_teardown(test_custom_field, forget),
        cmocka_unit_test_teardown(test_mistakes, forget),
        cmocka_unit_test_teardown(test_limits, forget),
        cmocka_unit_test(test_memory_is_spent),
        cmocka_unit_test_teardown(test_wire_round_trip, forget),
        cmocka_unit_test_teardown(test_hostile_wire, forget),
        cmocka_unit_test_teardown(test_hostile_values, forget),
        cmocka_unit_test_teardown(test_sort, forget),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
