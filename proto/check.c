/*
 * check.c - one pass over a packed message, guided by its descriptor, before protobuf-c may see it
 *
 * Called by codec.c on whichever thread unpacks. Allocates nothing; recursion is bounded by CHECK_DEPTH_MAX. What it charges for memory
 * is what protobuf_c_message_unpack (1.4.1) takes from an arena: every allocation rounded up to ALIGNMENT, and, because an arena
 * frees nothing, also the scratch space that unpacking would give back.
 */
#include "proto/check.h"

#include "common/base/text.h"

#define ALIGNMENT         16
#define CHECK_DEPTH_MAX   16
#define CHECK_FIELDS_MAX  128 /* of one message type: from here on protobuf-c allocates a bitmap that is not charged below */
#define TAG_BYTES_MAX     5
#define VARINT_BYTES_MAX  10
#define SCAN_FIRST        16 /* fields that protobuf-c scans into a slab on its stack; each further slab is twice as large */
#define SCAN_MEMBER_SIZE  32 /* bytes of one scanned field */
#define BASE_MEMORY       (64u * 1024)
#define MEMORY_PER_BYTE   64 /* a small number in a sub-message takes that much: 40 cells of a report in 200 bytes */
#define MEMORY_MAX        (16u * 1024 * 1024)
#define ELEMENTS_MAX      5000
#define UNKNOWN_MAX       16
#define DEPTH_MAX         8

/* What stays the same for a whole body. */
struct walk {
    const struct check_limits *limits;
    struct failure *failure;
    size_t memory; /* charged so far */
};

/* One message on the way from the outermost to the one being looked at. */
struct level {
    const struct level *up;                     /* NULL for the outermost */
    const ProtobufCFieldDescriptor *field;      /* being looked at; NULL while it is unknown */
    const ProtobufCMessageDescriptor *descriptor;
    const uint8_t *at;                          /* next byte */
    const uint8_t *end;
    unsigned depth;                             /* 1 for the outermost */
    unsigned scanned;                           /* fields on the wire */
    unsigned unknown;
    uint32_t seen[CHECK_FIELDS_MAX];            /* elements of each field; only the first n_fields are valid */
};

static enum crm_status check_message(struct walk *walk, struct level *level);

static size_t round_up(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Names of the fields from the outermost message to the one at fault, cut at the front where they do not fit. */
static void put_path(const struct level *level, char *out, size_t size)
{
    size_t at = size - 1;

    out[at] = '\0';
    for (; level; level = level->up) {
        size_t n = level->field ? strlen(level->field->name) : 0;
        bool dot = out[at] != '\0' && n > 0;

        if (n + dot > at)
            break;
        if (dot)
            out[--at] = '.';
        at -= n;
        if (n > 0)
            memcpy(out + at, level->field->name, n);
    }
    memmove(out, out + at, size - at);
}

static enum crm_status refuse(struct walk *walk, const struct level *level, enum crm_status status, const char *why)
{
    char path[sizeof(walk->failure->field)];

    put_path(level, path, sizeof(path));
    return fail(walk->failure, status, path, "%s", why);
}

/* The number of bytes of the varint at the front, 0 where it is cut off, has more than max bytes or more than 64 bits. */
static size_t varint_get(const uint8_t *at, const uint8_t *end, size_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    size_t n = (size_t)(end - at) < max ? (size_t)(end - at) : max;

    for (size_t i = 0; i < n; i++) {
        value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
        if (at[i] < 0x80) {
            if (i == VARINT_BYTES_MAX - 1 && at[i] > 1)
                return 0;
            *out_value = value;
            return i + 1;
        }
    }
    return 0;
}

static bool take_varint(struct level *level, size_t max, uint64_t *out_value)
{
    size_t n;

    if (level->at < level->end && *level->at < 0x80) {
        *out_value = *level->at++;
        return true;
    }
    n = varint_get(level->at, level->end, max, out_value);
    level->at += n;
    return n > 0;
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* Bytes of one element in the array of a repeated field. */
static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    default:
        return sizeof(uint32_t);
    }
}

/* Text as it mostly comes, ASCII without NUL, eight bytes at a time; anything else is looked at properly. */
static bool string_is_valid(const uint8_t *data, size_t size)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    size_t i = 0;

    for (; i + 8 <= size; i += 8) {
        uint64_t word;

        memcpy(&word, data + i, sizeof(word));
        if (((word - ones) | word) & tops) /* a byte that is 0 or above 0x7f */
            return text_is_valid(slice_of(data, size));
    }
    for (; i < size; i++)
        if (data[i] == 0 || data[i] >= 0x80)
            return text_is_valid(slice_of(data, size));
    return true;
}

/* Count n more elements of the current field and charge their place in its array. */
static enum crm_status count_elements(struct walk *walk, struct level *level, size_t n)
{
    uint32_t *seen = &level->seen[level->field - level->descriptor->fields];

    if (level->field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (n > walk->limits->elements - *seen)
            return refuse(walk, level, CRM_TOO_LARGE, "too many elements");
        if (*seen == 0 && n > 0)
            walk->memory += ALIGNMENT;
        walk->memory += n * element_size(level->field->type);
    } else if (*seen > 0 && level->field->type == PROTOBUF_C_TYPE_MESSAGE) {
        /* protobuf-c would merge the two, and copy their arrays each time: quadratic. No encoder sends this. */
        return refuse(walk, level, CRM_INVALID, "a message is there twice");
    } else {
        n = *seen == 0; /* of a scalar that is there twice the last one counts */
    }
    *seen += (uint32_t)n;
    return CRM_OK;
}

static enum crm_status check_varint(struct walk *walk, struct level *level)
{
    const ProtobufCFieldDescriptor *field = level->field;
    uint64_t value;

    if (!take_varint(level, VARINT_BYTES_MAX, &value))
        return refuse(walk, level, CRM_INVALID, "a number is cut off or too long");
    if (field && field->type == PROTOBUF_C_TYPE_ENUM &&
        ((int64_t)value < INT32_MIN || (int64_t)value > INT32_MAX ||
         !protobuf_c_enum_descriptor_get_value(field->descriptor, (int)(int64_t)value)))
        return refuse(walk, level, CRM_INVALID, "this choice is not known");
    return CRM_OK;
}

static enum crm_status check_fixed(struct walk *walk, struct level *level, size_t size)
{
    if ((size_t)(level->end - level->at) < size)
        return refuse(walk, level, CRM_INVALID, "a number is cut off");
    level->at += size;
    return CRM_OK;
}

/* A repeated number sent as one run of bytes; level->at is at its front, end the byte behind it. */
static enum crm_status check_packed(struct walk *walk, struct level *level, const uint8_t *end)
{
    ProtobufCWireType wire = wire_type_of(level->field->type);
    const uint8_t *start = level->at, *rest = level->end;
    enum crm_status status = CRM_OK;
    size_t n = 0;

    level->end = end;
    for (; status == CRM_OK && level->at < end; n++) {
        if (wire == PROTOBUF_C_WIRE_TYPE_VARINT)
            status = check_varint(walk, level);
        else
            status = check_fixed(walk, level, wire == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8);
    }
    level->end = rest;
    if (level->field->type == PROTOBUF_C_TYPE_BOOL) /* protobuf-c makes room for one in each byte, however long they are */
        walk->memory += ((size_t)(end - start) - n) * element_size(PROTOBUF_C_TYPE_BOOL);
    return status ? status : count_elements(walk, level, n);
}

static enum crm_status check_submessage(struct walk *walk, struct level *level, size_t size)
{
    struct level below;

    if (level->depth >= walk->limits->depth || level->depth >= CHECK_DEPTH_MAX)
        return refuse(walk, level, CRM_TOO_LARGE, "nested too deeply");
    below.up = level;
    below.descriptor = level->field->descriptor;
    below.at = level->at;
    below.end = level->at + size;
    below.depth = level->depth + 1;
    return check_message(walk, &below);
}

static bool is_packed(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED && wire_type_of(field->type) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
}

/* Length-prefixed: text, bytes, a message, a packed run, or something unknown. */
static enum crm_status check_counted(struct walk *walk, struct level *level)
{
    const ProtobufCFieldDescriptor *field = level->field;
    enum crm_status status;
    const uint8_t *end;
    uint64_t size;

    if (!take_varint(level, TAG_BYTES_MAX, &size) || size > (uint64_t)(level->end - level->at))
        return refuse(walk, level, CRM_INVALID, "a field is longer than its message");
    end = level->at + size;
    if (!field) {
        level->at = end;
        return CRM_OK;
    }
    if (is_packed(field))
        return check_packed(walk, level, end);

    status = count_elements(walk, level, 1);
    if (status)
        return status;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        status = check_submessage(walk, level, size);
    } else {
        bool text = field->type == PROTOBUF_C_TYPE_STRING;

        walk->memory += round_up(size + text);
        if (text && !string_is_valid(level->at, size))
            status = refuse(walk, level, CRM_INVALID, "text is not UTF-8 without NUL");
    }
    level->at = end;
    return status;
}

static enum crm_status check_value(struct walk *walk, struct level *level, ProtobufCWireType wire)
{
    switch (wire) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return check_varint(walk, level);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return check_fixed(walk, level, 8);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return check_fixed(walk, level, 4);
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return check_counted(walk, level);
    default: /* groups, 6 and 7 */
        return refuse(walk, level, CRM_INVALID, "a field has an unknown wire type");
    }
}

/* The field of a tag, tried first behind the one before, because fields mostly come in order. */
static const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *descriptor,
                                                  const ProtobufCFieldDescriptor *guess, uint32_t id)
{
    if (descriptor->n_fields == 0) /* fields is NULL then */
        return NULL;
    if (guess < descriptor->fields + descriptor->n_fields && guess->id == id)
        return guess;
    return protobuf_c_message_descriptor_get_field(descriptor, id);
}

static enum crm_status check_unknown(struct walk *walk, struct level *level, ProtobufCWireType wire)
{
    const uint8_t *start = level->at;
    enum crm_status status;

    if (++level->unknown > walk->limits->unknown_fields)
        return refuse(walk, level, CRM_TOO_LARGE, "too many unknown fields");
    status = check_value(walk, level, wire);
    walk->memory += round_up((size_t)(level->at - start));
    return status;
}

static enum crm_status check_known(struct walk *walk, struct level *level, ProtobufCWireType wire)
{
    bool counted = wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED; /* check_counted counts by itself */
    enum crm_status status = CRM_OK;

    if (wire != wire_type_of(level->field->type) && !(counted && is_packed(level->field)))
        return refuse(walk, level, CRM_INVALID, "a field has the wrong wire type");
    if (!counted)
        status = count_elements(walk, level, 1);
    return status ? status : check_value(walk, level, wire);
}

/* What protobuf-c takes for a message beside its fields: the struct, slabs of scanned fields, the array of unknown ones. */
static size_t message_memory(const struct level *level)
{
    size_t memory = round_up(level->descriptor->sizeof_message);
    size_t slab = SCAN_FIRST;

    for (size_t room = slab; room < level->scanned; room += slab) {
        slab *= 2;
        memory += slab * SCAN_MEMBER_SIZE;
    }
    return memory + round_up(level->unknown * sizeof(ProtobufCMessageUnknownField));
}

static enum crm_status check_message(struct walk *walk, struct level *level)
{
    const ProtobufCFieldDescriptor *guess = level->descriptor->fields;
    enum crm_status status = CRM_OK;

    level->field = NULL;
    level->scanned = 0;
    level->unknown = 0;
    if (level->descriptor->n_fields > CHECK_FIELDS_MAX)
        return refuse(walk, level, CRM_INVALID, "this message has too many fields to be checked");
    memset(level->seen, 0, level->descriptor->n_fields * sizeof(level->seen[0]));

    while (status == CRM_OK && level->at < level->end) {
        ProtobufCWireType wire;
        uint64_t tag;

        level->field = NULL;
        if (!take_varint(level, TAG_BYTES_MAX, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
            return refuse(walk, level, CRM_INVALID, "a field's tag is not valid");
        wire = (ProtobufCWireType)(tag & 7);
        level->field = field_find(level->descriptor, guess, (uint32_t)(tag >> 3));
        level->scanned++;
        if (level->field) {
            guess = level->field + (level->field->label != PROTOBUF_C_LABEL_REPEATED);
            status = check_known(walk, level, wire);
        } else {
            status = check_unknown(walk, level, wire);
        }
    }
    if (status)
        return status;

    level->field = NULL;
    walk->memory += message_memory(level);
    if (walk->memory > walk->limits->memory)
        return refuse(walk, level, CRM_TOO_LARGE, "the message would need too much memory");
    return CRM_OK;
}

struct check_limits check_limits_for(size_t body_size)
{
    size_t most = (MEMORY_MAX - BASE_MEMORY) / MEMORY_PER_BYTE;

    return (struct check_limits){
        .memory = body_size < most ? BASE_MEMORY + body_size * MEMORY_PER_BYTE : MEMORY_MAX,
        .elements = ELEMENTS_MAX,
        .unknown_fields = UNKNOWN_MAX,
        .depth = DEPTH_MAX,
    };
}

enum crm_status check_body(const ProtobufCMessageDescriptor *descriptor, struct slice body, const struct check_limits *limits,
                           struct failure *failure)
{
    struct walk walk = { .limits = limits, .failure = failure };
    struct level level;

    if (body.size == 0) {
        level.at = (const uint8_t *)"";
        level.end = level.at;
    } else {
        level.at = body.data;
        level.end = body.data + body.size;
    }
    level.up = NULL;
    level.descriptor = descriptor;
    level.depth = 1;
    return check_message(&walk, &level);
}
