/*
 * op_access.c - who may see and change a record, and why: for administrators, auditors, and everybody about themselves
 *
 * Both look at the record through the asker's own view: what the asker may not read does not exist here either. On a worker.
 */
#include "common/base/calendar.h"
#include "common/model/reflect.h"
#include "server/engine/access_account.h"
#include "server/ops/wire.h"

#define RULES_MAX   16
#define HOLDERS_MAX 2000  /* told at once */
#define USERS_MAX   10000 /* looked at for them */

static bool has_any_right(const struct op_ctx *ctx, uint32_t rights)
{
    return (ctx->session->rights & rights) != 0;
}

/* The record that is asked about, as far as the asker may see it. */
static enum crm_status load_subject(struct op_ctx *ctx, uint32_t kind, ProtobufCBinaryData bytes, struct record *out_record)
{
    struct uuid id;
    enum crm_status status;

    if (!kind_def(kind))
        return op_fail_field(ctx, CRM_INVALID, "kind", "there is no kind number %u", kind);
    if (!uuid_from_slice(slice_of(bytes.data, bytes.len), &id))
        return op_fail_field(ctx, CRM_INVALID, "id", "an id has 16 bytes");
    status = view_record(ctx->view, (enum kind)kind, &id, out_record);
    if (status == CRM_NOT_FOUND)
        return op_fail(ctx, status, "there is no such %s", kind_def(kind)->name);
    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "the stored record is damaged");
}

/* What a record is called, as far as the asker may see it: "D-17 Renewal", of people and teams the name alone. In the arena, never NULL. */
static const char *name_of(struct op_ctx *ctx, enum kind kind, const struct uuid *id)
{
    static const char nobody[] = "nobody";
    char label[RECORD_LABEL_SIZE];
    struct record record;
    struct slice title;
    char *text;

    if (uuid_is_nil(id))
        return nobody;
    if (view_record(ctx->view, kind, id, &record) != CRM_OK)
        return kind == KIND_USER ? "somebody else" : kind == KIND_TEAM ? "of theirs" : "the record that it belongs to";
    title = record_title(&record);
    record_label(&record.header, label);
    if (kind == KIND_USER || kind == KIND_TEAM)
        text = arena_strndup(ctx->arena, title.data, title.size);
    else
        text = arena_printf(ctx->arena, "%s%s%.*s", label, title.size ? " " : "", (int)title.size, title.data ? (const char *)title.data : "");
    return text ? text : "?";
}

/* A user as the access operations need one. */
struct person {
    const Crm__User *user;
    const char *name, *role;
    struct access *access;
};

/* One's own role has a name even where roles may not be read. */
static const char *role_name(struct op_ctx *ctx, const struct uuid *user, const struct uuid *role)
{
    struct record record;
    struct slice title;

    if (uuid_equal(user, &ctx->session->user))
        return arena_strdup(ctx->arena, ctx->session->role);
    if (view_record(ctx->view, KIND_ROLE, role, &record) != CRM_OK)
        return "";
    title = record_title(&record);
    return arena_strndup(ctx->arena, title.data, title.size);
}

static enum crm_status load_person(struct op_ctx *ctx, const struct record *record, struct person *out_person)
{
    const Crm__User *user = crm__user__unpack(&ctx->arena->protobuf, record->body.size, record->body.data);
    struct person person = { .user = user, .role = "" };
    struct uuid role;

    if (user && user->has_role && uuid_from_slice(slice_of(user->role.data, user->role.len), &role))
        person.role = role_name(ctx, &record->header.id, &role);
    if (!user || !person.role)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    person.name = user->name && *user->name ? user->name : user->login ? user->login : "?";
    *out_person = person;
    return CRM_OK;
}

/* What the person may see; person->access is the caller's to unref. */
static enum crm_status load_access(struct op_ctx *ctx, const struct record *record, struct person *person)
{
    enum crm_status status = access_create(ctx->view, &record->header.id, NULL, &person->access);

    return status == CRM_OK ? CRM_OK : op_fail(ctx, status, "what %.100s may see cannot be found out", person->name);
}

static bool is_active(const struct person *person)
{
    return !person->user->has_active || person->user->active;
}

/* --- explain */

/* Rules while they are gathered. */
struct explaining {
    struct op_ctx *ctx;
    const struct kind_def *kind;
    struct person person;
    Crm__AccessRule *rules[RULES_MAX];
    size_t n;
    bool is_spent; /* out of memory */
};

static void say(struct explaining *explaining, enum access_verb verb, bool allows, const char *text)
{
    Crm__AccessRule *rule = arena_alloc(explaining->ctx->arena, sizeof *rule);

    if (!rule || !text || explaining->n == RULES_MAX) {
        explaining->is_spent = true;
        return;
    }
    crm__access_rule__init(rule);
    rule->has_write = rule->has_allows = true;
    rule->write = verb == ACCESS_WRITE;
    rule->allows = allows;
    rule->text = (char *)(uintptr_t)text;
    explaining->rules[explaining->n++] = rule;
}

static const char *scope_word(Crm__Scope scope)
{
    static const char *const words[] = {
        [CRM__SCOPE__SCOPE_UNSET] = "none", [CRM__SCOPE__SCOPE_NONE] = "none",     [CRM__SCOPE__SCOPE_OWN] = "own",
        [CRM__SCOPE__SCOPE_TEAM] = "team",  [CRM__SCOPE__SCOPE_BRANCH] = "branch", [CRM__SCOPE__SCOPE_ALL] = "all",
    };

    return (unsigned)scope < ARRAY_LEN(words) ? words[scope] : "none";
}

/* What holds, or does not, between a user and owner and team of the record that decides. In the arena; NULL when memory is spent. */
static const char *standing(struct explaining *explaining, const struct access_account *account, const char *team)
{
    struct arena *arena = explaining->ctx->arena;
    const char *who = explaining->person.name;

    switch (account->reason.rule) {
    case ACCESS_TEAM:
        return arena_printf(arena, "%s is in team %s", who, team);
    case ACCESS_BRANCH:
        return arena_printf(arena, "%s is in a team above %s", who, team);
    default:
        if (account->scope == CRM__SCOPE__SCOPE_OWN)
            return arena_printf(arena, "%s is not the owner", who);
        return arena_printf(arena, "%s is neither the owner nor in team %s%s", who, team, account->scope == CRM__SCOPE__SCOPE_TEAM ? "" : " or one above");
    }
}

/* Owner and team of the record that decides, held against the user's. */
static void say_owner(struct explaining *explaining, enum access_verb verb, const struct access_account *account, bool is_own_root)
{
    struct op_ctx *ctx = explaining->ctx;
    const struct record_header *root = &account->root;
    const char *name = name_of(ctx, root->kind, &root->id), *owner = name_of(ctx, KIND_USER, &root->owner), *team = name_of(ctx, KIND_TEAM, &root->team);
    const char *decides = is_own_root ? "" : " decides: it", *held;
    enum access_rule rule = account->reason.rule;

    if (rule == ACCESS_OWNER) {
        say(explaining, verb, true, arena_printf(ctx->arena, "%s%s is %s's own.", name, decides, explaining->person.name));
        return;
    }
    held = standing(explaining, account, team);
    say(explaining, verb, rule == ACCESS_TEAM || rule == ACCESS_BRANCH,
        held ? arena_printf(ctx->arena, "%s%s belongs to %s, team %s; %s.", name, decides, owner, team, held) : NULL);
}

/* "team North and those below" */
static const char *principal_words(struct op_ctx *ctx, const struct grant *grant)
{
    switch (grant->sort) {
    case GRANT_TEAM:
        return arena_printf(ctx->arena, "team %s", name_of(ctx, KIND_TEAM, &grant->principal));
    case GRANT_TEAM_AND_BELOW:
        return arena_printf(ctx->arena, "team %s and those below", name_of(ctx, KIND_TEAM, &grant->principal));
    default:
        return name_of(ctx, KIND_USER, &grant->principal);
    }
}

static void say_grant(struct explaining *explaining, enum access_verb verb, const struct access_account *account)
{
    struct op_ctx *ctx = explaining->ctx;
    const struct grant *grant = &account->reason.grant;
    char until[INSTANT_TEXT_SIZE] = "";
    const char *with;

    if (account->reason.rule != ACCESS_GRANT) {
        say(explaining, verb, false,
            arena_printf(ctx->arena, "It is not shared with %s or a team of theirs%s.", explaining->person.name,
                         verb == ACCESS_WRITE ? " for changing" : ""));
        return;
    }
    with = principal_words(ctx, grant);
    if (grant->until_us)
        instant_format_short(grant->until_us, until);
    say(explaining, verb, true,
        arena_printf(ctx->arena, "It is shared with %s, to %s%s%s.", with ? with : "?", grant->rights >= GRANT_WRITE ? "change it" : "read it",
                     *until ? ", until " : "", until));
}

/* In the order in which the evaluator looks. */
static bool explain_verb(struct explaining *explaining, enum access_verb verb, const struct record_header *header)
{
    struct op_ctx *ctx = explaining->ctx;
    const struct kind_def *kind = explaining->kind;
    struct access_account account;
    bool is_yes;

    access_account(explaining->person.access, ctx->view, verb, header, &account);
    is_yes = account.answer == CRM_OK;
    say(explaining, verb, account.scope > CRM__SCOPE__SCOPE_NONE,
        arena_printf(ctx->arena, "Role %s %s %s: %s.", explaining->person.role, verb == ACCESS_READ ? "reads" : "changes", kind->plural,
                     scope_word(account.scope)));
    if (account.reason.rule == ACCESS_BROKEN)
        say(explaining, verb, false, "The record that decides, or a share of it, cannot be read: that means no.");
    else if (account.scope > CRM__SCOPE__SCOPE_NONE && account.scope != CRM__SCOPE__SCOPE_ALL) {
        say_owner(explaining, verb, &account, uuid_equal(&header->root, &header->id));
        if (account.reason.rule == ACCESS_GRANT || account.reason.rule == ACCESS_NO_RULE)
            say_grant(explaining, verb, &account);
    }
    return is_yes;
}

/* What the role says of one field; takes away from the answers. */
static void explain_field(struct explaining *explaining, const struct field_def *field, Crm__AccessExplainReply *reply)
{
    struct op_ctx *ctx = explaining->ctx;
    const struct access *access = explaining->person.access;
    const char *role = explaining->person.role, *name = field->name;
    enum kind kind = explaining->kind->kind;
    bool is_hidden = access_hides(access, kind, field->ref);

    if (is_hidden)
        say(explaining, ACCESS_READ, false, arena_printf(ctx->arena, "Role %s hides the field %s.", role, name));
    else if (reply->may_read)
        say(explaining, ACCESS_READ, true, arena_printf(ctx->arena, "Role %s shows the field %s.", role, name));
    if (field->flags & FIELD_DERIVED)
        say(explaining, ACCESS_WRITE, false, arena_printf(ctx->arena, "Only the server sets the field %s.", name));
    else if (access_keeps(access, kind, field->ref))
        say(explaining, ACCESS_WRITE, false, arena_printf(ctx->arena, "Role %s does not let the field %s be changed.", role, name));
    else if (reply->may_write)
        say(explaining, ACCESS_WRITE, true, arena_printf(ctx->arena, "Role %s lets the field %s be changed.", role, name));
    reply->may_read = reply->may_read && !is_hidden;
    reply->may_write = reply->may_write && !access_keeps(access, kind, field->ref) && !(field->flags & FIELD_DERIVED);
}

static enum crm_status load_asked(struct op_ctx *ctx, const Crm__AccessExplainRequest *request, struct person *out_person)
{
    struct uuid user = ctx->session->user;
    struct record record;
    enum crm_status status;

    if (request->has_user && !uuid_from_slice(slice_of(request->user.data, request->user.len), &user))
        return op_fail_field(ctx, CRM_INVALID, "user", "an id has 16 bytes");
    ctx->subject.is_nothing = uuid_equal(&user, &ctx->session->user);
    if (!ctx->subject.is_nothing && !has_any_right(ctx, 1u << CRM__RIGHT__RIGHT_MANAGE_USERS | 1u << CRM__RIGHT__RIGHT_AUDIT))
        return op_fail(ctx, CRM_NOT_ALLOWED, "about others only who manages users or audits may ask");
    if (view_record(ctx->view, KIND_USER, &user, &record) != CRM_OK)
        return op_fail_field(ctx, CRM_NOT_FOUND, "user", "there is no such user");
    status = load_person(ctx, &record, out_person);
    return status == CRM_OK ? load_access(ctx, &record, out_person) : status;
}

static void explain(struct explaining *explaining, const struct record *record, const struct field_def *field, Crm__AccessExplainReply *reply)
{
    if (!is_active(&explaining->person)) {
        say(explaining, ACCESS_READ, false, arena_printf(explaining->ctx->arena, "%s is disabled and cannot log in.", explaining->person.name));
        return;
    }
    reply->may_read = explain_verb(explaining, ACCESS_READ, &record->header);
    if (reply->may_read)
        reply->may_write = explain_verb(explaining, ACCESS_WRITE, &record->header);
    else
        say(explaining, ACCESS_WRITE, false, "What may not be read may not be changed.");
    if (field)
        explain_field(explaining, field, reply);
}

static enum crm_status run_explain(struct op_ctx *ctx)
{
    const Crm__AccessExplainRequest *request = ctx->request;
    Crm__AccessExplainReply *reply = ctx->reply;
    struct explaining explaining = { .ctx = ctx };
    const struct field_def *field = NULL;
    struct record record;
    enum crm_status status = load_asked(ctx, request, &explaining.person);

    if (status == CRM_OK)
        status = load_subject(ctx, request->kind, request->id, &record);
    if (status == CRM_OK) {
        explaining.kind = kind_def(request->kind);
        field = schema_field(ctx->schema, explaining.kind, request->field);
        if (request->field && !field)
            status = op_fail_field(ctx, CRM_INVALID, "field", "a %s has no field number %u", explaining.kind->name, request->field);
    }
    if (status == CRM_OK) {
        reply->has_may_read = reply->has_may_write = true;
        explain(&explaining, &record, field, reply);
        reply->n_rules = explaining.n;
        reply->rules = arena_memdup(ctx->arena, explaining.rules, explaining.n * sizeof *reply->rules);
        if (explaining.is_spent || !reply->rules)
            status = op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    }
    if (status == CRM_OK && !ctx->subject.is_nothing)
        op_about(ctx, record.header.kind, &record.header.id, "explain");
    access_unref(explaining.person.access);
    return status;
}

/* --- who */

/* Users while they are looked at. */
struct listing {
    struct op_ctx *ctx;
    struct record record; /* who may read it? */
    Crm__AccessHolder **holders;
    size_t n, n_seen;
    bool more; /* there may be more than are told */
    enum crm_status status;
};

static const char *rule_words(struct op_ctx *ctx, const struct access_reason *reason)
{
    const char *with;

    switch (reason->rule) {
    case ACCESS_ALL:
        return "all";
    case ACCESS_OWNER:
        return "own";
    case ACCESS_TEAM:
        return "team";
    case ACCESS_BRANCH:
        return "branch";
    default:
        with = principal_words(ctx, &reason->grant);
        return with ? arena_printf(ctx->arena, "shared with %s", with) : NULL;
    }
}

static enum crm_status add_holder(struct listing *listing, const struct record *user, const struct person *person, const struct access_account *account)
{
    struct op_ctx *ctx = listing->ctx;
    Crm__AccessHolder *holder = arena_alloc(ctx->arena, sizeof *holder);
    struct access_account write;
    struct uuid team = { 0 };

    if (!holder)
        return CRM_NO_MEMORY;
    access_account(person->access, ctx->view, ACCESS_WRITE, &listing->record.header, &write);
    crm__access_holder__init(holder);
    holder->has_user = holder->has_may_write = true;
    holder->user = (ProtobufCBinaryData){ .data = arena_memdup(ctx->arena, user->header.id.bytes, UUID_SIZE), .len = UUID_SIZE };
    holder->login = person->user->login;
    holder->name = (char *)(uintptr_t)person->name;
    if (person->user->has_team && uuid_from_slice(slice_of(person->user->team.data, person->user->team.len), &team))
        holder->team = (char *)(uintptr_t)name_of(ctx, KIND_TEAM, &team);
    holder->role = (char *)(uintptr_t)person->role;
    holder->may_write = write.answer == CRM_OK;
    holder->rule = (char *)(uintptr_t)rule_words(ctx, &account->reason);
    holder->has_until = account->reason.rule == ACCESS_GRANT && account->reason.grant.until_us != 0;
    holder->until = account->reason.grant.until_us;
    if (!holder->user.data || !holder->rule)
        return CRM_NO_MEMORY;
    listing->holders[listing->n++] = holder;
    return CRM_OK;
}

static bool look_at_user(void *arg, struct slice key, struct slice value)
{
    struct listing *listing = arg;
    struct access_account account;
    struct person person = { 0 };
    struct record record;
    struct uuid id;
    enum kind kind;

    listing->more = listing->n == HOLDERS_MAX || listing->n_seen++ == USERS_MAX;
    if (listing->more)
        return false;
    if (!record_key_parse(key, &kind, &id) || view_open(listing->ctx->view, kind, &id, value, &record) != CRM_OK)
        return true;
    listing->status = listing->ctx->still_wanted(listing->ctx);
    if (listing->status == CRM_OK)
        listing->status = load_person(listing->ctx, &record, &person);
    if (listing->status != CRM_OK || !is_active(&person))
        return listing->status == CRM_OK;
    listing->status = load_access(listing->ctx, &record, &person);
    if (listing->status == CRM_OK)
        access_account(person.access, listing->ctx->view, ACCESS_READ, &listing->record.header, &account);
    if (listing->status == CRM_OK && account.answer == CRM_OK)
        listing->status = add_holder(listing, &record, &person, &account);
    access_unref(person.access);
    return listing->status == CRM_OK;
}

static enum crm_status run_who(struct op_ctx *ctx)
{
    static const uint8_t first = KIND_USER, behind = KIND_USER + 1;
    const Crm__AccessWhoRequest *request = ctx->request;
    Crm__AccessWhoReply *reply = ctx->reply;
    struct listing listing = { .ctx = ctx };
    enum crm_status status;

    if (!has_any_right(ctx, 1u << CRM__RIGHT__RIGHT_SHARE | 1u << CRM__RIGHT__RIGHT_MANAGE_USERS | 1u << CRM__RIGHT__RIGHT_AUDIT))
        return op_fail(ctx, CRM_NOT_ALLOWED, "your role does not allow this");
    status = load_subject(ctx, request->kind, request->id, &listing.record);
    if (status != CRM_OK)
        return status;
    listing.holders = arena_alloc(ctx->arena, HOLDERS_MAX * sizeof *listing.holders);
    if (!listing.holders)
        return op_fail(ctx, CRM_NO_MEMORY, "out of memory");
    status = view_scan(ctx->view, STORE_RECORD, &(struct store_range){ .from = slice_of(&first, 1), .to = slice_of(&behind, 1) }, look_at_user,
                       &listing);
    if (status == CRM_OK)
        status = listing.status;
    if (status != CRM_OK)
        return ctx->failure.status ? ctx->failure.status : op_fail(ctx, status, "%s", crm_status_info((int)status)->sentence);
    op_about(ctx, (enum kind)request->kind, &listing.record.header.id, "who");
    reply->holders = listing.holders;
    reply->n_holders = listing.n;
    reply->has_more = listing.more;
    reply->more = listing.more;
    return CRM_OK;
}

const struct op_def op_access_explain = {
    .code = OP_ACCESS_EXPLAIN, .name = "access.explain", .flags = OP_WORKS, .audit = CRM__AUDIT_ACT__AUDIT_ACT_ACCESS,
    .request = &crm__access_explain_request__descriptor, .reply = &crm__access_explain_reply__descriptor, .run = run_explain,
};

const struct op_def op_access_who = {
    .code = OP_ACCESS_WHO, .name = "access.who", .flags = OP_WORKS, .audit = CRM__AUDIT_ACT__AUDIT_ACT_ACCESS,
    .request = &crm__access_who_request__descriptor, .reply = &crm__access_who_reply__descriptor, .run = run_who,
};
