/*
 * writer.c - sends changes, keeps the ledger
 *
 * All writers live on the test's one thread; answers come in crm_client_process, which calls on_done.
 */
#include "tests/crash/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned random_below(uint64_t *state, unsigned limit)
{
    /* xorshift64*; the state is never 0 */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (unsigned)((*state * UINT64_C(2685821657736338717)) >> 33) % limit;
}

void writer_name(const struct writer *writer, uint64_t number, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "writer %u change %" PRIu64, writer->index, number);
}

static void refuse(struct writer *writer, uint64_t number, const char *what, uint64_t got, uint64_t wanted)
{
    fprintf(stderr, "writer %u, change %" PRIu64 ": %s: %" PRIu64 ", not %" PRIu64 "\n", writer->index, number, what, got, wanted);
    writer->has_failed = true;
}

void writer_init(struct writer *writer, unsigned index, uint64_t *random, unsigned *acks)
{
    *writer = (struct writer){ .index = index, .random = random, .acks = acks };
    for (unsigned i = 0; i < WRITER_SLOTS; i++)
        writer->slots[i].writer = writer;
    crm_id_create(writer->key);
}

bool writer_connect(struct writer *writer, const struct crm_options *options)
{
    struct crm_options own = *options;

    own.reconnect_attempts = CRM_NO_RECONNECT;
    if (crm_client_create(&own, &writer->client) != CRM_OK)
        return false;
    if (crm_client_connect(writer->client) == CRM_OK)
        return true;
    fprintf(stderr, "writer %u cannot connect: %s\n", writer->index, crm_client_error(writer->client)->text);
    return false;
}

/* --- requests */

/* Below the lowest open number, less some, so that the last answers can be asked for again. */
static uint64_t low_mark(const struct writer *writer)
{
    uint64_t lowest = writer->last_number + 1;

    for (unsigned i = 0; i < WRITER_SLOTS; i++)
        if (writer->slots[i].state != CHANGE_NONE && writer->slots[i].number < lowest)
            lowest = writer->slots[i].number;
    return lowest > WRITER_KEEPS ? lowest - WRITER_KEEPS : 0;
}

/* The same change gives the same request, whenever it is sent. */
static enum crm_status send_change(struct writer *writer, Crm__Verb verb, const struct uuid *id, uint64_t number,
                                   const struct crm_call_options *options, struct crm_call **out_call)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations[] = { &mutation };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    uint8_t packed[NAME_SIZE + 16];
    char name[NAME_SIZE];

    writer_name(writer, number, name);
    customer.name = name;
    mutation.has_kind = mutation.has_id = mutation.has_verb = true;
    mutation.kind = crm_kind("customer");
    mutation.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
    mutation.verb = verb;
    mutation.has_set = verb != CRM__VERB__VERB_DELETE;
    if (mutation.has_set)
        mutation.set = (ProtobufCBinaryData){ .data = packed, .len = crm__customer__pack(&customer, packed) };
    request.has_client = request.has_number = request.has_low_mark = true;
    request.client = (ProtobufCBinaryData){ .data = writer->key, .len = sizeof(writer->key) };
    request.number = number;
    request.low_mark = low_mark(writer);
    request.mutations = mutations;
    request.n_mutations = 1;
    return crm_call_start(writer->client, OP_MUTATE, &request.base, options, out_call);
}

/* --- answers */

/* The change of a slot is done: check the answer against the ledger, then enter it. */
static void acknowledge(struct slot *slot, const Crm__MutateReply *reply)
{
    struct writer *writer = slot->writer;
    const Crm__MutateResult *result = reply->n_results == 1 ? reply->results[0] : NULL;
    bool is_create = slot->verb == CRM__VERB__VERB_CREATE;
    uint64_t rev = is_create ? 1 : slot->rev + 1;

    slot->state = CHANGE_NONE;
    if (!result || result->status != CRM_OK) {
        refuse(writer, slot->number, "status", result ? result->status : CRM_FAILED, CRM_OK);
        if (result && result->error && result->error->text)
            fprintf(stderr, "    %s\n", result->error->text);
        return;
    }
    if (result->rev != rev)
        refuse(writer, slot->number, "revision", result->rev, rev);
    if (!is_create && result->number != slot->label)
        refuse(writer, slot->number, "number of the record", result->number, slot->label);
    slot->exists = slot->verb != CRM__VERB__VERB_DELETE;
    slot->id = slot->changed_id;
    slot->rev = result->rev;
    slot->label = result->number;
    slot->content = slot->number;
    writer->n_creates += is_create;
    writer->n_updates += slot->verb == CRM__VERB__VERB_PATCH;
    writer->n_deletes += !slot->exists;
    writer->last = (struct acknowledged){
        .is_set = true, .verb = slot->verb, .id = slot->id, .number = slot->number, .rev = result->rev, .seq = result->seq,
    };
    ++*writer->acks;
}

static void on_done(void *arg, struct crm_call *call)
{
    struct slot *slot = arg;
    const struct crm_error *error = crm_call_error(call);

    slot->call = NULL;
    if (error->status == CRM_OK)
        acknowledge(slot, (const Crm__MutateReply *)crm_call_reply(call));
    else if (error->outcome == CRM_OUTCOME_UNKNOWN)
        slot->state = CHANGE_UNKNOWN;
    else if (error->status == CRM_UNREACHABLE || error->status == CRM_SHUTTING_DOWN)
        slot->state = CHANGE_NONE; /* surely not done: the comparison will tell */
    else
        refuse(slot->writer, slot->number, error->text, (uint64_t)error->status, CRM_OK);
    crm_call_destroy(call);
}

/* --- what is sent */

static Crm__Verb choose_verb(const struct slot *slot)
{
    if (!slot->exists)
        return CRM__VERB__VERB_CREATE;
    return random_below(slot->writer->random, 8) == 0 ? CRM__VERB__VERB_DELETE : CRM__VERB__VERB_PATCH;
}

static void slot_start(struct slot *slot)
{
    struct crm_call_options options = { .on_done = on_done, .arg = slot };
    enum crm_status status;

    slot->verb = choose_verb(slot);
    slot->changed_id = slot->id;
    if (slot->verb == CRM__VERB__VERB_CREATE)
        crm_id_create(slot->changed_id.bytes);
    slot->number = ++slot->writer->last_number;
    slot->state = CHANGE_SENT;
    status = send_change(slot->writer, slot->verb, &slot->changed_id, slot->number, &options, &slot->call);
    if (status != CRM_OK)
        refuse(slot->writer, slot->number, "cannot be sent", (uint64_t)status, CRM_OK);
}

void writer_fill(struct writer *writer)
{
    unsigned flying = 0;

    for (unsigned i = 0; i < WRITER_SLOTS; i++)
        flying += writer->slots[i].state == CHANGE_SENT;
    while (flying < WRITER_FLIGHT && !writer->has_failed) {
        struct slot *slot = &writer->slots[random_below(writer->random, WRITER_SLOTS)];

        if (slot->state != CHANGE_NONE)
            continue;
        slot_start(slot);
        flying++;
    }
}

void writer_cut(struct writer *writer)
{
    for (unsigned i = 0; i < WRITER_SLOTS; i++)
        while (writer->slots[i].call)
            if (!crm_client_wait(writer->client, -1))
                break;
    crm_client_destroy(writer->client);
    writer->client = NULL;
}

/* --- after a restart */

static struct slot *lowest_unknown(struct writer *writer)
{
    struct slot *lowest = NULL;

    for (unsigned i = 0; i < WRITER_SLOTS; i++) {
        struct slot *slot = &writer->slots[i];

        if (slot->state == CHANGE_UNKNOWN && (!lowest || slot->number < lowest->number))
            lowest = slot;
    }
    return lowest;
}

/* Once more what was acknowledged: the stored answer, nothing else. */
static void repeat_last(struct writer *writer)
{
    const struct acknowledged *last = &writer->last;
    const Crm__MutateReply *reply;
    struct crm_call *call;

    if (!last->is_set)
        return;
    if (send_change(writer, last->verb, &last->id, last->number, NULL, &call) != CRM_OK) {
        refuse(writer, last->number, "cannot be sent again", 0, 1);
        return;
    }
    if (crm_call_wait(call) != CRM_OK) {
        refuse(writer, last->number, crm_call_error(call)->text, (uint64_t)crm_call_error(call)->status, CRM_OK);
    } else {
        reply = (const Crm__MutateReply *)crm_call_reply(call);
        if (!reply->duplicate || reply->n_results != 1)
            refuse(writer, last->number, "acknowledged, but not a duplicate", 0, 1);
        else if (reply->results[0]->rev != last->rev || reply->results[0]->seq != last->seq)
            refuse(writer, last->number, "another answer than before: seq", reply->results[0]->seq, last->seq);
    }
    crm_call_destroy(call);
}

bool writer_settle(struct writer *writer)
{
    struct slot *slot;

    repeat_last(writer);
    while (!writer->has_failed && (slot = lowest_unknown(writer))) {
        struct crm_call_options options = { .on_done = on_done, .arg = slot };

        slot->state = CHANGE_SENT;
        if (send_change(writer, slot->verb, &slot->changed_id, slot->number, &options, &slot->call) != CRM_OK)
            refuse(writer, slot->number, "cannot be sent again", 0, 1);
        while (slot->call)
            (void)crm_client_wait(writer->client, -1);
        if (slot->state != CHANGE_NONE)
            refuse(writer, slot->number, "still open", (uint64_t)slot->state, CHANGE_NONE);
    }
    return !writer->has_failed;
}
