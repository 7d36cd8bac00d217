/* SPDX-License-Identifier: ISC */
/*
 * Where the text of HTML goes: to the fill, or to the grid as long as there is one; and what
 * becomes of the addresses of links: they come behind their words, but not before it is clear that
 * the link ends there.
 */
#ifndef SENDOFF_HTML_PAGE_H
#define SENDOFF_HTML_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"
#include "html/entity.h"
#include "html/fill.h"
#include "html/grid.h"

struct page {
	struct fill fill;
	struct grid grid;
	unsigned pre;   /* elements around what comes, in which white space counts */
	bool pre_begin; /* the first of them begins: a line end there does not count */
	bool cr;        /* in them: CR came last */

	bool in_link; /* an element with an address is open */
	bool image;   /* and an image is in it */
	bool due;     /* it has ended: its address is not written yet */
	bool space;   /* white space came since */
	bool again;   /* nothing but words of links to `written` came since that was written */
	struct buf address, words; /* of the link */
	struct buf written;        /* the last address that was written */
};

void page_init(struct page *p, struct buf *out);
void page_release(struct page *p);
/* All is there.  out has failed where there was no memory. */
void page_end(struct page *p);

/* Text as it stands in HTML, or in the value of an attribute. */
void page_text(struct page *p, struct span text, enum html_place place);
/* A character of its own making; no white space. */
void page_char(struct page *p, uint32_t code);
/* As in struct fill; 0 lines are nothing. */
void page_lines(struct page *p, size_t lines);
void page_break(struct page *p);
size_t page_push(struct page *p, const char *mark, bool once);
void page_pop(struct page *p, size_t before);

/* White space counts from here on. */
void page_pre_begin(struct page *p);
void page_pre_end(struct page *p);

/* href: as it stands in HTML. */
void page_link_begin(struct page *p, struct span href);
void page_link_end(struct page *p);
/* An image, whether its text is shown or not. */
void page_image(struct page *p, struct span text);

/* A table within a cell must have its cell's grid spilled: it does that. */
void page_table_begin(struct page *p);
void page_table_end(struct page *p);
void page_cell_begin(struct page *p, unsigned span, unsigned rows, bool header, bool right);
void page_cell_end(struct page *p);
void page_row_end(struct page *p);

#endif
