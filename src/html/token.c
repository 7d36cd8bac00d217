/* SPDX-License-Identifier: ISC */
#include "html/token.h"

#include <string.h>

#include "html/entity.h"

/* Elements whose content has no tags (HTML, parsing: RCDATA, RAWTEXT and script data). */
static const char *const opaque[] = {
	"iframe",
	"noembed",
	"noframes",
	"plaintext",
	"script",
	"style",
	"textarea",
	"title",
	"xmp",
};

static void
advance(struct span *text, size_t n)
{
	text->data += n;
	text->len -= n;
}

static bool
is_space_at(struct span text, size_t at)
{
	return at < text.len && html_is_space((unsigned char)text.data[at]);
}

static bool
is_at(struct span text, size_t at, char c)
{
	return at < text.len && text.data[at] == c;
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Passes all up to and with the first c; false, and nothing is passed, where there is none. */
static bool
pass(struct span *text, char c)
{
	const char *found = text->len > 0 ? memchr(text->data, c, text->len) : NULL;

	if (found == NULL)
		return false;
	advance(text, (size_t)(found - text->data) + 1);
	return true;
}

/* Attributes. */

static void
skip_before_name(struct span *text)
{
	while (is_space_at(*text, 0) || is_at(*text, 0, '/'))
		advance(text, 1);
}

static struct span
take_name(struct span *text)
{
	struct span name = { text->data, 0 };

	/* What begins with '=' is a name, however odd. */
	do
		name.len++;
	while (name.len < text->len && !is_space_at(*text, name.len) &&
	    !is_one_of(text->data[name.len], "/>="));
	advance(text, name.len);
	return name;
}

/* Text stands behind the '='.  False where a quotation mark is never closed. */
static bool
take_value(struct span *text, struct span *value)
{
	char quote;

	while (is_space_at(*text, 0))
		advance(text, 1);
	quote = text->len > 0 ? text->data[0] : '\0';
	if (quote == '"' || quote == '\'') {
		advance(text, 1);
		*value = *text;
		if (!pass(text, quote))
			return false;
		value->len -= text->len + 1;
		return true;
	}
	*value = (struct span){ text->data, 0 };
	while (value->len < text->len && !is_space_at(*text, value->len) &&
	    text->data[value->len] != '>')
		value->len++;
	advance(text, value->len);
	return true;
}

/*
 * The next attribute, where text may go on behind the tag.  *broken: a quotation mark is never
 * closed.
 */
static bool
take_attribute(struct span *text, struct span *name, struct span *value, bool *broken)
{
	*broken = false;
	skip_before_name(text);
	if (text->len == 0 || text->data[0] == '>')
		return false;
	*name = take_name(text);
	*value = (struct span){ text->data, 0 };
	while (is_space_at(*text, 0))
		advance(text, 1);
	if (!is_at(*text, 0, '='))
		return true;
	advance(text, 1);
	*broken = !take_value(text, value);
	return !*broken;
}

bool
html_attribute(struct span *attributes, struct span *name, struct span *value)
{
	bool broken;

	return take_attribute(attributes, name, value, &broken);
}

struct span
html_value(struct span attributes, const char *name)
{
	struct span key, value;

	while (html_attribute(&attributes, &key, &value))
		if (span_is_nocase(key, name))
			return value;
	return (struct span){ NULL, 0 };
}

/* Tags. */

/*
 * The name of a tag, at text.  Names that HTML would take, but nobody gives to elements, are none:
 * so that "<me@example.org>" and "<https://example.org/>" are seen.
 */
static size_t
name_length(struct span text)
{
	size_t n = 0;

	if (text.len == 0 || !ascii_is_alpha(text.data[0]))
		return 0;
	while (n < text.len &&
	    (ascii_is_alpha(text.data[n]) || ascii_is_digit(text.data[n]) ||
		is_one_of(text.data[n], "-:_.")))
		n++;
	if (n == text.len || text.data[n - 1] == ':')
		return 0;
	return is_space_at(text, n) || text.data[n] == '/' || text.data[n] == '>' ? n : 0;
}

static bool
is_opaque(struct span name)
{
	for (size_t i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++)
		if (span_is_nocase(name, opaque[i]))
			return true;
	return false;
}

/* Takes the tag whose name, of name_len octets, stands at text; false where the tag never ends. */
static bool
take_tag(struct html_reader *reader, struct span text, size_t name_len, struct html_token *token)
{
	struct span name, value;
	bool broken = false;

	token->name = (struct span){ text.data, name_len };
	advance(&text, name_len);
	token->attributes = text;
	while (take_attribute(&text, &name, &value, &broken))
		continue;
	if (broken || text.len == 0)
		return false;
	token->attributes.len -= text.len;
	advance(&text, 1);
	reader->rest = text;
	if (token->kind == HTML_START && is_opaque(token->name))
		reader->within = token->name;
	return true;
}

/* What is passed over. */

/* Passes a comment; text stands behind "<!--".  One that never ends goes to the end. */
static void
pass_comment(struct span *text)
{
	if (is_at(*text, 0, '>')) {
		advance(text, 1);
		return;
	}
	if (is_at(*text, 0, '-') && is_at(*text, 1, '>')) {
		advance(text, 2);
		return;
	}
	while (pass(text, '-')) {
		size_t n = is_at(*text, 0, '-') ? 1 : 0;

		if (n == 1 && is_at(*text, 1, '!'))
			n = 2;
		if (n > 0 && is_at(*text, n, '>')) {
			advance(text, n + 1);
			return;
		}
	}
	advance(text, text->len);
}

/* Passes a CDATA section; text stands behind "<![CDATA[". */
static void
pass_cdata(struct span *text)
{
	while (pass(text, ']'))
		if (is_at(*text, 0, ']') && is_at(*text, 1, '>')) {
			advance(text, 2);
			return;
		}
	advance(text, text->len);
}

/* Passes what begins with '<' and is neither text nor a tag; false where it is none of this. */
static bool
pass_other(struct html_reader *reader)
{
	struct span text = reader->rest;

	if (text.len < 2 || !is_one_of(text.data[1], "!?/"))
		return false;
	if (text.data[1] == '/' && is_at(text, 2, '<'))
		return false;
	if (span_starts_nocase(text, "<!--")) {
		advance(&text, 4);
		pass_comment(&text);
	} else if (span_starts_nocase(text, "<![CDATA[")) {
		advance(&text, 9);
		pass_cdata(&text);
	} else if (!pass(&text, '>')) {
		reader->plain = true;
		return false;
	}
	reader->rest = text;
	return true;
}

/* The reader. */

/* The length of text before "</name". */
static size_t
content_length(struct span text, struct span name)
{
	struct span rest = text;

	while (pass(&rest, '<')) {
		struct span tag = rest;

		if (!is_at(tag, 0, '/') || tag.len - 1 < name.len)
			continue;
		advance(&tag, 1);
		tag.len = name.len;
		if (span_equal_nocase(tag, name) &&
		    (is_space_at(rest, name.len + 1) || is_at(rest, name.len + 1, '/') ||
			is_at(rest, name.len + 1, '>')))
			return (size_t)(rest.data - 1 - text.data);
	}
	return text.len;
}

static void
take_content(struct html_reader *reader, struct html_token *token)
{
	token->kind = HTML_CONTENT;
	token->name = reader->within;
	token->text = reader->rest;
	if (!span_is_nocase(reader->within, "plaintext"))
		token->text.len = content_length(reader->rest, reader->within);
	advance(&reader->rest, token->text.len);
	reader->within.len = 0;
}

/* Text that goes to the next '<', but takes one that it begins with. */
static void
take_text(struct html_reader *reader, struct html_token *token)
{
	struct span behind = { reader->rest.data + 1, reader->rest.len - 1 };

	token->kind = HTML_TEXT;
	token->text = reader->rest;
	if (!reader->plain)
		token->text.len = 1 + span_cut(&behind, '<').len;
	advance(&reader->rest, token->text.len);
}

bool
html_next(struct html_reader *reader, struct html_token *token)
{
	*token = (struct html_token){ .kind = HTML_TEXT };
	if (reader->within.len > 0) {
		take_content(reader, token);
		return true;
	}
	while (reader->rest.len > 0) {
		struct span text = { reader->rest.data + 1, reader->rest.len - 1 };
		size_t n;

		if (!reader->plain && reader->rest.data[0] == '<') {
			token->kind = is_at(text, 0, '/') ? HTML_END : HTML_START;
			advance(&text, token->kind == HTML_END);
			n = name_length(text);
			if (n > 0 && take_tag(reader, text, n, token))
				return true;
			reader->plain = n > 0;
			if (n == 0 && pass_other(reader))
				continue;
		}
		take_text(reader, token);
		return true;
	}
	return false;
}
