/*
 * test_base_config.c - settings files: defaults, values, every kind of mistake with its line, and
 * what is written read again
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/config.h"

struct options {
    char listen[32];
    int64_t threads;
    bool is_public;
};

static const struct setting settings[] = {
    { .section = "net",
      .name = "listen",
      .type = SETTING_TEXT,
      .offset = offsetof(struct options, listen),
      .size = sizeof(((struct options *)NULL)->listen),
      .initial = "127.0.0.1:1",
      .help = "Where to listen." },
    { .section = "net",
      .name = "public",
      .type = SETTING_BOOLEAN,
      .offset = offsetof(struct options, is_public),
      .initial = "no",
      .help = "Whether strangers may connect, which is a long story that takes more than one line "
              "of the "
              "file to tell, as this one does." },
    { .section = "run",
      .name = "threads",
      .type = SETTING_INTEGER,
      .offset = offsetof(struct options, threads),
      .initial = "2",
      .minimum = 1,
      .maximum = 64,
      .unit = "threads",
      .help = "How many io threads." },
};

static char path[] = "/tmp/test_base_config.XXXXXX";

static int file_setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int file_teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static enum crm_status load(const char *content, struct options *options, struct failure *failure)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    *failure = (struct failure){ 0 };
    return config_load(path, settings, ARRAY_LEN(settings), options, sizeof(*options), failure);
}

static void test_defaults(void **state)
{
    struct options options;

    (void)state;
    memset(&options, 0xFF, sizeof(options));
    config_defaults(settings, ARRAY_LEN(settings), &options);
    assert_string_equal(options.listen, "127.0.0.1:1");
    assert_int_equal(options.threads, 2);
    assert_false(options.is_public);
}

static void test_load(void **state)
{
    struct options options;
    struct failure failure;

    (void)state;
    config_defaults(settings, ARRAY_LEN(settings), &options);
    assert_int_equal(
        load("# comment\n\n[net]\npublic = yes\n[run]\nthreads=64", &options, &failure), CRM_OK);
    assert_string_equal(options.listen, "127.0.0.1:1");
    assert_int_equal(options.threads, 64);
    assert_true(options.is_public);
    assert_int_equal(load("", &options, &failure), CRM_OK);
    assert_int_equal(options.threads, 64);
}

/* A file with a mistake, and what the sentence must hold. */
struct mistake {
    const char *content;
    const char *sentence;
};

static const struct mistake mistakes[] = {
    { "[run]\nthread = 3\n", ":2: run.thread is not a setting" },
    { "[net]\nthreads = 3\n", ":2: net.threads is not a setting" },
    { "threads = 3\n", ":1: threads is not a setting" },
    { "[run]\n\nthreads = 65\n", ":3: run.threads is out of range" },
    { "[run]\nthreads = 0\n", "is out of range" },
    { "[run]\nthreads = 99999999999999999999\n", "is out of range" },
    { "[run]\nthreads = 3x\n", "is not a whole number" },
    { "[run]\nthreads =\n", "is not a whole number" },
    { "[net]\npublic = maybe\n", "is neither yes nor no" },
    { "[net]\nlisten = a-name-that-has-thirty-two-bytes\n", "is too long" },
    { "[net]\nlisten = \xFF\n", "is not UTF-8" },
    { "[run]\nthreads = 3\nthreads = 4\n", ":3: run.threads is set twice" },
    { "[run]\nthreads = 3\n  4\n", ":3: run.threads is set twice" },
    { "[run]\nthreads = 9\nnonsense\n", ":3: neither" },
    { "[run\n", ":1: neither" },
};

static void test_mistakes(void **state)
{
    struct options options, before;
    struct failure failure;

    (void)state;
    memset(&options, 0, sizeof(options));
    config_defaults(settings, ARRAY_LEN(settings), &options);
    before = options;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        assert_int_equal(load(mistakes[i].content, &options, &failure), CRM_INVALID);
        if (!strstr(failure.text, mistakes[i].sentence) || !strstr(failure.text, path))
            fail_msg("\"%s\" does not hold \"%s\"", failure.text, mistakes[i].sentence);
        assert_memory_equal(&options, &before, sizeof(options));
    }
}

static void test_long_line(void **state)
{
    struct options options;
    struct failure failure;
    char content[400] = "[net]\nlisten = ";

    (void)state;
    config_defaults(settings, ARRAY_LEN(settings), &options);
    memset(content + strlen(content), 'x', 300);
    assert_int_equal(load(content, &options, &failure), CRM_INVALID);
    assert_non_null(strstr(failure.text, ":2: the line is too long"));
}

static void test_no_file(void **state)
{
    struct options options;
    struct failure failure = { 0 };

    (void)state;
    assert_int_equal(config_load("/nowhere/at/all", settings, ARRAY_LEN(settings), &options,
                                 sizeof(options), &failure),
                     CRM_NOT_FOUND);
    failure = (struct failure){ 0 };
    assert_int_equal(
        config_load("/", settings, ARRAY_LEN(settings), &options, sizeof(options), &failure),
        CRM_IO);
    assert_true(strlen(failure.text) > 0);
}

static void test_written_is_read(void **state)
{
    struct options options = { .listen = "[::]:7700", .threads = 17, .is_public = true };
    struct options read;
    struct failure failure;
    char *content;
    size_t size;
    FILE *out = open_memstream(&content, &size);

    (void)state;
    assert_non_null(out);
    config_write(out, settings, ARRAY_LEN(settings), &options);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(content, "# How many io threads.\n# 1 to 64 threads\nthreads = 17\n"));
    for (const char *line = content; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);

    config_defaults(settings, ARRAY_LEN(settings), &read);
    assert_int_equal(load(content, &read, &failure), CRM_OK);
    assert_string_equal(read.listen, options.listen);
    assert_int_equal(read.threads, 17);
    assert_true(read.is_public);
    free(content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_load),
        cmocka_unit_test(test_mistakes), cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_no_file),  cmocka_unit_test(test_written_is_read),
    };

    return cmocka_run_group_tests(tests, file_setup, file_teardown);
}
