/* SPDX-License-Identifier: ISC */
/*
 * Text and HTML: read, made UTF-8, and written in the encoding that fits.
 */
#include "message/compose.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "message/charset.h"
#include "message/compose_work.h"

enum { READ_SIZE = 64 * 1024 };

static int
refuse_size(const char *subtype, struct err *err)
{
	err_set(err, ERR_MESSAGE, "the %s is larger than %d octets", strcmp(subtype, "html") == 0 ? "HTML" : "text",
	    COMPOSE_TEXT_MAX);
	return err_hint(err, "attach it as a file");
}

static ssize_t
read_some(int fd, char *to, size_t len)
{
	for (;;) {
		ssize_t n = read(fd, to, len);
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };

		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		if (errno == EAGAIN && poll(&pollfd, 1, -1) < 0 && errno != EINTR)
			return -1;
	}
}

static int
read_all(int fd, const char *subtype, struct buf *out, struct err *err)
{
	for (;;) {
		size_t room = out->max - out->len < READ_SIZE ? out->max - out->len : READ_SIZE;
		char *to = buf_reserve(out, room);
		ssize_t n;

		if (to == NULL)
			return err_memory(err);
		if (room == 0)
			return refuse_size(subtype, err);
		n = read_some(fd, to, room);
		if (n < 0)
			return err_sys(err, ERR_NO_INPUT, "cannot read the %s",
			    strcmp(subtype, "html") == 0 ? "HTML" : "text");
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

static int
convert(struct composer *w, struct span text, struct buf *out)
{
	if (w->compose->charset != NULL)
		return charset_to_utf8(text, w->compose->charset, out, w->err);
	return charset_guessed_to_utf8(text, out, w->err);
}

/* As everywhere, a last line without an end gets one: in base64 nothing else would. */
static int
end_line(struct text_part *text, struct err *err)
{
	char last = text->octets.len > 0 ? text->octets.data[text->octets.len - 1] : '\n';

	/* A CR that was none of a line end must not become one of it. */
	if (last != '\n')
		buf_adds(&text->octets, last == '\r' ? "\r\n" : "\n");
	return buf_ok(&text->octets) ? 0 : err_memory(err);
}

int
text_part_read(struct composer *w, struct text_part *text, const char *subtype, int fd, struct span given)
{
	struct buf raw = BUF_INIT((size_t)COMPOSE_TEXT_MAX + 1);
	int rc = 0;

	/* Each octet becomes three at most. */
	*text = (struct text_part){ .subtype = subtype, .octets = BUF_INIT(3 * (size_t)COMPOSE_TEXT_MAX + READ_SIZE) };
	if (given.data == NULL && fd >= 0) {
		rc = read_all(fd, subtype, &raw, w->err);
		given = (struct span){ raw.data, raw.len };
	}
	if (rc == 0 && given.len > COMPOSE_TEXT_MAX)
		rc = refuse_size(subtype, w->err);
	if (rc == 0)
		rc = convert(w, given, &text->octets);
	if (rc == 0)
		rc = end_line(text, w->err);
	buf_release(&raw);
	return rc;
}

void
text_part_release(struct text_part *text)
{
	buf_release(&text->octets);
}

void
text_part_settle(struct text_part *text)
{
	struct span octets = { text->octets.data, text->octets.len };
	struct scan scan = { 0 };

	scan_add(&scan, octets);
	scan_end(&scan);
	text->charset = scan.has_8bit ? "utf-8" : "us-ascii";
	if (!scan.has_nul && !scan.bare_cr && scan.line_max <= MESSAGE_LINE_MAX)
		text->encoding = scan.has_8bit ? "8bit" : "7bit";
	else if (qp_length(octets) <= base64_lines_length(octets.len))
		text->encoding = "quoted-printable";
	else
		text->encoding = "base64";
}

static int
write_lines(struct composer *w, struct span octets)
{
	struct search root = { .needle = { w->root.data, w->root.len } };

	if (composer_put_lines(w, octets, &root) != 0)
		return -1;
	return composer_check_root(w, &root);
}

static int
write_quoted_printable(struct composer *w, struct span octets)
{
	struct buf encoded = BUF_INIT(4 * COMPOSE_BLOCK + ENCODE_COLUMNS);
	struct qp qp = QP_INIT(&encoded);
	int rc = 0;

	while (rc == 0 && octets.len > 0) {
		size_t len = octets.len < COMPOSE_BLOCK ? octets.len : COMPOSE_BLOCK;

		buf_clear(&encoded);
		qp_add(&qp, (struct span){ octets.data, len });
		octets.data += len;
		octets.len -= len;
		if (octets.len == 0)
			qp_end(&qp);
		rc = composer_put_buf(w, &encoded);
	}
	buf_release(&encoded);
	return rc;
}

/* Line ends of text are CRLF in base64, too (RFC 2045 section 6.8). */
static void
add_canonical(struct buf *out, struct span text)
{
	while (text.len > 0) {
		bool ends = memchr(text.data, '\n', text.len) != NULL;
		struct span line = span_cut(&text, '\n');

		buf_add(out, line.data, line.len);
		if (ends)
			buf_adds(out, line.len > 0 && line.data[line.len - 1] == '\r' ? "\n" : "\r\n");
	}
}

static int
write_base64(struct composer *w, struct span octets)
{
	struct buf canonical = BUF_INIT(2 * octets.len);
	struct buf encoded = BUF_INIT((size_t)base64_lines_length(2 * (uint64_t)octets.len));
	int rc;

	add_canonical(&canonical, octets);
	base64_add_lines(&encoded, (struct span){ canonical.data, canonical.len });
	encoded.failed = encoded.failed || !buf_ok(&canonical);
	rc = composer_put_buf(w, &encoded);
	buf_release(&canonical);
	buf_release(&encoded);
	return rc;
}

int
text_part_write(struct composer *w, const struct text_part *text, bool top)
{
	struct span octets = { text->octets.data, text->octets.len };
	struct buf type = BUF_INIT(COMPOSE_HEAD_MAX);
	struct head head;
	int rc;

	buf_addf(&type, "text/%s; charset=%s", text->subtype, text->charset);
	head_begin(&head, w, top);
	head_field(&head, "Content-Type", type.data);
	head_field(&head, "Content-Transfer-Encoding", text->encoding);
	head.out->failed = head.out->failed || !buf_ok(&type);
	buf_release(&type);
	rc = head_end(&head);
	if (rc != 0)
		return rc;
	if (strcmp(text->encoding, "quoted-printable") == 0)
		return write_quoted_printable(w, octets);
	if (strcmp(text->encoding, "base64") == 0)
		return write_base64(w, octets);
	return write_lines(w, octets);
}
