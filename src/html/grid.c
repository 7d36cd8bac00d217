/* SPDX-License-Identifier: ISC */
#include "html/grid.h"

#include <string.h>

#include "format/width.h"
#include "html/entity.h"

void
grid_init(struct grid *g)
{
	*g = (struct grid){ .active = false };
	buf_init(&g->text, SIZE_MAX);
	buf_init(&g->cells, SIZE_MAX);
}

void
grid_release(struct grid *g)
{
	buf_release(&g->text);
	buf_release(&g->cells);
}

void
grid_begin(struct grid *g)
{
	buf_clear(&g->text);
	buf_clear(&g->cells);
	memset(g->down, 0, sizeof(g->down));
	g->active = true;
	g->in_cell = g->row_seen = false;
	g->row = 0;
	g->column = 0;
}

/* Cells, rows. */

static struct grid_cell
cell_at(const struct grid *g, size_t at)
{
	struct grid_cell cell;

	memcpy(&cell, g->cells.data + at, sizeof(cell));
	return cell;
}

bool
grid_cell_begin(struct grid *g, unsigned span, unsigned rows, bool header, bool right)
{
	while (g->column < GRID_COLUMNS && g->down[g->column] > 0)
		g->column++;
	if (span > GRID_COLUMNS - g->column)
		return false;
	g->open = (struct grid_cell){ .column = (unsigned char)g->column,
		.span = (unsigned char)span,
		.header = header,
		.right = right };
	for (unsigned i = 0; i < span; i++)
		g->down[g->column++] = rows;
	g->begin = g->text.len;
	g->width = 0;
	g->in_cell = true;
	g->space = false;
	g->owed = 0;
	return true;
}

void
grid_cell_end(struct grid *g)
{
	if (!g->in_cell)
		return;
	g->in_cell = false;
	buf_truncate(&g->text, g->begin + g->open.len);
	g->row_seen = g->row_seen || g->open.len > 0;
	buf_add(&g->cells, &g->open, sizeof(g->open));
}

void
grid_row_end(struct grid *g)
{
	struct grid_cell last;

	grid_cell_end(g);
	/* The end of a row and the begin of the next are one. */
	if (g->column == 0)
		return;
	if (!g->row_seen) {
		/* A row for the room between others. */
		buf_truncate(&g->cells, g->row);
	} else if (g->cells.len > g->row) {
		last = cell_at(g, g->cells.len - sizeof(last));
		last.last = true;
		memcpy(g->cells.data + g->cells.len - sizeof(last), &last, sizeof(last));
	}
	for (unsigned i = 0; i < GRID_COLUMNS; i++)
		g->down[i] -= g->down[i] > 0;
	g->row = g->cells.len;
	g->row_seen = false;
	g->column = 0;
}

/* What stands in a cell. */

bool
grid_char(struct grid *g, uint32_t code)
{
	bool soft = html_is_soft(code), begun = g->open.len > 0;

	if (soft && !begun)
		return true;
	if (begun &&
	    (g->owed > 0 || g->width >= FILL_COLUMNS || g->text.len - g->begin >= GRID_CELL_MAX))
		return false;
	if (g->space && begun) {
		buf_addc(&g->text, ' ');
		g->width++;
	}
	g->space = false;
	html_add(&g->text, code);
	g->width += width_of(code);
	if (!soft) {
		g->open.len = (unsigned short)(g->text.len - g->begin);
		g->open.width = (unsigned char)g->width;
	}
	return buf_ok(&g->text);
}

void
grid_space(struct grid *g)
{
	g->space = true;
}

void
grid_lines(struct grid *g, size_t lines)
{
	if (g->open.len > 0 && g->owed < lines)
		g->owed = lines;
}

void
grid_break(struct grid *g)
{
	g->owed += g->open.len > 0;
}

static void
tell_failure(const struct grid *g, const struct fill *f)
{
	if (!buf_ok(&g->cells) || !buf_ok(&g->text))
		f->out->failed = true;
}

/* Cells one a line. */

/* Takes the next len octets of the cells' text. */
static struct span
take_text(struct span *text, size_t len)
{
	struct span head = { text->data, len };

	text->data += len;
	text->len -= len;
	return head;
}

static void
put_text(struct fill *f, struct span text)
{
	while (text.len > 0) {
		uint32_t code = html_take(&text, HTML_IN_RAW);

		if (code == ' ')
			fill_space(f);
		else
			fill_char(f, code);
	}
}

static void
put_open(const struct grid *g, struct fill *f, struct span text)
{
	fill_lines(f, 1);
	f->begun = 0;
	put_text(f, text);
	if (g->owed > 0)
		fill_lines(f, g->owed);
	else if (g->space)
		fill_space(f);
}

void
grid_spill(struct grid *g, struct fill *f)
{
	struct span text = { g->text.data, g->text.len };

	if (!g->active)
		return;
	g->active = false;
	for (size_t at = 0; at < g->cells.len; at += sizeof(struct grid_cell)) {
		struct grid_cell cell = cell_at(g, at);

		if (cell.len > 0)
			fill_lines(f, 1);
		put_text(f, take_text(&text, cell.len));
		if (cell.last)
			fill_lines(f, 2);
	}
	if (g->in_cell)
		put_open(g, f, text);
	g->in_cell = false;
	tell_failure(g, f);
}

/* Cells side by side. */

/*
 * Where column stands, in a table with columns of these widths; with their number: how wide the
 * table is.
 */
static size_t
position(const size_t *widths, unsigned column)
{
	size_t at = 0;

	for (unsigned i = 0; i < column; i++)
		if (widths[i] > 0)
			at += widths[i] + GRID_GAP;
	return at;
}

/* The columns that a cell can use. */
static size_t
room(const size_t *widths, const struct grid_cell *cell)
{
	size_t all = position(widths, cell->column + cell->span) - position(widths, cell->column);

	return all > 0 ? all - GRID_GAP : 0;
}

/* Cells of one column first: those of several have what these leave them. */
static void
measure(const struct grid *g, size_t *widths)
{
	for (int several = 0; several < 2; several++)
		for (size_t at = 0; at < g->cells.len; at += sizeof(struct grid_cell)) {
			struct grid_cell cell = cell_at(g, at);
			size_t has = room(widths, &cell);

			if ((cell.span > 1) == several && cell.width > has)
				widths[cell.column + cell.span - 1] += cell.width - has;
		}
}

static void
put_blanks(struct fill *f, size_t n)
{
	for (; n > 0; n--)
		fill_char(f, HTML_NO_BREAK_SPACE);
}

/* Rows are one word each, which no line end can break. */
static void
put_cell(struct fill *f, const size_t *widths, const struct grid_cell *cell, struct span text)
{
	size_t at = position(widths, cell->column);

	if (cell->len == 0)
		return;
	if (cell->right)
		at += room(widths, cell) - cell->width;
	if (at > f->width)
		put_blanks(f, at - f->width);
	while (text.len > 0) {
		uint32_t code = html_take(&text, HTML_IN_RAW);

		fill_char(f, code == ' ' ? HTML_NO_BREAK_SPACE : code);
	}
}

/* Dashes under the names of the columns. */
static void
put_rule(struct fill *f, const size_t *widths)
{
	fill_lines(f, 1);
	for (unsigned i = 0; i < GRID_COLUMNS; i++) {
		if (widths[i] > 0 && f->width > 0)
			put_blanks(f, GRID_GAP);
		for (size_t n = widths[i]; n > 0; n--)
			fill_char(f, '-');
	}
}

static void
put_rows(const struct grid *g, struct fill *f, const size_t *widths)
{
	struct span text = { g->text.data, g->text.len };
	bool names = true;

	for (size_t at = 0; at < g->cells.len; at += sizeof(struct grid_cell)) {
		struct grid_cell cell = cell_at(g, at);

		put_cell(f, widths, &cell, take_text(&text, cell.len));
		names = names && (cell.header || cell.len == 0);
		if (!cell.last)
			continue;
		if (names && at + sizeof(cell) < g->cells.len)
			put_rule(f, widths);
		names = false;
		fill_lines(f, 1);
	}
}

void
grid_end(struct grid *g, struct fill *f)
{
	size_t widths[GRID_COLUMNS] = { 0 };
	bool as_is = f->as_is;

	if (!g->active)
		return;
	grid_row_end(g);
	measure(g, widths);
	if (position(widths, GRID_COLUMNS) > FILL_COLUMNS - f->prefix_len + GRID_GAP) {
		grid_spill(g, f);
		return;
	}
	g->active = false;
	f->as_is = true;
	fill_lines(f, 1);
	put_rows(g, f, widths);
	f->as_is = as_is;
	tell_failure(g, f);
}
