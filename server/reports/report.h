/*
 * report.h - reports: one file each with its row; computed from rollups, shown as rows of values
 *
 * To add a report: one file in this folder with its row, and its line in report_table.c.
 */
#ifndef CRM_SERVER_REPORTS_REPORT_H
#define CRM_SERVER_REPORTS_REPORT_H

#include "common/model/reflect.h"
#include "server/session/session.h"

struct report_ctx {
    const struct view *view;
    const struct session *session;
    struct arena *arena;
    const Crm__ReportRequest *request;
    Crm__ReportReply *reply; /* initialised; the report fills columns and rows */
    int32_t today;
    struct failure *failure;
};

struct report_def {
    const char *name;
    const char *title;
    enum crm_status (*run)(struct report_ctx *ctx);
};

/* NULL if there is none. */
const struct report_def *report_find(const char *name);

/* --- for reports: append to the reply; false when memory is spent */
bool report_column(struct report_ctx *ctx, const char *name, const char *label, const char *label_zh, enum field_type type);
/* A row with as many cells as there are columns so far; cells are filled by the caller through row->cells. */
Crm__ReportRow *report_row(struct report_ctx *ctx, unsigned level);
bool report_set_text(struct report_ctx *ctx, Crm__ReportRow *row, size_t column, struct slice text);
void report_set_integer(Crm__ReportRow *row, size_t column, int64_t integer);
bool report_set_money(struct report_ctx *ctx, Crm__ReportRow *row, size_t column, int64_t minor, const char *currency);

extern const struct report_def report_pipeline;

#endif
