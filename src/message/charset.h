/* SPDX-License-Identifier: ISC */
/*
 * Text in any character set, made UTF-8: at once, or piece by piece, however it is cut.
 */
#ifndef SENDOFF_MESSAGE_CHARSET_H
#define SENDOFF_MESSAGE_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	CHARSET_NAME_MAX = 64, /* octets of a name that HTML gives */
	CHARSET_HELD_MAX = 32, /* octets that can be a part of a character */
};

/* Text on its way to UTF-8. */
struct charset {
	const char *name;            /* borrowed; NULL: see charset_init_unknown() */
	void *converter;             /* of iconv(3); NULL: the text is UTF-8, or taken for it */
	bool repaired;               /* what makes no sense is replaced */
	bool any;                    /* a character has passed */
	bool marked;                 /* the text began with the byte order mark of UTF-8 */
	uint64_t octets, lines;      /* of what has passed, LFs */
	char held[CHARSET_HELD_MAX]; /* the begin of a character */
	size_t held_len;
	/* What was seen, as UTF-8; known of all text that is no converter's. */
	uint64_t characters; /* valid, of more than one octet */
	uint64_t others;     /* octets that are in none */
	bool not_8bit;       /* an octet that no charset of eight bits has in text */
	bool c1;             /* an octet from 0x80 to 0x9F */
	char begin[2];       /* the first octets, zeros where there are none */
};

/*
 * Lifetime: one of the first three, charset_add() any number of times, charset_end(),
 * charset_release().
 *
 * charset_init(): text in that charset, a name that iconv(3) knows; UTF-8 is looked at, not
 * converted.  Strict: nothing is dropped or replaced.  Errors: ERR_MESSAGE (the charset is not
 * known).
 * charset_init_repair(): UTF-8 in which U+FFFD stands for each octet that makes no sense.
 * charset_init_unknown(): nobody says what it is: it passes as it is, and charset_guess() tells in
 * the end.
 */
int charset_init(struct charset *c, const char *name, struct err *err);
void charset_init_repair(struct charset *c);
void charset_init_unknown(struct charset *c);
void charset_release(struct charset *c);

/*
 * Appends the next piece as UTF-8, but for its last octets perhaps, and for a byte order mark at
 * the begin of the text.
 * Errors: ERR_MESSAGE (the text is not in the charset: tells line and octet), ERR_SYSTEM.
 */
int charset_add(struct charset *c, struct span piece, struct buf *out, struct err *err);
/* All is there.  Appends what was held; errors as above, the text may end amid a character. */
int charset_end(struct charset *c, struct buf *out, struct err *err);

/*
 * What the text is in that has passed, where nobody says so:
 *
 * 	UTF-8         it is valid; or more of its characters beyond ASCII are valid than octets
 * 	              are not: it is damaged, cut off perhaps
 * 	UTF-16        it begins with a byte order mark
 * 	ISO-8859-15   no octet from 0x80 to 0x9F
 * 	windows-1252  some, and all of them known there
 * 	NULL          none of these
 */
const char *charset_guess(const struct charset *c);
/* True where text that begins so may be UTF-16. */
bool charset_has_utf16_mark(struct span begin);

/*
 * What is meant by the charset that HTML names for itself (html_meta_charset()), as browsers read
 * it: by "latin1" it is windows-1252, and the like (WHATWG, Encoding).  NULL where they do not know
 * it, and for UTF-8 and UTF-16, which are known without a name, or not by one.  HTML may come from
 * strangers: iconv(3) knows more than is good for it.
 */
const char *charset_of_html(const char *name);

/* All at once, strictly: charset_init() to charset_end(), and their errors. */
int charset_to_utf8(struct span text, const char *charset, struct buf *out, struct err *err);

#endif
