/*
 * test_base_log.c - one line a record, levels, nothing that forges a second line, the journal's
 * prefix
 *
 * Each line is caught by putting a pipe in the place of stderr. What log.c knows of stderr it finds
 * out once in a process, so the journal is tested in a child.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"

static int real_stderr;
static int pipe_read;

static int64_t fake_now(void)
{
    return INT64_C(1477963800000007);
}

static const struct clock_source fake = { .now_us = fake_now, .monotonic_us = fake_now };

static void catch_begin(void)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    real_stderr = dup(STDERR_FILENO);
    assert_true(real_stderr >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    pipe_read = ends[0];
}

/* Everything that was written, which must be less than a pipe holds. */
static void catch_end(char *text, size_t size)
{
    ssize_t n;

    assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
    close(real_stderr);
    n = read(pipe_read, text, size - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(pipe_read);
}

static int restore(void **state)
{
    (void)state;
    clock_replace(NULL);
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static void test_line(void **state)
{
    char text[8192];

    (void)state;
    clock_replace(&fake);
    catch_begin();
    log_info("conn.open", "conn=%d peer=%s", 7, "张伟");
    log_error("store.lost", "%s", "");
    catch_end(text, sizeof(text));
    assert_string_equal(text, "2016-11-01T01:30:00.000007Z info conn.open conn=7 peer=张伟\n"
                              "2016-11-01T01:30:00.000007Z error store.lost\n");
}

static void test_levels(void **state)
{
    enum log_level level = LOG_LEVEL_WARN;
    char text[8192];

    (void)state;
    assert_false(log_level_parse("loud", &level));
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_enabled(LOG_LEVEL_DEBUG));

    catch_begin();
    log_debug("hidden", "x=%d", 1);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("shown", "x=%d", 2);
    log_set_level(LOG_LEVEL_ERROR);
    log_warn("hidden", "x=%d", 3);
    log_error("shown", "x=%d", 4);
    catch_end(text, sizeof(text));
    assert_null(strstr(text, "hidden"));
    assert_non_null(strstr(text, " debug shown x=2\n"));
    assert_non_null(strstr(text, " error shown x=4\n"));
}

static void test_hostile_values(void **state)
{
    char text[8192];

    (void)state;
    catch_begin();
    log_info("e", "v=%s", "a\nb\r\x1b[2J\x7F");
    log_info("e", "v=%s", "c1 \xC2\x9B é");
    log_info("e", "v=%s", "bad \xFF\x9B");
    catch_end(text, sizeof(text));
    assert_non_null(strstr(text, " e v=a\\nb\\x0d\\x1b[2J\\x7f\n"));
    assert_non_null(strstr(text, " e v=c1 \\x9b é\n"));
    assert_non_null(strstr(text, " e v=bad \\xff\\x9b\n"));
}

static void test_long_values_are_cut(void **state)
{
    static char value[5000];
    char text[16384];
    size_t size;

    (void)state;
    memset(value, 'x', sizeof(value) - 1);
    catch_begin();
    log_info("e", "%s", value);
    catch_end(text, sizeof(text));
    size = strlen(text);
    assert_in_range(size, 1000, 4096);
    assert_string_equal(text + size - 5, "x...\n");

    memset(value, '\x1b', sizeof(value) - 1);
    catch_begin();
    log_info("e", "%s", value);
    catch_end(text, sizeof(text));
    size = strlen(text);
    assert_in_range(size, 1000, 4096);
    assert_int_equal(strcspn(text, "\n"), size - 1);
    assert_string_equal(text + size - 4, "...\n");
}

/* In a child, whose process has not logged yet when main runs it first. */
static void child_logs_to_journal(void)
{
    char own[64];
    struct stat stat;

    if (fstat(STDERR_FILENO, &stat) != 0)
        _exit(1);
    snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)stat.st_dev, (uintmax_t)stat.st_ino);
    setenv("JOURNAL_STREAM", own, 1);
    log_warn("e", "x=%d", 1);
    _exit(0);
}

static void test_journal_prefix(void **state)
{
    char text[8192];
    int status = -1;
    pid_t child;

    (void)state;
    catch_begin();
    child = fork();
    if (child == 0)
        child_logs_to_journal();
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    catch_end(text, sizeof(text));
    assert_int_equal(status, 0);
    assert_string_equal(text, "<4>e x=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal_prefix), /* first: see there */
        cmocka_unit_test_teardown(test_line, restore),
        cmocka_unit_test_teardown(test_levels, restore),
        cmocka_unit_test(test_hostile_values),
        cmocka_unit_test(test_long_values_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
