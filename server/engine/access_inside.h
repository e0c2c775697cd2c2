/*
 * access_inside.h - a compiled access, as access_compile.c makes it and access.c asks it; nobody else includes it
 */
#ifndef CRM_SERVER_ENGINE_ACCESS_INSIDE_H
#define CRM_SERVER_ENGINE_ACCESS_INSIDE_H

#include <stdatomic.h>
#include <stdlib.h>

#include "common/base/digest.h"
#include "common/model/body.h"
#include "server/engine/access.h"

/* Sorted, each once. */
struct uuid_set {
    struct uuid *ids;
    size_t n;
};

/* For qsort and bsearch: the order of a set. */
int uuid_set_compare(const void *a, const void *b);
bool uuid_set_has(const struct uuid_set *set, const struct uuid *id);

/* What a role gives of one kind. */
struct kind_access {
    Crm__Scope read, write;
    struct field_set hidden; /* not shown */
    struct field_set kept;   /* shown, not to be changed */
};

struct access {
    atomic_uint refs;
    struct arena arena; /* of the sets */
    struct uuid user;
    uint32_t rights;
    bool sees_all;
    struct kind_access kinds[KIND_MAX + 1];
    struct uuid_set teams;  /* the user's */
    struct uuid_set branch; /* those and all below */
    struct uuid_set above;  /* those and all above */
    uint8_t fingerprint[SHA256_SIZE];
};

#endif
