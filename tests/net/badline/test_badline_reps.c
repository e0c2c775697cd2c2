/*
 * test_badline_reps.c - five reps change the same hundred customers over loss and cuts: afterwards two syncs of a good line bring all of them together
 *
 *     test_badline_reps [SECONDS]
 *
 * Each rep changes some customers offline, syncs over the bad line, and begins anew as soon as that has ended, well or not. A rep does not change a field again
 * before the last change of it is sent: then each value ever typed must be in its record, in the history, in the rep's conflicts or in the outbox. Afterwards every
 * replica is the view, byte by byte, so that all are equal. Ten minutes by `ctest -C soak -L soak`. Skips where namespaces cannot be made.
 */
#include "tests/crash/rep.h"
#include "tests/net/badline/badline_office.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define SEED        41
#define REPS        5
#define CUSTOMERS   100
#define FIELDS      3
#define EDITS       4      /* of a rep between two syncs */
#define EDITS_MAX   65536
#define SECONDS     12
#define TOKEN_SIZE  32
#define BODY_MAX    128
#define SYNC_MS_MAX 120000 /* of one over a line that is good again */

static const struct badline_way bad = { .delay_us = 50000, .jitter_us = 20000, .loss = 0.30, .cut_every_us = 5000000, .cut_for_us = 1000000 };

/* A value that was typed. */
struct edit {
    unsigned rep, customer;
    char token[TOKEN_SIZE];
};

struct worker {
    struct rep rep;
    char login[16];
    struct command sync; /* under way; pid 0: none */
    int pidfd;
    bool waits[CUSTOMERS][FIELDS]; /* changed, and perhaps not sent yet */
    unsigned n_syncs, n_broken;
};

static struct office office;
static struct rep admin;
static struct worker workers[REPS];
static uint8_t customers[CUSTOMERS][CRM_KEY_SIZE];
static struct edit edits[EDITS_MAX];
static unsigned n_edits, n_seconds = SECONDS;
static uint64_t random_state = SEED;
static char output[REP_OUTPUT_MAX];

static unsigned below(unsigned limit)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % limit;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static bool enter_client(const void *line)
{
    return badline_enter(line, BADLINE_CLIENT);
}

/* In a process of its own at the client's end; there nothing may assert. */
static void assert_in_client(int (*body)(void))
{
    pid_t pid = fork();
    int status = -1;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(enter_client(office.line) ? body() : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* --- edits */

static void set_field(Crm__Customer *customer, unsigned field, char *value)
{
    switch (field) {
    case 0:
        customer->industry = value;
        break;
    case 1:
        customer->legal_name = value;
        break;
    default:
        customer->source = value;
        break;
    }
}

/* Half of them in a few customers, so that the reps meet. */
static void edit(unsigned who)
{
    struct worker *worker = &workers[who];
    unsigned customer = below(2) ? below(CUSTOMERS / 10) : below(CUSTOMERS), field = below(FIELDS);
    Crm__Customer body = CRM__CUSTOMER__INIT;
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct edit *edit = &edits[n_edits];
    uint8_t packed[BODY_MAX];

    if (worker->waits[customer][field] || n_edits == EDITS_MAX)
        return;
    *edit = (struct edit){ .rep = who, .customer = customer };
    snprintf(edit->token, TOKEN_SIZE, "token %u of %u.", n_edits, who);
    set_field(&body, field, edit->token);
    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = crm_kind("customer");
    mutation.id = (ProtobufCBinaryData){ .data = customers[customer], .len = CRM_KEY_SIZE };
    mutation.verb = CRM__VERB__VERB_PATCH;
    mutation.set = (ProtobufCBinaryData){ .data = packed, .len = crm__customer__pack(&body, packed) };
    assert_int_equal(rep_change(&worker->rep, &mutation), CRM_OK);
    worker->waits[customer][field] = true;
    n_edits++;
}

/* --- syncs */

static void start_sync(struct worker *worker)
{
    assert_true(rep_start(&worker->rep, (const char *const[]){ "sync", "--json", NULL }, &worker->sync));
    worker->pidfd = (int)syscall(SYS_pidfd_open, worker->sync.pid, 0);
    assert_true(worker->pidfd >= 0);
    worker->n_syncs++;
}

/* Broken by the line it may be, by nothing else. */
static int end_sync(struct worker *worker)
{
    int code = rep_finish(&worker->sync, output);

    close(worker->pidfd);
    worker->pidfd = -1;
    worker->sync.pid = 0;
    if (code == 0)
        memset(worker->waits, 0, sizeof worker->waits);
    else if (code != 7 && code != 10)
        fail_msg("%s: crm sync: exit code %d: %s", worker->login, code, output);
    worker->n_broken += code != 0;
    return code;
}

/* Wait for the next sync to end, at most so long. false: none has. */
static bool wait_for_one(int64_t until_ms)
{
    struct pollfd fds[REPS];
    int64_t left_ms = until_ms - now_ms();

    for (unsigned i = 0; i < REPS; i++)
        fds[i] = (struct pollfd){ .fd = workers[i].sync.pid ? workers[i].pidfd : -1, .events = POLLIN };
    if (left_ms <= 0 || poll(fds, REPS, (int)left_ms) <= 0)
        return false;
    for (unsigned i = 0; i < REPS; i++)
        if (fds[i].revents)
            (void)end_sync(&workers[i]);
    return true;
}

static bool is_any_syncing(void)
{
    for (unsigned i = 0; i < REPS; i++)
        if (workers[i].sync.pid)
            return true;
    return false;
}

static void work_until(int64_t until_ms)
{
    do {
        for (unsigned i = 0; i < REPS; i++) {
            if (workers[i].sync.pid)
                continue;
            for (unsigned k = 0; k < EDITS; k++)
                edit(i);
            start_sync(&workers[i]);
        }
    } while (wait_for_one(until_ms) || now_ms() < until_ms);
}

/* Each once, one after the other: what one has pushed the next one pulls. */
static void sync_all(void)
{
    for (unsigned i = 0; i < REPS; i++) {
        start_sync(&workers[i]);
        assert_int_equal(end_sync(&workers[i]), 0);
    }
}

/* --- the proof */

static int count_conflicts(void)
{
    int n = 0;

    for (unsigned i = 0; i < REPS; i++) {
        struct crm_client *client = rep_connect(&workers[i].rep);
        int one = client ? online_count_conflicts(client, "") : -1;

        crm_client_destroy(client);
        if (one < 0)
            return -1;
        n += one;
    }
    return n;
}

static bool is_kept(const struct edit *edit, struct crm_client *client)
{
    uint32_t kind = crm_kind("customer");
    const uint8_t *id = customers[edit->customer];
    int done = online_count_history(client, kind, id, edit->token);

    if (done == 1 || online_count_conflicts(client, edit->token) == 1 || rep_count_queued(&workers[edit->rep].rep, edit->token, true) == 1)
        return true;
    fprintf(stderr, "'%s' is %d times in the history, in no conflict and not in the outbox\n", edit->token, done);
    return false;
}

static int look(void)
{
    unsigned n_records, n_kept = 0;
    bool ok = true;

    for (unsigned i = 0; i < REPS; i++) {
        struct crm_client *client = rep_connect(&workers[i].rep);

        ok = client && rep_equals_view(&workers[i].rep, client, &n_records) && ok;
        for (unsigned k = 0; client && k < n_edits; k++)
            if (edits[k].rep == i)
                n_kept += is_kept(&edits[k], client);
        crm_client_destroy(client);
    }
    printf("%u changes by %d reps in %u s: %u kept, %d values in conflict\n", n_edits, REPS, n_seconds, n_kept, count_conflicts());
    fflush(stdout);
    return ok && n_kept == n_edits && count_conflicts() > 0 ? 0 : 1;
}

/* --- its life */

static int make_customers(void)
{
    struct crm_client *client = rep_connect(&admin);
    bool ok = client != NULL;

    for (unsigned i = 0; i < CUSTOMERS && ok; i++) {
        Crm__Customer body = CRM__CUSTOMER__INIT;
        Crm__Mutation mutation = CRM__MUTATION__INIT;
        uint8_t packed[BODY_MAX];
        char name[32];

        snprintf(name, sizeof name, "Customer %u", i);
        body.name = name;
        mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
        mutation.kind = crm_kind("customer");
        mutation.id = (ProtobufCBinaryData){ .data = customers[i], .len = CRM_KEY_SIZE };
        mutation.verb = CRM__VERB__VERB_CREATE;
        mutation.set = (ProtobufCBinaryData){ .data = packed, .len = crm__customer__pack(&body, packed) };
        ok = online_change(client, &mutation) == CRM_OK;
    }
    crm_client_destroy(client);
    return ok ? 0 : 1;
}

static void set_up(void)
{
    const struct badline_config perfect = { .seed = SEED };

    office_open(&office, &perfect);
    admin = (struct rep){ .daemon = &office.daemon, .login = "admin", .host = BADLINE_SERVER_ADDRESS, .enter = enter_client, .argument = office.line };
    snprintf(admin.home, sizeof admin.home, "%s", office.home);
    for (unsigned i = 0; i < CUSTOMERS; i++)
        crm_id_create(customers[i]);
    assert_in_client(make_customers);
    for (unsigned i = 0; i < REPS; i++) {
        struct worker *worker = &workers[i];

        snprintf(worker->login, sizeof worker->login, "rep%u", i);
        assert_true(rep_init(&worker->rep, &admin, worker->login, "administrator", worker->login, 0));
        assert_true(rep_run(&worker->rep, (const char *const[]){ "sync", "--scope", "all", "--quiet", NULL }, output));
    }
}

static void test_two_good_syncs_bring_five_reps_together(void **state)
{
    const struct badline_way perfect = { 0 };
    int64_t until_ms;
    unsigned n_syncs = 0, n_broken = 0;

    (void)state;
    set_up();
    office_set_line(&office, &bad);
    work_until(now_ms() + INT64_C(1000) * n_seconds);
    office_set_line(&office, &perfect);
    until_ms = now_ms() + SYNC_MS_MAX;
    while (is_any_syncing())
        assert_true(wait_for_one(until_ms));
    for (unsigned i = 0; i < REPS; i++) {
        n_syncs += workers[i].n_syncs;
        n_broken += workers[i].n_broken;
    }
    print_message("%u syncs over the bad line, %u broken\n", n_syncs, n_broken);
    sync_all();
    sync_all();
    assert_in_client(look);
    office_close(&office);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_good_syncs_bring_five_reps_together),
    };

    if (argc > 1)
        n_seconds = (unsigned)strtoul(argv[1], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
