/* SPDX-License-Identifier: ISC */
/*
 * A table whose cells may fit side by side: they are kept until it ends, or until it is clear that
 * they do not fit. Then they go to the fill, one a line, and so do those that follow, without the
 * grid.
 *
 * Only the innermost table is kept: there is never more than one.
 */
#ifndef SENDOFF_HTML_GRID_H
#define SENDOFF_HTML_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "html/fill.h"

enum {
	GRID_COLUMNS = 32,    /* of a table that may fit */
	GRID_GAP = 2,         /* spaces between columns */
	GRID_CELL_MAX = 1000, /* octets of a cell's text */
};

/* Small: there may be one for every five octets of HTML. */
struct grid_cell {
	unsigned short len;  /* octets of its text, which stands in grid.text behind those before */
	unsigned char width; /* columns of the text */
	unsigned char column, span;
	bool header; /* <th> */
	bool right;  /* stands at the right end of its columns */
	bool last;   /* of its row */
};

struct grid {
	bool active;           /* a table is kept */
	bool in_cell;          /* and what comes belongs to a cell */
	struct buf text;       /* of the cells: words with single spaces between them */
	struct buf cells;      /* struct grid_cell, one after the other */
	struct grid_cell open; /* the cell that is read; len, width: up to its last character that
				  is seen */
	size_t begin, width;   /* where its text begins; columns of all of it */
	bool space;            /* white space stands behind them */
	size_t owed;           /* and line ends, as in struct fill */
	size_t row;            /* octets of cells before this row */
	bool row_seen;         /* something is seen in this row */
	unsigned column;       /* next one free */
	unsigned down[GRID_COLUMNS]; /* rows for which a cell from above still stands in the column
				      */
};

void grid_init(struct grid *g);
void grid_release(struct grid *g);

/* A table begins; none is active. */
void grid_begin(struct grid *g);
/* The table ends: its rows go to the fill, side by side where that fits. */
void grid_end(struct grid *g, struct fill *f);
/*
 * It does not fit: all that is kept goes to the fill, one cell a line; the open one last, without a
 * line end.
 */
void grid_spill(struct grid *g, struct fill *f);

/* A cell begins in this row.  False where there is no room for its columns: spill. */
bool grid_cell_begin(struct grid *g, unsigned span, unsigned rows, bool header, bool right);
void grid_cell_end(struct grid *g);
void grid_row_end(struct grid *g);

/*
 * What stands in the open cell.  False where the cell cannot stand in a row: spill, then the
 * character.
 */
bool grid_char(struct grid *g, uint32_t code);
void grid_space(struct grid *g);
void grid_lines(struct grid *g, size_t lines);
void grid_break(struct grid *g);

#endif
