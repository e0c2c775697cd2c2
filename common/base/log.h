/*
 * log.h - one line of key=value a record, to stderr or the journal; never customer data, never a secret
 *
 *     log_info("conn.open", "conn=%" PRIu64 " peer=%s", id, peer);
 *
 * Each call is one write of one line; thread-safe. On stderr a line begins with an ISO time and the level; under systemd
 * (JOURNAL_STREAM set) with the <level> prefix of sd-daemon(3) instead. Control characters in values are escaped.
 */
#ifndef CRM_BASE_LOG_H
#define CRM_BASE_LOG_H

#include "common/base/slice.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warn", "info", "debug"; false for anything else. */
bool log_level_parse(const char *text, enum log_level *out_level) MUST_CHECK;
/* Any thread, any time. Starts at info. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)                                                                                          \
    do {                                                                                                               \
        if (log_enabled(LOG_LEVEL_DEBUG))                                                                              \
            log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__);                                                            \
    } while (0)

#endif
