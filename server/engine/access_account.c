/*
 * access_account.c - what the evaluator's answer was made from
 *
 * Asks access_may itself, so that what is told cannot differ from what holds.
 */
#include "server/engine/access_account.h"

#include "server/engine/access_inside.h"
#include "server/engine/grants.h"

void access_account(const struct access *access, const struct view *view, enum access_verb verb, const struct record_header *header,
                    struct access_account *out_account)
{
    struct access_account account = { .root = *header };
    struct view plain = view_unguarded(view);
    enum kind root_kind = root_kind_of(header);
    struct record root;

    account.answer = access_may(access, view, verb, header, &account.reason);
    account.scope = verb == ACCESS_READ ? access->kinds[header->kind].read : access->kinds[header->kind].write;
    if (!uuid_equal(&header->root, &header->id) &&
        (view_record(&plain, root_kind, &header->root, &root) == CRM_OK || view_deleted(&plain, root_kind, &header->root, &root) == CRM_OK))
        account.root = root.header;
    *out_account = account;
}
