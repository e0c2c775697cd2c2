/*
 * wire.h - records, titles and plans as the wire's messages, for the operations that answer with them
 */
#ifndef CRM_SERVER_OPS_WIRE_H
#define CRM_SERVER_OPS_WIRE_H

#include "common/engine/list.h"
#include "proto/wire.pb-c.h"
#include "server/ops/op.h"

/* A growing list of packed records and of the titles of what they refer to; everything in one arena. */
struct wire_records {
    struct arena *arena;
    const struct view *view;
    const struct schema *schema;
    bool with_titles;
    size_t n;
    uint8_t *packed;         /* field 1, each a Record: the beginning of a ListChunk or a GetReply */
    size_t bytes, capacity;
    Crm__Title **titles;
    size_t title_bytes;      /* about what they will take, packed */
    size_t n_titles, titles_capacity;
    uint64_t *seen;          /* hash set of ids that have a title already */
    size_t n_seen, seen_capacity;
    enum crm_status status;  /* the first failure */
};

void wire_records_init(struct wire_records *records, struct arena *arena, const struct view *view, bool with_titles);
/* flags are added to the header's. false when memory is spent. */
bool wire_records_add(struct wire_records *records, const struct record *record, uint32_t flags);
/* The title of one reference, where it is wanted and not yet there. */
void wire_records_refer(struct wire_records *records, enum kind kind, const struct uuid *id);

/* The packed body: records, then titles as field 2. */
enum crm_status wire_records_finish(struct wire_records *records, struct slice *out_packed) MUST_CHECK;

/* The text that stands for a record: the value of its kind's title field; empty if it has none. Borrowed from record. */
struct slice record_title(const struct record *record);

/* What happened to a record, without its field values; ids borrow event. */
void wire_change(Crm__Change *change, const struct change_event *event);

Crm__Explain *wire_explain(const struct list_explain *explain, int64_t microseconds, struct arena *arena) MUST_CHECK;

/* What as_of of a request means as a seq; 0: now. CRM_GONE, CRM_INVALID. */
enum crm_status wire_as_of(struct op_ctx *ctx, const Crm__AsOf *as_of, uint64_t *out_seq) MUST_CHECK;

/*
 * A record as it was at seq, its body in the turn's scratch; *out_existed: was it there? What that takes on the way is given back at once. In one turn at
 * most REWIND_ROWS: so many bodies fit, however large.
 */
enum crm_status wire_rewind(struct op_ctx *ctx, uint64_t seq, struct record *record, bool *out_existed) MUST_CHECK;
#define REWIND_ROWS 100

/* filter and sort of a request, checked and bound to the session. */
enum crm_status wire_filter(struct op_ctx *ctx, const struct kind_def *kind, size_t n, Crm__FilterNode *const *nodes, struct filter *out_filter) MUST_CHECK;

/* Where to look for what who asks may read of a kind. */
enum crm_status wire_scope(struct op_ctx *ctx, const struct kind_def *kind, const struct list_scope **out_scope) MUST_CHECK;

/* A record by what people type: number, id, a unique value, a title, "me" and, with_endings, the end of an id. CRM_NOT_FOUND; CRM_AMBIGUOUS with candidates in
 * ctx->error. */
enum crm_status select_record(struct op_ctx *ctx, unsigned kind, const char *selector, bool with_endings, struct uuid *out_id,
                              enum kind *out_kind) MUST_CHECK;
/* May a selector be an id's ending? Then records are looked through: on a worker. */
bool select_takes_long(const char *selector);

#endif
