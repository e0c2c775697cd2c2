/*
 * number.c - see number.h
 *
 * Rows of meta, by kind: "number." its counter (u64); "lost." the counter before the last restore (u64) and when that was (i64).
 *
 * Writer thread, or a worker in a dry run; number_jump in crmd restore.
 */
#include "server/engine/number.h"

#include "common/base/clock.h"
#include "common/base/sealed.h"
#include "common/model/reflect.h"

#define RANDOM_COUNT UINT64_C(9000000000) /* numbers of ten digits */
#define RANDOM_TRIES 16
#define LOST_SIZE    16

static void row_key(struct key *key, const char *name, const struct kind_def *kind)
{
    key->size = 0;
    key_bytes(key, name, strlen(name));
    key_u8(key, (uint8_t)kind->kind);
}

static enum crm_status get_row(const struct view *view, const char *name, const struct kind_def *kind, void *out, size_t size)
{
    struct slice value, content;
    struct key key;
    enum crm_status status;

    row_key(&key, name, kind);
    status = view_get(view, STORE_META, key_slice(&key), &value);
    if (status == CRM_OK)
        status = sealed_open(value, size, &content);
    if (status == CRM_OK)
        memcpy(out, content.data, size);
    return status;
}

static enum crm_status put_row(struct writeset *set, const char *name, const struct kind_def *kind, const void *data, size_t size, struct arena *arena)
{
    uint8_t *content, *value = sealed_alloc(arena, size, &content);
    struct key key;

    if (!value)
        return CRM_NO_MEMORY;
    memcpy(content, data, size);
    row_key(&key, name, kind);
    return writeset_put(set, STORE_META, key_slice(&key), sealed_close(value, size));
}

/* The kind's counter; 0 where nothing was counted yet. */
static enum crm_status get_counter(const struct view *view, const struct kind_def *kind, uint64_t *out_last)
{
    enum crm_status status = get_row(view, "number.", kind, out_last, sizeof *out_last);

    if (status != CRM_NOT_FOUND)
        return status;
    *out_last = 0;
    return CRM_OK;
}

/* Numbers that follow each other tell how much there is; a company may choose not to. */
static enum crm_status wants_random_numbers(struct change *change, bool *out_wants)
{
    struct record company;
    struct value value;
    enum crm_status status = view_first(&change->view, KIND_COMPANY, &company);

    *out_wants = status == CRM_OK && reflect_get(kind_field_by_name(kind_def(KIND_COMPANY), "random_numbers"), &company, &value) && value.integer;
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

/* A number that no live record of the kind has. */
static enum crm_status random_number(struct change *change, const struct kind_def *kind, uint64_t *out_number)
{
    struct uuid taken;
    enum crm_status status = CRM_OK;

    for (int tries = 0; tries < RANDOM_TRIES && status == CRM_OK; tries++) {
        uint64_t number;

        random_bytes(&number, sizeof number);
        *out_number = NUMBER_RANDOM_FIRST + number % RANDOM_COUNT;
        status = view_number(&change->view, kind->kind, *out_number, &taken);
    }
    if (status == CRM_NOT_FOUND)
        return CRM_OK;
    return status == CRM_OK ? fail(&change->failure, CRM_FAILED, NULL, "there is no free number left") : status;
}

/* Is it a number that the last restore may have lost, and that no live record has? Nobody chooses another one. */
static enum crm_status is_lost(struct change *change, const struct kind_def *kind, uint64_t wanted, bool *out_is)
{
    struct uuid taken;
    uint8_t row[LOST_SIZE];
    uint64_t counter;
    int64_t at_us;
    enum crm_status status = get_row(&change->view, "lost.", kind, row, sizeof row);

    *out_is = false;
    if (status != CRM_OK)
        return status == CRM_NOT_FOUND ? CRM_OK : status;
    memcpy(&counter, row, sizeof counter);
    memcpy(&at_us, row + sizeof counter, sizeof at_us);
    if (at_us + NUMBER_LOST_US < change->group->now_us ||
        (wanted < NUMBER_RANDOM_FIRST ? wanted <= counter || wanted > counter + NUMBER_MARGIN : wanted >= NUMBER_RANDOM_FIRST + RANDOM_COUNT))
        return CRM_OK;
    status = view_number(&change->view, kind->kind, wanted, &taken);
    *out_is = status == CRM_NOT_FOUND;
    return status == CRM_NOT_FOUND ? CRM_OK : status;
}

enum crm_status number_next(struct change *change, const struct kind_def *kind, uint64_t wanted, uint64_t *out_number)
{
    bool is_random, is_given = false;
    uint64_t last;
    enum crm_status status = wanted ? is_lost(change, kind, wanted, &is_given) : CRM_OK;

    if (is_given)
        *out_number = wanted;
    if (status != CRM_OK || is_given)
        return status;
    status = get_counter(&change->view, kind, &last);
    if (status == CRM_OK)
        status = wants_random_numbers(change, &is_random);
    if (status == CRM_OK && is_random)
        return random_number(change, kind, out_number);
    if (status != CRM_OK)
        return status;
    *out_number = ++last;
    return put_row(change->own, "number.", kind, &last, sizeof last, change->group->arena);
}

enum crm_status number_jump(const struct view *view, struct writeset *set, int64_t now_us, struct arena *arena)
{
    const struct kind_def *kind;
    enum crm_status status = CRM_OK;

    for (size_t i = 0; status == CRM_OK && (kind = kind_at(i)) != NULL; i++) {
        uint8_t row[LOST_SIZE];
        uint64_t last;

        if (kind->flags & KIND_NO_NUMBER)
            continue;
        status = get_counter(view, kind, &last);
        memcpy(row, &last, sizeof last);
        memcpy(row + sizeof last, &now_us, sizeof now_us);
        last += NUMBER_MARGIN;
        if (status == CRM_OK)
            status = put_row(set, "lost.", kind, row, sizeof row, arena);
        if (status == CRM_OK)
            status = put_row(set, "number.", kind, &last, sizeof last, arena);
    }
    return status;
}
