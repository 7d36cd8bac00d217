/* SPDX-License-Identifier: ISC */
/*
 * `sendoff send`: a message is made of what the command line names, and sent.
 */
#ifndef SENDOFF_COMMAND_SEND_H
#define SENDOFF_COMMAND_SEND_H

#include "base/err.h"

/*
 * `sendoff [-C FILE] send …`: argv begins with the word behind "send".  As sendmail_run(): 0, or -1
 * with what is still to be said.
 */
int send_command(const char *config_path, int argc, char **argv, struct err *err);

#endif
