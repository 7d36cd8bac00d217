/* SPDX-License-Identifier: ISC */
#include "config/nearest.h"

#include <string.h>

enum { WORD_MAX = 32 }; /* octets; longer words are near to nothing */

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The optimal string alignment distance, row by row.  A letter is the same in both cases. */
static unsigned
distance(struct span a, struct span b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2], *free_row;

	for (unsigned k = 0; k <= b.len; k++)
		last[k] = k;
	for (unsigned i = 1; i <= a.len; i++) {
		now[0] = i;
		for (unsigned k = 1; k <= b.len; k++) {
			char x = ascii_lower(a.data[i - 1]), y = ascii_lower(b.data[k - 1]);

			now[k] = least(least(last[k] + 1, now[k - 1] + 1),
			    last[k - 1] + (x == y ? 0 : 1));
			if (i > 1 && k > 1 && x == ascii_lower(b.data[k - 2]) &&
			    ascii_lower(a.data[i - 2]) == y)
				now[k] = least(now[k], before[k - 2] + 1);
		}
		free_row = before;
		before = last;
		last = now;
		now = free_row;
	}
	return last[b.len];
}

void
nearest_begin(struct nearest *nearest, struct span word)
{
	*nearest = (struct nearest){ word, NULL, word.len < 6 ? 2 : 3 };
}

void
nearest_try(struct nearest *nearest, const char *name)
{
	unsigned d;

	if (nearest->word.len > WORD_MAX || strlen(name) > WORD_MAX)
		return;
	d = distance(nearest->word, span_of(name));
	if (d < nearest->distance) {
		nearest->distance = d;
		nearest->name = name;
	}
}
