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

#define BUCKETS 1024 /* a power of two */

struct peer {
    struct peer *next;
    struct peer_key key;
    unsigned count; /* never 0 */
};

struct peers {
    pthread_mutex_t lock;
    unsigned most;
    uint64_t seed; /* so that nobody can choose addresses of one bucket */
    struct peer *buckets[BUCKETS];
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

static struct peer **bucket_of(struct peers *peers, struct peer_key key)
{
    uint64_t value;

    memcpy(&value, key.bytes, sizeof(value));
    value = (value ^ peers->seed) * 0x9e3779b97f4a7c15u;
    return &peers->buckets[value >> 54 & (BUCKETS - 1)];
}

/* The link that points at the key's entry, or at the NULL where it would be. */
static struct peer **find(struct peers *peers, struct peer_key key)
{
    struct peer **at = bucket_of(peers, key);

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
    if (*at && (*at)->count < peers->most) {
        (*at)->count++;
        entered = true;
    }
    pthread_mutex_unlock(&peers->lock);
    return entered;
}

void peers_leave(struct peers *peers, struct peer_key key)
{
    struct peer **at;

    pthread_mutex_lock(&peers->lock);
    at = find(peers, key);
    if (*at && --(*at)->count == 0) {
        struct peer *gone = *at;

        *at = gone->next;
        free(gone);
    }
    pthread_mutex_unlock(&peers->lock);
}
