/*
 * frames.c - requests that are packed before the clock runs
 *
 * The bench's single thread.
 */
#include "tests/bench/frames.h"

#include <stdlib.h>

#include "common/model/kind.h"
#include "proto/codec.h"
#include "proto/operation.h"
#include "tests/bench/echo_link.h"
#include "tests/bench/sample.h"

#define BYTES_MAX     ((size_t)256 << 20)
#define STREAM_OFFSET 12 /* in a frame's header */
#define PAGE_ROWS     100
#define SEARCH_ROWS   20
#define PREFIX_NARROW 5
#define PREFIX_BROAD  3
#define CJK_PAIR      6 /* bytes of two characters */
#define PHONE_DIGITS  6
#define SEED          7

void frames_init(struct frames *frames)
{
    *frames = (struct frames){ 0 };
    buf_init(&frames->bytes, BYTES_MAX);
}

void frames_fini(struct frames *frames)
{
    buf_fini(&frames->bytes);
    free(frames->ends);
    *frames = (struct frames){ 0 };
}

/* What has been appended to bytes is one more frame. */
static enum crm_status close_frame(struct frames *frames, struct failure *failure)
{
    if (frames->n == frames->capacity) {
        size_t capacity = frames->capacity ? 2 * frames->capacity : 1024;
        size_t *more = realloc(frames->ends, capacity * sizeof *more);

        if (!more)
            return fail(failure, CRM_NO_MEMORY, NULL, "no memory for requests");
        frames->ends = more;
        frames->capacity = capacity;
    }
    frames->ends[frames->n++] = frames->bytes.size;
    return CRM_OK;
}

enum crm_status frames_add(struct frames *frames, uint32_t code, const ProtobufCMessage *request,
                           struct failure *failure)
{
    const struct frame_header header = { .type = FRAME_REQUEST, .code = code };
    enum crm_status status = codec_append(&frames->bytes, &header, request, false);

    return status == CRM_OK ? close_frame(frames, failure)
                            : fail(failure, status, NULL, "a request cannot be packed");
}

static struct slice frame_at(const struct frames *frames, size_t i)
{
    size_t begin = i ? frames->ends[i - 1] : 0;

    return slice_of(buf_slice(&frames->bytes).data + begin, frames->ends[i] - begin);
}

bool frames_next(void *arg, const struct load_turn *turn, struct buf *out)
{
    struct frames *frames = arg;
    struct slice frame = frame_at(frames, frames->at);
    uint8_t *room = buf_reserve(out, frame.size);

    if (!room)
        return false;
    memcpy(room, frame.data, frame.size);
    for (int i = 0; i < 4; i++)
        room[STREAM_OFFSET + i] = (uint8_t)(turn->stream >> (8 * i));
    buf_commit(out, frame.size);
    frames->at = frames->at + 1 == frames->n ? 0 : frames->at + 1;
    return true;
}

/* --- what is asked */

enum crm_status frames_add_gets(struct frames *frames, size_t n, uint64_t n_customers,
                                struct failure *failure)
{
    struct sample_random random = { .state = SEED };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        Crm__GetRequest request = CRM__GET_REQUEST__INIT;
        struct uuid id;

        sample_customer_id(sample_random_below(&random, n_customers), &id);
        request.has_kind = request.has_id = true;
        request.kind = KIND_CUSTOMER;
        request.id = (ProtobufCBinaryData){ .data = id.bytes, .len = UUID_SIZE };
        status = frames_add(frames, OP_GET, &request.base, failure);
    }
    return status;
}

enum crm_status frames_add_echoes(struct frames *frames, const struct frames *like,
                                  uint32_t reply_size, struct failure *failure)
{
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < like->n && status == CRM_OK; i++) {
        struct slice model = frame_at(like, i);
        struct frame_header header = {
            .type = FRAME_REQUEST,
            .code = ECHO_REPLY,
            .length = (uint32_t)(model.size - FRAME_HEADER_SIZE),
        };
        uint8_t *room = buf_reserve(&frames->bytes, model.size);

        if (!room)
            return fail(failure, CRM_NO_MEMORY, NULL, "no memory for requests");
        memcpy(room, model.data, model.size);
        frame_put_header(room, &header);
        for (int b = 0; b < 4; b++)
            room[FRAME_HEADER_SIZE + b] = (uint8_t)(reply_size >> (8 * b));
        buf_commit(&frames->bytes, model.size);
        status = close_frame(frames, failure);
    }
    return status;
}

enum crm_status frames_add_pages(struct frames *frames, size_t n, uint32_t sort_field,
                                 struct peer *peer, uint64_t n_customers, struct failure *failure)
{
    Crm__ListRequest request = CRM__LIST_REQUEST__INIT;
    Crm__Sort sort = CRM__SORT__INIT, *sorts[] = { &sort };
    uint64_t n_pages = n_customers / PAGE_ROWS, step = n_pages / n ? n_pages / n : 1;
    struct arena arenas[2];
    enum crm_status status = CRM_OK;

    sort.has_field = true;
    sort.field = sort_field;
    request.has_kind = request.has_limit = true;
    request.kind = KIND_CUSTOMER;
    request.n_sort = sort_field != 0;
    request.sort = sorts;
    arena_init(&arenas[0], FRAME_MAX);
    arena_init(&arenas[1], FRAME_MAX);
    for (uint64_t i = 0; i < n_pages && frames->n < n && status == CRM_OK; i += step) {
        struct arena *arena = &arenas[i / step % 2]; /* the token lives in the other one */
        const void *reply;

        request.limit = PAGE_ROWS;
        status = frames_add(frames, OP_LIST, &request.base, failure);
        request.limit = (uint32_t)(PAGE_ROWS * step);
        arena_reset(arena);
        if (status == CRM_OK)
            status = peer_call(peer, OP_LIST, &request.base, &crm__list_reply__descriptor, arena,
                               &reply, failure);
        if (status != CRM_OK || !((const Crm__ListReply *)reply)->has_token)
            break;
        request.has_token = true;
        request.token = ((const Crm__ListReply *)reply)->token;
    }
    arena_fini(&arenas[0]);
    arena_fini(&arenas[1]);
    return status;
}

/* What somebody who looks for this customer types, in the nth way; broadly, so that many others are
 * found too. */
static void search_text(const struct sample_customer *customer, unsigned way, bool is_broad,
                        char *out, size_t size)
{
    if (way == 0)
        snprintf(out, size, "%.*s", is_broad ? PREFIX_BROAD : PREFIX_NARROW, customer->brand);
    else if (way == 1)
        snprintf(out, size, "%.*s", CJK_PAIR, is_broad ? customer->name : customer->brand);
    else if (way == 2)
        snprintf(out, size, "%s", customer->phone + strlen(customer->phone) - PHONE_DIGITS);
    else
        snprintf(out, size, "%s", SAMPLE_COMMON_WORD);
}

enum crm_status frames_add_searches(struct frames *frames, size_t n, bool all_broad,
                                    uint64_t n_customers, struct failure *failure)
{
    struct sample_random random = { .state = SEED };
    enum crm_status status = CRM_OK;

    for (size_t i = 0; i < n && status == CRM_OK; i++) {
        Crm__SearchRequest request = CRM__SEARCH_REQUEST__INIT;
        struct sample_customer customer;
        unsigned way = i % 4;
        char text[64];

        do
            sample_customer_fill(sample_random_below(&random, n_customers), &customer);
        while (way < 2 && customer.is_chinese != (way == 1));
        search_text(&customer, way, all_broad || i / 4 % 2, text, sizeof text);
        request.text = text;
        request.has_limit = true;
        request.limit = SEARCH_ROWS;
        status = frames_add(frames, OP_SEARCH, &request.base, failure);
    }
    return status;
}

enum crm_status frames_add_report(struct frames *frames, struct failure *failure)
{
    Crm__ReportRequest request = CRM__REPORT_REQUEST__INIT;
    char *group[] = { (char *)"stage" };

    request.name = (char *)"pipeline";
    request.n_group = 1;
    request.group = group;
    return frames_add(frames, OP_REPORT, &request.base, failure);
}
