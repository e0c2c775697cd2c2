/*
 * test_replica_compare.c - the replica tells what it has and takes in what differs: cut, bent, with changes pending, of unknown kinds
 *
 * The server's side is its own, feed_compare.c, over rows in order.
 */
#include "server/engine/feed_compare.h"
#include "tests/unit/replica_fixture.h"

static int by_place(const void *a, const void *b)
{
    const struct record_header *left = &(*(const struct record *const *)a)->header, *right = &(*(const struct record *const *)b)->header;

    return left->kind != right->kind ? (left->kind < right->kind ? -1 : 1) : memcmp(left->id.bytes, right->id.bytes, UUID_SIZE);
}

/* What the server would walk. */
static size_t seen_rows(bool (*pick)(size_t row), const struct record *seen[WORLD_ROWS])
{
    size_t n = 0;

    for (size_t row = 0; row < WORLD_ROWS; row++)
        if (!world_is_deleted(&test.world.rows[row]) && pick(row))
            seen[n++] = &test.world.rows[row];
    qsort(seen, n, sizeof *seen, by_place);
    return n;
}

static void ask_compared(struct compare *compare, const struct record **seen, size_t n, struct feed_items *items)
{
    struct feed_sums sums;
    struct slice bytes;

    assert_int_equal(compare_init(compare, test.replica), CRM_OK);
    assert_int_equal(compare_sums(compare, &bytes), CRM_OK);
    assert_int_equal(feed_sums_init(&sums, bytes, &test.world.arena), CRM_OK);
    for (size_t i = 0; i < n; i++)
        feed_sums_take(&sums, seen[i]);
    feed_sums_end(&sums);
    assert_int_equal(compare_items(compare, slice_of(sums.differ, sums.differ_size), &bytes), CRM_OK);
    assert_int_equal(feed_items_init(items, bytes, &test.world.arena), CRM_OK);
    pull_compare(&test.pull, compare);
    test.records = 0;
    test.sum = (struct record_sum){ { 0 } };
}

/* Its pages, to the end or until there have been so many. The sum as the server has it, or bent. */
static enum crm_status tell_compared(struct compare *compare, bool (*pick)(size_t row), size_t most, uint64_t bend)
{
    const struct record *seen[WORLD_ROWS];
    size_t n = seen_rows(pick, seen), row = 0;
    uint8_t sum[RECORD_SUM_SIZE];
    uint32_t strays[WORLD_ROWS];
    struct feed_items items;
    struct page page;
    bool is_last = false;
    enum crm_status status = CRM_OK;

    ask_compared(compare, seen, n, &items);
    for (size_t i = 0; i < most && status == CRM_OK && !is_last; i++) {
        page_init(&page, false);
        for (; row < n && page.chunk.n_records < PAGE_RECORDS; row++)
            if (!feed_items_have(&items, seen[row]))
                page_add(&page, seen[row]);
        page.chunk.has_compared = is_last = row == n && page.chunk.n_records < PAGE_RECORDS;
        if (is_last)
            feed_items_end(&items);
        page.chunk.strays = strays;
        while (feed_items_next_stray(&items, &strays[page.chunk.n_strays]))
            page.chunk.n_strays++;
        items.sum.part[1] += bend;
        record_sum_write(&items.sum, sum);
        page.chunk.compared = (ProtobufCBinaryData){ .data = sum, .len = sizeof sum };
        status = page_store_as(&page, is_last ? CRM__SYNC_MODE__SYNC_MODE_SNAPSHOT : CRM__SYNC_MODE__SYNC_MODE_COMPARE);
    }
    return status;
}

static bool not_every_fifth(size_t row)
{
    return row % 5 != 0;
}

static void change_some(void)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_write_run(test.world.store, world_touch_run, &test.world), CRM_OK);
}

static void a_comparison_brings_what_differs(void **state)
{
    struct compare compare;

    (void)state;
    begin();
    tell_snapshot(every_third, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    change_some();
    assert_int_equal(tell_compared(&compare, not_every_fifth, SIZE_MAX, 0), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(not_every_fifth);
    compare_fini(&compare);
    /* And then nothing more. */
    test.pull.n_records = test.pull.n_forgets = 0;
    assert_int_equal(tell_compared(&compare, not_every_fifth, SIZE_MAX, 0), CRM_OK);
    assert_int_equal(test.pull.n_records + test.pull.n_forgets, 0);
    assert_int_equal(pull_finish(), CRM_OK);
    compare_fini(&compare);
}

/* After a cut there is no cursor that would say that the replica is what it was. */
static void a_comparison_that_was_cut_begins_again(void **state)
{
    const struct record *seen[WORLD_ROWS];
    struct compare compare;
    uint64_t first;

    (void)state;
    begin();
    tell_snapshot(every_third, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    test.pull.n_records = 0;
    assert_int_equal(tell_compared(&compare, all, 3, 0), CRM_OK);
    first = test.pull.n_records;
    assert_int_equal(first, 3 * PAGE_RECORDS);
    assert_int_equal(load()->cursor.size, 0);
    assert_int_equal(pull_finish(), CRM_PROTOCOL); /* that was not all */
    compare_fini(&compare);
    begin_again();
    assert_int_equal(tell_compared(&compare, all, SIZE_MAX, 0), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(all);
    assert_int_equal(test.pull.n_records + first, seen_rows(all, seen) - seen_rows(every_third, seen));
    compare_fini(&compare);
}

static void a_comparison_that_does_not_add_up_is_not_believed(void **state)
{
    struct compare compare;
    struct failure failure = { 0 };

    (void)state;
    begin();
    tell_snapshot(all, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(tell_compared(&compare, every_third, SIZE_MAX, 1), CRM_CONFLICT);
    pull_compare(&test.pull, NULL);
    compare_fini(&compare);
    assert_int_equal(pull_begin_anew(&test.pull, &failure), CRM_OK);
    assert_int_equal(load()->cursor.size, 0);
    tell_snapshot(every_third, NULL);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_holds(every_third);
}

/* What is compared of a record with a pending change is what the server has told of it; so of kinds that are not known. */
static enum crm_status change_first(struct store_txn *txn, void *arg)
{
    struct record changed = test.world.rows[0];
    struct rows rows;
    enum crm_status status = rows_init(&rows, txn, test.pull.schema, arg);

    changed.header.rev = 4711;
    if (status == CRM_OK)
        status = rows_change(&rows, &changed);
    return status == CRM_OK ? rows_apply(&rows) : status;
}

static void what_is_pending_or_unknown_agrees(void **state)
{
    const struct record news = of_kind(99, 5, 3, "what a newer server has");
    const struct record *seen[2] = { &test.world.rows[0], &news };
    struct feed_items items;
    struct compare compare;
    struct page page;

    (void)state;
    begin();
    page_init(&page, true);
    page_add(&page, &test.world.rows[0]);
    page_add(&page, &news);
    assert_int_equal(page_store(&page), CRM_OK);
    assert_int_equal(pull_finish(), CRM_OK);
    assert_int_equal(store_write_run(replica_store(test.replica), change_first, &test.world.arena), CRM_OK);
    ask_compared(&compare, seen, 2, &items);
    assert_int_equal(compare.n, 2);
    assert_int_equal(compare.n_asked, 0);
    pull_compare(&test.pull, NULL);
    compare_fini(&compare);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_comparison_brings_what_differs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_comparison_that_was_cut_begins_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_comparison_that_does_not_add_up_is_not_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_pending_or_unknown_agrees, setup, teardown),
    };

    return cmocka_run_group_tests_name("replica_compare", tests, NULL, NULL);
}
