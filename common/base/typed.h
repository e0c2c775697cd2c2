/*
 * typed.h - what a person typed, brought into one spelling before the parsers of money and days look at it
 *
 * Used inside common/base only.
 */
#ifndef CRM_BASE_TYPED_H
#define CRM_BASE_TYPED_H

#include "common/base/failure.h"

#define TYPED_SIZE 96 /* with the NUL; nothing that the parsers understand is nearly as long */

/*
 * Text in lower case, with half-width letters, digits and signs, runs of white space as one blank, none at the ends, and "-"
 * for the minus sign. false where it is empty, too long or not well-formed.
 */
bool typed_read(struct slice text, char out[TYPED_SIZE]) MUST_CHECK;

/* Move *at past word and true if the text there begins with it. */
bool typed_skip(const char **at, const char *word);
/* The same for one blank, which may be missing. */
void typed_skip_blank(const char **at);

/*
 * Move *at past at least one and at most most digits (most <= 9): their value. -1, and *at stays, where there are none;
 * digits beyond most are left for the caller to stumble over.
 */
int typed_digits(const char **at, int most);

/* The "+3 " of "+3 days": a sign, at most six digits, perhaps a blank. *at is anywhere where it is false. */
bool typed_signed(const char **at, int *out_n) MUST_CHECK;

/* CRM_INVALID with "'text' what", text cut to what fits. */
enum crm_status typed_refuse(struct failure *failure, struct slice text, const char *what);

#endif
