/* SPDX-License-Identifier: ISC */
#include "command/json.h"

#include <inttypes.h>

#include "base/text.h"

/*
 * Code points that must not reach a terminal as they are, above ASCII; and U+2028 and U+2029, which
 * end lines in JavaScript.
 */
static bool
is_hidden(uint32_t point)
{
	return (point >= 0x80 && point < 0xa0) || point == 0x200e || point == 0x200f ||
	    (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
	    point == 0xfeff;
}

/*
 * The code point of a valid sequence of two or three octets; longer ones are never hidden, and 0
 * here.
 */
static uint32_t
code_point(const char *text, unsigned length)
{
	const unsigned char *p = (const unsigned char *)text;

	if (length == 2)
		return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
	return length == 3 ? (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU) : 0;
}

/* Writes the octets at the front of text that belong together; returns how many. */
static size_t
write_character(FILE *out, struct span text)
{
	unsigned length = utf8_length(text);
	char c = text.data[0];

	if (length == 0) {
		fputs("\\ufffd", out);
		return 1;
	}
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c == '\n')
		fputs("\\n", out);
	else if (ascii_is_control(c))
		fprintf(out, "\\u%04x", (unsigned char)c);
	else if (is_hidden(code_point(text.data, length)))
		fprintf(out, "\\u%04" PRIx32, code_point(text.data, length));
	else
		fwrite(text.data, 1, length, out);
	return length;
}

static bool
is_plain(char c)
{
	return !ascii_is_control(c) && !is_8bit(c) && c != '"' && c != '\\';
}

void
json_write_string(FILE *out, struct span text)
{
	fputc('"', out);
	while (text.len > 0) {
		size_t n = 0;

		while (n < text.len && is_plain(text.data[n]))
			n++;
		if (n > 0)
			fwrite(text.data, 1, n, out);
		else
			n = write_character(out, text);
		text.data += n;
		text.len -= n;
	}
	fputc('"', out);
}

static void
begin_value(struct json *json, const char *name)
{
	if (json->comma)
		fputs(", ", json->out);
	if (name != NULL)
		fprintf(json->out, "\"%s\": ", name);
	json->comma = true;
}

void
json_begin(struct json *json, const char *name, char bracket)
{
	begin_value(json, name);
	fputc(bracket, json->out);
	json->comma = false;
}

void
json_end(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void
json_span(struct json *json, const char *name, struct span text)
{
	begin_value(json, name);
	json_write_string(json->out, text);
}

void
json_text(struct json *json, const char *name, const char *text)
{
	if (text == NULL)
		json_null(json, name);
	else
		json_span(json, name, span_of(text));
}

void
json_number(struct json *json, const char *name, int64_t number)
{
	begin_value(json, name);
	fprintf(json->out, "%" PRId64, number);
}

void
json_seconds(struct json *json, const char *name, int64_t ms)
{
	if (ms > 0)
		json_number(json, name, ms / 1000);
	else
		json_null(json, name);
}

void
json_bool(struct json *json, const char *name, bool value)
{
	begin_value(json, name);
	fputs(value ? "true" : "false", json->out);
}

void
json_null(struct json *json, const char *name)
{
	begin_value(json, name);
	fputs("null", json->out);
}
