/*
 * conflict_view.c - see conflict_view.h
 *
 * Called by crm conflicts, crm resolve and crm outbox; main thread. The answer comes from the server, or from the replica.
 */
#include "client/cli/conflict_view.h"

#include <stdlib.h>

#include "client/cli/action_text.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "common/base/calendar.h"
#include "proto/codec.h"

/* --- asking */

static enum crm_status no_memory(struct cli *cli)
{
    return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

/* The reply's memory ends with its call: what is kept goes to the arena. */
static enum crm_status keep_page(struct cli *cli, const Crm__ConflictsReply *reply, const Crm__ConflictsReply **out_page)
{
    struct slice packed;
    const void *copy;

    titles_add(&cli->titles, reply->n_titles, reply->titles);
    if (codec_pack(&reply->base, &cli->arena, &packed) != CRM_OK ||
        codec_unpack_body(packed, &crm__conflicts_reply__descriptor, &cli->arena, &copy, NULL) != CRM_OK)
        return no_memory(cli);
    *out_page = copy;
    return CRM_OK;
}

static enum crm_status append(struct cli *cli, struct conflict_list *list, const Crm__ConflictsReply *page)
{
    Crm__Conflict **items = arena_alloc(&cli->arena, (list->n + page->n_conflicts + 1) * sizeof(*items));

    if (!items)
        return no_memory(cli);
    if (list->n)
        memcpy(items, list->items, list->n * sizeof(*items));
    if (page->n_conflicts)
        memcpy(items + list->n, page->conflicts, page->n_conflicts * sizeof(*items));
    list->items = items;
    list->n += page->n_conflicts;
    return CRM_OK;
}

/* By when the server had it; those of one moment as it has told them. */
static int by_age(const void *a, const void *b)
{
    const Crm__Conflict *const *one = a, *const *other = b;
    const Crm__Conflict *x = *one, *y = *other;

    if (x->recorded_at != y->recorded_at)
        return x->recorded_at < y->recorded_at ? -1 : 1;
    return memcmp(x->conflict.data, y->conflict.data, x->conflict.len < y->conflict.len ? x->conflict.len : y->conflict.len);
}

enum crm_status conflict_fetch(struct cli *cli, const struct uuid *record, struct conflict_list *out_list)
{
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
    struct conflict_list list = { .items = NULL };
    enum crm_status status;

    request.has_id = record != NULL;
    request.id = (ProtobufCBinaryData){ .data = record ? (uint8_t *)(uintptr_t)record->bytes : NULL, .len = record ? UUID_SIZE : 0 };
    do {
        const Crm__ConflictsReply *reply, *page = NULL;
        struct crm_call *call = NULL;

        status = crm_sync_conflicts(cli->client, &request, &call, &reply);
        status = status ? cli_call_failed(cli, status, call) : keep_page(cli, reply, &page);
        crm_call_destroy(call);
        if (!status)
            status = append(cli, &list, page);
        request.has_after = !status && page->has_next;
        if (request.has_after)
            request.after = page->next;
    } while (request.has_after);
    if (status)
        return status;
    if (list.n > 1)
        qsort(list.items, list.n, sizeof(*list.items), by_age);
    *out_list = list;
    return CRM_OK;
}

/* --- in words */

struct uuid conflict_record_id(const Crm__Conflict *conflict)
{
    struct uuid id = { { 0 } };

    (void)uuid_from_slice(slice_of(conflict->id.data, conflict->id.len), &id);
    return id;
}

const char *conflict_record_text(struct cli *cli, const Crm__Conflict *conflict)
{
    struct uuid id = conflict_record_id(conflict);
    const struct title *title = titles_find(&cli->titles, &id);
    const char *label = display_label((enum kind)conflict->kind, &id, title ? title->number : 0, &cli->arena);
    const char *text = title && label ? arena_printf(&cli->arena, "%s %s", label, cli_safe(cli, title->text)) : label;

    return text ? text : "";
}

const struct field_def *conflict_field(const struct cli *cli, const Crm__Conflict *conflict, uint32_t ref)
{
    const struct kind_def *kind = kind_def(conflict->kind);

    return kind ? schema_field(cli->schema, kind, ref) : NULL;
}

const char *conflict_field_label(struct cli *cli, const Crm__Conflict *conflict, uint32_t ref)
{
    const struct field_def *field = conflict_field(cli, conflict, ref);
    const char *text = field ? display_field_label(cli, field) : arena_printf(&cli->arena, "#%u", ref);

    return text ? text : "";
}

struct record conflict_alone(const Crm__Conflict *conflict, uint32_t ref, ProtobufCBinaryData value)
{
    struct record record = { .header = { .kind = (enum kind)conflict->kind }, .body = slice_of(value.data, value.len) };

    if (ref == HEADER_OWNER || ref == HEADER_TEAM) {
        (void)uuid_from_slice(record.body, ref == HEADER_OWNER ? &record.header.owner : &record.header.team);
        record.body = slice_of(NULL, 0);
    }
    return record;
}

const char *conflict_value_text(struct cli *cli, const Crm__Conflict *conflict, uint32_t ref, bool has, ProtobufCBinaryData value)
{
    const struct field_def *field = conflict_field(cli, conflict, ref);
    struct record record = conflict_alone(conflict, ref, value);
    const char *text = has && field && value.len > 0 ? display_field(cli, field, &record, &cli->arena) : "";

    return text && *text ? text : "–";
}

const char *conflict_time_text(struct cli *cli, const Crm__Conflict *conflict)
{
    char text[INSTANT_TEXT_SIZE];
    const char *copy;

    instant_format_short(conflict->happened_at ? conflict->happened_at : conflict->recorded_at, text);
    copy = arena_strdup(&cli->arena, text);
    return copy ? copy : "";
}

const char *conflict_why_text(struct cli *cli, const Crm__Conflict *conflict)
{
    if (conflict->gone)
        return cli_label(cli, "deleted, or no longer yours to see", "已删除或不再可见");
    if (conflict->why && *conflict->why)
        return cli_safe(cli, conflict->why);
    return cli_label(cli, "changed by others", "他人已修改");
}

const char *conflict_wanted_text(struct cli *cli, const Crm__Conflict *conflict)
{
    return action_text(cli, conflict->action, conflict->argument);
}

/* --- for programs */

static json_t *value_json(struct cli *cli, const Crm__Conflict *conflict, const struct field_def *field, bool has, ProtobufCBinaryData value)
{
    struct record record = conflict_alone(conflict, field->ref, value);

    return has && value.len > 0 ? json_field(cli, field, &record) : json_null();
}

static json_t *fields_json(struct cli *cli, const Crm__Conflict *conflict)
{
    json_t *fields = json_array();

    for (size_t i = 0; i < conflict->n_fields; i++) {
        const Crm__FieldConflict *one = conflict->fields[i];
        const struct field_def *field = conflict_field(cli, conflict, one->field);

        if (field)
            json_array_append_new(fields, json_pack("{s:s, s:o, s:o, s:o}", "field", field->name, "before",
                                                    value_json(cli, conflict, field, one->has_before, one->before), "mine",
                                                    value_json(cli, conflict, field, one->has_mine, one->mine), "theirs",
                                                    value_json(cli, conflict, field, one->has_theirs, one->theirs)));
    }
    return fields;
}

json_t *conflict_object(struct cli *cli, const Crm__Conflict *conflict)
{
    struct uuid record = conflict_record_id(conflict), id;
    const struct kind_def *kind = kind_def(conflict->kind);
    char text[UUID_TEXT_SIZE] = "", recorded[INSTANT_TEXT_SIZE], happened[INSTANT_TEXT_SIZE];

    if (uuid_from_slice(slice_of(conflict->conflict.data, conflict->conflict.len), &id))
        uuid_format(&id, text);
    instant_format(conflict->recorded_at, recorded);
    instant_format(conflict->happened_at ? conflict->happened_at : conflict->recorded_at, happened);
    return json_pack("{s:s, s:s?, s:o, s:b, s:s?, s:s?, s:s, s:s, s:s, s:s?, s:o}", "conflict", text, "kind", kind ? kind->name : NULL, "record",
                     json_ref(cli, &record), "gone", conflict->gone, "action", conflict->action, "wanted",
                     conflict->action ? conflict_wanted_text(cli, conflict) : NULL, "why",
                     conflict->why && *conflict->why ? conflict->why : conflict->gone ? "gone" : "changed", "recorded", recorded, "happened",
                     happened, "from", conflict->from, "fields", fields_json(cli, conflict));
}
