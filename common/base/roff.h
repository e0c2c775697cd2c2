/*
 * roff.h - what the manual pages of crm and crmd have in common
 *
 * Both print their tables as roff; mandoc and groff are to take every page without a warning.
 */
#ifndef CRM_BASE_ROFF_H
#define CRM_BASE_ROFF_H

#include <stdint.h>
#include <stdio.h>

/* Of the version, not of the build: the same source gives the same bytes tomorrow. */
#define ROFF_DATE "November 24, 2026"

/*
 * One character of text: what roff would take for its own, or draw as another sign than the one to
 * be typed, by its name; what is not ASCII by its number, so that no reader has to know the
 * encoding. A '.' or '\'' at the beginning of a line is the caller's to guard with "\\&".
 */
void roff_put(FILE *out, int32_t character);

#endif
