/* SPDX-License-Identifier: ISC */
/*
 * Passwords out of files and commands.  Here for account_secret() (account.h) and its tests.
 */
#ifndef SENDOFF_CONFIG_SECRET_H
#define SENDOFF_CONFIG_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
	SECRET_MAX = 8192,             /* octets of a password */
	SECRET_SETTING_MAX = 64 << 10, /* octets of a password, or of the command or path that leads
					  to one */
	SECRET_COMMAND_LIMIT_MS = 60000, /* how long a command may take, whatever the deadline */
};

/*
 * Puts the output of `/bin/sh -c command` into secret, which is empty on failure.  At the deadline
 * the command is killed, with all that it started in its process group.  Where it ends before, what
 * it leaves running is not waited for, nor ended.
 * Errors: as account_secret(), without place; the command is not shown, for a password may stand in
 * it.
 */
int secret_command(const char *command, int64_t deadline, struct buf *secret, struct err *err);

/* The same for the content of a file. */
int secret_file(const char *path, struct buf *secret, struct err *err);

#endif
