/*
 * words.h - words that say little about who somebody is: legal forms, usual parts of company names, kinds of streets; and how they are shortened
 *
 * All of them folded (text_fold), the tables sorted: a test says so. One rule set for every file; a word belongs here when it is usual, not because
 * some file has it.
 */
#ifndef CRM_MATCH_WORDS_H
#define CRM_MATCH_WORDS_H

#include "common/base/slice.h"

/* "gmbh", "ltd", "corporation" … */
bool word_is_legal_form(struct slice word);
/* "international", "group", "holding" …: part of a name, but of many. */
bool word_is_usual(struct slice word);
/* "and", "the", "of" …: no part of a name. */
bool word_is_filler(struct slice word);
/* "street", "north" …: after word_in_full. */
bool word_is_of_streets(struct slice word);
/* Host of mail for everybody: says nothing about a company. */
bool word_is_public_mail(struct slice domain);

/* "st" to "street", "intl" to "international", "third" to "3"; the word itself where nothing is known. */
struct slice word_in_full(struct slice word, bool of_address);

/* A Han company form at the end ("有限公司"): its size in bytes, 0 for none. */
size_t word_han_form(struct slice name);
/* A traditional character's simplified form, for those that names of companies and places are full of; others stay. */
int32_t word_simplified(int32_t character);

/* The first word of a table that does not stand behind its neighbour; NULL: all are in order. For the test. */
const char *words_out_of_order(void);

#endif
