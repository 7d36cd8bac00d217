/* SPDX-License-Identifier: ISC */
/*
 * Where the text of HTML goes: words become paragraphs, in which white space collapses and links
 * have their address behind their words (page.c, link.c); these become lines, each behind a prefix
 * of quotation marks and the room of list items (lines.c), or cells of a table (table.c).  Pure.
 *
 * Paragraphs and cells are UTF-8 in which a space is where a line may end, a no-break space
 * (U+00A0) is one where none may, and LF ends a line.
 */
#ifndef SENDOFF_HTML_PAGE_H
#define SENDOFF_HTML_PAGE_H

#include "html/read.h"

enum {
	LINES_COLUMNS = 76,    /* of a line, where no word is wider */
	LINES_PREFIX_MAX = 40, /* columns before its text: what is nested deeper stands no deeper */
	TABLE_COLUMNS = 32,    /* of a table whose cells may stand side by side */
};

/* Empty lines are owed until another line comes: none stand at the begin or the end. */
struct lines {
	struct buf *out;
	bool cell;    /* they are a cell's: as long as they like, no-break spaces stay */
	bool any;     /* out has a line of this text */
	size_t owed;  /* line ends before the next line, that of the last one counted */
	size_t begun; /* lines since somebody set it to 0 */
	size_t prefix_len, shared_len; /* of the prefix; least of it since the last line */
	char prefix[LINES_PREFIX_MAX]; /* what lines begin with … */
	char first[LINES_PREFIX_MAX];  /* … and the next one, as long: marks of list items */
};

/*
 * Takes the next line off *text (not empty), of at most that many columns where words allow it:
 * these are never broken, but where Chinese and Japanese break theirs (not within an address).
 * *width: its columns.
 */
struct span lines_take(struct span *text, size_t columns, size_t *width);
/* Columns that are there for text. */
size_t lines_room(const struct lines *l);
/* Writes the text in lines of at most that many columns. */
void lines_put(struct lines *l, struct span text, size_t columns);
/* What follows stands on a new line (1), behind an empty one (2). */
void lines_owe(struct lines *l, size_t owed);

struct table_cell {
	size_t begin, len;          /* its text */
	unsigned char column, span; /* where it stands; set by table_cell_begin() */
	bool header, right;         /* <th>; its text stands at the right end */
	size_t row;
};

/*
 * The innermost table, whose cells are kept until it ends.  One that has more in a cell than text
 * is spilled, and ends to be one: there is never more than one.
 */
struct table {
	bool active; /* a table is kept */
	bool layout; /* it says that it is none */
	struct buf text;
	struct table_cell *cells;
	size_t count, cap;
	size_t row, rows, head;   /* cells before this row; rows; of these, names of columns */
	long column;              /* next one free */
	long down[TABLE_COLUMNS]; /* rows for which a cell from above still stands there */
};

/* True where a cell of that many columns and rows has begun; false: spill. */
bool table_cell_begin(struct table *t, struct table_cell cell, long columns, long rows);
/* Its text is all that was appended to that of the table since, without the last line end. */
void table_cell_end(struct table *t);
void table_row_end(struct table *t);
/* The table ends, and is written. */
void table_end(struct table *t, struct lines *l);
/* It is none: cells are written one after the other. */
void table_spill(struct table *t, struct lines *l);

/*
 * Appends the address in an href attribute, made absolute where the one of a base element is given
 * and an http or https address: without white space and control characters; what cannot stand
 * between angle brackets is percent-encoded (RFC 3986 section 2.1); a mail address stands without
 * "mailto:" where nothing follows it.  False, and nothing is appended, where it leads nowhere
 * outside of the HTML: a place within it, a script, a part of the same message.
 */
bool link_address(struct span href, struct span base, struct buf *out);
/* The words of a link tell its address: scheme, last slash, case apart; of telephones the digits.
 */
bool link_is_told(struct span address, struct span words);

struct page {
	struct lines lines;  /* of the cell that is open, which may be kept … */
	struct lines around; /* … and then those that its table will be written to */
	struct table table;
	struct buf text;    /* of the paragraph, or of the cell … */
	size_t seen;        /* … and its octets up to the last character that is seen */
	size_t column;      /* columns of the line, where white space counts */
	uint32_t last;      /* the character before the next one; 0: it stands apart */
	bool space;         /* white space before the next character */
	bool blank;         /* the paragraph has nothing but no-break spaces so far */
	bool struck;        /* what comes is struck out … */
	bool in_strike;     /* … and so is what came, without an end */
	unsigned pre;       /* elements around what comes, in which white space counts */
	bool pre_begin;     /* the first of them begins: a line end there does not count */
	struct buf decoded; /* for page_text() */
	struct span base;   /* of relative addresses: the href of a base element, or empty */

	/* The last link that has an address. */
	struct buf address;
	bool in_link; /* its words come: they stand in the text from there on … */
	size_t words;
	bool more;     /* … and in lines before, too … */
	bool pictured; /* … and an image with them */
	bool told;     /* its address was written, or is clear, and nothing else came since … */
	size_t untold; /* … and it stands in the text from there on */
};

void page_init(struct page *p, struct buf *out);
/* All is there.  out has failed where there was no memory. */
void page_end(struct page *p);

/* Text as it stands in HTML, or in the value of an attribute. */
void page_text(struct page *p, struct span text, enum html_place place);
/* A character of its own making; no white space. */
void page_char(struct page *p, uint32_t code);
/* An image, whether its text is shown or not. */
void page_image(struct page *p, struct span text);

/* As lines_owe(); 0 is nothing. */
void page_lines(struct page *p, size_t owed);
/* A line break: those that follow one another leave empty lines. */
void page_break(struct page *p);
void page_rule(struct page *p);
/*
 * From now on lines begin with `mark` too (ASCII), which stands on the first line alone where once
 * is true: spaces stand in its place on the others.  Gives what page_pop() wants, which takes it
 * away.
 */
size_t page_push(struct page *p, const char *mark, bool once);
void page_pop(struct page *p, size_t before);
/* White space counts from here on. */
void page_pre_begin(struct page *p);
void page_pre_end(struct page *p);

/* href: as it stands in HTML. */
void page_link_begin(struct page *p, struct span href);
void page_link_end(struct page *p);

/* A cell that stands in no table is a block. */
void page_table_begin(struct page *p, bool layout);
void page_table_end(struct page *p);
void page_cell_begin(struct page *p, struct table_cell cell, long columns, long rows);
void page_cell_end(struct page *p);
void page_row_end(struct page *p);

#endif
