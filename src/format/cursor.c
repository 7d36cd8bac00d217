/* SPDX-License-Identifier: ISC */
#include "format/cursor.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "format/address.h"

enum {
	QUOTE_MAX = 80,  /* octets of foreign text in an error */
	QUOTE_LEAD = 60, /* of which before the place of the error at most */
	SHOWN_MAX = 320  /* the same as \xHH */
};

static const char open_quote[] = "a quotation mark without its partner";

/* Why these cannot stand where they were met. */
static const struct {
	int c;
	const char *reason;
} stray[] = {
	{ CURSOR_END, "it ends too early" },
	{ '@', "a second '@'" },
	{ '>', "a '>' without its '<'" },
	{ '<', "a '<' in the wrong place (missing comma?)" },
	{ ')', "a ')' without its '('" },
	{ '"', "a quotation mark in the wrong place" },
	{ '\\', "a backslash outside quotes" },
	{ '[', "a bracket in the wrong place" },
	{ ']', "a bracket in the wrong place" },
	{ ':', "a ':' in the wrong place" },
	{ ';', "a ';' that ends no group (a comma separates addresses)" },
	{ ',', "a comma in the wrong place" },
};

struct cursor
cursor_init(struct span text, struct err *err)
{
	const char *begin = text.len > 0 ? text.data : "";

	return (struct cursor){ begin, begin + text.len, begin, begin, err };
}

int
cursor_peek(const struct cursor *in)
{
	return in->at < in->end ? (unsigned char)*in->at : CURSOR_END;
}

bool
cursor_take(struct cursor *in, char c)
{
	if (in->at == in->end || *in->at != c)
		return false;
	in->at++;
	return true;
}

bool
cursor_is_white(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool
cursor_is_atext(int c)
{
	if (c == CURSOR_END || c == '\0')
		return false;
	return c >= 0x80 || ascii_is_alpha((char)c) || ascii_is_digit((char)c) ||
	    strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL;
}

/* Moves p back to the first octet of the UTF-8 sequence it points into. */
static const char *
sequence_start(const char *p, const char *begin)
{
	while (p > begin && ((unsigned char)*p & 0xc0) == 0x80)
		p--;
	return p;
}

/*
 * The text to show for an error: from where the element begins to the comma behind the error, or
 * QUOTE_MAX octets of it around the error.
 */
static struct span
offending_text(const struct cursor *in)
{
	const char *from = in->element;
	const char *to = in->at < in->end ? memchr(in->at, ',', (size_t)(in->end - in->at)) : NULL;

	if (to == NULL)
		to = in->end;
	if (to - from > QUOTE_MAX && in->at - from > QUOTE_LEAD)
		from = sequence_start(in->at - QUOTE_LEAD, from);
	if (to - from > QUOTE_MAX)
		to = sequence_start(from + QUOTE_MAX, from);
	/* White space at the end says nothing, unless it is what is refused. */
	while (to > from && to - 1 != in->at && cursor_is_white((unsigned char)to[-1]))
		to--;
	return (struct span){ from, (size_t)(to - from) };
}

/* Without the line ends of folding. */
static void
add_unfolded(struct buf *out, struct span text)
{
	struct buf line = BUF_INIT(QUOTE_MAX);

	for (size_t i = 0; i < text.len; i++) {
		bool line_end = text.data[i] == '\r' || text.data[i] == '\n';

		if (!line_end || i + 1 == text.len ||
		    !cursor_is_white((unsigned char)text.data[i + 1]))
			buf_addc(&line, text.data[i]);
	}
	text_printable(out, (struct span){ line.data, line.len }, false);
	buf_release(&line);
}

int
cursor_refuse(struct cursor *in, const char *reason)
{
	struct buf quote = BUF_INIT(SHOWN_MAX);

	add_unfolded(&quote, offending_text(in));
	err_set(in->err, ERR_ADDRESS, "cannot parse the address \"%s\": %s", quote.data, reason);
	buf_release(&quote);
	return -1;
}

int
cursor_refuse_stray(struct cursor *in)
{
	int c = cursor_peek(in);

	for (size_t i = 0; i < sizeof(stray) / sizeof(stray[0]); i++)
		if (stray[i].c == c)
			return cursor_refuse(in, stray[i].reason);
	return cursor_refuse(in, "text behind the address (missing comma?)");
}

static int
skip_comment(struct cursor *in)
{
	unsigned depth = 0;

	do {
		int c = cursor_peek(in);

		if (c == CURSOR_END)
			return cursor_refuse(in, "a '(' without its ')'");
		in->at++;
		if (c == '\\' && in->at < in->end)
			in->at++;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth--;
		if (depth > ADDRESS_NESTING_MAX)
			return cursor_refuse(in, "too many comments within comments");
	} while (depth > 0);
	return 0;
}

int
cursor_skip_space(struct cursor *in)
{
	for (;;) {
		int c = cursor_peek(in);

		if (cursor_is_white(c))
			in->at++;
		else if (c != '(')
			return 0;
		else if (skip_comment(in) < 0)
			return -1;
	}
}

struct span
cursor_take_atom(struct cursor *in)
{
	const char *begin = in->at;

	while (cursor_is_atext(cursor_peek(in)))
		in->at++;
	return (struct span){ begin, (size_t)(in->at - begin) };
}

static int
skip_quoted(struct cursor *in)
{
	in->at++;
	while (!cursor_take(in, '"')) {
		cursor_take(in, '\\');
		if (in->at == in->end)
			return cursor_refuse(in, open_quote);
		in->at++;
	}
	return 0;
}

int
cursor_read_quoted(struct cursor *in, struct buf *out)
{
	in->at++;
	while (!cursor_take(in, '"')) {
		bool escaped = cursor_take(in, '\\');
		int c = cursor_peek(in);

		if (c == CURSOR_END)
			return cursor_refuse(in, open_quote);
		/* RFC 5321 section 4.1.2 has no place for a tab in a mailbox, RFC 5322 has. */
		if (c == '\t' || (escaped && (c == '\r' || c == '\n')))
			return cursor_refuse(in, "a control character in the local part");
		if (c != '\r' && c != '\n')
			buf_addc(out, (char)c);
		in->at++;
	}
	return 0;
}

bool
cursor_is_literal(int c)
{
	if (c == CURSOR_END)
		return false;
	return ascii_is_alpha((char)c) || ascii_is_digit((char)c) || c == '.' || c == ':' ||
	    cursor_is_white(c);
}

/*
 * The colons of "[IPv6:…]" must not be taken for a group's; any other bracket is an ordinary
 * character of a phrase.
 */
static void
skip_bracket(struct cursor *in)
{
	const char *bracket = in->at++;

	while (cursor_is_literal(cursor_peek(in)))
		in->at++;
	if (!cursor_take(in, ']'))
		in->at = bracket + 1;
}

int
cursor_skip_words(struct cursor *in)
{
	for (;;) {
		switch (cursor_peek(in)) {
		case CURSOR_END:
		case ',':
		case ':':
		case ';':
		case '<':
		case '>':
			return 0;
		case ')':
			return cursor_refuse_stray(in);
		case '(':
			if (skip_comment(in) < 0)
				return -1;
			break;
		case '"':
			if (skip_quoted(in) < 0)
				return -1;
			break;
		case '[':
			skip_bracket(in);
			break;
		case '\\':
			in->at += in->end - in->at > 1 ? 2 : 1;
			break;
		default:
			in->at++;
		}
	}
}

/* Octets of what stands at p and may stand there; 0 where it may not. */
static size_t
permitted_length(const char *p, const char *end)
{
	size_t n = *p == '\r' ? 2 : 1;

	if (*p != '\r' && *p != '\n')
		return *p == '\t' || !ascii_is_control(*p);
	/* Folding: CRLF or LF, and space behind it. */
	return (size_t)(end - p) > n && p[n - 1] == '\n' && ascii_is_space(p[n]) ? n : 0;
}

int
cursor_check_octets(struct cursor *in)
{
	for (size_t n; in->at < in->end; in->at += n) {
		n = permitted_length(in->at, in->end);
		if (n == 0) {
			const char *comma = memrchr(in->begin, ',', (size_t)(in->at - in->begin));

			in->element = comma != NULL ? comma + 1 : in->begin;
			return cursor_refuse(in, "a control character");
		}
	}
	in->at = in->begin;
	return 0;
}
