/* SPDX-License-Identifier: ISC */
#include "html/page.h"

#include <stdlib.h>
#include <string.h>

#include "format/width.h"

enum { TAB_COLUMNS = 8 };

void
page_init(struct page *p, struct buf *out)
{
	*p = (struct page){
		.lines = { .out = out },
		.table = { .text = BUF_INIT(SIZE_MAX) },
		.text = BUF_INIT(SIZE_MAX),
		.decoded = BUF_INIT(SIZE_MAX),
		.address = BUF_INIT(SIZE_MAX),
	};
}

static struct span
span_of_buf(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

/* Paragraphs. */

/* Takes off what is not seen, for nothing that is follows. */
static void
drop_soft(struct page *p)
{
	p->blank = p->blank || (p->text.len > 0 && p->seen == 0);
	buf_truncate(&p->text, p->seen);
}

/* The end of what is struck out stands behind its last character that is seen. */
static void
end_strike(struct page *p)
{
	if (p->in_strike)
		buf_splice(&p->text, p->seen, 0, "~~", 2);
	p->seen += p->in_strike ? 2 : 0;
	p->in_strike = false;
}

/* Writes the paragraph, if there is one.  True where it has nothing but no-break spaces. */
static bool
end_text(struct page *p)
{
	bool blank;

	end_strike(p);
	drop_soft(p);
	blank = p->blank && p->seen == 0;
	lines_put(&p->lines, span_of_buf(&p->text), p->pre > 0 ? SIZE_MAX : lines_room(&p->lines));
	p->more = p->more || p->seen > p->words;
	buf_truncate(&p->text, 0);
	p->seen = p->column = p->words = 0;
	p->untold = SIZE_MAX;
	p->last = 0;
	p->space = p->blank = false;
	return blank;
}

/* As page_lines(); and what comes is no part of a cell that stands in a row. */
static void
begin_block(struct page *p, size_t owed)
{
	page_lines(p, owed);
	if (p->lines.cell)
		page_cell_end(p);
	table_spill(&p->table, &p->lines);
	lines_owe(&p->lines, owed);
}

void
page_char(struct page *p, uint32_t code)
{
	bool soft;

	/*
	 * What is seen nowhere: controls, soft hyphen, grapheme joiner, Mongolian vowel separator,
	 * zero-width space, word joiner, BOM.
	 */
	if (code < ' ' || (code >= 0x7f && code <= 0x9f) || code == 0xad || code == 0x34f ||
	    code == 0x180e || code == 0x200b || code == 0x2060 || code == 0xfeff)
		return;
	/* Spaces of other widths, where no line ends or none is wanted. */
	if ((code >= 0x2000 && code <= 0x200a) || code == 0x202f || code == 0x205f)
		code = HTML_NO_BREAK_SPACE;
	/* Not seen where nothing follows that is, nor before what stands in a cell: joiners, too.
	 */
	soft = code == HTML_NO_BREAK_SPACE || code == 0x200c || code == 0x200d;
	if (soft && p->lines.cell && p->text.len == 0)
		return;
	p->told = p->told && (p->in_link || soft);
	if (!soft && p->in_strike && !p->struck)
		end_strike(p);
	if (p->space && p->text.len > 0)
		buf_addc(&p->text, ' ');
	p->space = false;
	if (!soft && p->struck && !p->in_strike) {
		buf_adds(&p->text, "~~");
		p->in_strike = true;
	}
	html_add(&p->text, code);
	p->column += width_of(code);
	if (!soft)
		p->seen = p->text.len;
	p->last = code;
}

void
page_text(struct page *p, struct span text, enum html_place place)
{
	buf_truncate(&p->decoded, 0);
	html_decode(&p->decoded, text, place);
	text = span_of_buf(&p->decoded);
	while (text.len > 0) {
		uint32_t code = html_take(&text);
		size_t n = code == '\t' ? TAB_COLUMNS - p->column % TAB_COLUMNS : 1;

		if (!html_is_space(code) && code != 0x2028 && code != 0x2029) {
			page_char(p, code);
		} else if (p->pre == 0) {
			drop_soft(p);
			p->space = true;
			p->last = 0;
		} else if (code != '\n') {
			for (; n > 0; n--)
				page_char(p, HTML_NO_BREAK_SPACE);
		} else if (!p->pre_begin) {
			page_break(p);
		}
		p->pre_begin = false;
	}
}

void
page_image(struct page *p, struct span text)
{
	text = html_trim(text);
	p->pictured = true;
	if (text.len == 0)
		return;
	page_char(p, '[');
	page_text(p, text, HTML_IN_VALUE);
	page_char(p, ']');
}

/* Links. */

void
page_link_begin(struct page *p, struct span href)
{
	struct buf address = BUF_INIT(SIZE_MAX);
	bool same;

	page_link_end(p);
	if (!link_address(href, p->base, &address))
		return;
	same = address.len == p->address.len &&
	    memcmp(address.data, p->address.data, address.len) == 0;
	p->lines.out->failed = p->lines.out->failed || !buf_ok(&address);
	buf_release(&p->address);
	p->address = address;
	p->in_link = true;
	p->told = p->told && same;
	p->more = p->pictured = false;
	if (p->told && p->untold < p->text.len) {
		/* The link goes on, in another element. */
		buf_truncate(&p->text, p->untold);
		p->seen = p->untold;
		p->told = false;
		p->more = true;
	}
	p->words = p->text.len;
}

void
page_link_end(struct page *p)
{
	struct span words = { p->text.data + p->words,
		p->seen > p->words ? p->seen - p->words : 0 };
	struct span address = span_of_buf(&p->address);
	bool space = p->space, below = p->more && words.len == 0;
	size_t later = p->lines.owed;

	if (!p->in_link)
		return;
	p->in_link = false;
	p->untold = SIZE_MAX;
	if (p->told || (words.len == 0 && !p->more && !p->pictured))
		return;
	if (p->more || !link_is_told(address, words)) {
		/* On the line below, where its words ended theirs, not a paragraph away. */
		if (below && later > 1)
			p->lines.owed = 1;
		end_strike(p);
		drop_soft(p);
		p->struck = false;
		p->untold = p->seen;
		p->space = true;
		page_char(p, '<');
		while (address.len > 0)
			page_char(p, html_take(&address));
		page_char(p, '>');
		p->space = space;
		if (below)
			page_lines(p, later);
	}
	p->told = true;
}

/* Lines. */

void
page_lines(struct page *p, size_t owed)
{
	if (owed > 0)
		lines_owe(&p->lines, end_text(p) ? 2 : owed);
}

void
page_break(struct page *p)
{
	drop_soft(p);
	p->lines.owed += p->seen == 0;
	end_text(p);
}

size_t
page_push(struct page *p, const char *mark, bool once)
{
	struct lines *l = &p->lines;
	size_t before, len = strlen(mark);

	begin_block(p, 1);
	before = l->prefix_len;
	if (len > LINES_PREFIX_MAX - before)
		return before;
	memcpy(l->first + before, mark, len);
	memcpy(l->prefix + before, mark, len);
	if (once)
		memset(l->prefix + before, ' ', len);
	l->prefix_len += len;
	return before;
}

void
page_pop(struct page *p, size_t before)
{
	page_lines(p, 1);
	p->lines.prefix_len = before;
	if (p->lines.shared_len > before)
		p->lines.shared_len = before;
}

void
page_rule(struct page *p)
{
	begin_block(p, 2);
	for (size_t n = lines_room(&p->lines); n > 0; n--)
		page_char(p, '-');
	page_lines(p, 2);
}

void
page_pre_begin(struct page *p)
{
	begin_block(p, 2);
	p->pre_begin = p->pre == 0;
	p->pre++;
}

void
page_pre_end(struct page *p)
{
	page_lines(p, 2);
	p->pre--;
	p->pre_begin = false;
}

void
page_end(struct page *p)
{
	page_link_end(p);
	page_lines(p, 1);
	if (!buf_ok(&p->text) || !buf_ok(&p->decoded) || !buf_ok(&p->table.text))
		p->lines.out->failed = true;
	free(p->table.cells);
	buf_release(&p->table.text);
	buf_release(&p->text);
	buf_release(&p->decoded);
	buf_release(&p->address);
}

/* Tables. */

void
page_table_begin(struct page *p, bool layout)
{
	struct table *t = &p->table;

	begin_block(p, 2);
	buf_truncate(&t->text, 0);
	memset(t->down, 0, sizeof(t->down));
	t->count = t->row = t->rows = t->head = t->column = 0;
	t->active = true;
	t->layout = layout;
}

void
page_table_end(struct page *p)
{
	page_lines(p, 1);
	table_end(&p->table, &p->lines);
	lines_owe(&p->lines, 2);
}

void
page_cell_begin(struct page *p, struct table_cell cell, long columns, long rows)
{
	/* Text that stands in no cell comes before all of them. */
	page_lines(p, 1);
	if (table_cell_begin(&p->table, cell, columns, rows)) {
		p->around = p->lines;
		p->lines = (struct lines){ .out = &p->table.text, .cell = true };
	} else {
		begin_block(p, 1);
		p->lines.begun = 0;
	}
}

void
page_cell_end(struct page *p)
{
	page_lines(p, 1);
	if (p->lines.cell) {
		table_cell_end(&p->table);
		p->lines = p->around;
	} else if (p->lines.begun > 1) {
		/* A cell of several lines stands apart from the next. */
		lines_owe(&p->lines, 2);
	}
}

void
page_row_end(struct page *p)
{
	page_lines(p, 1);
	if (p->table.active)
		table_row_end(&p->table);
	else
		lines_owe(&p->lines, 2);
}
