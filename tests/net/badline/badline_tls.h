/*
 * badline_tls.h - one bare TLS stream over a line: what the same bytes take when nothing else is said
 *
 * The yardstick of sync_badline_vs_ideal. For cmocka programs.
 */
#ifndef CRM_TESTS_NET_BADLINE_TLS_H
#define CRM_TESTS_NET_BADLINE_TLS_H

#include <stdint.h>

#include "tests/net/badline/badline.h"

/* A certificate and its key, as PEM files, that the server's end shows; whoever receives trusts anybody. */
struct tls_pair {
    const char *certificate;
    const char *key;
};

/*
 * The client connects and says so many bytes, then the server so many, as a sync pushes before it pulls: the nanoseconds from before the connect until the client
 * has all of them.
 */
int64_t tls_transfer_ns(const struct badline *line, const struct tls_pair *pair, uint32_t up, uint32_t down);

#endif
