/*
 * address.h - where a server is, as typed: "crm.example:7420", "[::1]:7400", or the line of an
 * invitation
 */
#ifndef CRM_CLI_ADDRESS_H
#define CRM_CLI_ADDRESS_H

#include "common/base/failure.h"

#define ADDRESS_PORT_USUAL 7420

struct address {
    char host[256];
    uint16_t port;
    char ca_sha256[65]; /* of an invitation; empty otherwise */
    char code[128];     /* the same */
};

/* HOST, HOST:PORT, [HOST]:PORT, or crm://HOST:PORT/?ca=sha256:HEX&code=CODE. CRM_USAGE says what is
 * missing. */
enum crm_status address_parse(const char *text, struct address *out_address,
                              struct failure *failure) MUST_CHECK;
/* "sha256:HEX", with or without colons between the bytes, to lower-case hex. false for anything
 * else. */
bool address_fingerprint(const char *text, char out_hex[65]);

#endif
