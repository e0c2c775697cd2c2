/*
 * client.c - a client: its options, its turn of the event loop, and what crm.h says about it
 *
 * Called by the user on the client's thread. Owns options, token and connector; the connection is channel.c's, the
 * calls are call.c's.
 */
#include "client/lib/client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "common/base/digest.h"

#define OPTIONS_MEMORY_MAX (64u << 10)
#define CONNECT_TIMEOUT_MS 10000
#define REQUEST_TIMEOUT_MS 30000
#define RECONNECT_ATTEMPTS 5

void error_from_failure(struct crm_error *error, const struct failure *failure)
{
    const struct crm_status_info *info = crm_status_info((int)failure->status);

    *error = (struct crm_error){
        .status = failure->status,
        .retry = info->retry,
        .outcome = info->outcome,
        .retry_after_ms = failure->retry_after_ms,
        .field = failure->field,
        .text = failure->text[0] ? failure->text : info->sentence,
        .position = -1,
    };
}

void client_set_token(struct crm_client *client, const uint8_t *token, size_t size)
{
    uint8_t *copy = token && size > 0 ? malloc(size) : NULL;

    if (copy)
        memcpy(copy, token, size);
    if (client->token)
        secret_wipe(client->token, client->token_size);
    free(client->token);
    client->token = copy;
    client->token_size = copy ? size : 0;
}

/* Replace a borrowed value by a copy: NULL stays NULL. false when memory is spent. */
static bool keep_text(struct arena *memory, const char **text)
{
    return !*text || (*text = arena_strdup(memory, *text)) != NULL;
}

static bool keep_bytes(struct arena *memory, const uint8_t **bytes, size_t size)
{
    return !*bytes || (*bytes = arena_memdup(memory, *bytes, size)) != NULL;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
    return value ? value : otherwise;
}

static enum crm_status keep_options(struct crm_client *client, const struct crm_options *given)
{
    struct crm_options *options = &client->options;
    struct arena *memory = &client->memory;

    *options = *given;
    options->token = NULL;
    if (!options->software)
        options->software = "libcrm/" CRM_VERSION;
    if (!options->server_name)
        options->server_name = options->host;
    client_set_token(client, given->token, given->token_size);
    if (!keep_text(memory, &options->host) || !keep_text(memory, &options->server_name) ||
        !keep_text(memory, &options->ca_file) || !keep_text(memory, &options->software) ||
        !keep_text(memory, &options->locale) || !keep_text(memory, &options->device_file) ||
        !keep_bytes(memory, &options->ca_sha256, CRM_CA_SHA256_SIZE) ||
        !keep_bytes(memory, &options->device, CRM_KEY_SIZE) || (given->token && given->token_size && !client->token))
        return CRM_NO_MEMORY;

    options->connect_timeout_ms = or_default(given->connect_timeout_ms, CONNECT_TIMEOUT_MS);
    options->request_timeout_ms = or_default(given->request_timeout_ms, REQUEST_TIMEOUT_MS);
    options->connect_attempts = or_default(given->connect_attempts, 1);
    options->reconnect_attempts =
        given->reconnect_attempts == CRM_NO_RECONNECT ? 0 : or_default(given->reconnect_attempts, RECONNECT_ATTEMPTS);
    snprintf(client->service, sizeof(client->service), "%u", (unsigned)given->port);
    return CRM_OK;
}

/* An empty client with its options; no connector yet. */
static enum crm_status client_allocate(const struct crm_options *options, struct crm_client **out_client)
{
    struct crm_client *client = calloc(1, sizeof(*client));
    enum crm_status status;

    if (!client)
        return CRM_NO_MEMORY;
    TAILQ_INIT(&client->calls);
    TAILQ_INIT(&client->open);
    TAILQ_INIT(&client->finished);
    arena_init(&client->memory, OPTIONS_MEMORY_MAX);
    arena_init(&client->scratch, CALL_MEMORY_MAX);
    channel_init(&client->channel);
    client->next_deadline_us = INT64_MAX;
    error_from_failure(&client->error, &client->failure);
    status = keep_options(client, options);
    if (status) {
        crm_client_destroy(client);
        return status;
    }
    *out_client = client;
    return CRM_OK;
}

enum crm_status client_create(const struct crm_options *options, const struct connector *take_connector,
                              struct crm_client **out_client)
{
    struct crm_client *client;
    enum crm_status status = client_allocate(options, &client);

    if (status) {
        if (take_connector->destroy)
            take_connector->destroy(take_connector->arg);
        return status;
    }
    client->connector = *take_connector;
    *out_client = client;
    return CRM_OK;
}

enum crm_status crm_client_create(const struct crm_options *options, struct crm_client **out_client)
{
    struct connector_settings settings;
    struct crm_client *client;
    enum crm_status status;

    if (!options->host || !options->host[0] || options->port == 0 || (!options->ca_file && !options->ca_sha256))
        return CRM_USAGE;
    status = client_allocate(options, &client);
    if (status)
        return status;
    settings = (struct connector_settings){
        .host = client->options.host,
        .service = client->service,
        .server_name = client->options.server_name,
        .ca_file = client->options.ca_file,
        .ca_sha256 = client->options.ca_sha256,
        .device_file = client->options.device_file,
    };
    status = connector_create_tls(&settings, &client->connector);
    if (status) {
        crm_client_destroy(client);
        return status;
    }
    *out_client = client;
    return CRM_OK;
}

void crm_client_destroy(struct crm_client *client)
{
    if (!client)
        return;
    while (!TAILQ_EMPTY(&client->calls))
        crm_call_destroy(TAILQ_FIRST(&client->calls));
    channel_fini(&client->channel);
    if (client->connector.destroy)
        client->connector.destroy(client->connector.arg);
    client_set_token(client, NULL, 0);
    arena_fini(&client->scratch);
    arena_fini(&client->memory);
    free(client);
}

const struct crm_error *crm_client_error(const struct crm_client *client)
{
    return &client->error;
}

bool crm_client_must_wipe(const struct crm_client *client)
{
    return client->must_wipe;
}

const Crm__Hello *crm_client_hello(const struct crm_client *client)
{
    return client->channel.hello;
}

bool crm_client_token(const struct crm_client *client, const uint8_t **out_token, size_t *out_size)
{
    if (!client->token)
        return false;
    *out_token = client->token;
    *out_size = client->token_size;
    return true;
}

int crm_client_fd(const struct crm_client *client)
{
    return client->channel.transport ? client->channel.transport->fd : -1;
}

unsigned crm_client_events(const struct crm_client *client)
{
    return channel_events(client);
}

int crm_client_timeout_ms(const struct crm_client *client)
{
    int64_t wake_us = channel_wake_us(client);
    int64_t now_us;

    if (!TAILQ_EMPTY(&client->finished))
        return 0;
    if (!TAILQ_EMPTY(&client->open) && client->next_deadline_us < wake_us)
        wake_us = client->next_deadline_us;
    if (wake_us == INT64_MAX)
        return -1;
    now_us = clock_monotonic_us();
    if (wake_us <= now_us)
        return 0;
    /* Rounded up: waking a moment early would be a turn for nothing. */
    return wake_us - now_us > INT64_C(1000) * 1000000 ? 1000000 : (int)((wake_us - now_us + 999) / 1000);
}

void crm_client_process(struct crm_client *client)
{
    int64_t now_us = clock_monotonic_us();

    if (client->is_busy)
        return;
    client->is_busy = true;
    call_expire(client, now_us);
    channel_process(client, now_us);
    call_offer_credit(client);
    call_deliver(client);
    client->is_busy = false;
}

bool crm_client_wait(struct crm_client *client, int timeout_ms)
{
    int own_ms = crm_client_timeout_ms(client);
    struct pollfd poll_fd = { .fd = crm_client_fd(client) };
    unsigned events = crm_client_events(client);
    bool is_idle = TAILQ_EMPTY(&client->open) && TAILQ_EMPTY(&client->finished) && !client->wants_connection;

    if (client->is_busy || (is_idle && timeout_ms < 0))
        return false;
    if (own_ms >= 0 && (timeout_ms < 0 || own_ms < timeout_ms))
        timeout_ms = own_ms;
    poll_fd.events = (short)((events & CRM_WANT_READ ? POLLIN : 0) | (events & CRM_WANT_WRITE ? POLLOUT : 0));
    (void)poll(&poll_fd, 1, timeout_ms); /* whatever it says, process finds out by trying */
    crm_client_process(client);
    return true;
}

enum crm_status crm_client_connect(struct crm_client *client)
{
    if (client->is_busy)
        return CRM_USAGE;
    client->wants_connection = true;
    while (client->wants_connection && client->channel.state != CHANNEL_READY)
        (void)crm_client_wait(client, -1); /* true: a connection is wanted */
    client->wants_connection = false;
    return client->channel.state == CHANNEL_READY ? CRM_OK : client->error.status;
}
