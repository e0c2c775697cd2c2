/*
 * resume_sync.c - a sync that is cut again and again goes on where it was: what has arrived is not sent once more
 *
 *     resume_sync [RECORDS]
 *
 * A first sync runs through a tap that hangs up after each so many bytes. It must come to its end by itself, take in each record once, and all its
 * connections together must have carried no more than one that was never cut, and for each cut one page and the handshakes of a new connection. CRM_BIN is the
 * folder of the build.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/rep.h"
#include "tests/crash/tap.h"

#define RECORDS         4000
#define RECORDS_MAX     100000
#define NOTE_BYTES      150
#define CUT_BYTES       100000 /* of a connection */
#define PAGE_MAX        70000  /* bytes of a page, and what belongs to it */
#define HANDSHAKE_BYTES 10000  /* TLS, hello, the fields */

static struct daemon server;
static struct tap tap;
static struct rep admin, whole, broken;
static char output[REP_OUTPUT_MAX];

/* Customers of which nothing compresses well. */
static bool load(unsigned n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char path[PATH_MAX];
    uint64_t random = 1;
    FILE *file;

    snprintf(path, sizeof path, "%s/customers.csv", server.root);
    file = fopen(path, "we");
    if (!file)
        return false;
    fputs("name,note\n", file);
    for (unsigned i = 0; i < n; i++) {
        fprintf(file, "Customer %u,", i);
        for (unsigned k = 0; k < NOTE_BYTES; k++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            fputc(digits[random >> 58], file);
        }
        fputc('\n', file);
    }
    return fclose(file) == 0 && rep_run(&admin, (const char *const[]){ "add", "customer", "--from", path, "--quiet", NULL }, output);
}

/* A number of what crm sync --json has said. */
static uint64_t told(const char *name)
{
    char quoted[32];
    const char *place;

    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    place = strstr(output, quoted);
    return place ? strtoull(place + strlen(quoted), NULL, 10) : UINT64_MAX;
}

/* One crm sync that is hung up on after each so many bytes; how often. */
static bool sync_with_cuts(const struct rep *rep, uint64_t bytes, unsigned *out_cuts)
{
    struct command command;
    int code;

    *out_cuts = 0;
    if (!rep_start(rep, (const char *const[]){ "sync", "--scope", "all", "--json", NULL }, &command))
        return false;
    for (; tap_run(&tap, command.pid, bytes); ++*out_cuts)
        tap_hang_up(&tap);
    code = rep_finish(&command, output);
    tap_cut(&tap);
    if (code != 0)
        fprintf(stderr, "crm sync: exit code %d: %s\n", code, output);
    return code == 0;
}

static bool measure(void)
{
    uint64_t records, bytes_whole, bytes_broken;
    struct crm_client *client;
    unsigned n_cuts, n_records;
    bool ok;

    if (!sync_with_cuts(&whole, TAP_ALL, &n_cuts))
        return false;
    bytes_whole = tap.bytes;
    records = told("records");
    if (!sync_with_cuts(&broken, CUT_BYTES, &n_cuts))
        return false;
    bytes_broken = tap.bytes - bytes_whole;
    printf("%" PRIu64 " records: %" PRIu64 " bytes at once, %" PRIu64 " bytes with %u cuts: %" PRId64 " more for each\n", records, bytes_whole, bytes_broken,
           n_cuts, n_cuts ? (int64_t)(bytes_broken - bytes_whole) / n_cuts : 0);
    client = rep_connect(&broken);
    ok = client && rep_equals_view(&broken, client, &n_records);
    crm_client_destroy(client);
    return ok && n_cuts > 2 && told("records") == records && told("cuts") == n_cuts &&
           bytes_broken <= bytes_whole + n_cuts * (uint64_t)(PAGE_MAX + HANDSHAKE_BYTES);
}

int main(int argc, char **argv)
{
    unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : RECORDS;
    bool ok = n <= RECORDS_MAX && daemon_init(&server) && daemon_start(&server) && tap_open(&tap);

    tap.server_port = server.port;
    ok = ok && rep_init_admin(&admin, &server, "admin") && load(n) && rep_init(&whole, &admin, "whole", "administrator", "whole", tap.port) &&
         rep_init(&broken, &admin, "broken", "administrator", "broken", tap.port);
    ok = ok && measure() && daemon_stop(&server);
    puts(ok ? "ok" : "FAILED");
    if (!ok)
        fprintf(stderr, "%s\n", output);
    tap_close(&tap);
    daemon_fini(&server);
    return ok ? 0 : 1;
}
