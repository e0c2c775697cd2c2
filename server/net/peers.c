/*
 * peers.c - a small chained hash table behind a lock
 *
 * Entered by the listener, left by the connection on its io thread.
 */
#include "server/net/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"

#define BUCKETS          1024 /* a power of two */
#define HANDSHAKES_LEAST 16
#define HANDSHAKES_SHARE 3 /* one of so many connections */
#define MINUTE_US        60000000

struct peer {
    struct peer *next;
    struct peer_key key;
    unsigned count;      /* never 0 */
    unsigned handshakes; /* among them */
};

struct peers {
    pthread_mutex_t lock;
    unsigned most, most_handshakes;
    uint64_t seed; /* so that nobody can choose addresses of one bucket */
    struct peer *buckets[BUCKETS];
    int64_t logged_us[BUCKETS]; /* of any address of the bucket; 0: never */
};

struct peer_key peer_key_of(const struct sockaddr *address, char *text, size_t text_size)
{
    struct peer_key key = { { 0 } };

    snprintf(text, text_size, "local");
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;

        memcpy(key.bytes + 4, &v4->sin_addr, 4);
        inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)text_size);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            memcpy(key.bytes + 4, v6->sin6_addr.s6_addr + 12, 4);
            inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, (socklen_t)text_size);
        } else {
            memcpy(key.bytes, v6->sin6_addr.s6_addr, 8);
            inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)text_size);
        }
    }
    return key;
}

static size_t bucket_of(const struct peers *peers, struct peer_key key)
{
    uint64_t value;

    memcpy(&value, key.bytes, sizeof(value));
    value = (value ^ peers->seed) * 0x9e3779b97f4a7c15u;
    return value >> 54 & (BUCKETS - 1);
}

/* The link that points at the key's entry, or at the NULL where it would be. */
static struct peer **find(struct peers *peers, struct peer_key key)
{
    struct peer **at = &peers->buckets[bucket_of(peers, key)];

    while (*at && memcmp((*at)->key.bytes, key.bytes, sizeof(key.bytes)) != 0)
        at = &(*at)->next;
    return at;
}

struct peers *peers_create(unsigned most)
{
    struct peers *peers = calloc(1, sizeof(*peers));

    if (!peers)
        return NULL;
    peers->most = most;
    peers->most_handshakes = most / HANDSHAKES_SHARE > HANDSHAKES_LEAST ? most / HANDSHAKES_SHARE : HANDSHAKES_LEAST;
    random_bytes(&peers->seed, sizeof(peers->seed));
    pthread_mutex_init(&peers->lock, NULL);
    return peers;
}

void peers_destroy(struct peers *peers)
{
    if (!peers)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        while (peers->buckets[i]) {
            struct peer *peer = peers->buckets[i];

            peers->buckets[i] = peer->next;
            free(peer);
        }
    }
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

bool peers_enter(struct peers *peers, struct peer_key key)
{
    struct peer **at;
    bool entered = false;

    pthread_mutex_lock(&peers->lock);
    at = find(peers, key);
    if (!*at && peers->most > 0) {
        *at = calloc(1, sizeof(**at));
        if (*at)
            (*at)->key = key;
    }
    if (*at && (*at)->count < peers->most && (*at)->handshakes < peers->most_handshakes) {
        (*at)->count++;
        (*at)->handshakes++;
        entered = true;
    }
    pthread_mutex_unlock(&peers->lock);
    return entered;
}

void peers_secure(struct peers *peers, struct peer_key key)
{
    struct peer **at;

    pthread_mutex_lock(&peers->lock);
    at = find(peers, key);
    if (*at)
        (*at)->handshakes--;
    pthread_mutex_unlock(&peers->lock);
}

void peers_leave(struct peers *peers, struct peer_key key, bool was_secure)
{
    struct peer **at;

    pthread_mutex_lock(&peers->lock);
    at = find(peers, key);
    if (*at && !was_secure)
        (*at)->handshakes--;
    if (*at && --(*at)->count == 0) {
        struct peer *gone = *at;

        *at = gone->next;
        free(gone);
    }
    pthread_mutex_unlock(&peers->lock);
}

bool peers_may_log(struct peers *peers, struct peer_key key, int64_t now_us)
{
    int64_t *last;
    bool may;

    pthread_mutex_lock(&peers->lock);
    last = &peers->logged_us[bucket_of(peers, key)];
    may = *last == 0 || now_us - *last >= MINUTE_US;
    if (may)
        *last = now_us ? now_us : 1;
    pthread_mutex_unlock(&peers->lock);
    return may;
}
