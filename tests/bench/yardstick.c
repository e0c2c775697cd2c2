/*
 * yardstick.c - bare LMDB loops
 *
 * The bench's single thread. Opened as the server opens its store: synced, no WRITEMAP.
 */
#include "tests/bench/yardstick.h"

#include <stdlib.h>

#include <lmdb.h>

#include "common/base/clock.h"
#include "common/model/record.h"
#include "tests/bench/sample.h"

#define MAP_BYTES  ((size_t)16 << 30)
#define FILL_GROUP 10000
#define PUT_SIZE   400

struct yardstick {
    MDB_env *env;
    MDB_dbi dbi;
    uint64_t n;
    struct sample_random random;
    size_t seen; /* keeps the scan's loads from being left out */
};

static enum crm_status fail_lmdb(struct failure *failure, int rc)
{
    return fail(failure, CRM_IO, NULL, "LMDB: %s", mdb_strerror(rc));
}

static void make_key(uint64_t n, uint8_t out_key[RECORD_KEY_SIZE])
{
    struct uuid id;

    sample_customer_id(n, &id);
    record_key(KIND_CUSTOMER, &id, out_key);
}

static int put(MDB_txn *txn, MDB_dbi dbi, uint64_t n, const void *bytes, size_t size)
{
    uint8_t key_bytes[RECORD_KEY_SIZE];
    MDB_val key = { .mv_data = key_bytes, .mv_size = sizeof key_bytes };
    MDB_val value = { .mv_data = (void *)bytes, .mv_size = size };

    make_key(n, key_bytes);
    return mdb_put(txn, dbi, &key, &value, 0);
}

/* One group of records, as long as the server's are. */
static int fill(struct yardstick *yardstick, MDB_txn *txn, uint64_t from)
{
    uint8_t value[RECORD_HEADER_SIZE + sizeof(struct sample_customer)] = { 0 };
    int rc = mdb_dbi_open(txn, NULL, 0, &yardstick->dbi);

    for (uint64_t n = from; n < yardstick->n && n < from + FILL_GROUP && !rc; n++) {
        struct sample_customer customer;

        sample_customer_fill(n, &customer);
        rc = put(txn, yardstick->dbi, n, value,
                 RECORD_HEADER_SIZE +
                     protobuf_c_message_pack(&customer.message.base, value + RECORD_HEADER_SIZE));
    }
    return rc;
}

enum crm_status yardstick_create(const char *directory, uint64_t n,
                                 struct yardstick **out_yardstick, struct failure *failure)
{
    struct yardstick *yardstick = calloc(1, sizeof *yardstick);
    int rc;

    if (!yardstick)
        return fail(failure, CRM_NO_MEMORY, NULL, "out of memory");
    yardstick->n = n;
    rc = mdb_env_create(&yardstick->env);
    if (!rc)
        rc = mdb_env_set_mapsize(yardstick->env, MAP_BYTES);
    if (!rc)
        rc = mdb_env_open(yardstick->env, directory, 0, 0600);
    for (uint64_t from = 0; from < n && !rc; from += FILL_GROUP) {
        MDB_txn *txn;

        rc = mdb_txn_begin(yardstick->env, NULL, 0, &txn);
        if (rc)
            break;
        rc = fill(yardstick, txn, from);
        if (rc)
            mdb_txn_abort(txn);
        else
            rc = mdb_txn_commit(txn);
    }
    if (rc) {
        yardstick_destroy(yardstick);
        return fail_lmdb(failure, rc);
    }
    *out_yardstick = yardstick;
    return CRM_OK;
}

void yardstick_destroy(struct yardstick *yardstick)
{
    if (!yardstick)
        return;
    mdb_env_close(yardstick->env);
    free(yardstick);
}

static int commit_one(struct yardstick *yardstick)
{
    uint8_t value[PUT_SIZE];
    MDB_txn *txn;
    int rc = mdb_txn_begin(yardstick->env, NULL, 0, &txn);

    if (rc)
        return rc;
    memset(value, (int)sample_random_below(&yardstick->random, 256), sizeof value);
    rc = put(txn, yardstick->dbi, sample_random_below(&yardstick->random, yardstick->n), value,
             sizeof value);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

enum crm_status yardstick_commits(struct yardstick *yardstick, int64_t duration_us,
                                  double *out_per_second, struct failure *failure)
{
    int64_t began_us = clock_monotonic_us(), took_us = 0;
    uint64_t n = 0;

    for (; took_us < duration_us; n++) {
        int rc = commit_one(yardstick);

        if (rc)
            return fail_lmdb(failure, rc);
        took_us = clock_monotonic_us() - began_us;
    }
    *out_per_second = (double)n * 1e6 / (double)took_us;
    return CRM_OK;
}

static int scan_once(struct yardstick *yardstick, uint64_t *rows)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_txn *txn;
    int rc = mdb_txn_begin(yardstick->env, NULL, MDB_RDONLY, &txn);

    if (rc)
        return rc;
    rc = mdb_cursor_open(txn, yardstick->dbi, &cursor);
    if (!rc) {
        while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            yardstick->seen += ((const uint8_t *)value.mv_data)[value.mv_size - 1];
            ++*rows;
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

enum crm_status yardstick_scan(struct yardstick *yardstick, int64_t duration_us,
                               double *out_per_second, struct failure *failure)
{
    int64_t began_us = clock_monotonic_us(), took_us = 0;
    uint64_t rows = 0;

    while (took_us < duration_us) {
        int rc = scan_once(yardstick, &rows);

        if (rc)
            return fail_lmdb(failure, rc);
        took_us = clock_monotonic_us() - began_us;
    }
    *out_per_second = (double)rows * 1e6 / (double)took_us;
    return CRM_OK;
}
