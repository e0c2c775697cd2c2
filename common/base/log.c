/*
 * log.c - one record, one line, one write
 *
 * Called from any thread, at any time. Owns the level and what it found out about stderr at the
 * first line. Allocates nothing, so that a server that is out of memory can still say so.
 */
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/text.h"

#define TEXT_MOST 1500
#define LINE_MOST                                                                                  \
    4096 /* PIPE_BUF: up to here a line from one thread is never mixed with another's */

/* A level's names: for people, and for sd-daemon(3). */
struct level_name {
    const char *name;
    const char *prefix;
};

static const struct level_name level_names[] = {
    [LOG_LEVEL_ERROR] = { "error", "<3>" },
    [LOG_LEVEL_WARN] = { "warn", "<4>" },
    [LOG_LEVEL_INFO] = { "info", "<6>" },
    [LOG_LEVEL_DEBUG] = { "debug", "<7>" },
};

static atomic_int log_level = LOG_LEVEL_INFO;
static pthread_once_t journal_once = PTHREAD_ONCE_INIT;
static bool is_journal;

/* JOURNAL_STREAM is inherited: it speaks of this stderr only if device and inode are the same
 * (systemd.exec(5)). */
static void find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat stat;
    char own[48];

    if (!stream || fstat(STDERR_FILENO, &stat) != 0)
        return;
    snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)stat.st_dev, (uintmax_t)stat.st_ino);
    is_journal = strcmp(own, stream) == 0;
}

/* What a line begins with. Gives its length. */
static size_t write_head(char *line, size_t size, enum log_level level, const char *event)
{
    int64_t now_us = clock_now_us();
    time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    int n;

    if (is_journal) {
        n = snprintf(line, size, "%s%s", level_names[level].prefix, event);
    } else if (gmtime_r(&seconds, &utc)) {
        n = snprintf(line, size, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ %s %s", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     (int)(now_us % 1000000), level_names[level].name, event);
    } else {
        n = snprintf(line, size, "- %s %s", level_names[level].name, event);
    }
    if (n < 0)
        return 0;
    return (size_t)n < size ? (size_t)n : size - 1;
}

/*
 * Text with what could forge a second line or move a terminal's cursor made visible. Gives the
 * size; out has room for four bytes for each of the text's. Where the text is not UTF-8 every high
 * byte is taken for an 8-bit control character.
 */
static size_t escape(char *out, const char *text, size_t size)
{
    bool is_utf8 = text_is_valid(slice_of(text, size));
    char *at = out;

    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_c1 = c == 0xC2 && i + 1 < size && (unsigned char)text[i + 1] < 0xA0;

        if (c == '\n') {
            at += sprintf(at, "\\n");
        } else if (c < 0x20 || c == 0x7F || (c >= 0x80 && !is_utf8)) {
            at += sprintf(at, "\\x%02x", c);
        } else if (is_c1) {
            at += sprintf(at, "\\x%02x", (unsigned char)text[++i]);
        } else {
            *at++ = (char)c;
        }
    }
    return (size_t)(at - out);
}

/* All of it, unless stderr is closed or its disk is full: a log that cannot be written must not
 * stop the work. */
static void write_line(const char *line, size_t size)
{
    while (size) {
        ssize_t written = write(STDERR_FILENO, line, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        line += written;
        size -= (size_t)written;
    }
}

bool log_level_parse(const char *text, enum log_level *out_level)
{
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i].name) == 0) {
            *out_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    int saved_errno = errno;
    char text[TEXT_MOST];
    char line[LINE_MOST];
    va_list arguments;
    size_t size;
    int wanted;

    if (!log_enabled(level))
        return;
    pthread_once(&journal_once, find_journal);

    va_start(arguments, format);
    wanted = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (wanted < 0)
        text[0] = '\0';

    size = write_head(line, 256, level, event);
    if (text[0]) {
        char escaped[4 * TEXT_MOST];
        size_t n = escape(escaped, text, strlen(text));
        size_t room = sizeof(line) - size - sizeof(" ...\n");

        line[size++] = ' ';
        memcpy(line + size, escaped, n < room ? n : room);
        size += n < room ? n : room;
        if (n > room || (size_t)wanted >= sizeof(text)) {
            memcpy(line + size, "...", 3);
            size += 3;
        }
    }
    line[size++] = '\n';
    write_line(line, size);
    errno = saved_errno;
}
