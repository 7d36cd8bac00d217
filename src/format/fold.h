/* SPDX-License-Identifier: ISC */
/*
 * Writing one header field, token by token, in lines that are no longer than they should be (RFC
 * 5322 section 2.1.1): 78 octets, and 76 where an encoded word stands on the line (RFC 2047 section
 * 2).  Lines are broken at the gaps between tokens alone, so that unfolding gives what was written.
 *
 * Lifetime: fold_begin(), what is to stand in the field, fold_end().
 */
#ifndef SENDOFF_FORMAT_FOLD_H
#define SENDOFF_FORMAT_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

enum {
	FOLD_COLUMNS = 78,         /* octets of a line, without CRLF */
	FOLD_COLUMNS_ENCODED = 76, /* … with an encoded word on it */
};

struct fold {
	struct buf *out;
	size_t column;  /* octets on the line so far */
	size_t reserve; /* octets that each line leaves free, for what follows a token at once: ","
			 */
	size_t longest; /* octets of the longest line so far */
	bool encoded;   /* an encoded word stands on the line */
	bool any;       /* something stands behind the colon */
};

/* Appends "Name:" to out. */
void fold_begin(struct fold *f, struct buf *out, struct span name);

/*
 * The same for what is put into a field by others, where `column` octets stand on the line: appends
 * nothing.
 */
void fold_continue(struct fold *f, struct buf *out, size_t column);

/*
 * Room for a token of width octets: appends the gap (spaces; may be empty), with a line break
 * before it where the token would not fit the line.  The first token of a field stays on the line
 * of the name, however long.
 */
void fold_gap(struct fold *f, struct span gap, size_t width);

/* Appends text where the line stands. */
void fold_raw(struct fold *f, struct span text);

/* Gap and token. */
void fold_token(struct fold *f, const char *gap, struct span token);

/*
 * Appends text word by word, the spaces between them as they are; no word is changed.  Text has no
 * control characters.
 */
void fold_text(struct fold *f, struct span text);

/*
 * The next word of *text, which has none at its end but spaces; the spaces before it in *gap.
 * False at the end.
 */
bool fold_next_word(struct span *text, struct span *gap, struct span *word);

/* The octets that may still stand on the line; 0 where there are none. */
size_t fold_room(const struct fold *f, size_t columns);

/* Appends CRLF. */
void fold_end(struct fold *f);

#endif
