/*
 * first_records.h - what a new database holds: the company, its roles, a team, the administrator, a
 * pipeline
 */
#ifndef CRM_SERVER_ADMIN_FIRST_RECORDS_H
#define CRM_SERVER_ADMIN_FIRST_RECORDS_H

#include "common/store/store.h"

struct first_records {
    const char *company;
    const char *currency;         /* ISO 4217, known */
    const char *time_zone;        /* IANA name */
    const char *login;            /* of the administrator */
    const char *password_encoded; /* as password_hash gives it */
};

/* Format an empty store and fill it, in one transaction. */
enum crm_status first_records_write(struct store *store, const struct first_records *input,
                                    struct failure *failure) MUST_CHECK;

#endif
