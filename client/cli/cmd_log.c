/*
 * cmd_log.c - crm log: a call, mail, meeting, visit or note on a record
 */
#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/result.h"
#include "client/cli/select.h"
#include "common/base/text.h"

#define SUBJECT_SIZE 120

/* The field by which an activity belongs to a record of this kind. */
static const struct field_def *about_field(const struct kind_def *activity, enum kind kind)
{
    for (size_t i = 0; i < activity->n_fields; i++) {
        const struct field_def *field = &activity->fields[i];

        if (field->type == FIELD_REFERENCE && field->ref_kind == kind &&
            !(field->flags & FIELD_REPEATED))
            return field;
    }
    return NULL;
}

/* The first line is the subject, all of it the text where it is longer than that. */
static enum crm_status set_text(struct change *change, const char *text, struct failure *failure)
{
    size_t line = strcspn(text, "\n");
    size_t subject = text_prefix_size(slice_of(text, line), SUBJECT_SIZE);
    enum crm_status status;

    status = change_text(change, schema_field_by_name(change->schema, change->kind, "subject"),
                         CHANGE_SET, slice_of(text, subject), failure);
    if (!status && text[subject])
        status = change_text(change, schema_field_by_name(change->schema, change->kind, "text"),
                             CHANGE_SET, slice_text(text), failure);
    return status;
}

static enum crm_status read_arguments(struct cli *cli, struct change *change,
                                      const struct record *about, int argc, char **argv, int from)
{
    const struct field_def *field = about_field(change->kind, about->header.kind);
    char id[UUID_TEXT_SIZE];
    int i = from + 1;
    enum crm_status status;

    if (!field)
        return fail(&cli->failure, CRM_USAGE, NULL,
                    "activities are logged on customers, contacts and deals");
    uuid_format(&about->header.id, id);
    status = change_text(change, field, CHANGE_SET, slice_text(arena_strdup(&cli->arena, id)),
                         &cli->failure);
    if (!status)
        status = change_text(change, schema_field_by_name(cli->schema, change->kind, "kind"),
                             CHANGE_SET, slice_text(argv[from]), &cli->failure);
    if (!status && i < argc && (!change_is_assignment(argv[i]) || strchr(argv[i], ' ')))
        status = set_text(change, argv[i++], &cli->failure);
    for (; i < argc && !status; i++)
        status = change_assign(change, argv[i], &cli->failure);
    return status;
}

enum crm_status cmd_log(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .selector = NULL };
    struct value_context context = cli_value_context(cli);
    struct result result = { .kind = kind_def(KIND_ACTIVITY),
                             .done = "Logged",
                             .done_zh = "已记录" };
    struct record about;
    struct change change;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status && argc < n + 2)
        status = fail(&cli->failure, CRM_USAGE, NULL,
                      "say what it was: call, mail, message, meeting, visit or note");
    if (!status)
        status = select_record(cli, &selection, &about);
    if (status)
        return status;
    change_init(&change, cli->schema, result.kind, &context, &cli->arena, select_resolve, cli);
    status = read_arguments(cli, &change, &about, argc, argv, n + 1);
    return status ? status : result_of_create(cli, &change, &result);
}
