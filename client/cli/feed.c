/*
 * feed.c - the pieces of a job on their way
 *
 * Called by apply, undo and the bulk forms of set and rm; main thread. The pieces are a ring: they leave in order, and are let go in order once the job's
 * place is behind them, whoever got it there.
 */
#include "client/cli/feed.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cli/confirm.h"
#include "client/cli/job_text.h"
#include "client/cli/mutate.h"
#include "common/base/digest.h"

#define PIECE_BUDGET ((size_t)16 << 20)
#define LOST_MAX     20 /* times that a piece is sent again with nothing done in between */
#define PAUSE_MS     100
#define PAUSE_MAX_MS 5000

enum piece_state { PIECE_FREE, PIECE_GATHERS, PIECE_WAITS, PIECE_SENT, PIECE_TAKEN };

struct piece {
    struct feed *feed;
    enum piece_state state;
    struct arena arena;
    struct crm_call *call;
    uint64_t from, to;
    Crm__Mutation *mutations[FEED_BATCH];
    uint64_t lines[FEED_BATCH], places[FEED_BATCH];
    Crm__JobRefusal *refused[FEED_BATCH];
    uint64_t refused_places[FEED_BATCH];
    size_t n, n_refused, bytes;
};

struct feed {
    struct cli *cli;
    struct feed_options options;
    struct uuid id;
    struct arena arena; /* the job's last state */
    Crm__Job *job;
    struct piece pieces[FEED_WINDOW];
    size_t first;  /* of those not free, in order */
    size_t n_open; /* free ones follow */
    bool is_ended; /* the last piece is to say so */
    unsigned lost;
    enum crm_status status; /* why nothing more is sent */
    struct progress progress;
    uint64_t total;
    uint64_t n_done, n_failed, n_told; /* of this run */
    enum crm_status first_refusal;
};

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

static struct piece *piece_at(struct feed *feed, size_t n)
{
    return &feed->pieces[(feed->first + n) % FEED_WINDOW];
}

/* The one that is being gathered is the last; NULL: there is none. */
static struct piece *gathering(struct feed *feed)
{
    struct piece *last = feed->n_open ? piece_at(feed, feed->n_open - 1) : NULL;

    return last && last->state == PIECE_GATHERS ? last : NULL;
}

/* --- what the server has told */

static enum crm_status take_job(struct feed *feed, const Crm__Job *job)
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

static void tell_refusal(struct feed *feed, uint64_t line, const struct failure *failure)
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
            tell_refusal(feed, line, &failure);
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
    struct piece *piece = piece_at(feed, 0);

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
    while (feed->n_open > 0 && is_taken(feed, piece_at(feed, 0)))
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
        if (take_job(feed, reply->job) != CRM_OK)
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
    request.job = feed->options.dry_run ? NULL : &step;
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

static bool is_any_sent(struct feed *feed)
{
    for (size_t i = 0; i < feed->n_open; i++)
        if (piece_at(feed, i)->state == PIECE_SENT)
            return true;
    return false;
}

static void pause_a_little(const struct feed *feed)
{
    unsigned ms = PAUSE_MS << (feed->lost < 6 ? feed->lost : 6);

    if (feed->lost)
        poll(NULL, 0, (int)(ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS));
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
        struct piece *piece = piece_at(feed, i);

        if (piece->state != PIECE_WAITS)
            continue;
        trim(piece, feed->job->position);
        status = send(piece, feed->is_ended && i + 1 == feed->n_open);
        if (feed->n_open <= i || piece_at(feed, i) != piece)
            break; /* it was answered at once */
    }
    return status;
}

/* One turn: answers come, and what was lost goes out again. */
static enum crm_status turn(struct feed *feed)
{
    if (is_interrupted && !feed->status)
        feed->status = fail(&feed->cli->failure, CRM_CANCELLED, NULL, "interrupted");
    if (is_any_sent(feed)) {
        crm_client_wait(feed->cli->client, -1);
        return feed->status;
    }
    if (feed->status)
        return feed->status;
    return send_waiting(feed);
}

/* The piece that is being gathered is whole. */
static enum crm_status close_piece(struct feed *feed)
{
    struct piece *piece = gathering(feed);
    bool has_waiting;

    if (!piece)
        return CRM_OK;
    has_waiting = feed->n_open > 1 && piece_at(feed, 0)->state == PIECE_WAITS;
    piece->state = PIECE_WAITS;
    return has_waiting ? CRM_OK : send(piece, feed->is_ended);
}

static enum crm_status open_piece(struct feed *feed)
{
    struct piece *last;
    enum crm_status status = CRM_OK;
    uint64_t from;

    while (!status && feed->n_open == FEED_WINDOW)
        status = turn(feed);
    if (status)
        return status;
    from = feed->n_open ? piece_at(feed, feed->n_open - 1)->to : feed->job->position;
    last = piece_at(feed, feed->n_open++);
    last->state = PIECE_GATHERS;
    last->from = last->to = from;
    return CRM_OK;
}

/* --- the caller's side */

static enum crm_status begin_dry(struct feed *feed)
{
    const Crm__Job job = CRM__JOB__INIT;

    feed->job = arena_memdup(&feed->arena, &job, sizeof(job));
    if (!feed->job)
        return fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    feed->job->state = CRM__JOB_STATE__JOB_STATE_OPEN;
    return CRM_OK;
}

static enum crm_status begin(struct feed *feed)
{
    struct cli *cli = feed->cli;
    Crm__JobRequest request = CRM__JOB_REQUEST__INIT;
    struct crm_call *call = NULL;
    const Crm__JobReply *reply;
    enum crm_status status;

    request.has_verb = request.has_id = request.has_input = true;
    request.verb = CRM__JOB_VERB__JOB_VERB_BEGIN;
    request.id = (ProtobufCBinaryData){ .data = feed->id.bytes, .len = UUID_SIZE };
    request.name = (char *)(uintptr_t)feed->options.name;
    request.title = (char *)(uintptr_t)feed->options.title;
    request.input = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)feed->options.input.data, .len = feed->options.input.size };
    request.has_undoes = feed->options.undoes != NULL;
    if (feed->options.undoes)
        request.undoes = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)feed->options.undoes->bytes, .len = UUID_SIZE };
    request.has_undoes_seq = feed->options.undoes_seq > 0;
    request.undoes_seq = feed->options.undoes_seq;
    status = crm_job(cli->client, &request, &call, &reply);
    if (!status && (reply->n_jobs != 1 || !uuid_from_slice(slice_of(reply->jobs[0]->id.data, reply->jobs[0]->id.len), &feed->id)))
        status = fail(&cli->failure, CRM_PROTOCOL, NULL, "the server has not said which job it is");
    else if (status)
        fail(&cli->failure, status, *crm_call_error(call)->field ? crm_call_error(call)->field : NULL, "%s", crm_call_error(call)->text);
    if (!status)
        status = take_job(feed, reply->jobs[0]);
    crm_call_destroy(call);
    return status;
}

enum crm_status feed_create(struct cli *cli, const struct feed_options *options, struct feed **out_feed)
{
    struct feed *feed = calloc(1, sizeof(*feed));
    struct sigaction action = { .sa_handler = on_interrupt };
    enum crm_status status;

    if (!feed)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    *feed = (struct feed){ .cli = cli, .options = *options, .id = uuid_create() };
    arena_init(&feed->arena, PIECE_BUDGET);
    for (size_t i = 0; i < FEED_WINDOW; i++) {
        feed->pieces[i].feed = feed;
        arena_init(&feed->pieces[i].arena, PIECE_BUDGET);
    }
    progress_init(&feed->progress, cli, 0);
    is_interrupted = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    status = options->dry_run ? begin_dry(feed) : begin(feed);
    if (status)
        feed_destroy(feed);
    else
        *out_feed = feed;
    return status;
}

void feed_destroy(struct feed *feed)
{
    struct sigaction action = { .sa_handler = SIG_DFL };

    if (!feed)
        return;
    for (size_t i = 0; i < FEED_WINDOW; i++) {
        crm_call_destroy(feed->pieces[i].call);
        arena_fini(&feed->pieces[i].arena);
    }
    progress_end(&feed->progress);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    arena_fini(&feed->arena);
    free(feed);
}

const Crm__Job *feed_job(const struct feed *feed)
{
    return feed->job;
}

void feed_job_id(const struct feed *feed, char text[UUID_TEXT_SIZE])
{
    uuid_format(&feed->id, text);
}

uint64_t feed_position(const struct feed *feed)
{
    return feed->job->position;
}

struct uuid feed_id(const struct feed *feed, uint64_t n)
{
    return mutate_nth_id(feed->id.bytes, feed->id.bytes, n);
}

void feed_expect(struct feed *feed, uint64_t total)
{
    feed->total = feed->progress.total = total;
}

enum crm_status feed_next(struct feed *feed, struct arena **out_arena)
{
    struct piece *piece = gathering(feed);
    enum crm_status status = CRM_OK;

    if (piece && (piece->n >= FEED_BATCH || piece->n_refused >= FEED_BATCH || piece->bytes >= FEED_BYTES)) {
        status = close_piece(feed);
        piece = NULL;
    }
    if (!status && is_interrupted)
        status = turn(feed);
    if (!status && !piece)
        status = open_piece(feed);
    if (!status)
        *out_arena = &gathering(feed)->arena;
    return status;
}

enum crm_status feed_add(struct feed *feed, const Crm__Mutation *mutation, uint64_t line, uint64_t place)
{
    struct piece *piece = gathering(feed);
    Crm__Mutation *copy = arena_memdup(&piece->arena, mutation, sizeof(*mutation));

    if (!copy)
        return fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    piece->mutations[piece->n] = copy;
    piece->places[piece->n] = place;
    piece->lines[piece->n++] = line;
    piece->bytes += protobuf_c_message_get_packed_size(&copy->base);
    piece->to = place;
    return CRM_OK;
}

enum crm_status feed_refuse(struct feed *feed, const struct failure *failure, uint64_t line, uint64_t place)
{
    struct piece *piece = gathering(feed);
    Crm__JobRefusal *refusal = arena_zalloc(&piece->arena, sizeof(*refusal));
    Crm__Error *error = arena_zalloc(&piece->arena, sizeof(*error));
    char *field = *failure->field ? arena_strdup(&piece->arena, failure->field) : NULL;

    if (!refusal || !error || (*failure->field && !field))
        return fail(&feed->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    crm__job_refusal__init(refusal);
    crm__error__init(error);
    refusal->has_line = true;
    refusal->line = line;
    refusal->error = error;
    error->has_status = true;
    error->status = (uint32_t)failure->status;
    error->field = field;
    piece->refused_places[piece->n_refused] = place;
    piece->refused[piece->n_refused++] = refusal;
    piece->to = place;
    tell_refusal(feed, line, failure);
    return CRM_OK;
}

enum crm_status feed_flush(struct feed *feed)
{
    enum crm_status status = close_piece(feed);

    while (!status && feed->n_open > 0)
        status = turn(feed);
    return status;
}

/* Say how to go on, where there is more to do. */
static void hint_how(const struct feed *feed)
{
    char id[UUID_TEXT_SIZE];

    feed_job_id(feed, id);
    if (feed->job->state == CRM__JOB_STATE__JOB_STATE_OPEN && !feed->options.dry_run)
        cli_hint(feed->cli, "The same command with --job %s goes on after line %" PRIu64 ".", feed->options.name ? feed->options.name : id,
                 (uint64_t)feed->job->position);
}

static enum crm_status sum_up(struct feed *feed, enum crm_status status)
{
    struct cli *cli = feed->cli;

    progress_end(&feed->progress);
    if (feed->n_told > FEED_TOLD)
        fprintf(stderr, "crm: and %" PRIu64 " more\n", feed->n_told - FEED_TOLD);
    if (status) {
        hint_how(feed);
        return status;
    }
    if (feed->n_failed == 0)
        return CRM_OK;
    if (feed->n_done == 0) {
        cli->reported = true;
        return feed->first_refusal;
    }
    return fail(&cli->failure, CRM_PARTIAL, NULL, "%" PRIu64 " done, %" PRIu64 " refused", feed->n_done, feed->n_failed);
}

enum crm_status feed_finish(struct feed *feed, enum crm_status broken)
{
    enum crm_status status = broken;

    feed->is_ended = !broken;
    if (!status && !gathering(feed) && feed->job->state == CRM__JOB_STATE__JOB_STATE_OPEN)
        status = open_piece(feed); /* an end has a piece, if only to say so */
    if (!status)
        status = feed_flush(feed);
    while (is_any_sent(feed)) /* what is under way is answered */
        crm_client_wait(feed->cli->client, -1);
    return sum_up(feed, status);
}

enum crm_status feed_undo(struct feed *feed)
{
    enum crm_status status = CRM_OK;

    while (!status && feed->job->state == CRM__JOB_STATE__JOB_STATE_OPEN) {
        status = open_piece(feed);
        if (!status)
            status = close_piece(feed);
        while (!status && is_any_sent(feed))
            status = turn(feed);
        while (!status && feed->n_open > 0)
            status = turn(feed);
    }
    return sum_up(feed, status);
}

static enum crm_status add_ids(struct feed *feed, const Crm__Mutation *mutation, const struct uuid *ids, size_t n)
{
    uint64_t place = feed_position(feed);
    enum crm_status status = CRM_OK;

    feed_expect(feed, place + n);
    for (size_t i = 0; i < n && !status; i++) {
        Crm__Mutation one = *mutation;
        struct arena *arena;

        mutation_set_id(&one, &ids[i]);
        status = feed_next(feed, &arena);
        if (!status)
            status = feed_add(feed, &one, i + 1, place + i + 1);
    }
    return status;
}

enum crm_status feed_ids(struct cli *cli, const char *title, const Crm__Mutation *mutation, const struct uuid *ids, size_t n)
{
    struct feed_options options = { .name = cli->options.job, .title = title, .input = slice_text(title), .dry_run = cli->options.dry_run };
    uint8_t hash[SHA256_SIZE];
    struct feed *feed = NULL;
    enum crm_status status;

    sha256(&options.input, 1, hash);
    options.input = slice_of(hash, sizeof(hash));
    status = feed_create(cli, &options, &feed);
    if (status)
        return status;
    if (feed->job->state == CRM__JOB_STATE__JOB_STATE_OPEN)
        status = feed_finish(feed, add_ids(feed, mutation, ids, n));
    if (job_show_counts(cli, feed->job) != CRM_OK && !status)
        status = CRM_IO;
    if (!cli->options.dry_run)
        job_hint_undo(cli, feed->job);
    feed_destroy(feed);
    return status;
}
