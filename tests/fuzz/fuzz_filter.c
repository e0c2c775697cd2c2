/*
 * fuzz_filter.c - libFuzzer: filters as typed and filters from the wire
 *
 * The first byte chooses. 'w': a packed CountRequest, whose filter must be refused or mean the same
 * after a way to the wire and back. Anything else: a text, which must be refused with a place
 * inside it, or go to the wire and back unchanged. What is accepted is also evaluated.
 */
#include <stdlib.h>
#include <time.h>

#include "common/model/filter.h"

#define MEMORY (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct schema *schema;

static const struct value_context context = { .currency = "CNY",
                                              .today = 17120,
                                              .now_us = INT64_C(1479200400000000) };

/* Made once: a field of each custom type that filters treat by itself. */
static void prepare(void)
{
    static char *choices[] = { (char *)"North", (char *)"South" };
    Crm__FieldDefinition definition = CRM__FIELD_DEFINITION__INIT;

    if (schema)
        return;
    setenv("TZ", "Asia/Shanghai", 1);
    tzset();
    if (schema_create(&schema) != CRM_OK)
        abort();
    definition.kind = (char *)"deal";
    definition.name = (char *)"region";
    definition.has_type = 1;
    definition.type = CRM__FIELD_TYPE__FIELD_TYPE_MULTI_CHOICE;
    definition.n_choices = ARRAY_LEN(choices);
    definition.choices = choices;
    definition.has_number = 1;
    definition.number = 1;
    if (schema_add(schema, &definition, NULL) != CRM_OK)
        abort();
}

/* A view whose text is what stands behind "@@" in the input, so that it may refer to itself. */
static const char *view_text(void *arg, const char *name)
{
    const char *behind = strstr(arg, "@@");

    return behind && name[0] != '-' ? behind + 2 : NULL;
}

/* Every reference leads to a record without a body. */
static bool empty_record(void *arg, enum kind kind, const struct uuid *id,
                         struct record *out_record)
{
    (void)arg;
    (void)id;
    *out_record = (struct record){ .header = { .kind = kind } };
    return true;
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a->type == b->type && slice_equal(a->text, b->text) && a->integer == b->integer &&
           strcmp(a->currency, b->currency) == 0 && a->has_company == b->has_company &&
           a->company_minor == b->company_minor && uuid_equal(&a->ref, &b->ref) &&
           a->special == b->special;
}

static bool same_node(const struct filter_node *a, const struct filter_node *b)
{
    if (a->op != b->op || a->field != b->field || a->through != b->through ||
        a->n_values != b->n_values || a->jump != b->jump || a->jump_on != b->jump_on ||
        a->named_currency != b->named_currency)
        return false;
    for (size_t i = 0; i < a->n_values; i++) {
        if (!same_value(&a->values[i], &b->values[i]) ||
            (a->folded && !slice_equal(a->folded[i], b->folded[i])))
            return false;
    }
    return true;
}

/* To the wire and back it is the same; it can be evaluated. */
static void check(const struct filter *filter, struct arena *arena)
{
    struct record record = { .header = { .kind = filter->kind->kind, .number = 17 },
                             .body = slice_text("\x0a\x04"
                                                "acme\x22\x03Won") };
    struct filter again;
    Crm__FilterNode **nodes;
    size_t n;

    if (filter_to_wire(filter, arena, &n, &nodes) != CRM_OK ||
        filter_from_wire(schema, filter->kind, n, nodes, arena, &again, NULL) != CRM_OK)
        abort();
    if (again.n != filter->n)
        abort();
    for (size_t i = 0; i < again.n; i++) {
        if (!same_node(&filter->nodes[i], &again.nodes[i]))
            abort();
    }
    if (filter_matches(filter, &record, empty_record, NULL, arena) !=
        filter_matches(&again, &record, empty_record, NULL, arena))
        abort();
}

static void fuzz_wire(const uint8_t *data, size_t size, struct arena *arena)
{
    Crm__CountRequest *request = crm__count_request__unpack(&arena->protobuf, size, data);
    struct filter filter;

    if (request && filter_from_wire(schema, kind_def(KIND_DEAL), request->n_filter, request->filter,
                                    arena, &filter, NULL) == CRM_OK)
        check(&filter, arena);
}

static void fuzz_text(const uint8_t *data, size_t size, struct arena *arena)
{
    char *text = arena_strndup(arena, data, size);
    struct failure failure = { 0 };
    struct sort_key keys[SORT_KEYS_MAX];
    struct filter filter;
    size_t n;

    if (!text)
        return;
    if (filter_parse(schema, kind_def(KIND_DEAL), text, &context, view_text, text, arena, &filter,
                     &failure) == CRM_OK)
        check(&filter, arena);
    else if (failure.position < 0 || (size_t)failure.position > strlen(text))
        abort();
    if (sort_parse(schema, kind_def(KIND_DEAL), text, keys, &n, NULL) == CRM_OK &&
        n > SORT_KEYS_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    if (size == 0)
        return 0;
    prepare();
    arena_init(&arena, MEMORY);
    if (data[0] == 'w')
        fuzz_wire(data + 1, size - 1, &arena);
    else
        fuzz_text(data, size, &arena);
    arena_fini(&arena);
    return 0;
}
