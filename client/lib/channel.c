/*
 * channel.c - a client's one connection: made, greeted, kept alive, drained, lost and made again
 *
 * Driven by client.c on the client's thread. Owns transport, buffers and the table of streams; what the frames of a
 * stream mean is call.c's.
 *
 *     CLOSED ──► CONNECTING ──► HELLO ──► READY ──► DRAINING
 *        ▲  ▲         ▲ │          │         │          │
 *        │  └── BACKOFF ◄──────────┴─────────┴──────────┘  lost, and something waits
 *        └─────────────────────────────────────────────────  lost and nothing waits, or given up
 */
#include "client/lib/client.h"

#include "client/lib/channel_frame.h"
#include "client/lib/greeting.h"
#include "common/base/clock.h"
#include "proto/codec.h"

#define FLIGHT_CALLS    4 /* that go along with the hello */
#define READ_STEP       65536
#define READS_A_TURN    16
#define INPUT_MAX       (FRAME_HEADER_SIZE + FRAME_MAX + READ_STEP)
#define IDLE_PING_US    INT64_C(30000000)
#define PONG_WAIT_US    INT64_C(15000000)
#define LOOK_US         INT64_C(5000000) /* of silence, after which the machine's own address is looked at */
#define BACKOFF_BASE_US INT64_C(100000)
#define BACKOFF_MAX_US  INT64_C(10000000)
#define KEEP_BUFFER     READ_STEP

void channel_init(struct channel *channel)
{
    buf_init(&channel->in, INPUT_MAX);
    buf_init(&channel->out, OUTPUT_MAX);
    arena_init(&channel->hello_arena, FRAME_MAX);
}

/* Everything that belongs to one connection and not to the next. The hello stays readable. */
static void close_connection(struct channel *channel)
{
    if (channel->transport)
        channel->transport->ops->destroy(channel->transport);
    channel->transport = NULL;
    channel->state = CHANNEL_CLOSED;
    channel->connect_wants = 0;
    channel->write_waits_for_input = channel->read_waits_for_output = channel->has_more_input = false;
    buf_consume(&channel->in, channel->in.size);
    buf_consume(&channel->out, channel->out.size);
    buf_trim(&channel->in, KEEP_BUFFER);
    buf_trim(&channel->out, KEEP_BUFFER);
    channel->n_streams = 0;
    channel->pinged_us = channel->looked_us = 0;
}

void channel_fini(struct channel *channel)
{
    close_connection(channel);
    buf_fini(&channel->in);
    buf_fini(&channel->out);
    arena_fini(&channel->hello_arena);
}

struct stream *channel_stream(struct channel *channel, uint32_t id)
{
    for (size_t i = 0; i < channel->n_streams; i++)
        if (channel->streams[i].id == id)
            return &channel->streams[i];
    return NULL;
}

enum crm_status channel_send(struct crm_client *client, const struct frame_header *header,
                             const ProtobufCMessage *message, bool compress)
{
    struct channel *channel = &client->channel;

    return codec_append(&channel->out, header, message, compress && (channel->features & FEATURE_ZSTD));
}

/* --- losing a connection */

/* Full jitter: anything up to the doubled step, so that a thousand clients do not come back at once. */
static int64_t backoff_us(unsigned attempts)
{
    int64_t ceiling = attempts < 7 ? BACKOFF_BASE_US << attempts : BACKOFF_MAX_US;
    uint64_t random;

    random_bytes(&random, sizeof(random));
    return (int64_t)(random % (uint64_t)(ceiling < BACKOFF_MAX_US ? ceiling : BACKOFF_MAX_US));
}

static bool something_waits(const struct crm_client *client)
{
    return client->wants_connection || !TAILQ_EMPTY(&client->open);
}

/* Trying again may help, and the caller wants it tried. */
static bool may_retry(const struct crm_client *client, const struct failure *failure)
{
    const struct channel *channel = &client->channel;
    unsigned allowed =
        channel->was_connected ? client->options.reconnect_attempts : client->options.connect_attempts - 1;

    return crm_status_info((int)failure->status)->retry == CRM_RETRY_AFTER && failure->status != CRM_NO_MEMORY &&
           channel->attempts < allowed;
}

/* In flight: each call decides by itself. Queued calls stay. */
static void settle_streams(struct crm_client *client, const struct failure *failure)
{
    struct channel *channel = &client->channel;

    for (size_t i = 0; i < channel->n_streams; i++)
        if (channel->streams[i].call)
            call_lost(channel->streams[i].call, failure);
}

static void fail_all(struct crm_client *client, const struct failure *failure)
{
    while (!TAILQ_EMPTY(&client->open))
        call_fail(TAILQ_FIRST(&client->open), failure);
}

void channel_lost(struct crm_client *client, const struct failure *failure)
{
    struct channel *channel = &client->channel;
    int64_t wait_us = (int64_t)channel->retry_after_ms * 1000;
    bool retry = may_retry(client, failure);

    client->failure = *failure;
    error_from_failure(&client->error, &client->failure);
    if (retry)
        settle_streams(client, failure);
    else
        fail_all(client, failure);
    close_connection(channel);
    channel->retry_after_ms = 0;
    if (!retry) {
        client->wants_connection = false;
        channel->attempts = 0;
        return;
    }
    if (!something_waits(client))
        return;
    channel->state = CHANNEL_BACKOFF;
    channel->retry_us = clock_monotonic_us() + wait_us + backoff_us(channel->attempts);
    channel->attempts++;
}

static void lost(struct crm_client *client, enum crm_status status, const char *text)
{
    struct failure failure = { 0 };

    fail(&failure, status, NULL, "%s", text);
    channel_lost(client, &failure);
}

/* --- making one */

static void open_connection(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    struct failure failure = { 0 };

    channel->until_us = now_us + (int64_t)client->options.connect_timeout_ms * 1000;
    if (client->connector.open(client->connector.arg, channel->until_us, &channel->transport, &failure)) {
        channel_lost(client, &failure);
        return;
    }
    channel->state = CHANNEL_CONNECTING;
}

/* Our hello and, where the server may take them, the first requests, in one flight: before login one only. */
static void greet(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    struct crm_call *call;

    channel->state = CHANNEL_HELLO;
    channel->next_stream = 1;
    channel->features = 0;
    channel->streams_max = 1;
    channel->chunk_max = FRAME_CHUNK_MAX;
    channel->has_session = false;
    channel->frame_max = FRAME_MAX;
    channel->heard_us = now_us;
    if (greeting_send(client)) {
        lost(client, CRM_NO_MEMORY, "no memory for the first message to the server");
        return;
    }
    for (size_t most = client->token ? FLIGHT_CALLS : 1; most > 0; most--) {
        call = call_next_queued(client);
        if (!call || !greeting_may_go_along(client, call))
            break;
        call_send(call, now_us);
    }
}

static void connect_step(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    struct failure failure = { 0 };

    switch (channel->transport->ops->connect(channel->transport, &failure)) {
    case TRANSPORT_DONE:
        greet(client, now_us);
        break;
    case TRANSPORT_WANT_READ:
        channel->connect_wants = CRM_WANT_READ;
        break;
    case TRANSPORT_WANT_WRITE:
        channel->connect_wants = CRM_WANT_WRITE;
        break;
    case TRANSPORT_CLOSED:
        lost(client, CRM_UNREACHABLE, "the server closed the connection while it was being made");
        break;
    case TRANSPORT_BROKEN:
        channel_lost(client, &failure);
        break;
    }
}

/* --- input */

/* Handle the whole frames of the input. false: the connection is lost, and that has been dealt with. */
static bool take_frames(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;

    for (;;) {
        uint32_t max_body = channel->state == CHANNEL_HELLO ? FRAME_MAX_BEFORE_LOGIN : FRAME_MAX;
        struct failure failure = { 0 };
        struct frame frame;
        size_t consumed;

        switch (frame_parse(buf_slice(&channel->in), max_body, &frame, &consumed, &failure)) {
        case FRAME_NEEDS_MORE:
            return true;
        case FRAME_BROKEN:
            failure.status = CRM_PROTOCOL;
            channel_lost(client, &failure);
            return false;
        case FRAME_WHOLE:
            break;
        }
        channel->heard_us = now_us;
        if (!channel_take_frame(client, &frame, &failure)) {
            channel_lost(client, &failure);
            return false;
        }
        buf_consume(&channel->in, consumed);
    }
}

/* --- bytes */

/* false as above. */
static bool flush(struct crm_client *client)
{
    struct channel *channel = &client->channel;
    struct transport *transport = channel->transport;

    channel->write_waits_for_input = false;
    while (channel->out.size > 0) {
        struct slice bytes = buf_slice(&channel->out);
        struct failure failure = { 0 };
        size_t n = 0;

        switch (transport->ops->write(transport, bytes.data, bytes.size, &n, &failure)) {
        case TRANSPORT_DONE:
            buf_consume(&channel->out, n);
            break;
        case TRANSPORT_WANT_READ:
            channel->write_waits_for_input = true;
            return true;
        case TRANSPORT_WANT_WRITE:
            return true;
        case TRANSPORT_CLOSED: /* what the server said before it closed is still to be read */
            buf_consume(&channel->out, channel->out.size);
            return true;
        case TRANSPORT_BROKEN:
            channel_lost(client, &failure);
            return false;
        }
    }
    return true;
}

/* A close with nothing to wait for is no failure, nor is the end of a drain. */
static void closed(struct crm_client *client)
{
    struct channel *channel = &client->channel;

    if (channel->state != CHANNEL_HELLO && channel->n_streams == 0) {
        int64_t retry_us = clock_monotonic_us() + (int64_t)channel->retry_after_ms * 1000;

        close_connection(channel);
        if (channel->retry_after_ms > 0 && something_waits(client)) {
            channel->state = CHANNEL_BACKOFF;
            channel->retry_us = retry_us;
        }
        channel->retry_after_ms = 0;
        return;
    }
    lost(client, CRM_UNREACHABLE,
         channel->state == CHANNEL_HELLO ? "the server closed the connection before its first message"
                                         : "the connection to the server was lost");
}

/* One read. true: there may be more. */
static bool read_step(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    struct transport *transport = channel->transport;
    struct failure failure = { 0 };
    uint8_t *room = buf_reserve(&channel->in, READ_STEP);
    size_t n = 0;

    if (!room) {
        lost(client, CRM_NO_MEMORY, "no memory for what the server sends");
        return false;
    }
    switch (transport->ops->read(transport, room, READ_STEP, &n, &failure)) {
    case TRANSPORT_DONE:
        buf_commit(&channel->in, n);
        return take_frames(client, now_us);
    case TRANSPORT_WANT_WRITE:
        channel->read_waits_for_output = true;
        return false;
    case TRANSPORT_CLOSED:
        closed(client);
        return false;
    case TRANSPORT_BROKEN:
        channel_lost(client, &failure);
        return false;
    default:
        return false;
    }
}

static void read_some(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    bool more = true;

    channel->read_waits_for_output = false;
    for (int i = 0; i < READS_A_TURN && more; i++)
        more = read_step(client, now_us);
    channel->has_more_input = more;
    if (channel->transport)
        buf_trim(&channel->in, KEEP_BUFFER);
}

/* Put queued requests in line, as many as the server takes at once. */
static void fill(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    struct crm_call *call;

    while (channel->state == CHANNEL_READY && channel->n_streams < channel->streams_max &&
           channel->out.size < OUTPUT_HIGH && (call = call_next_queued(client)) != NULL)
        call_send(call, now_us);
}

static bool is_up(const struct channel *channel)
{
    return channel->state == CHANNEL_HELLO || channel->state == CHANNEL_READY || channel->state == CHANNEL_DRAINING;
}

static int64_t idle_ping_us(const struct channel *channel)
{
    const Crm__Limits *limits = channel->hello ? channel->hello->limits : NULL;
    int64_t least_us = limits ? (int64_t)limits->ping_interval_ms * 1000 : 0;

    return least_us > IDLE_PING_US ? least_us : IDLE_PING_US;
}

static int64_t next_look_us(const struct channel *channel)
{
    if (!channel->transport->may_strand)
        return INT64_MAX;
    return LOOK_US + (channel->looked_us > channel->heard_us ? channel->looked_us : channel->heard_us);
}

/*
 * Only while somebody waits: an idle connection may die in peace. Who has gone from one network to another, or whose VPN has come up anew, need not wait for an
 * answer that cannot come.
 */
static void keep_alive(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;
    const struct frame_header header = { .type = FRAME_PING };
    Crm__Ping ping = CRM__PING__INIT;

    if (channel->state == CHANNEL_HELLO || channel->n_streams == 0)
        return;
    if (now_us >= next_look_us(channel)) {
        channel->looked_us = now_us;
        if (transport_is_stranded(channel->transport->fd)) {
            lost(client, CRM_UNREACHABLE, "the network has changed");
            return;
        }
    }
    if (channel->pinged_us > 0) {
        if (now_us - channel->pinged_us >= PONG_WAIT_US)
            lost(client, CRM_UNREACHABLE, "the server has stopped answering");
        return;
    }
    if (now_us - channel->heard_us < idle_ping_us(channel))
        return;
    ping.has_cookie = true;
    ping.cookie = (uint64_t)now_us;
    if (channel_send(client, &header, &ping.base, false) == CRM_OK)
        channel->pinged_us = now_us;
}

void channel_process(struct crm_client *client, int64_t now_us)
{
    struct channel *channel = &client->channel;

    if (channel->state == CHANNEL_BACKOFF && now_us >= channel->retry_us)
        channel->state = CHANNEL_CLOSED;
    if (channel->state == CHANNEL_CLOSED && something_waits(client))
        open_connection(client, now_us);
    if (channel->state == CHANNEL_CONNECTING)
        connect_step(client, now_us);
    if ((channel->state == CHANNEL_CONNECTING || channel->state == CHANNEL_HELLO) && now_us >= channel->until_us)
        lost(client, CRM_UNREACHABLE, "the server did not answer in time");
    if (!is_up(channel))
        return;

    fill(client, now_us);
    if (!flush(client))
        return;
    read_some(client, now_us);
    if (!is_up(channel))
        return;
    keep_alive(client, now_us);
    fill(client, now_us);
    if (is_up(channel) && flush(client) && channel->state == CHANNEL_DRAINING && channel->n_streams == 0)
        closed(client);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t channel_wake_us(const struct crm_client *client)
{
    const struct channel *channel = &client->channel;

    switch (channel->state) {
    case CHANNEL_CLOSED:
        return something_waits(client) ? 0 : INT64_MAX;
    case CHANNEL_BACKOFF:
        return channel->retry_us;
    case CHANNEL_CONNECTING:
        return channel->transport->wake_us > 0 && channel->transport->wake_us < channel->until_us
                   ? channel->transport->wake_us
                   : channel->until_us;
    case CHANNEL_HELLO:
        return channel->has_more_input ? 0 : channel->until_us;
    case CHANNEL_READY:
    case CHANNEL_DRAINING:
        break;
    }
    if (channel->has_more_input)
        return 0;
    if (channel->transport->is_ready && (channel->n_streams > 0 || channel_events(client) & CRM_WANT_WRITE))
        return 0; /* no socket would tell */
    if (channel->n_streams == 0)
        return INT64_MAX;
    return earlier(next_look_us(channel), channel->pinged_us > 0 ? channel->pinged_us + PONG_WAIT_US : channel->heard_us + idle_ping_us(channel));
}

unsigned channel_events(const struct crm_client *client)
{
    const struct channel *channel = &client->channel;
    unsigned events = CRM_WANT_READ;

    if (channel->state == CHANNEL_CONNECTING)
        return channel->connect_wants;
    if (!is_up(channel))
        return 0;
    if (channel->out.size > 0 && !channel->write_waits_for_input)
        events |= CRM_WANT_WRITE;
    if (channel->read_waits_for_output)
        events |= CRM_WANT_WRITE;
    /* A call that was started since can go at once. */
    if (channel->state == CHANNEL_READY && channel->n_streams < channel->streams_max &&
        channel->out.size < OUTPUT_HIGH && call_next_queued(client))
        events |= CRM_WANT_WRITE;
    return events;
}
