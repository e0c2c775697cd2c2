/*
 * remove.c - storing deletions, and what comes back out of the recycle bin
 *
 * Writer thread, or a worker in a dry run. Which records they are common/ops/remove.h says.
 */
#include "common/engine/alias.h"
#include "common/ops/remove.h"

#include "server/engine/expiry.h"
#include "server/engine/mutate.h"

struct removing {
    struct change *change;
    int64_t happened_us;
};

static enum crm_status guard(void *arg, const struct record *record, bool is_restore)
{
    const struct removing *removing = arg;

    return ask_guard(removing->change, record, is_restore);
}

static enum crm_status unlink_record(void *arg, const struct kind_def *kind, const struct uuid *id, const struct body_patch *patch)
{
    const struct removing *removing = arg;
    struct record_header header;

    return mutate_patch(removing->change, kind, id, patch, removing->happened_us, &header);
}

static enum crm_status put_away(void *arg, const struct kind_def *kind, const struct uuid *id, const struct uuid *with, struct record_header *out_header)
{
    const struct removing *removing = arg;
    struct change *change = removing->change;
    struct record last, after;
    struct change_record record = {
        .verb = LOG_DELETE, .kind = kind, .before = &last, .after = &after, .happened_us = removing->happened_us, .deleted_with = with,
    };
    enum crm_status status = kind->kind == KIND_USER || kind->kind == KIND_TEAM ? expiry_of_principal(change, id) : CRM_OK;

    if (status == CRM_OK) /* settling may have changed it: it may have referred to itself */
        status = view_record(&change->view, kind->kind, id, &last);
    if (status != CRM_OK)
        return fail(&change->failure, status, NULL, "the stored %s cannot be read", kind->name);
    after = last;
    status = change_put(change, &record);
    *out_header = after.header;
    return status;
}

static enum crm_status put_back(void *arg, const struct kind_def *kind, const struct record *bin, struct record *after, const struct field_set *changed,
                                const struct uuid *with)
{
    const struct removing *removing = arg;
    struct change_record record = {
        .verb = LOG_RESTORE, .kind = kind, .before = bin, .after = after, .changed = changed, .action = "restore",
        .happened_us = removing->happened_us, .deleted_with = with,
    };
    enum crm_status status = change_put(removing->change, &record);

    if (status == CRM_OK)
        status = alias_drop(&removing->change->view, removing->change->own, &after->header);
    return status == CRM_OK ? expiry_of_restored(removing->change, &after->header) : status;
}

static const struct removal_ops removal_ops = { .guard = guard, .patch = unlink_record, .put_away = put_away, .put_back = put_back };

static struct removal removal_of(struct removing *removing)
{
    struct change *change = removing->change;

    return (struct removal){
        .view = &change->view, .arena = change->group->arena, .failure = &change->failure, .ops = &removal_ops, .arg = removing,
        .depth = &change->depth, .records = &change->records,
    };
}

enum crm_status remove_record(struct change *change, const struct kind_def *kind, const struct record *before, int64_t happened_us,
                              struct record_header *out_header)
{
    struct removing removing = { .change = change, .happened_us = happened_us };
    const struct removal removal = removal_of(&removing);

    if (uuid_is_nil(&change->job))
        change->job = uuid_create();
    return removal_delete(&removal, kind, before, NULL, out_header);
}

enum crm_status restore_record(struct change *change, const struct kind_def *kind, const struct record *bin, int64_t happened_us,
                               struct record_header *out_header)
{
    struct removing removing = { .change = change, .happened_us = happened_us };
    const struct removal removal = removal_of(&removing);

    return removal_restore(&removal, kind, bin, NULL, out_header);
}
