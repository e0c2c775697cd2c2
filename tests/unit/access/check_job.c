/*
 * check_job.c - jobs: whose they are, and that a number or a value finds nothing that may not be seen
 */
#include "check.h"

static struct answer ask_job(struct eyes *eyes, Crm__JobVerb verb, const struct uuid *id)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;

    request.has_verb = request.has_id = true;
    request.verb = verb;
    request.id = world_bytes(eyes->peer, id);
    return talk(eyes->world, eyes->peer, OP_JOB, &request.base);
}

/* Every user has a job that bears the user's own id. */
static void check_whose(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;
    bool is_manager = model->roles[eyes->user->role].has_rights;
    struct answer own = ask_job(eyes, CRM__JOB_VERB__JOB_VERB_BEGIN, &eyes->user->id), none;
    struct uuid nobody = never_used();

    expect(eyes, own.type == FRAME_REPLY, NULL, "a job begun: %d", own.status);
    none = ask_job(eyes, CRM__JOB_VERB__JOB_VERB_SHOW, &nobody);
    for (int i = 0; i < model->n_users; i++) {
        struct answer shown = ask_job(eyes, CRM__JOB_VERB__JOB_VERB_SHOW, &model->users[i].id);
        bool is_own = uuid_equal(&model->users[i].id, &eyes->user->id);

        expect(eyes, is_own ? shown.type == FRAME_REPLY : is_manager || same_answer(&shown, &none), NULL, "a job of user %d: %d", i, shown.status);
    }
}

/* The same answer for the number of a record that may not be seen as for one that nobody has. */
static void check_numbers(struct eyes *eyes)
{
    const struct model *model = eyes->world->model;

    for (int i = 0; i < model->n_records; i++) {
        Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
        Crm__Mutation mutation = CRM__MUTATION__INIT, *one = &mutation;
        struct answer answer;

        if (!is_looked_at(eyes, i) || may_see(eyes, &model->records[i]) || kind_def(model->records[i].kind)->flags & (KIND_NO_NUMBER | KIND_ADMINISTRATION))
            continue;
        mutation.has_kind = mutation.has_verb = mutation.has_record_number = true;
        mutation.kind = model->records[i].kind;
        mutation.verb = CRM__VERB__VERB_DELETE;
        mutation.record_number = model->records[i].number;
        request.has_dry_run = request.dry_run = true;
        request.n_mutations = 1;
        request.mutations = &one;
        answer = talk(eyes->world, eyes->peer, OP_MUTATE, &request.base);
        expect(eyes, answer.status == CRM_NOT_FOUND, &model->records[i], "by its number: %d", answer.status);
    }
    arena_reset(&eyes->peer->arena);
}

void check_jobs(struct eyes *eyes)
{
    check_whose(eyes);
    check_numbers(eyes);
}
