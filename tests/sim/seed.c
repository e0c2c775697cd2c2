/*
 * seed.c - time, chance and telling of a simulation
 *
 * One process, one thread: what is here belongs to the seed under way.
 */
#include "tests/sim/sim.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/clock.h"

/* Later than the base is made, so that an id's clock does not run back; each seed begins at the same moment. */
#define START_US INT64_C(1478100000000000)

static struct {
    uint64_t seed;
    uint64_t state[DICE_N];
    int64_t now_us;
    bool trace;
} now;

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static int64_t sim_now(void)
{
    return now.now_us;
}

/* Who looks at the clock takes a moment: turns that are bounded by time come to their end, now and then. */
static int64_t sim_monotonic(void)
{
    return now.now_us += 5;
}

static void sim_random(void *out, size_t size)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t bits = next(&now.state[DICE_PRODUCT]);

        memcpy((uint8_t *)out + i, &bits, size - i < 8 ? size - i : 8);
    }
}

void seed_begin(uint64_t seed, bool trace)
{
    static const struct clock_source source = { .now_us = sim_now, .monotonic_us = sim_monotonic, .random = sim_random };

    now.seed = seed;
    now.trace = trace;
    now.now_us = START_US;
    for (unsigned i = 0; i < DICE_N; i++)
        now.state[i] = seed * DICE_N + i;
    clock_replace(&source);
}

uint64_t seed_draw(enum dice dice, uint64_t below)
{
    return next(&now.state[dice]) % below;
}

bool seed_chance(enum dice dice, unsigned percent)
{
    return seed_draw(dice, 100) < percent;
}

void seed_pass(int64_t us)
{
    now.now_us += us;
}

/* In place of the C library's: there is no socket, whoever waits (to connect again) lets simulated time pass. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    for (nfds_t i = 0; i < n; i++)
        fds[i].revents = 0;
    if (timeout_ms < 0)
        sim_fail("somebody waits for ever");
    seed_pass((int64_t)timeout_ms * 1000);
    return 0;
}

void sim_trace(const char *format, ...)
{
    va_list arguments;

    if (!now.trace)
        return;
    printf("%10.3f ", (double)(now.now_us - START_US) / 1e6);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

void sim_fail(const char *format, ...)
{
    va_list arguments;

    printf("seed %llu: ", (unsigned long long)now.seed);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    fflush(stdout);
    _exit(1);
}

void sim_must(enum crm_status status, const char *what)
{
    if (status != CRM_OK)
        sim_fail("%s: %s", what, crm_status_info((int)status)->name);
}
