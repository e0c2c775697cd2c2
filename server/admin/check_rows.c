/*
 * check_rows.c - rows outside records and log: their seals, and the counters of human numbers
 */
#include <inttypes.h>

#include "server/admin/check_inside.h"
#include "server/engine/outcome.h"
#include "common/base/sealed.h"

#define NUMBER_PREFIX "number."

struct walk {
    struct check *check;
    enum store_db db;
};

/* A counter must not give a number again. */
static void check_counter(struct check *check, struct slice key, struct slice content)
{
    const size_t prefix = strlen(NUMBER_PREFIX);
    const struct kind_def *kind;
    uint64_t last;

    if (key.size != prefix + 1 || memcmp(key.data, NUMBER_PREFIX, prefix) != 0)
        return;
    kind = kind_def(key.data[prefix]);
    if (!kind || content.size < sizeof last) {
        check_fault(check, "meta: a counter of numbers belongs to no kind");
        return;
    }
    memcpy(&last, content.data, sizeof last);
    if (last < check->highest[kind->kind])
        check_fault(check,
                    "meta: the counter of %s stands at %" PRIu64 ", but %s%" PRIu64 " exists",
                    kind->plural, last, kind->letter, check->highest[kind->kind]);
    check->highest[kind->kind] = 0; /* looked at */
}

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct walk *walk = arg;
    struct slice content;

    if (sealed_open(value, 0, &content) != CRM_OK)
        check_fault(walk->check, "%s: a row is damaged: version or checksum are wrong",
                    store_db_name(walk->db));
    else if (walk->db == STORE_META)
        check_counter(walk->check, key, content);
    else if (walk->db == STORE_CLIENT && key.size != CLIENT_SIZE && key.size != CLIENT_SIZE + 8)
        check_fault(walk->check, "client: a key of %zu bytes is no client's", key.size);
    return true;
}

enum crm_status check_rows(struct check *check)
{
    static const enum store_db places[] = {
        STORE_CLIENT, STORE_SESSION, STORE_CREDENTIAL, STORE_JOB,   STORE_META,
        STORE_GRANT,  STORE_DUE,     STORE_ALIAS,      STORE_CONFLICT,
    };
    struct walk walk = { .check = check };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < ARRAY_LEN(places) && status == CRM_OK; i++) {
        walk.db = places[i];
        status =
            store_scan(check->view.txn, places[i], &(struct store_range){ 0 }, visit_row, &walk);
    }
    for (unsigned kind = 1; kind <= KIND_MAX && status == CRM_OK; kind++)
        if (check->highest[kind] > 0)
            check_fault(check, "meta: %s have numbers but no counter", kind_def(kind)->plural);
    return status;
}
