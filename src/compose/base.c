/* SPDX-License-Identifier: ISC */
/*
 * A message as it is, and parts: they are added to the multipart/mixed that it is, or it becomes
 * the first part of one.
 */
#include "compose/compose.h"

#include <string.h>

#include "compose/work.h"
#include "format/header.h"
#include "format/media.h"
#include "format/parameter.h"
#include "message/mime.h"

enum {
	BOUNDARY_MAX = 70, /* characters (RFC 2046 section 5.1.1) */
	LINE_SIZE = 256,   /* a delimiter, or a type with a boundary */
	CHUNK = 128 * 1024,
};

/* What is done with a base. */
struct plan {
	const struct message *base;
	struct buf line;     /* "--" and the boundary of a base that gets more parts; empty: it is
				wrapped */
	uint64_t close;      /* where the line that ends it begins */
	struct buf boundary; /* of the multipart that wraps it */
};

static struct span
header_of(const struct message *m)
{
	return (struct span){ m->header.data, m->header.len };
}

static bool
is_content_field(const struct header_field *field)
{
	return span_starts_nocase(field->name, "Content-");
}

/* Copies octets of the base from `from` to `to`; the facts are the base's. */
static int
copy_body(struct composer *w, const struct message *base, uint64_t from, uint64_t to,
    struct search *root)
{
	struct buf scratch = BUF_INIT(CHUNK);
	char *room = buf_reserve(&scratch, CHUNK);
	int rc = room != NULL ? 0 : err_memory(w->err);

	while (rc == 0 && from < to) {
		size_t want = to - from < CHUNK ? (size_t)(to - from) : CHUNK, got;
		const char *data;

		rc = spool_read(&base->body, from, room, want, &data, &got, w->err);
		if (rc != 0)
			break;
		if (root != NULL)
			search_add(root, (struct span){ data, got });
		rc = composer_put_known(w, (struct span){ data, got }, base->body_line_max);
		from += got;
	}
	buf_release(&scratch);
	return rc;
}

/* Where the line begins that closes the multipart whose boundary is open. */
static int
find_close(struct composer *w, struct mime *mime, uint64_t *close, bool *found)
{
	struct mime_piece piece = { .kind = MIME_TEXT };

	*found = false;
	while (!*found) {
		if (mime_next(mime, &piece, w->err) != 0)
			return -1;
		if (piece.kind == MIME_END)
			return 0;
		*found = piece.kind == MIME_DELIMITER && piece.closes;
		*close = mime->at +
		    (piece.text.len > 0 && piece.text.data[0] == '\r' ? strlen("\r\n") : 0);
		if (piece.kind == MIME_DELIMITER)
			mime_pass(mime, &piece);
	}
	return 0;
}

static int
locate_close(struct composer *w, struct plan *plan, bool *found)
{
	struct span boundary = { plan->line.data + strlen("--"), plan->line.len - strlen("--") };
	struct mime mime;
	int rc = mime_init(&mime, &plan->base->body, w->err);

	*found = false;
	if (rc == 0 && mime_open(&mime, boundary))
		rc = find_close(w, &mime, &plan->close, found);
	mime_release(&mime);
	return rc;
}

/* True where the base is a multipart/mixed that can take more parts, as far as its header tells. */
static bool
is_open_mixed(const struct message *base, struct buf *line)
{
	struct header_field type, encoding;
	struct buf boundary = BUF_INIT(BOUNDARY_MAX);
	bool mixed = header_find(header_of(base), "Content-Type", &type) &&
	    media_is(type.body, "multipart/mixed") &&
	    parameter_find(type.body, "boundary", &boundary) && boundary.len > 0;

	if (mixed && header_find(header_of(base), "Content-Transfer-Encoding", &encoding)) {
		struct span name = span_trim(encoding.body);

		mixed = span_is_nocase(name, "7bit") || span_is_nocase(name, "8bit") ||
		    span_is_nocase(name, "binary");
	}
	if (mixed)
		buf_addf(line, "--%s", boundary.data);
	buf_release(&boundary);
	return mixed;
}

/* What MIME allows to be wrapped or added to is found out before anything is written. */
static int
make_plan(struct composer *w, struct plan *plan)
{
	bool found = false;

	if (is_open_mixed(plan->base, &plan->line) && locate_close(w, plan, &found) != 0)
		return -1;
	if (!found)
		buf_clear(&plan->line);
	return 0;
}

/* Headers. */

/*
 * The header of the base without what compose gives anew, in its order; drop tells what else goes.
 */
static void
copy_header(struct composer *w, const struct message *base,
    bool (*drop)(const struct header_field *field))
{
	struct span rest = header_of(base);
	struct buf own = BUF_INIT(MESSAGE_HEADER_MAX);
	struct buf *header = &w->message->header;
	struct header_field field;

	buf_add(&own, header->data, header->len);
	buf_clear(header);
	while (header_next(&rest, &field))
		if (!drop(&field) && !compose_gives(w->compose, field.name))
			buf_add(header, field.whole.data, field.whole.len);
	buf_add(header, own.data, own.len);
	header->failed = header->failed || !buf_ok(&own);
	buf_release(&own);
}

static bool
drop_nothing(const struct header_field *field)
{
	(void)field;
	return false;
}

static bool
drop_encoding(const struct header_field *field)
{
	return header_is(field, "Content-Transfer-Encoding");
}

static void
add_mime_version(struct composer *w)
{
	struct header_field field;

	if (!header_find(header_of(w->message), "MIME-Version", &field))
		buf_adds(&w->message->header, "MIME-Version: 1.0\r\n");
}

static bool
says_binary(const struct message *base)
{
	struct header_field field;

	return header_find(header_of(base), "Content-Transfer-Encoding", &field) &&
	    span_is_nocase(span_trim(field.body), "binary");
}

/* The base's own Content- fields, and what it lacks where it is 8-bit text that nobody declared. */
static int
write_wrapped_head(struct composer *w, const struct message *base)
{
	struct span rest = header_of(base);
	struct header_field field;
	struct head head;

	head_begin(&head, w, false);
	head.own.max = MESSAGE_HEADER_MAX;
	while (header_next(&rest, &field))
		if (is_content_field(&field) && !header_is(&field, "Content-Length"))
			buf_add(head.out, field.whole.data, field.whole.len);
	if (base->body_8bit && !header_find(header_of(base), "Content-Type", &field))
		head_field(&head, "Content-Type",
		    base->body_utf8 ? "text/plain; charset=utf-8" :
				      "text/plain; charset=unknown-8bit");
	if (base->body_8bit && !header_find(header_of(base), "Content-Transfer-Encoding", &field))
		head_field(&head, "Content-Transfer-Encoding", "8bit");
	return head_end(&head);
}

/* The body. */

static int
put_line(struct composer *w, const char *before, const struct buf *line, const char *behind)
{
	struct buf text = BUF_INIT(LINE_SIZE);
	int rc;

	buf_addf(&text, "%s%s%s", before, line->data, behind);
	rc = composer_put_buf(w, &text);
	buf_release(&text);
	return rc;
}

/* Each behind its delimiter; they end without a line end of their own. */
static int
write_parts(struct composer *w, const char *before, const struct buf *line)
{
	for (size_t i = 0; i < w->compose->part_count; i++) {
		if (put_line(w, before, line, "\r\n") != 0)
			return -1;
		if (compose_file(w, &w->compose->parts[i], false) != 0)
			return -1;
		before = "\r\n";
	}
	return 0;
}

/* More parts before the line that closes it. */
static int
extend(struct composer *w, const struct plan *plan)
{
	const struct message *base = plan->base;

	w->foreign = (struct span){ plan->line.data, plan->line.len };
	w->multipart = true;
	w->binary = says_binary(base);
	copy_header(w, base, drop_encoding);
	add_mime_version(w);
	if (copy_body(w, base, 0, plan->close, NULL) != 0 || write_parts(w, "", &plan->line) != 0)
		return -1;
	if (composer_put(w, span_of("\r\n")) != 0)
		return -1;
	return copy_body(w, base, plan->close, base->body.size, NULL);
}

static int
wrap(struct composer *w, struct plan *plan)
{
	const struct message *base = plan->base;
	struct search root = { .needle = { w->root.data, w->root.len } };
	struct buf type = BUF_INIT(LINE_SIZE);

	composer_add_boundary(w, &plan->boundary);
	w->multipart = true;
	w->binary = says_binary(base);
	copy_header(w, base, is_content_field);
	add_mime_version(w);
	buf_addf(&type, "multipart/mixed; boundary=\"%s\"", plan->boundary.data + strlen("--"));
	head_field(&(struct head){ .w = w, .out = &w->message->header, .top = true },
	    "Content-Type", type.data);
	buf_release(&type);
	if (put_line(w, "", &plan->boundary, "\r\n") != 0 || write_wrapped_head(w, base) != 0)
		return -1;
	if (copy_body(w, base, 0, base->body.size, &root) != 0 ||
	    composer_check_root(w, &root) != 0)
		return -1;
	if (write_parts(w, "\r\n", &plan->boundary) != 0)
		return -1;
	return put_line(w, "\r\n", &plan->boundary, "--");
}

static int
write_base(struct composer *w, struct plan *plan)
{
	if (w->compose->part_count == 0) {
		copy_header(w, plan->base, drop_nothing);
		return copy_body(w, plan->base, 0, plan->base->body.size, NULL);
	}
	if (make_plan(w, plan) != 0)
		return -1;
	return plan->line.len > 0 ? extend(w, plan) : wrap(w, plan);
}

int
compose_base(struct composer *w)
{
	const struct message *base = w->compose->base;
	struct plan plan = {
		.base = base,
		.line = BUF_INIT(BOUNDARY_MAX + 2),
		.boundary = BUF_INIT(BOUNDARY_MAX + 2),
	};
	int rc;

	buf_adds(&plan.boundary, "--");
	w->message->body_8bit = base->body_8bit;
	w->message->body_utf8 = base->body_utf8;
	w->message->body_nul = base->body_nul;
	rc = write_base(w, &plan);
	w->foreign.len = 0;
	buf_release(&plan.line);
	buf_release(&plan.boundary);
	return rc;
}
