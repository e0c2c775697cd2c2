/*
 * test_reports.c - the pipeline against a plain count over every deal's states, now and at the end of past days
 */
#include "server_ledger.h"

#include <stdlib.h>

#include "server/reports/report.h"

#define STEPS 2500

struct asked {
    struct server *server;
    const Crm__ReportRequest *request;
    Crm__ReportReply reply;
    struct failure failure;
};

static enum crm_status run_report(struct store_txn *txn, void *arg)
{
    struct asked *asked = arg;
    struct view view = { .txn = txn, .schema = asked->server->core.schema };
    struct session session;
    struct report_ctx ctx = {
        .view = &view, .session = &session, .arena = &asked->server->arena, .request = asked->request, .reply = &asked->reply,
        .today = server_today(), .failure = &asked->failure,
    };

    enum crm_status status = session_load(&view, &asked->server->user, &session);

    if (status != CRM_OK)
        return status;
    crm__report_reply__init(&asked->reply);
    status = report_find("pipeline")->run(&ctx);
    session_fini(&session);
    return status;
}

static enum crm_status ask(struct asked *asked, struct server *s, const Crm__ReportRequest *request)
{
    *asked = (struct asked){ .server = s, .request = request };
    return store_read_run(s->store, run_report, asked);
}

/* --- the plain count */

struct line {
    char group[3][80]; /* as the report names them */
    char currency[4];
    int64_t count, sum;
};

struct plain {
    struct line lines[4096];
    size_t n;
};

static void copy_field(struct server *s, enum kind kind, const struct record *record, const char *name, char out[80])
{
    struct value value;

    out[0] = '\0';
    if (reflect_get(server_field(s, kind, name), record, &value))
        snprintf(out, 80, "%.*s", (int)value.text.size, (const char *)value.text.data);
}

static void copy_name(struct server *s, enum kind kind, const struct uuid *id, char out[80])
{
    struct record record;

    if (server_load(s, kind, id, false, &record) == CRM_OK)
        copy_field(s, kind, &record, "name", out);
    else
        snprintf(out, 80, "(gone)");
}

static void count_deal(struct server *s, struct plain *plain, const struct record *deal, const char *const *groups, size_t n_groups)
{
    struct line line = { .count = 1 };
    struct value amount;

    for (size_t i = 0; i < n_groups; i++) {
        if (strcmp(groups[i], "stage") == 0)
            copy_field(s, KIND_DEAL, deal, "stage", line.group[i]);
        else if (strcmp(groups[i], "team") == 0)
            copy_name(s, KIND_TEAM, &deal->header.team, line.group[i]);
        else
            copy_name(s, KIND_USER, &deal->header.owner, line.group[i]);
    }
    if (reflect_get(server_field(s, KIND_DEAL, "amount"), deal, &amount)) {
        line.sum = amount.integer;
        memcpy(line.currency, amount.currency, sizeof line.currency);
    }
    for (size_t i = 0; i < plain->n; i++) {
        struct line *other = &plain->lines[i];

        if (memcmp(other->group, line.group, sizeof line.group) == 0 && strcmp(other->currency, line.currency) == 0) {
            other->count++;
            other->sum += line.sum;
            return;
        }
    }
    plain->lines[plain->n++] = line;
}

/* Where every deal stood when a day ended. */
static void count_all(struct ledger *ledger, struct plain *plain, int32_t day, const char *const *groups, size_t n_groups)
{
    memset(plain, 0, sizeof *plain);
    for (size_t i = 0; i < ledger->n_records; i++) {
        const struct ledger_state *state = ledger->records[i].last;

        while (state && day_of_instant(state->happened_us) > day)
            state = state->before;
        if (ledger->records[i].kind == KIND_DEAL && state && state->is_live)
            count_deal(ledger->server, plain, &state->record, groups, n_groups);
    }
}

static struct line line_of(const Crm__ReportRow *row, size_t n_groups)
{
    struct line line = { .count = row->cells[n_groups]->integer, .sum = row->cells[n_groups + 1]->money->minor };

    for (size_t i = 0; i < n_groups; i++)
        snprintf(line.group[i], sizeof line.group[i], "%s", row->cells[i]->text);
    snprintf(line.currency, sizeof line.currency, "%s", row->cells[n_groups + 1]->money->currency);
    return line;
}

static int compare_lines(const void *a, const void *b)
{
    return memcmp(a, b, offsetof(struct line, count));
}

/* Names of two teams or users may be the same: then the report has a line for each and the plain count one. */
static void join_lines(struct plain *plain)
{
    size_t n = 0;

    qsort(plain->lines, plain->n, sizeof plain->lines[0], compare_lines);
    for (size_t i = 0; i < plain->n; i++) {
        if (n && compare_lines(&plain->lines[n - 1], &plain->lines[i]) == 0) {
            plain->lines[n - 1].count += plain->lines[i].count;
            plain->lines[n - 1].sum += plain->lines[i].sum;
        } else {
            plain->lines[n++] = plain->lines[i];
        }
    }
    plain->n = n;
}

static void compare(struct ledger *ledger, const Crm__ReportRequest *request, int32_t day)
{
    static struct plain expected, shown;
    static const char *const by_stage[] = { "stage" };
    const char *const *groups = request->n_group ? (const char *const *)request->group : by_stage;
    size_t n_groups = request->n_group ? request->n_group : 1;
    int64_t total = 0, totals = 0;
    struct asked asked;

    assert_int_equal(ask(&asked, ledger->server, request), CRM_OK);
    assert_int_equal(asked.reply.n_columns, n_groups + 2);
    count_all(ledger, &expected, day, groups, n_groups);
    memset(&shown, 0, sizeof shown);
    for (size_t i = 0; i < asked.reply.n_rows; i++) {
        struct line line = line_of(asked.reply.rows[i], n_groups);

        if (asked.reply.rows[i]->level == 0)
            shown.lines[shown.n++] = line;
        else
            totals += line.count;
    }
    join_lines(&expected);
    join_lines(&shown);
    assert_int_equal(shown.n, expected.n);
    for (size_t i = 0; i < shown.n; i++) {
        assert_memory_equal(&shown.lines[i], &expected.lines[i], sizeof shown.lines[i]);
        total += shown.lines[i].count;
    }
    assert_int_equal(totals, total);
}

static void counts_what_stands_there_now(void **state)
{
    static const char *const groupings[][3] = {
        { NULL }, { "stage" }, { "team" }, { "owner" }, { "team", "stage" }, { "owner", "team", "stage" },
    };
    struct ledger *ledger = *state;

    for (size_t i = 0; i < ARRAY_LEN(groupings); i++) {
        Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
        char *groups[3];

        for (; request.n_group < 3 && groupings[i][request.n_group]; request.n_group++)
            groups[request.n_group] = (char *)(uintptr_t)groupings[i][request.n_group];
        request.group = groups;
        compare(ledger, &request, server_today());
    }
}

static void counts_what_stood_there(void **state)
{
    struct ledger *ledger = *state;
    char *group[] = { (char *)"team", (char *)"stage" };

    for (int32_t day = day_of_instant(SERVER_START_US) - 25; day <= server_today(); day += 3) {
        Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
        Crm__AsOf as_of = CRM__AS_OF__INIT;

        as_of.has_time = true;
        as_of.time = instant_of_day(day);
        request.as_of = &as_of;
        compare(ledger, &request, day);
        request.group = group;
        request.n_group = 2;
        compare(ledger, &request, day);
    }
}

/* --- by hand */

static void shows_stages_in_their_order(void **state)
{
    static const char *const stages[] = { "stage=Negotiation", "stage=Prospecting", "stage=Won", "stage=Engaging" };
    static const char *const shown[] = { "Prospecting", "Engaging", "Negotiation", "Won", "total" };
    struct server *s = *state;
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    struct asked asked;
    struct uuid id;

    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        server_create(s, KIND_DEAL, &id, "name=D", "amount=10 USD", stages[i]);
    assert_int_equal(ask(&asked, s, &request), CRM_OK);
    assert_int_equal(asked.reply.n_rows, ARRAY_LEN(shown));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        assert_string_equal(asked.reply.rows[i]->cells[0]->text, shown[i]);
    assert_int_equal(asked.reply.rows[4]->cells[1]->integer, 4);
    assert_int_equal(asked.reply.rows[4]->cells[2]->money->minor, 4000);
}

static void shows_one_pipeline(void **state)
{
    struct server *s = *state;
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    struct uuid id, nobody = uuid_create();
    struct asked asked;

    server_create(s, KIND_DEAL, &id, "name=D", "amount=10 USD");
    request.has_pipeline = true;
    request.pipeline = server_id(s, &s->pipeline);
    assert_int_equal(ask(&asked, s, &request), CRM_OK);
    assert_int_equal(asked.reply.n_rows, 2);
    request.pipeline = server_id(s, &nobody);
    assert_int_equal(ask(&asked, s, &request), CRM_OK);
    assert_int_equal(asked.reply.n_rows, 0);
    request.pipeline.len = 3;
    assert_int_equal(ask(&asked, s, &request), CRM_INVALID);
    assert_string_equal(asked.failure.field, "pipeline");
}

static void refuses_what_it_cannot_show(void **state)
{
    struct server *s = *state;
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    Crm__AsOf as_of = CRM__AS_OF__INIT;
    char *unknown[] = { (char *)"colour" }, *twice[] = { (char *)"stage", (char *)"stage" };
    struct asked asked;

    assert_null(report_find("weather"));
    request.group = unknown;
    request.n_group = 1;
    assert_int_equal(ask(&asked, s, &request), CRM_INVALID);
    assert_string_equal(asked.failure.field, "group");
    request.group = twice;
    request.n_group = 2;
    assert_int_equal(ask(&asked, s, &request), CRM_INVALID);
    request.n_group = 0;
    request.as_of = &as_of;
    as_of.has_seq = true;
    assert_int_equal(ask(&asked, s, &request), CRM_INVALID);
    assert_string_equal(asked.failure.field, "as_of");
    as_of.has_seq = false;
    as_of.has_time = true;
    as_of.time = INT64_MAX; /* the end of days */
    assert_int_equal(ask(&asked, s, &request), CRM_OK);
    as_of.time = INT64_MIN;
    assert_int_equal(ask(&asked, s, &request), CRM_OK);
}

static int setup(void **state)
{
    *state = ledger_create(SERVER_MAP, 23, STEPS);
    return 0;
}

static int teardown(void **state)
{
    ledger_destroy(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest random[] = {
        cmocka_unit_test(counts_what_stands_there_now),
        cmocka_unit_test(counts_what_stood_there),
    };
    const struct CMUnitTest by_hand[] = {
        server_test(shows_stages_in_their_order),
        server_test(shows_one_pipeline),
        server_test(refuses_what_it_cannot_show),
    };

    return cmocka_run_group_tests_name("random", random, setup, teardown) + cmocka_run_group_tests_name("by hand", by_hand, NULL, NULL);
}
