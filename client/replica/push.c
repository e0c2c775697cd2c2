/*
 * push.c - see push.h
 *
 * Called by crm sync before it pulls. One request for each change. Its number is on disk before it is sent: whoever is killed between sending and the answer
 * sends the same bytes under the same number again, and is told what came of it the first time.
 */
#include "client/replica/push.h"

#include "proto/operation.h"

#define REMEMBERED  32 /* answers, by the server */
#define PUSH_BUDGET ((size_t)64 << 20)

struct push {
    struct replica *replica;
    struct crm_client *client;
    const struct push_options *options;
    struct push_counts *counts;
    struct failure *failure;
    struct arena arena;   /* the outbox */
    struct arena scratch; /* of one change */
};

static enum crm_status cannot_write(struct push *push, enum crm_status status)
{
    return fail(push->failure, status, NULL, "the replica cannot be written: %s", crm_status_info((int)status)->sentence);
}

/* Nobody else's changes are sent as one's own. */
static enum crm_status check_owner(struct push *push)
{
    const struct replica_state *state = replica_state(push->replica);
    enum crm_status status = crm_client_connect(push->client);
    const Crm__Hello *hello = crm_client_hello(push->client);
    const Crm__LoginReply *mine = state->session, *now = hello ? hello->session : NULL;
    struct uuid database;

    if (status != CRM_OK)
        return fail(push->failure, status, NULL, "%s", crm_client_error(push->client)->text);
    if (!now)
        return fail(push->failure, CRM_NOT_LOGGED_IN, NULL, "you are not logged in");
    if (!uuid_from_slice(slice_of(hello->database.data, hello->database.len), &database) || !uuid_equal(&database, &state->database))
        return fail(push->failure, CRM_CONFLICT, NULL, "the replica is of another server's database: crm sync --wipe removes it");
    if (!mine || !slice_equal(slice_of(mine->user.data, mine->user.len), slice_of(now->user.data, now->user.len)))
        return fail(push->failure, CRM_CONFLICT, NULL, "the replica here is another user's: crm sync --wipe removes it");
    return CRM_OK;
}

/* --- numbers and answers, on disk */

struct item_run {
    struct push *push;
    struct outbox_item *item;
    bool is_done;
};

static enum crm_status give_number(struct store_txn *txn, void *arg)
{
    const struct item_run *run = arg;
    Crm__QueuedMutation *queued = run->item->queued;
    enum crm_status status = replica_get_number(txn, ROW_SENT, &queued->number);

    queued->has_number = true;
    queued->number++;
    if (status == CRM_OK)
        status = replica_put_number(txn, ROW_SENT, queued->number);
    return status == CRM_OK ? outbox_put(txn, run->item, &run->push->scratch) : status;
}

static enum crm_status store_answer(struct store_txn *txn, void *arg)
{
    const struct item_run *run = arg;

    return run->is_done ? outbox_take(txn, run->item->place) : outbox_put(txn, run->item, &run->push->scratch);
}

/* --- one change */

/* Of a whole request that was refused: is it the change that is not right, so that the next may go on? */
static bool is_of_the_change(enum crm_status status)
{
    switch (status) {
    case CRM_INVALID:
    case CRM_NOT_FOUND:
    case CRM_CONFLICT:
    case CRM_EXISTS:
    case CRM_IN_USE:
    case CRM_NOT_ALLOWED:
    case CRM_TOO_LARGE:
    case CRM_KEY_REUSED:
    case CRM_CONFIRM:
        return true;
    default:
        return false;
    }
}

static void refusal(enum crm_status status, const struct crm_error *error, Crm__MutateResult *result, Crm__Error *wire)
{
    crm__mutate_result__init(result);
    crm__error__init(wire);
    result->has_status = result->has_outcome = wire->has_status = true;
    result->status = wire->status = (uint32_t)status;
    result->outcome = CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED;
    result->error = wire;
    wire->text = (char *)(uintptr_t)error->text;
    wire->field = *error->field ? (char *)(uintptr_t)error->field : NULL;
}

static enum crm_status take_answer(struct push *push, struct outbox_item *item, Crm__MutateResult *result)
{
    struct item_run run = { .push = push, .item = item, .is_done = result->status == CRM_OK };
    enum crm_status status;

    item->queued->answer = run.is_done ? NULL : result;
    status = store_write_run(replica_store(push->replica), store_answer, &run);
    if (status == CRM_TOO_LARGE) {
        result->n_conflicts = 0; /* the server keeps the values */
        status = store_write_run(replica_store(push->replica), store_answer, &run);
    }
    if (status != CRM_OK)
        return cannot_write(push, status);
    if (run.is_done)
        push->counts->applied++;
    else
        push->counts->kept++;
    if (push->options->on_answer)
        push->options->on_answer(push->options->arg, item->queued, result);
    return CRM_OK;
}

/*
 * Everything below a number has been answered when it is sent: changes go one after the other. The server is asked to remember some longer, for a home that is
 * put back as it was a while ago.
 */
static enum crm_status send(struct push *push, struct outbox_item *item)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    const struct replica_state *state = replica_state(push->replica);
    const Crm__MutateReply *reply;
    struct crm_call *call = NULL;
    Crm__MutateResult refused;
    Crm__Error error;
    enum crm_status status;

    request.has_client = request.has_number = true;
    request.has_low_mark = item->queued->number > REMEMBERED;
    request.client = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)state->id.bytes, .len = UUID_SIZE };
    request.number = item->queued->number;
    request.low_mark = request.has_low_mark ? request.number - REMEMBERED : 0;
    request.mutations = &item->queued->mutation;
    request.n_mutations = 1;
    status = crm_mutate(push->client, &request, &call, &reply);
    if (status == CRM_OK && reply->n_results != 1) {
        status = fail(push->failure, CRM_PROTOCOL, NULL, "the server has not said what became of a change");
    } else if (status == CRM_OK) {
        status = take_answer(push, item, reply->results[0]);
    } else if (is_of_the_change(status)) {
        refusal(status, crm_call_error(call), &refused, &error);
        status = take_answer(push, item, &refused);
    } else {
        fail(push->failure, status, NULL, "%s", crm_call_error(call)->text);
        push->failure->retry_after_ms = crm_call_error(call)->retry_after_ms;
    }
    item->queued->answer = NULL; /* it was the call's */
    crm_call_destroy(call);
    return status;
}

static enum crm_status push_one(struct push *push, struct outbox_item *item)
{
    struct item_run run = { .push = push, .item = item };
    enum crm_status status = CRM_OK;

    arena_reset(&push->scratch);
    if (!item->queued->has_number)
        status = store_write_run(replica_store(push->replica), give_number, &run);
    return status == CRM_OK ? send(push, item) : cannot_write(push, status);
}

enum crm_status push_run(struct replica *replica, struct crm_client *client, const struct push_options *options, struct push_counts *out_counts,
                         struct failure *failure)
{
    struct push push = { .replica = replica, .client = client, .options = options, .counts = out_counts, .failure = failure };
    struct outbox_list list = { 0 };
    enum crm_status status;

    *out_counts = (struct push_counts){ 0 };
    arena_init(&push.arena, PUSH_BUDGET);
    arena_init(&push.scratch, PUSH_BUDGET);
    status = outbox_load(replica, &push.arena, &list, failure);
    if (status == CRM_OK && list.n > 0)
        status = check_owner(&push);
    for (size_t i = 0; i < list.n && status == CRM_OK; i++)
        if (!list.items[i].queued->answer)
            status = push_one(&push, &list.items[i]);
    arena_fini(&push.scratch);
    arena_fini(&push.arena);
    return status;
}
