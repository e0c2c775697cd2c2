/*
 * crowd.c - chains of counters by user
 *
 * A user without a connection has no entry, so the table holds no more than there are connections.
 */
#include "server/session/crowd.h"

#include <pthread.h>
#include <stdlib.h>

#define CHAINS 1024

struct member {
    struct member *next;
    struct uuid user;
    unsigned n;
};

struct crowd {
    pthread_mutex_t lock;
    unsigned most;
    struct member *chains[CHAINS];
};

struct crowd *crowd_create(unsigned most)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);

    if (!crowd)
        return NULL;
    crowd->most = most;
    if (pthread_mutex_init(&crowd->lock, NULL) != 0) {
        free(crowd);
        return NULL;
    }
    return crowd;
}

void crowd_destroy(struct crowd *crowd)
{
    if (!crowd)
        return;
    for (size_t i = 0; i < CHAINS; i++)
        while (crowd->chains[i]) {
            struct member *member = crowd->chains[i];

            crowd->chains[i] = member->next;
            free(member);
        }
    pthread_mutex_destroy(&crowd->lock);
    free(crowd);
}

/* Where the user's entry is linked in, or would be. The end of an id is random. */
static struct member **find(struct crowd *crowd, const struct uuid *user)
{
    struct member **at = &crowd->chains[(user->bytes[14] << 8 | user->bytes[15]) % CHAINS];

    while (*at && !uuid_equal(&(*at)->user, user))
        at = &(*at)->next;
    return at;
}

bool crowd_enter(struct crowd *crowd, const struct uuid *user)
{
    struct member **at;
    bool is_in = false;

    pthread_mutex_lock(&crowd->lock);
    at = find(crowd, user);
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (*at)
            (*at)->user = *user;
    }
    if (*at && (*at)->n < crowd->most) {
        (*at)->n++;
        is_in = true;
    }
    pthread_mutex_unlock(&crowd->lock);
    return is_in;
}

void crowd_leave(struct crowd *crowd, const struct uuid *user)
{
    struct member **at, *member;

    pthread_mutex_lock(&crowd->lock);
    at = find(crowd, user);
    member = *at;
    if (--member->n == 0) {
        *at = member->next;
        free(member);
    }
    pthread_mutex_unlock(&crowd->lock);
}
