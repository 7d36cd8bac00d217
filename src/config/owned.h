/* SPDX-License-Identifier: ISC */
/*
 * Files that decide about mail or hold passwords: opened only where no other user can have put
 * something into them.
 */
#ifndef SENDOFF_CONFIG_OWNED_H
#define SENDOFF_CONFIG_OWNED_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Opens a regular file for reading that belongs to root or the effective user and that nobody else
 * can write; never waits, not for the writer of a FIFO either.  The descriptor is closed on exec.
 * Errors: ERR_CONFIG (sys_errno is ENOENT or ENOTDIR where there is no such file, EACCES where it
 * must not be read; not regular; wrong owner or mode), ERR_SYSTEM.
 */
int owned_open(const char *path, int *fd, struct stat *status, struct err *err);

/*
 * Appends what can be read from fd, as far as the ceiling of out allows: a full buffer may mean
 * that there is more.  The file's status tells how much room it is likely to take.
 * Errors: ERR_SYSTEM.
 */
int owned_read(int fd, const struct stat *status, struct buf *out, struct err *err);

/*
 * Mixes what changes together with a file into `before`; never 0.  Its change time is among that,
 * for access that was given to a file is a change too.
 */
uint64_t owned_stamp(uint64_t before, const struct stat *status);

/* Appends a file name as a shell takes it. */
void shell_word(struct buf *out, const char *word);

#endif
