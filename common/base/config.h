/*
 * config.h - settings files by table: every program's settings are rows that say name, type, default, range and meaning
 *
 * inih reads the file. crmd.conf(5) is printed from the same table.
 */
#ifndef CRM_BASE_CONFIG_H
#define CRM_BASE_CONFIG_H

#include <stdio.h>

#include "common/base/failure.h"

enum setting_type { SETTING_TEXT, SETTING_INTEGER, SETTING_BOOLEAN };

/* One setting: lives at offset in the caller's struct: char[size] for text, int64_t for integers, bool for booleans. */
struct setting {
    const char *section;
    const char *name;
    enum setting_type type;
    size_t offset;
    size_t size;            /* of a text's array */
    const char *initial;    /* the default, as it would be written in the file */
    int64_t minimum, maximum;
    const char *unit;       /* "ms", "bytes", …; NULL where there is none */
    const char *help;       /* a sentence or two for the manual page */
};

/* Put every default into target. */
void config_defaults(const struct setting *settings, size_t n, void *target);
/* Read path over target. An unknown name, a wrong type or a value out of range is CRM_INVALID and names file, line and setting; CRM_NOT_FOUND
 * when there is no such file; target is then unchanged (target_size bytes are copied back). */
enum crm_status config_load(const char *path, const struct setting *settings, size_t n, void *target, size_t target_size,
                            struct failure *failure) MUST_CHECK;
/* Every setting with its help as comments and the values of target: what `crmd init` writes. */
void config_write(FILE *out, const struct setting *settings, size_t n, const void *target);

#endif
