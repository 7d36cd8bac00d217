/* SPDX-License-Identifier: ISC */
/*
 * HTML in pieces; and what is looked for in it: images, its charset.
 */
#include <string.h>

#include "html/html.h"
#include "html/read.h"

static const char space[] = " \t\n\f\r", name_end[] = " \t\n\f\r/>";
/* Elements whose content has no tags (HTML, parsing: RCDATA, RAWTEXT and script data). */
static const char opaque[][10] = { "iframe", "noembed", "noframes", "plaintext", "script", "style",
	"textarea", "title", "xmp" };

/* True where that octet of the text is one of the set. */
static bool
is_at(struct span text, size_t at, const char *set)
{
	return at < text.len && text.data[at] != '\0' && strchr(set, text.data[at]) != NULL;
}

/* Passes all up to and with what is looked for; false, and nothing is passed, where it is not
 * there. */
static bool
pass(struct span *text, const char *wanted)
{
	struct span rest = *text;
	size_t len = strlen(wanted);

	while (rest.len >= len) {
		const char *found = memchr(rest.data, wanted[0], rest.len - len + 1);

		if (found == NULL)
			break;
		rest = html_behind(rest, (size_t)(found - rest.data));
		if (memcmp(found, wanted, len) == 0) {
			*text = html_behind(rest, len);
			return true;
		}
		rest = html_behind(rest, 1);
	}
	return false;
}

/* Takes octets off the text up to one of the set. */
static struct span
take_to(struct span *text, const char *set)
{
	struct span taken = { text->data, 0 };

	while (taken.len < text->len && !is_at(*text, taken.len, set))
		taken.len++;
	*text = html_behind(*text, taken.len);
	return taken;
}

static void
skip(struct span *text, const char *set)
{
	while (is_at(*text, 0, set))
		*text = html_behind(*text, 1);
}

/* Attributes. */

/*
 * Takes the next attribute off text, which may go on behind the tag.  False at the tag's end, where
 * text begins with '>' then, or is empty where that never comes.
 */
static bool
take_attribute(struct span *text, struct span *name, struct span *value)
{
	const char *begin;

	skip(text, " \t\n\f\r/");
	if (text->len == 0 || text->data[0] == '>')
		return false;
	/* What begins with '=' is a name, however odd. */
	begin = text->data;
	*text = html_behind(*text, 1);
	take_to(text, " \t\n\f\r/>=");
	*name = (struct span){ begin, (size_t)(text->data - begin) };
	*value = (struct span){ text->data, 0 };
	skip(text, space);
	if (!is_at(*text, 0, "="))
		return true;
	*text = html_behind(*text, 1);
	skip(text, space);
	if (!is_at(*text, 0, "\"'")) {
		*value = take_to(text, " \t\n\f\r>");
		return true;
	}
	*value = html_behind(*text, 1);
	*text = *value;
	if (!pass(text, value->data[-1] == '"' ? "\"" : "'")) {
		text->len = 0;
		return false;
	}
	value->len -= text->len + 1;
	return true;
}

struct span
html_value(struct span attributes, const char *name)
{
	struct span found, value;

	while (take_attribute(&attributes, &found, &value))
		if (span_is_nocase(found, name))
			return value;
	return (struct span){ NULL, 0 };
}

bool
html_value_is(struct span attributes, const char *name, const char *value)
{
	return span_is_nocase(html_trim(html_value(attributes, name)), value);
}

long
html_number_value(struct span attributes, const char *name, long least, long none)
{
	struct span value = html_trim(html_value(attributes, name));
	long sign = is_at(value, 0, "-") ? -1 : 1, number = 0;

	if (sign < 0)
		value = html_behind(value, 1);
	if (!is_at(value, 0, "0123456789"))
		return none;
	for (; is_at(value, 0, "0123456789") && number <= HTML_NUMBER_MOST;
	     value = html_behind(value, 1))
		number = number * 10 + (value.data[0] - '0');
	number = sign * (number < HTML_NUMBER_MOST ? number : HTML_NUMBER_MOST);
	return number < least ? none : number;
}

struct span
html_style(struct span attributes, const char *property)
{
	struct span style = html_value(attributes, "style"), found = { "", 0 };

	while (style.len > 0) {
		struct span value = span_cut(&style, ';'), name = html_trim(span_cut(&value, ':'));

		if (span_is_nocase(name, property))
			found = html_trim(span_cut(&value, '!'));
	}
	return found;
}

/* Tags, and what is none. */

/*
 * Takes a tag off the rest.  Names that HTML would take, but nobody gives to elements, are none: so
 * that "<me@example.org>" and "<https://example.org/>" are seen.  False where there is no tag; from
 * one that never ends on, all is text.
 */
static bool
take_tag(struct html_reader *reader, struct html_token *token)
{
	struct span text = html_behind(reader->rest, 1), name, value;

	token->kind = is_at(text, 0, "/") ? HTML_END : HTML_START;
	text = html_behind(text, token->kind == HTML_END);
	name = (struct span){ text.data, 0 };
	while (name.len < text.len &&
	    (ascii_is_alpha(text.data[name.len]) ||
		(name.len > 0 && is_at(text, name.len, "0123456789-:_."))))
		name.len++;
	if (name.len == 0 || name.data[name.len - 1] == ':' || !is_at(text, name.len, name_end))
		return false;
	token->name = name;
	token->attributes = text = html_behind(text, name.len);
	while (take_attribute(&text, &name, &value))
		continue;
	reader->plain = text.len == 0;
	if (reader->plain)
		return false;
	token->attributes.len -= text.len;
	reader->rest = html_behind(text, 1);
	for (size_t i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++)
		if (token->kind == HTML_START && span_is_nocase(token->name, opaque[i]))
			reader->within = token->name;
	return true;
}

/* Passes a comment and the like off the rest; false where it is none, and so text. */
static bool
pass_other(struct html_reader *reader)
{
	struct span text = html_behind(reader->rest, 1);
	bool ends = true;

	if (!is_at(text, 0, "!?/") || span_starts_nocase(text, "/<"))
		return false;
	if (span_starts_nocase(text, "!-->") || span_starts_nocase(text, "!--->")) {
		pass(&text, ">");
	} else if (span_starts_nocase(text, "!--")) {
		/* It ends with "-->" or "--!>", or goes to the end. */
		text = html_behind(text, 3);
		do {
			ends = pass(&text, "--");
			skip(&text, "-");
		} while (ends && !is_at(text, 0, ">") && !span_starts_nocase(text, "!>"));
		if (!ends || !pass(&text, ">"))
			text.len = 0;
	} else if (span_starts_nocase(text, "![CDATA[")) {
		if (!pass(&text, "]]>"))
			text.len = 0;
	} else if (!pass(&text, ">")) {
		reader->plain = true;
		return false;
	}
	reader->rest = text;
	return true;
}

/* Takes the content of the element off the rest: what comes before "</name". */
static struct span
take_content(struct html_reader *reader)
{
	struct span name = reader->within, content = reader->rest, rest = content;

	reader->within.len = 0;
	reader->rest.len = 0;
	while (!span_is_nocase(name, "plaintext") && pass(&rest, "</")) {
		struct span tag = { rest.data, name.len };

		if (rest.len < name.len || !span_equal_nocase(tag, name) ||
		    !is_at(rest, name.len, name_end))
			continue;
		content.len -= rest.len + 2;
		reader->rest = (struct span){ rest.data - 2, rest.len + 2 };
		break;
	}
	return content;
}

bool
html_next(struct html_reader *reader, struct html_token *token)
{
	struct span behind;

	*token = (struct html_token){ .kind = HTML_CONTENT, .name = reader->within };
	if (reader->within.len > 0) {
		token->text = take_content(reader);
		return true;
	}
	while (reader->rest.len > 0) {
		bool open = !reader->plain && reader->rest.data[0] == '<';

		if (open && take_tag(reader, token))
			return true;
		if (open && !reader->plain && pass_other(reader))
			continue;
		/* Text goes to the next '<', but takes one that it begins with. */
		*token = (struct html_token){ .kind = HTML_TEXT, .text = reader->rest };
		behind = html_behind(reader->rest, 1);
		if (!reader->plain)
			token->text.len = 1 + span_cut(&behind, '<').len;
		reader->rest = html_behind(reader->rest, token->text.len);
		return true;
	}
	return false;
}

/* What is looked for. */

bool
html_next_image(struct span *rest, struct span *at, struct buf *out)
{
	struct html_reader reader = { .rest = *rest };
	struct html_token token;
	bool found = false;

	while (!found && html_next(&reader, &token)) {
		if (token.kind != HTML_START || !span_is_nocase(token.name, "img"))
			continue;
		*at = html_value(token.attributes, "src");
		found = html_trim(*at).len > 0;
		if (found)
			html_decode(out, html_trim(*at), HTML_IN_VALUE);
	}
	*rest = reader.rest;
	return found;
}

struct span
html_meta_charset(struct span html)
{
	struct html_reader reader = { .rest = html };
	struct html_token token;
	struct span charset = { NULL, 0 };

	if (reader.rest.len > HTML_META_MAX)
		reader.rest.len = HTML_META_MAX;
	while (charset.len == 0 && html_next(&reader, &token)) {
		struct span type;

		if (token.kind != HTML_START || !span_is_nocase(token.name, "meta"))
			continue;
		charset = html_trim(html_value(token.attributes, "charset"));
		type = html_value(token.attributes, "content");
		if (!html_value_is(token.attributes, "http-equiv", "content-type"))
			type.len = 0;
		/* In a content type, the semicolon before it is missing often. */
		for (; charset.len == 0 && type.len > 0; type = html_behind(type, 1)) {
			if (span_starts_nocase(type, "charset"))
				charset = html_value(type, "charset");
			if (charset.len > 0)
				charset = span_cut(&charset, ';');
		}
	}
	return charset.len > 0 ? charset : (struct span){ html.data, 0 };
}
