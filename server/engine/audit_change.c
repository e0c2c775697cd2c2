/*
 * audit_change.c - changes of users, teams, roles and settings on their way into the audit trail
 *
 * Called for every record that is put, so that no way of changing one gets past it. Noted while the change is made, written when it is accepted.
 * What crmd itself does (init, a finished index) is nobody's act; the log has it.
 */
#include "common/model/reflect.h"
#include "server/engine/change.h"

/* One record that was changed, in the group's arena. */
struct audit_note {
    struct audit_note *next;
    struct audit_entry entry;
};

static Crm__AuditAct act_of(enum kind kind)
{
    return kind == KIND_USER || kind == KIND_TEAM || kind == KIND_ROLE ? CRM__AUDIT_ACT__AUDIT_ACT_PERMISSION
                                                                      : CRM__AUDIT_ACT__AUDIT_ACT_ADMINISTRATION;
}

/* "U-3 changed: role, active" */
static const char *describe(const struct change *change, const struct change_record *record)
{
    static const char *const verbs[] = { [LOG_CREATE] = "created", [LOG_PATCH] = "changed", [LOG_DELETE] = "deleted", [LOG_RESTORE] = "restored" };
    struct arena *arena = change->group->arena;
    char label[RECORD_LABEL_SIZE];
    const char *text;

    record_label(&record->after->header, label);
    text = arena_printf(arena, "%s %s", label, verbs[record->verb]);
    for (size_t i = 0; text && record->verb == LOG_PATCH && i < record->changed->n; i++) {
        const struct field_def *field = schema_field(change->group->schema, record->kind, record->changed->refs[i]);

        text = arena_printf(arena, "%s%s%s", text, i ? ", " : ": ", field ? field->name : "?");
    }
    return text;
}

enum crm_status audit_note_change(struct change *change, const struct change_record *record)
{
    const struct change_actor *actor = change->actor;
    struct audit_note *note;
    const char *text;

    if (!(record->kind->flags & KIND_ADMINISTRATION) || actor->is_system)
        return CRM_OK;
    note = arena_zalloc(change->group->arena, sizeof *note);
    text = describe(change, record);
    if (!note || !text)
        return CRM_NO_MEMORY;
    note->entry = (struct audit_entry){
        .act = act_of(record->kind->kind), .user = actor->user, .kind = record->kind->kind, .record = record->after->header.id,
        .from = slice_text(actor->from), .text = slice_text(text),
    };
    if (actor->trace)
        memcpy(note->entry.trace, actor->trace, AUDIT_TRACE_SIZE);
    note->next = change->notes;
    change->notes = note;
    return CRM_OK;
}

enum crm_status audit_accept_change(struct change *change)
{
    struct audit_note *in_order = NULL, *next;
    enum crm_status status = CRM_OK;

    for (struct audit_note *note = change->notes; note; note = next) {
        next = note->next;
        note->next = in_order;
        in_order = note;
    }
    change->notes = NULL;
    for (; in_order && status == CRM_OK; in_order = in_order->next)
        status = audit_append(change->group, &in_order->entry);
    return status;
}
