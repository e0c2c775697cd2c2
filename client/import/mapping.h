/*
 * mapping.h - which column of a file is which field of a kind, and its cells as values of it
 *
 * A target as text, in mapping files and in the tables of known headers:
 *
 *     FIELD                     by name
 *     addresses.billing.city    a member of a group's element, of this kind of element
 *     amount.currency           the currency of an amount that has its own column
 *     happened                  when it was made, at its source
 *     -                         left out on purpose
 */
#ifndef CRM_IMPORT_MAPPING_H
#define CRM_IMPORT_MAPPING_H

#include "client/import/grid.h"
#include "common/base/arena.h"
#include "common/model/schema.h"

#define MAPPING_HAPPENED "happened" /* the target, as crm apply calls it */

/* How sure it is what a column means. */
enum mapping_doubt {
    MAPPING_NAMED,   /* a field's name or label, or the mapping file says so */
    MAPPING_KNOWN,   /* a header of a program that is known */
    MAPPING_GUESSED, /* like a field's name */
    MAPPING_LEFT,    /* left out on purpose */
    MAPPING_UNKNOWN, /* left out, since nothing is known of it */
};

struct mapping_column {
    const char *header;
    const struct field_def *field;    /* NULL: left out, or happened */
    const struct field_def *member;   /* of a group; else NULL */
    const struct choice_def *element; /* which of a group's elements, by its member "kind" */
    bool is_currency, is_happened;
    enum mapping_doubt doubt;
    size_t slot; /* the value that it goes to */
};

struct mapping {
    const struct schema *schema;
    const struct kind_def *kind;
    struct arena arena;      /* of what it is made of */
    const char *date_format; /* of strptime; NULL: found by looking */
    const char *match;       /* the field by which records are found, or NULL */
    struct mapping_column columns[GRID_COLUMNS_MAX];
    size_t n_columns;
    const struct field_def
        *slots[GRID_COLUMNS_MAX]; /* the values of a row; NULL: when it happened */
    size_t n_slots;
    void *file; /* of a mapping file: its JSON */
};

/* One row as fields and texts that are to be their values. */
struct mapped_row {
    const char **names;
    struct slice *cells;
    size_t n;
};

enum crm_status mapping_init(struct mapping *mapping, const struct schema *schema,
                             const struct kind_def *kind, struct failure *failure) MUST_CHECK;
void mapping_fini(struct mapping *mapping);

/* What the next column of the file is; header lives as long as the mapping. */
enum crm_status mapping_add(struct mapping *mapping, const char *header,
                            struct failure *failure) MUST_CHECK;
/* "addresses.billing.city", "-"; in the mapping's arena, NULL when memory is spent. */
const char *mapping_target(struct mapping *mapping, const struct mapping_column *column);

/*
 * The cells of a row as values; everything in the arena. CRM_INVALID: one cannot be a value of its
 * field; the failure's field is the column's header.
 */
enum crm_status mapping_row(const struct mapping *mapping, const struct slice *cells, size_t n,
                            struct arena *arena, struct mapped_row *out_row,
                            struct failure *failure) MUST_CHECK;

/* mapping_file.c: take columns as a file says, before any is added; CRM_USAGE, CRM_INVALID. */
enum crm_status mapping_load(struct mapping *mapping, const char *path,
                             struct failure *failure) MUST_CHECK;
/* The target that the file gives a header; NULL: it says nothing of it. */
const char *mapping_file_target(const struct mapping *mapping, const char *header);
enum crm_status mapping_save(struct mapping *mapping, const char *path,
                             struct failure *failure) MUST_CHECK;
void mapping_file_close(struct mapping *mapping);

/* aliases.c: the target of a header as other programs write it, NULL if none is known. key: of
 * mapping_key. */
const char *alias_find(const struct kind_def *kind, const char *key, struct arena *arena);
/* A header without case, signs, blanks and what only programs add; in the arena, NULL when memory
 * is spent. */
const char *mapping_key(const char *header, struct arena *arena);

/* convert.c: a cell as the text that is a value of this field; *out_text in the arena, or the cell
 * itself. */
enum crm_status convert_cell(const struct mapping *mapping, const struct mapping_column *column,
                             struct slice cell, struct arena *arena, struct slice *out_text,
                             struct failure *failure) MUST_CHECK;

#endif
