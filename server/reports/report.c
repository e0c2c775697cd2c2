/*
 * report.c - the table of reports and the tools that they share
 */
#include "server/reports/report.h"

#define COLUMNS_MAX 16
#define ROWS_MAX    50000

static const struct report_def *const table[] = { &report_pipeline };

const struct report_def *report_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}

bool report_column(struct report_ctx *ctx, const char *name, const char *label, const char *label_zh, enum field_type type)
{
    Crm__ReportReply *reply = ctx->reply;
    Crm__ReportColumn *column = arena_alloc(ctx->arena, sizeof *column);

    if (!reply->columns)
        reply->columns = arena_alloc(ctx->arena, COLUMNS_MAX * sizeof *reply->columns);
    if (!column || !reply->columns || reply->n_columns == COLUMNS_MAX)
        return false;
    crm__report_column__init(column);
    column->name = (char *)name;
    column->label = (char *)label;
    column->label_zh = (char *)label_zh;
    column->has_type = true;
    column->type = type;
    reply->columns[reply->n_columns++] = column;
    return true;
}

/* The pointers grow by doubling; the array's size is the next power of two. */
static bool grow_rows(struct report_ctx *ctx)
{
    Crm__ReportReply *reply = ctx->reply;
    size_t n = reply->n_rows;
    Crm__ReportRow **rows;

    if (n >= ROWS_MAX)
        return false;
    if (n != 0 && (n < 64 || (n & (n - 1)) != 0))
        return true;
    rows = arena_alloc(ctx->arena, (n ? 2 * n : 64) * sizeof *rows);
    if (!rows)
        return false;
    if (n)
        memcpy(rows, reply->rows, n * sizeof *rows);
    reply->rows = rows;
    return true;
}

Crm__ReportRow *report_row(struct report_ctx *ctx, unsigned level)
{
    size_t n = ctx->reply->n_columns;
    Crm__ReportRow *row = arena_alloc(ctx->arena, sizeof *row);
    Crm__Value *values = arena_alloc(ctx->arena, (n + 1) * sizeof *values);

    if (!row || !values || !grow_rows(ctx))
        return NULL;
    crm__report_row__init(row);
    row->cells = arena_alloc(ctx->arena, (n + 1) * sizeof *row->cells);
    if (!row->cells)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        crm__value__init(&values[i]);
        row->cells[i] = &values[i];
    }
    row->n_cells = n;
    row->has_level = true;
    row->level = level;
    ctx->reply->rows[ctx->reply->n_rows++] = row;
    return row;
}

bool report_set_text(struct report_ctx *ctx, Crm__ReportRow *row, size_t column, struct slice text)
{
    row->cells[column]->text = arena_strndup(ctx->arena, text.size ? (const void *)text.data : "", text.size);
    return row->cells[column]->text;
}

void report_set_integer(Crm__ReportRow *row, size_t column, int64_t integer)
{
    row->cells[column]->has_integer = true;
    row->cells[column]->integer = integer;
}

bool report_set_money(struct report_ctx *ctx, Crm__ReportRow *row, size_t column, int64_t minor, const char *currency)
{
    Crm__Money *money = arena_alloc(ctx->arena, sizeof *money);

    if (!money)
        return false;
    crm__money__init(money);
    money->has_minor = true;
    money->minor = minor;
    money->currency = arena_strdup(ctx->arena, currency);
    row->cells[column]->money = money;
    return money->currency;
}
