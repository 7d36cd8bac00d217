/* SPDX-License-Identifier: ISC */
#include "format/reencode.h"

#include <string.h>

#include "format/encode.h"

static bool
is_base64_octet(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c) || c == '+' || c == '/' || c == '=';
}

void
reencode_base64(struct reencode *r, struct span piece)
{
	for (size_t i = 0; i < piece.len;) {
		size_t n = 0;

		while (i + n < piece.len && r->column + n < ENCODE_COLUMNS &&
		    is_base64_octet(piece.data[i + n]))
			n++;
		buf_add(r->out, piece.data + i, n);
		r->column += n;
		i += n;
		if (r->column == ENCODE_COLUMNS)
			reencode_end_base64(r);
		else if (i < piece.len)
			i++;
	}
}

void
reencode_end_base64(struct reencode *r)
{
	if (r->column > 0)
		buf_adds(r->out, "\r\n");
	r->column = 0;
}

static bool
is_hex(char c)
{
	return ascii_is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

static void
add_line_end(struct reencode *r, const char *end)
{
	buf_adds(r->out, end);
	r->column = 0;
}

/*
 * A token that goes out as it is, or its one octet as =HH; where the line is full, on the next one.
 */
static void
add_token(struct reencode *r, struct span token, bool encode)
{
	size_t width = encode ? 3 : token.len;

	if (r->column + width >= ENCODE_COLUMNS) {
		add_line_end(r, "=\r\n");
		/* What follows may be a boundary, which was none amid a line. */
		encode = encode || token.data[0] == '-';
	}
	if (encode)
		buf_addf(r->out, "=%02X", (unsigned char)token.data[0]);
	else
		buf_add(r->out, token.data, token.len);
	r->column += encode ? 3 : token.len;
}

/*
 * Octets that text begins with, amid a line that has room for them, and that stand for themselves
 * whatever follows.
 */
static size_t
qp_run(const struct reencode *r, struct span text)
{
	size_t room = r->column > 0 && r->column < ENCODE_COLUMNS ? ENCODE_COLUMNS - 1 - r->column :
								    0,
	       n = 0;

	for (; n < room && n < text.len; n++) {
		unsigned char c = (unsigned char)text.data[n];

		if (c < ' ' || c >= 127 || c == '=')
			break;
	}
	return n;
}

/* Writes what text begins with; returns how many octets that was. */
static size_t
qp_step(void *arg, struct span text)
{
	struct reencode *r = arg;
	const char *p = text.data;
	size_t len = qp_run(r, text);

	if (len > 0) {
		buf_add(r->out, p, len);
		r->column += len;
		return len;
	}
	len = 1;
	if (text.len > 1 && memcmp(p, "\r\n", 2) == 0) {
		add_line_end(r, "\r\n");
		return 2;
	}
	if (text.len > 2 && memcmp(p, "=\r\n", 3) == 0) {
		add_line_end(r, "=\r\n");
		return 3;
	}
	if (text.len > 2 && *p == '=' && is_hex(p[1]) && is_hex(p[2]))
		len = 3;
	add_token(r, (struct span){ p, len }, is_8bit(*p) || *p == '\0');
	return len;
}

void
reencode_qp(struct reencode *r, struct span piece)
{
	lookahead_add(&r->ahead, piece, qp_step, r);
}

void
reencode_end_qp(struct reencode *r)
{
	lookahead_end(&r->ahead, qp_step, r);
}
