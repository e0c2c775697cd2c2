/*
 * check.h - the cases of the matrix: for each operation, what one user's eyes must see of a world
 */
#ifndef CRM_TEST_ACCESS_CHECK_H
#define CRM_TEST_ACCESS_CHECK_H

#include "server/ops/op.h"

#include "world.h"

/* Whose answers are compared. */
struct eyes {
    struct world *world;
    struct fixture *peer;
    const struct model_user *user;
    int number;     /* of the user in the world */
    size_t n_cases; /* compared so far */
};

typedef void check_operation(struct eyes *eyes);

/* One comparison; where it fails it says whose eyes, and what the case was. */
void expect(struct eyes *eyes, bool holds, const struct model_record *record, const char *format, ...) PRINTF_LIKE(4, 5);

bool may_see(struct eyes *eyes, const struct model_record *record);
/* What this user sees of a text field of the kind: "" where it is hidden. */
bool shows(struct eyes *eyes, enum kind kind, const char *field);
/* The body as the administrator has it, less what is hidden from this user. */
bool same_body(struct eyes *eyes, const struct model_record *record, ProtobufCBinaryData body);
/* Every title is that of a record that may be seen, and shows only what may be seen of it. */
void check_titles(struct eyes *eyes, Crm__Title **titles, size_t n);
/* The answers are the same, byte by byte. */
bool same_answer(const struct answer *a, const struct answer *b);
/* The records that are looked at one by one: those that all users have in common in several worlds, and this user's own. */
bool is_looked_at(struct eyes *eyes, int record);
struct uuid never_used(void);

check_operation check_get, check_list, check_count, check_search, check_history, check_subscribe, check_mutate, check_report, check_upload,
    check_describe, check_explain, check_who, check_shares, check_sync, check_conflicts, check_jobs, check_export, check_duplicates, check_rights;

#endif
