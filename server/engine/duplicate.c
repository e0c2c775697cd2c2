/*
 * duplicate.c - see duplicate.h
 */
#include "server/engine/duplicate.h"

#include "common/base/calendar.h"

#define VALUES_MAX 64 /* of one record; what is beyond is not compared */

struct rule {
    const char *field; /* of a group: each of its members has a rule */
    enum match_field as;
};

struct kind_rules {
    enum kind kind;
    enum match_type type;
    const struct rule *rules;
    size_t n;
};

static const struct rule customer_rules[] = {
    { "name", MATCH_NAME },     { "legal_name", MATCH_NAME }, { "registration_number", MATCH_KEY },
    { "phones", MATCH_PHONE },  { "emails", MATCH_MAIL },     { "web", MATCH_WEB },
    { "addresses", MATCH_ADDRESS },
};

static const struct rule contact_rules[] = {
    { "name", MATCH_NAME },    { "given", MATCH_GIVEN }, { "family", MATCH_FAMILY },
    { "phones", MATCH_PHONE }, { "emails", MATCH_MAIL }, { "birthday", MATCH_BIRTH },
};

static const struct rule address_rules[] = {
    { "lines", MATCH_ADDRESS }, { "city", MATCH_CITY }, { "province", MATCH_REGION }, { "postcode", MATCH_POSTCODE },
};

static const struct kind_rules kinds[] = {
    { KIND_CUSTOMER, MATCH_ORGANISATION, customer_rules, ARRAY_LEN(customer_rules) },
    { KIND_CONTACT, MATCH_PERSON, contact_rules, ARRAY_LEN(contact_rules) },
};

static void plan_field(struct duplicate_plan *plan, const struct field_def *field, enum match_field as)
{
    if (!field || plan->n == DUPLICATE_FIELDS_MAX)
        return;
    plan->fields[plan->n].field = field;
    plan->fields[plan->n++].as = as;
}

bool duplicate_plan(const struct schema *schema, const struct kind_def *kind, struct duplicate_plan *out_plan)
{
    const struct kind_rules *rules = NULL;
    const struct field_def *field;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].kind == kind->kind)
            rules = &kinds[i];
    }
    if (!rules)
        return false;
    out_plan->type = rules->type;
    out_plan->n = 0;
    for (size_t i = 0; i < rules->n; i++)
        plan_field(out_plan, schema_field_by_name(schema, kind, rules->rules[i].field), rules->rules[i].as);
    for (size_t i = 0; (field = schema_field_at(schema, kind, i)); i++) {
        if ((field->flags & FIELD_CUSTOM) && (field->flags & FIELD_UNIQUE)) /* keys of other systems */
            plan_field(out_plan, field, MATCH_KEY);
    }
    return true;
}

/* Values of one record on their way into the set. */
struct gather {
    struct match_value values[VALUES_MAX];
    size_t n;
    enum match_field as;
    const struct field_def *field;
    struct arena *arena;
    enum crm_status status;
};

static bool gather_value(void *arg, const struct value *value)
{
    struct gather *gather = arg;
    const char *text = value->type == FIELD_TEXT ? NULL : value_format(gather->field, value, gather->arena);
    struct slice slice = value->type == FIELD_TEXT ? value->text : slice_text(text);

    if (value->type != FIELD_TEXT && !text)
        gather->status = CRM_NO_MEMORY;
    if (slice.size && gather->n < VALUES_MAX)
        gather->values[gather->n++] = (struct match_value){ gather->as, slice };
    return gather->status == CRM_OK;
}

static bool gather_address(void *arg, struct slice element)
{
    struct gather *gather = arg;

    for (size_t i = 0; i < gather->field->n_members; i++) {
        const struct field_def *member = &gather->field->members[i];
        struct value value;

        for (size_t rule = 0; rule < ARRAY_LEN(address_rules); rule++) {
            if (strcmp(member->name, address_rules[rule].field) != 0 || gather->n == VALUES_MAX || !reflect_member(member, element, &value))
                continue;
            gather->values[gather->n++] = (struct match_value){ address_rules[rule].as, value.text };
        }
    }
    return true;
}

enum crm_status duplicate_add(const struct duplicate_plan *plan, const struct record *record, struct arena *scratch, struct match_set *set)
{
    struct gather gather = { .arena = scratch, .status = CRM_OK };

    for (size_t i = 0; i < plan->n && gather.status == CRM_OK; i++) {
        gather.field = plan->fields[i].field;
        gather.as = plan->fields[i].as;
        if (gather.field->type == FIELD_GROUP)
            reflect_each_element(gather.field, record, gather_address, &gather);
        else
            reflect_each(gather.field, record, gather_value, &gather);
    }
    return gather.status == CRM_OK ? match_add(set, gather.values, gather.n) : gather.status;
}
