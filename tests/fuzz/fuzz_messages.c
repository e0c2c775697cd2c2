/*
 * fuzz_messages.c - any bytes as the body of any message of wire.proto and records.proto
 *
 * The first byte chooses the message. What the check lets pass is unpacked within exactly the memory that the check has charged, and packed again it
 * passes again. A kind's message is then taken through all that handles a record's body: validation, the canonical form, difference, masks, patch
 * and the stored form.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/model/body.h"
#include "common/model/record.h"
#include "common/model/validate.h"
#include "common/rules/rule.h"
#include "proto/check.h"
#include "proto/codec.h"
#include "proto/operation.h"
#include "proto/wire.pb-c.h"

#define MESSAGES_MAX 256
#define MEMORY       (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *messages[MESSAGES_MAX];
static size_t n_messages;
static struct schema *schema;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* --- the messages, found from what sends them */

static bool is_known(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < n_messages; i++)
        if (messages[i] == descriptor)
            return true;
    return false;
}

/* A message and all that it is made of. */
static void add_message(const ProtobufCMessageDescriptor *descriptor)
{
    if (is_known(descriptor))
        return;
    require(n_messages < MESSAGES_MAX);
    messages[n_messages++] = descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            add_message(descriptor->fields[i].descriptor);
}

#define CHUNK_OF(name)      CHUNK_##name
#define CHUNK_NONE          NULL
#define CHUNK_list          &crm__list_chunk__descriptor
#define CHUNK_history       &crm__history_chunk__descriptor
#define CHUNK_upload        &crm__upload_chunk__descriptor
#define CHUNK_audit_list   &crm__audit_list_chunk__descriptor
#define CHUNK_sync         &crm__sync_chunk__descriptor
#define CHUNK_duplicates   &crm__duplicates_chunk__descriptor
#define ROW(NAME, code, name, request, reply, chunk) \
    { &crm__##request##_request__descriptor, &crm__##reply##_reply__descriptor, CHUNK_OF(chunk) },

static void add_messages(void)
{
    static const ProtobufCMessageDescriptor *const operations[][3] = { OPERATION_LIST(ROW) };
    static const ProtobufCMessageDescriptor *const others[] = {
        &crm__hello__descriptor, &crm__credit__descriptor, &crm__ping__descriptor,       &crm__goaway__descriptor,
        &crm__error__descriptor, &crm__event__descriptor,  &crm__upload_end__descriptor,
    };

    for (size_t i = 0; i < KIND_MAX; i++)
        add_message(kind_at(i)->descriptor);
    for (size_t i = 0; i < ARRAY_LEN(operations); i++)
        for (size_t j = 0; j < ARRAY_LEN(operations[i]); j++)
            if (operations[i][j])
                add_message(operations[i][j]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        add_message(others[i]);
    for (size_t i = 0; i < KIND_MAX; i++) {
        const struct action_def *action;

        for (size_t n = 0; (action = rule_action_at(kind_at(i)->kind, n)); n++)
            if (action->argument)
                add_message(action->argument);
    }
}

/* --- a custom field of every type on every kind */

static void add_custom_fields(const struct kind_def *kind)
{
    static char *choices[] = { (char *)"small", (char *)"large" };
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;
    char name[16];

    definition.kind = (char *)kind->name;
    definition.name = definition.label = name;
    definition.has_type = definition.has_number = true;
    definition.choices = choices;
    for (int type = CRM__FIELD_TYPE__FIELD_TYPE_TEXT; type <= CRM__FIELD_TYPE__FIELD_TYPE_TIME; type++) {
        bool is_choice = type == CRM__FIELD_TYPE__FIELD_TYPE_CHOICE || type == CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE;

        snprintf(name, sizeof name, "custom_%d", type);
        definition.type = (Crm__FieldType)type;
        definition.number = (uint32_t)type;
        definition.n_choices = is_choice ? ARRAY_LEN(choices) : 0;
        definition.ref_kind = type == CRM__FIELD_TYPE__FIELD_TYPE_REFERENCE ? (char *)"user" : NULL;
        require(schema_add(schema, &definition, NULL) == CRM_OK);
    }
}

static void set_up(void)
{
    add_messages();
    require(schema_create(&schema) == CRM_OK);
    for (size_t i = 0; i < KIND_MAX; i++)
        add_custom_fields(kind_at(i));
}

/* --- unpacking */

/* The least memory with which the check lets a body pass that passes with limits->memory. */
static size_t charged(const ProtobufCMessageDescriptor *descriptor, struct slice body, struct check_limits limits)
{
    size_t low = 0, high = limits.memory;

    while (low < high) {
        limits.memory = low + (high - low) / 2;
        if (check_body(descriptor, body, &limits, NULL) == CRM_OK)
            high = limits.memory;
        else
            low = limits.memory + 1;
    }
    return high;
}

static void unpack(const ProtobufCMessageDescriptor *descriptor, struct slice body)
{
    struct check_limits limits = check_limits_for(body.size), wide = check_limits_for(SIZE_MAX);
    ProtobufCMessage *message;
    struct arena exact, arena;
    struct slice again;

    arena_init(&exact, charged(descriptor, body, limits));
    arena_init(&arena, MEMORY);
    message = protobuf_c_message_unpack(descriptor, &exact.protobuf, body.size, body.data);
    require(message != NULL);
    require(codec_pack(message, &arena, &again) == CRM_OK);
    require(check_body(descriptor, again, &wide, NULL) == CRM_OK);
    arena_fini(&arena);
    arena_fini(&exact);
}

/* --- a record's body */

static const struct kind_def *kind_of(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < KIND_MAX; i++)
        if (kind_at(i)->descriptor == descriptor)
            return kind_at(i);
    return NULL;
}

/* Difference, masks and patch agree on a canonical body. */
static void take_apart(const struct kind_def *kind, struct slice body, struct arena *arena)
{
    struct slice empty = slice_of(NULL, 0), out;
    struct body_patch patch = { .set = body };
    struct field_set changed;

    require(body_diff(arena, body, body, &changed) == CRM_OK && changed.n == 0);
    if (body_diff(arena, empty, body, &changed) != CRM_OK) /* more fields than a set holds */
        return;
    require(body_keep(arena, body, &changed, &out) == CRM_OK && slice_equal(out, body));
    require(body_drop(arena, body, &changed, &out) == CRM_OK && out.size == 0);
    require(body_overlay(arena, empty, &changed, body, &out) == CRM_OK && slice_equal(out, body));
    if (body_apply(kind, arena, empty, &patch, &out, NULL) == CRM_OK)
        require(body_apply(kind, arena, out, &patch, &body, NULL) == CRM_OK && slice_equal(out, body));
}

static void store(const struct kind_def *kind, struct slice body, struct arena *arena)
{
    struct record record = { .header = { .kind = kind->kind, .number = 7, .rev = 1 }, .body = body }, back;
    struct slice value;

    if (record_encode(&record, arena, &value) != CRM_OK) {
        require(body.size > RECORD_SIZE_MAX - RECORD_HEADER_SIZE);
        return;
    }
    require(record_decode(kind->kind, &record.header.id, value, &back) == CRM_OK);
    require(slice_equal(back.body, body) && back.header.number == 7);
}

static void validate(const struct kind_def *kind, struct slice body, bool allow_derived)
{
    struct failure failure = { 0 };
    struct slice valid, again;
    struct arena arena;

    arena_init(&arena, MEMORY);
    if (validate_input(schema, kind, body, allow_derived, &arena, &valid, &failure) == CRM_OK) {
        require(validate_input(schema, kind, valid, allow_derived, &arena, &again, &failure) == CRM_OK && slice_equal(valid, again));
        require(body_canonical(&arena, valid, &again, &failure) == CRM_OK && slice_equal(valid, again));
        if (validate_record(schema, kind, valid, NULL) == CRM_OK)
            store(kind, valid, &arena);
        take_apart(kind, valid, &arena);
    } else {
        require(failure.text[0] != '\0');
    }
    arena_fini(&arena);
}

/* The canonical form of anything is its own canonical form. */
static void make_canonical(struct slice body)
{
    struct slice once, twice;
    struct arena arena;

    arena_init(&arena, MEMORY);
    if (body_canonical(&arena, body, &once, NULL) == CRM_OK)
        require(body_canonical(&arena, once, &twice, NULL) == CRM_OK && slice_equal(once, twice));
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *descriptor;
    const struct kind_def *kind;
    struct check_limits limits;
    struct slice body;

    if (n_messages == 0)
        set_up();
    if (size < 1 || size > FRAME_MAX)
        return 0;
    descriptor = messages[data[0] % n_messages];
    body = slice_of(data + 1, size - 1);
    limits = check_limits_for(body.size);
    if (check_body(descriptor, body, &limits, NULL) == CRM_OK)
        unpack(descriptor, body);
    make_canonical(body);
    kind = kind_of(descriptor);
    if (kind) { /* what did not pass the check above is refused here too, with a reason */
        validate(kind, body, false);
        validate(kind, body, true);
    }
    return 0;
}
