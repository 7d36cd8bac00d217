/* SPDX-License-Identifier: ISC */
/*
 * What the program tells of itself, made from the tables: --help and --version; and completion for
 * shells, whose scripts in completions/ ask the program itself, so that they always know its
 * options and the accounts of the person who asks.
 */
#ifndef SENDOFF_COMMAND_HELP_H
#define SENDOFF_COMMAND_HELP_H

#include <stdio.h>

/* The options, and the commands of `sendoff queue`. */
void help_print(FILE *out);
/* The keys of the configuration. */
void help_print_keys(FILE *out);
void help_version(FILE *out);

/* The options of `sendoff send`. */
void help_print_send(FILE *out);

/*
 * Prints the candidates for the last of the words, which may be empty, one a line: the word, a tab,
 * what it is.  The words are those behind the program's name.  A line ":files" asks the shell for
 * file names.
 */
void complete_print(FILE *out, int count, char **words);

#endif
