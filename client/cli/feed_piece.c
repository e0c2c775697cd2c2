/*
 * feed_piece.c - the pieces of a job on their way
 *
 * Main thread. The pieces are a ring: they leave in order, and are let go in order once the job's place is behind them, whoever got it there.
 */
#include "client/cli/feed_inside.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/confirm.h"
#include "client/cli/mutate.h"

#define LOST_MAX     20 /* times that a piece is sent again with nothing done in between */
#define PAUSE_MS     100
#define PAUSE_MAX_MS 5000

struct piece *feed_piece(struct feed *feed, size_t n)
{
    return &feed->pieces[(feed->first + n) % FEED_WINDOW];
}

/* The one that is being gathered is the last; NULL: there is none. */
struct piece *feed_gathering(struct feed *feed)
{
    struct piece *last = feed->n_open ? feed_piece(feed, feed->n_open - 1) : NULL;

    return last && last->state == PIECE_GATHERS ? last : NULL;
}

/* --- what the server has told */

enum crm_status feed_take_job(struct feed *feed, const Crm__Job *job)
{
    size_t size = protobuf_c_message_get_packed_size(&job->base);
    uint8_t *packed = malloc(size + 1);
    Crm__Job *copy;

    if (!packed)
        return fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    protobuf_c_message_pack(&job->base, packed);
    arena_reset(&feed->arena);
    copy = crm__job__unpack(&feed->arena.protobuf, size, packed);
    free(packed);
    if (!copy)
        return fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    feed->job = copy;
    return CRM_OK;
}

void feed_tell_refusal(struct feed *feed, uint64_t line, const struct failure *failure)
{
    struct cli *cli = feed->cli;

    feed->n_failed++;
    if (!feed->first_refusal)
        feed->first_refusal = failure->status;
    if (feed->options.on_refused)
        feed->options.on_refused(feed->options.arg, line, failure);
    if (feed->n_told++ >= FEED_TOLD)
        return;
    progress_end(&feed->progress);
    if (feed->options.source && line)
        fprintf(stderr, "crm: %s:%" PRIu64 ": ", cli_safe(cli, feed->options.source), line);
    else
        fprintf(stderr, "crm: ");
    if (*failure->field)
        fprintf(stderr, "field '%s': ", cli_safe(cli, failure->field));
    fprintf(stderr, "%s\n", cli_safe(cli, failure->text));
}

static void tell_results(struct feed *feed, const struct piece *piece, const Crm__MutateReply *reply)
{
    for (size_t i = 0; i < reply->n_results; i++) {
        struct failure failure = { 0 };
        uint64_t line = i < piece->n ? piece->lines[i] : 0;

        if (mutate_result_failure(reply->results[i], &failure) != CRM_OK) {
            feed_tell_refusal(feed, line, &failure);
            continue;
        }
        feed->n_done++;
        if (feed->options.on_done)
            feed->options.on_done(feed->options.arg, line, reply->results[i]);
    }
}

/* Of a dry run this side keeps the books. */
static void count_dry(struct feed *feed, const struct piece *piece, const Crm__MutateReply *reply)
{
    Crm__Job *job = feed->job;

    job->position = piece->to;
    job->refused += piece->n_refused;
    for (size_t i = 0; i < reply->n_results && i < piece->n; i++) {
        const Crm__MutateResult *result = reply->results[i];
        Crm__Verb verb = piece->mutations[i]->verb;

        if (result->error)
            job->refused++;
        else if (result->unchanged)
            job->unchanged++;
        else if (verb == CRM__VERB__VERB_CREATE || result->created)
            job->created++;
        else if (verb == CRM__VERB__VERB_DELETE)
            job->deleted++;
        else
            job->updated++;
    }
}

/* --- pieces */

static void let_go(struct feed *feed)
{
    struct piece *piece = feed_piece(feed, 0);

    piece->state = PIECE_FREE;
    piece->n = piece->n_refused = piece->bytes = 0;
    arena_reset(&piece->arena);
    feed->first = (feed->first + 1) % FEED_WINDOW;
    feed->n_open--;
}

/* Taken as it was sent; or the job is behind it, whoever got it there. */
static bool is_taken(const struct feed *feed, const struct piece *piece)
{
    return piece->state == PIECE_TAKEN || (piece->state == PIECE_WAITS && piece->to > piece->from && piece->to <= feed->job->position);
}

static void let_taken_go(struct feed *feed)
{
    while (feed->n_open > 0 && is_taken(feed, feed_piece(feed, 0)))
        let_go(feed);
}

static void give_up(struct feed *feed, enum crm_status status, const struct crm_error *error)
{
    if (feed->status)
        return;
    feed->status = status;
    fail(&feed->cli->failure, status, *error->field ? error->field : NULL, "%s", error->text);
}

/* May the piece be sent again as it is? */
static bool is_passing(enum crm_status status)
{
    const struct crm_status_info *info = crm_status_info((int)status);

    return status == CRM_UNREACHABLE || status == CRM_UNKNOWN || info->retry == CRM_RETRY_SAME_KEY || info->retry == CRM_RETRY_AFTER;
}

static void on_answer(void *arg, struct crm_call *call)
{
    struct piece *piece = arg;
    struct feed *feed = piece->feed;
    const Crm__MutateReply *reply = (const Crm__MutateReply *)crm_call_reply(call);
    const struct crm_error *error = crm_call_error(call);

    piece->state = PIECE_WAITS;
    if (error->status == CRM_OK && reply && feed->options.dry_run) {
        count_dry(feed, piece, reply);
        piece->state = PIECE_TAKEN;
        tell_results(feed, piece, reply);
    } else if (error->status == CRM_OK && reply && reply->job) {
        if (reply->job->position > feed->job->position || reply->n_results > 0)
            feed->lost = 0;
        if (feed_take_job(feed, reply->job) != CRM_OK)
            feed->status = CRM_NO_MEMORY;
        else if (feed->job->position >= piece->to)
            piece->state = PIECE_TAKEN;
        tell_results(feed, piece, reply);
    } else if (!is_passing(error->status) || ++feed->lost > LOST_MAX) {
        give_up(feed, error->status ? error->status : CRM_PROTOCOL, error);
    }
    crm_call_destroy(call);
    piece->call = NULL;
    let_taken_go(feed);
    if (feed->job->state == CRM__JOB_STATE__JOB_STATE_CANCELLED && !feed->status)
        feed->status = fail(&feed->cli->failure, CRM_CANCELLED, NULL, "the job was cancelled");
    progress_update(&feed->progress, feed->job->position);
}

static void fill_step(const struct feed *feed, struct piece *piece, bool is_last, Crm__JobStep *step)
{
    step->has_job = step->has_from = step->has_to = true;
    step->job = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)feed->id.bytes, .len = UUID_SIZE };
    step->from = piece->from;
    step->to = piece->to;
    step->n_lines = piece->n;
    step->lines = piece->lines;
    step->n_refused = piece->n_refused;
    step->refused = piece->refused;
    step->has_last = step->last = is_last;
    step->has_total = feed->total > 0;
    step->total = feed->total;
}

/* The password is asked for once, with nothing else under way. */
static enum crm_status send_confirmed(struct piece *piece, const Crm__MutateRequest *request)
{
    struct feed *feed = piece->feed;
    struct crm_call *call = NULL;
    enum crm_status status = confirm_run(feed->cli, OP_MUTATE, &request->base, &call);

    if (!call)
        return status;
    feed->cli->failure = (struct failure){ 0 };
    on_answer(piece, call);
    return feed->status;
}

static bool deletes(const struct piece *piece)
{
    for (size_t i = 0; i < piece->n; i++)
        if (piece->mutations[i]->verb == CRM__VERB__VERB_DELETE)
            return true;
    return false;
}

static enum crm_status send(struct piece *piece, bool is_last)
{
    struct feed *feed = piece->feed;
    struct crm_call_options options = { .on_done = on_answer, .arg = piece };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    Crm__JobStep step = CRM__JOB_STEP__INIT;
    enum crm_status status;

    fill_step(feed, piece, is_last, &step);
    request.has_dry_run = request.dry_run = feed->options.dry_run;
    request.job = &step; /* of a dry run it says only that a refusal is one line's */
    request.n_mutations = piece->n;
    request.mutations = piece->mutations;
    piece->state = PIECE_SENT;
    if (piece->n == 0 && feed->options.dry_run) {
        count_dry(feed, piece, &(Crm__MutateReply)CRM__MUTATE_REPLY__INIT);
        piece->state = PIECE_TAKEN;
        let_taken_go(feed);
        return CRM_OK;
    }
    if (!feed->options.dry_run && deletes(piece) && feed->job->deleted <= FEED_BATCH)
        return send_confirmed(piece, &request);
    status = crm_call_start(feed->cli->client, OP_MUTATE, &request.base, &options, &piece->call);
    if (status) {
        piece->state = PIECE_WAITS;
        return fail(&feed->cli->failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
    }
    crm_client_process(feed->cli->client); /* begin to send while the next piece is gathered */
    return feed->status;
}

bool feed_is_any_sent(struct feed *feed)
{
    for (size_t i = 0; i < feed->n_open; i++)
        if (feed_piece(feed, i)->state == PIECE_SENT)
            return true;
    return false;
}

static void pause_a_little(const struct feed *feed)
{
    int ms = PAUSE_MS << (feed->lost < 6 ? feed->lost : 6);

    if (feed->lost)
        poll(NULL, 0, ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS);
}

/* Somebody else who feeds the job has cut it elsewhere: what was taken of this piece goes. */
static void trim(struct piece *piece, uint64_t position)
{
    size_t n = 0, n_refused = 0;

    if (piece->from >= position || position >= piece->to)
        return;
    while (n < piece->n && piece->places[n] <= position)
        n++;
    while (n_refused < piece->n_refused && piece->refused_places[n_refused] <= position)
        n_refused++;
    piece->from = position;
    piece->n -= n;
    piece->n_refused -= n_refused;
    memmove(piece->mutations, piece->mutations + n, piece->n * sizeof(*piece->mutations));
    memmove(piece->lines, piece->lines + n, piece->n * sizeof(*piece->lines));
    memmove(piece->places, piece->places + n, piece->n * sizeof(*piece->places));
    memmove(piece->refused, piece->refused + n_refused, piece->n_refused * sizeof(*piece->refused));
    memmove(piece->refused_places, piece->refused_places + n_refused, piece->n_refused * sizeof(*piece->refused_places));
}

/* Everything that waits, in order; what was lost leaves only when nothing is under way any more, so that the order holds. */
static enum crm_status send_waiting(struct feed *feed)
{
    enum crm_status status = CRM_OK;

    pause_a_little(feed);
    for (size_t i = 0; i < feed->n_open && !status; i++) {
        struct piece *piece = feed_piece(feed, i);

        if (piece->state != PIECE_WAITS)
            continue;
        trim(piece, feed->job->position);
        status = send(piece, feed->is_ended && i + 1 == feed->n_open);
        if (feed->n_open <= i || feed_piece(feed, i) != piece)
            break; /* it was answered at once */
    }
    return status;
}

/* One turn: answers come, and what was lost goes out again. */
enum crm_status feed_turn(struct feed *feed)
{
    if (feed_is_interrupted() && !feed->status)
        feed->status = fail(&feed->cli->failure, CRM_CANCELLED, NULL, "interrupted");
    if (feed_is_any_sent(feed)) {
        crm_client_wait(feed->cli->client, -1);
        return feed->status;
    }
    if (feed->status)
        return feed->status;
    return send_waiting(feed);
}

/* The piece that is being gathered is whole. */
enum crm_status feed_close(struct feed *feed)
{
    struct piece *piece = feed_gathering(feed);
    bool has_waiting;

    if (!piece)
        return CRM_OK;
    has_waiting = feed->n_open > 1 && feed_piece(feed, 0)->state == PIECE_WAITS;
    piece->state = PIECE_WAITS;
    return has_waiting ? CRM_OK : send(piece, feed->is_ended);
}

enum crm_status feed_open(struct feed *feed)
{
    struct piece *last;
    enum crm_status status = CRM_OK;
    uint64_t from;

    while (!status && feed->n_open == FEED_WINDOW)
        status = feed_turn(feed);
    if (status)
        return status;
    from = feed->n_open ? feed_piece(feed, feed->n_open - 1)->to : feed->job->position;
    last = feed_piece(feed, feed->n_open++);
    last->state = PIECE_GATHERS;
    last->from = last->to = from;
    return CRM_OK;
}
