/* SPDX-License-Identifier: ISC */
#include "format/codec.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

/*
 * Two digits for each twelve bits: half the steps of one digit for six, and still small enough for
 * the fastest cache. A row a first digit.
 */
#define PAIR(a, b) \
	{ \
		(a), (b) \
	}
#define FOUR(a, b, c, d, e) PAIR(a, b), PAIR(a, c), PAIR(a, d), PAIR(a, e)
#define ROW(a) \
	FOUR(a, 'A', 'B', 'C', 'D'), FOUR(a, 'E', 'F', 'G', 'H'), FOUR(a, 'I', 'J', 'K', 'L'), \
	    FOUR(a, 'M', 'N', 'O', 'P'), FOUR(a, 'Q', 'R', 'S', 'T'), FOUR(a, 'U', 'V', 'W', 'X'), \
	    FOUR(a, 'Y', 'Z', 'a', 'b'), FOUR(a, 'c', 'd', 'e', 'f'), FOUR(a, 'g', 'h', 'i', 'j'), \
	    FOUR(a, 'k', 'l', 'm', 'n'), FOUR(a, 'o', 'p', 'q', 'r'), FOUR(a, 's', 't', 'u', 'v'), \
	    FOUR(a, 'w', 'x', 'y', 'z'), FOUR(a, '0', '1', '2', '3'), FOUR(a, '4', '5', '6', '7'), \
	    FOUR(a, '8', '9', '+', '/')

static const char pairs[64 * 64][2] = {
	ROW('A'),
	ROW('B'),
	ROW('C'),
	ROW('D'),
	ROW('E'),
	ROW('F'),
	ROW('G'),
	ROW('H'),
	ROW('I'),
	ROW('J'),
	ROW('K'),
	ROW('L'),
	ROW('M'),
	ROW('N'),
	ROW('O'),
	ROW('P'),
	ROW('Q'),
	ROW('R'),
	ROW('S'),
	ROW('T'),
	ROW('U'),
	ROW('V'),
	ROW('W'),
	ROW('X'),
	ROW('Y'),
	ROW('Z'),
	ROW('a'),
	ROW('b'),
	ROW('c'),
	ROW('d'),
	ROW('e'),
	ROW('f'),
	ROW('g'),
	ROW('h'),
	ROW('i'),
	ROW('j'),
	ROW('k'),
	ROW('l'),
	ROW('m'),
	ROW('n'),
	ROW('o'),
	ROW('p'),
	ROW('q'),
	ROW('r'),
	ROW('s'),
	ROW('t'),
	ROW('u'),
	ROW('v'),
	ROW('w'),
	ROW('x'),
	ROW('y'),
	ROW('z'),
	ROW('0'),
	ROW('1'),
	ROW('2'),
	ROW('3'),
	ROW('4'),
	ROW('5'),
	ROW('6'),
	ROW('7'),
	ROW('8'),
	ROW('9'),
	ROW('+'),
	ROW('/'),
};

/* Writes the four digits of 24 bits. */
static char *
put_digits(char *to, uint32_t bits)
{
	memcpy(to, pairs[bits >> 12], 2);
	memcpy(to + 2, pairs[bits & 4095], 2);
	return to + 4;
}

char *
base64_put(char *to, struct span data)
{
	const unsigned char *from = (const unsigned char *)data.data;

	/* Six octets at a time, of eight that are read. */
	for (; data.len >= 8; data.len -= 6, from += 6, to += 8) {
		uint64_t bits;

		memcpy(&bits, from, sizeof(bits));
		bits = be64toh(bits);
		memcpy(to, pairs[bits >> 52], 2);
		memcpy(to + 2, pairs[bits >> 40 & 4095], 2);
		memcpy(to + 4, pairs[bits >> 28 & 4095], 2);
		memcpy(to + 6, pairs[bits >> 16 & 4095], 2);
	}
	for (; data.len >= 3; data.len -= 3, from += 3)
		to = put_digits(to, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2]);
	if (data.len == 0)
		return to;
	/* What no octet stands behind is padding. */
	to = put_digits(to, (uint32_t)from[0] << 16 | (data.len == 2 ? (uint32_t)from[1] << 8 : 0));
	to[-1] = '=';
	if (data.len == 1)
		to[-2] = '=';
	return to;
}

void
base64_add(struct buf *out, struct span data)
{
	size_t len = base64_length(data.len);
	char *room = buf_reserve(out, len);

	if (room == NULL)
		return;
	base64_put(room, data);
	buf_commit(out, len);
}

/* What a base64 digit stands for; -1 where c is none. */
static int
digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Octets of padding at the end of text: 0 to 2. */
static size_t
padding(struct span text)
{
	size_t n = 0;

	while (n < 2 && n < text.len && text.data[text.len - 1 - n] == '=')
		n++;
	return n;
}

static bool
is_base64(struct span text)
{
	size_t pad = padding(text);
	int last;

	if (text.len % 4 != 0)
		return false;
	for (size_t i = 0; i < text.len - pad; i++)
		if (digit_value(text.data[i]) < 0)
			return false;
	if (pad == 0)
		return true;
	last = digit_value(text.data[text.len - pad - 1]);
	return (last & (pad == 2 ? 0x0f : 0x03)) == 0;
}

bool
base64_decode(struct buf *out, struct span text)
{
	size_t len = text.len / 4 * 3 - padding(text);
	uint32_t bits = 0;
	size_t done = 0;
	char *room;

	if (!is_base64(text))
		return false;
	room = buf_reserve(out, len);
	if (room == NULL)
		return false;
	for (size_t i = 0; done < len; i++) {
		bits = bits << 6 | (uint32_t)digit_value(text.data[i]);
		if (i % 4 > 0)
			room[done++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	buf_commit(out, len);
	return true;
}

static bool
is_xchar(char c)
{
	return c >= 33 && c <= 126 && c != '+' && c != '=';
}

void
xtext_add(struct buf *out, struct span data)
{
	for (size_t i = 0; i < data.len; i++) {
		if (is_xchar(data.data[i]))
			buf_addc(out, data.data[i]);
		else
			buf_addf(out, "+%02X", (unsigned char)data.data[i]);
	}
}

/* What a hexadecimal digit stands for, in upper case as RFC 3461 and RFC 6533 have it; else -1. */
static int
hex_value(char c)
{
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return ascii_is_digit(c) ? c - '0' : -1;
}

bool
xtext_valid(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_xchar(text.data[i]))
			continue;
		if (text.data[i] != '+' || text.len - i < 3 || hex_value(text.data[i + 1]) < 0 ||
		    hex_value(text.data[i + 2]) < 0)
			return false;
		i += 2;
	}
	return true;
}

bool
xtext_decode(struct buf *out, struct span text)
{
	if (!xtext_valid(text))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '+') {
			buf_addc(out, text.data[i]);
			continue;
		}
		buf_addc(out,
		    (char)(16 * hex_value(text.data[i + 1]) + hex_value(text.data[i + 2])));
		i += 2;
	}
	return true;
}

/* The code point of a valid character of n octets; of any other octet, that octet. */
static unsigned long
code_point(const char *p, unsigned n)
{
	unsigned long c = (unsigned char)p[0];

	if (n > 1)
		c &= 0xffu >> (n + 1);
	for (unsigned i = 1; i < n; i++)
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	return c;
}

void
utf8_xtext_add(struct buf *out, struct span address, bool ascii)
{
	while (address.len > 0) {
		unsigned n = utf8_length(address);
		char c = address.data[0];
		bool plain = n > 1 ? !ascii : n == 1 && c > ' ' && strchr("+=\\\x7f", c) == NULL;

		n = n > 0 ? n : 1;
		if (plain)
			buf_add(out, address.data, n);
		else
			buf_addf(out, "\\x{%02lX}", code_point(address.data, n));
		address.data += n;
		address.len -= n;
	}
}

/* Cuts "\x{HEX}" off *text: the character as UTF-8 goes to out; false where it is none. */
static bool
cut_embedded(struct span *text, struct buf *out)
{
	unsigned long point = 0;
	size_t i;

	if (text->len < 3 || memcmp(text->data, "\\x{", 3) != 0)
		return false;
	for (i = 3; i < text->len && text->data[i] != '}'; i++) {
		int digit = hex_value(text->data[i]);

		if (digit < 0 || i > 8)
			return false;
		point = point << 4 | (unsigned long)digit;
	}
	if (i < 5 || i == text->len || point > 0x10ffff)
		return false;
	if (point < 0x80) {
		buf_addc(out, (char)point);
	} else {
		unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;

		buf_addc(out, (char)(0xf00 >> (more + 1) | point >> 6 * more));
		while (more-- > 0)
			buf_addc(out, (char)(0x80 | (point >> 6 * more & 0x3f)));
	}
	text->data += i + 1;
	text->len -= i + 1;
	return true;
}

bool
utf8_xtext_decode(struct buf *out, struct span text)
{
	size_t before = out->len;
	struct span decoded;

	while (text.len > 0) {
		char c = text.data[0];

		if (c == '\\') {
			if (!cut_embedded(&text, out))
				break;
			continue;
		}
		if (!is_xchar(c) && !is_8bit(c))
			break;
		buf_addc(out, c);
		text.data++;
		text.len--;
	}
	decoded = (struct span){ out->data + before, out->len - before };
	if (text.len == 0 && utf8_valid(decoded) && !span_has_control(decoded))
		return true;
	buf_truncate(out, before);
	return false;
}
