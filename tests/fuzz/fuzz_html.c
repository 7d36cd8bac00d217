/* SPDX-License-Identifier: ISC */
/*
 * Any octets as HTML: its text, its images, and the charset that it names.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "html/html.h"

enum {
	GROWTH = 48, /* octets of text for one of HTML at most: a line end in <pre>, in quotations
		      */
	RULE_ROOM = 256, /* and for <hr> at the begin of short HTML */
};

/*
 * UTF-8 without control characters, in lines that do not end with a space, the first and the last
 * of them not empty.
 */
static void
check_text(struct span text)
{
	struct span rest = text;

	check(utf8_valid(text));
	check(text.len == 0 || (text.data[0] != '\n' && text.data[text.len - 1] == '\n'));
	check(text.len < 2 || text.data[text.len - 2] != '\n');
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		check(!span_has_control(line));
		check(line.len == 0 || line.data[line.len - 1] != ' ');
		for (size_t i = 0; i + 1 < line.len; i++)
			check((unsigned char)line.data[i] != 0xc2 ||
			    (unsigned char)line.data[i + 1] >= 0xa0);
	}
}

/* The same text, but for what a ceiling has no room for. */
static void
check_ceiling(struct span html, struct span text)
{
	struct buf out = BUF_INIT(text.len / 2);

	html_to_text(html, &out);
	check(buf_ok(&out) == (text.len == 0));
	check(memcmp(out.data, text.data, out.len) == 0);
	buf_release(&out);
}

static void
check_images(struct span html)
{
	struct span rest = html, at;
	struct buf out = BUF_INIT(SIZE_MAX);

	while (html_next_image(&rest, &at, &out)) {
		check(at.len > 0 && at.data >= html.data &&
		    at.data + at.len < rest.data + rest.len + (rest.len == 0));
		check(rest.data + rest.len == html.data + html.len);
		check(out.len > 0 && utf8_valid((struct span){ out.data, out.len }));
		buf_clear(&out);
	}
	check(rest.len == 0);
	buf_release(&out);
}

/* What the line ends are does not matter. */
static void
check_line_ends(struct span html, struct span text)
{
	struct buf lines = BUF_INIT(SIZE_MAX), out = BUF_INIT(SIZE_MAX);

	if (html.len > 0 && memchr(html.data, '\r', html.len) != NULL)
		return;
	for (size_t i = 0; i < html.len; i++) {
		if (html.data[i] == '\n')
			buf_addc(&lines, '\r');
		buf_addc(&lines, html.data[i]);
	}
	html_to_text((struct span){ lines.data, lines.len }, &out);
	check(out.len == text.len && memcmp(out.data, text.data, text.len) == 0);
	buf_release(&lines);
	buf_release(&out);
}

static void
check_charset(struct span html)
{
	struct span charset = html_meta_charset(html);

	check(charset.len == 0 ||
	    (charset.data >= html.data && charset.data + charset.len <= html.data + html.len &&
		charset.data + charset.len <= html.data + HTML_META_MAX));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span html = { (const char *)data, size }, text;
	struct buf out = BUF_INIT(SIZE_MAX);

	html_to_text(html, &out);
	check(buf_ok(&out));
	check(out.len <= GROWTH * size + RULE_ROOM);
	text = (struct span){ out.data, out.len };
	check_text(text);
	check_ceiling(html, text);
	check_line_ends(html, text);
	check_images(html);
	check_charset(html);
	buf_release(&out);
	return 0;
}
