/*
 * block.h - where records meet: only those that share something telling are compared
 *
 * Each record has some twenty keys made of its words (how a name sounds, its rarest words, the end of a phone, number and street, birth date …); records with the
 * same key are a block. In a block of many only neighbours by name meet (sorted neighbourhood: M. A. Hernández, S. J. Stolfo, "The Merge/Purge Problem for Large
 * Databases", SIGMOD 1995; on blocking keys: P. Christen, "A Survey of Indexing Techniques for Scalable Record Linkage and Deduplication", TKDE 24, 2012). So the
 * work grows with the records, not with their square.
 *
 * Inside common/match.
 */
#ifndef CRM_MATCH_BLOCK_H
#define CRM_MATCH_BLOCK_H

#include "common/match/set.h"

#define BLOCK_KEYS_MAX 40 /* of one record */

/* Keys of a record, each once, in no order that means anything. Returns their number. */
size_t block_keys(const struct match_set *set, const struct match_subject *subject, uint64_t keys[BLOCK_KEYS_MAX]);

#endif
