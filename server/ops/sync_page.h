/*
 * sync_page.h - a page of sync.changes in the making: records packed already, ids to forget, strays of a comparison
 *
 * Gathered over several turns; of op_sync.c.
 */
#ifndef CRM_SERVER_OPS_SYNC_PAGE_H
#define CRM_SERVER_OPS_SYNC_PAGE_H

#include "common/model/record.h"
#include "proto/wire.pb-c.h"

#define SYNC_PAGE_RECORDS   500 /* and so many forgets and strays */
#define SYNC_PAGE_BYTES_MIN 4096

struct sync_forget {
    enum kind kind;
    struct uuid id;
};

struct sync_page {
    size_t max_records, max_bytes;
    uint8_t *packed; /* room for max_bytes and one record more */
    size_t bytes;
    size_t n_records;
    struct sync_forget forgets[SYNC_PAGE_RECORDS];
    size_t n_forgets;
    uint32_t strays[SYNC_PAGE_RECORDS];
    size_t n_strays;
};

/* What a request wants; 0 or too much: the most. */
enum crm_status sync_page_init(struct sync_page *page, uint32_t wanted_records, uint32_t wanted_bytes, struct arena *arena) MUST_CHECK;
bool sync_page_has_room(const struct sync_page *page);
bool sync_page_is_empty(const struct sync_page *page);
/* Only where there is room. A replica stores a page's records before it forgets: what came back within the page is not forgotten. */
void sync_page_add(struct sync_page *page, const struct record *record);
void sync_page_forget(struct sync_page *page, enum kind kind, const struct uuid *id);
void sync_page_stray(struct sync_page *page, uint32_t position);
/* The whole, with what chunk says beside; chunk's own lists are filled in. In scratch. The page begins anew. */
enum crm_status sync_page_pack(struct sync_page *page, Crm__SyncChunk *chunk, struct arena *scratch, struct slice *out_packed) MUST_CHECK;

#endif
