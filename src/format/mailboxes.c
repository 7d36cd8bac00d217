/* SPDX-License-Identifier: ISC */
#include "format/mailboxes.h"

#include <stdint.h>
#include <string.h>

#include "format/address.h"
#include "format/cursor.h"
#include "format/words.h"

struct writer {
	struct fold *f;
	struct cursor in;
	bool separate;       /* an element stands before: a comma is due */
	struct buf name;     /* the words of the element before '<' or ':', unquoted */
	struct buf comments; /* what stands in its comments, with a space between them */
};

static int
memory_or(const struct buf *b, struct err *err)
{
	return buf_ok(b) ? 0 : err_memory(err);
}

/*
 * Appends the octet that *p points at, or, behind a backslash, the next one; line ends of folding
 * are dropped.
 */
static void
add_octet(struct buf *out, const char **p, const char *end)
{
	if (**p == '\\' && *p + 1 < end)
		(*p)++;
	if (**p != '\r' && **p != '\n')
		buf_addc(out, **p);
	(*p)++;
}

/* At a quotation mark. */
static const char *
add_quoted(struct buf *out, const char *p, const char *end)
{
	for (p++; p < end && *p != '"';)
		add_octet(out, &p, end);
	return p < end ? p + 1 : end;
}

/* At a parenthesis: what stands within the outermost pair. */
static const char *
add_comment(struct buf *out, const char *p, const char *end)
{
	unsigned depth = 1;

	if (out->len > 0)
		buf_addc(out, ' ');
	for (p++; p < end;) {
		if (*p == '(')
			depth++;
		if (*p == ')' && --depth == 0)
			return p + 1;
		add_octet(out, &p, end);
	}
	return end;
}

/* Sorts what stands in text into words and comments. */
static void
sort_words(struct span text, struct buf *words, struct buf *comments)
{
	const char *p = text.data, *end = p + text.len;

	while (p < end) {
		if (*p == '"')
			p = add_quoted(words, p, end);
		else if (*p == '(')
			p = add_comment(comments, p, end);
		else
			add_octet(words, &p, end);
	}
}

/* The comma behind the element before, if there is one. */
static void
add_separator(struct writer *w)
{
	if (w->separate)
		fold_raw(w->f, span_of(","));
	w->separate = true;
}

/* A name, without the space that stands between it and a comment. */
static bool
add_name(struct writer *w)
{
	struct span name = span_trim((struct span){ w->name.data, w->name.len });

	words_add_phrase(w->f, name);
	return name.len > 0;
}

/* The element is text; begins with words, then '<' or nothing. */
static int
add_mailbox(struct writer *w, struct span text, bool angle)
{
	struct address_list list = ADDRESS_LIST_INIT;
	struct buf token = BUF_INIT(SIZE_MAX);
	int result = address_parse(&list, text, ADDRESS_ONE, w->in.err);

	if (result == 0) {
		add_separator(w);
		angle = angle && add_name(w);
		buf_addf(&token, angle ? "<%s>" : "%s", list.items[0].mailbox);
		fold_token(w->f, " ", (struct span){ token.data, token.len });
		words_add_comment(w->f, (struct span){ w->comments.data, w->comments.len });
		result = memory_or(&token, w->in.err);
	}
	buf_release(&token);
	address_list_release(&list);
	return result;
}

/* Behind the ':'. */
static void
open_group(struct writer *w)
{
	const struct buf *out = w->f->out;
	bool encoded;

	add_separator(w);
	w->f->reserve += strlen(":;");
	/* A group without a name is none. */
	if (!add_name(w))
		fold_token(w->f, " ", span_of("\"\""));
	w->f->reserve -= strlen(":;");
	/* Nothing may follow an encoded word at once (RFC 2047 section 5 (3)). */
	encoded = out->len > 2 && memcmp(out->data + out->len - 2, "?=", 2) == 0;
	fold_raw(w->f, span_of(encoded ? " :" : ":"));
	w->separate = false;
}

/* At '<': to the end of the element. */
static int
skip_angle(struct writer *w)
{
	while (cursor_peek(&w->in) != '>' && cursor_peek(&w->in) != CURSOR_END) {
		w->in.at++;
		if (cursor_skip_words(&w->in) < 0)
			return -1;
	}
	cursor_take(&w->in, '>');
	return cursor_skip_words(&w->in);
}

/* At '<': passes the rest of the element, and keeps the comments within and behind <…>. */
static int
take_angle(struct writer *w)
{
	const char *begin = w->in.at;
	struct buf address = BUF_INIT(SIZE_MAX);
	int result;

	if (skip_angle(w) < 0)
		return -1;
	sort_words((struct span){ begin, (size_t)(w->in.at - begin) }, &address, &w->comments);
	result = memory_or(&address, w->in.err);
	buf_release(&address);
	return result;
}

static bool
is_blank(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (!cursor_is_white((unsigned char)b->data[i]))
			return false;
	return true;
}

static int
add_element(struct writer *w)
{
	const char *begin = w->in.at;
	bool angle;

	w->in.element = begin;
	buf_clear(&w->name);
	buf_clear(&w->comments);
	if (cursor_skip_words(&w->in) < 0)
		return -1;
	sort_words((struct span){ begin, (size_t)(w->in.at - begin) }, &w->name, &w->comments);
	angle = cursor_peek(&w->in) == '<';
	if (angle && take_angle(w) < 0)
		return -1;
	if (memory_or(&w->name, w->in.err) < 0 || memory_or(&w->comments, w->in.err) < 0)
		return -1;
	if (cursor_take(&w->in, ':')) {
		open_group(w);
		return 0;
	}
	/* A comment where an address could be belongs to none. */
	if (!angle && is_blank(&w->name))
		return 0;
	return add_mailbox(w, (struct span){ begin, (size_t)(w->in.at - begin) }, angle);
}

static int
add_elements(struct writer *w)
{
	int result = 0;

	while (result == 0) {
		int c = cursor_peek(&w->in);

		if (c == CURSOR_END)
			return 0;
		if (c == ';') {
			fold_raw(w->f, span_of(";"));
			w->separate = true;
		}
		if (c == ';' || c == ',' || cursor_is_white(c))
			w->in.at++;
		else
			result = add_element(w);
	}
	return result;
}

int
mailboxes_add(struct fold *f, struct span list, struct err *err)
{
	struct writer w = {
		.f = f,
		.in = cursor_init(list, err),
		.name = BUF_INIT(SIZE_MAX),
		.comments = BUF_INIT(SIZE_MAX),
	};
	struct address_list addresses = ADDRESS_LIST_INIT;
	int result;

	/* What can be parsed as a whole can be taken apart below without another look. */
	result = address_parse(&addresses, list, 0, err);
	address_list_release(&addresses);
	f->reserve = strlen("),");
	if (result == 0)
		result = add_elements(&w);
	f->reserve = 0;
	if (result == 0)
		result = memory_or(f->out, err);
	buf_release(&w.name);
	buf_release(&w.comments);
	return result;
}
