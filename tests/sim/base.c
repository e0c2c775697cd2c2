/*
 * base.c - the company that every seed begins with: an office, two representatives of two teams, a manager, and what they own
 *
 * Made once in a process by the engine itself; each seed goes on with a copy, which costs nothing.
 */
#include "tests/sim/sim.h"

#include "common/base/clock.h"
#include "server/admin/first_records.h"
#include "server/engine/mutate.h"
#include "server/session/session.h"

#define BASE_SEED  UINT64_C(0xBA5E)
#define ARENA_SIZE ((size_t)64 << 20)
#define LASTS_US   (INT64_C(3650) * 86400 * 1000000)
#define CUSTOMERS  4 /* of each person */

const char *const person_names[PEOPLE_N] = { [OFFICE] = "office", [ANN] = "ann", [BOB] = "bob", [MIA] = "mia" };

static const struct {
    enum team team;
    const char *role;
} places[PEOPLE_N] = {
    [ANN] = { NORTH, "representative" },
    [BOB] = { SOUTH, "representative" },
    [MIA] = { NORTH, "manager" },
};
static const char *const team_names[TEAMS_N] = { [NORTH] = "North", [SOUTH] = "South" };

struct making {
    struct base *base;
    struct core core;
    struct change_group group;
    struct change_actor actor;
    struct arena arena;
    struct uuid company_team;
};

static ProtobufCBinaryData id_of(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

static struct uuid find(struct making *making, enum kind kind, const char *field, const char *text)
{
    const struct view view = { .txn = making->group.txn, .group = making->group.set, .schema = making->core.schema };
    const struct value value = { .type = FIELD_TEXT, .text = slice_text(text) };
    struct uuid id;

    sim_must(view_unique(&view, kind, schema_field_by_name(making->core.schema, kind_def((unsigned)kind), field), &value, &id), text);
    return id;
}

static void create(struct making *making, enum kind kind, const struct uuid *id, const ProtobufCMessage *message, const struct uuid *owner,
                   const struct uuid *team)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT, *list = &mutation;
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__MutateReply reply = CRM__MUTATE_REPLY__INIT;
    struct failure failure = { 0 };
    uint8_t *packed = arena_alloc(&making->arena, protobuf_c_message_get_packed_size(message) + 1);

    if (!packed)
        sim_fail("out of memory");
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = (uint32_t)kind;
    mutation.id = id_of(id);
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation.set = (ProtobufCBinaryData){ .data = packed, .len = protobuf_c_message_pack(message, packed) };
    mutation.has_owner = owner != NULL;
    mutation.has_team = team != NULL;
    if (owner)
        mutation.owner = id_of(owner);
    if (team)
        mutation.team = id_of(team);
    request.mutations = &list;
    request.n_mutations = 1;
    if (mutate_run(&making->group, &making->actor, &request, &reply, &failure) != CRM_OK || reply.results[0]->has_status)
        sim_fail("base: %s", failure.text[0] ? failure.text : reply.n_results ? reply.results[0]->error->text : "?");
}

static void make_people(struct making *making)
{
    struct base *base = making->base;

    for (unsigned i = 0; i < TEAMS_N; i++) {
        Crm__Team team = CRM__TEAM__INIT;

        base->teams[i] = uuid_create();
        team.name = (char *)(uintptr_t)team_names[i];
        team.has_parent = true;
        team.parent = id_of(&making->company_team);
        create(making, KIND_TEAM, &base->teams[i], &team.base, NULL, NULL);
    }
    for (unsigned i = ANN; i < PEOPLE_N; i++) {
        struct uuid role = find(making, KIND_ROLE, "name", places[i].role);
        Crm__User user = CRM__USER__INIT;

        base->people[i] = uuid_create();
        user.login = user.name = (char *)(uintptr_t)person_names[i];
        user.has_team = user.has_role = user.has_active = true;
        user.team = id_of(&base->teams[places[i].team]);
        user.role = id_of(&role);
        user.active = true;
        create(making, KIND_USER, &base->people[i], &user.base, NULL, NULL);
    }
}

/* Of the first customer of each. */
static void make_deal(struct making *making, enum person owner, const struct uuid *customer_id)
{
    struct uuid id = uuid_create();
    Crm__Deal deal = CRM__DEAL__INIT;
    Crm__Money amount = CRM__MONEY__INIT;

    deal.name = (char *)"Pumps";
    deal.has_customer = true;
    deal.customer = id_of(customer_id);
    amount.has_minor = true;
    amount.minor = 100000;
    amount.currency = (char *)"USD";
    deal.amount = &amount;
    create(making, KIND_DEAL, &id, &deal.base, &making->base->people[owner], &making->base->teams[places[owner].team]);
}

static void make_customer(struct making *making, enum person owner, unsigned n)
{
    const struct uuid *user = &making->base->people[owner], *team = &making->base->teams[places[owner].team];
    struct uuid customer_id = uuid_create(), contact_id = uuid_create(), activity_id = uuid_create();
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Contact contact = CRM__CONTACT__INIT;
    Crm__Activity activity = CRM__ACTIVITY__INIT;

    customer.name = arena_printf(&making->arena, "Works %u of %s", n, person_names[owner]);
    contact.name = arena_printf(&making->arena, "Buyer %u", n);
    activity.subject = (char *)"Call";
    contact.has_customer = activity.has_customer = true;
    contact.customer = activity.customer = id_of(&customer_id);
    create(making, KIND_CUSTOMER, &customer_id, &customer.base, user, team);
    create(making, KIND_CONTACT, &contact_id, &contact.base, user, team);
    create(making, KIND_ACTIVITY, &activity_id, &activity.base, user, team);
    if (n == 0)
        make_deal(making, owner, &customer_id);
}

static void open_sessions(struct making *making)
{
    const struct view view = { .txn = making->group.txn, .group = making->group.set, .schema = making->core.schema };
    const struct session_opening opening = { .how = SESSION_BY_PASSWORD, .device_name = "", .from = "sim", .name = "", .lasts_us = LASTS_US,
                                             .idle_us = LASTS_US, .confirmed_us = LASTS_US };

    for (unsigned i = 0; i < PEOPLE_N; i++) {
        struct session session = { .must = CRM_OK };

        sim_must(session_load(&view, &making->base->people[i], &session), "a session's user");
        sim_must(session_open(&making->group, &session, &opening, making->base->tokens[i]), "a session");
        session_fini(&session);
    }
}

static enum crm_status make(struct store_txn *txn, void *arg)
{
    struct making *making = arg;
    enum crm_status status;

    change_group_init(&making->group, txn, making->core.schema, &making->arena, clock_now_us());
    status = change_group_begin(&making->group);
    if (status != CRM_OK)
        return status;
    making->base->people[OFFICE] = find(making, KIND_USER, "login", person_names[OFFICE]);
    making->company_team = find(making, KIND_TEAM, "name", "Company");
    making->actor = (struct change_actor){ .user = making->base->people[OFFICE], .team = making->company_team, .rights = UINT32_MAX, .is_confirmed = true,
                                           .from = "sim" };
    making->base->rep_role = find(making, KIND_ROLE, "name", "representative");
    make_people(making);
    for (unsigned i = ANN; i < PEOPLE_N; i++)
        for (unsigned n = 0; n < CUSTOMERS; n++)
            make_customer(making, (enum person)i, n);
    open_sessions(making);
    return writeset_apply(making->group.set, txn);
}

void base_make(struct base *base)
{
    static const struct first_records first = { .company = "Example", .currency = "USD", .time_zone = "UTC", .login = "office", .password_encoded = "none" };
    static const struct settings settings = { .session_hours = 168 };
    struct making making = { .base = base };
    struct failure failure = { 0 };

    seed_begin(BASE_SEED, false);
    seed_pass(-INT64_C(3600) * 1000000);
    arena_init(&making.arena, ARENA_SIZE);
    sim_must(store_open_map(&base->map), "a map");
    sim_must(first_records_write(base->map, &first, &failure), failure.text);
    sim_must(core_init(&making.core, base->map, &settings, "", &failure), failure.text);
    sim_must(store_write_run(base->map, make, &making), "the base");
    core_fini(&making.core);
    arena_fini(&making.arena);
}

void base_fini(struct base *base)
{
    store_close(base->map);
}
