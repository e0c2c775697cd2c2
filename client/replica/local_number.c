/*
 * local_number.c - see local_number.h
 *
 * Called by the command line before it asks a server, which knows nothing of these numbers; single-threaded.
 */
#include "client/replica/local_number.h"

#include "client/replica/outbox.h"
#include "common/engine/view.h"
#include "common/ops/ask.h"

bool local_number_parse(const char *text, const struct kind_def *kind, struct local_number *out_number)
{
    uint64_t number;

    if (!record_number_parse(text, &kind, &number) || !(number & RECORD_NUMBER_LOCAL))
        return false;
    *out_number = (struct local_number){ .kind = kind, .number = number };
    return true;
}

struct looking {
    const struct local_number *number;
    const struct schema *schema;
    struct uuid id;
    bool waits;
};

static enum crm_status look(struct store_txn *txn, void *arg)
{
    struct looking *looking = arg;
    const struct view view = { .txn = txn, .schema = looking->schema };
    struct record record;
    enum crm_status status = outbox_alias(txn, looking->number->kind->kind, looking->number->number, &looking->id);

    if (status == CRM_OK)
        looking->waits = view_record(&view, looking->number->kind->kind, &looking->id, &record) == CRM_OK &&
                         record.header.number == looking->number->number;
    return status;
}

enum crm_status local_number_find(struct replica *replica, const struct local_number *number, struct uuid *out_id, bool *out_waits, struct failure *failure)
{
    struct looking looking = { .number = number, .schema = replica_state(replica)->schema };
    enum crm_status status = store_read_run(replica_store(replica), look, &looking);
    char label[RECORD_LABEL_SIZE];

    if (status == CRM_OK) {
        *out_id = looking.id;
        *out_waits = looking.waits;
        return CRM_OK;
    }
    if (status != CRM_NOT_FOUND)
        return fail(failure, status, NULL, "the replica cannot be read: %s", crm_status_info((int)status)->sentence);
    record_label(&(struct record_header){ .kind = number->kind->kind, .number = number->number }, label);
    return fail(failure, CRM_NOT_FOUND, NULL, "no %s that was made here has the number %s", number->kind->name, label);
}
