/*
 * test_late_model.c - three authors on one customer, each with the record as they last saw it, against a plain model: after every change each field is
 * what the model says, and every value that was typed is in the record, or in conflict, until its author chooses
 */
#include "late_fixture.h"

#define AUTHORS 3
#define STEPS   400
#define TAGS    6

enum { NAME, INDUSTRY, WEB, REVENUE, NOTE, TAG_LIST, FIELDS };
static const char *const names[FIELDS] = { "name", "industry", "web", "revenue", "note", "tags" };

/* A conflict that is open, as the model has it: of one mutation one field. */
struct open_field {
    int author, mutation, field;
    const char *mine;
};

struct author {
    struct uuid user;
    struct record base;
    uint64_t others_rev; /* the last one that somebody else has made */
    const char *saw[FIELDS];
};

struct world {
    struct server server;
    struct uuid id;
    struct author authors[AUTHORS];
    struct open_field open[AUTHORS * CONFLICTS_MAX * FIELDS];
    size_t n_open;
    int n_mutations;
    int outcomes[5]; /* how often each came, so that the test is about something */
};

static const char *text_of(struct world *w, int field)
{
    struct record record;
    struct server_join join = { .server = &w->server, .field = server_field(&w->server, KIND_CUSTOMER, names[field]), .text = "" };

    if (server_load(&w->server, KIND_CUSTOMER, &w->id, false, &record) != CRM_OK)
        assert_int_equal(server_load(&w->server, KIND_CUSTOMER, &w->id, true, &record), CRM_OK);
    reflect_each(join.field, &record, server_join_value, &join);
    return join.text;
}

static bool is_live(struct world *w)
{
    return server_exists(&w->server, KIND_CUSTOMER, &w->id);
}

static void look(struct world *w, struct author *author)
{
    author->base = server_record(&w->server, KIND_CUSTOMER, &w->id);
    for (int f = 0; f < FIELDS; f++)
        author->saw[f] = text_of(w, f);
}

/* --- the model */

static unsigned tag_set(const char *text)
{
    unsigned set = 0;

    for (; *text; text++)
        if (*text >= 'a' && *text < 'a' + TAGS)
            set |= 1u << (*text - 'a');
    return set;
}

/* What comes of one field: NULL where it is in conflict. Of tags the set is compared, see below. */
static const char *model_merge(struct world *w, int field, const char *base, const char *mine, const char *now)
{
    size_t size = strlen(base);

    if (strcmp(now, base) == 0)
        return mine;
    if (strcmp(mine, now) == 0)
        return now;
    if (field != NOTE || !*mine || !*now || strncmp(mine, base, size) != 0 || strncmp(now, base, size) != 0)
        return NULL;
    mine += size;
    return arena_printf(&w->server.arena, "%s%s%s", now, *mine == '\n' ? "" : "\n", mine);
}

static unsigned model_tags(unsigned base, unsigned mine, unsigned now)
{
    unsigned mine_changed = mine ^ base;

    return (now & ~mine_changed) | (mine & mine_changed);
}

static void model_open(struct world *w, int author, int field, const char *mine)
{
    assert_true(w->n_open < ARRAY_LEN(w->open));
    w->open[w->n_open++] = (struct open_field){ author, w->n_mutations, field, mine };
}

/* What is kept in the store is what the model has open, value for value. */
static void compare_kept(struct world *w, int author)
{
    struct kept kept;
    size_t at = 0, n = 0;

    w->server.actor.user = w->authors[author].user;
    kept = kept_of(&w->server, &w->id);
    for (size_t i = 0; i < w->n_open; i++)
        n += w->open[i].author == author;
    for (size_t r = 0; r < kept.n; r++)
        for (size_t f = 0; f < kept.rows[r]->n_fields; f++, at++) {
            const Crm__FieldConflict *field = kept.rows[r]->fields[f];
            bool is_there = false;

            for (size_t i = 0; i < w->n_open && !is_there; i++)
                is_there = w->open[i].author == author && server_field(&w->server, KIND_CUSTOMER, names[w->open[i].field])->ref == field->field &&
                           strcmp(value_text(&w->server, KIND_CUSTOMER, names[w->open[i].field], field->mine), w->open[i].mine) == 0;
            assert_true(is_there);
        }
    assert_int_equal(at, n);
}

/* --- what authors do */

static const char *token(struct world *w)
{
    return arena_printf(&w->server.arena, "t%u", (unsigned)server_random(1000000));
}

static const char *typed(struct world *w, int field, const char *saw)
{
    switch (field) {
    case REVENUE:
        return arena_printf(&w->server.arena, "%u.00 USD", (unsigned)server_random(4) + 1);
    case NOTE:
        if (server_random(4) && strlen(saw) < 2000)
            return arena_printf(&w->server.arena, "%s%s%s", saw, *saw ? "\n" : "", token(w));
        return token(w);
    case NAME:
        return server_random(3) ? token(w) : "Same";
    default:
        return server_random(4) ? token(w) : server_random(2) ? "" : "same";
    }
}

struct typing {
    const char *mine[FIELDS]; /* NULL: not touched */
    unsigned tags;
    const char *texts[FIELDS + TAGS + 1];
    size_t n;
};

static void type_tags(struct world *w, const struct author *author, struct typing *typing)
{
    unsigned base = tag_set(author->saw[TAG_LIST]), mine = base ^ (unsigned)server_random(1u << TAGS);

    for (unsigned i = 0; i < TAGS; i++)
        if ((base ^ mine) & 1u << i)
            typing->texts[typing->n++] = arena_printf(&w->server.arena, "tags%c=%c", mine & 1u << i ? '+' : '-', 'a' + (int)i);
    typing->tags = mine;
    typing->mine[TAG_LIST] = base == mine ? NULL : "";
}

static Crm__Mutation *type(struct world *w, const struct author *author, struct typing *typing)
{
    *typing = (struct typing){ .n = 0 };
    for (int f = 0; f < TAG_LIST; f++)
        if (server_random(3) == 0) {
            typing->mine[f] = typed(w, f, author->saw[f]);
            typing->texts[typing->n++] = arena_printf(&w->server.arena, "%s=%s", names[f], typing->mine[f]);
        }
    if (server_random(3) == 0)
        type_tags(w, author, typing);
    if (typing->n == 0) {
        typing->mine[WEB] = token(w);
        typing->texts[typing->n++] = arena_printf(&w->server.arena, "web=%s", typing->mine[WEB]);
    }
    return server_patch(&w->server, KIND_CUSTOMER, &w->id, typing->texts[0], typing->texts[1], typing->texts[2], typing->texts[3], typing->texts[4],
                        typing->texts[5], typing->texts[6], typing->texts[7], typing->texts[8], typing->texts[9], typing->texts[10], typing->texts[11], NULL);
}

static void write_late(struct world *w, int number)
{
    struct author *author = &w->authors[number];
    const char *now[FIELDS];
    struct typing typing;
    Crm__Mutation *mutation = seen(&w->server, type(w, author, &typing), &author->base);
    bool was_live = is_live(w);
    size_t n_before = w->n_open;
    const Crm__MutateResult *result;

    for (int f = 0; f < FIELDS; f++)
        now[f] = text_of(w, f);
    server_must(&w->server, mutation);
    result = w->server.reply.results[0];
    w->outcomes[result->outcome]++;
    for (int f = 0; f < TAG_LIST; f++) {
        const char *merged = !typing.mine[f] ? now[f] : was_live ? model_merge(w, f, author->saw[f], typing.mine[f], now[f]) : NULL;

        if (!merged)
            model_open(w, number, f, typing.mine[f]);
        assert_string_equal(text_of(w, f), merged ? merged : now[f]);
    }
    if (typing.mine[TAG_LIST] && was_live)
        assert_int_equal(tag_set(text_of(w, TAG_LIST)), model_tags(tag_set(author->saw[TAG_LIST]), typing.tags, tag_set(now[TAG_LIST])));
    else
        assert_string_equal(text_of(w, TAG_LIST), now[TAG_LIST]);
    if (typing.mine[TAG_LIST] && !was_live)
        model_open(w, number, TAG_LIST, value_text(&w->server, KIND_CUSTOMER, "tags", result->conflicts[result->n_conflicts - 1]->mine));
    assert_int_equal(result->n_conflicts, w->n_open - n_before);
    assert_int_equal(result->has_conflict, w->n_open > n_before);
    assert_int_equal(result->deleted, !was_live);
    w->n_mutations++;
    compare_kept(w, number);
}

/* All of an author's conflicts on a field: the newest of them counts. */
static void choose(struct world *w, int number)
{
    Crm__Take take = server_random(2) ? CRM__TAKE__TAKE_MINE : CRM__TAKE__TAKE_THEIRS;
    const struct open_field *last = NULL;
    const char *wanted;
    int field = (int)server_random(FIELDS);
    size_t n = 0;

    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i].author == number && w->open[i].field == field)
            last = &w->open[i];
    if (!last || !is_live(w))
        return;
    wanted = take == CRM__TAKE__TAKE_MINE ? last->mine : text_of(w, field);
    server_must(&w->server, resolution(&w->server, KIND_CUSTOMER, &w->id, names[field], take, NULL));
    assert_string_equal(text_of(w, field), wanted);
    for (size_t i = 0; i < w->n_open; i++)
        if (w->open[i].author != number || w->open[i].field != field)
            w->open[n++] = w->open[i];
    w->n_open = n;
    compare_kept(w, number);
}

static void remove_late(struct world *w, const struct author *author)
{
    bool was_live = is_live(w), is_stale = was_live && author->others_rev > author->base.header.rev;

    server_must(&w->server, seen(&w->server, server_deletion(&w->server, KIND_CUSTOMER, &w->id), &author->base));
    assert_int_equal(is_live(w), is_stale);
    assert_int_equal(w->server.reply.results[0]->status, is_stale ? CRM_CONFLICT : CRM_OK);
}

static size_t open_of(const struct world *w, int author)
{
    size_t n = 0;

    for (size_t i = 0; i < w->n_open; i++)
        n += w->open[i].author == author;
    return n;
}

static uint64_t rev_of(struct world *w)
{
    struct record record;

    assert_int_equal(server_load(&w->server, KIND_CUSTOMER, &w->id, !is_live(w), &record), CRM_OK);
    return record.header.rev;
}

static void step(struct world *w)
{
    uint64_t rev = rev_of(w);
    int number = (int)server_random(AUTHORS);
    struct author *author = &w->authors[number];
    unsigned what = (unsigned)server_random(20);

    w->server.actor.user = author->user;
    server_now_us += 1000;
    if (what < 6 && is_live(w))
        look(w, author);
    else if (what < 9 || open_of(w, number) >= CONFLICTS_MAX - 1)
        choose(w, number);
    else if (what == 9)
        remove_late(w, author);
    else if (what == 10 && !is_live(w))
        server_restore(&w->server, KIND_CUSTOMER, &w->id);
    else
        write_late(w, number);
    for (int i = 0; i < AUTHORS && rev_of(w) != rev; i++)
        if (i != number)
            w->authors[i].others_rev = rev_of(w);
}

static void begin(struct world *w, uint64_t seed)
{
    static const char *const logins[AUTHORS] = { NULL, "login=b", "login=c" };

    memset(w, 0, sizeof *w);
    server_begin(&w->server, SERVER_MAP, seed);
    w->authors[0].user = w->server.user;
    for (int i = 1; i < AUTHORS; i++)
        server_create(&w->server, KIND_USER, &w->authors[i].user, logins[i], "name=Author", server_ref(&w->server, "team", &w->server.team));
    server_create(&w->server, KIND_CUSTOMER, &w->id, "name=Acme", "tags=a", "tags=b", "note=first");
    for (int i = 0; i < AUTHORS; i++)
        look(w, &w->authors[i]);
}

static void loses_nothing(void **state)
{
    int outcomes[5] = { 0 };

    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        static struct world w;

        begin(&w, seed);
        for (int i = 0; i < STEPS; i++)
            step(&w);
        if (!is_live(&w))
            server_restore(&w.server, KIND_CUSTOMER, &w.id);
        for (int i = 0; i < AUTHORS; i++)
            compare_kept(&w, i);
        for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
            outcomes[i] += w.outcomes[i];
        server_end(&w.server);
    }
    assert_true(outcomes[CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_APPLIED] > 100);
    assert_true(outcomes[CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_MERGED] > 100);
    assert_true(outcomes[CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(loses_nothing) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
