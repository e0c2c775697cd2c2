/*
 * common_passwords.h - what is guessed first; made at build time from common_passwords.txt
 */
#ifndef CRM_SERVER_SESSION_COMMON_PASSWORDS_H
#define CRM_SERVER_SESSION_COMMON_PASSWORDS_H

#include <stddef.h>

/* Folded, in the order of strcmp. */
extern const char *const common_passwords[];
extern const size_t common_passwords_count;

#endif
