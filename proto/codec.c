/*
 * codec.c - packs messages straight into an output buffer, unpacks them into an arena, compresses where asked
 *
 * Called by both ends, on any thread. Owns one pair of zstd contexts for each thread that has compressed; each is reset before every use, so
 * that nothing of one message can show in another.
 */
#include "proto/codec.h"

#include <pthread.h>
#include <stdlib.h>

#include <zstd.h>

#include "proto/check.h"

#define ZSTD_LEVEL        3
#define ZSTD_WINDOW_LOG   20
#define EXPANSION_MAX     8
#define EXPANSION_FREE    (64u * 1024)

/* One thread's zstd state, freed when the thread ends. */
struct zstd_pair {
    ZSTD_CCtx *compress;     /* NULL until used */
    ZSTD_DCtx *decompress;
};

static pthread_once_t pair_once = PTHREAD_ONCE_INIT;
static pthread_key_t pair_key;
static bool pair_key_is_made;

static void pair_destroy(void *arg)
{
    struct zstd_pair *pair = arg;

    ZSTD_freeCCtx(pair->compress);
    ZSTD_freeDCtx(pair->decompress);
    free(pair);
}

static void pair_key_make(void)
{
    pair_key_is_made = pthread_key_create(&pair_key, pair_destroy) == 0;
}

/* The calling thread's, NULL when memory is spent. */
static struct zstd_pair *pair_get(void)
{
    struct zstd_pair *pair;

    pthread_once(&pair_once, pair_key_make);
    if (!pair_key_is_made)
        return NULL;
    pair = pthread_getspecific(pair_key);
    if (pair)
        return pair;
    pair = calloc(1, sizeof(*pair));
    if (pair && pthread_setspecific(pair_key, pair) != 0) {
        free(pair);
        return NULL;
    }
    return pair;
}

static ZSTD_CCtx *compressor_get(void)
{
    struct zstd_pair *pair = pair_get();

    if (!pair)
        return NULL;
    if (!pair->compress) {
        ZSTD_CCtx *fresh = ZSTD_createCCtx();

        if (!fresh)
            return NULL;
        if (ZSTD_isError(ZSTD_CCtx_setParameter(fresh, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(fresh, ZSTD_c_windowLog, ZSTD_WINDOW_LOG))) {
            ZSTD_freeCCtx(fresh);
            return NULL;
        }
        pair->compress = fresh;
    }
    ZSTD_CCtx_reset(pair->compress, ZSTD_reset_session_only);
    return pair->compress;
}

static ZSTD_DCtx *decompressor_get(void)
{
    struct zstd_pair *pair = pair_get();

    if (!pair)
        return NULL;
    if (!pair->decompress)
        pair->decompress = ZSTD_createDCtx();
    if (pair->decompress)
        ZSTD_DCtx_reset(pair->decompress, ZSTD_reset_session_only);
    return pair->decompress;
}

static size_t expansion_limit(size_t compressed)
{
    return compressed * EXPANSION_MAX + EXPANSION_FREE;
}

/*
 * The size of body compressed into scratch, which has room for size bytes; 0 where compressing does not pay, fails, or gives something
 * that the other side would take for a bomb: then it is sent as it is.
 */
static size_t compress_body(const uint8_t *body, size_t size, uint8_t *scratch)
{
    ZSTD_CCtx *compressor = compressor_get();
    size_t n;

    if (!compressor)
        return 0;
    n = ZSTD_compress2(compressor, scratch, size - 1, body, size);
    return ZSTD_isError(n) || size > expansion_limit(n) ? 0 : n;
}

/* Nothing is allocated before the declared size has passed both limits. */
static enum crm_status decompress_body(struct slice body, size_t max_body, struct arena *arena, struct slice *out,
                                       struct failure *failure)
{
    unsigned long long size = ZSTD_getFrameContentSize(body.data, body.size);
    ZSTD_DCtx *decompressor;
    uint8_t *plain;

    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size == 0)
        return fail(failure, CRM_INVALID, NULL, "the body is not a zstd frame with its content size");
    if (size > max_body || size > expansion_limit(body.size))
        return fail(failure, CRM_TOO_LARGE, NULL, "the body is too large when decompressed");
    if (ZSTD_findFrameCompressedSize(body.data, body.size) != body.size)
        return fail(failure, CRM_INVALID, NULL, "the body is not exactly one zstd frame");

    decompressor = decompressor_get();
    plain = arena_alloc(arena, (size_t)size);
    if (!decompressor || !plain)
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory to decompress a body");
    if (ZSTD_decompressDCtx(decompressor, plain, (size_t)size, body.data, body.size) != size)
        return fail(failure, CRM_INVALID, NULL, "the zstd frame is damaged");
    *out = slice_of(plain, (size_t)size);
    return CRM_OK;
}

/* Room for more bytes, or why there is none. */
static enum crm_status reserve(struct buf *out, size_t more, uint8_t **out_room)
{
    uint8_t *room = buf_reserve(out, more);

    if (!room)
        return out->size > out->max || more > out->max - out->size ? CRM_TOO_LARGE : CRM_NO_MEMORY;
    *out_room = room;
    return CRM_OK;
}

enum crm_status codec_unpack_body(struct slice body, const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
                                  const void **out_message, struct failure *failure)
{
    struct check_limits limits = check_limits_for(body.size);

    return codec_unpack_within(body, descriptor, &limits, arena, out_message, failure);
}

enum crm_status codec_unpack_within(struct slice body, const ProtobufCMessageDescriptor *descriptor, const struct check_limits *limits,
                                    struct arena *arena, const void **out_message, struct failure *failure)
{
    enum crm_status status = check_body(descriptor, body, limits, failure);
    const void *message;

    if (status)
        return status;
    message = protobuf_c_message_unpack(descriptor, &arena->protobuf, body.size, body.data);
    if (!message) /* the check has left only one reason */
        return fail(failure, CRM_NO_MEMORY, NULL, "no memory to unpack a body");
    *out_message = message;
    return CRM_OK;
}

enum crm_status codec_unpack(const struct frame *frame, const ProtobufCMessageDescriptor *descriptor, size_t max_body,
                             struct arena *arena, const void **out_message, struct failure *failure)
{
    struct slice body = frame->body;

    if (frame->header.flags & FRAME_ZSTD) {
        enum crm_status status = decompress_body(frame->body, max_body, arena, &body, failure);

        if (status)
            return status;
    } else if (body.size > max_body) {
        return fail(failure, CRM_TOO_LARGE, NULL, "the body is too large");
    }
    return codec_unpack_body(body, descriptor, arena, out_message, failure);
}

/* message, or what was packed of one before (message NULL). */
static enum crm_status append(struct buf *out, const struct frame_header *header, const ProtobufCMessage *message, struct slice packed,
                              bool compress)
{
    size_t size = message ? protobuf_c_message_get_packed_size(message) : packed.size;
    struct frame_header final = *header;
    enum crm_status status;
    uint8_t *room;

    if (size > FRAME_MAX)
        return CRM_TOO_LARGE;
    compress = compress && size > COMPRESS_FROM;
    /* Compressed behind the plain body, then moved to the front; where that does not fit the buffer, not at all. */
    if (compress && reserve(out, FRAME_HEADER_SIZE + 2 * size, &room) != CRM_OK)
        compress = false;
    if (!compress) {
        status = reserve(out, FRAME_HEADER_SIZE + size, &room);
        if (status)
            return status;
    }

    if (message)
        protobuf_c_message_pack(message, room + FRAME_HEADER_SIZE);
    else if (size > 0)
        memcpy(room + FRAME_HEADER_SIZE, packed.data, size);
    if (compress) {
        uint8_t *scratch = room + FRAME_HEADER_SIZE + size;
        size_t n = compress_body(room + FRAME_HEADER_SIZE, size, scratch);

        if (n > 0) {
            memcpy(room + FRAME_HEADER_SIZE, scratch, n); /* n < size: they do not overlap */
            final.flags |= FRAME_ZSTD;
            size = n;
        }
    }
    final.length = (uint32_t)size;
    frame_put_header(room, &final);
    buf_commit(out, FRAME_HEADER_SIZE + size);
    return CRM_OK;
}

enum crm_status codec_append(struct buf *out, const struct frame_header *header, const ProtobufCMessage *message, bool compress)
{
    return append(out, header, message, (struct slice){ 0 }, compress);
}

enum crm_status codec_append_packed(struct buf *out, const struct frame_header *header, struct slice body, bool compress)
{
    return append(out, header, NULL, body, compress);
}

enum crm_status codec_pack(const ProtobufCMessage *message, struct arena *arena, struct slice *out_bytes)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, size > 0 ? size : 1);

    if (!bytes)
        return CRM_NO_MEMORY;
    protobuf_c_message_pack(message, bytes);
    *out_bytes = slice_of(bytes, size);
    return CRM_OK;
}
