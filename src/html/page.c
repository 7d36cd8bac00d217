/* SPDX-License-Identifier: ISC */
#include "html/page.h"

#include <string.h>

#include "html/link.h"

enum {
	TAB_COLUMNS = 8,
	WORDS_MORE = 64, /* octets by which words that tell an address may be longer than it */
};

void
page_init(struct page *p, struct buf *out)
{
	*p = (struct page){ .pre = 0 };
	fill_init(&p->fill, out);
	grid_init(&p->grid);
	buf_init(&p->address, SIZE_MAX);
	buf_init(&p->words, SIZE_MAX);
	buf_init(&p->written, SIZE_MAX);
}

void
page_release(struct page *p)
{
	fill_release(&p->fill);
	grid_release(&p->grid);
	buf_release(&p->address);
	buf_release(&p->words);
	buf_release(&p->written);
}

static struct span
span_of_buf(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

/* What the cell has is no part of a row any more. */
static void
spill(struct page *p)
{
	if (p->grid.in_cell)
		grid_spill(&p->grid, &p->fill);
}

static void
put(struct page *p, uint32_t code)
{
	if (p->grid.in_cell) {
		if (grid_char(&p->grid, code))
			return;
		spill(p);
	}
	fill_char(&p->fill, code);
}

static void
put_space(struct page *p)
{
	if (p->grid.in_cell)
		grid_space(&p->grid);
	else
		fill_space(&p->fill);
}

/* Links. */

/*
 * The address stands on the line below where its words ended theirs, not a paragraph away: what is
 * owed now is owed behind it.  Where it has no words, it stands where they would.
 */
static size_t
draw_near(struct page *p)
{
	size_t owed;

	if (p->grid.in_cell && p->grid.owed > 0)
		spill(p);
	if (p->grid.in_cell || p->words.len == 0)
		return 0;
	fill_space(&p->fill);
	owed = p->fill.owed;
	if (owed > 1)
		p->fill.owed = 1;
	return owed;
}

static void
put_address(struct page *p)
{
	struct span address = span_of_buf(&p->address);

	put_space(p);
	put(p, '<');
	while (address.len > 0)
		put(p, html_take(&address, HTML_IN_RAW));
	put(p, '>');
}

static void
remember_address(struct page *p)
{
	struct buf written = p->written;

	p->written = p->address;
	p->address = written;
	p->again = true;
}

/* Writes the address that is due. */
static void
settle_link(struct page *p)
{
	size_t owed;

	if (!p->due)
		return;
	p->due = false;
	owed = draw_near(p);
	put_address(p);
	if (owed > 0)
		fill_lines(&p->fill, owed);
	else if (p->space)
		put_space(p);
	remember_address(p);
}

static void
begin_words(struct page *p)
{
	buf_release(&p->words);
	buf_init(&p->words, p->address.len + WORDS_MORE);
	p->image = false;
	p->in_link = true;
}

static bool
is_address(const struct page *p, const struct buf *other)
{
	return p->address.len == other->len &&
	    memcmp(p->address.data, other->data, other->len) == 0;
}

void
page_link_begin(struct page *p, struct span href)
{
	struct buf address = BUF_INIT(SIZE_MAX);
	bool useful;

	page_link_end(p);
	useful = link_address(href, &address);
	if (!buf_ok(&address))
		p->fill.out->failed = true;
	if (useful && p->due && is_address(p, &address)) {
		/* The same link goes on, in another element. */
		p->due = false;
		p->in_link = true;
		if (p->space)
			put_space(p);
		buf_release(&address);
		return;
	}
	settle_link(p);
	buf_release(&p->address);
	p->address = address;
	if (!useful)
		return;
	p->again = p->again && is_address(p, &p->written);
	begin_words(p);
}

void
page_link_end(struct page *p)
{
	struct span words = span_of_buf(&p->words);

	if (!p->in_link)
		return;
	p->in_link = false;
	if (words.len == 0 && !p->image)
		return;
	if (buf_ok(&p->words) && link_is_told(span_of_buf(&p->address), words)) {
		remember_address(p);
		return;
	}
	p->due = !p->again;
	p->space = words.len > 0 && words.data[words.len - 1] == ' ';
}

/* Text. */

static bool
is_control(uint32_t code)
{
	return code < ' ' || (code >= 0x7f && code <= 0x9f);
}

/*
 * What is seen nowhere: soft hyphen, grapheme joiner, Mongolian vowel separator, zero-width space,
 * word joiner, BOM.
 */
static bool
is_nothing(uint32_t code)
{
	return code == 0xad || code == 0x34f || code == 0x180e || code == 0x200b ||
	    code == 0x2060 || code == 0xfeff;
}

/* Spaces of other widths, where no line ends or none is wanted. */
static bool
is_blank(uint32_t code)
{
	return (code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f;
}

void
page_char(struct page *p, uint32_t code)
{
	if (is_control(code) || is_nothing(code))
		return;
	if (is_blank(code))
		code = HTML_NO_BREAK_SPACE;
	settle_link(p);
	if (p->in_link)
		html_add(&p->words, code == HTML_NO_BREAK_SPACE ? ' ' : code);
	else if (!html_is_soft(code))
		p->again = false;
	put(p, code);
}

static void
add_space(struct page *p)
{
	p->space = true;
	if (p->due)
		return;
	if (p->in_link && p->words.len > 0 && p->words.data[p->words.len - 1] != ' ')
		buf_addc(&p->words, ' ');
	put_space(p);
}

/* White space where it counts. */
static void
add_pre_space(struct page *p, uint32_t code)
{
	size_t n = 1;

	if (code == '\r' || (code == '\n' && !p->cr)) {
		if (!p->pre_begin)
			page_break(p);
	} else if (code != '\n') {
		if (code == '\t')
			n = TAB_COLUMNS - p->fill.width % TAB_COLUMNS;
		for (; n > 0; n--)
			page_char(p, HTML_NO_BREAK_SPACE);
	}
	p->cr = code == '\r';
}

void
page_text(struct page *p, struct span text, enum html_place place)
{
	while (text.len > 0) {
		uint32_t code = html_take(&text, place);
		bool space = html_is_space(code) || code == 0x2028 || code == 0x2029;

		if (space && p->pre > 0)
			add_pre_space(p, code);
		else if (space)
			add_space(p);
		else
			page_char(p, code);
		p->cr = p->cr && code == '\r';
		p->pre_begin = false;
	}
}

void
page_image(struct page *p, struct span text)
{
	text = html_trim(text);
	p->image = true;
	if (text.len == 0)
		return;
	page_char(p, '[');
	page_text(p, text, HTML_IN_VALUE);
	page_char(p, ']');
}

/* Lines. */

void
page_lines(struct page *p, size_t lines)
{
	if (lines == 0)
		return;
	settle_link(p);
	if (p->grid.in_cell)
		grid_lines(&p->grid, lines);
	else
		fill_lines(&p->fill, lines);
}

void
page_break(struct page *p)
{
	settle_link(p);
	if (p->grid.in_cell)
		grid_break(&p->grid);
	else
		fill_break(&p->fill);
}

size_t
page_push(struct page *p, const char *mark, bool once)
{
	settle_link(p);
	spill(p);
	fill_lines(&p->fill, 1);
	return fill_push(&p->fill, mark, once);
}

void
page_pop(struct page *p, size_t before)
{
	settle_link(p);
	fill_pop(&p->fill, before);
}

void
page_pre_begin(struct page *p)
{
	settle_link(p);
	spill(p);
	fill_lines(&p->fill, 2);
	p->fill.as_is = true;
	p->pre_begin = p->pre == 0;
	p->cr = false;
	p->pre++;
}

void
page_pre_end(struct page *p)
{
	page_lines(p, 2);
	p->pre--;
	p->fill.as_is = p->pre > 0;
	p->pre_begin = false;
}

void
page_end(struct page *p)
{
	page_link_end(p);
	settle_link(p);
	fill_end(&p->fill);
	if (!buf_ok(&p->address) || !buf_ok(&p->written))
		p->fill.out->failed = true;
}

/* Tables. */

void
page_table_begin(struct page *p)
{
	page_lines(p, 2);
	spill(p);
	fill_lines(&p->fill, 2);
	grid_begin(&p->grid);
}

void
page_table_end(struct page *p)
{
	settle_link(p);
	grid_end(&p->grid, &p->fill);
	fill_lines(&p->fill, 2);
}

void
page_cell_begin(struct page *p, unsigned span, unsigned rows, bool header, bool right)
{
	settle_link(p);
	if (p->grid.active && grid_cell_begin(&p->grid, span, rows, header, right))
		return;
	grid_spill(&p->grid, &p->fill);
	fill_lines(&p->fill, 1);
	p->fill.begun = 0;
}

void
page_cell_end(struct page *p)
{
	settle_link(p);
	if (p->grid.active) {
		grid_cell_end(&p->grid);
		return;
	}
	fill_lines(&p->fill, 1);
	/* A cell of several lines stands apart from the next. */
	if (p->fill.begun > 1)
		fill_lines(&p->fill, 2);
}

void
page_row_end(struct page *p)
{
	settle_link(p);
	if (p->grid.active)
		grid_row_end(&p->grid);
	else
		fill_lines(&p->fill, 2);
}
