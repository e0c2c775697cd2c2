/*
 * test_store_lmdb.c - what only LMDB can get wrong: damaged files, full maps and disks, failed
 * syncs, threads, dead readers, copies
 *
 * fdatasync and fstatvfs are replaced in this program, so that a sync can fail and a disk be full
 * on demand.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/unit/store_fixture.h"

#define EXPORTED __attribute__((visibility("default")))

/* The errno with which the next sync fails; 0: syncs are real. */
static atomic_int sync_error;
/* What fstatvfs says is free; UINT64_MAX: plenty. The tests must not depend on the machine's disk.
 */
static _Atomic uint64_t disk_free_bytes = UINT64_MAX;

EXPORTED int fdatasync(int fd)
{
    int error = atomic_exchange(&sync_error, 0);

    if (!error)
        return (int)syscall(SYS_fdatasync, fd);
    errno = error;
    return -1;
}

EXPORTED int fstatvfs(int fd, struct statvfs *out)
{
    uint64_t bytes = atomic_load(&disk_free_bytes);

    (void)fd;
    *out = (struct statvfs){ .f_frsize = 4096,
                             .f_bavail = bytes == UINT64_MAX ? (fsblkcnt_t)1 << 30 : bytes / 4096 };
    return 0;
}

struct fixture {
    struct store *store;
    char dir[FIXTURE_DIR_SIZE];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    if (!fixture)
        return -1;
    *state = fixture;
    atomic_store(&sync_error, 0);
    atomic_store(&disk_free_bytes, UINT64_MAX);
    fixture_dir_create(fixture->dir);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    store_close(fixture->store);
    fixture_dir_destroy(fixture->dir);
    free(fixture);
    return 0;
}

/* Open with options whose path is not given; a store that was open is closed first. */
static enum crm_status reopen(struct fixture *fixture, struct store_lmdb_options options,
                              struct failure *failure)
{
    store_close(fixture->store);
    fixture->store = NULL;
    options.path = fixture->dir;
    return store_open_lmdb(&options, &fixture->store, failure);
}

static void open_plain(struct fixture *fixture)
{
    assert_int_equal(
        reopen(fixture, (struct store_lmdb_options){ .map_bytes = (size_t)1 << 30 }, NULL), CRM_OK);
}

static off_t data_size(const struct fixture *fixture)
{
    char path[2 * FIXTURE_DIR_SIZE];
    struct stat st;

    assert_int_equal(stat(fixture_path(fixture->dir, "data.mdb", path), &st), 0);
    return st.st_size;
}

static void data_truncate(const struct fixture *fixture, off_t size)
{
    char path[2 * FIXTURE_DIR_SIZE];

    assert_int_equal(truncate(fixture_path(fixture->dir, "data.mdb", path), size), 0);
}

/* Puts or deletes numbered keys first .. first + n - 1. */
struct batch {
    unsigned first, n;
    size_t value_size;
    bool is_delete;
    uint8_t fill;
};

static enum crm_status batch_run(struct store_txn *txn, void *arg)
{
    static const uint8_t zeros[STORE_VALUE_MAX];
    const struct batch *batch = arg;
    uint8_t value[STORE_VALUE_MAX];
    char key[16];

    memset(value, batch->fill, batch->value_size);
    for (unsigned i = batch->first; i < batch->first + batch->n; i++) {
        struct slice k = slice_of(key, (size_t)snprintf(key, sizeof key, "%08u", i));
        enum crm_status status =
            batch->is_delete ? store_delete(txn, STORE_RECORD, k)
                             : store_put(txn, STORE_RECORD, k,
                                         slice_of(batch->fill ? value : zeros, batch->value_size));

        if (status != CRM_OK)
            return status;
    }
    return CRM_OK;
}

static enum crm_status batch_do(struct store *store, struct batch batch)
{
    return store_write_run(store, batch_run, &batch);
}

static uint64_t count_records(struct store *store)
{
    struct store_db_stats stats = { .entries = 0 };
    struct store_txn *txn = read_begin(store);

    assert_int_equal(store_stats(txn, STORE_RECORD, &stats), CRM_OK);
    store_read_end(txn);
    return stats.entries;
}

static void what_is_stored_is_found_again(void **state)
{
    struct fixture *fixture = *state;

    open_plain(fixture);
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "v"), CRM_OK);
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .must_exist = true }, NULL),
                     CRM_OK);
    assert_stored(fixture->store, STORE_RECORD, "k", "v");
}

static void a_missing_store_is_not_found(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = { .status = CRM_OK };
    struct store_lmdb_options nowhere = { .path = "/nonexistent/crm" };

    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .must_exist = true }, &failure),
                     CRM_NOT_FOUND);
    assert_non_null(strstr(failure.text, fixture->dir));
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .read_only = true }, NULL),
                     CRM_NOT_FOUND);
    assert_int_equal(store_open_lmdb(&nowhere, &fixture->store, NULL), CRM_NOT_FOUND);
    assert_null(fixture->store);
}

static void a_read_only_store_refuses_writes(void **state)
{
    struct fixture *fixture = *state;

    open_plain(fixture);
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "v"), CRM_OK);
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .read_only = true }, NULL),
                     CRM_OK);
    assert_stored(fixture->store, STORE_RECORD, "k", "v");
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "w"), CRM_FAILED);
    assert_stored(fixture->store, STORE_RECORD, "k", "v");
}

/* FAULTS 7: LMDB alone would take SIGBUS at the first page that is gone. */
static void a_truncated_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = { .status = CRM_OK };
    off_t size;

    open_plain(fixture);
    assert_int_equal(batch_do(fixture->store, (struct batch){ .n = 3000, .value_size = 1500 }),
                     CRM_OK);
    store_close(fixture->store);
    fixture->store = NULL;
    size = data_size(fixture);
    data_truncate(fixture, size / 2);
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .must_exist = true }, &failure),
                     CRM_CORRUPT);
    assert_non_null(strstr(failure.text, fixture->dir));
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .read_only = true }, NULL),
                     CRM_CORRUPT);
    assert_int_equal(data_size(fixture), size / 2);
    data_truncate(fixture, 100);
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .must_exist = true }, NULL),
                     CRM_CORRUPT);
    data_truncate(fixture, 0);
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .must_exist = true }, NULL),
                     CRM_CORRUPT);
}

static void another_kind_of_file_is_refused(void **state)
{
    static const uint8_t noise[16384] = { 'n', 'o', 'i', 's', 'e' };
    struct fixture *fixture = *state;
    char path[2 * FIXTURE_DIR_SIZE];
    FILE *file = fopen(fixture_path(fixture->dir, "data.mdb", path), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(noise, 1, sizeof noise, file), sizeof noise);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(reopen(fixture, (struct store_lmdb_options){ .must_exist = true }, NULL),
                     CRM_CORRUPT);
}

/* Large values that come and go within one run: pages are taken from the file's end, freed again,
 * and never written. */
static enum crm_status come_and_go_run(struct store_txn *txn, void *arg)
{
    struct batch batch = *(struct batch *)arg;
    enum crm_status status = batch_run(txn, &batch);

    batch.is_delete = true;
    return status == CRM_OK ? batch_run(txn, &batch) : status;
}

/* LMDB's last page may then lie beyond the end of a sound file: no reason to refuse it. */
static void a_sound_file_is_never_refused(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch = { .value_size = STORE_VALUE_MAX };

    open_plain(fixture);
    for (batch.n = 1; batch.n < 50; batch.n++) {
        assert_int_equal(store_write_run(fixture->store, come_and_go_run, &batch), CRM_OK);
        open_plain(fixture);
    }
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "v"), CRM_OK);
    assert_int_equal(count_records(fixture->store), 1);
}

/* FAULTS 6. */
static void a_full_map_stops_growth_only(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch = { .n = 20, .value_size = 1000, .fill = 1 };
    struct store_usage usage;
    enum crm_status status = CRM_OK;
    uint64_t before;

    assert_int_equal(
        reopen(fixture, (struct store_lmdb_options){ .map_bytes = (size_t)2 << 20 }, NULL), CRM_OK);
    while (status == CRM_OK && !store_is_short(fixture->store)) {
        status = batch_do(fixture->store, batch);
        batch.first += batch.n;
    }
    assert_int_equal(status, CRM_OK);
    assert_int_equal(store_usage(fixture->store, &usage), CRM_OK);
    assert_in_range(usage.used_bytes, usage.map_bytes * 85 / 100, usage.map_bytes);

    /* What callers still let through then: deleting makes room. */
    assert_int_equal(
        batch_do(fixture->store, (struct batch){ .n = batch.first / 2, .is_delete = true }),
        CRM_OK);
    assert_int_equal(put_text(fixture->store, STORE_META, "seen", "yes"), CRM_OK);
    assert_false(store_is_short(fixture->store));

    /* One that does not ask runs into the end, and nothing else happens. */
    for (status = CRM_OK; status == CRM_OK; batch.first += batch.n) {
        before = count_records(fixture->store);
        status = batch_do(fixture->store, batch);
    }
    assert_int_equal(status, CRM_FULL);
    assert_true(store_is_short(fixture->store));
    assert_int_equal(count_records(fixture->store), before);
    assert_stored(fixture->store, STORE_META, "seen", "yes");

    assert_int_equal(store_grow(fixture->store, (size_t)8 << 20), CRM_OK);
    assert_false(store_is_short(fixture->store));
    assert_int_equal(batch_do(fixture->store, batch), CRM_OK);
    assert_int_equal(count_records(fixture->store), before + batch.n);
    assert_int_equal(store_grow(fixture->store, (size_t)1 << 20), CRM_OK);
    assert_int_equal(store_usage(fixture->store, &usage), CRM_OK);
    assert_int_equal(usage.map_bytes, (size_t)8 << 20);
}

static enum crm_status ignore_failures(struct store_txn *txn, void *arg)
{
    (void)batch_run(txn, arg);
    return CRM_OK;
}

static void a_failed_put_cannot_be_overlooked(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch = { .n = 2000, .value_size = 1000 };

    assert_int_equal(
        reopen(fixture, (struct store_lmdb_options){ .map_bytes = (size_t)1 << 20 }, NULL), CRM_OK);
    assert_int_equal(store_write_run(fixture->store, ignore_failures, &batch), CRM_FULL);
    assert_int_equal(count_records(fixture->store), 0);
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "v"), CRM_OK);
}

/* FAULTS 4: the caller exits on CRM_UNKNOWN, and what the next start finds is whole. */
static void a_failed_sync_is_unknown(void **state)
{
    struct fixture *fixture = *state;

    open_plain(fixture);
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "old"), CRM_OK);
    atomic_store(&sync_error, EIO);
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "new"), CRM_UNKNOWN);
    assert_int_equal(atomic_load(&sync_error), 0);
    open_plain(fixture);
    assert_stored(fixture->store, STORE_RECORD, "k", "old");
}

/* LMDB reports a short write as EIO too: the disk's free space tells the two apart (FAULTS 5). */
static void a_full_disk_is_not_unknown(void **state)
{
    static const int errors[] = { EIO, ENOSPC };
    struct fixture *fixture = *state;

    open_plain(fixture);
    assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "old"), CRM_OK);
    assert_false(store_is_short(fixture->store));
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        atomic_store(&disk_free_bytes, 8192);
        atomic_store(&sync_error, errors[i]);
        assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "new"), CRM_FULL);
        assert_true(store_is_short(fixture->store));
        assert_stored(fixture->store, STORE_RECORD, "k", "old");
        atomic_store(&disk_free_bytes, UINT64_MAX);
        assert_int_equal(put_text(fixture->store, STORE_RECORD, "k", "old"), CRM_OK);
        assert_false(store_is_short(fixture->store));
    }
}

/* The same without tricks, on a small file system of this process's own. */
static void a_real_full_disk_is_survived(void **state)
{
    struct fixture *fixture = *state;
    struct batch batch = { .n = 50, .value_size = 20000, .fill = 1 };
    enum crm_status status = CRM_OK;
    uint64_t kept;

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", fixture->dir, "tmpfs", 0, "size=24m")) {
        print_message("skipped: mounting a small tmpfs takes root\n");
        skip();
    }
    atomic_store(&disk_free_bytes, 0); /* what fstatvfs would say by the time it is asked */
    open_plain(fixture);
    for (; status == CRM_OK; batch.first += batch.n)
        status = batch_do(fixture->store, batch);
    assert_int_equal(status, CRM_FULL);
    kept = count_records(fixture->store);
    assert_true(kept > 0);
    assert_int_equal(kept, batch.first - batch.n);
    /* Pages that are free inside the file go on being written. */
    assert_int_equal(batch_do(fixture->store, (struct batch){ .n = 100, .is_delete = true }),
                     CRM_OK);
    assert_int_equal(batch_do(fixture->store, (struct batch){ .n = 10, .value_size = 20000 }),
                     CRM_OK);
    assert_int_equal(count_records(fixture->store), kept - 90);
    store_close(fixture->store);
    fixture->store = NULL;
    fixture_dir_destroy(fixture->dir);
    assert_int_equal(umount(fixture->dir), 0);
}

#define ROWS 50

/* A writer sets every row to one number; no reader may see two. */
struct rows {
    struct store *store;
    atomic_bool is_over;
    atomic_uint n_torn, n_failed, n_seen;
};

static bool rows_compare(void *arg, struct slice key, struct slice value)
{
    struct slice *first = arg;

    (void)key;
    if (!first->data)
        *first = value;
    return slice_equal(*first, value);
}

static void rows_read_once(struct rows *rows)
{
    struct store_range all = { .reverse = false };
    struct slice first = { NULL, 0 }, key, last;
    struct store_txn *txn;

    if (store_read_begin(rows->store, &txn) != CRM_OK) {
        atomic_fetch_add(&rows->n_failed, 1);
        return;
    }
    if (store_scan(txn, STORE_RECORD, &all, rows_compare, &first) != CRM_OK)
        atomic_fetch_add(&rows->n_failed, 1);
    all.reverse = true;
    if (store_seek(txn, STORE_RECORD, &all, &key, &last) != CRM_OK)
        atomic_fetch_add(&rows->n_failed, 1);
    else if (!slice_equal(first, last) || !slice_equal(key, slice_text("00000049")))
        atomic_fetch_add(&rows->n_torn, 1);
    atomic_fetch_add(&rows->n_seen, 1);
    store_read_end(txn);
}

static void *rows_reader(void *arg)
{
    struct rows *rows = arg;

    do
        rows_read_once(rows);
    while (!atomic_load(&rows->is_over));
    return NULL;
}

static void readers_run_beside_a_writer(void **state)
{
    struct fixture *fixture = *state;
    struct rows rows = { .is_over = false };
    enum crm_status status = CRM_OK;
    pthread_t readers[2];

    open_plain(fixture);
    rows.store = fixture->store;
    assert_int_equal(
        batch_do(fixture->store, (struct batch){ .n = ROWS, .value_size = 300, .fill = 255 }),
        CRM_OK);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(pthread_create(&readers[i], NULL, rows_reader, &rows), 0);
    for (uint8_t i = 1; i <= 200 && status == CRM_OK; i++) {
        status =
            batch_do(fixture->store, (struct batch){ .n = ROWS, .value_size = 300, .fill = i });
        /* The map grows under the readers' feet now and then. */
        if (status == CRM_OK && i % 50 == 0)
            status = store_grow(fixture->store, ((size_t)1 << 30) + ((size_t)i << 20));
        store_sweep_readers(fixture->store);
    }
    atomic_store(&rows.is_over, true);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(status, CRM_OK);
    assert_int_equal(atomic_load(&rows.n_failed), 0);
    assert_int_equal(atomic_load(&rows.n_torn), 0);
    assert_true(atomic_load(&rows.n_seen) >= 2);
}

static bool same_step(void *arg, struct slice key, struct slice value)
{
    struct store_txn *other = *(struct store_txn **)arg;
    struct slice theirs;

    if (store_get(other, STORE_RECORD, key, &theirs) == CRM_OK && slice_equal(value, theirs))
        return true;
    *(struct store_txn **)arg = NULL;
    return false;
}

typedef enum crm_status copy_fn(struct store *store, const char *directory,
                                struct failure *failure);

static off_t file_size(const char *dir)
{
    char path[FIXTURE_DIR_SIZE + 16];
    struct stat st;

    snprintf(path, sizeof path, "%s/data.mdb", dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void check_copy(struct fixture *fixture, copy_fn *make_copy)
{
    struct store_range all = { .reverse = false };
    struct store *copy = NULL;
    struct store_txn *ours, *theirs, *compared;
    char dir[FIXTURE_DIR_SIZE];
    struct failure failure = { .status = CRM_OK };

    open_plain(fixture);
    assert_int_equal(
        batch_do(fixture->store, (struct batch){ .n = 2000, .value_size = 500, .fill = 7 }),
        CRM_OK);
    assert_int_equal(
        batch_do(fixture->store, (struct batch){ .first = 500, .n = 1000, .is_delete = true }),
        CRM_OK);
    fixture_dir_create(dir);
    assert_int_equal(make_copy(fixture->store, dir, NULL), CRM_OK);
    assert_true(file_size(dir) < file_size(fixture->dir));
    assert_int_equal(make_copy(fixture->store, dir, &failure), CRM_EXISTS);
    assert_non_null(strstr(failure.text, dir));
    assert_int_equal(
        store_open_lmdb(&(struct store_lmdb_options){ .path = dir, .must_exist = true }, &copy,
                        NULL),
        CRM_OK);
    assert_int_equal(count_records(copy), 1000);
    ours = read_begin(fixture->store);
    theirs = compared = read_begin(copy);
    assert_int_equal(store_scan(ours, STORE_RECORD, &all, same_step, &compared), CRM_OK);
    assert_ptr_equal(compared, theirs);
    store_read_end(ours);
    store_read_end(theirs);
    store_close(copy);
    fixture_dir_destroy(dir);
    assert_int_equal(make_copy(fixture->store, dir, NULL), CRM_IO);
}

static void a_copy_opens_and_is_equal(void **state)
{
    check_copy(*state, store_copy);
}

static void so_does_one_that_is_written_anew(void **state)
{
    check_copy(*state, store_rewrite);
}

/* A process that reads and waits to be killed. Told by one pipe to begin, tells by another that it
 * has. */
static void doomed_reader(const char *dir, int begin_fd, int begun_fd)
{
    struct store_lmdb_options options = { .path = dir,
                                          .map_bytes = (size_t)1 << 30,
                                          .max_readers = 1 };
    struct store *store;
    struct store_txn *txn;
    char byte = 'f';

    if (read(begin_fd, &byte, 1) == 1 && store_open_lmdb(&options, &store, NULL) == CRM_OK &&
        store_read_begin(store, &txn) == CRM_OK)
        byte = 'r';
    if (write(begun_fd, &byte, 1) == 1)
        pause();
    _exit(1);
}

/* FAULTS 10. There is one reader slot, and a dead process holds it. */
static void a_dead_reader_is_swept(void **state)
{
    struct fixture *fixture = *state;
    struct store_lmdb_options options = { .map_bytes = (size_t)1 << 30, .max_readers = 1 };
    int begin[2], begun[2];
    struct store_txn *txn;
    char byte = 'b';
    pid_t child;

    assert_int_equal(pipe(begin), 0);
    assert_int_equal(pipe(begun), 0);
    child = fork(); /* before the store is open: LMDB does not cross a fork */
    assert_true(child >= 0);
    if (child == 0)
        doomed_reader(fixture->dir, begin[0], begun[1]);
    assert_int_equal(reopen(fixture, options, NULL), CRM_OK);
    assert_int_equal(write(begin[1], &byte, 1), 1);
    assert_int_equal(read(begun[0], &byte, 1), 1);
    assert_int_equal(byte, 'r');
    assert_int_equal(store_read_begin(fixture->store, &txn), CRM_BUSY);

    store_sweep_readers(fixture->store);
    assert_int_equal(store_read_begin(fixture->store, &txn), CRM_BUSY);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    store_sweep_readers(fixture->store);
    assert_int_equal(store_read_begin(fixture->store, &txn), CRM_OK);
    store_read_end(txn);
    for (int i = 0; i < 2; i++) {
        close(begin[i]);
        close(begun[i]);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_stored_is_found_again),    CASE(a_missing_store_is_not_found),
        CASE(a_read_only_store_refuses_writes), CASE(a_truncated_file_is_refused),
        CASE(another_kind_of_file_is_refused),  CASE(a_sound_file_is_never_refused),
        CASE(a_full_map_stops_growth_only),     CASE(a_failed_put_cannot_be_overlooked),
        CASE(a_failed_sync_is_unknown),         CASE(a_full_disk_is_not_unknown),
        CASE(readers_run_beside_a_writer),      CASE(a_copy_opens_and_is_equal),
        CASE(so_does_one_that_is_written_anew),
        CASE(a_dead_reader_is_swept),           CASE(a_real_full_disk_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
