/*
 * options.h - every option of every command, once: name, argument, help, and where its value goes
 *
 * A command names the options that it takes (command.h); help, completion and the man pages read
 * the same rows.
 */
#ifndef CRM_CLI_OPTIONS_H
#define CRM_CLI_OPTIONS_H

#include "common/base/failure.h"

#define OPTION_LIST_MAX 32

/* The values of an option that may be given several times. */
struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t n;
};

/* What was given on the command line; NULL, false and 0 where nothing was. Texts borrow argv. */
struct options {
    /* of every command */
    const char *home; /* instead of CRM_HOME */
    int64_t timeout;  /* seconds for one request */
    bool offline, no_color, quiet, verbose, help;
    /* what is shown, and how */
    bool json, jsonl, csv, all, deleted, explain;
    const char *columns, *sort, *as_of;
    int64_t limit;
    const char *by, *sum, *kind;
    int64_t days;
    /* changes */
    const char *key, *where, *from, *at;
    bool dry_run, yes, atomic;
    const char *job, *rejects, *match, *output;
    bool raw, excel;
    const char *map, *save_map, *encoding, *date_format;
    struct option_list take;
    const char *min;
    int64_t rev;
    /* whose a record is, and who else may see it */
    const char *with;
    bool below, write, revoke, with_deals, owners;
    /* log in */
    const char *ca, *user, *device;
    /* API tokens */
    const char *token_file; /* of every command: instead of the profile's session */
    const char *name, *role, *expires;
    /* administration */
    const char *email, *team, *manager, *heir, *invitations;
    const char *second_factor, *enrolled_device, *encrypted_replica;
    struct option_list scopes, hide, read_only, open, rights, no_rights;
    bool no_invitation, temporary, others;
    /* audit and erasure */
    const char *record, *since, *until, *act, *reason;
    bool with_children;
    /* the replica */
    const char *carry;
    bool status, watch, wipe;
    const char *keep;
    bool encrypt, decrypt, keyring, lock;
    const char *mine, *theirs; /* "" all that is not named, else fields divided by commas */
    bool drop, rejected;
    /* help */
    bool man;
};

enum option_type {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_NUMBER,
    OPTION_LIST,
    OPTION_MAYBE, /* a text behind '=', or none: then it is "" */
};

/* How the shell may complete an option's argument. */
enum complete { COMPLETE_NONE, COMPLETE_FILE, COMPLETE_KIND, COMPLETE_COMMAND, COMPLETE_FIXED };

enum option_id {
    OPT_END = 0,
    OPT_HOME,
    OPT_OFFLINE,
    OPT_TIMEOUT,
    OPT_NO_COLOR,
    OPT_QUIET,
    OPT_VERBOSE,
    OPT_HELP,
    OPT_JSON,
    OPT_JSONL,
    OPT_CSV,
    OPT_COLUMNS,
    OPT_SORT,
    OPT_LIMIT,
    OPT_ALL,
    OPT_AS_OF,
    OPT_DELETED,
    OPT_EXPLAIN,
    OPT_BY,
    OPT_SUM,
    OPT_KIND,
    OPT_DAYS,
    OPT_KEY,
    OPT_WHERE,
    OPT_FROM,
    OPT_AT,
    OPT_DRY_RUN,
    OPT_YES,
    OPT_ATOMIC,
    OPT_JOB,
    OPT_REJECTS,
    OPT_MATCH,
    OPT_TAKE,
    OPT_MIN,
    OPT_OUTPUT,
    OPT_RAW,
    OPT_EXCEL,
    OPT_MAP,
    OPT_SAVE_MAP,
    OPT_ENCODING,
    OPT_DATE_FORMAT,
    OPT_REV,
    OPT_WITH,
    OPT_BELOW,
    OPT_WRITE,
    OPT_REVOKE,
    OPT_WITH_DEALS,
    OPT_OWNERS,
    OPT_CA,
    OPT_USER,
    OPT_DEVICE,
    OPT_TOKEN_FILE,
    OPT_NAME,
    OPT_ROLE,
    OPT_EXPIRES,
    OPT_EMAIL,
    OPT_TEAM,
    OPT_MANAGER,
    OPT_HEIR,
    OPT_INVITATIONS,
    OPT_NO_INVITATION,
    OPT_TEMPORARY,
    OPT_OTHERS,
    OPT_SCOPE,
    OPT_HIDE,
    OPT_READ_ONLY,
    OPT_OPEN,
    OPT_RIGHT,
    OPT_NO_RIGHT,
    OPT_SECOND_FACTOR,
    OPT_ENROLLED_DEVICE,
    OPT_ENCRYPTED_REPLICA,
    OPT_RECORD,
    OPT_SINCE,
    OPT_UNTIL,
    OPT_ACT,
    OPT_REASON,
    OPT_WITH_CHILDREN,
    OPT_CARRY,
    OPT_STATUS,
    OPT_WATCH,
    OPT_WIPE,
    OPT_ENCRYPT,
    OPT_KEYRING,
    OPT_KEEP,
    OPT_LOCK,
    OPT_DECRYPT,
    OPT_MINE,
    OPT_THEIRS,
    OPT_DROP,
    OPT_REJECTED,
    OPT_MAN,
    OPT_COUNT,
};

struct option_def {
    const char *name; /* without the hyphens */
    char letter;      /* short form, 0 if there is none */
    enum option_type type;
    size_t offset;        /* in struct options */
    const char *argument; /* its name in help; NULL of a flag */
    enum complete complete;
    const char *help; /* a phrase without a full stop */
};

/* The row of an option. */
const struct option_def *option_def(enum option_id id);
/* The options that every command takes, ended by OPT_END. */
extern const enum option_id options_global[];

/*
 * Parse argv[1..] (argv[0] is the command's name): allowed and the global options, in any place
 * before "--". Positional arguments are moved to the front of argv[1..]; *out_n says how many.
 * CRM_USAGE names the option at fault.
 */
enum crm_status options_parse(const enum option_id *allowed, int argc, char **argv,
                              struct options *options, int *out_n,
                              struct failure *failure) MUST_CHECK;

#endif
