/*
 * titles.h - what records are called: filled from the titles that come with replies, asked when a
 * reference is shown
 */
#ifndef CRM_CLI_TITLES_H
#define CRM_CLI_TITLES_H

#include "common/base/arena.h"
#include "common/base/uuid.h"
#include "common/model/kind.h"
#include "proto/wire.pb-c.h"

struct title {
    enum kind kind; /* KIND_NONE: a free place */
    struct uuid id;
    uint64_t number;
    const char *text;
};

struct titles {
    struct title *places; /* open addressing, a power of two */
    size_t n, capacity;
    struct arena arena; /* of the texts */
};

void titles_init(struct titles *titles);
/* Accepts an all-zero one. */
void titles_fini(struct titles *titles);
/* Learn from a reply; malformed entries are passed over, and so are new ones when memory is spent:
 * then ids are shown. */
void titles_add(struct titles *titles, size_t n, Crm__Title *const *wire);
/* NULL if it is not known. Ids are unique over all kinds. Lives until the next titles_add. */
const struct title *titles_find(const struct titles *titles, const struct uuid *id);

#endif
