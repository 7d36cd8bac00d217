/* SPDX-License-Identifier: ISC */
/*
 * What a notice tells to people, who may know nothing of SMTP.
 */
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "delivery/notice_part.h"
#include "format/codec.h"
#include "format/header.h"

enum {
	NAMED_MAX = 100, /* addresses: who has more finds them in the report */
	SENTENCE_MAX = 16 * 1024,
	SHOWN_MAX = 300, /* octets of one of the message's fields */
};

#define INDENT "      "

/* Appends a paragraph or a point, printable and broken into lines. */
static void __attribute__((format(printf, 3, 4)))
say(struct buf *out, const char *indent, const char *fmt, ...)
{
	struct buf text = BUF_INIT(SENTENCE_MAX), shown = BUF_INIT(4 * SENTENCE_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	text_printable(&shown, (struct span){ text.data, text.len }, false);
	buf_adds(out, indent);
	notice_add_words(out, strlen(indent), indent, (struct span){ shown.data, shown.len });
	buf_adds(out, "\r\n");
	out->failed = out->failed || !buf_ok(&text) || !buf_ok(&shown);
	buf_release(&text);
	buf_release(&shown);
}

static void
add_blank(struct buf *out)
{
	buf_adds(out, "\r\n");
}

static void
say_what_failed(const struct notice_work *work, struct buf *out)
{
	if (work->count == 1)
		say(out, "",
		    "Your message could not be delivered to the address below and will not be tried again.");
	else
		say(out, "",
		    "Your message could not be delivered to the %zu addresses below and will not be tried again.",
		    work->count);
}

static void
say_what_waits(const struct notice_work *work, struct buf *out)
{
	struct buf until = BUF_INIT(128);
	size_t failures = 0;

	for (size_t i = 0; i < work->item->envelope.count; i++)
		failures += notice_concerns(work->item, i, work->notice) &&
		    notice_is_wanted(&work->item->envelope, i, NOTICE_FAILED);
	if (work->count == 1)
		say(out, "", "Your message could not be delivered yet to the address below.");
	else
		say(out, "", "Your message could not be delivered yet to the %zu addresses below.",
		    work->count);
	if (work->facts->expire_ms > 0) {
		buf_adds(&until, " until ");
		notice_add_date(&until, work->facts->expire_ms);
	}
	say(out, "", "It is tried again%s. This is only a warning: you need not send it again.%s",
	    until.data,
	    failures == work->count ? " You will be told if it cannot be delivered." :
		failures == 0       ? " You asked not to be told if it cannot be delivered." :
				      "");
	buf_release(&until);
}

static void
say_what_went(const struct notice_work *work, struct buf *out)
{
	size_t expanded = 0;

	if (work->count == 1)
		say(out, "",
		    "Your message was passed on to the mail server for the address below.");
	else
		say(out, "",
		    "Your message was passed on to the mail server for the %zu addresses below.",
		    work->count);
	for (size_t i = 0; i < work->item->envelope.count; i++)
		expanded += work->item->envelope.recipients[i].expanded &&
		    notice_concerns(work->item, i, work->notice);
	if (expanded > 0)
		say(out, "",
		    "The name that you gave stands for several addresses: you will hear no more of it, unless delivery to "
		    "one of them fails.");
	if (expanded < work->count)
		say(out, "",
		    "That server does not report success: you will hear no more of it, unless delivery fails there.");
}

static void
say_news(const struct notice_work *work, struct buf *out)
{
	if (work->notice == NOTICE_FAILED)
		say_what_failed(work, out);
	else if (work->notice == NOTICE_DELAYED)
		say_what_waits(work, out);
	else
		say_what_went(work, out);
}

static bool
is_same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* True where the same is to be said about both. */
static bool
is_same_reason(const struct notice_work *work, const struct err *a, const struct err *b)
{
	return work->notice == NOTICE_RELAYED ||
	    (a->kind == b->kind && a->in_doubt == b->in_doubt && is_same(&a->what, &b->what) &&
		is_same(&a->reply, &b->reply) && is_same(&a->peer, &b->peer));
}

static void
say_reply(const struct err *err, struct buf *out)
{
	struct span peer = notice_cut((struct span){ err->peer.data, err->peer.len },
	    NOTICE_WORDS_MAX);
	struct buf reply = BUF_INIT(SENTENCE_MAX);

	notice_add_reply(&reply, err);
	if (reply.len > 0 && peer.len > 0)
		say(out, INDENT, "%.*s said: %s", (int)peer.len, peer.data, reply.data);
	else if (reply.len > 0)
		say(out, INDENT, "The server said: %s", reply.data);
	out->failed = out->failed || !buf_ok(&reply);
	buf_release(&reply);
}

static void
say_reason(const struct notice_work *work, const struct err *err, struct buf *out)
{
	struct span what = notice_cut((struct span){ err->what.data, err->what.len },
	    NOTICE_WORDS_MAX);
	const char *hint = err_hint_text(err);

	if (what.len > 0)
		say(out, INDENT, "%.*s", (int)what.len, what.data);
	else
		say(out, INDENT,
		    work->notice == NOTICE_FAILED ? "No reason is known." :
						    "Its turn has not come yet.");
	say_reply(err, out);
	if (err->in_doubt)
		say(out, INDENT,
		    "The server had all of the message, and gave no clear answer: it may have been delivered "
		    "all the same. Sending it again may deliver it twice.");
	if (hint != NULL) {
		struct span text = notice_cut(span_of(hint), NOTICE_WORDS_MAX);

		say(out, INDENT, "What may help: %.*s", (int)text.len, text.data);
	}
}

/*
 * The next recipient behind `from` whom the notice is about; the count of all where there is none.
 */
static size_t
next_concerned(const struct notice_work *work, size_t from)
{
	while (from < work->item->envelope.count &&
	    !notice_concerns(work->item, from, work->notice))
		from++;
	return from;
}

static void
say_address(const struct recipient *recipient, struct buf *out)
{
	struct span address = notice_cut(span_of(recipient->address), NOTICE_WORDS_MAX);

	if (recipient->original == NULL) {
		say(out, "  ", "%.*s", (int)address.len, address.data);
	} else {
		struct span original = notice_cut(span_of(recipient->original), NOTICE_WORDS_MAX);

		say(out, "  ", "%.*s (given as %.*s)", (int)address.len, address.data,
		    (int)original.len, original.data);
	}
}

/* Addresses that stand together and failed for the same reason have it once. */
static void
say_addresses(const struct notice_work *work, struct buf *out)
{
	const struct item *item = work->item;
	size_t at = next_concerned(work, 0), named = 0;

	while (at < item->envelope.count && named < NAMED_MAX) {
		size_t next = next_concerned(work, at + 1);

		say_address(&item->envelope.recipients[at], out);
		named++;
		if (next == item->envelope.count || named == NAMED_MAX ||
		    !is_same_reason(work, &item->recipients[at].err, &item->recipients[next].err)) {
			if (work->notice != NOTICE_RELAYED)
				say_reason(work, &item->recipients[at].err, out);
			add_blank(out);
		}
		at = next;
	}
	if (work->count > named) {
		say(out, "  ", "... and %zu more, which are in the report below.",
		    work->count - named);
		add_blank(out);
	}
}

/* How many of that state there are whom the notice is not about. */
static size_t
count_others(const struct notice_work *work, enum item_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < work->item->envelope.count; i++)
		n += work->item->recipients[i].state == state &&
		    !notice_concerns(work->item, i, work->notice);
	return n;
}

static void
say_others(const struct notice_work *work, struct buf *out)
{
	const size_t accepted = count_others(work, ITEM_ACCEPTED),
		     waiting = count_others(work, ITEM_WAITING),
		     failed = count_others(work, ITEM_REFUSED) + count_others(work, ITEM_SETTLED);

	if (accepted > 0)
		say(out, "", "It was delivered to the mail server for %zu other recipient%s.",
		    accepted, accepted > 1 ? "s" : "");
	if (waiting > 0)
		say(out, "", "It is still being tried for %zu other recipient%s.", waiting,
		    waiting > 1 ? "s" : "");
	if (failed > 0)
		say(out, "", "It could not be delivered to %zu other recipient%s.", failed,
		    failed > 1 ? "s" : "");
	if (accepted + waiting + failed > 0)
		add_blank(out);
}

/* What a word in the Q encoding stands for (RFC 2047 section 4.2). */
static bool
decode_q(struct buf *out, struct span text)
{
	static const char digits[] = "0123456789ABCDEFabcdef";

	for (size_t i = 0; i < text.len; i++) {
		const char *high, *low;

		if (text.data[i] != '=') {
			buf_addc(out, text.data[i] == '_' ? ' ' : text.data[i]);
			continue;
		}
		high = text.len - i > 2 ? memchr(digits, text.data[i + 1], sizeof(digits) - 1) :
					  NULL;
		low = text.len - i > 2 ? memchr(digits, text.data[i + 2], sizeof(digits) - 1) :
					 NULL;
		if (high == NULL || low == NULL)
			return false;
		buf_addc(out,
		    (char)((high - digits - (high - digits > 15 ? 6 : 0)) << 4 |
			(low - digits - (low - digits > 15 ? 6 : 0))));
		i += 2;
	}
	return true;
}

/*
 * Takes an encoded word off the front of *text and appends what it stands for; false where there is
 * none that we know.
 */
static bool
take_encoded_word(struct buf *out, struct span *text)
{
	struct span rest = { text->data + 2, text->len - 2 }, charset, encoding, word;
	size_t before = out->len;
	bool known;

	charset = span_cut(&rest, '?');
	encoding = span_cut(&rest, '?');
	word = span_cut(&rest, '?');
	known = rest.len > 0 && rest.data[0] == '=' &&
	    (span_is_nocase(charset, "utf-8") || span_is_nocase(charset, "us-ascii")) &&
	    ((span_is_nocase(encoding, "b") && base64_decode(out, word)) ||
		(span_is_nocase(encoding, "q") && decode_q(out, word)));
	if (!known) {
		buf_truncate(out, before);
		return false;
	}
	*text = (struct span){ rest.data + 1, rest.len - 1 };
	return true;
}

/*
 * Appends text with its encoded words decoded; space between two of them is not part of it (RFC
 * 2047 section 6.2).
 */
static void
decode_words(struct buf *out, struct span text)
{
	size_t behind_word = SIZE_MAX;

	while (text.len > 0) {
		size_t at = out->len;
		bool encoded = text.len > 2 && memcmp(text.data, "=?", 2) == 0 &&
		    take_encoded_word(out, &text);

		if (encoded && behind_word != SIZE_MAX)
			buf_splice(out, behind_word, at - behind_word, "", 0);
		if (encoded) {
			behind_word = out->len;
			continue;
		}
		if (!ascii_is_space(text.data[0]))
			behind_word = SIZE_MAX;
		buf_addc(out, text.data[0]);
		text.data++;
		text.len--;
	}
}

static void
say_field(const struct notice_work *work, const char *name, struct buf *out)
{
	struct span block = { work->item->message.header.data, work->item->message.header.len };
	struct buf body = BUF_INIT(MESSAGE_HEADER_MAX), decoded = BUF_INIT(MESSAGE_HEADER_MAX);
	struct header_field field;

	if (header_find(block, name, &field)) {
		struct span shown;

		header_unfold(&body, field.body);
		decode_words(&decoded,
		    notice_cut((struct span){ body.data, body.len }, SHOWN_MAX * 4));
		shown = notice_cut((struct span){ decoded.data, decoded.len }, SHOWN_MAX);
		if (shown.len > 0)
			say(out, "  ", "%s: %.*s%s", name, (int)shown.len, shown.data,
			    shown.len < decoded.len || body.len > SHOWN_MAX * 4 ? "..." : "");
	}
	buf_release(&body);
	buf_release(&decoded);
}

static void
say_message(const struct notice_work *work, struct buf *out)
{
	say(out, "", "The message:");
	add_blank(out);
	say_field(work, "Subject", out);
	say_field(work, "Date", out);
	say_field(work, "To", out);
	say(out, "  ", "Queue id: %s", work->item->id);
	add_blank(out);
}

static void
say_what_remains(const struct notice_work *work, struct buf *out)
{
	if (work->notice == NOTICE_FAILED && work->whole)
		say(out, "",
		    "What follows is a report for mail programs, and the whole message: to try again, send it once more "
		    "when the cause is gone.");
	else if (work->notice == NOTICE_FAILED)
		say(out, "",
		    "What follows is a report for mail programs, and the header of the message. Its text is not "
		    "returned: to try again, send your own copy once more when the cause is gone.");
	else
		say(out, "",
		    "What follows is a report for mail programs, and the header of the message.");
}

void
notice_text(const struct notice_work *work, struct buf *out)
{
	struct span host = notice_cut(span_of(work->facts->host), NOTICE_WORDS_MAX);

	say(out, "", "This is the mail system at %.*s.", (int)host.len, host.data);
	add_blank(out);
	say_news(work, out);
	add_blank(out);
	say_addresses(work, out);
	say_others(work, out);
	say_message(work, out);
	say_what_remains(work, out);
}
