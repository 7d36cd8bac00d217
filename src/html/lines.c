/* SPDX-License-Identifier: ISC */
#include <stdint.h>
#include <string.h>

#include "format/width.h"
#include "html/page.h"

enum { FULL_STOP = 0x3002 }; /* of Chinese and Japanese: a line may end behind it */

struct span
lines_take(struct span *text, size_t columns, size_t *width)
{
	struct span line = { text->data, 0 }, rest = *text, next = rest;
	uint32_t last = 0; /* of the word */
	size_t all = 0;    /* columns up to here */
	bool any = false;  /* line and next are good for a line */
	bool address = false;

	while (all <= columns || !any) {
		struct span at = rest;
		uint32_t code = rest.len > 0 ? html_take(&rest) : '\n';
		bool blank = code == ' ' || code == '\n';
		bool may_break = width_may_break(last, code) ||
		    (address && width_may_break(FULL_STOP, code));

		if (blank || (may_break && (!address || last == '>'))) {
			if (any && all > columns)
				break;
			line.len = (size_t)(at.data - line.data);
			next = blank ? rest : at;
			*width = all;
			any = true;
			last = 0;
			address = false;
		}
		if (code == '\n')
			break;
		address = address || (code == '<' && last == 0) || (code == '/' && last == ':');
		last = blank ? 0 : code;
		all += width_of(code);
	}
	*text = next;
	return line;
}

size_t
lines_room(const struct lines *l)
{
	return l->cell ? SIZE_MAX : LINES_COLUMNS - l->prefix_len;
}

void
lines_put(struct lines *l, struct span text, size_t columns)
{
	while (text.len > 0) {
		size_t width, empty = l->shared_len;
		struct span line = lines_take(&text, columns, &width);

		if (line.len == 0) {
			l->owed++;
			continue;
		}
		/* An empty line has what both around it share, without the spaces at its end. */
		while (empty > 0 && l->prefix[empty - 1] == ' ')
			empty--;
		for (; l->any && l->owed > 1; l->owed--) {
			buf_add(l->out, l->prefix, empty);
			buf_addc(l->out, '\n');
		}
		buf_add(l->out, l->first, l->prefix_len);
		while (line.len > 0) {
			uint32_t code = html_take(&line);

			html_add(l->out, code == HTML_NO_BREAK_SPACE && !l->cell ? ' ' : code);
		}
		buf_addc(l->out, '\n');
		memcpy(l->first, l->prefix, l->prefix_len);
		l->shared_len = l->prefix_len;
		l->owed = 1;
		l->begun++;
		l->any = true;
	}
}

void
lines_owe(struct lines *l, size_t owed)
{
	if (l->owed < owed)
		l->owed = owed;
}
