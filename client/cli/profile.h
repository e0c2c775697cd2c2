/*
 * profile.h - what the command line remembers between two calls: server, user, session token, and
 * the fields of the installation
 *
 * In the home directory (--home, else $CRM_HOME, else $XDG_CONFIG_HOME/crm, else ~/.config/crm),
 * each file with mode 0600 and replaced in one step: `profile` (settings), `credentials` (the
 * session's token), `schema` (a packed DescribeReply) and `device.pem` (the library's: this device's
 * certificate and key).
 */
#ifndef CRM_CLI_PROFILE_H
#define CRM_CLI_PROFILE_H

#include <limits.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/failure.h"
#include "common/base/uuid.h"

#define TOKEN_SIZE_MAX 64

struct profile {
    char home[PATH_MAX - 32]; /* room for the files' names */
    char host[256];
    int64_t port;
    char ca_file[PATH_MAX]; /* absolute; empty where the fingerprint is pinned */
    char ca_sha256[2 * SHA256_SIZE + 1];
    char login[128];
    char user[UUID_TEXT_SIZE];
    char team[UUID_TEXT_SIZE];
    char device[UUID_TEXT_SIZE];
    char currency[4]; /* the company's */
    char company[256];
    uint8_t token[TOKEN_SIZE_MAX];
    size_t token_size; /* 0: not logged in */
};

/* Find the home directory and read what is there; files that are absent leave their part empty.
 * CRM_INVALID names a damaged file. */
enum crm_status profile_load(struct profile *profile, const char *home,
                             struct failure *failure) MUST_CHECK;
/* Write profile and credentials, making the directory (0700) where it is missing. */
enum crm_status profile_save(const struct profile *profile, struct failure *failure) MUST_CHECK;
/* Forget the session: the token is overwritten in memory and its file removed. */
enum crm_status profile_forget(struct profile *profile, struct failure *failure) MUST_CHECK;

/* Make the directory (0700) where it is missing. */
enum crm_status profile_make_home(const struct profile *profile,
                                  struct failure *failure) MUST_CHECK;
/* Where this device's certificate and key are, or would be. */
void profile_device_file(const struct profile *profile, char path[PATH_MAX]);

/* The packed DescribeReply of the last describe, in the arena; empty where there is none. */
struct slice profile_schema_read(const struct profile *profile, struct arena *arena);
/* Best effort: a cache that cannot be written costs a question to the server each time. */
void profile_schema_write(const struct profile *profile, struct slice packed);

/* A whole file of at most max bytes in the arena. "-" is the standard input. */
enum crm_status file_read(const char *path, size_t max, struct arena *arena,
                          struct slice *out_content, struct failure *failure) MUST_CHECK;

#endif
