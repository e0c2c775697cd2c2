/*
 * link_device.c - the device behind a connection: looked at before its first answer, and again whenever somebody has changed who may do what
 *
 * On the link's io thread. TLS has verified the certificate; whether the device is still enrolled only the database knows. A connection whose device is not,
 * or whose certificate has run out meanwhile, is told so and ends, whoever is logged in on it.
 */
#include "server/dispatch/link_inside.h"

#include "common/base/clock.h"

bool link_check_device(struct link *link)
{
    const struct device_claim *claim = link->carrier.claim;
    uint64_t identities = atomic_load(&link->thread->dispatch->identities);
    struct failure failure = { 0 };
    const struct view *view;
    enum crm_status status;

    if (!claim || !claim->is_given ||
        (link->is_device_checked && link->device_identities == identities && claim->expires_us > clock_now_us()))
        return true;
    dispatch_thread_end_turn(link->thread); /* a snapshot that this turn has may be older than the change */
    status = thread_view(link->thread, thread_schema(link->thread), &view);
    if (status == CRM_OK)
        status = device_check(view, claim, clock_now_us(), &failure);
    if (status != CRM_OK) {
        fail(&failure, status, NULL, "%s", crm_status_info((int)status)->sentence);
        link_break_for(link, &failure);
        return false;
    }
    link->is_device_checked = true;
    link->device_identities = identities;
    return true;
}
