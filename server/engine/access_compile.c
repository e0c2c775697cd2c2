/*
 * access_compile.c - from a user, a role and the tree of teams to a struct access
 *
 * Any thread, at login, when a session is resumed, and when a user, role or team has changed. Reads past the guard: it makes the guard.
 */
#include "server/engine/access_inside.h"

#include "common/model/reflect.h"

#define ACCESS_BUDGET (4u << 20)
#define TEAMS_MAX     4096 /* in a set */
#define ABOVE_MAX     32   /* levels of the tree */

struct compile {
    struct view view;
    struct access *access;
    struct arena scratch;
    enum crm_status status;
};

/* --- sets */

static int compare_ref(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* A set while it grows: in the order in which it was found. */
struct uuid_list {
    struct uuid *ids;
    size_t n;
};

static bool list_add(struct compile *compile, struct uuid_list *list, const struct uuid *id)
{
    for (size_t i = 0; i < list->n; i++)
        if (uuid_equal(&list->ids[i], id))
            return true;
    if (list->n == TEAMS_MAX) {
        compile->status = CRM_TOO_LARGE;
        return false;
    }
    list->ids[list->n++] = *id;
    return true;
}

static struct uuid_list list_create(struct compile *compile)
{
    struct uuid_list list = { .ids = arena_alloc(&compile->scratch, TEAMS_MAX * sizeof *list.ids) };

    if (!list.ids)
        compile->status = CRM_NO_MEMORY;
    return list;
}

static void keep_set(struct compile *compile, const struct uuid_list *list, struct uuid_set *out_set)
{
    if (compile->status != CRM_OK || list->n == 0)
        return;
    out_set->ids = arena_memdup(&compile->access->arena, list->ids, list->n * sizeof *list->ids);
    if (!out_set->ids) {
        compile->status = CRM_NO_MEMORY;
        return;
    }
    out_set->n = list->n;
    qsort(out_set->ids, out_set->n, sizeof *out_set->ids, uuid_set_compare);
}

/* --- teams */

struct list_fill {
    struct compile *compile;
    struct uuid_list *list;
};

static bool add_child_team(void *arg, struct slice key, struct slice value)
{
    struct list_fill *fill = arg;
    struct uuid id;

    (void)value;
    return !index_key_id(key, &id) || list_add(fill->compile, fill->list, &id);
}

static void add_below(struct compile *compile, struct uuid_list *list)
{
    const struct field_def *parent = kind_field_by_name(kind_def(KIND_TEAM), "parent");
    struct list_fill fill = { .compile = compile, .list = list };

    for (size_t i = 0; i < list->n && compile->status == CRM_OK; i++) {
        struct key from = { 0 }, to;
        enum crm_status status;

        child_prefix(&from, &list->ids[i], KIND_TEAM, parent->ref);
        if (!key_after_prefix(&from, &to))
            to.size = 0;
        status = view_scan(&compile->view, STORE_CHILD, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) },
                           add_child_team, &fill);
        if (status != CRM_OK)
            compile->status = status;
    }
}

static void add_above(struct compile *compile, struct uuid_list *list)
{
    const struct field_def *parent = kind_field_by_name(kind_def(KIND_TEAM), "parent");
    size_t n = list->n;

    for (size_t i = 0; i < n; i++) {
        struct uuid id = list->ids[i];

        for (int level = 0; level < ABOVE_MAX && compile->status == CRM_OK; level++) {
            struct record record;
            struct value value;

            if (view_record(&compile->view, KIND_TEAM, &id, &record) != CRM_OK || !reflect_get(parent, &record, &value) ||
                !list_add(compile, list, &value.ref))
                break;
            id = value.ref;
        }
    }
}

static void compile_teams(struct compile *compile, const Crm__User *user)
{
    struct uuid_list list = list_create(compile);
    struct uuid id;
    size_t own;

    if (compile->status != CRM_OK)
        return;
    if (user->has_team && uuid_from_slice(slice_of(user->team.data, user->team.len), &id))
        list_add(compile, &list, &id);
    for (size_t i = 0; i < user->n_more_teams; i++)
        if (uuid_from_slice(slice_of(user->more_teams[i].data, user->more_teams[i].len), &id))
            list_add(compile, &list, &id);
    own = list.n;
    keep_set(compile, &list, &compile->access->teams);
    add_below(compile, &list);
    keep_set(compile, &list, &compile->access->branch);
    list.n = own;
    add_above(compile, &list);
    keep_set(compile, &list, &compile->access->above);
}

/* --- the role */

/* What a role's row says of fields, added to a set. */
static void add_fields(struct compile *compile, const struct kind_def *kind, char *const *names, size_t n, struct field_set *set)
{
    struct arena *arena = &compile->access->arena;
    uint32_t *refs;

    if (n == 0 || compile->status != CRM_OK)
        return;
    refs = arena_alloc(arena, (set->n + n) * sizeof *refs);
    if (!refs) {
        compile->status = CRM_NO_MEMORY;
        return;
    }
    if (set->n)
        memcpy(refs, set->refs, set->n * sizeof *refs);
    set->refs = refs;
    for (size_t i = 0; i < n; i++) {
        const struct field_def *field = schema_field_by_name(compile->view.schema, kind, names[i]);

        if (field && !(field->flags & FIELD_HEADER) && !field_set_has(set, field->ref)) {
            set->refs[set->n++] = field->ref;
            qsort(set->refs, set->n, sizeof *set->refs, compare_ref);
        }
    }
}

/* The row of a role for a kind: its own, else that for all. */
static const Crm__KindScope *role_row(const Crm__Role *role, const struct kind_def *kind)
{
    const Crm__KindScope *any = NULL;

    for (size_t i = 0; i < role->n_scopes; i++) {
        const Crm__KindScope *row = role->scopes[i];

        if (row->kind && strcmp(row->kind, "*") == 0)
            any = row;
        else if (row->kind && kind_find(row->kind) == kind)
            return row;
    }
    return any;
}

static Crm__Scope lesser(Crm__Scope a, Crm__Scope b)
{
    return a < b ? a : b;
}

/* Take a role into account; the first one sets, each further one only takes away. */
static void apply_role(struct compile *compile, const Crm__Role *role, bool narrows)
{
    struct access *access = compile->access;
    uint32_t rights = 0;
    const struct kind_def *kind;

    for (size_t i = 0; i < role->n_rights; i++)
        if ((unsigned)role->rights[i] < 32)
            rights |= 1u << role->rights[i];
    access->rights = narrows ? access->rights & rights : rights;
    for (size_t n = 0; (kind = kind_at(n)); n++) {
        struct kind_access *out = &access->kinds[kind->kind];
        const Crm__KindScope *row = role_row(role, kind);
        Crm__Scope read = row ? row->read : CRM__SCOPE__SCOPE_NONE, write = row ? row->write : CRM__SCOPE__SCOPE_NONE;

        out->read = narrows ? lesser(out->read, read) : read;
        out->write = narrows ? lesser(out->write, write) : write;
        if (row) {
            add_fields(compile, kind, row->hidden, row->n_hidden, &out->hidden);
            add_fields(compile, kind, row->read_only, row->n_read_only, &out->kept);
        }
    }
}

/* A role that is gone gives nothing. */
static void compile_role(struct compile *compile, const struct uuid *id, bool narrows)
{
    static const Crm__Role nothing = CRM__ROLE__INIT;
    const Crm__Role *role = NULL;
    struct record record;
    enum crm_status status = view_record(&compile->view, KIND_ROLE, id, &record);

    if (status == CRM_OK) {
        role = crm__role__unpack(&compile->scratch.protobuf, record.body.size, record.body.data);
        if (!role)
            compile->status = CRM_NO_MEMORY;
    } else if (status != CRM_NOT_FOUND) {
        compile->status = status;
    }
    if (compile->status == CRM_OK)
        apply_role(compile, role ? role : &nothing, narrows);
}

/* --- all of it */

/* Hashed part by part, each behind its size: no two accesses give the same bytes. */
struct printing {
    struct slice parts[2 * (6 + 2 * (KIND_MAX + 1))];
    size_t sizes[6 + 2 * (KIND_MAX + 1)];
    size_t n;
};

static void print(struct printing *printing, const void *data, size_t size)
{
    size_t *out = &printing->sizes[printing->n];

    *out = size;
    printing->parts[2 * printing->n] = slice_of(out, sizeof *out);
    printing->parts[2 * printing->n + 1] = slice_of(size ? data : out, size);
    printing->n++;
}

static void settle(struct access *access)
{
    struct printing printing = { .n = 0 };
    uint8_t scopes[2 * (KIND_MAX + 1)];

    access->sees_all = true;
    for (size_t k = KIND_NONE + 1; k <= KIND_MAX; k++)
        access->sees_all = access->sees_all && access_covers_kind(access, (enum kind)k, ACCESS_READ);
    for (size_t k = 0; k <= KIND_MAX; k++) {
        const struct kind_access *row = &access->kinds[k];

        scopes[2 * k] = (uint8_t)row->read;
        scopes[2 * k + 1] = (uint8_t)row->write;
        print(&printing, row->hidden.refs, row->hidden.n * sizeof *row->hidden.refs);
        print(&printing, row->kept.refs, row->kept.n * sizeof *row->kept.refs);
    }
    print(&printing, scopes, sizeof scopes);
    print(&printing, access->user.bytes, UUID_SIZE);
    print(&printing, &access->rights, sizeof access->rights);
    print(&printing, access->teams.ids, access->teams.n * UUID_SIZE);
    print(&printing, access->branch.ids, access->branch.n * UUID_SIZE);
    print(&printing, access->above.ids, access->above.n * UUID_SIZE);
    sha256(printing.parts, 2 * printing.n, access->fingerprint);
}

enum crm_status access_create(const struct view *view, const struct uuid *user_id, const struct uuid *narrowed_to, struct access **out_access)
{
    struct compile compile = { .view = view_unguarded(view), .access = calloc(1, sizeof *compile.access) };
    const Crm__User *user = NULL;
    struct record record;
    struct uuid role;

    if (!compile.access)
        return CRM_NO_MEMORY;
    atomic_init(&compile.access->refs, 1);
    arena_init(&compile.access->arena, ACCESS_BUDGET);
    arena_init(&compile.scratch, ACCESS_BUDGET);
    compile.access->user = *user_id;
    compile.status = view_record(&compile.view, KIND_USER, user_id, &record);
    if (compile.status == CRM_OK) {
        user = crm__user__unpack(&compile.scratch.protobuf, record.body.size, record.body.data);
        compile.status = user ? CRM_OK : CRM_NO_MEMORY;
    }
    if (compile.status == CRM_OK) {
        compile_teams(&compile, user);
        if (!user->has_role || !uuid_from_slice(slice_of(user->role.data, user->role.len), &role))
            role = (struct uuid){ { 0 } };
        compile_role(&compile, &role, false);
        if (narrowed_to && !uuid_is_nil(narrowed_to))
            compile_role(&compile, narrowed_to, true);
    }
    arena_fini(&compile.scratch);
    if (compile.status != CRM_OK) {
        access_unref(compile.access);
        return compile.status;
    }
    settle(compile.access);
    *out_access = compile.access;
    return CRM_OK;
}
