/* SPDX-License-Identifier: ISC */
#include "format/lookahead.h"

#include <string.h>

/* Steps through what is held, with as much of the piece as that takes; true where nothing is left.
 */
static bool
take_up(struct lookahead *l, struct span *piece, lookahead_step *step, void *arg)
{
	while (l->held_len > 0) {
		char text[LOOKAHEAD_MAX];
		size_t lacks = l->wanted - l->held_len, done;

		if (piece->len < lacks) {
			memcpy(l->held + l->held_len, piece->data, piece->len);
			l->held_len += piece->len;
			return false;
		}
		memcpy(text, l->held, l->held_len);
		memcpy(text + l->held_len, piece->data, lacks);
		done = step(arg, (struct span){ text, l->wanted });
		if (done < l->held_len) {
			l->held_len -= done;
			memmove(l->held, l->held + done, l->held_len);
			continue;
		}
		piece->data += done - l->held_len;
		piece->len -= done - l->held_len;
		l->held_len = 0;
	}
	return true;
}

void
lookahead_add(struct lookahead *l, struct span piece, lookahead_step *step, void *arg)
{
	if (piece.len == 0 || !take_up(l, &piece, step, arg))
		return;
	while (piece.len >= l->wanted) {
		size_t done = step(arg, piece);

		piece.data += done;
		piece.len -= done;
	}
	memcpy(l->held, piece.data, piece.len);
	l->held_len = piece.len;
}

void
lookahead_end(struct lookahead *l, lookahead_step *step, void *arg)
{
	for (size_t at = 0; at < l->held_len;)
		at += step(arg, (struct span){ l->held + at, l->held_len - at });
	l->held_len = 0;
}
