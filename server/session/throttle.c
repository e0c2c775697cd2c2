/*
 * throttle.c - tables of counters behind one lock: by user name (or session), by address, by place that has logged a user in
 *
 * Called on io threads (enter) and on workers (settle); it holds the lock for a few probes. Keys are hashed with a secret of the process, so that nobody can
 * choose names that meet in one set.
 */
#include "server/session/throttle.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/digest.h"

#define SETS 1024
#define WAYS 8

/* What is known of one key. */
struct counter {
    struct throttle_key key;
    bool is_used;
    uint16_t failures;
    uint16_t in_flight;   /* tries that are not settled */
    int64_t at_us;        /* the last failure; where there is none, the last use */
};

struct throttle_table {
    struct counter counters[SETS][WAYS];
};

struct throttle {
    pthread_mutex_t lock;
    uint8_t secret[32];
    int64_t drained_us; /* by then as many failures of strangers as there were will have been forgotten */
    struct throttle_table by_user, by_address, known;
};

struct throttle *throttle_create(void)
{
    struct throttle *throttle = calloc(1, sizeof *throttle);

    if (!throttle)
        return NULL;
    if (pthread_mutex_init(&throttle->lock, NULL) != 0) {
        free(throttle);
        return NULL;
    }
    random_bytes(throttle->secret, sizeof throttle->secret);
    return throttle;
}

void throttle_destroy(struct throttle *throttle)
{
    if (!throttle)
        return;
    pthread_mutex_destroy(&throttle->lock);
    free(throttle);
}

/* --- keys */

static struct throttle_key make_key(const struct throttle *throttle, char sort, struct slice a, struct slice b)
{
    const uint32_t size = (uint32_t)a.size; /* so that the border between the two counts */
    const struct slice parts[] = { slice_of(&sort, 1), slice_of(&size, sizeof size), a, b };
    struct throttle_key key;
    uint8_t hash[SHA256_SIZE];

    hmac_sha256(slice_of(throttle->secret, sizeof throttle->secret), parts, ARRAY_LEN(parts), hash);
    memcpy(key.bytes, hash, sizeof key.bytes);
    return key;
}

/* What of an address counts: IPv4 whole, also where it comes as IPv6; of IPv6 the network, within which a host has as many as it likes. */
static struct slice address_part(const char *address, uint8_t bytes[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    if (inet_pton(AF_INET, address, bytes) == 1)
        return slice_of(bytes, 4);
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return slice_text(address);
    return memcmp(bytes, mapped, sizeof mapped) == 0 ? slice_of(bytes + 12, 4) : slice_of(bytes, 8);
}

/* All places of a user are kept in one set: whoever claims many installations drives out their own. */
static struct throttle_key place_key(const struct throttle *throttle, char sort, const struct throttle_ticket *ticket, struct slice login,
                                     struct slice place)
{
    struct throttle_key key = make_key(throttle, sort, login, place);

    memcpy(key.bytes, ticket->by_user.bytes, sizeof(uint32_t)); /* see set_of */
    return key;
}

static void make_keys(const struct throttle *throttle, const struct throttle_who *who, struct throttle_ticket *ticket)
{
    uint8_t bytes[16];
    struct slice address = address_part(who->address, bytes);
    const struct slice none = { 0 };

    if (who->session) {
        ticket->by_session = make_key(throttle, 's', slice_of(who->session, SHA256_SIZE), none);
        return;
    }
    ticket->by_address = make_key(throttle, 'a', address, none);
    ticket->has_login = who->login.size > 0;
    if (!ticket->has_login)
        return;
    ticket->by_user = make_key(throttle, 'u', who->login, none);
    ticket->by_user_address = place_key(throttle, 'k', ticket, who->login, address);
    ticket->has_installation = who->installation != NULL;
    if (ticket->has_installation)
        ticket->by_installation = place_key(throttle, 'i', ticket, who->login, slice_of(who->installation, THROTTLE_INSTALLATION));
}

/* --- counters */

static struct counter *set_of(struct throttle_table *table, const struct throttle_key *key)
{
    uint32_t hash;

    memcpy(&hash, key->bytes, sizeof hash);
    return table->counters[hash % SETS];
}

static struct counter *find(struct throttle_table *table, const struct throttle_key *key)
{
    struct counter *set = set_of(table, key);

    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].is_used && memcmp(&set[i].key, key, sizeof *key) == 0)
            return &set[i];
    return NULL;
}

/* Which of two goes first when there is no room. */
static bool is_less_suspicious(const struct counter *a, const struct counter *b)
{
    if (a->failures != b->failures)
        return a->failures < b->failures;
    return a->at_us < b->at_us;
}

/* Made where there is none; NULL when all that share its place have tries under way. */
static struct counter *find_or_make(struct throttle_table *table, const struct throttle_key *key, int64_t now_us)
{
    struct counter *set = set_of(table, key), *victim = find(table, key);

    if (victim)
        return victim;
    for (unsigned i = 0; i < WAYS; i++) {
        if (!set[i].is_used) {
            victim = &set[i];
            break;
        }
        if (set[i].in_flight == 0 && (!victim || is_less_suspicious(&set[i], victim)))
            victim = &set[i];
    }
    if (victim)
        *victim = (struct counter){ .key = *key, .is_used = true, .at_us = now_us };
    return victim;
}

/* Failures of one key that cost nothing just now. */
static unsigned free_of(const struct throttle *throttle, const struct throttle_table *table, int64_t now_us)
{
    bool is_pressed = throttle->drained_us - now_us > THROTTLE_PRESSED * THROTTLE_DRAIN_US;

    if (table != &throttle->by_address)
        return THROTTLE_FREE_USER;
    return is_pressed ? THROTTLE_FREE_PRESSED : THROTTLE_FREE_ADDRESS;
}

/* 0, or how long the next try has to wait. */
static int64_t wait_of(const struct throttle *throttle, const struct throttle_table *table, struct counter *counter, int64_t now_us)
{
    unsigned free = free_of(throttle, table, now_us), beyond;
    int64_t wait_us;

    if (!counter)
        return THROTTLE_FIRST_US;
    if (now_us - counter->at_us > THROTTLE_FORGET_US)
        counter->failures = 0;
    if (counter->failures >= free) {
        beyond = counter->failures - free;
        wait_us = beyond < 16 ? THROTTLE_FIRST_US << beyond : THROTTLE_LONGEST_US;
        wait_us = counter->at_us + (wait_us < THROTTLE_LONGEST_US ? wait_us : THROTTLE_LONGEST_US) - now_us;
        if (wait_us > 0)
            return wait_us;
    }
    /* Those under way might all fail: together they get no further than one by one. */
    return counter->in_flight > 0 && counter->failures + counter->in_flight >= free ? THROTTLE_FIRST_US : 0;
}

static void count_failure(struct throttle *throttle, const struct throttle_table *table, struct counter *counter, int64_t now_us)
{
    counter->at_us = now_us;
    if (counter->failures < UINT16_MAX)
        counter->failures++;
    if (table != &throttle->by_address)
        return;
    if (throttle->drained_us < now_us)
        throttle->drained_us = now_us;
    if (throttle->drained_us - now_us < 2 * THROTTLE_PRESSED * THROTTLE_DRAIN_US) /* however many: it is over soon after the last */
        throttle->drained_us += THROTTLE_DRAIN_US;
}

static void count_in(struct throttle_ticket *ticket, struct throttle_table *table, const struct throttle_key *key)
{
    ticket->counted[ticket->n_counted] = table;
    ticket->counted_key[ticket->n_counted++] = *key;
}

/* Where does a try of this one count? */
static void choose_counters(struct throttle *throttle, const struct throttle_who *who, struct throttle_ticket *ticket)
{
    if (who->session)
        count_in(ticket, &throttle->by_user, &ticket->by_session);
    else if (ticket->has_installation && find(&throttle->known, &ticket->by_installation))
        count_in(ticket, &throttle->known, &ticket->by_installation);
    else if (ticket->has_login && find(&throttle->known, &ticket->by_user_address))
        count_in(ticket, &throttle->known, &ticket->by_user_address);
    ticket->is_known = ticket->n_counted > 0;
    if (ticket->is_known)
        return;
    count_in(ticket, &throttle->by_address, &ticket->by_address);
    if (ticket->has_login)
        count_in(ticket, &throttle->by_user, &ticket->by_user);
}

uint32_t throttle_enter(struct throttle *throttle, const struct throttle_who *who, int64_t now_us, struct throttle_ticket *out_ticket)
{
    struct throttle_ticket ticket = { 0 };
    struct counter *counters[ARRAY_LEN(ticket.counted)];
    int64_t wait_us = 0;

    make_keys(throttle, who, &ticket);
    pthread_mutex_lock(&throttle->lock);
    choose_counters(throttle, who, &ticket);
    for (unsigned i = 0; i < ticket.n_counted; i++) {
        struct throttle_table *table = ticket.counted[i];
        int64_t wait;

        counters[i] = find_or_make(table, &ticket.counted_key[i], now_us);
        wait = wait_of(throttle, table, counters[i], now_us);
        wait_us = wait > wait_us ? wait : wait_us;
    }
    for (unsigned i = 0; i < ticket.n_counted && wait_us == 0; i++)
        counters[i]->in_flight++;
    pthread_mutex_unlock(&throttle->lock);
    if (wait_us > 0)
        return (uint32_t)((wait_us + 999) / 1000);
    ticket.is_held = true;
    *out_ticket = ticket;
    return 0;
}

/* From now on this place is known to log the user in. What has failed there stays: it may be a neighbour who fails. */
static void know(struct throttle *throttle, const struct throttle_key *key, int64_t now_us)
{
    struct counter *counter = find_or_make(&throttle->known, key, now_us);

    if (counter && counter->failures == 0)
        counter->at_us = now_us;
}

static void know_place(struct throttle *throttle, const struct throttle_ticket *ticket, int64_t now_us)
{
    if (ticket->has_login)
        know(throttle, &ticket->by_user_address, now_us);
    if (ticket->has_installation)
        know(throttle, &ticket->by_installation, now_us);
}

void throttle_know(struct throttle *throttle, const struct throttle_who *who, int64_t now_us)
{
    struct throttle_ticket ticket = { 0 };

    make_keys(throttle, who, &ticket);
    pthread_mutex_lock(&throttle->lock);
    know_place(throttle, &ticket, now_us);
    pthread_mutex_unlock(&throttle->lock);
}

void throttle_settle(struct throttle *throttle, struct throttle_ticket *ticket, enum throttle_outcome outcome, int64_t now_us)
{
    if (!ticket->is_held)
        return;
    ticket->is_held = false;
    pthread_mutex_lock(&throttle->lock);
    for (unsigned i = 0; i < ticket->n_counted; i++) {
        struct throttle_table *table = ticket->counted[i];
        struct counter *counter = find(table, &ticket->counted_key[i]);

        counter->in_flight--; /* it is there: what has tries under way is not driven out */
        if (outcome == THROTTLE_FAILED)
            count_failure(throttle, table, counter, now_us);
        else if (outcome == THROTTLE_PASSED && ticket->is_known)
            counter->failures = 0; /* not a stranger's: who has one password guesses at others no faster for it */
    }
    if (outcome == THROTTLE_PASSED)
        know_place(throttle, ticket, now_us);
    pthread_mutex_unlock(&throttle->lock);
}
