/* SPDX-License-Identifier: ISC */
/*
 * Reading a list of addresses word by word: the lexical tokens of RFC 5322 section 3.2 and their
 * obsolete forms (section 4.1).  For address.c and mailboxes.c alone.
 *
 * Invariants: begin <= element <= at <= end.  After cursor_check_octets() the text is free of
 * control characters but tab, and CR and LF stand in it only where folding has them: all four of
 * space, tab, CR and LF are white space then.  Each octet is looked at a bounded number of times,
 * whatever the text.
 *
 * Functions that can fail return 0, or -1 with the error filled: ERR_ADDRESS.
 */
#ifndef SENDOFF_FORMAT_CURSOR_H
#define SENDOFF_FORMAT_CURSOR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

enum {
	CURSOR_END = -1 /* what stands behind the last octet */
};

struct cursor {
	const char *at;      /* the next octet */
	const char *end;     /* behind the last one */
	const char *begin;   /* of the whole text */
	const char *element; /* where the address being read begins: errors quote from there */
	struct err *err;
};

struct cursor cursor_init(struct span text, struct err *err);

/*
 * Refuses what may stand nowhere: control characters, line ends that are no folding.  Names beside
 * the address may be in any old character set: only the mailbox itself must be UTF-8, which
 * address.c sees to.
 */
int cursor_check_octets(struct cursor *in);

/* The next octet, 0 to 255, or CURSOR_END. */
int cursor_peek(const struct cursor *in);
/* Passes the next octet where it is c; false where it is another. */
bool cursor_take(struct cursor *in, char c);

/* What cursor_peek() gave is white space, folding counted. */
bool cursor_is_white(int c);
/* It is atext (RFC 5322 section 3.2.3, RFC 6532 section 3.2). */
bool cursor_is_atext(int c);
/* It may stand in an address literal, white space counted. */
bool cursor_is_literal(int c);

/* Passes white space and comments. */
int cursor_skip_space(struct cursor *in);

/* Takes the longest run of atext; may be empty. */
struct span cursor_take_atom(struct cursor *in);

/* At a quotation mark: passes the quoted string and appends what it stands for. */
int cursor_read_quoted(struct cursor *in, struct buf *out);

/*
 * Passes all words up to the octet that tells what they are: '<' a phrase, ':' the name of a group,
 * ',' ';' and the end an address; or '>', which is always wrong.
 */
int cursor_skip_words(struct cursor *in);

/*
 * Fills the error with the text of the element, printable and cut to 80 octets, and the reason.
 * Always -1.
 */
int cursor_refuse(struct cursor *in, const char *reason);
/* The same, the reason being the next octet, which has no place here. */
int cursor_refuse_stray(struct cursor *in);

#endif
