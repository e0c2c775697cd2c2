/*
 * test_base_arena_buf.c - memory of a request and buffers of a connection: limits, order, reuse
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>

#include "common/base/arena.h"
#include "common/base/buf.h"

#define MANY 2000

static void test_allocations_do_not_overlap(void **state)
{
    static uint8_t *places[MANY];
    struct arena arena;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MANY; i++) {
            size_t size = i * 37 % 300 + (i % 100 == 0 ? 40000 : 0);

            places[i] = arena_alloc(&arena, size);
            assert_non_null(places[i]);
            assert_int_equal((uintptr_t)places[i] % alignof(max_align_t), 0);
            memset(places[i], (int)(i & 0xFF), size);
        }
        for (size_t i = 0; i < MANY; i++) {
            size_t size = i * 37 % 300 + (i % 100 == 0 ? 40000 : 0);

            for (size_t j = 0; j < size; j++)
                assert_int_equal(places[i][j], i & 0xFF);
        }
        arena_reset(&arena);
        assert_int_equal(arena.used, 0);
    }
    arena_fini(&arena);
}

static void test_budget_ends_it(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 1000);
    assert_non_null(arena_alloc(&arena, 600));
    assert_null(arena_alloc(&arena, 600));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_strndup(&arena, "", SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 300));
    assert_true(arena.used <= arena.budget);
    assert_non_null(arena_alloc(&arena, 80));
    assert_null(arena_alloc(&arena, 1)); /* what is left is less than the alignment */
    assert_true(arena.used <= arena.budget);
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 900));
    arena_fini(&arena);
    arena_fini(&arena);
    arena_fini(NULL);
}

static void test_reset_keeps_one_block(void **state)
{
    struct arena arena;
    void *first;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    first = arena_alloc(&arena, 10);
    arena_reset(&arena);
    assert_ptr_equal(arena_alloc(&arena, 10), first);
    assert_non_null(arena_alloc(&arena, 1 << 20));
    arena_reset(&arena);
    assert_non_null(arena.blocks);
    assert_ptr_equal(arena_alloc(&arena, 10), first);
    arena_fini(&arena);
}

static void test_copies(void **state)
{
    struct arena arena;
    char *text;

    (void)state;
    arena_init(&arena, 4096);
    assert_string_equal(arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(arena_strdup(&arena, ""), "");
    assert_memory_equal(arena_memdup(&arena, "a\0b", 3), "a\0b", 3);
    assert_non_null(arena_memdup(&arena, NULL, 0));
    text = arena_printf(&arena, "%d-%s", 7, "x");
    assert_string_equal(text, "7-x");
    memset(arena_alloc(&arena, 64), 0xFF, 64);
    arena_reset(&arena);
    assert_memory_equal(arena_zalloc(&arena, 128), (char[128]){ 0 }, 128);
    assert_null(arena_printf(&arena, "%5000s", "x"));
    arena_fini(&arena);
}

static void test_protobuf_allocates_here(void **state)
{
    struct arena arena;
    void *place;

    (void)state;
    arena_init(&arena, 100);
    place = arena.protobuf.alloc(arena.protobuf.allocator_data, 40);
    assert_non_null(place);
    assert_true(arena.used >= 40);
    arena.protobuf.free(arena.protobuf.allocator_data, place);
    assert_null(arena.protobuf.alloc(arena.protobuf.allocator_data, 100));
    arena_fini(&arena);
}

static void test_buf_stops_at_max(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 10);
    assert_int_equal(buf_append(&buf, "12345678", 8), CRM_OK);
    assert_int_equal(buf_append(&buf, "abc", 3), CRM_TOO_LARGE);
    assert_int_equal(buf_printf(&buf, "%d", 123), CRM_TOO_LARGE);
    assert_null(buf_reserve(&buf, 3));
    assert_null(buf_reserve(&buf, SIZE_MAX));
    assert_true(slice_equal(buf_slice(&buf), slice_text("12345678")));
    assert_int_equal(buf_printf(&buf, "%d", 90), CRM_OK);
    assert_true(slice_equal(buf_slice(&buf), slice_text("1234567890")));
    assert_int_equal(buf_append(&buf, NULL, 0), CRM_OK);
    buf_truncate(&buf, 3);
    assert_int_equal(buf_append_text(&buf, "xyz"), CRM_OK);
    assert_true(slice_equal(buf_slice(&buf), slice_text("123xyz")));
    buf_fini(&buf);
    buf_fini(NULL);
}

/* What goes in at the back comes out at the front, whatever the sizes; the allocation stays near
 * the maximum. */
static void test_buf_is_a_queue(void **state)
{
    struct buf buf;
    uint8_t in = 0;
    uint8_t out = 0;

    (void)state;
    buf_init(&buf, 1000);
    for (size_t round = 0; round < 5000; round++) {
        size_t put = round * 7919 % 401;
        size_t take = round * 104729 % 397;
        uint8_t *room = buf_reserve(&buf, put);

        assert_int_equal(room != NULL, put <= 1000 - buf.size);
        if (room) {
            for (size_t i = 0; i < put; i++)
                room[i] = in++;
            buf_commit(&buf, put);
        }
        take = take < buf.size ? take : buf.size;
        for (size_t i = 0; i < take; i++)
            assert_int_equal(buf_slice(&buf).data[i], out++);
        buf_consume(&buf, take);
        assert_true(buf.capacity <= 2048);
    }
    buf_fini(&buf);
}

static void test_buf_trims_only_when_empty(void **state)
{
    struct buf buf;

    (void)state;
    buf_init(&buf, 100000);
    assert_non_null(buf_reserve(&buf, 50000));
    buf_commit(&buf, 1);
    buf_trim(&buf, 1000);
    assert_non_null(buf.data);
    buf_consume(&buf, 1);
    buf_trim(&buf, 1 << 20);
    assert_non_null(buf.data);
    buf_trim(&buf, 1000);
    assert_null(buf.data);
    assert_int_equal(buf.capacity, 0);
    assert_int_equal(buf_append_text(&buf, "again"), CRM_OK);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_do_not_overlap),
        cmocka_unit_test(test_budget_ends_it),
        cmocka_unit_test(test_reset_keeps_one_block),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_protobuf_allocates_here),
        cmocka_unit_test(test_buf_stops_at_max),
        cmocka_unit_test(test_buf_is_a_queue),
        cmocka_unit_test(test_buf_trims_only_when_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
