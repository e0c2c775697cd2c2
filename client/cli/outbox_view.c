/*
 * outbox_view.c - see outbox_view.h
 *
 * Called by crm outbox and crm sync; main thread. Records are asked of the replica through its own client, like everything else that reads offline.
 */
#include "client/cli/outbox_view.h"

#include <inttypes.h>

#include "client/cli/action_text.h"
#include "client/cli/display.h"
#include "client/cli/outbox.h"
#include "client/replica/depends.h"
#include "client/replica/local.h"
#include "common/model/body.h"

/* --- opening */

enum crm_status outbox_view_load(struct cli *cli, struct replica *replica, struct crm_client *client, struct outbox_view *out_view)
{
    struct outbox_view view = { .cli = cli, .client = client };
    uint64_t *held = NULL;
    enum crm_status status = outbox_load(replica, &cli->arena, &view.list, &cli->failure);

    if (!status && depends_held(&view.list, &cli->arena, &held) != CRM_OK)
        status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (status)
        return status;
    view.held = held;
    *out_view = view;
    return CRM_OK;
}

/* Also one that has expired: what somebody has typed is theirs. */
enum crm_status outbox_view_open(struct cli *cli, bool write, struct outbox_view *out_view)
{
    enum crm_status status = replica_open(cli->profile.home, REPLICA_READ, &cli->replica, &cli->failure);

    if (!status && write) { /* it was there: only a sync makes one */
        replica_close(cli->replica);
        cli->replica = NULL;
        status = replica_open(cli->profile.home, REPLICA_WRITE, &cli->replica, &cli->failure);
    }
    if (status)
        return status;
    schema_unref(cli->schema);
    cli->schema = schema_ref(replica_state(cli->replica)->schema);
    if (local_client_create(cli->replica, &cli->client) != CRM_OK)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return outbox_view_load(cli, cli->replica, cli->client, out_view);
}

const struct outbox_item *outbox_view_find(const struct outbox_view *view, uint64_t place)
{
    for (size_t i = 0; i < view->list.n; i++)
        if (view->list.items[i].place == place)
            return &view->list.items[i];
    return NULL;
}

/* --- states */

enum outbox_state outbox_view_state(const struct outbox_view *view, const struct outbox_item *item)
{
    const Crm__MutateResult *answer = item->queued->answer;

    if (!answer && view->held[item - view->list.items])
        return OUTBOX_HELD;
    if (!answer)
        return item->queued->has_number ? OUTBOX_SENT : OUTBOX_PENDING;
    return answer->outcome == CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT || answer->status == CRM_CONFLICT ? OUTBOX_CONFLICT : OUTBOX_REJECTED;
}

const char *outbox_state_name(enum outbox_state state)
{
    static const char *const names[] = { [OUTBOX_PENDING] = "pending", [OUTBOX_SENT] = "sent", [OUTBOX_HELD] = "held",
                                         [OUTBOX_CONFLICT] = "conflict", [OUTBOX_REJECTED] = "rejected" };

    return names[state];
}

const char *outbox_view_why(const struct outbox_view *view, const struct outbox_item *item)
{
    uint64_t by = view->held[item - view->list.items];
    const char *text = "";

    if (item->queued->answer)
        return outbox_why(view->cli, item->queued->answer);
    if (by)
        text = arena_printf(&view->cli->arena, view->cli->chinese ? "等待第 %" PRIu64 " 项" : "waits for %" PRIu64, by);
    return text ? text : "";
}

bool outbox_view_is_open(const struct outbox_item *item)
{
    for (size_t i = 0; i < outbox_mutations(item->queued); i++) {
        const Crm__MutateResult *answer = outbox_part(item->queued, i).answer;

        if (answer && answer->has_conflict)
            return true;
    }
    return false;
}

/* --- records */

static Crm__GetRequest *get_request(Crm__GetRequest *request, const Crm__Mutation *mutation)
{
    crm__get_request__init(request);
    request->has_kind = request->has_id = request->has_titles = request->titles = true;
    request->kind = mutation->kind;
    request->id = mutation->id;
    return request;
}

bool outbox_view_get(const struct outbox_view *view, const Crm__Mutation *mutation, struct record *out_record)
{
    struct cli *cli = view->cli;
    Crm__GetRequest request;
    const Crm__GetReply *reply;
    struct crm_call *call = NULL;
    bool is_there = false;

    if (crm_get(view->client, get_request(&request, mutation), &call, &reply) == CRM_OK && reply->record &&
        record_from_wire(reply->record, out_record, NULL) == CRM_OK) {
        uint8_t *body = arena_memdup(&cli->arena, out_record->body.size ? out_record->body.data : (const uint8_t *)"", out_record->body.size);

        titles_add(&cli->titles, reply->n_titles, reply->titles);
        out_record->body = slice_of(body, body ? out_record->body.size : 0);
        is_there = true;
    }
    crm_call_destroy(call);
    return is_there;
}

/* The value of the kind's title field. */
static const char *title_of(const struct outbox_view *view, const struct record *record)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *field = kind && kind->title ? kind_field_by_name(kind, kind->title) : NULL;

    return field ? display_field(view->cli, field, record, &view->cli->arena) : NULL;
}

struct record_header outbox_view_header(const struct outbox_view *view, const Crm__Mutation *mutation, uint64_t local_number, const char **out_title)
{
    struct record record = { .header = { .kind = (enum kind)mutation->kind } };

    if (!outbox_view_get(view, mutation, &record)) {
        (void)uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &record.header.id);
        record.body = slice_of(mutation->set.data, mutation->set.len); /* at least what it wanted the name to be */
    }
    if (!record.header.number && local_number)
        record.header.number = RECORD_NUMBER_LOCAL | local_number;
    *out_title = title_of(view, &record);
    return record.header;
}

const char *outbox_view_record(const struct outbox_view *view, const struct outbox_item *item)
{
    struct outbox_part part = outbox_part(item->queued, 0);
    size_t more = outbox_mutations(item->queued) - 1;
    const char *title;
    struct record_header header = outbox_view_header(view, part.mutation, part.local_number, &title);
    char label[RECORD_LABEL_SIZE];
    const char *text;

    record_label(&header, label);
    text = arena_printf(&view->cli->arena, "%s%s%s", label, title && *title ? " " : "", title ? title : "");
    if (text && more > 0)
        text = arena_printf(&view->cli->arena, "%s +%zu", text, more);
    return text ? text : "";
}

const char *outbox_view_next(const struct outbox_view *view, const struct outbox_item *item)
{
    struct outbox_part part = outbox_part(item->queued, 0);
    const char *title, *text;
    struct record_header header = outbox_view_header(view, part.mutation, part.local_number, &title);
    char label[RECORD_LABEL_SIZE];

    record_label(&header, label);
    if (outbox_view_is_open(item) && header.number)
        text = arena_printf(&view->cli->arena, "crm resolve %s", label);
    else
        text = arena_printf(&view->cli->arena, "crm outbox show %" PRIu64, item->place);
    return text ? text : "";
}

/* --- what it changes */

/* Is a field in one of the mutation's parts? */
static bool touches(const struct outbox_view *view, const Crm__Mutation *mutation, const struct field_def *field)
{
    const ProtobufCBinaryData parts[] = { mutation->set, mutation->add, mutation->remove };
    const struct field_set one = { .refs = (uint32_t *)(uintptr_t)&field->ref, .n = 1 };

    if ((field->ref == HEADER_OWNER && mutation->has_owner) || (field->ref == HEADER_TEAM && mutation->has_team))
        return true;
    for (size_t i = 0; i < mutation->n_clear; i++)
        if (mutation->clear[i] == field->ref)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(parts) && !(field->flags & FIELD_HEADER); i++) {
        struct slice kept;

        if (body_keep(&view->cli->arena, slice_of(parts[i].data, parts[i].len), &one, &kept) == CRM_OK && kept.size > 0)
            return true;
    }
    return false;
}

const struct field_def *outbox_view_field(const struct outbox_view *view, const Crm__Mutation *mutation, size_t *at)
{
    const struct kind_def *kind = kind_def(mutation->kind);
    const struct field_def *field;

    while (kind && (field = schema_field_at(view->cli->schema, kind, (*at)++)))
        if (touches(view, mutation, field))
            return field;
    return NULL;
}

const char *outbox_view_verb(const struct outbox_view *view, const Crm__Mutation *mutation)
{
    static const char *const verbs[] = { [CRM__VERB__VERB_CREATE] = "add", [CRM__VERB__VERB_PATCH] = "set", [CRM__VERB__VERB_DELETE] = "rm",
                                         [CRM__VERB__VERB_ACTION] = "do" };

    if (mutation->action && *mutation->action)
        return cli_safe(view->cli, mutation->action);
    return (unsigned)mutation->verb < ARRAY_LEN(verbs) && verbs[mutation->verb] ? verbs[mutation->verb] : "?";
}

const char *outbox_view_change(const struct outbox_view *view, const Crm__Mutation *mutation)
{
    const char *text = outbox_view_verb(view, mutation);
    const struct field_def *field;
    size_t n = 0;

    if (mutation->verb == CRM__VERB__VERB_ACTION) {
        const char *wanted = action_text(view->cli, mutation->action, mutation->argument);

        text = *wanted ? arena_printf(&view->cli->arena, "%s %s", text, wanted) : text;
        return text ? text : "";
    }
    if (mutation->verb != CRM__VERB__VERB_PATCH)
        return text;
    for (size_t at = 0; text && (field = outbox_view_field(view, mutation, &at)); n++)
        text = arena_printf(&view->cli->arena, "%s%s%s", text, n ? ", " : " ", field->name);
    return text ? text : "";
}
