/* SPDX-License-Identifier: ISC */
/*
 * Ordered lists: how their items are numbered.  Pure.
 */
#ifndef SENDOFF_HTML_LIST_H
#define SENDOFF_HTML_LIST_H

#include <stddef.h>

#include "base/span.h"
#include "html/token.h"

/* How numbers are written: 2, b, B, ii, II. */
enum html_numbering {
	HTML_DECIMAL,
	HTML_LOWER_LETTER,
	HTML_UPPER_LETTER,
	HTML_LOWER_ROMAN,
	HTML_UPPER_ROMAN
};

enum { HTML_NUMBER_SIZE = 24 }; /* octets of any number, with its NUL */

/*
 * By the style attribute (list-style-type) or the type attribute; `none` where neither has one of
 * these.
 */
enum html_numbering html_numbering_of(struct span attributes, enum html_numbering none);

/*
 * Writes the number; in decimal, where it cannot be written that way: letters begin with 1, Roman
 * numbers end with 3999.
 */
void html_number(char to[HTML_NUMBER_SIZE], long number, enum html_numbering numbering);

/*
 * The items of the list whose start tag was read last, without those of lists and tables within it.
 * No more than *ahead octets are read for that, which are taken off it; 0 where they do not
 * suffice.
 */
long html_count_items(const struct html_reader *reader, size_t *ahead);

#endif
