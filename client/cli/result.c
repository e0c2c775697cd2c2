/*
 * result.c - telling what a change has done
 *
 * Called by the writing commands; main thread.
 */
#include "client/cli/result.h"

#include <stdio.h>

#include "client/cli/display.h"
#include "client/cli/json.h"

json_t *result_object(const struct cli *cli, const struct result *result,
                      const Crm__MutateResult *answer, const struct mutate_key *key)
{
    json_t *object = json_object();
    struct record_header header = { .kind = result->kind->kind,
                                    .id = result->id,
                                    .number = result->number };
    char label[RECORD_LABEL_SIZE], id[UUID_TEXT_SIZE];

    record_label(&header, label);
    uuid_format(&result->id, id);
    json_object_set_new(object, "status", json_string("ok"));
    if (answer && answer->pending && !cli->options.dry_run)
        json_object_set_new(object, "state", json_string("pending"));
    json_object_set_new(object, "kind", json_string(result->kind->name));
    json_object_set_new(object, "number", result->number ? json_string(label) : json_null());
    json_object_set_new(object, "id", json_string(id));
    if (answer) {
        json_object_set_new(object, "rev", json_integer((json_int_t)answer->rev));
        json_object_set_new(object, "seq", json_integer((json_int_t)answer->seq));
    }
    if (cli->options.dry_run)
        json_object_set_new(object, "dry_run", json_true());
    if (result->restore)
        json_object_set_new(object, "restore", json_string(result->restore));
    json_object_set_new(object, "key", json_string(key->text));
    return object;
}

enum crm_status result_show(struct cli *cli, const struct result *result,
                            const Crm__MutateResult *answer, const struct mutate_key *key)
{
    const char *label = display_label(result->kind->kind, &result->id, result->number, &cli->arena);
    const char *done = answer && answer->pending && !cli->options.dry_run
                           ? cli_label(cli, "Queued", "已排队")
                           : cli_label(cli, result->done, result->done_zh);

    if (cli->options.json || cli->options.jsonl)
        return json_print(stdout, result_object(cli, result, answer, key), cli->options.json);
    if (!label)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (cli->options.quiet) {
        puts(label);
        return CRM_OK;
    }
    printf("%s%s %s%s%s\n",
           cli->options.dry_run
               ? cli_label(cli, "Dry run, nothing is changed: ", "试运行,未作更改: ")
               : "",
           done, label, result->title && *result->title ? " " : "",
           result->title ? result->title : "");
    if (result->restore && !cli->options.dry_run)
        printf("%s%s\n", cli_label(cli, "Take it back with: ", "恢复: "), result->restore);
    return CRM_OK;
}

enum crm_status result_create(struct cli *cli, struct change *change, struct result *result,
                              struct mutate_key *key, struct mutate_outcome *outcome)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT, *mutations[] = { &mutation };
    enum crm_status status = mutate_key_init(cli, key);

    *outcome = (struct mutate_outcome){ 0 };
    if (!status && cli->options.at)
        status = change_happened(change, slice_text(cli->options.at), &cli->failure);
    if (!status)
        status = change_finish(change, true, &mutation, &cli->failure);
    if (status)
        return status;
    result->id = mutate_key_id(key, 1);
    mutation.has_verb = true;
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation_set_id(&mutation, &result->id);
    status = mutate_send(cli, key, mutations, 1, false, outcome);
    if (!status)
        result->number = outcome->reply->results[0]->number;
    return status;
}

enum crm_status result_of_create(struct cli *cli, struct change *change, struct result *result)
{
    struct mutate_outcome outcome;
    struct mutate_key key;
    enum crm_status status = result_create(cli, change, result, &key, &outcome);

    if (!status)
        status = result_show(cli, result, outcome.reply->results[0], &key);
    mutate_end(&outcome);
    return status;
}

enum crm_status result_of_change(struct cli *cli, const struct record *record, Crm__Mutation *first,
                                 Crm__Mutation *second, struct result *result)
{
    const struct kind_def *kind = kind_def(record->header.kind);
    const struct field_def *title = kind->title ? kind_field_by_name(kind, kind->title) : NULL;
    Crm__Mutation *mutations[2];
    struct mutate_outcome outcome;
    struct mutate_key key;
    size_t n = 0;
    enum crm_status status = mutate_key_init(cli, &key);

    if (status)
        return status;
    result->kind = kind;
    result->id = record->header.id;
    result->number = record->header.number;
    result->title = title ? display_field(cli, title, record, &cli->arena) : NULL;
    if (first)
        mutations[n++] = first;
    if (second)
        mutations[n++] = second;
    for (size_t i = 0; i < n; i++) {
        mutations[i]->has_kind = true;
        mutations[i]->kind = (uint32_t)kind->kind;
        mutation_set_id(mutations[i], &result->id);
    }
    mutations[0]->has_base_rev = cli->options.rev != 0;
    mutations[0]->base_rev = (uint64_t)cli->options.rev;
    status = mutate_send(cli, &key, mutations, n, n > 1, &outcome);
    if (!status)
        status = result_show(cli, result, outcome.reply->results[n - 1], &key);
    mutate_end(&outcome);
    return status;
}
