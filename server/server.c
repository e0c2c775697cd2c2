/*
 * server.c - crmd run: opens a data directory, starts the threads, waits for signals, drains
 *
 * The main thread owns everything here and does nothing but wait: for signals (blocked in every
 * thread, taken by sigtimedwait), the second, the minute and the service manager's watchdog.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#ifdef CRM_HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "common/base/clock.h"
#include "common/base/log.h"
#include "server/admin/address.h"
#include "server/admin/backed_up.h"
#include "server/admin/ca.h"
#include "server/admin/compact.h"
#include "server/admin/directory.h"
#include "server/admin/endings.h"
#include "server/admin/housekeeping.h"
#include "server/admin/sandbox.h"
#include "server/dispatch/dispatch.h"
#include "server/net/io_pool.h"

#define DRAIN_MS       10000
#define MINUTE_US      INT64_C(60000000)
#define SECOND_US      INT64_C(1000000)
#define EXIT_LOST_FILE 70 /* the database was cut off under a reader */
#define SPARE_FILES    128

enum run_option { OPTION_PORT_FILE };

struct server {
    char directory[PATH_MAX];
    struct settings settings; /* as the file says; core has its own copy */
    int lock_fd;
    struct store *store;
    struct core core;
    bool has_core;
    struct ca_device *devices;
    struct tls_context *tls;
    struct dispatch *dispatch;
    struct io_pool *pool;
    struct housekeeping housekeeping;
    struct endings endings;
    sigset_t signals;
    int64_t wait_us; /* the longest that the main thread may be silent */
};

/* --- the service manager; without libsystemd there is none */

static int manager_sockets(void)
{
#ifdef CRM_HAVE_SYSTEMD
    return sd_listen_fds(1);
#else
    return 0;
#endif
}

static void manager_notify(const char *state)
{
#ifdef CRM_HAVE_SYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

/* How often the watchdog wants to hear from us; 0: never. */
static int64_t manager_watchdog_us(void)
{
#ifdef CRM_HAVE_SYSTEMD
    uint64_t every_us;

    if (sd_watchdog_enabled(0, &every_us) > 0)
        return (int64_t)(every_us / 2);
#endif
    return 0;
}

/* --- the process */

/* A page of the database that is no longer in its file. Only async-signal-safe calls. */
static void on_sigbus(int number)
{
    static const char line[] =
        "crmd: the database file was cut off while it was in use: restore a backup\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);

    (void)number;
    (void)written;
    _exit(EXIT_LOST_FILE);
}

static void raise_limit_of_files(int64_t connections)
{
    rlim_t wanted = (rlim_t)connections + SPARE_FILES;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur =
        limit.rlim_max == RLIM_INFINITY || limit.rlim_max >= wanted ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warn("limit.files", "wanted=%" PRIu64 " allowed=%" PRIu64, (uint64_t)wanted,
                 (uint64_t)limit.rlim_cur);
}

/* Before any thread exists, so that all inherit the mask. */
static void prepare_process(struct server *server)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, lost = { .sa_handler = on_sigbus };
    struct rlimit no_core = { 0 };

    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGBUS, &lost, NULL);
    sigemptyset(&server->signals);
    sigaddset(&server->signals, SIGTERM);
    sigaddset(&server->signals, SIGINT);
    sigaddset(&server->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &server->signals, NULL);
    setrlimit(RLIMIT_CORE, &no_core); /* memory holds passwords and keys */
}

/* --- start */

static enum crm_status set_log_level(const struct settings *settings, struct failure *failure)
{
    enum log_level level;

    if (!log_level_parse(settings->log_level, &level))
        return fail(failure, CRM_INVALID, "log.level",
                    "log.level is error, warn, info or debug, not '%s'", settings->log_level);
    log_set_level(level);
    return CRM_OK;
}

static enum crm_status load_tls(const struct server *server, const struct settings *settings,
                                struct tls_context **out_tls, struct failure *failure)
{
    char certificate[PATH_MAX], key[PATH_MAX], devices[PATH_MAX];
    struct tls_context *tls = NULL;
    enum crm_status status =
        directory_path(server->directory, settings->certificate, certificate, failure);

    if (status == CRM_OK)
        status = directory_path(server->directory, settings->key, key, failure);
    if (status == CRM_OK)
        status = directory_path(server->directory, CA_DEVICE_CERTIFICATE, devices, failure);
    if (status == CRM_OK)
        status = tls_context_create(certificate, key, &tls, failure);
    if (status == CRM_OK)
        status = tls_context_ask_devices(tls, devices, failure);
    if (status == CRM_OK)
        *out_tls = tls;
    else
        tls_context_unref(tls);
    return status;
}

/* Who signs for devices. An older directory gets its authority now. */
static enum crm_status open_devices(struct server *server, struct failure *failure)
{
    enum crm_status status = ca_device_ensure(server->directory, server->settings.name, failure);

    if (status == CRM_OK)
        status = ca_device_open(server->directory, &server->devices, failure);
    if (status == CRM_OK)
        server->core.device_signer = ca_device_signer(server->devices);
    return status;
}

static void read_backed_up(struct server *server)
{
    atomic_store(&server->core.backed_up_seq,
                 backed_up_read(server->directory, server->core.epoch));
}

static enum crm_status open_core(struct server *server, struct failure *failure)
{
    char ca[PATH_MAX];
    enum crm_status status =
        directory_open(server->directory, &server->settings, false, &server->store, failure);

    if (status == CRM_OK)
        status =
            compact_if_asked(server->directory, &server->settings, &server->store, failure);
    if (status == CRM_OK)
        status = directory_use_time_zone(server->store, failure);
    if (status != CRM_OK)
        return status;
    status = core_init(&server->core, server->store, &server->settings, server->directory, failure);
    server->has_core = true; /* core_fini takes a half-made one */
    read_backed_up(server);
    if (status == CRM_OK)
        status = directory_path(server->directory, "ca.crt", ca, failure);
    return status == CRM_OK ? ca_fingerprint(ca, server->core.ca_sha256, failure) : status;
}

/* Only the data directory stays writable; beside it what a reload reads, and the place of a port
 * file. */
static enum crm_status enter_sandbox(const struct server *server, const char *port_file,
                                     struct failure *failure)
{
#ifndef CRM_NO_SANDBOX
    char certificate[PATH_MAX], key[PATH_MAX], port_directory[PATH_MAX];
    const char *writable[] = { server->directory, port_directory };
    const char *readable[] = { certificate, key };
    const char *slash = port_file ? strrchr(port_file, '/') : NULL;
    enum crm_status status =
        directory_path(server->directory, server->settings.certificate, certificate, failure);

    if (status == CRM_OK)
        status = directory_path(server->directory, server->settings.key, key, failure);
    if (status != CRM_OK)
        return status;
    snprintf(port_directory, sizeof port_directory, "%.*s",
             slash ? (int)(slash - port_file + 1) : 1, slash ? port_file : ".");
    sandbox_enter(writable, port_file ? 2 : 1, readable, ARRAY_LEN(readable));
#else
    (void)server;
    (void)port_file;
    (void)failure;
#endif
    return CRM_OK;
}

static unsigned io_threads(const struct settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (settings->io_threads > 0)
        return (unsigned)settings->io_threads;
    return cores > 0 ? (unsigned)cores : 1;
}

/* Append "HOST:PORT" with the port that is really bound: invitations carry it. */
static void note_bound(struct server *server, const struct address *address, unsigned port,
                       char *list, size_t size)
{
    size_t used = strlen(list);
    bool is_ipv6 = strchr(address->host, ':') != NULL;

    snprintf(list + used, size - used, "%s%s%s%s:%u", used ? "," : "", is_ipv6 ? "[" : "",
             address->host, is_ipv6 ? "]" : "", port);
    printf("crmd: listening on %s%s%s:%u\n", is_ipv6 ? "[" : "",
           address->host[0] ? address->host : "*", is_ipv6 ? "]" : "", port);
    log_info("server.listen", "host=%s port=%u directory=%s",
             address->host[0] ? address->host : "*", port, server->directory);
}

static enum crm_status open_listeners(struct server *server, struct failure *failure)
{
    const char *position = server->settings.listen;
    char bound[sizeof server->settings.listen] = "";
    int n_sockets = manager_sockets();
    struct address address;
    enum crm_status status = CRM_OK;
    unsigned n = 0;

    for (int i = 0; i < n_sockets && status == CRM_OK; i++, n++) {
        status = io_pool_adopt(server->pool, 3 + i,
                               failure); /* sd_listen_fds(3): from descriptor 3 on */
        if (status == CRM_OK)
            note_bound(server, &(struct address){ 0 }, io_pool_port(server->pool, n), bound,
                       sizeof bound);
    }
    while (n_sockets <= 0 && status == CRM_OK &&
           (status = address_next(&position, &address, failure)) == CRM_OK) {
        status = io_pool_listen(server->pool, address.text, failure);
        if (status == CRM_OK)
            note_bound(server, &address, io_pool_port(server->pool, n++), bound, sizeof bound);
    }
    if (status == CRM_NOT_FOUND)
        status = n ? CRM_OK
                   : fail(failure, CRM_INVALID, "server.listen", "server.listen names no address");
    if (status == CRM_OK)
        memcpy(server->core.settings.listen, bound, sizeof bound);
    return status;
}

/* The first listener's port, for scripts that asked for any: the file is there whole or not at all.
 */
static enum crm_status write_port_file(const struct server *server, const char *file,
                                       struct failure *failure)
{
    char temporary[PATH_MAX], text[16];
    int size = snprintf(temporary, sizeof temporary, "%s.tmp", file), text_size;
    bool ok;
    int fd;

    if (size < 0 || (size_t)size >= sizeof temporary)
        return fail(failure, CRM_INVALID, "port-file", "the path of the port file is too long");
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    text_size = snprintf(text, sizeof text, "%u\n", io_pool_port(server->pool, 0));
    ok = fd >= 0 && write(fd, text, (size_t)text_size) == text_size;
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    if (!ok || rename(temporary, file) != 0)
        return fail(failure, CRM_IO, "port-file", "cannot write %s: %s", file, strerror(errno));
    return CRM_OK;
}

static enum crm_status start_network(struct server *server, struct failure *failure)
{
    struct net_settings net = NET_SETTINGS_DEFAULT;
    enum crm_status status;

    net.io_threads = io_threads(&server->settings);
    net.connections_max = (unsigned)server->settings.connections;
    net.per_address_max = (unsigned)server->settings.connections_per_address;
    status = dispatch_create(&server->core, &server->dispatch);
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the server's threads cannot be started");
    status = io_pool_create(&net, server->dispatch, server->tls, &server->pool, failure);
    if (status == CRM_OK)
        status = open_listeners(server, failure);
    return status == CRM_OK ? io_pool_start(server->pool, failure) : status;
}

static enum crm_status start(struct server *server, const struct command_input *input,
                             struct failure *failure)
{
    enum crm_status status;

    if (!realpath(input->arguments[0], server->directory))
        return fail(failure, errno == ENOENT ? CRM_NOT_FOUND : CRM_IO, NULL, "%s: %s",
                    input->arguments[0], strerror(errno));
    status = directory_settings(server->directory, &server->settings, failure);
    if (status == CRM_OK)
        status = set_log_level(&server->settings, failure);
    if (status == CRM_OK)
        status = directory_lock(server->directory, &server->lock_fd, failure);
    if (status != CRM_OK)
        return status;
    raise_limit_of_files(server->settings.connections);
    status = open_core(server, failure);
    if (status == CRM_OK)
        status = open_devices(server, failure);
    if (status == CRM_OK)
        status = load_tls(server, &server->settings, &server->tls, failure);
    if (status == CRM_OK)
        status = enter_sandbox(server, input->options[OPTION_PORT_FILE], failure);
    if (status == CRM_OK)
        status = start_network(server, failure);
    if (status == CRM_OK && input->options[OPTION_PORT_FILE])
        status = write_port_file(server, input->options[OPTION_PORT_FILE], failure);
    return status;
}

/* --- while it runs */

/* Certificate and log level; what cannot be read leaves both as they were. */
static void reload(struct server *server)
{
    struct settings settings;
    struct failure failure = { 0 };
    struct tls_context *tls = NULL;
    enum crm_status status = directory_settings(server->directory, &settings, &failure);

    if (status == CRM_OK)
        status = load_tls(server, &settings, &tls, &failure);
    if (status == CRM_OK)
        status = set_log_level(&settings, &failure);
    if (status != CRM_OK) {
        tls_context_unref(tls);
        log_error("server.reload", "status=%s text=\"%s\"", crm_status_info((int)status)->name,
                  failure.text);
        return;
    }
    io_pool_set_tls(server->pool, tls);
    tls_context_unref(server->tls);
    server->tls = tls;
    log_info("server.reload", "status=ok");
}

/* Until a signal asks for the end. */
static void serve(struct server *server)
{
    int64_t watchdog_us = manager_watchdog_us();
    int64_t next_minute_us = clock_monotonic_us() + MINUTE_US;

    for (;;) {
        int64_t left_us = next_minute_us - clock_monotonic_us();
        struct timespec wait;
        int number;

        if (left_us < 0)
            left_us = 0;
        if (left_us > SECOND_US)
            left_us = SECOND_US;
        if (watchdog_us > 0 && left_us > watchdog_us)
            left_us = watchdog_us;
        wait =
            (struct timespec){ .tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000 };
        number = sigtimedwait(&server->signals, NULL, &wait);
        if (number == SIGTERM || number == SIGINT)
            return;
        if (number == SIGHUP)
            reload(server);
        if (watchdog_us > 0)
            manager_notify("WATCHDOG=1");
        endings_turn(&server->endings, server->store, dispatch_writer(server->dispatch));
        if (clock_monotonic_us() >= next_minute_us) {
            next_minute_us += MINUTE_US;
            store_sweep_readers(server->store);
            read_backed_up(server);
            housekeeping_turn(&server->housekeeping, dispatch_writer(server->dispatch));
        }
    }
}

/* Everything back, in the order in which the parts depend on each other; takes a half-started
 * server. */
static void stop(struct server *server)
{
    dispatch_stop(server->dispatch); /* its answers go to the io threads' mailboxes */
    io_pool_destroy(server->pool);
    dispatch_destroy(server->dispatch);
    tls_context_unref(server->tls);
    ca_device_close(server->devices);
    if (server->has_core)
        core_fini(&server->core);
    store_close(server->store);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
}

static enum crm_status run_server(const struct command_input *input, struct failure *failure)
{
    struct server *server = calloc(1, sizeof *server);
    enum crm_status status;

    if (!server)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    server->lock_fd = -1;
    prepare_process(server);
    status = start(server, input, failure);
    if (status == CRM_OK) {
        fflush(stdout);
        manager_notify("READY=1");
        serve(server);
        manager_notify("STOPPING=1");
        log_info("server.drain", "deadline_ms=%d", DRAIN_MS);
        io_pool_drain(server->pool, CRM_SHUTTING_DOWN, DRAIN_MS);
        io_pool_join(server->pool);
        log_info("server.stop", "seq=%" PRIu64, atomic_load(&server->core.seq));
    } else if (server->pool) {
        io_pool_stop(server->pool);
        io_pool_join(server->pool);
    }
    stop(server);
    free(server);
    return status;
}

static const struct command_option run_options[] = {
    [OPTION_PORT_FILE] = { "port-file", "FILE",
                           "write the first port to a file once the server listens, for scripts" },
};

const struct command command_run = {
    .name = "run",
    .arguments = "DIR",
    .n_arguments = 1,
    .summary = "serve a directory",
    .help =
        "Serves until SIGTERM or SIGINT; then no new connection is taken, replies that are under "
        "way are\n"
        "sent, and after at most 10 seconds it ends. SIGHUP reads the certificate and the log "
        "level again.\n"
        "Logs go to standard error, or to the journal under systemd. A second process on the same\n"
        "directory refuses to start.",
    .examples = "crmd run /var/lib/crm\n"
                "crmd run ~/crm --port-file /tmp/port &",
    .options = run_options,
    .n_options = ARRAY_LEN(run_options),
    .run = run_server,
};
