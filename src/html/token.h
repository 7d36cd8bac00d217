/* SPDX-License-Identifier: ISC */
/*
 * HTML in pieces: text, and tags with their attributes.  Comments, the doctype, processing
 * instructions and CDATA sections are passed over.
 *
 * Any octets are read.  A '<' that begins no tag is text; so is all from a tag that never ends, and
 * so are addresses in angle brackets.  What is given points into the HTML.  All of a document is
 * read in time linear in its length.
 */
#ifndef SENDOFF_HTML_TOKEN_H
#define SENDOFF_HTML_TOKEN_H

#include <stdbool.h>

#include "base/span.h"

enum html_kind {
	HTML_TEXT,
	HTML_START,
	HTML_END,
	HTML_CONTENT, /* all that stands in an element in which no tags are read: script, title,
			 textarea and such */
};

struct html_token {
	enum html_kind kind;
	struct span text; /* HTML_TEXT, HTML_CONTENT: entities as they stand there */
	struct span name; /* of the element, but for HTML_TEXT; in any case, as it stands there */
	struct span attributes; /* HTML_START: for html_attribute() and html_value() */
};

struct html_reader {
	struct span rest;   /* what is not read yet */
	struct span within; /* the name of the element whose content comes next, in which no tags
			       are read */
	bool plain;         /* a tag never ended: all else is text */
};

#define HTML_READER_INIT(html) \
	{ \
		.rest = (html) \
	}

/* The next piece.  False at the end. */
bool html_next(struct html_reader *reader, struct html_token *token);

/*
 * Takes the next attribute off *attributes; its value is empty where it has none.  False where
 * there is none left.
 */
bool html_attribute(struct span *attributes, struct span *name, struct span *value);

/*
 * The value of the first attribute of that name (in lower case), as it stands there; data NULL
 * where there is none.
 */
struct span html_value(struct span attributes, const char *name);

#endif
