/*
 * feed.c - a feed as its callers see it
 *
 * Called by apply, undo and the bulk forms of set and rm; main thread.
 */
#include "client/cli/feed_inside.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/job_text.h"
#include "client/cli/mutate.h"
#include "common/base/digest.h"

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number)
{
    (void)number;
    is_interrupted = 1;
}

bool feed_is_interrupted(void)
{
    return is_interrupted;
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
        status = feed_take_job(feed, reply->jobs[0]);
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
    arena_init(&feed->whole_arena, WHOLE_BUDGET);
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
    arena_fini(&feed->whole_arena);
    free(feed->whole);
    free(feed->whole_lines);
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
    struct piece *piece = feed_gathering(feed);
    enum crm_status status = CRM_OK;

    if (feed->options.is_whole) {
        *out_arena = &feed->whole_arena;
        return CRM_OK;
    }
    if (piece && (piece->n >= FEED_BATCH || piece->n_refused >= FEED_BATCH || piece->bytes >= FEED_BYTES)) {
        status = feed_close(feed);
        piece = NULL;
    }
    if (!status && is_interrupted)
        status = feed_turn(feed);
    if (!status && !piece)
        status = feed_open(feed);
    if (!status)
        *out_arena = &feed_gathering(feed)->arena;
    return status;
}

enum crm_status feed_add(struct feed *feed, const Crm__Mutation *mutation, uint64_t line, uint64_t place)
{
    struct piece *piece = feed_gathering(feed);
    Crm__Mutation *copy;

    if (feed->options.is_whole)
        return feed_whole_add(feed, mutation, line);
    copy = arena_memdup(&piece->arena, mutation, sizeof(*mutation));
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
    struct piece *piece = feed_gathering(feed);
    Crm__JobRefusal *refusal;
    Crm__Error *error;
    char *field;

    if (feed->options.is_whole) { /* then nothing is done */
        feed->cli->failure = (struct failure){ 0 };
        return fail(&feed->cli->failure, failure->status, *failure->field ? failure->field : NULL, "line %" PRIu64 ": %s", line, failure->text);
    }
    refusal = arena_zalloc(&piece->arena, sizeof(*refusal));
    error = arena_zalloc(&piece->arena, sizeof(*error));
    field = *failure->field ? arena_strdup(&piece->arena, failure->field) : NULL;

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
    feed_tell_refusal(feed, line, failure);
    return CRM_OK;
}

enum crm_status feed_flush(struct feed *feed)
{
    enum crm_status status = feed->options.is_whole ? CRM_OK : feed_close(feed);

    while (!status && feed->n_open > 0)
        status = feed_turn(feed);
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

    if (feed->options.is_whole)
        return broken || feed->n_whole == 0 || feed->job->state != CRM__JOB_STATE__JOB_STATE_OPEN ? broken : feed_whole_send(feed);
    feed->is_ended = !broken;
    if (!status && !feed_gathering(feed) && feed->job->state == CRM__JOB_STATE__JOB_STATE_OPEN)
        status = feed_open(feed); /* an end has a piece, if only to say so */
    if (!status)
        status = feed_flush(feed);
    while (feed_is_any_sent(feed)) /* what is under way is answered */
        crm_client_wait(feed->cli->client, -1);
    return sum_up(feed, status);
}

enum crm_status feed_undo(struct feed *feed)
{
    enum crm_status status = CRM_OK;

    while (!status && feed->job->state == CRM__JOB_STATE__JOB_STATE_OPEN) {
        status = feed_open(feed);
        if (!status)
            status = feed_close(feed);
        while (!status && feed_is_any_sent(feed))
            status = feed_turn(feed);
        while (!status && feed->n_open > 0)
            status = feed_turn(feed);
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
