/*
 * test_taken.c - a unique value that another record has: what is said of that one to who may read it, and to who may not
 */
#include "tests/unit/server_fixture.h"

#include "server/engine/access.h"

struct compile {
    struct server *server;
    const struct uuid *user;
    struct access *access;
};

static enum crm_status compile(struct store_txn *txn, void *arg)
{
    struct compile *compile = arg;
    struct view view = { .txn = txn, .schema = compile->server->core.schema };

    return access_create(&view, compile->user, NULL, &compile->access);
}

/* From now on this user changes things. */
static struct access *become(struct server *s, const struct uuid *user)
{
    struct compile as = { .server = s, .user = user };

    assert_int_equal(store_read_run(s->store, compile, &as), CRM_OK);
    s->actor.user = *user;
    s->actor.access = as.access;
    s->actor.rights = access_rights(as.access);
    return as.access;
}

static struct uuid make_representative(struct server *s, const char *login, const char *name)
{
    struct uuid role = server_find(s, KIND_ROLE, "name", "representative"), id;

    server_create(s, KIND_USER, &id, arena_printf(&s->arena, "login=%s", login), arena_printf(&s->arena, "name=%s", name),
                  server_ref(s, "team", &s->team), server_ref(s, "role", &role));
    return id;
}

static void names_a_record_only_to_who_may_read_it(void **state)
{
    struct server *s = *state;
    struct uuid anna = make_representative(s, "anna", "Anna Snelling"), ben = make_representative(s, "ben", "Ben"), id, company;
    struct access *access;

    access = become(s, &anna);
    server_create(s, KIND_SAVED_VIEW, &id, "name=Secret pipeline", "kind=deal");
    server_refuses(s, server_creation(s, KIND_SAVED_VIEW, &id, "name=SECRET pipeline", "kind=deal", NULL), CRM_EXISTS, "name");
    assert_string_equal(s->failure.text, "saved_view V-1 has this name");
    access_unref(access);

    access = become(s, &ben);
    server_refuses(s, server_creation(s, KIND_SAVED_VIEW, &id, "name=SECRET pipeline", "kind=deal", NULL), CRM_EXISTS, "name");
    assert_string_equal(s->failure.text, "a similar saved_view exists already");
    server_create(s, KIND_SAVED_VIEW, &id, "name=Mine", "kind=deal");
    server_refuses(s, server_patch(s, KIND_SAVED_VIEW, &id, "name=secret pipeline", NULL), CRM_EXISTS, "name");
    assert_string_equal(s->failure.text, "a similar saved_view exists already");
    access_unref(access);

    s->actor.access = NULL;
    s->actor.rights = SERVER_ALL_RIGHTS;
    server_refuses(s, server_creation(s, KIND_COMPANY, &company, "name=Another", "currency=USD", NULL), CRM_EXISTS, "");
}

static enum crm_status read_company(struct store_txn *txn, void *arg)
{
    struct view view = { .txn = txn };

    return view_first(&view, KIND_COMPANY, arg);
}

static void says_whom_to_ask_where_the_company_wants_that(void **state)
{
    struct server *s = *state;
    struct uuid anna = make_representative(s, "anna", "Anna Snelling"), ben = make_representative(s, "ben", "Ben"), id;
    struct record company;
    struct access *access;

    assert_int_equal(store_read_run(s->store, read_company, &company), CRM_OK);
    server_change(s, KIND_COMPANY, &company.header.id, "tell_taken=yes");
    access = become(s, &anna);
    server_create(s, KIND_SAVED_VIEW, &id, "name=Secret", "kind=deal");
    access_unref(access);
    access = become(s, &ben);
    server_refuses(s, server_creation(s, KIND_SAVED_VIEW, &id, "name=secret", "kind=deal", NULL), CRM_EXISTS, "name");
    assert_string_equal(s->failure.text, "a similar saved_view exists already: ask Anna Snelling");
    access_unref(access);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(names_a_record_only_to_who_may_read_it),
        server_test(says_whom_to_ask_where_the_company_wants_that),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
