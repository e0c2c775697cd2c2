/*
 * dispatch.h - what the network layer sees of the server's inside
 */
#ifndef CRM_SERVER_DISPATCH_DISPATCH_H
#define CRM_SERVER_DISPATCH_DISPATCH_H

#include "server/dispatch/link.h"
#include "server/dispatch/mailbox.h"

struct core;
struct writer;

/* Writer and workers over an open core (which must outlive it); their threads run from now on. */
enum crm_status dispatch_create(struct core *core, struct dispatch **out_dispatch) MUST_CHECK;
/* The same without threads: what waits for the writer and the workers is done by dispatch_step. For simulations. */
enum crm_status dispatch_create_stepped(struct core *core, struct dispatch **out_dispatch) MUST_CHECK;
/* One job, or one group of writes, on the caller's thread. false: nothing waits. */
bool dispatch_step(struct dispatch *dispatch);
/*
 * After the io threads have ended and before any of them is destroyed: what waits for the writer is still written, then writer and workers end, and
 * all that was away has come back to the mailbox of its thread. Accepts NULL.
 */
void dispatch_stop(struct dispatch *dispatch);
/* After the threads of dispatch_thread_create. Accepts NULL. */
void dispatch_destroy(struct dispatch *dispatch);
/* For jobs of the server's own (housekeeping) and metrics. */
struct writer *dispatch_writer(struct dispatch *dispatch);

/* One for each io thread, before its loop starts. wake as for mailbox_create. */
enum crm_status dispatch_thread_create(struct dispatch *dispatch, void (*wake)(void *arg), void *arg,
                                       struct dispatch_thread **out_thread) MUST_CHECK;
void dispatch_thread_destroy(struct dispatch_thread *thread);
/* After a wake-up, on the io thread. */
void dispatch_thread_drain(struct dispatch_thread *thread);
/* At the end of every event callback that may have read: ends the read snapshot of this turn. */
void dispatch_thread_end_turn(struct dispatch_thread *thread);

#endif
