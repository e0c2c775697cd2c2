/*
 * rep.c - one who has a replica: the commands that they run, each a process of its own over the replica's disk
 */
#include "tests/sim/sim.h"

#include "client/replica/local.h"
#include "client/replica/push.h"
#include "client/replica/sync.h"
#include "common/base/clock.h"

void rep_init(struct rep *rep, struct sim *sim, enum person who, Crm__SyncScope scope)
{
    *rep = (struct rep){ .sim = sim, .who = who, .name = person_names[who], .scope = scope };
    disk_init(&rep->disk, NULL);
}

void rep_fini(struct rep *rep)
{
    disk_fini(&rep->disk);
    store_close(rep->saved);
}

static struct replica *open_replica(struct rep *rep)
{
    struct failure failure = { 0 };
    struct replica *replica;
    enum crm_status status = replica_open_store(disk_open(&rep->disk), &replica, &failure);

    if (status != CRM_OK)
        sim_fail("%s: the replica cannot be opened: %s", rep->name, failure.text);
    return replica;
}

/* What a process that has died was armed with is over with it. */
static void end_process(struct rep *rep, struct replica *replica)
{
    replica_close(replica);
    if (rep->disk.is_dead)
        sim_trace("  %s dies at a commit", rep->name);
    rep->disk.fuse = 0;
}

/* --- sync */

static void note_answered(void *arg, struct word *word)
{
    if (word->by == ((struct rep *)arg)->who && !word->is_untold)
        word->is_answered = true;
}

/* What a restored server had lost is answered once more, and may be in conflict by now. */
static void note_refused(void *arg, struct word *word)
{
    const struct rep *rep = arg;

    if (word->by == rep->who && rep->sim->n_restores > 0)
        word->is_answered = false;
}

static void on_answer(void *arg, const Crm__QueuedMutation *queued, const Crm__MutateResult *answer)
{
    struct rep *rep = arg;

    sim_trace("  %s is told of change %llu: %s%s%s", rep->name, (unsigned long long)queued->number, crm_status_info((int)answer->status)->name,
              answer->outcome == CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_MERGED ? " (merged)" : "", answer->error ? answer->error->text : "");
    words_queued(&rep->sim->words, queued, answer->status == CRM_OK ? note_answered : note_refused, rep);
}

/* The server asks for patience. */
static void on_rest(void *arg, uint32_t ms)
{
    (void)arg;
    seed_pass((int64_t)ms * 1000);
}

static enum crm_status push_and_pull(struct rep *rep, struct replica *replica, struct crm_client *client, struct failure *failure)
{
    const struct push_options pushing = { .on_answer = on_answer, .rest = on_rest, .arg = rep };
    const struct sync_options pulling = { .scope = rep->scope };
    struct push_counts counts;
    struct sync_progress progress;
    enum crm_status status = CRM_OK;
    bool more;

    do {
        if (replica_state(replica)->is_usable)
            status = push_run(replica, client, &pushing, &counts, failure);
        if (status == CRM_OK)
            status = sync_run(replica, client, &pulling, &progress, failure);
        more = status == CRM_OK && push_is_due(replica, client);
        if (more)
            sim_trace("  %s has what the server has lost", rep->name);
    } while (more);
    if (status == CRM_OK)
        sim_trace("  %s has %llu records told, %llu to forget, %s, %u cuts", rep->name, (unsigned long long)progress.records,
                  (unsigned long long)progress.forgets, progress.is_snapshot ? "anew" : "what changed", progress.cuts);
    return status;
}

enum crm_status rep_sync(struct rep *rep, const struct weather *weather)
{
    struct replica *replica = open_replica(rep);
    struct failure failure = { 0 };
    struct crm_client *client;
    enum crm_status status;

    sim_must(line_client_create(&rep->sim->host, weather, rep->sim->base->tokens[rep->who], &client), "a client");
    status = push_and_pull(rep, replica, client, &failure);
    if (status != CRM_OK)
        sim_trace("  %s: %s: %s", rep->name, crm_status_info((int)status)->name, failure.text);
    crm_client_destroy(client);
    end_process(rep, replica);
    return status;
}

/* --- changes */

enum crm_status rep_change_all(struct rep *rep, Crm__Mutation **mutations, size_t n)
{
    struct replica *replica = open_replica(rep);
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    const Crm__MutateReply *reply;
    struct crm_client *client;
    struct crm_call *call = NULL;
    enum crm_status status;

    sim_must(local_client_create(replica, &client), "a client of the replica");
    request.mutations = mutations;
    request.n_mutations = n;
    request.has_atomic = request.atomic = n > 1;
    status = crm_mutate(client, &request, &call, &reply);
    for (size_t i = 0; status == CRM_OK && i < reply->n_results; i++)
        status = (enum crm_status)reply->results[i]->status;
    if (status != CRM_OK)
        sim_trace("  %s: %s: %s", rep->name, crm_status_info((int)status)->name,
                  call && crm_call_reply(call) ? reply->results[0]->error->text : crm_call_error(call)->text);
    crm_call_destroy(call);
    crm_client_destroy(client);
    end_process(rep, replica);
    return status;
}

enum crm_status rep_change(struct rep *rep, Crm__Mutation *mutation)
{
    return rep_change_all(rep, &mutation, 1);
}

/* --- the outbox */

enum crm_status rep_drop(struct rep *rep, Crm__QueuedMutation **out_queued)
{
    struct replica *replica = open_replica(rep);
    struct outbox_list list = { 0 };
    struct failure failure = { 0 };
    enum crm_status status = outbox_load(replica, &rep->sim->arena, &list, &failure);
    size_t at = list.n ? (size_t)seed_draw(DICE_SCRIPT, list.n) : 0;

    if (status == CRM_OK && list.n)
        *out_queued = list.items[at].queued;
    if (status == CRM_OK)
        status = list.n ? outbox_drop(replica, list.items[at].place, clock_now_us(), &failure) : CRM_NOT_FOUND;
    sim_trace("%s drops a change: %s", rep->name, crm_status_info((int)status)->name);
    end_process(rep, replica);
    return status;
}

enum crm_status rep_retry(struct rep *rep)
{
    struct replica *replica = open_replica(rep);
    struct outbox_list list = { 0 };
    struct failure failure = { 0 };
    enum crm_status status = outbox_load(replica, &rep->sim->arena, &list, &failure);
    size_t at = list.n ? (size_t)seed_draw(DICE_SCRIPT, list.n) : 0;

    if (status == CRM_OK)
        status = list.n ? outbox_retry(replica, list.items[at].place, clock_now_us(), &failure) : CRM_NOT_FOUND;
    sim_trace("%s tries a change again: %s %s", rep->name, crm_status_info((int)status)->name, failure.text);
    end_process(rep, replica);
    return status;
}

void rep_drop_waiting(struct rep *rep)
{
    struct replica *replica = open_replica(rep);
    struct outbox_list list = { 0 };
    struct failure failure = { 0 };
    enum crm_status status = outbox_load(replica, &rep->sim->arena, &list, &failure);

    for (size_t i = 0; i < list.n && status == CRM_OK; i++)
        if (!list.items[i].queued->answer)
            status = outbox_drop(replica, list.items[i].place, clock_now_us(), &failure);
    if (status != CRM_OK)
        sim_fail("%s: what waits cannot be dropped: %s", rep->name, failure.text);
    end_process(rep, replica);
}
