/*
 * push_answer.c - what the server's answer to a change means for it
 *
 * A change that was taken leaves the outbox; one that was not stays, with the answer. Some refusals are not of the change: they are of its number, and then
 * another copy of the replica has been at work, or of the moment.
 */
#include "client/replica/push_inside.h"
#include "common/base/clock.h"

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
    case CRM_CONFIRM:
        return true;
    default:
        return false;
    }
}

/* A number that was used for something else, or lies where all was answered: this replica has not done that. */
static bool is_of_the_number(enum crm_status status, const char *field)
{
    return (status == CRM_KEY_REUSED && strcmp(field, "change") != 0) || (status == CRM_NOT_ALLOWED && strcmp(field, "client") == 0);
}

void push_set_fate(struct push *push, size_t item, enum push_fate fate)
{
    if (push->fates[item] == FATE_NONE)
        push->touched[push->n_touched++] = item;
    push->fates[item] = fate;
}

static void set_answer(Crm__QueuedMutation *queued, size_t n, Crm__MutateResult *result)
{
    if (n == 0)
        queued->answer = result;
    else
        queued->parts[n - 1]->answer = result;
}

static void set_taken(Crm__QueuedMutation *queued, uint64_t seq, uint32_t epoch)
{
    queued->has_taken_seq = queued->has_taken_at = queued->has_taken_epoch = true;
    queued->taken_seq = seq;
    queued->taken_at = clock_now_us();
    queued->taken_epoch = epoch;
}

/* --- answers */

static void take_reply(struct push *push, const struct flight *flight, const Crm__MutateReply *reply)
{
    Crm__QueuedMutation *queued = push->list.items[flight->item].queued;
    bool is_taken = true, is_rejected = true;

    if (reply->n_results != outbox_mutations(queued)) {
        push->status = fail(push->failure, CRM_PROTOCOL, NULL, "the server has not said what became of a change");
        push->states[flight->item] = ITEM_WAITS;
        return;
    }
    for (size_t i = 0; i < reply->n_results; i++) {
        is_taken = is_taken && reply->results[i]->status == CRM_OK;
        is_rejected = is_rejected && reply->results[i]->outcome == CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED;
        set_answer(queued, i, reply->results[i]);
    }
    if (!is_rejected)
        set_taken(queued, reply->seq, flight->epoch);
    push->states[flight->item] = is_taken ? ITEM_TAKEN : ITEM_REFUSED;
    push_set_fate(push, flight->item, is_taken ? FATE_TAKEN : FATE_STORED);
}

static Crm__MutateResult *refusal(struct push *push, enum crm_status status, const char *text, const char *field)
{
    Crm__MutateResult *result = arena_alloc(&push->answers, sizeof *result);
    Crm__Error *error = arena_alloc(&push->answers, sizeof *error);

    if (!result || !error)
        return NULL;
    crm__mutate_result__init(result);
    crm__error__init(error);
    result->has_status = result->has_outcome = error->has_status = true;
    result->status = error->status = (uint32_t)status;
    result->outcome = CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED;
    result->error = error;
    error->text = (char *)(uintptr_t)text;
    error->field = *field ? (char *)(uintptr_t)field : NULL;
    return result;
}

/* Of a group one was refused, and with it all. */
static void take_refusal(struct push *push, const struct flight *flight, enum crm_status status)
{
    Crm__QueuedMutation *queued = push->list.items[flight->item].queued;
    const struct crm_error *error = flight->call ? crm_call_error(flight->call) : NULL;
    size_t n = outbox_mutations(queued), at = error && error->position > 0 ? (size_t)error->position - 1 : 0;
    const char *text = error ? error->text : crm_status_info((int)status)->sentence, *rest;

    rest = n > 1 ? arena_printf(&push->answers, "change %zu of what belongs together was refused: %s", at + 1, text) : text;
    for (size_t i = 0; i < n; i++) {
        Crm__MutateResult *result = rest ? refusal(push, status, i == at ? text : rest, i == at && error ? error->field : "") : NULL;

        if (!result) {
            push->status = fail(push->failure, CRM_NO_MEMORY, NULL, "out of memory");
            push->states[flight->item] = ITEM_WAITS;
            return;
        }
        set_answer(queued, i, result);
    }
    push->states[flight->item] = ITEM_REFUSED;
    push_set_fate(push, flight->item, FATE_STORED);
}

/* It was altered after a copy of it had been sent: it is another change. */
static void rename_change(struct push *push, size_t item)
{
    Crm__QueuedMutation *queued = push->list.items[item].queued;
    const struct uuid name = uuid_create();
    uint8_t *bytes = arena_memdup(&push->arena, name.bytes, UUID_SIZE);

    push->states[item] = ITEM_WAITS;
    if (!bytes) {
        push->status = fail(push->failure, CRM_NO_MEMORY, NULL, "out of memory");
        return;
    }
    queued->change = (ProtobufCBinaryData){ .data = bytes, .len = UUID_SIZE };
    push_set_fate(push, item, FATE_STORED);
}

static void stop(struct push *push, size_t item, enum crm_status status, const struct crm_error *error)
{
    push->states[item] = ITEM_WAITS;
    if (push->status != CRM_OK)
        return;
    push->status = fail(push->failure, status, NULL, "%s", error->text);
    push->failure->retry_after_ms = error->retry_after_ms;
}

void push_settle(struct push *push, struct flight *flight)
{
    const struct crm_error *error = crm_call_error(flight->call);
    enum crm_status status = flight->call ? error->status : flight->status;

    if (status == CRM_OK) {
        take_reply(push, flight, (const Crm__MutateReply *)crm_call_reply(flight->call));
    } else if (flight->call && is_of_the_number(status, error->field)) {
        push->states[flight->item] = ITEM_WAITS;
        push->is_taken_over = true;
    } else if (status == CRM_KEY_REUSED) {
        rename_change(push, flight->item);
    } else if (is_of_the_change(status)) {
        take_refusal(push, flight, status);
    } else {
        stop(push, flight->item, status, error);
    }
}

/* --- telling */

/* What the restored server had after all was told when it was taken. */
static bool is_old_news(const Crm__QueuedMutation *queued, const struct flight *flight)
{
    const Crm__MutateReply *reply = flight->call ? (const Crm__MutateReply *)crm_call_reply(flight->call) : NULL;

    return queued->again && reply && reply->duplicate;
}

void push_tell(struct push *push, const struct flight *flight)
{
    const Crm__QueuedMutation *queued = push->list.items[flight->item].queued;
    enum item_state state = push->states[flight->item];

    if (state != ITEM_TAKEN && state != ITEM_REFUSED)
        return;
    push->counts->answered++;
    push->counts->applied += state == ITEM_TAKEN && !is_old_news(queued, flight);
    push->counts->again += state == ITEM_TAKEN && queued->again && !is_old_news(queued, flight);
    push->counts->kept += state == ITEM_REFUSED;
    if (!push->options->on_answer || (state == ITEM_TAKEN && is_old_news(queued, flight)))
        return;
    for (size_t i = 0; i < outbox_mutations(queued); i++) {
        struct outbox_part part = outbox_part(queued, i);
        Crm__QueuedMutation one = *queued;

        one.mutation = (Crm__Mutation *)(uintptr_t)part.mutation;
        one.has_local_number = part.local_number != 0;
        one.local_number = part.local_number;
        one.wanted = i == 0 ? queued->wanted : queued->parts[i - 1]->wanted;
        push->options->on_answer(push->options->arg, &one, part.answer);
    }
}
