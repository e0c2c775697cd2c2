/*
 * test_record.c - the stored form of a record and its way to the wire and back
 */
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/model/record.h"

/* Behind the project's headers: its macro fail would hide our function. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct uuid id_of(uint8_t n)
{
    struct uuid id;

    memset(id.bytes, n, sizeof id.bytes);
    return id;
}

static struct record sample(void)
{
    return (struct record){
        .header = { .id = id_of(1),
                    .kind = KIND_DEAL,
                    .flags = RECORD_DELETED,
                    .number = 17,
                    .rev = 3,
                    .seq = UINT64_C(0x0102030405060708),
                    .owner = id_of(2),
                    .team = id_of(3),
                    .root = id_of(4),
                    .created_us = -5,
                    .created_by = id_of(5),
                    .updated_us = INT64_C(1478000000000000),
                    .updated_by = id_of(6) },
        .body = slice_text("\x0a\x04name"),
    };
}

static void assert_same(const struct record *a, const struct record *b)
{
    const struct record_header *x = &a->header, *y = &b->header;

    assert_true(uuid_equal(&x->id, &y->id));
    assert_int_equal(x->kind, y->kind);
    assert_int_equal(x->flags, y->flags);
    assert_true(x->number == y->number && x->rev == y->rev && x->seq == y->seq);
    assert_true(uuid_equal(&x->owner, &y->owner));
    assert_true(uuid_equal(&x->team, &y->team));
    assert_true(uuid_equal(&x->root, &y->root));
    assert_true(x->created_us == y->created_us && x->updated_us == y->updated_us);
    assert_true(uuid_equal(&x->created_by, &y->created_by));
    assert_true(uuid_equal(&x->updated_by, &y->updated_by));
    assert_true(slice_equal(a->body, b->body));
}

static void round_trip_keeps_everything(void **state)
{
    struct record record = sample(), back;
    struct slice value;

    (void)state;
    assert_int_equal(record_encode(&record, &arena, &value), CRM_OK);
    assert_int_equal(value.size, RECORD_HEADER_SIZE + record.body.size);
    assert_int_equal(record_decode(KIND_DEAL, &record.header.id, value, &back), CRM_OK);
    assert_same(&record, &back);

    record.header.flags = RECORD_MOVED; /* the wire's alone */
    record.body = (struct slice){ 0 };
    assert_int_equal(record_encode(&record, &arena, &value), CRM_OK);
    assert_int_equal(record_decode(KIND_DEAL, &record.header.id, value, &back), CRM_OK);
    assert_int_equal(back.header.flags, 0);
    assert_int_equal(back.body.size, 0);
}

/* The layout is the format: a record that is written today is read by every later version. */
static void layout_stays(void **state)
{
    struct record record = sample();
    struct slice value;

    (void)state;
    assert_int_equal(record_encode(&record, &arena, &value), CRM_OK);
    assert_int_equal(value.data[0], 1);
    assert_int_equal(value.data[1], RECORD_DELETED);
    assert_int_equal(value.data[8], 17);
    assert_int_equal(value.data[16], 3);
    assert_int_equal(value.data[24], 8);
    assert_int_equal(value.data[31], 1);
    assert_int_equal(value.data[32], 2);
    assert_int_equal(value.data[48], 3);
    assert_int_equal(value.data[64], 4);
    assert_int_equal(value.data[80], 0xfb);
    assert_int_equal(value.data[88], 5);
    assert_int_equal(value.data[112], 6);
    assert_int_equal(value.data[128], 0x0a);
}

static void damage_is_found(void **state)
{
    struct record record = sample(), back;
    struct slice value;
    uint8_t *copy;

    (void)state;
    assert_int_equal(record_encode(&record, &arena, &value), CRM_OK);
    copy = arena_memdup(&arena, value.data, value.size);
    assert_non_null(copy);
    for (size_t i = 0; i < value.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            copy[i] ^= (uint8_t)(1u << bit);
            assert_int_equal(
                record_decode(KIND_DEAL, &record.header.id, slice_of(copy, value.size), &back),
                CRM_CORRUPT);
            copy[i] ^= (uint8_t)(1u << bit);
        }
    }
}

static void cut_values_are_refused(void **state)
{
    struct record record = sample(), back;
    struct slice value;

    (void)state;
    assert_int_equal(record_encode(&record, &arena, &value), CRM_OK);
    for (size_t size = 0; size < value.size; size++) {
        uint8_t *cut =
            malloc(size + 1); /* so that a read behind the end is seen by the sanitizer */

        assert_non_null(cut);
        memcpy(cut, value.data, size);
        assert_int_equal(record_decode(KIND_DEAL, &record.header.id, slice_of(cut, size), &back),
                         CRM_CORRUPT);
        free(cut);
    }
}

static void size_is_bounded(void **state)
{
    static uint8_t body[RECORD_SIZE_MAX];
    struct record record = sample(), back;
    struct slice value;

    (void)state;
    record.body = slice_of(body, RECORD_SIZE_MAX - RECORD_HEADER_SIZE);
    assert_int_equal(record_encode(&record, &arena, &value), CRM_OK);
    assert_int_equal(record_decode(KIND_DEAL, &record.header.id, value, &back), CRM_OK);
    record.body.size++;
    assert_int_equal(record_encode(&record, &arena, &value), CRM_TOO_LARGE);
}

static void keys_are_kind_and_id(void **state)
{
    struct uuid id = id_of(9), back;
    uint8_t key[RECORD_KEY_SIZE];
    enum kind kind;

    (void)state;
    record_key(KIND_TASK, &id, key);
    assert_int_equal(key[0], KIND_TASK);
    assert_true(record_key_parse(slice_of(key, sizeof key), &kind, &back));
    assert_int_equal(kind, KIND_TASK);
    assert_true(uuid_equal(&id, &back));
    assert_false(record_key_parse(slice_of(key, sizeof key - 1), &kind, &back));
    key[0] = KIND_MAX + 1;
    assert_false(record_key_parse(slice_of(key, sizeof key), &kind, &back));
    key[0] = 0;
    assert_false(record_key_parse(slice_of(key, sizeof key), &kind, &back));
}

static void wire_round_trip(void **state)
{
    struct record record = sample(), back;
    Crm__Record wire, *unpacked;
    Crm__Header header;
    uint8_t *packed;
    size_t size;

    (void)state;
    record_to_wire(&record, &wire, &header);
    size = crm__record__get_packed_size(&wire);
    packed = arena_alloc(&arena, size);
    assert_non_null(packed);
    crm__record__pack(&wire, packed);
    unpacked = crm__record__unpack(NULL, size, packed);
    assert_non_null(unpacked);
    assert_int_equal(record_from_wire(unpacked, &back, NULL), CRM_OK);
    assert_same(&record, &back);
    crm__record__free_unpacked(unpacked, NULL);
}

static void hostile_wire_records_are_refused(void **state)
{
    struct record record = sample(), back;
    struct failure failure = { 0 };
    Crm__Record wire;
    Crm__Header header;

    (void)state;
    record_to_wire(&record, &wire, &header);
    header.owner.len = 15;
    assert_int_equal(record_from_wire(&wire, &back, &failure), CRM_INVALID);
    record_to_wire(&record, &wire, &header);
    header.has_id = 0;
    assert_int_equal(record_from_wire(&wire, &back, NULL), CRM_INVALID);
    record_to_wire(&record, &wire, &header);
    header.kind = 4711;
    assert_int_equal(record_from_wire(&wire, &back, NULL), CRM_INVALID);
    wire.header = NULL;
    assert_int_equal(record_from_wire(&wire, &back, NULL), CRM_INVALID);
}

static void labels_are_short(void **state)
{
    struct record record = sample();
    char text[RECORD_LABEL_SIZE];

    (void)state;
    record_label(&record.header, text);
    assert_string_equal(text, "D-17");
    record.header.kind = KIND_PIPELINE;
    record.header.number = UINT64_MAX;
    record_label(&record.header, text);
    assert_string_equal(text, "PL-18446744073709551615");
    record.header.number = 0;
    record_label(&record.header, text);
    assert_string_equal(text, "01010101");
    record.header.number = RECORD_NUMBER_LOCAL | 3;
    record_label(&record.header, text);
    assert_string_equal(text, "PL-~3");
}

/* Whatever the header holds, packing straight gives the bytes of packing the message. */
static void packed_straight_is_the_same(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct record record = { .header = { .kind = KIND_DEAL } };
        uint8_t *fields = (uint8_t *)&record.header, body[300], expected[1024], straight[1024];
        Crm__Record wire, *records = &wire;
        Crm__ListChunk chunk = CRM__LIST_CHUNK__INIT;
        Crm__Header header;
        size_t size;

        chunk.n_records = 1;
        chunk.records = &records;
        for (size_t i = 0; i < sizeof record.header; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            if (seed >> 62) /* some bytes stay 0, whole fields now and then */
                fields[i] = (uint8_t)(seed >> 33);
        }
        if (round % 3 == 0)
            record.header.owner = record.header.root = (struct uuid){ 0 };
        if (round % 5 == 0)
            record.header.number = record.header.flags = 0;
        record.header.kind = KIND_DEAL;
        memset(body, round, sizeof body);
        record.body = slice_of(body, (size_t)round % sizeof body);
        record_to_wire(&record, &wire, &header);
        size = crm__list_chunk__pack(&chunk, expected);
        assert_true(size <= record_packed_max(&record));
        assert_int_equal(record_pack(&record, straight), size);
        assert_memory_equal(straight, expected, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_straight_is_the_same),
        cmocka_unit_test_setup_teardown(round_trip_keeps_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(layout_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(cut_values_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(size_is_bounded, setup, teardown),
        cmocka_unit_test(keys_are_kind_and_id),
        cmocka_unit_test_setup_teardown(wire_round_trip, setup, teardown),
        cmocka_unit_test(hostile_wire_records_are_refused),
        cmocka_unit_test(labels_are_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
