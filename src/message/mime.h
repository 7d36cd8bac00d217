/* SPDX-License-Identifier: ISC */
/*
 * A walk through the MIME structure of a body (RFC 2046 section 5.1), from front to end, in
 * constant memory: text, cut where the delimiters of the multiparts stand that are open.
 *
 * A delimiter is a line of "--", a boundary, "--" at will, and spaces and tabs at will; nothing
 * else.  The line end before it belongs to it.  The multipart whose boundary it is need not be the
 * innermost: those within it have ended without a delimiter of their own.
 *
 * Lifetime: mime_init(), anything, mime_release().
 */
#ifndef SENDOFF_MESSAGE_MIME_H
#define SENDOFF_MESSAGE_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "message/spool.h"

enum {
	MIME_DEPTH_MAX = 100,    /* multiparts and messages within each other */
	MIME_BOUNDARY_MAX = 200, /* octets; RFC 2046 allows 70 */
};

struct mime {
	const struct spool *spool; /* borrowed */
	uint64_t at;               /* the octet that comes next */
	bool line_start;           /* a line begins there, whatever stands before it */
	struct span window;        /* octets from at on, as far as they have been read */
	char *scratch;
	struct buf boundaries[MIME_DEPTH_MAX]; /* of the multiparts that are open, the outermost
						  first */
	size_t open;
};

enum mime_kind {
	MIME_TEXT,      /* octets before the next delimiter: passed */
	MIME_DELIMITER, /* not passed: mime_pass() */
	MIME_END,
};

struct mime_piece {
	enum mime_kind kind;
	struct span text; /* of a delimiter: with the line ends around it; valid until the next call
			   */
	size_t level; /* of a delimiter: which of the open multiparts it is of, 0 the outermost */
	bool closes;  /* … it is its last */
};

/* Errors: ERR_SYSTEM. */
int mime_init(struct mime *m, const struct spool *spool, struct err *err);
void mime_release(struct mime *m);

/* The next piece.  Errors: those of spool_read(). */
int mime_next(struct mime *m, struct mime_piece *piece, struct err *err);
/* Passes the delimiter that mime_next() found. */
void mime_pass(struct mime *m, const struct mime_piece *piece);

/* Where the walk stands, and back to there: at and line_start. */
void mime_go(struct mime *m, uint64_t at, bool line_start);

/*
 * Opens a multipart with that boundary (1 to MIME_BOUNDARY_MAX octets): false where MIME_DEPTH_MAX
 * are open, or one with the same boundary is.  mime_close() closes the innermost.
 */
bool mime_open(struct mime *m, struct span boundary);
void mime_close(struct mime *m);

/*
 * Appends the header fields that begin here to out, with a space for each NUL, and passes them and
 * the empty line behind them. Ends before that where a line cannot stand in a header, or is a
 * delimiter; *blank tells whether the empty line was there. A separator line of mbox files may come
 * first.
 * Errors: ERR_MESSAGE (more than out can take), those of spool_read().
 */
int mime_read_header(struct mime *m, struct buf *out, bool *blank, struct err *err);

#endif
