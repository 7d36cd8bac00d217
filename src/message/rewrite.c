/* SPDX-License-Identifier: ISC */
#include "message/rewrite.h"

#include <string.h>

#include "format/fold.h"
#include "format/header.h"
#include "message/ascii.h"
#include "message/message.h"

enum { REASON_MAX = 1024, NAME_MAX_SHOWN = 60 };

int
rewrite_refuse(struct err *err, const char *reason, ...)
{
	struct buf text = BUF_INIT(REASON_MAX);
	va_list ap;

	va_start(ap, reason);
	buf_addv(&text, reason, ap);
	va_end(ap);
	err_set(err, ERR_MESSAGE, "the message cannot be encoded for the server: %s", text.data);
	buf_release(&text);
	return -1;
}

static bool
has_long_line(struct span text)
{
	while (text.len > 0) {
		struct span line = span_cut(&text, '\n');

		if (line.len > 0 && line.data[line.len - 1] == '\r')
			line.len--;
		if (line.len > MESSAGE_LINE_MAX)
			return true;
	}
	return false;
}

/* Broken at spaces wherever that helps, behind the colon too. */
static void
add_folded(struct buf *out, const struct header_field *field)
{
	struct buf body = BUF_INIT(MESSAGE_HEADER_MAX);
	struct span rest, gap, word;
	struct fold fold;

	header_unfold(&body, field->body);
	rest = (struct span){ body.data, body.len };
	fold_begin(&fold, out, field->name);
	fold.any = true;
	while (fold_next_word(&rest, &gap, &word)) {
		fold_gap(&fold, gap.len > 0 ? gap : span_of(" "), word.len);
		fold_raw(&fold, word);
	}
	fold_end(&fold);
	out->failed = out->failed || !buf_ok(&body);
	buf_release(&body);
}

/* In the one form or the other. */
static int
add_field(struct buf *out, const struct header_field *field, const struct rewrite *how,
    struct err *err)
{
	int len = field->name.len < NAME_MAX_SHOWN ? (int)field->name.len : NAME_MAX_SHOWN;
	size_t begin = out->len;
	bool raw = span_has_8bit(field->whole) &&
	    (!how->eightbit || (how->a_labels && message_field_has_utf8_address(field)));

	if (raw && ascii_add_field(out, field, how->charset))
		raw = false;
	else if (has_long_line(field->whole))
		add_folded(out, field);
	else
		buf_add(out, field->whole.data, field->whole.len);
	if (raw && !how->may_stay)
		return rewrite_refuse(err,
		    "the header field %.*s holds 8-bit text in a place where it cannot be encoded",
		    len, field->name.data);
	if (has_long_line((struct span){ out->data + begin, out->len - begin }))
		return rewrite_refuse(err,
		    "the header field %.*s has a line of more than %d octets that cannot be folded",
		    len, field->name.data, MESSAGE_LINE_MAX);
	return 0;
}

static void
add_encoding(struct buf *out, const struct rewrite *how)
{
	buf_addf(out, "Content-Transfer-Encoding: %s\r\n", how->encoding);
}

static void
add_missing(struct buf *out, const struct rewrite *how, bool has_encoding)
{
	if (how->version)
		buf_adds(out, "MIME-Version: 1.0\r\n");
	if (how->type != NULL)
		buf_addf(out, "Content-Type: %s\r\n", how->type);
	if (how->encoding != NULL && !has_encoding)
		add_encoding(out, how);
}

static int
check_room(const struct buf *out, struct err *err)
{
	return buf_ok(out) ?
	    0 :
	    rewrite_refuse(err, "its header would be larger than %zu octets", out->max);
}

/* True where the field is replaced: *encoding tells whether the new one is there. */
static bool
gives_way(struct buf *out, const struct header_field *field, const struct rewrite *how,
    bool *has_encoding)
{
	if (how->type != NULL && header_is(field, "Content-Type"))
		return true;
	if (how->version && header_is(field, "MIME-Version"))
		return true;
	if (how->encoding == NULL || !header_is(field, "Content-Transfer-Encoding"))
		return false;
	if (!*has_encoding)
		add_encoding(out, how);
	*has_encoding = true;
	return true;
}

/*
 * What is no field is a separator line of mbox files, if anything: nobody misses one that cannot be
 * carried.
 */
static void
add_between(struct buf *out, const char *begin, const char *end, const struct rewrite *how)
{
	struct span text = { begin, (size_t)(end - begin) };

	if (!has_long_line(text) && (how->eightbit || !span_has_8bit(text)))
		buf_add(out, text.data, text.len);
}

int
rewrite_header(struct buf *out, struct span block, const struct rewrite *how, struct err *err)
{
	const char *behind = block.data, *end = block.data + block.len;
	struct header_field field;
	bool has_encoding = false;

	while (header_next(&block, &field)) {
		add_between(out, behind, field.whole.data, how);
		behind = field.whole.data + field.whole.len;
		if (!gives_way(out, &field, how, &has_encoding) &&
		    add_field(out, &field, how, err) < 0)
			return -1;
	}
	add_between(out, behind, end, how);
	add_missing(out, how, has_encoding);
	return check_room(out, err);
}
