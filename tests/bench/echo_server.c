/*
 * echo_server.c - the echo yardstick: server/net with echo_link behind it
 *
 *     echo_server THREADS [CERTIFICATE KEY]
 *
 * Listens on a free port of 127.0.0.1, prints it, serves until SIGTERM or SIGINT. Without a certificate it speaks plainly.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/net/io_pool.h"

static int report(const struct failure *failure)
{
    fprintf(stderr, "echo_server: %s\n", failure->text);
    return EXIT_FAILURE;
}

static void wait_for_end(void)
{
    sigset_t set;
    int number;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigwait(&set, &number);
}

/* Before any thread starts, so that all of them leave these to wait_for_end. */
static void block_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int main(int argc, char **argv)
{
    struct net_settings settings = NET_SETTINGS_DEFAULT;
    struct tls_context *tls = NULL;
    struct failure failure = { 0 };
    struct io_pool *pool;

    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: echo_server THREADS [CERTIFICATE KEY]\n");
        return 2;
    }
    block_signals();
    settings.io_threads = (unsigned)strtoul(argv[1], NULL, 10);
    settings.per_address_max = settings.connections_max;
    if (argc == 4 && tls_context_create(argv[2], argv[3], &tls, &failure) != CRM_OK)
        return report(&failure);
    if (io_pool_create(&settings, NULL, tls, &pool, &failure) != CRM_OK)
        return report(&failure);
    tls_context_unref(tls);
    if (io_pool_listen(pool, "127.0.0.1:0", &failure) != CRM_OK || io_pool_start(pool, &failure) != CRM_OK) {
        io_pool_destroy(pool);
        return report(&failure);
    }
    printf("%u\n", io_pool_port(pool, 0));
    fflush(stdout);
    wait_for_end();
    io_pool_stop(pool);
    io_pool_join(pool);
    io_pool_destroy(pool);
    return EXIT_SUCCESS;
}
