/*
 * distance.h - how far a mistyped word is from one that is meant
 */
#ifndef CRM_BASE_DISTANCE_H
#define CRM_BASE_DISTANCE_H

#include <stddef.h>

/* Number of letters to insert, delete, replace or swap with the neighbour to make b of a. Of long words a large number: they are nothing that we know. */
size_t edit_distance(const char *a, const char *b);

#endif
