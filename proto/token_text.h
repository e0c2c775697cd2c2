/*
 * token_text.h - how an API token is written: "crm_" and 43 letters, the last of which tell a typo from a stranger
 *
 * 28 random bytes and their CRC32C in base64url. Both ends look: the client before it sends, the server before it searches.
 */
#ifndef CRM_PROTO_TOKEN_TEXT_H
#define CRM_PROTO_TOKEN_TEXT_H

#include "common/base/slice.h"

#define API_TOKEN_PREFIX    "crm_"
#define API_TOKEN_RANDOM    28
#define API_TOKEN_TEXT_SIZE 48 /* with the NUL */

/* A token out of so many random bytes. */
void api_token_format(const uint8_t random[API_TOKEN_RANDOM], char text[API_TOKEN_TEXT_SIZE]);
/* Does it look like one? A session's token never does: it is of another length. */
bool api_token_is_one(struct slice text);
/* And is it whole? false: a letter is wrong or missing. */
bool api_token_is_whole(struct slice text);

#endif
