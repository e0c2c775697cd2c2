/*
 * value.h - one value of one field, whatever its type; borrowed, never owning
 */
#ifndef CRM_MODEL_VALUE_H
#define CRM_MODEL_VALUE_H

#include "common/base/arena.h"
#include "common/base/money.h"
#include "common/base/uuid.h"
#include "common/model/kind.h"
#include "proto/wire.pb-c.h"

/* Operands that the server binds for the session. On the wire (Value.special). */
enum value_special { VALUE_PLAIN = 0, VALUE_ME = 1, VALUE_MY_TEAM = 2 };

struct value {
    enum field_type type;  /* FIELD_NONE: there is no value */
    struct slice text;     /* TEXT, custom CHOICE */
    int64_t integer;       /* INTEGER, DECIMAL, DATE, INSTANT, BOOLEAN, CHOICE; MONEY: minor units */
    char currency[4];      /* MONEY */
    int64_t company_minor; /* MONEY: in the company's currency; has_company says if it is known */
    bool has_company;
    struct uuid ref;       /* REFERENCE, ID; MONEY: the rate's record, nil where none was needed or known */
    enum value_special special;
};

/* -1, 0, 1; text is compared folded by the caller's choice: here by bytes. Money by company value where both have one and the currencies differ. Missing
 * values come last. */
int value_compare(const struct value *a, const struct value *b);

/*
 * What a person typed, for a field: choices by name or label, money with fallback currency, days and instants relative to now, booleans
 * yes/no/true/false/是/否. A reference must be an id or "me" / "my team" here (names are for the caller to look up): otherwise CRM_NOT_FOUND with type TEXT and the text set.
 * today and now are the caller's. The value borrows text (or the arena).
 */
struct value_context {
    const char *currency; /* of amounts that name none */
    int32_t today;
    int64_t now_us;
};
enum crm_status value_parse(const struct field_def *field, struct slice text, const struct value_context *context, struct arena *arena,
                            struct value *out_value, struct failure *failure) MUST_CHECK;

/* The plain form, the same in every locale: what JSON and CSV show and value_parse takes back. References as ids. Lives in the arena; empty for none; NULL when memory is spent. */
const char *value_format(const struct field_def *field, const struct value *value, struct arena *arena);

/* To the wire's Value, in the arena; one without a value when memory is spent, which the other side refuses. From it: slices are shared, not copied. */
void value_to_wire(const struct value *value, Crm__Value *out_wire, struct arena *arena);
enum crm_status value_from_wire(const struct field_def *field, const Crm__Value *wire, struct value *out_value, struct failure *failure) MUST_CHECK;

#endif
