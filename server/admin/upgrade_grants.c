/*
 * upgrade_grants.c - from format 2 to 3: shares by whom they are for, and by their end
 */
#include "server/admin/upgrade_grants.h"

#include "server/engine/grants.h"

#define GRANTS_PER_RUN 5000
#define RUN_ARENA      (16u << 20)

/* One write run. */
struct grants_run {
    struct arena arena;
    struct view view;
    struct writeset *set;
    struct key cursor, last; /* behind it is what is left; seen last in this run */
    unsigned left;
    bool is_complete;
    enum crm_status status;
};

/* The kind of the record that is shared, live or deleted. KIND_NONE: there is none. */
static enum kind find_kind(const struct view *view, const struct uuid *root)
{
    const struct kind_def *kind;
    struct record record;

    for (size_t n = 0; (kind = kind_at(n)); n++)
        if (view_record(view, kind->kind, root, &record) == CRM_OK ||
            view_deleted(view, kind->kind, root, &record) == CRM_OK)
            return kind->kind;
    return KIND_NONE;
}

static enum crm_status complete_grant(struct grants_run *run, struct slice key, struct slice value)
{
    struct grant grant, none;
    struct uuid root;
    struct record principal;
    enum kind kind;
    enum crm_status status = grant_decode(key, value, &grant);

    if (status != CRM_OK || !grant_key_parse(key, &root, &none))
        return CRM_CORRUPT;
    kind = find_kind(&run->view, &root);
    if (kind == KIND_NONE)
        return writeset_delete(run->set, STORE_GRANT, key);
    status =
        view_record(&run->view, grant_principal_kind(grant.sort), &grant.principal, &principal);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    return grant_store(run->set, kind, &root, &grant, status == CRM_OK ? &grant : &none,
                       &run->arena);
}

static bool visit_grant(void *arg, struct slice key, struct slice value)
{
    struct grants_run *run = arg;

    if (run->left-- == 0) {
        run->is_complete = false;
        return false;
    }
    run->last.size = 0;
    key_bytes(&run->last, key.data, key.size);
    run->status = complete_grant(run, key, value);
    return run->status == CRM_OK;
}

static enum crm_status complete_some(struct store_txn *txn, void *arg)
{
    struct grants_run *run = arg;
    struct key from = run->cursor;
    enum crm_status status;

    arena_reset(&run->arena);
    run->set = writeset_create(&run->arena);
    if (!run->set)
        return CRM_NO_MEMORY;
    run->view = (struct view){ .txn = txn, .own = run->set };
    run->last = run->cursor;
    run->left = GRANTS_PER_RUN;
    run->is_complete = true;
    run->status = CRM_OK;
    if (from.size)
        key_u8(&from, 0); /* behind the last one */
    status = store_scan(txn, STORE_GRANT, &(struct store_range){ .from = key_slice(&from) },
                        visit_grant, run);
    if (status == CRM_OK)
        status = run->status;
    return status == CRM_OK ? writeset_apply(run->set, txn) : status;
}

enum crm_status upgrade_grants(struct store *store, struct failure *failure)
{
    struct grants_run run = { .is_complete = false };
    enum crm_status status = CRM_OK;

    arena_init(&run.arena, RUN_ARENA);
    while (status == CRM_OK && !run.is_complete) {
        status = store_write_run(store, complete_some, &run);
        run.cursor = run.last;
    }
    arena_fini(&run.arena);
    return status == CRM_OK ? CRM_OK
                            : fail(failure, status, NULL, "the shares cannot be completed: %s",
                                   crm_status_info((int)status)->sentence);
}
