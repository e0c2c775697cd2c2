/*
 * admin.h - what the verbs of crm admin share: the plain verbs with a kind in front, users by name,
 * invitations
 */
#ifndef CRM_CLI_ADMIN_H
#define CRM_CLI_ADMIN_H

#include <jansson.h>

#include "client/cli/cli.h"
#include "common/model/record.h"

#define ARGUMENTS_MAX 128

/* The arguments of a plain verb while they are put together: `crm admin team add name=North` is
 * `crm add team name=North`. */
struct arguments {
    char *argv[ARGUMENTS_MAX + 1]; /* ended by NULL */
    int n;
};

/* argv[0] of a verb of crm admin, and the kind behind it. */
enum crm_status arguments_begin(struct cli *cli, struct arguments *arguments, const char *verb,
                                const char *kind) MUST_CHECK;
enum crm_status arguments_add(struct cli *cli, struct arguments *arguments,
                              const char *text) MUST_CHECK;
/* field=value, the value as it stands; nothing where it is NULL. */
enum crm_status arguments_assign(struct cli *cli, struct arguments *arguments, const char *field,
                                 const char *value) MUST_CHECK;
/* What stands on the command line from argv[from] on. */
enum crm_status arguments_rest(struct cli *cli, struct arguments *arguments, int argc, char **argv,
                               int from) MUST_CHECK;

/* Run a plain verb with the kind before the arguments and nothing else changed. */
enum crm_status admin_plain(struct cli *cli, const char *kind,
                            enum crm_status (*run)(struct cli *cli, int argc, char **argv),
                            int argc, char **argv) MUST_CHECK;

enum crm_status admin_select(struct cli *cli, enum kind kind, const char *selector,
                             struct record *out_record) MUST_CHECK;
/* The id of a record as a request takes it; borrowed. */
ProtobufCBinaryData admin_id(const struct uuid *id);

/* admin_users.c: the users of the file of --from, and their invitations. */
enum crm_status admin_add_users(struct cli *cli) MUST_CHECK;

/* team_tree.c: print the teams as a tree. */
enum crm_status admin_team_tree(struct cli *cli) MUST_CHECK;

/* A way in for one user, good once. Texts are in the arena. */
struct invitation {
    const char *url; /* crm://HOST:PORT/?ca=…&code=…: what crm login takes */
    int64_t expires_us;
};

enum crm_status invitation_create(struct cli *cli, const struct uuid *user,
                                  struct invitation *out_invitation) MUST_CHECK;
/* From the server's answer: for calls that run side by side. */
enum crm_status invitation_from_reply(struct cli *cli, const Crm__InviteReply *reply,
                                      struct invitation *out_invitation) MUST_CHECK;
/* {"url", "expires"}; NULL when memory is spent. */
json_t *invitation_json(const struct invitation *invitation);
/* The line for the user, and what to do with it. */
void invitation_print(struct cli *cli, const struct invitation *invitation);

#endif
