/*
 * taken.c - the sentence for a unique value that is taken
 *
 * Writer thread, or a worker in a dry run.
 */
#include "server/engine/taken.h"

#include "common/model/reflect.h"
#include "server/engine/access.h"

struct holder_search {
    const struct view *view;
    const struct kind_def *kind;
    const struct field_def *field;
    const struct uuid *own;
    struct uuid holder;
    bool is_found;
};

static bool look_for_holder(void *arg, const struct value *value)
{
    struct holder_search *search = arg;

    search->is_found = view_unique(search->view, search->kind->kind, search->field, value, &search->holder) == CRM_OK &&
                       !uuid_equal(&search->holder, search->own);
    return !search->is_found;
}

static bool find_holder(struct change *change, const struct kind_def *kind, const struct record *record, const struct field_def *field,
                        struct record *out_holder)
{
    struct holder_search search = { .view = &change->view, .kind = kind, .field = field, .own = &record->header.id };

    if (field)
        reflect_each(field, record, look_for_holder, &search);
    return search.is_found && view_record(&change->view, kind->kind, &search.holder, out_holder) == CRM_OK;
}

/* Does the company let it be said whom to ask? */
static bool may_tell(struct change *change)
{
    struct record company;
    struct value value;

    return view_first(&change->view, KIND_COMPANY, &company) == CRM_OK &&
           reflect_get(kind_field_by_name(kind_def(KIND_COMPANY), "tell_taken"), &company, &value) && value.integer;
}

/* The name of the user who has it. */
static bool find_owner_name(struct change *change, const struct record *holder, struct value *out_name)
{
    const struct kind_def *user = kind_def(KIND_USER);
    struct record owner;

    return view_record(&change->view, KIND_USER, &holder->header.owner, &owner) == CRM_OK &&
           reflect_get(kind_field_by_name(user, "name"), &owner, out_name);
}

enum crm_status taken_refuse(struct change *change, const struct kind_def *kind, const struct record *record, const char *field_name)
{
    const struct access *access = change->actor->access;
    char label[RECORD_LABEL_SIZE];
    struct record holder;
    struct value name;

    if (!find_holder(change, kind, record, schema_field_by_name(change->group->schema, kind, field_name), &holder))
        return fail(&change->failure, CRM_EXISTS, field_name, "another %s has this %s", kind->name, field_name);
    if (!access || access_may(access, &change->view, ACCESS_READ, &holder.header, NULL) == CRM_OK) {
        record_label(&holder.header, label);
        return fail(&change->failure, CRM_EXISTS, field_name, "%s %s has this %s", kind->name, label, field_name);
    }
    if (may_tell(change) && find_owner_name(change, &holder, &name))
        return fail(&change->failure, CRM_EXISTS, field_name, "a similar %s exists already: ask %.*s", kind->name, (int)name.text.size,
                    (const char *)name.text.data);
    return fail(&change->failure, CRM_EXISTS, field_name, "a similar %s exists already", kind->name);
}
