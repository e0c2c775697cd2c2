/*
 * role_edit.c - what the command line asks to be changed in a role
 *
 * Called by crm admin role; main thread. Works on a copy in the arena; nothing is sent from here.
 */
#include "client/cli/role.h"
#include "client/cli/command.h"
#include "client/cli/select.h"
#include "common/model/reflect.h"

static enum crm_status out_of_memory(struct cli *cli)
{
    return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
}

enum crm_status role_unpack(struct cli *cli, const struct record *record, Crm__Role **out_role)
{
    *out_role = crm__role__unpack(&cli->arena.protobuf, record->body.size, record->body.data);
    return *out_role ? CRM_OK : fail(&cli->failure, CRM_PROTOCOL, NULL, "the role cannot be read");
}

/* --- names */

/* A group's member, or a field of a role. */
static const struct field_def *role_field(const char *name, const char *member)
{
    const struct field_def *field = kind_field_by_name(kind_def(KIND_ROLE), name);

    for (size_t i = 0; member && i < field->n_members; i++)
        if (strcmp(field->members[i].name, member) == 0)
            return &field->members[i];
    return field;
}

static const char *choice_name(const struct field_def *field, int number)
{
    for (size_t i = 0; i < field->n_choices; i++)
        if (field->choices[i].number == number)
            return field->choices[i].name;
    return "none";
}

const char *role_scope_name(Crm__Scope scope)
{
    return choice_name(role_field("scopes", "read"), (int)scope);
}

const char *role_right_name(Crm__Right right)
{
    return choice_name(role_field("rights", NULL), (int)right);
}

/* A choice by its name, with - for _. CRM_USAGE lists them. */
static enum crm_status find_choice(struct cli *cli, const struct field_def *field, const char *what,
                                   const char *text, size_t size, int *out_number)
{
    const char *known = "";

    for (size_t i = 0; i < field->n_choices && known; i++) {
        const char *name = field->choices[i].name;
        size_t at = 0;

        while (at < size && (text[at] == '-' ? '_' : text[at]) == name[at])
            at++;
        if (at == size && name[at] == '\0') {
            *out_number = field->choices[i].number;
            return CRM_OK;
        }
        known = arena_printf(&cli->arena, "%s%s%s", known, i ? ", " : "", name);
    }
    return fail(&cli->failure, CRM_USAGE, NULL, "there is no %s '%.*s', but: %s", what, (int)size,
                text, known ? known : "?");
}

/* --- lists in a message */

static bool has_text(size_t n, char *const *texts, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(texts[i], text) == 0)
            return true;
    return false;
}

/* A list with one more element. NULL when memory is spent. */
static void *appended(struct cli *cli, const void *list, size_t n, const void *element, size_t size)
{
    char *more = arena_alloc(&cli->arena, (n + 1) * size);

    if (!more)
        return NULL;
    if (n > 0)
        memcpy(more, list, n * size);
    memcpy(more + n * size, element, size);
    return more;
}

static enum crm_status add_text(struct cli *cli, size_t *n, char ***texts, const char *text)
{
    char *copy = arena_strdup(&cli->arena, text);
    char **more;

    if (has_text(*n, *texts, text))
        return CRM_OK;
    more = copy ? appended(cli, *texts, *n, &copy, sizeof(copy)) : NULL;
    if (!more)
        return out_of_memory(cli);
    *texts = more;
    (*n)++;
    return CRM_OK;
}

static void remove_text(size_t *n, char **texts, const char *text)
{
    size_t kept = 0;

    for (size_t i = 0; i < *n; i++)
        if (strcmp(texts[i], text) != 0)
            texts[kept++] = texts[i];
    *n = kept;
}

/* --- rows */

const Crm__KindScope *role_row(const Crm__Role *role, const char *kind)
{
    for (size_t i = 0; i < role->n_scopes; i++)
        if (role->scopes[i]->kind && strcmp(role->scopes[i]->kind, kind) == 0)
            return role->scopes[i];
    return NULL;
}

static enum crm_status copy_texts(struct cli *cli, size_t n, char *const *from, size_t *out_n,
                                  char ***out_texts)
{
    enum crm_status status = CRM_OK;

    *out_n = 0;
    *out_texts = NULL;
    for (size_t i = 0; i < n && !status; i++)
        status = add_text(cli, out_n, out_texts, from[i]);
    return status;
}

/* The row of a kind, made where it is missing. */
static enum crm_status need_row(struct cli *cli, Crm__Role *role, const char *kind,
                                Crm__KindScope **out_row)
{
    const Crm__KindScope *any = role_row(role, "*"), *found = role_row(role, kind);
    struct uuid id = uuid_create();
    Crm__KindScope *row, **rows;
    enum crm_status status = CRM_OK;

    *out_row = (Crm__KindScope *)(uintptr_t)found; /* the role is the caller's own */
    if (found)
        return CRM_OK;
    row = arena_alloc(&cli->arena, sizeof(*row));
    rows = row ? appended(cli, role->scopes, role->n_scopes, &row, sizeof(row)) : NULL;
    if (!rows)
        return out_of_memory(cli);
    crm__kind_scope__init(row);
    row->has_id = row->has_read = row->has_write = true;
    row->id = (ProtobufCBinaryData){ .data = arena_memdup(&cli->arena, id.bytes, UUID_SIZE),
                                     .len = UUID_SIZE };
    row->kind = arena_strdup(&cli->arena, kind);
    row->read = any ? any->read : CRM__SCOPE__SCOPE_NONE;
    row->write = any ? any->write : CRM__SCOPE__SCOPE_NONE;
    if (any)
        status = copy_texts(cli, any->n_hidden, any->hidden, &row->n_hidden, &row->hidden);
    if (any && !status)
        status =
            copy_texts(cli, any->n_read_only, any->read_only, &row->n_read_only, &row->read_only);
    if (!status && (!row->id.data || !row->kind))
        status = out_of_memory(cli);
    if (status)
        return status;
    role->scopes = rows;
    role->n_scopes++;
    *out_row = row;
    return CRM_OK;
}

/* The name under which a role keeps a kind: "contacts" is contact, "*" stays. */
static enum crm_status kind_name(struct cli *cli, const char *text, size_t size,
                                 const char **out_name)
{
    const struct kind_def *kind;
    const char *word = arena_strndup(&cli->arena, text, size);
    enum crm_status status;

    if (!word)
        return out_of_memory(cli);
    if (strcmp(word, "*") == 0) {
        *out_name = "*";
        return CRM_OK;
    }
    status = select_kind(cli, word, &kind);
    if (!status)
        *out_name = kind->name;
    return status;
}

/* --- --scope KIND:read=SCOPE,write=SCOPE, or KIND:SCOPE for both */

static enum crm_status apply_word(struct cli *cli, Crm__KindScope *row, const char *word,
                                  size_t size)
{
    bool is_read = size > 5 && strncmp(word, "read=", 5) == 0;
    bool is_write = size > 6 && strncmp(word, "write=", 6) == 0;
    size_t skip = is_read ? 5 : is_write ? 6 : 0;
    int number;
    enum crm_status status =
        find_choice(cli, role_field("scopes", "read"), "scope", word + skip, size - skip, &number);

    if (status)
        return status;
    if (!is_write) {
        row->has_read = true;
        row->read = (Crm__Scope)number;
    }
    if (!is_read) {
        row->has_write = true;
        row->write = (Crm__Scope)number;
    }
    return CRM_OK;
}

static enum crm_status apply_scope(struct cli *cli, Crm__Role *role, const char *text)
{
    const char *colon = strchr(text, ':'), *kind = NULL;
    Crm__KindScope *row = NULL;
    enum crm_status status;

    if (!colon || colon == text || !colon[1])
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "--scope wants KIND:read=SCOPE,write=SCOPE, not '%s'", text);
    status = kind_name(cli, text, (size_t)(colon - text), &kind);
    if (!status)
        status = need_row(cli, role, kind, &row);
    for (const char *word = colon + 1; *word && !status;) {
        size_t size = strcspn(word, ",");

        status = apply_word(cli, row, word, size);
        word += size + (word[size] == ',');
    }
    return status;
}

/* --- --hide, --read-only, --open KIND.FIELD */

/* The field's own name; of '*' it must be one of some kind. */
static enum crm_status field_name(struct cli *cli, const char *kind, const char *text,
                                  const char **out_name)
{
    const struct kind_def *row;
    const struct field_def *field = NULL;
    const char *near;

    for (size_t i = 0; !field && (row = kind_at(i)); i++)
        if (strcmp(kind, "*") == 0 || strcmp(kind, row->name) == 0)
            field = schema_field_by_name(cli->schema, row, text);
    near = field ? NULL : schema_suggest(cli->schema, kind_find(kind), text);
    if (!field)
        return fail(&cli->failure, CRM_INVALID, text, "no %s has such a field%s%s%s",
                    strcmp(kind, "*") == 0 ? "kind" : kind, near ? "; did you mean '" : "",
                    near ? near : "", near ? "'?" : "");
    if (field->flags & FIELD_HEADER)
        return fail(&cli->failure, CRM_INVALID, text, "what every record has is always shown");
    *out_name = field->name;
    return CRM_OK;
}

enum mask { MASK_OPEN, MASK_HIDE, MASK_READ_ONLY };

static enum crm_status apply_mask(struct cli *cli, Crm__Role *role, const char *text,
                                  enum mask mask)
{
    const char *dot = strchr(text, '.'), *kind = NULL, *field = NULL;
    Crm__KindScope *row = NULL;
    enum crm_status status;

    if (!dot || dot == text || !dot[1])
        return fail(&cli->failure, CRM_USAGE, NULL, "a field of a kind is KIND.FIELD, not '%s'",
                    text);
    status = kind_name(cli, text, (size_t)(dot - text), &kind);
    if (!status)
        status = field_name(cli, kind, dot + 1, &field);
    if (!status)
        status = need_row(cli, role, kind, &row);
    if (status)
        return status;
    remove_text(&row->n_hidden, row->hidden, field);
    remove_text(&row->n_read_only, row->read_only, field);
    if (mask == MASK_HIDE)
        return add_text(cli, &row->n_hidden, &row->hidden, field);
    return mask == MASK_READ_ONLY ? add_text(cli, &row->n_read_only, &row->read_only, field)
                                  : CRM_OK;
}

/* --- rights and the rest */

static enum crm_status apply_right(struct cli *cli, Crm__Role *role, const char *text,
                                   bool is_given)
{
    int number;
    Crm__Right right, *more;
    size_t kept = 0;
    enum crm_status status =
        find_choice(cli, role_field("rights", NULL), "right", text, strlen(text), &number);

    if (status)
        return status;
    right = (Crm__Right)number;
    for (size_t i = 0; i < role->n_rights; i++)
        if (role->rights[i] != right)
            role->rights[kept++] = role->rights[i];
        else if (is_given)
            return CRM_OK; /* nothing was moved so far: it is there once */
    role->n_rights = kept;
    if (!is_given)
        return CRM_OK;
    more = appended(cli, role->rights, role->n_rights, &right, sizeof(right));
    if (!more)
        return out_of_memory(cli);
    role->rights = more;
    role->n_rights++;
    return CRM_OK;
}

static enum crm_status apply_switch(struct cli *cli, const char *name, const char *text,
                                    protobuf_c_boolean *has, protobuf_c_boolean *value)
{
    if (!text)
        return CRM_OK;
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return fail(&cli->failure, CRM_USAGE, NULL, "--%s wants on or off, not '%s'", name, text);
    *has = true;
    *value = strcmp(text, "on") == 0;
    return CRM_OK;
}

static enum crm_status apply_masks(struct cli *cli, Crm__Role *role, const struct option_list *list,
                                   enum mask mask)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < list->n && !status; i++)
        status = apply_mask(cli, role, list->items[i], mask);
    return status;
}

enum crm_status role_apply(struct cli *cli, Crm__Role *role)
{
    const struct options *options = &cli->options;
    enum crm_status status = CRM_OK;

    if (options->name) {
        role->name = arena_strdup(&cli->arena, options->name);
        status = role->name ? CRM_OK : out_of_memory(cli);
    }
    for (size_t i = 0; i < options->scopes.n && !status; i++)
        status = apply_scope(cli, role, options->scopes.items[i]);
    if (!status)
        status = apply_masks(cli, role, &options->open, MASK_OPEN);
    if (!status)
        status = apply_masks(cli, role, &options->hide, MASK_HIDE);
    if (!status)
        status = apply_masks(cli, role, &options->read_only, MASK_READ_ONLY);
    for (size_t i = 0; i < options->rights.n && !status; i++)
        status = apply_right(cli, role, options->rights.items[i], true);
    for (size_t i = 0; i < options->no_rights.n && !status; i++)
        status = apply_right(cli, role, options->no_rights.items[i], false);
    if (!status)
        status = apply_switch(cli, "second-factor", options->second_factor,
                              &role->has_second_factor, &role->second_factor);
    if (!status)
        status = apply_switch(cli, "enrolled-device", options->enrolled_device, &role->has_device,
                              &role->device);
    if (!status)
        status = apply_switch(cli, "encrypted-replica", options->encrypted_replica,
                              &role->has_offline_encrypted, &role->offline_encrypted);
    return status;
}
