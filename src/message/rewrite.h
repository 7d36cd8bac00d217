/* SPDX-License-Identifier: ISC */
/*
 * The header block of a message or part, changed so that a server can take it.
 */
#ifndef SENDOFF_MESSAGE_REWRITE_H
#define SENDOFF_MESSAGE_REWRITE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct rewrite {
	bool eightbit;        /* 8-bit text may stay, */
	bool a_labels;        /* … but for fields with addresses in UTF-8 */
	bool may_stay;        /* … also where it cannot be encoded: others decide about it */
	const char *charset;  /* of 8-bit text that is no UTF-8, as the body says; NULL or "":
				 unknown */
	const char *encoding; /* Content-Transfer-Encoding that replaces the one that is there, or
				 is added; NULL: none */
	const char *type; /* Content-Type that is added, and replaces an empty one; NULL: none */
	bool version;     /* MIME-Version is added */
};

/*
 * Appends the block (fields with CRLF, without the empty line).  Lines of more than
 * MESSAGE_LINE_MAX octets are folded.  What needs no change stays as it is.
 * Errors: ERR_MESSAGE (8-bit text that cannot be encoded, a line that cannot be folded: names the
 * field; more than out can take), ERR_SYSTEM.
 */
int rewrite_header(struct buf *out, struct span block, const struct rewrite *how, struct err *err);

/* The message cannot be converted, because of that: ERR_MESSAGE.  Always -1. */
int rewrite_refuse(struct err *err, const char *reason, ...) __attribute__((format(printf, 2, 3)));

#endif
