/*
 * steps_rep.c - what those do who have a replica: mostly without the server
 */
#include "client/replica/outbox.h"
#include "common/base/clock.h"
#include "common/model/body.h"
#include "tests/sim/steps.h"

static struct rep *any_rep(struct sim *sim)
{
    return &sim->reps[seed_draw(DICE_SCRIPT, sim->n_reps)];
}

static ProtobufCBinaryData id_of(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

/* --- making and changing */

void step_create(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    struct record record = { .header = { .id = uuid_create(), .kind = KIND_CUSTOMER } };
    const struct field_def *name = kind_field_by_name(kind_def(KIND_CUSTOMER), "name");
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_CREATE, KIND_CUSTOMER, &record.header.id);
    size_t at = sim->words.n;

    record.header.root = record.header.id;
    mutation->has_set = true;
    mutation->set = type_body(sim, name, words_new(&sim->words, rep->who, KIND_CUSTOMER, &record, name->ref)->text);
    sim_trace("%s makes customer %s", rep->name, sim->words.rows[at].text);
    sim->words.rows[at].is_typed = rep_change(rep, mutation) == CRM_OK;
}

/* Something that hangs on a customer. */
void step_create_below(struct sim *sim)
{
    static const struct {
        enum kind kind;
        const char *name;
    } below[] = { { KIND_CONTACT, "name" }, { KIND_ACTIVITY, "subject" }, { KIND_TASK, "subject" } };
    unsigned which = (unsigned)seed_draw(DICE_SCRIPT, ARRAY_LEN(below));
    const struct kind_def *kind = kind_def((unsigned)below[which].kind);
    const struct field_def *name = kind_field_by_name(kind, below[which].name), *parent = kind_field_by_name(kind, "customer");
    struct rep *rep = any_rep(sim);
    struct record customer, record = { .header = { .id = uuid_create(), .kind = kind->kind } };
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_CREATE, kind->kind, &record.header.id);
    struct body_builder builder;
    struct slice body;
    struct value value;
    size_t at = sim->words.n;

    if (!pick_record(sim, &rep->disk, KIND_CUSTOMER, &customer))
        return;
    record.header.root = customer.header.id;
    value = (struct value){ .type = FIELD_TEXT, .text = slice_text(words_new(&sim->words, rep->who, kind->kind, &record, name->ref)->text) };
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

void step_edit(struct sim *sim)
{
    const struct typed_field *typed = type_any(sim);
    struct rep *rep = any_rep(sim);
    struct record record;

    if (!pick_record(sim, &rep->disk, type_kind(typed), &record))
        return;
    sim_trace("%s edits a %s", rep->name, kind_def((unsigned)type_kind(typed))->name);
    type_taken(sim, typed, sim->words.n - 1, rep_change(rep, type_patch(sim, rep->who, typed, &record)));
}

/* Two records at once: both or none. */
void step_edit_group(struct sim *sim)
{
    const struct typed_field *typed[2] = { type_any(sim), type_any(sim) };
    struct rep *rep = any_rep(sim);
    Crm__Mutation *mutations[2];
    struct record record;
    size_t at = sim->words.n;
    enum crm_status status;

    sim_trace("%s edits two records at once", rep->name);
    for (size_t i = 0; i < 2; i++) {
        if (!pick_record(sim, &rep->disk, type_kind(typed[i]), &record))
            return;
        mutations[i] = type_patch(sim, rep->who, typed[i], &record);
    }
    if (uuid_equal(&sim->words.rows[at].record, &sim->words.rows[at + 1].record))
        return;
    status = rep_change_all(rep, mutations, 2);
    for (size_t i = 0; i < 2; i++)
        type_taken(sim, typed[i], at + i, status);
}

/* With it goes what its author has typed in it and not sent yet. */
static void waive_deleted(struct sim *sim, enum person by, const struct uuid *id)
{
    for (struct word *word = sim->words.rows; word < sim->words.rows + sim->words.n; word++)
        if (word->by == by && !word->is_answered && (uuid_equal(&word->record, id) || uuid_equal(&word->root, id)))
            word->is_waived = true;
}

void step_delete(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    struct record record;
    enum kind kind = pick_kind();

    if (!pick_record(sim, &rep->disk, kind, &record))
        return;
    sim_trace("%s deletes a %s", rep->name, kind_def((unsigned)kind)->name);
    if (type_may_be_done(rep_change(rep, change_make(sim, CRM__VERB__VERB_DELETE, kind, &record.header.id))))
        waive_deleted(sim, rep->who, &record.header.id);
}

void step_assign(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    enum person to = (enum person)(ANN + seed_draw(DICE_SCRIPT, PEOPLE_N - ANN));
    Crm__AssignArgument argument = CRM__ASSIGN_ARGUMENT__INIT;
    struct record record;
    enum kind kind = pick_kind();

    if (!pick_record(sim, &rep->disk, kind, &record))
        return;
    argument.has_owner = true;
    argument.owner = id_of(&sim->base->people[to]);
    sim_trace("%s gives a %s to %s", rep->name, kind_def((unsigned)kind)->name, person_names[to]);
    (void)rep_change(rep, change_action(sim, kind, &record.header.id, "assign", &argument.base));
}

void step_share(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    enum person with = (enum person)(ANN + seed_draw(DICE_SCRIPT, PEOPLE_N - ANN));
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;
    struct record record;

    if (!pick_record(sim, &rep->disk, KIND_CUSTOMER, &record))
        return;
    argument.has_principal = argument.has_may_write = true;
    argument.principal = id_of(&sim->base->people[with]);
    argument.may_write = seed_chance(DICE_SCRIPT, 50);
    sim_trace("%s shares a customer with %s", rep->name, person_names[with]);
    (void)rep_change(rep, change_action(sim, KIND_CUSTOMER, &record.header.id, "share", &argument.base));
}

/* With the server or without it: what does not merge. */
void step_move_deal(struct sim *sim)
{
    static const char *const stages[] = { "Prospecting", "Engaging", "Qualified", "Proposal" };
    struct rep *rep = any_rep(sim);
    Crm__MoveArgument argument = CRM__MOVE_ARGUMENT__INIT;
    bool is_online = sim->host.is_up && seed_chance(DICE_SCRIPT, 40);
    struct record deal;
    Crm__Mutation *mutation;

    if (!pick_record(sim, &rep->disk, KIND_DEAL, &deal))
        return;
    argument.stage = (char *)(uintptr_t)stages[seed_draw(DICE_SCRIPT, ARRAY_LEN(stages))];
    mutation = change_action(sim, KIND_DEAL, &deal.header.id, "move", &argument.base);
    sim_trace("%s moves a deal to %s%s", rep->name, argument.stage, is_online ? " online" : "");
    (void)(is_online ? change_online(sim, rep->who, &good_weather, mutation) : rep_change(rep, mutation));
}

/* --- what was queued, what was in conflict */

static void waive(void *arg, struct word *word)
{
    if (word->by == *(enum person *)arg)
        word->is_waived = true;
}

/* Also what the server had, lost, and was to get again. */
static void give_up(void *arg, struct word *word)
{
    if (word->by != *(enum person *)arg)
        return;
    word->is_waived = true;
    word->is_answered = false;
}

void step_drop(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    Crm__QueuedMutation *queued = NULL;

    if (type_may_be_done(rep_drop(rep, &queued)) && queued)
        words_queued(&sim->words, queued, give_up, &rep->who);
}

void step_retry(struct sim *sim)
{
    (void)rep_retry(any_rep(sim));
}

/* What is given up, is given up. With the server or without it. */
void step_resolve(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    Crm__ResolveArgument argument = CRM__RESOLVE_ARGUMENT__INIT;
    struct conflict_choice choice;

    Crm__Mutation *mutation;
    bool is_online = seed_chance(DICE_SCRIPT, 50);

    if (!pick_conflict(sim, is_online ? &sim->host.disk : &rep->disk, rep->who, &choice) || (is_online && !sim->host.is_up))
        return;
    argument.has_conflict = argument.has_take = true;
    argument.conflict = id_of(&choice.id);
    argument.take = seed_chance(DICE_SCRIPT, 50) ? CRM__TAKE__TAKE_MINE : CRM__TAKE__TAKE_THEIRS;
    sim_trace("%s takes %s of a conflict%s", rep->name, argument.take == CRM__TAKE__TAKE_MINE ? "their own" : "the others'", is_online ? " online" : "");
    for (size_t i = 0; argument.take == CRM__TAKE__TAKE_THEIRS && i < choice.conflict->n_fields; i++)
        words_find(&sim->words, slice_of(choice.conflict->fields[i]->mine.data, choice.conflict->fields[i]->mine.len), waive, &rep->who);
    mutation = change_action(sim, (enum kind)choice.conflict->kind, &choice.record, "resolve", &argument.base);
    (void)(is_online ? change_online(sim, rep->who, &good_weather, mutation) : rep_change(rep, mutation));
}

/* --- the directory is copied, and put back */

/* To a second machine; both go on with it. */
void step_clone(struct sim *sim)
{
    struct rep *of = any_rep(sim), *copy = &sim->reps[sim->n_reps];

    if (sim->n_reps == REPS_MAX)
        return;
    rep_init(copy, sim, of->who, of->scope);
    disk_replace(&copy->disk, of->disk.map);
    copy->name = "the copy";
    sim->n_reps++;
    sim_trace("the replica of %s is copied", of->name);
}

void step_save(struct sim *sim)
{
    struct rep *rep = any_rep(sim);

    store_close(rep->saved);
    sim_must(store_open_map_of(rep->disk.map, &rep->saved), "a copy of a replica");
    rep->saved_words = sim->words.n;
    sim_trace("the replica of %s is saved", rep->name);
}

/* What was typed since, and was not sent, is lost with it; what was sent only the server has. */
void step_put_back(struct sim *sim)
{
    struct rep *rep = any_rep(sim);

    if (!rep->saved)
        return;
    sim_trace("the replica of %s is put back as it was saved", rep->name);
    disk_replace(&rep->disk, rep->saved);
    for (size_t i = 0; i < sim->words.n; i++) {
        struct word *word = &sim->words.rows[i];

        if (word->by != rep->who)
            continue;
        word->is_unkept |= i >= rep->saved_words;
        word->is_waived |= !word->is_answered || (word->is_unkept && sim->n_restores > 0);
        word->is_answered &= !word->is_waived;
    }
}

/* --- syncing */

void step_sync(struct sim *sim)
{
    struct rep *rep = any_rep(sim);
    const struct weather bad = { .cut_percent = (unsigned)seed_draw(DICE_SCRIPT, 3) * 40, .within = 1u << seed_draw(DICE_SCRIPT, 15) };

    sim_trace("%s syncs (%u %% cut within %u bytes)", rep->name, bad.cut_percent, bad.within);
    (void)rep_sync(rep, &bad);
}

/* At a commit of the next thing that somebody does. */
void step_client_dies(struct sim *sim)
{
    struct rep *rep = any_rep(sim);

    disk_arm(&rep->disk, DICE_SCRIPT, 12);
    sim_trace("%s will die at commit %u, %s", rep->name, rep->disk.fuse, rep->disk.dies_behind ? "behind it" : "before it");
    if (seed_chance(DICE_SCRIPT, 70))
        (void)rep_sync(rep, &good_weather);
    else
        step_edit(sim);
    rep->disk.fuse = 0;
}
