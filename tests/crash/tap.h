/*
 * tap.h - between a client and a server on this machine: passes bytes on, counts them, and stops at the one it is told
 *
 * For single-threaded test programs: nothing passes but in tap_run.
 */
#ifndef CRM_TESTS_CRASH_TAP_H
#define CRM_TESTS_CRASH_TAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TAP_PAIRS_MAX 16
#define TAP_ALL       UINT64_MAX

/* Two sockets, what one says the other hears. -1, -1: none. */
struct tap_pair {
    int ends[2]; /* the client's, the server's */
};

struct tap {
    int listener;
    uint16_t port;        /* where clients connect */
    uint16_t server_port; /* where it connects; may change at any time */
    uint64_t bytes;       /* passed since tap_open, both ways */
    struct tap_pair pairs[TAP_PAIRS_MAX];
};

bool tap_open(struct tap *tap);
/* Accepts one that could not be opened. */
void tap_close(struct tap *tap);
/* Pass on until so many bytes more have passed (true) or the process has ended, which is not waited for (false). */
bool tap_run(struct tap *tap, pid_t process, uint64_t bytes);
/* End all connections; what an end has not read yet may be lost to it. */
void tap_cut(struct tap *tap);
/* Say to both ends that nothing more comes: they read what has passed. */
void tap_hang_up(struct tap *tap);

#endif
