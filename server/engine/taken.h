/*
 * taken.h - a value that must be unique is another record's: what may be said of that one
 *
 * Who may read it is told which it is. Who may not learns that there is one, which cannot be helped, and nothing else of it: no number, no title; and
 * whom to ask where the company wants that (Company.tell_taken).
 */
#ifndef CRM_SERVER_ENGINE_TAKEN_H
#define CRM_SERVER_ENGINE_TAKEN_H

#include "server/engine/change.h"

/* Say it in the change's failure; record is the one that wanted the value of the named field. Returns CRM_EXISTS. */
enum crm_status taken_refuse(struct change *change, const struct kind_def *kind, const struct record *record, const char *field_name);

#endif
