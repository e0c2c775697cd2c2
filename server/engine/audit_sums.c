/*
 * audit_sums.c - the bounded table of refusals
 *
 * Two tables: one is filled while the writer has the other, so that no refusal waits for a commit. What the writer has taken stays until it is durable.
 */
#include "server/engine/audit_sums.h"

#include <stdio.h>

#include "common/base/text.h"
#include "server/engine/change.h"

#define US_PER_MINUTE INT64_C(60000000)

void audit_sums_init(struct audit_sums *sums)
{
    *sums = (struct audit_sums){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

static void copy(char *out, size_t size, const char *text)
{
    size_t n = text ? text_prefix_size(slice_text(text), size - 1) : 0;

    if (n)
        memcpy(out, text, n);
    out[n] = '\0';
}

static bool is_same(const struct audit_sum *a, const struct audit_sum *b)
{
    return a->act == b->act && a->minute == b->minute && uuid_equal(&a->user, &b->user) && strcmp(a->from, b->from) == 0 &&
           strcmp(a->login, b->login) == 0 && strcmp(a->text, b->text) == 0;
}

static struct audit_sum *find_row(struct audit_sums_table *table, const struct audit_sum *sum)
{
    bool is_stranger = uuid_is_nil(&sum->user);

    for (unsigned i = 0; i < table->n; i++)
        if (is_same(&table->rows[i], sum))
            return &table->rows[i];
    if (table->n == AUDIT_SUMS_MAX || (is_stranger && table->n_strangers == AUDIT_SUMS_MAX / 2))
        return NULL;
    table->n_strangers += is_stranger;
    table->rows[table->n] = *sum;
    return &table->rows[table->n++];
}

/* One row a minute for all that found no room; where the writer is late for several minutes the last one takes it. */
static struct audit_sum *others_row(struct audit_sums_table *table, const struct audit_sum *sum)
{
    for (unsigned i = 0; i < table->n_others; i++)
        if (table->others[i].minute == sum->minute)
            return &table->others[i];
    if (table->n_others == AUDIT_OTHERS_MAX)
        return &table->others[AUDIT_OTHERS_MAX - 1];
    table->others[table->n_others] = (struct audit_sum){ .act = sum->act, .minute = sum->minute, .text = "and others" };
    return &table->others[table->n_others++];
}

void audit_sums_add(struct audit_sums *sums, const struct audit_refusal *refusal, int64_t now_us)
{
    struct audit_sum sum = { .act = refusal->act, .minute = now_us / US_PER_MINUTE };
    struct audit_sum *row;

    if (refusal->user)
        sum.user = *refusal->user;
    else
        copy(sum.login, sizeof sum.login, refusal->login);
    if (refusal->trace)
        memcpy(sum.trace, refusal->trace, sizeof sum.trace);
    copy(sum.from, sizeof sum.from, refusal->peer);
    copy(sum.text, sizeof sum.text, refusal->text);
    pthread_mutex_lock(&sums->lock);
    row = find_row(&sums->tables[sums->filling], &sum);
    if (!row)
        row = others_row(&sums->tables[sums->filling], &sum);
    if (row->times < UINT32_MAX)
        row->times++;
    pthread_mutex_unlock(&sums->lock);
}

static bool is_empty(const struct audit_sums_table *table)
{
    return table->n == 0 && table->n_others == 0;
}

bool audit_sums_are_due(struct audit_sums *sums)
{
    bool is_due;

    pthread_mutex_lock(&sums->lock);
    is_due = sums->is_taken || !is_empty(&sums->tables[sums->filling]);
    pthread_mutex_unlock(&sums->lock);
    return is_due;
}

/* The writer's table: what it took before and could not commit, or all that was added up by now. */
static const struct audit_sums_table *take(struct audit_sums *sums)
{
    const struct audit_sums_table *taken;

    pthread_mutex_lock(&sums->lock);
    if (!sums->is_taken) {
        sums->filling ^= 1;
        sums->tables[sums->filling] = (struct audit_sums_table){ 0 };
        sums->is_taken = true;
    }
    taken = &sums->tables[sums->filling ^ 1];
    pthread_mutex_unlock(&sums->lock);
    return taken;
}

static enum crm_status write_row(struct change_group *group, const struct audit_sum *sum)
{
    struct audit_entry entry = {
        .act = sum->act, .times = sum->times, .user = sum->user, .at_us = sum->minute * US_PER_MINUTE,
        .login = slice_text(sum->login), .from = slice_text(sum->from), .text = slice_text(sum->text),
    };

    memcpy(entry.trace, sum->trace, sizeof entry.trace);
    return audit_append(group, &entry);
}

enum crm_status audit_sums_write(struct audit_sums *sums, struct change_group *group)
{
    const struct audit_sums_table *taken = take(sums);
    enum crm_status status = CRM_OK;

    for (unsigned i = 0; i < taken->n && status == CRM_OK; i++)
        status = write_row(group, &taken->rows[i]);
    for (unsigned i = 0; i < taken->n_others && status == CRM_OK; i++)
        status = write_row(group, &taken->others[i]);
    return status;
}

void audit_sums_written(struct audit_sums *sums, bool is_durable)
{
    pthread_mutex_lock(&sums->lock);
    sums->is_taken = sums->is_taken && !is_durable;
    pthread_mutex_unlock(&sums->lock);
}
