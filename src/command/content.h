/* SPDX-License-Identifier: ISC */
/*
 * A message itself, for people and files.
 */
#ifndef SENDOFF_COMMAND_CONTENT_H
#define SENDOFF_COMMAND_CONTENT_H

#include <stdio.h>

#include "base/err.h"
#include "message/message.h"

/*
 * Prints the message, with LF at the end of lines, as files have them; on a terminal nothing that
 * could control it.
 * Errors: ERR_IO (the message cannot be read, or not be written: the sentence speaks of standard
 * output, and sys_errno is set), ERR_SYSTEM (memory).
 */
int content_print(FILE *out, const struct message *message, struct err *err);

#endif
