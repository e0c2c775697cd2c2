/*
 * cmd_edit.c - crm edit: a record in the user's editor, or field by field at a prompt
 */
#include <stdio.h>

#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/editor.h"
#include "client/cli/form.h"
#include "client/cli/prompt.h"
#include "client/cli/result.h"
#include "client/cli/select.h"

static void begin_change(struct cli *cli, const struct record *record, struct change *change)
{
    struct value_context context = cli_value_context(cli);

    change_init(change, cli->schema, kind_def(record->header.kind), &context, &cli->arena,
                select_resolve, cli);
}

/* Until the form is right, or the user gives up. */
static enum crm_status edit_form(struct cli *cli, const char *editor, const struct record *record,
                                 struct change *change)
{
    const char *text = form_write(cli, record, NULL);

    for (;;) {
        struct failure failure = { 0 };
        struct slice edited;
        enum crm_status status;

        if (!text)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        status = editor_run(cli, editor, text, &edited);
        if (status)
            return status;
        begin_change(cli, record, change);
        status = form_read(cli, record, (const char *)edited.data, change, &failure);
        if (!status)
            return CRM_OK;
        cli_print_failure(cli, &failure);
        if (!prompt_confirm(cli, cli_label(cli, "Edit it again?", "继续编辑?"))) {
            cli->reported = true;
            return status;
        }
        text = (const char *)edited.data;
    }
}

/* Without an editor: enter keeps a value, - clears it. */
static enum crm_status edit_prompts(struct cli *cli, const struct record *record,
                                    struct change *change)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *field;
    char shown[400], answer[4096];

    if (!cli->in_is_tty || !cli->err_is_tty)
        return fail(&cli->failure, CRM_USAGE, NULL, "set EDITOR, or change fields with crm set");
    begin_change(cli, record, change);
    cli_hint(cli, "%s",
             cli_label(cli, "Enter keeps a value, - clears it.", "回车保留原值,- 清除。"));
    for (size_t i = 0; (field = schema_field_at(cli->schema, kind, i)); i++) {
        const char *before = form_has_field(field) && field->type != FIELD_GROUP
                                 ? display_field(cli, field, record, &cli->arena)
                                 : NULL;
        enum crm_status status;

        if (!before)
            continue;
        do {
            struct failure failure = { 0 };

            snprintf(shown, sizeof(shown), "%s [%.200s]: ", display_field_label(cli, field),
                     before);
            if (!prompt_line(shown, answer, sizeof(answer)))
                return fail(&cli->failure, CRM_CANCELLED, NULL, "nothing was changed");
            status = CRM_OK;
            if (*answer)
                status = change_list(
                    change, field,
                    slice_text(strcmp(answer, "-") == 0 ? "" : arena_strdup(&cli->arena, answer)),
                    &failure);
            if (status)
                cli_print_failure(cli, &failure);
        } while (status);
    }
    return CRM_OK;
}

/* Fields, and who owns it: one or two mutations, all or nothing. */
static enum crm_status save(struct cli *cli, const struct record *record, struct change *change)
{
    struct result result = { .done = "Changed", .done_zh = "已修改" };
    Crm__Mutation patch = CRM__MUTATION__INIT, assign = CRM__MUTATION__INIT;
    bool has_patch;
    enum crm_status status = change_finish(change, false, &patch, &cli->failure);

    if (!status)
        status = change_finish_assign(change, &assign, &cli->failure);
    if (status)
        return status;
    has_patch = patch.has_set || patch.n_clear > 0;
    patch.has_verb = true;
    patch.verb = CRM__VERB__VERB_PATCH;
    if (!cli->options.rev)
        cli->options.rev =
            (int64_t)
                record->header.rev; /* somebody may have changed it while the editor was open */
    return result_of_change(cli, record, has_patch ? &patch : NULL, assign.action ? &assign : NULL,
                            &result);
}

enum crm_status cmd_edit(struct cli *cli, int argc, char **argv)
{
    struct selection selection = { .titles = true };
    const char *editor = editor_name();
    struct record record;
    struct change change;
    int n;
    enum crm_status status = select_from_arguments(cli, argc, argv, &selection, &n);

    if (!status)
        status = select_record(cli, &selection, &record);
    if (status)
        return status;
    status = editor ? edit_form(cli, editor, &record, &change)
                    : edit_prompts(cli, &record, &change);
    if (status)
        return status;
    if (change_is_empty(&change)) {
        cli_hint(cli, "%s", cli_label(cli, "Nothing has changed.", "没有更改。"));
        return CRM_OK;
    }
    return save(cli, &record, &change);
}
