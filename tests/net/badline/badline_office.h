/*
 * badline_office.h - a crmd at one end of a bad line and crm at the other
 *
 * For cmocka programs; skips where namespaces cannot be made, fails the test where anything else does not work. The directory of the rep's profile is
 * inside the daemon's.
 */
#ifndef CRM_TESTS_NET_BADLINE_OFFICE_H
#define CRM_TESTS_NET_BADLINE_OFFICE_H

#include "tests/crash/daemon.h"
#include "tests/net/badline/badline.h"

#define OFFICE_OUTPUT_MAX 65536

/* The line, the server, and where the rep's profile is. */
struct office {
    struct badline *line;
    struct daemon daemon;
    char home[PATH_MAX]; /* CRM_HOME: logged in, schema known */
};

/* A running crm. */
struct running {
    pid_t pid;
    int output; /* its stdout and stderr */
    int64_t from_ns;
};

/* What came of it. */
struct outcome {
    int code;                           /* exit code; 128 + signal */
    int64_t took_ns;
    char output[OFFICE_OUTPUT_MAX + 1]; /* text */
};

/* Server and profile over a perfect line, which then becomes what config says. */
void office_open(struct office *office, const struct badline_config *config);
/* Stop all; the server must end in order. */
void office_close(struct office *office);
/* From now on the line treats both directions so. */
void office_set_line(struct office *office, const struct badline_way *way);

/* crm with these arguments (NULL at the end) at the client's end. */
struct running office_start(const struct office *office, const char *const *arguments);
/* Wait for its end. */
void office_finish(const struct running *rep, struct outcome *out_outcome);
/* false: it is still at work after timeout_ms. */
bool office_ends_within(const struct running *rep, int timeout_ms);
/* Both, and it must exit with 0. */
void office_run(const struct office *office, const char *const *arguments, struct outcome *out_outcome);

/* A CSV file of so many customers, which differ by name, in the daemon's folder; its path. */
const char *office_write_customers(const struct office *office, unsigned n);
/* There are exactly so many customers, all with other names. */
void office_assert_customers(const struct office *office, unsigned n);
/* Wait until a line of the server's log has this text. false: not within timeout_ms. */
bool office_wait_log(const struct office *office, const char *text, int timeout_ms);

#endif
