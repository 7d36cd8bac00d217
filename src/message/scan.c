/* SPDX-License-Identifier: ISC */
#include "message/scan.h"

#include <endian.h>
#include <string.h>

#include "base/text.h"

/* Classes of octets: a bit each. */
enum { CLASS_8BIT = 1, CLASS_CONTROL = 2, CLASS_NUL = 4, CLASS_CR = 8 };

static const unsigned char class_of[256] = {
	[0x00] = CLASS_NUL | CLASS_CONTROL,
	[0x01 ... '\t' - 1] = CLASS_CONTROL,
	['\v'] = CLASS_CONTROL,
	['\r'] = CLASS_CR,
	['\r' + 1 ... 0x1f] = CLASS_CONTROL,
	[0x7f] = CLASS_CONTROL,
	[0x80 ... 0xff] = CLASS_8BIT,
};

static const uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;

static uint64_t
word_at(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Eight octets that are each 0x20 to 0x7E, or 8-bit: what most are. */
static bool
are_plain(uint64_t word)
{
	/* Each octet's high bit: it is 0x20 or more; it is 0x7F; but for 8-bit ones. */
	uint64_t no_control = (word | high) - ones * 0x20, is_delete = (word & ~high) + ones;

	return (((no_control & ~is_delete) | word) & high) == high;
}

static unsigned
classes_of_each(const char *p, size_t len)
{
	unsigned all = 0;

	for (size_t i = 0; i < len; i++)
		all |= class_of[(unsigned char)p[i]];
	return all;
}

static unsigned
classes_in(struct span piece)
{
	unsigned all = 0;
	uint64_t plain = 0;

	for (; piece.len >= sizeof(plain);
	     piece.data += sizeof(plain), piece.len -= sizeof(plain)) {
		uint64_t word = word_at(piece.data);

		if (are_plain(word))
			plain |= word;
		else
			all |= classes_of_each(piece.data, sizeof(word));
	}
	return all | classes_of_each(piece.data, piece.len) |
	    ((plain & high) != 0 ? CLASS_8BIT : 0);
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
	while (piece.len > 0) {
		const char *lf = memchr(piece.data, '\n', piece.len);
		size_t len = lf != NULL ? (size_t)(lf - piece.data) : piece.len;
		bool cr = len > 0 ? piece.data[len - 1] == '\r' : s->after_cr;

		s->line += len;
		s->after_cr = lf == NULL && cr;
		if (lf == NULL)
			return;
		end_line(s, s->line - (cr ? 1 : 0));
		piece.data += len + 1;
		piece.len -= len + 1;
	}
}

/* The CRs of the piece; one at its end is the next piece's to judge, by after_cr. */
static void
note_crs(struct scan *s, struct span piece)
{
	const char *p = piece.data, *end = p + piece.len;

	if (s->after_cr && piece.len > 0 && *p != '\n')
		s->bare_cr = true;
	while (!s->bare_cr && p < end) {
		p = memchr(p, '\r', (size_t)(end - p));
		if (p == NULL || ++p == end)
			return;
		s->bare_cr = *p != '\n';
	}
}

/* Octets that the sequence begun by c should have. */
static size_t
sequence_length(unsigned char c)
{
	return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
}

/* Completes the sequence that the last piece ended in. */
static void
complete_sequence(struct scan *s, struct span *piece)
{
	while (s->sequence_len > 0 && piece->len > 0) {
		s->sequence[s->sequence_len++] = piece->data[0];
		piece->data++;
		piece->len--;
		if (s->sequence_len < sequence_length((unsigned char)s->sequence[0]))
			continue;
		if (utf8_length((struct span){ s->sequence, s->sequence_len }) != s->sequence_len)
			s->not_utf8 = true;
		s->sequence_len = 0;
	}
}

/* Octets of ASCII that the text begins with, as far as they are seen at a glance. */
static size_t
ascii_length(struct span text)
{
	uint64_t beyond;

	if (text.len < sizeof(beyond))
		return 0;
	beyond = le64toh(word_at(text.data)) & high;
	return beyond == 0 ? sizeof(beyond) : (size_t)__builtin_ctzll(beyond) / 8;
}

static void
note_utf8(struct scan *s, struct span piece)
{
	complete_sequence(s, &piece);
	while (piece.len > 0 && !s->not_utf8) {
		size_t len = ascii_length(piece);

		if (len == 0)
			len = is_8bit(piece.data[0]) ? utf8_length(piece) : 1;
		if (len == 0 && piece.len < sequence_length((unsigned char)piece.data[0])) {
			memcpy(s->sequence, piece.data, piece.len);
			s->sequence_len = piece.len;
			return;
		}
		s->not_utf8 = len == 0;
		piece.data += len;
		piece.len -= len;
	}
}

void
scan_add(struct scan *s, struct span piece)
{
	unsigned classes = classes_in(piece);

	s->has_8bit = s->has_8bit || (classes & CLASS_8BIT) != 0;
	s->has_nul = s->has_nul || (classes & CLASS_NUL) != 0;
	s->has_control = s->has_control || (classes & CLASS_CONTROL) != 0;
	if ((classes & CLASS_8BIT) != 0 || s->sequence_len > 0)
		note_utf8(s, piece);
	if ((classes & CLASS_CR) != 0 || s->after_cr)
		note_crs(s, piece);
	note_lines(s, piece);
}

void
scan_end(struct scan *s)
{
	s->bare_cr = s->bare_cr || s->after_cr;
	s->not_utf8 = s->not_utf8 || s->sequence_len > 0;
	end_line(s, s->line);
	s->after_cr = false;
	s->sequence_len = 0;
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
