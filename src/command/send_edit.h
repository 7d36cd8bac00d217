/* SPDX-License-Identifier: ISC */
/*
 * --edit: headers and text are written in the person's editor.
 */
#ifndef SENDOFF_COMMAND_SEND_EDIT_H
#define SENDOFF_COMMAND_SEND_EDIT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "command/send_option.h"

struct edit {
	char *path;        /* the file in the editor, until edit_end(); NULL: none */
	struct buf fields; /* what the options point to afterwards, each with its NUL */
	struct buf text;
};

void edit_init(struct edit *edit);

/*
 * Lets the headers and the text be edited that the options have so far (and that standard input
 * gives, where it is no terminal), and sets the options to what they are then.  1: there is nothing
 * to send.
 * Errors: ERR_NO_INPUT (the text cannot be read), ERR_CANT_CREATE (no file can be made), ERR_SYSTEM
 * (the editor failed), ERR_USAGE, ERR_MESSAGE.
 */
int edit_run(struct edit *edit, struct send_options *options, struct err *err);

/* The file is removed; `keep`: it stays, and is told of. */
void edit_end(struct edit *edit, bool keep);

#endif
