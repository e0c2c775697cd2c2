/*
 * device.c - devices as rows: codes, certificates that are good, sessions that end with their device
 *
 * Reading: any thread, in its snapshot. Writing: the writer, in a group. A code leaves this file once and is stored hashed.
 */
#include "server/session/device.h"

#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/model/reflect.h"
#include "common/base/sealed.h"

#define DEVICE_FIXED 80 /* user, created, expires, used, revoked, serial, serial before */
#define CODE_FIXED   24 /* user, expires */
#define OPENED_SIZE  8  /* expires */

#define OPENED_KEY_SIZE (1 + UUID_SIZE + SHA256_SIZE)

/* Rows go into the group as they come: where one fails the group holds a part of it. */
static enum crm_status settle(struct change_group *group, enum crm_status status)
{
    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

static void row_key(struct key *key, char sort, const void *bytes, size_t size)
{
    key->size = 0;
    key_u8(key, (uint8_t)sort);
    key_bytes(key, bytes, size);
}

static void copy_name(char out[DEVICE_NAME_MAX + 1], struct slice name)
{
    size_t n = text_prefix_size(name, DEVICE_NAME_MAX);

    if (n)
        memcpy(out, name.data, n);
    out[n] = '\0';
}

/* --- the row of a device */

static enum crm_status read_row(struct slice key, struct slice value, struct device *out_device)
{
    struct slice content;
    const uint8_t *at;

    if (key.size != 1 + UUID_SIZE || sealed_open(value, DEVICE_FIXED, &content) != CRM_OK)
        return CRM_CORRUPT;
    at = content.data;
    *out_device = (struct device){ 0 };
    memcpy(out_device->id.bytes, key.data + 1, UUID_SIZE);
    memcpy(out_device->user.bytes, at, UUID_SIZE);
    memcpy(&out_device->created_us, at + 16, 8);
    memcpy(&out_device->expires_us, at + 24, 8);
    memcpy(&out_device->used_us, at + 32, 8);
    memcpy(&out_device->revoked_us, at + 40, 8);
    memcpy(out_device->serial, at + 48, DEVICE_SERIAL_SIZE);
    memcpy(out_device->previous, at + 64, DEVICE_SERIAL_SIZE);
    copy_name(out_device->name, slice_of(at + DEVICE_FIXED, content.size - DEVICE_FIXED));
    return CRM_OK;
}

enum crm_status device_load(const struct view *view, const struct uuid *id, struct device *out_device)
{
    struct slice value;
    struct key key;
    enum crm_status status;

    row_key(&key, 'd', id->bytes, UUID_SIZE);
    status = view_get(view, STORE_CREDENTIAL, key_slice(&key), &value);
    return status == CRM_OK ? read_row(key_slice(&key), value, out_device) : status;
}

enum crm_status device_store(struct change_group *group, const struct device *device)
{
    size_t name_size = strlen(device->name);
    uint8_t *at, *value = sealed_alloc(group->arena, DEVICE_FIXED + name_size, &at);
    struct key key;

    if (!value)
        return settle(group, CRM_NO_MEMORY);
    memcpy(at, device->user.bytes, UUID_SIZE);
    memcpy(at + 16, &device->created_us, 8);
    memcpy(at + 24, &device->expires_us, 8);
    memcpy(at + 32, &device->used_us, 8);
    memcpy(at + 40, &device->revoked_us, 8);
    memcpy(at + 48, device->serial, DEVICE_SERIAL_SIZE);
    memcpy(at + 64, device->previous, DEVICE_SERIAL_SIZE);
    memcpy(at + DEVICE_FIXED, device->name, name_size);
    row_key(&key, 'd', device->id.bytes, UUID_SIZE);
    return settle(group, writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), sealed_close(value, DEVICE_FIXED + name_size)));
}

struct device_scan {
    const struct uuid *user;
    bool (*visit)(void *arg, const struct device *device);
    void *arg;
    enum crm_status status;
};

static bool visit_row(void *arg, struct slice key, struct slice value)
{
    struct device_scan *scan = arg;
    struct device device;

    scan->status = read_row(key, value, &device);
    if (scan->status != CRM_OK)
        return false;
    return (scan->user && !uuid_equal(scan->user, &device.user)) || scan->visit(scan->arg, &device);
}

enum crm_status device_each(const struct view *view, const struct uuid *user, bool (*visit)(void *arg, const struct device *device), void *arg)
{
    struct device_scan scan = { .user = user, .visit = visit, .arg = arg, .status = CRM_OK };
    const struct store_range range = { .from = slice_text("d"), .to = slice_text("e") };
    enum crm_status status = view_scan(view, STORE_CREDENTIAL, &range, visit_row, &scan);

    return status == CRM_OK ? scan.status : status;
}

/* --- who may come in */

static bool has_serial(const struct device *device, const struct device_claim *claim)
{
    static const uint8_t none[DEVICE_SERIAL_SIZE];

    return digest_equal(device->serial, claim->serial, DEVICE_SERIAL_SIZE) ||
           (!digest_equal(device->previous, none, DEVICE_SERIAL_SIZE) && digest_equal(device->previous, claim->serial, DEVICE_SERIAL_SIZE));
}

enum crm_status device_check(const struct view *view, const struct device_claim *claim, int64_t now_us, struct failure *failure)
{
    struct device device;
    enum crm_status status;

    if (!claim->is_given)
        return CRM_OK;
    if (claim->problem)
        return fail(failure, CRM_REVOKED, NULL, "this device's certificate is not good: %s", claim->problem);
    if (claim->expires_us <= now_us)
        return fail(failure, CRM_REVOKED, NULL, "this device's certificate has expired: enrol it again");
    status = device_load(view, &claim->device, &device);
    if (status == CRM_NOT_FOUND)
        return fail(failure, CRM_REVOKED, NULL, "this device is not enrolled");
    if (status != CRM_OK)
        return fail(failure, status, NULL, "the device cannot be looked up");
    if (device.revoked_us) {
        failure->wipe = true;
        return fail(failure, CRM_REVOKED, NULL, "this device was revoked");
    }
    if (!uuid_equal(&device.user, &claim->user) || !has_serial(&device, claim))
        return fail(failure, CRM_REVOKED, NULL, "this device has another certificate by now: enrol it again");
    return CRM_OK;
}

/* Of a record that has been read; false where there is none. */
static bool get_field(const struct record *record, const char *name, struct value *out_value)
{
    return reflect_get(kind_field_by_name(kind_def(record->header.kind), name), record, out_value);
}

/* A role that cannot be read asks for everything. */
static enum crm_status role_asks(const struct view *view, const struct uuid *user, bool *out_asks)
{
    struct record record;
    struct value value;
    enum crm_status status = view_record(view, KIND_USER, user, &record);

    *out_asks = true;
    if (status != CRM_OK)
        return status;
    if (!get_field(&record, "role", &value)) {
        *out_asks = false; /* no role: no right either */
        return CRM_OK;
    }
    status = view_record(view, KIND_ROLE, &value.ref, &record);
    if (status == CRM_OK)
        *out_asks = get_field(&record, "device", &value) && value.integer;
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status device_admits(const struct view *view, const struct uuid *user, const struct device_claim *claim)
{
    const struct view all = view_unguarded(view);
    bool asks;
    enum crm_status status = role_asks(&all, user, &asks);

    if (status != CRM_OK || !asks)
        return status;
    return claim && claim->is_given && !claim->problem && uuid_equal(&claim->user, user) ? CRM_OK : CRM_DEVICE_NEEDED;
}

/* --- codes */

static void code_key(struct key *key, const char *code)
{
    const struct slice text = slice_text(code);
    uint8_t hash[SHA256_SIZE];

    sha256(&text, 1, hash);
    row_key(key, 'e', hash, sizeof hash);
}

enum crm_status device_invite(struct change_group *group, const struct uuid *user, const char *name, int64_t expires_us, char out_code[DEVICE_CODE_SIZE])
{
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none that is mistaken for another */
    uint8_t random[DEVICE_CODE_SIZE - 1];
    size_t name_size = text_prefix_size(slice_text(name), DEVICE_NAME_MAX);
    uint8_t *content, *value = sealed_alloc(group->arena, CODE_FIXED + name_size, &content);
    struct key key;

    if (!value)
        return settle(group, CRM_NO_MEMORY);
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        out_code[i] = letters[random[i] % 32];
    out_code[sizeof random] = '\0';
    memcpy(content, user->bytes, UUID_SIZE);
    memcpy(content + 16, &expires_us, 8);
    memcpy(content + CODE_FIXED, name, name_size);
    code_key(&key, out_code);
    return settle(group, writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), sealed_close(value, CODE_FIXED + name_size)));
}

enum crm_status device_find_invitation(const struct view *view, const char *code, int64_t now_us, struct device *out_device)
{
    struct slice value, content;
    struct key key;
    int64_t expires_us;
    enum crm_status status;

    code_key(&key, code);
    status = view_get(view, STORE_CREDENTIAL, key_slice(&key), &value);
    if (status == CRM_NOT_FOUND)
        return CRM_BAD_CREDENTIALS;
    if (status == CRM_OK)
        status = sealed_open(value, CODE_FIXED, &content);
    if (status != CRM_OK)
        return status;
    memcpy(&expires_us, content.data + 16, 8);
    if (expires_us <= now_us)
        return CRM_BAD_CREDENTIALS;
    *out_device = (struct device){ 0 };
    memcpy(out_device->user.bytes, content.data, UUID_SIZE);
    copy_name(out_device->name, slice_of(content.data + CODE_FIXED, content.size - CODE_FIXED));
    return CRM_OK;
}

enum crm_status device_use_invitation(struct change_group *group, const char *code)
{
    struct key key;

    code_key(&key, code);
    return settle(group, writeset_delete(group->set, STORE_CREDENTIAL, key_slice(&key)));
}

/* --- the sessions of a device */

enum crm_status device_used(struct change_group *group, const struct device_claim *claim, const uint8_t token_hash[SHA256_SIZE],
                            int64_t session_expires_us)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct device device;
    uint8_t *content, *value;
    struct key key;
    enum crm_status status;

    if (!claim || !claim->is_given)
        return CRM_OK;
    status = device_load(&view, &claim->device, &device);
    if (status != CRM_OK)
        return settle(group, status);
    device.used_us = group->now_us;
    status = device_store(group, &device);
    if (status != CRM_OK)
        return status;
    value = sealed_alloc(group->arena, OPENED_SIZE, &content);
    if (!value)
        return settle(group, CRM_NO_MEMORY);
    memcpy(content, &session_expires_us, OPENED_SIZE);
    row_key(&key, 'o', claim->device.bytes, UUID_SIZE);
    key_bytes(&key, token_hash, SHA256_SIZE);
    return settle(group, writeset_put(group->set, STORE_CREDENTIAL, key_slice(&key), sealed_close(value, OPENED_SIZE)));
}

/* Rows to be deleted; they are found first, since a scan does not bear changes. */
struct opened {
    struct opened *next;
    uint8_t key[OPENED_KEY_SIZE];
};

struct opened_scan {
    struct arena *arena;
    struct opened *found;
    enum crm_status status;
};

static bool visit_opened(void *arg, struct slice key, struct slice value)
{
    struct opened_scan *scan = arg;
    struct opened *opened = arena_alloc(scan->arena, sizeof *opened);

    (void)value;
    if (!opened)
        scan->status = CRM_NO_MEMORY;
    else if (key.size != OPENED_KEY_SIZE)
        scan->status = CRM_CORRUPT;
    if (scan->status != CRM_OK)
        return false;
    memcpy(opened->key, key.data, OPENED_KEY_SIZE);
    opened->next = scan->found;
    scan->found = opened;
    return true;
}

/* Whoever holds the device holds the tokens on it too. */
static enum crm_status end_sessions(struct change_group *group, const struct uuid *id)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct opened_scan scan = { .arena = group->arena, .status = CRM_OK };
    struct key from, to;
    enum crm_status status;

    row_key(&from, 'o', id->bytes, UUID_SIZE);
    if (!key_after_prefix(&from, &to))
        return CRM_FAILED;
    status = view_scan(&view, STORE_CREDENTIAL, &(struct store_range){ .from = key_slice(&from), .to = key_slice(&to) }, visit_opened, &scan);
    if (status == CRM_OK)
        status = scan.status;
    for (const struct opened *opened = scan.found; opened && status == CRM_OK; opened = opened->next) {
        status = writeset_delete(group->set, STORE_SESSION, slice_of(opened->key + 1 + UUID_SIZE, SHA256_SIZE));
        if (status == CRM_OK)
            status = writeset_delete(group->set, STORE_CREDENTIAL, slice_of(opened->key, OPENED_KEY_SIZE));
    }
    return status;
}

enum crm_status device_revoke(struct change_group *group, const struct uuid *id)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct device device;
    enum crm_status status = device_load(&view, id, &device);

    if (status != CRM_OK)
        return status;
    if (!device.revoked_us)
        device.revoked_us = group->now_us;
    status = end_sessions(group, id);
    return status == CRM_OK ? device_store(group, &device) : settle(group, status);
}
