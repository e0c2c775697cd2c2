/*
 * op_mutate.c - the only operation that changes records
 *
 * In the writer's group, or, as a dry run, on a worker in a group that is thrown away: the same code.
 */
#include "common/base/calendar.h"
#include "common/base/clock.h"
#include "proto/codec.h"
#include "server/engine/done.h"
#include "server/engine/late.h"
#include "server/engine/mutate.h"
#include "server/engine/outcome.h"
#include "server/ops/job_step.h"
#include "server/ops/op.h"
#include "server/ops/upload.h"

#define STAGED_MEMORY     ((size_t)64 << 20) /* that the mutations of an upload take once they are unpacked */
#define OUTCOME_REPLY_MAX (STORE_VALUE_MAX - 64u) /* of an answer that is kept, beside what stands before it */

/* By what a request is known again: its number within its client, and the name of its change. */
struct request_keys {
    struct outcome_key number;
    struct done_key done;
    bool has_done;
};

static enum crm_status hash_content(const Crm__MutateRequest *content, struct arena *arena, uint8_t out[16])
{
    uint8_t hash[SHA256_SIZE];
    struct slice packed;
    enum crm_status status = codec_pack(&content->base, arena, &packed);

    if (status != CRM_OK)
        return status;
    sha256(&packed, 1, hash);
    memcpy(out, hash, 16);
    return CRM_OK;
}

/* What is asked for, not how it is sent. */
static enum crm_status hash_request(const Crm__MutateRequest *request, struct arena *arena, uint8_t out[16])
{
    Crm__MutateRequest content = *request;

    content.meta = NULL;
    content.has_low_mark = false;
    return hash_content(&content, arena, out);
}

/* What a change wants: neither who sends it, nor how its author saw the records, which a replica forgets with them. */
static enum crm_status hash_change(const Crm__MutateRequest *request, struct arena *arena, uint8_t out[16])
{
    Crm__MutateRequest content = CRM__MUTATE_REQUEST__INIT;
    Crm__Mutation *copies = arena_alloc(arena, (request->n_mutations + 1) * sizeof *copies);

    content.mutations = arena_alloc(arena, (request->n_mutations + 1) * sizeof *content.mutations);
    if (!copies || !content.mutations)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < request->n_mutations; i++) {
        copies[i] = *request->mutations[i];
        copies[i].has_base_rev = copies[i].has_old = copies[i].has_old_owner = copies[i].has_old_team = false;
        copies[i].n_seen = 0;
        content.mutations[i] = &copies[i];
    }
    content.n_mutations = request->n_mutations;
    content.has_atomic = content.atomic = request->atomic;
    return hash_content(&content, arena, out);
}

static enum crm_status read_keys(struct op_ctx *ctx, const Crm__MutateRequest *request, struct request_keys *out_keys)
{
    enum crm_status status;

    *out_keys = (struct request_keys){
        .number = { .number = request->number, .low_mark = request->low_mark }, .done = { .user = ctx->session->user }, .has_done = request->has_change,
    };
    if (request->client.len != CLIENT_SIZE)
        return op_fail_field(ctx, CRM_INVALID, "client", "a client's id has %d bytes", CLIENT_SIZE);
    memcpy(out_keys->number.client, request->client.data, CLIENT_SIZE);
    if (request->has_change && !uuid_from_slice(slice_of(request->change.data, request->change.len), &out_keys->done.change))
        return op_fail_field(ctx, CRM_INVALID, "change", "the name of a change has 16 bytes");
    status = hash_request(request, ctx->arena, out_keys->number.hash);
    return status == CRM_OK && out_keys->has_done ? hash_change(request, ctx->arena, out_keys->done.hash) : status;
}

/* Where the mutations are in a staged upload, they take the place of the request's own. */
static enum crm_status take_upload(struct op_ctx *ctx, const Crm__MutateRequest *request, const Crm__MutateRequest **out_request)
{
    static const struct check_limits limits = { .memory = STAGED_MEMORY, .elements = ATOMIC_MAX, .unknown_fields = 16, .depth = 8 };
    Crm__MutateRequest *whole;
    const void *staged;
    struct slice bytes;
    enum crm_status status;

    *out_request = request;
    if (!request->has_upload)
        return CRM_OK;
    status = upload_load(ctx->view, slice_of(request->upload.data, request->upload.len), &ctx->session->user, ctx->arena, &bytes, &ctx->failure);
    if (status == CRM_OK)
        status = codec_unpack_within(bytes, &crm__mutate_request__descriptor, &limits, ctx->arena, &staged, &ctx->failure);
    if (status != CRM_OK)
        return status;
    whole = arena_memdup(ctx->arena, request, sizeof *request);
    if (!whole)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    whole->n_mutations = ((const Crm__MutateRequest *)staged)->n_mutations;
    whole->mutations = ((const Crm__MutateRequest *)staged)->mutations;
    *out_request = whole;
    return CRM_OK;
}

static struct change_actor actor_of(const struct op_ctx *ctx)
{
    return (struct change_actor){
        .user = ctx->session->user, .team = ctx->session->team, .rights = ctx->session->rights, .access = ctx->session->access,
        .from = arena_printf(ctx->arena, "%s %s", ctx->peer, ctx->software), .trace = ctx->trace,
        .is_confirmed = !ctx->group || session_is_confirmed(ctx->session, ctx->group->now_us), /* a dry run changes nothing */
    };
}

/* The statuses stand for the sentences. */
static enum crm_status take_sentences(Crm__MutateReply *reply, struct arena *arena)
{
    for (size_t i = 0; i < reply->n_results; i++) {
        Crm__MutateResult *result = reply->results[i];

        if (!result->error)
            continue;
        result->error = arena_memdup(arena, result->error, sizeof *result->error);
        if (!result->error)
            return CRM_NO_MEMORY;
        result->error->text = NULL;
    }
    return CRM_OK;
}

/*
 * The answer as it is kept, without the values of conflicts. A batch of which much was refused may be longer than a value can be: then it is kept without
 * sentences, which the change's never has.
 */
static enum crm_status keep_answer(struct op_ctx *ctx, const struct request_keys *keys, Crm__MutateReply *reply)
{
    struct arena *arena = ctx->group->arena;
    Crm__MutateReply brief = *reply;
    struct slice whole, packed = { 0 };
    enum crm_status status = late_take_values(&brief, arena);

    if (status == CRM_OK)
        status = codec_pack(&brief.base, arena, &whole);
    if (status == CRM_OK)
        status = take_sentences(&brief, arena);
    if (status == CRM_OK)
        status = codec_pack(&brief.base, arena, &packed);
    if (status == CRM_OK)
        status = outcome_keep(ctx->group, &keys->number, &ctx->session->user, whole.size <= OUTCOME_REPLY_MAX ? whole : packed);
    return status == CRM_OK && keys->has_done ? done_keep(ctx->group, &keys->done, packed) : status;
}

/* What was answered before, by its name or by its number; empty: nothing. */
static enum crm_status find_answer(struct op_ctx *ctx, const struct request_keys *keys, struct slice *out_packed)
{
    enum crm_status status = CRM_OK;

    *out_packed = (struct slice){ 0 };
    if (keys->has_done)
        status = done_find(ctx->group, &keys->done, out_packed, &ctx->failure);
    if (status == CRM_OK && !out_packed->data)
        status = outcome_find(ctx->group, &keys->number, &ctx->session->user, out_packed, &ctx->failure);
    return status;
}

/* What was answered before gets its stored answer. *out_done says so. */
static enum crm_status answered_before(struct op_ctx *ctx, const struct change_actor *actor, const struct request_keys *keys, bool *out_done)
{
    const struct view view = { .txn = ctx->group->txn, .group = ctx->group->set, .schema = ctx->schema };
    Crm__MutateReply *reply = ctx->reply, *stored;
    struct slice packed;
    enum crm_status status = find_answer(ctx, keys, &packed);

    if (status != CRM_OK || !packed.data)
        return status;
    stored = crm__mutate_reply__unpack(&ctx->arena->protobuf, packed.size, packed.data);
    if (!stored)
        return op_fail(ctx, CRM_CORRUPT, "the kept answer is damaged");
    *reply = *stored;
    reply->has_duplicate = reply->duplicate = true;
    status = late_fill_values(&view, actor, reply, ctx->arena);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the kept conflicts cannot be read");
    *out_done = true;
    return CRM_OK;
}

static enum crm_status run_keyed(struct op_ctx *ctx, const Crm__MutateRequest *request)
{
    struct change_actor actor = actor_of(ctx);
    Crm__MutateReply *reply = ctx->reply;
    struct request_keys keys;
    bool done = false;
    enum crm_status status;

    if (!request->has_client)
        return mutate_run(ctx->group, &actor, request, reply, &ctx->failure);
    status = read_keys(ctx, request, &keys);
    if (status == CRM_OK)
        status = answered_before(ctx, &actor, &keys, &done);
    if (status != CRM_OK || done)
        return status;
    status = mutate_run(ctx->group, &actor, request, reply, &ctx->failure);
    if (status != CRM_OK)
        return status;
    status = keep_answer(ctx, &keys, reply);
    if (status != CRM_OK)
        change_group_spoil(ctx->group); /* changes without a kept answer could be doubled */
    return status;
}

/* Is anything among it that the audit trail tells of? Its entries have a trace, as those of all other acts. */
static bool is_audited(const Crm__MutateRequest *request)
{
    for (size_t i = 0; i < request->n_mutations; i++) {
        const struct kind_def *kind = kind_def(request->mutations[i]->kind);

        if (kind && kind->flags & KIND_ADMINISTRATION)
            return true;
    }
    return false;
}

/* Only what takes something away may go on when the disk is nearly full. */
static bool only_deletes(const Crm__MutateRequest *request)
{
    for (size_t i = 0; i < request->n_mutations; i++)
        if (request->mutations[i]->verb != CRM__VERB__VERB_DELETE)
            return false;
    return true;
}

/* A group of its own over the worker's snapshot; nothing of it is kept. */
static enum crm_status dry_run(struct op_ctx *ctx, const Crm__MutateRequest *request)
{
    struct change_actor actor = actor_of(ctx);
    struct change_group group;
    enum crm_status status;

    change_group_init(&group, ctx->view->txn, ctx->schema, ctx->arena, clock_now_us());
    status = change_group_begin(&group);
    if (status != CRM_OK)
        return op_fail(ctx, status, "the log cannot be read");
    status = mutate_run(&group, &actor, request, ctx->reply, &ctx->failure);
    return status == CRM_OK && request->job ? job_step_tell(ctx, request) : status;
}

/* Of a batch that is not atomic the refusals are in its answer, past dispatch, which counts those of whole requests. */
static void note_refusals(struct op_ctx *ctx, const Crm__MutateReply *reply)
{
    const struct audit_refusal refused = {
        .act = CRM__AUDIT_ACT__AUDIT_ACT_REFUSED, .user = &ctx->session->user, .peer = ctx->peer, .text = op_mutate.name, .trace = ctx->trace,
    };

    for (size_t i = 0; i < reply->n_results; i++)
        if (reply->results[i]->error && reply->results[i]->status == CRM_NOT_ALLOWED && !reply->duplicate)
            audit_sums_add(&ctx->core->refusals, &refused, ctx->group->now_us);
}

static enum crm_status run_mutate(struct op_ctx *ctx)
{
    const Crm__MutateRequest *request;
    struct change_actor actor;
    enum crm_status status = take_upload(ctx, ctx->request, &request);

    if (status != CRM_OK)
        return status;
    if (!ctx->group)
        return dry_run(ctx, request);
    if (store_is_short(ctx->core->store) && !only_deletes(request))
        return op_fail(ctx, CRM_FULL, "the server's disk is nearly full: only deletions are taken");
    if (is_audited(request))
        audit_make_trace(ctx->trace);
    actor = actor_of(ctx);
    status = request->job ? job_step_run(ctx, &actor, request) : run_keyed(ctx, request);
    if (status == CRM_OK)
        note_refusals(ctx, ctx->reply);
    return status;
}

static unsigned place(const void *message, unsigned flags)
{
    const Crm__MutateRequest *request = message;

    if (request->dry_run)
        return (flags & ~(unsigned)OP_WRITES) | OP_WORKS;
    return request->job ? flags | OP_BULK : flags;
}

const struct op_def op_mutate = {
    .code = OP_MUTATE, .name = "record.mutate", .flags = OP_WRITES, .request = &crm__mutate_request__descriptor,
    .reply = &crm__mutate_reply__descriptor, .run = run_mutate, .place = place,
};
