/*
 * host.c - the server's process: started over its disk, stepped, killed
 *
 * The wires of a process die with it. A client that goes away in the middle leaves its wire behind: what it has sent may still arrive, later than what it sends
 * on the next connection, or not at all; TLS lets nothing arrive twice, so that what comes twice comes from a client that sends again.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "common/base/clock.h"
#include "server/dispatch/link.h"
#include "server/engine/settings.h"

#define OUT_MAX ((size_t)64 << 20)
#define LATE_PERCENT 30 /* in a turn, that what is under way from a lost client arrives */

static void on_wake(void *arg)
{
    ((struct host *)arg)->is_woken = true;
}

static void on_flush(void *conn)
{
    (void)conn;
}

static void on_close(void *conn)
{
    ((struct wire *)conn)->is_closed = true;
}

/* --- wires */

static void wire_destroy(struct wire *wire)
{
    TAILQ_REMOVE(&wire->host->wires, wire, entry);
    link_destroy(wire->link);
    buf_fini(&wire->in);
    buf_fini(&wire->out);
    free(wire);
}

struct wire *host_accept(struct host *host, struct line *line)
{
    struct wire *wire = calloc(1, sizeof *wire);
    struct link_carrier carrier = { .conn = wire, .want_flush = on_flush, .want_close = on_close };

    if (!wire)
        sim_fail("out of memory");
    if (!host->is_up) {
        free(wire);
        return NULL;
    }
    wire->host = host;
    wire->line = line;
    buf_init(&wire->in, OUT_MAX);
    buf_init(&wire->out, OUT_MAX);
    carrier.out = &wire->out;
    wire->link = link_create(host->thread, &carrier, "192.0.2.7");
    if (!wire->link)
        sim_fail("out of memory");
    TAILQ_INSERT_TAIL(&host->wires, wire, entry);
    return wire;
}

void host_leave(struct wire *wire)
{
    wire->line = NULL;
    if (wire->in.size == 0 || wire->is_closed)
        wire_destroy(wire);
}

/* Bytes of the client's into the link. */
static bool wire_feed(struct wire *wire)
{
    bool any = false;

    while (wire->in.size > 0 && !wire->is_closed && link_wants_input(wire->link)) {
        size_t consumed = 0;
        bool open = link_input(wire->link, buf_slice(&wire->in), &consumed);

        dispatch_thread_end_turn(wire->host->thread);
        buf_consume(&wire->in, consumed);
        any |= consumed > 0;
        if (!open || consumed == 0)
            break;
    }
    return any;
}

/* Nobody reads what a lost client is answered; now it is noticed, before or after the writer has had its turn. */
static bool wire_late(struct wire *wire)
{
    if (!seed_chance(DICE_LINE, LATE_PERCENT))
        return false;
    if (seed_chance(DICE_LINE, 75)) {
        wire_feed(wire);
        sim_trace("something of a lost connection arrives");
    }
    if (seed_chance(DICE_LINE, 50))
        while (dispatch_step(wire->host->dispatch))
            continue;
    wire_destroy(wire);
    return true;
}

static bool wire_turn(struct wire *wire)
{
    bool any = wire_feed(wire), more;

    if (wire->is_closed)
        return any;
    more = link_resume(wire->link);
    dispatch_thread_end_turn(wire->host->thread);
    return any || more;
}

/* --- the process */

void host_init(struct host *host, struct store *like)
{
    *host = (struct host){ .is_up = false };
    TAILQ_INIT(&host->wires);
    disk_init(&host->disk, like);
    host_boot(host);
}

void host_boot(struct host *host)
{
    struct failure failure = { 0 };
    struct settings settings;

    config_defaults(settings_table, settings_count, &settings);
    settings.idle_hours = settings.session_hours = 24 * 3650;
    host->store = disk_open(&host->disk);
    sim_must(core_init(&host->core, host->store, &settings, "/nowhere", &failure), failure.text);
    atomic_store(&host->core.backed_up_seq, host->backed_up_seq);
    sim_must(dispatch_create_stepped(&host->core, &host->dispatch), "dispatch");
    sim_must(dispatch_thread_create(host->dispatch, on_wake, host, &host->thread), "a thread");
    host->endings = (struct endings){ .job = { .next = NULL } };
    host->housekeeping = (struct housekeeping){ .job = { .next = NULL } };
    host->is_up = true;
    host->is_woken = false;
}

void host_tick(struct host *host)
{
    if (!host->is_up)
        return;
    endings_turn(&host->endings, host->store, dispatch_writer(host->dispatch));
    housekeeping_turn(&host->housekeeping, dispatch_writer(host->dispatch));
}

void host_know_backup(struct host *host)
{
    if (host->is_up)
        atomic_store(&host->core.backed_up_seq, host->backed_up_seq);
}

static enum crm_status raise_epoch(struct store_txn *txn, void *arg)
{
    struct arena *arena = arg;
    struct view view = { .txn = txn };
    struct writeset *set = writeset_create(arena);
    uint32_t epoch;
    enum crm_status status = set ? core_begin_epoch(&view, set, clock_now_us(), arena, &epoch) : CRM_NO_MEMORY;

    return status == CRM_OK ? writeset_apply(set, txn) : status;
}

void host_begin_epoch(struct host *host)
{
    struct arena arena;

    arena_init(&arena, 65536);
    sim_must(store_write_run(host->disk.map, raise_epoch, &arena), "a new epoch");
    arena_fini(&arena);
    host->backed_up_seq = 0; /* of another epoch */
}

void host_kill(struct host *host)
{
    struct wire *wire, *next;

    if (!host->is_up)
        return;
    host->disk.fuse = 1; /* nothing of what waits is written any more */
    host->disk.dies_behind = false;
    for (wire = TAILQ_FIRST(&host->wires); wire; wire = next) {
        next = TAILQ_NEXT(wire, entry);
        if (!wire->line) {
            wire_destroy(wire);
            continue;
        }
        link_destroy(wire->link);
        wire->link = NULL;
        wire->is_closed = true;
        buf_consume(&wire->in, wire->in.size);
        buf_consume(&wire->out, wire->out.size);
    }
    dispatch_stop(host->dispatch);
    dispatch_thread_destroy(host->thread);
    dispatch_destroy(host->dispatch);
    core_fini(&host->core);
    store_close(host->store);
    host->disk.fuse = 0;
    host->is_up = false;
    host->n_crashes++;
}

void host_fini(struct host *host)
{
    host_kill(host);
    while (!TAILQ_EMPTY(&host->wires))
        wire_destroy(TAILQ_FIRST(&host->wires));
    disk_fini(&host->disk);
}

bool host_turn(struct host *host)
{
    struct wire *wire, *next;
    bool any = false;

    if (!host->is_up)
        return false;
    for (wire = TAILQ_FIRST(&host->wires); wire; wire = next) {
        next = TAILQ_NEXT(wire, entry);
        any |= wire->line ? wire_turn(wire) : wire_late(wire);
    }
    any |= dispatch_step(host->dispatch);
    if (host->is_woken) {
        host->is_woken = false;
        dispatch_thread_drain(host->thread);
        dispatch_thread_end_turn(host->thread);
        any = true;
    }
    if (host->disk.is_dead) {
        sim_trace("the server dies at a commit");
        host_kill(host);
        return false;
    }
    return any;
}
