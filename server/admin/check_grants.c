/*
 * check_grants.c - shares: each has its row by record, its row by whom it is for, and where it ends a row by time; and there are
 * no others
 */
#include "server/admin/check_inside.h"
#include "server/engine/grants.h"

#define SHARED_SIZE (UUID_SIZE + 3 + UUID_SIZE) /* of a child key: principal ‖ kind ‖ ref ‖ root */

bool check_is_shared_row(const struct check *check, struct slice key, bool *out_is_called_for)
{
    struct grant grant = { .rights = GRANT_NONE };
    struct uuid root;
    uint32_t ref;

    if (key.size != SHARED_SIZE)
        return false;
    ref = key_read_u16(key.data + UUID_SIZE + 1);
    if (ref <= GRANT_REF || ref > GRANT_REF + GRANT_SORT_MAX)
        return false;
    memcpy(grant.principal.bytes, key.data, UUID_SIZE);
    memcpy(root.bytes, key.data + UUID_SIZE + 3, UUID_SIZE);
    grant.sort = (enum grant_sort)(ref - GRANT_REF);
    *out_is_called_for = grant_load(&check->view, &root, &grant, &grant) == CRM_OK && grant.rights != GRANT_NONE;
    return true;
}

/* The record that is shared, of whatever kind: live, or in the recycle bin. */
static enum crm_status find_root(const struct check *check, const struct uuid *id, struct record *out_record, bool *out_is_live)
{
    const struct kind_def *kind;
    enum crm_status status = CRM_NOT_FOUND;

    *out_is_live = true;
    for (size_t n = 0; status == CRM_NOT_FOUND && (kind = kind_at(n)); n++)
        status = view_record(&check->view, kind->kind, id, out_record);
    if (status != CRM_NOT_FOUND)
        return status;
    *out_is_live = false;
    for (size_t n = 0; status == CRM_NOT_FOUND && (kind = kind_at(n)); n++)
        status = view_deleted(&check->view, kind->kind, id, out_record);
    return status;
}

static bool has_row(const struct check *check, enum store_db db, const struct key *key)
{
    struct slice value;

    return store_get(check->view.txn, db, key_slice(key), &value) == CRM_OK;
}

/* What lies in the bin keeps its shares as they are; whether they still hold is looked at when it comes back. */
static void check_live(struct check *check, const struct uuid *root, const struct grant *grant, const char *label)
{
    struct record principal;
    struct key due;

    if (view_record(&check->view, grant_principal_kind(grant->sort), &grant->principal, &principal) == CRM_NOT_FOUND)
        check_fault(check, "%s: it is shared with a %s that does not exist", label,
                    kind_def((unsigned)grant_principal_kind(grant->sort))->name);
    if (!grant->until_us)
        return;
    grant_due_key(&due, root, grant);
    if (!has_row(check, STORE_DUE, &due))
        check_fault(check, "%s: the end of a share is missing from due", label);
}

struct walk {
    struct check *check;
    enum crm_status status;
};

static bool visit_grant(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct check *check = walk->check;
    char label[CHECK_LABEL_SIZE];
    struct grant grant, same;
    struct record record;
    struct uuid root;
    struct key shared;
    bool is_live;

    if (!grant_key_parse(key, &root, &same)) {
        check_fault(check, "grant: a key of %zu bytes is no share's", key.size);
        return true;
    }
    if (grant_decode(key, value, &grant) != CRM_OK)
        return true; /* check_rows.c names it */
    walk->status = find_root(check, &root, &record, &is_live);
    if (walk->status == CRM_CORRUPT) { /* check_record.c has named it */
        walk->status = CRM_OK;
        return true;
    }
    if (walk->status == CRM_NOT_FOUND) {
        check_fault(check, "grant: a share of a record that does not exist");
        walk->status = CRM_OK;
        return true;
    }
    if (walk->status != CRM_OK)
        return false;
    check_label(&record.header, label);
    grant_shared_key(&shared, record.header.kind, &root, &grant);
    check->claimed[STORE_CHILD]++;
    if (!has_row(check, STORE_CHILD, &shared))
        check_fault(check, "%s: a share is missing from child", label);
    if (is_live)
        check_live(check, &root, &grant, label);
    return true;
}

static bool visit_due(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct grant wanted, grant = { .rights = GRANT_NONE };
    struct uuid root;

    (void)value; /* check_rows.c looks at its seal */
    if (key.size != DUE_HEAD_SIZE + GRANT_KEY_SIZE || key.data[DUE_HEAD_SIZE - 1] != DUE_GRANT ||
        !grant_key_parse(slice_of(key.data + DUE_HEAD_SIZE, GRANT_KEY_SIZE), &root, &wanted))
        check_fault(walk->check, "due: a key of %zu bytes belongs to no rule", key.size);
    else if (grant_load(&walk->check->view, &root, &wanted, &grant) == CRM_OK &&
             (grant.rights == GRANT_NONE || grant.until_us != key_read_i64(key.data)))
        check_fault(walk->check, "due: the end of a share that there is not");
    return true;
}

enum crm_status check_grants(struct check *check)
{
    struct walk walk = { .check = check, .status = CRM_OK };
    enum crm_status status = store_scan(check->view.txn, STORE_GRANT, &(struct store_range){ 0 }, visit_grant, &walk);

    if (status == CRM_OK && walk.status == CRM_OK)
        status = store_scan(check->view.txn, STORE_DUE, &(struct store_range){ 0 }, visit_due, &walk);
    return status == CRM_OK ? walk.status : status;
}
