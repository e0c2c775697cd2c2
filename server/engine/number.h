/*
 * number.h - the human numbers of records: counted from 1, or at random, and those that a restore has lost
 */
#ifndef CRM_SERVER_ENGINE_NUMBER_H
#define CRM_SERVER_ENGINE_NUMBER_H

#include "server/engine/change.h"

/* Counted numbers lie below it, random ones (Company.random_numbers) from it on. */
#define NUMBER_RANDOM_FIRST UINT64_C(1000000000)

#define NUMBER_MARGIN  1000 /* by which a restore moves each counter on: people have seen numbers that the backup does not know */
#define NUMBER_LOST_US (45 * INT64_C(86400000000)) /* for so long after a restore they are kept for the records that had them */

/*
 * The number of a new record of a kind: from a counter in meta, from 1; or at random, where the company does not want numbers to tell how much there is.
 * wanted is given instead where a restore has lost it, and nobody has it; 0: none.
 */
enum crm_status number_next(struct change *change, const struct kind_def *kind, uint64_t wanted, uint64_t *out_number) MUST_CHECK;

/* A restore begins a new epoch: move all counters on by the margin, and remember what lies between. */
enum crm_status number_jump(const struct view *view, struct writeset *set, int64_t now_us, struct arena *arena) MUST_CHECK;

#endif
