/*
 * device.h - enrolled devices: who has one, what their certificates say, which are still good
 *
 *     credential  'd' ‖ device            → user, created, expires, used, revoked, serial, serial before, name
 *                 'e' ‖ SHA-256(code)     → user, expires, name
 *                 'o' ‖ device ‖ session  → expires: a session that was opened over the device, and ends with it
 *
 * What a certificate says is believed only where its row agrees: the installation's authority of devices has signed it, and that is not enough. Reading: any
 * thread, in its snapshot. Writing: the writer, in a group. Nothing here knows X.509: the network layer reads certificates (server/net/tls.c), the signer that
 * core carries makes them (server/admin/ca_device.c).
 */
#ifndef CRM_SERVER_SESSION_DEVICE_H
#define CRM_SERVER_SESSION_DEVICE_H

#include "common/base/digest.h"
#include "common/base/uuid.h"
#include "common/engine/view.h"
#include "server/engine/change.h"

#define DEVICE_CODE_SIZE    27 /* 26 letters and digits, NUL */
#define DEVICE_SERIAL_SIZE  16
#define DEVICE_NAME_MAX     128 /* bytes */
#define DEVICE_REQUEST_MAX  2048

/* What the certificate of a connection says. Plain data, copied into each request. */
struct device_claim {
    bool is_given;       /* the client has presented a certificate, and proved that it has the key */
    const char *problem; /* NULL: it is of our authority, for a client, valid now. Else why not; static. The rest is empty then */
    struct uuid device, user;
    uint8_t serial[DEVICE_SERIAL_SIZE];
    int64_t expires_us;
};

/* A row. */
struct device {
    struct uuid id, user;
    int64_t created_us, expires_us; /* expires: of the certificate */
    int64_t used_us;                /* about: when it last logged in or got a certificate */
    int64_t revoked_us;             /* 0: it is not */
    uint8_t serial[DEVICE_SERIAL_SIZE];
    uint8_t previous[DEVICE_SERIAL_SIZE]; /* also good: the answer with the newer one may have been lost. All 0: none */
    char name[DEVICE_NAME_MAX + 1];
};

/* --- certificates */

/* What is to be signed. */
struct device_order {
    struct slice request; /* PKCS #10, DER: of it only the key counts, and that its sender has it */
    struct uuid device, user;
    int64_t now_us, expires_us;
};

struct device_certificate {
    struct slice der; /* in the arena */
    uint8_t serial[DEVICE_SERIAL_SIZE];
};

/* Who signs: the server's authority of devices, behind a seam, since it lives above this layer. Any thread. */
struct device_signer {
    /* CRM_INVALID: the request is none, is not signed by its own key, or its key is not one on P-256. */
    enum crm_status (*sign)(void *arg, const struct device_order *order, struct arena *arena, struct device_certificate *out_certificate,
                            struct failure *failure);
    void *arg;
};

/* --- who may come in */

/*
 * Is what a certificate says still so? CRM_OK also where none was given. CRM_REVOKED with a sentence: it is not of our authority, or has expired, or no device
 * has it, or that one was revoked.
 */
enum crm_status device_check(const struct view *view, const struct device_claim *claim, int64_t now_us, struct failure *failure) MUST_CHECK;
/*
 * May this user's session be on a connection with this claim (checked already)? CRM_DEVICE_NEEDED: the role asks for an enrolled device of the user's own.
 * claim may be NULL: none.
 */
enum crm_status device_admits(const struct view *view, const struct uuid *user, const struct device_claim *claim) MUST_CHECK;

/* --- rows */

/* CRM_NOT_FOUND. */
enum crm_status device_load(const struct view *view, const struct uuid *id, struct device *out_device) MUST_CHECK;
/* Each device, of one user or (NULL) of all, until visit says no. */
enum crm_status device_each(const struct view *view, const struct uuid *user, bool (*visit)(void *arg, const struct device *device), void *arg) MUST_CHECK;

/* A code that enrols one device of this user. */
enum crm_status device_invite(struct change_group *group, const struct uuid *user, const char *name, int64_t expires_us,
                              char out_code[DEVICE_CODE_SIZE]) MUST_CHECK;
/* Whom a code is for: user and name are filled in. CRM_BAD_CREDENTIALS for one that does not exist, was used, or has expired. */
enum crm_status device_find_invitation(const struct view *view, const char *code, int64_t now_us, struct device *out_device) MUST_CHECK;
enum crm_status device_use_invitation(struct change_group *group, const char *code) MUST_CHECK;

/* A row as it is to be from now on. */
enum crm_status device_store(struct change_group *group, const struct device *device) MUST_CHECK;
/* A session with this hash has been opened over it. claim NULL, or none given: nothing to write down. */
enum crm_status device_used(struct change_group *group, const struct device_claim *claim, const uint8_t token_hash[SHA256_SIZE],
                            int64_t session_expires_us) MUST_CHECK;
/* No more, for good; the sessions that were opened over it end. CRM_NOT_FOUND. */
enum crm_status device_revoke(struct change_group *group, const struct uuid *id) MUST_CHECK;

#endif
