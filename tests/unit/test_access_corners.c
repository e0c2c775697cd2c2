/*
 * test_access_corners.c - side doors that the matrix does not walk through: actions that set a field, hidden references, sentences, what goes along
 */
#include "access/world.h"

#include "server/dispatch/request.h"

struct corner {
    struct world *world;
    struct fixture *user;
    struct uuid role, user_id, other;
};

/* One row of a role: NULL ends the fields. */
struct row {
    const char *kind;
    Crm__Scope read, write;
    const char *hidden[3], *read_only[3];
};

static const char *id_text(struct fixture *f, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    return arena_printf(&f->arena, "%s=%s", name, text);
}

static size_t fields_of(struct fixture *f, const char *const *names, char ***out)
{
    size_t n = 0;

    while (n < 3 && names[n])
        n++;
    *out = arena_memdup(&f->arena, names, 3 * sizeof *names);
    return n;
}

static void make_role(struct corner *corner, const struct row *rows, size_t n)
{
    struct fixture *f = &corner->world->admin;
    Crm__Mutation *mutation = world_mutation(f, KIND_ROLE, &corner->role, CRM__VERB__VERB_CREATE);
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope scopes[8], *list[8];
    Crm__Right rights[CRM__RIGHT__RIGHT_ERASE];
    struct slice packed;

    for (size_t i = 0; i < n; i++) {
        struct uuid id = uuid_create();

        crm__kind_scope__init(&scopes[i]);
        scopes[i].has_id = scopes[i].has_read = scopes[i].has_write = true;
        scopes[i].id = world_bytes(f, &id);
        scopes[i].kind = (char *)(uintptr_t)rows[i].kind;
        scopes[i].read = rows[i].read;
        scopes[i].write = rows[i].write;
        scopes[i].n_hidden = fields_of(f, rows[i].hidden, &scopes[i].hidden);
        scopes[i].n_read_only = fields_of(f, rows[i].read_only, &scopes[i].read_only);
        list[i] = &scopes[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        rights[i] = (Crm__Right)(i + 1);
    role.name = (char *)"corner";
    role.scopes = list;
    role.n_scopes = n;
    role.rights = rights;
    role.n_rights = ARRAY_LEN(rights);
    assert_int_equal(codec_pack(&role.base, &f->arena, &packed), CRM_OK);
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    world_must(corner->world, mutation);
}

static struct uuid make(struct corner *corner, enum kind kind, const struct uuid *owner, const char *const *texts)
{
    struct fixture *f = &corner->world->admin;
    struct uuid id = uuid_create();
    Crm__Mutation *mutation = world_mutation(f, kind, &id, CRM__VERB__VERB_CREATE);
    struct schema *schema = core_schema(&f->core);

    mutation->has_set = true;
    mutation->set = world_body(f, schema, kind, texts);
    schema_unref(schema);
    mutation->has_owner = owner != NULL;
    if (owner)
        mutation->owner = world_bytes(f, owner);
    world_must(corner->world, mutation);
    return id;
}

#define MAKE(corner, kind, owner, ...) make(corner, kind, owner, (const char *const[]){ __VA_ARGS__, NULL })

static void enter(struct corner *corner, const struct row *rows, size_t n)
{
    struct fixture *f;

    *corner = (struct corner){ .world = world_create_bare(1), .role = uuid_create() };
    f = &corner->world->admin;
    make_role(corner, rows, n);
    corner->user_id = MAKE(corner, KIND_USER, NULL, "login=looker", id_text(f, "team", &corner->world->model->teams[3].id), id_text(f, "role", &corner->role));
    corner->other = MAKE(corner, KIND_USER, NULL, "login=other", id_text(f, "team", &corner->world->model->teams[14].id), id_text(f, "role", &corner->role));
    corner->user = &corner->world->peers[0];
    world_join(corner->world, corner->user, &corner->user_id);
}

#define ENTER(corner, ...) enter(corner, (const struct row[]){ __VA_ARGS__ }, ARRAY_LEN(((const struct row[]){ __VA_ARGS__ })))

static const Crm__Error *error_of(struct corner *corner, const struct answer *answer)
{
    assert_int_equal(answer->type, FRAME_ERROR);
    return answer_message(corner->user, answer->body, &crm__error__descriptor);
}

static struct record record_of(struct corner *corner, struct fixture *f, enum kind kind, const struct uuid *id)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct failure failure = { 0 };
    struct answer answer;
    struct record record;

    request.has_kind = request.has_id = request.has_titles = request.titles = true;
    request.kind = kind;
    request.id = world_bytes(f, id);
    answer = talk(corner->world, f, OP_GET, &request.base);
    assert_int_equal(answer.type, FRAME_REPLY);
    assert_int_equal(record_from_wire(((const Crm__GetReply *)answer_message(f, answer.body, &crm__get_reply__descriptor))->record, &record, &failure), CRM_OK);
    return record;
}

static size_t rows_of(struct corner *corner, Crm__ListRequest *request)
{
    struct answer answer = talk(corner->world, corner->user, OP_LIST, &request->base);

    assert_int_equal(answer.type, FRAME_END);
    return ((const Crm__ListReply *)answer_message(corner->user, answer.body, &crm__list_reply__descriptor))->rows;
}

/* --- corners */

static struct answer move(struct corner *corner, const struct uuid *deal, const char *stage)
{
    Crm__MoveArgument argument = CRM__MOVE_ARGUMENT__INIT;

    argument.stage = (char *)(uintptr_t)stage;
    return world_mutate(corner->world, corner->user, world_action(corner->user, KIND_DEAL, deal, "move", &argument.base), false);
}

/* A field that the role does not let be changed is not changed by an action either. */
static void test_an_action_sets_no_kept_field(void **state)
{
    struct corner corner;
    struct answer answer;
    struct uuid deal;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "deal", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { "stage" } });
    deal = MAKE(&corner, KIND_DEAL, &corner.user_id, "name=Deal");
    answer = move(&corner, &deal, "Qualified");
    assert_int_equal(error_of(&corner, &answer)->status, CRM_NOT_ALLOWED);
    assert_string_equal(error_of(&corner, &answer)->field, "stage");
    world_destroy(corner.world);

    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } });
    deal = MAKE(&corner, KIND_DEAL, &corner.user_id, "name=Deal");
    answer = move(&corner, &deal, "Qualified");
    assert_int_equal(answer.type, FRAME_REPLY);
    world_destroy(corner.world);
}

/* The sentence of a refusal names no record that may not be seen, and no value of a hidden field. */
static void test_no_sentence_tells(void **state)
{
    struct corner corner;
    struct answer answer;
    struct uuid deal;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "pipeline", CRM__SCOPE__SCOPE_NONE, CRM__SCOPE__SCOPE_NONE, { 0 }, { 0 } });
    deal = MAKE(&corner, KIND_DEAL, &corner.user_id, "name=Deal");
    answer = move(&corner, &deal, "Nowhere");
    assert_null(strstr(error_of(&corner, &answer)->text, "Sales"));
    world_destroy(corner.world);

    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "deal", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { "stage" }, { 0 } });
    deal = MAKE(&corner, KIND_DEAL, &corner.user_id, "name=Deal", "stage=Won");
    answer = move(&corner, &deal, "Engaging");
    assert_null(strstr(error_of(&corner, &answer)->text, "Won"));
    assert_int_equal(error_of(&corner, &answer)->status, CRM_NOT_ALLOWED);
    world_destroy(corner.world);
}

/* By a reference that is hidden nothing is found from its other end. */
static void test_a_hidden_reference_leads_nowhere(void **state)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct corner corner;
    struct uuid customer;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "contact", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { "customer" }, { 0 } });
    customer = MAKE(&corner, KIND_CUSTOMER, NULL, "name=Acme");
    MAKE(&corner, KIND_CONTACT, NULL, "name=Lena", id_text(&corner.world->admin, "customer", &customer));
    MAKE(&corner, KIND_TASK, NULL, "subject=Call", id_text(&corner.world->admin, "customer", &customer));
    request.has_kind = request.has_parent = true;
    request.kind = KIND_CONTACT;
    request.parent = world_bytes(corner.user, &customer);
    assert_int_equal(rows_of(&corner, &request), 0);
    request.kind = KIND_TASK;
    assert_int_equal(rows_of(&corner, &request), 1);
    world_destroy(corner.world);
}

/* A report tells nothing by a hidden field either: not even how many have which pipeline. */
static void test_a_report_by_a_hidden_field(void **state)
{
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    struct corner corner;
    struct uuid deal;
    struct record record;
    struct value pipeline;
    char *group = (char *)"owner";
    struct answer answer;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "deal", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { "pipeline" }, { 0 } });
    deal = MAKE(&corner, KIND_DEAL, NULL, "name=Deal");
    record = record_of(&corner, &corner.world->admin, KIND_DEAL, &deal);
    assert_true(reflect_get(world_field(KIND_DEAL, "pipeline"), &record, &pipeline));
    request.name = (char *)"pipeline";
    request.group = &group;
    request.n_group = 1;
    request.has_pipeline = true;
    request.pipeline = world_bytes(corner.user, &pipeline.ref);
    answer = talk(corner.world, corner.user, OP_REPORT, &request.base);
    if (answer.type == FRAME_REPLY)
        assert_int_equal(((const Crm__ReportReply *)answer_message(corner.user, answer.body, &crm__report_reply__descriptor))->n_rows, 0);
    else
        assert_int_equal(answer.status, CRM_NOT_ALLOWED);
    world_destroy(corner.world);
}

/* A report over what others own is told to the audit trail, also of somebody whose only teams are further ones. */
static void test_a_report_over_others_is_audited(void **state)
{
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    struct corner corner;
    struct fixture *f;
    Crm__Mutation *mutation;
    uint32_t team = kind_field_by_name(kind_def(KIND_USER), "team")->ref;
    struct schema *schema;
    const struct view *view;
    struct audit_entry entry;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_TEAM, CRM__SCOPE__SCOPE_TEAM, { 0 }, { 0 } });
    f = &corner.world->admin;
    mutation = world_mutation(f, KIND_USER, &corner.user_id, CRM__VERB__VERB_PATCH);
    schema = core_schema(&f->core);
    mutation->has_set = true;
    mutation->set = world_body(f, schema, KIND_USER, (const char *const[]){ id_text(f, "more_teams", &corner.world->model->teams[5].id), NULL });
    schema_unref(schema);
    mutation->clear = &team;
    mutation->n_clear = 1;
    world_must(corner.world, mutation);
    request.name = (char *)"pipeline";
    assert_int_equal(talk(corner.world, corner.user, OP_REPORT, &request.base).type, FRAME_REPLY);
    assert_int_equal(thread_view(f->thread, f->core.schema, &view), CRM_OK);
    assert_int_equal(audit_before(view, UINT64_MAX, &entry), CRM_OK);
    assert_int_equal(entry.act, CRM__AUDIT_ACT__AUDIT_ACT_REPORT);
    assert_true(uuid_equal(&entry.user, &corner.user_id));
    dispatch_thread_end_turn(f->thread);
    world_destroy(corner.world);
}

/* A role may hide a custom field before there is one of that name; from its first value on it is hidden. */
static void test_a_custom_field_is_hidden_from_its_beginning(void **state)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    struct corner corner;
    struct fixture *f;
    struct uuid customer;
    struct record record;
    struct schema *schema;
    const struct field_def *field;
    struct value value;
    struct answer answer;
    const Crm__CountReply *reply;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "customer", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { "margin" }, { 0 } });
    f = &corner.world->admin;
    MAKE(&corner, KIND_FIELD_DEFINITION, NULL, "kind=customer", "name=margin", "type=text", "indexed=yes");
    customer = MAKE(&corner, KIND_CUSTOMER, NULL, "name=Acme", "margin=high");
    schema = core_schema(&f->core);
    field = schema_field_by_name(schema, kind_def(KIND_CUSTOMER), "margin");
    record = record_of(&corner, f, KIND_CUSTOMER, &customer);
    assert_true(reflect_get(field, &record, &value));
    record = record_of(&corner, corner.user, KIND_CUSTOMER, &customer);
    assert_false(reflect_get(field, &record, &value));
    request.has_kind = request.has_group = true;
    request.kind = KIND_CUSTOMER;
    request.group = field->ref;
    answer = talk(corner.world, corner.user, OP_COUNT, &request.base);
    reply = answer_message(corner.user, answer.body, &crm__count_reply__descriptor);
    assert_int_equal(reply->n_groups, 1);
    assert_null(reply->groups[0]->value);
    schema_unref(schema);
    world_destroy(corner.world);
}

static Crm__Mutation *renaming(struct corner *corner, const struct uuid *definition, const char *name)
{
    struct fixture *f = &corner->world->admin;
    Crm__Mutation *mutation = world_mutation(f, KIND_FIELD_DEFINITION, definition, CRM__VERB__VERB_PATCH);
    struct schema *schema = core_schema(&f->core);

    mutation->has_set = true;
    mutation->set = world_body(f, schema, KIND_FIELD_DEFINITION, (const char *const[]){ arena_printf(&f->arena, "name=%s", name), NULL });
    schema_unref(schema);
    return mutation;
}

/* What a role hides by its name keeps that name, and stays a field: else its values would be shown. */
static void test_a_hidden_custom_field_keeps_its_name(void **state)
{
    struct corner corner;
    struct fixture *f;
    struct uuid hidden, other;
    struct answer answer;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { "discount" } },
          { "customer", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { "margin" }, { 0 } });
    f = &corner.world->admin;
    hidden = MAKE(&corner, KIND_FIELD_DEFINITION, NULL, "kind=customer", "name=margin", "type=text");
    other = MAKE(&corner, KIND_FIELD_DEFINITION, NULL, "kind=deal", "name=margin", "type=text");
    answer = world_mutate(corner.world, f, renaming(&corner, &hidden, "profit"), false);
    assert_int_equal(error_of(&corner, &answer)->status, CRM_IN_USE);
    assert_string_equal(error_of(&corner, &answer)->field, "name");
    answer = world_mutate(corner.world, f, world_mutation(f, KIND_FIELD_DEFINITION, &hidden, CRM__VERB__VERB_DELETE), false);
    assert_int_equal(error_of(&corner, &answer)->status, CRM_IN_USE);
    answer = world_mutate(corner.world, f, renaming(&corner, &other, "profit"), false);
    assert_int_equal(answer.type, FRAME_REPLY);
    answer = world_mutate(corner.world, f, renaming(&corner, &other, "discount"), false);
    assert_int_equal(answer.type, FRAME_REPLY);
    answer = world_mutate(corner.world, f, world_mutation(f, KIND_FIELD_DEFINITION, &other, CRM__VERB__VERB_DELETE), false);
    assert_int_equal(error_of(&corner, &answer)->status, CRM_IN_USE);
    world_destroy(corner.world);
}

/* Handing a customer over takes along only deals that whoever does it may change. */
static void test_only_own_deals_go_along(void **state)
{
    Crm__AssignArgument argument = CRM__ASSIGN_ARGUMENT__INIT;
    struct corner corner;
    struct uuid customer, deal;
    struct answer answer;
    struct record record;

    (void)state;
    ENTER(&corner, { "*", CRM__SCOPE__SCOPE_ALL, CRM__SCOPE__SCOPE_ALL, { 0 }, { 0 } },
          { "deal", CRM__SCOPE__SCOPE_NONE, CRM__SCOPE__SCOPE_NONE, { 0 }, { 0 } });
    customer = MAKE(&corner, KIND_CUSTOMER, &corner.other, "name=Acme");
    deal = MAKE(&corner, KIND_DEAL, &corner.other, "name=Deal", id_text(&corner.world->admin, "customer", &customer));
    argument.has_owner = argument.has_with_deals = argument.with_deals = true;
    argument.owner = world_bytes(corner.user, &corner.user_id);
    answer = world_mutate(corner.world, corner.user, world_action(corner.user, KIND_CUSTOMER, &customer, "assign", &argument.base), false);
    record = record_of(&corner, &corner.world->admin, KIND_DEAL, &deal);
    assert_true(uuid_equal(&record.header.owner, &corner.other));
    record = record_of(&corner, &corner.world->admin, KIND_CUSTOMER, &customer);
    assert_true(uuid_equal(&record.header.owner, answer.type == FRAME_REPLY ? &corner.user_id : &corner.other));
    world_destroy(corner.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_action_sets_no_kept_field),
        cmocka_unit_test(test_no_sentence_tells),
        cmocka_unit_test(test_a_hidden_reference_leads_nowhere),
        cmocka_unit_test(test_a_report_by_a_hidden_field),
        cmocka_unit_test(test_a_custom_field_is_hidden_from_its_beginning),
        cmocka_unit_test(test_a_report_over_others_is_audited),
        cmocka_unit_test(test_a_hidden_custom_field_keeps_its_name),
        cmocka_unit_test(test_only_own_deals_go_along),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
