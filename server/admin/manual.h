/*
 * manual.h - crmd(8) and crmd.conf(5) from the tables that the program itself works by; run once,
 * when it is built
 */
#ifndef CRM_SERVER_ADMIN_MANUAL_H
#define CRM_SERVER_ADMIN_MANUAL_H

#include "server/admin/command.h"

void manual_print_commands(FILE *out, const struct command *const *commands, size_t n);
void manual_print_settings(FILE *out);

#endif
