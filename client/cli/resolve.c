/*
 * resolve.c - see resolve.h
 *
 * Called by crm resolve; main thread. The order of choices and what they come to is common/rules/resolve.c's, which has the last word.
 */
#include "client/cli/resolve.h"

#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/select.h"
#include "client/cli/table.h"
#include "common/model/body.h"
#include "proto/codec.h"
#include "proto/records.pb-c.h"

static enum crm_status no_memory(const struct resolve *resolve)
{
    return fail(&resolve->cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

void resolve_init(struct resolve *resolve, struct cli *cli, const struct conflict_list *list)
{
    *resolve = (struct resolve){ .cli = cli, .kind = kind_def(list->items[0]->kind), .list = list, .rest = CRM__TAKE__TAKE_UNSET };
}

enum crm_status resolve_add(struct resolve *resolve, const Crm__Conflict *conflict, uint32_t field, Crm__Take take, ProtobufCBinaryData value)
{
    struct arena *arena = &resolve->cli->arena;
    Crm__ResolveChoice **more = arena_alloc(arena, (resolve->n + 1) * sizeof(*more)), *choice = arena_alloc(arena, sizeof(*choice));

    if (!more || !choice)
        return no_memory(resolve);
    if (resolve->n)
        memcpy(more, resolve->choices, resolve->n * sizeof(*more));
    crm__resolve_choice__init(choice);
    choice->has_field = choice->has_take = true;
    choice->field = field;
    choice->take = take;
    choice->has_conflict = conflict != NULL;
    if (conflict)
        choice->conflict = conflict->conflict;
    choice->has_value = take == CRM__TAKE__TAKE_VALUE;
    choice->value = value;
    more[resolve->n++] = choice;
    resolve->choices = more;
    return CRM_OK;
}

/* --- from words */

static bool is_in_conflict(const struct resolve *resolve, uint32_t ref)
{
    for (size_t i = 0; i < resolve->list->n; i++)
        for (size_t k = 0; k < resolve->list->items[i]->n_fields; k++)
            if (resolve->list->items[i]->fields[k]->field == ref)
                return true;
    return false;
}

/* "name, stage": what is. */
static const char *field_names(const struct resolve *resolve)
{
    const struct field_def *field;
    const char *text = "";

    for (size_t i = 0; text && (field = schema_field_at(resolve->cli->schema, resolve->kind, i)); i++)
        if (is_in_conflict(resolve, field->ref))
            text = arena_printf(&resolve->cli->arena, "%s%s%s", text, *text ? ", " : "", field->name);
    return text && *text ? text : "no field";
}

/* Is it in conflict, and named for the first time? */
static enum crm_status check_field(const struct resolve *resolve, const struct field_def *field, const char *name)
{
    struct failure *failure = &resolve->cli->failure;

    if (!field || !is_in_conflict(resolve, field->ref))
        return fail(failure, CRM_INVALID, name, "it is not in conflict there, but: %s", field_names(resolve));
    for (size_t i = 0; i < resolve->n; i++)
        if (resolve->choices[i]->field == field->ref)
            return fail(failure, CRM_USAGE, field->name, "it is named twice");
    return CRM_OK;
}

static enum crm_status take_fields(struct resolve *resolve, const char *names, Crm__Take take)
{
    struct cli *cli = resolve->cli;
    enum crm_status status = CRM_OK;

    for (const char *at = names; *at && !status;) {
        size_t size = strcspn(at, ",");
        const char *name = arena_strndup(&cli->arena, at, size);
        const struct field_def *field = name ? schema_field_by_name(cli->schema, resolve->kind, name) : NULL;

        if (!name)
            return no_memory(resolve);
        status = check_field(resolve, field, name);
        if (!status)
            status = resolve_add(resolve, NULL, field->ref, take, (ProtobufCBinaryData){ 0 });
        at += size + (at[size] == ',');
    }
    return status;
}

static enum crm_status take_option(struct resolve *resolve, const char *names, Crm__Take take)
{
    if (!names)
        return CRM_OK;
    if (*names)
        return take_fields(resolve, names, take);
    if (resolve->rest != CRM__TAKE__TAKE_UNSET)
        return fail(&resolve->cli->failure, CRM_USAGE, NULL, "--mine and --theirs: name the fields of one of them, --mine=name");
    resolve->rest = take;
    return CRM_OK;
}

/* One field's value out of a change, as a choice has it. */
static enum crm_status value_of(const struct resolve *resolve, const struct change *change, struct slice set, uint32_t ref, ProtobufCBinaryData *out_value)
{
    const struct field_set one = { .refs = &ref, .n = 1 };
    struct slice value = { 0 };
    enum crm_status status = CRM_OK;

    if (ref == HEADER_OWNER || ref == HEADER_TEAM) {
        value = slice_of(arena_memdup(&resolve->cli->arena, ref == HEADER_OWNER ? change->owner.bytes : change->team.bytes, UUID_SIZE), UUID_SIZE);
        status = value.data ? CRM_OK : CRM_NO_MEMORY;
    } else {
        status = body_keep(&resolve->cli->arena, set, &one, &value);
    }
    *out_value = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)value.data, .len = value.size };
    return status ? no_memory(resolve) : CRM_OK;
}

enum crm_status resolve_add_change(struct resolve *resolve, struct change *change, const Crm__Conflict *conflict)
{
    struct cli *cli = resolve->cli;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct slice set;
    enum crm_status status;

    if (change->add.n || change->remove.n)
        return fail(&cli->failure, CRM_USAGE, NULL, "say the whole value: tags=a tags=b");
    status = change_finish(change, false, &mutation, &cli->failure);
    if (!status && body_canonical(&cli->arena, slice_of(mutation.set.data, mutation.set.len), &set, &cli->failure))
        status = no_memory(resolve);
    for (size_t i = 0; i < change->n_given && !status; i++) {
        uint32_t ref = change->given[i];
        const struct field_def *field = schema_field(cli->schema, resolve->kind, ref);
        ProtobufCBinaryData value;

        if (!conflict)
            status = check_field(resolve, field, field ? field->name : "");
        if (!status)
            status = value_of(resolve, change, set, ref, &value);
        if (!status)
            status = resolve_add(resolve, conflict, ref, CRM__TAKE__TAKE_VALUE, value);
    }
    return status;
}

enum crm_status resolve_read(struct resolve *resolve, char *const *words, size_t n)
{
    struct cli *cli = resolve->cli;
    struct value_context context = cli_value_context(cli);
    struct change change;
    enum crm_status status = CRM_OK;

    change_init(&change, cli->schema, resolve->kind, &context, &cli->arena, select_resolve, cli);
    for (size_t i = 0; i < n && !status; i++)
        status = change_assign(&change, words[i], &cli->failure);
    if (!status)
        status = resolve_add_change(resolve, &change, NULL);
    if (!status)
        status = take_option(resolve, cli->options.mine, CRM__TAKE__TAKE_MINE);
    return status ? status : take_option(resolve, cli->options.theirs, CRM__TAKE__TAKE_THEIRS);
}

/* --- what it comes to */

Crm__Take resolve_choice(const struct resolve *resolve, const Crm__Conflict *conflict, uint32_t field, ProtobufCBinaryData *out_value)
{
    for (size_t i = 0; i < resolve->n; i++) {
        const Crm__ResolveChoice *choice = resolve->choices[i];

        if (choice->field == field && (!choice->has_conflict || slice_equal(slice_of(choice->conflict.data, choice->conflict.len),
                                                                            slice_of(conflict->conflict.data, conflict->conflict.len)))) {
            *out_value = choice->value;
            return choice->take;
        }
    }
    return resolve->rest;
}

void resolve_count(const struct resolve *resolve, size_t *out_settled, size_t *out_open)
{
    ProtobufCBinaryData value;

    *out_settled = *out_open = 0;
    for (size_t i = 0; i < resolve->list->n; i++) {
        const Crm__Conflict *conflict = resolve->list->items[i];

        for (size_t k = 0; k < conflict->n_fields || k == 0; k++) {
            uint32_t ref = conflict->n_fields ? conflict->fields[k]->field : 0;

            ++*(resolve_choice(resolve, conflict, ref, &value) ? out_settled : out_open);
        }
    }
}

/* What a field has and will have. */
struct outcome {
    const Crm__Conflict *conflict;
    const Crm__FieldConflict *values; /* of the newest conflict that is settled */
    ProtobufCBinaryData then;
    bool is_open, is_written;
};

/* A later conflict's wish takes the place of an earlier one's. */
static struct outcome outcome_of(const struct resolve *resolve, uint32_t ref)
{
    struct outcome outcome = { .values = NULL };

    for (size_t i = 0; i < resolve->list->n; i++) {
        const Crm__Conflict *conflict = resolve->list->items[i];

        for (size_t k = 0; k < conflict->n_fields; k++) {
            const Crm__FieldConflict *values = conflict->fields[k];
            ProtobufCBinaryData value = { 0 };
            Crm__Take take = values->field == ref ? resolve_choice(resolve, conflict, ref, &value) : CRM__TAKE__TAKE_UNSET;

            if (values->field != ref)
                continue;
            outcome.conflict = conflict;
            outcome.values = values;
            outcome.is_open = outcome.is_open || take == CRM__TAKE__TAKE_UNSET;
            if (take == CRM__TAKE__TAKE_MINE || take == CRM__TAKE__TAKE_VALUE) {
                outcome.is_written = true;
                outcome.then = take == CRM__TAKE__TAKE_MINE ? values->mine : value;
            }
        }
    }
    return outcome;
}

static enum crm_status outcome_row(const struct resolve *resolve, struct table *table, const struct field_def *field)
{
    struct outcome outcome = outcome_of(resolve, field->ref);
    struct cli *cli = resolve->cli;
    const char *stays = outcome.is_open ? cli_label(cli, "(stays open)", "(未决)") : cli_label(cli, "(as it is)", "(不变)");
    const char *cells[3] = { display_field_label(cli, field) }, *colours[3] = { NULL };

    if (!outcome.values)
        return CRM_OK;
    cells[1] = conflict_value_text(cli, outcome.conflict, field->ref, outcome.values->has_theirs, outcome.values->theirs);
    cells[2] = outcome.is_written ? conflict_value_text(cli, outcome.conflict, field->ref, true, outcome.then) : stays;
    colours[2] = outcome.is_written ? TABLE_MINE : NULL;
    return table_row_coloured(table, cells, colours);
}

static enum crm_status fill_outcome(const struct resolve *resolve, struct table *table)
{
    struct cli *cli = resolve->cli;
    const struct field_def *field;
    enum crm_status status = table_column(table, cli_label(cli, "field", "字段"), 0);

    if (!status)
        status = table_column(table, cli_label(cli, "now", "现值"), TABLE_WRAP);
    if (!status)
        status = table_column(table, cli_label(cli, "then", "改后"), TABLE_WRAP);
    for (size_t i = 0; !status && (field = schema_field_at(cli->schema, resolve->kind, i)); i++)
        status = outcome_row(resolve, table, field);
    return status ? status : table_flush(table);
}

enum crm_status resolve_show(const struct resolve *resolve)
{
    struct table *table = table_create(stdout, resolve->cli->colour);
    enum crm_status status = table ? fill_outcome(resolve, table) : CRM_NO_MEMORY;

    table_destroy(table);
    return status ? no_memory(resolve) : CRM_OK;
}

enum crm_status resolve_finish(const struct resolve *resolve, Crm__Mutation *mutation)
{
    static char action[] = "resolve";
    Crm__ResolveArgument argument = CRM__RESOLVE_ARGUMENT__INIT;
    struct slice packed;

    argument.choices = resolve->choices;
    argument.n_choices = resolve->n;
    argument.has_take = resolve->rest != CRM__TAKE__TAKE_UNSET;
    argument.take = resolve->rest;
    if (codec_pack(&argument.base, &resolve->cli->arena, &packed) != CRM_OK)
        return no_memory(resolve);
    mutation->has_verb = mutation->has_argument = true;
    mutation->verb = CRM__VERB__VERB_ACTION;
    mutation->action = action;
    mutation->argument = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return CRM_OK;
}
