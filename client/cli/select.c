/*
 * select.c - from what a person typed to a record
 *
 * The server decides what a selector means (GetRequest.selector), so that the answer never depends
 * on what this machine happens to know; but what was made offline has a number that only this
 * machine's replica knows (D-~1).
 */
#include "client/cli/select.h"

#include <stdio.h>
#include <stdlib.h>

#include "client/cli/change.h"
#include "client/cli/command.h"
#include "client/cli/display.h"
#include "client/cli/prompt.h"
#include "client/replica/local_number.h"
#include "common/base/calendar.h"
#include "common/base/distance.h"

#define CHOICES_MAX 20

enum crm_status select_kind(struct cli *cli, const char *word, const struct kind_def **out_kind)
{
    const struct kind_def *kind = kind_find(word), *row;
    const char *near = NULL;
    size_t best = 3;

    if (kind) {
        *out_kind = kind;
        return CRM_OK;
    }
    for (size_t i = 0; (row = kind_at(i)); i++) {
        size_t distance = edit_distance(word, row->plural);

        if (distance < best) {
            best = distance;
            near = row->plural;
        }
    }
    if (near)
        return fail(&cli->failure, CRM_USAGE, NULL, "there is no kind '%s'; did you mean '%s'?",
                    word, near);
    return fail(&cli->failure, CRM_USAGE, NULL, "there is no kind '%s'; crm describe lists them",
                word);
}

enum crm_status select_as_of(struct cli *cli, const char *text, Crm__AsOf *out_as_of)
{
    struct value_context context = cli_value_context(cli);
    struct day_range days;
    char *end;
    unsigned long long seq = strtoull(text, &end, 10);

    crm__as_of__init(out_as_of);
    if (*text >= '0' && *text <= '9' && !*end) { /* also 2016: a day has hyphens */
        out_as_of->has_seq = true;
        out_as_of->seq = seq;
        return CRM_OK;
    }
    out_as_of->has_time = true;
    if (day_parse(slice_text(text), context.today, &days, NULL) == CRM_OK) {
        out_as_of->time = instant_of_day(days.end) - 1;
        return CRM_OK;
    }
    return instant_parse(slice_text(text), context.now_us, &out_as_of->time, &cli->failure);
}

/* On a terminal: which of the candidates is it? Their id is the selector of the second try. */
static bool choose_candidate(struct cli *cli, const Crm__Error *wire,
                             const struct kind_def **out_kind, struct uuid *out_id)
{
    const char *lines[CHOICES_MAX];
    size_t n = wire ? wire->n_candidates : 0;
    int chosen;

    if (n == 0 || n > CHOICES_MAX || !cli->in_is_tty || !cli->err_is_tty)
        return false;
    for (size_t i = 0; i < n; i++) {
        const Crm__Candidate *candidate = wire->candidates[i];
        struct uuid id;

        if (!uuid_from_slice(slice_of(candidate->id.data, candidate->id.len), &id) ||
            !kind_def(candidate->kind))
            return false;
        lines[i] = arena_printf(
            &cli->arena, "%s  %s",
            display_label((enum kind)candidate->kind, &id, candidate->number, &cli->arena),
            cli_safe(cli, candidate->title ? candidate->title : ""));
        if (!lines[i])
            return false;
    }
    chosen = prompt_choice("More than one record fits:", lines, n);
    if (chosen < 0)
        return false;
    *out_kind = kind_def(wire->candidates[chosen]->kind);
    return uuid_from_slice(
        slice_of(wire->candidates[chosen]->id.data, wire->candidates[chosen]->id.len), out_id);
}

static void fill_request(Crm__GetRequest *request, const struct selection *selection,
                         const struct uuid *id)
{
    if (selection->kind) {
        request->has_kind = true;
        request->kind = (uint32_t)selection->kind->kind;
    }
    if (id) {
        request->has_id = true;
        request->id =
            (ProtobufCBinaryData){ .len = UUID_SIZE, .data = (uint8_t *)(uintptr_t)id->bytes };
    } else {
        request->selector = (char *)(uintptr_t)selection->selector;
    }
    request->has_titles = request->has_deleted = true;
    request->titles = selection->titles;
    request->deleted = selection->deleted;
}

/* The reply's memory ends with its call: what is kept goes to the arena. */
static enum crm_status take_record(struct cli *cli, const Crm__GetReply *reply,
                                   struct record *out_record)
{
    struct record record;
    uint8_t *body;
    enum crm_status status;

    if (!reply->record)
        return fail(&cli->failure, CRM_PROTOCOL, NULL, "the server sent no record");
    status = record_from_wire(reply->record, &record, &cli->failure);
    if (status)
        return status;
    titles_add(&cli->titles, reply->n_titles, reply->titles);
    body = arena_memdup(&cli->arena, record.body.data ? record.body.data : (const uint8_t *)"",
                        record.body.size);
    if (!body)
        return fail(&cli->failure, CRM_NO_MEMORY, NULL, "out of memory");
    record.body = slice_of(body, record.body.size);
    *out_record = record;
    return CRM_OK;
}

static enum crm_status get_once(struct cli *cli, const struct selection *selection,
                                const struct uuid *id, struct record *out_record,
                                struct crm_call **out_call)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    const Crm__GetReply *reply;
    Crm__AsOf as_of;
    enum crm_status status;

    fill_request(&request, selection, id);
    if (selection->as_of) {
        status = select_as_of(cli, selection->as_of, &as_of);
        if (status)
            return status;
        request.as_of = &as_of;
    }
    status = crm_get(cli->client, &request, out_call, &reply);
    return status ? status : take_record(cli, reply, out_record);
}

enum crm_status select_local(struct cli *cli, const struct kind_def *kind, const char *text,
                             const struct kind_def **out_kind, struct uuid *out_id, bool *out_is)
{
    struct replica *replica = cli->replica;
    struct local_number number;
    bool waits = false;
    enum crm_status status = CRM_OK;

    *out_is = local_number_parse(text, kind, &number);
    if (!*out_is)
        return CRM_OK;
    *out_kind = number.kind;
    if (!replica)
        status = replica_open(cli->profile.home, REPLICA_READ, &replica, &cli->failure);
    if (!status)
        status = local_number_find(replica, &number, out_id, &waits, &cli->failure);
    if (!cli->replica)
        replica_close(replica);
    if (!status && waits && !cli->replica)
        status = fail(&cli->failure, CRM_NOT_FOUND, NULL,
                      "the server has not got %s yet: crm sync sends it", cli_safe(cli, text));
    return status;
}

enum crm_status select_record(struct cli *cli, const struct selection *selection,
                              struct record *out_record)
{
    struct selection again = *selection;
    struct crm_call *call = NULL;
    struct uuid id;
    bool is_local;
    enum crm_status status =
        select_local(cli, selection->kind, selection->selector, &again.kind, &id, &is_local);

    if (status)
        return status;
    status = get_once(cli, &again, is_local ? &id : NULL, out_record, &call);

    if (status == CRM_AMBIGUOUS && call &&
        choose_candidate(cli, crm_call_error(call)->wire, &again.kind, &id)) {
        crm_call_destroy(call);
        call = NULL;
        status = get_once(cli, &again, &id, out_record, &call);
    }
    if (status && !cli->failure.status)
        status = cli_call_failed(cli, status, call);
    crm_call_destroy(call);
    return status;
}

enum crm_status select_from_arguments(struct cli *cli, int argc, char **argv,
                                      struct selection *selection, int *out_n)
{
    const struct kind_def *kind = argc > 1 ? kind_find(argv[1]) : NULL;

    if (kind && kind->flags & KIND_SINGLE && (argc == 2 || change_is_assignment(argv[2]))) {
        selection->kind = kind;
        selection->selector = kind->name;
        *out_n = 1;
        return CRM_OK;
    }
    selection->kind = argc > 2 ? kind : NULL;
    if (!selection->kind && argc > 1) {
        selection->selector = argv[1];
        *out_n = 1;
        return CRM_OK;
    }
    if (argc < 3)
        return fail(
            &cli->failure, CRM_USAGE, NULL,
            "name a record: its number (D-17), or its kind and its name or the end of its id");
    selection->selector = argv[2];
    *out_n = 2;
    return CRM_OK;
}

/* What select_resolve has found so far. */
struct known {
    struct known *next;
    enum kind kind;
    const char *text;
    struct uuid id;
};

#define KNOWN_BUCKETS 1024

static size_t bucket_of(enum kind kind, const char *text)
{
    size_t hash = (size_t)kind;

    for (; *text; text++)
        hash = hash * 31 + (unsigned char)*text;
    return hash % KNOWN_BUCKETS;
}

/* me and my team are in the profile. */
static bool resolve_self(const struct cli *cli, const char *text, struct uuid *out_id)
{
    if (strcmp(text, "me") == 0)
        return uuid_parse(cli->profile.user, out_id);
    if (strcmp(text, "my team") == 0)
        return uuid_parse(cli->profile.team, out_id);
    return false;
}

enum crm_status select_resolve(void *arg, enum kind kind, const char *text, struct uuid *out_id,
                               struct failure *failure)
{
    struct cli *cli = arg;
    struct selection selection = { .kind = kind_def(kind), .selector = text };
    size_t bucket = bucket_of(kind, text);
    struct known *known;
    struct record record;
    enum crm_status status;

    if (resolve_self(cli, text, out_id))
        return CRM_OK;
    if (!cli->known)
        cli->known = arena_zalloc(&cli->arena, KNOWN_BUCKETS * sizeof(struct known *));
    if (!cli->known)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    for (known = cli->known[bucket]; known; known = known->next) {
        if (known->kind == kind && strcmp(known->text, text) == 0) {
            *out_id = known->id;
            return CRM_OK;
        }
    }
    status = select_record(cli, &selection, &record);
    if (status) {
        bool is_named = strstr(cli->failure.text, text) != NULL;

        fail(failure, status, NULL, "%s%s%s%s", is_named ? "" : "'", is_named ? "" : text,
             is_named ? "" : "': ", cli->failure.text);
        cli->failure = (struct failure){ 0 };
        return status;
    }
    known = arena_alloc(&cli->arena, sizeof(*known));
    if (known)
        *known = (struct known){ .next = cli->known[bucket],
                                 .kind = kind,
                                 .text = arena_strdup(&cli->arena, text),
                                 .id = record.header.id };
    if (known && known->text)
        cli->known[bucket] = known;
    *out_id = record.header.id;
    return CRM_OK;
}
