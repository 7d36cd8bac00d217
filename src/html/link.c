/* SPDX-License-Identifier: ISC */
#include "html/link.h"

#include <string.h>

#include "html/entity.h"

/* What leads nowhere. */
static const char *const useless[] = { "#",
	"javascript:", "vbscript:", "data:", "cid:", "mid:", "about:" };

static const char *const schemes[] = { "http://", "https://", "mailto:", "ftp://", "tel:", "sms:" };

static void
add(struct buf *out, uint32_t code)
{
	if (code == ' ' || code == '<' || code == '>' || code == 0xa0)
		buf_addf(out, code == 0xa0 ? "%%C2%%A0" : "%%%02X", (unsigned)code);
	else if (code > ' ' && (code < 0x7f || code > 0x9f))
		html_add(out, code);
}

static bool
is_useless(struct span address)
{
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++)
		if (span_starts_nocase(address, useless[i]))
			return true;
	return address.len == 0;
}

static struct span
behind(struct span text, size_t n)
{
	return (struct span){ text.data + n, text.len - n };
}

bool
link_address(struct span value, struct buf *out)
{
	static const char mailto[] = "mailto:";
	size_t before = out->len, n = sizeof(mailto) - 1;
	struct span address;

	value = html_trim(value);
	while (value.len > 0)
		add(out, html_take(&value, HTML_IN_VALUE));
	address = (struct span){ out->data + before, out->len - before };
	if (is_useless(address)) {
		buf_truncate(out, before);
		return false;
	}
	if (span_starts_nocase(address, mailto) && memchr(address.data, '?', address.len) == NULL &&
	    address.len > n)
		buf_splice(out, before, n, NULL, 0);
	return true;
}

/* Without what people leave out. */
static struct span
bare(struct span address)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_starts_nocase(address, schemes[i])) {
			address = behind(address, strlen(schemes[i]));
			break;
		}
	if (address.len > 0 && address.data[address.len - 1] == '/')
		address.len--;
	return address;
}

/* Takes the next digit off *text; NUL at its end. */
static char
take_digit(struct span *text)
{
	while (text->len > 0) {
		char c = text->data[0];

		*text = behind(*text, 1);
		if (ascii_is_digit(c))
			return c;
	}
	return '\0';
}

static bool
same_digits(struct span a, struct span b)
{
	char c, d;

	do {
		c = take_digit(&a);
		d = take_digit(&b);
	} while (c == d && c != '\0');
	return c == d;
}

bool
link_is_told(struct span address, struct span words)
{
	words = html_trim(words);
	if (span_starts_nocase(address, "tel:") || span_starts_nocase(address, "sms:"))
		return same_digits(address, words);
	return span_equal_nocase(bare(address), bare(words));
}
