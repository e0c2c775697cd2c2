/*
 * sync_seal.h - what people do with a replica's key, and what becomes of a replica whose user was shut out
 */
#ifndef CRM_CLI_SYNC_SEAL_H
#define CRM_CLI_SYNC_SEAL_H

#include "client/cli/cli.h"

/* From now on a locked replica's passphrase comes from CRM_REPLICA_PASSPHRASE, or from who sits at the terminal. cli must live on. */
void seal_ask_by(struct cli *cli);
/* Until then a locked one stays closed: where another way is open nobody is asked. */
void seal_ask_nobody(void);

/* --encrypt, --decrypt, --lock. The first and last of a sync are the caller's. */
enum crm_status seal_encrypt(struct cli *cli) MUST_CHECK;
enum crm_status seal_decrypt(struct cli *cli) MUST_CHECK;
enum crm_status seal_lock(struct cli *cli) MUST_CHECK;

/*
 * Whatever the command was: where the server has said that its user or this device was shut out, the replica here goes, with what waited in it. Nothing of
 * the command may use the replica any more.
 */
void seal_obey(struct cli *cli);

#endif
