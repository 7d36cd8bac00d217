/* SPDX-License-Identifier: ISC */
/*
 * Text and HTML: read once, made UTF-8 in lines with CRLF, and written in the encoding that fits.
 */
#include "compose/compose.h"

#include <inttypes.h>
#include <string.h>

#include "compose/work.h"
#include "html/html.h"
#include "message/charset.h"

void
text_part_init(struct composer *w, struct text_part *text, const char *subtype)
{
	*text = (struct text_part){ .subtype = subtype };
	source_init_copy(&text->source, w);
}

void
text_part_release(struct text_part *text)
{
	source_release(&text->source);
}

static bool
is_html(const struct text_part *text)
{
	return strcmp(text->subtype, "html") == 0;
}

static const char *
what_it_is(const struct text_part *text)
{
	return is_html(text) ? "HTML" : "text";
}

/* To the copy. */

/* Octets as they are. */
static int
put(struct composer *w, struct text_part *text, const struct buf *octets)
{
	if (!buf_ok(octets))
		return err_memory(w->err);
	return spool_write(&text->source.copy, octets->data, octets->len, w->err);
}

/* UTF-8, with CRLF. */
static int
put_lines(struct composer *w, struct text_part *text, struct span octets)
{
	while (octets.len > 0) {
		size_t len = octets.len < COMPOSE_BLOCK ? octets.len : COMPOSE_BLOCK;

		buf_clear(&w->wire);
		composer_add_lines(&w->wire, (struct span){ octets.data, len },
		    text->scan.after_cr);
		if (put(w, text, &w->wire) != 0)
			return -1;
		text->added += w->wire.len - len;
		scan_add(&text->scan, (struct span){ w->wire.data, w->wire.len });
		octets.data += len;
		octets.len -= len;
	}
	return 0;
}

/*
 * A last line without an end gets one: in base64 nothing else would.  A CR that was none of a line
 * end stays one.
 */
static int
end_lines(struct composer *w, struct text_part *text)
{
	if (text->scan.line > 0 &&
	    put_lines(w, text, span_of(text->scan.after_cr ? "\r\n" : "\n")) != 0)
		return -1;
	scan_end(&text->scan);
	return 0;
}

int
text_part_set(struct composer *w, struct text_part *text, struct span octets)
{
	uint64_t added = text->added;

	text_part_release(text);
	text_part_init(w, text, text->subtype);
	text->added = added;
	return put_lines(w, text, octets) == 0 ? end_lines(w, text) : -1;
}

/* From a source. */

static int
refuse_size(const struct text_part *text, uint64_t max, struct err *err)
{
	err_set(err, ERR_MESSAGE, "the %s is larger than %" PRIu64 " octets", what_it_is(text),
	    max);
	return err_hint(err, "attach it as a file");
}

/* A way that text takes. */
struct way {
	struct charset charset;
	struct buf utf8; /* a block of it */
	uint64_t max;
	bool raw;   /* it stays as it is, for another way */
	bool begun; /* some of it has passed */
};

/* HTML that names a charset for itself names the one that it is in now. */
static void
correct_meta(struct buf *html)
{
	struct span charset = html_meta_charset((struct span){ html->data, html->len });

	if (charset.len > 0 && !span_is_nocase(charset, "utf-8"))
		buf_splice(html, (size_t)(charset.data - html->data), charset.len, "utf-8", 5);
}

static int
put_block(struct composer *w, struct text_part *text, struct source *in, struct way *way)
{
	struct span block = { in->block.data, in->block.len };

	buf_clear(&way->utf8);
	if (in->total > way->max)
		return refuse_size(text, way->max, w->err);
	if (block.len > 0 ? charset_add(&way->charset, block, &way->utf8, w->err) != 0 :
			    charset_end(&way->charset, &way->utf8, w->err) != 0)
		return -1;
	if (is_html(text) && !way->raw && !way->begun)
		correct_meta(&way->utf8);
	way->begun = true;
	return way->raw ? put(w, text, &way->utf8) :
			  put_lines(w, text, (struct span){ way->utf8.data, way->utf8.len });
}

/* From the block that was read on. */
static int
fill(struct composer *w, struct text_part *text, struct source *in, struct way *way)
{
	bool all = false;

	while (!all) {
		all = in->block.len == 0;
		if (put_block(w, text, in, way) != 0)
			return -1;
		if (!all && source_read(in) != 0)
			return -1;
	}
	return way->raw ? 0 : end_lines(w, text);
}

static struct way
way_begin(uint64_t max)
{
	/* What a charset makes of an octet may be several characters. */
	return (struct way){ .utf8 = BUF_INIT(16 * (size_t)COMPOSE_BLOCK), .max = max };
}

static void
way_release(struct way *way)
{
	charset_release(&way->charset);
	buf_release(&way->utf8);
}

static int
read_known(struct composer *w, struct text_part *text, struct source *in, uint64_t max)
{
	struct way way = way_begin(max);
	int rc = charset_init(&way.charset, w->compose->charset, w->err);

	if (rc == 0)
		rc = fill(w, text, in, &way);
	way_release(&way);
	return rc;
}

/* Of the copy, which nobody said anything about: in that charset, or repaired (NULL). */
static int
convert(struct composer *w, struct text_part *text, struct source *copy, const char *name,
    bool marked)
{
	struct way way = way_begin(UINT64_MAX);
	int rc = source_again(copy);

	if (name == NULL)
		charset_init_repair(&way.charset);
	else if (rc == 0)
		rc = charset_init(&way.charset, name, w->err);
	/* What was taken for UTF-8's mark may be text here. */
	if (rc == 0 && marked)
		rc = charset_add(&way.charset, span_of("\xef\xbb\xbf"), &way.utf8, w->err);
	if (rc == 0 && way.utf8.len > 0)
		rc = put_lines(w, text, (struct span){ way.utf8.data, way.utf8.len });
	if (rc == 0)
		rc = fill(w, text, copy, &way);
	way_release(&way);
	return rc;
}

/* As convert(); *done is false where the text is not in that charset: it is what it was then. */
static int
try_charset(struct composer *w, struct text_part *text, const char *name, bool marked, bool *done)
{
	struct text_part made;
	int rc;

	text_part_init(w, &made, text->subtype);
	made.added = text->added;
	rc = convert(w, &made, &text->source, name, marked);
	*done = rc == 0;
	text_part_release(*done ? text : &made);
	if (*done) {
		*text = made;
		return 0;
	}
	if (w->err->kind != ERR_MESSAGE)
		return -1;
	err_clear(w->err);
	return 0;
}

/*
 * What the text is in decides first what HTML says of itself, where that can be true: what is
 * UTF-8, but for some octets, or has a mark, is what it is.  ASCII is ASCII, but where it is
 * ISO-2022.
 */
static int
settle_charset(struct composer *w, struct text_part *text, const struct charset *seen,
    const char *meta)
{
	const char *guess = charset_guess(seen), *names[3] = { NULL }, **next = names;
	bool is_utf8 = guess != NULL && strcmp(guess, "UTF-8") == 0, done = false;
	bool is_ascii = seen->characters == 0 && seen->others == 0;

	if (meta != NULL &&
	    (is_ascii ? span_starts_nocase(span_of(meta), "ISO-2022-") :
			!is_utf8 && (guess == NULL || strcmp(guess, "UTF-16") != 0)))
		*next++ = meta;
	if (guess != NULL && !is_utf8)
		*next++ = guess;
	for (next = names; *next != NULL && !done; next++)
		if (try_charset(w, text, *next, seen->marked, &done) != 0)
			return -1;
	return done || seen->others == 0 ? 0 : try_charset(w, text, NULL, seen->marked, &done);
}

static int
read_unknown(struct composer *w, struct text_part *text, struct source *in, uint64_t max)
{
	struct way way = way_begin(max);
	struct span begin = { in->block.data, in->block.len };
	struct buf meta = BUF_INIT(CHARSET_NAME_MAX);
	int rc;

	charset_init_unknown(&way.charset);
	/* In UTF-16 an LF is no octet. */
	way.raw = charset_has_utf16_mark(begin);
	if (is_html(text)) {
		struct span named = html_meta_charset(begin);

		buf_add(&meta, named.data, named.len);
	}
	rc = fill(w, text, in, &way);
	if (rc == 0)
		rc = settle_charset(w, text, &way.charset,
		    meta.len > 0 ? charset_of_html(meta.data) : NULL);
	way_release(&way);
	buf_release(&meta);
	return rc;
}

int
text_part_read(struct composer *w, struct text_part *text, int fd, struct span given, uint64_t max)
{
	struct source in;
	int rc = source_init_text(&in, w, what_it_is(text), fd, given);

	if (rc == 0)
		rc = source_read(&in);
	if (rc == 0)
		rc = (w->compose->charset != NULL ? read_known : read_unknown)(w, text, &in, max);
	source_release(&in);
	return rc;
}

int
text_part_get(struct composer *w, struct text_part *text, struct buf *out)
{
	struct source *s = &text->source;

	if (source_again(s) != 0)
		return -1;
	while (s->block.len > 0) {
		buf_add(out, s->block.data, s->block.len);
		if (source_read(s) != 0)
			return -1;
	}
	return buf_ok(out) ? 0 : err_memory(w->err);
}

/* The encoding. */

/* Quoted-printable or base64, whichever is shorter. */
static int
choose_encoding(struct text_part *text)
{
	struct source *s = &text->source;
	uint64_t len = s->copy.size - text->added, escaped = 0;

	if (source_again(s) != 0)
		return -1;
	while (s->block.len > 0) {
		escaped += qp_escaped((struct span){ s->block.data, s->block.len });
		if (source_read(s) != 0)
			return -1;
	}
	text->encoding = qp_length(len, escaped) <= base64_lines_length(len) ? "quoted-printable" :
									       "base64";
	return 0;
}

int
text_part_settle(struct text_part *text)
{
	const struct scan *s = &text->scan;

	text->charset = s->has_8bit ? "utf-8" : "us-ascii";
	text->encoding = s->has_8bit ? "8bit" : "7bit";
	return s->has_nul || s->bare_cr || s->line_max > MESSAGE_LINE_MAX ? choose_encoding(text) :
									    0;
}

/* To the body. */

static int
write_head(struct composer *w, const struct text_part *text, bool top)
{
	struct buf type = BUF_INIT(COMPOSE_HEAD_MAX);
	struct head head;

	buf_addf(&type, "text/%s; charset=%s", text->subtype, text->charset);
	head_begin(&head, w, top);
	head_field(&head, "Content-Type", type.data);
	head_field(&head, "Content-Transfer-Encoding", text->encoding);
	head.out->failed = head.out->failed || !buf_ok(&type);
	buf_release(&type);
	return head_end(&head);
}

static int
write_quoted_printable(struct source *s)
{
	struct buf encoded = BUF_INIT(4 * COMPOSE_BLOCK + ENCODE_COLUMNS);
	struct qp qp = QP_INIT(&encoded);
	bool all = false;
	int rc = 0;

	while (rc == 0 && !all) {
		all = s->block.len == 0;
		buf_clear(&encoded);
		qp_add(&qp, (struct span){ s->block.data, s->block.len });
		if (all)
			qp_end(&qp);
		rc = composer_put_buf(s->w, &encoded);
		if (rc == 0 && !all)
			rc = source_read(s);
	}
	buf_release(&encoded);
	return rc;
}

/* It is the body: it need not be written once more. */
static void
hand_over(struct composer *w, struct text_part *text)
{
	struct spool empty = w->message->body;

	w->message->body = text->source.copy;
	text->source.copy = empty;
	w->scan = text->scan;
}

int
text_part_write(struct composer *w, struct text_part *text, bool top)
{
	bool quoted = strcmp(text->encoding, "quoted-printable") == 0,
	     base64 = strcmp(text->encoding, "base64") == 0;

	if (write_head(w, text, top) != 0)
		return -1;
	if (top && !quoted && !base64) {
		hand_over(w, text);
		return 0;
	}
	if (source_again(&text->source) != 0)
		return -1;
	if (quoted)
		return write_quoted_printable(&text->source);
	return base64 ? source_write_base64(&text->source) : source_write_lines(&text->source);
}
