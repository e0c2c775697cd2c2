/*
 * grid_inside.h - what the formats of a grid fill in (within grid.c's module)
 */
#ifndef CRM_IMPORT_GRID_INSIDE_H
#define CRM_IMPORT_GRID_INSIDE_H

#include "client/import/grid.h"
#include "common/base/arena.h"

/* How a kind of file is read. */
struct grid_format {
    const char *name;
    /* Look at the beginning, add the columns. */
    enum crm_status (*open)(struct grid *grid, struct failure *failure);
    /* Fill in line and cells. */
    enum crm_status (*next)(struct grid *grid, bool *out_is_end, struct failure *failure);
    void (*close)(struct grid *grid); /* also of one whose opening has failed */
};

struct grid {
    const struct grid_format *format;
    void *state; /* the format's own */
    struct source *source;
    struct grid_options options;
    struct arena arena;            /* of the row */
    char *names[GRID_COLUMNS_MAX]; /* of the columns */
    size_t n_names;
    struct slice cells[GRID_COLUMNS_MAX]; /* of the row */
    size_t n_cells;
    uint64_t line;   /* of the row */
    uint64_t n_rows; /* handed out */
    bool is_broken;
    char what[80];
};

extern const struct grid_format grid_csv, grid_json, grid_vcard;

/* One more column. CRM_TOO_LARGE, CRM_NO_MEMORY. */
enum crm_status grid_add_column(struct grid *grid, struct slice name,
                                struct failure *failure) MUST_CHECK;
/* A copy of text as the next cell. CRM_TOO_LARGE, CRM_NO_MEMORY. */
enum crm_status grid_add_cell(struct grid *grid, struct slice text) MUST_CHECK;

#endif
