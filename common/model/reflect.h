/*
 * reflect.h - a field of a record by its definition: built-in, header and custom alike; nothing else reads descriptors
 */
#ifndef CRM_MODEL_REFLECT_H
#define CRM_MODEL_REFLECT_H

#include "common/model/body.h"
#include "common/model/record.h"
#include "common/model/value.h"

/* Called for each value of a field (a list has several); false stops. */
typedef bool reflect_visit(void *arg, const struct value *value);

/* The first (or only) value; false, with type FIELD_NONE, if there is none. Reads the packed bytes directly: for scans. */
bool reflect_get(const struct field_def *field, const struct record *record, struct value *out_value);
/* All values of a field in order. Of a group: not called (see reflect_each_element). */
void reflect_each(const struct field_def *field, const struct record *record, reflect_visit *visit, void *arg);

/* Called with each element of a group field: its packed message. */
typedef bool reflect_element(void *arg, struct slice element);
void reflect_each_element(const struct field_def *field, const struct record *record, reflect_element *visit, void *arg);
/* A member's value from an element. */
bool reflect_member(const struct field_def *member, struct slice element, struct value *out_value);

/*
 * Building a body field by field: append values (of a list: several) in any order, then take the canonical body.
 * For the command line, import and rules.
 */
struct body_builder {
    struct arena *arena;
    struct slice *parts; /* raw fields */
    size_t n, capacity;
    enum crm_status status; /* the first failure; checked once at the end */
};
void body_builder_init(struct body_builder *builder, struct arena *arena);
void body_builder_add(struct body_builder *builder, const struct field_def *field, const struct value *value);
/* An element of a group, packed. */
void body_builder_add_element(struct body_builder *builder, const struct field_def *field, struct slice element);
enum crm_status body_builder_finish(struct body_builder *builder, struct slice *out_body) MUST_CHECK;

#endif
