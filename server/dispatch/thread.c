/*
 * thread.c - what one io thread owns: its links by id, its mailbox, the read snapshot of its turn
 */
#include <stdlib.h>

#include "server/dispatch/request.h"

#define SLOTS_FIRST 64

enum crm_status dispatch_thread_create(struct dispatch *dispatch, void (*wake)(void *arg), void *arg, struct dispatch_thread **out_thread)
{
    struct dispatch_thread *thread = calloc(1, sizeof *thread);
    enum crm_status status = CRM_NO_MEMORY;

    if (!thread)
        return CRM_NO_MEMORY;
    thread->dispatch = dispatch;
    thread->fast = request_create(thread);
    if (thread->fast)
        status = mailbox_create(wake, arg, &thread->mailbox);
    if (status != CRM_OK) {
        dispatch_thread_destroy(thread);
        return status;
    }
    thread->fast->is_pooled = true;
    pthread_mutex_lock(&dispatch->lock);
    if (dispatch->n_threads < ARRAY_LEN(dispatch->threads))
        dispatch->threads[dispatch->n_threads++] = thread;
    else
        status = CRM_TOO_LARGE;
    pthread_mutex_unlock(&dispatch->lock);
    if (status != CRM_OK) {
        dispatch_thread_destroy(thread);
        return status;
    }
    *out_thread = thread;
    return CRM_OK;
}

static void deregister(struct dispatch_thread *thread)
{
    struct dispatch *dispatch = thread->dispatch;

    pthread_mutex_lock(&dispatch->lock);
    for (unsigned i = 0; i < dispatch->n_threads; i++)
        if (dispatch->threads[i] == thread) {
            dispatch->threads[i] = dispatch->threads[--dispatch->n_threads];
            break;
        }
    pthread_mutex_unlock(&dispatch->lock);
}

void dispatch_thread_destroy(struct dispatch_thread *thread)
{
    if (!thread)
        return;
    deregister(thread);
    dispatch_thread_end_turn(thread);
    if (thread->mailbox)
        mailbox_drain(thread->mailbox, thread);
    mailbox_destroy(thread->mailbox);
    request_destroy(thread->fast);
    schema_unref(thread->schema);
    free(thread->links);
    free(thread->generations);
    free(thread);
}

void dispatch_thread_drain(struct dispatch_thread *thread)
{
    mailbox_drain(thread->mailbox, thread);
}

void dispatch_thread_end_turn(struct dispatch_thread *thread)
{
    store_read_end(thread->txn);
    thread->txn = NULL;
}

enum crm_status thread_view(struct dispatch_thread *thread, const struct schema *schema, const struct view **out_view)
{
    enum crm_status status = thread->txn ? CRM_OK : store_read_begin(thread->dispatch->core->store, &thread->txn);

    if (status != CRM_OK)
        return status;
    thread->view = (struct view){ .txn = thread->txn, .schema = schema };
    *out_view = &thread->view;
    return CRM_OK;
}

struct schema *thread_schema(struct dispatch_thread *thread)
{
    uint64_t swaps = atomic_load(&thread->dispatch->core->schema_swaps);

    if (!thread->schema || thread->schema_swaps != swaps) {
        schema_unref(thread->schema);
        thread->schema = core_schema(thread->dispatch->core);
        thread->schema_swaps = swaps;
    }
    return thread->schema;
}

static bool grow_slots(struct dispatch_thread *thread)
{
    uint32_t n = thread->n_slots ? 2 * thread->n_slots : SLOTS_FIRST;
    struct link **links = realloc(thread->links, n * sizeof *links);
    uint32_t *generations;

    if (!links)
        return false;
    thread->links = links;
    generations = realloc(thread->generations, n * sizeof *generations);
    if (!generations)
        return false;
    thread->generations = generations;
    for (uint32_t i = thread->n_slots; i < n; i++) {
        thread->links[i] = NULL;
        thread->generations[i] = 0;
    }
    thread->free_hint = thread->n_slots;
    thread->n_slots = n;
    return true;
}

uint64_t thread_add_link(struct dispatch_thread *thread, struct link *link)
{
    uint32_t slot = thread->free_hint;

    while (slot < thread->n_slots && thread->links[slot])
        slot++;
    if (slot == thread->n_slots) {
        if (!grow_slots(thread))
            return 0;
        slot = thread->free_hint;
    }
    thread->free_hint = slot + 1;
    thread->links[slot] = link;
    thread->generations[slot]++;
    return (uint64_t)thread->generations[slot] << 32 | slot;
}

void thread_remove_link(struct dispatch_thread *thread, uint64_t id)
{
    uint32_t slot = (uint32_t)id;

    push_unsubscribe_link(thread, id);
    thread->links[slot] = NULL;
    if (slot < thread->free_hint)
        thread->free_hint = slot;
}

struct link *thread_link(struct dispatch_thread *thread, uint64_t id)
{
    uint32_t slot = (uint32_t)id;

    return slot < thread->n_slots && thread->generations[slot] == id >> 32 ? thread->links[slot] : NULL;
}
