/*
 * changes.c - showing what has changed
 *
 * Called by history, watch and today; main thread. Values come as packed messages that hold one
 * field; owner and team as plain ids.
 */
#include "client/cli/changes.h"

#include "client/cli/display.h"
#include "client/cli/json.h"
#include "common/base/calendar.h"

static const struct field_def *field_of(const struct cli *cli, const Crm__Change *change,
                                        uint32_t ref)
{
    const struct kind_def *kind = kind_def(change->kind);

    return kind ? schema_field(cli->schema, kind, ref) : NULL;
}

static struct uuid uuid_of(ProtobufCBinaryData bytes)
{
    struct uuid id;

    (void)uuid_from_slice(slice_of(bytes.data, bytes.len), &id);
    return id;
}

/* A record that has one value, to be read as any other. */
static struct record record_with(const Crm__Change *change, ProtobufCBinaryData bytes, uint32_t ref)
{
    struct record record = { .header = { .kind = (enum kind)change->kind },
                             .body = slice_of(bytes.data, bytes.len) };

    if (ref == HEADER_OWNER || ref == HEADER_TEAM) {
        (void)uuid_from_slice(record.body,
                              ref == HEADER_OWNER ? &record.header.owner : &record.header.team);
        record.body = slice_of(NULL, 0);
    }
    return record;
}

static const char *value_text(struct cli *cli, const Crm__Change *change,
                              const struct field_def *field, ProtobufCBinaryData bytes)
{
    struct record record = record_with(change, bytes, field->ref);
    const char *text = bytes.len > 0 ? display_field(cli, field, &record, &cli->arena) : "";

    return text && *text ? text : "–";
}

const char *change_share_text(struct cli *cli, const Crm__Share *share)
{
    struct uuid principal = uuid_of(share->principal);
    char until[INSTANT_TEXT_SIZE] = "";
    const char *rights = share->ended       ? cli_label(cli, "no longer", "已取消")
                         : share->may_write ? cli_label(cli, "may change it", "可修改")
                                            : cli_label(cli, "may see it", "可查看");

    if (share->has_until)
        instant_format_short(share->until, until);
    return arena_printf(&cli->arena, "%s%s: %s%s%s%s",
                        display_ref(cli, &principal, &cli->arena),
                        share->with_below ? cli_label(cli, " and below", "及下级") : "", rights,
                        share->member ? cli_label(cli, ", deal team", "，项目成员") : "",
                        *until ? cli_label(cli, ", until ", "，至 ") : "", until);
}

json_t *change_share_object(struct cli *cli, const Crm__Share *share)
{
    struct uuid principal = uuid_of(share->principal);
    const struct kind_def *kind = kind_def(share->kind);
    char until[INSTANT_TEXT_SIZE];
    json_t *object = json_object();

    json_object_set_new(object, "kind", kind ? json_string(kind->name) : json_null());
    json_object_set_new(object, "with", json_ref(cli, &principal));
    json_object_set_new(object, "below", json_boolean(share->with_below));
    json_object_set_new(object, "may_write", json_boolean(share->may_write));
    json_object_set_new(object, "member", json_boolean(share->member));
    if (share->ended)
        json_object_set_new(object, "ended", json_true());
    if (share->has_until)
        instant_format(share->until, until);
    json_object_set_new(object, "until", share->has_until ? json_string(until) : json_null());
    return object;
}

const char *change_fields_text(struct cli *cli, const Crm__Change *change)
{
    const char *text = "";

    if (change->share)
        text = change_share_text(cli, change->share);
    for (size_t i = 0; i < change->n_fields && text; i++) {
        const Crm__FieldChange *one = change->fields[i];
        const struct field_def *field = field_of(cli, change, one->field);
        const char *comma = *text ? ", " : "";

        if (!field)
            continue;
        if (!one->has_before && !one->has_after)
            text =
                arena_printf(&cli->arena, "%s%s%s", text, comma, display_field_label(cli, field));
        else if (!one->has_before)
            text = arena_printf(&cli->arena, "%s%s%s: %s", text, comma,
                                display_field_label(cli, field),
                                value_text(cli, change, field, one->after));
        else
            text = arena_printf(&cli->arena, "%s%s%s: %s → %s", text, comma,
                                display_field_label(cli, field),
                                value_text(cli, change, field, one->before),
                                value_text(cli, change, field, one->after));
    }
    if (text && change->reason)
        text = arena_printf(&cli->arena, "%s (%s)", text, cli_safe(cli, change->reason));
    return text;
}

const char *change_verb_text(struct cli *cli, const Crm__Change *change)
{
    if (change->action && *change->action)
        return cli_safe(cli, change->action);
    if (change->erased)
        return cli_label(cli, "erased", "彻底删除");
    if (change->restored)
        return cli_label(cli, "restored", "恢复");
    switch (change->verb) {
    case CRM__VERB__VERB_CREATE:
        return cli_label(cli, "created", "创建");
    case CRM__VERB__VERB_DELETE:
        return cli_label(cli, "deleted", "删除");
    default:
        return cli_label(cli, "changed", "修改");
    }
}

const char *change_time_text(struct cli *cli, const Crm__Change *change)
{
    char text[INSTANT_TEXT_SIZE];

    instant_format_short(change->recorded_at, text);
    return arena_strdup(&cli->arena, text);
}

const char *change_record_text(struct cli *cli, const Crm__Change *change)
{
    struct uuid id = uuid_of(change->id);
    const struct title *title = titles_find(&cli->titles, &id);
    const char *label = display_label((enum kind)change->kind, &id, change->number, &cli->arena);

    return title && label ? arena_printf(&cli->arena, "%s %s", label, cli_safe(cli, title->text))
                          : label;
}

const char *change_by_text(struct cli *cli, const Crm__Change *change)
{
    struct uuid id = uuid_of(change->by);

    if (uuid_is_nil(&id) && change->from) /* the server itself */
        return cli_safe(cli, change->from);
    return display_ref(cli, &id, &cli->arena);
}

static json_t *value_json(struct cli *cli, const Crm__Change *change, const struct field_def *field,
                          ProtobufCBinaryData bytes)
{
    struct record record = record_with(change, bytes, field->ref);

    return bytes.len > 0 ? json_field(cli, field, &record) : json_null();
}

static json_t *fields_json(struct cli *cli, const Crm__Change *change)
{
    json_t *fields = json_object();

    for (size_t i = 0; i < change->n_fields; i++) {
        const Crm__FieldChange *one = change->fields[i];
        const struct field_def *field = field_of(cli, change, one->field);
        json_t *values;

        if (!field)
            continue;
        values = json_object();
        if (one->has_before || one->has_after) {
            json_object_set_new(values, "before", value_json(cli, change, field, one->before));
            json_object_set_new(values, "after", value_json(cli, change, field, one->after));
        }
        json_object_set_new(fields, field->name, values);
    }
    return fields;
}

json_t *change_object(struct cli *cli, const Crm__Change *change)
{
    static const char *const verbs[] = { "change", "create", "change", "delete", "action" };
    const struct kind_def *kind = kind_def(change->kind);
    struct record_header header = { .kind = (enum kind)change->kind,
                                    .id = uuid_of(change->id),
                                    .number = change->number };
    struct uuid by = uuid_of(change->by);
    char text[INSTANT_TEXT_SIZE], label[RECORD_LABEL_SIZE], id[UUID_TEXT_SIZE];
    json_t *object = json_object();

    record_label(&header, label);
    uuid_format(&header.id, id);
    json_object_set_new(object, "seq", json_integer((json_int_t)change->seq));
    json_object_set_new(object, "kind", kind ? json_string(kind->name) : json_null());
    json_object_set_new(object, "number", change->number ? json_string(label) : json_null());
    json_object_set_new(object, "id", json_string(id));
    json_object_set_new(object, "rev", json_integer((json_int_t)change->rev));
    json_object_set_new(
        object, "verb",
        json_string((size_t)change->verb < ARRAY_LEN(verbs) ? verbs[change->verb] : "change"));
    if (change->erased)
        json_object_set_new(object, "erased", json_true());
    if (change->action)
        json_object_set_new(object, "action", json_string(change->action));
    json_object_set_new(object, "by", json_ref(cli, &by));
    instant_format(change->recorded_at, text);
    json_object_set_new(object, "recorded", json_string(text));
    if (change->has_happened_at) {
        instant_format(change->happened_at, text);
        json_object_set_new(object, "happened", json_string(text));
    }
    if (change->from)
        json_object_set_new(object, "from", json_string(change->from));
    if (change->reason)
        json_object_set_new(object, "reason", json_string(change->reason));
    if (change->share)
        json_object_set_new(object, "share", change_share_object(cli, change->share));
    json_object_set_new(object, "fields", fields_json(cli, change));
    return object;
}
