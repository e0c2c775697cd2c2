/*
 * bench.h - what the measures share: the servers, the options, the figures with their samples
 */
#ifndef CRM_TESTS_BENCH_BENCH_H
#define CRM_TESTS_BENCH_BENCH_H

#include "tests/bench/frames.h"
#include "tests/bench/own.h"
#include "tests/bench/site.h"
#include "tests/bench/yardstick.h"

#define ROUNDS_MAX 15
#define PEERS_MAX  64

/* X(NAME, "name", "unit", decimals): what can be printed, in this order */
#define FIGURE_LIST(X)                                                                             \
    X(GET_PIPELINED_VS_ECHO, "get_pipelined_vs_echo", "ratio", 3)                                  \
    X(GET_16C32_VS_ECHO, "get_16c32_vs_echo", "ratio", 3)                                          \
    X(GET_SERIAL_VS_ECHO, "get_serial_vs_echo", "ratio", 3)                                        \
    X(GET_PIPELINED, "get_pipelined_per_s", "1/s", 0)                                              \
    X(GET_16C32, "get_16c32_per_s", "1/s", 0)                                                      \
    X(GET_SERIAL, "get_serial_per_s", "1/s", 0)                                                    \
    X(ECHO_PIPELINED, "echo_pipelined_per_s", "1/s", 0)                                            \
    X(ECHO_16C32, "echo_16c32_per_s", "1/s", 0)                                                    \
    X(ECHO_SERIAL, "echo_serial_per_s", "1/s", 0)                                                  \
    X(UPDATE_16C_VS_FSYNC, "update_16c_vs_fsync", "ratio", 2)                                      \
    X(UPDATE_64C_VS_FSYNC, "update_64c_vs_fsync", "ratio", 2)                                      \
    X(UPDATE_INDEXED_16C_VS_FSYNC, "update_indexed_16c_vs_fsync", "ratio", 2)                      \
    X(UPDATE_16C, "update_16c_per_s", "1/s", 0)                                                    \
    X(UPDATE_64C, "update_64c_per_s", "1/s", 0)                                                    \
    X(UPDATE_INDEXED_16C, "update_indexed_16c_per_s", "1/s", 0)                                    \
    X(FSYNC, "fsync_commits_per_s", "1/s", 0)                                                      \
    X(LIST_100_PAGES, "list_100_pages_per_s", "1/s", 0)                                            \
    X(LIST_100_BY_NAME_PAGES, "list_100_by_name_pages_per_s", "1/s", 0)                            \
    X(LIST_100_VS_SCAN, "list_100_vs_scan", "ratio", 3)                                            \
    X(SCAN, "scan_rows_per_s", "1/s", 0)                                                           \
    X(LIST_OWN_VS_ADMIN, "list_own_vs_admin", "ratio", 2)                                          \
    X(GET_WITH_ACCESS_VS_CORE, "get_with_access_vs_core", "ratio", 3)                              \
    X(ACCESS_CHECK, "access_check_ns", "ns", 1)                                                    \
    X(SEARCH_P99, "search_p99_ms", "ms", 3)                                                        \
    X(SEARCH_P50, "search_p50_ms", "ms", 3)                                                        \
    X(LOAD_ROWS, "load_rows_per_s", "1/s", 0)                                                      \
    X(BYTES_PER_RECORD, "bytes_per_record", "bytes", 0)                                            \
    X(RSS_PER_IDLE_CONNECTION, "rss_per_idle_connection", "bytes", 0)                              \
    X(CONNECT_LOGIN, "connect_login_ms", "ms", 2)                                                  \
    X(CONNECT_RESUME, "connect_resume_ms", "ms", 2)                                                \
    X(SYNC_1000_OF_100K, "sync_1000_of_100k_ms", "ms", 1)                                          \
    X(SYNC_1000_OF_1M, "sync_1000_of_1m_ms", "ms", 1)                                              \
    X(SYNC_BYTES, "sync_bytes_vs_zstd", "ratio", 3)                                                \
    X(SYNC_EXAMINED, "sync_examined_per_change", "ratio", 2)                                       \
    X(SYNC_NOOP, "sync_noop_roundtrips", "roundtrips", 0)                                          \
    X(SYNC_NOOP_MS, "sync_noop_ms", "ms", 2)                                                       \
    X(SYNC_NOOP_OUT, "sync_noop_sent", "bytes", 0)                                                 \
    X(SYNC_NOOP_IN, "sync_noop_received", "bytes", 0)                                              \
    X(SYNC_FIRST, "sync_first_50k_s", "s", 2)                                                      \
    X(SYNC_FIRST_SERVER, "sync_first_server_growth", "MiB", 1)                                     \
    X(SYNC_FIRST_CLIENT, "sync_first_client", "MiB", 1)                                            \
    X(OFFLINE_LIST, "offline_list_ms", "ms", 1)                                                    \
    X(OFFLINE_LIST_ENCRYPTED, "offline_list_encrypted_ms", "ms", 1)                                \
    X(SYNC_BADLINE, "sync_badline_vs_ideal", "ratio", 2)                                           \
    X(SYNC_BADLINE_PUSH, "sync_badline_push_vs_ideal", "ratio", 2)                                 \
    X(GET_GROWTH, "get_growth", "ratio", 3)                                                        \
    X(PAGE_GROWTH, "page_growth", "ratio", 3)                                                      \
    X(SEARCH_GROWTH, "search_growth", "ratio", 3)                                                  \
    X(REPORT_GROWTH, "report_growth", "ratio", 3)                                                  \
    X(UPDATE_GROWTH, "update_growth", "ratio", 3)

#define FIGURE_ENUM(NAME, name, unit, decimals) FIGURE_##NAME,
enum figure { FIGURE_LIST(FIGURE_ENUM) FIGURE_COUNT };

/* One sample for each round. */
struct samples {
    double values[ROUNDS_MAX];
    unsigned n;
};

/* The replica of the bench and where it comes from; made when first needed. */
struct carrying {
    struct site site;
    char home[PATH_MAX]; /* crm's */
    bool is_synced;
};

struct bench {
    uint64_t n_records;
    unsigned rounds;
    int64_t duration_us; /* of one measurement */
    const char *only;    /* measures that begin with it or that it begins with; NULL: all */
    const char *crm, *crmd, *echo_server, *badline;
    const char *directory;    /* everything is made in it */
    int server_cpu, load_cpu; /* CPU_ANY where there is one core only */
    struct site site;
    struct child echo;
    struct peer_target echo_target;
    struct yardstick *yardstick;
    struct frames gets, echoes, pages, pages_by_name, searches; /* made when first needed */
    struct own own;                                             /* so too; of site */
    struct carrying carrying;
    struct samples samples[FIGURE_COUNT];
    struct failure *failure;
};

void bench_note(struct bench *bench, enum figure figure, double value);
/* The median of a figure's samples, 0 where it has none. */
double bench_median(const struct bench *bench, enum figure figure);
/* Every figure that has samples, one a line. */
void bench_print(const struct bench *bench);
/* Is the measure, or a part of it, asked for? */
bool bench_wants(const struct bench *bench, const char *measure);
/* Server and load on a core each, or free again. */
enum crm_status bench_pin(const struct bench *bench, pid_t server, bool is_pinned) MUST_CHECK;
/* A new empty directory below the bench's. */
enum crm_status bench_make_directory(const struct bench *bench, const char *name,
                                     char out_path[PATH_MAX]) MUST_CHECK;

/* One measurement over n fresh connections to the site: prebuilt requests, or plan's own. */
enum crm_status bench_load(struct bench *bench, const struct site *site, unsigned n_peers,
                           const struct load_plan *plan, struct load_result *out_result) MUST_CHECK;

/* measure_<group>.c: one round each. */
enum crm_status measure_gets(struct bench *bench) MUST_CHECK;
enum crm_status measure_lists(struct bench *bench) MUST_CHECK;
enum crm_status measure_searches(struct bench *bench) MUST_CHECK;
enum crm_status measure_own(struct bench *bench) MUST_CHECK;
enum crm_status measure_access(struct bench *bench) MUST_CHECK;
enum crm_status measure_updates(struct bench *bench) MUST_CHECK;
enum crm_status measure_connections(struct bench *bench) MUST_CHECK;
enum crm_status measure_badline(struct bench *bench) MUST_CHECK;
enum crm_status measure_sync(struct bench *bench) MUST_CHECK;
/* A replica of all of a site: a thousand changes, and the time until it has them. */
enum crm_status measure_sync_changes(struct bench *bench, const struct site *site,
                                     enum figure figure) MUST_CHECK;
void carrying_fini(struct carrying *carrying);

/* growth.c: the same work on a small and a large base, every round. */
enum crm_status growth_run(struct bench *bench) MUST_CHECK;

#endif
