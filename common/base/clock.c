/*
 * clock.c - the system's clocks and random bytes, or what a test put in their place
 *
 * Called from everywhere, on any thread; clock_replace only before threads start. Owns nothing.
 */
#include "common/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    /* Fails only for a clock that does not exist. */
    if (clock_gettime(id, &now) != 0)
        abort();
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_now_us(void)
{
    return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void kernel_random(void *out, size_t size)
{
    uint8_t *at = out;

    while (size) {
        ssize_t got = getrandom(at, size, 0);

        if (got > 0) {
            at += got;
            size -= (size_t)got;
        } else if (errno != EINTR) {
            abort(); /* going on with guessable ids and tokens would be worse */
        }
    }
}

/* Salts and ids are small and many: the kernel is asked for half a KiB at a time. What was handed out is wiped here. */
static _Thread_local uint8_t pool[512];
static _Thread_local size_t left;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* Parent and child must not draw the same. Only the thread that forked lives on in the child. */
static void forget_pool(void)
{
    left = 0;
}

static void watch_forks(void)
{
    if (pthread_atfork(NULL, NULL, forget_pool) != 0)
        abort();
}

static void system_random(void *out, size_t size)
{
    pthread_once(&fork_once, watch_forks);
    if (size > sizeof pool / 4) {
        kernel_random(out, size);
        return;
    }
    if (left < size) {
        kernel_random(pool, sizeof pool);
        left = sizeof pool;
    }
    left -= size;
    memcpy(out, pool + left, size);
    explicit_bzero(pool + left, size);
}

static const struct clock_source system_source = {
    .now_us = system_now_us,
    .monotonic_us = system_monotonic_us,
    .random = system_random,
};

static const struct clock_source *current = &system_source;

void clock_replace(const struct clock_source *source)
{
    current = source ? source : &system_source;
}

int64_t clock_now_us(void)
{
    return current->now_us();
}

int64_t clock_monotonic_us(void)
{
    return current->monotonic_us();
}

void random_bytes(void *out, size_t size)
{
    current->random(out, size);
}
