/*
 * record.c - the stored form of a record: a fixed header, then the packed message
 *
 * Called for every record that is read or written, on any thread. No state; decoding allocates
 * nothing and copies only the header.
 */
#include "common/model/record.h"

#include <stdlib.h>

#include <inttypes.h>
#include <stdio.h>

#include "common/base/digest.h"

/* Where things are in a stored value. The checksum is over everything else. */
enum record_offset {
    OFFSET_VERSION = 0,
    OFFSET_FLAGS = 1,
    OFFSET_CRC = 4, /* bytes 2 and 3 are reserved */
    OFFSET_NUMBER = 8,
    OFFSET_REV = 16,
    OFFSET_SEQ = 24,
    OFFSET_OWNER = 32,
    OFFSET_TEAM = 48,
    OFFSET_ROOT = 64,
    OFFSET_CREATED = 80,
    OFFSET_CREATED_BY = 88,
    OFFSET_UPDATED = 104,
    OFFSET_UPDATED_BY = 112,
    OFFSET_BODY = 128,
};

_Static_assert(OFFSET_BODY == RECORD_HEADER_SIZE, "the header's size is part of the format");

/* Flags that are stored: others are the wire's. */
#define STORED_FLAGS RECORD_DELETED

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t read_u64(const uint8_t *p)
{
    return (uint64_t)read_u32(p) | (uint64_t)read_u32(p + 4) << 32;
}

static void write_u32(uint8_t *p, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(n >> (8 * i));
}

static void write_u64(uint8_t *p, uint64_t n)
{
    write_u32(p, (uint32_t)n);
    write_u32(p + 4, (uint32_t)(n >> 32));
}

/* What stands before the checksum is what it begins with, so that one pass covers all. */
static uint32_t checksum(const uint8_t *value, size_t size)
{
    return crc32c(read_u32(value), value + OFFSET_NUMBER, size - OFFSET_NUMBER);
}

enum crm_status record_decode(enum kind kind, const struct uuid *id, struct slice value,
                              struct record *out_record)
{
    const uint8_t *p = value.data;
    struct record_header *header = &out_record->header;

    if (value.size < RECORD_HEADER_SIZE || value.size > RECORD_SIZE_MAX ||
        p[OFFSET_VERSION] != RECORD_VERSION || read_u32(p + OFFSET_CRC) != checksum(p, value.size))
        return CRM_CORRUPT;
    header->id = *id;
    header->kind = kind;
    header->flags = p[OFFSET_FLAGS];
    header->number = read_u64(p + OFFSET_NUMBER);
    header->rev = read_u64(p + OFFSET_REV);
    header->seq = read_u64(p + OFFSET_SEQ);
    memcpy(header->owner.bytes, p + OFFSET_OWNER, UUID_SIZE);
    memcpy(header->team.bytes, p + OFFSET_TEAM, UUID_SIZE);
    memcpy(header->root.bytes, p + OFFSET_ROOT, UUID_SIZE);
    header->created_us = (int64_t)read_u64(p + OFFSET_CREATED);
    memcpy(header->created_by.bytes, p + OFFSET_CREATED_BY, UUID_SIZE);
    header->updated_us = (int64_t)read_u64(p + OFFSET_UPDATED);
    memcpy(header->updated_by.bytes, p + OFFSET_UPDATED_BY, UUID_SIZE);
    out_record->body = slice_of(p + OFFSET_BODY, value.size - OFFSET_BODY);
    return CRM_OK;
}

enum crm_status record_encode(const struct record *record, struct arena *arena,
                              struct slice *out_value)
{
    const struct record_header *header = &record->header;
    size_t size = RECORD_HEADER_SIZE + record->body.size;
    uint8_t *p;

    if (record->body.size > RECORD_SIZE_MAX - RECORD_HEADER_SIZE)
        return CRM_TOO_LARGE;
    p = arena_alloc(arena, size);
    if (!p)
        return CRM_NO_MEMORY;
    memset(p, 0, OFFSET_NUMBER);
    p[OFFSET_VERSION] = RECORD_VERSION;
    p[OFFSET_FLAGS] = (uint8_t)(header->flags & STORED_FLAGS);
    write_u64(p + OFFSET_NUMBER, header->number);
    write_u64(p + OFFSET_REV, header->rev);
    write_u64(p + OFFSET_SEQ, header->seq);
    memcpy(p + OFFSET_OWNER, header->owner.bytes, UUID_SIZE);
    memcpy(p + OFFSET_TEAM, header->team.bytes, UUID_SIZE);
    memcpy(p + OFFSET_ROOT, header->root.bytes, UUID_SIZE);
    write_u64(p + OFFSET_CREATED, (uint64_t)header->created_us);
    memcpy(p + OFFSET_CREATED_BY, header->created_by.bytes, UUID_SIZE);
    write_u64(p + OFFSET_UPDATED, (uint64_t)header->updated_us);
    memcpy(p + OFFSET_UPDATED_BY, header->updated_by.bytes, UUID_SIZE);
    if (record->body.size)
        memcpy(p + OFFSET_BODY, record->body.data, record->body.size);
    write_u32(p + OFFSET_CRC, checksum(p, size));
    *out_value = slice_of(p, size);
    return CRM_OK;
}

void record_key(enum kind kind, const struct uuid *id, uint8_t out[RECORD_KEY_SIZE])
{
    out[0] = (uint8_t)kind;
    memcpy(out + 1, id->bytes, UUID_SIZE);
}

bool record_key_parse(struct slice key, enum kind *out_kind, struct uuid *out_id)
{
    if (key.size != RECORD_KEY_SIZE || !kind_def(key.data[0]))
        return false;
    *out_kind = (enum kind)key.data[0];
    memcpy(out_id->bytes, key.data + 1, UUID_SIZE);
    return true;
}

/* protobuf-c's bytes are not const; nobody writes through them. */
static ProtobufCBinaryData wire_bytes(const void *data, size_t size)
{
    union {
        const void *from;
        uint8_t *to;
    } pointer = { .from = data };

    return (ProtobufCBinaryData){ .len = size, .data = pointer.to };
}

/* Present unless it is nil. */
static void wire_uuid(const struct uuid *id, protobuf_c_boolean *out_has,
                      ProtobufCBinaryData *out_bytes)
{
    *out_has = !uuid_is_nil(id);
    *out_bytes = wire_bytes(id->bytes, UUID_SIZE);
}

void record_to_wire(const struct record *record, Crm__Record *out_record, Crm__Header *out_header)
{
    const struct record_header *header = &record->header;

    crm__header__init(out_header);
    out_header->has_kind = 1;
    out_header->kind = (uint32_t)header->kind;
    out_header->has_id = 1;
    out_header->id = wire_bytes(header->id.bytes, UUID_SIZE);
    out_header->has_number = header->number != 0;
    out_header->number = header->number;
    out_header->has_rev = 1;
    out_header->rev = header->rev;
    out_header->has_seq = 1;
    out_header->seq = header->seq;
    wire_uuid(&header->owner, &out_header->has_owner, &out_header->owner);
    wire_uuid(&header->team, &out_header->has_team, &out_header->team);
    wire_uuid(&header->root, &out_header->has_root, &out_header->root);
    out_header->has_created_at = 1;
    out_header->created_at = header->created_us;
    wire_uuid(&header->created_by, &out_header->has_created_by, &out_header->created_by);
    out_header->has_updated_at = 1;
    out_header->updated_at = header->updated_us;
    wire_uuid(&header->updated_by, &out_header->has_updated_by, &out_header->updated_by);
    out_header->has_flags = header->flags != 0;
    out_header->flags = header->flags;

    crm__record__init(out_record);
    out_record->header = out_header;
    out_record->has_body = 1;
    out_record->body = wire_bytes(record->body.data, record->body.size);
}

/* --- the same packed, without a message in between */

#define HEADER_PACKED_MAX 192 /* every field at its longest: 171 */

static uint8_t *put_varint(uint8_t *out, uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        *out++ = (uint8_t)(n | 0x80);
    *out++ = (uint8_t)n;
    return out;
}

static size_t varint_size(uint64_t n)
{
    size_t size = 1;

    for (; n >= 0x80; n >>= 7)
        size++;
    return size;
}

static uint8_t *put_number(uint8_t *out, uint8_t tag, uint64_t n)
{
    *out++ = (uint8_t)(tag << 3);
    return put_varint(out, n);
}

static uint8_t *put_uuid(uint8_t *out, uint8_t tag, const struct uuid *id)
{
    if (uuid_is_nil(id))
        return out;
    *out++ = (uint8_t)(tag << 3 | 2);
    *out++ = UUID_SIZE;
    memcpy(out, id->bytes, UUID_SIZE);
    return out + UUID_SIZE;
}

static uint64_t zigzag(int64_t n)
{
    return ((uint64_t)n << 1) ^ (n < 0 ? UINT64_MAX : 0);
}

static size_t pack_header(const struct record_header *header, uint8_t out[HEADER_PACKED_MAX])
{
    uint8_t *at = put_number(out, 1, (uint64_t)header->kind);

    at = put_uuid(at, 2, &header->id);
    if (header->number)
        at = put_number(at, 3, header->number);
    at = put_number(at, 4, header->rev);
    at = put_number(at, 5, header->seq);
    at = put_uuid(at, 6, &header->owner);
    at = put_uuid(at, 7, &header->team);
    at = put_number(at, 8, zigzag(header->created_us));
    at = put_uuid(at, 9, &header->created_by);
    at = put_number(at, 10, zigzag(header->updated_us));
    at = put_uuid(at, 11, &header->updated_by);
    if (header->flags)
        at = put_number(at, 12, header->flags);
    return (size_t)(put_uuid(at, 13, &header->root) - out);
}

size_t record_packed_max(const struct record *record)
{
    return HEADER_PACKED_MAX + 24 + record->body.size; /* three keys with lengths */
}

size_t record_pack(const struct record *record, uint8_t *out)
{
    uint8_t header[HEADER_PACKED_MAX];
    size_t size = pack_header(&record->header, header);
    uint8_t *at = out;

    *at++ = 1 << 3 | 2;
    at = put_varint(at, 1 + varint_size(size) + size + 1 + varint_size(record->body.size) + record->body.size);
    *at++ = 1 << 3 | 2;
    at = put_varint(at, size);
    memcpy(at, header, size);
    at += size;
    *at++ = 2 << 3 | 2;
    at = put_varint(at, record->body.size);
    if (record->body.size)
        memcpy(at, record->body.data, record->body.size);
    return (size_t)(at - out) + record->body.size;
}

/* Nil where it is not there; false where it is there and no id. */
static bool uuid_from_wire(protobuf_c_boolean has, const ProtobufCBinaryData *bytes,
                           struct uuid *out_id)
{
    *out_id = (struct uuid){ { 0 } };
    return !has || uuid_from_slice(slice_of(bytes->data, bytes->len), out_id);
}

enum crm_status record_from_wire(const Crm__Record *wire, struct record *out_record,
                                 struct failure *failure)
{
    const Crm__Header *from = wire->header;
    struct record record = { 0 };
    struct record_header *to = &record.header;

    if (!from || !kind_def(from->kind))
        return fail(failure, CRM_INVALID, "kind", "the record is of no known kind");
    if (!from->has_id || !uuid_from_wire(1, &from->id, &to->id) || uuid_is_nil(&to->id))
        return fail(failure, CRM_INVALID, "id", "the record has no id");
    if (!uuid_from_wire(from->has_owner, &from->owner, &to->owner) ||
        !uuid_from_wire(from->has_team, &from->team, &to->team) ||
        !uuid_from_wire(from->has_root, &from->root, &to->root) ||
        !uuid_from_wire(from->has_created_by, &from->created_by, &to->created_by) ||
        !uuid_from_wire(from->has_updated_by, &from->updated_by, &to->updated_by))
        return fail(failure, CRM_INVALID, NULL,
                    "the record's header holds an id that is not 16 bytes long");
    to->kind = (enum kind)from->kind;
    to->flags = from->flags;
    to->number = from->number;
    to->rev = from->rev;
    to->seq = from->seq;
    to->created_us = from->created_at;
    to->updated_us = from->updated_at;
    if (wire->has_body)
        record.body = slice_of(wire->body.data, wire->body.len);
    *out_record = record;
    return CRM_OK;
}

void record_label(const struct record_header *header, char text[RECORD_LABEL_SIZE])
{
    const struct kind_def *kind = kind_def(header->kind);
    const uint8_t *end = header->id.bytes + UUID_SIZE - 4;

    if (header->number - RECORD_NUMBER_LOCAL <= UINT32_MAX && kind && *kind->letter)
        snprintf(text, RECORD_LABEL_SIZE, "%.2s-~%" PRIu32, kind->letter, (uint32_t)(header->number - RECORD_NUMBER_LOCAL));
    else if (header->number && kind && *kind->letter)
        snprintf(text, RECORD_LABEL_SIZE, "%.2s-%" PRIu64, kind->letter, header->number);
    else
        snprintf(text, RECORD_LABEL_SIZE, "%02x%02x%02x%02x", end[0], end[1], end[2], end[3]);
}

/* "D-17", "d-17", "17", and "D-~1" of a replica: a letter gives the kind, or must agree with it. */
bool record_number_parse(const char *text, const struct kind_def **kind, uint64_t *out_number)
{
    const char *digits = text;
    const struct kind_def *lettered;
    uint64_t local = 0;
    char *end;

    while (*digits && *digits != '-' && !(*digits >= '0' && *digits <= '9'))
        digits++;
    if (digits > text) {
        if (*digits != '-')
            return false;
        lettered = kind_by_letter(text, (size_t)(digits - text));
        if (!lettered || (*kind && *kind != lettered))
            return false;
        *kind = lettered;
        digits++;
        if (*digits == '~') {
            local = RECORD_NUMBER_LOCAL;
            digits++;
        }
    }
    if (!*kind || *digits < '0' || *digits > '9' || strlen(digits) > 18)
        return false;
    *out_number = strtoull(digits, &end, 10) | local;
    return *end == '\0';
}
