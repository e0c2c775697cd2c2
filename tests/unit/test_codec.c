/*
 * test_codec.c - frames to messages and back, with and without compression, and what hostile compressed bodies get
 */
#include <pthread.h>
#include <stdlib.h>

#include <zstd.h>

#include "proto/codec.h"
#include "proto/wire.pb-c.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

#define TEXT_SIZE 20000

static char text[TEXT_SIZE + 1];
static struct arena arena;

/* Text that compresses about threefold: hex digits of a fixed sequence, every other one the same. */
static void make_text(void)
{
    uint32_t seed = 1;

    for (size_t i = 0; i < TEXT_SIZE; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = i % 2 ? 'a' : "0123456789abcdef"[seed >> 28];
    }
}

static int set_up(void **state)
{
    (void)state;
    make_text();
    arena_init(&arena, 32u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct frame parse_whole(const struct buf *buf)
{
    struct frame frame;
    size_t consumed;

    assert_int_equal(frame_parse(buf_slice(buf), FRAME_MAX, &frame, &consumed, NULL), FRAME_WHOLE);
    assert_int_equal(consumed, buf->size);
    return frame;
}

static Crm__GetRequest sample(void)
{
    Crm__GetRequest request = CRM__GET_REQUEST__INIT;

    request.selector = text;
    return request;
}

static void expect_round_trip(bool compress)
{
    Crm__GetRequest request = sample();
    struct frame_header header = { .type = FRAME_REQUEST, .code = 5, .stream = 3 };
    const Crm__GetRequest *back;
    const void *message;
    struct frame frame;
    struct buf out;

    buf_init(&out, FRAME_MAX);
    assert_int_equal(codec_append(&out, &header, &request.base, compress), CRM_OK);
    frame = parse_whole(&out);
    assert_int_equal(frame.header.flags, compress ? FRAME_ZSTD : 0);
    assert_int_equal(frame.header.stream, 3);
    if (compress)
        assert_true(frame.body.size < TEXT_SIZE / 2);
    assert_int_equal(codec_unpack(&frame, &crm__get_request__descriptor, FRAME_MAX, &arena, &message, NULL), CRM_OK);
    back = message;
    assert_string_equal(back->selector, text);
    buf_fini(&out);
}

static void test_round_trips(void **state)
{
    (void)state;
    expect_round_trip(false);
    expect_round_trip(true);
    expect_round_trip(true); /* the same contexts again */
}

static void test_empty_body(void **state)
{
    struct frame_header header = { .type = FRAME_PING };
    const void *message;
    struct frame frame;
    struct buf out;

    (void)state;
    buf_init(&out, FRAME_MAX);
    assert_int_equal(codec_append(&out, &header, NULL, true), CRM_OK);
    frame = parse_whole(&out);
    assert_int_equal(frame.header.length, 0);
    assert_int_equal(codec_unpack(&frame, &crm__ping__descriptor, FRAME_MAX, &arena, &message, NULL), CRM_OK);
    assert_false(((const Crm__Ping *)message)->has_cookie);
    buf_fini(&out);
}

static void test_small_bodies_stay_plain(void **state)
{
    Crm__GetRequest request = sample();
    struct frame_header header = { .type = FRAME_REQUEST };
    struct buf out;

    (void)state;
    text[COMPRESS_FROM - 3] = '\0'; /* a tag and two bytes of length: exactly COMPRESS_FROM */
    buf_init(&out, FRAME_MAX);
    assert_int_equal(codec_append(&out, &header, &request.base, true), CRM_OK);
    assert_int_equal(parse_whole(&out).header.length, COMPRESS_FROM);
    assert_int_equal(parse_whole(&out).header.flags, 0);
    buf_fini(&out);
}

/* What compresses so well that our own other side would take it for a bomb is sent as it is. */
static void test_never_sends_a_bomb(void **state)
{
    static uint8_t zeros[600000];
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    struct frame_header header = { .type = FRAME_CHUNK };
    const void *message;
    struct frame frame;
    struct buf out;

    (void)state;
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .len = sizeof(zeros), .data = zeros };
    buf_init(&out, 2 * FRAME_MAX);
    assert_int_equal(codec_append(&out, &header, &chunk.base, true), CRM_OK);
    frame = parse_whole(&out);
    assert_int_equal(frame.header.flags, 0);
    assert_int_equal(codec_unpack(&frame, &crm__upload_chunk__descriptor, FRAME_MAX, &arena, &message, NULL), CRM_OK);
    buf_fini(&out);
}

static void test_full_output_is_left_alone(void **state)
{
    Crm__GetRequest request = sample();
    struct frame_header header = { .type = FRAME_REQUEST };
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    assert_int_equal(buf_append(&out, "before", 6), CRM_OK);
    assert_int_equal(codec_append(&out, &header, &request.base, false), CRM_TOO_LARGE);
    assert_int_equal(codec_append(&out, &header, &request.base, true), CRM_TOO_LARGE);
    assert_true(slice_equal(buf_slice(&out), slice_text("before")));
    buf_fini(&out);
}

/* No room for both forms at once: it is sent plainly. */
static void test_compressing_needs_no_more_than_its_buffer(void **state)
{
    Crm__GetRequest request = sample();
    struct frame_header header = { .type = FRAME_REQUEST };
    struct buf out;

    (void)state;
    buf_init(&out, FRAME_HEADER_SIZE + TEXT_SIZE + 100);
    assert_int_equal(codec_append(&out, &header, &request.base, true), CRM_OK);
    assert_int_equal(parse_whole(&out).header.flags, 0);
    buf_fini(&out);
}

static enum crm_status unpack_zstd(struct slice body, size_t max_body)
{
    struct frame frame = {
        .header = { .length = (uint32_t)body.size, .type = FRAME_REQUEST, .flags = FRAME_ZSTD }, .body = body
    };
    const void *message;

    arena_reset(&arena);
    return codec_unpack(&frame, &crm__upload_chunk__descriptor, max_body, &arena, &message, NULL);
}

/* A packed UploadChunk with n zeros, compressed into out. */
static size_t pack_zeros(size_t n, uint8_t *out, size_t room)
{
    Crm__UploadChunk chunk = CRM__UPLOAD_CHUNK__INIT;
    uint8_t *zeros = calloc(1, n), *packed = malloc(n + 16);
    size_t size, compressed;

    assert_non_null(zeros);
    assert_non_null(packed);
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){ .len = n, .data = zeros };
    size = protobuf_c_message_pack(&chunk.base, packed);
    compressed = ZSTD_compress(out, room, packed, size, 3);
    assert_false(ZSTD_isError(compressed));
    free(zeros);
    free(packed);
    return compressed;
}

static void test_hostile_compressed_bodies(void **state)
{
    static uint8_t bytes[8192];
    static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };
    size_t n = pack_zeros(60000, bytes, sizeof(bytes));
    size_t bomb;

    (void)state;
    assert_int_equal(unpack_zstd(slice_of(bytes, n), FRAME_MAX), CRM_OK);
    assert_int_equal(unpack_zstd(slice_of(bytes, n), 59999), CRM_TOO_LARGE);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_not_equal(unpack_zstd(slice_of(bytes, cut), FRAME_MAX), CRM_OK);
    memcpy(bytes + n, skippable, sizeof(skippable));
    assert_int_equal(unpack_zstd(slice_of(bytes, n + sizeof(skippable)), FRAME_MAX), CRM_INVALID);
    assert_int_equal(unpack_zstd(slice_of(skippable, sizeof(skippable)), FRAME_MAX), CRM_INVALID);
    assert_int_equal(unpack_zstd(slice_text("this is not zstd at all"), FRAME_MAX), CRM_INVALID);

    bomb = pack_zeros(1000000, bytes, sizeof(bytes)); /* fits a frame, but is 100 times what was sent */
    assert_int_equal(unpack_zstd(slice_of(bytes, bomb), FRAME_MAX), CRM_TOO_LARGE);
    assert_int_equal(arena.used, 0);
}

/* The content size in the frame's header is changed: nothing may be written past what was declared. */
static void test_wrong_declared_size(void **state)
{
    static uint8_t bytes[8192];
    size_t n = pack_zeros(1000, bytes, sizeof(bytes));

    (void)state;
    assert_int_equal(ZSTD_getFrameContentSize(bytes, n), 1003);
    for (int delta = -3; delta <= 3; delta++) {
        uint8_t changed[8192];

        if (delta == 0)
            continue;
        memcpy(changed, bytes, n);
        changed[5] = (uint8_t)(changed[5] + delta); /* low byte of the two-byte size, behind magic and descriptor */
        assert_int_equal(unpack_zstd(slice_of(changed, n), FRAME_MAX), CRM_INVALID);
    }
}

static void test_arena_without_room(void **state)
{
    Crm__GetRequest request = sample();
    const void *message = &request;
    struct arena small;
    struct slice packed;

    (void)state;
    assert_int_equal(codec_pack(&request.base, &arena, &packed), CRM_OK);
    arena_init(&small, 1000);
    assert_int_equal(codec_unpack_body(packed, &crm__get_request__descriptor, &small, &message, NULL), CRM_NO_MEMORY);
    assert_ptr_equal(message, &request);
    assert_int_equal(codec_pack(&request.base, &small, &packed), CRM_NO_MEMORY);
    arena_fini(&small);
}

static void *round_trip_thread(void *arg)
{
    expect_round_trip(true);
    return arg;
}

/* The contexts of a thread are freed when it ends: LeakSanitizer watches. */
static void test_thread_gives_its_contexts_back(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, round_trip_thread, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trips),
        TEST(test_empty_body),
        TEST(test_small_bodies_stay_plain),
        TEST(test_never_sends_a_bomb),
        TEST(test_full_output_is_left_alone),
        TEST(test_compressing_needs_no_more_than_its_buffer),
        TEST(test_hostile_compressed_bodies),
        TEST(test_wrong_declared_size),
        TEST(test_arena_without_room),
        TEST(test_thread_gives_its_contexts_back),
    };

    return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
