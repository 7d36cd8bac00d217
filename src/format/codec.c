/* SPDX-License-Identifier: ISC */
#include "format/codec.h"

#include <nettle/base64.h>
#include <stdint.h>

void
base64_add(struct buf *out, struct span data)
{
	size_t len = BASE64_ENCODE_RAW_LENGTH(data.len);
	char *room = buf_reserve(out, len);

	if (room == NULL || data.len == 0)
		return;
	base64_encode_raw(room, data.len, (const uint8_t *)data.data);
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
