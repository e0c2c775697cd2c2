/*
 * badline_host.h - one end of the line: a network namespace of its own with a TUN device in it
 *
 * Called by the emulator's process only. Nothing outside the namespaces that it makes is touched.
 */
#ifndef CRM_TESTS_NET_BADLINE_HOST_H
#define CRM_TESTS_NET_BADLINE_HOST_H

#include <stdbool.h>

/* An end. All descriptors -1: not made. */
struct badline_host {
    int network; /* the namespace, to enter it */
    int tun;     /* its device, non-blocking: a read is what the kernel sends, a write what it receives */
    int control; /* a socket inside, for the device's ioctls */
};

#define BADLINE_HOST_NONE ((struct badline_host){ -1, -1, -1 })

/* Give the process a user namespace in which it may make others, where it may not as it is. *out_user: that, -1: not needed.
 * 0, or errno. */
int badline_host_prepare(int *out_user);
/* Make a namespace, enter it and bring its device up under an address. 0, or errno with *out_step saying at what. */
int badline_host_open(struct badline_host *host, const char *address, const char **out_step);
/* Another address for the device; the one before is gone. 0, or errno. */
int badline_host_move(const struct badline_host *host, const char *address);
void badline_host_close(struct badline_host *host);
/* Does this errno mean that the right to do it is missing? */
bool badline_host_is_refusal(int error);

#endif
