/*
 * settings.h - what an administrator can set in crmd.conf; the table is in settings.c and prints crmd.conf(5)
 */
#ifndef CRM_SERVER_ENGINE_SETTINGS_H
#define CRM_SERVER_ENGINE_SETTINGS_H

#include "common/base/config.h"

struct settings {
    /* [server] */
    char listen[256];
    char name[256];
    char certificate[256];
    char key[256];
    int64_t io_threads;
    int64_t workers;
    int64_t map_gib;
    /* [limits] */
    int64_t connections;
    int64_t connections_per_address;
    int64_t connections_per_user;
    int64_t write_queue;
    int64_t group;
    /* [session] */
    int64_t session_hours;
    int64_t idle_hours;
    int64_t idle_minutes;
    int64_t confirm_minutes;
    int64_t invitation_hours;
    int64_t device_days;
    int64_t replica_days;
    /* [audit] */
    int64_t audit_keep_days;
    /* [log] */
    char log_level[16];
};

extern const struct setting settings_table[];
extern const size_t settings_count;

#endif
