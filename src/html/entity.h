/* SPDX-License-Identifier: ISC */
/*
 * The characters of HTML: UTF-8, and what entities stand for.
 */
#ifndef SENDOFF_HTML_ENTITY_H
#define SENDOFF_HTML_ENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

enum {
	HTML_REPLACEMENT = 0xfffd, /* for what is no character */
	HTML_NO_BREAK_SPACE = 0xa0,
};

/* Where the characters stand. */
enum html_place {
	HTML_IN_TEXT,
	HTML_IN_VALUE, /* of an attribute: "&copy=" is no entity there, for the sake of addresses */
	HTML_IN_RAW,   /* no entities at all */
};

/* White space of HTML: it collapses.  A no-break space does not. */
bool html_is_space(uint32_t code);
/* Not seen where nothing follows that is: no-break space, zero-width joiner and non-joiner. */
bool html_is_soft(uint32_t code);
/* Without white space at both ends. */
struct span html_trim(struct span text);

/*
 * Takes the next character off *text, which is not empty: a code point, never a surrogate, never
 * over 0x10ffff; each octet that is no UTF-8 is HTML_REPLACEMENT.  Entities are those of HTML 4,
 * and decimal and hexadecimal ones; without a semicolon where HTML 5 takes them so.  What is no
 * entity is an ampersand.  Looks at a bounded number of octets behind those that it takes.
 */
uint32_t html_take(struct span *text, enum html_place place);

/* Appends the character in UTF-8. */
void html_add(struct buf *out, uint32_t code);

/* Appends the value of an attribute, entities decoded. */
void html_add_value(struct buf *out, struct span value);

#endif
