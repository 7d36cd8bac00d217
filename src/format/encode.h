/* SPDX-License-Identifier: ISC */
/*
 * The content of a part as its Content-Transfer-Encoding wants it (RFC 2045 sections 6.7 and 6.8),
 * piece by piece.
 */
#ifndef SENDOFF_FORMAT_ENCODE_H
#define SENDOFF_FORMAT_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "format/lookahead.h"

enum {
	ENCODE_COLUMNS = 76, /* octets of an encoded line at most, without its CRLF */
	BASE64_LINE = 57,    /* octets that such a line of base64 stands for */
};

/*
 * Appends data in base64, in lines of 76 digits, each with CRLF, the last one too; nothing for
 * nothing.  What comes in pieces may be encoded piece by piece where all but the last are multiples
 * of BASE64_LINE octets.
 */
void base64_add_lines(struct buf *out, struct span data);

/* The same, written to where there is room for it. */
void base64_put_lines(char *to, struct span data);

/* Octets that base64_add_lines() makes of len octets. */
uint64_t base64_lines_length(uint64_t len);

/*
 * Quoted-printable of text: CRLF and LF are line ends, which become CRLF; all other octets come
 * back as they are, a lone CR and NUL too.  Lines are broken between characters of UTF-8, not
 * within them.  Space and tab at the end of a line are encoded, and so is what mailboxes and
 * servers take for their own: "From " and a dot at the begin of a line; and a hyphen with which a
 * line goes on that was broken: no boundary comes up that was none.
 */
struct qp {
	struct buf *out;
	size_t column; /* octets on the line so far */
	struct lookahead ahead;
};

/* Five octets tell how the first of them is written: "From ". */
#define QP_INIT(where) \
	{ \
		.out = (where), .ahead.wanted = 5 \
	}

/* Appends the next piece of the text to qp->out, but for its last octets perhaps. */
void qp_add(struct qp *qp, struct span piece);
/* All is there: appends what was held.  A last line without a line end gets none. */
void qp_end(struct qp *qp);

/* Octets of text that quoted-printable cannot leave as they are. */
uint64_t qp_escaped(struct span text);
/*
 * Octets that it makes of len octets with so many of these, about: lines that are broken are not
 * counted to the last octet.
 */
uint64_t qp_length(uint64_t len, uint64_t escaped);

#endif
