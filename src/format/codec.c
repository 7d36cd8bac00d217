/* SPDX-License-Identifier: ISC */
#include "format/codec.h"

#include <stdint.h>

/* The octet at i, 0 behind the end. */
static uint32_t
octet_at(struct span data, size_t i)
{
	return i < data.len ? (unsigned char)data.data[i] : 0;
}

void
base64_add(struct buf *out, struct span data)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = (data.len / 3 + (data.len % 3 > 0)) * 4;
	char *room = buf_reserve(out, len);

	if (room == NULL)
		return;
	for (size_t i = 0; i < data.len; i += 3, room += 4) {
		uint32_t bits = octet_at(data, i) << 16 | octet_at(data, i + 1) << 8 | octet_at(data, i + 2);

		room[0] = digits[bits >> 18];
		room[1] = digits[bits >> 12 & 63];
		room[2] = digits[bits >> 6 & 63];
		room[3] = digits[bits & 63];
		/* What no octet stands behind is padding. */
		if (i + 1 >= data.len)
			room[2] = '=';
		if (i + 2 >= data.len)
			room[3] = '=';
	}
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

static bool
is_upper_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'A' && c <= 'F');
}

bool
xtext_valid(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_xchar(text.data[i]))
			continue;
		if (text.data[i] != '+' || text.len - i < 3 || !is_upper_hex(text.data[i + 1]) ||
		    !is_upper_hex(text.data[i + 2]))
			return false;
		i += 2;
	}
	return true;
}
