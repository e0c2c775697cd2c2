/*
 * confirm.h - requests for which the server wants the password once more, and the code of an
 * authenticator
 */
#ifndef CRM_CLI_CONFIRM_H
#define CRM_CLI_CONFIRM_H

#include "client/cli/cli.h"

/* Longer than a recovery code. */
#define FACTOR_CODE_SIZE 64

/*
 * crm_call_run, and where the server answers that it wants the password: ask for it (CRM_PASSWORD,
 * else the terminal), confirm, and run it again. A failure is in cli->failure. *out_call as there.
 */
enum crm_status confirm_run(struct cli *cli, enum operation operation,
                            const ProtobufCMessage *request,
                            struct crm_call **out_call) MUST_CHECK;

/* A code of the authenticator, or a recovery code: from CRM_FACTOR where it is set, else from the
 * terminal. The caller wipes it. */
enum crm_status confirm_ask_factor(struct cli *cli, char code[FACTOR_CODE_SIZE]) MUST_CHECK;

#endif
