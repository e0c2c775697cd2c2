/*
 * crash.c - kill -9 under load: nothing that was acknowledged is lost, nothing is done twice
 *
 *     crash ROUNDS [SEED]
 *
 * A round: start crmd, send what is unknown once more, compare everything with the ledger, write on several connections, and kill the server the moment
 * a seeded number of acknowledgements has come; then `crmd check`. Now and then it is killed while it starts, too, and now and then it is asked to end
 * instead (SIGTERM): then no answer may be lost at all. The seed decides what is written and when the kill comes, though not what the threads have
 * reached by then. CRM_BIN is the folder of the build.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/crash/daemon.h"
#include "tests/crash/writer.h"

#define WRITERS       8
#define ACKS_MAX      400 /* of a round, before the kill */
#define START_KILLS   8   /* one start in so many is killed */
#define SMALL_ROUND   10  /* one round in so many is killed at its first answers */
#define DRAINS        8   /* one round in so many ends by SIGTERM */
#define TOKEN_MAX     64

/* The whole test. */
static struct {
    struct daemon daemon;
    struct writer writers[WRITERS];
    uint64_t random;
    unsigned acks;     /* of this round */
    uint64_t total;    /* of all before */
    uint64_t lost;     /* answers that a kill took */
    uint8_t token[TOKEN_MAX];
    size_t token_size; /* 0: not logged in yet */
} test;

/* What a list is compared with. */
struct comparison {
    unsigned live;     /* records of ours in the list */
    unsigned others;
    bool has_failed;
};

static struct crm_options options_of_daemon(void)
{
    return (struct crm_options){
        .host = "127.0.0.1", .port = test.daemon.port, .ca_file = test.daemon.ca_file, .token = test.token, .token_size = test.token_size,
        .software = "crash/1",
    };
}

/* --- the session, which outlives the server */

static bool log_in(void)
{
    struct crm_options options = options_of_daemon();
    Crm__LoginRequest request = CRM__LOGIN_REQUEST__INIT;
    const Crm__LoginReply *reply;
    struct crm_client *client;
    struct crm_call *call;
    bool ok;

    request.login = (char *)"admin";
    request.password = (char *)DAEMON_PASSWORD;
    if (crm_client_create(&options, &client) != CRM_OK)
        return false;
    ok = crm_login(client, &request, &call, &reply) == CRM_OK && reply->token.len <= sizeof(test.token);
    if (ok) {
        memcpy(test.token, reply->token.data, reply->token.len);
        test.token_size = reply->token.len;
    } else {
        fprintf(stderr, "login: %s\n", crm_call_error(call)->text);
    }
    crm_call_destroy(call);
    crm_client_destroy(client);
    return ok;
}

static bool connect_writers(void)
{
    struct crm_options options;

    if (test.token_size == 0 && !log_in())
        return false;
    options = options_of_daemon();
    for (unsigned i = 0; i < WRITERS; i++)
        if (!writer_connect(&test.writers[i], &options))
            return false;
    return true;
}

/* --- the comparison */

static const struct slot *find_slot(ProtobufCBinaryData id)
{
    for (unsigned i = 0; i < WRITERS; i++)
        for (unsigned k = 0; k < WRITER_SLOTS; k++)
            if (test.writers[i].slots[k].exists && id.len == UUID_SIZE &&
                memcmp(test.writers[i].slots[k].id.bytes, id.data, UUID_SIZE) == 0)
                return &test.writers[i].slots[k];
    return NULL;
}

static void compare_record(struct comparison *comparison, const Crm__Record *record)
{
    const struct slot *slot = find_slot(record->header->id);
    char wanted[NAME_SIZE], name[NAME_SIZE];

    if (!slot) {
        comparison->others++;
        return;
    }
    comparison->live++;
    writer_name(slot->writer, slot->content, wanted);
    if (crm_record_text(record, "name", name, sizeof(name)) == CRM_OK && strcmp(name, wanted) == 0 && record->header->rev == slot->rev &&
        record->header->number == slot->label)
        return;
    fprintf(stderr, "C-%" PRIu64 " is '%s' at revision %" PRIu64 ", the ledger has '%s' at %" PRIu64 " as C-%" PRIu64 "\n",
            record->header->number, name, record->header->rev, wanted, slot->rev, slot->label);
    comparison->has_failed = true;
}

static void on_chunk(void *arg, const ProtobufCMessage *message)
{
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;

    for (size_t i = 0; i < chunk->n_records; i++)
        compare_record(arg, chunk->records[i]);
}

/* How many customers the server counts, live or in the recycle bin. */
static bool count_customers(bool deleted, uint64_t wanted)
{
    Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
    const Crm__CountReply *reply;
    struct crm_call *call;
    bool ok;

    request.has_kind = request.has_deleted = true;
    request.kind = crm_kind("customer");
    request.deleted = deleted;
    ok = crm_count(test.writers[0].client, &request, &call, &reply) == CRM_OK;
    if (!ok)
        fprintf(stderr, "count: %s\n", crm_call_error(call)->text);
    else if (reply->count != wanted)
        fprintf(stderr, "%" PRIu64 " %s customers are counted, the ledger has %" PRIu64 "\n", reply->count, deleted ? "deleted" : "live", wanted);
    ok = ok && reply->count == wanted;
    crm_call_destroy(call);
    return ok;
}

/* What the server lists against what was acknowledged: each record once, with its content, and no other. */
static bool compare(void)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct comparison comparison = { 0 };
    const Crm__ListReply *reply;
    unsigned wanted = 0;
    uint64_t deleted = 0;
    struct crm_call *call;
    bool ok;

    for (unsigned i = 0; i < WRITERS; i++) {
        deleted += test.writers[i].n_deletes;
        for (unsigned k = 0; k < WRITER_SLOTS; k++)
            wanted += test.writers[i].slots[k].exists;
    }
    request.has_kind = true;
    request.kind = crm_kind("customer");
    ok = crm_list(test.writers[0].client, &request, on_chunk, &comparison, &call, &reply) == CRM_OK;
    if (!ok)
        fprintf(stderr, "list: %s\n", crm_call_error(call)->text);
    crm_call_destroy(call);
    if (ok && (comparison.live != wanted || comparison.others > 0)) {
        fprintf(stderr, "%u of our %u records are listed, and %u others\n", comparison.live, wanted, comparison.others);
        ok = false;
    }
    return ok && !comparison.has_failed && count_customers(false, wanted) && count_customers(true, deleted);
}

/* --- a round */

static bool start(void)
{
    if (random_below(&test.random, START_KILLS) == 0) {
        if (!daemon_spawn(&test.daemon))
            return false;
        daemon_kill(&test.daemon);
    }
    return daemon_start(&test.daemon) && connect_writers();
}

static bool settle(void)
{
    bool ok = true;

    for (unsigned i = 0; i < WRITERS && ok; i++)
        ok = writer_settle(&test.writers[i]);
    return ok && compare();
}

/* One turn of all connections. */
static bool turn(void)
{
    struct pollfd fds[WRITERS];
    unsigned before = test.acks;
    int timeout_ms = -1;

    for (unsigned i = 0; i < WRITERS; i++) {
        struct crm_client *client = test.writers[i].client;
        unsigned wants;
        int wait_ms;

        writer_fill(&test.writers[i]);
        crm_client_process(client);
        if (test.writers[i].has_failed)
            return false;
        wants = crm_client_events(client);
        wait_ms = crm_client_timeout_ms(client);
        fds[i] = (struct pollfd){ .fd = crm_client_fd(client) };
        fds[i].events = (short)((wants & CRM_WANT_READ ? POLLIN : 0) | (wants & CRM_WANT_WRITE ? POLLOUT : 0));
        if (wait_ms >= 0 && (timeout_ms < 0 || wait_ms < timeout_ms))
            timeout_ms = wait_ms;
    }
    /* An answer that came at once leaves its writer with nothing to wait for. */
    return poll(fds, WRITERS, test.acks != before ? 0 : timeout_ms) >= 0;
}

static bool write_until(unsigned acks)
{
    test.acks = 0;
    while (test.acks < acks) {
        if (!turn())
            return false;
        if (!daemon_is_alive(&test.daemon)) {
            fprintf(stderr, "crmd has ended by itself\n");
            return false;
        }
    }
    return true;
}

/* Kill the server, or let it drain; the clients find out. */
static bool cut(void)
{
    bool is_drained = random_below(&test.random, DRAINS) == 0, ok = true;
    unsigned lost = 0;

    if (is_drained)
        daemon_ask_to_stop(&test.daemon);
    else
        daemon_kill(&test.daemon);
    for (unsigned i = 0; i < WRITERS; i++) {
        writer_cut(&test.writers[i]);
        ok = ok && !test.writers[i].has_failed;
        for (unsigned k = 0; k < WRITER_SLOTS; k++)
            lost += test.writers[i].slots[k].state == CHANGE_UNKNOWN;
    }
    test.total += test.acks;
    test.lost += lost;
    if (is_drained && lost > 0)
        fprintf(stderr, "%u answers are lost although the server has drained\n", lost);
    return ok && (!is_drained || (daemon_stop(&test.daemon) && lost == 0));
}

static bool run_round(void)
{
    unsigned limit = random_below(&test.random, SMALL_ROUND) == 0 ? WRITERS : ACKS_MAX;

    return start() && settle() && write_until(1 + random_below(&test.random, limit)) && cut() && daemon_run(&test.daemon, "check");
}

/* All of it once more, and an end in order. */
static bool finish(void)
{
    bool ok = start() && settle();

    for (unsigned i = 0; i < WRITERS; i++) {
        crm_client_destroy(test.writers[i].client);
        test.writers[i].client = NULL;
    }
    return ok && daemon_stop(&test.daemon) && daemon_run(&test.daemon, "check");
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, round = 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    bool ok;

    if (rounds == 0) {
        fprintf(stderr, "usage: crash ROUNDS [SEED]\n");
        return 2;
    }
    test.random = seed | UINT64_C(1) << 40;
    ok = daemon_init(&test.daemon);
    for (unsigned i = 0; i < WRITERS; i++)
        writer_init(&test.writers[i], i, &test.random, &test.acks);
    while (ok && round < rounds && (ok = run_round()))
        round++;
    ok = ok && finish();
    printf("%s: seed %" PRIu64 ", %u rounds, %" PRIu64 " changes acknowledged, %" PRIu64 " answers lost and asked for again\n",
           ok ? "ok" : "FAILED", seed, round, test.total, test.lost);
    for (unsigned i = 0; i < WRITERS; i++)
        crm_client_destroy(test.writers[i].client);
    if (!ok)
        daemon_show_log(&test.daemon);
    daemon_fini(&test.daemon);
    return ok ? 0 : 1;
}
