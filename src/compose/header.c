/* SPDX-License-Identifier: ISC */
/*
 * The header fields of the message: those of struct compose, and the caller's own.
 */
#include "compose/compose.h"

#include <string.h>

#include "base/text.h"
#include "compose/work.h"
#include "format/header.h"
#include "format/mailboxes.h"
#include "format/words.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* How the body of a field is written. */
enum field_form {
	FORM_AS_IS, /* what is ASCII stays as it is, but for folding; what is not becomes encoded
		       words */
	FORM_TEXT,  /* encoded words for all that needs them, in ASCII too */
	FORM_MAILBOXES,
	FORM_REFUSED, /* it is made here, or must not go out */
};

/* Fields of a known form. */
static const struct known {
	const char *name;
	enum field_form form;
	bool once; /* a message has one at most (RFC 5322 section 3.6) */
} known[] = {
	{ "From", FORM_MAILBOXES, true },
	{ "To", FORM_MAILBOXES, true },
	{ "Cc", FORM_MAILBOXES, true },
	{ "Reply-To", FORM_MAILBOXES, true },
	{ "Subject", FORM_TEXT, true },
	{ "In-Reply-To", FORM_AS_IS, true },
	{ "References", FORM_AS_IS, true },
	{ "X-Priority", FORM_AS_IS, true },
	{ "Importance", FORM_AS_IS, true },
	{ "Date", FORM_AS_IS, true },
	{ "Message-ID", FORM_AS_IS, true },
	{ "Sender", FORM_MAILBOXES, true },
	{ "Mail-Followup-To", FORM_MAILBOXES, false },
	{ "Mail-Reply-To", FORM_MAILBOXES, false },
	{ "Disposition-Notification-To", FORM_MAILBOXES, false },
	{ "Return-Receipt-To", FORM_MAILBOXES, false },
	{ "Errors-To", FORM_MAILBOXES, false },
	{ "Resent-From", FORM_MAILBOXES, false },
	{ "Resent-Sender", FORM_MAILBOXES, false },
	{ "Resent-To", FORM_MAILBOXES, false },
	{ "Resent-Cc", FORM_MAILBOXES, false },
	{ "Comments", FORM_TEXT, false },
	{ "Bcc", FORM_REFUSED, false },
	{ "Resent-Bcc", FORM_REFUSED, false },
	{ "Return-Path", FORM_REFUSED, false },
	{ "MIME-Version", FORM_REFUSED, false },
	{ "Content-Type", FORM_REFUSED, false },
	{ "Content-Transfer-Encoding", FORM_REFUSED, false },
	{ "Content-Disposition", FORM_REFUSED, false },
	{ "Content-ID", FORM_REFUSED, false },
	{ "Content-Length", FORM_REFUSED, false },
};

/* NULL: any other. */
static const struct known *
find_known(struct span name)
{
	for (size_t i = 0; i < COUNT(known); i++)
		if (span_is_nocase(name, known[i].name))
			return &known[i];
	return NULL;
}

/* What struct compose gives for a field, besides its headers; NULL: nothing. */
static const char *
value_of(const struct compose *c, struct span name)
{
	const struct {
		const char *name, *value;
	} values[] = {
		{ "From", c->from },
		{ "To", c->to },
		{ "Cc", c->cc },
		{ "Reply-To", c->reply_to },
		{ "Subject", c->subject },
		{ "In-Reply-To", c->in_reply_to },
		{ "References", c->references },
		{ "X-Priority",
		    c->priority == 1     ? "1 (Highest)" :
			c->priority == 5 ? "5 (Lowest)" :
					   NULL },
		{ "Importance",
		    c->priority == 1     ? "high" :
			c->priority == 5 ? "low" :
					   NULL },
	};

	for (size_t i = 0; i < COUNT(values); i++)
		if (span_is_nocase(name, values[i].name) && values[i].value != NULL &&
		    values[i].value[0] != '\0')
			return values[i].value;
	return NULL;
}

/* The name of the caller's own field; empty where header is none. */
static struct span
name_of(const char *header)
{
	struct span line = span_of(header), name = span_cut(&line, ':');

	if (header_classify(span_of(header)) != HEADER_FIELD)
		return (struct span){ "", 0 };
	return span_trim(name);
}

bool
compose_gives(const struct compose *compose, struct span name)
{
	const struct known *row = find_known(name);

	if (row == NULL || !row->once)
		return false;
	if (value_of(compose, name) != NULL)
		return true;
	for (size_t i = 0; compose->headers != NULL && compose->headers[i] != NULL; i++)
		if (span_equal_nocase(name_of(compose->headers[i]), name))
			return true;
	return false;
}

/* Nothing in it can end the line. */
static int
check_octets(struct span name, struct span value, struct err *err)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];

		if (c == '\r' || c == '\n')
			return err_set(err, ERR_USAGE, "the header %.*s holds a line end",
			    (int)name.len, name.data);
		if (ascii_is_control(c) && c != '\t')
			return err_set(err, ERR_USAGE, "the header %.*s holds a control character",
			    (int)name.len, name.data);
	}
	return 0;
}

static int
check_length(const struct fold *fold, struct span name, struct err *err)
{
	if (fold->longest <= MESSAGE_LINE_MAX)
		return 0;
	return err_set(err, ERR_MESSAGE,
	    "the header %.*s is too long: it has a word that does not fit a line", (int)name.len,
	    name.data);
}

static int
add_mailboxes(struct fold *fold, struct span name, struct span value, struct err *err)
{
	if (mailboxes_add(fold, value, err) == 0)
		return 0;
	return err->kind == ERR_ADDRESS ?
	    err_wrap(err, "in the %.*s header", (int)name.len, name.data) :
	    -1;
}

static int
add_field(struct composer *w, struct span name, struct span value, enum field_form form)
{
	struct fold fold;
	int rc = check_octets(name, value, w->err);

	if (rc != 0)
		return rc;
	fold_begin(&fold, &w->message->header, name);
	if (form == FORM_MAILBOXES)
		rc = add_mailboxes(&fold, name, value, w->err);
	else if (form == FORM_TEXT || span_has_8bit(value))
		words_add_text(&fold, value);
	else
		fold_text(&fold, value);
	fold_end(&fold);
	return rc == 0 ? check_length(&fold, name, w->err) : rc;
}

static int
refuse_own(const char *header, struct err *err)
{
	struct buf shown = compose_shown(header);

	err_set(err, ERR_USAGE, "\"%s\" is not a header: a name, a colon and a value are wanted",
	    shown.data);
	buf_release(&shown);
	return -1;
}

/* True where the fields before the one at index, or those of struct compose, have that name. */
static bool
is_taken(const struct compose *c, size_t index, struct span name)
{
	if (value_of(c, name) != NULL)
		return true;
	for (size_t i = 0; i < index; i++)
		if (span_equal_nocase(name_of(c->headers[i]), name))
			return true;
	return false;
}

/* One of the caller's own. */
static int
add_own(struct composer *w, size_t index)
{
	const char *header = w->compose->headers[index];
	struct span value = span_of(header), name = name_of(header);
	const struct known *row = find_known(name);

	if (name.len == 0)
		return refuse_own(header, w->err);
	if (row != NULL && row->form == FORM_REFUSED)
		return err_set(w->err, ERR_USAGE, "the header %s cannot be given", row->name);
	if (row != NULL && row->once && is_taken(w->compose, index, name))
		return err_set(w->err, ERR_USAGE, "the header %s is given twice", row->name);
	span_cut(&value, ':');
	return add_field(w, name, value, row != NULL ? row->form : FORM_AS_IS);
}

int
compose_headers(struct composer *w)
{
	const char *const *headers = w->compose->headers;

	for (size_t i = 0; i < COUNT(known); i++) {
		struct span name = span_of(known[i].name);
		const char *value = value_of(w->compose, name);

		if (value != NULL && add_field(w, name, span_of(value), known[i].form) != 0)
			return -1;
	}
	for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
		if (add_own(w, i) != 0)
			return -1;
	return 0;
}
