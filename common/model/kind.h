/*
 * kind.h - what kinds of record there are and what their fields are: the one table that engine, filters, output and help read
 *
 * Kinds are data, not code: adding one is a message in proto/records.proto and a row here (kind_table.c, schema_<area>.c). A test
 * compares every row with the message's descriptor.
 */
#ifndef CRM_MODEL_KIND_H
#define CRM_MODEL_KIND_H

#include <protobuf-c/protobuf-c.h>

#include "common/base/slice.h"
#include "proto/records.pb-c.h"

/* Numbers are part of the format and of the wire: never reused. */
enum kind {
    KIND_NONE = 0,
    KIND_USER = 1,
    KIND_TEAM = 2,
    KIND_ROLE = 3,
    KIND_CUSTOMER = 4,
    KIND_CONTACT = 5,
    KIND_PRODUCT = 6,
    KIND_DEAL = 7,
    KIND_PIPELINE = 8,
    KIND_ACTIVITY = 9,
    KIND_TASK = 10,
    KIND_FIELD_DEFINITION = 11,
    KIND_COMPANY = 12,
    KIND_EXCHANGE_RATE = 13,
    KIND_SAVED_VIEW = 14,
    KIND_MAX = 14,
};

/* Numbers are on the wire (FieldInfo.type). */
enum field_type {
    FIELD_NONE = 0,
    FIELD_TEXT = 1,
    FIELD_INTEGER = 2,  /* uint32 or uint64 */
    FIELD_DECIMAL = 3,  /* sint64 millionths */
    FIELD_MONEY = 4,    /* message Money */
    FIELD_DATE = 5,     /* sint32 days */
    FIELD_INSTANT = 6,  /* sint64 microseconds */
    FIELD_BOOLEAN = 7,
    FIELD_CHOICE = 8,   /* enum; custom: text */
    FIELD_REFERENCE = 9, /* bytes, 16 */
    FIELD_GROUP = 10,   /* a message with members of its own, always repeated */
    FIELD_ID = 11,      /* the record's own id (header) */
};

/* Numbers are on the wire (FieldInfo.flags). */
enum field_flag {
    FIELD_REQUIRED = 1u << 0,
    FIELD_UNIQUE = 1u << 1,    /* folded value, among live records of the kind */
    FIELD_INDEXED = 1u << 2,   /* in the index, global form: equality and ranges */
    FIELD_SORTABLE = 1u << 3,  /* also owner form; implies FIELD_INDEXED */
    FIELD_SEARCHED = 1u << 4,  /* its words are terms */
    FIELD_PHONE = 1u << 5,     /* searched by its last digits */
    FIELD_REPEATED = 1u << 6,
    FIELD_DERIVED = 1u << 7,   /* set by the server only: a client's value is refused */
    FIELD_PARENT = 1u << 8,    /* access root: the record that it refers to decides over this one */
    FIELD_LONG = 1u << 9,      /* up to 32 KiB of text instead of 1 KiB */
    FIELD_HEADER = 1u << 10,   /* lives in the header: owner, team, number … */
    FIELD_CUSTOM = 1u << 11,
    FIELD_MULTILINE = 1u << 12,
    FIELD_SECRET_FROM_TERMS = 1u << 13,
};

/* What deleting the record that a reference points at does to the one that refers. */
enum on_delete { ON_DELETE_NOTHING, ON_DELETE_REFUSE, ON_DELETE_UNLINK, ON_DELETE_TAKE_ALONG };

/* How two people's changes of one field merge (DESIGN section 9). */
enum merge_policy { MERGE_ASK, MERGE_LAST, MERGE_MAX, MERGE_UNION, MERGE_NEVER };

struct choice_def {
    int number;
    const char *name;     /* as typed and in JSON */
    const char *label_en;
    const char *label_zh;
};

/*
 * Field references name a field of a kind everywhere: in filters, logs, index keys, on the wire.
 * 1..799 the message's own tag; 800.. header fields; 1000 + number a custom field.
 */
#define FIELD_REF_HEADER 800u
#define FIELD_REF_CUSTOM 1000u
enum header_field {
    HEADER_ID = 800,
    HEADER_NUMBER = 801,
    HEADER_REV = 802,
    HEADER_OWNER = 803,
    HEADER_TEAM = 804,
    HEADER_CREATED = 805,
    HEADER_CREATED_BY = 806,
    HEADER_UPDATED = 807,
    HEADER_UPDATED_BY = 808,
    HEADER_SEQ = 809,
};

struct field_def {
    uint32_t ref;             /* field reference */
    const char *name;         /* lower_case, as in the message */
    enum field_type type;
    uint32_t flags;
    const char *label_en;
    const char *label_zh;
    enum kind ref_kind;       /* of a reference; KIND_NONE: any */
    enum on_delete on_delete;
    enum merge_policy merge;
    const struct choice_def *choices;
    size_t n_choices;
    int64_t minimum, maximum; /* of integers and decimals, both 0: no bound but the type's */
    const struct field_def *members; /* of a group */
    size_t n_members;
    const ProtobufCMessageDescriptor *group; /* of a group */
};

enum kind_flag {
    KIND_NO_NUMBER = 1u << 0,    /* has no human number */
    KIND_SINGLE = 1u << 1,       /* at most one record */
    KIND_ADMINISTRATION = 1u << 2, /* writing needs write_right */
};

struct kind_def {
    enum kind kind;
    const char *name;       /* "deal": singular, as typed and in JSON */
    const char *plural;     /* "deals" */
    const char *letter;     /* of the human number: "D"; two letters where one is taken */
    const char *label_en, *label_zh;
    const char *plural_en;
    const ProtobufCMessageDescriptor *descriptor;
    const struct field_def *fields; /* in the order in which people want to see them; without the header's */
    size_t n_fields;
    const char *title;      /* name of the field that stands for the record */
    const char *const *columns; /* default columns of a list, NULL-ended; header fields by name */
    uint32_t flags;
    Crm__Right write_right; /* with KIND_ADMINISTRATION */
};

/* NULL for a number that is none. */
const struct kind_def *kind_def(unsigned kind);
/* By English singular or plural, Chinese label, or any unambiguous form of them ("exchange-rate", "exchange_rate"); case does not matter. */
const struct kind_def *kind_find(const char *name);
/* By the letters of a human number ("D"). */
const struct kind_def *kind_by_letter(const char *letter, size_t size);
/* The nth row, from 0; NULL behind the last. */
const struct kind_def *kind_at(size_t n);

/* The header's fields, the same for every kind: id, number, owner, team, rev, created, created_by, updated, updated_by, seq. */
const struct field_def *kind_header_fields(size_t *out_n);
/* A built-in or header field by reference, NULL if there is none. Constant time for built-in ones. */
const struct field_def *kind_field(const struct kind_def *kind, uint32_t ref);
/* A built-in or header field by name or label (either language), NULL if there is none. */
const struct field_def *kind_field_by_name(const struct kind_def *kind, const char *name);
/* The field that decides access with FIELD_PARENT, NULL if the record decides itself. */
const struct field_def *kind_parent_field(const struct kind_def *kind);

/* A choice by number, or by name or label (folded). */
const struct choice_def *choice_by_number(const struct field_def *field, int number);
const struct choice_def *choice_by_name(const struct field_def *field, const char *name);

#endif
