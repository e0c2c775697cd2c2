/*
 * badline_tls.c - one bare TLS stream over a line
 *
 * Two processes, one in each namespace, with blocking sockets; nothing in them may assert.
 */
#include "tests/net/badline/badline_tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/badline/badline_peers.h"

#define PORT     7001
#define PART_MAX 16384

/* For both processes, which are forked. */
static const struct tls_pair *identity;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct sockaddr_in server_address(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

    inet_pton(AF_INET, BADLINE_SERVER_ADDRESS, &address.sin_addr);
    return address;
}

static int new_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        _exit(1);
    return fd;
}

static SSL *new_stream(const SSL_METHOD *method, int fd)
{
    SSL_CTX *context = SSL_CTX_new(method);
    SSL *ssl;

    if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1)
        _exit(1);
    if (identity && SSL_CTX_use_certificate_chain_file(context, identity->certificate) == 1 &&
        SSL_CTX_use_PrivateKey_file(context, identity->key, SSL_FILETYPE_PEM) != 1)
        _exit(1);
    ssl = SSL_new(context);
    if (!ssl || SSL_set_fd(ssl, fd) != 1)
        _exit(1);
    return ssl;
}

static void say(SSL *ssl, uint32_t bytes)
{
    static uint8_t part[PART_MAX];
    int n;

    for (; bytes > 0; bytes -= (uint32_t)n) {
        n = SSL_write(ssl, part, (int)(bytes < PART_MAX ? bytes : PART_MAX));
        if (n <= 0)
            _exit(1);
    }
}

static void hear(SSL *ssl, uint32_t bytes)
{
    static uint8_t part[PART_MAX];
    int n;

    for (; bytes > 0; bytes -= (uint32_t)n) {
        n = SSL_read(ssl, part, (int)(bytes < PART_MAX ? bytes : PART_MAX));
        if (n <= 0)
            _exit(1);
    }
}

/* argument: up in the upper half, down in the lower. */
static void serve(const struct peer *self, uint64_t argument)
{
    struct sockaddr_in address = server_address();
    const struct peer_report ready = { 0 };
    int listener = new_socket(), fd, on = 1;
    SSL *ssl;

    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0 ||
        write(self->from, &ready, sizeof ready) != (ssize_t)sizeof ready)
        _exit(1);
    fd = accept(listener, NULL, NULL);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        _exit(1);
    ssl = new_stream(TLS_server_method(), fd);
    if (SSL_set_num_tickets(ssl, 0) != 1 || SSL_accept(ssl) != 1)
        _exit(1);
    hear(ssl, (uint32_t)(argument >> 32));
    say(ssl, (uint32_t)argument);
    (void)SSL_read(ssl, &on, sizeof on); /* until the client has gone */
}

static void fetch(const struct peer *self, uint64_t argument)
{
    struct sockaddr_in address = server_address();
    struct peer_report message = { .took_ns = -now_ns() };
    int fd;
    SSL *ssl;

    identity = NULL;
    fd = new_socket();
    ssl = new_stream(TLS_client_method(), fd);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 || SSL_connect(ssl) != 1)
        _exit(1);
    say(ssl, (uint32_t)(argument >> 32));
    hear(ssl, (uint32_t)argument);
    message.took_ns += now_ns();
    if (write(self->from, &message, sizeof message) != (ssize_t)sizeof message)
        _exit(1);
}

int64_t tls_transfer_ns(const struct badline *line, const struct tls_pair *pair, uint32_t up, uint32_t down)
{
    uint64_t argument = (uint64_t)up << 32 | down;
    struct peer server, client;
    int64_t took_ns;

    identity = pair;
    server = peer_start(line, BADLINE_SERVER, serve, argument);
    peer_hear(&server);
    client = peer_start(line, BADLINE_CLIENT, fetch, argument);
    took_ns = peer_hear(&client).took_ns;
    peer_join(&client);
    peer_kill(&server);
    return took_ns;
}
