/*
 * script.c - what people do in a seed, one thing after another, and how it ends: the line heals, everybody syncs
 */
#include "tests/sim/sim.h"

#include "common/model/body.h"
#include "common/model/reflect.h"
#include "server/dispatch/dispatch.h"

#define STEPS_LEAST   8
#define STEPS_MORE    26
#define SYNCS_AT_END  3
#define US_PER_MINUTE (INT64_C(60) * 1000000)

static const struct weather good = { 0 };

/* --- typing */

enum typing { TYPE_SET, TYPE_APPEND, TYPE_ADD };

static const struct typed_field {
    enum kind kind;
    const char *name;
    enum typing how;
} typed_fields[] = {
    { KIND_CUSTOMER, "name", TYPE_SET },     { KIND_CUSTOMER, "industry", TYPE_SET }, { KIND_CUSTOMER, "note", TYPE_APPEND },
    { KIND_CUSTOMER, "tags", TYPE_ADD },     { KIND_CONTACT, "title", TYPE_SET },     { KIND_CONTACT, "note", TYPE_APPEND },
    { KIND_ACTIVITY, "outcome", TYPE_SET },  { KIND_ACTIVITY, "text", TYPE_APPEND },  { KIND_TASK, "text", TYPE_APPEND },
    { KIND_CUSTOMER, "industry", TYPE_SET }, { KIND_CUSTOMER, "note", TYPE_APPEND },
};

static const struct field_def *field_of(const struct typed_field *typed)
{
    return kind_field_by_name(kind_def((unsigned)typed->kind), typed->name);
}

static ProtobufCBinaryData text_body(struct sim *sim, const struct field_def *field, const char *text)
{
    const struct value value = { .type = FIELD_TEXT, .text = slice_text(text) };
    struct body_builder builder;
    struct slice body;

    body_builder_init(&builder, &sim->arena);
    body_builder_add(&builder, field, &value);
    sim_must(body_builder_finish(&builder, &body), "a body");
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)body.data, .len = body.size };
}

/* A new word in a field of a record that its author has before their eyes. */
static Crm__Mutation *type_patch(struct sim *sim, enum person by, const struct typed_field *typed, const struct record *record, struct word **out_word)
{
    const struct field_def *field = field_of(typed);
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_PATCH, typed->kind, &record->header.id);
    const char *text;
    struct value now;

    *out_word = words_new(&sim->words, by, typed->kind, &record->header.id, field->ref);
    text = (*out_word)->text;
    if (typed->how == TYPE_APPEND && reflect_get(field, record, &now))
        text = arena_printf(&sim->arena, "%.*s\n%s", (int)now.text.size, (const char *)now.text.data, text);
    if (typed->how == TYPE_ADD) {
        mutation->has_add = true;
        mutation->add = text_body(sim, field, text);
    } else {
        mutation->has_set = true;
        mutation->set = text_body(sim, field, text);
    }
    sim_trace("  %s of %02x%02x.. %s %s", typed->name, record->header.id.bytes[14], record->header.id.bytes[15],
              typed->how == TYPE_SET ? "is" : "and", (*out_word)->text);
    return mutation;
}

/* What its author types over before it is sent is the author's to lose. */
static void waive_older(struct sim *sim, const struct word *word)
{
    for (struct word *older = sim->words.rows; older < word; older++)
        if (older->by == word->by && older->field == word->field && uuid_equal(&older->record, &word->record) && !older->is_answered)
            older->is_waived = true;
}

/* --- steps of those who have a replica */

static struct rep *any_rep(struct sim *sim)
{
    return &sim->reps[seed_draw(DICE_SCRIPT, REPS_N)];
}

static void step_create(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    struct uuid id = uuid_create();
    const struct field_def *name = kind_field_by_name(kind_def(KIND_CUSTOMER), "name");
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_CREATE, KIND_CUSTOMER, &id);
    size_t at = sim->words.n;

    mutation->has_set = true;
    mutation->set = text_body(sim, name, words_new(&sim->words, rep->who, KIND_CUSTOMER, &id, name->ref)->text);
    sim_trace("%s makes customer %s", rep->name, sim->words.rows[at].text);
    sim->words.rows[at].is_typed = rep_change(rep, mutation) == CRM_OK;
}

/* Something that hangs on a customer. */
static void step_create_below(struct sim *sim)
{
    static const struct {
        enum kind kind;
        const char *name;
    } below[] = { { KIND_CONTACT, "name" }, { KIND_ACTIVITY, "subject" }, { KIND_TASK, "subject" } };
    unsigned which = (unsigned)seed_draw(DICE_SCRIPT, ARRAY_LEN(below));
    const struct kind_def *kind = kind_def((unsigned)below[which].kind);
    const struct field_def *name = kind_field_by_name(kind, below[which].name), *parent = kind_field_by_name(kind, "customer");
    struct rep *rep = any_rep(sim);
    struct uuid id = uuid_create();
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_CREATE, kind->kind, &id);
    struct body_builder builder;
    struct record customer;
    struct slice body;
    struct value value;
    size_t at = sim->words.n;

    if (!rep_pick(rep, KIND_CUSTOMER, &customer))
        return;
    value = (struct value){ .type = FIELD_TEXT, .text = slice_text(words_new(&sim->words, rep->who, kind->kind, &id, name->ref)->text) };
    body_builder_init(&builder, &sim->arena);
    body_builder_add(&builder, name, &value);
    value = (struct value){ .type = FIELD_REFERENCE, .ref = customer.header.id };
    body_builder_add(&builder, parent, &value);
    sim_must(body_builder_finish(&builder, &body), "a body");
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)body.data, .len = body.size };
    sim_trace("%s makes %s %s", rep->name, kind->name, sim->words.rows[at].text);
    sim->words.rows[at].is_typed = rep_change(rep, mutation) == CRM_OK;
}

static void step_edit(struct sim *sim)
{
    const struct typed_field *typed = &typed_fields[seed_draw(DICE_SCRIPT, ARRAY_LEN(typed_fields))];
    struct rep *rep = any_rep(sim);
    Crm__Mutation *mutation;
    struct record record;
    struct word *word;

    if (!rep_pick(rep, typed->kind, &record))
        return;
    sim_trace("%s edits a %s", rep->name, kind_def((unsigned)typed->kind)->name);
    mutation = type_patch(sim, rep->who, typed, &record, &word);
    word->is_typed = rep_change(rep, mutation) == CRM_OK;
    if (word->is_typed && typed->how == TYPE_SET)
        waive_older(sim, word);
}

static void step_sync(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    const struct weather bad = { .cut_percent = (unsigned)seed_draw(DICE_SCRIPT, 3) * 40, .within = 1u << seed_draw(DICE_SCRIPT, 15) };

    sim_trace("%s syncs (%u %% cut within %u bytes)", rep->name, bad.cut_percent, bad.within);
    (void)rep_sync(rep, &bad);
}

/* At a commit of the next thing that somebody does. */
static void step_client_dies(struct sim *sim)
{
    struct rep *rep = any_rep(sim);

    disk_arm(&rep->disk, DICE_SCRIPT, 12);
    sim_trace("%s will die at commit %u, %s", rep->name, rep->disk.fuse, rep->disk.dies_behind ? "behind it" : "before it");
    if (seed_chance(DICE_SCRIPT, 70))
        (void)rep_sync(rep, &good);
    else
        step_edit(sim);
    rep->disk.fuse = 0;
}

/* --- steps at the server */

static void step_server_dies(struct sim *sim)
{
    if (!sim->host.is_up)
        return;
    disk_arm(&sim->host.disk, DICE_SCRIPT, 6);
    sim_trace("the server will die at commit %u, %s", sim->host.disk.fuse, sim->host.disk.dies_behind ? "behind it" : "before it");
}

static void step_server_restarts(struct sim *sim)
{
    sim_trace("the server is restarted");
    host_kill(&sim->host);
    host_boot(&sim->host);
}


static bool pick_at_server(struct sim *sim, enum kind kind, struct record *out_record)
{
    struct rep office = { .sim = sim, .who = OFFICE, .disk = { .map = sim->host.disk.map } };

    return rep_pick(&office, kind, out_record);
}

/* Somebody changes a record while they are connected. */
static void edit_online(struct sim *sim, enum person who)
{
    const struct typed_field *typed = &typed_fields[seed_draw(DICE_SCRIPT, ARRAY_LEN(typed_fields))];
    Crm__Mutation *mutation;
    struct record record;
    struct word *word;
    size_t at = sim->words.n;

    if (!sim->host.is_up)
        return;
    if (!pick_at_server(sim, typed->kind, &record))
        return;
    sim_trace("%s edits a %s online", person_names[who], kind_def((unsigned)typed->kind)->name);
    mutation = type_patch(sim, who, typed, &record, &word);
    if (change_online(sim, who, &good, mutation) == CRM_OK)
        sim->words.rows[at].is_typed = sim->words.rows[at].is_answered = true;
}

static void step_edit_online(struct sim *sim)
{
    edit_online(sim, (enum person)seed_draw(DICE_SCRIPT, PEOPLE_N));
}

static void step_time_passes(struct sim *sim)
{
    (void)sim;
    seed_pass((int64_t)(1 + seed_draw(DICE_SCRIPT, 600)) * US_PER_MINUTE);
    sim_trace("time passes");
}

static const struct {
    void (*run)(struct sim *sim);
    unsigned weight;
} steps[] = {
    { step_create, 6 },      { step_create_below, 8 }, { step_edit, 16 },       { step_sync, 14 },       { step_client_dies, 5 },
    { step_server_dies, 3 }, { step_edit_online, 10 }, { step_time_passes, 3 }, { step_server_restarts, 1 },
};

static void any_step(struct sim *sim)
{
    unsigned total = 0, at;

    for (unsigned i = 0; i < ARRAY_LEN(steps); i++)
        total += steps[i].weight;
    at = (unsigned)seed_draw(DICE_SCRIPT, total);
    for (unsigned i = 0; i < ARRAY_LEN(steps); i++) {
        if (at < steps[i].weight) {
            steps[i].run(sim);
            return;
        }
        at -= steps[i].weight;
    }
}

/* While somebody waits for an answer others go on. */
static void interlude(void *arg)
{
    struct sim *sim = arg;

    sim_trace("  meanwhile");
    edit_online(sim, OFFICE);
}

/* --- the end */

static bool host_has_late(const struct host *host)
{
    return !TAILQ_EMPTY(&host->wires);
}

static void heal(struct sim *sim)
{
    line_interlude = NULL;
    sim->host.disk.fuse = 0;
    if (!sim->host.is_up)
        host_boot(&sim->host);
    while (host_has_late(&sim->host) || dispatch_step(sim->host.dispatch))
        (void)host_turn(&sim->host);
}

static void sync_all(struct sim *sim)
{
    for (unsigned round = 0; round < SYNCS_AT_END - 1; round++)
        for (unsigned i = 0; i < REPS_N; i++) {
            enum crm_status status;

            sim_trace("%s syncs over a good line", sim->reps[i].name);
            status = rep_sync(&sim->reps[i], &good);
            if (status != CRM_OK)
                sim_fail("%s: a sync over a good line fails: %s", sim->reps[i].name, crm_status_info((int)status)->name);
        }
}

void script_run(struct sim *sim)
{
    unsigned n = STEPS_LEAST + (unsigned)seed_draw(DICE_SCRIPT, STEPS_MORE);

    line_interlude = interlude;
    line_interlude_arg = sim;
    for (unsigned i = 0; i < REPS_N; i++)
        if (seed_chance(DICE_SCRIPT, 80))
            (void)rep_sync(&sim->reps[i], &good);
    for (unsigned i = 0; i < n; i++) {
        any_step(sim);
        seed_pass((int64_t)seed_draw(DICE_SCRIPT, 120) * 1000000);
    }
    heal(sim);
    sync_all(sim);
}
