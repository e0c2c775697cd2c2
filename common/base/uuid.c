/*
 * uuid.c - UUIDv7: 48 bits of milliseconds, a 12-bit counter, 62 random bits
 *
 * Called by whoever creates a record, on any thread. Owns the process's last time and counter,
 * under a mutex.
 */
#include "common/base/uuid.h"

#include <pthread.h>

#include "common/base/clock.h"
#include "common/base/digest.h"

#define COUNTER_END 0x1000
#define BACK_MOST_MS                                                                               \
    1000 /* a clock that is set back further than this is believed; within it, ids go on ascending \
          */

static pthread_mutex_t uuid_lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;
static unsigned counter;

/* The next pair of time and counter; seed gives the counter's start, in its lower half so that
 * there is room to count. */
static int64_t tick(unsigned seed, unsigned *out_counter)
{
    int64_t now_ms = clock_now_us() / 1000;
    int64_t ms;

    pthread_mutex_lock(&uuid_lock);
    if (now_ms > last_ms || now_ms < last_ms - BACK_MOST_MS) {
        last_ms = now_ms;
        counter = seed % (COUNTER_END / 2);
    } else if (++counter == COUNTER_END) {
        last_ms++; /* borrowed from the future, RFC 9562 section 6.2 */
        counter = seed % (COUNTER_END / 2);
    }
    ms = last_ms;
    *out_counter = counter;
    pthread_mutex_unlock(&uuid_lock);
    return ms;
}

struct uuid uuid_create(void)
{
    struct uuid id;
    uint8_t seed[10]; /* two bytes for the counter's start, eight for the end; one call, for each is
                         a system call */
    unsigned count;
    uint64_t ms;

    random_bytes(seed, sizeof(seed));
    memcpy(id.bytes + 8, seed + 2, 8);
    ms = (uint64_t)tick(seed[0] | (unsigned)seed[1] << 8, &count);

    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | count >> 8);
    id.bytes[7] = (uint8_t)count;
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80);
    return id;
}

bool uuid_is_nil(const struct uuid *id)
{
    static const struct uuid nil;

    return uuid_equal(id, &nil);
}

void uuid_format(const struct uuid *id, char text[UUID_TEXT_SIZE])
{
    char hex[2 * UUID_SIZE + 1];
    char *at = text;

    hex_format(id->bytes, UUID_SIZE, hex);
    for (int i = 0; i < 2 * UUID_SIZE; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *at++ = '-';
        *at++ = hex[i];
    }
    *at = '\0';
}

bool uuid_parse(const char *text, struct uuid *out_id)
{
    bool has_hyphens = strnlen(text, UUID_TEXT_SIZE) == UUID_TEXT_SIZE - 1;
    char hex[2 * UUID_SIZE + 1];
    const char *at = text;

    for (int i = 0; i < 2 * UUID_SIZE; i++) {
        if (has_hyphens && (i == 8 || i == 12 || i == 16 || i == 20) && *at++ != '-')
            return false;
        if (*at == '\0')
            return false;
        hex[i] = *at++;
    }
    if (*at != '\0')
        return false;
    hex[2 * UUID_SIZE] = '\0';
    return hex_parse(hex, out_id->bytes, UUID_SIZE);
}

bool uuid_from_slice(struct slice bytes, struct uuid *out_id)
{
    if (bytes.size != UUID_SIZE) {
        *out_id = (struct uuid){ { 0 } };
        return false;
    }
    memcpy(out_id->bytes, bytes.data, UUID_SIZE);
    return true;
}
