/* SPDX-License-Identifier: ISC */
/*
 * The log: one line of key=value pairs per attempt, to syslog(3) (facility mail) and to a file
 * where one is asked for.
 */
#ifndef SENDOFF_BASE_LOG_H
#define SENDOFF_BASE_LOG_H

#include "base/buf.h"
#include "base/err.h"

enum {
	LOG_LINE_MAX = 4096, /* octets of one line; a longer one is cut */
	LOG_WAIT_S = 1,
	LOG_FIELD_MAX = 400, /* octets of one value: a long one must not push the others out of the
				line */
};

/*
 * Appends " key=value" (no space before the first).  A value that is empty, or holds a space, a
 * quote, an equals sign or a backslash, is put in double quotes; control characters and invalid
 * UTF-8 become \xHH.
 */
void log_field(struct buf *line, const char *key, const char *value);
/* The same for a number. */
void log_number(struct buf *line, const char *key, long long value);

/*
 * Writes the line to syslog; priority is one of syslog(3)'s.  A daemon that takes nothing for
 * LOG_WAIT_S misses it.
 */
void log_syslog(int priority, const char *line);
/*
 * Appends the line, with the time (RFC 3339, local) before it, to the file, which is made 0600
 * where missing.
 * Errors: ERR_CANT_CREATE.
 */
int log_file(const char *path, const char *line, struct err *err);

#endif
