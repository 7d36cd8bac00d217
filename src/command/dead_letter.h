/* SPDX-License-Identifier: ISC */
/*
 * ~/dead.letter: the last resort for a message that can be neither sent nor queued.
 */
#ifndef SENDOFF_COMMAND_DEAD_LETTER_H
#define SENDOFF_COMMAND_DEAD_LETTER_H

#include "base/buf.h"
#include "base/err.h"
#include "message/message.h"

enum {
	DEAD_LETTER_MAX = 16 * 1024 * 1024
}; /* octets of the file, beyond which nothing is added: callers try again */

/*
 * Appends the message to dead.letter in the home that the password database has for the effective
 * user, in mbox form, and the file's name to path.  The user is root or a person (1000 and up), the
 * home is his alone to write to, and the file new (0600), or a regular one of his with no other
 * name.
 * Errors: ERR_PERMISSION (not safe: says why), ERR_CANT_CREATE, ERR_IO.
 */
int dead_letter_save(const struct message *message, const char *sender, struct buf *path,
    struct err *err);

#endif
