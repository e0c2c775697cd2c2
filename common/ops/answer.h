/*
 * answer.h - records, titles and plans as the wire's messages: what every reading operation answers with, on the server and on a replica
 */
#ifndef CRM_OPS_ANSWER_H
#define CRM_OPS_ANSWER_H

#include "common/engine/list.h"
#include "proto/wire.pb-c.h"

/* A growing list of packed records and of the titles of what they refer to; everything in one arena. */
struct answer {
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

void answer_init(struct answer *answer, struct arena *arena, const struct view *view, bool with_titles);
/* flags are added to the header's. false when memory is spent. */
bool answer_add(struct answer *answer, const struct record *record, uint32_t flags);
/* The title of one reference, where it is wanted and not yet there. */
void answer_refer(struct answer *answer, enum kind kind, const struct uuid *id);
/* The titles of what a field of a record refers to. */
void answer_refer_field(struct answer *answer, const struct field_def *field, const struct record *record);
/* The packed body: records, then titles as field 2. */
enum crm_status answer_finish(struct answer *answer, struct slice *out_packed) MUST_CHECK;

/* The text that stands for a record: the value of its kind's title field; empty if it has none. Borrowed from record. */
struct slice record_title(const struct record *record);

/* NULL when memory is spent. */
Crm__Explain *answer_explain(const struct list_explain *explain, int64_t microseconds, struct arena *arena) MUST_CHECK;

#endif
