/*
 * own.c - what the first page of one's own costs among the records of others, against an
 * administrator's first page of all
 *
 * The reader is a representative, who sees what is the own. Server on one core, load on the other.
 */
#include "tests/bench/own.h"

#include <stdio.h>

#include "common/base/uuid.h"
#include "common/model/filter.h"
#include "common/model/kind.h"
#include "proto/codec.h"
#include "proto/operation.h"
#include "tests/bench/bench.h"
#include "tests/bench/changes.h"

#define OWN_LOGIN     "rep"
#define OWN_RECORDS   1000 /* a tenth of them has the common word: a page */
#define PAGE_ROWS     100
#define IN_FLIGHT     8
#define GETS_IN_FLIGHT 32
#define REPLY_BUDGET  (1u << 20)
#define STATUS_FIELD  8 /* of a customer */
#define REVENUE_FIELD 7

static const char *const way_names[OWN_WAYS] = {
    [OWN_DEFAULT] = "by number",
    [OWN_SORTED] = "by -revenue",
    [OWN_FILTERED] = "filtered",
    [OWN_SEARCH] = "search",
};

/* --- the reader */

static ProtobufCBinaryData binary(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id->bytes, .len = UUID_SIZE };
}

static enum crm_status get(struct peer *peer, enum kind kind, const char *selector,
                           struct arena *arena, const Crm__Record **out_record,
                           struct failure *failure)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    const void *reply;
    enum crm_status status;

    request.has_kind = true;
    request.kind = (uint32_t)kind;
    request.selector = (char *)(uintptr_t)selector;
    status =
        peer_call(peer, OP_GET, &request.base, &crm__get_reply__descriptor, arena, &reply, failure);
    if (status == CRM_OK)
        *out_record = ((const Crm__GetReply *)reply)->record;
    return status;
}

/* A user of the administrator's team, in the role of a representative. */
static enum crm_status create_user(struct peer *peer, const struct uuid *id, struct arena *arena,
                                   struct failure *failure)
{
    Crm__User user = CRM__USER__INIT, *admin = NULL;
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations[] = { &mutation };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    const Crm__Record *me, *role;
    struct slice packed;
    const void *reply;
    enum crm_status status = get(peer, KIND_USER, "me", arena, &me, failure);

    if (status == CRM_OK)
        status = get(peer, KIND_ROLE, "representative", arena, &role, failure);
    if (status == CRM_OK)
        admin = crm__user__unpack(&arena->protobuf, me->body.len, me->body.data);
    if (status == CRM_OK && !admin)
        status = fail(failure, CRM_PROTOCOL, NULL, "the administrator cannot be read");
    if (status != CRM_OK)
        return status;
    user.login = (char *)OWN_LOGIN;
    user.name = (char *)"Representative";
    user.has_team = user.has_role = user.has_active = user.active = true;
    user.team = admin->team;
    user.role = role->header->id;
    if (codec_pack(&user.base, arena, &packed) != CRM_OK)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory for a user");
    mutation.has_kind = mutation.has_verb = mutation.has_id = mutation.has_set = true;
    mutation.kind = KIND_USER;
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation.id = binary(id);
    mutation.set =
        (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    request.n_mutations = 1;
    request.mutations = mutations;
    return peer_call(peer, OP_MUTATE, &request.base, &crm__mutate_reply__descriptor, arena, &reply,
                     failure);
}

static enum crm_status set_password(struct peer *peer, const struct uuid *id, struct arena *arena,
                                    struct failure *failure)
{
    Crm__ConfirmRequest confirm = CRM__CONFIRM_REQUEST__INIT;
    Crm__PasswordRequest request = CRM__PASSWORD_REQUEST__INIT;
    const void *reply;
    enum crm_status status;

    confirm.password = (char *)SITE_PASSWORD;
    status = peer_call(peer, OP_CONFIRM, &confirm.base, &crm__confirm_reply__descriptor, arena,
                       &reply, failure);
    request.has_user = true;
    request.user = binary(id);
    request.password = (char *)SITE_PASSWORD;
    return status == CRM_OK ? peer_call(peer, OP_PASSWORD, &request.base,
                                        &crm__password_reply__descriptor, arena, &reply, failure)
                            : status;
}

/* The reader's own records come behind the others. */
static enum crm_status create_records(const struct site *site, struct failure *failure)
{
    struct changes changes;
    struct load_plan plan = {
        .in_flight = 1, .next = changes_next, .check = changes_check, .arg = &changes
    };
    struct load_result result;
    struct peer peer = { 0 };
    enum crm_status status = site_connect(site, &peer, 1, failure);

    changes_init(&changes, CHANGES_CREATE, site->n_customers + OWN_RECORDS, 0);
    changes.next = site->n_customers;
    if (status == CRM_OK)
        status = load_run(&peer, 1, &plan, &result, failure);
    changes_fini(&changes);
    site_disconnect(&peer, 1);
    return status;
}

static enum crm_status create_reader(const struct site *site, struct own *own,
                                     struct failure *failure)
{
    const struct uuid id = uuid_create();
    struct peer peer = { 0 };
    struct arena arena;
    enum crm_status status = site_connect(site, &peer, 1, failure);

    arena_init(&arena, REPLY_BUDGET);
    if (status == CRM_OK)
        status = create_user(&peer, &id, &arena, failure);
    if (status == CRM_OK)
        status = set_password(&peer, &id, &arena, failure);
    peer_close(&peer);
    arena_fini(&arena);
    own->site = *site;
    if (status == CRM_OK)
        status =
            peer_login(&peer, &site->target, OWN_LOGIN, SITE_PASSWORD, &own->site.session, failure);
    peer_close(&peer);
    return status == CRM_OK ? create_records(&own->site, failure) : status;
}

/* --- what is asked */

static enum crm_status make_gets(struct own *own, struct failure *failure)
{
    enum crm_status status = CRM_OK;

    frames_init(&own->gets);
    for (uint64_t i = 0; i < OWN_RECORDS && status == CRM_OK; i++) {
        Crm__GetRequest request = CRM__GET_REQUEST__INIT;
        struct uuid id;

        sample_customer_id(own->site.n_customers + i, &id);
        request.has_kind = request.has_id = true;
        request.kind = KIND_CUSTOMER;
        request.id = binary(&id);
        status = frames_add(&own->gets, OP_GET, &request.base, failure);
    }
    return status;
}

static enum crm_status make_frames(struct own *own, struct failure *failure)
{
    Crm__ListRequest list = CRM__LIST_REQUEST__INIT;
    Crm__SearchRequest search = CRM__SEARCH_REQUEST__INIT;
    Crm__Sort sort = CRM__SORT__INIT, *sorts[] = { &sort };
    Crm__Value value = CRM__VALUE__INIT, *values[] = { &value };
    Crm__FilterNode node = CRM__FILTER_NODE__INIT, *nodes[] = { &node };
    enum crm_status status;

    for (enum own_way way = 0; way < OWN_WAYS; way++)
        frames_init(&own->frames[way]);
    list.has_kind = list.has_limit = true;
    list.kind = KIND_CUSTOMER;
    list.limit = PAGE_ROWS;
    status = frames_add(&own->frames[OWN_DEFAULT], OP_LIST, &list.base, failure);

    sort.has_field = sort.has_descending = sort.descending = true;
    sort.field = REVENUE_FIELD;
    list.n_sort = 1;
    list.sort = sorts;
    if (status == CRM_OK)
        status = frames_add(&own->frames[OWN_SORTED], OP_LIST, &list.base, failure);

    list.n_sort = 0;
    value.has_integer = node.has_op = node.has_field = true;
    value.integer = CRM__CUSTOMER_STATUS__CUSTOMER_STATUS_ACTIVE;
    node.op = FILTER_EQ;
    node.field = STATUS_FIELD;
    node.n_values = 1;
    node.values = values;
    list.n_filter = 1;
    list.filter = nodes;
    if (status == CRM_OK)
        status = frames_add(&own->frames[OWN_FILTERED], OP_LIST, &list.base, failure);

    search.text = (char *)SAMPLE_COMMON_WORD;
    search.has_limit = true;
    search.limit = PAGE_ROWS;
    if (status == CRM_OK)
        status = frames_add(&own->frames[OWN_SEARCH], OP_SEARCH, &search.base, failure);
    return status;
}

/* --- a round */

/* The same records, got by who sees all and by who sees what is the own; the one before and after the other. */
static enum crm_status measure_gets_of_own(struct bench *bench, const struct site *site,
                                           struct own *own)
{
    const struct load_plan plan = { .in_flight = GETS_IN_FLIGHT,
                                    .duration_us = bench->duration_us / 2,
                                    .next = frames_next,
                                    .arg = &own->gets };
    const struct site *order[] = { site, &own->site, &own->site, site };
    double rates[2] = { 0, 0 };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(order) && status == CRM_OK; i++) {
        struct load_result result;

        status = bench_load(bench, order[i], 1, &plan, &result);
        if (status == CRM_OK)
            rates[order[i] == &own->site] += result.per_second;
    }
    if (status == CRM_OK)
        bench_note(bench, FIGURE_GET_WITH_ACCESS_VS_CORE, rates[1] / rates[0]);
    return status;
}

enum crm_status own_measure(struct bench *bench, const struct site *site, struct own *own)
{
    double worst = 0;
    enum crm_status status = CRM_OK;

    if (!own->frames[OWN_DEFAULT].n) {
        status = create_reader(site, own, bench->failure);
        if (status == CRM_OK)
            status = make_frames(own, bench->failure);
        if (status == CRM_OK)
            status = make_gets(own, bench->failure);
    }
    if (status == CRM_OK)
        status = bench_pin(bench, site->server.pid, true);
    for (enum own_way way = 0; way < OWN_WAYS && status == CRM_OK; way++) {
        const struct load_plan plan = { .in_flight = IN_FLIGHT,
                                        .duration_us = bench->duration_us,
                                        .next = frames_next,
                                        .arg = &own->frames[way] };
        struct load_result admin, reader;

        status = bench_load(bench, site, 1, &plan, &admin);
        if (status == CRM_OK)
            status = bench_load(bench, &own->site, 1, &plan, &reader);
        if (status != CRM_OK)
            break;
        fprintf(stderr, "bench: own %s: %.0f and %.0f a second, %.0f and %.0f bytes\n",
                way_names[way], admin.per_second, reader.per_second,
                (double)admin.bytes / (double)admin.replies,
                (double)reader.bytes / (double)reader.replies);
        if (admin.per_second / reader.per_second > worst)
            worst = admin.per_second / reader.per_second;
    }
    if (status == CRM_OK)
        bench_note(bench, FIGURE_LIST_OWN_VS_ADMIN, worst);
    return status == CRM_OK ? measure_gets_of_own(bench, site, own) : status;
}

void own_fini(struct own *own)
{
    for (enum own_way way = 0; way < OWN_WAYS; way++)
        frames_fini(&own->frames[way]);
    frames_fini(&own->gets);
}
