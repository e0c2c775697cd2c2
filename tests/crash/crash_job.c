/*
 * crash_job.c - kill -9 in the middle of bulk work: each line takes effect once, also of what is taken back
 *
 *     crash_job ROUNDS [SEED]
 *
 * A round: a file gives every product of a set a new name (in the first round it makes them), and `crm apply` brings it in as a job, through a tap that counts its
 * bytes; at a seeded one of them the client or the server is killed. A killed server is started again. The same command is given until it ends with 0. Every
 * third round takes back what the round has done, killed in the same way. Then each product must have the name it should, and one revision more for each
 * time that it was named; and `crmd check` must find nothing. CRM_BIN is the folder of the build.
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

#define PRODUCTS  700 /* seven pieces of a job */
#define UNDO_EACH 3   /* one round in so many is taken back */
#define TRIES_MAX 8

static struct {
    struct daemon daemon;
    struct tap tap;
    struct rep admin;
    uint64_t random;
    char file[PATH_MAX];
    unsigned named;          /* the round whose names the products have */
    unsigned times;          /* that they were named, or got a name back */
    uint64_t apply_bytes;    /* of the last one that was not killed */
    unsigned n_client_kills, n_server_kills, n_survived;
} test;

static char output[REP_OUTPUT_MAX];

static bool write_file(unsigned round)
{
    FILE *out = fopen(test.file, "w");

    for (unsigned i = 0; out && i < PRODUCTS; i++)
        fprintf(out, "{\"kind\":\"product\",\"$by\":\"code\",\"code\":\"K%03u\",\"name\":\"Round %u\"}\n", i, round);
    return out && fclose(out) == 0;
}

static bool kill_one(const struct command *command)
{
    bool is_server = random_below(&test.random, 2) == 0;

    test.n_server_kills += is_server;
    test.n_client_kills += !is_server;
    if (!is_server) {
        kill(command->pid, SIGKILL);
        return true;
    }
    daemon_kill(&test.daemon);
    if (!daemon_start(&test.daemon))
        return false;
    test.tap.server_port = test.daemon.port;
    (void)tap_run(&test.tap, command->pid, TAP_ALL);
    return true;
}

/* Run a command and kill somebody at a byte. *out_code: how it has ended. */
static bool run_and_kill(const char *const *arguments, int *out_code)
{
    uint64_t at = random_below(&test.random, (unsigned)(test.apply_bytes + test.apply_bytes / 8) + 1);
    struct command command;

    if (!rep_start(&test.admin, arguments, &command))
        return false;
    if (tap_run(&test.tap, command.pid, at) && !kill_one(&command))
        return false;
    *out_code = rep_finish(&command, output);
    tap_cut(&test.tap);
    test.n_survived += *out_code == 0;
    return true;
}

static bool run_whole(const char *const *arguments, int *out_code)
{
    uint64_t before = test.tap.bytes;
    struct command command;

    if (!rep_start(&test.admin, arguments, &command))
        return false;
    (void)tap_run(&test.tap, command.pid, TAP_ALL);
    *out_code = rep_finish(&command, output);
    tap_cut(&test.tap);
    test.apply_bytes = test.tap.bytes - before;
    return true;
}

/* Once killed, then the same command until it ends well. */
static bool run_through(const char *const *arguments)
{
    int code;

    if (!run_and_kill(arguments, &code))
        return false;
    for (int tries = 0; code != 0 && tries < TRIES_MAX; tries++)
        if (!run_whole(arguments, &code))
            return false;
    if (code != 0)
        fprintf(stderr, "crm %s: exit code %d: %s\n", arguments[0], code, output);
    return code == 0;
}

/* --- what must be true then */

struct looked {
    char name[32];
    unsigned n, n_wrong;
};

static void look(void *arg, const ProtobufCMessage *message)
{
    const Crm__ListChunk *chunk = (const Crm__ListChunk *)message;
    struct looked *looked = arg;

    for (size_t i = 0; i < chunk->n_records; i++) {
        const Crm__Record *record = chunk->records[i];
        Crm__Product *product = crm__product__unpack(NULL, record->body.len, record->body.data);

        looked->n++;
        if (!product || strcmp(product->name, looked->name) != 0 || record->header->rev != test.times) {
            looked->n_wrong++;
            fprintf(stderr, "%s is named '%s' at revision %" PRIu64 ", not '%s' at %u\n", product ? product->code : "?", product ? product->name : "?",
                    (uint64_t)record->header->rev, looked->name, test.times);
        }
        if (product)
            crm__product__free_unpacked(product, NULL);
    }
}

static bool check_products(void)
{
    struct crm_client *client = rep_connect(&test.admin);
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    struct looked looked = { .n = 0 };
    const Crm__ListReply *reply;
    struct crm_call *call = NULL;
    enum crm_status status = CRM_FAILED;

    snprintf(looked.name, sizeof looked.name, "Round %u", test.named);
    request.has_kind = true;
    request.kind = crm_kind("product");
    if (client)
        status = crm_list(client, &request, look, &looked, &call, &reply);
    crm_call_destroy(call);
    crm_client_destroy(client);
    if (status == CRM_OK && looked.n == PRODUCTS && looked.n_wrong == 0)
        return daemon_run(&test.daemon, "check");
    fprintf(stderr, "%u products instead of %u, %u of them wrong\n", looked.n, PRODUCTS, looked.n_wrong);
    return false;
}

static bool run_round(unsigned round)
{
    char job[32];
    unsigned before = test.named;

    snprintf(job, sizeof job, "round-%u", round);
    if (!write_file(round) || !run_through((const char *const[]){ "apply", test.file, "--job", job, "--quiet", NULL }))
        return false;
    test.named = round;
    test.times++;
    if (!check_products())
        return false;
    if (round == 0 || round % UNDO_EACH != 0)
        return true;
    if (!run_through((const char *const[]){ "undo", job, "--yes", "--quiet", NULL }))
        return false;
    test.named = before;
    test.times++;
    return check_products();
}

static bool set_up(void)
{
    bool ok = daemon_init(&test.daemon) && daemon_start(&test.daemon) && tap_open(&test.tap);
    static struct rep first;

    test.tap.server_port = test.daemon.port;
    snprintf(test.file, sizeof test.file, "%s/products.jsonl", test.daemon.root);
    test.apply_bytes = 60000;
    return ok && rep_init_admin(&first, &test.daemon, "first") && rep_init(&test.admin, &first, "second", "administrator", "second", test.tap.port);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, round = 0;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    bool ok;

    if (rounds == 0) {
        fprintf(stderr, "usage: crash_job ROUNDS [SEED]\n");
        return 2;
    }
    test.random = seed | UINT64_C(1) << 40;
    ok = set_up();
    while (ok && round < rounds && (ok = run_round(round)))
        round++;
    ok = ok && daemon_stop(&test.daemon);
    printf("%s: seed %" PRIu64 ", %u rounds, client killed %u times, server %u, %u of these jobs came to their end all the same\n", ok ? "ok" : "FAILED", seed, round,
           test.n_client_kills, test.n_server_kills, test.n_survived);
    if (!ok)
        daemon_show_log(&test.daemon);
    tap_close(&test.tap);
    daemon_fini(&test.daemon);
    return ok ? 0 : 1;
}
