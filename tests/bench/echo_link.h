/*
 * echo_link.h - a link without a server behind it: the yardstick of the benchmarks and the other side of test_net
 *
 * Implements server/dispatch/dispatch.h and link.h. A program that links this before crm_net gets it in the place of crm_dispatch.
 */
#ifndef CRM_TESTS_BENCH_ECHO_LINK_H
#define CRM_TESTS_BENCH_ECHO_LINK_H

/* The code of a REQUEST; its body is a little-endian u32, the number of bytes to answer with. Any other code is taken as ECHO_REPLY. */
enum echo_code {
    ECHO_REPLY = 1,  /* one REPLY */
    ECHO_STREAM = 2, /* CHUNK frames in turns, held back while the output is high, then END */
    ECHO_CLOSE = 3,  /* one REPLY, then the server closes */
    ECHO_HOLD = 4,   /* no answer: the link is not idle any more */
    ECHO_LATER = 5,  /* one REPLY, by way of the thread's wake-up */
};

#endif
