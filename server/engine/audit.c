/*
 * audit.c - writing, reading and shortening the audit trail
 *
 * Entries are appended by the writer thread alone; read on any thread. Layout of the content, behind the seal (sealed.h), little-endian:
 *
 *      0 u8 act, u8 kind, u16 0          4 u32 times          8 user     24 record     40 i64 at     48 trace
 *     64 u16 size of login, of from, of text, u16 0           72 hash   104 salt     120 login, from, text
 *
 * Of an erased entry the salt is zero and in the place of the texts stands SHA-256(salt ‖ texts), 32 bytes; the sizes stay as they were.
 */
#include "server/engine/audit.h"

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/store/key.h"
#include "server/engine/change.h"
#include "server/engine/core.h"
#include "common/base/sealed.h"

#define SIZES_OFFSET 64
#define HASH_OFFSET  72
#define SALT_OFFSET  104
#define SALT_SIZE    16
#define FIXED_SIZE   120
#define HEAD_SIZE    (8 + SHA256_SIZE)

static const char head_name[] = "audit.head", floor_name[] = "audit.floor";

void audit_make_trace(uint8_t trace[AUDIT_TRACE_SIZE])
{
    static const uint8_t none[AUDIT_TRACE_SIZE];

    if (memcmp(trace, none, sizeof none) == 0)
        random_bytes(trace, AUDIT_TRACE_SIZE);
}

/* An entry's content, taken apart. */
struct content {
    const uint8_t *fixed;
    struct slice texts; /* login, from, text; of an erased entry their digest */
    uint16_t sizes[3];
    bool is_erased;
};

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Sizes that add up, or CRM_CORRUPT: nothing behind it reads past the value. */
static enum crm_status open_entry(struct slice value, struct content *out)
{
    struct slice content;
    enum crm_status status = sealed_open(value, FIXED_SIZE, &content);

    if (status != CRM_OK)
        return status;
    out->fixed = content.data;
    out->texts = slice_of(content.data + FIXED_SIZE, content.size - FIXED_SIZE);
    memcpy(out->sizes, content.data + SIZES_OFFSET, sizeof out->sizes);
    out->is_erased = is_zero(content.data + SALT_OFFSET, SALT_SIZE);
    return out->texts.size == (out->is_erased ? SHA256_SIZE : (size_t)out->sizes[0] + out->sizes[1] + out->sizes[2]) ? CRM_OK : CRM_CORRUPT;
}

static void texts_hash(const struct content *content, uint8_t out[SHA256_SIZE])
{
    const struct slice secret[] = { slice_of(content->fixed + SALT_OFFSET, SALT_SIZE), content->texts };

    if (content->is_erased)
        memcpy(out, content->texts.data, SHA256_SIZE);
    else
        sha256(secret, ARRAY_LEN(secret), out);
}

/* hash(previous ‖ metadata ‖ SHA-256(salt ‖ texts)) */
static void chain_hash(const uint8_t previous[SHA256_SIZE], const struct content *content, uint8_t out[SHA256_SIZE])
{
    uint8_t secret[SHA256_SIZE];
    const struct slice parts[] = {
        slice_of(previous, SHA256_SIZE),
        slice_of(content->fixed, HASH_OFFSET),
        slice_of(secret, SHA256_SIZE),
    };

    texts_hash(content, secret);
    sha256(parts, ARRAY_LEN(parts), out);
}

/* --- the two ends of the chain */

static enum crm_status load_end(const struct view *view, const char *name, struct audit_head *out_end)
{
    uint8_t bytes[HEAD_SIZE];
    enum crm_status status = meta_get(view, name, bytes, sizeof bytes);

    *out_end = (struct audit_head){ .is_loaded = true };
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status != CRM_OK)
        return status;
    memcpy(&out_end->number, bytes, 8);
    memcpy(out_end->hash, bytes + 8, SHA256_SIZE);
    return CRM_OK;
}

static enum crm_status put_end(struct change_group *group, const char *name, const struct audit_head *end)
{
    uint8_t bytes[HEAD_SIZE];

    memcpy(bytes, &end->number, 8);
    memcpy(bytes + 8, end->hash, SHA256_SIZE);
    return meta_put(group->set, name, bytes, sizeof bytes, group->arena);
}

enum crm_status audit_head_load(const struct view *view, struct audit_head *out_head)
{
    return load_end(view, head_name, out_head);
}

enum crm_status audit_floor_load(const struct view *view, struct audit_head *out_floor)
{
    return load_end(view, floor_name, out_floor);
}

/* --- appending */

static void put_fixed(uint8_t *out, const struct audit_entry *entry, const struct slice texts[3])
{
    uint32_t times = entry->times ? entry->times : 1;

    memset(out, 0, FIXED_SIZE);
    out[0] = (uint8_t)entry->act;
    out[1] = (uint8_t)entry->kind;
    memcpy(out + 4, &times, sizeof times);
    memcpy(out + 8, entry->user.bytes, UUID_SIZE);
    memcpy(out + 24, entry->record.bytes, UUID_SIZE);
    memcpy(out + 40, &entry->at_us, 8);
    memcpy(out + 48, entry->trace, AUDIT_TRACE_SIZE);
    for (size_t i = 0; i < 3; i++) {
        uint16_t size = (uint16_t)texts[i].size;

        memcpy(out + SIZES_OFFSET + 2 * i, &size, sizeof size);
    }
    do
        random_bytes(out + SALT_OFFSET, SALT_SIZE);
    while (is_zero(out + SALT_OFFSET, SALT_SIZE)); /* zero means erased */
}

enum crm_status audit_append(struct change_group *group, struct audit_entry *entry)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    const struct slice given[] = { entry->login, entry->from, entry->text };
    struct slice texts[3], value;
    struct audit_head head = group->audit;
    struct content content;
    uint8_t *out, *sealed, *at;
    size_t size = FIXED_SIZE;
    struct key key = { 0 };
    enum crm_status status = head.is_loaded ? CRM_OK : audit_head_load(&view, &head);

    for (size_t i = 0; i < 3; i++) {
        texts[i] = slice_of(given[i].data, text_prefix_size(given[i], AUDIT_TEXT_MAX));
        size += texts[i].size;
    }
    sealed = sealed_alloc(group->arena, size, &out);
    if (status != CRM_OK || !sealed)
        return status != CRM_OK ? status : CRM_NO_MEMORY;
    if (!entry->at_us)
        entry->at_us = group->now_us;
    put_fixed(out, entry, texts);
    at = out + FIXED_SIZE;
    for (size_t i = 0; i < 3; at += texts[i++].size)
        if (texts[i].size)
            memcpy(at, texts[i].data, texts[i].size);
    content = (struct content){ .fixed = out, .texts = slice_of(out + FIXED_SIZE, size - FIXED_SIZE) };
    chain_hash(head.hash, &content, entry->hash);
    memcpy(out + HASH_OFFSET, entry->hash, SHA256_SIZE);
    value = sealed_close(sealed, size);

    entry->number = ++head.number;
    memcpy(head.hash, entry->hash, SHA256_SIZE);
    key_u64(&key, entry->number);
    status = writeset_put(group->set, STORE_AUDIT, key_slice(&key), value);
    if (status == CRM_OK)
        status = put_end(group, head_name, &head);
    if (status == CRM_OK)
        group->audit = head;
    return status;
}

/* --- reading */

enum crm_status audit_decode(uint64_t number, struct slice value, struct audit_entry *out_entry)
{
    struct content content;
    enum crm_status status = open_entry(value, &content);
    const uint8_t *c = content.fixed, *texts = content.texts.data;

    if (status != CRM_OK)
        return status;
    *out_entry = (struct audit_entry){ .number = number, .act = (Crm__AuditAct)c[0], .kind = c[1], .is_erased = content.is_erased };
    memcpy(&out_entry->times, c + 4, 4);
    memcpy(out_entry->user.bytes, c + 8, UUID_SIZE);
    memcpy(out_entry->record.bytes, c + 24, UUID_SIZE);
    memcpy(&out_entry->at_us, c + 40, 8);
    memcpy(out_entry->trace, c + 48, AUDIT_TRACE_SIZE);
    memcpy(out_entry->hash, c + HASH_OFFSET, SHA256_SIZE);
    if (content.is_erased)
        return CRM_OK;
    out_entry->login = slice_of(texts, content.sizes[0]);
    out_entry->from = slice_of(texts + content.sizes[0], content.sizes[1]);
    out_entry->text = slice_of(texts + content.sizes[0] + content.sizes[1], content.sizes[2]);
    return CRM_OK;
}

enum crm_status audit_before(const struct view *view, uint64_t number, struct audit_entry *out_entry)
{
    struct key end = { 0 };
    struct slice key, value;
    enum crm_status status;

    key_u64(&end, number);
    status = view_seek(view, STORE_AUDIT, &(struct store_range){ .to = key_slice(&end), .reverse = true }, &key, &value);
    if (status != CRM_OK)
        return status;
    return key.size == 8 ? audit_decode(key_read_u64(key.data), value, out_entry) : CRM_CORRUPT;
}

bool audit_verify(const uint8_t previous_hash[SHA256_SIZE], struct slice value, uint8_t out_hash[SHA256_SIZE])
{
    struct content content;

    if (open_entry(value, &content) != CRM_OK)
        return false;
    chain_hash(previous_hash, &content, out_hash);
    return memcmp(out_hash, content.fixed + HASH_OFFSET, SHA256_SIZE) == 0;
}

enum crm_status audit_erase_texts(struct slice value, struct arena *arena, struct slice *out_value)
{
    struct content content;
    uint8_t *out, *sealed;
    enum crm_status status = open_entry(value, &content);

    if (status != CRM_OK)
        return status;
    sealed = sealed_alloc(arena, FIXED_SIZE + SHA256_SIZE, &out);
    if (!sealed)
        return CRM_NO_MEMORY;
    memcpy(out, content.fixed, FIXED_SIZE);
    memset(out + SALT_OFFSET, 0, SALT_SIZE);
    texts_hash(&content, out + FIXED_SIZE);
    *out_value = sealed_close(sealed, FIXED_SIZE + SHA256_SIZE);
    return CRM_OK;
}

/* --- retention */

enum crm_status audit_prune(struct change_group *group, int64_t before_us, unsigned max)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct audit_head floor;
    struct audit_entry entry;
    struct slice key, value;
    unsigned n = 0;
    enum crm_status status = audit_floor_load(&view, &floor);

    for (; status == CRM_OK && n < max; n++) {
        struct key next = { 0 };

        key_u64(&next, floor.number + 1);
        status = view_seek(&view, STORE_AUDIT, &(struct store_range){ .from = key_slice(&next) }, &key, &value);
        if (status == CRM_OK)
            status = slice_equal(key, key_slice(&next)) ? audit_decode(floor.number + 1, value, &entry) : CRM_CORRUPT;
        if (status != CRM_OK || entry.at_us >= before_us)
            break;
        status = writeset_delete(group->set, STORE_AUDIT, key_slice(&next));
        floor.number = entry.number;
        memcpy(floor.hash, entry.hash, SHA256_SIZE);
    }
    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    return n > 0 ? put_end(group, floor_name, &floor) : CRM_OK;
}
