/*
 * address.c - reading a server's address
 *
 * Called by login; pure.
 */
#include "client/cli/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/digest.h"

bool address_fingerprint(const char *text, char out_hex[65])
{
    uint8_t bytes[SHA256_SIZE];
    char hex[65];
    size_t n = 0;

    if (strncmp(text, "sha256:", 7) != 0)
        return false;
    for (text += 7; *text; text++) {
        if (*text == ':')
            continue;
        if (n == 64)
            return false;
        hex[n++] = (char)tolower((unsigned char)*text);
    }
    hex[n] = '\0';
    if (n != 64 || !hex_parse(hex, bytes, sizeof(bytes)))
        return false;
    memcpy(out_hex, hex, sizeof(hex));
    return true;
}

/* host and port from text[size]. */
static enum crm_status parse_host(const char *text, size_t size, struct address *address,
                                  struct failure *failure)
{
    const char *end = text + size, *host = text, *host_end, *colon;
    char port[8] = "";
    long number = ADDRESS_PORT_USUAL;

    if (size > 0 && *text == '[') {
        host = text + 1;
        host_end = memchr(text, ']', size);
        if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
            return fail(failure, CRM_USAGE, NULL, "'%.*s' is not an address: write [ADDRESS]:PORT",
                        (int)size, text);
        colon = host_end + 1 < end ? host_end + 1 : NULL;
    } else {
        colon = memchr(text, ':', size);
        if (colon && memchr(colon + 1, ':', (size_t)(end - colon - 1)))
            colon = NULL; /* an IPv6 address without a port */
        host_end = colon ? colon : end;
    }
    if (host_end == host || (size_t)(host_end - host) >= sizeof(address->host))
        return fail(failure, CRM_USAGE, NULL, "'%.*s' names no server: HOST:PORT", (int)size, text);
    if (colon) {
        char *rest;

        snprintf(port, sizeof(port), "%.*s", (int)(end - colon - 1), colon + 1);
        number = strtol(port, &rest, 10);
        if (rest == port || *rest || number < 1 || number > 65535 ||
            end - colon - 1 >= (long)sizeof(port))
            return fail(failure, CRM_USAGE, NULL, "'%.*s' is not a port", (int)(end - colon - 1),
                        colon + 1);
    }
    snprintf(address->host, sizeof(address->host), "%.*s", (int)(host_end - host), host);
    address->port = (uint16_t)number;
    return CRM_OK;
}

/* %XX and plain characters of a query's value into text[size]; false if it does not fit or is not
 * well-formed. */
static bool decode(const char *from, size_t n, char *text, size_t size)
{
    size_t out = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)from[i];

        if (from[i] == '%') {
            char hex[3] = { 0 };

            if (n - i < 3)
                return false;
            hex[0] = from[i + 1];
            hex[1] = from[i + 2];
            if (!hex_parse(hex, &byte, 1) || byte == 0)
                return false;
            i += 2;
        }
        if (out + 1 >= size)
            return false;
        text[out++] = (char)byte;
    }
    text[out] = '\0';
    return out > 0;
}

static bool parse_query(const char *query, struct address *address)
{
    char ca[128] = "";

    while (*query) {
        size_t size = strcspn(query, "&");
        bool is_good = true;

        if (strncmp(query, "ca=", 3) == 0)
            is_good = decode(query + 3, size - 3, ca, sizeof(ca));
        else if (strncmp(query, "code=", 5) == 0)
            is_good = decode(query + 5, size - 5, address->code, sizeof(address->code));
        if (!is_good)
            return false;
        query += size + (query[size] == '&');
    }
    return *address->code && address_fingerprint(ca, address->ca_sha256);
}

enum crm_status address_parse(const char *text, struct address *out_address,
                              struct failure *failure)
{
    struct address address = { 0 };
    const char *slash;
    enum crm_status status;

    if (strncmp(text, "crm://", 6) != 0) {
        status = parse_host(text, strlen(text), &address, failure);
    } else {
        text += 6;
        slash = text + strcspn(text, "/?");
        status = parse_host(text, (size_t)(slash - text), &address, failure);
        slash += *slash == '/';
        if (!status && (*slash != '?' || !parse_query(slash + 1, &address)))
            status = fail(
                failure, CRM_USAGE, NULL,
                "the invitation is not whole: copy the line from crm:// to its end, within quotes");
    }
    if (!status)
        *out_address = address;
    return status;
}
