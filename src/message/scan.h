/* SPDX-License-Identifier: ISC */
/*
 * What octets hold, seen piece by piece as they pass: what the encoding of a part and the facts of
 * a message depend on.
 */
#ifndef SENDOFF_MESSAGE_SCAN_H
#define SENDOFF_MESSAGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct scan {
	bool has_8bit; /* an octet above 127 */
	bool not_utf8; /* they are not valid UTF-8; known after scan_end() */
	bool has_nul;
	bool has_control;  /* another control character than tab, CR, LF, form feed; NUL too */
	bool bare_cr;      /* a CR without an LF behind it; known after scan_end() */
	bool bare_lf;      /* an LF without a CR before it */
	uint64_t line_max; /* octets of the longest line so far, without LF or CRLF */
	uint64_t line; /* octets of the last line, while it lacks its end; a CR at its end counted
			*/
	bool look_for_control; /* the caller's to set at the beginning: has_control is wanted */
	/* For the next piece. */
	unsigned utf8; /* where its UTF-8 begins: utf8_pass() */
	bool after_cr;
};

/*
 * struct scan begins as all zeros, but for what is the caller's to set.  Facts that are set by
 * hand, of what passed elsewhere, stay.
 */
void scan_add(struct scan *s, struct span piece);
/*
 * The same for text without CR, of which it makes CRLF for each LF: what is written to wire, which
 * has room for twice the text, is what is looked at.  Returns the octets written.
 */
size_t scan_add_lf(struct scan *s, struct span text, char *wire);
/* All has passed: what is unfinished counts as it is. */
void scan_end(struct scan *s);

enum { SEARCH_MAX = 80 }; /* octets of what can be searched */

/* Looks for octets in what passes. */
struct search {
	struct span needle; /* 1 to SEARCH_MAX octets, borrowed */
	bool found;
	char tail[SEARCH_MAX]; /* the last octets, fewer than needle's */
	size_t tail_len;
};

void search_add(struct search *s, struct span piece);

#endif
