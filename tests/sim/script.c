/*
 * script.c - what happens in a seed, one thing after another, and how it ends: the line heals, everybody syncs
 */
#include "tests/sim/steps.h"

#define STEPS_LEAST   8
#define STEPS_MORE    26
#define SYNCS_AT_END  3
#define US_PER_MINUTE (INT64_C(60) * 1000000)

const struct weather good_weather;

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
    { step_create, 6 },
    { step_create_below, 8 },
    { step_edit, 20 },
    { step_edit_group, 4 },
    { step_delete, 3 },
    { step_assign, 2 },
    { step_share, 2 },
    { step_move_deal, 4 },
    { step_drop, 2 },
    { step_retry, 2 },
    { step_resolve, 5 },
    { step_sync, 18 },
    { step_client_dies, 6 },
    { step_edit_online, 12 },
    { step_delete_online, 2 },
    { step_erase, 1 },
    { step_assign_online, 4 },
    { step_share_online, 4 },
    { step_move_team, 2 },
    { step_change_role, 2 },
    { step_define_field, 2 },
    { step_server_dies, 4 },
    { step_server_restarts, 1 },
    { step_time_passes, 3 },
    { step_clone, 1 },
    { step_save, 2 },
    { step_put_back, 2 },
    { step_back_up, 3 },
    { step_restore, 2 },
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

static void (*const meanwhile[])(struct sim *sim) = {
    step_delete_online, step_assign_online, step_share_online, step_move_team, step_change_role, step_define_field,
};

/* While somebody waits for an answer others go on. */
static void interlude(void *arg)
{
    struct sim *sim = arg;

    sim_trace("  meanwhile");
    if (seed_chance(DICE_SCRIPT, 60))
        edit_online(sim, OFFICE);
    else
        meanwhile[seed_draw(DICE_SCRIPT, ARRAY_LEN(meanwhile))](sim);
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
    host_tick(&sim->host);
    while (host_has_late(&sim->host) || dispatch_step(sim->host.dispatch))
        (void)host_turn(&sim->host);
}

static void sync_all(struct sim *sim)
{
    for (unsigned round = 0; round < SYNCS_AT_END; round++)
        for (unsigned i = 0; i < sim->n_reps; i++) {
            enum crm_status status;

            sim_trace("%s syncs over a good line", sim->reps[i].name);
            status = rep_sync(&sim->reps[i], &good_weather);
            if (status != CRM_OK)
                sim_fail("%s: a sync over a good line fails: %s", sim->reps[i].name, crm_status_info((int)status)->name);
        }
}

void script_run(struct sim *sim)
{
    unsigned n = STEPS_LEAST + (unsigned)seed_draw(DICE_SCRIPT, STEPS_MORE);

    line_interlude = interlude;
    line_interlude_arg = sim;
    for (unsigned i = 0; i < sim->n_reps; i++)
        if (seed_chance(DICE_SCRIPT, 80))
            (void)rep_sync(&sim->reps[i], &good_weather);
    for (unsigned i = 0; i < n; i++) {
        any_step(sim);
        if (seed_chance(DICE_SCRIPT, 50))
            host_tick(&sim->host);
        seed_pass((int64_t)seed_draw(DICE_SCRIPT, 120) * 1000000);
    }
    heal(sim);
    sync_all(sim);
}
