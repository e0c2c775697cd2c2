/*
 * rep_proof.c - is the replica what the server shows, and what became of a change
 *
 * Both sides are read through libcrm's own calls, and everything is compared that they tell.
 */
#include "tests/crash/rep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/replica/local.h"

#define RECORDS_MAX 65536

/* --- the comparison */

/* A record as one side has it. */
struct row {
    uint32_t kind;
    uint8_t id[CRM_KEY_SIZE];
    uint64_t rev, number;
    uint8_t *body;
    size_t size;
};

struct rows {
    struct row *rows;
    size_t n;
};

static void take_rows(void *arg, const ProtobufCMessage *message)
{
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;
    struct rows *rows = arg;

    for (size_t i = 0; i < chunk->n_records && rows->n < RECORDS_MAX; i++) {
        const Crm__Record *record = chunk->records[i];
        struct row *row = &rows->rows[rows->n++];

        *row = (struct row){ .kind = record->header->kind, .rev = record->header->rev, .number = record->header->number, .size = record->body.len };
        memcpy(row->id, record->header->id.data, CRM_KEY_SIZE);
        row->body = malloc(row->size + 1);
        if (row->body)
            memcpy(row->body, record->body.data, row->size);
    }
}

/* -1, 0, 1 */
static int compare_ids(const void *a, const void *b)
{
    int order = memcmp(((const struct row *)a)->id, ((const struct row *)b)->id, CRM_KEY_SIZE);

    return (order > 0) - (order < 0);
}

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        free(rows->rows[i].body);
    free(rows->rows);
}

/* Everything of the kinds that a rep works with. */
static bool read_rows(struct crm_client *client, struct rows *out_rows)
{
    static const char *const kinds[] = { "customer", "contact", "deal", "activity", "task" };
    bool ok;

    *out_rows = (struct rows){ .rows = calloc(RECORDS_MAX, sizeof(struct row)) };
    ok = out_rows->rows != NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && ok; i++) {
        Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
        const Crm__ListReply *reply;
        struct crm_call *call;

        request.has_kind = true;
        request.kind = crm_kind(kinds[i]);
        ok = crm_list(client, &request, take_rows, out_rows, &call, &reply) == CRM_OK;
        if (!ok)
            fprintf(stderr, "list %s: %s\n", kinds[i], crm_call_error(call)->text);
        crm_call_destroy(call);
    }
    if (ok)
        qsort(out_rows->rows, out_rows->n, sizeof(struct row), compare_ids);
    return ok;
}

static void tell_row(const struct row *row, const char *what)
{
    fprintf(stderr, "%s %" PRIu64 " at revision %" PRIu64 " %s\n", crm_kind_name(row->kind), row->number, row->rev, what);
}

/* Both sorted. */
static bool rows_equal(const struct rows *view, const struct rows *replica)
{
    size_t i = 0, k = 0, n_equal = 0;

    while (i < view->n || k < replica->n) {
        int order = i == view->n ? 1 : k == replica->n ? -1 : compare_ids(&view->rows[i], &replica->rows[k]);
        const struct row *there = &view->rows[i], *here = &replica->rows[k];

        if (order < 0)
            tell_row(there, "is not in the replica");
        else if (order > 0)
            tell_row(here, "is in the replica, but not in the view");
        else if (there->rev != here->rev || there->number != here->number || there->size != here->size || memcmp(there->body, here->body, here->size) != 0)
            tell_row(here, "is in the replica, but not as in the view");
        else
            n_equal++;
        i += order <= 0;
        k += order >= 0;
    }
    return n_equal == view->n && n_equal == replica->n;
}

bool rep_equals_view(const struct rep *rep, struct crm_client *client, unsigned *out_records)
{
    struct replica *replica = rep_open(rep, false);
    struct crm_client *local = NULL;
    struct rows view = { 0 }, here = { 0 };
    bool ok = replica && local_client_create(replica, &local) == CRM_OK && read_rows(local, &here) && read_rows(client, &view) && rows_equal(&view, &here);

    *out_records = (unsigned)here.n;
    free_rows(&view);
    free_rows(&here);
    crm_client_destroy(local);
    replica_close(replica);
    return ok;
}

/* --- the server */

struct search {
    const char *text; /* NULL: changes of this sort are counted */
    Crm__Verb verb;
    int n;        /* values that came */
    int n_before; /* values that went */
};

static bool has_text(ProtobufCBinaryData value, const char *text)
{
    return value.len > 0 && memmem(value.data, value.len, text, strlen(text));
}

static void search_changes(void *arg, const ProtobufCMessage *message)
{
    const Crm__HistoryChunk *chunk = (const Crm__HistoryChunk *)message;
    struct search *search = arg;

    for (size_t i = 0; i < chunk->n_changes; i++) {
        if (!search->text)
            search->n += chunk->changes[i]->verb == search->verb;
        for (size_t k = 0; search->text && k < chunk->changes[i]->n_fields; k++) {
            search->n += has_text(chunk->changes[i]->fields[k]->after, search->text);
            search->n_before += has_text(chunk->changes[i]->fields[k]->before, search->text);
        }
    }
}

static bool search_history(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], struct search *search)
{
    Crm__HistoryRequest request = CRM__HISTORY_REQUEST__INIT;
    const Crm__HistoryReply *reply;
    struct crm_call *call;
    enum crm_status status;

    request.has_kind = request.has_id = true;
    request.kind = kind;
    request.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id, .len = CRM_KEY_SIZE };
    status = crm_history(client, &request, search_changes, search, &call, &reply);
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        fprintf(stderr, "history: %s\n", crm_call_error(call)->text);
    crm_call_destroy(call);
    return status == CRM_OK || status == CRM_NOT_FOUND;
}

int online_count_verb(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], Crm__Verb verb)
{
    struct search search = { .verb = verb };

    return search_history(client, kind, id, &search) ? search.n : -1;
}

int online_count_history(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], const char *text)
{
    struct search search = { .text = text };

    return search_history(client, kind, id, &search) ? search.n : -1;
}

bool online_had(struct crm_client *client, uint32_t kind, const uint8_t id[CRM_KEY_SIZE], const char *text)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;
    struct search search = { .text = text };
    const Crm__GetReply *reply;
    struct crm_call *call;
    bool has;

    request.has_kind = request.has_id = true;
    request.kind = kind;
    request.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)id, .len = CRM_KEY_SIZE };
    has = crm_get(client, &request, &call, &reply) == CRM_OK && has_text(reply->record->body, text);
    crm_call_destroy(call);
    return has || (search_history(client, kind, id, &search) && search.n_before > 0);
}

int online_count_conflicts(struct crm_client *client, const char *text)
{
    Crm__ConflictsRequest request = CRM__CONFLICTS_REQUEST__INIT;
    const Crm__ConflictsReply *reply = NULL;
    struct crm_call *call = NULL, *before = NULL;
    int n = 0;

    do {
        if (before) {
            request.has_after = true;
            request.after = reply->next;
        }
        if (crm_sync_conflicts(client, &request, &call, &reply) != CRM_OK) {
            fprintf(stderr, "conflicts: %s\n", crm_call_error(call)->text);
            n = -1;
        }
        crm_call_destroy(before);
        before = call;
        for (size_t i = 0; n >= 0 && i < reply->n_conflicts; i++)
            for (size_t k = 0; k < reply->conflicts[i]->n_fields; k++)
                n += !*text || has_text(reply->conflicts[i]->fields[k]->mine, text);
    } while (n >= 0 && reply->has_next);
    crm_call_destroy(before);
    return n;
}
