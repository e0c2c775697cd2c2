/*
 * outbox.c - how many changes are in the outbox, and each in a few words
 *
 * Called by crm outbox, crm sync and first.c; main thread.
 */
#include "client/cli/outbox.h"

#include <stdlib.h>

#include "client/replica/outbox.h"
#include "common/model/record.h"

#define OUTBOX_BUDGET ((size_t)64 << 20)

const char *outbox_what(struct cli *cli, const Crm__QueuedMutation *queued)
{
    static const char *const verbs[] = {
        [CRM__VERB__VERB_CREATE] = "add", [CRM__VERB__VERB_PATCH] = "set", [CRM__VERB__VERB_DELETE] = "rm", [CRM__VERB__VERB_ACTION] = "do",
    };
    const Crm__Mutation *mutation = queued->mutation;
    const struct kind_def *kind = kind_def(mutation->kind);
    struct record_header header = { .kind = (enum kind)mutation->kind,
                                    .number = queued->local_number ? RECORD_NUMBER_LOCAL | queued->local_number : 0 };
    const char *verb = (unsigned)mutation->verb < ARRAY_LEN(verbs) && verbs[mutation->verb] ? verbs[mutation->verb] : "?";
    char label[RECORD_LABEL_SIZE];
    const char *text;

    (void)uuid_from_slice(slice_of(mutation->id.data, mutation->id.len), &header.id);
    record_label(&header, label);
    text = arena_printf(&cli->arena, "%s %s %s", mutation->action ? cli_safe(cli, mutation->action) : verb, kind ? kind->name : "?", label);
    return text ? text : "";
}

const char *outbox_why(struct cli *cli, const Crm__MutateResult *answer)
{
    const struct crm_status_info *info = crm_status_info((int)answer->status);
    const char *text = answer->error && answer->error->text && *answer->error->text ? answer->error->text : info->sentence;

    return cli_safe(cli, text);
}

enum crm_status outbox_place(struct cli *cli, const char *text, uint64_t *out_place)
{
    char *end;

    *out_place = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end)
        return CRM_OK;
    return fail(&cli->failure, CRM_USAGE, NULL, "name a change by its number in crm outbox list, not '%.80s'", text);
}

enum crm_status outbox_tally(struct replica *replica, struct outbox_tally *out_tally, struct failure *failure)
{
    struct outbox_tally tally = { 0 };
    struct outbox_list list;
    struct arena arena;
    enum crm_status status;

    arena_init(&arena, OUTBOX_BUDGET);
    status = outbox_load(replica, &arena, &list, failure);
    for (size_t i = 0; !status && i < list.n; i++) {
        const Crm__MutateResult *answer = list.items[i].queued->answer;

        bool is_conflict = answer && (answer->outcome == CRM__MUTATE_OUTCOME__MUTATE_OUTCOME_CONFLICT || answer->status == CRM_CONFLICT);

        tally.waiting += !answer;
        tally.conflicts += is_conflict;
        tally.unkept += is_conflict && !answer->has_conflict;
        tally.rejected += answer && !is_conflict;
    }
    arena_fini(&arena);
    if (!status)
        *out_tally = tally;
    return status;
}
