/*
 * test_protocol_doc.c - proto/PROTOCOL.md says what the source says: the tables of errors and operations, and the dump of an exchange
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "proto/codec.h"
#include "proto/operation.h"
#include "proto/wire.pb-c.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h> /* last: its macro fail() is in the way of ours */

static char *text; /* the whole page */

static int read_page(void **state)
{
    FILE *file = fopen(CRM_TEST_DATA "/../../proto/PROTOCOL.md", "rb");
    long size;

    (void)state;
    if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0)
        return -1;
    rewind(file);
    text = calloc(1, (size_t)size + 1);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size)
        return -1;
    fclose(file);
    return 0;
}

static int free_page(void **state)
{
    (void)state;
    free(text);
    return 0;
}

/* The part between "<!-- name: checked -->" and the next "<!-- end -->". */
static struct slice part(const char *name)
{
    char mark[64];
    const char *begin, *end;

    snprintf(mark, sizeof(mark), "<!-- %s: checked -->", name);
    begin = strstr(text, mark);
    assert_non_null(begin);
    end = strstr(begin, "<!-- end -->");
    assert_non_null(end);
    return slice_of(begin, (size_t)(end - begin));
}

static bool has(struct slice within, const char *line)
{
    return memmem(within.data, within.size, line, strlen(line)) != NULL;
}

/* Rows of a table, without its two lines of head. */
static size_t rows(struct slice within)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < within.size; i++)
        n += within.data[i] == '\n' && within.data[i + 1] == '|';
    return n - 2;
}

static void test_errors(void **state)
{
    static const char *const lines[] = {
#define ROW(NAME, number, name, sentence, retry, outcome, exit_code)                                                   \
    "\n| " #number " | `" name "` | " sentence " | " #retry " | " #outcome " | " #exit_code " |\n",
        CRM_STATUS_LIST(ROW)
#undef ROW
    };
    struct slice table = part("errors");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!has(table, lines[i]))
            fail_msg("PROTOCOL.md lacks this line:%s", lines[i]);
    assert_int_equal(rows(table), ARRAY_LEN(lines));
}

#define CHUNK_OF_NONE    NULL
#define CHUNK_OF_list    &crm__list_chunk__descriptor
#define CHUNK_OF_history &crm__history_chunk__descriptor
#define CHUNK_OF_upload  &crm__upload_chunk__descriptor
#define CHUNK_OF_audit_list &crm__audit_list_chunk__descriptor
#define CHUNK_OF_sync &crm__sync_chunk__descriptor
#define CHUNK_OF_duplicates &crm__duplicates_chunk__descriptor

static void test_operations(void **state)
{
    static const struct {
        unsigned code;
        const char *name;
        const ProtobufCMessageDescriptor *request, *reply, *chunk;
    } operations[] = {
#define ROW(NAME, number, dotted, REQUEST, REPLY, CHUNK)                                                                   \
    { number, dotted, &crm__##REQUEST##_request__descriptor, &crm__##REPLY##_reply__descriptor, CHUNK_OF_##CHUNK },
        OPERATION_LIST(ROW)
#undef ROW
    };
    struct slice table = part("operations");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        char line[256];

        snprintf(line, sizeof(line), "\n| %u | `%s` | %s | %s | %s | ", operations[i].code, operations[i].name,
                 operations[i].request->short_name, operations[i].chunk ? operations[i].chunk->short_name : "–",
                 operations[i].reply->short_name);
        if (!has(table, line))
            fail_msg("PROTOCOL.md lacks a line that begins with:%s", line);
    }
    assert_int_equal(rows(table), ARRAY_LEN(operations));
}

/* The bytes of one side: of each line "C 0a 1b  note" what stands in columns 2 to 49. */
static void collect(struct slice dump, char side, struct buf *out)
{
    const char *at = (const char *)dump.data, *end = at + dump.size;

    while (at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        const char *stop = next ? next : end;

        for (const char *hex = at + 2; at[0] == side && at[1] == ' ' && hex + 2 <= stop && hex[0] != ' '; hex += 3) {
            char digits[3] = { hex[0], hex[1], '\0' };
            uint8_t byte;

            assert_true(hex_parse(digits, &byte, 1));
            assert_int_equal(buf_append(out, &byte, 1), CRM_OK);
            if (hex + 3 > stop)
                break;
        }
        at = stop + 1;
    }
}

/* The next frame of one side, of this type, its message unpacked. */
static const void *next_message(struct buf *bytes, enum frame_type type, uint32_t code, uint32_t stream,
                                const ProtobufCMessageDescriptor *descriptor, struct arena *arena)
{
    const ProtobufCMessage *base;
    const void *message;
    struct frame frame;
    size_t consumed;

    assert_int_equal(frame_parse(buf_slice(bytes), FRAME_MAX_BEFORE_LOGIN, &frame, &consumed, NULL), FRAME_WHOLE);
    assert_int_equal(frame.header.type, type);
    assert_int_equal(frame.header.code, code);
    assert_int_equal(frame.header.stream, stream);
    assert_int_equal(codec_unpack(&frame, descriptor, FRAME_MAX, arena, &message, NULL), CRM_OK);
    base = message;
    assert_int_equal(base->n_unknown_fields, 0);
    buf_consume(bytes, consumed);
    return message;
}

static void check_client(struct slice dump, struct arena *arena)
{
    const Crm__LoginRequest *login;
    const Crm__GetRequest *get;
    const Crm__Hello *hello;
    struct buf bytes;

    buf_init(&bytes, FRAME_MAX);
    collect(dump, 'C', &bytes);
    hello = next_message(&bytes, FRAME_HELLO, 0, 0, &crm__hello__descriptor, arena);
    assert_int_equal(hello->version_max, FRAME_VERSION);
    assert_int_equal(hello->device.len, 16);
    login = next_message(&bytes, FRAME_REQUEST, OP_LOGIN, 1, &crm__login_request__descriptor, arena);
    assert_string_equal(login->login, "ann");
    get = next_message(&bytes, FRAME_REQUEST, OP_GET, 2, &crm__get_request__descriptor, arena);
    assert_string_equal(get->selector, "D-17");
    assert_int_equal(bytes.size, 0);
    buf_fini(&bytes);
}

static void check_server(struct slice dump, struct arena *arena)
{
    const Crm__LoginReply *login;
    const Crm__Error *error;
    const Crm__Hello *hello;
    struct buf bytes;

    buf_init(&bytes, FRAME_MAX);
    collect(dump, 'S', &bytes);
    hello = next_message(&bytes, FRAME_HELLO, 0, 0, &crm__hello__descriptor, arena);
    assert_int_equal(hello->limits->frame_bytes, FRAME_MAX);
    assert_int_equal(hello->limits->frame_bytes_before_login, FRAME_MAX_BEFORE_LOGIN);
    assert_int_equal(hello->limits->chunk_bytes, FRAME_CHUNK_MAX);
    assert_int_equal(hello->limits->streams, STREAMS_MAX);
    assert_int_equal(hello->limits->stream_credit, STREAM_CREDIT);
    login = next_message(&bytes, FRAME_REPLY, 0, 1, &crm__login_reply__descriptor, arena);
    assert_int_equal(login->token.len, 32);
    error = next_message(&bytes, FRAME_ERROR, CRM_NOT_FOUND, 2, &crm__error__descriptor, arena);
    assert_int_equal(error->status, CRM_NOT_FOUND);
    assert_string_equal(error->name, crm_status_info(CRM_NOT_FOUND)->name);
    assert_int_equal(bytes.size, 0);
    buf_fini(&bytes);
}

static void test_dump(void **state)
{
    struct slice dump = part("dump");
    struct arena arena;

    (void)state;
    arena_init(&arena, 1u << 20);
    check_client(dump, &arena);
    check_server(dump, &arena);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_dump),
    };

    return cmocka_run_group_tests_name("protocol_doc", tests, read_page, free_page);
}
