/*
 * settings.h - the limits of the network layer
 */
#ifndef CRM_SERVER_NET_SETTINGS_H
#define CRM_SERVER_NET_SETTINGS_H

#include <stddef.h>

struct net_settings {
    unsigned io_threads;           /* event loops; a connection stays on one */
    unsigned connections_max;      /* of all threads; further ones are closed as they come */
    unsigned per_address_max;      /* connections of one address (IPv6: of one /64) that have not logged in */
    unsigned handshake_ms;         /* TLS must be done by then */
    unsigned frame_ms;             /* from the first byte of a frame to its last */
    unsigned output_stall_ms;      /* output waits and the client takes nothing */
    unsigned user_timeout_ms;      /* TCP_USER_TIMEOUT: unacknowledged data, half-open peers */
    unsigned tick_ms;              /* how often deadlines are looked at */
    unsigned accept_pause_ms;      /* no accepting for so long when descriptors have run out */
    size_t output_max;             /* bytes that may wait for one client */
    size_t output_low;             /* at or below: streams go on */
};

/* A call each turn, so that a greedy client cannot stop the rest. */
#define NET_READ_SIZE 65536

#define NET_SETTINGS_DEFAULT                                                                                           \
    {                                                                                                                  \
        .io_threads = 2, .connections_max = 2000, .per_address_max = 50, .handshake_ms = 10000, .frame_ms = 30000,     \
        .output_stall_ms = 60000, .user_timeout_ms = 30000, .tick_ms = 1000, .accept_pause_ms = 100, .output_max = 4u << 20, \
        .output_low = 64u << 10,                                                                                       \
    }

#endif
