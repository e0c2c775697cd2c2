/*
 * team_tree.c - crm admin team tree: the teams as a tree, and how many work in each
 *
 * Main thread. All teams and users are fetched once and put together here. A team whose parent is
 * not among them (it may not be read) stands at the top.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/admin.h"
#include "client/cli/display.h"
#include "client/cli/json.h"
#include "client/cli/query.h"
#include "client/cli/table.h"

#define DEPTH_MAX 32 /* as deep as the server looks */
#define NO_TEAM   SIZE_MAX

struct team {
    struct uuid id, parent, head; /* nil: none */
    uint64_t number;
    const char *name, *region;
    size_t first, next;    /* first team below, next one of the same parent */
    uint64_t users, below; /* active users here, and here and below */
};

struct tree {
    struct cli *cli;
    struct team *teams; /* on the heap */
    size_t n, capacity;
    size_t first; /* at the top */
    struct table *table;
    enum crm_status status; /* of what a callback could not tell */
};

/* --- fetch */

static struct uuid ref_of(protobuf_c_boolean has, ProtobufCBinaryData bytes)
{
    struct uuid id = { { 0 } };

    if (has)
        (void)uuid_from_slice(slice_of(bytes.data, bytes.len), &id);
    return id;
}

static struct team *find_team(struct tree *tree, const struct uuid *id)
{
    for (size_t i = 0; i < tree->n; i++)
        if (uuid_equal(&tree->teams[i].id, id))
            return &tree->teams[i];
    return NULL;
}

static enum crm_status add_team(struct tree *tree, const struct record *record)
{
    struct cli *cli = tree->cli;
    Crm__Team *team = crm__team__unpack(&cli->arena.protobuf, record->body.size, record->body.data);

    if (!team)
        return CRM_NO_MEMORY;
    if (tree->n == tree->capacity) {
        size_t capacity = tree->capacity ? 2 * tree->capacity : 64;
        struct team *more = realloc(tree->teams, capacity * sizeof(*more));

        if (!more)
            return CRM_NO_MEMORY;
        tree->teams = more;
        tree->capacity = capacity;
    }
    tree->teams[tree->n++] =
        (struct team){ .id = record->header.id,
                       .parent = ref_of(team->has_parent, team->parent),
                       .head = ref_of(team->has_head, team->head),
                       .number = record->header.number,
                       .name = cli_safe(cli, team->name ? team->name : "?"),
                       .region = cli_safe(cli, team->region ? team->region : ""),
                       .first = NO_TEAM,
                       .next = NO_TEAM };
    return CRM_OK;
}

static enum crm_status add_user(struct tree *tree, const struct record *record)
{
    Crm__User *user =
        crm__user__unpack(&tree->cli->arena.protobuf, record->body.size, record->body.data);
    struct uuid id;
    struct team *team;

    if (!user)
        return CRM_NO_MEMORY;
    id = ref_of(user->has_team, user->team);
    team = find_team(tree, &id);
    if (team)
        team->users++;
    return CRM_OK;
}

static void take_chunk(void *arg, const ProtobufCMessage *message)
{
    struct tree *tree = arg;
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;
    struct record record;

    titles_add(&tree->cli->titles, chunk->n_titles, chunk->titles);
    for (size_t i = 0; i < chunk->n_records && !tree->status; i++) {
        tree->status = record_from_wire(chunk->records[i], &record, NULL);
        if (!tree->status)
            tree->status =
                record.header.kind == KIND_TEAM ? add_team(tree, &record) : add_user(tree, &record);
    }
}

static enum crm_status fetch(struct tree *tree, enum kind kind, const char *filter)
{
    struct cli *cli = tree->cli;
    const Crm__ListReply *reply;
    Crm__ListRequest request;
    struct crm_call *call = NULL;
    enum crm_status status;

    status = query_list(cli, kind_def(kind), filter, &request);
    if (status)
        return status;
    status = crm_list(cli->client, &request, take_chunk, tree, &call, &reply);
    if (status)
        status = cli_call_failed(cli, status, call);
    else if (tree->status)
        status = fail(&cli->failure, tree->status, NULL, "the teams cannot be put together");
    crm_call_destroy(call);
    return status;
}

/* --- put together */

/* Behind the last of its parent, or of the top. */
static void hang(struct tree *tree, size_t at)
{
    struct team *parent = find_team(tree, &tree->teams[at].parent);
    size_t *place = parent ? &parent->first : &tree->first;

    while (*place != NO_TEAM)
        place = &tree->teams[*place].next;
    *place = at;
}

static uint64_t add_up(struct tree *tree, size_t at, int depth)
{
    struct team *team = &tree->teams[at];

    team->below = team->users;
    for (size_t i = team->first; i != NO_TEAM && depth < DEPTH_MAX; i = tree->teams[i].next)
        team->below += add_up(tree, i, depth + 1);
    return team->below;
}

/* --- show */

/* "│  ├─ North": lead stands before everything below a team. */
static enum crm_status show_team(struct tree *tree, size_t at, const char *lead, bool is_top,
                                 int depth)
{
    struct cli *cli = tree->cli;
    const struct team *team = &tree->teams[at];
    bool is_last = team->next == NO_TEAM;
    const char *name = arena_printf(&cli->arena, "%s%s%s", lead,
                                    is_top    ? ""
                                    : is_last ? "└─ "
                                              : "├─ ",
                                    team->name);
    const char *deeper = arena_printf(&cli->arena, "%s%s", lead,
                                      is_top    ? ""
                                      : is_last ? "   "
                                                : "│  ");
    char users[32], below[32];
    enum crm_status status = name && deeper ? CRM_OK : CRM_NO_MEMORY;

    if (!status)
        status = table_row(
            tree->table,
            (const char *[]){
                name, cli_grouped((int64_t)team->users, users),
                cli_grouped((int64_t)team->below, below),
                uuid_is_nil(&team->head) ? "" : display_ref(cli, &team->head, &cli->arena),
                team->region, display_label(KIND_TEAM, &team->id, team->number, &cli->arena) },
            0);
    for (size_t i = team->first; i != NO_TEAM && depth < DEPTH_MAX && !status;
         i = tree->teams[i].next)
        status = show_team(tree, i, deeper, false, depth + 1);
    return status;
}

static enum crm_status show_tree(struct tree *tree)
{
    struct cli *cli = tree->cli;
    enum crm_status status;

    tree->table = table_create(stdout, cli->colour);
    status =
        tree->table ? table_column(tree->table, cli_label(cli, "Team", "团队"), 0) : CRM_NO_MEMORY;
    if (!status)
        status = table_column(tree->table, cli_label(cli, "Users", "人数"), TABLE_RIGHT);
    if (!status)
        status = table_column(tree->table, cli_label(cli, "With below", "含下级"), TABLE_RIGHT);
    if (!status)
        status = table_column(tree->table, cli_label(cli, "Head", "主管"), 0);
    if (!status)
        status = table_column(tree->table, cli_label(cli, "Region", "区域"), 0);
    if (!status)
        status = table_column(tree->table, cli_label(cli, "Number", "编号"), 0);
    for (size_t i = tree->first; i != NO_TEAM && !status; i = tree->teams[i].next)
        status = show_team(tree, i, "", true, 0);
    if (!status)
        status = table_flush(tree->table);
    table_destroy(tree->table);
    return status ? fail(&cli->failure, status, NULL, "out of memory") : CRM_OK;
}

static json_t *teams_json(const struct tree *tree, size_t first, int depth)
{
    json_t *array = json_array();

    for (size_t i = first; i != NO_TEAM && depth < DEPTH_MAX; i = tree->teams[i].next) {
        const struct team *team = &tree->teams[i];
        const char *number = display_label(KIND_TEAM, &team->id, team->number, &tree->cli->arena);
        char id[UUID_TEXT_SIZE];

        uuid_format(&team->id, id);
        json_array_append_new(
            array,
            json_pack("{s:s?, s:s, s:s, s:o, s:I, s:I, s:o}", "number", number, "id", id, "name",
                      team->name, "head",
                      uuid_is_nil(&team->head) ? json_null() : json_ref(tree->cli, &team->head),
                      "users", (json_int_t)team->users, "users_with_below", (json_int_t)team->below,
                      "teams", teams_json(tree, team->first, depth + 1)));
    }
    return array;
}

enum crm_status admin_team_tree(struct cli *cli)
{
    struct tree tree = { .cli = cli, .first = NO_TEAM };
    enum crm_status status = fetch(&tree, KIND_TEAM, NULL);

    if (!status)
        status = fetch(&tree, KIND_USER, "active = yes");
    for (size_t i = 0; i < tree.n && !status; i++)
        hang(&tree, i);
    for (size_t i = tree.first; i != NO_TEAM && !status; i = tree.teams[i].next)
        add_up(&tree, i, 0);
    if (!status)
        status = cli->options.json ? json_print(stdout, teams_json(&tree, tree.first, 0), true)
                                   : show_tree(&tree);
    free(tree.teams);
    return status;
}
