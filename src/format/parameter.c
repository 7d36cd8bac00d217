/* SPDX-License-Identifier: ISC */
#include "format/parameter.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

enum {
	PLAIN_NAME_MAX = 60, /* octets of a name for old readers: with "; name=" it fits a line */
	EXTENSION_MAX = 10,  /* octets of what is kept behind its last dot */
	PIECE_MAX = 2 * FOLD_COLUMNS,
};

/* RFC 2045 section 5.1. */
static bool
is_token_char(char c)
{
	return c > ' ' && c < 127 && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static bool
is_token(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!is_token_char(text.data[i]))
			return false;
	return text.len > 0;
}

/* RFC 2231 section 7, attribute-char. */
static bool
is_extended_char(char c)
{
	return is_token_char(c) && c != '*' && c != '\'' && c != '%';
}

static void
add_quoted(struct buf *out, struct span text)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"' || text.data[i] == '\\')
			buf_addc(out, '\\');
		buf_addc(out, text.data[i]);
	}
	buf_addc(out, '"');
}

/*
 * Of letters, digits and what makes file names: other tokens need no quotes either, but some
 * readers think so.
 */
static bool
is_simple(struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		if (!ascii_is_alpha(c) && !ascii_is_digit(c) && strchr("-._+", c) == NULL)
			return false;
	}
	return is_token(text);
}

/*
 * The characters that text begins with, as many as fit max octets of the extended form, one at
 * least; all in out.
 */
static struct span
add_extended(struct buf *out, struct span text, size_t max)
{
	size_t width = 0, done = 0;

	while (done < text.len) {
		struct span rest = { text.data + done, text.len - done };
		unsigned len = utf8_length(rest);
		bool plain = is_extended_char(rest.data[0]);

		if (len == 0)
			len = 1;
		if (done > 0 && width + (plain ? 1 : 3 * len) > max)
			break;
		for (unsigned i = 0; i < len; i++)
			buf_addf(out, plain ? "%c" : "%%%02X", (unsigned char)rest.data[i]);
		width += plain ? 1 : 3 * len;
		done += len;
	}
	return (struct span){ text.data + done, text.len - done };
}

/* Adds "; token". */
static void
add_token(struct fold *f, const struct buf *token)
{
	f->out->failed = f->out->failed || !buf_ok(token);
	fold_raw(f, span_of(";"));
	fold_token(f, " ", (struct span){ token->data, token->len });
}

/* One piece, with as much of value as fits a line, and what is left of it. */
static struct span
add_piece(struct fold *f, const char *name, unsigned number, struct span value)
{
	static const char charset[] = "UTF-8''";
	struct buf piece = BUF_INIT(PIECE_MAX);

	buf_addf(&piece, "%s*%u*=%s", name, number, number == 0 ? charset : "");
	value = add_extended(&piece, value, FOLD_COLUMNS - strlen(" ;") - piece.len);
	add_token(f, &piece);
	buf_release(&piece);
	return value;
}

/* The whole value in one token, where it fits a line. */
static bool
add_whole(struct fold *f, const char *name, struct span value)
{
	struct buf token = BUF_INIT(strlen(name) + strlen("*=UTF-8''") + 3 * value.len);
	bool fits;

	/* Some readers decode encoded words here, where they have no place: nothing is to look like
	 * one. */
	if (span_has_8bit(value) || memmem(value.data, value.len, "=?", 2) != NULL) {
		buf_addf(&token, "%s*=UTF-8''", name);
		add_extended(&token, value, SIZE_MAX);
	} else {
		buf_addf(&token, "%s=", name);
		if (is_simple(value))
			buf_add(&token, value.data, value.len);
		else
			add_quoted(&token, value);
	}
	fits = !buf_ok(&token) || token.len <= FOLD_COLUMNS - strlen(" ;");
	if (fits)
		add_token(f, &token);
	buf_release(&token);
	return fits;
}

void
parameter_add(struct fold *f, const char *name, struct span value)
{
	f->reserve = strlen(";");
	if (!add_whole(f, name, value))
		for (unsigned number = 0; value.len > 0; number++)
			value = add_piece(f, name, number, value);
	f->reserve = 0;
}

/* Reading. */

static bool
is_white(char c)
{
	return ascii_is_space(c) || c == '\r' || c == '\n';
}

/* Passes white space, folding and comments. */
static void
skip_space(struct span *text)
{
	unsigned depth = 0;

	for (; text->len > 0; text->data++, text->len--) {
		char c = text->data[0];

		if (depth > 0 && c == '\\' && text->len > 1) {
			text->data++;
			text->len--;
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && depth > 0) {
			depth--;
		} else if (depth == 0 && !is_white(c)) {
			return;
		}
	}
}

static bool
take(struct span *text, char c)
{
	if (text->len == 0 || text->data[0] != c)
		return false;
	text->data++;
	text->len--;
	return true;
}

static struct span
take_token(struct span *text)
{
	struct span token = { text->data, 0 };

	while (token.len < text->len && is_token_char(text->data[token.len]))
		token.len++;
	text->data += token.len;
	text->len -= token.len;
	return token;
}

/* Behind the quotation mark. */
static bool
take_quoted(struct span *text, struct buf *out)
{
	while (text->len > 0) {
		char c = text->data[0];

		if (take(text, '"'))
			return true;
		if (c == '\\' && text->len > 1) {
			take(text, c);
			c = text->data[0];
		}
		if (c != '\r' && c != '\n')
			buf_addc(out, c);
		take(text, text->data[0]);
	}
	return false;
}

/*
 * Behind the '='.  What old programs leave unquoted is taken to the next ';' or comment, or the
 * end.
 */
static bool
take_value(struct span *text, bool *quoted, struct buf *out)
{
	size_t len = 0;

	skip_space(text);
	*quoted = take(text, '"');
	if (*quoted)
		return take_quoted(text, out);
	for (size_t i = 0; i < text->len && text->data[i] != ';'; i++) {
		if (text->data[i] == '(' && i > 0 && is_white(text->data[i - 1]))
			break;
		if (!is_white(text->data[i]))
			len = i + 1;
	}
	buf_add(out, text->data, len);
	text->data += len;
	text->len -= len;
	return len > 0;
}

/* At a ';': one parameter, and whether its value was quoted.  False where it is none. */
static bool
take_parameter(struct span *body, struct span *name, bool *quoted, struct buf *value)
{
	if (!take(body, ';'))
		return false;
	skip_space(body);
	*name = take_token(body);
	buf_clear(value);
	/* "; ;", and a ';' at the end. */
	if (name->len == 0)
		return true;
	skip_space(body);
	if (!take(body, '=') || !take_value(body, quoted, value))
		return false;
	skip_space(body);
	return true;
}

bool
parameter_find(struct span body, const char *name, struct buf *out)
{
	struct buf value = BUF_INIT(body.len);
	struct span found, rest = body;
	bool is_found = false, quoted;

	skip_space(&rest);
	take_token(&rest);
	if (take(&rest, '/'))
		take_token(&rest);
	skip_space(&rest);
	while (!is_found && rest.len > 0 && rest.data[0] == ';') {
		if (take_parameter(&rest, &found, &quoted, &value))
			is_found = span_is_nocase(found, name) && buf_ok(&value);
		/* What is no parameter is passed, as other readers do. */
		while (rest.len > 0 && rest.data[0] != ';')
			take(&rest, rest.data[0]);
	}
	if (is_found)
		buf_add(out, value.data, value.len);
	buf_release(&value);
	return is_found && buf_ok(out);
}

bool
parameter_is_sound(struct span body)
{
	struct buf value = BUF_INIT(body.len);
	struct span name;
	bool quoted,
	    sound = take_token(&body).len > 0 && take(&body, '/') && take_token(&body).len > 0;

	skip_space(&body);
	while (sound && body.len > 0) {
		sound = take_parameter(&body, &name, &quoted, &value) && name.len > 0;
		sound = sound && (quoted || is_token((struct span){ value.data, value.len }));
	}
	buf_release(&value);
	return sound;
}

/* File names. */

void
parameter_file_name(struct buf *out, struct span name)
{
	bool dots = name.len == 0 || span_is(name, ".") || span_is(name, "..");

	if (dots)
		buf_adds(out, name.len == 2 ? "__" : "_");
	while (!dots && name.len > 0) {
		unsigned len = utf8_length(name);

		if (len == 0 || name.data[0] == '/' || ascii_is_control(name.data[0]))
			buf_addc(out, '_');
		else
			buf_add(out, name.data, len);
		name.data += len > 0 ? len : 1;
		name.len -= len > 0 ? len : 1;
	}
}

/* Each character beyond ASCII is one '_'. */
static void
add_plain(struct buf *out, struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		bool word = c == '?' && i > 0 && name.data[i - 1] == '=';
		bool begins = ((unsigned char)c & 0xc0) == 0xc0;

		if (begins || word || c == '"' || c == '\\' || ascii_is_control(c))
			buf_addc(out, '_');
		else if (!is_8bit(c))
			buf_addc(out, c);
	}
}

void
parameter_plain_name(struct buf *out, struct span name)
{
	struct buf plain = BUF_INIT(name.len);
	const char *dot;
	size_t extension;

	add_plain(&plain, name);
	dot = memrchr(plain.data, '.', plain.len);
	extension = dot != NULL ? plain.len - (size_t)(dot - plain.data) : 0;
	if (plain.len <= PLAIN_NAME_MAX) {
		buf_add(out, plain.data, plain.len);
	} else if (extension > EXTENSION_MAX) {
		buf_add(out, plain.data, PLAIN_NAME_MAX);
	} else {
		buf_add(out, plain.data, PLAIN_NAME_MAX - extension);
		buf_add(out, plain.data + plain.len - extension, extension);
	}
	out->failed = out->failed || !buf_ok(&plain);
	buf_release(&plain);
}
