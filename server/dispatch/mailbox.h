/*
 * mailbox.h - how other threads reach an io thread: messages in, one wake-up
 */
#ifndef CRM_SERVER_DISPATCH_MAILBOX_H
#define CRM_SERVER_DISPATCH_MAILBOX_H

#include "common/base/failure.h"

/* Embedded at the start of what is posted; run is called on the mailbox's thread and owns the mail. */
struct mail {
    struct mail *next;
    void (*run)(struct mail *mail, void *thread);
};

struct mailbox;

/* wake (from any thread) must make the owner call mailbox_drain soon: it is called once for a run of posts. */
enum crm_status mailbox_create(void (*wake)(void *arg), void *arg, struct mailbox **out_mailbox) MUST_CHECK;
void mailbox_destroy(struct mailbox *mailbox);
/* Any thread. Never fails, never blocks for long. */
void mailbox_post(struct mailbox *mailbox, struct mail *take_mail);
/* Owner's thread: run all that have arrived, in order; thread is handed on. */
void mailbox_drain(struct mailbox *mailbox, void *thread);

#endif
