/*
 * push.c - see push.h
 *
 * Called by crm sync before it pulls. Up to PUSH_OPEN_MAX changes are under way at once. A change's number is on disk before it is sent: whoever is killed between
 * sending and the answer sends the same bytes under the same number again, and is told what came of it the first time. The number is the replica's own; the
 * change's name (QueuedMutation.change) goes into every copy of the replica, and what one copy has sent is not done again for another.
 *
 * Order. The server takes the writes of a connection in the order in which they arrive, but may say BUSY to one and take the next, and a line that was cut may
 * have carried any of them. So order is not left to it: what depends on a change that is still open (depends.h) is held back until that one is answered. Those
 * that depend on each other are few and lie in short chains (a customer, its contact, its deal), whatever the outbox's length; and what is not related goes
 * in the order of making.
 */
#include "client/replica/push_inside.h"

#include <stdlib.h>
#include <time.h>

#include "proto/operation.h"

#define PUSH_BUDGET    ((size_t)128 << 20)
#define TURN_BUDGET    ((size_t)64 << 20)
#define IDLE_ATTEMPTS  5 /* in a row that bring nothing */
#define REST_MAX_MS    5000
#define IDENTITIES_MAX 3 /* in one run: a copy that sends at the same moment is met once, perhaps twice */

/* --- whose it is */

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
    return push_is_due(push->replica, push->client) ? push_return(push, hello->epoch) : CRM_OK;
}

/* --- on the line */

static void on_done(void *arg, struct crm_call *call)
{
    struct flight *flight = arg;
    const Crm__Hello *hello = crm_client_hello(flight->push->client);

    (void)call;
    flight->is_done = true;
    flight->epoch = hello ? hello->epoch : 0;
}

static bool fill_request(struct push *push, const Crm__QueuedMutation *queued, uint64_t low, Crm__MutateRequest *request)
{
    const struct replica_state *state = replica_state(push->replica);
    size_t n = outbox_mutations(queued);

    crm__mutate_request__init(request);
    request->mutations = arena_alloc(&push->answers, n * sizeof *request->mutations);
    request->numbers = arena_alloc(&push->answers, n * sizeof *request->numbers);
    if (!request->mutations || !request->numbers)
        return false;
    for (size_t i = 0; i < n; i++) {
        request->mutations[i] = outbox_part(queued, i).mutation;
        request->numbers[i] = i == 0 ? queued->wanted : queued->parts[i - 1]->wanted;
    }
    request->n_mutations = n;
    request->n_numbers = queued->again ? n : 0;
    request->has_atomic = request->atomic = n > 1;
    request->has_client = request->has_number = request->has_low_mark = true;
    request->client = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)state->id.bytes, .len = UUID_SIZE };
    request->number = queued->number;
    request->low_mark = low;
    request->has_change = queued->has_change;
    request->change = queued->change;
    return true;
}

/* What cannot be sent at all is settled as if the server had refused it. */
static void send(struct push *push, struct flight *flight, uint64_t low)
{
    const struct crm_call_options options = { .on_done = on_done, .arg = flight, .deadline_ms = CRM_NO_DEADLINE };
    Crm__MutateRequest request;

    flight->status = CRM_NO_MEMORY;
    if (fill_request(push, push->list.items[flight->item].queued, low, &request))
        flight->status = crm_call_start(push->client, OP_MUTATE, &request.base, &options, &flight->call);
    flight->is_done = flight->status != CRM_OK;
}

static bool is_any_done(const struct push *push)
{
    for (size_t i = 0; i < ARRAY_LEN(push->flights); i++)
        if (push->flights[i].is_used && push->flights[i].is_done)
            return true;
    return false;
}

/* --- turns */

static void land(struct push *push, struct flight *flight)
{
    Crm__QueuedMutation *queued = push->list.items[flight->item].queued;

    push_tell(push, flight);
    queued->answer = NULL; /* it was the call's */
    for (size_t i = 0; i < queued->n_parts; i++)
        queued->parts[i]->answer = NULL;
    crm_call_destroy(flight->call);
    *flight = (struct flight){ 0 };
}

/* What has been answered, and the numbers of what is sent next, are on disk in one run: then the one may be told, and the others sent. */
static enum crm_status turn(struct push *push)
{
    struct flight *flights = push->flights;
    uint64_t low;
    enum crm_status status;

    arena_reset(&push->answers);
    for (size_t i = 0; i < ARRAY_LEN(push->flights); i++)
        if (flights[i].is_used && flights[i].is_done) {
            push->n_open--;
            push->bytes_open -= flights[i].bytes;
            push_settle(push, &flights[i]);
        }
    if (push->status == CRM_OK && !push->is_taken_over)
        push_choose(push);
    status = push_store(push);
    if (status != CRM_OK)
        return status;
    low = push_low_mark(push);
    for (size_t i = 0; i < ARRAY_LEN(push->flights); i++) {
        if (flights[i].is_used && flights[i].is_done)
            land(push, &flights[i]);
        else if (flights[i].is_used && !flights[i].call)
            send(push, &flights[i], low);
    }
    if (push->options->on_progress)
        push->options->on_progress(push->options->arg, push->counts);
    return CRM_OK;
}

/* Until nothing is open any more. */
static enum crm_status fly(struct push *push)
{
    enum crm_status status = turn(push);

    while (status == CRM_OK && push->n_open > 0) {
        while (!is_any_done(push))
            if (!crm_client_wait(push->client, -1))
                return fail(push->failure, CRM_FAILED, NULL, "the server's answers have been lost");
        status = turn(push);
    }
    return status == CRM_OK ? push->status : status;
}

/* Another copy of the replica has sent in its name: it goes on under another, and what is open is sent anew. What the other copy has sent is not done again. */
static enum crm_status converse(struct push *push)
{
    enum crm_status status = fly(push);

    while (status == CRM_OK && push->is_taken_over) {
        if (push->identities++ == IDENTITIES_MAX)
            return fail(push->failure, CRM_KEY_REUSED, NULL, "another copy of this replica is at work: crm sync again when it has ended");
        status = push_new_identity(push);
        if (status == CRM_OK)
            status = fly(push);
    }
    return status;
}

/* --- runs */

static size_t count_waiting(const struct push *push)
{
    size_t n = 0;

    for (size_t i = 0; i < push->list.n; i++)
        n += !push->list.items[i].queued->answer;
    return n;
}

/*
 * The server took it before it was restored. Where it refuses it now, what it is about may be lost too, and come back with the replica of whoever made that.
 */
static void try_anew(Crm__QueuedMutation *queued)
{
    if (!queued->again || !queued->answer || queued->answer->outcome != CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_REJECTED)
        return;
    queued->answer = NULL;
    for (size_t i = 0; i < queued->n_parts; i++)
        queued->parts[i]->answer = NULL;
    queued->has_number = false;
    queued->number = 0;
}

static enum crm_status get_last(struct store_txn *txn, void *arg)
{
    return replica_get_number(txn, ROW_SENT, arg);
}

static enum crm_status load(struct push *push)
{
    enum crm_status status;
    size_t n;

    arena_reset(&push->arena);
    status = outbox_load(push->replica, &push->arena, &push->list, push->failure);
    if (status != CRM_OK)
        return status;
    for (size_t i = 0; i < push->list.n && !push->is_resumed; i++) /* once in a run */
        try_anew(push->list.items[i].queued);
    n = push->list.n + 1;
    push->states = arena_alloc(&push->arena, n * sizeof *push->states);
    push->fates = arena_alloc(&push->arena, n * sizeof *push->fates);
    push->touched = arena_alloc(&push->arena, n * sizeof *push->touched);
    if (!push->states || !push->fates || !push->touched || depends_find(&push->list, &push->arena, &push->depends) != CRM_OK)
        return fail(push->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < push->list.n; i++) {
        push->states[i] = push->list.items[i].queued->answer ? ITEM_REFUSED : ITEM_WAITS;
        push->fates[i] = FATE_NONE;
    }
    push->n_touched = 0;
    push->counts->total = push->counts->answered + count_waiting(push);
    if (store_read_run(replica_store(push->replica), get_last, &push->last) != CRM_OK)
        return fail(push->failure, CRM_IO, NULL, "the replica cannot be read");
    return CRM_OK;
}

static void drop_flights(struct push *push)
{
    for (size_t i = 0; i < ARRAY_LEN(push->flights); i++)
        crm_call_destroy(push->flights[i].call);
    memset(push->flights, 0, sizeof push->flights);
    push->n_open = push->bytes_open = 0;
}

/* One connection, or as many as the library makes of it. */
static enum crm_status attempt(struct push *push)
{
    enum crm_status status = check_owner(push);

    push->status = CRM_OK;
    push->is_taken_over = false;
    if (status == CRM_OK)
        status = load(push);
    if (status == CRM_OK)
        status = converse(push);
    drop_flights(push);
    push->is_resumed = true;
    return status;
}

/* Was it the line, or did the server have too much to do? Then the next attempt goes on where this one stopped. */
static bool may_go_on(enum crm_status status)
{
    return status == CRM_UNREACHABLE || status == CRM_UNKNOWN || status == CRM_SHUTTING_DOWN || status == CRM_BUSY;
}

/* As long as the server asks for. */
static void rest(const struct push *push)
{
    uint32_t ms = push->failure->retry_after_ms < REST_MAX_MS ? push->failure->retry_after_ms : REST_MAX_MS;
    const struct timespec wait = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

    if (ms > 0 && push->options->rest)
        push->options->rest(push->options->arg, ms);
    else if (ms > 0)
        nanosleep(&wait, NULL);
}

static enum crm_status run(struct push *push)
{
    unsigned idle = 0;
    enum crm_status status;

    for (;;) {
        uint64_t answered = push->counts->answered;

        status = attempt(push);
        idle = push->counts->answered > answered ? 0 : idle + 1;
        if (!may_go_on(status) || idle == IDLE_ATTEMPTS)
            break;
        rest(push);
        *push->failure = (struct failure){ 0 };
    }
    for (size_t i = 0; status == CRM_OK && i < push->list.n; i++)
        push->counts->held += push->states[i] == ITEM_HELD;
    return status;
}

enum crm_status push_run(struct replica *replica, struct crm_client *client, const struct push_options *options, struct push_counts *out_counts,
                         struct failure *failure)
{
    struct push *push = calloc(1, sizeof *push);
    enum crm_status status;

    *out_counts = (struct push_counts){ 0 };
    if (!push)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    *push = (struct push){ .replica = replica, .client = client, .options = options, .counts = out_counts, .failure = failure };
    arena_init(&push->arena, PUSH_BUDGET);
    arena_init(&push->scratch, TURN_BUDGET);
    arena_init(&push->answers, TURN_BUDGET);
    status = load(push);
    if (status == CRM_OK && (count_waiting(push) > 0 || push_is_due(replica, client)))
        status = run(push);
    arena_fini(&push->answers);
    arena_fini(&push->scratch);
    arena_fini(&push->arena);
    free(push);
    return status;
}

struct due_run {
    uint32_t epoch;
    bool is_due;
};

static enum crm_status find_due(struct store_txn *txn, void *arg)
{
    struct due_run *run = arg;

    return kept_is_other(txn, run->epoch, &run->is_due);
}

bool push_is_due(struct replica *replica, struct crm_client *client)
{
    const Crm__Hello *hello = crm_client_hello(client);
    struct due_run run = { .epoch = hello ? hello->epoch : 0 };

    return hello && store_read_run(replica_store(replica), find_due, &run) == CRM_OK && run.is_due;
}
