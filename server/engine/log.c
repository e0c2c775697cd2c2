/*
 * log.c - writing, reading and walking the log
 *
 * Entries are appended by the writer thread alone; read on any thread. Layout of the content, behind the seal (sealed.h), little-endian:
 *
 *      0 u8 verb, u8 kind, u16 flags        4 u32 number of changed references
 *      8 id        24 u64 rev     32 by     48 i64 recorded   56 i64 happened   64 u64 before   72 job
 *     88 u64 number   96 u16 size of from   98 u16 size of action   100 u32 size of values
 *    104 hash      136 salt      152 from, action, changed (u32 each), values
 *
 * values = owner, team and root as they were where one of them changed, then sort u8, principal, rights u8, until i64, old rights u8, old until i64
 * where a grant changed, then u16 size and text of a reason where one was given, then the packed fields. The chain runs over the metadata and
 * SHA-256(salt ‖ values), so that erasing a person's values leaves the chain whole (DESIGN 10): of an erased entry the salt is zero and in the place of
 * the values stands that digest; the size of the values stays as it was.
 */
#include "server/engine/log.h"

#include "common/base/clock.h"
#include "common/store/key.h"
#include "common/base/sealed.h"

#define HASH_OFFSET  104
#define SALT_OFFSET  136
#define SALT_SIZE    16
#define FIXED_SIZE   152
#define OLD_SIZE     (3 * UUID_SIZE)
#define GRANT_SIZE   (1 + UUID_SIZE + 2 * (1 + 8))
#define CHANGED_MAX  BODY_FIELDS_MAX

static void put_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static uint16_t get_u16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return value;
}

static bool is_erased(const uint8_t *content)
{
    static const uint8_t none[SALT_SIZE];

    return memcmp(content + SALT_OFFSET, none, SALT_SIZE) == 0;
}

static bool has_old_header(const struct log_entry *entry)
{
    return (entry->flags & LOG_ROOT) || field_set_has(&entry->changed, HEADER_OWNER) || field_set_has(&entry->changed, HEADER_TEAM);
}

/* SHA-256(salt ‖ values) */
static void values_digest(const uint8_t *content, size_t size, size_t values_size, uint8_t out[SHA256_SIZE])
{
    const struct slice secret[] = {
        slice_of(content + SALT_OFFSET, SALT_SIZE),
        slice_of(content + size - values_size, values_size),
    };

    if (is_erased(content))
        memcpy(out, content + size - values_size, SHA256_SIZE);
    else
        sha256(secret, ARRAY_LEN(secret), out);
}

/* hash(previous ‖ metadata ‖ SHA-256(salt ‖ values)); metadata is everything before the hash and everything between salt and values. */
static void chain_hash(const uint8_t previous[SHA256_SIZE], const uint8_t *content, size_t size, size_t values_size,
                       uint8_t out[SHA256_SIZE])
{
    uint8_t values_hash[SHA256_SIZE];
    const struct slice parts[] = {
        slice_of(previous, SHA256_SIZE),
        slice_of(content, HASH_OFFSET),
        slice_of(content + FIXED_SIZE, size - FIXED_SIZE - values_size),
        slice_of(values_hash, SHA256_SIZE),
    };

    values_digest(content, size, values_size, values_hash);
    sha256(parts, ARRAY_LEN(parts), out);
}

static void put_fixed(uint8_t *content, const struct log_entry *entry, size_t values_size)
{
    uint32_t n_changed = (uint32_t)entry->changed.n, size = (uint32_t)values_size;
    uint16_t flags = (uint16_t)entry->flags, from_size = (uint16_t)entry->from.size, action_size = (uint16_t)entry->action.size;

    content[0] = (uint8_t)entry->verb;
    content[1] = (uint8_t)entry->kind;
    memcpy(content + 2, &flags, sizeof flags);
    memcpy(content + 4, &n_changed, sizeof n_changed);
    memcpy(content + 8, entry->id.bytes, UUID_SIZE);
    put_u64(content + 24, entry->rev);
    memcpy(content + 32, entry->by.bytes, UUID_SIZE);
    put_u64(content + 48, (uint64_t)entry->recorded_us);
    put_u64(content + 56, (uint64_t)entry->happened_us);
    put_u64(content + 64, entry->before);
    memcpy(content + 72, entry->job.bytes, UUID_SIZE);
    put_u64(content + 88, entry->number);
    memcpy(content + 96, &from_size, sizeof from_size);
    memcpy(content + 98, &action_size, sizeof action_size);
    memcpy(content + 100, &size, sizeof size);
    do
        random_bytes(content + SALT_OFFSET, SALT_SIZE);
    while (is_erased(content));
}

static uint8_t *put_bytes(uint8_t *at, const void *bytes, size_t size)
{
    if (size)
        memcpy(at, bytes, size);
    return at + size;
}

static uint8_t *put_grant(uint8_t *at, const struct log_entry *entry)
{
    at[0] = (uint8_t)entry->grant.sort;
    memcpy(at + 1, entry->grant.principal.bytes, UUID_SIZE);
    at[17] = (uint8_t)entry->grant.rights;
    put_u64(at + 18, (uint64_t)entry->grant.until_us);
    at[26] = (uint8_t)entry->old_rights;
    put_u64(at + 27, (uint64_t)entry->old_until_us);
    return at + GRANT_SIZE;
}

static void get_grant(const uint8_t *at, struct log_entry *entry)
{
    entry->grant = (struct grant){ .sort = at[0], .rights = at[17], .until_us = (int64_t)get_u64(at + 18) };
    memcpy(entry->grant.principal.bytes, at + 1, UUID_SIZE);
    entry->old_rights = at[26];
    entry->old_until_us = (int64_t)get_u64(at + 27);
}

enum crm_status log_append(struct log_head *head, struct writeset *set, struct log_entry *entry, struct arena *arena)
{
    size_t old_size = has_old_header(entry) ? OLD_SIZE : 0;
    size_t grant_size = entry->flags & LOG_GRANT ? GRANT_SIZE : 0;
    size_t reason_size = entry->reason.size ? 2 + entry->reason.size : 0;
    size_t values_size = old_size + grant_size + reason_size + entry->previous.size;
    size_t size = FIXED_SIZE + entry->from.size + entry->action.size + 4 * entry->changed.n + values_size;
    uint8_t *content, *value = sealed_alloc(arena, size, &content);
    uint8_t *at;
    struct key key = { 0 };
    enum crm_status status;

    if (!value)
        return CRM_NO_MEMORY;
    if (size + SEALED_HEADER_SIZE > STORE_VALUE_MAX || entry->reason.size > UINT16_MAX)
        return CRM_TOO_LARGE;
    entry->flags |= reason_size ? LOG_REASON : 0;
    put_fixed(content, entry, values_size);
    at = put_bytes(content + FIXED_SIZE, entry->from.data, entry->from.size);
    at = put_bytes(at, entry->action.data, entry->action.size);
    at = put_bytes(at, entry->changed.refs, 4 * entry->changed.n);
    if (old_size) {
        at = put_bytes(at, entry->old_owner.bytes, UUID_SIZE);
        at = put_bytes(at, entry->old_team.bytes, UUID_SIZE);
        at = put_bytes(at, entry->old_root.bytes, UUID_SIZE);
    }
    if (grant_size)
        at = put_grant(at, entry);
    if (reason_size) {
        at = put_bytes(at, &(uint16_t){ (uint16_t)entry->reason.size }, 2);
        at = put_bytes(at, entry->reason.data, entry->reason.size);
    }
    put_bytes(at, entry->previous.data, entry->previous.size);
    chain_hash(head->hash, content, size, values_size, entry->hash);
    memcpy(content + HASH_OFFSET, entry->hash, SHA256_SIZE);

    entry->seq = head->seq + 1;
    key_u64(&key, entry->seq);
    status = writeset_put(set, STORE_LOG, key_slice(&key), sealed_close(value, size));
    if (status != CRM_OK)
        return status;
    head->seq = entry->seq;
    memcpy(head->hash, entry->hash, SHA256_SIZE);
    return CRM_OK;
}

/* Sizes that add up, or CRM_CORRUPT: nothing behind it reads past the value. *out_values_size: as they stand there, of an erased entry the digest's. */
static enum crm_status open_entry(struct slice value, struct slice *out_content, size_t *out_values_size)
{
    enum crm_status status = sealed_open(value, FIXED_SIZE, out_content);
    size_t n_changed, values_size;

    if (status != CRM_OK)
        return status;
    n_changed = get_u32(out_content->data + 4);
    values_size = is_erased(out_content->data) ? SHA256_SIZE : get_u32(out_content->data + 100);
    if (n_changed > CHANGED_MAX || values_size > STORE_VALUE_MAX ||
        FIXED_SIZE + (size_t)get_u16(out_content->data + 96) + get_u16(out_content->data + 98) + 4 * n_changed + values_size !=
            out_content->size)
        return CRM_CORRUPT;
    *out_values_size = values_size;
    return CRM_OK;
}

/* The variable part: from, action, changed references, values. */
static enum crm_status decode_rest(const uint8_t *at, size_t values_size, struct arena *arena, struct log_entry *entry,
                                   size_t from_size, size_t action_size)
{
    entry->from = slice_of(at, from_size);
    entry->action = slice_of(at + from_size, action_size);
    at += from_size + action_size;
    entry->changed.refs = arena_alloc(arena, 4 * entry->changed.n + 1);
    if (!entry->changed.refs)
        return CRM_NO_MEMORY;
    memcpy(entry->changed.refs, at, 4 * entry->changed.n);
    at += 4 * entry->changed.n;
    if (entry->is_erased)
        return CRM_OK;
    if (has_old_header(entry)) {
        if (values_size < OLD_SIZE)
            return CRM_CORRUPT;
        memcpy(entry->old_owner.bytes, at, UUID_SIZE);
        memcpy(entry->old_team.bytes, at + UUID_SIZE, UUID_SIZE);
        memcpy(entry->old_root.bytes, at + 2 * UUID_SIZE, UUID_SIZE);
        at += OLD_SIZE;
        values_size -= OLD_SIZE;
    }
    if (entry->flags & LOG_GRANT) {
        if (values_size < GRANT_SIZE)
            return CRM_CORRUPT;
        get_grant(at, entry);
        at += GRANT_SIZE;
        values_size -= GRANT_SIZE;
    }
    if (entry->flags & LOG_REASON) {
        if (values_size < 2 || values_size - 2 < get_u16(at))
            return CRM_CORRUPT;
        entry->reason = slice_of(at + 2, get_u16(at));
        at += 2 + entry->reason.size;
        values_size -= 2 + entry->reason.size;
    }
    entry->previous = slice_of(at, values_size);
    return CRM_OK;
}

enum crm_status log_decode(uint64_t seq, struct slice value, struct arena *arena, struct log_entry *out_entry)
{
    struct slice content;
    size_t values_size;
    enum crm_status status = open_entry(value, &content, &values_size);
    const uint8_t *c = content.data;

    if (status != CRM_OK)
        return status;
    *out_entry = (struct log_entry){
        .seq = seq,
        .verb = c[0],
        .kind = c[1],
        .flags = get_u16(c + 2),
        .changed = { .n = get_u32(c + 4) },
        .rev = get_u64(c + 24),
        .recorded_us = (int64_t)get_u64(c + 48),
        .happened_us = (int64_t)get_u64(c + 56),
        .before = get_u64(c + 64),
        .number = get_u64(c + 88),
        .is_erased = is_erased(c),
    };
    memcpy(out_entry->id.bytes, c + 8, UUID_SIZE);
    memcpy(out_entry->by.bytes, c + 32, UUID_SIZE);
    memcpy(out_entry->job.bytes, c + 72, UUID_SIZE);
    memcpy(out_entry->hash, c + HASH_OFFSET, SHA256_SIZE);
    return decode_rest(c + FIXED_SIZE, values_size, arena, out_entry, get_u16(c + 96), get_u16(c + 98));
}

enum crm_status log_read(const struct view *view, uint64_t seq, struct arena *arena, struct log_entry *out_entry)
{
    struct key key = { 0 };
    struct slice value;
    enum crm_status status;

    key_u64(&key, seq);
    status = view_get(view, STORE_LOG, key_slice(&key), &value);
    return status == CRM_OK ? log_decode(seq, value, arena, out_entry) : status;
}

bool log_verify(const uint8_t previous_hash[SHA256_SIZE], struct slice value, uint8_t out_hash[SHA256_SIZE])
{
    struct slice content;
    size_t values_size;

    if (open_entry(value, &content, &values_size) != CRM_OK)
        return false;
    chain_hash(previous_hash, content.data, content.size, values_size, out_hash);
    return memcmp(out_hash, content.data + HASH_OFFSET, SHA256_SIZE) == 0;
}

enum crm_status log_erase_values(struct slice value, struct arena *arena, struct slice *out_value)
{
    struct slice content;
    size_t values_size, kept;
    uint8_t *out, *sealed;
    enum crm_status status = open_entry(value, &content, &values_size);

    if (status != CRM_OK)
        return status;
    kept = content.size - values_size;
    sealed = sealed_alloc(arena, kept + SHA256_SIZE, &out);
    if (!sealed)
        return CRM_NO_MEMORY;
    memcpy(out, content.data, kept);
    values_digest(content.data, content.size, values_size, out + kept);
    memset(out + SALT_OFFSET, 0, SALT_SIZE);
    *out_value = sealed_close(sealed, kept + SHA256_SIZE);
    return CRM_OK;
}

enum crm_status log_head_load(const struct view *view, struct log_head *out_head)
{
    struct store_range all = { .reverse = true };
    struct slice key, value, content;
    size_t values_size;
    enum crm_status status = view_seek(view, STORE_LOG, &all, &key, &value);

    *out_head = (struct log_head){ 0 };
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status != CRM_OK)
        return status;
    if (key.size != 8 || open_entry(value, &content, &values_size) != CRM_OK)
        return CRM_CORRUPT;
    out_head->seq = key_read_u64(key.data);
    memcpy(out_head->hash, content.data + HASH_OFFSET, SHA256_SIZE);
    return CRM_OK;
}

/* When an entry was recorded; the oldest one kept at or behind seq. */
static enum crm_status recorded_at(const struct view *view, uint64_t seq, int64_t *out_us)
{
    struct key key = { 0 };
    struct slice found, value, content;
    size_t values_size;
    enum crm_status status;

    key_u64(&key, seq);
    status = view_seek(view, STORE_LOG, &(struct store_range){ .from = key_slice(&key) }, &found, &value);
    if (status != CRM_OK)
        return status;
    if (open_entry(value, &content, &values_size) != CRM_OK)
        return CRM_CORRUPT;
    *out_us = (int64_t)get_u64(content.data + 48);
    return CRM_OK;
}

enum crm_status log_seq_at(const struct view *view, int64_t time_us, uint64_t *out_seq)
{
    struct log_head head;
    uint64_t low = 0, high; /* the answer is in [low, high] */
    enum crm_status status = log_head_load(view, &head);

    if (status != CRM_OK)
        return status;
    high = head.seq;
    while (low < high) {
        uint64_t middle = low + (high - low + 1) / 2;
        int64_t at;

        status = recorded_at(view, middle, &at);
        if (status != CRM_OK)
            return status;
        if (at <= time_us)
            low = middle;
        else
            high = middle - 1;
    }
    *out_seq = low;
    return CRM_OK;
}

/* Undo one entry. */
static enum crm_status step_back(struct record *record, const struct log_entry *entry, struct arena *arena)
{
    if (entry->verb == LOG_DELETE)
        record->header.flags &= ~(uint32_t)RECORD_DELETED;
    if (entry->verb == LOG_RESTORE)
        record->header.flags |= RECORD_DELETED;
    if (has_old_header(entry)) {
        record->header.owner = entry->old_owner;
        record->header.team = entry->old_team;
        record->header.root = entry->old_root;
    }
    record->header.seq = entry->before;
    return body_overlay(arena, record->body, &entry->changed, entry->previous, &record->body);
}

enum crm_status log_rewind(const struct view *view, uint64_t seq, struct arena *arena, struct record *record, bool *out_existed)
{
    bool moved = record->header.seq > seq;
    struct log_entry entry;
    enum crm_status status;

    while (record->header.seq > seq) {
        status = log_read(view, record->header.seq, arena, &entry);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_GONE : status;
        if (entry.verb == LOG_CREATE) {
            *out_existed = false;
            return CRM_OK;
        }
        status = step_back(record, &entry, arena);
        if (status != CRM_OK)
            return status;
    }
    if (moved) {
        status = log_read(view, record->header.seq, arena, &entry);
        if (status != CRM_OK)
            return status == CRM_NOT_FOUND ? CRM_GONE : status;
        record->header.rev = entry.rev;
        record->header.updated_us = entry.recorded_us;
        record->header.updated_by = entry.by;
    }
    *out_existed = !(record->header.flags & RECORD_DELETED);
    return CRM_OK;
}
