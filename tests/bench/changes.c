/*
 * changes.c - mutations as a careful client sends them
 *
 * The bench's single thread. Packed one by one: number and low mark change with every request, and
 * the server's sync leaves time for it.
 */
#include "tests/bench/changes.h"

#include "common/base/clock.h"
#include "common/model/kind.h"
#include "proto/codec.h"
#include "proto/operation.h"

#define BATCH_ROWS   200
#define ARENA_BUDGET (8u << 20)

void changes_init(struct changes *changes, enum changes_what what, uint64_t n_customers,
                  uint64_t n_deals)
{
    *changes = (struct changes){ .what = what, .n_customers = n_customers, .n_deals = n_deals };
    for (unsigned i = 0; i < CHANGES_CONNECTIONS_MAX; i++)
        changes->clients[i] = uuid_create();
    changes->random.state =
        (uint64_t)clock_monotonic_us(); /* or a second run would change nothing */
    changes->batch = what == CHANGES_CREATE ? BATCH_ROWS : 1;
    arena_init(&changes->arena, ARENA_BUDGET);
}

void changes_fini(struct changes *changes)
{
    arena_fini(&changes->arena);
}

static bool set_message(struct arena *arena, Crm__Mutation *mutation,
                        const ProtobufCMessage *message)
{
    struct slice packed;

    if (codec_pack(message, arena, &packed) != CRM_OK)
        return false;
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = (uint8_t *)packed.data, .len = packed.size };
    return true;
}

/* The next customer or deal that is not there yet. */
static bool fill_create(struct changes *changes, Crm__Mutation *mutation, struct uuid *id)
{
    uint64_t n = changes->next++;
    struct sample_customer customer;
    struct sample_deal deal;

    mutation->verb = CRM__VERB__VERB_CREATE;
    if (n < changes->n_customers) {
        mutation->kind = KIND_CUSTOMER;
        sample_customer_id(n, id);
        sample_customer_fill(n, &customer);
        return set_message(&changes->arena, mutation, &customer.message.base);
    }
    n -= changes->n_customers;
    mutation->kind = KIND_DEAL;
    sample_deal_id(n, id);
    sample_deal_fill(n, changes->n_customers, &deal);
    return set_message(&changes->arena, mutation, &deal.message.base);
}

static bool fill_patch(struct changes *changes, Crm__Mutation *mutation, struct uuid *id)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Money revenue = CRM__MONEY__INIT;

    mutation->verb = CRM__VERB__VERB_PATCH;
    mutation->kind = KIND_CUSTOMER;
    sample_customer_id(sample_random_below(&changes->random, changes->n_customers), id);
    if (changes->what == CHANGES_PATCH_INDEXED) {
        revenue.has_minor = true;
        revenue.minor = (int64_t)sample_random_below(&changes->random, 100000000000);
        revenue.currency = (char *)"USD";
        customer.revenue = &revenue;
    } else {
        customer.has_size = true;
        customer.size = (uint32_t)sample_random_below(&changes->random, 1000000000);
    }
    return set_message(&changes->arena, mutation, &customer.base);
}

/* One mutation in the arena; NULL: no memory. */
static Crm__Mutation *make_mutation(struct changes *changes)
{
    Crm__Mutation *mutation = arena_alloc(&changes->arena, sizeof *mutation);
    struct uuid *id = arena_alloc(&changes->arena, sizeof *id);

    if (!mutation || !id)
        return NULL;
    crm__mutation__init(mutation);
    mutation->has_kind = mutation->has_verb = mutation->has_id = true;
    mutation->id = (ProtobufCBinaryData){ .data = id->bytes, .len = UUID_SIZE };
    if (changes->what == CHANGES_CREATE ? !fill_create(changes, mutation, id)
                                        : !fill_patch(changes, mutation, id))
        return NULL;
    return mutation;
}

bool changes_next(void *arg, const struct load_turn *turn, struct buf *out)
{
    struct changes *changes = arg;
    const struct frame_header header = { .type = FRAME_REQUEST,
                                         .code = OP_MUTATE,
                                         .stream = turn->stream };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *mutations[BATCH_ROWS];

    arena_reset(&changes->arena);
    request.mutations = mutations;
    while (request.n_mutations < changes->batch &&
           (changes->what != CHANGES_CREATE ||
            changes->next < changes->n_customers + changes->n_deals)) {
        mutations[request.n_mutations] = make_mutation(changes);
        if (!mutations[request.n_mutations++])
            return false;
    }
    if (request.n_mutations == 0)
        return false;
    request.has_client = request.has_number = request.has_low_mark = true;
    request.client =
        (ProtobufCBinaryData){ .data = changes->clients[turn->connection].bytes, .len = UUID_SIZE };
    request.number = turn->stream;
    request.low_mark = turn->answered;
    return codec_append(out, &header, &request.base, false) == CRM_OK;
}

enum crm_status changes_check(void *arg, struct slice body, struct failure *failure)
{
    struct changes *changes = arg;
    enum crm_status status = CRM_OK;
    Crm__MutateReply *reply;

    arena_reset(&changes->arena);
    reply = crm__mutate_reply__unpack(&changes->arena.protobuf, body.size, body.data);
    if (!reply || reply->n_results == 0)
        return fail(failure, CRM_PROTOCOL, NULL, "the answer to a mutation cannot be read");
    for (size_t i = 0; i < reply->n_results && status == CRM_OK; i++) {
        const Crm__MutateResult *result = reply->results[i];

        if (result->status)
            status = fail(
                failure, (enum crm_status)result->status, NULL, "a mutation was refused: %s",
                result->error && result->error->text ? result->error->text : "without a reason");
    }
    return status;
}
