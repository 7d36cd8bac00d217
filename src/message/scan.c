/* SPDX-License-Identifier: ISC */
#include "message/scan.h"

#include <string.h>

#include "base/text.h"

enum { BLOCK = 1024 }; /* octets that are looked at in one go */

static bool
has_high(struct span block)
{
	unsigned char all = 0;

	/* A length that compilers know makes vector instructions of the loop. */
	if (block.len == BLOCK)
		for (size_t i = 0; i < BLOCK; i++)
			all |= (unsigned char)block.data[i];
	else
		for (size_t i = 0; i < block.len; i++)
			all |= (unsigned char)block.data[i];
	return (all & 0x80) != 0;
}

static bool
has_control(struct span block)
{
	static const bool controls[256] = {
		[0x00 ... '\t' - 1] = true,
		['\v'] = true,
		['\r' + 1 ... 0x1f] = true,
		[0x7f] = true,
	};
	bool any = false;

	for (size_t i = 0; i < block.len; i++)
		any |= controls[(unsigned char)block.data[i]];
	return any;
}

/* All facts but those of lines. */
static void
note_content(struct scan *s, struct span piece)
{
	while (piece.len > 0) {
		size_t len = piece.len < BLOCK ? piece.len : BLOCK;
		struct span block = { piece.data, len };
		bool high = has_high(block);

		s->has_8bit = s->has_8bit || high;
		if (high || s->utf8 != UTF8_WHOLE)
			s->utf8 = utf8_pass(s->utf8, block);
		s->has_nul = s->has_nul || memchr(block.data, '\0', len) != NULL;
		if (s->look_for_control && !s->has_control)
			s->has_control = has_control(block);
		piece.data += len;
		piece.len -= len;
	}
	s->not_utf8 = s->not_utf8 || s->utf8 == UTF8_BROKEN;
}

static void
end_line(struct scan *s, uint64_t len)
{
	if (len > s->line_max)
		s->line_max = len;
	s->line = 0;
}

static void
note_lines(struct scan *s, struct span piece)
{
	bool any_cr = memchr(piece.data, '\r', piece.len) != NULL;

	while (piece.len > 0) {
		const char *lf = memchr(piece.data, '\n', piece.len), *cr = NULL;
		size_t len = lf != NULL ? (size_t)(lf - piece.data) : piece.len;
		bool before = s->after_cr && len == 0; /* the CR came with the last piece */

		if (any_cr)
			cr = memchr(piece.data, '\r', len);
		s->bare_cr = s->bare_cr || (s->after_cr && !before) ||
		    (cr != NULL && cr + 1 < piece.data + len);
		s->line += len;
		s->after_cr = len > 0 && piece.data[len - 1] == '\r';
		if (lf == NULL)
			return;
		s->bare_lf = s->bare_lf || !(before || s->after_cr);
		end_line(s, s->line - (before || s->after_cr ? 1 : 0));
		s->after_cr = false;
		piece.data += len + 1;
		piece.len -= len + 1;
	}
}

void
scan_add(struct scan *s, struct span piece)
{
	if (piece.len == 0)
		return;
	note_content(s, piece);
	note_lines(s, piece);
}

size_t
scan_add_lf(struct scan *s, struct span text, char *wire)
{
	char *to = wire;

	note_content(s, text);
	while (text.len > 0) {
		const char *lf = memchr(text.data, '\n', text.len);
		size_t len = lf != NULL ? (size_t)(lf - text.data) : text.len;

		memcpy(to, text.data, len);
		to += len;
		s->line += len;
		if (lf == NULL)
			break;
		*to++ = '\r';
		*to++ = '\n';
		end_line(s, s->line);
		text.data += len + 1;
		text.len -= len + 1;
	}
	return (size_t)(to - wire);
}

void
scan_end(struct scan *s)
{
	s->bare_cr = s->bare_cr || s->after_cr;
	s->not_utf8 = s->not_utf8 || s->utf8 != UTF8_WHOLE;
	end_line(s, s->line);
	s->utf8 = UTF8_WHOLE;
	s->after_cr = false;
}

/* What begins in the tail and ends in the piece. */
static void
search_seam(struct search *s, struct span piece)
{
	char seam[3 * SEARCH_MAX];
	size_t more = piece.len < s->needle.len - 1 ? piece.len : s->needle.len - 1;
	size_t keep;

	memcpy(seam, s->tail, s->tail_len);
	memcpy(seam + s->tail_len, piece.data, more);
	s->found = s->found ||
	    memmem(seam, s->tail_len + more, s->needle.data, s->needle.len) != NULL;
	if (more < piece.len)
		return;
	/* A short piece: the tail grows, but to no more than can begin what is searched. */
	keep = s->tail_len + more < s->needle.len - 1 ? s->tail_len + more : s->needle.len - 1;
	memcpy(s->tail, seam + s->tail_len + more - keep, keep);
	s->tail_len = keep;
}

void
search_add(struct search *s, struct span piece)
{
	size_t keep = s->needle.len - 1;

	if (s->found || piece.len == 0)
		return;
	search_seam(s, piece);
	if (piece.len <= keep)
		return;
	s->found = s->found || memmem(piece.data, piece.len, s->needle.data, s->needle.len) != NULL;
	memcpy(s->tail, piece.data + piece.len - keep, keep);
	s->tail_len = keep;
}
