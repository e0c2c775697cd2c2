/*
 * random.c - SplitMix64
 */
#include "tests/sample/random.h"

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int random_below(struct random *random, int n)
{
    return (int)(random_next(random) % (uint64_t)n);
}

int random_range(struct random *random, int first, int last)
{
    return first + random_below(random, last - first + 1);
}

bool random_percent(struct random *random, int percent)
{
    return random_below(random, 100) < percent;
}
