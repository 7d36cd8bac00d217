/* SPDX-License-Identifier: ISC */
#include "html/meta.h"

#include <string.h>

#include "html/entity.h"
#include "html/token.h"

static void
advance(struct span *text, size_t n)
{
	text->data += n;
	text->len -= n;
}

static void
skip_space(struct span *text)
{
	while (text->len > 0 && html_is_space((unsigned char)text->data[0]))
		advance(text, 1);
}

/*
 * What stands behind '=': in quotation marks, which must be closed, or up to a semicolon or white
 * space.
 */
static struct span
take_name(struct span text)
{
	struct span name = { text.data, 0 };
	const char *end;

	if (text.len > 0 && (text.data[0] == '"' || text.data[0] == '\'')) {
		end = memchr(text.data + 1, text.data[0], text.len - 1);
		return (struct span){ text.data + 1,
			end != NULL ? (size_t)(end - text.data) - 1 : 0 };
	}
	while (name.len < text.len && text.data[name.len] != ';' &&
	    !html_is_space((unsigned char)text.data[name.len]))
		name.len++;
	return name;
}

/*
 * The charset in what http-equiv takes for a content type: the semicolon before it is missing
 * often.
 */
static struct span
charset_in(struct span content)
{
	for (; content.len > 0; advance(&content, 1)) {
		struct span rest = content;

		if (!span_starts_nocase(content, "charset"))
			continue;
		advance(&rest, strlen("charset"));
		skip_space(&rest);
		if (rest.len == 0 || rest.data[0] != '=')
			continue;
		advance(&rest, 1);
		skip_space(&rest);
		return take_name(rest);
	}
	return content;
}

static struct span
charset_of(struct span attributes)
{
	struct span charset = html_trim(html_value(attributes, "charset"));

	if (charset.len == 0 &&
	    span_is_nocase(html_trim(html_value(attributes, "http-equiv")), "content-type"))
		charset = charset_in(html_value(attributes, "content"));
	return charset;
}

bool
html_meta_charset(struct span html, struct buf *out)
{
	struct html_reader reader = HTML_READER_INIT(html);
	struct html_token token;

	if (reader.rest.len > HTML_META_MAX)
		reader.rest.len = HTML_META_MAX;
	while (html_next(&reader, &token)) {
		struct span charset = { NULL, 0 };

		if (token.kind == HTML_START && span_is_nocase(token.name, "meta"))
			charset = charset_of(token.attributes);
		if (charset.len == 0 || charset.len > out->max - out->len ||
		    memchr(charset.data, '\0', charset.len) != NULL)
			continue;
		buf_add(out, charset.data, charset.len);
		return buf_ok(out);
	}
	return false;
}
