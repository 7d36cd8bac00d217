/* SPDX-License-Identifier: ISC */
/*
 * Text in lines: words come character by character, and are filled into lines of 76 columns behind
 * what each line begins with (quotation marks, the room of list items).  Words are never broken,
 * but where Chinese and Japanese break theirs.
 *
 * Line ends are owed, not written, until there is a word for the next line: so none stand at the
 * begin, and one at the end.
 */
#ifndef SENDOFF_HTML_FILL_H
#define SENDOFF_HTML_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
	FILL_COLUMNS = 76,    /* of a line, where no word is wider */
	FILL_PREFIX_MAX = 40, /* columns before the text of a line: what is nested deeper stands no
				 deeper */
};

struct fill {
	struct buf *out;
	struct buf word;               /* what is not yet on the line */
	size_t width;                  /* columns of the word … */
	size_t seen, seen_len;         /* … up to its last character that is seen, and octets */
	uint32_t last;                 /* its last character; 0: none */
	bool address;                  /* it has an address, in which no line ends */
	bool space;                    /* between line and word stands a space */
	bool as_is;                    /* lines are as long as they are */
	bool blank;                    /* the line has nothing but no-break spaces so far */
	bool any;                      /* out has something of this text */
	size_t column;                 /* on the line, its prefix counted */
	size_t begun;                  /* lines that were begun; who wants to count sets it to 0 */
	size_t owed;                   /* line ends before the next word */
	size_t prefix_len, shared_len; /* octets of the prefix; least of them since the last word */
	char prefix[FILL_PREFIX_MAX];  /* what lines begin with … */
	char first[FILL_PREFIX_MAX]; /* … and the next one, as long: the marks of list items stand
					there */
};

void fill_init(struct fill *f, struct buf *out);
/* Gives back memory; out is the caller's. */
void fill_release(struct fill *f);

/* A character of a word.  A no-break space belongs to the word; at the end of one it is dropped. */
void fill_char(struct fill *f, uint32_t code);
/* White space: ends a word. */
void fill_space(struct fill *f);
/* What follows stands on a new line (1), behind an empty one (2). */
void fill_lines(struct fill *f, size_t lines);
/* A line break: those that follow one another leave empty lines. */
void fill_break(struct fill *f);

/*
 * From now on lines begin with `mark` too (ASCII), which stands on the first line alone where once
 * is true: spaces stand in its place on the others.  Line ends must be owed.  Gives what fill_pop()
 * wants, which takes it away.
 */
size_t fill_push(struct fill *f, const char *mark, bool once);
void fill_pop(struct fill *f, size_t before);

/* All is there: the last word and the last line end.  out has failed where there was no memory. */
void fill_end(struct fill *f);

#endif
