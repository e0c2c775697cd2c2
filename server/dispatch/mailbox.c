/*
 * mailbox.c - a locked list and one wake-up for a run of posts
 */
#include "server/dispatch/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

struct mailbox {
    pthread_mutex_t lock;
    struct mail *first, **last;
    void (*wake)(void *arg);
    void *arg;
};

enum crm_status mailbox_create(void (*wake)(void *arg), void *arg, struct mailbox **out_mailbox)
{
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);

    if (!mailbox)
        return CRM_NO_MEMORY;
    if (pthread_mutex_init(&mailbox->lock, NULL) != 0) {
        free(mailbox);
        return CRM_NO_MEMORY;
    }
    mailbox->last = &mailbox->first;
    mailbox->wake = wake;
    mailbox->arg = arg;
    *out_mailbox = mailbox;
    return CRM_OK;
}

void mailbox_destroy(struct mailbox *mailbox)
{
    if (!mailbox)
        return;
    pthread_mutex_destroy(&mailbox->lock);
    free(mailbox);
}

void mailbox_post(struct mailbox *mailbox, struct mail *take_mail)
{
    bool was_empty;

    take_mail->next = NULL;
    pthread_mutex_lock(&mailbox->lock);
    was_empty = !mailbox->first;
    *mailbox->last = take_mail;
    mailbox->last = &take_mail->next;
    pthread_mutex_unlock(&mailbox->lock);
    if (was_empty)
        mailbox->wake(mailbox->arg);
}

void mailbox_drain(struct mailbox *mailbox, void *thread)
{
    struct mail *mail, *next;

    pthread_mutex_lock(&mailbox->lock);
    mail = mailbox->first;
    mailbox->first = NULL;
    mailbox->last = &mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    for (; mail; mail = next) {
        next = mail->next;
        mail->run(mail, thread);
    }
}
