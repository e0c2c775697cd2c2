/*
 * cmd_move.c - crm move: a deal to another stage of its pipeline
 */
#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/result.h"
#include "client/cli/select.h"
#include "common/base/calendar.h"
#include "proto/codec.h"

/* closed= and lost_reason= are the action's own arguments: the stage may ask for them. */
static enum crm_status read_argument(struct cli *cli, int argc, char **argv, int from,
                                     Crm__MoveArgument *argument)
{
    struct value_context context = cli_value_context(cli);
    struct day_range days;
    enum crm_status status;

    for (int i = from; i < argc; i++) {
        if (strncmp(argv[i], "closed=", 7) == 0) {
            status = day_parse(slice_text(argv[i] + 7), context.today, &days, &cli->failure);
            if (status)
                return status;
            argument->has_closed = true;
            argument->closed = days.first;
        } else if (strncmp(argv[i], "lost_reason=", 12) == 0) {
            argument->lost_reason = argv[i] + 12;
        } else {
            return fail(&cli->failure, CRM_USAGE, NULL,
                        "'%s': besides the stage only closed=DAY and lost_reason=TEXT", argv[i]);
        }
    }
    return CRM_OK;
}

enum crm_status cmd_move(struct cli *cli, int argc, char **argv)
{
    static char action[] = "move";
    struct selection selection = { .kind = kind_def(KIND_DEAL), .selector = argv[1] };
    struct result result = { .done = "Moved", .done_zh = "已推进" };
    Crm__MoveArgument argument = CRM__MOVE_ARGUMENT__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct record record;
    struct slice packed;
    enum crm_status status = select_record(cli, &selection, &record);

    argument.stage = argv[2];
    if (!status)
        status = read_argument(cli, argc, argv, 3, &argument);
    if (status)
        return status;
    status = codec_pack(&argument.base, &cli->arena, &packed);
    if (status)
        return fail(&cli->failure, status, NULL, "out of memory");
    mutation.has_verb = mutation.has_argument = true;
    mutation.verb = CRM__VERB__VERB_ACTION;
    mutation.action = action;
    mutation.argument =
        (ProtobufCBinaryData){ .len = packed.size, .data = (uint8_t *)(uintptr_t)packed.data };
    return result_of_change(cli, &record, &mutation, NULL, &result);
}
