/*
 * server.h - crmd run: the server as one object, from an initialised directory to an orderly end
 */
#ifndef CRM_SERVER_SERVER_H
#define CRM_SERVER_SERVER_H

#include "server/admin/command.h"

extern const struct command command_run;

#endif
