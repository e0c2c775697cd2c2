/*
 * admin_users.c - many users from a file: all of them or none, and then their invitations
 *
 * Called by crm admin user add --from; main thread. Three steps: read every row, so that managers
 * may stand anywhere; put the rows in an order in which managers come first; send them as one
 * request. Every row is looked at before anything is sent, so that one run tells all that is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "client/cli/admin.h"
#include "client/cli/change.h"
#include "client/cli/confirm.h"
#include "client/cli/import.h"
#include "client/cli/json.h"
#include "client/cli/mutate.h"
#include "client/cli/progress.h"
#include "client/cli/select.h"
#include "common/base/calendar.h"

#define USERS_MAX  500 /* in one request */
#define TOLD_MAX   20  /* rows that are told one by one */
#define WINDOW     16  /* invitations under way */
#define NOT_PLACED SIZE_MAX

/* One row of the file. */
struct entry {
    struct import_row row;        /* cells in the arena */
    const struct slice *happened; /* one of them, or NULL */
    const char *login, *name;     /* NULL: the row has none */
    struct uuid id;
    Crm__Mutation mutation;
    size_t needs[8]; /* rows that must come before: managers */
    size_t n_needs;
    bool is_placed;
    struct invitation invitation;
    uint64_t number;
};

struct users {
    struct cli *cli;
    struct mutate_key key;
    struct entry *entries;
    size_t n;
    size_t current;          /* whose fields are being read */
    size_t order[USERS_MAX]; /* managers first */
    size_t n_wrong;
    enum crm_status first; /* the first thing that was wrong */
};

/* Tell what is wrong with a row. */
static void refuse(struct users *users, size_t line, const struct failure *failure)
{
    struct cli *cli = users->cli;

    if (!users->first) /* a name that means nothing is a mistake in the file */
        users->first = failure->status == CRM_NOT_FOUND || failure->status == CRM_AMBIGUOUS
                           ? CRM_INVALID
                           : failure->status;
    if (++users->n_wrong > TOLD_MAX)
        return;
    fprintf(stderr, "crm: %s:%zu: ", cli_safe(cli, cli->options.from), line);
    if (*failure->field)
        fprintf(stderr, "column '%s': ", cli_safe(cli, failure->field));
    fprintf(stderr, "%s\n", cli_safe(cli, failure->text));
}

/* --- read */

static const char *cell_of(struct cli *cli, const struct import_row *row, const char *field)
{
    if (row->object)
        return json_string_value(json_object_get(row->object, field));
    for (size_t i = 0; i < row->n_cells; i++)
        if (row->fields[i] && strcmp(row->fields[i]->name, field) == 0 && row->cells[i].size > 0)
            return arena_strndup(&cli->arena, row->cells[i].data, row->cells[i].size);
    return NULL;
}

/* The reader's row ends with the next one: keep it. */
static enum crm_status keep_row(struct users *users, const struct import_row *row)
{
    struct cli *cli = users->cli;
    struct entry *entry = &users->entries[users->n];
    struct slice *cells = arena_alloc(&cli->arena, (row->n_cells + 1) * sizeof(*cells));
    char *text;

    if (!cells)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (size_t i = 0; i < row->n_cells; i++) {
        text = arena_strndup(&cli->arena, row->cells[i].data, row->cells[i].size);
        if (!text)
            return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
        cells[i] = slice_of(text, row->cells[i].size);
        if (row->happened == &row->cells[i])
            entry->happened = &cells[i];
    }
    entry->row = *row;
    entry->row.cells = cells;
    entry->row.happened = entry->happened;
    json_incref(row->object);
    entry->login = cell_of(cli, &entry->row, "login");
    entry->name = cell_of(cli, &entry->row, "name");
    entry->id = mutate_key_id(&users->key, ++users->n);
    return CRM_OK;
}

static enum crm_status read_rows(struct users *users, struct import *import)
{
    struct cli *cli = users->cli;
    bool is_end = false;
    enum crm_status status = CRM_OK;

    while (!status && !is_end) {
        struct failure failure = { 0 };
        struct import_row row = { 0 };

        if (import_next(import, &row, &is_end, &failure)) {
            refuse(users, row.line, &failure);
            is_end = import_is_broken(import) || failure.status == CRM_IO;
        } else if (!is_end && users->n == USERS_MAX) {
            status =
                fail(&cli->failure, CRM_TOO_LARGE, NULL,
                     "a file makes at most %d users, all of them or none: divide it", USERS_MAX);
        } else if (!is_end) {
            status = keep_row(users, &row);
        }
    }
    if (!status && users->n == 0 && users->n_wrong == 0)
        status = fail(&cli->failure, CRM_INVALID, NULL, "%s: there are no users in it",
                      cli->options.from);
    return status;
}

/* --- understand */

static bool is_called(const struct entry *entry, const char *text)
{
    return (entry->login && strcmp(entry->login, text) == 0) ||
           (entry->name && strcmp(entry->name, text) == 0);
}

/* The row that a text names: by login, else by a name that only one row has. NOT_PLACED: none. */
static size_t find_entry(const struct users *users, const char *text, bool *out_is_ambiguous)
{
    size_t found = NOT_PLACED;

    *out_is_ambiguous = false;
    for (size_t i = 0; i < users->n; i++) {
        if (users->entries[i].login && strcmp(users->entries[i].login, text) == 0)
            return i;
        if (!is_called(&users->entries[i], text))
            continue;
        *out_is_ambiguous = found != NOT_PLACED;
        found = i;
    }
    return found;
}

/* A change_resolve: users of the file first, then those that are there. */
static enum crm_status resolve(void *arg, enum kind kind, const char *text, struct uuid *out_id,
                               struct failure *failure)
{
    struct users *users = arg;
    struct entry *entry = &users->entries[users->current];
    bool is_ambiguous = false;
    size_t found = kind == KIND_USER ? find_entry(users, text, &is_ambiguous) : NOT_PLACED;

    if (found == NOT_PLACED)
        return select_resolve(users->cli, kind, text, out_id, failure);
    if (is_ambiguous)
        return fail(failure, CRM_AMBIGUOUS, NULL, "more than one row is '%s': give the login",
                    text);
    if (entry->n_needs == ARRAY_LEN(entry->needs))
        return fail(failure, CRM_TOO_LARGE, NULL, "this row refers to too many others");
    entry->needs[entry->n_needs++] = found;
    *out_id = users->entries[found].id;
    return CRM_OK;
}

static enum crm_status understand(struct users *users, struct entry *entry, struct failure *failure)
{
    struct cli *cli = users->cli;
    struct value_context context = cli_value_context(cli);
    const struct import_row *row = &entry->row;
    struct change change;
    enum crm_status status = CRM_OK;

    change_init(&change, cli->schema, kind_def(KIND_USER), &context, &cli->arena, resolve, users);
    if (row->happened)
        status = change_happened(&change, *row->happened, failure);
    if (!status && row->object)
        status = change_json(&change, row->object, failure);
    for (size_t i = 0; i < row->n_cells && !status; i++)
        if (row->fields[i] && row->cells[i].size > 0)
            status = change_list(&change, row->fields[i], row->cells[i], failure);
    if (!status && (!entry->login || !*entry->login))
        status = fail(failure, CRM_INVALID, "login", "a user needs one");
    crm__mutation__init(&entry->mutation);
    if (!status)
        status = change_finish(&change, true, &entry->mutation, failure);
    entry->mutation.has_verb = true;
    entry->mutation.verb = CRM__VERB__VERB_CREATE;
    mutation_set_id(&entry->mutation, &entry->id);
    return status;
}

/* CRM_OK also where rows were refused: then the look-up of every name still works. */
static enum crm_status understand_all(struct users *users)
{
    for (users->current = 0; users->current < users->n; users->current++) {
        struct entry *entry = &users->entries[users->current];
        struct failure failure = { 0 };
        enum crm_status status = understand(users, entry, &failure);

        if (!status)
            continue;
        refuse(users, entry->row.line, &failure);
        if (crm_status_info((int)status)->exit_code ==
            crm_status_info(CRM_UNREACHABLE)->exit_code) /* no further look-up will find a server */
            return fail(&users->cli->failure, status, NULL, "%s", failure.text);
    }
    return CRM_OK;
}

static bool is_ready(const struct users *users, const struct entry *entry)
{
    for (size_t i = 0; i < entry->n_needs; i++)
        if (!users->entries[entry->needs[i]].is_placed)
            return false;
    return true;
}

/* Managers before those whom they lead; what goes round in a circle is refused. */
static void put_in_order(struct users *users)
{
    size_t n = 0;
    bool found = true;

    while (found) {
        found = false;
        for (size_t i = 0; i < users->n; i++) {
            struct entry *entry = &users->entries[i];

            if (entry->is_placed || !is_ready(users, entry))
                continue;
            entry->is_placed = found = true;
            users->order[n++] = i;
        }
    }
    for (size_t i = 0; i < users->n && n < users->n; i++) {
        struct failure failure = { 0 };

        if (users->entries[i].is_placed)
            continue;
        fail(&failure, CRM_INVALID, "manager", "the managers go round in a circle");
        refuse(users, users->entries[i].row.line, &failure);
    }
}

/* --- send */

/* The server has refused the file for one of its rows: say which. */
static void refuse_row(struct users *users)
{
    struct failure failure = users->cli->failure;

    if (failure.position < 1 || (size_t)failure.position > users->n)
        return;
    refuse(users, users->entries[users->order[failure.position - 1]].row.line, &failure);
}

static enum crm_status create(struct users *users)
{
    Crm__Mutation *mutations[USERS_MAX];
    struct mutate_outcome outcome;
    enum crm_status status;

    for (size_t i = 0; i < users->n; i++)
        mutations[i] = &users->entries[users->order[i]].mutation;
    status = mutate_send(users->cli, &users->key, mutations, users->n, true, &outcome);
    if (status)
        refuse_row(users);
    for (size_t i = 0; i < users->n && !status; i++)
        users->entries[users->order[i]].number = outcome.reply->results[i]->number;
    mutate_end(&outcome);
    return status;
}

/* --- invite */

/* One invitation under way. */
struct slot {
    struct crm_call *call; /* NULL: free */
    size_t entry;
};

static enum crm_status take_invitation(struct users *users, struct slot *slot)
{
    enum crm_status status = crm_call_wait(slot->call);

    if (status)
        status = cli_call_failed(users->cli, status, slot->call);
    else
        status =
            invitation_from_reply(users->cli, (const Crm__InviteReply *)crm_call_reply(slot->call),
                                  &users->entries[slot->entry].invitation);
    crm_call_destroy(slot->call);
    slot->call = NULL;
    return status;
}

static enum crm_status start_invitation(struct users *users, struct slot *slot, size_t entry)
{
    Crm__InviteRequest request = CRM__INVITE_REQUEST__INIT;
    enum crm_status status;

    request.has_user = true;
    request.user = admin_id(&users->entries[entry].id);
    slot->entry = entry;
    status = crm_call_start(users->cli->client, OP_INVITE, &request.base, NULL, &slot->call);
    return status ? fail(&users->cli->failure, status, NULL, "%s",
                         crm_status_info((int)status)->sentence)
                  : CRM_OK;
}

/* The first one by itself: the server may want the password once more. The others side by side. */
static enum crm_status invite_all(struct users *users)
{
    struct slot slots[WINDOW] = { { 0 } };
    struct progress progress;
    enum crm_status status =
        invitation_create(users->cli, &users->entries[0].id, &users->entries[0].invitation);

    progress_init(&progress, users->cli, users->n);
    for (size_t i = 1; i < users->n && !status; i++) {
        struct slot *slot = &slots[i % WINDOW];

        if (slot->call)
            status = take_invitation(users, slot);
        if (!status)
            status = start_invitation(users, slot, i);
        progress_update(&progress, i);
    }
    for (size_t i = 0; i < WINDOW; i++)
        if (slots[i].call && !status)
            status = take_invitation(users, &slots[i]);
        else
            crm_call_destroy(slots[i].call);
    progress_end(&progress);
    return status;
}

/* --- tell */

static json_t *entry_json(const struct users *users, const struct entry *entry)
{
    struct record_header header = { .kind = KIND_USER, .id = entry->id, .number = entry->number };
    char label[RECORD_LABEL_SIZE], id[UUID_TEXT_SIZE];
    json_t *object;

    record_label(&header, label);
    uuid_format(&entry->id, id);
    object = json_pack("{s:s, s:s?, s:s, s:s}", "login", entry->login, "name", entry->name,
                       "number", label, "id", id);
    if (entry->invitation.url &&
        json_object_set_new(object, "invitation", invitation_json(&entry->invitation)))
        return NULL;
    (void)users;
    return object;
}

static enum crm_status show_json(const struct users *users)
{
    json_t *array = json_array();

    for (size_t i = 0; i < users->n; i++)
        if (json_array_append_new(array, entry_json(users, &users->entries[i])))
            return CRM_NO_MEMORY;
    return json_print(stdout, array, true);
}

/* Whom to send what. */
static void write_invitations(const struct users *users, FILE *out)
{
    static const char *const headings[] = { "login", "name", "invitation", "expires" };

    for (size_t i = 0; i < ARRAY_LEN(headings); i++)
        csv_cell(out, slice_text(headings[i]), i == 0);
    csv_end(out);
    for (size_t i = 0; i < users->n; i++) {
        const struct entry *entry = &users->entries[i];
        char expires[INSTANT_TEXT_SIZE] = "";

        if (!entry->invitation.url)
            continue;
        if (entry->invitation.expires_us)
            instant_format(entry->invitation.expires_us, expires);
        csv_cell(out, slice_text(entry->login), true);
        csv_cell(out, slice_text(entry->name ? entry->name : ""), false);
        csv_cell(out, slice_text(entry->invitation.url), false);
        csv_cell(out, slice_text(expires), false);
        csv_end(out);
    }
}

static enum crm_status show(const struct users *users, FILE *invitations)
{
    struct cli *cli = users->cli;
    bool is_dry_run = cli->options.dry_run;
    char count[32];

    if (invitations)
        write_invitations(users, invitations);
    if (cli->options.json)
        return show_json(users);
    if (!cli->options.quiet)
        fprintf(invitations || is_dry_run || cli->options.no_invitation ? stdout : stderr,
                "%s%s %s %s\n",
                is_dry_run ? cli_label(cli, "Dry run, nothing is changed: ", "试运行,未作更改: ")
                           : "",
                cli_label(cli, "Created", "已创建"), cli_grouped((int64_t)users->n, count),
                cli->chinese    ? "用户"
                : users->n == 1 ? "user"
                                : "users");
    if (!invitations && !is_dry_run && !cli->options.no_invitation)
        write_invitations(users, stdout);
    return CRM_OK;
}

/* A new file that nobody else can read; one that is there is not written over: it may hold
 * invitations. */
static enum crm_status open_invitations(struct cli *cli, FILE **out_file)
{
    const char *path = cli->options.invitations;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    *out_file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (*out_file)
        return CRM_OK;
    if (fd >= 0)
        close(fd);
    return fail(&cli->failure, CRM_USAGE, NULL, "%s: %s", path, strerror(errno));
}

/* --- all of it */

/* From the file to rows that can be sent. */
static enum crm_status prepare(struct users *users)
{
    struct cli *cli = users->cli;
    struct import *import = NULL;
    enum crm_status status = mutate_key_init(cli, &users->key);

    users->entries = arena_zalloc(&cli->arena, USERS_MAX * sizeof(*users->entries));
    if (!status && !users->entries)
        status = fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    if (!status)
        status = import_open(cli, kind_def(KIND_USER), cli->options.from, &import);
    if (!status)
        status = read_rows(users, import);
    if (!status)
        status = understand_all(users);
    if (!status)
        put_in_order(users);
    for (size_t i = 0; i < users->n; i++)
        json_decref(users->entries[i].row.object);
    import_close(import); /* the rows' fields are its */
    return status;
}

static enum crm_status create_and_invite(struct users *users)
{
    struct cli *cli = users->cli;
    bool invites = !cli->options.dry_run && !cli->options.no_invitation;
    FILE *file = NULL;
    enum crm_status status = CRM_OK;

    if (invites && cli->options.invitations)
        status = open_invitations(cli, &file);
    if (!status)
        status = create(users);
    if (status && file)
        unlink(cli->options.invitations);
    if (!status && invites && invite_all(users)) {
        cli->detail =
            "The users are there. Those without an invitation get one by crm admin invite.\n";
        status = CRM_PARTIAL;
    }
    if (!status || status == CRM_PARTIAL) {
        enum crm_status shown = show(users, file);

        status = status ? status : shown;
    }
    if (file && (fflush(file) || ferror(file)) && !status)
        status =
            fail(&cli->failure, CRM_IO, NULL, "%s: %s", cli->options.invitations, strerror(errno));
    if (file)
        fclose(file);
    return status;
}

enum crm_status admin_add_users(struct cli *cli)
{
    struct users *users = arena_zalloc(&cli->arena, sizeof(*users));
    enum crm_status status;

    if (!users)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    users->cli = cli;
    status = prepare(users);
    if (!status && users->n_wrong == 0)
        status = create_and_invite(users);
    if (users->n_wrong > TOLD_MAX)
        fprintf(stderr, "crm: and %zu more\n", users->n_wrong - TOLD_MAX);
    if (users->n_wrong > 0 && (!status || users->first)) {
        cli->reported = true;
        if (!cli->options.quiet)
            fprintf(stderr, "%s\n", cli_label(cli, "Nothing was created.", "未创建任何用户。"));
        return status ? status : users->first;
    }
    return status;
}
