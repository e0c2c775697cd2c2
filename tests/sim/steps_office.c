/*
 * steps_office.c - what happens at the server: others change records and rights, it dies, is restarted, is put back from a backup
 */
#include "common/base/clock.h"
#include "tests/sim/steps.h"

#define US_PER_MINUTE (INT64_C(60) * 1000000)

static ProtobufCBinaryData id_of(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

static enum person any_person_but_office(void)
{
    return (enum person)(ANN + seed_draw(DICE_SCRIPT, PEOPLE_N - ANN));
}

/* --- records */

/* The office sees everything, the others what their replicas show. */
void edit_online(struct sim *sim, enum person who)
{
    const struct typed_field *typed = type_any(sim);
    const struct disk *eyes = &sim->host.disk;
    struct record record;
    Crm__Mutation *mutation;
    size_t at = sim->words.n;

    for (unsigned i = 0; i < sim->n_reps; i++)
        if (sim->reps[i].who == who)
            eyes = &sim->reps[i].disk;
    if (!sim->host.is_up || !pick_record(sim, eyes, type_kind(typed), &record) ||
        (who != OFFICE && pick_waits(eyes, &record)))
        return; /* what waits is not typed once more */
    sim_trace("%s edits a %s online", person_names[who], kind_def((unsigned)type_kind(typed))->name);
    mutation = type_patch(sim, who, typed, &record);
    sim->words.rows[at].is_online = true;
    mutation->has_base_rev = true; /* what they add to must be what stands there */
    mutation->base_rev = record.header.rev;
    if (change_online(sim, who, &good_weather, mutation) == CRM_OK)
        sim->words.rows[at].is_typed = sim->words.rows[at].is_answered = true;
}

void step_edit_online(struct sim *sim)
{
    edit_online(sim, (enum person)seed_draw(DICE_SCRIPT, PEOPLE_N));
}

void step_delete_online(struct sim *sim)
{
    struct record record;
    enum kind kind = pick_kind();

    if (!sim->host.is_up || !pick_record(sim, &sim->host.disk, kind, &record))
        return;
    sim_trace("the office deletes a %s", kind_def((unsigned)kind)->name);
    (void)change_online(sim, OFFICE, &good_weather, change_make(sim, CRM__VERB__VERB_DELETE, kind, &record.header.id));
}

void step_assign_online(struct sim *sim)
{
    enum person to = any_person_but_office();
    Crm__AssignArgument argument = CRM__ASSIGN_ARGUMENT__INIT;
    struct record record;
    enum kind kind = pick_kind();

    if (!sim->host.is_up || !pick_record(sim, &sim->host.disk, kind, &record))
        return;
    argument.has_owner = true;
    argument.owner = id_of(&sim->base->people[to]);
    sim_trace("the office gives a %s to %s", kind_def((unsigned)kind)->name, person_names[to]);
    (void)change_online(sim, OFFICE, &good_weather, change_action(sim, kind, &record.header.id, "assign", &argument.base));
}

/* Somebody wants to be known no longer. What others have typed there and not sent stays theirs. */
void step_erase(struct sim *sim)
{
    struct record record;
    enum kind kind = seed_chance(DICE_SCRIPT, 70) ? KIND_CONTACT : KIND_CUSTOMER;
    enum crm_status status;

    if (!sim->host.is_up || !pick_record(sim, &sim->host.disk, kind, &record))
        return;
    sim_trace("the office erases a %s", kind_def((unsigned)kind)->name);
    status = change_erase(sim, kind, &record.header.id);
    for (struct word *word = sim->words.rows; word < sim->words.rows + sim->words.n; word++)
        if ((status == CRM_OK || status == CRM_UNKNOWN) && (uuid_equal(&word->record, &record.header.id) || uuid_equal(&word->root, &record.header.id))) {
            word->is_waived = word->is_untold = true;
            word->is_answered = false;
            word->is_erased = status == CRM_OK;
        }
}

/* For good, for a while, or no longer; with somebody or with a team. */
void step_share_online(struct sim *sim)
{
    bool with_team = seed_chance(DICE_SCRIPT, 30);
    const struct uuid *with = with_team ? &sim->base->teams[seed_draw(DICE_SCRIPT, TEAMS_N)] : &sim->base->people[any_person_but_office()];
    Crm__ShareArgument argument = CRM__SHARE_ARGUMENT__INIT;
    struct record record;

    if (!sim->host.is_up || !pick_record(sim, &sim->host.disk, KIND_CUSTOMER, &record))
        return;
    argument.has_principal = argument.has_may_write = argument.has_revoke = true;
    argument.principal = id_of(with);
    argument.may_write = seed_chance(DICE_SCRIPT, 50);
    argument.revoke = seed_chance(DICE_SCRIPT, 30);
    argument.has_until = !argument.revoke && seed_chance(DICE_SCRIPT, 50);
    argument.until = clock_now_us() + (int64_t)(1 + seed_draw(DICE_SCRIPT, 300)) * US_PER_MINUTE;
    sim_trace("the office %s a customer%s", argument.revoke ? "no longer shares" : "shares", argument.has_until ? " for a while" : "");
    (void)change_online(sim, OFFICE, &good_weather, change_action(sim, KIND_CUSTOMER, &record.header.id, "share", &argument.base));
}

/* --- rights */

void step_move_team(struct sim *sim)
{
    enum person who = any_person_but_office();
    enum team to = (enum team)seed_draw(DICE_SCRIPT, TEAMS_N);
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_PATCH, KIND_USER, &sim->base->people[who]);
    Crm__User user = CRM__USER__INIT;

    if (!sim->host.is_up)
        return;
    user.has_team = true;
    user.team = id_of(&sim->base->teams[to]);
    mutation->has_set = true;
    mutation->set = change_body(sim, &user.base);
    sim_trace("%s goes to team %u", person_names[who], (unsigned)to);
    (void)change_online(sim, OFFICE, &good_weather, mutation);
}

/* What representatives see: their own or their team's; a field of customers is hidden from them, or not. */
void step_change_role(struct sim *sim)
{
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_PATCH, KIND_ROLE, &sim->base->rep_role);
    Crm__Role role = CRM__ROLE__INIT;
    const struct uuid ids[] = { { { 1 } }, { { 2 } }, { { 3 } }, { { 4 } }, { { 5 } }, { { 6 } }, { { 7 } } };
    static const char *const shared[] = { "product", "pipeline", "user", "team", "exchange_rate" };
    Crm__KindScope scopes[ARRAY_LEN(ids)], *list[ARRAY_LEN(ids)];
    bool sees_team = seed_chance(DICE_SCRIPT, 40);
    char *hidden = (char *)(uintptr_t)(seed_chance(DICE_SCRIPT, 50) ? "industry" : "note");

    if (!sim->host.is_up)
        return;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        crm__kind_scope__init(&scopes[i]);
        scopes[i].has_id = scopes[i].has_read = scopes[i].has_write = true;
        scopes[i].id = id_of(&ids[i]);
        scopes[i].kind = (char *)(uintptr_t)(i < ARRAY_LEN(shared) ? shared[i] : i == ARRAY_LEN(shared) ? "*" : "customer");
        scopes[i].read = i < ARRAY_LEN(shared) ? CRM__SCOPE__SCOPE_ALL : sees_team ? CRM__SCOPE__SCOPE_TEAM : CRM__SCOPE__SCOPE_OWN;
        scopes[i].write = i < ARRAY_LEN(shared) ? CRM__SCOPE__SCOPE_NONE : CRM__SCOPE__SCOPE_OWN;
        list[i] = &scopes[i];
    }
    scopes[ARRAY_LEN(ids) - 1].n_hidden = seed_chance(DICE_SCRIPT, 50);
    scopes[ARRAY_LEN(ids) - 1].hidden = &hidden;
    role.scopes = list;
    role.n_scopes = ARRAY_LEN(ids);
    mutation->has_set = true;
    mutation->set = change_body(sim, &role.base);
    sim_trace("representatives see what is %s%s%s", sees_team ? "their team's" : "their own", scopes[ARRAY_LEN(ids) - 1].n_hidden ? ", but not " : "",
              scopes[ARRAY_LEN(ids) - 1].n_hidden ? hidden : "");
    (void)change_online(sim, OFFICE, &good_weather, mutation);
}

/* One more field of customers, by which they are found: every replica makes its keys anew. */
void step_define_field(struct sim *sim)
{
    struct uuid id = uuid_create();
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_CREATE, KIND_FIELD_DEFINITION, &id);
    Crm__FieldDefinition field = CRM__FIELD_DEFINITION__INIT;

    if (!sim->host.is_up)
        return;
    field.kind = (char *)(uintptr_t)"customer";
    field.name = (char *)(uintptr_t)"zone"; /* a second one is refused */
    field.has_type = field.has_indexed = true;
    field.type = CRM__FIELD_TYPE__FIELD_TYPE_TEXT;
    field.indexed = true;
    mutation->has_set = true;
    mutation->set = change_body(sim, &field.base);
    sim_trace("customers get a field");
    (void)change_online(sim, OFFICE, &good_weather, mutation);
}

/* --- the process and its disk */

void step_server_dies(struct sim *sim)
{
    if (!sim->host.is_up)
        return;
    disk_arm(&sim->host.disk, DICE_SCRIPT, 6);
    sim_trace("the server will die at commit %u, %s", sim->host.disk.fuse, sim->host.disk.dies_behind ? "behind it" : "before it");
}

void step_server_restarts(struct sim *sim)
{
    sim_trace("the server is restarted");
    host_kill(&sim->host);
    host_boot(&sim->host);
}

void step_back_up(struct sim *sim)
{
    store_close(sim->backup);
    sim->backup = NULL;
    sim_must(store_open_map_of(sim->host.disk.map, &sim->backup), "a backup");
    sim->backup_words = sim->words.n;
    sim_trace("the server is backed up");
    if (sim->host.is_up && seed_chance(DICE_SCRIPT, 80))
        sim->host.backed_up_seq = atomic_load(&sim->host.core.seq);
    host_know_backup(&sim->host);
}

/* What was typed at the server since is lost with it; what came from a replica comes again. */
void step_restore(struct sim *sim)
{
    if (!sim->backup)
        return;
    sim_trace("the server is put back as it was backed up");
    host_kill(&sim->host);
    disk_replace(&sim->host.disk, sim->backup);
    host_begin_epoch(&sim->host);
    host_boot(&sim->host);
    sim->n_restores++;
    for (size_t i = 0; i < sim->words.n; i++)
        sim->words.rows[i].is_erased = false; /* it may be in the backup */
    for (size_t i = 0; i < sim->words.n; i++)
        if ((sim->words.rows[i].is_online && i >= sim->backup_words) || sim->words.rows[i].is_unkept) {
            sim->words.rows[i].is_waived = true;
            sim->words.rows[i].is_answered = false;
        }
}
