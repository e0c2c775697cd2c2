/*
 * failure.h - the sentence that goes with a status, set where it is known and returned in the same statement
 *
 *     return fail(failure, CRM_INVALID, "amount", "'%s' is not an amount of money", text);
 */
#ifndef CRM_BASE_FAILURE_H
#define CRM_BASE_FAILURE_H

#include "common/base/slice.h"
#include "common/base/status.h"

/* Why something failed. All zero means nothing has. Plain data: copy it freely. */
struct failure {
    enum crm_status status;
    char field[64];      /* the field at fault, as the user names it; empty where there is none */
    char text[256];      /* one English sentence without a full stop; never a value that the caller may not read */
    int position;        /* byte offset of the fault in the text that was parsed, or which of several changes is at fault, from 1; -1 or 0 where there
                          * is none */
    uint32_t retry_after_ms; /* with CRM_RETRY_AFTER */
    bool wipe;           /* with CRM_REVOKED: what the other side keeps of the server's data is to be removed */
};

/* Fill in failure (NULL is allowed) and return status. field may be NULL. The first failure stays: a later one is ignored.
 * (In parentheses because cmocka.h, which tests include first, has a macro fail().) */
enum crm_status(fail)(struct failure *failure, enum crm_status status, const char *field, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* The same with a place in the parsed text. */
enum crm_status fail_at(struct failure *failure, enum crm_status status, int position, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
