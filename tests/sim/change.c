/*
 * change.c - mutations, and sending one to the server while it is there
 */
#include "tests/sim/steps.h"

#include "proto/codec.h"

Crm__Mutation *change_make(struct sim *sim, Crm__Verb verb, enum kind kind, const struct uuid *id)
{
    Crm__Mutation *mutation = arena_alloc(&sim->arena, sizeof *mutation);
    uint8_t *copy = arena_memdup(&sim->arena, id->bytes, UUID_SIZE);

    if (!mutation || !copy)
        sim_fail("out of memory");
    crm__mutation__init(mutation);
    mutation->has_kind = mutation->has_id = mutation->has_verb = true;
    mutation->kind = (uint32_t)kind;
    mutation->id = (ProtobufCBinaryData){ .data = copy, .len = UUID_SIZE };
    mutation->verb = verb;
    return mutation;
}

ProtobufCBinaryData change_body(struct sim *sim, const ProtobufCMessage *message)
{
    struct slice packed;

    sim_must(codec_pack(message, &sim->arena, &packed), "a message");
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
}

Crm__Mutation *change_action(struct sim *sim, enum kind kind, const struct uuid *id, const char *name, const ProtobufCMessage *argument)
{
    Crm__Mutation *mutation = change_make(sim, CRM__VERB__VERB_ACTION, kind, id);

    mutation->action = arena_strdup(&sim->arena, name);
    mutation->has_argument = true;
    mutation->argument = change_body(sim, argument);
    return mutation;
}

enum crm_status change_erase(struct sim *sim, enum kind kind, const struct uuid *id)
{
    Crm__EraseRequest request = CRM__ERASE_REQUEST__INIT;
    const Crm__EraseReply *reply;
    struct crm_client *client;
    struct crm_call *call;
    enum crm_status status;

    sim_must(line_client_create(&sim->host, &good_weather, sim->base->tokens[OFFICE], &client), "a client");
    request.has_kind = request.has_id = request.has_with_children = request.with_children = true;
    request.kind = (uint32_t)kind;
    request.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
    request.reason = (char *)(uintptr_t)"asked for";
    status = crm_erase(client, &request, &call, &reply);
    if (status != CRM_OK)
        sim_trace("  erasing: %s: %s", crm_status_info((int)status)->name, crm_call_error(call)->text);
    crm_call_destroy(call);
    crm_client_destroy(client);
    return status;
}

enum crm_status change_online(struct sim *sim, enum person who, const struct weather *weather, Crm__Mutation *mutation)
{
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    const Crm__MutateReply *reply;
    struct crm_client *client;
    struct crm_call *call;
    enum crm_status status;

    sim_must(line_client_create(&sim->host, weather, sim->base->tokens[who], &client), "a client");
    request.mutations = &mutation;
    request.n_mutations = 1;
    status = crm_mutate(client, &request, &call, &reply);
    if (status == CRM_OK)
        status = (enum crm_status)reply->results[0]->status;
    if (status != CRM_OK)
        sim_trace("  online: %s: %s", crm_status_info((int)status)->name,
                  call && crm_call_error(call)->text && *crm_call_error(call)->text ? crm_call_error(call)->text
                  : call && crm_call_reply(call)                                     ? reply->results[0]->error->text
                                                                                     : "");
    crm_call_destroy(call);
    crm_client_destroy(client);
    return status;
}
