/*
 * world.c - making the company: a tree of teams, users under every combination of scopes, records of every kind in every relation to them
 */
#include "world.h"

#include "common/base/calendar.h"

#define TEAMS   15 /* a company, two regions, four branches, eight groups: the parent of i is (i - 1) / 2 */
#define FAR     14 /* a group of the other region */
#define HOME    3  /* the branch that most users are in; 7 and 8 are its groups, 4 its sibling, 1 its region */
#define SCOPES  5
#define HOUR_US INT64_C(3600000000)

const struct world_kind world_kinds[] = {
    { KIND_CUSTOMER, .title = "name", .secret = "legal_name", .money = "revenue" },
    { KIND_CONTACT, .title = "name", .secret = "title", .parent = "customer" },
    { KIND_PRODUCT, .title = "name", .secret = "code", .money = "price" },
    { KIND_PIPELINE, .title = "name", .secret = "tags" },
    { KIND_DEAL, .title = "name", .secret = "next_step", .money = "amount" },
    { KIND_ACTIVITY, .title = "subject", .secret = "text", .parent = "customer", .more = "kind=call" },
    { KIND_TASK, .title = "subject", .secret = "text", .parent = "customer" },
    { KIND_USER, .title = "name", .secret = "email" },
    { KIND_TEAM, .title = "name", .secret = "region" },
    { KIND_ROLE, .title = "name", .secret = "tags" },
    { KIND_SAVED_VIEW, .title = "name", .secret = "sort", .more = "kind=deal" },
    { KIND_EXCHANGE_RATE, .title = "name", .secret = "source", .more = "rate=1.1", .derives_title = true },
    { KIND_FIELD_DEFINITION, .title = "qualified", .secret = "label", .more = "type=text", .derives_title = true },
    { KIND_COMPANY, .title = "name", .secret = "mission", .is_once = true },
    { KIND_NONE, .is_once = true },
};

const struct world_kind *world_kind(enum kind kind)
{
    for (size_t i = 0; world_kinds[i].kind; i++)
        if (world_kinds[i].kind == kind)
            return &world_kinds[i];
    fail_msg("kind %s has no row in world_kinds: say how one is made", kind_def(kind)->name);
    return NULL;
}

/* --- first things */

static void begin(struct world *world)
{
    struct fixture *f = &world->admin;
    struct failure failure = { 0 };
    struct settings settings;
    const struct first_records first = { .company = "Test", .currency = "USD", .time_zone = "UTC", .login = "admin", .password_encoded = "none" };

    world_pass(0);
    assert_int_equal(store_open_map(&f->store), CRM_OK);
    assert_int_equal(first_records_write(f->store, &first, &failure), CRM_OK);
    config_defaults(settings_table, settings_count, &settings);
    assert_int_equal(core_init(&f->core, f->store, &settings, "/nowhere", &failure), CRM_OK);
    assert_int_equal(dispatch_create(&f->core, &f->dispatch), CRM_OK);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->woken, NULL);
    assert_int_equal(dispatch_thread_create(f->dispatch, on_wake, f, &f->thread), CRM_OK);
    buf_init(&f->out, 8u << 20);
    arena_init(&f->arena, 512u << 20);
    crm__meta__init(&world->meta);
    memset(world->trace, 7, sizeof world->trace);
    world->meta.has_trace = true;
    world->meta.trace = (ProtobufCBinaryData){ .data = world->trace, .len = sizeof world->trace };
}

struct find_first {
    enum kind kind;
    struct uuid id;
};

static enum crm_status find_first_run(struct store_txn *txn, void *arg)
{
    struct find_first *find = arg;
    struct view view = { .txn = txn };
    struct record record;
    enum crm_status status = view_first(&view, find->kind, &record);

    find->id = record.header.id;
    return status;
}

/* The administrator, and the team that everybody begins with: nobody has seen anything yet. */
static struct uuid first_of(struct world *world, enum kind kind)
{
    struct find_first find = { .kind = kind };

    assert_int_equal(store_read_run(world->admin.store, find_first_run, &find), CRM_OK);
    return find.id;
}

/* A word that stands in no other record, and is no beginning of one. */
static const char *word(struct world *world, char first, int n)
{
    return arena_printf(&world->admin.arena, "%c%c%c%c%c%cq", first, 'a' + n / 17576 % 26, 'a' + n / 676 % 26, 'a' + n / 26 % 26, 'a' + n % 26, first);
}

static const char *ref_text(struct world *world, const char *name, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];

    uuid_format(id, text);
    return arena_printf(&world->admin.arena, "%s=%s", name, text);
}

/* --- records */

/* What a record of the world is to be. */
struct plan {
    enum kind kind;
    struct uuid owner, team;
    int customer; /* index in the model, or MODEL_NOBODY */
};

static struct model_record *note_record(struct world *world, enum kind kind, const struct uuid *id)
{
    struct model_record *record = &world->model->records[world->model->n_records++];

    assert_true(world->model->n_records < MODEL_RECORDS);
    *record = (struct model_record){ .kind = kind, .id = *id, .parent = MODEL_NOBODY, .refers = MODEL_NOBODY };
    return record;
}

/* Fields that only one kind has, and that a create needs. */
static const char *own_text(struct world *world, enum kind kind, int n)
{
    static const char *const kinds[] = { "product", "saved_view", "exchange_rate", "team", "pipeline", "role" };
    struct arena *arena = &world->admin.arena;

    switch (kind) {
    case KIND_USER:
        return arena_printf(arena, "login=%s", word(world, 'l', n));
    case KIND_EXCHANGE_RATE:
        return arena_printf(arena, "day=%04d-%02d-%02d", 1990 + n / 336, 1 + n / 28 % 12, 1 + n % 28);
    case KIND_FIELD_DEFINITION:
        return arena_printf(arena, "kind=%s", kinds[n % (int)ARRAY_LEN(kinds)]);
    default:
        return NULL;
    }
}

static int make_record(struct world *world, const struct plan *plan)
{
    const struct world_kind *kind = world_kind(plan->kind);
    struct fixture *f = &world->admin;
    struct uuid id = uuid_create();
    int n = world->model->n_records;
    struct model_record *record = note_record(world, plan->kind, &id);
    Crm__Mutation *mutation = world_mutation(f, plan->kind, &id, CRM__VERB__VERB_CREATE);
    const char *texts[12], *own = own_text(world, plan->kind, n);
    size_t n_texts = 0;

    record->owner = plan->owner;
    record->team = plan->team;
    record->has_values = true;
    snprintf(record->title, sizeof record->title, "%s", word(world, 't', n));
    snprintf(record->secret, sizeof record->secret, "%s", word(world, 's', n));
    snprintf(record->past_secret, sizeof record->past_secret, "%s", record->secret);
    if (!kind->derives_title)
        texts[n_texts++] = arena_printf(&f->arena, "%s=%s", kind->title, record->title);
    else if (plan->kind == KIND_FIELD_DEFINITION)
        texts[n_texts++] = arena_printf(&f->arena, "name=%s", record->title);
    else
        texts[n_texts++] = "currency=EUR";
    texts[n_texts++] = arena_printf(&f->arena, "%s=%s", kind->secret, record->secret);
    if (kind->money) {
        record->money = 100 * (int64_t)(1 + world_random(world, 5000));
        texts[n_texts++] = arena_printf(&f->arena, "%s=%d USD", kind->money, (int)(record->money / 100));
    }
    if (kind->more)
        texts[n_texts++] = kind->more;
    if (own)
        texts[n_texts++] = own;
    if (plan->customer != MODEL_NOBODY) {
        record->refers = plan->customer;
        record->parent = kind->parent ? plan->customer : MODEL_NOBODY;
        texts[n_texts++] = ref_text(world, "customer", &world->model->records[plan->customer].id);
    }
    texts[n_texts] = NULL;
    mutation->set = world_body(f, f->core.schema, plan->kind, texts);
    mutation->has_set = mutation->has_owner = mutation->has_team = true;
    mutation->owner = world_bytes(f, &plan->owner);
    mutation->team = world_bytes(f, &plan->team);
    world_must(world, mutation);
    return n;
}

static void share(struct world *world, int record, enum model_principal sort, int principal, bool may_write, bool is_over)
{
    struct model *model = world->model;
    struct model_record *of = &model->records[record];
    struct model_grant *grant = &model->grants[model->n_grants++];
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;
    const struct uuid *with = sort == MODEL_USER ? &model->users[principal].id : &model->teams[principal].id;

    assert_true(model->n_grants < MODEL_GRANTS);
    while (of->parent != MODEL_NOBODY) /* what is shared is the root */
        of = &model->records[of->parent];
    *grant = (struct model_grant){ .record = model_index(model, of), .sort = sort, .principal = principal, .may_write = may_write, .is_over = is_over };
    argument.has_principal = argument.has_may_write = argument.has_with_below = true;
    argument.principal = world_bytes(&world->admin, with);
    argument.may_write = may_write;
    argument.with_below = sort == MODEL_TEAM_AND_BELOW;
    argument.has_until = is_over;
    argument.until = clock_now_us() + HOUR_US;
    world_must(world, world_action(&world->admin, model->records[record].kind, &model->records[record].id, "share", &argument.base));
}

static void drop(struct world *world, int record)
{
    struct model_record *of = &world->model->records[record];

    world_must(world, world_mutation(&world->admin, of->kind, &of->id, CRM__VERB__VERB_DELETE));
    of->is_deleted = true;
}

static struct plan plan_of(struct world *world, enum kind kind, int team)
{
    struct model *model = world->model;
    const struct model_user *owner = &model->users[world->owners[team]];
    struct plan plan = { .kind = kind, .owner = owner->id, .team = model->teams[team].id, .customer = MODEL_NOBODY };

    if ((kind == KIND_DEAL || world_kind(kind)->parent) && world_random(world, 4)) {
        int n = (int)world_random(world, (uint64_t)model->n_records), tries = 0;

        while ((model->records[n].kind != KIND_CUSTOMER || model->records[n].is_deleted) && tries++ < model->n_records)
            n = (n + 1) % model->n_records;
        plan.customer = model->records[n].kind == KIND_CUSTOMER && !model->records[n].is_deleted ? n : MODEL_NOBODY;
    }
    return plan;
}

/* A record without a customer of its own root, so that what is shared of it is shared of nothing else. */
static int make_alone(struct world *world, enum kind kind, int team)
{
    struct plan plan = plan_of(world, kind, team);

    plan.customer = MODEL_NOBODY;
    return make_record(world, &plan);
}

/* Of every kind: one for each team, some that belong to another team than their owner's, shared ones, and two in the recycle bin. */
static void make_common(struct world *world, enum kind kind)
{
    struct plan plan;
    int record;

    for (int team = 0; team < TEAMS; team++) {
        plan = plan_of(world, kind, team);
        if (world_random(world, 3) == 0)
            plan.team = world->model->teams[world_random(world, TEAMS)].id;
        make_record(world, &plan);
    }
    share(world, make_alone(world, kind, FAR), MODEL_TEAM_ITSELF, HOME, false, false);
    share(world, make_alone(world, kind, FAR), MODEL_TEAM_AND_BELOW, 1, true, false);
    share(world, make_alone(world, kind, FAR), MODEL_TEAM_ITSELF, HOME, true, true);
    record = make_alone(world, kind, HOME);
    drop(world, record);
    record = make_alone(world, kind, FAR);
    drop(world, record);
}

/* And for each user: an own one, one that is shared to be read, one to be changed, one whose share is over, and an own one in the bin. */
static void make_personal(struct world *world, enum kind kind, int user)
{
    const struct model_user *of = &world->model->users[user];
    struct plan plan = plan_of(world, kind, FAR);

    plan.owner = of->id;
    make_record(world, &plan);
    share(world, make_alone(world, kind, FAR), MODEL_USER, user, false, false);
    share(world, make_alone(world, kind, FAR), MODEL_USER, user, true, false);
    share(world, make_alone(world, kind, FAR), MODEL_USER, user, true, true);
    plan.customer = MODEL_NOBODY;
    drop(world, make_record(world, &plan));
}

/* --- people */

static void make_teams(struct world *world)
{
    struct model *model = world->model;
    struct fixture *f = &world->admin;

    model->teams[0] = (struct model_team){ .id = first_of(world, KIND_TEAM), .parent = MODEL_NOBODY };
    for (int i = 1; i < TEAMS; i++) {
        struct model_team *team = &model->teams[i];
        Crm__Mutation *mutation;

        *team = (struct model_team){ .id = uuid_create(), .parent = (i - 1) / 2 };
        mutation = world_mutation(f, KIND_TEAM, &team->id, CRM__VERB__VERB_CREATE);
        mutation->has_set = true;
        mutation->set = world_body(f, f->core.schema, KIND_TEAM,
                                   (const char *const[]){ arena_printf(&f->arena, "name=Team%d", i), ref_text(world, "parent", &model->teams[team->parent].id), NULL });
        world_must(world, mutation);
    }
    model->n_teams = TEAMS;
}

/* The row of a role for a kind, as the model and as the server have it. */
static void fill_row(struct world *world, struct model_row *row, const struct world_kind *kind, enum visibility visibility, Crm__KindScope *out)
{
    char **names = arena_zalloc(&world->admin.arena, MODEL_HIDDEN * sizeof *names);
    const char **fields = visibility == KEEP_SECRET ? row->read_only : row->hidden;
    struct uuid id = uuid_create();
    size_t n = 0;

    if (visibility == HIDE_TITLE)
        fields[n++] = kind->title;
    if (visibility == HIDE_SECRET || visibility == KEEP_SECRET) {
        fields[n++] = kind->secret;
        if (kind->money)
            fields[n++] = kind->money;
    }
    crm__kind_scope__init(out);
    out->has_id = out->has_read = out->has_write = true;
    out->id = world_bytes(&world->admin, &id);
    out->kind = (char *)(uintptr_t)kind_def((unsigned)kind->kind)->name;
    out->read = CRM__SCOPE__SCOPE_NONE + (Crm__Scope)row->read;
    out->write = CRM__SCOPE__SCOPE_NONE + (Crm__Scope)row->write;
    for (size_t i = 0; i < n; i++)
        names[i] = arena_strdup(&world->admin.arena, fields[i]);
    if (visibility == KEEP_SECRET) {
        out->read_only = names;
        out->n_read_only = n;
    } else {
        out->hidden = names;
        out->n_hidden = n;
    }
}

/* One of read x write x visibility for all kinds; beyond those a mixture, kind by kind. */
static int make_role(struct world *world, unsigned combination)
{
    struct model *model = world->model;
    struct model_role *role = &model->roles[model->n_roles];
    Crm__Role message = CRM__ROLE__INIT;
    Crm__KindScope scopes[KIND_MAX], *list[KIND_MAX];
    Crm__Right rights[32];
    Crm__Mutation *mutation;
    struct slice packed;
    bool is_mixed = combination >= SCOPES * SCOPES * VISIBILITIES;

    *role = (struct model_role){ .id = uuid_create(), .has_rights = world_random(world, 3) != 0 };
    for (size_t i = 0; world_kinds[i].kind; i++) {
        struct model_row *row = &role->rows[world_kinds[i].kind];

        if (is_mixed)
            combination = (unsigned)world_random(world, SCOPES * SCOPES * VISIBILITIES);
        row->read = (enum model_scope)(combination % SCOPES);
        row->write = (enum model_scope)(combination / SCOPES % SCOPES);
        fill_row(world, row, &world_kinds[i], (enum visibility)(combination / (SCOPES * SCOPES) % VISIBILITIES), &scopes[i]);
        list[i] = &scopes[i];
    }
    for (message.n_rights = 0; role->has_rights && message.n_rights < CRM__RIGHT__RIGHT_ERASE; message.n_rights++)
        rights[message.n_rights] = (Crm__Right)(message.n_rights + 1);
    message.name = arena_printf(&world->admin.arena, "role%d", model->n_roles);
    message.scopes = list;
    message.n_scopes = ARRAY_LEN(world_kinds) - 1;
    message.rights = rights;
    assert_int_equal(codec_pack(&message.base, &world->admin.arena, &packed), CRM_OK);
    mutation = world_mutation(&world->admin, KIND_ROLE, &role->id, CRM__VERB__VERB_CREATE);
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    world_must(world, mutation);
    return model->n_roles++;
}

static int make_user(struct world *world, int role, int team, int more_team)
{
    struct model *model = world->model;
    struct model_user *user = &model->users[model->n_users];
    struct fixture *f = &world->admin;
    const char *texts[6] = { arena_printf(&f->arena, "login=user%d", model->n_users) };
    Crm__Mutation *mutation;

    *user = (struct model_user){ .id = uuid_create(), .role = role, .team = team, .more_team = more_team };
    texts[1] = ref_text(world, "team", &model->teams[team].id);
    texts[2] = ref_text(world, "role", &model->roles[role].id);
    texts[3] = more_team != MODEL_NOBODY ? ref_text(world, "more_teams", &model->teams[more_team].id) : NULL;
    mutation = world_mutation(f, KIND_USER, &user->id, CRM__VERB__VERB_CREATE);
    mutation->has_set = true;
    mutation->set = world_body(f, f->core.schema, KIND_USER, texts);
    world_must(world, mutation);
    return model->n_users++;
}

static void make_people(struct world *world, unsigned combination)
{
    static const int homes[] = { HOME, HOME, 7, 1, HOME, 0, 8, HOME, 4, FAR };

    for (int i = 0; i < WORLD_USERS; i++) {
        int role = make_role(world, combination + (unsigned)i);
        int home = homes[world_random(world, ARRAY_LEN(homes))];

        world->users[i] = make_user(world, role, home, world_random(world, 4) ? MODEL_NOBODY : (int)world_random(world, TEAMS));
    }
    for (int team = 0; team < TEAMS; team++)
        world->owners[team] = make_user(world, 0, team, MODEL_NOBODY);
}

/* --- what has become of it */

static void read_title(struct model_record *record, const struct record *stored)
{
    const struct world_kind *kind = world_kind(record->kind);
    struct value value;
    char title[sizeof record->title] = "";

    if (reflect_get(world_field(record->kind, kind->title), stored, &value))
        snprintf(title, sizeof title, "%.*s", (int)value.text.size, (const char *)value.text.data);
    if (record->has_values && !kind->derives_title)
        assert_string_equal(record->title, title);
    memcpy(record->title, title, sizeof title);
}

/* Of every record, as the administrator sees it: what the world did not make is in the model from here on. */
static void read_kind(struct world *world, enum kind kind, bool deleted)
{
    struct fixture *f = &world->admin;
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct answer answer;

    request.has_kind = request.has_deleted = true;
    request.kind = kind;
    request.deleted = deleted;
    answer = talk(world, f, OP_LIST, &request.base);
    assert_int_equal(answer.type, FRAME_END);
    for (size_t c = 0; c < answer.n_chunks; c++) {
        const Crm__ListChunk *chunk = answer_message(f, answer.chunks[c], &crm__list_chunk__descriptor);

        for (size_t i = 0; i < chunk->n_records; i++) {
            struct failure failure = { 0 };
            struct model_record *record;
            struct record stored;

            assert_int_equal(record_from_wire(chunk->records[i], &stored, &failure), CRM_OK);
            record = model_find(world->model, kind, &stored.header.id);
            if (!record) {
                record = note_record(world, kind, &stored.header.id);
                record->owner = stored.header.owner;
                record->team = stored.header.team;
            }
            assert_true(uuid_equal(&record->owner, &stored.header.owner) && uuid_equal(&record->team, &stored.header.team));
            assert_int_equal(record->is_deleted, deleted);
            record->number = stored.header.number;
            read_title(record, &stored);
            world->bodies[model_index(world->model, record)] = stored.body;
        }
    }
}

void world_reread(struct world *world, int index)
{
    const struct model_record *record = &world->model->records[index];
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct fixture *f = &world->admin;
    struct failure failure = { 0 };
    struct answer answer;
    struct record stored;

    request.has_kind = request.has_id = true;
    request.kind = record->kind;
    request.id = world_bytes(f, &record->id);
    answer = talk(world, f, OP_GET, &request.base);
    assert_int_equal(answer.type, FRAME_REPLY);
    assert_int_equal(record_from_wire(((const Crm__GetReply *)answer_message(f, answer.body, &crm__get_reply__descriptor))->record, &stored, &failure), CRM_OK);
    world->bodies[index] = stored.body;
}

/* Secrets get other values, and some records other owners: what was before may be shown only of what may be seen now. */
static void change_some(struct world *world)
{
    struct model *model = world->model;
    struct fixture *f = &world->admin;

    world->past_seq = world_seq(world);
    for (int i = 0; i < model->n_records; i++) {
        struct model_record *record = &model->records[i];
        const struct world_kind *kind = world_kind(record->kind);
        Crm__Mutation *mutation;

        if (i % 3 || record->is_deleted || !record->has_values)
            continue;
        snprintf(record->secret, sizeof record->secret, "%s", word(world, 'u', i));
        mutation = world_mutation(f, record->kind, &record->id, CRM__VERB__VERB_PATCH);
        mutation->has_set = true;
        mutation->set = world_body(f, f->core.schema, record->kind, (const char *const[]){ arena_printf(&f->arena, "%s=%s", kind->secret, record->secret), NULL });
        if (i % 2 == 0 && record->kind != KIND_USER) {
            int team = (int)world_random(world, TEAMS);

            record->owner = model->users[world->owners[team]].id;
            record->team = model->teams[team].id;
            mutation->has_owner = mutation->has_team = true;
            mutation->owner = world_bytes(f, &record->owner);
            mutation->team = world_bytes(f, &record->team);
        }
        world_must(world, mutation);
    }
}

struct world *world_create_bare(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    struct uuid admin;

    assert_non_null(world);
    world->model = calloc(1, sizeof *world->model);
    assert_non_null(world->model);
    world->random = seed;
    begin(world);
    admin = first_of(world, KIND_USER);
    world_join(world, &world->admin, &admin);
    make_teams(world);
    return world;
}

struct world *world_create(uint64_t seed, unsigned combination)
{
    struct world *world = world_create_bare(seed);
    const struct kind_def *kind;

    make_people(world, combination);
    for (size_t i = 0; world_kinds[i].kind; i++)
        if (!world_kinds[i].is_once)
            make_common(world, world_kinds[i].kind);
    world->n_shared = world->model->n_records;
    for (int user = 0; user < WORLD_USERS; user++) {
        world->first_of_user[user] = world->model->n_records;
        for (size_t i = 0; world_kinds[i].kind; i++)
            if (!world_kinds[i].is_once)
                make_personal(world, world_kinds[i].kind, world->users[user]);
    }
    change_some(world);
    world_pass(2 * HOUR_US);
    for (size_t n = 0; (kind = kind_at(n)); n++) {
        read_kind(world, kind->kind, false);
        read_kind(world, kind->kind, true);
    }
    for (int user = 0; user < WORLD_USERS; user++)
        world_join(world, &world->peers[user], &world->model->users[world->users[user]].id);
    return world;
}

void world_destroy(struct world *world)
{
    struct fixture *f = &world->admin;

    for (int i = 0; i < WORLD_USERS; i++)
        link_destroy(world->peers[i].link);
    link_destroy(f->link);
    dispatch_stop(f->dispatch);
    for (int i = 0; i < WORLD_USERS; i++) {
        if (!world->peers[i].thread)
            continue;
        dispatch_thread_destroy(world->peers[i].thread);
        buf_fini(&world->peers[i].out);
        arena_fini(&world->peers[i].arena);
    }
    dispatch_thread_destroy(f->thread);
    dispatch_destroy(f->dispatch);
    core_fini(&f->core);
    store_close(f->store);
    buf_fini(&f->out);
    arena_fini(&f->arena);
    clock_replace(NULL);
    free(world->model);
    free(world);
}
