/*
 * address.c - reading the list of addresses to listen on
 */
#include "server/admin/address.h"

#include <stdlib.h>

#define PORT_MAX 65535

static enum crm_status refuse(struct failure *failure, const char *text)
{
    return fail(failure, CRM_INVALID, "listen",
                "'%s' is no address to listen on: HOST:PORT, such as 127.0.0.1:7420 or [::1]:7420",
                text);
}

/* "[::1]" → "::1" */
static bool copy_host(const char *text, size_t size, char out[ADDRESS_SIZE])
{
    bool is_bracketed = size >= 2 && text[0] == '[' && text[size - 1] == ']';

    if (is_bracketed) {
        text++;
        size -= 2;
    }
    if (!is_bracketed && memchr(text, ':', size))
        return false;
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

enum crm_status address_next(const char **position, struct address *out_address,
                             struct failure *failure)
{
    const char *text = *position + strspn(*position, " ,");
    size_t size = strcspn(text, ",");
    const char *colon;
    char *end;
    unsigned long port;

    *position = text + size;
    while (size > 0 && text[size - 1] == ' ')
        size--;
    if (size == 0)
        return CRM_NOT_FOUND;
    *out_address = (struct address){ 0 };
    if (size >= ADDRESS_SIZE)
        return fail(failure, CRM_INVALID, "listen", "an address to listen on is too long");
    memcpy(out_address->text, text, size);
    colon = strrchr(out_address->text, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return refuse(failure, out_address->text);
    port = strtoul(colon + 1, &end, 10);
    if (*end || port > PORT_MAX ||
        !copy_host(out_address->text, (size_t)(colon - out_address->text), out_address->host))
        return refuse(failure, out_address->text);
    out_address->port = (unsigned)port;
    return CRM_OK;
}

bool address_is_loopback(const struct address *address)
{
    return strcmp(address->host, "localhost") == 0 || strncmp(address->host, "127.", 4) == 0 ||
           strcmp(address->host, "::1") == 0;
}

bool address_is_any(const struct address *address)
{
    return !address->host[0] || strcmp(address->host, "0.0.0.0") == 0 ||
           strcmp(address->host, "::") == 0;
}
