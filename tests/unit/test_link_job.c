/*
 * test_link_job.c - jobs as a client meets them: each piece once, whoever sends it; what was refused; finding records by what they have; taking back
 */
#include "tests/unit/link_fixture.h"

static ProtobufCBinaryData bytes_of(struct fixture *f, const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = arena_memdup(&f->arena, id->bytes, UUID_SIZE), .len = UUID_SIZE };
}

static const Crm__JobReply *ask_job(struct fixture *f, Crm__JobRequest *request)
{
    return take(f, FRAME_REPLY, ask(f, OP_JOB, &request->base), &crm__job_reply__descriptor);
}

static const Crm__Job *begin(struct fixture *f, const char *name, const char *input)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct uuid id = uuid_create();
    const Crm__JobReply *reply;

    request.has_verb = request.has_id = request.has_input = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_BEGIN;
    request.id = bytes_of(f, &id);
    request.name = (char *)(uintptr_t)name;
    request.title = (char *)(uintptr_t) "apply leads.csv";
    request.input = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)input, .len = strlen(input) };
    reply = ask_job(f, &request);
    assert_int_equal(reply->n_jobs, 1);
    return reply->jobs[0];
}

static const Crm__Job *show(struct fixture *f, const Crm__Job *job)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;

    request.has_verb = request.has_id = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_SHOW;
    request.id = job->id;
    return ask_job(f, &request)->jobs[0];
}

static const Crm__MutateReply *step(struct fixture *f, const Crm__Job *job, uint64_t from, uint64_t to, Crm__Mutation **mutations, size_t n)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__JobStep at = CRM__JOB_STEP__INIT;
    uint64_t lines[64];

    at.has_job = at.has_from = at.has_to = true;
    at.job = job->id;
    at.from = from;
    at.to = to;
    for (size_t i = 0; i < n; i++)
        lines[i] = from + i + 1;
    at.n_lines = n;
    at.lines = lines;
    request.job = &at;
    request.n_mutations = n;
    request.mutations = mutations;
    return take(f, FRAME_REPLY, ask(f, OP_MUTATE, &request.base), &crm__mutate_reply__descriptor);
}

static size_t count_customers(struct fixture *f)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;

    request.has_kind = true;
    request.kind = KIND_CUSTOMER;
    reply = take(f, FRAME_REPLY, ask(f, OP_COUNT, &request.base), &crm__count_reply__descriptor);
    return (size_t)reply->count;
}

static const char *name_of(struct fixture *f, ProtobufCBinaryData id)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    const Crm__GetReply *reply;

    request.has_kind = request.has_id = true;
    request.kind = KIND_CUSTOMER;
    request.id = id;
    reply = take(f, FRAME_REPLY, ask(f, OP_GET, &request.base), &crm__get_reply__descriptor);
    return crm__customer__unpack(&f->arena.protobuf, reply->record->body.len, reply->record->body.data)->name;
}

/* Two senders, one of which is behind; a piece that comes again; a piece too early. */
static void takes_each_piece_once(void **state)
{
    struct fixture *f = *state;
    const Crm__Job *job, *again;
    const Crm__MutateReply *reply;
    Crm__Mutation *mutations[3];

    login(f);
    job = begin(f, "leads", "a file");
    for (int i = 0; i < 3; i++)
        mutations[i] = new_customer(f, "Acme");
    reply = step(f, job, 0, 3, mutations, 3);
    assert_int_equal(reply->n_results, 3);
    assert_int_equal(reply->job->position, 3);
    assert_int_equal(reply->job->created, 3);
    reply = step(f, job, 0, 3, mutations, 3);
    assert_int_equal(reply->n_results, 0);
    assert_int_equal(reply->job->position, 3);
    reply = step(f, job, 6, 9, mutations, 3);
    assert_int_equal(reply->n_results, 0);
    assert_int_equal(count_customers(f), 3);

    /* Who was cut off finds it by its name, and where it is. */
    again = begin(f, "leads", "a file");
    assert_memory_equal(again->id.data, job->id.data, UUID_SIZE);
    assert_int_equal(again->position, 3);
    reply = step(f, again, 3, 6, mutations, 3);
    assert_int_equal(reply->job->created, 6);
    assert_int_equal(count_customers(f), 6);
}

static void is_not_for_other_input(void **state)
{
    struct fixture *f = *state;
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct uuid id = uuid_create();

    login(f);
    begin(f, "leads", "a file");
    request.has_verb = request.has_id = request.has_input = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_BEGIN;
    request.id = bytes_of(f, &id);
    request.name = (char *)(uintptr_t) "leads";
    request.input = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t) "b", .len = 1 };
    take_error(f, ask(f, OP_JOB, &request.base), CRM_EXISTS);
    request.verb = CRM__JOB_VERB__JOB_VERB_SHOW;
    request.name = NULL;
    take_error(f, ask(f, OP_JOB, &request.base), CRM_NOT_FOUND);
}

static void keeps_what_was_refused(void **state)
{
    struct fixture *f = *state;
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    const Crm__JobReply *reply;
    const Crm__Job *job;
    Crm__Mutation *mutations[3];

    login(f);
    job = begin(f, NULL, "");
    for (int i = 0; i < 3; i++)
        mutations[i] = new_customer(f, i == 1 ? "" : "Acme");
    assert_int_equal(step(f, job, 0, 3, mutations, 3)->results[1]->status, CRM_INVALID);
    request.has_verb = request.has_id = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_REFUSALS;
    request.id = job->id;
    reply = ask_job(f, &request);
    assert_int_equal(reply->jobs[0]->created, 2);
    assert_int_equal(reply->jobs[0]->refused, 1);
    assert_int_equal(reply->n_refused, 1);
    assert_int_equal(reply->refused[0]->line, 2);
    assert_int_equal(reply->refused[0]->error->status, CRM_INVALID);
    assert_string_equal(reply->refused[0]->error->field, "name");
    request.has_after_line = true;
    request.after_line = 2;
    assert_int_equal(ask_job(f, &request)->n_refused, 0);
}

/* Also of a piece of one, which by itself would be an error. */
static void goes_on_behind_a_refused_piece(void **state)
{
    struct fixture *f = *state;
    const Crm__MutateReply *reply;
    const Crm__Job *job;
    Crm__Mutation *mutation;

    login(f);
    job = begin(f, NULL, "");
    mutation = new_customer(f, "");
    reply = step(f, job, 0, 1, &mutation, 1);
    assert_int_equal(reply->results[0]->status, CRM_INVALID);
    assert_int_equal(reply->job->position, 1);
    assert_int_equal(reply->job->refused, 1);
    mutation = new_customer(f, "Acme");
    assert_int_equal(step(f, job, 1, 2, &mutation, 1)->job->created, 1);
}

static Crm__Mutation *upsert(struct fixture *f, const char *name)
{
    Crm__Mutation *mutation = new_customer(f, name);
    struct uuid id = uuid_create();

    mutation->verb = CRM__VERB__VERB_UPSERT;
    mutation->has_id = mutation->has_match = true;
    mutation->id = bytes_of(f, &id);
    mutation->match = kind_field_by_name(kind_def(KIND_CUSTOMER), "name")->ref;
    return mutation;
}

static void finds_by_what_records_have(void **state)
{
    struct fixture *f = *state;
    const Crm__MutateReply *reply;
    const Crm__Job *job;
    Crm__Mutation *mutations[3];

    login(f);
    job = begin(f, NULL, "");
    mutations[0] = upsert(f, "Acme");
    mutations[1] = upsert(f, "ACME");
    mutations[2] = upsert(f, "ACME");
    reply = step(f, job, 0, 3, mutations, 3);
    assert_true(reply->results[0]->created);
    assert_false(reply->results[1]->created); /* another way to write it is the same name */
    assert_memory_equal(reply->results[1]->id.data, reply->results[0]->id.data, UUID_SIZE);
    assert_true(reply->results[2]->unchanged);
    assert_int_equal(reply->job->created, 1);
    assert_int_equal(reply->job->updated, 1);
    assert_int_equal(reply->job->unchanged, 1);

    mutations[0] = new_customer(f, "By number");
    mutations[0]->verb = CRM__VERB__VERB_PATCH;
    mutations[0]->has_record_number = true;
    mutations[0]->record_number = reply->results[0]->number;
    mutations[1] = new_customer(f, "Nobody");
    mutations[1]->verb = CRM__VERB__VERB_PATCH;
    mutations[1]->has_record_number = true;
    mutations[1]->record_number = 999;
    reply = step(f, job, 3, 5, mutations, 2);
    assert_int_equal(reply->job->updated, 2);
    assert_int_equal(reply->results[1]->status, CRM_NOT_FOUND);

    /* Which of two? */
    mutations[0] = new_customer(f, "Twin");
    mutations[1] = new_customer(f, "Twin");
    mutations[2] = upsert(f, "Twin");
    assert_int_equal(step(f, job, 5, 8, mutations, 3)->results[2]->status, CRM_AMBIGUOUS);
}

static void cancel(struct fixture *f, const Crm__Job *job)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;

    request.has_verb = request.has_id = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_CANCEL;
    request.id = job->id;
    assert_int_equal(ask_job(f, &request)->jobs[0]->state, CRM__JOB_STATE__JOB_STATE_CANCELLED);
}

static const Crm__MutateReply *undo(struct fixture *f, const Crm__Job *undone, uint64_t seq)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct uuid id = uuid_create();
    const Crm__Job *job;
    const Crm__MutateReply *reply;

    request.has_verb = request.has_id = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_BEGIN;
    request.id = bytes_of(f, &id);
    request.has_undoes = undone != NULL;
    request.has_undoes_seq = !undone;
    request.undoes_seq = seq;
    if (undone)
        request.undoes = undone->id;
    job = ask_job(f, &request)->jobs[0];
    do {
        reply = step(f, job, job->position, job->position, NULL, 0);
        job = reply->job;
    } while (job->state == CRM__JOB_STATE__JOB_STATE_OPEN);
    return reply;
}

static void takes_back(void **state)
{
    struct fixture *f = *state;
    const Crm__MutateReply *reply;
    const Crm__Job *job;
    Crm__Mutation *mutations[3];
    ProtobufCBinaryData ids[3];
    Crm__JobRequest begin_undo = CRM__JOB_REQUEST__INIT;
    struct uuid other = uuid_create();

    login(f);
    for (int i = 0; i < 3; i++)
        mutations[i] = new_customer(f, "Before");
    reply = take(f, FRAME_REPLY, ask_mutate(f, mutations, 3, NULL, 0), &crm__mutate_reply__descriptor);
    job = begin(f, NULL, "");
    for (int i = 0; i < 3; i++) {
        ids[i] = reply->results[i]->id;
        mutations[i] = new_customer(f, "By the job");
        mutations[i]->has_id = true;
        mutations[i]->id = ids[i];
        mutations[i]->verb = CRM__VERB__VERB_PATCH;
    }
    step(f, job, 0, 3, mutations, 3);
    mutations[0] = new_customer(f, "Made by the job");
    mutations[1]->verb = CRM__VERB__VERB_DELETE;
    mutations[1]->has_set = false;
    reply = step(f, job, 3, 5, mutations, 2);
    assert_int_equal(reply->job->deleted, 1);
    mutations[2] = new_customer(f, "By somebody else");
    mutations[2]->has_id = true;
    mutations[2]->id = ids[2];
    mutations[2]->verb = CRM__VERB__VERB_PATCH;
    take(f, FRAME_REPLY, ask_mutate(f, mutations + 2, 1, NULL, 0), &crm__mutate_reply__descriptor);
    assert_int_equal(count_customers(f), 3);

    begin_undo.has_verb = begin_undo.has_id = begin_undo.has_undoes = true;
    begin_undo.verb = CRM__JOB_VERB__JOB_VERB_BEGIN;
    begin_undo.id = bytes_of(f, &other);
    begin_undo.undoes = job->id;
    take_error(f, ask(f, OP_JOB, &begin_undo.base), CRM_IN_USE); /* it could go on */
    cancel(f, job);
    reply = undo(f, job, 0);
    assert_int_equal(reply->job->refused, 1); /* what somebody else has changed since */
    assert_int_equal(reply->job->updated, 4);
    assert_int_equal(count_customers(f), 3);
    assert_string_equal(name_of(f, ids[0]), "Before");
    assert_string_equal(name_of(f, ids[1]), "Before");
    assert_string_equal(name_of(f, ids[2]), "By somebody else");

    /* And back again. */
    reply = undo(f, reply->job, 0);
    assert_string_equal(name_of(f, ids[0]), "By the job");
    assert_string_equal(name_of(f, ids[2]), "By somebody else");
}

static const Crm__Job *begin_undo_of(struct fixture *f, const Crm__Job *undone)
{
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct uuid id = uuid_create();

    request.has_verb = request.has_id = request.has_undoes = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_BEGIN;
    request.id = bytes_of(f, &id);
    request.undoes = undone->id;
    return ask_job(f, &request)->jobs[0];
}

/* Asked again it is done already, unless it has been taken back itself. */
static void takes_back_once(void **state)
{
    struct fixture *f = *state;
    const Crm__Job *job, *first, *again, *redo;
    Crm__Mutation *mutation;

    login(f);
    job = begin(f, NULL, "");
    mutation = new_customer(f, "Acme");
    step(f, job, 0, 1, &mutation, 1);
    cancel(f, job);
    first = undo(f, job, 0)->job;
    assert_int_equal(count_customers(f), 0);
    again = begin_undo_of(f, job);
    assert_memory_equal(again->id.data, first->id.data, UUID_SIZE);
    assert_int_equal(again->state, CRM__JOB_STATE__JOB_STATE_DONE);
    redo = undo(f, first, 0)->job;
    assert_int_equal(count_customers(f), 1);
    again = begin_undo_of(f, job);
    assert_int_equal(again->state, CRM__JOB_STATE__JOB_STATE_OPEN);
    undo(f, job, 0);
    assert_int_equal(count_customers(f), 0);
    assert_int_equal(begin_undo_of(f, redo)->state, CRM__JOB_STATE__JOB_STATE_OPEN); /* that is another matter */
}

static void takes_back_one_change(void **state)
{
    struct fixture *f = *state;
    const Crm__MutateReply *reply;
    Crm__Mutation *mutation;
    ProtobufCBinaryData id;

    login(f);
    mutation = new_customer(f, "Before");
    reply = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    id = reply->results[0]->id;
    mutation = new_customer(f, "After");
    mutation->has_id = true;
    mutation->id = id;
    mutation->verb = CRM__VERB__VERB_PATCH;
    reply = take(f, FRAME_REPLY, ask_mutate(f, &mutation, 1, NULL, 0), &crm__mutate_reply__descriptor);
    reply = undo(f, NULL, reply->results[0]->seq);
    assert_int_equal(reply->job->updated, 1);
    assert_string_equal(name_of(f, id), "Before");
}

static void lists_and_cancels(void **state)
{
    struct fixture *f = *state;
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    const Crm__JobReply *page;
    const Crm__Job *last = NULL;
    Crm__Mutation *mutation;
    size_t n = 0;

    login(f);
    for (int i = 0; i < 5; i++)
        last = begin(f, NULL, "");
    request.has_verb = request.has_limit = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_LIST;
    request.limit = 2;
    do {
        page = ask_job(f, &request);
        if (n == 0)
            assert_memory_equal(page->jobs[0]->id.data, last->id.data, UUID_SIZE);
        n += page->n_jobs;
        request.has_after = page->has_next;
        request.after = page->next;
    } while (page->has_next);
    assert_int_equal(n, 5);

    request.verb = CRM__JOB_VERB__JOB_VERB_CANCEL;
    request.has_id = true;
    request.id = last->id;
    assert_int_equal(ask_job(f, &request)->jobs[0]->state, CRM__JOB_STATE__JOB_STATE_CANCELLED);
    mutation = new_customer(f, "Too late");
    assert_int_equal(step(f, last, 0, 1, &mutation, 1)->n_results, 0);
    assert_int_equal(show(f, last)->state, CRM__JOB_STATE__JOB_STATE_CANCELLED);
    assert_int_equal(count_customers(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(takes_each_piece_once), TEST(is_not_for_other_input), TEST(keeps_what_was_refused), TEST(goes_on_behind_a_refused_piece), TEST(finds_by_what_records_have),
        TEST(takes_back),            TEST(takes_back_one_change), TEST(takes_back_once),  TEST(lists_and_cancels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
