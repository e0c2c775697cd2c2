/*
 * mutate.c - one request with changes
 *
 * Called by every writing command; main thread.
 */
#include "client/cli/mutate.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/cli/confirm.h"

enum crm_status mutate_key_init(struct cli *cli, struct mutate_key *key)
{
    struct uuid fresh = uuid_create();
    char text[UUID_TEXT_SIZE];

    *key = (struct mutate_key){ .text = cli->options.key };
    if (!key->text) {
        uuid_format(&fresh, text);
        key->text = arena_strdup(&cli->arena, text);
    }
    if (!key->text)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!*key->text)
        return fail(&cli->failure, CRM_USAGE, NULL, "--key wants a text that is not empty");
    crm_key_from_text(key->text, key->client);
    return CRM_OK;
}

/* A UUIDv7 whose time is the key's where the key has one (ids of one import then lie together in
 * the server's tree), and whose rest is a hash. */
struct uuid mutate_nth_id(const uint8_t seed[CRM_KEY_SIZE], const uint8_t front[6], uint64_t n)
{
    uint8_t index[8], hash[SHA256_SIZE];
    struct uuid id;

    for (size_t i = 0; i < sizeof(index); i++)
        index[i] = (uint8_t)(n >> (8 * (7 - i)));
    sha256((struct slice[]){ slice_of(seed, CRM_KEY_SIZE), slice_of(index, sizeof(index)) }, 2,
           hash);
    memcpy(id.bytes, front, 6);
    id.bytes[6] =
        (uint8_t)(0x70 | (index[6] & 0x0f)); /* version 7 and a counter, so that neighbours in a
                                                file are neighbours in the tree */
    id.bytes[7] = index[7];
    memcpy(id.bytes + 8, hash, 8);
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

struct uuid mutate_key_id(const struct mutate_key *key, uint64_t n)
{
    struct uuid made;

    return mutate_nth_id(key->client, uuid_parse(key->text, &made) ? made.bytes : key->client, n);
}

enum crm_status mutate_key_next(struct cli *cli, struct mutate_key *key,
                                Crm__MutateRequest *request)
{
    const char *text = key->text;

    if (++key->n_requests > 1)
        text = arena_printf(&cli->arena, "%s/%" PRIu64, key->text, key->n_requests);
    if (cli->replica && !cli->options.key)
        return CRM_OK; /* the replica loses no answer on the way: it need not keep any */
    if (!text)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    crm_key_from_text(text, key->current);
    request->has_client = request->has_number = true;
    request->client = (ProtobufCBinaryData){ .len = sizeof(key->current), .data = key->current };
    request->number = 1;
    return CRM_OK;
}

void mutation_set_id(Crm__Mutation *mutation, const struct uuid *id)
{
    mutation->has_id = true;
    mutation->id =
        (ProtobufCBinaryData){ .len = UUID_SIZE, .data = (uint8_t *)(uintptr_t)id->bytes };
}

enum crm_status mutate_result_failure(const Crm__MutateResult *result, struct failure *out_failure)
{
    const Crm__Error *error = result->error;
    enum crm_status status = crm_status_info((int)result->status)->status;

    if (result->status == CRM_OK)
        return CRM_OK;
    return fail(out_failure, status, error ? error->field : NULL, "%s",
                error && error->text && *error->text ? error->text
                                                     : crm_status_info((int)status)->sentence);
}

void mutate_tell_key(struct cli *cli, const struct mutate_key *key, enum crm_status status)
{
    if (crm_status_info((int)status)->outcome == CRM_OUTCOME_UNKNOWN)
        cli->detail = arena_printf(&cli->arena,
                                   "It may be done or not. Repeat the same command with --key %s: "
                                   "it is then done exactly once.\n",
                                   cli_safe(cli, key->text));
    else
        cli_verbose(cli, "key: %s", cli_safe(cli, key->text));
}

/* In an atomic request one refusal undoes all: the one that says why is told, not the ones that
 * only share its fate. */
static enum crm_status first_failure(struct cli *cli, const Crm__MutateReply *reply, size_t n)
{
    enum crm_status status = CRM_OK;

    if (reply->n_results != n)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server answered %zu of %zu changes",
                    reply->n_results, n);
    for (size_t i = 0; i < n && (!status || status == CRM_CANCELLED); i++) {
        struct failure failure = { 0 };

        if (mutate_result_failure(reply->results[i], &failure) == CRM_OK)
            continue;
        status = failure.status;
        cli->failure = failure;
        cli->failure.position = -1;
    }
    return status;
}

enum crm_status mutate_send(struct cli *cli, struct mutate_key *key, Crm__Mutation **mutations,
                            size_t n, bool atomic, struct mutate_outcome *outcome)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    enum crm_status status = mutate_key_next(cli, key, &request);

    *outcome = (struct mutate_outcome){ 0 };
    if (status)
        return status;
    request.mutations = mutations;
    request.n_mutations = n;
    request.has_atomic = atomic;
    request.atomic = atomic;
    request.has_dry_run = cli->options.dry_run;
    request.dry_run = cli->options.dry_run;
    status = confirm_run(cli, OP_MUTATE, &request.base, &outcome->call);
    if (!status) {
        outcome->reply = (const Crm__MutateReply *)crm_call_reply(outcome->call);
        status = first_failure(cli, outcome->reply, n);
    }
    mutate_tell_key(cli, key, status);
    return status;
}

void mutate_end(struct mutate_outcome *outcome)
{
    crm_call_destroy(outcome->call);
    *outcome = (struct mutate_outcome){ 0 };
}
