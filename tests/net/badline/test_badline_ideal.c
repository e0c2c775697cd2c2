/*
 * test_badline_ideal.c - sync_badline_vs_ideal: what a sync of 1,000 changes takes over 400 ms and 5 % loss, against the same bytes over one bare TLS stream
 *
 *     test_badline_ideal [TRIES]
 *
 * Without TRIES once, and it must be good enough; with TRIES it is only measured, also with half of the changes made by the rep.
 *
 * The ideal is the bare stream through the same line, from its connect to its last byte, and 4 round trips. How many bytes a sync says is counted over a
 * perfect line; what TLS itself takes falls out, as a bare stream of one byte shows it. The line's luck goes on from try to try, so it is not the same for
 * both: the figure is the ratio of the medians. `scripts/bench` runs this too. Skips where namespaces cannot be made.
 */
#include "tests/net/badline/badline_tls.h"
#include "tests/net/badline/badline_work.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define SEED          400
#define CUSTOMERS     2000
#define CHANGES       1000
#define ROUNDTRIP_MS  400
#define LOSS          0.05
#define TRIES_MAX     15
#define PACKET_HEADER 52 /* IP and TCP with timestamps */
#define LEVEL         1.5

static struct work work;
static unsigned n_tries = 1;
static bool is_measured;

/* Bytes of the streams, as they were said: without packets' headers. */
struct volume {
    uint64_t said[BADLINE_SIDES];
};

static struct volume count_volume(void)
{
    struct badline_count counts[BADLINE_SIDES];
    struct volume volume;

    assert_true(badline_stats(work.office.line, counts));
    for (int side = 0; side < BADLINE_SIDES; side++)
        volume.said[side] = counts[side].sent_bytes - PACKET_HEADER * counts[side].sent;
    return volume;
}

static uint32_t less(const struct volume *after, const struct volume *before, const struct volume *bare, int side)
{
    uint64_t bytes = after->said[side] - before->said[side], tls = bare->said[side];

    assert_true(bytes > tls && bytes - tls < UINT32_MAX);
    return (uint32_t)(bytes - tls);
}

static struct tls_pair server_pair(void)
{
    static char certificate[PATH_MAX], key[PATH_MAX];

    snprintf(certificate, sizeof certificate, "%s/server.crt", work.office.daemon.directory);
    snprintf(key, sizeof key, "%s/server.key", work.office.daemon.directory);
    return (struct tls_pair){ certificate, key };
}

/* What a sync of the changes says, beyond TLS. */
static void measure_volume(const struct tls_pair *pair, unsigned n_pushes, uint32_t out_bytes[BADLINE_SIDES])
{
    struct volume start = count_volume(), tls, before, after;
    struct work_report report;

    (void)tls_transfer_ns(work.office.line, pair, 1, 1);
    tls = count_volume();
    for (int side = 0; side < BADLINE_SIDES; side++)
        tls.said[side] -= start.said[side];
    work_make(&work, n_pushes, CHANGES - n_pushes);
    before = count_volume();
    work_sync(&work, &report);
    after = count_volume();
    for (int side = 0; side < BADLINE_SIDES; side++)
        out_bytes[side] = less(&after, &before, &tls, side);
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;

    return (difference > 0) - (difference < 0);
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* So many of the thousand are the rep's. */
static double ratio(const char *name, unsigned n_pushes)
{
    const struct badline_way way = { .delay_us = ROUNDTRIP_MS * 500, .loss = LOSS }, perfect = { 0 };
    const struct tls_pair pair = server_pair();
    double syncs[TRIES_MAX], ideals[TRIES_MAX], sync_s, ideal_s;
    uint32_t bytes[BADLINE_SIDES];
    struct work_report report;

    measure_volume(&pair, n_pushes, bytes);
    for (unsigned i = 0; i < n_tries; i++) {
        work_make(&work, n_pushes, CHANGES - n_pushes);
        office_set_line(&work.office, &way);
        work_sync(&work, &report);
        ideals[i] = (double)tls_transfer_ns(work.office.line, &pair, bytes[BADLINE_CLIENT], bytes[BADLINE_SERVER]) / 1e9 + 4e-3 * ROUNDTRIP_MS;
        office_set_line(&work.office, &perfect);
        syncs[i] = (double)report.took_ns / 1e9;
    }
    sync_s = median(syncs, n_tries);
    ideal_s = median(ideals, n_tries);
    print_message("%s %.2f ratio (%u changes sent, %u taken in: %.2f s; %u bytes up, %u down over one bare TLS stream and 4 round trips: %.2f s)\n", name,
                  sync_s / ideal_s, n_pushes, CHANGES - n_pushes, sync_s, bytes[BADLINE_CLIENT], bytes[BADLINE_SERVER], ideal_s);
    return sync_s / ideal_s;
}

static void test_the_line_is_what_a_sync_waits_for(void **state)
{
    double pull;

    (void)state;
    work_open(&work, SEED, CUSTOMERS);
    pull = ratio("sync_badline_vs_ideal", 0);
    if (is_measured)
        (void)ratio("sync_badline_push_vs_ideal", CHANGES / 2);
    work_assert_synced(&work);
    work_close(&work);
    assert_true(is_measured || pull <= LEVEL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_line_is_what_a_sync_waits_for),
    };

    is_measured = argc > 1;
    if (is_measured)
        n_tries = (unsigned)strtoul(argv[1], NULL, 10);
    if (n_tries == 0 || n_tries > TRIES_MAX)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
