/* SPDX-License-Identifier: ISC */
/*
 * The elements of HTML, by what they do to its text.
 */
#ifndef SENDOFF_HTML_ELEMENT_H
#define SENDOFF_HTML_ELEMENT_H

#include <stdbool.h>

#include "base/span.h"

enum html_role {
	HTML_INLINE, /* does nothing, and so do those that are not known */
	HTML_ROOT,   /* html, body: never hidden */
	HTML_HEAD,
	HTML_META,    /* stands in a head; has no content, or none that is read */
	HTML_DROPPED, /* its content is no text */
	HTML_EMPTY,   /* has no content, does nothing */
	HTML_BREAK,
	HTML_RULE,
	HTML_IMAGE,
	HTML_INPUT,
	HTML_BLOCK,     /* stands on lines of its own */
	HTML_PARAGRAPH, /* the same, and is ended by the next block */
	HTML_TERM,      /* the same, and is ended by its like */
	HTML_OPAQUE,    /* has text, but no tags in it */
	HTML_LIST,
	HTML_NUMBERED,
	HTML_ITEM,
	HTML_DETAIL,
	HTML_QUOTE,
	HTML_PHRASE, /* in quotation marks */
	HTML_PRE,
	HTML_LINK,
	HTML_TABLE,
	HTML_ROW, /* or rows */
	HTML_CELL,
	HTML_ROLES, /* their number */
};

struct html_element {
	const char *name;
	enum html_role role;
	unsigned lines; /* 1: on lines of its own; 2: between empty ones */
};

/*
 * The element of that name (in any case); one without a name that does nothing, where it is not
 * known.
 */
const struct html_element *html_element_find(struct span name);

/* Has no content and no end tag. */
bool html_element_is_empty(const struct html_element *e);

#endif
