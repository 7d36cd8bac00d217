/* SPDX-License-Identifier: ISC */
/*
 * Part by part, each in two steps: what its content holds is seen first, then its header and
 * content are written.  A multipart is one whose boundary is found; what stands around its parts is
 * for nobody to read, and loses what cannot be carried.
 */
#include "message/convert.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "format/encode.h"
#include "format/header.h"
#include "format/media.h"
#include "format/parameter.h"
#include "format/reencode.h"
#include "message/mime.h"
#include "message/rewrite.h"
#include "message/scan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
	BLOCK = 1024 * BASE64_LINE,        /* octets that are encoded at a time */
	OUT_MAX = 16 * MESSAGE_HEADER_MAX, /* of one header block or of one block's encoding */
	TYPE_MAX = 4096,
	SHOWN_MAX = 80,
};

struct converter {
	bool eightbit;
	bool a_labels; /* the domains in the message's header become ASCII */
	struct message *to;
	struct mime mime;
	struct buf out;   /* on its way to the spool */
	struct scan scan; /* what goes there, but for contents that stay as they are: these are
			     known */
	char *scratch;    /* of BLOCK octets */
	unsigned depth;   /* of the entity, 0: the message */
	bool line_ended;  /* by an encoding: the line end before the next delimiter is there already
			   */
	size_t column;    /* around parts: octets on the line so far */
	struct err *err;
};

enum encoding { ENCODING_NONE, ENCODING_QP, ENCODING_BASE64, ENCODING_OTHER };

/* A message, or a part. */
struct entity {
	struct buf own;    /* where block is, but for the outermost */
	struct span block; /* the header */
	bool blank;        /* an empty line stands behind it */
	bool is_message;   /* its header is a message's */
	bool in_digest;    /* its type is message/rfc822 where it has none */
	bool has_type, has_version;
	struct buf type; /* the body of Content-Type, unfolded; empty where there is none */
	struct buf charset;
	enum encoding encoding;
	struct buf encoding_word;
	const char *trouble; /* what the header has that makes no sense; NULL: nothing */
};

/* What the content of a leaf holds. */
struct content {
	uint64_t begin, end;
	struct scan scan;
	uint64_t qp_length;
};

static int convert_entity(struct converter *c, struct entity *e);

static bool
is_too_much(bool eightbit, bool has_8bit, bool has_nul, uint64_t line_max)
{
	return (has_8bit && !eightbit) || has_nul || line_max > MESSAGE_LINE_MAX;
}

static bool
is_dkim_signed(const struct message *m)
{
	struct header_field field;

	return header_find((struct span){ m->header.data, m->header.len }, "DKIM-Signature",
	    &field);
}

bool
convert_is_needed(const struct message *m, bool eightbit)
{
	uint64_t longest = m->header_line_max > m->body_line_max ? m->header_line_max :
								   m->body_line_max;

	/*
	 * Servers that offer SMTPUTF8 know others that do not: it is asked for where nothing else
	 * will do.
	 */
	return is_too_much(eightbit, m->header_8bit || m->body_8bit, m->body_nul, longest) ||
	    (message_has_utf8_domains(m) && !is_dkim_signed(m));
}

/* Output. */

static int
flush(struct converter *c)
{
	if (!buf_ok(&c->out))
		return err_memory(c->err);
	if (spool_write(&c->to->body, c->out.data, c->out.len, c->err) < 0)
		return -1;
	buf_clear(&c->out);
	return 0;
}

/* What was appended to c->out since it had `begin` octets. */
static int
put_appended(struct converter *c, size_t begin)
{
	scan_add(&c->scan, (struct span){ c->out.data + begin, c->out.len - begin });
	return c->out.len > BLOCK ? flush(c) : 0;
}

static int
put(struct converter *c, struct span octets)
{
	size_t begin = c->out.len;

	c->line_ended = c->line_ended && octets.len == 0;
	buf_add(&c->out, octets.data, octets.len);
	return put_appended(c, begin);
}

static int
put_delimiter(struct converter *c, struct span line)
{
	size_t skip = c->line_ended && line.len > 2 && line.data[0] == '\r' ? 2 : 0;

	return put(c, (struct span){ line.data + skip, line.len - skip });
}

/* The header. */

static void
entity_init(struct entity *e)
{
	memset(e, 0, sizeof(*e));
	buf_init(&e->own, MESSAGE_HEADER_MAX);
	buf_init(&e->type, TYPE_MAX);
	buf_init(&e->charset, SHOWN_MAX);
	buf_init(&e->encoding_word, SHOWN_MAX);
}

static void
entity_release(struct entity *e)
{
	buf_release(&e->own);
	buf_release(&e->type);
	buf_release(&e->charset);
	buf_release(&e->encoding_word);
}

/*
 * The body of the field, unfolded, in out: whether there is one that is more than space.  Two that
 * differ leave readers to guess.
 */
static bool
read_field(struct entity *e, const char *name, struct buf *out)
{
	struct span rest = e->block;
	struct header_field field;

	while (header_next(&rest, &field)) {
		struct buf body = BUF_INIT(out->max);

		if (!header_is(&field, name))
			continue;
		header_unfold(&body, field.body);
		if (!buf_ok(&body) ||
		    (out->len > 0 && body.len > 0 && strcmp(out->data, body.data) != 0))
			e->trouble = name;
		else if (out->len == 0)
			buf_add(out, body.data, body.len);
		buf_release(&body);
	}
	return out->len > 0;
}

static enum encoding
encoding_named(struct span word)
{
	static const struct {
		const char *word;
		enum encoding encoding;
	} words[] = {
		{ "", ENCODING_NONE },
		{ "7bit", ENCODING_NONE },
		{ "8bit", ENCODING_NONE },
		{ "binary", ENCODING_NONE },
		/* No such words, but what some programs write. */
		{ "7-bit", ENCODING_NONE },
		{ "8-bit", ENCODING_NONE },
		{ "quoted-printable", ENCODING_QP },
		{ "base64", ENCODING_BASE64 },
	};

	for (size_t i = 0; i < COUNT(words); i++)
		if (span_is_nocase(word, words[i].word))
			return words[i].encoding;
	return ENCODING_OTHER;
}

/* Without a comment, and the ';' that some programs put behind it. */
static struct span
encoding_word(const struct entity *e)
{
	size_t n = strcspn(e->encoding_word.data, ";( \t");

	return (struct span){ e->encoding_word.data, n };
}

static struct span
type_of(const struct entity *e)
{
	return (struct span){ e->type.data, e->type.len };
}

static void
read_facts(struct entity *e)
{
	struct header_field field;

	e->has_type = read_field(e, "Content-Type", &e->type);
	e->has_version = header_find(e->block, "MIME-Version", &field);
	read_field(e, "Content-Transfer-Encoding", &e->encoding_word);
	e->encoding = encoding_named(encoding_word(e));
	if (!e->has_type)
		buf_adds(&e->type, e->in_digest ? "message/rfc822" : "text/plain");
	parameter_find(type_of(e), "charset", &e->charset);
}

static int
write_header(struct converter *c, struct entity *e, struct rewrite *how)
{
	bool outermost = c->depth == 0;
	size_t begin;
	int result;

	how->eightbit = c->eightbit;
	how->a_labels = outermost && c->a_labels;
	how->may_stay = outermost;
	how->charset = e->charset.data;
	how->version = e->is_message && how->encoding != NULL && !e->has_version;
	if (outermost)
		return rewrite_header(&c->to->header, e->block, how, c->err);
	if (flush(c) < 0)
		return -1;
	begin = c->out.len;
	result = rewrite_header(&c->out, e->block, how, c->err);
	if (result == 0)
		result = put_appended(c, begin);
	if (result == 0 && (e->blank || how->encoding != NULL))
		result = put(c, span_of("\r\n"));
	buf_release(&e->own);
	e->block.len = 0;
	return result;
}

/* Leaves. */

static int
look_at_content(struct converter *c, bool is_text, struct content *content)
{
	struct mime_piece piece;

	*content = (struct content){ .begin = c->mime.at, .end = c->mime.at };
	for (;;) {
		if (mime_next(&c->mime, &piece, c->err) < 0)
			return -1;
		if (piece.kind != MIME_TEXT)
			break;
		scan_add(&content->scan, piece.text);
		if (is_text)
			content->qp_length += qp_length(piece.text.len, qp_escaped(piece.text));
		content->end += piece.text.len;
	}
	scan_end(&content->scan);
	return 0;
}

static bool
must_change(const struct converter *c, const struct content *content)
{
	return is_too_much(c->eightbit, content->scan.has_8bit, content->scan.has_nul,
	    content->scan.line_max);
}

/* How content is written: as it is, or in one of the encodings. */
enum form { FORM_AS_IT_IS, FORM_QP, FORM_BASE64, FORM_QP_AGAIN, FORM_BASE64_AGAIN };

struct leaf_writer {
	enum form form;
	struct qp qp;
	struct reencode again;
};

static void
add_block(struct converter *c, struct leaf_writer *w, struct span block)
{
	switch (w->form) {
	case FORM_QP:
		qp_add(&w->qp, block);
		break;
	case FORM_BASE64:
		base64_add_lines(&c->out, block);
		break;
	case FORM_QP_AGAIN:
		reencode_qp(&w->again, block);
		break;
	case FORM_BASE64_AGAIN:
		reencode_base64(&w->again, block);
		break;
	default:
		buf_add(&c->out, block.data, block.len);
		break;
	}
}

/* The content is what it was. */
static void
note_content(struct scan *all, const struct scan *content)
{
	all->has_8bit = all->has_8bit || content->has_8bit;
	all->not_utf8 = all->not_utf8 || content->not_utf8;
	if (content->line_max > all->line_max)
		all->line_max = content->line_max;
}

static void
end_blocks(struct converter *c, struct leaf_writer *w, bool any)
{
	if (w->form == FORM_QP)
		qp_end(&w->qp);
	else if (w->form == FORM_QP_AGAIN)
		reencode_end_qp(&w->again);
	else if (w->form == FORM_BASE64_AGAIN)
		reencode_end_base64(&w->again);
	c->line_ended = any && (w->form == FORM_BASE64 || w->form == FORM_BASE64_AGAIN);
}

static int
write_content(struct converter *c, const struct content *content, enum form form)
{
	struct leaf_writer w = {
		.form = form, .qp = QP_INIT(&c->out), .again = REENCODE_INIT(&c->out)
	};
	uint64_t at = content->begin;
	size_t begin;

	while (at < content->end) {
		size_t want = content->end - at < BLOCK ? (size_t)(content->end - at) : BLOCK;
		struct span block;

		if (flush(c) < 0 ||
		    spool_read(c->mime.spool, at, c->scratch, want, &block.data, &block.len,
			c->err) < 0)
			return -1;
		begin = c->out.len;
		add_block(c, &w, block);
		if (form != FORM_AS_IT_IS && put_appended(c, begin) < 0)
			return -1;
		at += block.len;
	}
	begin = c->out.len;
	end_blocks(c, &w, content->end > content->begin);
	if (form != FORM_AS_IT_IS)
		return put_appended(c, begin);
	note_content(&c->scan, &content->scan);
	return 0;
}

static bool
is_text(const struct entity *e)
{
	return media_is(type_of(e), "text/") || media_is(type_of(e), "message/");
}

/* What is signed as a whole, with its line ends: who encodes it would vouch for them. */
static bool
is_signed_leaf(const struct entity *e)
{
	return media_is(type_of(e), "application/pkcs7-mime") ||
	    media_is(type_of(e), "application/x-pkcs7-mime");
}

static int
refuse_part(struct converter *c, const struct entity *e)
{
	size_t len = strcspn(e->type.data, "; \t(");
	struct buf shown = BUF_INIT(4 * SHOWN_MAX);

	text_printable(&shown, (struct span){ e->type.data, len < SHOWN_MAX ? len : SHOWN_MAX },
	    false);
	rewrite_refuse(c->err, "it has a part that must stay as it is, signed or encrypted (%s)",
	    shown.data);
	buf_release(&shown);
	return -1;
}

static int
choose_form(struct converter *c, const struct entity *e, const struct content *content,
    enum form *form)
{
	*form = FORM_AS_IT_IS;
	if (!must_change(c, content))
		return 0;
	switch (e->encoding) {
	case ENCODING_QP:
		*form = FORM_QP_AGAIN;
		return 0;
	case ENCODING_BASE64:
		*form = FORM_BASE64_AGAIN;
		return 0;
	case ENCODING_OTHER:
		return rewrite_refuse(c->err,
		    "it has a part with an unknown Content-Transfer-Encoding");
	default:
		break;
	}
	if (is_signed_leaf(e))
		return refuse_part(c, e);
	*form = FORM_BASE64;
	if (is_text(e) && content->qp_length <= base64_lines_length(content->end - content->begin))
		*form = FORM_QP;
	return 0;
}

/* Where the header says nothing about content of which something must be said now. */
static const char *
missing_type(const struct entity *e, const struct content *content)
{
	if (e->has_type || e->in_digest || (!e->is_message && !content->scan.has_8bit))
		return NULL;
	if (!content->scan.has_8bit)
		return "text/plain; charset=us-ascii";
	return content->scan.not_utf8 ? "text/plain; charset=unknown-8bit" :
					"text/plain; charset=utf-8";
}

static int
convert_leaf(struct converter *c, struct entity *e)
{
	struct rewrite how = { .encoding = NULL };
	struct content content;
	enum form form;

	if (look_at_content(c, is_text(e), &content) < 0 || choose_form(c, e, &content, &form) < 0)
		return -1;
	if (form == FORM_QP || form == FORM_BASE64) {
		how.encoding = form == FORM_QP ? "quoted-printable" : "base64";
		how.type = missing_type(e, &content);
	}
	if (write_header(c, e, &how) < 0)
		return -1;
	return write_content(c, &content, form);
}

/* What cannot be changed, for the reason that refuse() gives: fine, as long as it need not be. */
static int
convert_untouchable(struct converter *c, struct entity *e,
    int (*refuse)(struct converter *c, const struct entity *e))
{
	struct content content;

	if (look_at_content(c, false, &content) < 0)
		return -1;
	if (must_change(c, &content))
		return refuse(c, e);
	if (write_header(c, e, &(struct rewrite){ .encoding = NULL }) < 0)
		return -1;
	return write_content(c, &content, FORM_AS_IT_IS);
}

static int
refuse_trouble(struct converter *c, const struct entity *e)
{
	return rewrite_refuse(c->err,
	    "it has a part with two %s fields, or one that makes no sense", e->trouble);
}

static int
refuse_depth(struct converter *c, const struct entity *e)
{
	(void)e;
	return rewrite_refuse(c->err, "it has parts within each other, more than %d deep",
	    MIME_DEPTH_MAX);
}

/* Multiparts and messages. */

/*
 * What stands around parts: an octet that cannot be carried becomes '?', a line that is too long is
 * broken.
 */
static int
put_around(struct converter *c, struct span text)
{
	size_t begin = c->out.len;

	for (size_t i = 0; i < text.len; i++) {
		char octet = text.data[i];

		if (octet == '\n' || octet == '\r') {
			c->column = 0;
		} else if (c->column == MESSAGE_LINE_MAX) {
			/* The space: no delimiter comes up. */
			buf_adds(&c->out, "\r\n ");
			c->column = 1;
		}
		c->column += octet != '\n' && octet != '\r';
		buf_addc(&c->out, octet == '\0' || (is_8bit(octet) && !c->eightbit) ? '?' : octet);
	}
	return put_appended(c, begin);
}

/* The encoding that the header of what has parts must tell; NULL where it may stay. */
static const char *
outer_encoding(const struct converter *c, const struct entity *e)
{
	struct span word = encoding_word(e);

	if (word.len == 0 || span_is_nocase(word, "7bit") ||
	    (c->eightbit && span_is_nocase(word, "8bit")))
		return NULL;
	return c->eightbit ? "8bit" : "7bit";
}

static int
write_outer_header(struct converter *c, struct entity *e)
{
	return write_header(c, e, &(struct rewrite){ .encoding = outer_encoding(c, e) });
}

/* The entity that begins here, one deeper. */
static int
convert_inner(struct converter *c, bool is_message, bool in_digest)
{
	struct entity inner;
	int result;

	entity_init(&inner);
	inner.is_message = is_message;
	inner.in_digest = in_digest;
	c->depth++;
	result = mime_read_header(&c->mime, &inner.own, &inner.blank, c->err);
	inner.block = (struct span){ inner.own.data, inner.own.len };
	if (result == 0)
		result = convert_entity(c, &inner);
	c->depth--;
	entity_release(&inner);
	return result;
}

static int
convert_message(struct converter *c, struct entity *e)
{
	if (write_outer_header(c, e) < 0)
		return -1;
	return convert_inner(c, true, false);
}

/* To the delimiter of this multipart, or to the end of it without one. */
static int
convert_around(struct converter *c, struct mime_piece *piece)
{
	c->column = 0;
	for (;;) {
		if (mime_next(&c->mime, piece, c->err) < 0)
			return -1;
		if (piece->kind != MIME_TEXT)
			return 0;
		if (put_around(c, piece->text) < 0)
			return -1;
	}
}

/* Behind the header. */
static int
convert_parts(struct converter *c, bool is_digest)
{
	size_t level = c->mime.open - 1;
	struct mime_piece piece;
	bool closes = false;

	while (!closes) {
		if (convert_around(c, &piece) < 0)
			return -1;
		if (piece.kind == MIME_END || piece.level < level)
			break;
		closes = piece.closes;
		if (put_delimiter(c, piece.text) < 0)
			return -1;
		mime_pass(&c->mime, &piece);
		if (!closes && convert_inner(c, false, is_digest) < 0)
			return -1;
	}
	mime_close(&c->mime);
	return closes ? convert_around(c, &piece) : 0;
}

/* Whether a part of the innermost multipart begins before it ends; else it is closed. */
static int
look_for_part(struct converter *c, bool *found)
{
	size_t level = c->mime.open - 1;
	uint64_t begin = c->mime.at;
	struct mime_piece piece;

	do {
		if (mime_next(&c->mime, &piece, c->err) < 0)
			return -1;
	} while (piece.kind == MIME_TEXT);
	*found = piece.kind == MIME_DELIMITER && piece.level == level && !piece.closes;
	if (!*found)
		mime_close(&c->mime);
	mime_go(&c->mime, begin, true);
	return 0;
}

/* RFC 2231 has ways to write it that hardly any reader knows. */
static bool
is_boundary_usable(const struct converter *c, const struct entity *e, const struct buf *boundary)
{
	static const char *const others[] = { "boundary*", "boundary*0", "boundary*0*" };
	struct buf other = BUF_INIT(TYPE_MAX);
	bool usable = buf_ok(boundary) &&
	    (c->eightbit || !span_has_8bit((struct span){ boundary->data, boundary->len }));

	for (size_t i = 0; i < COUNT(others); i++)
		usable = usable && !parameter_find(type_of(e), others[i], &other);
	buf_release(&other);
	return usable;
}

/* Opens the multipart; *found: it is one. */
static int
open_multipart(struct converter *c, struct entity *e, bool *found)
{
	struct buf boundary = BUF_INIT(MIME_BOUNDARY_MAX);
	int result = 0;

	parameter_find(type_of(e), "boundary", &boundary);
	/* Spaces at its end are none of it (RFC 2046 section 5.1.1), but programs write them. */
	while (boundary.len > 0 && ascii_is_space(boundary.data[boundary.len - 1]))
		buf_truncate(&boundary, boundary.len - 1);
	*found = boundary.len > 0;
	if (!is_boundary_usable(c, e, &boundary))
		result = rewrite_refuse(c->err,
		    "it has a multipart whose boundary is too long, in pieces, or no ASCII");
	else if (*found && !mime_open(&c->mime, (struct span){ boundary.data, boundary.len }))
		result = rewrite_refuse(c->err,
		    "it has multiparts within each other that have the same boundary");
	else if (*found)
		result = look_for_part(c, found);
	buf_release(&boundary);
	return result;
}

static int
convert_multipart(struct converter *c, struct entity *e)
{
	bool found, is_digest = media_is(type_of(e), "multipart/digest");

	if (open_multipart(c, e, &found) < 0)
		return -1;
	/* Nobody can say where its parts are. */
	if (!found)
		return convert_leaf(c, e);
	return write_outer_header(c, e) < 0 ? -1 : convert_parts(c, is_digest);
}

static bool
is_any(const struct entity *e, const char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (media_is(type_of(e), types[i]))
			return true;
	return false;
}

/* Its header is read. */
static int
convert_entity(struct converter *c, struct entity *e)
{
	static const char *const untouchable[] = {
		"multipart/signed",
		"multipart/encrypted",
		"message/partial",
		"message/external-body",
	};
	static const char *const messages[] = { "message/rfc822", "message/global",
		"message/news" };

	read_facts(e);
	if (e->trouble != NULL)
		return convert_untouchable(c, e, refuse_trouble);
	if (is_any(e, untouchable, COUNT(untouchable)))
		return convert_untouchable(c, e, refuse_part);
	if (media_is(type_of(e), "multipart/"))
		return c->depth < MIME_DEPTH_MAX ? convert_multipart(c, e) :
						   convert_untouchable(c, e, refuse_depth);
	if (is_any(e, messages, COUNT(messages)) && e->encoding == ENCODING_NONE)
		return c->depth < MIME_DEPTH_MAX ? convert_message(c, e) :
						   convert_untouchable(c, e, refuse_depth);
	return convert_leaf(c, e);
}

static int
convert_all(struct converter *c, const struct message *message)
{
	struct entity outermost;
	int result;

	entity_init(&outermost);
	outermost.is_message = true;
	outermost.block = (struct span){ message->header.data, message->header.len };
	if (is_dkim_signed(message))
		result = rewrite_refuse(c->err, "it has a DKIM-Signature, which would be broken");
	else
		result = convert_entity(c, &outermost);
	entity_release(&outermost);
	return result;
}

/* All is written. */
static int
finish(struct converter *c)
{
	struct message *m = c->to;

	if (flush(c) < 0 || spool_finish(&m->body, c->err) < 0)
		return -1;
	scan_end(&c->scan);
	message_header_facts(m);
	message_body_facts(m, &c->scan);
	return 0;
}

int
message_convert(const struct message *message, bool eightbit, const struct spool_place *place,
    struct message *out, struct err *err)
{
	struct converter c = {
		.eightbit = eightbit, .to = out, .out = BUF_INIT(OUT_MAX), .err = err
	};
	int result;

	c.a_labels = message_has_utf8_domains(message);
	spool_init(&out->body, place);
	result = mime_init(&c.mime, &message->body, err);
	c.scratch = malloc(BLOCK);
	if (result == 0 && c.scratch == NULL)
		result = err_memory(err);
	if (result == 0)
		result = convert_all(&c, message);
	if (result == 0)
		result = finish(&c);
	free(c.scratch);
	buf_release(&c.out);
	mime_release(&c.mime);
	return result;
}
