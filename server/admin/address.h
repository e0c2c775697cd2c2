/*
 * address.h - the list in the setting server.listen: HOST:PORT, [HOST]:PORT or :PORT, separated by
 * commas
 */
#ifndef CRM_SERVER_ADMIN_ADDRESS_H
#define CRM_SERVER_ADMIN_ADDRESS_H

#include "common/base/failure.h"

#define ADDRESS_SIZE 256

struct address {
    char text[ADDRESS_SIZE]; /* as it stands, without blanks around it */
    char host[ADDRESS_SIZE]; /* without brackets; empty: every address */
    unsigned port;           /* 0: any free one */
};

/* The next address of a list; *position begins at the list's start and moves on. CRM_NOT_FOUND
 * behind the last one. */
enum crm_status address_next(const char **position, struct address *out_address,
                             struct failure *failure) MUST_CHECK;
/* An address of this machine alone? */
bool address_is_loopback(const struct address *address);
/* Does it stand for every address of the machine? */
bool address_is_any(const struct address *address);

#endif
