/* SPDX-License-Identifier: ISC */
/*
 * `sendoff queue …` and mailq: what waits, and what people do about it.
 */
#ifndef SENDOFF_COMMAND_QUEUE_H
#define SENDOFF_COMMAND_QUEUE_H

#include <stdio.h>

#include "base/err.h"

/* `sendoff [-C FILE] queue COMMAND …`: argv begins with the word behind "queue".  Prints to standard output. */
int queue_command(const char *config_path, int argc, char **argv, struct err *err);

/* mailq and -bp, in Postfix's format (which scripts read).  Errors: those of config_load() and store_open(). */
int mailq_print(FILE *out, const char *config_path, struct err *err);

#endif
