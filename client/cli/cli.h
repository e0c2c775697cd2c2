/*
 * cli.h - what a command has at hand: options, profile, the connection, the fields as they are now,
 * and where it writes
 */
#ifndef CRM_CLI_CLI_H
#define CRM_CLI_CLI_H

#include <stdio.h>

#include "client/cli/options.h"
#include "client/cli/profile.h"
#include "client/cli/titles.h"
#include "client/include/crm.h"
#include "common/base/arena.h"
#include "common/model/schema.h"
#include "common/model/value.h"

struct command;
struct known;
struct replica;

struct cli {
    const struct command *command;
    struct options options;
    struct profile profile;
    struct arena arena;        /* what lives as long as the command */
    struct failure failure;    /* why it failed; printed once, by cli_main */
    struct crm_client *client; /* with COMMAND_CONNECTS */
    struct replica *replica;   /* client's server, where that is the replica here; else NULL */
    struct schema *schema;     /* built-in fields until connected */
    struct titles titles;      /* names of what records refer to, as far as the server has told */
    const char *filter_text;   /* the text in which failure.position points, NULL if none */
    const char *detail;   /* lines to print under the failure: candidates, how to repeat; NULL if
                             there are none */
    struct known **known; /* select.c: names that were looked up */
    FILE *out; /* where reading commands write: the standard output, or what keeps it (first.c) */
    FILE *err; /* where hints go */
    bool in_is_tty, out_is_tty, err_is_tty;
    bool colour;   /* of the standard output */
    bool chinese;  /* labels for people: the locale is Chinese */
    bool has_api_token; /* the profile's token is one that was given with this call: not to be kept */
    uint32_t patience_ms; /* to reach the server; 0: 10 s */
    bool is_stranger; /* connections show neither session nor certificate */
    bool must_wipe; /* the server has said so of the replica, to a client that is gone: sync_seal.h */
    bool reported;  /* the command has said itself what went wrong */
};

/* The whole program: arguments to exit code. */
int cli_main(int argc, char **argv);

/* What messages need: language, terminals, memory. Cannot fail. */
void cli_init(struct cli *cli);
/* What commands need: the built-in schema and, unless profile_needed is false, the profile. After
 * the options were read. */
enum crm_status cli_prepare(struct cli *cli, bool profile_needed) MUST_CHECK;
/* Accepts a half-built one. */
void cli_fini(struct cli *cli);

/* connect.c: CRM_TOKEN or --token-file takes the place of the profile's session. CRM_INVALID for what
 * is no API token, or mistyped. */
enum crm_status cli_take_api_token(struct cli *cli) MUST_CHECK;
/* What the server says about a session goes into the profile. */
void cli_take_session(struct cli *cli, const Crm__LoginReply *session);
/* A client for the profile's server with its token; does not wait for the server. */
enum crm_status cli_client_create(struct cli *cli, struct crm_client **out_client) MUST_CHECK;
/* The same, where somebody is logged in. For what must work while the server answers hardly anything
 * (a new password, a second factor come first). CRM_NOT_LOGGED_IN without a token. */
enum crm_status cli_connect_bare(struct cli *cli) MUST_CHECK;
/* Log in by token and bring the schema up to date. CRM_NOT_LOGGED_IN without a profile. What is
 * asked for offline, and on a terminal changes while the server cannot be reached, is answered by
 * the replica. */
enum crm_status cli_connect(struct cli *cli) MUST_CHECK;
/* offline.c: must this command be answered by the replica? --offline, CRM_OFFLINE. */
bool cli_is_offline(const struct cli *cli);
/* The same as cli_connect, of the server alone. How long its first answer took. */
enum crm_status cli_connect_measured(struct cli *cli, int64_t *out_took_us) MUST_CHECK;
/* Answer from the replica instead, and say how old it is. */
enum crm_status cli_connect_offline(struct cli *cli) MUST_CHECK;
/* The same without a word; write: to queue changes. */
enum crm_status cli_open_replica(struct cli *cli, bool write) MUST_CHECK;
/* Is there one? Whether it may be used is not looked at. */
bool cli_has_replica(const struct cli *cli);
/* May it answer before the server does? What people read on a terminal, never a program. */
bool cli_may_answer_first(const struct cli *cli);
/* May a change be queued in it, where the server cannot be reached? The same. */
bool cli_may_queue(const struct cli *cli);
/* "5 minutes", in the language of the locale; in the arena. */
const char *cli_age(struct cli *cli, int64_t since_us);

/* Take over why a call failed, with the candidates of an ambiguous selector printed where there are
 * any; returns status. call may be NULL. */
enum crm_status cli_call_failed(struct cli *cli, enum crm_status status,
                                const struct crm_call *call);

/* What amounts and days are relative to. */
struct value_context cli_value_context(const struct cli *cli);
/* Text in the language of the locale. */
const char *cli_label(const struct cli *cli, const char *en, const char *zh);
/* What a person may do next, on the terminal's error output only, never with --quiet. */
void cli_hint(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* With --verbose, on the error output. */
void cli_verbose(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
/* Text from the server, safe for a terminal; in the arena. */
const char *cli_safe(struct cli *cli, const char *text);
/* Print why something failed to the error output: "crm: field 'stage': …", with a caret under the
 * place. */
void cli_print_failure(struct cli *cli, const struct failure *failure);
/* false once whoever reads our output has gone away: stop producing. */
bool cli_output_is_open(void);
/* "1,234" into text[32]. */
const char *cli_grouped(int64_t number, char text[32]);

#endif
