/* SPDX-License-Identifier: ISC */
/*
 * Characters: UTF-8, and what references stand for.
 */
#include <string.h>

#include "base/text.h"
#include "html/read.h"

enum {
	NAME_MOST = 31, /* octets of a name: "CounterClockwiseContourIntegral" */
	BARE_MOST = 6,  /* … of one that needs no semicolon: "Aacute" */
	CODE_MOST = 0x10ffff,
	REPLACEMENT = 0xfffd,
};

/*
 * Records, sorted: a name; '&' where it needs no semicolon, else ';'; what it stands for; a space.
 * One string, not an array of pointers, which would have to be relocated at each start.
 */
static const char entities[] =
#include "html/entities.inc"
    ;

/* What Windows-1252 has from 0x80 on is meant by numbers that are control characters. */
static const unsigned short windows[] = { 0x20ac, REPLACEMENT, 0x201a, 0x192, 0x201e, 0x2026,
	0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, REPLACEMENT, 0x17d, REPLACEMENT,
	REPLACEMENT, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161,
	0x203a, 0x153, REPLACEMENT, 0x17e, 0x178 };

/* What the name stands for, and whether it needs no semicolon; empty where it is none. */
static struct span
find(struct span name, bool *bare)
{
	size_t low = 0, high = sizeof(entities) - 1; /* where records begin */

	while (low < high) {
		size_t middle = low + (high - low) / 2, len, more;
		const char *record;
		int order;

		while (middle > low && entities[middle - 1] != ' ')
			middle--;
		record = entities + middle;
		len = strcspn(record, "&;");
		more = strcspn(record + len + 1, " ");
		order = memcmp(name.data, record, name.len < len ? name.len : len);
		if (order == 0 && name.len == len) {
			*bare = record[len] == '&';
			return (struct span){ record + len + 1, more };
		}
		if (order < 0 || (order == 0 && name.len < len))
			high = middle;
		else
			low = middle + len + 1 + more + 1;
	}
	return (struct span){ entities, 0 };
}

static bool
is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* Octets of the name at text, which stands behind the ampersand; 0 where there is none. */
static size_t
named(struct span text, enum html_place place, struct buf *out)
{
	struct span found;
	size_t n = 0;
	bool bare, semicolon = false;

	while (n < text.len && n < NAME_MOST && is_alnum(text.data[n]))
		n++;
	for (; n > 0; n = n > BARE_MOST ? BARE_MOST : n - 1) {
		found = find((struct span){ text.data, n }, &bare);
		semicolon = n < text.len && text.data[n] == ';';
		if (found.len > 0 && (bare || semicolon))
			break;
	}
	/* "?a=1&copy=2" is an address. */
	if (n == 0 ||
	    (place == HTML_IN_VALUE && n < text.len &&
		(is_alnum(text.data[n]) || text.data[n] == '=')))
		return 0;
	buf_add(out, found.data, found.len);
	return n + semicolon;
}

/* Octets of the number at text, which stands behind "&#"; 0 where there is none. */
static size_t
numbered(struct span text, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t begin = text.len > 0 && ascii_lower(text.data[0]) == 'x', n = begin;
	uint32_t code = 0, base = begin > 0 ? 16 : 10;

	for (; n < text.len && is_alnum(text.data[n]); n++) {
		const char *digit = strchr(digits, ascii_lower(text.data[n]));

		if (digit == NULL || digit >= digits + base)
			break;
		if (code <= CODE_MOST)
			code = code * base + (uint32_t)(digit - digits);
	}
	if (n == begin)
		return 0;
	if (code >= 0x80 && code <= 0x9f)
		code = windows[code - 0x80];
	if (code == 0 || code > CODE_MOST || (code >= 0xd800 && code <= 0xdfff))
		code = REPLACEMENT;
	html_add(out, code);
	return n + (n < text.len && text.data[n] == ';');
}

void
html_decode(struct buf *out, struct span text, enum html_place place)
{
	while (text.len > 0) {
		size_t n = 0;

		while (n < text.len && !is_8bit(text.data[n]) && text.data[n] != '\r' &&
		    (text.data[n] != '&' || place == HTML_IN_RAW))
			n++;
		buf_add(out, text.data, n);
		text = html_behind(text, n);
		if (text.len == 0)
			break;
		if (text.data[0] == '\r') {
			buf_addc(out, '\n');
			n = span_starts_nocase(text, "\r\n") ? 2 : 1;
		} else if (text.data[0] == '&') {
			bool number = text.len > 1 && text.data[1] == '#';
			struct span name = html_behind(text, 1 + number);

			n = number ? numbered(name, out) : named(name, place, out);
			if (n == 0)
				buf_addc(out, '&');
			n = n > 0 ? n + 1 + number : 1;
		} else {
			n = utf8_length(text);
			buf_add(out, text.data, n);
			if (n == 0)
				html_add(out, REPLACEMENT);
			n = n > 0 ? n : 1;
		}
		text = html_behind(text, n);
	}
}

uint32_t
html_take(struct span *text)
{
	const unsigned char *p = (const unsigned char *)text->data;
	unsigned n = 1 + (p[0] >= 0xc0) + (p[0] >= 0xe0) + (p[0] >= 0xf0);
	uint32_t code = n == 1 ? p[0] : p[0] & (0x7fU >> n);

	for (unsigned i = 1; i < n; i++)
		code = code << 6 | (p[i] & 0x3fU);
	*text = html_behind(*text, n);
	return code;
}

void
html_add(struct buf *out, uint32_t code)
{
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	unsigned n = 1 + (code > 0x7f) + (code > 0x7ff) + (code > 0xffff);
	char octets[4];

	for (unsigned i = n; i-- > 1; code >>= 6)
		octets[i] = (char)(0x80 | (code & 0x3f));
	octets[0] = (char)(leads[n] | code);
	buf_add(out, octets, n);
}

bool
html_is_space(uint32_t code)
{
	return code == ' ' || code == '\t' || code == '\n' || code == '\f' || code == '\r';
}

struct span
html_trim(struct span text)
{
	while (text.len > 0 && html_is_space((unsigned char)text.data[0]))
		text = html_behind(text, 1);
	while (text.len > 0 && html_is_space((unsigned char)text.data[text.len - 1]))
		text.len--;
	return text;
}
