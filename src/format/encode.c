/* SPDX-License-Identifier: ISC */
#include "format/encode.h"

#include <string.h>

#include "base/text.h"
#include "format/codec.h"

enum { BASE64_LINE_LEN = ENCODE_COLUMNS + 2 }; /* with its CRLF */

uint64_t
base64_lines_length(uint64_t len)
{
	uint64_t rest = len % BASE64_LINE;

	return len / BASE64_LINE * BASE64_LINE_LEN +
	    (rest > 0 ? base64_length((size_t)rest) + 2 : 0);
}

void
base64_put_lines(char *to, struct span data)
{
	while (data.len > 0) {
		size_t line = data.len < BASE64_LINE ? data.len : BASE64_LINE;

		to = base64_put(to, (struct span){ data.data, line });
		*to++ = '\r';
		*to++ = '\n';
		data.data += line;
		data.len -= line;
	}
}

void
base64_add_lines(struct buf *out, struct span data)
{
	size_t len = (size_t)base64_lines_length(data.len);
	char *to = buf_reserve(out, len);

	if (to == NULL)
		return;
	base64_put_lines(to, data);
	buf_commit(out, len);
}

/* Octets of the line end at the start of text; 0 where there is none. */
static size_t
line_end_length(struct span text)
{
	if (text.len > 0 && text.data[0] == '\n')
		return 1;
	return text.len > 1 && text.data[0] == '\r' && text.data[1] == '\n' ? 2 : 0;
}

/* The octet at the start of text stands for itself. */
static bool
is_plain(struct span text, size_t column)
{
	char c = text.data[0];
	struct span behind = { text.data + 1, text.len - 1 };

	if (ascii_is_space(c))
		return behind.len > 0 && line_end_length(behind) == 0;
	if (column == 0 && (c == '.' || (text.len >= 5 && memcmp(text.data, "From ", 5) == 0)))
		return false;
	return c > ' ' && c < 127 && c != '=';
}

/* Room for width octets and the '=' that may follow them. */
static void
qp_make_room(struct qp *qp, size_t width)
{
	if (qp->column + width < ENCODE_COLUMNS)
		return;
	buf_adds(qp->out, "=\r\n");
	qp->column = 0;
}

static void
qp_add_encoded(struct qp *qp, struct span octets)
{
	static const char digits[] = "0123456789ABCDEF";

	qp_make_room(qp, 3 * octets.len);
	for (size_t i = 0; i < octets.len; i++) {
		unsigned char c = (unsigned char)octets.data[i];
		char text[3] = { '=', digits[c >> 4], digits[c & 15] };

		buf_add(qp->out, text, sizeof(text));
	}
	qp->column += 3 * octets.len;
}

/*
 * Writes the octets that text begins with and which need no second look, amid a line; returns how
 * many.  That is what most text is made of.
 */
static size_t
qp_run(struct qp *qp, struct span text)
{
	size_t room = qp->column > 0 && qp->column < ENCODE_COLUMNS ?
	    ENCODE_COLUMNS - 1 - qp->column :
	    0,
	       n = 0;

	if (room > text.len - 1)
		room = text.len - 1;
	while (n < room) {
		unsigned char c = (unsigned char)text.data[n];

		if (c < ' ' || c >= 127 || c == '=' ||
		    (c == ' ' && (unsigned char)text.data[n + 1] < ' '))
			break;
		n++;
	}
	buf_add(qp->out, text.data, n);
	qp->column += n;
	return n;
}

/* Writes what text begins with; returns how many octets that was. */
static size_t
qp_step(void *arg, struct span text)
{
	struct qp *qp = arg;
	size_t len = qp_run(qp, text);

	if (len > 0)
		return len;
	len = line_end_length(text);
	if (len > 0) {
		buf_adds(qp->out, "\r\n");
		qp->column = 0;
		return len;
	}
	if (is_plain(text, qp->column)) {
		bool begins = qp->column == 0;

		qp_make_room(qp, 1);
		/*
		 * The line may have been broken just now, and the octet stand at the begin of
		 * another: what follows may be a boundary, which was none amid a line.
		 */
		if (is_plain(text, qp->column) &&
		    (begins || qp->column > 0 || text.data[0] != '-')) {
			buf_addc(qp->out, text.data[0]);
			qp->column++;
			return 1;
		}
	}
	len = utf8_length(text);
	if (len == 0)
		len = 1;
	qp_add_encoded(qp, (struct span){ text.data, len });
	return len;
}

void
qp_add(struct qp *qp, struct span piece)
{
	lookahead_add(&qp->ahead, piece, qp_step, qp);
}

void
qp_end(struct qp *qp)
{
	lookahead_end(&qp->ahead, qp_step, qp);
}

uint64_t
qp_escaped(struct span text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];

		n += c == '=' || c == 127 || is_8bit(c) ||
		    (c < ' ' && c != '\t' && c != '\r' && c != '\n');
	}
	return n;
}

uint64_t
qp_length(uint64_t len, uint64_t escaped)
{
	len += 2 * escaped;
	return len + len / ENCODE_COLUMNS * 3;
}
