/*
 * options.c - the table of options and its reading by getopt_long
 *
 * Called once at start by cli_main. getopt_long keeps its state in globals, so this is for the main
 * thread alone.
 */
#include "client/cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#define OPTIONS_MAX 40

#define FLAG(member)   OPTION_FLAG, offsetof(struct options, member), NULL, COMPLETE_NONE
#define TEXT(member)   OPTION_TEXT, offsetof(struct options, member)
#define NUMBER(member) OPTION_NUMBER, offsetof(struct options, member)
#define LIST(member)   OPTION_LIST, offsetof(struct options, member)
#define MAYBE(member)  OPTION_MAYBE, offsetof(struct options, member)

static const struct option_def rows[OPT_COUNT] = {
    [OPT_HOME] = { "home", 0, TEXT(home), "DIR", COMPLETE_FILE,
                   "where profile and credentials are (default $CRM_HOME, else ~/.config/crm)" },
    [OPT_OFFLINE] = { "offline", 0, FLAG(offline),
                      "answer from the replica that crm sync keeps (also CRM_OFFLINE=1)" },
    [OPT_TIMEOUT] = { "timeout", 0, NUMBER(timeout), "SECONDS", COMPLETE_NONE,
                      "give up on a request after so long (default 30)" },
    [OPT_NO_COLOR] = { "no-color", 0, FLAG(no_color), "no colours, even on a terminal" },
    [OPT_QUIET] = { "quiet", 'q', FLAG(quiet), "only results and errors: no hints, no progress" },
    [OPT_VERBOSE] = { "verbose", 'v', FLAG(verbose),
                      "also say what is done, and the key of a change" },
    [OPT_HELP] = { "help", 'h', FLAG(help), "show this help" },
    [OPT_JSON] = { "json", 0, FLAG(json),
                   "JSON: one array, or one object where there is one result" },
    [OPT_JSONL] = { "jsonl", 0, FLAG(jsonl), "JSON: one record a line" },
    [OPT_CSV] = { "csv", 0, FLAG(csv), "CSV with a header line (RFC 4180)" },
    [OPT_COLUMNS] = { "columns", 'c', TEXT(columns), "A,B", COMPLETE_NONE,
                      "show these fields, in this order" },
    [OPT_SORT] = { "sort", 's', TEXT(sort), "[-]A,B", COMPLETE_NONE,
                   "order by these fields; - before a field: largest first" },
    [OPT_LIMIT] = { "limit", 'n', NUMBER(limit), "N", COMPLETE_NONE, "at most N" },
    [OPT_ALL] = { "all", 'a', FLAG(all), "all, also on a terminal" },
    [OPT_AS_OF] = { "as-of", 0, TEXT(as_of), "DATE|SEQ", COMPLETE_NONE,
                    "as it was at the end of a day, at an instant or after a change" },
    [OPT_DELETED] = { "deleted", 0, FLAG(deleted), "what is in the recycle bin" },
    [OPT_EXPLAIN] = { "explain", 0, FLAG(explain),
                      "say how the server found it and how much it read" },
    [OPT_BY] = { "by", 0, TEXT(by), "FIELD", COMPLETE_NONE, "group by this field" },
    [OPT_SUM] = { "sum", 0, TEXT(sum), "FIELD", COMPLETE_NONE, "add up this money field" },
    [OPT_KIND] = { "kind", 'k', TEXT(kind), "KIND", COMPLETE_KIND, "only this kind of record" },
    [OPT_DAYS] = { "days", 0, NUMBER(days), "N", COMPLETE_NONE,
                   "look this many days ahead (default 0: today)" },
    [OPT_KEY] = { "key", 0, TEXT(key), "KEY", COMPLETE_NONE,
                  "do it once however often it is sent with this key" },
    [OPT_WHERE] = { "where", 'w', TEXT(where), "FILTER", COMPLETE_NONE, "every record that fits" },
    [OPT_FROM] = { "from", 'f', TEXT(from), "FILE", COMPLETE_FILE,
                   "JSON lines or CSV with field names as header; - is the standard input" },
    [OPT_AT] = { "at", 0, TEXT(at), "TIME", COMPLETE_NONE, "when it happened (default now)" },
    [OPT_DRY_RUN] = { "dry-run", 0, FLAG(dry_run), "check everything, change nothing" },
    [OPT_YES] = { "yes", 'y', FLAG(yes), "do not ask" },
    [OPT_ATOMIC] = { "atomic", 0, FLAG(atomic), "all or nothing" },
    [OPT_JOB] = { "job", 0, TEXT(job), "NAME", COMPLETE_NONE,
                  "so it is called: the same command again goes on where it was cut off" },
    [OPT_MIN] = { "min", 0, TEXT(min), "SCORE", COMPLETE_NONE, "how sure it must be, from 0 to 1 (default 0.5)" },
    [OPT_TAKE] = { "take", 0, LIST(take), "FIELD=OTHER", COMPLETE_NONE, "this field is to have that one's value" },
    [OPT_OUTPUT] = { "output", 'o', TEXT(output), "FILE", COMPLETE_FILE, "write there" },
    [OPT_RAW] = { "raw", 0, FLAG(raw), "CSV byte for byte, also what a spreadsheet would run" },
    [OPT_EXCEL] = { "excel", 0, FLAG(excel),
                    "CSV that Excel opens as it is: BOM, CR LF, long numbers as text" },
    [OPT_MAP] = { "map", 0, TEXT(map), "FILE", COMPLETE_FILE, "which column is which field, as --save-map has written it" },
    [OPT_SAVE_MAP] = { "save-map", 0, TEXT(save_map), "FILE", COMPLETE_FILE, "write down which column is which field" },
    [OPT_ENCODING] = { "encoding", 0, TEXT(encoding), "NAME", COMPLETE_NONE, "of the file, such as GB18030 (default: found by looking)" },
    [OPT_DATE_FORMAT] = { "date-format", 0, TEXT(date_format), "FORMAT", COMPLETE_NONE,
                          "how dates are written, such as %d/%m/%Y (strptime)" },
    [OPT_REJECTS] = { "rejects", 0, TEXT(rejects), "FILE", COMPLETE_FILE,
                      "where the refused lines go" },
    [OPT_MATCH] = { "match", 0, TEXT(match), "FIELD", COMPLETE_NONE,
                    "change the record that has the line's value there, or create it" },
    [OPT_REV] = { "rev", 0, NUMBER(rev), "N", COMPLETE_NONE,
                  "only if the record is still at this revision" },
    [OPT_WITH] = { "with", 0, TEXT(with), "USER|TEAM", COMPLETE_NONE, "with whom" },
    [OPT_BELOW] = { "below", 0, FLAG(below), "with a team and all teams below it" },
    [OPT_WRITE] = { "write", 0, FLAG(write), "they may also change it" },
    [OPT_REVOKE] = { "revoke", 0, FLAG(revoke), "no longer" },
    [OPT_WITH_DEALS] = { "with-deals", 0, FLAG(with_deals),
                         "of a customer: its open deals too, as far as they are the same owner's" },
    [OPT_OWNERS] = { "owners", 0, FLAG(owners), "who had it, from when to when, and why" },
    [OPT_CA] = { "ca", 0, TEXT(ca), "FILE|sha256:HEX", COMPLETE_FILE,
                 "the server's CA certificate (PEM), or its fingerprint" },
    [OPT_USER] = { "user", 'u', TEXT(user), "LOGIN", COMPLETE_NONE,
                   "which user: of crm login, who logs in" },
    [OPT_DEVICE] = { "device", 0, TEXT(device), "NAME", COMPLETE_NONE,
                     "name of this machine in the list of sessions" },
    [OPT_TOKEN_FILE] = { "token-file", 0, TEXT(token_file), "FILE", COMPLETE_FILE,
                         "use the API token in this file (CRM_TOKEN holds one itself)" },
    [OPT_NAME] = { "name", 0, TEXT(name), "NAME", COMPLETE_NONE, "what it is called" },
    [OPT_ROLE] = { "role", 0, TEXT(role), "ROLE", COMPLETE_NONE, "with what this role gives" },
    [OPT_EXPIRES] = { "expires", 0, TEXT(expires), "30d|DATE", COMPLETE_NONE,
                      "until when it can be used" },
    [OPT_EMAIL] = { "email", 0, TEXT(email), "ADDRESS", COMPLETE_NONE, "mail address" },
    [OPT_TEAM] = { "team", 0, TEXT(team), "TEAM", COMPLETE_NONE, "in this team" },
    [OPT_MANAGER] = { "manager", 0, TEXT(manager), "USER", COMPLETE_NONE, "who leads this user" },
    [OPT_HEIR] = { "heir", 0, TEXT(heir), "USER", COMPLETE_NONE, "who takes over what is open" },
    [OPT_INVITATIONS] = { "invitations", 0, TEXT(invitations), "FILE", COMPLETE_FILE,
                          "write the invitations there as CSV, readable by you alone" },
    [OPT_NO_INVITATION] = { "no-invitation", 0, FLAG(no_invitation),
                            "make no invitation: crm admin invite does it later" },
    [OPT_OTHERS] = { "others", 0, FLAG(others), "all of yours but this one" },
    [OPT_TEMPORARY] = { "temporary", 0, FLAG(temporary),
                        "set a password that must be changed at the next login" },
    [OPT_SCOPE] = { "scope", 0, LIST(scopes), "KIND:read=SCOPE,write=SCOPE", COMPLETE_NONE,
                    "what may be read and changed of a kind (* for those without a row): none, "
                    "own, team, branch or all; again for further kinds" },
    [OPT_HIDE] = { "hide", 0, LIST(hide), "KIND.FIELD", COMPLETE_NONE,
                   "do not show a field; may be given again" },
    [OPT_READ_ONLY] = { "read-only", 0, LIST(read_only), "KIND.FIELD", COMPLETE_NONE,
                        "show a field, but do not let it be changed; may be given again" },
    [OPT_OPEN] = { "open", 0, LIST(open), "KIND.FIELD", COMPLETE_NONE,
                   "a field is neither hidden nor read-only any more; may be given again" },
    [OPT_RIGHT] = { "right", 0, LIST(rights), "RIGHT", COMPLETE_NONE,
                    "give a right; may be given again" },
    [OPT_NO_RIGHT] = { "no-right", 0, LIST(no_rights), "RIGHT", COMPLETE_NONE,
                       "take a right away; may be given again" },
    [OPT_SECOND_FACTOR] = { "second-factor", 0, TEXT(second_factor), "on|off", COMPLETE_NONE,
                            "ask for a code of an authenticator at login" },
    [OPT_ENROLLED_DEVICE] = { "enrolled-device", 0, TEXT(enrolled_device), "on|off", COMPLETE_NONE,
                              "let in from enrolled devices only" },
    [OPT_ENCRYPTED_REPLICA] = { "encrypted-replica", 0, TEXT(encrypted_replica), "on|off", COMPLETE_NONE,
                                "let a replica be kept encrypted only" },
    [OPT_RECORD] = { "record", 0, TEXT(record), "RECORD", COMPLETE_NONE,
                     "only what is about this record, by its number or id" },
    [OPT_SINCE] = { "since", 0, TEXT(since), "TIME", COMPLETE_NONE,
                    "not before this day or instant" },
    [OPT_UNTIL] = { "until", 0, TEXT(until), "TIME", COMPLETE_NONE, "until this day or instant" },
    [OPT_ACT] = { "act", 0, TEXT(act), "ACT,…", COMPLETE_NONE,
                  "only these acts: login, login-refused, export, permission, …" },
    [OPT_REASON] = { "reason", 0, TEXT(reason), "TEXT", COMPLETE_NONE,
                     "why; it is kept: name a file or a case, no person" },
    [OPT_WITH_CHILDREN] = { "with-children", 0, FLAG(with_children),
                            "also what hangs on it: contacts, activities, tasks" },
    [OPT_CARRY] = { "scope", 0, TEXT(carry), "SCOPE", COMPLETE_NONE,
                    "what to carry of what you may see: mine, team or all, then of a kind only what "
                    "fits, as in \"team; deals state = open\" (default: as before, at first mine)" },
    [OPT_STATUS] = { "status", 0, FLAG(status), "say how old the replica is and what it holds" },
    [OPT_WATCH] = { "watch", 0, FLAG(watch), "stay, and sync whenever something changes, until interrupted" },
    [OPT_WIPE] = { "wipe", 0, FLAG(wipe), "remove the replica with all that is in it" },
    [OPT_ENCRYPT] = { "encrypt", 0, FLAG(encrypt), "encrypt the replica with a passphrase, or change that; then sync" },
    [OPT_KEYRING] = { "keyring", 0, FLAG(keyring), "with --encrypt: no passphrase, a key in the system's keyring only" },
    [OPT_KEEP] = { "keep", 0, TEXT(keep), "HOURS", COMPLETE_NONE,
                   "with --encrypt: so long the key stays in the keyring once it was used (default: 8 "
                   "with a passphrase, until the system stops without)" },
    [OPT_LOCK] = { "lock", 0, FLAG(lock), "forget the key: who reads next gives the passphrase" },
    [OPT_DECRYPT] = { "decrypt", 0, FLAG(decrypt), "keep the replica in clear again" },
    [OPT_MINE] = { "mine", 0, MAYBE(mine), "FIELD,…", COMPLETE_NONE,
                   "what I wanted: of these fields, or of all that are not named" },
    [OPT_THEIRS] = { "theirs", 0, MAYBE(theirs), "FIELD,…", COMPLETE_NONE,
                     "what the record has: of these fields, or of all that are not named" },
    [OPT_DROP] = { "drop", 0, FLAG(drop),
                   "give up what I wanted, also of a record that is gone" },
    [OPT_REJECTED] = { "rejected", 0, FLAG(rejected), "all that the server has refused" },
    [OPT_MAN] = { "man", 0, FLAG(man), "print the manual page as mdoc(7)" },
};

const enum option_id options_global[] = { OPT_HOME,     OPT_TOKEN_FILE, OPT_OFFLINE, OPT_TIMEOUT,
                                          OPT_NO_COLOR, OPT_QUIET,      OPT_VERBOSE, OPT_HELP,
                                          OPT_END };

const struct option_def *option_def(enum option_id id)
{
    return &rows[id];
}

/* getopt's arrays from our rows; val is the option's id, so that a short letter needs a look-up
 * only. */
static void collect(const enum option_id *ids, struct option *longs, size_t *n_longs, char *shorts,
                    size_t *n_shorts)
{
    for (; *ids != OPT_END; ids++) {
        const struct option_def *row = &rows[*ids];

        longs[(*n_longs)++] = (struct option){
            .name = row->name,
            .has_arg = row->type == OPTION_FLAG    ? no_argument
                       : row->type == OPTION_MAYBE ? optional_argument
                                                   : required_argument,
            .val = 256 + (int)*ids,
        };
        if (!row->letter)
            continue;
        shorts[(*n_shorts)++] = row->letter;
        if (row->type != OPTION_FLAG)
            shorts[(*n_shorts)++] = ':';
    }
}

static enum option_id id_of(int val)
{
    if (val >= 256)
        return (enum option_id)(val - 256);
    for (int id = OPT_END + 1; id < OPT_COUNT; id++)
        if (rows[id].letter == val)
            return (enum option_id)id;
    return OPT_END;
}

static enum crm_status store_item(struct option_list *list, const struct option_def *row,
                                  const char *text, struct failure *failure)
{
    if (list->n == OPTION_LIST_MAX)
        return fail(failure, CRM_USAGE, NULL, "--%s can be given %d times", row->name,
                    OPTION_LIST_MAX);
    list->items[list->n++] = text;
    return CRM_OK;
}

static enum crm_status store(enum option_id id, const char *text, struct options *options,
                             struct failure *failure)
{
    const struct option_def *row = &rows[id];
    char *member = (char *)options + row->offset;
    char *end = NULL;
    long long number;

    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return CRM_OK;
    case OPTION_MAYBE:
        text = text ? text : "";
        memcpy(member, &text, sizeof(text));
        return CRM_OK;
    case OPTION_TEXT:
        memcpy(member, &text, sizeof(text));
        return CRM_OK;
    case OPTION_LIST:
        return store_item((struct option_list *)(void *)member, row, text, failure);
    case OPTION_NUMBER:
        break;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 1)
        return fail(failure, CRM_USAGE, NULL, "--%s wants a number from 1, not '%s'", row->name,
                    text);
    *(int64_t *)(void *)member = number;
    return CRM_OK;
}

static enum crm_status refuse(int c, char **argv, struct failure *failure)
{
    const char *word = argv[optind - 1];

    if (c == ':')
        return fail(failure, CRM_USAGE, NULL, "option '%s' wants an argument", word);
    if (optopt > 0 && optopt < 256)
        return fail(failure, CRM_USAGE, NULL, "there is no option '-%c' here", optopt);
    if (optopt >= 256)
        return fail(failure, CRM_USAGE, NULL, "option '--%s' takes no argument",
                    rows[optopt - 256].name);
    return fail(failure, CRM_USAGE, NULL, "there is no option '%s' here", word);
}

enum crm_status options_parse(const enum option_id *allowed, int argc, char **argv,
                              struct options *options, int *out_n, struct failure *failure)
{
    struct option longs[OPTIONS_MAX + 1] = { 0 };
    char shorts[2 * OPTIONS_MAX + 2] = ":"; /* a missing argument is told from an unknown option */
    size_t n_longs = 0, n_shorts = 1;
    enum crm_status status;
    int c;

    collect(options_global, longs, &n_longs, shorts, &n_shorts);
    collect(allowed, longs, &n_longs, shorts, &n_shorts);
    opterr = 0;
    optind = 0; /* glibc: start anew, also in tests */
    while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (c == '?' || c == ':')
            return refuse(c, argv, failure);
        status = store(id_of(c), optarg, options, failure);
        if (status)
            return status;
    }
    *out_n = argc - optind;
    memmove(argv + 1, argv + optind, (size_t)*out_n * sizeof(*argv));
    return CRM_OK;
}
