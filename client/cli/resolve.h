/*
 * resolve.h - what is to become of one's conflicts on a record: chosen field by field, shown, and one change of it
 *
 * Words of the command line:
 *
 *     field=value     this value (of a list: tags=a tags=b)
 *     --mine=A,B      of these fields what I wanted       --mine     the same of all that is not named
 *     --theirs=A,B    of these fields what stands         --theirs   likewise
 *
 * What nothing is said of stays open.
 */
#ifndef CRM_CLI_RESOLVE_H
#define CRM_CLI_RESOLVE_H

#include "client/cli/change.h"
#include "client/cli/conflict_view.h"

struct resolve {
    struct cli *cli;
    const struct kind_def *kind;
    const struct conflict_list *list; /* of one record, the oldest first */
    Crm__ResolveChoice **choices;     /* in cli->arena; the first that fits counts */
    size_t n;
    Crm__Take rest; /* of what no choice names; TAKE_UNSET: it stays open */
};

/* list is not empty, and lives as long. */
void resolve_init(struct resolve *resolve, struct cli *cli, const struct conflict_list *list);

/* Say what becomes of a field; conflict NULL: in all conflicts. value with TAKE_VALUE. CRM_NO_MEMORY. */
enum crm_status resolve_add(struct resolve *resolve, const Crm__Conflict *conflict, uint32_t field, Crm__Take take,
                            ProtobufCBinaryData value) MUST_CHECK;
/* field=value words, and the options. CRM_INVALID names a field that is not in conflict; CRM_USAGE one that is named twice. */
enum crm_status resolve_read(struct resolve *resolve, char *const *words, size_t n) MUST_CHECK;
/* The fields that a change sets, as choices; of one conflict, or (NULL) of all. */
enum crm_status resolve_add_change(struct resolve *resolve, struct change *change, const Crm__Conflict *conflict) MUST_CHECK;
/* resolve_ask.c: on a terminal, before, mine and theirs side by side. CRM_CANCELLED: the user gave up. */
enum crm_status resolve_ask(struct resolve *resolve) MUST_CHECK;

/* What was chosen for a field of a conflict (0: for an action that was refused as a whole). TAKE_UNSET: nothing. */
Crm__Take resolve_choice(const struct resolve *resolve, const Crm__Conflict *conflict, uint32_t field, ProtobufCBinaryData *out_value);
/* How many fields are settled, and how many stay open. */
void resolve_count(const struct resolve *resolve, size_t *out_settled, size_t *out_open);
/* A table of what each field will have. */
enum crm_status resolve_show(const struct resolve *resolve) MUST_CHECK;
/* The action; values are borrowed from the list. */
enum crm_status resolve_finish(const struct resolve *resolve, Crm__Mutation *mutation) MUST_CHECK;

#endif
