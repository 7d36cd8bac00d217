/* SPDX-License-Identifier: ISC */
/*
 * HTML, read: its pieces (token.c), and its characters (entity.c).  Pure.
 *
 * Any octets are read, in time linear in their number.  A '<' that begins no tag is text; so is all
 * from a tag that never ends, and so are addresses in angle brackets.  What is given points into
 * the HTML.
 */
#ifndef SENDOFF_HTML_READ_H
#define SENDOFF_HTML_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum html_kind {
	HTML_TEXT,
	HTML_START,
	HTML_END,
	HTML_CONTENT, /* all that stands in an element in which no tags are read: script, textarea
		       */
};

struct html_token {
	enum html_kind kind;
	struct span text; /* HTML_TEXT, HTML_CONTENT: for html_decode() */
	struct span name; /* of the element, but for HTML_TEXT; in any case, as it stands there */
	struct span attributes; /* HTML_START: for the functions below */
};

struct html_reader {
	struct span rest;   /* what is not read yet */
	struct span within; /* the element whose content comes next, in which no tags are read */
	bool plain;         /* a tag never ended: all else is text */
};

/*
 * The next piece of the HTML that rest was set to; comments, the doctype and the like are passed
 * over.  False at the end.
 */
bool html_next(struct html_reader *reader, struct html_token *token);

/* The first attribute of that name, as it stands there; data NULL: there is none. */
struct span html_value(struct span attributes, const char *name);
/* True where it is that value, in any case, with white space around it or not. */
bool html_value_is(struct span attributes, const char *name, const char *value);

enum { HTML_NUMBER_MOST = 9999999 }; /* what is more counts as this */

/* The number that its value begins with, from `least` on; otherwise `none`. */
long html_number_value(struct span attributes, const char *name, long least, long none);
/* What its style attribute says last of that property, without "!important"; empty: nothing. */
struct span html_style(struct span attributes, const char *property);

/* Where characters stand. */
enum html_place {
	HTML_IN_TEXT,
	HTML_IN_VALUE, /* of an attribute: "&copy=" is no reference there, for the sake of addresses
			*/
	HTML_IN_RAW,   /* no references at all */
};

enum { HTML_NO_BREAK_SPACE = 0xa0 };

/*
 * Appends the text as valid UTF-8: U+FFFD for each octet that is none, and for references to what
 * is no character; LF for each line end, be it LF, CRLF or CR.  References ("&amp;", "&#38;") are
 * all that HTML 5 names, and numbers; without a semicolon where HTML 5 takes them so.  What is no
 * reference is an ampersand.  Adds at most three times the octets of the text.
 */
void html_decode(struct buf *out, struct span text, enum html_place place);
/* Takes the next character off *text, which is valid UTF-8 and not empty. */
uint32_t html_take(struct span *text);
/* Appends the character in UTF-8. */
void html_add(struct buf *out, uint32_t code);

/* White space of HTML: it collapses.  A no-break space does not. */
bool html_is_space(uint32_t code);
/* Without white space at both ends. */
struct span html_trim(struct span text);
/* Without the first n octets. */
static inline struct span
html_behind(struct span text, size_t n)
{
	return (struct span){ text.data + n, text.len - n };
}

#endif
