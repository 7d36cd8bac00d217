/* SPDX-License-Identifier: ISC */
/*
 * Completion for shells: the scripts in completions/ ask the program itself, so that they always
 * know its options, and the accounts of the person who asks.
 */
#ifndef SENDOFF_COMMAND_COMPLETE_H
#define SENDOFF_COMMAND_COMPLETE_H

#include <stdio.h>

/*
 * Prints the candidates for the last of the words, which may be empty, one a line: the word, a tab,
 * what it is.  The words are those behind the program's name.  A line ":files" asks the shell for
 * file names.
 */
void complete_print(FILE *out, int count, char **words);

#endif
