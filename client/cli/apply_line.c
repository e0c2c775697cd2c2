/*
 * apply_line.c - see apply_line.h
 *
 * Called by crm apply; main thread.
 */
#include "client/cli/apply_line.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/change.h"
#include "client/cli/mutate.h"
#include "client/cli/select.h"
#include "common/base/calendar.h"
#include "proto/codec.h"

/* --- temporary names: a table that grows */

struct name {
    char *text;
    enum kind kind;
    struct uuid id;
    uint64_t line;   /* where it was given */
    bool is_certain; /* false: of an upsert that has not been answered: id is the one that it proposed, */
    bool is_past;    /* or that an earlier run has sent: */
    char *found_by;  /* it was to be found by this value */
};

/* One that an upsert has given, by its line: the answer says whose it is. */
struct open_name {
    uint64_t line;
    const char *text; /* the name's own */
};

struct apply_names {
    struct name *slots; /* open addressing; text NULL: free */
    size_t n, capacity; /* a power of two */
    struct open_name *open;
    size_t n_open, open_capacity;
};

static size_t hash_text(const char *text)
{
    size_t hash = 1469598103934665603u; /* FNV-1a */

    while (*text)
        hash = (hash ^ (unsigned char)*text++) * 1099511628211u;
    return hash;
}

static struct name *slot_of(const struct apply_names *names, const char *text)
{
    size_t at = hash_text(text) & (names->capacity - 1);

    while (names->slots[at].text && strcmp(names->slots[at].text, text) != 0)
        at = (at + 1) & (names->capacity - 1);
    return &names->slots[at];
}

static bool grow(struct apply_names *names)
{
    struct apply_names larger = *names;

    larger.capacity = names->capacity ? names->capacity * 2 : 64;
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slots[i].text)
            *slot_of(&larger, names->slots[i].text) = names->slots[i];
    free(names->slots);
    *names = larger;
    return true;
}

static void drop_name(struct name *name)
{
    free(name->text);
    free(name->found_by);
    *name = (struct name){ .text = NULL };
}

/* Lines come in order, so the list is sorted. */
static bool remember_open(struct apply_names *names, const struct name *name)
{
    struct open_name *larger;

    if (names->n_open == names->open_capacity) {
        names->open_capacity = names->open_capacity ? names->open_capacity * 2 : 64;
        larger = realloc(names->open, names->open_capacity * sizeof(*larger));
        if (!larger)
            return false;
        names->open = larger;
    }
    names->open[names->n_open++] = (struct open_name){ .line = name->line, .text = name->text };
    return true;
}

static enum crm_status add_name(struct apply_names *names, const struct name *name, struct failure *failure)
{
    struct name *slot;

    if (names->n * 4 >= names->capacity * 3 && !grow(names))
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    slot = slot_of(names, name->text);
    if (slot->text)
        return fail(failure, CRM_INVALID, "$as", "line %llu has the name '%s' already", (unsigned long long)slot->line, name->text);
    *slot = *name;
    slot->text = strdup(name->text);
    slot->found_by = name->found_by ? strdup(name->found_by) : NULL;
    if (!slot->text || (name->found_by && !slot->found_by)) {
        drop_name(slot);
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    names->n++;
    return slot->is_certain || remember_open(names, slot) ? CRM_OK : fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status apply_init(struct apply *apply, struct cli *cli, struct feed *feed)
{
    *apply = (struct apply){ .cli = cli, .feed = feed, .seed = uuid_create(), .names = calloc(1, sizeof(*apply->names)) };
    if (!apply->names)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return grow(apply->names) ? CRM_OK : fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

void apply_fini(struct apply *apply)
{
    if (!apply->names)
        return;
    for (size_t i = 0; i < apply->names->capacity; i++)
        drop_name(&apply->names->slots[i]);
    free(apply->names->slots);
    free(apply->names->open);
    free(apply->names);
}

/* --- what a line says besides fields */

struct words {
    const char *action, *kind, *record, *by, *as, *clear;
    json_t *with;
};

static const char *special(struct words *words, const char *key, const char ***out_word)
{
    static const struct {
        const char *key;
        size_t offset;
    } keys[] = {
        { "$do", offsetof(struct words, action) }, { "kind", offsetof(struct words, kind) },   { "$record", offsetof(struct words, record) },
        { "$by", offsetof(struct words, by) },     { "$as", offsetof(struct words, as) },      { "$clear", offsetof(struct words, clear) },
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (strcmp(keys[i].key, key) == 0) {
            *out_word = (const char **)((char *)words + keys[i].offset);
            return keys[i].key;
        }
    return NULL;
}

static bool is_passed_over(const char *key)
{
    return strncmp(key, "$rejected", 9) == 0;
}

static enum crm_status read_object_words(json_t *object, struct words *words, struct failure *failure)
{
    const char *key, **word;
    json_t *json;

    if (!json_is_object(object))
        return fail(failure, CRM_INVALID, NULL, "a line must be a JSON object");
    json_object_foreach(object, key, json)
    {
        if (strcmp(key, "$with") == 0)
            words->with = json;
        else if (special(words, key, &word) && json_is_string(json))
            *word = json_string_value(json);
        else if (*key == '$' && !is_passed_over(key))
            return fail(failure, CRM_INVALID, key, "$do, $record, $by, $as, $with and $clear are known, with texts");
    }
    return CRM_OK;
}

static enum crm_status read_row_words(const struct import_row *row, struct arena *arena, struct words *words, struct failure *failure)
{
    for (size_t i = 0; i < row->n_cells; i++) {
        const char **word;

        if (row->cells[i].size == 0)
            continue;
        if (special(words, row->names[i], &word)) {
            *word = arena_strndup(arena, row->cells[i].data, row->cells[i].size);
            if (!*word)
                return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
        } else if (*row->names[i] == '$' && !is_passed_over(row->names[i])) {
            return fail(failure, CRM_INVALID, row->names[i], "$do, $record, $by, $as and $clear are known");
        }
    }
    return CRM_OK;
}

/* --- which record, and which others it refers to */

struct line {
    struct apply *apply;
    const struct import_row *row;
    uint64_t n;
    bool is_past;
    struct arena *arena;
    struct words words;
    const struct kind_def *kind;
    struct failure *failure;
};

static enum crm_status named(struct line *line, enum kind kind, const char *text, struct uuid *out_id)
{
    struct name *name = slot_of(line->apply->names, text + 1);
    enum crm_status status;

    if (!name->text)
        return fail(line->failure, CRM_INVALID, NULL, "no earlier line has the name '%s'", text);
    if (kind != KIND_NONE && name->kind != kind)
        return fail(line->failure, CRM_INVALID, NULL, "'%s' is a %s", text, kind_def(name->kind)->name);
    if (!name->is_certain && !line->is_past && !name->is_past)
        return fail(line->failure, CRM_BUSY, NULL, "'%s' has not been answered yet", text);
    if (!name->is_certain && !line->is_past) {
        status = select_resolve(line->apply->cli, name->kind, name->found_by ? name->found_by : "", &name->id, line->failure);
        if (status)
            return status;
        name->is_certain = true;
    }
    *out_id = name->id;
    return CRM_OK;
}

/* A change_resolve. */
static enum crm_status resolve(void *arg, enum kind kind, const char *text, struct uuid *out_id, struct failure *failure)
{
    struct line *line = arg;
    enum crm_status status;

    if (*text == '@')
        return named(line, kind, text, out_id);
    if (line->is_past) {
        *out_id = (struct uuid){ .bytes = { 1 } }; /* it is not sent */
        return CRM_OK;
    }
    status = select_resolve(line->apply->cli, kind, text, out_id, failure);
    return status == CRM_NOT_FOUND && line->apply->may_wait ? CRM_BUSY : status;
}

static enum crm_status find_kind(struct line *line)
{
    const char *word = line->words.kind;

    line->kind = word ? kind_find(word) : line->apply->kind;
    if (line->kind)
        return CRM_OK;
    if (word)
        return fail(line->failure, CRM_INVALID, "kind", "there is no kind '%s'", word);
    return fail(line->failure, CRM_INVALID, "kind", "say of which kind it is, here or by --kind");
}

static enum crm_status put_id(struct line *line, Crm__Mutation *mutation, const struct uuid *id)
{
    const struct uuid *copy = arena_memdup(line->arena, id, sizeof(*id));

    if (!copy)
        return fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");
    mutation_set_id(mutation, copy);
    return CRM_OK;
}

/* A number is looked up by the server, with the change itself; names are asked for. */
static enum crm_status find_record(struct line *line, Crm__Mutation *mutation)
{
    const struct kind_def *kind = line->kind;
    const char *text = line->words.record;
    struct uuid id;
    uint64_t number;
    enum crm_status status;

    if (!text)
        return fail(line->failure, CRM_INVALID, "$record", "say which record is meant");
    if (record_number_parse(text, &kind, &number) && !(number & RECORD_NUMBER_LOCAL)) {
        mutation->has_record_number = true;
        mutation->record_number = number;
        return CRM_OK;
    }
    if (uuid_parse(text, &id))
        return put_id(line, mutation, &id);
    status = resolve(line, line->kind->kind, text, &id, line->failure);
    return status ? status : put_id(line, mutation, &id);
}

/* --- fields */

static enum crm_status field_value(struct change *change, const char *key, json_t *json, struct failure *failure)
{
    enum change_op op = *key == '+' ? CHANGE_ADD : *key == '-' ? CHANGE_REMOVE : CHANGE_SET;
    const struct field_def *field = schema_field_by_name(change->schema, change->kind, op == CHANGE_SET ? key : key + 1);

    if (!field)
        return fail(failure, CRM_INVALID, key, "a %s has no such field", change->kind->name);
    if (json_is_null(json))
        return change_text(change, field, CHANGE_SET, (struct slice){ 0 }, failure);
    return change_json_field(change, field, op, json, failure);
}

static enum crm_status object_fields(struct line *line, struct change *change, bool is_create)
{
    json_t *fields = json_object(), *json;
    const char *key;
    enum crm_status status = fields ? CRM_OK : fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");

    json_object_foreach(line->row->object, key, json)
    {
        if (status || *key == '$' || strcmp(key, "kind") == 0 || strcmp(key, "id") == 0)
            continue;
        if (*key == '+' || *key == '-' || (json_is_null(json) && !is_create))
            status = field_value(change, key, json, line->failure);
        else if (json_object_set(fields, key, json) != 0)
            status = fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");
    }
    if (!status)
        status = change_json(change, fields, line->failure);
    json_decref(fields);
    return status;
}

/* A cell of a CSV row as it was before it was made safe for spreadsheets. */
static struct slice cell_of(const struct line *line, size_t i)
{
    return line->apply->is_raw ? line->row->cells[i] : csv_unsafe(line->row->cells[i]);
}

static enum crm_status row_fields(struct line *line, struct change *change)
{
    const struct import_row *row = line->row;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < row->n_cells && !status; i++) {
        const char *name = row->names[i];
        enum change_op op = *name == '+' ? CHANGE_ADD : *name == '-' ? CHANGE_REMOVE : CHANGE_SET;
        const struct field_def *field = schema_field_by_name(change->schema, line->kind, op == CHANGE_SET ? name : name + 1);
        bool is_fixed = field && field->flags & (FIELD_HEADER | FIELD_DERIVED) && field->ref != HEADER_OWNER && field->ref != HEADER_TEAM;

        if (*name == '$' || strcmp(name, "kind") == 0 || row->cells[i].size == 0 || is_fixed)
            continue;
        if (strcmp(name, CHANGE_HAPPENED) == 0 && !field)
            status = change_happened(change, cell_of(line, i), line->failure);
        else if (!field)
            status = fail(line->failure, CRM_INVALID, name, "a %s has no such field", line->kind->name);
        else
            status = (op == CHANGE_SET ? change_list(change, field, cell_of(line, i), line->failure)
                                       : change_text(change, field, op, cell_of(line, i), line->failure));
    }
    return status;
}

static enum crm_status clear_fields(struct line *line, struct change *change)
{
    char *names = line->words.clear ? arena_strdup(line->arena, line->words.clear) : NULL, *rest = NULL;
    enum crm_status status = CRM_OK;

    for (char *name = names ? strtok_r(names, ";", &rest) : NULL; name && !status; name = strtok_r(NULL, ";", &rest)) {
        const struct field_def *field = schema_field_by_name(change->schema, line->kind, name);

        status = field ? change_text(change, field, CHANGE_SET, (struct slice){ 0 }, line->failure)
                       : fail(line->failure, CRM_INVALID, name, "a %s has no such field", line->kind->name);
    }
    return status;
}

static enum crm_status read_fields(struct line *line, bool is_create, Crm__Mutation *mutation)
{
    struct value_context context = cli_value_context(line->apply->cli);
    struct change change;
    enum crm_status status;

    change_init(&change, line->apply->cli->schema, line->kind, &context, line->arena, resolve, line);
    status = line->row->object ? object_fields(line, &change, is_create) : row_fields(line, &change);
    if (!status)
        status = clear_fields(line, &change);
    if (!status)
        status = change_finish(&change, is_create, mutation, line->failure);
    return status ? status : change_finish_owner(&change, mutation, line->failure);
}

/* --- what is to be done */

/* The text under a field's name in this row; NULL: there is none. */
static const char *text_of(const struct line *line, const char *name)
{
    const struct import_row *row = line->row;

    if (row->object)
        return json_string_value(json_object_get(row->object, name));
    for (size_t i = 0; i < row->n_cells; i++)
        if (strcmp(row->names[i], name) == 0) {
            struct slice cell = cell_of(line, i);

            return cell.size ? arena_strndup(line->arena, cell.data, cell.size) : NULL;
        }
    return NULL;
}

static enum crm_status give_name(struct line *line, const struct uuid *id, const char *by, bool is_certain)
{
    struct name name = { .text = (char *)(uintptr_t)line->words.as,
                         .kind = line->kind->kind,
                         .id = *id,
                         .line = line->row->line,
                         .is_certain = is_certain,
                         .is_past = line->is_past,
                         .found_by = (char *)(uintptr_t)(line->words.record ? line->words.record : by ? text_of(line, by) : NULL) };

    return name.text ? add_name(line->apply->names, &name, line->failure) : CRM_OK;
}

/* The id of a new record: the row's own, or one that follows from the job and the row. */
static enum crm_status new_id(struct line *line, struct uuid *out_id)
{
    const char *own = line->row->object ? json_string_value(json_object_get(line->row->object, "id")) : NULL;
    struct apply *apply = line->apply;

    *out_id = apply->feed ? feed_id(apply->feed, line->n) : mutate_nth_id(apply->seed.bytes, apply->seed.bytes, line->n);
    if (own && !uuid_parse(own, out_id))
        return fail(line->failure, CRM_INVALID, "id", "it is not an id");
    return CRM_OK;
}

static enum crm_status make(struct line *line, bool is_upsert, Crm__Mutation *mutation)
{
    const char *by = line->words.by ? line->words.by : line->apply->by;
    const struct field_def *field = by ? schema_field_by_name(line->apply->cli->schema, line->kind, by) : NULL;
    struct uuid id;
    enum crm_status status = new_id(line, &id);

    mutation->verb = is_upsert ? CRM__VERB__VERB_UPSERT : CRM__VERB__VERB_CREATE;
    if (!status && is_upsert && by && !field)
        return fail(line->failure, CRM_INVALID, "$by", "a %s has no field '%s'", line->kind->name, by);
    if (!status && is_upsert && line->words.record)
        status = find_record(line, mutation);
    else if (!status)
        status = put_id(line, mutation, &id);
    if (is_upsert && field) {
        mutation->has_match = true;
        mutation->match = field->ref;
    }
    if (!status)
        status = read_fields(line, true, mutation);
    return status ? status : give_name(line, &id, by, !is_upsert);
}

static enum crm_status update(struct line *line, Crm__Mutation *mutation)
{
    enum crm_status status = find_record(line, mutation);

    mutation->verb = CRM__VERB__VERB_PATCH;
    return status ? status : read_fields(line, false, mutation);
}

/* What $with may hold. Whether a kind has the action the server says. */
static const struct action {
    const char *name;
    const ProtobufCMessageDescriptor *argument;
} actions[] = {
    { "assign", &crm__assign_argument__descriptor }, { "share", &crm__share_argument__descriptor },
    { "restore", NULL },                             { "move", &crm__move_argument__descriptor },
    { "reopen", &crm__move_argument__descriptor },   { "disable", &crm__disable_argument__descriptor },
};

/* An id stands for a user, unless the argument says team. */
static enum crm_status argument_id(struct line *line, const char *name, const char *text, ProtobufCBinaryData *out_bytes)
{
    enum kind kind = strcmp(name, "team") == 0 ? KIND_TEAM : KIND_USER;
    struct uuid id, *copy;
    enum crm_status status = resolve(line, kind, text, &id, line->failure);

    if (status)
        return status;
    copy = arena_memdup(line->arena, &id, sizeof(id));
    *out_bytes = (ProtobufCBinaryData){ .data = copy ? copy->bytes : NULL, .len = UUID_SIZE };
    return copy ? CRM_OK : fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

static enum crm_status set_argument(struct line *line, ProtobufCMessage *argument, const ProtobufCFieldDescriptor *field, json_t *json)
{
    struct value_context context = cli_value_context(line->apply->cli);
    char *at = (char *)argument + field->offset;
    const char *text = json_string_value(json);
    struct day_range days;
    enum crm_status status = CRM_OK;

    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset)
        *(protobuf_c_boolean *)((char *)argument + field->quantifier_offset) = true;
    if (field->type == PROTOBUF_C_TYPE_STRING && text)
        *(char **)at = arena_strdup(line->arena, text);
    else if (field->type == PROTOBUF_C_TYPE_BYTES && text)
        status = argument_id(line, field->name, text, (ProtobufCBinaryData *)at);
    else if (field->type == PROTOBUF_C_TYPE_BOOL && json_is_boolean(json))
        *(protobuf_c_boolean *)at = json_is_true(json);
    else if (field->type == PROTOBUF_C_TYPE_SINT32 && text && !(status = day_parse(slice_text(text), context.today, &days, line->failure)))
        *(int32_t *)at = days.first;
    else if (field->type == PROTOBUF_C_TYPE_SINT64 && text)
        status = instant_parse(slice_text(text), context.now_us, (int64_t *)at, line->failure);
    else if (!status)
        status = fail(line->failure, CRM_INVALID, field->name, "not a value for this");
    return status;
}

static enum crm_status read_argument(struct line *line, const struct action *action, Crm__Mutation *mutation)
{
    ProtobufCMessage *argument = action->argument ? arena_zalloc(line->arena, action->argument->sizeof_message) : NULL;
    struct slice packed;
    const char *key;
    json_t *json;
    enum crm_status status = CRM_OK;

    if (!action->argument)
        return line->words.with ? fail(line->failure, CRM_INVALID, "$with", "the action takes nothing") : CRM_OK;
    if (!argument)
        return fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");
    protobuf_c_message_init(action->argument, argument);
    json_object_foreach(line->words.with, key, json)
    {
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(action->argument, key);

        if (!status)
            status = field && field->label != PROTOBUF_C_LABEL_REPEATED ? set_argument(line, argument, field, json)
                                                                         : fail(line->failure, CRM_INVALID, key, "the action takes no such argument");
    }
    if (!status && codec_pack(argument, line->arena, &packed) != CRM_OK)
        status = fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (status)
        return status;
    mutation->has_argument = true;
    mutation->argument = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)packed.data, .len = packed.size };
    return CRM_OK;
}

static enum crm_status act(struct line *line, Crm__Mutation *mutation)
{
    const struct action *action = NULL;
    enum crm_status status;

    for (size_t i = 0; i < ARRAY_LEN(actions) && !action; i++)
        action = strcmp(actions[i].name, line->words.action) == 0 ? &actions[i] : NULL;
    if (!action)
        return fail(line->failure, CRM_INVALID, "$do", "'%s' is neither create, update, upsert or delete, nor an action of a %s", line->words.action, line->kind->name);
    status = find_record(line, mutation);
    mutation->verb = CRM__VERB__VERB_ACTION;
    mutation->action = arena_strdup(line->arena, line->words.action);
    if (!status && !mutation->action)
        status = fail(line->failure, CRM_NO_MEMORY, NULL, "out of memory");
    return status ? status : read_argument(line, action, mutation);
}

/* By its own number a record is found, not matched: an export that comes back. */
static bool is_numbered(const struct line *line)
{
    const char *by = line->words.by ? line->words.by : line->apply->by;

    return by && strcmp(by, "number") == 0;
}

static enum crm_status run(struct line *line, Crm__Mutation *mutation)
{
    const char *action = line->words.action;

    if (is_numbered(line) && !line->words.record)
        line->words.record = text_of(line, "number");

    mutation->has_kind = mutation->has_verb = true;
    mutation->kind = (uint32_t)line->kind->kind;
    if (!action)
        action = is_numbered(line)                     ? line->words.record ? "update" : "create"
                 : line->words.by || line->apply->by ? "upsert"
                 : line->words.record                ? "update"
                                                     : "create";
    if (strcmp(action, "create") == 0 || strcmp(action, "upsert") == 0)
        return make(line, *action == 'u', mutation);
    if (strcmp(action, "update") == 0)
        return update(line, mutation);
    if (strcmp(action, "delete") != 0)
        return act(line, mutation);
    mutation->verb = CRM__VERB__VERB_DELETE;
    return find_record(line, mutation);
}

enum crm_status apply_line(struct apply *apply, const struct import_row *row, uint64_t n, bool is_past, struct arena *arena, Crm__Mutation *mutation,
                           struct failure *failure)
{
    struct line line = { .apply = apply, .row = row, .n = n, .is_past = is_past, .arena = arena, .failure = failure };
    enum crm_status status = row->object ? read_object_words(row->object, &line.words, failure) : read_row_words(row, arena, &line.words, failure);

    crm__mutation__init(mutation);
    if (!status)
        status = find_kind(&line);
    return status ? status : run(&line, mutation);
}

static int compare_lines(const void *a, const void *b)
{
    const struct open_name *x = a, *y = b;

    return (x->line > y->line) - (x->line < y->line);
}

void apply_learn(struct apply *apply, uint64_t line, const Crm__MutateResult *result)
{
    const struct open_name wanted = { .line = line };
    const struct apply_names *names = apply->names;
    const struct open_name *open =
        names->n_open ? bsearch(&wanted, names->open, names->n_open, sizeof(wanted), compare_lines) : NULL;
    struct name *name = open ? slot_of(apply->names, open->text) : NULL;

    if (name && name->text)
        name->is_certain = uuid_from_slice(slice_of(result->id.data, result->id.len), &name->id);
}
