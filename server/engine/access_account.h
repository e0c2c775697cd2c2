/*
 * access_account.h - an answer of the evaluator with what it was made from, for people who ask why
 *
 * Any thread; never on a hot path.
 */
#ifndef CRM_SERVER_ENGINE_ACCESS_ACCOUNT_H
#define CRM_SERVER_ENGINE_ACCESS_ACCOUNT_H

#include "server/engine/access.h"

struct access_account {
    enum crm_status answer;      /* access_may's: CRM_OK is yes */
    Crm__Scope scope;            /* what the role gives of the record's kind */
    struct access_reason reason; /* by which rule it was decided */
    struct record_header root;   /* the record that decided; the record itself where owner and team did not matter */
};

/* Never fails: an answer that cannot be found is a no, and its rule ACCESS_BROKEN. */
void access_account(const struct access *access, const struct view *view, enum access_verb verb, const struct record_header *header,
                    struct access_account *out_account);

#endif
