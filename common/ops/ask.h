/*
 * ask.h - a reading request and who asks: what the operations of server and replica read with, without sessions, logs or sockets
 */
#ifndef CRM_OPS_ASK_H
#define CRM_OPS_ASK_H

#include "common/engine/list.h"
#include "proto/wire.pb-c.h"

/* Borrows everything; of one turn. */
struct ask {
    const struct view *view;
    const struct schema *schema;
    struct arena *arena;           /* of the request */
    struct arena *scratch;         /* of this turn */
    const struct uuid *user, *team; /* "me" and "my team" */
    struct failure *failure;
    Crm__Error **error;            /* more to say with a failure: candidates */
};

#define ask_fail(ask, status, ...)              fail((ask)->failure, (status), NULL, __VA_ARGS__)
#define ask_fail_field(ask, status, field, ...) fail((ask)->failure, (status), (field), __VA_ARGS__)

/* A request's filter, checked and bound to who asks. */
enum crm_status ask_filter(struct ask *ask, const struct kind_def *kind, size_t n, Crm__FilterNode *const *nodes, struct filter *out_filter) MUST_CHECK;
/* A request's order. */
enum crm_status ask_sort(struct ask *ask, const struct kind_def *kind, size_t n, Crm__Sort *const *wire, struct list_query *query) MUST_CHECK;

/*
 * What a list request asks for: kind, filter, order, limit, parent. Its place to go on from, its scope and the past are the caller's; filter must live as long as
 * the query.
 */
enum crm_status ask_list(struct ask *ask, const Crm__ListRequest *request, struct filter *filter, struct list_query *out_query) MUST_CHECK;
/* The same of a count: what is counted. */
enum crm_status ask_count(struct ask *ask, const Crm__CountRequest *request, struct filter *filter, struct list_query *out_query) MUST_CHECK;
/* Which record a get request means: by its id, whether or not there is one, or by what people type. */
enum crm_status ask_get(struct ask *ask, const Crm__GetRequest *request, struct uuid *out_id, enum kind *out_kind) MUST_CHECK;

/* A record by what people type: number, id, a unique value, a title, "me" and, with_endings, the end of an id. CRM_NOT_FOUND; CRM_AMBIGUOUS with candidates in
 * *ask->error. */
enum crm_status ask_select(struct ask *ask, unsigned kind, const char *selector, bool with_endings, struct uuid *out_id,
                              enum kind *out_kind) MUST_CHECK;
/* A record in the recycle bin by its number: kind 0: of any kind. false: there is none; selector may be NULL. */
bool select_deleted(const struct view *view, unsigned kind, const char *selector, struct record *out_record);
/* May a selector be an id's ending? Then records are looked through. */
bool select_takes_long(const char *selector);

#endif
