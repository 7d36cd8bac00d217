/* SPDX-License-Identifier: ISC */
#include "message/message.h"

#include <string.h>

#include "base/span.h"
#include "format/date.h"
#include "format/header.h"
#include "message/phrase.h"
#include "message/resent.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { FROM_LINE_MAX = 60 }; /* octets of name and address that stay on one line */

/*
 * The envelope has the recipients, and Bcc must not tell them.  Return-Path is the last server's to
 * write.  The length that mbox files keep in Content-Length is wrong after the line ends have
 * changed.
 */
static const char *const removed[] = { "Bcc", "Resent-Bcc", "Return-Path", "Content-Length" };

struct work {
	const struct message *m;
	const struct message_defaults *defaults;
	struct span scope; /* where fields are looked for: the whole block, or the newest resending
			    */
	bool resent;
	unsigned adding;  /* which rows of additions are in added, a bit each */
	struct buf added; /* the fields that were missing */
};

/* True where a field of that name has a body that is more than space. */
static bool
has_text(struct span block, const char *name)
{
	struct header_field field;

	while (header_next(&block, &field)) {
		const char *p = field.body.data, *end = p + field.body.len;

		if (!header_is(&field, name))
			continue;
		while (p < end && (ascii_is_space(*p) || *p == '\r' || *p == '\n'))
			p++;
		if (p < end)
			return true;
	}
	return false;
}

static bool
always(const struct work *w)
{
	(void)w;
	return true;
}

static bool
knows_from(const struct work *w)
{
	return w->defaults->from != NULL && w->defaults->from[0] != '\0';
}

static bool
lacks_cc(const struct work *w)
{
	return !has_text(w->scope, "Cc");
}

static bool
holds_8bit(const struct work *w)
{
	return w->m->body_8bit;
}

static void
write_date(const struct work *w, struct buf *out)
{
	struct tm tm;

	if (localtime_r(&w->defaults->now, &tm) != NULL)
		date_add(out, &tm);
}

static void
write_from(const struct work *w, struct buf *out)
{
	const char *from = w->defaults->from, *name = w->defaults->full_name;
	struct buf phrase = BUF_INIT(MESSAGE_HEADER_MAX);

	if (name != NULL)
		phrase_add(&phrase, span_of(name));
	if (phrase.len > 0)
		buf_addf(out, "%s%s<%s>", phrase.data,
		    phrase.len + strlen(from) <= FROM_LINE_MAX ? " " : "\r\n ", from);
	else
		buf_adds(out, from);
	out->failed = out->failed || !buf_ok(&phrase);
	buf_release(&phrase);
}

static void
write_id(const struct work *w, struct buf *out)
{
	buf_addf(out, "<%s@%s>", w->defaults->unique, w->defaults->id_domain);
}

static void
write_undisclosed(const struct work *w, struct buf *out)
{
	(void)w;
	buf_adds(out, "undisclosed-recipients:;");
}

static void
write_mime_version(const struct work *w, struct buf *out)
{
	(void)w;
	buf_adds(out, "1.0");
}

/* RFC 1428 section 3 names the charset that is not known. */
static void
write_content_type(const struct work *w, struct buf *out)
{
	buf_addf(out, "text/plain; charset=%s", w->m->body_utf8 ? "utf-8" : "unknown-8bit");
}

static void
write_content_transfer_encoding(const struct work *w, struct buf *out)
{
	(void)w;
	buf_adds(out, "8bit");
}

static const struct addition {
	const char *name;
	const char *resent_name; /* its form in a resent message; NULL: not added there */
	bool (*wanted)(const struct work *w);
	void (*write)(const struct work *w, struct buf *out);
} additions[] = {
	{ "Date", "Resent-Date", always, write_date },
	{ "From", "Resent-From", knows_from, write_from },
	{ "Message-ID", "Resent-Message-ID", always, write_id },
	{ "To", NULL, lacks_cc, write_undisclosed },
	{ "MIME-Version", NULL, holds_8bit, write_mime_version },
	{ "Content-Type", NULL, holds_8bit, write_content_type },
	{ "Content-Transfer-Encoding", NULL, holds_8bit, write_content_transfer_encoding },
};

static const char *
name_of(const struct work *w, const struct addition *row)
{
	return w->resent ? row->resent_name : row->name;
}

/* Writes what is missing to w->added. */
static void
add_missing(struct work *w)
{
	for (size_t i = 0; i < COUNT(additions); i++) {
		const char *name = name_of(w, &additions[i]);

		if (name == NULL || has_text(w->scope, name) || !additions[i].wanted(w))
			continue;
		w->adding |= 1u << i;
		buf_addf(&w->added, "%s: ", name);
		additions[i].write(w, &w->added);
		buf_adds(&w->added, "\r\n");
	}
}

/* Where a field is added, those of its name that are there are empty. */
static bool
gives_way(const struct work *w, const struct header_field *field)
{
	const char *at = field->whole.data;

	if (at < w->scope.data || at >= w->scope.data + w->scope.len)
		return false;
	for (size_t i = 0; i < COUNT(additions); i++)
		if ((w->adding & 1u << i) != 0 && header_is(field, name_of(w, &additions[i])))
			return true;
	return false;
}

static bool
is_removed(const struct header_field *field)
{
	for (size_t i = 0; i < COUNT(removed); i++)
		if (header_is(field, removed[i]))
			return true;
	return false;
}

/*
 * Copies the fields that stay to out, and w->added with them: the old block is left as it is until
 * all is well.
 */
static void
rebuild(const struct work *w, struct buf *out)
{
	struct span rest = { w->m->header.data, w->m->header.len };
	struct header_field field;

	while (header_next(&rest, &field)) {
		if (w->resent && field.whole.data == w->scope.data)
			buf_add(out, w->added.data, w->added.len);
		if (!is_removed(&field) && !gives_way(w, &field))
			buf_add(out, field.whole.data, field.whole.len);
	}
	if (!w->resent)
		buf_add(out, w->added.data, w->added.len);
}

/* Why w->added or the new block did not take all that was to go there. */
static int
refuse(const struct work *w, struct err *err)
{
	if (w->m->header.len + w->added.len <= MESSAGE_HEADER_MAX)
		return err_memory(err);
	return err_set(err, ERR_MESSAGE,
	    "the header block is larger than %d octets with what was missing in it",
	    MESSAGE_HEADER_MAX);
}

int
message_complete(struct message *m, const struct message_defaults *defaults, struct err *err)
{
	struct span block = { m->header.data, m->header.len }, resent = resent_newest(block);
	struct work w = { .m = m, .defaults = defaults, .added = BUF_INIT(MESSAGE_HEADER_MAX) };
	struct buf header = BUF_INIT(MESSAGE_HEADER_MAX);
	int rc = 0;

	w.resent = resent.len > 0;
	w.scope = w.resent ? resent : block;
	add_missing(&w);
	rebuild(&w, &header);
	if (buf_ok(&w.added) && buf_ok(&header)) {
		buf_release(&m->header);
		m->header = header;
		message_header_facts(m);
	} else {
		buf_release(&header);
		rc = refuse(&w, err);
	}
	buf_release(&w.added);
	return rc;
}
