/*
 * depends.h - which queued changes must wait for which; private to client/replica, but for reading
 *
 * Two changes depend on each other where one is about a record that the other is about, or names: the later waits until the earlier has been answered. One
 * that was refused is out of the way, unless it makes the record: then all that depends on it is held until it is taken, or dropped.
 */
#ifndef CRM_REPLICA_DEPENDS_H
#define CRM_REPLICA_DEPENDS_H

#include "client/replica/outbox.h"

/* Where a queued change is. */
enum item_state {
    ITEM_WAITS,
    ITEM_OPEN,    /* sent, not answered */
    ITEM_TAKEN,   /* by the server, as asked */
    ITEM_REFUSED, /* answered in another way */
    ITEM_HELD,    /* with one that it depends on */
};

/* What one change waits for. */
struct dependence {
    const struct dependence *next;
    size_t item;  /* an earlier one */
    bool is_made; /* it makes the record that both are about */
};

struct depends {
    const struct dependence **of; /* by item */
    size_t n;
};

/* In the arena. CRM_NO_MEMORY. */
enum crm_status depends_find(const struct outbox_list *list, struct arena *arena, struct depends *out_depends) MUST_CHECK;
/* May an item that waits be sent now? ITEM_OPEN: yes; ITEM_WAITS: not yet; ITEM_HELD: *out_by is the item that holds it. */
enum item_state depends_ask(const struct depends *depends, const enum item_state *states, size_t item, size_t *out_by);
/* Of each item the place of the one that was refused and holds it, or 0. In the arena. */
enum crm_status depends_held(const struct outbox_list *list, struct arena *arena, uint64_t **out_places) MUST_CHECK;

#endif
