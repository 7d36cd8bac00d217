/* SPDX-License-Identifier: ISC */
/*
 * Reads any input as a message, converts it for a server with or without 8BITMIME (the first octet
 * chooses), and checks that the result is a message that such a server takes, and that its parts
 * stand for the same octets as those of the input.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/header.h"
#include "format/media.h"
#include "format/parameter.h"
#include "fuzz.h"
#include "message/convert.h"
#include "message/mime.h"
#include "message/scan.h"

enum {
	INPUT_MAX = 256 * 1024,
	MEANING_MAX = 16 * INPUT_MAX,
	TYPE_MAX = 4096,
};

/* A reader: what the parts of a message stand for, one behind the other. */
struct reader {
	struct mime mime;
	struct buf *out;
	struct err *err;
	unsigned depth;
};

static void read_entity(struct reader *r, struct span header, bool in_digest);

static void
add_field(struct span header, const char *name, struct buf *out)
{
	struct header_field field;

	while (out->len == 0 && header_next(&header, &field))
		if (header_is(&field, name))
			header_unfold(out, field.body);
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, ascii_lower(c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static void
decode_qp(const struct buf *text, struct buf *out)
{
	for (size_t i = 0; i < text->len; i++) {
		const char *p = text->data + i;

		if (*p == '=' && p[1] == '\r' && p[2] == '\n') {
			i += 2;
		} else if (*p == '=' && i + 2 < text->len && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
			buf_addc(out, (char)(hex(p[1]) * 16 + hex(p[2])));
			i += 2;
		} else {
			buf_addc(out, *p);
		}
	}
}

static void
decode_base64(const struct buf *text, struct buf *out)
{
	static const char
	    digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < text->len; i++) {
		const char *at = text->data[i] != '\0' ? strchr(digits, text->data[i]) : NULL;

		if (at == NULL)
			continue;
		bits = bits << 6 | (unsigned)(at - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_addc(out, (char)(bits >> have));
		}
	}
}

static void
read_leaf(struct reader *r, struct span encoding)
{
	struct buf text = BUF_INIT(MEANING_MAX);
	struct mime_piece piece;

	while (mime_next(&r->mime, &piece, r->err) == 0 && piece.kind == MIME_TEXT)
		buf_add(&text, piece.text.data, piece.text.len);
	buf_adds(r->out, "\n[part]");
	if (span_is_nocase(encoding, "base64"))
		decode_base64(&text, r->out);
	else if (span_is_nocase(encoding, "quoted-printable"))
		decode_qp(&text, r->out);
	else
		buf_add(r->out, text.data, text.len);
	check(buf_ok(&text) && buf_ok(r->out));
	buf_release(&text);
}

static void
read_inner(struct reader *r, bool in_digest)
{
	struct buf header = BUF_INIT(MEANING_MAX);
	bool blank;

	r->depth++;
	check(mime_read_header(&r->mime, &header, &blank, r->err) == 0);
	read_entity(r, (struct span){ header.data, header.len }, in_digest);
	r->depth--;
	buf_release(&header);
}

static bool
is_multipart(struct reader *r, const struct buf *type)
{
	struct buf boundary = BUF_INIT(MIME_BOUNDARY_MAX);
	uint64_t at = r->mime.at;
	struct mime_piece piece;
	bool is = false;

	parameter_find((struct span){ type->data, type->len }, "boundary", &boundary);
	while (boundary.len > 0 && ascii_is_space(boundary.data[boundary.len - 1]))
		buf_truncate(&boundary, boundary.len - 1);
	if (r->depth < MIME_DEPTH_MAX &&
	    mime_open(&r->mime, (struct span){ boundary.data, boundary.len })) {
		while (mime_next(&r->mime, &piece, r->err) == 0 && piece.kind == MIME_TEXT)
			continue;
		is = piece.kind == MIME_DELIMITER && piece.level == r->mime.open - 1 &&
		    !piece.closes;
		mime_go(&r->mime, at, true);
		if (!is)
			mime_close(&r->mime);
	}
	buf_release(&boundary);
	return is;
}

static void
read_multipart(struct reader *r, bool is_digest)
{
	size_t level = r->mime.open - 1;
	struct mime_piece piece;
	bool closes = false;

	while (!closes) {
		while (mime_next(&r->mime, &piece, r->err) == 0 && piece.kind == MIME_TEXT)
			continue;
		if (piece.kind == MIME_END || piece.level < level)
			break;
		closes = piece.closes;
		mime_pass(&r->mime, &piece);
		if (!closes)
			read_inner(r, is_digest);
	}
	mime_close(&r->mime);
	while (closes && mime_next(&r->mime, &piece, r->err) == 0 && piece.kind == MIME_TEXT)
		continue;
}

static void
read_entity(struct reader *r, struct span header, bool in_digest)
{
	struct buf type = BUF_INIT(TYPE_MAX), encoding = BUF_INIT(TYPE_MAX);
	struct span word, kind;

	add_field(header, "Content-Type", &type);
	add_field(header, "Content-Transfer-Encoding", &encoding);
	word = (struct span){ encoding.data, strcspn(encoding.data, ";( \t") };
	if (type.len == 0)
		buf_adds(&type, in_digest ? "message/rfc822" : "text/plain");
	kind = (struct span){ type.data, type.len };
	if (media_is(kind, "multipart/signed") || media_is(kind, "multipart/encrypted"))
		read_leaf(r, span_of(""));
	else if (media_is(kind, "multipart/") && is_multipart(r, &type))
		read_multipart(r, media_is(kind, "multipart/digest"));
	else if ((media_is(kind, "message/rfc822") || media_is(kind, "message/global") ||
		     media_is(kind, "message/news")) &&
	    !span_is_nocase(word, "base64") && !span_is_nocase(word, "quoted-printable") &&
	    r->depth < MIME_DEPTH_MAX)
		read_inner(r, false);
	else
		read_leaf(r, word);
	buf_release(&type);
	buf_release(&encoding);
}

static void
read_meaning(const struct message *m, struct buf *out, struct err *err)
{
	struct reader r = { .out = out, .err = err };

	check(mime_init(&r.mime, &m->body, err) == 0);
	read_entity(&r, (struct span){ m->header.data, m->header.len }, false);
	mime_release(&r.mime);
}

/* Its facts are what it holds, and the server takes that. */
static void
check_result(const struct message *m, bool eightbit, struct err *err)
{
	static char scratch[MEANING_MAX];
	struct scan scan = { .line = 0 };
	struct span body;

	check(m->body.size <= sizeof(scratch));
	check(spool_read(&m->body, 0, scratch, sizeof(scratch), &body.data, &body.len, err) == 0);
	check(body.len == m->body.size && (body.len == 0 || body.data[body.len - 1] == '\n'));
	scan_add(&scan, body);
	scan_end(&scan);
	check(scan.has_8bit == m->body_8bit && !scan.not_utf8 == m->body_utf8 && !scan.has_nul &&
	    !m->body_nul);
	check(!scan.bare_cr && scan.line_max == m->body_line_max &&
	    scan.line_max <= MESSAGE_LINE_MAX);
	check(m->header_line_max <= MESSAGE_LINE_MAX &&
	    memchr(m->header.data, '\0', m->header.len) == NULL);
	check(eightbit || !m->body_8bit);
}

static void
convert(const struct message *m, bool eightbit, struct err *err)
{
	struct buf before = BUF_INIT(MEANING_MAX), after = BUF_INIT(MEANING_MAX);
	const struct spool_place place = { .dir = "/dev/shm" };
	struct message out;

	message_init(&out);
	if (message_convert(m, eightbit, &place, &out, err) == 0) {
		check_result(&out, eightbit, err);
		read_meaning(m, &before, err);
		read_meaning(&out, &after, err);
		check(before.len == after.len && memcmp(before.data, after.data, after.len) == 0);
	} else {
		check(err->kind == ERR_MESSAGE);
	}
	message_release(&out);
	buf_release(&before);
	buf_release(&after);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message_input input = { .fd = -1 };
	struct message m;
	struct err err;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	err_init(&err);
	message_init(&m);
	input.fd = memfd_create("input", MFD_CLOEXEC);
	check(pwrite(input.fd, data + 1, size - 1, 0) == (ssize_t)(size - 1));
	check(message_read(&m, &input, &err) == 0);
	close(input.fd);
	if (convert_is_needed(&m, (data[0] & 1) != 0))
		convert(&m, (data[0] & 1) != 0, &err);
	message_release(&m);
	err_release(&err);
	return 0;
}
