/* SPDX-License-Identifier: ISC */
/*
 * The header block of a message (RFC 5322 section 2.2): which line is what, and a walk over the
 * fields.
 */
#ifndef SENDOFF_FORMAT_HEADER_H
#define SENDOFF_FORMAT_HEADER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/span.h"

enum header_line {
	HEADER_FIELD, /* "Name: …": begins a field; space before the colon is allowed (section 4.5)
		       */
	HEADER_CONTINUATION, /* begins with space or tab */
	HEADER_BLANK,        /* of no octets: ends the block */
	HEADER_MBOX_FROM,    /* "From …" or ">From …": a separator line of mbox files */
	HEADER_OTHER,        /* cannot stand in a header block */
};

/*
 * What a line is, given without its line end.  A name is one or more of the octets 33 to 126
 * without the colon.
 */
enum header_line header_classify(struct span line);

struct header_field {
	struct span whole; /* all its lines, with their CRLFs */
	struct span name;  /* without the colon and the space before it */
	struct span body;  /* behind the colon, still folded, without the last CRLF */
};

/*
 * Takes the next field off the front of *block, a block of well-formed fields with CRLF line ends
 * (a lone LF is taken as a line end too).  Lines that are no field are skipped, with the
 * continuation lines behind them.  False at the end: no octet is left, or *block begins with a
 * blank line, behind which the body would be.
 */
bool header_next(struct span *block, struct header_field *field);

/* True where the field's name is the given one, without regard to case. */
bool header_is(const struct header_field *field, const char *name);

/* Finds the first field of that name; false where there is none: field is of no meaning then. */
bool header_find(struct span block, const char *name, struct header_field *field);

/*
 * Appends body unfolded: each CRLF or LF before space or tab is dropped (section 2.2.3), space at
 * both ends too.
 */
void header_unfold(struct buf *out, struct span body);

#endif
