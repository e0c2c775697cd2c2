/*
 * transport.h - what carries a client's bytes: TLS over TCP, and in tests whatever they like, behind one small table
 *
 * Nothing here waits. A transport belongs to its client's thread.
 */
#ifndef CRM_CLIENT_TRANSPORT_H
#define CRM_CLIENT_TRANSPORT_H

#include "common/base/failure.h"
#include "common/base/slice.h"

enum transport_result {
    TRANSPORT_DONE,       /* connected; bytes moved */
    TRANSPORT_WANT_READ,  /* wait until the socket is readable */
    TRANSPORT_WANT_WRITE, /* wait until it is writable */
    TRANSPORT_CLOSED,     /* the other side is gone, orderly or not: never a proof that anything is complete */
    TRANSPORT_BROKEN, /* failure tells why: with CRM_UNREACHABLE trying again may help, with any other status it will
                         not */
};

struct transport;

struct transport_ops {
    /* Go on connecting, with every handshake that there is. DONE: bytes can flow. */
    enum transport_result (*connect)(struct transport *transport, struct failure *failure);
    /* At most size bytes; *out_n > 0 with DONE. */
    enum transport_result (*read)(struct transport *transport, void *data, size_t size, size_t *out_n,
                                  struct failure *failure);
    /* *out_n bytes were taken with DONE. After WANT_* call again with at least the same bytes (they may have moved). */
    enum transport_result (*write)(struct transport *transport, const void *data, size_t size, size_t *out_n,
                                   struct failure *failure);
    /* Say goodbye without waiting, close, free. */
    void (*destroy)(struct transport *transport);
};

/* The head of every transport. */
struct transport {
    const struct transport_ops *ops;
    int fd;          /* to be watched; -1 while there is none. Changes while connecting */
    int64_t wake_us; /* monotonic: connect wants to be called then even if the socket is quiet; 0: never */
    bool is_ready;   /* there is nothing to wait for: what is written is taken at once, and answered when it is read */
    bool may_strand; /* fd is connected from an address that the machine may lose: transport_is_stranded tells */
};

/* Makes a client's transports, one after the other. */
struct connector {
    /* Begin one. now_us to until_us is the time there is for it. */
    enum crm_status (*open)(void *arg, int64_t until_us, struct transport **out_transport, struct failure *failure);
    void (*destroy)(void *arg);
    void *arg;
};

/* Is the address from which the socket was connected this machine's no more? Then nothing reaches it, and nothing says so. fd may be -1. */
bool transport_is_stranded(int fd);

/* Where to connect to and whom to trust; strings are borrowed as long as the connector lives. */
struct connector_settings {
    const char *host;
    const char *service;      /* the port in digits */
    const char *server_name;  /* that the certificate must have */
    const char *ca_file;      /* NULL: none */
    const uint8_t *ca_sha256; /* NULL: none */
    const char *device_file;  /* certificate and key to show; NULL: none */
};

/* TLS 1.3 over TCP. */
enum crm_status connector_create_tls(const struct connector_settings *settings,
                                     struct connector *out_connector) MUST_CHECK;

/* --- between transport_tls.c and transport_tcp.c */

struct addrinfo;

/* A TCP connection in the making: the host's addresses in turn, each with its share of the time. */
struct tcp_dial {
    struct addrinfo *addresses; /* owned */
    struct addrinfo *next;      /* to be tried after the current one */
    int fd;                     /* the current one's, -1: none */
    int64_t until_us;           /* the end of all attempts */
    int64_t address_until_us;   /* the end of the current one */
};

/* Look host up (blocks for a name, not for a number). */
enum crm_status tcp_dial_init(struct tcp_dial *dial, const char *host, const char *service, int64_t until_us,
                              struct failure *failure) MUST_CHECK;
/* Closes fd unless it was taken (set to -1). */
void tcp_dial_fini(struct tcp_dial *dial);
/* DONE: dial->fd is connected. WANT_WRITE: wait for it, at most until address_until_us. BROKEN: no address answers. */
enum transport_result tcp_dial_step(struct tcp_dial *dial, struct failure *failure);

#endif
