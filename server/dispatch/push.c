/*
 * push.c - after a commit: who is logged in is looked at again where it may have changed; every io thread is told for its subscriptions
 *
 * A link whose output is high gets no events but one "behind" when it has drained: it then pulls by history from the last seq it has.
 */
#include <stdlib.h>

#include "server/dispatch/request.h"
#include "server/ops/wire.h"

#define EVENT_CHANGES_MAX 200

struct subscription {
    struct subscription *next;
    uint64_t link_id;
    uint32_t stream;
    struct op_watch watch;
    uint64_t behind; /* seq of the last event that was left out; 0: none */
};

/* What a commit tells one thread. */
struct publication {
    struct mail mail;
    uint64_t seq;
    size_t n;
    struct change_event events[];
};

enum crm_status push_subscribe(struct dispatch_thread *thread, uint64_t link_id, uint32_t stream, const struct op_watch *watch)
{
    struct subscription *subscription = malloc(sizeof *subscription);
    uint64_t seq = atomic_load(&thread->dispatch->core->seq);

    if (!subscription)
        return CRM_NO_MEMORY;
    *subscription = (struct subscription){ .next = thread->subscriptions, .link_id = link_id, .stream = stream, .watch = *watch };
    if (watch->has_after && watch->after_seq < seq)
        subscription->behind = seq;
    thread->subscriptions = subscription;
    atomic_fetch_add(&thread->dispatch->watches, 1);
    return CRM_OK;
}

static void drop_where(struct dispatch_thread *thread, uint64_t link_id, uint32_t stream, bool any_stream)
{
    struct subscription **at = &thread->subscriptions;

    while (*at) {
        struct subscription *subscription = *at;

        if (subscription->link_id == link_id && (any_stream || subscription->stream == stream)) {
            *at = subscription->next;
            free(subscription);
            atomic_fetch_sub(&thread->dispatch->watches, 1);
        } else {
            at = &subscription->next;
        }
    }
}

void push_unsubscribe(struct dispatch_thread *thread, uint64_t link_id, uint32_t stream)
{
    drop_where(thread, link_id, stream, false);
}

void push_unsubscribe_link(struct dispatch_thread *thread, uint64_t link_id)
{
    drop_where(thread, link_id, 0, true);
}

static bool is_watched(const struct op_watch *watch, const struct change_event *event)
{
    if (watch->kinds && !(watch->kinds & UINT64_C(1) << event->kind))
        return false;
    return uuid_is_nil(&watch->id) || uuid_equal(&watch->id, &event->id) || uuid_equal(&watch->id, &event->root);
}

/* May the subscriber know of it? Asked in a snapshot that has the commit, about the record as it is by then: a later commit may have taken it away. */
static bool may_know(struct dispatch_thread *thread, const struct link *link, const struct change_event *event)
{
    const struct session *session = link_session(link);
    struct record record = { .header = { .kind = event->kind, .id = event->id, .root = event->root, .owner = event->owner, .team = event->team } };
    const struct view *view;
    enum crm_status status;

    if (!session)
        return false;
    if (access_sees_all(session->access))
        return true;
    status = thread_view(thread, thread_schema(thread), &view);
    if (status == CRM_OK)
        status = view_record(view, event->kind, &event->id, &record);
    if (status == CRM_NOT_FOUND)
        status = view_deleted(view, event->kind, &event->id, &record);
    if (status == CRM_NOT_FOUND) /* erased: as it was at its end */
        status = CRM_OK;
    return status == CRM_OK && access_may(session->access, view, ACCESS_READ, &record.header, NULL) == CRM_OK;
}

static void tell(struct dispatch_thread *thread, struct subscription *subscription, const struct publication *news)
{
    struct link *link = thread_link(thread, subscription->link_id);
    Crm__Change changes[EVENT_CHANGES_MAX], *pointers[EVENT_CHANGES_MAX];
    Crm__Event event = CRM__EVENT__INIT;
    bool left_out = false;

    if (!link)
        return;
    for (size_t i = 0; i < news->n; i++) {
        if (!is_watched(&subscription->watch, &news->events[i]) || !may_know(thread, link, &news->events[i]))
            continue;
        if (event.n_changes == EVENT_CHANGES_MAX) {
            left_out = true;
            break;
        }
        wire_change(&changes[event.n_changes], &news->events[i]);
        pointers[event.n_changes] = &changes[event.n_changes];
        event.n_changes++;
    }
    if (event.n_changes == 0 && !subscription->behind)
        return;
    event.changes = pointers;
    event.has_seq = event.has_behind = true;
    event.seq = news->seq;
    event.behind = subscription->behind || left_out;
    subscription->behind = link_event(link, subscription->stream, &event) == CRM_OK ? 0 : news->seq;
}

void push_catch_up(struct dispatch_thread *thread, struct link *link, uint64_t link_id)
{
    for (struct subscription *subscription = thread->subscriptions; subscription; subscription = subscription->next) {
        Crm__Event event = CRM__EVENT__INIT;

        if (subscription->link_id != link_id || !subscription->behind)
            continue;
        event.has_seq = event.has_behind = event.behind = true;
        event.seq = subscription->behind;
        if (link_event(link, subscription->stream, &event) == CRM_OK)
            subscription->behind = 0;
    }
}

static void deliver(struct mail *mail, void *arg)
{
    struct dispatch_thread *thread = arg;
    struct publication *news = (struct publication *)mail;
    struct subscription *subscription, *next;

    dispatch_thread_end_turn(thread); /* a snapshot that this turn has may be older than the commit */
    for (uint32_t slot = 0; slot < thread->n_slots; slot++)
        if (thread->links[slot])
            link_renew_session(thread->links[slot]);
    for (subscription = thread->subscriptions; subscription; subscription = next) {
        next = subscription->next;
        tell(thread, subscription, news);
    }
    free(news);
}

void push_publish(void *arg, const struct change_event *events, uint64_t seq)
{
    struct dispatch *dispatch = arg;
    bool is_identity = false;
    size_t n = 0;

    for (const struct change_event *event = events; event; event = event->next, n++)
        is_identity |= kind_decides_access(event->kind);
    if (is_identity)
        atomic_fetch_add(&dispatch->identities, 1);
    if (atomic_load(&dispatch->watches) == 0)
        return;
    pthread_mutex_lock(&dispatch->lock);
    for (unsigned i = 0; i < dispatch->n_threads; i++) {
        struct publication *news = malloc(sizeof *news + n * sizeof news->events[0]);
        size_t at = 0;

        if (!news)
            continue; /* the subscribers find out at their next event, by its seq */
        news->seq = seq;
        news->n = n;
        for (const struct change_event *event = events; event; event = event->next)
            news->events[at++] = *event;
        news->mail.run = deliver;
        mailbox_post(dispatch->threads[i]->mailbox, &news->mail);
    }
    pthread_mutex_unlock(&dispatch->lock);
}
