/*
 * action_text.c - see action_text.h
 *
 * Called by conflicts, resolve and outbox; main thread. Reads the argument's message by its descriptor: whole numbers are days there, long ones instants, and
 * bytes are ids.
 */
#include "client/cli/action_text.h"

#include "client/cli/display.h"
#include "common/base/calendar.h"
#include "proto/codec.h"
#include "proto/records.pb-c.h"

static const struct {
    const char *action;
    const ProtobufCMessageDescriptor *argument;
} arguments[] = {
    { "move", &crm__move_argument__descriptor },     { "reopen", &crm__move_argument__descriptor },
    { "assign", &crm__assign_argument__descriptor }, { "share", &crm__share_argument__descriptor },
    { "disable", &crm__disable_argument__descriptor },
};

static const void *member_of(const ProtobufCMessage *message, unsigned offset)
{
    return (const char *)message + offset;
}

static bool is_given(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return *(char *const *)member_of(message, field->offset) != NULL;
    return *(const protobuf_c_boolean *)member_of(message, field->quantifier_offset);
}

static const char *bytes_text(struct cli *cli, const ProtobufCBinaryData *bytes)
{
    struct uuid id;

    return uuid_from_slice(slice_of(bytes->data, bytes->len), &id) ? display_ref(cli, &id, &cli->arena) : "";
}

/* NULL: a type that no argument has. */
static const char *value_text(struct cli *cli, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *member = member_of(message, field->offset);
    char day[DAY_TEXT_SIZE], instant[INSTANT_TEXT_SIZE];

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return cli_safe(cli, *(char *const *)member);
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)member ? "yes" : "no";
    case PROTOBUF_C_TYPE_BYTES:
        return bytes_text(cli, member);
    case PROTOBUF_C_TYPE_SINT32:
        day_format(*(const int32_t *)member, day);
        return arena_strdup(&cli->arena, day);
    case PROTOBUF_C_TYPE_SINT64:
        instant_format_short(*(const int64_t *)member, instant);
        return arena_strdup(&cli->arena, instant);
    default:
        return NULL;
    }
}

const char *action_text(struct cli *cli, const char *action, ProtobufCBinaryData argument)
{
    const ProtobufCMessageDescriptor *descriptor = NULL;
    const ProtobufCMessage *message;
    const void *unpacked;
    const char *text = "";

    for (size_t i = 0; action && i < ARRAY_LEN(arguments); i++)
        if (strcmp(arguments[i].action, action) == 0)
            descriptor = arguments[i].argument;
    if (!descriptor || codec_unpack_body(slice_of(argument.data, argument.len), descriptor, &cli->arena, &unpacked, NULL) != CRM_OK)
        return "";
    message = unpacked;
    for (unsigned i = 0; i < descriptor->n_fields && text; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const char *value = field->label == PROTOBUF_C_LABEL_OPTIONAL && is_given(message, field) ? value_text(cli, message, field) : NULL;

        if (value)
            text = arena_printf(&cli->arena, "%s%s%s=%s", text, *text ? " " : "", field->name, value);
    }
    return text ? text : "";
}
