/* SPDX-License-Identifier: ISC */
/*
 * The bytes of a configuration file as lines of key and value, each of which knows where it stands.
 * A line is
 *
 * 	key value
 *
 * with any space before, between and behind; the value is the rest of the line.  Empty lines and
 * lines that begin with '#' say nothing; a '#' elsewhere is part of the value.  One pair of double
 * quotes around a value is taken off.
 */
#ifndef SENDOFF_CONFIG_GRAMMAR_H
#define SENDOFF_CONFIG_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	CONFIG_FILE_MAX = 1 << 20,  /* octets of a file */
	CONFIG_LINE_MAX = 64 << 10, /* octets of a line */
};

/* A file that was read.  Lines point into it, so it lives until all of them were used. */
struct config_file {
	char *name;
	struct buf text; /* at most CONFIG_FILE_MAX octets; wiped, for passwords may stand in it */
	bool is_private; /* nobody but its owner can read it */
	struct stat status; /* the file's; all 0 for text that was in none */
	struct config_file *next;
};

/* A place in a file; line 0: nowhere. */
struct origin {
	const struct config_file *file;
	unsigned line;
};

struct line {
	struct span key;   /* empty: no more lines */
	struct span value; /* without the quotes around it; backslashes as they stand in the file */
	bool quoted;       /* quotes stood around the value */
	struct origin at;
};

struct grammar {
	const struct config_file *file;
	struct span rest;
	unsigned line;
};

/* A file with no text yet; NULL where memory is out. */
struct config_file *config_file_new(const char *name);
/* Frees all that hang together by next. */
void config_file_free(struct config_file *file);

/* Appends "FILE:LINE", printable. */
void origin_add(struct buf *out, struct origin at);
/* Appends "line LINE", with the file's name only where it is another than that of `from`. */
void origin_add_short(struct buf *out, struct origin at, struct origin from);
/* Fills err with "FILE:LINE: sentence", ERR_CONFIG.  Always -1. */
int origin_err(struct origin at, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "FILE:LINE: " before the sentence of err.  Always -1. */
int origin_wrap(struct origin at, struct err *err);

void grammar_begin(struct grammar *g, const struct config_file *file);
/*
 * The next line that says something; its key is empty behind the last one.
 * Errors: ERR_CONFIG (a line that is too long, a NUL, another control character than tab outside of
 * a comment).
 */
int grammar_next(struct grammar *g, struct line *line, struct err *err);

/*
 * Appends a value as it is meant: in quotes, \" stands for a quote and \\ for a backslash; any
 * other backslash for itself.
 */
void grammar_unescape(struct buf *out, struct span value);

#endif
