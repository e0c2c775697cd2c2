/*
 * carry.c - syncs of the bench
 *
 * The bench's single thread. The transport is libcrm's own, with a counter around it.
 */
#include "tests/bench/carry.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <zstd.h>

#include "client/lib/client.h"
#include "client/replica/sync.h"
#include "common/base/clock.h"
#include "proto/codec.h"

#define ZSTD_LEVEL   3
#define PULL_BUDGET  ((size_t)64 << 20)
#define PULL_CREDITS (1u << 20)

/* --- a transport that counts */

struct counts {
    struct connector inner;
    char ca[PATH_MAX], port[8]; /* the inner one's settings */
    unsigned flights;
    bool is_writing;
    uint64_t out_before, in_before; /* when the handshake was over */
};

struct counted {
    struct transport head;
    struct transport *inner;
    struct counts *counts;
};

static void tcp_bytes(int fd, uint64_t *out_out, uint64_t *out_in)
{
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;

    *out_out = *out_in = 0;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0) {
        *out_out = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
        *out_in = info.tcpi_bytes_received;
    }
}

static void follow(struct counted *counted)
{
    counted->head.fd = counted->inner->fd;
    counted->head.wake_us = counted->inner->wake_us;
    counted->head.is_ready = counted->inner->is_ready;
}

static enum transport_result counted_connect(struct transport *transport, struct failure *failure)
{
    struct counted *counted = (struct counted *)transport;
    enum transport_result result = counted->inner->ops->connect(counted->inner, failure);

    follow(counted);
    if (result == TRANSPORT_DONE)
        tcp_bytes(counted->head.fd, &counted->counts->out_before, &counted->counts->in_before);
    return result;
}

static enum transport_result counted_read(struct transport *transport, void *data, size_t size,
                                          size_t *out_n, struct failure *failure)
{
    struct counted *counted = (struct counted *)transport;
    enum transport_result result =
        counted->inner->ops->read(counted->inner, data, size, out_n, failure);

    follow(counted);
    if (result == TRANSPORT_DONE)
        counted->counts->is_writing = false;
    return result;
}

static enum transport_result counted_write(struct transport *transport, const void *data,
                                           size_t size, size_t *out_n, struct failure *failure)
{
    struct counted *counted = (struct counted *)transport;
    enum transport_result result =
        counted->inner->ops->write(counted->inner, data, size, out_n, failure);

    follow(counted);
    if (result == TRANSPORT_DONE && !counted->counts->is_writing) {
        counted->counts->is_writing = true;
        counted->counts->flights++;
    }
    return result;
}

static void counted_destroy(struct transport *transport)
{
    struct counted *counted = (struct counted *)transport;

    counted->inner->ops->destroy(counted->inner);
    free(counted);
}

static const struct transport_ops counted_ops = { .connect = counted_connect,
                                                  .read = counted_read,
                                                  .write = counted_write,
                                                  .destroy = counted_destroy };

static enum crm_status counted_open(void *arg, int64_t until_us, struct transport **out_transport,
                                    struct failure *failure)
{
    struct counts *counts = arg;
    struct counted *counted = calloc(1, sizeof *counted);
    enum crm_status status;

    if (!counted)
        return CRM_NO_MEMORY;
    status = counts->inner.open(counts->inner.arg, until_us, &counted->inner, failure);
    if (status != CRM_OK) {
        free(counted);
        return status;
    }
    counted->head.ops = &counted_ops;
    counted->counts = counts;
    follow(counted);
    *out_transport = &counted->head;
    return CRM_OK;
}

static void counted_close(void *arg)
{
    struct counts *counts = arg;

    counts->inner.destroy(counts->inner.arg);
}

/* --- a sync */

static enum crm_status make_client(const struct site *site, struct counts *counts,
                                   struct crm_client **out_client, struct failure *failure)
{
    const struct connector_settings settings = { .host = "127.0.0.1",
                                                 .service = counts->port,
                                                 .server_name = "localhost",
                                                 .ca_file = counts->ca };
    const struct crm_options options = { .host = "127.0.0.1",
                                         .port = site->target.port,
                                         .server_name = "localhost",
                                         .token = site->session.token,
                                         .token_size = site->session.token_size };
    struct connector connector = { .open = counted_open, .destroy = counted_close, .arg = counts };
    enum crm_status status;

    *counts = (struct counts){ 0 };
    snprintf(counts->port, sizeof counts->port, "%u", site->target.port);
    if (snprintf(counts->ca, sizeof counts->ca, "%s/ca.crt", site->directory) >= PATH_MAX)
        return fail(failure, CRM_INVALID, NULL, "the path of the directory is too long");
    status = connector_create_tls(&settings, &counts->inner);
    if (status == CRM_OK)
        status = client_create(&options, &connector, out_client);
    return status == CRM_OK ? CRM_OK : fail(failure, status, NULL, "no client can be made");
}

enum crm_status carry_sync(const struct site *site, const char *home, struct carried *out_carried,
                           struct failure *failure)
{
    const struct sync_options options = { .scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL };
    struct sync_progress progress = { 0 };
    struct crm_client *client = NULL;
    struct replica *replica = NULL;
    struct counts counts;
    uint64_t out, in;
    int64_t began_us;
    enum crm_status status = replica_open(home, REPLICA_WRITE, &replica, failure);

    began_us = clock_monotonic_us();
    if (status == CRM_OK)
        status = make_client(site, &counts, &client, failure);
    if (status == CRM_OK)
        status = sync_run(replica, client, &options, &progress, failure);
    if (status == CRM_OK) {
        tcp_bytes(crm_client_fd(client), &out, &in);
        *out_carried = (struct carried){
            .ms = (double)(clock_monotonic_us() - began_us) / 1000,
            .records = progress.records,
            .forgets = progress.forgets,
            .is_comparison = progress.is_comparison,
            .flights = counts.flights,
            .bytes_out = out - counts.out_before,
            .bytes_in = in - counts.in_before,
        };
    }
    crm_client_destroy(client);
    replica_close(replica);
    return status;
}

/* --- what it could have taken */

struct tally {
    struct carry_yardstick *yardstick;
    uint8_t *chunk; /* packed records, up to FRAME_CHUNK_MAX */
    size_t size;
};

static void compress_chunk(struct tally *tally)
{
    uint8_t room[2 * FRAME_CHUNK_MAX];
    size_t n = ZSTD_compress(room, sizeof room, tally->chunk, tally->size, ZSTD_LEVEL);

    tally->yardstick->zstd_bytes += ZSTD_isError(n) ? tally->size : n;
    tally->size = 0;
}

static void take_page(struct tally *tally, const Crm__SyncChunk *page)
{
    for (size_t i = 0; i < page->n_records; i++) {
        size_t size = crm__record__get_packed_size(page->records[i]);

        if (tally->size + size > FRAME_CHUNK_MAX)
            compress_chunk(tally);
        if (size > FRAME_CHUNK_MAX)
            continue; /* no record of the bench is */
        tally->size += crm__record__pack(page->records[i], tally->chunk + tally->size);
        tally->yardstick->records++;
    }
}

static enum crm_status take_frame(struct peer *peer, struct tally *tally, struct arena *arena,
                                  bool *out_is_last, struct failure *failure)
{
    Crm__Credit credit = CRM__CREDIT__INIT;
    const void *message;
    struct frame frame;
    enum crm_status status = peer_receive(peer, &frame, failure);

    *out_is_last = status != CRM_OK || frame.header.type == FRAME_END;
    if (status == CRM_OK && frame.header.type == FRAME_ERROR)
        return peer_fail(&frame, failure);
    if (status != CRM_OK || (frame.header.type != FRAME_END && frame.header.type != FRAME_CHUNK))
        return status;
    arena_reset(arena);
    status = codec_unpack(
        &frame, *out_is_last ? &crm__sync_reply__descriptor : &crm__sync_chunk__descriptor,
        FRAME_MAX, arena, &message, failure);
    if (status != CRM_OK)
        return status;
    if (*out_is_last) {
        tally->yardstick->examined = ((const Crm__SyncReply *)message)->examined;
        return CRM_OK;
    }
    take_page(tally, message);
    credit.has_bytes = true;
    credit.bytes = PULL_CREDITS;
    status = peer_queue(peer, FRAME_CREDIT, 0, frame.header.stream, &credit.base, failure);
    return status == CRM_OK ? peer_flush(peer, failure) : status;
}

enum crm_status carry_measure(const struct site *site, struct slice cursor,
                              struct carry_yardstick *out_yardstick, struct failure *failure)
{
    Crm__SyncRequest request = CRM__SYNC_REQUEST__INIT;
    struct tally tally = { .yardstick = out_yardstick, .chunk = malloc(FRAME_CHUNK_MAX) };
    struct peer peer = { 0 };
    struct arena arena;
    bool is_last = false;
    enum crm_status status = tally.chunk ? site_connect(site, &peer, 1, failure) : CRM_NO_MEMORY;

    *out_yardstick = (struct carry_yardstick){ 0 };
    arena_init(&arena, PULL_BUDGET);
    request.has_scope = true;
    request.scope = CRM__SYNC_SCOPE__SYNC_SCOPE_ALL;
    request.cursor = crm__sync_cursor__unpack(NULL, cursor.size, cursor.data);
    if (status == CRM_OK)
        status = peer_queue(&peer, FRAME_REQUEST, OP_SYNC_CHANGES, ++peer.last_stream,
                            &request.base, failure);
    if (status == CRM_OK)
        status = peer_flush(&peer, failure);
    while (status == CRM_OK && !is_last)
        status = take_frame(&peer, &tally, &arena, &is_last, failure);
    if (tally.size)
        compress_chunk(&tally);
    if (request.cursor)
        crm__sync_cursor__free_unpacked(request.cursor, NULL);
    site_disconnect(&peer, 1);
    arena_fini(&arena);
    free(tally.chunk);
    return status;
}

enum crm_status carry_cursor(const char *home, struct arena *arena, struct slice *out_cursor,
                             struct failure *failure)
{
    struct replica *replica = NULL;
    enum crm_status status = replica_open(home, REPLICA_READ, &replica, failure);
    struct slice cursor;

    if (status == CRM_OK) {
        cursor = replica_state(replica)->cursor;
        *out_cursor = slice_of(arena_memdup(arena, cursor.data, cursor.size), cursor.size);
        status = out_cursor->data ? CRM_OK : CRM_NO_MEMORY;
    }
    replica_close(replica);
    return status;
}
