/* SPDX-License-Identifier: ISC */
/*
 * What a notice tells to programs: message/delivery-status (RFC 3464), and with UTF-8 in it
 * message/global-delivery-status (RFC 6533).
 */
#include <string.h>

#include "base/span.h"
#include "base/text.h"
#include "delivery/notice_part.h"
#include "format/address.h"
#include "format/codec.h"
#include "format/date.h"
#include "format/domain.h"

enum {
	WORD_MAX = 800, /* octets of a word: it may stand alone on a line, of which 998 are the most
			 */
	FIELD_MAX = 64 * 1024, /* octets of a field: NOTICE_WORDS_MAX with all that must be escaped
				*/
};

/* Subject and detail of the status where no server gave one (RFC 3463 section 3). */
static const char *const details[ERR_KINDS] = {
	[ERR_NONE] = "0.0",
	[ERR_USAGE] = "0.0",
	[ERR_NO_RECIPIENT] = "1.0",
	[ERR_ADDRESS] = "1.3", /* bad destination mailbox address syntax */
	[ERR_MESSAGE] = "6.0", /* other or undefined media error */
	[ERR_NO_INPUT] = "6.0",
	[ERR_HOST_UNKNOWN] = "4.4",      /* unable to route */
	[ERR_RECIPIENT_UNKNOWN] = "1.1", /* bad destination mailbox address */
	[ERR_REFUSED] = "0.0",
	[ERR_SERVICE] = "0.0",
	[ERR_UNAVAILABLE] = "3.3", /* system not capable of selected features */
	[ERR_BUG] = "3.0",         /* other or undefined mail system status */
	[ERR_SYSTEM] = "3.0",
	[ERR_CANT_CREATE] = "3.1", /* mail system full */
	[ERR_IO] = "3.0",
	[ERR_TEMPORARY] = "0.0",
	[ERR_HOLD] = "3.3",
	[ERR_RESOLVE] = "4.3", /* directory server failure */
	[ERR_CONNECT] = "4.1", /* no answer from host */
	[ERR_TIMEOUT] = "4.2", /* bad connection */
	[ERR_LOST] = "4.2",
	[ERR_PROTOCOL] = "5.0", /* other or undefined protocol status */
	[ERR_TLS] = "7.5",      /* cryptographic failure */
	[ERR_CERTIFICATE] = "7.5",
	[ERR_LOGIN] = "7.8",      /* authentication credentials invalid (RFC 4954 section 6) */
	[ERR_SECRET] = "7.0",     /* other or undefined security status */
	[ERR_PERMISSION] = "7.0", /* other or undefined security status */
	[ERR_CONFIG] = "3.5",     /* system incorrectly configured */
};

struct span
notice_cut(struct span text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && (text.data[max] & 0xc0) == 0x80)
		max--;
	text.len = max;
	return text;
}

void
notice_add_words(struct buf *out, size_t column, const char *indent, struct span text)
{
	bool first = true;

	while (text.len > 0) {
		struct span rest = text, word = notice_cut(span_cut(&rest, ' '), WORD_MAX);

		text.data += word.len;
		text.len -= word.len;
		if (word.len == 0) {
			text.data++;
			text.len--;
			continue;
		}
		if (!first && column + 1 + word.len > NOTICE_COLUMNS) {
			buf_addf(out, "\r\n%s", indent);
			column = strlen(indent);
		} else if (!first) {
			buf_addc(out, ' ');
			column++;
		}
		buf_add(out, word.data, word.len);
		column += word.len;
		first = false;
	}
}

void
notice_add_date(struct buf *out, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (localtime_r(&seconds, &tm) != NULL)
		date_add(out, &tm);
}

void
notice_add_reply(struct buf *out, const struct err *err)
{
	struct span rest = notice_cut((struct span){ err->reply.data, err->reply.len },
	    NOTICE_WORDS_MAX);
	char code[8] = "";

	if (err->reply_code <= 0 || err->reply_code > 999 || rest.len == 0)
		return;
	for (int n = err->reply_code, i = 2; i >= 0; i--, n /= 10)
		code[i] = (char)('0' + n % 10);
	buf_adds(out, code);
	while (rest.len > 0) {
		struct span line = span_cut(&rest, '\n');

		if (span_starts_nocase(line, code)) {
			line.data += strlen(code);
			line.len -= strlen(code);
		}
		line = span_trim(line);
		buf_adds(out, line.len > 0 ? " " : "");
		buf_add(out, line.data, line.len);
	}
}

/*
 * Octets beyond ASCII, which is all that message/delivery-status may hold, in the form of those
 * that cannot be shown.
 */
static void
add_ascii(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (is_8bit(text.data[i]))
			buf_addf(out, "\\x%02X", (unsigned char)text.data[i]);
		else
			buf_addc(out, text.data[i]);
	}
}

/*
 * Appends a field, folded; nothing where the value is empty.  `type` is what stands before it:
 * "dns; ".
 */
static void
add_field(const struct notice_work *work, struct buf *out, const char *name, const char *type,
    struct span value)
{
	struct buf shown = BUF_INIT(FIELD_MAX), text = BUF_INIT(FIELD_MAX);

	text_printable(&shown, value, false);
	buf_adds(&text, type);
	if (work->global)
		buf_add(&text, shown.data, shown.len);
	else
		add_ascii(&text, (struct span){ shown.data, shown.len });
	if (shown.len > 0) {
		buf_addf(out, "%s: ", name);
		notice_add_words(out, strlen(name) + 2, " ", (struct span){ text.data, text.len });
		buf_adds(out, "\r\n");
	}
	out->failed = out->failed || !buf_ok(&shown) || !buf_ok(&text);
	buf_release(&shown);
	buf_release(&text);
}

static void
add_date_field(struct buf *out, const char *name, int64_t ms)
{
	struct buf date = BUF_INIT(64);

	notice_add_date(&date, ms);
	if (ms > 0 && date.len > 0)
		buf_addf(out, "%s: %s\r\n", name, date.data);
	buf_release(&date);
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What xtext stands for; a '+' that begins no octet stands for itself. */
static void
decode_xtext(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.len; i++) {
		int high = text.len - i > 2 ? hex_value(text.data[i + 1]) : -1;
		int low = text.len - i > 2 ? hex_value(text.data[i + 2]) : -1;

		if (text.data[i] != '+' || high < 0 || low < 0) {
			buf_addc(out, text.data[i]);
			continue;
		}
		buf_addc(out, (char)(high << 4 | low));
		i += 2;
	}
}

void
notice_status_message(const struct notice_work *work, struct buf *out)
{
	const char *envid = work->item->envelope.envid;
	struct buf decoded = BUF_INIT(FIELD_MAX);

	if (envid != NULL)
		decode_xtext(&decoded, notice_cut(span_of(envid), NOTICE_WORDS_MAX));
	add_field(work, out, "Original-Envelope-Id", "",
	    (struct span){ decoded.data, decoded.len });
	add_field(work, out, "Reporting-MTA", "dns; ",
	    notice_cut(span_of(work->facts->host), NOTICE_WORDS_MAX));
	add_date_field(out, "Arrival-Date", work->item->queued_ms);
	buf_release(&decoded);
}

/*
 * RFC 6533 section 3: utf-8-addr-xtext where only ASCII can be written; else the address as it is,
 * but for what is escaped in utf-8-addr-unitext too and would be misread.
 */
static void
add_utf8_address(const struct notice_work *work, struct buf *out, struct span address)
{
	if (work->global && memchr(address.data, '\\', address.len) == NULL &&
	    memchr(address.data, ' ', address.len) == NULL)
		buf_add(out, address.data, address.len);
	else
		utf8_xtext_add(out, address, !work->global);
}

/* `type`: as ORCPT gave it, or NULL, where it is one of the Internet's. */
static void
add_address_field(const struct notice_work *work, struct buf *out, const char *name,
    const char *type, const char *address)
{
	struct buf shown = BUF_INIT(FIELD_MAX), text = BUF_INIT(FIELD_MAX);
	struct span span, given = notice_cut(span_of(type != NULL ? type : ""), NOTICE_WORDS_MAX);

	text_printable(&shown, notice_cut(span_of(address), NOTICE_WORDS_MAX), false);
	span = (struct span){ shown.data, shown.len };
	if (type != NULL && !span_is_nocase(given, "rfc822") && !span_is_nocase(given, "utf-8")) {
		text_printable(&text, given, false);
		buf_adds(&text, "; ");
		add_field(work, out, name, text.data, span);
	} else if (span_has_8bit(span)) {
		add_utf8_address(work, &text, span);
		add_field(work, out, name, "utf-8; ", (struct span){ text.data, text.len });
	} else {
		add_field(work, out, name, "rfc822; ", span);
	}
	out->failed = out->failed || !buf_ok(&shown) || !buf_ok(&text);
	buf_release(&shown);
	buf_release(&text);
}

/* Takes up to three digits off *s; false where there are none. */
static bool
take_number(const char **s)
{
	const char *begin = *s;

	while (ascii_is_digit(**s) && *s - begin < 3)
		(*s)++;
	return *s > begin;
}

/* A status of that class (RFC 3463 section 2). */
static bool
is_status(const char *text, char class)
{
	if (text[0] != class || text[1] != '.')
		return false;
	text += 2;
	if (!take_number(&text) || *text != '.')
		return false;
	text++;
	return take_number(&text) && *text == '\0';
}

/*
 * It is no refusal: it was tried until its time was over.  One in doubt may be given up for that
 * alone.
 */
static bool
has_expired(const struct err *err)
{
	return strcmp(err->enhanced, "4.4.7") == 0 ||
	    (err_is_temporary(err->kind) && !err->in_doubt);
}

static void
add_status(const struct notice_work *work, const struct err *err, struct buf *out)
{
	char class = work->notice == NOTICE_FAILED ? '5' : '4';

	if (is_status(err->enhanced, class))
		buf_addf(out, "Status: %s\r\n", err->enhanced);
	else if (class == '5' && has_expired(err))
		buf_adds(out, "Status: 5.4.7\r\n");
	else
		buf_addf(out, "Status: %c.%s\r\n", class, details[err->kind]);
}

/*
 * The server's name out of "host:port", as RFC 3464 section 2.1.2 wants it; nothing for a socket's
 * path.
 */
static void
add_host(struct buf *out, const struct buf *peer)
{
	struct span rest = { peer->data, peer->len }, host = span_cut(&rest, ':');
	struct buf name = BUF_INIT(ADDRESS_DOMAIN_MAX), ascii = BUF_INIT(ADDRESS_DOMAIN_MAX);
	struct err ignored;

	err_init(&ignored);
	buf_add(&name, host.data, host.len);
	if (peer->data[0] == '[' && strchr(peer->data, ']') != NULL)
		buf_addf(out, "[IPv6:%.*s]", (int)strcspn(peer->data + 1, "]"), peer->data + 1);
	else if (name.len > 0 && strspn(name.data, "0123456789.") == name.len)
		buf_addf(out, "[%s]", name.data);
	else if (domain_to_ascii(name.data, &ascii, &ignored) == 0 &&
	    domain_is_host_name(ascii.data))
		buf_add(out, ascii.data, ascii.len);
	err_release(&ignored);
	buf_release(&name);
	buf_release(&ascii);
}

/* "MUST NOT be included if no remote MTA was involved" (RFC 3464 section 2.3.5). */
static bool
is_about_server(const struct err *err)
{
	return err->peer.len > 0 && err->kind != ERR_HOST_UNKNOWN && err->kind != ERR_RESOLVE &&
	    err->kind != ERR_CONNECT;
}

static void
add_server(const struct notice_work *work, const struct err *err, struct buf *out)
{
	struct buf host = BUF_INIT(FIELD_MAX), reply = BUF_INIT(FIELD_MAX);

	if (is_about_server(err))
		add_host(&host, &err->peer);
	notice_add_reply(&reply, err);
	add_field(work, out, "Remote-MTA", "dns; ", (struct span){ host.data, host.len });
	add_field(work, out, "Diagnostic-Code", "smtp; ", (struct span){ reply.data, reply.len });
	buf_release(&host);
	buf_release(&reply);
}

void
notice_status_recipient(const struct notice_work *work, size_t recipient, struct buf *out)
{
	const struct recipient *to = &work->item->envelope.recipients[recipient];
	const struct item_recipient *state = &work->item->recipients[recipient];

	bool expanded = work->notice == NOTICE_RELAYED && to->expanded;

	if (to->orcpt != NULL)
		add_address_field(work, out, "Original-Recipient", to->orcpt_type, to->orcpt);
	else
		add_address_field(work, out, "Original-Recipient", NULL,
		    to->original != NULL ? to->original : to->address);
	add_address_field(work, out, "Final-Recipient", NULL, expanded ? to->orcpt : to->address);
	if (expanded) {
		/* What became of the alias; more may be said of those that it came to. */
		buf_adds(out, "Action: expanded\r\nStatus: 2.0.0\r\n");
	} else if (work->notice == NOTICE_RELAYED) {
		/* Relayed to a mailer that does not report (RFC 3886). */
		buf_adds(out, "Action: relayed\r\nStatus: 2.1.9\r\n");
	} else {
		buf_adds(out,
		    work->notice == NOTICE_FAILED ? "Action: failed\r\n" : "Action: delayed\r\n");
		add_status(work, &state->err, out);
		add_server(work, &state->err, out);
	}
	add_date_field(out, "Last-Attempt-Date", state->tried_ms);
	if (work->notice == NOTICE_DELAYED)
		add_date_field(out, "Will-Retry-Until", work->facts->expire_ms);
}
