/* SPDX-License-Identifier: ISC */
/*
 * --help and --version, made from the tables.
 */
#ifndef SENDOFF_COMMAND_HELP_H
#define SENDOFF_COMMAND_HELP_H

#include <stdio.h>

void help_print(FILE *out);
void help_version(FILE *out);

/* The options of `sendoff send`. */
void help_print_send(FILE *out);

#endif
