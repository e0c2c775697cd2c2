/*
 * line.c - a client's transport to the simulated server, cut behind a byte that the seed chooses
 *
 * What is behind the cut on the way up is lost, or is on its way for a while and arrives when the client is on its next connection (host.c). On the way down the
 * client has what was before the cut. Only a connection as a whole is lost, late or refused: TCP and TLS keep everything smaller from the protocol.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "client/lib/client.h"

#define TURNS_MAX 100000 /* without an answer: then something is wrong */
#define IDLE_MAX  1000   /* reads in a row while the server has nothing to do: it waits for credit, which the client sends in between */
#define INTERLUDE_PERCENT 3

struct line {
    struct transport base;
    struct wire *wire;
    uint64_t up, down; /* bytes until the cut */
    bool is_cut;
    unsigned n_idle;
};

struct dialer {
    struct host *host;
    const struct weather *weather;
};

void (*line_interlude)(void *arg);
void *line_interlude_arg;

static enum transport_result line_connect(struct transport *transport, struct failure *failure)
{
    (void)transport;
    (void)failure;
    return TRANSPORT_DONE;
}

static enum transport_result line_write(struct transport *transport, const void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct line *line = (struct line *)transport;
    size_t n = size < line->up ? size : (size_t)line->up;

    (void)failure;
    if (line->is_cut || line->wire->is_closed)
        return TRANSPORT_CLOSED;
    sim_must(buf_append(&line->wire->in, data, n), "bytes under way");
    line->up -= n;
    if (n < size) {
        sim_trace("the line is cut on the way up");
        line->is_cut = true;
    }
    *out_n = size; /* the kernel takes it all */
    return TRANSPORT_DONE;
}

/* Let the server work until there is something to read. */
static void wait_for_bytes(struct line *line)
{
    struct wire *wire = line->wire;

    for (unsigned i = 0; wire->out.size == 0 && !wire->is_closed; i++) {
        if (line_interlude && seed_chance(DICE_LINE, INTERLUDE_PERCENT)) {
            void (*interlude)(void *arg) = line_interlude;

            line_interlude = NULL; /* one at a time */
            interlude(line_interlude_arg);
            line_interlude = interlude;
        }
        if (!host_turn(wire->host) && ++line->n_idle < IDLE_MAX)
            return;
        if (i == TURNS_MAX || line->n_idle == IDLE_MAX)
            sim_fail("the server does not answer");
    }
}

static enum transport_result line_read(struct transport *transport, void *data, size_t size, size_t *out_n, struct failure *failure)
{
    struct line *line = (struct line *)transport;
    struct slice bytes;
    size_t n;

    (void)failure;
    if (line->is_cut)
        return TRANSPORT_CLOSED;
    wait_for_bytes(line);
    bytes = buf_slice(&line->wire->out);
    if (bytes.size == 0)
        return line->wire->is_closed ? TRANSPORT_CLOSED : TRANSPORT_WANT_READ;
    line->n_idle = 0;
    n = bytes.size < size ? bytes.size : size;
    if (n > line->down)
        n = (size_t)line->down;
    if (n == 0) {
        sim_trace("the line is cut on the way down");
        line->is_cut = true;
        return TRANSPORT_CLOSED;
    }
    memcpy(data, bytes.data, n);
    buf_consume(&line->wire->out, n);
    line->down -= n;
    *out_n = n;
    return TRANSPORT_DONE;
}

static void line_destroy(struct transport *transport)
{
    struct line *line = (struct line *)transport;

    host_leave(line->wire);
    free(line);
}

static const struct transport_ops line_ops = { .connect = line_connect, .read = line_read, .write = line_write, .destroy = line_destroy };

/* A connection is cut at most once, on one of the two ways; small numbers are as likely as large ones, since hellos are small. */
static void choose_cut(struct line *line, const struct weather *weather)
{
    uint64_t *way = seed_chance(DICE_LINE, 50) ? &line->up : &line->down;

    line->up = line->down = UINT64_MAX;
    if (seed_chance(DICE_LINE, weather->cut_percent))
        *way = seed_draw(DICE_LINE, 1 + weather->within / (seed_chance(DICE_LINE, 50) ? 16 : 1));
}

static enum crm_status line_open(void *arg, int64_t until_us, struct transport **out_transport, struct failure *failure)
{
    const struct dialer *dialer = arg;
    struct line *line = calloc(1, sizeof *line);

    (void)until_us;
    if (!line)
        sim_fail("out of memory");
    if (!dialer->host->is_up && seed_chance(DICE_LINE, 50)) {
        sim_trace("the server is started again");
        host_boot(dialer->host);
    }
    line->base = (struct transport){ .ops = &line_ops, .fd = -1, .is_ready = true };
    line->wire = host_accept(dialer->host, line);
    if (!line->wire) {
        free(line);
        return fail(failure, CRM_UNREACHABLE, NULL, "the server is down");
    }
    choose_cut(line, dialer->weather);
    *out_transport = &line->base;
    return CRM_OK;
}

enum crm_status line_client_create(struct host *host, const struct weather *weather, const uint8_t token[TOKEN_BYTES], struct crm_client **out_client)
{
    struct dialer *dialer = calloc(1, sizeof *dialer);
    const struct connector connector = { .open = line_open, .destroy = free, .arg = dialer };
    const struct crm_options options = {
        .host = "sim", .software = "sim/1", .token = token, .token_size = TOKEN_BYTES,
        .reconnect_attempts = seed_chance(DICE_LINE, 50) ? CRM_NO_RECONNECT : 0, /* the library tries again, or whoever uses it does */
    };

    if (!dialer)
        sim_fail("out of memory");
    *dialer = (struct dialer){ .host = host, .weather = weather };
    return client_create(&options, &connector, out_client);
}
