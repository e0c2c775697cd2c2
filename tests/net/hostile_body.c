/*
 * hostile_body.c - bodies that are no messages, messages that are bombs, values that no record may have
 *
 * All of them inside well-formed frames of somebody who is logged in: each gets an error on its stream that names the place, and the connection goes on.
 */
#include "tests/net/raw.h"

#include <jansson.h>
#include <stdlib.h>
#include <zstd.h>

#define CUSTOMER      4
#define CONTACT       5
#define TEXT_MAX      1024        /* of a name */
#define LONG_TEXT_MAX 32768       /* of a note */
#define PLAIN_MAX     (64u << 20) /* of what is compressed here */
#define CASE_SIZE_MAX 8192

static uint8_t random_id[RAW_UUID_SIZE] = "no record's id!";

/* --- one request, one answer */

/* Send a body for an operation as it is; the answer must be one of the errors that bodies get. */
static void expect_refused(struct raw *raw, enum operation operation, uint16_t flags, struct slice body)
{
    const struct frame_header header = { .length = (uint32_t)body.size, .type = FRAME_REQUEST, .flags = flags, .code = (uint32_t)operation,
                                         .stream = ++raw->stream };
    const Crm__Error *error;

    raw_put_bytes(raw, &header, body.data, body.size);
    assert_true(raw_send(raw));
    error = raw_expect(raw, FRAME_ERROR, raw->stream, &crm__error__descriptor);
    if (error->status != CRM_INVALID && error->status != CRM_TOO_LARGE)
        fail_msg("neither invalid nor too large: %s: %s", error->name, error->text);
    assert_int_equal(error->outcome, CRM_OUTCOME_NOT_DONE);
    raw_expect_ping(raw);
}

/* A mutate request with one mutation, which is refused; a single one's error is the request's. */
static const Crm__Error *expect_mutation_refused(struct raw *raw, Crm__Mutation *mutation, enum crm_status status)
{
    Crm__Mutation *mutations[] = { mutation };
    Crm__MutateRequest request = CRM__MUTATE_REQUEST__INIT;
    uint32_t stream;

    request.n_mutations = 1;
    request.mutations = mutations;
    stream = raw_put_request(raw, OP_MUTATE, &request.base);
    assert_true(raw_send(raw));
    return raw_expect_error(raw, stream, status);
}

/* Create a record of these bytes: refused, and the error names the field (NULL: any). */
static void expect_create_refused(struct raw *raw, uint32_t kind, struct slice set, enum crm_status status, const char *field)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    const Crm__Error *error;

    mutation.has_kind = mutation.has_id = mutation.has_verb = mutation.has_set = true;
    mutation.kind = kind;
    mutation.id = (ProtobufCBinaryData){ .data = random_id, .len = RAW_UUID_SIZE };
    mutation.verb = CRM__VERB__VERB_CREATE;
    mutation.set = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)set.data, .len = set.size };
    error = expect_mutation_refused(raw, &mutation, status);
    if (field)
        assert_string_equal(error->field ? error->field : "(none)", field);
}

static void expect_customer_refused(struct raw *raw, const Crm__Customer *customer, enum crm_status status, const char *field)
{
    size_t size = crm__customer__get_packed_size(customer);
    uint8_t *packed = malloc(size);

    assert_non_null(packed);
    crm__customer__pack(customer, packed);
    expect_create_refused(raw, CUSTOMER, slice_of(packed, size), status, field);
    free(packed);
}

/* Nothing that a test of this file has tried is there. */
static void expect_no_record(struct raw *raw)
{
    static const uint32_t kinds[] = { CUSTOMER, CONTACT };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        Crm__CountRequest request = CRM__COUNT_REQUEST__INIT;
        const Crm__CountReply *reply;

        request.has_kind = true;
        request.kind = kinds[i];
        raw_put_request(raw, OP_COUNT, &request.base);
        assert_true(raw_send(raw));
        reply = raw_expect(raw, FRAME_REPLY, raw->stream, &crm__count_reply__descriptor);
        assert_int_equal(reply->count, 0);
    }
}

/* --- the conformance cases of protobuf */

/* Refused whatever the message is: in the others the fault is inside what this message does not know. */
static bool is_structural(const char *name)
{
    static const char *const beginnings[] = {
        "Illegal", "BadTag", "Unmatched", "Mismatched", "UnknownWireType", "PrematureEofInside", "PrematureEofBefore", "len_max", "deep_groups",
    };

    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static size_t from_hex(const char *hex, uint8_t out[CASE_SIZE_MAX])
{
    size_t size = strlen(hex) / 2;

    assert_true(size <= CASE_SIZE_MAX);
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)strtoul((const char[]){ hex[2 * i], hex[2 * i + 1], '\0' }, NULL, 16);
    return size;
}

static json_t *load_cases(void)
{
    const char *folder = getenv("CRM_SHARED_DATA");
    char path[4096];

    snprintf(path, sizeof(path), "%s/protobuf/cases.json", folder ? folder : ".");
    return json_load_file(path, 0, NULL);
}

static void conformance_cases(void **state)
{
    json_t *cases = load_cases(), *one;
    uint8_t bytes[CASE_SIZE_MAX];
    struct raw raw;
    size_t i;

    (void)state;
    if (!cases) {
        print_message("no protobuf/cases.json: skipped\n");
        skip();
    }
    raw_connect_in_session(&raw);
    json_array_foreach(cases, i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        struct slice body = slice_of(bytes, from_hex(json_string_value(json_object_get(one, "hex")), bytes));
        const struct frame_header header = { .length = (uint32_t)body.size, .type = FRAME_REQUEST, .code = OP_MUTATE, .stream = raw.stream + 1 };
        struct frame answer;

        if (is_structural(name)) {
            expect_refused(&raw, OP_MUTATE, 0, body);
            continue;
        }
        raw.stream++;
        raw_put_bytes(&raw, &header, body.data, body.size);
        assert_true(raw_send(&raw));
        assert_true(raw_next(&raw, &answer));
        assert_int_equal(answer.header.stream, raw.stream);
        raw_expect_ping(&raw);
    }
    expect_no_record(&raw);
    raw_drop(&raw, false);
    json_decref(cases);
    raw_assert_alive();
}

/* The same inside a record: a customer of these bytes is never one, for it has no name. */
static void conformance_cases_as_records(void **state)
{
    json_t *cases = load_cases(), *one;
    uint8_t bytes[CASE_SIZE_MAX];
    struct raw raw;
    size_t i;

    (void)state;
    if (!cases) {
        print_message("no protobuf/cases.json: skipped\n");
        skip();
    }
    raw_connect_in_session(&raw);
    json_array_foreach(cases, i, one)
        expect_create_refused(&raw, CUSTOMER, slice_of(bytes, from_hex(json_string_value(json_object_get(one, "hex")), bytes)), CRM_INVALID,
                              NULL);
    expect_no_record(&raw);
    raw_drop(&raw, false);
    json_decref(cases);
}

/* --- bombs */

/* n times the same bytes. */
static uint8_t *repeated(const char *bytes, size_t size, size_t n)
{
    uint8_t *all = malloc(size * n);

    assert_non_null(all);
    for (size_t i = 0; i < n; i++)
        memcpy(all + i * size, bytes, size);
    return all;
}

static void expect_repeated_refused(const char *bytes, size_t size, size_t n)
{
    uint8_t *body = repeated(bytes, size, n);
    struct raw raw;

    raw_connect_in_session(&raw);
    expect_refused(&raw, OP_MUTATE, 0, slice_of(body, size * n));
    raw_drop(&raw, false);
    free(body);
}

static void many_empty_messages(void **state)
{
    (void)state;
    expect_repeated_refused("\x2a\x00", 2, 500000); /* mutations: 1 MiB would become 113 MB */
    expect_repeated_refused("\x2a\x00", 2, 5001);
}

static void many_unknown_fields(void **state)
{
    (void)state;
    expect_repeated_refused("\xf8\x07\x00", 3, 300000);
    expect_repeated_refused("\xf8\x07\x00", 3, 17);
}

static void message_that_is_there_twice(void **state)
{
    (void)state;
    expect_repeated_refused("\x0a\x00", 2, 2); /* meta */
}

static void tags_that_never_end(void **state)
{
    (void)state;
    expect_repeated_refused("\xff", 1, 100000);
}

static void groups_in_groups(void **state)
{
    (void)state;
    expect_repeated_refused("\x0b", 1, 100000);
}

/* A list of clear with a million entries in one packed field. */
static void huge_packed_field(void **state)
{
    size_t n = 1000000, size = 0;
    uint8_t *body = malloc(n + 16);
    struct raw raw;

    (void)state;
    assert_non_null(body);
    memset(body, 1, n + 16);
    body[size++] = 0x2a; /* mutations: its size is that of clear's tag, size and entries */
    for (size_t left = n + 4; left > 0; left >>= 7)
        body[size++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    body[size++] = 0x32; /* clear */
    for (size_t left = n; left > 0; left >>= 7)
        body[size++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    raw_connect_in_session(&raw);
    expect_refused(&raw, OP_MUTATE, 0, slice_of(body, size + n));
    raw_drop(&raw, false);
    free(body);
}

/* One more mutation than a request may have; each of them is well-formed. */
static void too_many_mutations(void **state)
{
    uint8_t *body = repeated("\x2a\x02\x08\x04", 4, 501);
    const struct frame_header header = { .length = 4 * 501, .type = FRAME_REQUEST, .code = OP_MUTATE, .stream = 1 };
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    raw_put_bytes(&raw, &header, body, header.length);
    raw.stream = 1;
    assert_true(raw_send(&raw));
    raw_expect_error(&raw, 1, CRM_TOO_LARGE);
    raw_expect_ping(&raw);
    raw_drop(&raw, false);
    free(body);
}

/* --- zstd */

/* The zstd frame of n zero bytes. */
static struct slice compressed_zeros(size_t n, uint8_t **out_memory)
{
    size_t room = ZSTD_compressBound(n), size;
    uint8_t *zeros = calloc(1, n);

    *out_memory = malloc(room);
    assert_true(zeros && *out_memory);
    size = ZSTD_compress(*out_memory, room, zeros, n, 3);
    assert_false(ZSTD_isError(size));
    free(zeros);
    return slice_of(*out_memory, size);
}

static void expect_zstd_refused(struct slice body)
{
    struct raw raw;

    raw_connect_in_session(&raw);
    expect_refused(&raw, OP_MUTATE, FRAME_ZSTD, body);
    raw_drop(&raw, false);
}

static void zstd_bombs(void **state)
{
    static const size_t sizes[] = { 200000, FRAME_MAX + 1, PLAIN_MAX };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        uint8_t *memory;
        struct slice body = compressed_zeros(sizes[i], &memory);

        expect_zstd_refused(body);
        free(memory);
    }
}

/* What is not one whole frame with its true size. */
static void zstd_frames_that_are_not(void **state)
{
    static const uint8_t skippable[] = { 0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4 };
    static const uint8_t giant[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 0, 0 };
    uint8_t *memory;
    struct slice body = compressed_zeros(2000, &memory);

    (void)state;
    expect_zstd_refused(slice_of("", 0));
    expect_zstd_refused(slice_of("not zstd at all", 15));
    expect_zstd_refused(slice_of(skippable, sizeof(skippable)));
    expect_zstd_refused(slice_of(giant, sizeof(giant)));
    for (size_t n = 1; n < body.size; n++)
        expect_zstd_refused(slice_of(body.data, n));
    memory[5] ^= 0x11; /* the declared size */
    expect_zstd_refused(body);
    free(memory);
}

static void two_zstd_frames(void **state)
{
    uint8_t *memory, twice[256];
    struct slice body = compressed_zeros(2000, &memory);

    (void)state;
    assert_true(2 * body.size <= sizeof(twice));
    memcpy(twice, body.data, body.size);
    memcpy(twice + body.size, body.data, body.size);
    expect_zstd_refused(slice_of(twice, 2 * body.size));
    free(memory);
}

/* --- texts */

/* get by a selector of these bytes, which is field 4. */
static void expect_selector_refused(struct raw *raw, const char *bytes, size_t size)
{
    uint8_t body[64] = { 0x22, (uint8_t)size };

    memcpy(body + 2, bytes, size);
    expect_refused(raw, OP_GET, 0, slice_of(body, size + 2));
}

static void texts_that_are_not_utf8(void **state)
{
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    expect_selector_refused(&raw, "\xff", 1);
    expect_selector_refused(&raw, "\xc3(", 2);
    expect_selector_refused(&raw, "\xc0\xaf", 2);         /* overlong */
    expect_selector_refused(&raw, "\xed\xa0\x80", 3);     /* surrogate */
    expect_selector_refused(&raw, "\xf4\x90\x80\x80", 4); /* beyond Unicode */
    expect_selector_refused(&raw, "\xe4\xb8", 2);         /* cut */
    expect_selector_refused(&raw, "C-\0001", 4);
    raw_drop(&raw, false);
}

/* The same in a record's name, field 1 of a customer. */
static void names_that_are_not_utf8(void **state)
{
    static const struct slice names[] = {
        { (const uint8_t *)"\x0a\x01\xff", 3 }, { (const uint8_t *)"\x0a\x02\xc0\xaf", 4 }, { (const uint8_t *)"\x0a\x03" "a\0b", 5 },
    };
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        expect_create_refused(&raw, CUSTOMER, names[i], CRM_INVALID, "name");
    expect_no_record(&raw);
    raw_drop(&raw, false);
}

static void overlong_texts(void **state)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    char *text = (char *)repeated("x", 1, 70001);
    struct raw raw;

    (void)state;
    text[70000] = '\0';
    customer.name = text;
    raw_connect_in_session(&raw);
    expect_customer_refused(&raw, &customer, CRM_TOO_LARGE, NULL); /* more than a record may have */
    text[TEXT_MAX + 1] = '\0';
    expect_customer_refused(&raw, &customer, CRM_INVALID, "name");
    customer.name = (char *)"short";
    customer.note = text;
    text[TEXT_MAX + 1] = 'x';
    text[LONG_TEXT_MAX + 1] = '\0';
    expect_customer_refused(&raw, &customer, CRM_INVALID, "note");
    expect_no_record(&raw);
    raw_drop(&raw, false);
    free(text);
}

/* --- records that cannot be */

static void reference_to_nothing(void **state)
{
    Crm__Customer customer = CRM__CUSTOMER__INIT;
    struct raw raw;

    (void)state;
    customer.name = (char *)"daughter";
    customer.has_parent = true;
    customer.parent = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t) "another's parent", .len = RAW_UUID_SIZE };
    raw_connect_in_session(&raw);
    expect_customer_refused(&raw, &customer, CRM_INVALID, "parent");
    customer.parent.len = 5;
    expect_customer_refused(&raw, &customer, CRM_INVALID, "parent");
    expect_no_record(&raw);
    raw_drop(&raw, false);
}

static void mutations_that_make_no_sense(void **state)
{
    Crm__Mutation mutation = CRM__MUTATION__INIT;
    struct raw raw;

    (void)state;
    raw_connect_in_session(&raw);
    expect_mutation_refused(&raw, &mutation, CRM_INVALID);
    mutation.has_kind = true;
    mutation.kind = 12345;
    expect_mutation_refused(&raw, &mutation, CRM_INVALID);
    mutation.kind = CUSTOMER;
    mutation.has_verb = true;
    mutation.verb = CRM__VERB__VERB_CREATE;
    expect_mutation_refused(&raw, &mutation, CRM_INVALID);
    mutation.has_id = true;
    mutation.id = (ProtobufCBinaryData){ .data = random_id, .len = 3 };
    expect_mutation_refused(&raw, &mutation, CRM_INVALID);
    mutation.id.len = RAW_UUID_SIZE;
    mutation.verb = CRM__VERB__VERB_PATCH;
    expect_mutation_refused(&raw, &mutation, CRM_NOT_FOUND);
    mutation.verb = CRM__VERB__VERB_DELETE;
    expect_mutation_refused(&raw, &mutation, CRM_NOT_FOUND);
    mutation.verb = CRM__VERB__VERB_ACTION;
    mutation.action = (char *)"explode";
    expect_mutation_refused(&raw, &mutation, CRM_INVALID);
    expect_no_record(&raw);
    raw_drop(&raw, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conformance_cases),
        cmocka_unit_test(conformance_cases_as_records),
        cmocka_unit_test(many_empty_messages),
        cmocka_unit_test(many_unknown_fields),
        cmocka_unit_test(message_that_is_there_twice),
        cmocka_unit_test(tags_that_never_end),
        cmocka_unit_test(groups_in_groups),
        cmocka_unit_test(huge_packed_field),
        cmocka_unit_test(too_many_mutations),
        cmocka_unit_test(zstd_bombs),
        cmocka_unit_test(zstd_frames_that_are_not),
        cmocka_unit_test(two_zstd_frames),
        cmocka_unit_test(texts_that_are_not_utf8),
        cmocka_unit_test(names_that_are_not_utf8),
        cmocka_unit_test(overlong_texts),
        cmocka_unit_test(reference_to_nothing),
        cmocka_unit_test(mutations_that_make_no_sense),
    };

    return cmocka_run_group_tests_name("hostile bodies", tests, raw_group_setup, raw_group_teardown);
}
