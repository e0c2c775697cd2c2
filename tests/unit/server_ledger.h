/*
 * server_ledger.h - a company at work: seeded random changes of several kinds, and every state of every record written down by the
 * test itself, to compare log, index and totals with
 */
#ifndef CRM_TEST_SERVER_LEDGER_H
#define CRM_TEST_SERVER_LEDGER_H

#include "server_fixture.h"

#define LEDGER_RECORDS 1024
#define LEDGER_GROUPS  16384

/* A record after a group of changes. */
struct ledger_state {
    struct ledger_state *before;
    uint64_t seq; /* of its last change in the group */
    int64_t happened_us;
    struct record record;
    bool is_live;
};

struct ledger_record {
    enum kind kind;
    struct uuid id;
    struct ledger_state *last;
};

struct ledger {
    struct server *server;
    struct ledger_record records[LEDGER_RECORDS];
    size_t n_records;
    struct {
        uint64_t seq;
        int64_t recorded_us;
    } groups[LEDGER_GROUPS]; /* the ends of groups: the states that anybody could have seen */
    size_t n_groups;
    size_t accepted, refused;
};

static const enum kind ledger_kinds[] = { KIND_CUSTOMER, KIND_CONTACT, KIND_DEAL, KIND_ACTIVITY, KIND_TASK, KIND_PRODUCT, KIND_USER, KIND_TEAM };

static inline const char *ledger_one_of(const char *const *texts, size_t n)
{
    return texts[server_random(n)];
}

/* --- writing down */

static inline struct ledger_record *ledger_find(struct ledger *ledger, enum kind kind, const struct uuid *id)
{
    for (size_t i = 0; i < ledger->n_records; i++)
        if (ledger->records[i].kind == kind && uuid_equal(&ledger->records[i].id, id))
            return &ledger->records[i];
    if (ledger->n_records == LEDGER_RECORDS)
        abort();
    ledger->records[ledger->n_records] = (struct ledger_record){ .kind = kind, .id = *id };
    return &ledger->records[ledger->n_records++];
}

static inline void ledger_write(struct ledger *ledger, enum kind kind, const struct uuid *id, int64_t happened_us)
{
    struct ledger_record *record = ledger_find(ledger, kind, id);
    struct ledger_state *state = arena_zalloc(&ledger->server->arena, sizeof *state);

    if (!state)
        abort();
    state->is_live = server_load(ledger->server, kind, id, false, &state->record) == CRM_OK;
    if (!state->is_live)
        assert_int_equal(server_load(ledger->server, kind, id, true, &state->record), CRM_OK);
    state->seq = state->record.header.seq;
    state->happened_us = happened_us;
    if (record->last && record->last->seq == state->seq)
        return; /* changed more than once in its group: only the last state was ever seen */
    state->before = record->last;
    record->last = state;
}

/* Run mutations in one group, each for itself, and write down what came of it. */
static inline void ledger_run(struct ledger *ledger, Crm__Mutation **mutations, size_t n)
{
    struct server *s = ledger->server;
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    enum crm_status status;

    request.mutations = mutations;
    request.n_mutations = n;
    status = server_request(s, &request);
    if (status == CRM_NO_MEMORY || status == CRM_CORRUPT || status == CRM_FAILED)
        fail_msg("%s: %s", crm_status_info((int)status)->name, s->failure.text);
    if (!s->events) {
        ledger->refused += status != CRM_OK;
        return;
    }
    ledger->accepted++;
    for (const struct change_event *event = s->events; event; event = event->next)
        ledger_write(ledger, event->kind, &event->id, event->happened_us);
    ledger->groups[ledger->n_groups].seq = s->seq;
    ledger->groups[ledger->n_groups++].recorded_us = server_now_us;
}

/* --- choosing */

/* A record of a kind, live or not; NULL when there is none. */
static inline const struct ledger_record *ledger_pick(struct ledger *ledger, enum kind kind, bool is_live)
{
    for (int i = 0; i < 64; i++) {
        const struct ledger_record *record = &ledger->records[server_random(ledger->n_records)];

        if (record->kind == kind && record->last->is_live == is_live)
            return record;
    }
    return NULL;
}

static inline const char *ledger_ref(struct ledger *ledger, const char *name, enum kind kind)
{
    const struct ledger_record *record = server_random(4) ? ledger_pick(ledger, kind, server_random(20) != 0) : NULL;

    return record ? server_ref(ledger->server, name, &record->id) : arena_printf(&ledger->server->arena, "%s=", name);
}

static inline const char *ledger_name(struct ledger *ledger)
{
    static const char *const words[] = { "Acme", "上海科技", "Zürich AG", "acorn", "北京软件 Ltd", "Globex", "ＧＴＸ", "initech" };

    return arena_printf(&ledger->server->arena, "%s %u", ledger_one_of(words, ARRAY_LEN(words)), (unsigned)server_random(50));
}

static inline const char *ledger_amount(struct ledger *ledger)
{
    static const char *const currencies[] = { "USD", "EUR", "JPY" };

    return arena_printf(&ledger->server->arena, "amount=%u %s", (unsigned)server_random(100000), ledger_one_of(currencies, 3));
}

#define LEDGER_ONE_OF(...) ledger_one_of((const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* Some fields of a kind, as they would be typed; [0] is enough for a create. */
static inline void ledger_texts(struct ledger *ledger, enum kind kind, const char *texts[4])
{
    struct arena *arena = &ledger->server->arena;
    const char *name = ledger_name(ledger);
    const char *due = arena_printf(arena, "due=2016-12-%02u", (unsigned)server_random(28) + 1);

    texts[0] = arena_printf(arena, "name=%s", name);
    texts[1] = texts[2] = texts[3] = NULL;
    switch (kind) {
    case KIND_CUSTOMER:
        texts[1] = LEDGER_ONE_OF("industry=retail", "industry=软件", "industry=", "tags=a", "tags+=b", "tags-=a", "phones+=+86 21 5555 1234");
        texts[2] = ledger_ref(ledger, "parent", KIND_CUSTOMER);
        break;
    case KIND_CONTACT:
        texts[1] = ledger_ref(ledger, "customer", KIND_CUSTOMER);
        texts[2] = LEDGER_ONE_OF("title=Dr", "title=", "emails+=a@example.com", "do_not_contact=yes");
        break;
    case KIND_DEAL:
        texts[1] = server_random(8) ? ledger_amount(ledger) : "amount=";
        texts[2] = ledger_ref(ledger, "customer", KIND_CUSTOMER);
        texts[3] = LEDGER_ONE_OF("stage=Engaging", "stage=Proposal", "stage=Won", "next_step=call", "stage=Lost");
        break;
    case KIND_ACTIVITY:
        texts[0] = LEDGER_ONE_OF("kind=call", "kind=mail", "kind=note", "text=met at the fair");
        texts[1] = ledger_ref(ledger, "customer", KIND_CUSTOMER);
        texts[2] = ledger_ref(ledger, "deal", KIND_DEAL);
        texts[3] = ledger_ref(ledger, "contact", KIND_CONTACT);
        break;
    case KIND_TASK:
        texts[0] = "subject=Call";
        texts[1] = ledger_ref(ledger, "customer", KIND_CUSTOMER);
        texts[2] = LEDGER_ONE_OF("state=done", "state=open", "repeat=weekly", "repeat=");
        texts[3] = due;
        break;
    case KIND_PRODUCT:
        texts[1] = arena_printf(arena, "code=%u", (unsigned)server_random(12)); /* often taken */
        texts[2] = LEDGER_ONE_OF("price=10", "price=12 EUR", "price=");
        break;
    case KIND_USER:
        texts[0] = arena_printf(arena, "login=u%u", (unsigned)server_random(12));
        texts[1] = ledger_ref(ledger, "team", KIND_TEAM);
        texts[2] = ledger_ref(ledger, "manager", KIND_USER);
        break;
    default:
        texts[1] = ledger_ref(ledger, "parent", KIND_TEAM);
        texts[2] = ledger_ref(ledger, "head", KIND_USER);
    }
}

static inline Crm__Mutation *ledger_assignment(struct ledger *ledger, const struct ledger_record *record)
{
    const struct ledger_record *owner = ledger_pick(ledger, KIND_USER, true), *team = ledger_pick(ledger, KIND_TEAM, true);
    Crm__AssignArgument to = CRM__ASSIGN_ARGUMENT__INIT;

    if (owner && server_random(3)) {
        to.has_owner = true;
        to.owner = server_id(ledger->server, &owner->id);
    }
    if (team && server_random(2)) {
        to.has_team = true;
        to.team = server_id(ledger->server, &team->id);
    }
    return server_action(ledger->server, record->kind, &record->id, "assign", &to.base);
}

static inline Crm__Mutation *ledger_share(struct ledger *ledger, const struct ledger_record *record)
{
    const struct ledger_record *with = ledger_pick(ledger, server_random(2) ? KIND_USER : KIND_TEAM, true);
    Crm__ShareArgument share = CRM__SHARE_ARGUMENT__INIT;

    if (with) {
        share.has_principal = true;
        share.principal = server_id(ledger->server, &with->id);
    }
    share.has_may_write = share.has_revoke = true;
    share.may_write = server_random(2) == 0;
    share.revoke = server_random(3) == 0;
    return server_action(ledger->server, record->kind, &record->id, "share", &share.base);
}

/* Any change that a user might ask for; many are refused. */
static inline Crm__Mutation *ledger_mutation(struct ledger *ledger)
{
    struct server *s = ledger->server;
    enum kind kind = ledger_kinds[server_random(ARRAY_LEN(ledger_kinds))];
    bool wants_live = server_random(100) < 88;
    const struct ledger_record *record = ledger_pick(ledger, kind, wants_live);
    unsigned what = (unsigned)server_random(100);
    const char *t[4];
    struct uuid id;

    ledger_texts(ledger, kind, t);
    if (ledger->n_records < LEDGER_RECORDS - 200 && (!record || what < 12))
        return server_creation(s, kind, &id, t[0], t[1], t[2], t[3], NULL);
    if (!record)
        record = &ledger->records[server_random(ledger->n_records)];
    if (!wants_live)
        return server_restoration(s, record->kind, &record->id);
    if (what < 70 && record->kind == kind)
        return server_random(2) ? server_patch(s, kind, &record->id, t[1] ? t[1] : t[0], t[2], NULL)
                                : server_patch(s, kind, &record->id, t[3] ? t[3] : t[0], NULL);
    if (what < 77)
        return ledger_assignment(ledger, record);
    if (what < 80)
        return ledger_share(ledger, record);
    if (what < 90 && record->kind == KIND_DEAL)
        return server_move(s, &record->id, LEDGER_ONE_OF("move", "reopen"), LEDGER_ONE_OF("Prospecting", "Qualified", "Won", "Lost"));
    return server_deletion(s, record->kind, &record->id);
}

static inline void ledger_step(struct ledger *ledger)
{
    Crm__Mutation *mutations[3];
    size_t n = server_random(10) ? 1 : ARRAY_LEN(mutations);

    for (size_t i = 0; i < n; i++)
        mutations[i] = ledger_mutation(ledger);
    if (n == 1 && server_random(4) == 0) { /* told later */
        mutations[0]->has_happened_at = true;
        mutations[0]->happened_at = server_now_us - (int64_t)server_random(40) * US_PER_DAY / 2;
    }
    ledger_run(ledger, mutations, n);
    server_now_us += (int64_t)server_random(3) * US_PER_DAY / 8 + (int64_t)server_random(1000000);
}

/* --- beginning */

static inline enum crm_status ledger_first_run(struct store_txn *txn, void *arg);

struct ledger_first {
    struct {
        enum kind kind;
        struct uuid id;
    } records[64];
    size_t n;
};

static inline bool ledger_first_row(void *arg, struct slice key, struct slice value)
{
    struct ledger_first *first = arg;

    (void)value;
    if (!record_key_parse(key, &first->records[first->n].kind, &first->records[first->n].id))
        abort();
    return ++first->n < ARRAY_LEN(first->records);
}

static inline enum crm_status ledger_first_run(struct store_txn *txn, void *arg)
{
    return store_scan(txn, STORE_RECORD, &(struct store_range){ 0 }, ledger_first_row, arg);
}

/* The first records, then steps of work. The same seed does the same. */
static inline struct ledger *ledger_create(enum server_engine engine, uint64_t seed, size_t steps)
{
    static struct server server;
    struct ledger *ledger = calloc(1, sizeof *ledger);
    struct ledger_first first = { .n = 0 };
    struct uuid rate;

    if (!ledger)
        abort();
    server_begin(&server, engine, seed);
    ledger->server = &server;
    assert_int_equal(store_read_run(server.store, ledger_first_run, &first), CRM_OK);
    for (size_t i = 0; i < first.n; i++)
        ledger_write(ledger, first.records[i].kind, &first.records[i].id, SERVER_START_US);
    server_create(&server, KIND_EXCHANGE_RATE, &rate, "currency=EUR", "day=2016-11-01", "rate=1.1");
    ledger_write(ledger, KIND_EXCHANGE_RATE, &rate, SERVER_START_US);
    ledger->groups[ledger->n_groups].seq = server.seq;
    ledger->groups[ledger->n_groups++].recorded_us = server_now_us;
    for (size_t i = 0; i < steps; i++)
        ledger_step(ledger);
    return ledger;
}

static inline void ledger_destroy(struct ledger *ledger)
{
    server_end(ledger->server);
    free(ledger);
}

#endif
