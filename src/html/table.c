/* SPDX-License-Identifier: ISC */
/*
 * A table is written with its cells side by side, each wrapped within its column; where it is too
 * wide for that, as "Name: value" if it has names of columns; else one cell after the other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "html/page.h"

enum {
	GAP = 2,         /* spaces between columns */
	WRAP_LEAST = 12, /* columns in which words can be wrapped */
	WRAP_MOST = 8,   /* lines of a cell: what has more is no table, but text */
	NAME_MOST = 60,  /* octets of a name that stands before each value */
};

bool
table_cell_begin(struct table *t, struct table_cell cell, long columns, long rows)
{
	size_t cap = t->cap > 0 ? 2 * t->cap : 16;

	while (t->column < TABLE_COLUMNS && t->down[t->column] > 0)
		t->column++;
	if (!t->active || columns > TABLE_COLUMNS - t->column)
		return false;
	if (t->count == t->cap) {
		struct table_cell *cells = reallocarray(t->cells, cap, sizeof(*cells));

		if (cells == NULL)
			return false;
		t->cells = cells;
		t->cap = cap;
	}
	cell.column = (unsigned char)t->column;
	cell.span = (unsigned char)columns;
	cell.row = t->rows;
	cell.begin = t->text.len;
	cell.len = 0;
	for (long i = 0; i < columns; i++)
		t->down[t->column++] = rows;
	t->cells[t->count++] = cell;
	return true;
}

void
table_cell_end(struct table *t)
{
	struct table_cell *cell = &t->cells[t->count - 1];

	if (t->text.len > cell->begin)
		buf_truncate(&t->text, t->text.len - 1);
	cell->len = t->text.len - cell->begin;
}

void
table_row_end(struct table *t)
{
	bool seen = false, header = t->rows == t->head;

	/* The end of a row and the begin of the next are one. */
	if (t->column == 0)
		return;
	for (size_t i = t->row; i < t->count; i++) {
		seen = seen || t->cells[i].len > 0;
		header = header && (t->cells[i].header || t->cells[i].len == 0);
	}
	if (!seen)
		t->count = t->row; /* for the room between others */
	for (unsigned i = 0; i < TABLE_COLUMNS; i++)
		t->down[i] -= t->down[i] > 0;
	t->rows += seen;
	t->head += seen && header;
	t->row = t->count;
	t->column = 0;
}

static struct span
text_of(const struct table *t, const struct table_cell *cell)
{
	return (struct span){ t->text.data + cell->begin, cell->len };
}

void
table_spill(struct table *t, struct lines *l)
{
	for (size_t i = 0; t->active && i < t->count && buf_ok(&t->text); i++) {
		lines_owe(l, i > 0 && t->cells[i].row != t->cells[i - 1].row ? 2 : 1);
		l->begun = 0;
		lines_put(l, text_of(t, &t->cells[i]), lines_room(l));
		/* A cell of several lines stands apart from the next. */
		lines_owe(l, l->begun > 1 ? 2 : 1);
	}
	if (t->active && t->row == t->count)
		lines_owe(l, 2);
	t->active = false;
}

/* Columns. */

/*
 * Where the column stands, in a table with columns of these widths; with their number: how wide the
 * table is, and a gap.
 */
static size_t
position(const size_t *widths, unsigned column)
{
	size_t at = 0;

	for (unsigned i = 0; i < column; i++)
		if (widths[i] > 0)
			at += widths[i] + GAP;
	return at;
}

/* The columns that a cell can use. */
static size_t
room(const size_t *widths, const struct table_cell *cell)
{
	size_t all = position(widths, cell->column + cell->span) - position(widths, cell->column);

	return all > 0 ? all - GAP : 0;
}

/*
 * How wide columns are where cells are wrapped in that many, or have more if others of theirs do;
 * gives the lines of the tallest.  Cells of one column first: those of several have what these
 * leave them.
 */
static size_t
measure(const struct table *t, size_t columns, size_t *widths)
{
	size_t tallest = 0;

	memset(widths, 0, TABLE_COLUMNS * sizeof(*widths));
	for (int several = 0; several < 2; several++)
		for (size_t i = 0; i < t->count; i++) {
			const struct table_cell *cell = &t->cells[i];
			struct span text = text_of(t, cell);
			size_t has = room(widths, cell), width, lines = 0;

			while ((cell->span > 1) == several && text.len > 0) {
				lines_take(&text, columns > has ? columns : has, &width);
				if (width > room(widths, cell))
					widths[cell->column + cell->span - 1] += width -
					    room(widths, cell);
				lines++;
			}
			tallest = lines > tallest ? lines : tallest;
		}
	return tallest;
}

/* Finds widths in which the table fits.  False where it should not stand in columns. */
static bool
fit(const struct table *t, size_t most, size_t *widths)
{
	size_t columns = most, tallest = measure(t, columns, widths), used = 0;

	for (; position(widths, TABLE_COLUMNS) > most + GAP;
	     tallest = measure(t, columns, widths)) {
		columns -= 1 + columns / 8;
		if (columns < WRAP_LEAST)
			return false;
	}
	for (unsigned i = 0; i < TABLE_COLUMNS; i++)
		used += widths[i] > 0;
	/* What has one row or one column only is there to put things where they are. */
	return tallest <= (!t->layout && t->rows > 1 && used > 1 ? WRAP_MOST : 1);
}

/* Rows. */

static void
pad(struct buf *line, size_t *width, size_t to, char c)
{
	for (; *width < to; ++*width)
		buf_addc(line, c);
}

/* The row of these cells, side by side.  line: for lines of it. */
static void
put_row(const struct table *t, const size_t *widths, const struct table_cell *cells, size_t count,
    struct lines *l, struct buf *line)
{
	struct span rests[TABLE_COLUMNS];
	bool more = true;

	for (size_t i = 0; i < count; i++)
		rests[i] = text_of(t, &cells[i]);
	while (more) {
		size_t at = 0, width;

		more = false;
		buf_clear(line);
		for (size_t i = 0; i < count; i++) {
			size_t columns = room(widths, &cells[i]);
			struct span piece;

			if (rests[i].len == 0)
				continue;
			piece = lines_take(&rests[i], columns, &width);
			more = more || rests[i].len > 0;
			if (piece.len == 0)
				continue;
			pad(line, &at,
			    position(widths, cells[i].column) +
				(cells[i].right && width < columns ? columns - width : 0),
			    ' ');
			buf_add(line, piece.data, piece.len);
			at += width;
		}
		l->owed += line->len == 0;
		lines_put(l, (struct span){ line->data, line->len }, SIZE_MAX);
	}
}

/* The same, as lines of "Name: value". */
static void
put_named(const struct table *t, const struct span *names, const struct table_cell *cells,
    size_t count, struct lines *l, struct buf *line)
{
	lines_owe(l, 2);
	for (size_t i = 0; i < count; i++) {
		struct span name = names[cells[i].column], own = text_of(t, &cells[i]);

		if (own.len == 0)
			continue;
		buf_clear(line);
		if (name.len > 0 && cells[i].span == 1) {
			buf_add(line, name.data, name.len);
			buf_adds(line, name.data[name.len - 1] == ':' ? " " : ": ");
		}
		buf_add(line, own.data, own.len);
		lines_put(l, (struct span){ line->data, line->len }, lines_room(l));
	}
}

void
table_end(struct table *t, struct lines *l)
{
	struct span names[TABLE_COLUMNS] = { { NULL, 0 } };
	struct buf line = BUF_INIT(SIZE_MAX);
	size_t widths[TABLE_COLUMNS], head, n, named = 0, at = 0;
	bool fits, usable;

	if (t->active)
		table_row_end(t);
	head = t->head < t->rows ? t->head : 0;
	usable = head > 0 && t->active && buf_ok(&t->text);
	for (size_t i = 0; usable && i < t->count && t->cells[i].row < head; i++) {
		struct span name = text_of(t, &t->cells[i]);

		usable = name.len == 0 ||
		    (name.len <= NAME_MOST && memchr(name.data, '\n', name.len) == NULL);
		named += name.len > 0;
		if (name.len > 0)
			names[t->cells[i].column] = name;
	}
	fits = t->active && buf_ok(&t->text) && fit(t, lines_room(l), widths);
	if (!fits && (!usable || named < 2))
		table_spill(t, l);
	for (size_t i = 0; t->active && i < t->count; i += n) {
		const struct table_cell *row = t->cells + i;

		for (n = 1; i + n < t->count && row[n].row == row->row; n++)
			continue;
		if (fits && row->row == head && head > 0) {
			/* Dashes under the names of the columns. */
			buf_clear(&line);
			for (unsigned k = 0; k < TABLE_COLUMNS; k++) {
				pad(&line, &at, widths[k] > 0 ? position(widths, k) : 0, ' ');
				pad(&line, &at, at + widths[k], '-');
			}
			lines_put(l, (struct span){ line.data, line.len }, SIZE_MAX);
		}
		if (fits)
			put_row(t, widths, row, n, l, &line);
		else if (row->row >= head)
			put_named(t, names, row, n, l, &line);
		l->out->failed = l->out->failed || !buf_ok(&line);
	}
	t->active = false;
	buf_release(&line);
}
