/*
 * test_rules.c - a deal's way through its pipeline, and the amount that its lines add up to
 */
#include "server_fixture.h"

static struct uuid make_deal(struct server *s, const char *text)
{
    struct uuid id;

    server_create(s, KIND_DEAL, &id, "name=D", text);
    return id;
}

static void must_move(struct server *s, const struct uuid *deal, const char *stage)
{
    server_must(s, server_move(s, deal, "move", stage));
}

/* --- stages */

static void starts_in_the_first_stage(void **state)
{
    struct server *s = *state;
    struct uuid id = make_deal(s, "amount=10 USD");

    assert_field(s, KIND_DEAL, &id, "stage", "Prospecting");
    assert_field(s, KIND_DEAL, &id, "state", "open");
    assert_field(s, KIND_DEAL, &id, "category", "pipeline");
    assert_field(s, KIND_DEAL, &id, "pipeline", server_id_text(s, &s->pipeline));
    assert_int_equal(server_value(s, KIND_DEAL, &id, "stage_since").integer, SERVER_START_US);
}

/* A pipeline with every kind of gate: A asks for nothing, B for an amount and a next step, C only after B. */
static struct uuid make_pipeline(struct server *s, const char *name, Crm__StageOutcome last)
{
    static const char *const names[] = { "A", "B", "C", "Won", "Lost" };
    static char *b_asks[] = { (char *)"amount", (char *)"next_step" };
    static char *a_next[] = { (char *)"B", (char *)"Lost" };
    Crm__Pipeline pipeline = CRM__PIPELINE__INIT;
    Crm__Stage stages[ARRAY_LEN(names)], *list[ARRAY_LEN(names)];
    struct uuid id;
    Crm__Mutation *mutation = server_creation(s, KIND_PIPELINE, &id, NULL);

    pipeline.name = (char *)(uintptr_t)name;
    pipeline.stages = list;
    pipeline.n_stages = ARRAY_LEN(names);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct uuid element = uuid_create();

        crm__stage__init(&stages[i]);
        stages[i].has_id = stages[i].has_outcome = true;
        stages[i].id = server_id(s, &element);
        stages[i].name = (char *)(uintptr_t)names[i];
        stages[i].outcome = CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN;
        list[i] = &stages[i];
    }
    stages[0].next = a_next;
    stages[0].n_next = 2;
    stages[1].required_fields = b_asks;
    stages[1].n_required_fields = 2;
    stages[3].outcome = last;
    stages[4].outcome = CRM__STAGE_OUTCOME__STAGE_OUTCOME_LOST;
    server_must(s, server_with(s, mutation, &pipeline.base));
    return id;
}

static void asks_for_what_a_stage_requires_on_every_path(void **state)
{
    struct server *s = *state;
    struct uuid pipeline = make_pipeline(s, "Gates", CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON), id, refused;

    server_refuses(s, server_creation(s, KIND_DEAL, &refused, "name=D", server_ref(s, "pipeline", &pipeline), "stage=B", NULL), CRM_INVALID,
                   "amount");
    assert_non_null(strstr(s->failure.text, "amount, next_step")); /* all at once */
    server_create(s, KIND_DEAL, &id, "name=D", server_ref(s, "pipeline", &pipeline));
    assert_field(s, KIND_DEAL, &id, "stage", "A");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "stage=B", NULL), CRM_INVALID, "amount");
    server_refuses(s, server_move(s, &id, "move", "B"), CRM_INVALID, "amount");
    server_change(s, KIND_DEAL, &id, "amount=10 USD");
    server_refuses(s, server_move(s, &id, "move", "B"), CRM_INVALID, "next_step");
    server_change(s, KIND_DEAL, &id, "next_step=Call", "stage=B"); /* what is missing may come with the move */
    assert_field(s, KIND_DEAL, &id, "stage", "B");
}

static void keeps_the_order_of_stages(void **state)
{
    struct server *s = *state;
    struct uuid pipeline = make_pipeline(s, "Gates", CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON), id;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=1 USD", "next_step=x", server_ref(s, "pipeline", &pipeline));
    server_refuses(s, server_move(s, &id, "move", "C"), CRM_INVALID, "stage");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "stage=C", NULL), CRM_INVALID, "stage");
    server_refuses(s, server_move(s, &id, "move", "Nowhere"), CRM_INVALID, "stage");
    server_refuses(s, server_move(s, &id, "move", NULL), CRM_INVALID, "stage");
    must_move(s, &id, "B");
    must_move(s, &id, "C");
    must_move(s, &id, "A"); /* C names no next: any may follow */
    must_move(s, &id, "A");
    assert_null(s->events); /* where it is already */
}

static void closes_what_is_won(void **state)
{
    struct server *s = *state;
    struct uuid id = make_deal(s, "amount=10 USD");
    Crm__MoveArgument argument = CRM__MOVE_ARGUMENT__INIT;

    server_pass_days(10);
    must_move(s, &id, "Won");
    assert_field(s, KIND_DEAL, &id, "state", "won");
    assert_field(s, KIND_DEAL, &id, "category", "commit");
    assert_field(s, KIND_DEAL, &id, "closed", "2016-11-11");
    assert_int_equal(s->events->happened_us, server_now_us);

    id = make_deal(s, "amount=10 USD");
    server_pass_days(10);
    argument.stage = (char *)"Lost";
    argument.lost_reason = (char *)"price";
    argument.has_closed = true;
    argument.closed = server_today() - 3;
    server_must(s, server_action(s, KIND_DEAL, &id, "move", &argument.base));
    assert_field(s, KIND_DEAL, &id, "state", "lost");
    assert_field(s, KIND_DEAL, &id, "lost_reason", "price");
    assert_field(s, KIND_DEAL, &id, "closed", "2016-11-18");
    assert_int_equal(s->events->happened_us, instant_of_day(server_today() - 3));
}

static void asks_for_a_sensible_closing_day(void **state)
{
    struct server *s = *state;
    struct uuid id = make_deal(s, "amount=10 USD"), refused;

    server_refuses(s, server_patch(s, KIND_DEAL, &id, "stage=Won", "closed=2016-11-02", NULL), CRM_INVALID, "closed");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "closed=2016-10-01", NULL), CRM_INVALID, "closed"); /* it is open */
    server_refuses(s, server_creation(s, KIND_DEAL, &refused, "name=E", "closed=2016-10-01", NULL), CRM_INVALID, "closed");
    server_change(s, KIND_DEAL, &id, "stage=Won", "closed=2016-11-01");
    server_change(s, KIND_DEAL, &id, "closed=2016-10-15"); /* corrected */
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "closed=2016-11-02", NULL), CRM_INVALID, "closed");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "closed=", NULL), CRM_INVALID, "closed");
}

static void keeps_a_category_that_comes_with_the_stage(void **state)
{
    struct server *s = *state;
    struct uuid id = make_deal(s, "category=commit");

    assert_field(s, KIND_DEAL, &id, "category", "commit");
    server_change(s, KIND_DEAL, &id, "stage=Engaging", "category=best_case");
    assert_field(s, KIND_DEAL, &id, "category", "best_case");
    server_change(s, KIND_DEAL, &id, "stage=Negotiation");
    assert_field(s, KIND_DEAL, &id, "category", "most_likely");
}

static void lets_a_closed_deal_out_only_by_reopening(void **state)
{
    struct server *s = *state;
    struct uuid id = make_deal(s, "amount=10 USD");
    struct uuid other = make_pipeline(s, "Other", CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN);
    struct uuid same = make_pipeline(s, "Same", CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON);

    server_refuses(s, server_move(s, &id, "reopen", NULL), CRM_INVALID, "stage"); /* it is open */
    must_move(s, &id, "Won");
    server_refuses(s, server_move(s, &id, "move", "Engaging"), CRM_INVALID, "stage");
    server_refuses(s, server_move(s, &id, "move", "Lost"), CRM_INVALID, "stage");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "stage=Engaging", NULL), CRM_INVALID, "stage");
    /* nor round the gate by another pipeline */
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "stage=A", server_ref(s, "pipeline", &other), NULL), CRM_INVALID, "stage");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, server_ref(s, "pipeline", &other), NULL), CRM_INVALID, "stage");
    server_change(s, KIND_DEAL, &id, server_ref(s, "pipeline", &same)); /* won there too: a newer version */
    server_change(s, KIND_DEAL, &id, server_ref(s, "pipeline", &s->pipeline));

    server_refuses(s, server_move(s, &id, "reopen", "Lost"), CRM_INVALID, "stage");
    s->actor.rights &= ~(1u << CRM__RIGHT__RIGHT_REOPEN);
    server_refuses(s, server_move(s, &id, "reopen", "Engaging"), CRM_NOT_ALLOWED, "");
    s->actor.rights = SERVER_ALL_RIGHTS;
    server_must(s, server_move(s, &id, "reopen", "Engaging"));
    assert_field(s, KIND_DEAL, &id, "stage", "Engaging");
    assert_field(s, KIND_DEAL, &id, "state", "open");
    assert_field(s, KIND_DEAL, &id, "closed", "");
    must_move(s, &id, "Lost");
    server_must(s, server_move(s, &id, "reopen", NULL));
    assert_field(s, KIND_DEAL, &id, "stage", "Prospecting");
}

static void refuses_derived_fields_of_a_client(void **state)
{
    struct server *s = *state;
    struct uuid id = make_deal(s, "amount=10 USD");

    server_refuses(s, server_patch(s, KIND_DEAL, &id, "state=won", NULL), CRM_INVALID, "state");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "stage_since=2016-01-01", NULL), CRM_INVALID, "stage_since");
    server_refuses(s, server_patch(s, KIND_DEAL, &id, "state=", NULL), CRM_INVALID, "state");
}

static void needs_a_pipeline_with_stages(void **state)
{
    struct server *s = *state;
    struct uuid empty, id, nobody = uuid_create();

    server_create(s, KIND_PIPELINE, &empty, "name=Empty");
    server_refuses(s, server_creation(s, KIND_DEAL, &id, "name=D", server_ref(s, "pipeline", &empty), NULL), CRM_INVALID, "pipeline");
    server_refuses(s, server_creation(s, KIND_DEAL, &id, "name=D", server_ref(s, "pipeline", &nobody), NULL), CRM_INVALID, "pipeline");
}

/* --- lines */

struct line {
    int64_t price, quantity; /* minor units, millionths */
    uint32_t discount, tax;  /* parts per million */
    const char *currency;
};

static Crm__Mutation *with_lines(struct server *s, Crm__Mutation *mutation, const struct line *lines, size_t n)
{
    Crm__Deal deal = CRM__DEAL__INIT;
    Crm__DealLine messages[16], *list[16];
    Crm__Money prices[16];

    deal.name = (char *)"D";
    deal.lines = list;
    deal.n_lines = n;
    for (size_t i = 0; i < n; i++) {
        struct uuid element = uuid_create();

        crm__deal_line__init(&messages[i]);
        crm__money__init(&prices[i]);
        messages[i].has_id = messages[i].has_discount = messages[i].has_tax = true;
        messages[i].has_quantity = lines[i].quantity != INT64_MIN;
        messages[i].id = server_id(s, &element);
        messages[i].quantity = lines[i].quantity;
        messages[i].discount = lines[i].discount;
        messages[i].tax = lines[i].tax;
        messages[i].price = &prices[i];
        prices[i].has_minor = true;
        prices[i].minor = lines[i].price;
        prices[i].currency = (char *)(uintptr_t)lines[i].currency;
        list[i] = &messages[i];
    }
    return server_with(s, mutation, &deal.base);
}

static void adds_lines_up(void **state)
{
    static const struct {
        struct line line;
        int64_t amount;
    } cases[] = {
        { { 10000, 2000000, 0, 0, "USD" }, 20000 },
        { { 10000, 1000000, 100000, 0, "USD" }, 9000 },
        { { 10000, 1000000, 100000, 200000, "USD" }, 10800 },
        { { 1, 500000, 0, 0, "USD" }, 0 },  /* half to even */
        { { 3, 500000, 0, 0, "USD" }, 2 },
        { { 5, 500000, 0, 0, "USD" }, 2 },
        { { 7, 500000, 0, 0, "USD" }, 4 },
        { { -1, 500000, 0, 0, "USD" }, 0 },
        { { -3, 500000, 0, 0, "USD" }, -2 },
        { { -5, 500000, 0, 0, "USD" }, -2 },
        { { -7, 500000, 0, 0, "USD" }, -4 },
        { { 1, 500001, 0, 0, "USD" }, 1 },
        { { -1, 500001, 0, 0, "USD" }, -1 },
        { { 10000, 0, 0, 0, "USD" }, 0 },
        { { 10000, 1000000, 1000000, 0, "USD" }, 0 },
        { { 3333, 3000000, 333333, 190000, "EUR" }, 7933 }, /* 99.99 * 0.666667 * 1.19 = 79.32543… */
    };
    struct server *s = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct uuid id;
        struct value amount;

        server_must(s, with_lines(s, server_creation(s, KIND_DEAL, &id, NULL), &cases[i].line, 1));
        amount = server_value(s, KIND_DEAL, &id, "amount");
        assert_int_equal(amount.integer, cases[i].amount);
        assert_string_equal(amount.currency, cases[i].line.currency);
    }
}

static void keeps_the_amount_at_its_lines(void **state)
{
    static const struct line lines[] = { { 10000, 2000000, 0, 0, "USD" }, { 1, 1000000, 0, 0, "USD" } };
    struct server *s = *state;
    struct uuid id;

    server_must(s, with_lines(s, server_creation(s, KIND_DEAL, &id, NULL), lines, 2));
    assert_field(s, KIND_DEAL, &id, "amount", "200.01 USD");
    server_change(s, KIND_DEAL, &id, "amount=5 USD");
    assert_field(s, KIND_DEAL, &id, "amount", "200.01 USD");
    server_must(s, with_lines(s, server_patch(s, KIND_DEAL, &id, NULL), lines, 1));
    assert_field(s, KIND_DEAL, &id, "amount", "200.00 USD");
    server_change(s, KIND_DEAL, &id, "next_step=x");
    assert_field(s, KIND_DEAL, &id, "amount", "200.00 USD");
}

static void refuses_lines_that_do_not_add_up(void **state)
{
    static const struct line cases[][2] = {
        { { 1, 1, 0, 0, "USD" }, { 1, 1, 0, 0, "EUR" } },
        { { 1, INT64_MIN, 0, 0, "USD" }, { 1, 1, 0, 0, "USD" } }, /* without a quantity */
        { { 1, -1, 0, 0, "USD" }, { 1, 1, 0, 0, "USD" } },
        { { 1, 1, 0, 0, "" }, { 1, 1, 0, 0, "USD" } },
        { { INT64_MAX, INT64_MAX, 0, 0, "USD" }, { 1, 1, 0, 0, "USD" } },
        { { INT64_C(1000000000000000), INT64_C(1000000000000), 0, 0, "USD" }, { 1, 1, 0, 0, "USD" } },
    };
    struct server *s = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct uuid id;

        server_refuses(s, with_lines(s, server_creation(s, KIND_DEAL, &id, NULL), cases[i], 2), CRM_INVALID, "lines");
    }
}

static void bounds_what_lines_add_up_to(void **state)
{
    struct line lines[16];
    struct server *s = *state;
    struct uuid id;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) /* each 6e17 */
        lines[i] = (struct line){ INT64_C(1000000000000000), INT64_C(300000000), 0, 1000000, "USD" };
    server_must(s, with_lines(s, server_creation(s, KIND_DEAL, &id, NULL), lines, 15));
    assert_int_equal(server_value(s, KIND_DEAL, &id, "amount").integer, INT64_C(9000000000000000000));
    server_refuses(s, with_lines(s, server_creation(s, KIND_DEAL, &id, NULL), lines, 16), CRM_INVALID, "lines");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(starts_in_the_first_stage),
        server_test(asks_for_what_a_stage_requires_on_every_path),
        server_test(keeps_the_order_of_stages),
        server_test(closes_what_is_won),
        server_test(asks_for_a_sensible_closing_day),
        server_test(keeps_a_category_that_comes_with_the_stage),
        server_test(lets_a_closed_deal_out_only_by_reopening),
        server_test(refuses_derived_fields_of_a_client),
        server_test(needs_a_pipeline_with_stages),
        server_test(adds_lines_up),
        server_test(keeps_the_amount_at_its_lines),
        server_test(refuses_lines_that_do_not_add_up),
        server_test(bounds_what_lines_add_up_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
