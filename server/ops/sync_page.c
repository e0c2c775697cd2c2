/*
 * sync_page.c - gathering a page for a replica
 *
 * Records are packed as they come; what is behind them is packed from a message without any: protobuf does not mind.
 */
#include "server/ops/sync_page.h"

#include "proto/codec.h"
#include "proto/frame.h"

#define FORGET_BYTES 24 /* of one in a page */

static size_t bounded(uint32_t wanted, size_t least, size_t most)
{
    return wanted == 0 || wanted > most ? most : wanted < least ? least : wanted;
}

enum crm_status sync_page_init(struct sync_page *page, uint32_t wanted_records, uint32_t wanted_bytes, struct arena *arena)
{
    page->max_records = bounded(wanted_records, 1, SYNC_PAGE_RECORDS);
    page->max_bytes = bounded(wanted_bytes, SYNC_PAGE_BYTES_MIN, FRAME_CHUNK_MAX);
    page->packed = arena_alloc(arena, page->max_bytes + record_packed_max(&(struct record){ .body.size = RECORD_SIZE_MAX }));
    page->bytes = page->n_records = page->n_forgets = page->n_strays = 0;
    return page->packed ? CRM_OK : CRM_NO_MEMORY;
}

bool sync_page_has_room(const struct sync_page *page)
{
    return page->n_records < page->max_records && page->n_forgets < page->max_records && page->n_strays < page->max_records &&
           page->bytes + FORGET_BYTES * page->n_forgets < page->max_bytes;
}

bool sync_page_is_empty(const struct sync_page *page)
{
    return page->n_records == 0 && page->n_forgets == 0 && page->n_strays == 0;
}

void sync_page_add(struct sync_page *page, const struct record *record)
{
    for (size_t i = 0; i < page->n_forgets; i++)
        if (uuid_equal(&page->forgets[i].id, &record->header.id))
            page->forgets[i--] = page->forgets[--page->n_forgets];
    page->bytes += record_pack(record, page->packed + page->bytes);
    page->n_records++;
}

void sync_page_forget(struct sync_page *page, enum kind kind, const struct uuid *id)
{
    page->forgets[page->n_forgets++] = (struct sync_forget){ .kind = kind, .id = *id };
}

void sync_page_stray(struct sync_page *page, uint32_t position)
{
    page->strays[page->n_strays++] = position;
}

static enum crm_status fill_forgets(const struct sync_page *page, Crm__SyncChunk *chunk, struct arena *scratch)
{
    Crm__SyncForget *forgets = arena_alloc(scratch, (page->n_forgets + 1) * sizeof *forgets);

    chunk->forgets = arena_alloc(scratch, (page->n_forgets + 1) * sizeof *chunk->forgets);
    if (!forgets || !chunk->forgets)
        return CRM_NO_MEMORY;
    for (size_t i = 0; i < page->n_forgets; i++) {
        crm__sync_forget__init(&forgets[i]);
        forgets[i].has_kind = forgets[i].has_id = true;
        forgets[i].kind = (uint32_t)page->forgets[i].kind;
        forgets[i].id = (ProtobufCBinaryData){ .data = (uint8_t *)(uintptr_t)page->forgets[i].id.bytes, .len = UUID_SIZE };
        chunk->forgets[chunk->n_forgets++] = &forgets[i];
    }
    return CRM_OK;
}

enum crm_status sync_page_pack(struct sync_page *page, Crm__SyncChunk *chunk, struct arena *scratch, struct slice *out_packed)
{
    struct slice behind;
    uint8_t *whole;
    enum crm_status status = fill_forgets(page, chunk, scratch);

    chunk->strays = page->strays;
    chunk->n_strays = page->n_strays;
    if (status == CRM_OK)
        status = codec_pack(&chunk->base, scratch, &behind);
    if (status != CRM_OK)
        return status;
    whole = arena_alloc(scratch, page->bytes + behind.size);
    if (!whole)
        return CRM_NO_MEMORY;
    if (page->bytes)
        memcpy(whole, page->packed, page->bytes);
    memcpy(whole + page->bytes, behind.data, behind.size);
    *out_packed = slice_of(whole, page->bytes + behind.size);
    page->bytes = page->n_records = page->n_forgets = page->n_strays = 0;
    return CRM_OK;
}
