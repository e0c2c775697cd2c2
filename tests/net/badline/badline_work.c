/*
 * badline_work.c - a day's work for a sync
 *
 * Called by cmocka programs, in one thread. What looks at the server runs in a process at the client's end, as crm does.
 */
#include "tests/net/badline/badline_work.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define ATTEMPTS_MAX 20
#define BODY_MAX     128

static struct outcome outcome;

/* --- changes */

/* The ids of the customers, as the replica has them, in the order of their numbers. */
struct ids {
    uint8_t ids[WORK_PUSHES_MAX][CRM_KEY_SIZE];
    size_t n;
};

static void read_ids(const struct work *work, unsigned n, struct ids *out_ids)
{
    char limit[16];
    const char *place = outcome.output;

    snprintf(limit, sizeof limit, "%u", n);
    office_run(&work->office, (const char *const[]){ "list", "customers", "--offline", "--quiet", "--jsonl", "--columns", "id", "--sort", "number", "--limit", limit, NULL },
               &outcome);
    for (out_ids->n = 0; out_ids->n < n && (place = strstr(place, "\"id\"")); out_ids->n++) {
        const char *digits = strchr(place + 4, '"') + 1;

        for (size_t i = 0; i < CRM_KEY_SIZE; digits += 2) {
            unsigned byte;

            digits += *digits == '-';
            assert_int_equal(sscanf(digits, "%2x", &byte), 1);
            out_ids->ids[out_ids->n][i++] = (uint8_t)byte;
        }
        place = digits;
    }
    assert_int_equal(out_ids->n, n);
}

/* Theirs is the industry, the rep's the legal name: both stay. */
static void change_online(const struct work *work, unsigned n)
{
    char where[32], value[48];

    snprintf(where, sizeof where, "number <= %u", n);
    snprintf(value, sizeof value, "industry=round %u", work->n_rounds);
    office_run(&work->office, (const char *const[]){ "set", "customer", "--where", where, value, "--yes", "--quiet", NULL }, &outcome);
}

static void change_offline(struct work *work, unsigned n)
{
    static Crm__Mutation mutations[WORK_PUSHES_MAX], *pointers[WORK_PUSHES_MAX];
    static uint8_t packed[WORK_PUSHES_MAX][BODY_MAX];
    static struct ids ids;

    read_ids(work, n - n / 2, &ids);
    for (work->n_changes = 0; work->n_changes < n; work->n_changes++) {
        unsigned i = work->n_changes;
        struct work_change *change = &work->changes[i];
        Crm__Customer customer = CRM__CUSTOMER__INIT;
        Crm__Mutation *mutation = pointers[i] = &mutations[i];

        change->is_new = i % 2 == 1;
        snprintf(change->token, sizeof change->token, "token %u of round %u.", i, work->n_rounds);
        crm__mutation__init(mutation);
        if (change->is_new) {
            crm_id_create(change->id);
            customer.name = change->token;
        } else {
            memcpy(change->id, ids.ids[i / 2], CRM_KEY_SIZE);
            customer.legal_name = change->token;
        }
        assert_true(crm__customer__get_packed_size(&customer) <= BODY_MAX);
        mutation->has_kind = mutation->has_id = mutation->has_verb = mutation->has_set = true;
        mutation->kind = crm_kind("customer");
        mutation->id = (ProtobufCBinaryData){ .data = change->id, .len = CRM_KEY_SIZE };
        mutation->verb = change->is_new ? CRM__VERB__VERB_CREATE : CRM__VERB__VERB_PATCH;
        mutation->set = (ProtobufCBinaryData){ .data = packed[i], .len = crm__customer__pack(&customer, packed[i]) };
    }
    assert_true(rep_change_all(&work->rep, pointers, n));
}

void work_make(struct work *work, unsigned n_pushes, unsigned n_pulls)
{
    assert_true(n_pushes <= WORK_PUSHES_MAX && n_pulls <= work->n_customers && n_pushes - n_pushes / 2 <= work->n_customers);
    work->n_rounds++;
    work->n_changes = 0;
    if (n_pushes > 0)
        change_offline(work, n_pushes);
    if (n_pulls > 0)
        change_online(work, n_pulls);
}

/* --- syncs */

static struct running start_sync(const struct work *work)
{
    return office_start(&work->office, (const char *const[]){ "sync", "--scope", "all", "--json", NULL });
}

void work_finish_sync(struct work *work, struct running first, struct work_report *out_report)
{
    *out_report = (struct work_report){ .attempts = 1 };
    office_finish(&first, &outcome);
    out_report->took_ns = outcome.took_ns;
    for (; outcome.code != 0; out_report->attempts++) {
        struct running again;

        if (out_report->attempts == ATTEMPTS_MAX || (outcome.code != 7 && outcome.code != 10)) /* the line, not the server */
            fail_msg("crm sync, attempt %u: exit code %d: %s", out_report->attempts, outcome.code, outcome.output);
        again = start_sync(work);
        office_finish(&again, &outcome);
        out_report->took_ns += outcome.took_ns;
    }
    assert_true(badline_stats(work->office.line, out_report->counts));
}

void work_sync(struct work *work, struct work_report *out_report)
{
    work_finish_sync(work, start_sync(work), out_report);
}

/* --- the proof. In a process of its own at the client's end; nothing may assert there. */

static bool is_there_once(const struct work_change *change, struct crm_client *client)
{
    uint32_t kind = crm_kind("customer");
    int n = change->is_new ? online_count_verb(client, kind, change->id, CRM__VERB__VERB_CREATE) : online_count_history(client, kind, change->id, change->token);

    if (n != 1)
        fprintf(stderr, "'%s' is %d times in the history\n", change->token, n);
    return n == 1;
}

static int look(struct work *work)
{
    struct crm_client *client = badline_enter(work->office.line, BADLINE_CLIENT) ? rep_connect(&work->rep) : NULL;
    unsigned n_records;
    int waiting = rep_count_queued(&work->rep, "", false);
    bool ok = client != NULL;

    for (unsigned i = 0; i < work->n_changes && ok; i++)
        ok = is_there_once(&work->changes[i], client);
    ok = ok && rep_equals_view(&work->rep, client, &n_records);
    if (waiting != 0)
        fprintf(stderr, "%d changes are still in the outbox\n", waiting);
    crm_client_destroy(client);
    return ok && waiting == 0 ? 0 : 1;
}

void work_assert_synced(struct work *work)
{
    const struct badline_way perfect = { 0 };
    pid_t pid;
    int status = -1;

    office_set_line(&work->office, &perfect);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(look(work));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* --- its life */

void work_open(struct work *work, uint64_t seed, unsigned n_customers)
{
    const struct badline_config perfect = { .seed = seed };
    struct work_report report;

    *work = (struct work){ .n_customers = n_customers };
    office_open(&work->office, &perfect);
    work->rep = (struct rep){ .daemon = &work->office.daemon, .host = BADLINE_SERVER_ADDRESS, .login = "admin" };
    snprintf(work->rep.home, sizeof work->rep.home, "%s", work->office.home);
    office_run(&work->office, (const char *const[]){ "add", "customer", "--from", office_write_customers(&work->office, n_customers), "--quiet", NULL }, &outcome);
    work_sync(work, &report);
    assert_int_equal(report.attempts, 1);
}

void work_close(struct work *work)
{
    office_close(&work->office);
}
