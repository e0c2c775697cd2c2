/*
 * kind_name.h - comparing what somebody typed with a name or a label: letter case, width, and "-",
 * "_" and blanks do not matter (private to common/model)
 */
#ifndef CRM_MODEL_KIND_NAME_H
#define CRM_MODEL_KIND_NAME_H

#include "common/base/slice.h"

#define NAME_KEY_MAX 128

/* A name made comparable once, to be held against a whole table. */
struct name_key {
    size_t size;
    char text[NAME_KEY_MAX];
};

/* false for what cannot be the name of anything: empty, too long, not UTF-8. */
bool name_key_init(struct name_key *key, struct slice name);
/* label is in its folded form but for ASCII case and separators, as every name and label of the
 * tables is (a test holds them to it). */
bool name_key_matches(const struct name_key *key, const char *label);

#endif
