/*
 * record.h - a stored record: fixed header ‖ packed message, with format version and checksum
 *
 * Layout, little-endian, 128 bytes before the body (offsets in record.c). The value of `record` and of `deleted`.
 */
#ifndef CRM_MODEL_RECORD_H
#define CRM_MODEL_RECORD_H

#include "common/base/arena.h"
#include "common/base/failure.h"
#include "common/base/uuid.h"
#include "common/model/kind.h"
#include "proto/wire.pb-c.h"

#define RECORD_HEADER_SIZE 128
#define RECORD_SIZE_MAX    65536
#define RECORD_VERSION     1

enum record_flag {
    RECORD_DELETED = 1, /* in the recycle bin */
    RECORD_MOVED = 2,   /* wire only: changed since the page token was made */
};

struct record_header {
    struct uuid id;        /* from the key */
    enum kind kind;        /* from the key */
    uint32_t flags;
    uint64_t number;       /* human number, 0 none */
    uint64_t rev;
    uint64_t seq;          /* of the last change */
    struct uuid owner;
    struct uuid team;
    struct uuid root;      /* access root: itself or the parent's root */
    int64_t created_us;
    struct uuid created_by;
    int64_t updated_us;
    struct uuid updated_by;
};

/* Header and borrowed body: what everything between store and wire passes around. */
struct record {
    struct record_header header;
    struct slice body;
};

/* From a stored value; CRM_CORRUPT when version, size or checksum are wrong. body borrows value. */
enum crm_status record_decode(enum kind kind, const struct uuid *id, struct slice value, struct record *out_record) MUST_CHECK;
/* The stored value in the arena. CRM_TOO_LARGE beyond RECORD_SIZE_MAX. */
enum crm_status record_encode(const struct record *record, struct arena *arena, struct slice *out_value) MUST_CHECK;

/* Key of `record` and `deleted`: kind ‖ id, 17 bytes. */
#define RECORD_KEY_SIZE 17
void record_key(enum kind kind, const struct uuid *id, uint8_t out[RECORD_KEY_SIZE]);
/* false if key is not one. */
bool record_key_parse(struct slice key, enum kind *out_kind, struct uuid *out_id);

/* Fill the wire's messages; everything is borrowed from record, which must outlive them. */
void record_to_wire(const struct record *record, Crm__Record *out_record, Crm__Header *out_header);
/* The wire's Record, packed straight as field 1 of a message: the same bytes as packing what record_to_wire gives, at a fifth of its cost. For what reads
 * many. out has room for record_packed_max bytes; the size is returned. */
size_t record_packed_max(const struct record *record);
size_t record_pack(const struct record *record, uint8_t *out);
enum crm_status record_from_wire(const Crm__Record *wire, struct record *out_record, struct failure *failure) MUST_CHECK;

/* Of a record that a replica has made: the rest is the replica's own number, "D-~1", until the server gives one. */
#define RECORD_NUMBER_LOCAL (UINT64_C(1) << 62)

/* "D-17" into text[24]; the id's last 8 digits where there is no number. */
#define RECORD_LABEL_SIZE 24
void record_label(const struct record_header *header, char text[RECORD_LABEL_SIZE]);
/* Is a text a human number ("D-17", "d-17", "17", "D-~1")? *kind is the kind that is asked for, or NULL; the letter gives it, or must agree. */
bool record_number_parse(const char *text, const struct kind_def **kind, uint64_t *out_number);

#endif
