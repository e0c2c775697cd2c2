/*
 * pages.c - a few pages in one transaction
 *
 * Called by sync.c: from the client's callbacks, and when an attempt is over, however it ended.
 */
#include "client/replica/pages.h"

#include "common/base/clock.h"
#include "proto/codec.h"

#define PAGES_BUDGET ((size_t)8 << 20) /* packed and unpacked; a page has about 64 KiB */

void pages_init(struct pages *pages)
{
    *pages = (struct pages){ 0 };
    arena_init(&pages->arena, PAGES_BUDGET);
}

void pages_fini(struct pages *pages)
{
    arena_fini(&pages->arena);
}

/* Does the next one come before the last is stored? Then it pays to wait for more. */
static bool is_behind(const struct pages *pages)
{
    return clock_monotonic_us() - pages->stored_us < pages->took_us;
}

static enum crm_status store(struct pages *pages, struct pull *pull, const Crm__SyncChunk *const *list, size_t n, struct failure *failure)
{
    int64_t began_us = clock_monotonic_us();
    enum crm_status status = pull_pages(pull, list, n, failure);

    pages->stored_us = clock_monotonic_us();
    pages->took_us = pages->stored_us - began_us;
    return status;
}

enum crm_status pages_flush(struct pages *pages, struct pull *pull, struct failure *failure)
{
    enum crm_status status = pages->n ? store(pages, pull, pages->list, pages->n, failure) : CRM_OK;

    pages->n = 0;
    arena_reset(&pages->arena);
    return status;
}

/* false: there is no room for it. */
static bool keep(struct pages *pages, const Crm__SyncChunk *page)
{
    struct slice packed;
    const void *copy;

    if (pages->n == PAGES_MAX || codec_pack(&page->base, &pages->arena, &packed) != CRM_OK)
        return false;
    if (codec_unpack_body(packed, &crm__sync_chunk__descriptor, &pages->arena, &copy, NULL) != CRM_OK)
        return false;
    pages->list[pages->n++] = copy;
    return true;
}

enum crm_status pages_take(struct pages *pages, struct pull *pull, const Crm__SyncChunk *page, struct failure *failure)
{
    bool waits = !page->begins && !page->has_compared && is_behind(pages) && keep(pages, page);
    enum crm_status status = CRM_OK;

    if (!waits || pages->n == PAGES_MAX)
        status = pages_flush(pages, pull, failure);
    if (status == CRM_OK && !waits)
        status = store(pages, pull, &page, 1, failure);
    return status;
}
