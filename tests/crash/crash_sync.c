/*
 * crash_sync.c - kill -9 in the middle of a sync: no change that was made offline is lost or done twice, and the replica ends as the view
 *
 *     crash_sync ROUNDS [SEED]
 *
 * A round: a rep changes records offline while somebody else changes the same ones at the server; `crm sync` runs, through a tap that counts its bytes, and
 * at a seeded one of them, and now and then a seeded moment later, the client or the server is killed. A killed server is started again, and the sync that
 * is under way may go on with it. Then `crm sync` must end with 0 at once, each change must be in its record's history once or kept in the outbox
 * with the server's answer, and never both; the replica must be what the user may see, byte by byte; and `crmd check` must find nothing. CRM_BIN is the
 * folder of the build.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/crash/rep.h"
#include "tests/crash/tap.h"
#include "tests/crash/writer.h"

#define POOL_MAX     12   /* customers that are worked on */
#define POOL_FIRST   8
#define CHANGES_MAX  10   /* of the rep, in a round */
#define OTHERS_MAX   6    /* of somebody else */
#define HANDOVERS    8    /* one of these in so many is one */
#define LATE         3    /* one kill in so many comes a moment after its byte */
#define LATE_NS_MAX  4000000
#define TOKEN_SIZE   32
#define BODY_MAX     256

/* A change that the rep has made offline. */
struct change {
    uint32_t kind;
    uint8_t id[CRM_KEY_SIZE];
    Crm__Verb verb;
    char token[TOKEN_SIZE]; /* in the value that it gives; of a delete none */
};

static struct {
    struct daemon daemon;
    struct tap tap;
    struct rep admin, rep;
    uint64_t random;
    uint8_t pool[POOL_MAX][CRM_KEY_SIZE];
    unsigned n_pool;
    struct change changes[CHANGES_MAX];
    unsigned n_changes;
    unsigned n_tokens;
    uint64_t sync_bytes; /* of the last sync that was not killed */
    /* for the report */
    unsigned n_made, n_kept, n_deletes, n_handovers, n_client_kills, n_server_kills, n_survived, n_records;
} test;

static char output[REP_OUTPUT_MAX];

/* --- changes */

static Crm__Mutation mutation_of(const struct change *change)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;

    mutation.has_kind = mutation.has_id = mutation.has_verb = true;
    mutation.kind = change->kind;
    mutation.id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)change->id, .len = CRM_KEY_SIZE };
    mutation.verb = change->verb;
    return mutation;
}

static void set_body(Crm__Mutation *mutation, const ProtobufCMessage *body, uint8_t packed[BODY_MAX])
{
    mutation->has_set = true;
    mutation->set = (ProtobufCBinaryData){ .data = packed, .len = protobuf_c_message_pack(body, packed) };
}

/* What a customer gets by a change of the rep's. */
static void set_customer(Crm__Mutation *mutation, const struct change *change, uint8_t packed[BODY_MAX])
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;

    if (change->verb == CRM__VERB__VERB_CREATE)
        customer.name = (char *)(uintptr_t)change->token;
    else
        customer.industry = (char *)(uintptr_t)change->token;
    set_body(mutation, &customer.base, packed);
}

static void set_activity(Crm__Mutation *mutation, const struct change *change, const uint8_t *customer, uint8_t packed[BODY_MAX])
{
    Crm__Activity activity = CRM__ACTIVITY__INIT;

    activity.subject = (char *)(uintptr_t)change->token;
    activity.has_kind = activity.has_customer = true;
    activity.kind = CRM__ACTIVITY_KIND__ACTIVITY_KIND_VISIT;
    activity.customer = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)customer, .len = CRM_KEY_SIZE };
    set_body(mutation, &activity.base, packed);
}

/* One of four: a new customer, a field of one, a visit to one, the end of one. */
static struct change choose_change(const uint8_t *customer)
{
    struct change change = { .kind = crm_kind("customer"), .verb = CRM__VERB__VERB_PATCH };
    unsigned what = random_below(&test.random, 8);

    snprintf(change.token, sizeof change.token, "token %u.", ++test.n_tokens);
    memcpy(change.id, customer, CRM_KEY_SIZE);
    if (what < 4)
        return change;
    if (what == 7) {
        change.verb = CRM__VERB__VERB_DELETE;
        return change;
    }
    change.verb = CRM__VERB__VERB_CREATE;
    crm_id_create(change.id);
    if (what > 4)
        change.kind = crm_kind("activity");
    return change;
}

static void forget_customer(const uint8_t id[CRM_KEY_SIZE])
{
    for (unsigned i = 0; i < test.n_pool; i++)
        if (memcmp(test.pool[i], id, CRM_KEY_SIZE) == 0)
            memcpy(test.pool[i], test.pool[--test.n_pool], CRM_KEY_SIZE);
}

static bool is_customer(const struct change *change, Crm__Verb verb)
{
    return change->verb == verb && change->kind == crm_kind("customer");
}

/* What the replica takes is in the ledger. A record that somebody else has taken away meanwhile may refuse. */
static void change_offline(void)
{
    uint8_t customer[CRM_KEY_SIZE], packed[BODY_MAX];
    struct change change;
    Crm__Mutation mutation;

    memcpy(customer, test.pool[random_below(&test.random, test.n_pool)], CRM_KEY_SIZE);
    change = choose_change(customer);
    mutation = mutation_of(&change);
    if (change.kind == crm_kind("activity"))
        set_activity(&mutation, &change, customer, packed);
    else if (change.verb != CRM__VERB__VERB_DELETE)
        set_customer(&mutation, &change, packed);
    if (change.verb == CRM__VERB__VERB_DELETE && test.n_pool <= POOL_FIRST)
        return;
    if (rep_change(&test.rep, &mutation) != CRM_OK)
        return;
    test.changes[test.n_changes++] = change;
    test.n_deletes += change.verb == CRM__VERB__VERB_DELETE;
    if (is_customer(&change, CRM__VERB__VERB_DELETE))
        forget_customer(change.id);
    if (is_customer(&change, CRM__VERB__VERB_CREATE) && test.n_pool < POOL_MAX)
        memcpy(test.pool[test.n_pool++], change.id, CRM_KEY_SIZE);
}

/* A customer goes to somebody else, with what the rep has changed in it meanwhile: the replica forgets it, the server refuses. */
static void hand_over(struct crm_client *admin, const uint8_t customer[CRM_KEY_SIZE])
{
    struct change change = { .kind = crm_kind("customer"), .verb = CRM__VERB__VERB_ACTION };
    Crm__AssignArgument assign = CRM__ASSIGN_ARGUMENT__INIT;
    Crm__Mutation mutation;
    uint8_t packed[BODY_MAX];

    memcpy(change.id, customer, CRM_KEY_SIZE);
    mutation = mutation_of(&change);
    mutation.action = (char *)(uintptr_t)"assign";
    assign.has_owner = mutation.has_argument = true;
    assign.owner = (ProtobufCBinaryData){ .data = test.admin.user, .len = CRM_KEY_SIZE };
    mutation.argument = (ProtobufCBinaryData){ .data = packed, .len = protobuf_c_message_pack(&assign.base, packed) };
    if (online_change(admin, &mutation) == CRM_OK) {
        forget_customer(customer);
        test.n_handovers++;
    }
}

/* Somebody else's: another field, which merges, or the same one, which does not. Of what the server does not have yet it is refused. */
static void change_online(struct crm_client *admin)
{
    struct change change = { .kind = crm_kind("customer"), .verb = CRM__VERB__VERB_PATCH };
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    Crm__Mutation mutation;
    uint8_t packed[BODY_MAX];

    memcpy(change.id, test.pool[random_below(&test.random, test.n_pool)], CRM_KEY_SIZE);
    if (test.n_pool > POOL_FIRST && random_below(&test.random, HANDOVERS) == 0) {
        hand_over(admin, change.id);
        return;
    }
    snprintf(change.token, sizeof change.token, "other %u.", ++test.n_tokens);
    if (random_below(&test.random, 3) == 0)
        customer.industry = change.token;
    else
        customer.legal_name = change.token;
    mutation = mutation_of(&change);
    set_body(&mutation, &customer.base, packed);
    (void)online_change(admin, &mutation);
}

/* --- the sync that is killed */

static void wait_a_moment(void)
{
    struct timespec moment = { .tv_nsec = (long)random_below(&test.random, LATE_NS_MAX) };

    if (random_below(&test.random, LATE) == 0)
        nanosleep(&moment, NULL);
}

static bool sync_and_kill(void)
{
    bool is_server = random_below(&test.random, 2) == 0, has_come;
    uint64_t at = random_below(&test.random, (unsigned)(test.sync_bytes + test.sync_bytes / 8) + 1);
    struct command command;
    int code;

    if (!rep_start(&test.rep, (const char *const[]){ "sync", "--json", NULL }, &command))
        return false;
    has_come = tap_run(&test.tap, command.pid, at);
    if (has_come) {
        wait_a_moment();
        if (is_server) {
            daemon_kill(&test.daemon);
            if (!daemon_start(&test.daemon))
                return false;
            test.tap.server_port = test.daemon.port;
            (void)tap_run(&test.tap, command.pid, TAP_ALL);
        } else {
            kill(command.pid, SIGKILL);
        }
        test.n_server_kills += is_server;
        test.n_client_kills += !is_server;
    }
    code = rep_finish(&command, output);
    tap_cut(&test.tap);
    test.n_survived += code == 0;
    if (code == 0 || (!is_server && code == 128 + SIGKILL) || (is_server && (code == 7 || code == 10)))
        return true;
    fprintf(stderr, "crm sync, broken: exit code %d: %s\n", code, output);
    return false;
}

static bool sync_whole(void)
{
    uint64_t before = test.tap.bytes;
    struct command command;
    int code;

    if (!rep_start(&test.rep, (const char *const[]){ "sync", "--scope", "all", "--json", NULL }, &command))
        return false;
    (void)tap_run(&test.tap, command.pid, TAP_ALL);
    code = rep_finish(&command, output);
    tap_cut(&test.tap);
    test.sync_bytes = test.tap.bytes - before;
    if (code != 0)
        fprintf(stderr, "crm sync: exit code %d: %s\n", code, output);
    return code == 0;
}

/* --- what must be true then */

/* Another of the rep's own has come over it before it was sent: then it may never have been. */
static bool is_superseded(const struct change *change)
{
    for (const struct change *later = change + 1; later < test.changes + test.n_changes; later++)
        if (memcmp(later->id, change->id, CRM_KEY_SIZE) == 0 && (later->verb == CRM__VERB__VERB_DELETE || later->verb == change->verb))
            return true;
    return false;
}

/* Was the record made in this round? */
static bool is_new(const struct change *change)
{
    for (const struct change *earlier = test.changes; earlier < change; earlier++)
        if (memcmp(earlier->id, change->id, CRM_KEY_SIZE) == 0 && earlier->verb == CRM__VERB__VERB_CREATE)
            return true;
    return false;
}

/* What is changed before it was ever sent goes with the create. */
static bool went_with_create(const struct change *change, struct crm_client *client)
{
    return is_new(change) && online_had(client, change->kind, change->id, change->token);
}

/* Done once, or kept with the server's answer. What came and went before it was ever sent is nowhere. */
static bool check_change(const struct change *change, struct crm_client *client)
{
    bool is_delete = change->verb == CRM__VERB__VERB_DELETE, may_be_nowhere;
    int done, kept, queued;

    if (change->verb == CRM__VERB__VERB_PATCH)
        done = online_count_history(client, change->kind, change->id, change->token);
    else
        done = online_count_verb(client, change->kind, change->id, change->verb);
    kept = is_delete ? rep_count_deletes(&test.rep, change->id) : rep_count_queued(&test.rep, change->token, true);
    queued = is_delete ? kept : rep_count_queued(&test.rep, change->token, false);
    may_be_nowhere = is_delete ? is_new(change) : is_superseded(change) || went_with_create(change, client);
    if (done >= 0 && kept >= 0 && queued == kept && (done + kept == 1 || (done + kept == 0 && may_be_nowhere)))
        return true;
    fprintf(stderr, "'%s' (%s %s) is %d times in the history and %d times in the outbox, answered, of %d\n", change->token,
            is_delete ? "the end of a" : change->verb == CRM__VERB__VERB_CREATE ? "a new" : "changed", crm_kind_name(change->kind), done, kept, queued);
    return false;
}

/* What was not taken is given up, so that the next round begins with an empty outbox. */
static bool check_all(struct crm_client *admin, struct crm_client *client)
{
    unsigned n_dropped = 0;
    bool ok = true;

    for (unsigned i = 0; i < test.n_changes; i++)
        ok = check_change(&test.changes[i], admin) && ok;
    ok = ok && rep_drop_answered(&test.rep, &n_dropped);
    if (ok && rep_count_queued(&test.rep, "", false) != 0) {
        fprintf(stderr, "the outbox is not empty\n");
        ok = false;
    }
    test.n_made += test.n_changes;
    test.n_kept += n_dropped;
    test.n_changes = 0;
    return ok && rep_equals_view(&test.rep, client, &test.n_records) && daemon_run(&test.daemon, "check");
}

static bool run_round(void)
{
    struct crm_client *admin = rep_connect(&test.admin), *client = NULL;
    unsigned n = 1 + random_below(&test.random, CHANGES_MAX), n_others = random_below(&test.random, OTHERS_MAX + 1);
    bool ok = admin != NULL;

    for (unsigned i = 0; i < n && ok; i++)
        change_offline();
    for (unsigned i = 0; i < n_others && ok; i++)
        change_online(admin);
    crm_client_destroy(admin);
    ok = ok && sync_and_kill() && sync_whole();
    admin = ok ? rep_connect(&test.admin) : NULL;
    client = admin ? rep_connect(&test.rep) : NULL;
    ok = client && check_all(admin, client);
    crm_client_destroy(client);
    crm_client_destroy(admin);
    return ok;
}

/* --- all of it */

/* A rep with some customers and a replica of them. */
static bool set_up(void)
{
    struct crm_client *client;
    bool ok = daemon_init(&test.daemon) && daemon_start(&test.daemon) && tap_open(&test.tap);

    test.tap.server_port = test.daemon.port;
    ok = ok && rep_init_admin(&test.admin, &test.daemon, "admin") && rep_init(&test.rep, &test.admin, "rep", "representative", "rep", test.tap.port);
    client = ok ? rep_connect(&test.rep) : NULL;
    for (ok = client != NULL; ok && test.n_pool < POOL_FIRST; test.n_pool++) {
        struct change change = { .kind = crm_kind("customer"), .verb = CRM__VERB__VERB_CREATE };
        uint8_t packed[BODY_MAX];
        Crm__Mutation mutation;

        crm_id_create(change.id);
        snprintf(change.token, sizeof change.token, "customer %u", test.n_pool);
        mutation = mutation_of(&change);
        set_customer(&mutation, &change, packed);
        ok = online_change(client, &mutation) == CRM_OK;
        memcpy(test.pool[test.n_pool], change.id, CRM_KEY_SIZE);
    }
    crm_client_destroy(client);
    return ok && sync_whole();
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, round = 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    bool ok;

    if (rounds == 0) {
        fprintf(stderr, "usage: crash_sync ROUNDS [SEED]\n");
        return 2;
    }
    test.random = seed | UINT64_C(1) << 40;
    ok = set_up();
    while (ok && round < rounds && (ok = run_round()))
        round++;
    ok = ok && daemon_stop(&test.daemon);
    printf("%s: seed %" PRIu64 ", %u rounds, client killed %u times, server %u, %u of these syncs came to their end all the same; %u changes made offline, %u "
           "deletes, %u handovers by others, %u kept in the outbox, %u records at the end\n",
           ok ? "ok" : "FAILED", seed, round, test.n_client_kills, test.n_server_kills, test.n_survived, test.n_made, test.n_deletes,
           test.n_handovers, test.n_kept, test.n_records);
    if (!ok)
        daemon_show_log(&test.daemon);
    tap_close(&test.tap);
    daemon_fini(&test.daemon);
    return ok ? 0 : 1;
}
