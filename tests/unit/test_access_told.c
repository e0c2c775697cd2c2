/*
 * test_access_told.c - what a session is told of what it may change says the same as the access that is asked each time
 */
#include "tests/unit/server_fixture.h"

#include "server/engine/access.h"

static Crm__Mutation *share(struct server *server, const struct uuid *customer, const struct uuid *with, bool revoke)
{
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;

    argument.has_principal = argument.has_may_write = argument.may_write = argument.has_revoke = true;
    argument.principal = server_id(server, with);
    argument.revoke = revoke;
    return server_action(server, KIND_CUSTOMER, customer, "share", &argument.base);
}

static struct uuid create_role(struct server *s)
{
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope all = CRM__KIND_SCOPE__INIT, customers = CRM__KIND_SCOPE__INIT, products = CRM__KIND_SCOPE__INIT;
    Crm__KindScope *scopes[] = { &all, &customers, &products };
    Crm__Right rights[] = { CRM__RIGHT__RIGHT_DELETE, CRM__RIGHT__RIGHT_SHARE };
    struct uuid ids[3], role_id;
    char *hidden[] = { (char *)(uintptr_t)"revenue" }, *shown[] = { (char *)(uintptr_t)"industry" };

    for (size_t i = 0; i < 3; i++) {
        ids[i] = uuid_create();
        scopes[i]->has_id = scopes[i]->has_read = scopes[i]->has_write = true;
        scopes[i]->id = server_id(s, &ids[i]);
        scopes[i]->read = CRM__SCOPE__SCOPE_ALL;
        scopes[i]->write = CRM__SCOPE__SCOPE_OWN;
    }
    all.kind = (char *)(uintptr_t)"*";
    customers.kind = (char *)(uintptr_t)"customer";
    customers.hidden = hidden;
    customers.read_only = shown;
    customers.n_hidden = customers.n_read_only = 1;
    products.kind = (char *)(uintptr_t)"product";
    products.write = CRM__SCOPE__SCOPE_NONE;
    role.name = (char *)(uintptr_t)"Field";
    role.scopes = scopes;
    role.n_scopes = 3;
    role.rights = rights;
    role.n_rights = 2;
    server_must(s, server_with(s, server_creation(s, KIND_ROLE, &role_id, NULL), &role.base));
    return role_id;
}

struct telling {
    struct server *server;
    struct uuid user;
    struct access *access;
    Crm__Permissions told;
};

static enum crm_status tell_run(struct store_txn *txn, void *arg)
{
    struct telling *telling = arg;
    const struct view view = { .txn = txn, .schema = telling->server->core.schema };
    enum crm_status status = access_create(&view, &telling->user, NULL, &telling->access);

    return status == CRM_OK ? access_tell(telling->access, &view, &telling->server->arena, &telling->told) : status;
}

static struct telling tell(struct server *s, const struct uuid *user)
{
    struct telling telling = { .server = s, .user = *user };

    assert_int_equal(store_read_run(s->store, tell_run, &telling), CRM_OK);
    return telling;
}

static const Crm__KindPermission *row_of(const struct telling *telling, enum kind kind)
{
    for (size_t i = 0; i < telling->told.n_kinds; i++)
        if (telling->told.kinds[i]->kind == (uint32_t)kind)
            return telling->told.kinds[i];
    return NULL;
}

/* For every kind and every field. */
static void compare(const struct telling *telling)
{
    const struct schema *schema = telling->server->core.schema;
    const struct kind_def *kind;
    const struct field_def *field;

    for (size_t k = 0; (kind = kind_at(k)); k++) {
        const Crm__KindPermission *row = row_of(telling, kind->kind);
        Crm__Scope write = row ? row->write : telling->told.write;

        if (kind->flags & KIND_ADMINISTRATION)
            continue;
        assert_int_equal(write > CRM__SCOPE__SCOPE_NONE, access_covers(telling->access, kind->kind, ACCESS_WRITE, &telling->user, &(struct uuid){ 0 }));
        assert_int_equal(write > CRM__SCOPE__SCOPE_OWN, access_covers_others(telling->access, kind->kind, ACCESS_WRITE));
        for (size_t f = 0; (field = schema_field_at(schema, kind, f)); f++) {
            bool is_fixed = false;

            for (size_t i = 0; row && i < row->n_fixed; i++)
                is_fixed |= row->fixed[i] == field->ref;
            assert_int_equal(is_fixed, access_keeps(telling->access, kind->kind, field->ref));
        }
    }
    assert_int_equal(telling->told.rights, access_rights(telling->access));
}

static void what_is_told_is_what_holds(void **state)
{
    struct server *s = *state;
    struct uuid role = create_role(s), user, customer;
    struct telling telling;

    server_create(s, KIND_USER, &user, "login=lena", server_ref(s, "team", &s->team), server_ref(s, "role", &role));
    server_create(s, KIND_CUSTOMER, &customer, "name=Acme");
    telling = tell(s, &user);
    compare(&telling);
    assert_int_equal(telling.told.rights, 1u << CRM__RIGHT__RIGHT_DELETE | 1u << CRM__RIGHT__RIGHT_SHARE);
    assert_int_equal(telling.told.write, CRM__SCOPE__SCOPE_OWN);
    assert_int_equal(telling.told.n_kinds, 2); /* the rest is as usual, and takes no bytes */
    assert_int_equal(row_of(&telling, KIND_CUSTOMER)->n_fixed, 2);
    assert_false(row_of(&telling, KIND_CUSTOMER)->shared);
    assert_int_equal(row_of(&telling, KIND_PRODUCT)->write, CRM__SCOPE__SCOPE_NONE);
    access_unref(telling.access);
    server_must(s, share(s, &customer, &user, false));
    telling = tell(s, &user);
    assert_true(row_of(&telling, KIND_CUSTOMER)->shared);
    access_unref(telling.access);
    server_must(s, share(s, &customer, &user, true));
    telling = tell(s, &user);
    assert_false(row_of(&telling, KIND_CUSTOMER)->shared);
    access_unref(telling.access);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(what_is_told_is_what_holds, server_setup, server_teardown) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
