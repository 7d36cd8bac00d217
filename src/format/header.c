/* SPDX-License-Identifier: ISC */
#include "format/header.h"

#include <string.h>

/* Octets of the name at the start of line; 0 where there is none. */
static size_t
name_length(struct span line)
{
	size_t n = 0;

	while (n < line.len && line.data[n] > 32 && line.data[n] < 127 && line.data[n] != ':')
		n++;
	return n;
}

/*
 * Where in line the colon behind the name stands; 0 where line does not begin with a name and a
 * colon.
 */
static size_t
colon_position(struct span line)
{
	size_t n = name_length(line);

	if (n == 0)
		return 0;
	while (n < line.len && ascii_is_space(line.data[n]))
		n++;
	return n < line.len && line.data[n] == ':' ? n : 0;
}

enum header_line
header_classify(struct span line)
{
	if (line.len == 0)
		return HEADER_BLANK;
	if (ascii_is_space(line.data[0]))
		return HEADER_CONTINUATION;
	/* Before the separator line: "From : a@b" is a field. */
	if (colon_position(line) > 0)
		return HEADER_FIELD;
	if (line.data[0] == '>') {
		line.data++;
		line.len--;
	}
	return line.len >= 5 && memcmp(line.data, "From ", 5) == 0 ? HEADER_MBOX_FROM :
								     HEADER_OTHER;
}

/* Octets of the first line of text, with its end. */
static size_t
line_length(struct span text)
{
	const char *lf = memchr(text.data, '\n', text.len);

	return lf != NULL ? (size_t)(lf - text.data) + 1 : text.len;
}

static struct span
without_line_end(struct span line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\n') {
		line.len--;
		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
	}
	return line;
}

static enum header_line
classify_first(struct span text)
{
	return header_classify(without_line_end((struct span){ text.data, line_length(text) }));
}

static void
advance(struct span *text, size_t n)
{
	text->data += n;
	text->len -= n;
}

/* Takes the field that *block begins with. */
static void
take_field(struct span *block, struct header_field *field)
{
	struct span lines;
	size_t colon = colon_position(*block);

	field->name = (struct span){ block->data, name_length(*block) };
	field->whole = *block;
	do
		advance(block, line_length(*block));
	while (block->len > 0 && classify_first(*block) == HEADER_CONTINUATION);
	field->whole.len -= block->len;
	lines = without_line_end(field->whole);
	advance(&lines, colon + 1);
	field->body = lines;
}

bool
header_next(struct span *block, struct header_field *field)
{
	while (block->len > 0) {
		switch (classify_first(*block)) {
		case HEADER_FIELD:
			take_field(block, field);
			return true;
		case HEADER_BLANK:
			return false;
		default:
			advance(block, line_length(*block));
		}
	}
	return false;
}

bool
header_is(const struct header_field *field, const char *name)
{
	return span_is_nocase(field->name, name);
}

bool
header_find(struct span block, const char *name, struct header_field *field)
{
	while (header_next(&block, field))
		if (header_is(field, name))
			return true;
	return false;
}

/* Octets of the line end at the start of text where space follows it; 0 else. */
static size_t
folding_length(struct span text)
{
	size_t n = text.data[0] == '\r' ? 2 : 1;

	if (text.len <= n || text.data[n - 1] != '\n' || !ascii_is_space(text.data[n]))
		return 0;
	return n;
}

void
header_unfold(struct buf *out, struct span body)
{
	size_t start = out->len;

	while (body.len > 0) {
		size_t fold = folding_length(body);

		if (fold == 0 && (out->len > start || !ascii_is_space(body.data[0])))
			buf_addc(out, body.data[0]);
		advance(&body, fold > 0 ? fold : 1);
	}
	while (out->len > start && ascii_is_space(out->data[out->len - 1]))
		buf_truncate(out, out->len - 1);
}
