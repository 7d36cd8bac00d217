/* SPDX-License-Identifier: ISC */
/*
 * Addresses of links, for people.
 */
#include <stdint.h>
#include <string.h>

#include "html/page.h"

enum { BASE_MOST = 255 }; /* octets of a base that counts: each relative address gets them */

/* Octets of the text before the first of the characters in the set. */
static size_t
length_to(struct span text, const char *set)
{
	size_t n = 0;

	while (n < text.len && (text.data[n] == '\0' || strchr(set, text.data[n]) == NULL))
		n++;
	return n;
}

/* Appends the address as it can stand between angle brackets. */
static void
add_clean(struct buf *out, struct span href)
{
	struct buf decoded = BUF_INIT(SIZE_MAX);
	struct span rest;

	html_decode(&decoded, html_trim(href), HTML_IN_VALUE);
	out->failed = out->failed || !buf_ok(&decoded);
	rest = html_trim((struct span){ decoded.data, decoded.len });
	while (rest.len > 0) {
		uint32_t code = html_take(&rest);

		if (code == HTML_NO_BREAK_SPACE)
			buf_adds(out, "%C2%A0");
		else if (code == ' ' || code == '<' || code == '>')
			buf_addf(out, "%%%02X", (unsigned)code);
		else if (code > ' ' && (code < 0x7f || code > 0x9f))
			html_add(out, code);
	}
	buf_release(&decoded);
}

/*
 * How much of the base stands before a relative address (RFC 3986 section 5.2), off which the steps
 * towards the root are taken that this makes.
 */
static size_t
base_length(struct span base, struct span *address)
{
	size_t scheme = length_to(base, "/");
	size_t host = scheme + 2 + length_to(html_behind(base, scheme + 2), "/?#");
	size_t path = host + length_to(html_behind(base, host), "?#");

	if (span_starts_nocase(*address, "//"))
		return scheme;
	if (address->data[0] == '/')
		return host;
	while (address->data[0] != '?' && path > host && base.data[path - 1] != '/')
		path--;
	while (span_starts_nocase(*address, "./") || span_starts_nocase(*address, "../")) {
		size_t dots = length_to(*address, "/");

		*address = html_behind(*address, dots + 1);
		path -= dots == 2 && path > host + 1;
		while (dots == 2 && path > host && base.data[path - 1] != '/')
			path--;
	}
	return path;
}

bool
link_address(struct span href, struct span base, struct buf *out)
{
	/* What leads nowhere. */
	static const char *const useless[] = { "#",
		"javascript:", "vbscript:", "data:", "cid:", "mid:", "about:" };
	struct buf clean = BUF_INIT(SIZE_MAX);
	struct span address;
	size_t scheme;
	bool useful;

	add_clean(&clean, href);
	out->failed = out->failed || !buf_ok(&clean);
	address = (struct span){ clean.data, clean.len };
	useful = address.len > 0;
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++)
		useful = useful && !span_starts_nocase(address, useless[i]);
	scheme = length_to(address, ":/?#");
	base = html_trim(base);
	if (!span_starts_nocase(base, "http://") && !span_starts_nocase(base, "https://"))
		base.len = 0;
	if (useful && base.len > 0 && base.len <= BASE_MOST && !span_has_8bit(base) &&
	    !span_has_control(base) && length_to(base, " <>&") == base.len &&
	    (scheme == address.len || address.data[scheme] != ':')) {
		size_t length = base_length(base, &address);

		buf_add(out, base.data, length);
		if (address.len > 0 && base.data[length - 1] != '/' && length_to(address, "/?") > 0)
			buf_addc(out, '/');
	}
	if (span_starts_nocase(address, "mailto:") && length_to(address, "?") == address.len &&
	    address.len > 7)
		address = html_behind(address, 7);
	if (useful)
		buf_add(out, address.data, address.len);
	buf_release(&clean);
	return useful;
}

/* Without what people leave out. */
static struct span
bare(struct span address)
{
	static const char *const schemes[] = { "http://", "https://", "mailto:", "ftp://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (span_starts_nocase(address, schemes[i])) {
			address = html_behind(address, strlen(schemes[i]));
			break;
		}
	address.len -= address.len > 0 && address.data[address.len - 1] == '/';
	return address;
}

bool
link_is_told(struct span address, struct span words)
{
	static const char digits[] = "0123456789";

	words = html_trim(words);
	if (!span_starts_nocase(address, "tel:") && !span_starts_nocase(address, "sms:"))
		return span_equal_nocase(bare(address), bare(words));
	while (true) {
		address = html_behind(address, length_to(address, digits));
		words = html_behind(words, length_to(words, digits));
		if (address.len == 0 || words.len == 0)
			return address.len == words.len;
		if (address.data[0] != words.data[0])
			return false;
		address = html_behind(address, 1);
		words = html_behind(words, 1);
	}
}
