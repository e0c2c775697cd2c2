/*
 * factor.c - second factors as rows
 *
 * Reading: any thread, in its snapshot. Writing: the writer, in a group. Secrets in the open live on the stack of one function each and are wiped there.
 */
#include "server/session/factor.h"

#include "common/base/cipher.h"
#include "common/base/clock.h"
#include "common/store/key.h"
#include "common/base/sealed.h"

#define CLOSED_SIZE (TOTP_SECRET_SIZE + CIPHER_OVERHEAD)
#define FIXED_SIZE  (8 + CLOSED_SIZE) /* of both rows: an instant or a time step, the closed secret */
#define LETTERS     16                /* of a recovery code */

/* A row of either sort, in the open but for its secret. Borrows the stored value. */
struct factor_row {
    int64_t number; /* last time step, or the end of a new secret */
    struct slice closed;
    const uint8_t *hashes;
    size_t n_hashes;
};

/* What was typed: either a row's recovery code, or a code of its time steps. */
struct factor_match {
    int64_t step; /* the next last step */
    size_t used;  /* index of the recovery code; n_hashes: none */
};

static struct slice row_key(struct key *key, char sort, const struct uuid *user)
{
    key->size = 0;
    key_u8(key, (uint8_t)sort);
    key_bytes(key, user->bytes, UUID_SIZE);
    return key_slice(key);
}

static enum crm_status load_row(const struct view *view, char sort, const struct uuid *user, struct factor_row *out_row)
{
    struct slice value, content;
    struct key key;
    enum crm_status status = view_get(view, STORE_CREDENTIAL, row_key(&key, sort, user), &value);

    if (status == CRM_OK)
        status = sealed_open(value, FIXED_SIZE, &content);
    if (status != CRM_OK)
        return status;
    if ((content.size - FIXED_SIZE) % SHA256_SIZE)
        return CRM_CORRUPT;
    memcpy(&out_row->number, content.data, 8);
    out_row->closed = slice_of(content.data + 8, CLOSED_SIZE);
    out_row->hashes = content.data + FIXED_SIZE;
    out_row->n_hashes = (content.size - FIXED_SIZE) / SHA256_SIZE;
    return CRM_OK;
}

/* A row again, without the hash of index left_out. */
static enum crm_status store_row(struct change_group *group, char sort, const struct uuid *user, const struct factor_row *row, size_t left_out)
{
    uint8_t *content, *value = sealed_alloc(group->arena, FIXED_SIZE + row->n_hashes * SHA256_SIZE, &content);
    size_t size = FIXED_SIZE;
    struct key key;
    enum crm_status status = CRM_NO_MEMORY;

    if (value) {
        memcpy(content, &row->number, 8);
        memcpy(content + 8, row->closed.data, CLOSED_SIZE);
        for (size_t i = 0; i < row->n_hashes; i++) {
            if (i == left_out)
                continue;
            memcpy(content + size, row->hashes + i * SHA256_SIZE, SHA256_SIZE);
            size += SHA256_SIZE;
        }
        status = writeset_put(group->set, STORE_CREDENTIAL, row_key(&key, sort, user), sealed_close(value, size));
    }
    if (status != CRM_OK)
        change_group_spoil(group); /* a part of a login, or of a setup */
    return status;
}

static void derive_key(const struct core *core, uint8_t key[CIPHER_KEY_SIZE])
{
    cipher_key_derive(slice_of(core->token_key, sizeof core->token_key), "secrets of second factors", key);
}

static enum crm_status open_secret(const struct core *core, const struct uuid *user, struct slice closed, uint8_t secret[TOTP_SECRET_SIZE])
{
    uint8_t key[CIPHER_KEY_SIZE];
    enum crm_status status;

    derive_key(core, key);
    status = cipher_open(key, uuid_slice(user), closed, secret);
    secret_wipe(key, sizeof key);
    return status;
}

/* "ABCD efgh-…" as its letters alone; false where it cannot be a recovery code. */
static bool read_recovery(const char *typed, char letters[LETTERS])
{
    size_t n = 0;

    for (; *typed; typed++) {
        char letter = *typed >= 'A' && *typed <= 'Z' ? (char)(*typed - 'A' + 'a') : *typed;

        if (letter == '-' || letter == ' ')
            continue;
        if (n == LETTERS)
            return false;
        letters[n++] = letter;
    }
    return n == LETTERS;
}

static void hash_recovery(const struct uuid *user, const char letters[LETTERS], uint8_t out[SHA256_SIZE])
{
    const struct slice parts[] = { uuid_slice(user), slice_of(letters, LETTERS) };

    sha256(parts, ARRAY_LEN(parts), out);
}

static bool match_recovery(const struct factor_row *row, const struct uuid *user, const char *typed, struct factor_match *out_match)
{
    char letters[LETTERS];
    uint8_t hash[SHA256_SIZE];
    bool fits = false;

    if (!read_recovery(typed, letters))
        return false;
    hash_recovery(user, letters, hash);
    for (size_t i = 0; i < row->n_hashes; i++)
        if (digest_equal(hash, row->hashes + i * SHA256_SIZE, SHA256_SIZE)) {
            *out_match = (struct factor_match){ .step = row->number, .used = i };
            fits = true;
        }
    return fits;
}

static enum crm_status match(const struct core *core, const struct factor_row *row, const struct uuid *user, const char *typed, int64_t now_us,
                             struct factor_match *out_match)
{
    uint8_t secret[TOTP_SECRET_SIZE];
    enum crm_status status;

    if (!typed || !*typed)
        return CRM_SECOND_FACTOR;
    if (match_recovery(row, user, typed, out_match))
        return CRM_OK;
    status = open_secret(core, user, row->closed, secret);
    if (status != CRM_OK)
        return status;
    out_match->used = row->n_hashes;
    status = totp_verify(secret, typed, now_us, row->number, &out_match->step) ? CRM_OK : CRM_BAD_CREDENTIALS;
    secret_wipe(secret, sizeof secret);
    return status;
}

enum crm_status factor_look(const struct view *view, const struct uuid *user, struct factor *out_factor)
{
    struct factor_row row;
    enum crm_status status = load_row(view, 't', user, &row);

    if (status != CRM_OK && status != CRM_NOT_FOUND)
        return status;
    *out_factor = (struct factor){ 0 };
    if (status == CRM_OK)
        *out_factor = (struct factor){ .in_force = true, .recovery_left = (unsigned)row.n_hashes };
    return CRM_OK;
}

enum crm_status factor_check(const struct core *core, const struct view *view, const struct uuid *user, const char *code, int64_t now_us)
{
    struct factor_match found;
    struct factor_row row;
    enum crm_status status = load_row(view, 't', user, &row);

    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    return status == CRM_OK ? match(core, &row, user, code, now_us, &found) : status;
}

enum crm_status factor_use(const struct core *core, struct change_group *group, const struct uuid *user, const char *code)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct factor_match found;
    struct factor_row row;
    enum crm_status status = load_row(&view, 't', user, &row);

    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    if (status == CRM_OK)
        status = match(core, &row, user, code, group->now_us, &found);
    if (status != CRM_OK)
        return status;
    row.number = found.step;
    return store_row(group, 't', user, &row, found.used);
}

enum crm_status factor_begin(const struct core *core, struct change_group *group, const struct uuid *user, uint8_t out_secret[TOTP_SECRET_SIZE])
{
    uint8_t key[CIPHER_KEY_SIZE], closed[CLOSED_SIZE] = { 0 };
    struct factor_row row = { .number = group->now_us + FACTOR_BEGUN_US, .closed = slice_of(closed, sizeof closed) };
    enum crm_status status;

    random_bytes(out_secret, TOTP_SECRET_SIZE);
    derive_key(core, key);
    status = cipher_close(key, uuid_slice(user), slice_of(out_secret, TOTP_SECRET_SIZE), closed);
    secret_wipe(key, sizeof key);
    return status == CRM_OK ? store_row(group, 'n', user, &row, 0) : status;
}

static void make_recovery(char code[FACTOR_RECOVERY_SIZE], char letters[LETTERS])
{
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none that is mistaken for another */
    uint8_t random[LETTERS];

    random_bytes(random, sizeof random);
    for (size_t i = 0; i < LETTERS; i++) {
        letters[i] = alphabet[random[i] % 32];
        if (i && i % 4 == 0)
            *code++ = '-';
        *code++ = letters[i];
    }
    *code = '\0';
    secret_wipe(random, sizeof random);
}

/* The new secret is the one from now on. The code that showed it works for nothing else. */
static enum crm_status put_in_force(struct change_group *group, const struct uuid *user, struct slice closed, int64_t step,
                                    char out_codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_SIZE])
{
    uint8_t hashes[FACTOR_RECOVERY_CODES * SHA256_SIZE];
    struct factor_row row = { .number = step, .closed = closed, .hashes = hashes, .n_hashes = FACTOR_RECOVERY_CODES };
    char letters[LETTERS];
    struct key key;
    enum crm_status status;

    for (size_t i = 0; i < FACTOR_RECOVERY_CODES; i++) {
        make_recovery(out_codes[i], letters);
        hash_recovery(user, letters, hashes + i * SHA256_SIZE);
    }
    secret_wipe(letters, sizeof letters);
    status = store_row(group, 't', user, &row, FACTOR_RECOVERY_CODES);
    if (status == CRM_OK)
        status = writeset_delete(group->set, STORE_CREDENTIAL, row_key(&key, 'n', user));
    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}

enum crm_status factor_confirm(const struct core *core, struct change_group *group, const struct uuid *user, const char *code,
                               char out_codes[FACTOR_RECOVERY_CODES][FACTOR_RECOVERY_SIZE])
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    uint8_t secret[TOTP_SECRET_SIZE];
    struct factor_row begun;
    int64_t step;
    bool fits;
    enum crm_status status = load_row(&view, 'n', user, &begun);

    if (status == CRM_NOT_FOUND || (status == CRM_OK && begun.number <= group->now_us))
        return CRM_CONFLICT;
    if (status == CRM_OK)
        status = open_secret(core, user, begun.closed, secret);
    if (status != CRM_OK)
        return status;
    fits = code && totp_verify(secret, code, group->now_us, -1, &step);
    secret_wipe(secret, sizeof secret);
    return fits ? put_in_force(group, user, begun.closed, step, out_codes) : CRM_BAD_CREDENTIALS;
}

enum crm_status factor_remove(struct change_group *group, const struct uuid *user)
{
    struct view view = { .txn = group->txn, .group = group->set, .schema = group->schema };
    struct factor_row row;
    struct key key;
    enum crm_status status = load_row(&view, 't', user, &row);

    if (status != CRM_OK && status != CRM_CORRUPT) /* a damaged one would keep its user out for ever */
        return status;
    status = writeset_delete(group->set, STORE_CREDENTIAL, row_key(&key, 't', user));
    if (status != CRM_OK)
        change_group_spoil(group);
    return status;
}
