/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <inttypes.h>

/*
 * One row a lead byte range: how many octets follow, and what the first of them may be (RFC 3629
 * section 4).
 */
static const struct {
	unsigned char first, last;
	unsigned char length;
	unsigned char low, high;
} leads[] = {
	{ 0x00, 0x7f, 1, 0x00, 0x00 },
	{ 0xc2, 0xdf, 2, 0x80, 0xbf },
	{ 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf },
	{ 0xf4, 0xf4, 4, 0x80, 0x8f },
};

unsigned
utf8_length(struct span text)
{
	const unsigned char *p = (const unsigned char *)text.data;

	for (size_t row = 0; text.len > 0 && row < sizeof(leads) / sizeof(leads[0]); row++) {
		unsigned length = leads[row].length;

		if (p[0] < leads[row].first || p[0] > leads[row].last)
			continue;
		if (length > text.len)
			return 0;
		if (length > 1 && (p[1] < leads[row].low || p[1] > leads[row].high))
			return 0;
		for (unsigned i = 2; i < length; i++)
			if ((p[i] & 0xc0) != 0x80)
				return 0;
		return length;
	}
	return 0;
}

bool
utf8_valid(struct span text)
{
	while (text.len > 0) {
		unsigned n = utf8_length(text);

		if (n == 0)
			return false;
		text.data += n;
		text.len -= n;
	}
	return true;
}

/*
 * U+0080–U+009F, and the marks that turn the direction of text: U+200E, U+200F, U+202A–U+202E,
 * U+2066–U+2069.
 */
static bool
is_hidden(const unsigned char *p, unsigned n)
{
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (n != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae))) ||
	    (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

void
text_printable(struct buf *out, struct span text, bool keep_lf)
{
	while (text.len > 0) {
		unsigned n = utf8_length(text);
		char c = text.data[0];

		if (n == 0 || is_hidden((const unsigned char *)text.data, n) ||
		    (n == 1 && ascii_is_control(c) && !(c == '\n' && keep_lf))) {
			n = 1;
			buf_addf(out, "\\x%02X", (unsigned char)c);
		} else {
			buf_add(out, text.data, n);
		}
		text.data += n;
		text.len -= n;
	}
}

void
text_size(struct buf *out, uint64_t octets)
{
	const uint64_t kb = 1000, mb = 1000 * kb;

	if (octets >= mb)
		buf_addf(out, "%" PRIu64 ".%" PRIu64 " MB", octets / mb, octets % mb / (mb / 10));
	else
		buf_addf(out, "%" PRIu64 " KB", (octets + kb - 1) / kb);
}
