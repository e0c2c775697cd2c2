/*
 * test_view_entries.c - every change of who may see something is a view entry of the log, with the principals before and after, and nothing else is
 *
 * A scenario of all such changes, by every path; beside it a plain picture of owner, team, root and shares of each record, taken before and after each
 * step. The log of the step must tell just what differs.
 */
#include "tests/unit/server_fixture.h"

#include "server/engine/expiry.h"
#include "server/engine/grants.h"

#define TRACKED_MAX 16
#define HOUR_US     INT64_C(3600000000)

/* What decides who sees a record. */
struct picture {
    bool exists;
    struct record_header header;
    struct grant grants[8];
    size_t n_grants;
};

struct tracked {
    enum kind kind;
    struct uuid id;
};

struct walk {
    struct server *s;
    struct tracked tracked[TRACKED_MAX];
    size_t n;
    unsigned n_view, n_grant; /* entries seen in all */
};

struct look {
    struct walk *walk;
    struct picture *pictures;
};

static enum crm_status take_pictures(struct store_txn *txn, void *arg)
{
    struct look *look = arg;
    struct view view = { .txn = txn };

    for (size_t i = 0; i < look->walk->n; i++) {
        const struct tracked *one = &look->walk->tracked[i];
        struct picture *picture = &look->pictures[i];
        struct record record;
        struct grant *grants;

        *picture = (struct picture){ .exists = view_record(&view, one->kind, &one->id, &record) == CRM_OK };
        if (picture->exists)
            picture->header = record.header;
        if (grant_list(&view, &one->id, ARRAY_LEN(picture->grants), &look->walk->s->arena, &grants, &picture->n_grants) != CRM_OK)
            return CRM_FAILED;
        memcpy(picture->grants, grants, picture->n_grants * sizeof *grants);
    }
    return CRM_OK;
}

static enum grant_rights rights_in(const struct picture *picture, const struct grant *wanted)
{
    for (size_t i = 0; i < picture->n_grants; i++)
        if (picture->grants[i].sort == wanted->sort && uuid_equal(&picture->grants[i].principal, &wanted->principal))
            return picture->grants[i].rights;
    return GRANT_NONE;
}

/* Shares that differ between two pictures. */
static unsigned count_differences(const struct picture *before, const struct picture *after)
{
    unsigned n = 0;

    for (size_t i = 0; i < before->n_grants; i++)
        n += rights_in(after, &before->grants[i]) != before->grants[i].rights;
    for (size_t i = 0; i < after->n_grants; i++)
        n += rights_in(before, &after->grants[i]) == GRANT_NONE;
    return n;
}

struct entries {
    struct walk *walk;
    uint64_t from, to;
    const struct picture *before, *after;
    unsigned moved[TRACKED_MAX], granted[TRACKED_MAX];
};

static size_t index_of(const struct walk *walk, const struct uuid *id)
{
    size_t i = 0;

    while (i < walk->n && !uuid_equal(&walk->tracked[i].id, id))
        i++;
    return i;
}

/* One entry tells what was before; whether all of them together tell enough is looked at behind them. */
static bool entry_is_right(struct entries *entries, const struct log_entry *entry)
{
    size_t at = index_of(entries->walk, &entry->id);
    bool moves = (entry->flags & LOG_ROOT) || field_set_has(&entry->changed, HEADER_OWNER) || field_set_has(&entry->changed, HEADER_TEAM);
    const struct picture *before;

    if (((entry->flags & LOG_VIEW) != 0) != (moves || (entry->flags & LOG_GRANT) != 0))
        return false;
    if (at == entries->walk->n)
        return !(entry->flags & LOG_VIEW);
    before = &entries->before[at];
    if (moves && !(uuid_equal(&entry->old_owner, &before->header.owner) && uuid_equal(&entry->old_team, &before->header.team) &&
                   uuid_equal(&entry->old_root, &before->header.root)))
        return false;
    if ((entry->flags & LOG_GRANT) && (rights_in(before, &entry->grant) != entry->old_rights ||
                                       rights_in(&entries->after[at], &entry->grant) != entry->grant.rights))
        return false;
    entries->moved[at] += moves;
    entries->granted[at] += (entry->flags & LOG_GRANT) != 0;
    return true;
}

static enum crm_status read_entries(struct store_txn *txn, void *arg)
{
    struct entries *entries = arg;
    struct view view = { .txn = txn };

    for (uint64_t seq = entries->from + 1; seq <= entries->to; seq++) {
        struct log_entry entry;

        if (log_read(&view, seq, &entries->walk->s->arena, &entry) != CRM_OK || !entry_is_right(entries, &entry)) {
            print_error("change %llu tells it wrongly\n", (unsigned long long)seq);
            return CRM_FAILED;
        }
    }
    return CRM_OK;
}

static bool was_moved(const struct picture *before, const struct picture *after)
{
    return before->exists && after->exists &&
           !(uuid_equal(&before->header.owner, &after->header.owner) && uuid_equal(&before->header.team, &after->header.team) &&
             uuid_equal(&before->header.root, &after->header.root));
}

/* Do a step, and hold the log against the pictures. */
static void step(struct walk *walk, Crm__Mutation *mutation, struct server_turn *turn)
{
    struct picture before[TRACKED_MAX], after[TRACKED_MAX];
    struct entries entries = { .walk = walk, .from = walk->s->seq, .before = before, .after = after };

    assert_int_equal(store_read_run(walk->s->store, take_pictures, &(struct look){ walk, before }), CRM_OK);
    if (mutation)
        server_must(walk->s, mutation);
    else
        assert_int_equal(server_turn(walk->s, turn), CRM_OK);
    assert_int_equal(store_read_run(walk->s->store, take_pictures, &(struct look){ walk, after }), CRM_OK);
    entries.to = walk->s->seq;
    assert_int_equal(store_read_run(walk->s->store, read_entries, &entries), CRM_OK);
    for (size_t i = 0; i < walk->n; i++) {
        assert_int_equal(entries.moved[i], was_moved(&before[i], &after[i]));
        assert_int_equal(entries.granted[i], count_differences(&before[i], &after[i]));
        walk->n_view += entries.moved[i];
        walk->n_grant += entries.granted[i];
    }
}

static struct uuid track(struct walk *walk, enum kind kind, struct uuid id)
{
    walk->tracked[walk->n++] = (struct tracked){ kind, id };
    return id;
}

static struct uuid make(struct walk *walk, enum kind kind, const char *first, const char *second)
{
    struct uuid id;

    server_create(walk->s, kind, &id, first, second);
    return track(walk, kind, id);
}

static struct uuid make_user(struct server *s, const char *login)
{
    struct uuid id;

    server_create(s, KIND_USER, &id, arena_printf(&s->arena, "login=%s", login), server_ref(s, "team", &s->team));
    return id;
}

static Crm__Mutation *assign(struct server *s, enum kind kind, const struct uuid *id, const struct uuid *owner, const struct uuid *team)
{
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    to.has_owner = owner != NULL;
    to.has_team = team != NULL;
    if (owner)
        to.owner = server_id(s, owner);
    if (team)
        to.team = server_id(s, team);
    return server_action(s, kind, id, "assign", &to.base);
}

static Crm__Mutation *share(struct server *s, enum kind kind, const struct uuid *id, const struct uuid *with, int64_t until, bool revoke)
{
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;

    argument.has_principal = argument.has_revoke = true;
    argument.principal = server_id(s, with);
    argument.has_until = until != 0;
    argument.until = until;
    argument.revoke = revoke;
    return server_action(s, kind, id, "share", &argument.base);
}

static Crm__Mutation *set_member(struct server *s, const struct uuid *deal, const struct uuid *user)
{
    Crm__Deal message = CRM__DEAL__INIT;
    Crm__DealMember member = CRM__DEAL_MEMBER__INIT, *list = &member;
    struct uuid id = uuid_create();

    member.has_id = member.has_user = true;
    member.id = server_id(s, &id);
    member.user = server_id(s, user);
    message.members = &list;
    message.n_members = 1;
    return server_with(s, server_patch(s, KIND_DEAL, deal, NULL), &message.base);
}

static enum crm_status sweep(struct server *s, struct change_group *group, void *arg)
{
    (void)s;
    (void)arg;
    return expiry_sweep(group);
}

static void the_log_tells_every_change_of_view(void **state)
{
    struct server *s = *state;
    struct walk w = { .s = s };
    struct uuid anna = make_user(s, "anna"), ben = make_user(s, "ben"), guest = make_user(s, "guest"), team;
    struct uuid customer = make(&w, KIND_CUSTOMER, "name=Acme", "industry=retail"), other = make(&w, KIND_CUSTOMER, "name=Other", "industry=retail");
    struct uuid contact = make(&w, KIND_CONTACT, "name=P", server_ref(s, "customer", &customer));
    struct uuid task = make(&w, KIND_TASK, "subject=Call", server_ref(s, "customer", &customer));
    struct uuid deal = make(&w, KIND_DEAL, "name=D", server_ref(s, "customer", &customer));
    Crm__DisableArgument disable = CRM__DISABLE_ARGUMENT__INIT;

    server_create(s, KIND_TEAM, &team, "name=North");
    step(&w, server_patch(s, KIND_CUSTOMER, &customer, "industry=software", NULL), NULL);
    assert_int_equal(w.n_view + w.n_grant, 0);
    step(&w, assign(s, KIND_CUSTOMER, &customer, &anna, NULL), NULL); /* with contact and task */
    step(&w, assign(s, KIND_CUSTOMER, &customer, NULL, &team), NULL);
    step(&w, server_patch(s, KIND_TASK, &task, server_ref(s, "assigned", &ben), NULL), NULL);
    step(&w, server_patch(s, KIND_CONTACT, &contact, server_ref(s, "customer", &other), NULL), NULL);
    step(&w, server_patch(s, KIND_CONTACT, &contact, "customer=", NULL), NULL);
    assert_int_equal(w.n_view, 3 + 3 + 1 + 1 + 1);

    step(&w, share(s, KIND_CUSTOMER, &customer, &guest, 0, false), NULL);
    step(&w, share(s, KIND_CUSTOMER, &customer, &team, server_clock() + HOUR_US, false), NULL);
    step(&w, share(s, KIND_CUSTOMER, &other, &team, server_clock() + HOUR_US, false), NULL);
    step(&w, set_member(s, &deal, &ben), NULL);
    step(&w, set_member(s, &deal, &guest), NULL); /* one goes, one comes */
    assert_int_equal(w.n_grant, 6);
    /* A share of a task is one of its customer, and told there. */
    step(&w, share(s, KIND_TASK, &task, &anna, 0, false), NULL);
    step(&w, share(s, KIND_CUSTOMER, &customer, &anna, 0, true), NULL);
    assert_int_equal(w.n_grant, 8);
    w.n_grant = 6;
    step(&w, server_deletion(s, KIND_CUSTOMER, &other), NULL);
    server_now_us += HOUR_US;
    step(&w, NULL, &(struct server_turn){ .work = sweep });
    assert_int_equal(w.n_grant, 7); /* the other customer's share rests with it */
    step(&w, server_restoration(s, KIND_CUSTOMER, &other), NULL);
    assert_int_equal(w.n_grant, 8);
    step(&w, server_deletion(s, KIND_USER, &guest), NULL);
    assert_int_equal(w.n_grant, 10);

    disable.has_heir = true;
    disable.heir = server_id(s, &ben);
    w.n_view = 0;
    step(&w, server_action(s, KIND_USER, &anna, "disable", &disable.base), NULL);
    assert_int_equal(w.n_view, 2); /* the customer, and the contact that stands alone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(the_log_tells_every_change_of_view),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
