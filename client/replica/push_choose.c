/*
 * push_choose.c - which changes are sent next: so many numbers above the low mark, so many bytes, nothing before what it depends on
 */
#include "client/replica/push_inside.h"

#define OPEN_BYTES ((size_t)512 << 10) /* under way at once: more fills the line's queues, not the line */

uint64_t push_low_mark(const struct push *push)
{
    uint64_t low = push->last + 1;

    for (size_t i = 0; i < push->list.n; i++) {
        const Crm__QueuedMutation *queued = push->list.items[i].queued;

        if ((push->states[i] == ITEM_WAITS || push->states[i] == ITEM_OPEN) && queued->has_number && queued->number < low)
            low = queued->number;
    }
    return low - 1;
}

static bool has_room(const struct push *push)
{
    return push->n_open < PUSH_OPEN_MAX && (push->bytes_open < OPEN_BYTES || push->n_open == 0);
}

/* What has a number was sent, or was about to be: it waits for nothing. */
static bool may_be_sent(struct push *push, size_t item, uint64_t low)
{
    enum item_state state;
    size_t by;

    if (push->states[item] != ITEM_WAITS || push->list.items[item].queued->has_number)
        return push->states[item] == ITEM_WAITS;
    state = depends_ask(&push->depends, push->states, item, &by);
    if (state == ITEM_HELD)
        push->states[item] = ITEM_HELD;
    return state == ITEM_OPEN && push->last < low + PUSH_OPEN_MAX;
}

static void take_off(struct push *push, size_t item)
{
    Crm__QueuedMutation *queued = push->list.items[item].queued;
    struct flight *flight = push->flights;

    while (flight->is_used)
        flight++; /* there are twice as many as may be open, and those that are done make room in the next turn */
    if (!queued->has_number) {
        queued->has_number = true;
        queued->number = ++push->last;
        push_set_fate(push, item, FATE_SENT);
    }
    *flight = (struct flight){ .push = push, .is_used = true, .item = item, .bytes = crm__queued_mutation__get_packed_size(queued) };
    push->states[item] = ITEM_OPEN;
    push->n_open++;
    push->bytes_open += flight->bytes;
}

void push_choose(struct push *push)
{
    uint64_t low = push_low_mark(push);

    for (size_t i = 0; i < push->list.n && has_room(push); i++)
        if (push->list.items[i].queued->has_number && may_be_sent(push, i, low))
            take_off(push, i);
    for (size_t i = 0; i < push->list.n && has_room(push); i++)
        if (may_be_sent(push, i, low))
            take_off(push, i);
}
