/* SPDX-License-Identifier: ISC */
#include "base/text.h"

#include <inttypes.h>

/*
 * Behind each octet: a whole character, one that lacks one to three octets whatever they are, one
 * whose next octet is bounded (behind E0, ED, F0, F4; RFC 3629 section 4), or no UTF-8.
 */
enum {
	WHOLE = UTF8_WHOLE,
	LACKS_1 = 6,
	LACKS_2 = 12,
	LACKS_3 = 18,
	BEHIND_E0 = 24,
	BEHIND_ED = 30,
	BEHIND_F0 = 36,
	BEHIND_F4 = 42,
	BROKEN = UTF8_BROKEN,
	STATE_MASK = 63,
};

/*
 * What an octet makes of each state, six bits for each: a state is the place of its successors in a
 * row, so that a step is one look and one shift, without a branch that text could mislead.
 */
#define ROW(whole, lacks_1, lacks_2, lacks_3, behind_e0, behind_ed, behind_f0, behind_f4) \
	((uint64_t)(whole) << WHOLE | (uint64_t)(lacks_1) << LACKS_1 | \
	    (uint64_t)(lacks_2) << LACKS_2 | (uint64_t)(lacks_3) << LACKS_3 | \
	    (uint64_t)(behind_e0) << BEHIND_E0 | (uint64_t)(behind_ed) << BEHIND_ED | \
	    (uint64_t)(behind_f0) << BEHIND_F0 | (uint64_t)(behind_f4) << BEHIND_F4 | \
	    (uint64_t)BROKEN << BROKEN)
#define LEAD(next) ROW(next, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN)

static const uint64_t rows[256] = {
	[0x00 ... 0x7f] = LEAD(WHOLE),
	[0x80 ... 0x8f] = ROW(BROKEN, WHOLE, LACKS_1, LACKS_2, BROKEN, LACKS_1, BROKEN, LACKS_2),
	[0x90 ... 0x9f] = ROW(BROKEN, WHOLE, LACKS_1, LACKS_2, BROKEN, LACKS_1, LACKS_2, BROKEN),
	[0xa0 ... 0xbf] = ROW(BROKEN, WHOLE, LACKS_1, LACKS_2, LACKS_1, BROKEN, LACKS_2, BROKEN),
	[0xc0 ... 0xc1] = LEAD(BROKEN),
	[0xc2 ... 0xdf] = LEAD(LACKS_1),
	[0xe0] = LEAD(BEHIND_E0),
	[0xe1 ... 0xec] = LEAD(LACKS_2),
	[0xed] = LEAD(BEHIND_ED),
	[0xee ... 0xef] = LEAD(LACKS_2),
	[0xf0] = LEAD(BEHIND_F0),
	[0xf1 ... 0xf3] = LEAD(LACKS_3),
	[0xf4] = LEAD(BEHIND_F4),
	[0xf5 ... 0xff] = LEAD(BROKEN),
};

unsigned
utf8_pass(unsigned state, struct span text)
{
	uint64_t next = state;

	for (size_t i = 0; i < text.len; i++)
		next = rows[(unsigned char)text.data[i]] >> (next & STATE_MASK);
	return next & STATE_MASK;
}

unsigned
utf8_length(struct span text)
{
	unsigned state = UTF8_WHOLE;

	for (unsigned n = 0; n < text.len && state != UTF8_BROKEN; n++) {
		state = utf8_pass(state, (struct span){ text.data + n, 1 });
		if (state == UTF8_WHOLE)
			return n + 1;
	}
	return 0;
}

bool
utf8_valid(struct span text)
{
	return utf8_pass(UTF8_WHOLE, text) == UTF8_WHOLE;
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
