/*
 * throttle.h - who may try a password now: failures are counted by user name and by address, and each more doubles the wait
 *
 * A try is refused before anything is computed for it. A user name that strangers guess at must not keep its user out: from an address or an installation of
 * the client that has logged this user in before, only what failed from there counts. So a stranger at such an address can learn from being refused or not
 * that the user has been there; nothing else differs between a user who exists and a name that does not. Whoever has many addresses is met by giving every
 * address of a stranger fewer tries while many of them fail.
 *
 * In memory, in tables of fixed size that a flood cannot empty: the least suspicious entry goes first. Any thread.
 */
#ifndef CRM_SERVER_SESSION_THROTTLE_H
#define CRM_SERVER_SESSION_THROTTLE_H

#include "common/base/slice.h"

#define THROTTLE_FREE_USER     5                   /* failures that cost nothing; also of a place that is known */
#define THROTTLE_FREE_ADDRESS  16                  /* an office has one address */
#define THROTTLE_FREE_PRESSED  1                   /* the same of an address while many strangers fail: */
#define THROTTLE_PRESSED       20                  /* more than so many failures, */
#define THROTTLE_DRAIN_US      INT64_C(1000000)    /* of which one is forgotten in so long */
#define THROTTLE_FIRST_US      INT64_C(1000000)    /* after one more; doubles with each that follows */
#define THROTTLE_LONGEST_US    INT64_C(300000000)
#define THROTTLE_FORGET_US     INT64_C(900000000)  /* since the last failure */
#define THROTTLE_INSTALLATION  16                  /* bytes */

/* Who tries. */
struct throttle_who {
    struct slice login;          /* folded; empty: no user is named */
    const char *address;         /* as text; of IPv6 the first half counts */
    const uint8_t *installation; /* THROTTLE_INSTALLATION bytes, or NULL */
    const uint8_t *session;      /* token hash of who is logged in already: then nothing else counts; or NULL */
};

struct throttle_table;

struct throttle_key {
    uint8_t bytes[16];
};

/* A try that was let through and not settled yet. Plain data. */
struct throttle_ticket {
    bool is_held;
    bool is_known; /* by a place that has logged this user in before, or by the session */
    bool has_login, has_installation;
    struct throttle_key by_session, by_user, by_address, by_user_address, by_installation;
    struct throttle_table *counted[2]; /* in which it is counted, */
    struct throttle_key counted_key[2]; /* and as what */
    unsigned n_counted;
};

enum throttle_outcome {
    THROTTLE_FAILED,
    THROTTLE_PASSED,
    THROTTLE_CANCELLED, /* it was not found out */
};

struct throttle;

/* NULL when memory is spent. */
struct throttle *throttle_create(void) MUST_CHECK;
/* Accepts NULL. */
void throttle_destroy(struct throttle *throttle);
/* May it be tried? 0: yes, and *out_ticket is to be settled; else the milliseconds to wait. */
uint32_t throttle_enter(struct throttle *throttle, const struct throttle_who *who, int64_t now_us, struct throttle_ticket *out_ticket) MUST_CHECK;
/* The user (who->login) has come in from here by something else than a password: an invitation, the token of a session. */
void throttle_know(struct throttle *throttle, const struct throttle_who *who, int64_t now_us);
/* Once for each ticket; one that is not held is nothing. */
void throttle_settle(struct throttle *throttle, struct throttle_ticket *ticket, enum throttle_outcome outcome, int64_t now_us);

#endif
