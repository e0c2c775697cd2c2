/*
 * test_feed.c - replicas against a plain picture of what their users may see, over random histories, pulls at random moments, cuts at random pages
 *
 * After each complete pull a replica holds exactly what its user's list gives: ids, revisions, masked bodies. Nothing is ever forgotten that was not to
 * be seen, and where nothing changes while a pull goes on, nothing that this replica was not told.
 */
#include "tests/unit/sync_fixture.h"

#include "server/engine/expiry.h"
#include "server/engine/grants.h"

#define USERS    5
#define TEAMS    3
#define REPLICAS 10
#define RECORDS  512
#define HOUR_US  INT64_C(3600000000)

struct item {
    enum kind kind;
    struct uuid id;
};

/* Records that were in a replica's view at some moment. */
struct seen {
    struct uuid ids[RECORDS + 64];
    size_t n;
};

struct history {
    struct server *s;
    unsigned seed;
    struct uuid teams[TEAMS], roles[USERS], users[USERS];
    struct item items[RECORDS];
    size_t n;
    struct replica replicas[REPLICAS];
    struct seen seen[REPLICAS];
    bool is_disturbed; /* something has changed since the pull that runs began */
    struct replica *pulling;
    size_t n_forgets, n_pulls, n_cuts, n_snapshots;
};

/* --- what a user's list gives, and what of it is in a scope: read with plain loops */

struct picture {
    struct history *h;
    const struct replica *replica;
    struct access *access;
    struct view view;
    struct arena arena;
    void (*give)(struct history *h, const struct replica *replica, const struct record *record, void *arg);
    void *arg;
    bool by_sight; /* of customers all that are to be seen, in scope or not */
    size_t n;
    enum crm_status status;
};

static bool shared_with(struct picture *picture, const struct uuid *root)
{
    struct view plain = view_unguarded(&picture->view);
    struct grant *grants;
    size_t n;

    if (grant_list(&plain, root, GRANTS_MAX, &picture->arena, &grants, &n) != CRM_OK)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((!grants[i].until_us || grants[i].until_us > server_clock()) &&
            access_is_principal(picture->access, grants[i].sort, &grants[i].principal))
            return true;
    return false;
}

static bool is_team(const struct picture *picture, const struct uuid *team)
{
    return access_is_team(picture->access, team);
}

static bool in_own_scope(struct picture *picture, const struct record *record)
{
    const struct replica *replica = picture->replica;
    struct view plain = view_unguarded(&picture->view);
    enum kind kind = record->header.kind;
    struct record root = *record;

    if (replica->n_filters && (enum kind)replica->filters[0]->kind == kind) {
        struct value value = { .type = FIELD_NONE };

        if (!reflect_get(server_field(picture->h->s, kind, "name"), record, &value) || !value.text.size || value.text.data[0] != 'K')
            return false;
    }
    if (replica->scope == CRM__SYNC_SCOPE__SYNC_SCOPE_ALL ||
        (kind != KIND_CUSTOMER && kind != KIND_CONTACT && kind != KIND_DEAL && kind != KIND_TASK && kind != KIND_ACTIVITY))
        return true;
    if (!uuid_equal(&record->header.root, &record->header.id) && view_record(&plain, KIND_CUSTOMER, &record->header.root, &root) != CRM_OK &&
        view_deleted(&plain, KIND_CUSTOMER, &record->header.root, &root) != CRM_OK)
        return false;
    if (uuid_equal(&record->header.owner, &replica->user) || uuid_equal(&root.header.owner, &replica->user) || shared_with(picture, &root.header.id))
        return true;
    return replica->scope == CRM__SYNC_SCOPE__SYNC_SCOPE_TEAM && (is_team(picture, &record->header.team) || is_team(picture, &root.header.team));
}

struct referring {
    struct picture *picture;
    struct uuid customer;
    bool is_found;
};

static bool look_at_deal(void *arg, struct slice key, struct slice value)
{
    struct referring *referring = arg;
    struct picture *picture = referring->picture;
    struct value customer = { .type = FIELD_NONE };
    struct record deal;
    struct uuid id;
    enum kind kind;

    if (record_key_parse(key, &kind, &id) && kind == KIND_DEAL && view_open(&picture->view, kind, &id, value, &deal) == CRM_OK &&
        in_own_scope(picture, &deal) && reflect_get(server_field(picture->h->s, KIND_DEAL, "customer"), &deal, &customer))
        referring->is_found = referring->is_found || uuid_equal(&customer.ref, &referring->customer);
    return !referring->is_found;
}

/* Or, a customer, that of a deal in scope. */
static bool in_scope(struct picture *picture, const struct record *record)
{
    struct referring referring = { .picture = picture, .customer = record->header.id };
    struct view plain = view_unguarded(&picture->view);

    if (in_own_scope(picture, record))
        return true;
    if (record->header.kind != KIND_CUSTOMER || picture->replica->scope == CRM__SYNC_SCOPE__SYNC_SCOPE_ALL)
        return false;
    return picture->by_sight || (view_scan(&plain, STORE_RECORD, &(struct store_range){ 0 }, look_at_deal, &referring) == CRM_OK && referring.is_found);
}

static bool look(void *arg, struct slice key, struct slice value)
{
    struct picture *picture = arg;
    struct record record;
    struct uuid id;
    enum kind kind;

    arena_reset(&picture->arena);
    if (!record_key_parse(key, &kind, &id)) {
        picture->status = CRM_CORRUPT;
        return false;
    }
    if (view_open(&picture->view, kind, &id, value, &record) == CRM_OK && in_scope(picture, &record)) {
        picture->n++;
        picture->give(picture->h, picture->replica, &record, picture->arg);
    }
    return true;
}

static enum crm_status take_picture(struct store_txn *txn, void *arg)
{
    struct picture *picture = arg;
    struct view view = { .txn = txn, .schema = picture->h->s->core.schema };
    struct view_guard guard;
    enum crm_status status = access_create(&view, &picture->replica->user, NULL, &picture->access);

    if (status != CRM_OK)
        return status;
    arena_init(&picture->arena, 8u << 20);
    guard = access_guard(picture->access);
    view.guard = &guard;
    view.arena = &picture->arena;
    picture->view = view;
    status = view_scan(&view, STORE_RECORD, &(struct store_range){ 0 }, look, picture);
    access_unref(picture->access);
    arena_fini(&picture->arena);
    return status == CRM_OK ? picture->status : status;
}

static void note_seen(struct history *h, const struct replica *replica, const struct record *record, void *arg);

static size_t see(struct history *h, const struct replica *replica, void (*give)(struct history *, const struct replica *, const struct record *, void *), void *arg)
{
    struct picture picture = { .h = h, .replica = replica, .give = give, .arg = arg, .by_sight = give == note_seen, .status = CRM_OK };

    assert_int_equal(store_read_run(h->s->store, take_picture, &picture), CRM_OK);
    return picture.n;
}

/* --- what has been seen at some moment */

static void note_seen(struct history *h, const struct replica *replica, const struct record *record, void *arg)
{
    struct seen *seen = arg;

    (void)h;
    (void)replica;
    for (size_t i = 0; i < seen->n; i++)
        if (uuid_equal(&seen->ids[i], &record->header.id))
            return;
    if (seen->n < ARRAY_LEN(seen->ids))
        seen->ids[seen->n++] = record->header.id;
}

static void note_all(struct history *h)
{
    for (size_t i = 0; i < REPLICAS; i++)
        see(h, &h->replicas[i], note_seen, &h->seen[i]);
}

static void check_forget(void *arg, struct replica *replica, enum kind kind, const struct uuid *id)
{
    struct history *h = arg;
    const struct seen *seen = &h->seen[replica - h->replicas];
    bool was_seen = false;

    for (size_t i = 0; i < seen->n; i++)
        was_seen = was_seen || uuid_equal(&seen->ids[i], id);
    h->n_forgets++;
    /* Who was carried for whose sake cannot be told of the past: of a customer it is enough that it was to be seen. */
    if (!was_seen || (!h->is_disturbed && kind != KIND_CUSTOMER && !replica_find(replica, id)))
        fail_msg("seed %u: replica %zu is to forget a %s that it %s", h->seed, (size_t)(replica - h->replicas), kind_def((unsigned)kind)->name,
                 was_seen ? "was not told" : "could never see");
}

/* --- the comparison */

struct comparison {
    bool is_bad;
};

static void compare(struct history *h, const struct replica *replica, const struct record *record, void *arg)
{
    struct comparison *comparison = arg;
    const struct replica_row *row = replica_find((struct replica *)(uintptr_t)replica, &record->header.id);
    uint8_t hash[SHA256_SIZE];

    body_hash(record->body, hash);
    if (row && row->is_there && row->rev == record->header.rev && memcmp(hash, row->body, sizeof hash) == 0)
        return;
    comparison->is_bad = true;
    print_error("seed %u: replica %zu (scope %d): %s of rev %d %s\n", h->seed, (size_t)(replica - h->replicas), replica->scope,
                kind_def((unsigned)record->header.kind)->name, (int)record->header.rev, !row || !row->is_there ? "is missing" : "is another one");
}

static void check_replica(struct history *h, struct replica *replica)
{
    struct comparison comparison = { false };
    size_t n = see(h, replica, compare, &comparison);

    if (comparison.is_bad || n != replica_count(replica))
        fail_msg("seed %u: replica %zu (scope %d) holds %zu records, its user sees %zu", h->seed, (size_t)(replica - h->replicas), replica->scope,
                 replica_count(replica), n);
}

/* --- what happens */

static bool by_chance(unsigned percent)
{
    return server_random(100) < percent;
}

static const struct item *any_item(struct history *h, enum kind kind)
{
    for (int tries = 0; tries < 40 && h->n; tries++) {
        const struct item *item = &h->items[server_random(h->n)];

        if (kind == KIND_NONE || item->kind == kind)
            return item;
    }
    return NULL;
}

static void create_one(struct history *h)
{
    static const enum kind kinds[] = { KIND_CUSTOMER, KIND_CONTACT, KIND_CONTACT, KIND_DEAL, KIND_TASK };
    struct server *s = h->s;
    enum kind kind = kinds[server_random(ARRAY_LEN(kinds))];
    const struct item *customer = any_item(h, KIND_CUSTOMER);
    const char *parent = customer && (kind == KIND_DEAL || by_chance(80)) ? server_ref(s, "customer", &customer->id) : NULL;
    const char *name = arena_printf(&s->arena, "%s=%c%d", kind == KIND_TASK ? "subject" : "name", by_chance(50) ? 'K' : 'L', (int)server_random(1000));
    struct uuid id;
    Crm__Mutation *mutation;

    if (h->n == RECORDS || (kind == KIND_DEAL && !parent))
        return;
    if (kind == KIND_CUSTOMER)
        mutation = server_creation(s, kind, &id, name, "industry=retail", NULL);
    else
        mutation = server_creation(s, kind, &id, name, parent, NULL);
    mutation->has_owner = mutation->has_team = true;
    mutation->owner = server_id(s, &h->users[server_random(USERS)]);
    mutation->team = server_id(s, &h->teams[server_random(TEAMS)]);
    if (server_run(s, mutation) == CRM_OK)
        h->items[h->n++] = (struct item){ kind, id };
}

static void patch_one(struct history *h)
{
    const struct item *item = any_item(h, KIND_NONE);

    if (item)
        (void)!server_run(h->s, server_patch(h->s, item->kind, &item->id,
                                             arena_printf(&h->s->arena, "%s=%c%d", item->kind == KIND_TASK ? "subject" : "name", by_chance(50) ? 'K' : 'L',
                                                          (int)server_random(1000)), NULL));
}

static void hand_over(struct history *h)
{
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;
    const struct item *item = any_item(h, by_chance(50) ? KIND_CUSTOMER : KIND_NONE);

    if (!item)
        return;
    to.has_owner = by_chance(60);
    to.owner = server_id(h->s, &h->users[server_random(USERS)]);
    to.has_team = !to.has_owner || by_chance(40);
    to.team = server_id(h->s, &h->teams[server_random(TEAMS)]);
    (void)!server_run(h->s, server_action(h->s, item->kind, &item->id, "assign", &to.base));
}

static void share_one(struct history *h)
{
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;
    const struct item *item = any_item(h, by_chance(70) ? KIND_CUSTOMER : KIND_NONE);
    bool is_team = by_chance(30);

    if (!item)
        return;
    argument.has_principal = argument.has_revoke = true;
    argument.principal = server_id(h->s, is_team ? &h->teams[server_random(TEAMS)] : &h->users[server_random(USERS)]);
    argument.has_with_below = argument.with_below = is_team && by_chance(50);
    argument.has_until = by_chance(40);
    argument.until = server_clock() + HOUR_US * (1 + (int64_t)server_random(3));
    argument.revoke = by_chance(35);
    (void)!server_run(h->s, server_action(h->s, item->kind, &item->id, "share", &argument.base));
}

static enum crm_status sweep(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    (void)arg;
    return expiry_sweep(group);
}

static void pass_time(struct history *h)
{
    server_now_us += HOUR_US;
    assert_int_equal(server_turn(h->s, &(struct server_turn){ .work = sweep }), CRM_OK);
}

static void delete_or_restore(struct history *h)
{
    const struct item *item = any_item(h, KIND_NONE);

    if (item)
        (void)!server_run(h->s, by_chance(50) ? server_deletion(h->s, item->kind, &item->id) : server_restoration(h->s, item->kind, &item->id));
}

static void give_other_parent(struct history *h)
{
    const struct item *child = any_item(h, by_chance(70) ? KIND_CONTACT : KIND_TASK), *parent = any_item(h, KIND_CUSTOMER);

    if (child && parent)
        (void)!server_run(h->s, server_patch(h->s, child->kind, &child->id, by_chance(30) ? "customer=" : server_ref(h->s, "customer", &parent->id), NULL));
}

static Crm__Mutation *role_mutation(struct history *h, Crm__Mutation *mutation)
{
    static const Crm__Scope reads[] = { CRM__SCOPE__SCOPE_OWN, CRM__SCOPE__SCOPE_TEAM, CRM__SCOPE__SCOPE_BRANCH, CRM__SCOPE__SCOPE_ALL };
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope any = CRM__KIND_SCOPE__INIT, contacts = CRM__KIND_SCOPE__INIT, *rows[] = { &any, &contacts };
    char *hidden[] = { (char *)(uintptr_t)"name" };
    struct uuid ids[2] = { uuid_create(), uuid_create() };

    any.has_id = any.has_read = any.has_write = contacts.has_id = contacts.has_read = contacts.has_write = true;
    any.id = server_id(h->s, &ids[0]);
    any.kind = (char *)(uintptr_t)"*";
    any.read = any.write = reads[server_random(ARRAY_LEN(reads))];
    contacts.id = server_id(h->s, &ids[1]);
    contacts.kind = (char *)(uintptr_t)"contact";
    contacts.read = contacts.write = by_chance(20) ? CRM__SCOPE__SCOPE_NONE : reads[server_random(ARRAY_LEN(reads))];
    contacts.n_hidden = by_chance(30);
    contacts.hidden = hidden;
    role.name = arena_printf(&h->s->arena, "role %d", (int)server_random(1u << 30));
    role.scopes = rows;
    role.n_scopes = by_chance(60) ? 2 : 1;
    return server_with(h->s, mutation, &role.base);
}

static void change_eyes(struct history *h)
{
    size_t user = server_random(USERS);

    if (by_chance(50))
        (void)!server_run(h->s, role_mutation(h, server_patch(h->s, KIND_ROLE, &h->roles[user], NULL)));
    else
        (void)!server_run(h->s, server_patch(h->s, KIND_USER, &h->users[user], server_ref(h->s, "team", &h->teams[server_random(TEAMS)]), NULL));
}

static void happen(struct history *h)
{
    static void (*const events[])(struct history *) = { create_one, create_one, patch_one, patch_one, hand_over, hand_over, share_one, share_one,
                                                        delete_or_restore, give_other_parent, give_other_parent };
    uint64_t seq = h->s->seq;

    if (by_chance(3))
        pass_time(h);
    else if (by_chance(1))
        change_eyes(h);
    else
        events[server_random(ARRAY_LEN(events))](h);
    h->is_disturbed = h->is_disturbed || h->s->seq != seq;
    note_all(h);
}

/* --- pulls */

static enum crm_status read_print(struct store_txn *txn, void *arg)
{
    struct pull *pull = arg;
    struct view view = { .txn = txn, .schema = pull->s->core.schema };
    struct access *access;
    enum crm_status status = access_create(&view, &pull->replica->user, NULL, &access);

    if (status != CRM_OK)
        return status;
    status = access_equal(access, pull->access) ? CRM_OK : CRM_ACCESS_CHANGED;
    access_unref(access);
    return status;
}

/* One request, perhaps cut, perhaps with changes beside it. true: it came to its end, and nothing has changed since its last turn. */
static bool pull_once(struct history *h, struct replica *replica, bool is_calm)
{
    struct pull pull;
    bool more, is_cut = false;

    pull_begin(&pull, h->s, replica, 1 + (uint32_t)server_random(6), by_chance(50));
    do {
        more = pull_step(&pull);
        if (pull.has_page && !is_calm && by_chance(6))
            is_cut = true; /* with this page lost */
        if (pull.has_page && !is_cut)
            replica_store(replica, &pull, check_forget, h);
        if (more && !is_calm && by_chance(5))
            is_cut = true;
        while (more && !is_calm && by_chance(25))
            happen(h);
        /* As dispatch does: who has other eyes by now is told nothing more. */
        if (more && !is_cut && store_read_run(h->s->store, read_print, &pull) != CRM_OK)
            is_cut = true;
    } while (more && !is_cut);
    assert_int_equal(pull.status, CRM_OK);
    if (!is_cut) {
        replica_end(replica, &pull);
        h->n_snapshots += pull.reply.mode == CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT;
    }
    h->n_cuts += is_cut;
    pull_finish(&pull);
    return !is_cut;
}

static void pull_all(struct history *h, struct replica *replica, bool is_calm)
{
    h->is_disturbed = false;
    while (!pull_once(h, replica, is_calm))
        ;
    h->n_pulls++;
    check_replica(h, replica);
}

/* --- a history */

static void add_filter(struct history *h, struct replica *replica)
{
    struct server *s = h->s;
    const struct value_context context = { .currency = "USD" };
    Crm__SyncFilter *wire = arena_alloc(&s->arena, sizeof *wire);
    struct failure failure = { 0 };
    struct filter filter;

    crm__sync_filter__init(wire);
    wire->has_kind = true;
    wire->kind = KIND_CONTACT;
    /* All texts begin with K or L and go on with digits. */
    assert_int_equal(filter_parse(s->core.schema, kind_def(KIND_CONTACT), "name ~ K", &context, NULL, NULL, &s->arena, &filter, &failure), CRM_OK);
    assert_int_equal(filter_to_wire(&filter, &s->arena, &wire->n_filter, &wire->filter), CRM_OK);
    replica->filters = arena_memdup(&s->arena, &wire, sizeof wire);
    replica->n_filters = 1;
}

static void begin_history(struct history *h, struct server *s, unsigned seed)
{
    memset(h, 0, sizeof *h);
    h->s = s;
    h->seed = seed;
    server_begin(s, SERVER_MAP, seed);
    h->teams[0] = s->team;
    server_create(s, KIND_TEAM, &h->teams[1], "name=North", server_ref(s, "parent", &h->teams[0]));
    server_create(s, KIND_TEAM, &h->teams[2], "name=East", server_ref(s, "parent", &h->teams[1]));
    for (size_t i = 0; i < USERS; i++) {
        server_must(s, role_mutation(h, server_creation(s, KIND_ROLE, &h->roles[i], NULL)));
        server_create(s, KIND_USER, &h->users[i], arena_printf(&s->arena, "login=user%zu", i), server_ref(s, "team", &h->teams[server_random(TEAMS)]),
                      server_ref(s, "role", &h->roles[i]));
    }
    for (size_t i = 0; i < REPLICAS; i++) {
        h->replicas[i].user = h->users[i % USERS];
        h->replicas[i].scope = (Crm__SyncScope)server_random(3);
        if (by_chance(25))
            add_filter(h, &h->replicas[i]);
    }
    for (int n = 0; n < 40; n++)
        create_one(h);
    note_all(h);
}

static void run_history(unsigned seed, size_t *n_forgets, size_t *n_cuts, size_t *n_changes)
{
    struct server *s = calloc(1, sizeof *s);
    struct history *h = calloc(1, sizeof *h);

    assert_non_null(s);
    assert_non_null(h);
    begin_history(h, s, seed);
    for (int round = 0; round < 40; round++) {
        for (size_t n = server_random(12); n > 0; n--)
            happen(h);
        pull_all(h, &h->replicas[server_random(REPLICAS)], by_chance(50));
    }
    for (size_t i = 0; i < REPLICAS; i++)
        pull_all(h, &h->replicas[i], true);
    *n_forgets += h->n_forgets;
    *n_cuts += h->n_cuts;
    *n_changes += h->n_pulls - h->n_snapshots;
    for (size_t i = 0; i < REPLICAS; i++)
        replica_free(&h->replicas[i]);
    server_end(s);
    free(s);
    free(h);
}

static void replicas_hold_what_their_users_see(void **state)
{
    const char *only = getenv("CRM_TEST_SEED"), *many = getenv("CRM_TEST_SEEDS");
    unsigned first = only ? (unsigned)atoi(only) : 1, n = only ? 1 : many ? (unsigned)atoi(many) : 30;
    size_t n_forgets = 0, n_cuts = 0, n_changes = 0;

    (void)state;
    for (unsigned seed = first; seed < first + n; seed++)
        run_history(seed, &n_forgets, &n_cuts, &n_changes);
    print_message("%u histories, %zu forgets, %zu cuts, %zu pulls of changes\n", n, n_forgets, n_cuts, n_changes);
    assert_true(n_forgets > 0 && n_cuts > 0 && n_changes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_hold_what_their_users_see),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
