/*
 * core.h - what every thread of the server shares: the store, the schema as it is now, settings, identity
 */
#ifndef CRM_SERVER_ENGINE_CORE_H
#define CRM_SERVER_ENGINE_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/engine/view.h"
#include "server/engine/audit_sums.h"
#include "server/engine/change.h"
#include "server/engine/settings.h"

/* The format of everything in a data directory. Another one: `crmd upgrade`. */
#define FORMAT_VERSION 3

struct device_signer; /* server/session/device.h */

struct core {
    struct store *store;
    struct settings settings;
    char directory[4096];
    uint8_t database[UUID_SIZE]; /* made by init */
    uint32_t epoch;              /* rises with every restore */
    uint8_t token_key[32];       /* MACs page tokens; made by init */
    uint8_t ca_sha256[32];       /* of the CA's certificate, DER */
    const struct device_signer *device_signer; /* who makes certificates of devices; NULL: nobody, none can be enrolled */
    _Atomic uint64_t seq;        /* of the last commit */
    _Atomic uint64_t backed_up_seq; /* up to it the last backup holds the changes; 0: not known (server/admin/backed_up.h) */
    pthread_mutex_t schema_lock;
    struct schema *schema;       /* swapped by the writer under the lock */
    _Atomic uint64_t schema_swaps; /* counts them: who keeps a reference sees by it that there is a newer one */
    struct audit_sums refusals;    /* waiting for the writer's next turn on the audit trail */
};

/* Opens nothing: takes an open store over, reads meta and builds the schema. CRM_FORMAT names both versions. */
enum crm_status core_init(struct core *core, struct store *store, const struct settings *settings, const char *directory,
                          struct failure *failure) MUST_CHECK;
/* Does not close the store. Accepts an all-zero core. */
void core_fini(struct core *core);

/* A counted reference to the schema as it is now. */
struct schema *core_schema(struct core *core);
/* Build the schema from the field definitions in the store and swap it in: the writer, after a commit that changed one. */
enum crm_status core_reload_schema(struct core *core, struct failure *failure) MUST_CHECK;

/* meta rows: sealed bytes under a name. */
enum crm_status meta_get(const struct view *view, const char *name, void *out, size_t size) MUST_CHECK;
enum crm_status meta_put(struct writeset *set, const char *name, const void *data, size_t size, struct arena *arena) MUST_CHECK;

/* What a new database needs before anything else: format, database id, epoch 1, token key. */
enum crm_status core_format(struct change_group *group) MUST_CHECK;
/*
 * A restored database begins a new epoch, and numbers go on behind those that people may have seen (number.h). No two restores have the same epoch, also not
 * two from one backup: it is the time in seconds, or the next number where that is not above the last.
 */
enum crm_status core_begin_epoch(const struct view *view, struct writeset *set, int64_t now_us, struct arena *arena, uint32_t *out_epoch) MUST_CHECK;

#endif
