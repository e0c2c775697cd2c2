/*
 * feed_refer.c - what a replica carries since something that it carries refers to it: the customer of a deal, where that is another's
 *
 * Only what the user may see, and not what hangs on it. Of the present it can be told who refers to whom; of the past it cannot: a customer that was to be
 * seen then may have been carried, and is forgotten where a deal that was its reason has gone or changed. A replica may so be told to forget what it never had,
 * but nothing that its user was not to see.
 */
#include "server/engine/feed_inside.h"

#include <stdlib.h>

#include "common/model/reflect.h"

#define REFERRED_MAX 20000 /* deals that are looked through: for their customers (beyond, all customers are looked at), and of one customer */
#define CHANGED_MAX  64    /* customers that one deal has had since the base */

static const struct field_def *customer_field(void)
{
    return kind_field_by_name(kind_def(KIND_DEAL), "customer");
}

bool feed_may_be_referred(const struct feed *feed, enum kind kind)
{
    return kind == KIND_CUSTOMER && feed->scope->reach != FEED_ALL && access_opens(feed->scope->access, KIND_DEAL);
}

/* A deal's customer, as far as it shows; false: none. */
static bool customer_of(const struct record *deal, struct uuid *out_id)
{
    struct value value = { .type = FIELD_NONE };

    if (!reflect_get(customer_field(), deal, &value) || value.type != FIELD_REFERENCE)
        return false;
    *out_id = value.ref;
    return !uuid_is_nil(out_id);
}

/* --- now */

struct deals {
    struct uuid *ids; /* in an arena */
    size_t n, capacity, most;
    struct arena *arena;
    bool is_out_of_memory;
};

static bool gather_deal(void *arg, struct slice key, struct slice value)
{
    struct deals *deals = arg;

    (void)value;
    if (deals->n == deals->capacity) {
        size_t capacity = deals->capacity ? 2 * deals->capacity : 64;
        struct uuid *more = arena_alloc(deals->arena, capacity * sizeof *more);

        deals->is_out_of_memory = !more;
        if (!more)
            return false;
        if (deals->n)
            memcpy(more, deals->ids, deals->n * sizeof *more);
        deals->ids = more;
        deals->capacity = capacity;
    }
    memcpy(deals->ids[deals->n].bytes, key.data + key.size - UUID_SIZE, UUID_SIZE);
    return ++deals->n < deals->most;
}

static enum crm_status gather_deals(struct feed *feed, struct deals *deals, enum store_db db, struct slice prefix)
{
    struct key to, from = { 0 };
    enum crm_status status;

    key_bytes(&from, prefix.data, prefix.size);
    if (!key_after_prefix(&from, &to))
        to.size = 0;
    status = view_scan(&feed->plain, db, &(struct store_range){ .from = prefix, .to = key_slice(&to) }, gather_deal, deals);
    return status == CRM_OK && deals->is_out_of_memory ? CRM_NO_MEMORY : status;
}

/* Does the replica carry the deal, and does it show this customer? */
static enum crm_status refers(struct feed *feed, const struct uuid *deal, const struct uuid *customer, bool *out_refers)
{
    struct record record, now;
    struct uuid shown;
    bool has = false;
    enum crm_status status = view_record(&feed->plain, KIND_DEAL, deal, &record);

    *out_refers = false;
    feed->examined++;
    if (status == CRM_OK)
        status = feed_read_now(feed, &record, &now, &has);
    *out_refers = status == CRM_OK && has && customer_of(&now, &shown) && uuid_equal(&shown, customer);
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status feed_is_referred(struct feed *feed, const struct uuid *customer, bool *out_is)
{
    struct deals deals = { .arena = feed->scratch, .most = REFERRED_MAX };
    struct key prefix = { 0 };
    enum crm_status status;

    *out_is = false;
    child_prefix(&prefix, customer, KIND_DEAL, customer_field()->ref);
    status = gather_deals(feed, &deals, STORE_CHILD, key_slice(&prefix));
    for (size_t i = 0; i < deals.n && status == CRM_OK && !*out_is; i++)
        status = refers(feed, &deals.ids[i], customer, out_is);
    return status;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, UUID_SIZE);
}

enum crm_status feed_find_referred(struct feed *feed, const struct scope_ranges *deal_ranges, struct uuid **out_ids, size_t *out_n, bool *out_too_many)
{
    struct deals deals = { .arena = feed->arena, .most = REFERRED_MAX };
    enum crm_status status = CRM_OK;
    size_t n = 0;

    for (size_t i = 0; i < deal_ranges->n && deals.n < deals.most && status == CRM_OK; i++)
        status = gather_deals(feed, &deals, deal_ranges->ranges[i].db, deal_ranges->ranges[i].prefix);
    *out_too_many = deals.n == deals.most;
    for (size_t i = 0; i < deals.n && status == CRM_OK && !*out_too_many; i++) {
        struct record record;

        status = view_record(&feed->plain, KIND_DEAL, &deals.ids[i], &record);
        feed->examined++;
        if (status == CRM_OK && customer_of(&record, &deals.ids[n]))
            n++;
        else if (status == CRM_NOT_FOUND)
            status = CRM_OK;
    }
    if (n)
        qsort(deals.ids, n, sizeof *deals.ids, by_id);
    *out_ids = deals.ids;
    *out_n = n;
    return status;
}

/* --- a deal that has changed */

struct customers {
    struct uuid ids[CHANGED_MAX];
    size_t n;
};

static void note_customer(struct customers *customers, const struct record *deal)
{
    struct uuid id;

    if (!customer_of(deal, &id) || customers->n == CHANGED_MAX)
        return;
    for (size_t i = 0; i < customers->n; i++)
        if (uuid_equal(&customers->ids[i], &id))
            return;
    customers->ids[customers->n++] = id;
}

/* Those that it has had since the base; none where nothing has happened to it that makes a difference to them. */
static enum crm_status changed_customers(struct feed *feed, const struct log_entry *newest, const struct record *deal, struct customers *out)
{
    bool is_other = feed->scope->filters[KIND_DEAL] != NULL;
    struct log_entry entry = *newest;
    enum crm_status status = CRM_OK;

    for (;;) {
        bool is_rewritten = entry.verb != LOG_CREATE && field_set_has(&entry.changed, customer_field()->ref);

        is_other = is_other || is_rewritten || entry.verb != LOG_PATCH || (entry.flags & LOG_VIEW);
        if (is_rewritten) {
            struct record then = *deal;
            bool existed = false;

            status = log_rewind(&feed->plain, entry.seq - 1, feed->scratch, &then, &existed);
            if (status == CRM_OK && existed)
                note_customer(out, &then);
        }
        if ((status != CRM_OK && status != CRM_GONE) || entry.verb == LOG_CREATE || entry.before <= feed->cursor.base)
            break;
        status = log_read(&feed->plain, entry.before, feed->scratch, &entry);
        feed->examined++;
        if (status != CRM_OK)
            break;
    }
    note_customer(out, deal);
    if (!is_other)
        out->n = 0;
    return status == CRM_NOT_FOUND || status == CRM_GONE ? CRM_OK : status;
}

static enum crm_status tell_customer(struct feed *feed, const struct uuid *id)
{
    struct record record, now;
    struct feed_held held;
    bool has = false;
    enum crm_status status = view_record(&feed->plain, KIND_CUSTOMER, id, &record);

    feed->examined++;
    if (status == CRM_NOT_FOUND)
        status = view_deleted(&feed->plain, KIND_CUSTOMER, id, &record);
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    status = feed_read_now(feed, &record, &now, &has);
    if (status == CRM_OK)
        status = feed_was_held(feed, &record, &held);
    if (status != CRM_OK)
        return status;
    if (has && !held.always)
        feed_send(feed, &now);
    else if (!has && held.ever)
        feed_forget(feed, KIND_CUSTOMER, id);
    return CRM_OK;
}

enum crm_status feed_tell_referred(struct feed *feed, const struct log_entry *newest, const struct record *record)
{
    struct customers customers = { .n = 0 };
    enum crm_status status = CRM_OK;

    if (newest->kind != KIND_DEAL || !feed_may_be_referred(feed, KIND_CUSTOMER))
        return CRM_OK;
    status = changed_customers(feed, newest, record, &customers);
    feed->doubts = true;
    for (size_t i = 0; i < customers.n && status == CRM_OK; i++)
        status = tell_customer(feed, &customers.ids[i]);
    feed->doubts = false;
    return status;
}
