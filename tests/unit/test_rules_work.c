/*
 * test_rules_work.c - contacts, activities and tasks; users, teams and roles; pipelines
 */
#include "server_fixture.h"

/* --- contacts */

static void names_a_contact_by_its_parts(void **state)
{
    static const struct {
        const char *family, *given, *name;
    } cases[] = {
        { "family=Smith", "given=Ann", "Ann Smith" },
        { "family=张", "given=伟", "张伟" },
        { "family=Smith", "given=", "Smith" },
        { "family=", "given=Ann", "Ann" },
    };
    struct server *s = *state;
    struct uuid id;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        server_create(s, KIND_CONTACT, &id, cases[i].family, cases[i].given);
        assert_field(s, KIND_CONTACT, &id, "name", cases[i].name);
    }
    server_create(s, KIND_CONTACT, &id, "family=Smith", "given=Ann", "name=Dr Smith");
    assert_field(s, KIND_CONTACT, &id, "name", "Dr Smith");
    server_refuses(s, server_creation(s, KIND_CONTACT, &id, "title=Dr", NULL), CRM_INVALID, "name");
}

/* --- activities */

static int64_t last_contact(struct server *s, const struct uuid *customer)
{
    return server_value(s, KIND_CUSTOMER, customer, "last_contact").integer;
}

static void dates_the_last_contact(void **state)
{
    struct server *s = *state;
    struct uuid customer, contact, deal, activity;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CONTACT, &contact, "name=P", server_ref(s, "customer", &customer));
    server_create(s, KIND_DEAL, &deal, "name=D", server_ref(s, "customer", &customer));
    server_create(s, KIND_ACTIVITY, &activity, "text=only a note", server_ref(s, "customer", &customer));
    assert_field(s, KIND_ACTIVITY, &activity, "kind", "note");
    assert_int_equal(server_value(s, KIND_ACTIVITY, &activity, "started").integer, SERVER_START_US);
    assert_int_equal(last_contact(s, &customer), 0); /* a note is no contact */

    server_create(s, KIND_ACTIVITY, &activity, "kind=call", server_ref(s, "customer", &customer));
    assert_int_equal(last_contact(s, &customer), SERVER_START_US);
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", "started=2016-10-01", server_ref(s, "customer", &customer));
    assert_int_equal(last_contact(s, &customer), SERVER_START_US); /* an earlier one takes nothing back */
    server_create(s, KIND_ACTIVITY, &activity, "kind=meeting", "started=2017-01-01", server_ref(s, "customer", &customer));
    assert_int_equal(last_contact(s, &customer), SERVER_START_US); /* a later one has not been yet */

    server_pass_days(1);
    server_create(s, KIND_ACTIVITY, &activity, "kind=mail", server_ref(s, "deal", &deal));
    assert_field(s, KIND_ACTIVITY, &activity, "customer", server_id_text(s, &customer));
    assert_int_equal(last_contact(s, &customer), server_now_us);
    server_pass_days(1);
    server_create(s, KIND_ACTIVITY, &activity, "kind=visit", server_ref(s, "contact", &contact));
    assert_field(s, KIND_ACTIVITY, &activity, "customer", server_id_text(s, &customer));
    assert_int_equal(last_contact(s, &customer), server_now_us);
}

/* What is now asked of customers does not stop work on one that was made before. */
static void logs_on_customers_that_lack_a_new_required_field(void **state)
{
    struct server *s = *state;
    struct uuid customer, parent, child, activity, field;

    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    server_create(s, KIND_CUSTOMER, &parent, "name=Parent");
    server_create(s, KIND_CUSTOMER, &child, "name=Child", server_ref(s, "parent", &parent));
    server_create(s, KIND_FIELD_DEFINITION, &field, "kind=customer", "name=zone", "type=text", "required=yes");
    server_refuses(s, server_patch(s, KIND_CUSTOMER, &customer, "industry=retail", NULL), CRM_INVALID, "zone");
    server_create(s, KIND_ACTIVITY, &activity, "kind=call", server_ref(s, "customer", &customer));
    assert_int_equal(last_contact(s, &customer), SERVER_START_US);
    server_delete(s, KIND_CUSTOMER, &parent);
    assert_field(s, KIND_CUSTOMER, &child, "parent", "");
}

/* --- tasks */

static void says_who_has_done_a_task(void **state)
{
    struct server *s = *state;
    struct uuid id;

    server_create(s, KIND_TASK, &id, "subject=T");
    assert_field(s, KIND_TASK, &id, "state", "open");
    assert_field(s, KIND_TASK, &id, "assigned", server_id_text(s, &s->user));
    server_now_us += 7;
    server_change(s, KIND_TASK, &id, "state=done");
    assert_field(s, KIND_TASK, &id, "done_by", server_id_text(s, &s->user));
    assert_int_equal(server_value(s, KIND_TASK, &id, "done_at").integer, SERVER_START_US + 7);
    server_change(s, KIND_TASK, &id, "subject=T2");
    assert_int_equal(server_value(s, KIND_TASK, &id, "done_at").integer, SERVER_START_US + 7);
    server_change(s, KIND_TASK, &id, "state=open");
    assert_field(s, KIND_TASK, &id, "done_by", "");
    assert_field(s, KIND_TASK, &id, "done_at", "");
    server_refuses(s, server_patch(s, KIND_TASK, &id, "done_at=2016-01-01", NULL), CRM_INVALID, "done_at");
}

static void repeats_a_task(void **state)
{
    static const struct {
        const char *repeat, *due, *next;
    } cases[] = {
        { "repeat=daily", "due=2016-12-31", "2017-01-01" },
        { "repeat=weekly", "due=2016-12-31", "2017-01-07" },
        { "repeat=monthly", "due=2017-01-31", "2017-02-28" },
        { "repeat=yearly", "due=2016-02-29", "2017-02-28" },
        { "repeat=daily", "due=", "2016-11-02" }, /* without a day: from today */
    };
    struct server *s = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct uuid ann, id, next;
        Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;
        struct record record;

        server_create(s, KIND_USER, &ann, arena_printf(&s->arena, "login=ann%zu", i));
        server_create(s, KIND_TASK, &id, "subject=T", cases[i].repeat, cases[i].due, "priority=high");
        to.has_owner = true;
        to.owner = server_id(s, &ann);
        server_must(s, server_action(s, KIND_TASK, &id, "assign", &to.base));
        server_change(s, KIND_TASK, &id, "state=done");
        assert_non_null(s->events->next);
        next = s->events->next->id;
        assert_int_equal(s->events->next->verb, LOG_CREATE);
        assert_field(s, KIND_TASK, &next, "subject", "T");
        assert_field(s, KIND_TASK, &next, "state", "open");
        assert_field(s, KIND_TASK, &next, "due", cases[i].next);
        assert_field(s, KIND_TASK, &next, "priority", "high");
        assert_field(s, KIND_TASK, &next, "done_by", "");
        record = server_record(s, KIND_TASK, &next);
        assert_true(uuid_equal(&record.header.owner, &ann)); /* it stays whose it was */
        assert_int_equal(record.header.number, 2 * i + 2);
    }
}

static void does_not_repeat_what_is_dropped(void **state)
{
    struct server *s = *state;
    struct uuid id;

    server_create(s, KIND_TASK, &id, "subject=T", "repeat=daily");
    server_change(s, KIND_TASK, &id, "state=dropped");
    assert_null(s->events->next);
    assert_field(s, KIND_TASK, &id, "done_by", "");
}

/* --- people */

static void completes_a_user(void **state)
{
    struct server *s = *state;
    struct uuid id, other;

    server_create(s, KIND_USER, &id, "login=ann");
    assert_field(s, KIND_USER, &id, "name", "ann");
    assert_field(s, KIND_USER, &id, "active", "true");
    server_refuses(s, server_creation(s, KIND_USER, &other, "login=ann bo", NULL), CRM_INVALID, "login");
    server_refuses(s, server_creation(s, KIND_USER, &other, "login=ANN", NULL), CRM_EXISTS, "login");
    server_refuses(s, server_creation(s, KIND_USER, &other, "name=Nobody", NULL), CRM_INVALID, "login");
    server_refuses(s, server_patch(s, KIND_USER, &id, server_ref(s, "manager", &id), NULL), CRM_INVALID, "manager");
}

static void keeps_customers_a_tree(void **state)
{
    struct server *server = *state;
    struct uuid top, below;

    server_create(server, KIND_CUSTOMER, &top, "name=Top");
    server_create(server, KIND_CUSTOMER, &below, "name=Below", server_ref(server, "parent", &top));
    server_refuses(server, server_patch(server, KIND_CUSTOMER, &top, server_ref(server, "parent", &top), NULL), CRM_INVALID, "parent");
    server_refuses(server, server_patch(server, KIND_CUSTOMER, &top, server_ref(server, "parent", &below), NULL), CRM_INVALID, "parent");
}

static void keeps_teams_a_tree(void **state)
{
    struct server *s = *state;
    struct uuid a, b, c, deep, above;

    server_create(s, KIND_TEAM, &a, "name=A");
    server_create(s, KIND_TEAM, &b, "name=B", server_ref(s, "parent", &a));
    server_create(s, KIND_TEAM, &c, "name=C", server_ref(s, "parent", &b));
    server_refuses(s, server_patch(s, KIND_TEAM, &a, server_ref(s, "parent", &a), NULL), CRM_INVALID, "parent");
    server_refuses(s, server_patch(s, KIND_TEAM, &a, server_ref(s, "parent", &c), NULL), CRM_INVALID, "parent");
    server_refuses(s, server_deletion(s, KIND_TEAM, &a), CRM_IN_USE, "parent");
    above = c;
    for (int i = 0; i < 40; i++) {
        Crm__Mutation *mutation =
            server_creation(s, KIND_TEAM, &deep, arena_printf(&s->arena, "name=T%d", i), server_ref(s, "parent", &above), NULL);

        if (server_run(s, mutation) != CRM_OK) {
            assert_string_equal(s->failure.field, "parent");
            assert_in_range(i, 25, 35);
            return;
        }
        above = deep;
    }
    fail_msg("teams nest without end");
}

static struct uuid make_role(struct server *s, const char *name, const char *right)
{
    struct uuid id;

    server_create(s, KIND_ROLE, &id, arena_printf(&s->arena, "name=%s", name), right);
    return id;
}

static void checks_the_scopes_of_a_role(void **state)
{
    struct server *s = *state;
    struct uuid id = make_role(s, "r", "rights=report"), element = uuid_create();
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope scope = CRM__KIND_SCOPE__INIT, *scopes[] = { &scope };

    role.scopes = scopes;
    role.n_scopes = 1;
    scope.has_id = scope.has_read = true;
    scope.id = server_id(s, &element);
    scope.read = CRM__SCOPE__SCOPE_OWN;
    scope.kind = (char *)"starship";
    server_refuses(s, server_with(s, server_patch(s, KIND_ROLE, &id, NULL), &role.base), CRM_INVALID, "scopes");
    scope.kind = (char *)"deals";
    server_must(s, server_with(s, server_patch(s, KIND_ROLE, &id, NULL), &role.base));
    scope.kind = (char *)"*";
    server_must(s, server_with(s, server_patch(s, KIND_ROLE, &id, NULL), &role.base));
}

/* A slip would hide nothing, and nobody would notice; a name that is not there yet may be meant. */
static void checks_the_fields_that_a_role_hides(void **state)
{
    static const char *const slips[][3] = { { "customer", "indsutry", "'industry'" }, { "customer", "Industry", "'industry'" }, { "*", "amuont", "'amount'" } };
    struct server *s = *state;
    struct uuid id = make_role(s, "r", "rights=report"), element = uuid_create();
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope scope = CRM__KIND_SCOPE__INIT, *scopes[] = { &scope };
    char *names[1];

    role.scopes = scopes;
    role.n_scopes = 1;
    scope.has_id = true;
    scope.id = server_id(s, &element);
    scope.hidden = scope.read_only = names;
    for (size_t i = 0; i < 2 * ARRAY_LEN(slips); i++) {
        names[0] = (char *)(uintptr_t)slips[i / 2][1];
        scope.kind = (char *)(uintptr_t)slips[i / 2][0];
        scope.n_hidden = i % 2;
        scope.n_read_only = !scope.n_hidden;
        server_refuses(s, server_with(s, server_patch(s, KIND_ROLE, &id, NULL), &role.base), CRM_INVALID, "scopes");
        assert_non_null(strstr(s->failure.text, slips[i / 2][2]));
    }
    names[0] = (char *)(uintptr_t)"discount_level";
    server_must(s, server_with(s, server_patch(s, KIND_ROLE, &id, NULL), &role.base));
}

/* Whatever is done to users and roles, somebody who can undo it remains. */
static void keeps_an_active_administrator(void **state)
{
    struct server *s = *state;
    struct uuid admin = server_find(s, KIND_ROLE, "name", "administrator"), rep = server_find(s, KIND_ROLE, "name", "representative");
    struct uuid ann, own;
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    server_create(s, KIND_USER, &ann, "login=ann", server_ref(s, "role", &rep));
    server_refuses(s, server_patch(s, KIND_USER, &s->user, "active=no", NULL), CRM_INVALID, "active");
    server_refuses(s, server_patch(s, KIND_USER, &s->user, server_ref(s, "role", &rep), NULL), CRM_INVALID, "role");
    server_refuses(s, server_patch(s, KIND_USER, &s->user, "role=", NULL), CRM_INVALID, "role");
    server_refuses(s, server_patch(s, KIND_ROLE, &admin, "rights-=manage_users", NULL), CRM_INVALID, "rights");
    server_refuses(s, server_patch(s, KIND_ROLE, &admin, "rights=", NULL), CRM_INVALID, "rights");
    server_change(s, KIND_ROLE, &admin, "rights-=audit");

    own = make_role(s, "chief", "rights=manage_users");
    server_change(s, KIND_USER, &ann, server_ref(s, "role", &own), "active=no");
    server_refuses(s, server_patch(s, KIND_USER, &s->user, "active=no", NULL), CRM_INVALID, "active"); /* ann is not active */
    server_change(s, KIND_USER, &ann, "active=yes");
    server_change(s, KIND_ROLE, &admin, "rights-=manage_users");
    server_refuses(s, server_patch(s, KIND_ROLE, &own, "rights-=manage_users", NULL), CRM_INVALID, "rights");

    /* the last one cannot be deleted either */
    to.has_owner = true;
    to.owner = server_id(s, &s->user);
    server_must(s, server_action(s, KIND_USER, &ann, "assign", &to.base));
    server_refuses(s, server_deletion(s, KIND_USER, &ann), CRM_INVALID, "");
    server_change(s, KIND_ROLE, &admin, "rights+=manage_users");
    server_delete(s, KIND_USER, &ann);
}

/* --- pipelines */

static void checks_a_pipeline(void **state)
{
    struct server *s = *state;
    struct uuid id, elements[2] = { uuid_create(), uuid_create() };
    Crm__Pipeline pipeline = CRM__PIPELINE__INIT;
    Crm__Stage stages[2] = { CRM__STAGE__INIT, CRM__STAGE__INIT }, *list[] = { &stages[0], &stages[1] };
    char *required[] = { (char *)"amount" }, *next[] = { (char *)"B" };
    char long_name[66];
    Crm__Mutation *mutation = server_creation(s, KIND_PIPELINE, &id, NULL);

    pipeline.name = (char *)"P";
    pipeline.stages = list;
    pipeline.n_stages = 2;
    for (size_t i = 0; i < 2; i++) {
        stages[i].has_id = true;
        stages[i].id = server_id(s, &elements[i]);
    }
    stages[0].name = (char *)"A";
    server_refuses(s, server_with(s, mutation, &pipeline.base), CRM_INVALID, "stages"); /* no name */
    stages[1].name = (char *)"A";
    server_refuses(s, server_with(s, mutation, &pipeline.base), CRM_INVALID, "stages"); /* twice */
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    stages[1].name = long_name;
    server_refuses(s, server_with(s, mutation, &pipeline.base), CRM_INVALID, "stages");
    stages[1].name = (char *)"B";
    stages[1].has_probability = true;
    stages[1].probability = 101;
    server_refuses(s, server_with(s, mutation, &pipeline.base), CRM_INVALID, "stages.probability");
    stages[1].probability = 100;
    stages[0].required_fields = required;
    stages[0].n_required_fields = 1;
    required[0] = (char *)"wings";
    server_refuses(s, server_with(s, mutation, &pipeline.base), CRM_INVALID, "stages");
    required[0] = (char *)"amount";
    stages[0].next = next;
    stages[0].n_next = 1;
    next[0] = (char *)"C";
    server_refuses(s, server_with(s, mutation, &pipeline.base), CRM_INVALID, "stages"); /* no such stage */
    next[0] = (char *)"B";
    server_must(s, server_with(s, mutation, &pipeline.base));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(names_a_contact_by_its_parts),
        server_test(dates_the_last_contact),
        server_test(logs_on_customers_that_lack_a_new_required_field),
        server_test(says_who_has_done_a_task),
        server_test(repeats_a_task),
        server_test(does_not_repeat_what_is_dropped),
        server_test(completes_a_user),
        server_test(keeps_customers_a_tree),
        server_test(keeps_teams_a_tree),
        server_test(checks_the_scopes_of_a_role), server_test(checks_the_fields_that_a_role_hides),
        server_test(keeps_an_active_administrator),
        server_test(checks_a_pipeline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
