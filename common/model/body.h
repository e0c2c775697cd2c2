/*
 * body.h - a record's packed message, worked on without unpacking it
 *
 * A canonical body has its fields in ascending order of tag, each singular field once, elements of a list in their order, custom values by
 * number, and nothing of wire type "group". Unknown fields stay where they are. Stored bodies are canonical; that makes difference, patch, masks,
 * as-of overlay and filters one pass over bytes. Field references as in kind.h: a tag, or 1000 + number for a custom value.
 */
#ifndef CRM_MODEL_BODY_H
#define CRM_MODEL_BODY_H

#include "common/base/arena.h"
#include "common/base/failure.h"
#include "common/model/kind.h"

#define BODY_TAG_CUSTOM 100u
#define BODY_FIELDS_MAX 512 /* field references in one set */

/* One field occurrence on the wire, borrowed from the body. */
struct body_field {
    uint32_t tag;
    uint8_t wire_type;    /* 0 varint, 1 fixed64, 2 length-delimited, 5 fixed32 */
    uint64_t number;      /* wire types 0, 1, 5 */
    struct slice bytes;   /* wire type 2: the content */
    struct slice raw;     /* key and content as they stand */
};

/* Walk: *position starts at 0. false at the end, or at a place that is not well-formed (then *position < body.size). */
bool body_next(struct slice body, size_t *position, struct body_field *out_field);
/* The first occurrence of a tag (the last one wins for scalars only where the body is not canonical). false if there is none. */
bool body_find(struct slice body, uint32_t tag, struct body_field *out_field);
/* Zigzag, as of sint32 and sint64. */
static inline int64_t body_zigzag(uint64_t n)
{
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

/* Make any valid body canonical: CRM_INVALID where it is not well-formed. packed scalars are left as they are. */
enum crm_status body_canonical(struct arena *arena, struct slice body, struct slice *out_body, struct failure *failure) MUST_CHECK;

/* A sorted set of field references. */
struct field_set {
    uint32_t *refs;
    size_t n;
};
bool field_set_has(const struct field_set *set, uint32_t ref);

/* What a patch asks for. All bodies canonical; lists in add and remove may be partial. */
struct body_patch {
    struct slice set;      /* fields that get a value; a list as a whole; custom values one by one */
    const uint32_t *clear; /* field references */
    size_t n_clear;
    struct slice add;      /* elements to add to lists: scalars unless already there; messages replace the one with the same id (their field 1) */
    struct slice remove;   /* elements to take out: scalars by value, messages by id */
};

/*
 * The body after a patch. kind says which tags are lists and which hold messages with ids. A field that is both cleared and set is set; an element
 * that is both added and removed stays. CRM_INVALID: elements for a field that is no list, a field that cannot be cleared.
 */
enum crm_status body_apply(const struct kind_def *kind, struct arena *arena, struct slice body, const struct body_patch *patch,
                           struct slice *out_body, struct failure *failure) MUST_CHECK;

/* The references of fields that differ, sorted; custom values by themselves. */
enum crm_status body_diff(struct arena *arena, struct slice before, struct slice after, struct field_set *out_changed) MUST_CHECK;

/* Only (keep) or all but (drop) the fields of a set. */
enum crm_status body_keep(struct arena *arena, struct slice body, const struct field_set *set, struct slice *out_body) MUST_CHECK;
enum crm_status body_drop(struct arena *arena, struct slice body, const struct field_set *set, struct slice *out_body) MUST_CHECK;

/* For each reference in changed: take it out of body, and put in what previous has of it: one step back in time. */
enum crm_status body_overlay(struct arena *arena, struct slice body, const struct field_set *changed, struct slice previous,
                             struct slice *out_body) MUST_CHECK;

#endif
