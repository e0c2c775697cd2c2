/*
 * first_records.c - the records that a company begins with, made by the same mutations as all
 * others
 *
 * Called by init on the main thread, before any other thread exists.
 */
#include "server/admin/first_records.h"

#include "common/base/clock.h"
#include "server/engine/core.h"
#include "server/engine/mutate.h"
#include "server/session/session.h"

#define ARENA_SIZE  (16u << 20)
#define SCOPES_MAX  8
#define RIGHTS_MAX  16
#define STAGES_MAX  8
#define RIGHT(name) CRM__RIGHT__RIGHT_##name
#define SCOPE(name) CRM__SCOPE__SCOPE_##name

/* What a role may see and change of a kind; "*" stands for every kind that is not named. */
struct scope_row {
    const char *kind;
    Crm__Scope read, write;
};

struct role_row {
    const char *name;
    struct scope_row scopes[SCOPES_MAX]; /* ended by a row without kind */
    Crm__Right rights[RIGHTS_MAX];       /* ended by RIGHT_UNSET */
};

/* What everybody needs to see and hardly anybody changes. */
#define SHARED_KINDS                                                                               \
    { "product", SCOPE(ALL), SCOPE(NONE) }, { "pipeline", SCOPE(ALL), SCOPE(NONE) },               \
        { "user", SCOPE(ALL), SCOPE(NONE) }, { "team", SCOPE(ALL), SCOPE(NONE) },                  \
    {                                                                                              \
        "exchange_rate", SCOPE(ALL), SCOPE(NONE)                                                   \
    }

static const struct role_row roles[] = {
    { "administrator",
      { { "*", SCOPE(ALL), SCOPE(ALL) } },
      { RIGHT(EXPORT), RIGHT(BULK_CHANGE), RIGHT(DELETE), RIGHT(RESTORE), RIGHT(MERGE),
        RIGHT(SHARE), RIGHT(REASSIGN), RIGHT(REPORT), RIGHT(MANAGE_USERS), RIGHT(MANAGE_SCHEMA),
        RIGHT(AUDIT), RIGHT(REOPEN), RIGHT(ERASE) } },
    { "manager",
      { { "*", SCOPE(BRANCH), SCOPE(BRANCH) }, SHARED_KINDS },
      { RIGHT(EXPORT), RIGHT(BULK_CHANGE), RIGHT(DELETE), RIGHT(RESTORE), RIGHT(MERGE),
        RIGHT(SHARE), RIGHT(REASSIGN), RIGHT(REPORT), RIGHT(REOPEN) } },
    { "representative",
      { { "*", SCOPE(OWN), SCOPE(OWN) }, SHARED_KINDS },
      { RIGHT(DELETE), RIGHT(RESTORE), RIGHT(SHARE), RIGHT(REPORT) } },
    { "assistant", { { "*", SCOPE(TEAM), SCOPE(TEAM) }, SHARED_KINDS }, { RIGHT(REPORT) } },
    { "auditor",
      { { "*", SCOPE(ALL), SCOPE(NONE) } },
      { RIGHT(EXPORT), RIGHT(REPORT), RIGHT(AUDIT) } },
    { "service",
      { { "*", SCOPE(ALL), SCOPE(ALL) },
        { "user", SCOPE(ALL), SCOPE(NONE) },
        { "role", SCOPE(NONE), SCOPE(NONE) } },
      { RIGHT(EXPORT), RIGHT(BULK_CHANGE), RIGHT(RESTORE), RIGHT(REASSIGN), RIGHT(REPORT) } },
};

static const struct {
    const char *name;
    uint32_t probability;
    Crm__ForecastCategory category;
    Crm__StageOutcome outcome;
} stages[] = {
    { "Prospecting", 10, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_PIPELINE,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN },
    { "Engaging", 25, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_PIPELINE,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN },
    { "Qualified", 40, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_PIPELINE,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN },
    { "Proposal", 60, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_BEST_CASE,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN },
    { "Negotiation", 80, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_MOST_LIKELY,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_OPEN },
    { "Won", 100, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_COMMIT,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_WON },
    { "Lost", 0, CRM__FORECAST_CATEGORY__FORECAST_CATEGORY_OMITTED,
      CRM__STAGE_OUTCOME__STAGE_OUTCOME_LOST },
};

_Static_assert(ARRAY_LEN(stages) <= STAGES_MAX, "stages");

struct work {
    const struct first_records *input;
    const struct schema *schema;
    struct arena *arena;
    struct failure *failure;
    struct change change;
    struct uuid team, user, role; /* role: the administrator's */
};

static ProtobufCBinaryData binary(const struct uuid *id)
{
    return (ProtobufCBinaryData){ .data = (uint8_t *)id->bytes, .len = UUID_SIZE };
}

/* One create, with the record's message. */
static enum crm_status create(struct work *work, enum kind kind, const struct uuid *id,
                              const ProtobufCMessage *message)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = arena_alloc(work->arena, size + 1);
    struct record_header header;

    if (!packed)
        return fail(work->failure, CRM_NO_MEMORY, NULL, "out of memory");
    protobuf_c_message_pack(message, packed);
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = (uint32_t)kind;
    mutation.id = binary(id);
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation.set = (ProtobufCBinaryData){ .data = packed, .len = size };
    return mutate_one(&work->change, &mutation, &header);
}

static enum crm_status create_company(struct work *work)
{
    Crm__Company company = CRM__COMPANY__INIT;
    struct uuid id = uuid_create();

    company.name = (char *)work->input->company;
    company.currency = (char *)work->input->currency;
    company.time_zone = (char *)work->input->time_zone;
    company.has_fiscal_month = true;
    company.fiscal_month = 1;
    return create(work, KIND_COMPANY, &id, &company.base);
}

static enum crm_status create_role(struct work *work, const struct role_row *row,
                                   const struct uuid *id)
{
    Crm__Role role = CRM__ROLE__INIT;
    Crm__KindScope scopes[SCOPES_MAX], *list[SCOPES_MAX];
    struct uuid ids[SCOPES_MAX];
    Crm__Right rights[RIGHTS_MAX];

    role.name = (char *)row->name;
    role.scopes = list;
    role.rights = rights;
    for (size_t i = 0; i < SCOPES_MAX && row->scopes[i].kind; i++) {
        crm__kind_scope__init(&scopes[i]);
        ids[i] = uuid_create();
        scopes[i].has_id = scopes[i].has_read = scopes[i].has_write = true;
        scopes[i].id = binary(&ids[i]);
        scopes[i].kind = (char *)row->scopes[i].kind;
        scopes[i].read = row->scopes[i].read;
        scopes[i].write = row->scopes[i].write;
        list[role.n_scopes++] = &scopes[i];
    }
    while (role.n_rights < RIGHTS_MAX && row->rights[role.n_rights]) {
        rights[role.n_rights] = row->rights[role.n_rights];
        role.n_rights++;
    }
    return create(work, KIND_ROLE, id, &role.base);
}

static enum crm_status create_roles(struct work *work)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(roles) && status == CRM_OK; i++) {
        struct uuid id = i == 0 ? work->role : uuid_create();

        status = create_role(work, &roles[i], &id);
    }
    return status;
}

static enum crm_status create_people(struct work *work)
{
    Crm__Team team = CRM__TEAM__INIT;
    Crm__User user = CRM__USER__INIT;
    enum crm_status status;

    team.name = (char *)"Company";
    status = create(work, KIND_TEAM, &work->team, &team.base);
    if (status != CRM_OK)
        return status;
    user.login = (char *)work->input->login;
    user.has_team = user.has_role = user.has_active = true;
    user.team = binary(&work->team);
    user.role = binary(&work->role);
    user.active = true;
    return create(work, KIND_USER, &work->user, &user.base);
}

static enum crm_status create_pipeline(struct work *work)
{
    Crm__Pipeline pipeline = CRM__PIPELINE__INIT;
    Crm__Stage messages[STAGES_MAX], *list[STAGES_MAX];
    struct uuid ids[STAGES_MAX], id = uuid_create();

    pipeline.name = (char *)"Sales";
    pipeline.stages = list;
    pipeline.n_stages = ARRAY_LEN(stages);
    pipeline.has_version = true;
    pipeline.version = 1;
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        crm__stage__init(&messages[i]);
        ids[i] = uuid_create();
        messages[i].has_id = messages[i].has_probability = messages[i].has_category =
            messages[i].has_outcome = true;
        messages[i].id = binary(&ids[i]);
        messages[i].name = (char *)stages[i].name;
        messages[i].probability = stages[i].probability;
        messages[i].category = stages[i].category;
        messages[i].outcome = stages[i].outcome;
        list[i] = &messages[i];
    }
    return create(work, KIND_PIPELINE, &id, &pipeline.base);
}

/* The write run's body; may be run again. */
static enum crm_status write_all(struct store_txn *txn, void *arg)
{
    struct work *work = arg;
    const struct change_actor actor = {
        .user = work->user, .team = work->team, .from = "crmd init", .is_system = true
    };
    struct change_group group;
    enum crm_status status;

    arena_reset(work->arena);
    change_group_init(&group, txn, work->schema, work->arena, clock_now_us());
    status = change_group_begin(&group);
    if (status == CRM_OK)
        status = core_format(&group);
    if (status == CRM_OK)
        status = change_begin(&work->change, &group, &actor);
    if (status == CRM_OK)
        status = create_company(work);
    if (status == CRM_OK)
        status = create_roles(work);
    if (status == CRM_OK)
        status = create_people(work);
    if (status == CRM_OK)
        status = create_pipeline(work);
    if (status == CRM_OK)
        status = change_accept(&work->change);
    if (status == CRM_OK)
        status = credential_store(&group, &work->user, work->input->password_encoded);
    return status == CRM_OK ? writeset_apply(group.set, txn) : status;
}

enum crm_status first_records_write(struct store *store, const struct first_records *input,
                                    struct failure *failure)
{
    struct arena arena;
    struct schema *schema;
    struct work work = {
        .input = input,
        .arena = &arena,
        .failure = failure,
        .team = uuid_create(),
        .user = uuid_create(),
        .role = uuid_create(),
    };
    enum crm_status status = schema_create(&schema);

    if (status != CRM_OK)
        return fail(failure, status, NULL, "out of memory");
    arena_init(&arena, ARENA_SIZE);
    work.schema = schema;
    status = store_write_run(store, write_all, &work);
    if (status != CRM_OK && work.change.failure.text[0])
        fail(failure, status, work.change.failure.field, "%s", work.change.failure.text);
    else if (status != CRM_OK)
        fail(failure, status, NULL, "the first records cannot be written: %s",
             crm_status_info((int)status)->sentence);
    arena_fini(&arena);
    schema_unref(schema);
    return status;
}
