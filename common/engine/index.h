/*
 * index.h - the keys by which records are found, and keeping them in step with the records
 *
 *     index   kind u8 ‖ ref u16 ‖ 0 ‖ present u8 ‖ value ‖ id            global form
 *             kind u8 ‖ ref u16 ‖ 1 ‖ owner ‖ present u8 ‖ value ‖ id    owner form, of sortable fields
 *     child   target ‖ kind u8 ‖ ref u16 ‖ id                             every reference, by what it points at
 *     child   target ‖ 0xff ‖ kind u16 ‖ id                               deleted together with target: they come back with it
 *     unique  kind u8 ‖ ref u16 ‖ folded text (of more than 400 bytes the first 200 ‖ 0 ‖ its SHA-256) or value → id
 *     term    term ‖ 0 ‖ kind u8 ‖ id
 *             of a beginning: → the next bytes of each word that begins so, at most TERM_REST_MAX, with 0 between them; a word of fewer letters
 *             than a beginning has is that alone
 *
 * present: 1 with a value, 2 without one (so that what has none sorts last). Values: integers, days, instants, money (in the company's currency)
 * big-endian with the sign bit turned; text folded, at most 200 bytes, then 0; references 16 bytes. A list field has an entry for each value, a
 * list without any one that says so. Records without an owner have no owner form. Of the header, number (both forms), owner and team
 * (global) are indexed: what an owner or a team has is a range in order of ids, and so of creation.
 */
#ifndef CRM_ENGINE_INDEX_H
#define CRM_ENGINE_INDEX_H

#include "common/engine/view.h"
#include "common/model/reflect.h"
#include "common/model/term.h"
#include "common/store/key.h"

#define INDEX_TEXT_MAX 200
#define TERM_REST_MAX  2

/* Bytes before `present`. */
#define INDEX_GLOBAL_PREFIX 4
#define INDEX_OWNER_PREFIX  (INDEX_GLOBAL_PREFIX + UUID_SIZE)

enum index_form { INDEX_GLOBAL = 0, INDEX_OWNER = 1 };
enum index_present { INDEX_PRESENT = 1, INDEX_MISSING = 2 };

/* The part of an index key before `present`. owner only for the owner form. */
void index_prefix(struct key *key, enum kind kind, uint32_t ref, enum index_form form, const struct uuid *owner);
/* present ‖ value. value NULL or of FIELD_NONE: there is none. false when folding ran out of memory. */
bool index_value(struct key *key, const struct field_def *field, const struct value *value, struct arena *arena) MUST_CHECK;
/* An empty text, an unset number and a nil reference count as no value, as they do for filters. */
bool index_value_is_none(const struct field_def *field, const struct value *value);
/* The value by which a record stands in a sort order: its first, or FIELD_NONE. */
void index_first_value(const struct field_def *field, const struct record *record, struct value *out_value);
/* The record's id at the end of an index, child or term key. */
bool index_key_id(struct slice key, struct uuid *out_id);

void child_prefix(struct key *key, const struct uuid *target, enum kind kind, uint32_t ref);
/* Is it of the second form, which is not made of a record? */
bool child_key_is_companion(struct slice key);
bool unique_key(struct key *key, enum kind kind, const struct field_def *field, const struct value *value, struct arena *arena) MUST_CHECK;
void term_prefix(struct key *key, const struct term *term, bool whole);

/* Does the field have an owner form too, so that lists can be in its order? */
bool field_is_sortable(const struct field_def *field);
/* Does a change of the field touch index, child or unique? Terms are asked for apart. */
bool field_is_indexed(const struct field_def *field);

/*
 * The difference that a change makes to index, child, unique and term entries, added to set. before NULL: a new record; after NULL: one that goes.
 * Fields in changed only (NULL: all). The unique check is here: CRM_EXISTS names the field when another record holds the value.
 * After any failure set holds a part of it: throw it away, as a refused mutation's is.
 */
enum crm_status index_update(const struct view *view, struct writeset *set, const struct kind_def *kind, const struct record *before,
                             const struct record *after, const struct field_set *changed, struct arena *arena, struct failure *failure) MUST_CHECK;

/*
 * The same of a change that was made elsewhere, for a replica: nothing is refused. States arrive in another order than they came about, so a unique value
 * may be two records' for a moment: it is whose came last.
 */
enum crm_status index_follow(const struct view *view, struct writeset *set, const struct kind_def *kind, const struct record *before,
                             const struct record *after, struct arena *arena) MUST_CHECK;

/* Is there anything to keep in step? Not where the store keeps none of it: see derive.h. */
bool index_is_kept(const struct view *view);

/* Called with every key that a record should have in index, child, unique and term: for check and rebuild. */
typedef enum crm_status index_visit(void *arg, enum store_db db, struct slice key, struct slice value);
enum crm_status index_each(const struct schema *schema, const struct kind_def *kind, const struct record *record, struct arena *arena,
                           index_visit *visit, void *arg) MUST_CHECK;
/* The same of one database, and of one field where ref names one (0: of all). */
enum crm_status index_each_in(const struct schema *schema, const struct kind_def *kind, const struct record *record, enum store_db db, uint32_t ref,
                              struct arena *arena, index_visit *visit, void *arg) MUST_CHECK;

#endif
