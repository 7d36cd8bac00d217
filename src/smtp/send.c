/* SPDX-License-Identifier: ISC */
/*
 * One message over an open session, in as few flights as the server allows:
 *
 *   PIPELINING and CHUNKING   MAIL RCPT… BDAT content QUIT | (content over SMALL_CONTENT: MAIL RCPT… | BDAT content QUIT)
 *   PIPELINING                MAIL RCPT… DATA | content . QUIT
 *   neither                   one command at a time, and nothing ahead of a reply
 *
 * LMTP always waits for the replies to RCPT, for they tell how many will answer the content.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "format/codec.h"
#include "format/domain.h"
#include "smtp/session.h"
#include "smtp/wire.h"

enum {
	SMALL_CONTENT = 65536,		/* octets that may travel with RCPT: a larger content loses nothing by waiting */
	FLIGHT_MAX = 65536,		/* octets of commands queued before they are sent on */
};

/* The content on its way: the header, an empty line, the body. */
struct content {
	struct smtp *smtp;
	const struct message *message;
	uint64_t at;		/* octets taken so far */
	uint64_t size;
	bool stuff;		/* for DATA: a dot at the start of a line is doubled (RFC 5321 section 4.5.2) */
	bool line_start;
};

static bool
is_lmtp(const struct smtp *s)
{
	return s->server->scheme == SERVER_LMTP || s->server->scheme == SERVER_LMTP_UNIX;
}

/*
 * Microsoft's servers offer CHUNKING, but refuse good messages in it ("552 5.3.4 Header size exceeds fixed maximum size")
 * or fall silent behind it.
 */
static bool
chunks_badly(const char *host)
{
	static const char *const domains[] = { "outlook.com", "office365.com", "hotmail.com" };
	size_t len = strlen(host);

	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
		size_t tail = strlen(domains[i]);

		if (len >= tail && span_is_nocase(span_of(host + len - tail), domains[i]))
			return true;
	}
	return false;
}

static bool
use_chunking(const struct smtp *s)
{
	return s->offers.chunking && s->account->chunking != SETTING_NEVER && !chunks_badly(s->server->host);
}

/* Points *data at the octets from c->at on: at most want, and never past the part of the message they are in. */
static int
content_read(struct content *c, char *scratch, size_t want, const char **data, size_t *got, struct err *err)
{
	const struct buf *header = &c->message->header;

	if (c->at < header->len) {
		*data = header->data + c->at;
		*got = header->len - c->at < want ? header->len - (size_t)c->at : want;
		return 0;
	}
	if (c->at < header->len + 2) {
		*data = &"\r\n"[c->at - header->len];
		*got = header->len + 2 - c->at < want ? header->len + 2 - (size_t)c->at : want;
		return 0;
	}
	if (spool_read(&c->message->body, c->at - header->len - 2, scratch, want, data, got, err) < 0)
		return -1;
	return *got > 0 ? 0 : err_set(err, ERR_IO, "the stored message is shorter than it was");
}

/* Queues data with its dots doubled. */
static void
put_stuffed(struct content *c, struct span data)
{
	struct stream *stream = &c->smtp->stream;

	while (data.len > 0) {
		const char *lf = memchr(data.data, '\n', data.len);
		size_t len = lf != NULL ? (size_t)(lf - data.data) + 1 : data.len;

		if (c->line_start && data.data[0] == '.')
			stream_put(stream, STREAM_CONTENT, ".", 1);
		stream_put(stream, STREAM_CONTENT, data.data, len);
		c->line_start = lf != NULL;
		data.data += len;
		data.len -= len;
	}
}

/* Queues up to `want` more octets of the content; read into place where it can be. */
static int
content_queue(struct content *c, size_t want, struct err *err)
{
	struct stream *stream = &c->smtp->stream;
	size_t got = 0;
	const char *data = NULL;
	char scratch[STREAM_PIECE];
	char *place = c->stuff ? scratch : stream_reserve(stream, want);

	if (place == NULL)
		return err_memory(err);
	if (content_read(c, place, want, &data, &got, err) < 0)
		return -1;
	c->at += got;
	if (c->stuff) {
		put_stuffed(c, (struct span){ data, got });
	} else {
		if (data != place)
			memcpy(place, data, got);
		stream_commit_content(stream, got);
	}
	return 0;
}

/* Sends the content in whole pieces; the last one stays queued, for what follows it to join. */
static int
content_send(struct content *c, struct err *err)
{
	struct smtp *s = c->smtp;

	while (c->at < c->size) {
		size_t queued = stream_queued(&s->stream);

		if (queued >= STREAM_PIECE) {
			if (smtp_exchange(s, 0, s->due, err) < 0)
				return -1;
			if (!s->in_content)
				return 0;
			continue;
		}
		if (content_queue(c, STREAM_PIECE - queued, err) < 0) {
			s->broken = true;
			return -1;
		}
	}
	return 0;
}

static void
content_begin(struct content *c, struct smtp *s, struct transaction *tx, bool stuff)
{
	*c = (struct content){ s, tx->message, 0, message_size(tx->message), stuff, true };
	tx->content_unsent = true;
	s->in_content = true;
	s->window_start = clock_ms();
	s->window_octets = 0;
}

/*
 * The replies that the content will get.  They are expected from its beginning on, for a refusal may come before its end.
 */
static void
expect_answers(struct smtp *s, struct transaction *tx, enum verb verb)
{
	if (!is_lmtp(s)) {
		smtp_expect(s, verb, tx, EVERY_RECIPIENT);
		return;
	}
	for (size_t i = 0; i < tx->envelope->count; i++)
		if (tx->outcomes[i].state == OUTCOME_NAMED)
			smtp_expect(s, verb, tx, i);
}

static void
content_end(struct smtp *s, struct transaction *tx)
{
	tx->content_unsent = false;
	tx->answers_due = is_lmtp(s) ? tx->named : 1;
}

/* "BDAT n LAST": its replies are expected separately. */
static void
queue_bdat(struct smtp *s, struct transaction *tx)
{
	char line[64];

	snprintf(line, sizeof(line), "BDAT %" PRIu64 " LAST\r\n", message_size(tx->message));
	stream_put(&s->stream, STREAM_TEXT, line, strlen(line));
	expect_answers(s, tx, VERB_BDAT);
}

/* Not where this session has another turn to take. */
static void
queue_quit(struct smtp *s, const struct transaction *tx, bool last)
{
	if (!last || !smtp_may_pipeline(s) || (transaction_count(tx, OUTCOME_PENDING) > 0 && smtp_may_send(s)))
		return;
	smtp_command(s, VERB_QUIT, NULL, EVERY_RECIPIENT, "QUIT");
	s->quit = true;
}

/* What remains due when the content's reply has come: QUIT's, which smtp_close() waits for. */
static size_t
due_after_content(const struct smtp *s)
{
	return s->quit ? 1 : 0;
}

/*
 * Content that was refused before its end leaves the connection useless: the server may take the rest for commands.
 * Its time does not count against the session's deadline.
 */
static int
finish_content(struct smtp *s, struct transaction *tx, int64_t began, struct err *err)
{
	int result = 0;

	if (!tx->content_unsent)
		result = smtp_exchange(s, 0, due_after_content(s), err);
	else
		s->broken = true;
	s->in_content = false;
	if (s->deadline != DEADLINE_NONE)
		s->deadline += clock_ms() - began;
	return result;
}

static int
send_bdat(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	int64_t began = clock_ms();
	struct content content;

	queue_bdat(s, tx);
	content_begin(&content, s, tx, false);
	if (content_send(&content, err) < 0)
		return -1;
	if (s->in_content) {
		content_end(s, tx);
		queue_quit(s, tx, last);
	}
	return finish_content(s, tx, began, err);
}

static int
send_data(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	int64_t began = clock_ms();
	struct content content;

	expect_answers(s, tx, VERB_CONTENT);
	content_begin(&content, s, tx, true);
	if (content_send(&content, err) < 0)
		return -1;
	if (s->in_content) {
		stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
		content_end(s, tx);
		queue_quit(s, tx, last);
	}
	return finish_content(s, tx, began, err);
}

/* 354 although nobody is left to get the message: end it at once (RFC 2920 section 3.1). */
static int
send_nothing(struct smtp *s, struct transaction *tx, struct err *err)
{
	/* An LMTP server answers for each recipient, and there is none. */
	if (!is_lmtp(s))
		smtp_expect(s, VERB_CONTENT, tx, EVERY_RECIPIENT);
	stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
	return smtp_exchange(s, 0, 0, err);
}

/* The path between < and >: as it is, or with A-labels where SMTPUTF8 is not in use. */
static void
add_path(const struct transaction *tx, const char *address, struct buf *line)
{
	const char *domain = mailbox_domain(address);
	struct err ignored;

	if (tx->utf8 || domain == NULL || !span_has_8bit(span_of(domain))) {
		buf_adds(line, address);
		return;
	}
	buf_add(line, address, (size_t)(domain - address));
	err_init(&ignored);
	/* That it can be done was seen by check_addresses(). */
	domain_to_ascii(domain, line, &ignored);
	err_release(&ignored);
}

/* What the sender asked for, as far as the server offers it; check_requests() has seen to what must be offered. */
static void
add_requests(const struct smtp *s, const struct requests *r, struct buf *line)
{
	if (r->require_tls)
		buf_adds(line, " REQUIRETLS");
	if (r->deliver_by_s > 0 && s->offers.deliver_by)
		buf_addf(line, " BY=%lld;%c", r->deliver_by_s, r->deliver_by_return ? 'R' : 'N');
	if (r->hold_for_s > 0)
		buf_addf(line, " HOLDFOR=%lld", r->hold_for_s);
	if (r->has_priority && s->offers.mt_priority)
		buf_addf(line, " MT-PRIORITY=%d", r->priority);
}

static void
queue_mail(struct smtp *s, struct transaction *tx)
{
	const struct message *m = tx->message;
	const struct envelope *e = tx->envelope;
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);

	buf_adds(&line, "MAIL FROM:<");
	add_path(tx, e->sender, &line);
	buf_adds(&line, ">");
	if (s->offers.size)
		buf_addf(&line, " SIZE=%" PRIu64, message_size(m));
	if (s->offers.eightbitmime && (m->header_8bit || m->body_8bit))
		buf_adds(&line, " BODY=8BITMIME");
	if (tx->utf8)
		buf_adds(&line, " SMTPUTF8");
	if (s->offers.dsn && e->ret != RETURN_DEFAULT)
		buf_addf(&line, " RET=%s", e->ret == RETURN_FULL ? "FULL" : "HDRS");
	if (s->offers.dsn && e->envid != NULL)
		buf_addf(&line, " ENVID=%s", e->envid);
	add_requests(s, &tx->requests, &line);
	smtp_command(s, VERB_MAIL, tx, EVERY_RECIPIENT, "%s", line.data);
	buf_release(&line);
	s->mails++;
}

static void
add_notify(struct buf *line, unsigned notify)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
		{ NOTIFY_NEVER, "NEVER" }, { NOTIFY_SUCCESS, "SUCCESS" }, { NOTIFY_FAILURE, "FAILURE" }, { NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		buf_addf(line, "%s%s", before, words[i].word);
		before = ",";
	}
}

/* utf-8-addr-unitext (RFC 6533 section 3). */
static void
add_unitext(struct buf *line, struct span path)
{
	for (size_t i = 0; i < path.len; i++) {
		char c = path.data[i];

		if (!is_8bit(c) && (c <= ' ' || c == '+' || c == '=' || c == '\\' || c == 0x7f))
			buf_addf(line, "\\x{%02X}", (unsigned char)c);
		else
			buf_addc(line, c);
	}
}

/* The original recipient (RFC 3461 section 4.2): at submission the one that RCPT names. */
static void
add_orcpt(const struct transaction *tx, const char *address, struct buf *line)
{
	struct buf text = BUF_INIT(1024);
	struct span path;

	add_path(tx, address, &text);
	path = (struct span){ text.data, text.len };
	if (span_has_8bit(path)) {
		buf_adds(line, " ORCPT=utf-8;");
		add_unitext(line, path);
	} else {
		buf_adds(line, " ORCPT=rfc822;");
		xtext_add(line, path);
	}
	buf_release(&text);
}

static void
queue_rcpt(struct smtp *s, struct transaction *tx, size_t recipient)
{
	const char *address = tx->envelope->recipients[recipient].address;
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);

	buf_adds(&line, "RCPT TO:<");
	add_path(tx, address, &line);
	buf_addc(&line, '>');
	if (s->offers.dsn && tx->envelope->notify != 0) {
		add_notify(&line, tx->envelope->notify);
		add_orcpt(tx, address, &line);
	}
	smtp_line(s, VERB_RCPT, tx, recipient, &line);
	tx->outcomes[recipient].state = OUTCOME_TRIED;
	buf_release(&line);
}

/* Which recipients a turn may have (LIMITS, RFC 9422). */
struct share {
	uint64_t recipients, domains;	/* still allowed */
	const char *last_domain;	/* of the recipient before, or NULL */
};

static struct share
share_begin(const struct smtp *s)
{
	const uint64_t all = UINT64_MAX;

	return (struct share){ s->offers.rcpt_max > 0 ? s->offers.rcpt_max : all,
	    s->offers.rcpt_domain_max > 0 ? s->offers.rcpt_domain_max : all, NULL };
}

/*
 * Takes one recipient into the turn, or says that it is full.  Domains are counted as they change along the list: that
 * may count one twice, and never too few.
 */
static bool
share_take(struct share *share, const char *address)
{
	const char *found = mailbox_domain(address);
	const char *domain = found != NULL ? found : "";
	bool new_domain = share->last_domain == NULL || !span_is_nocase(span_of(domain), share->last_domain);

	if (share->recipients == 0 || (new_domain && share->domains == 0))
		return false;
	share->recipients--;
	share->domains -= new_domain;
	share->last_domain = domain;
	return true;
}

/* The next pending recipient from i on that the turn has room for; the envelope's count behind the last. */
static size_t
next_pending(const struct transaction *tx, struct share *share, size_t i)
{
	while (i < tx->envelope->count && tx->outcomes[i].state != OUTCOME_PENDING)
		i++;
	if (i < tx->envelope->count && !share_take(share, tx->envelope->recipients[i].address))
		return tx->envelope->count;
	return i;
}

/* MAIL and all RCPT, without waiting for the replies; a long list is sent on as it grows. */
static int
queue_envelope(struct smtp *s, struct transaction *tx, struct err *err)
{
	struct share share = share_begin(s);

	queue_mail(s, tx);
	for (size_t i = next_pending(tx, &share, 0); i < tx->envelope->count; i = next_pending(tx, &share, i + 1)) {
		queue_rcpt(s, tx, i);
		if (stream_queued(&s->stream) > FLIGHT_MAX && smtp_exchange(s, FLIGHT_MAX / 2, s->due, err) < 0)
			return -1;
	}
	return 0;
}

/* A small message for BDAT goes along with its envelope. */
static int
send_in_one(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	struct content content;

	if (queue_envelope(s, tx, err) < 0)
		return -1;
	queue_bdat(s, tx);
	content_begin(&content, s, tx, false);
	s->in_content = false;
	while (content.at < content.size)
		if (content_queue(&content, STREAM_PIECE, err) < 0)
			return -1;
	content_end(s, tx);
	queue_quit(s, tx, last);
	return smtp_exchange(s, 0, due_after_content(s), err);
}

static int
send_pipelined(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	if (use_chunking(s) && !is_lmtp(s) && message_size(tx->message) <= SMALL_CONTENT)
		return send_in_one(s, tx, last, err);
	if (queue_envelope(s, tx, err) < 0)
		return -1;
	if (!use_chunking(s))
		smtp_command(s, VERB_DATA, tx, EVERY_RECIPIENT, "DATA");
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	if (use_chunking(s))
		return tx->named > 0 ? send_bdat(s, tx, last, err) : 0;
	if (!tx->data_ready)
		return 0;
	return tx->named > 0 ? send_data(s, tx, last, err) : send_nothing(s, tx, err);
}

static int
send_in_steps(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	struct share share = share_begin(s);

	queue_mail(s, tx);
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	for (size_t i = next_pending(tx, &share, 0); i < tx->envelope->count && !tx->mail_refused;
	    i = next_pending(tx, &share, i + 1)) {
		queue_rcpt(s, tx, i);
		if (smtp_exchange(s, 0, 0, err) < 0)
			return -1;
	}
	if (tx->named == 0)
		return 0;
	if (use_chunking(s))
		return send_bdat(s, tx, last, err);
	smtp_command(s, VERB_DATA, tx, EVERY_RECIPIENT, "DATA");
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	return tx->data_ready ? send_data(s, tx, last, err) : 0;
}

/* Why the server could not take this message as it is; 0 where it can. */
static int
check_message(const struct smtp *s, const struct transaction *tx, struct err *err)
{
	const struct message *m = tx->message;
	uint64_t longest = m->header_line_max > m->body_line_max ? m->header_line_max : m->body_line_max;

	if (s->offers.size && s->offers.size_max > 0 && message_size(m) > s->offers.size_max) {
		err_set(err, ERR_MESSAGE, "the message has %" PRIu64 " octets, and the server takes %" PRIu64,
		    message_size(m), s->offers.size_max);
		memcpy(err->enhanced, "5.3.4", sizeof("5.3.4"));
		return -1;
	}
	if ((m->header_8bit || m->body_8bit) && !s->offers.eightbitmime)
		return err_set(err, ERR_MESSAGE, "the message has 8-bit text, and the server takes only 7-bit (no 8BITMIME)");
	if (m->body_nul)
		return err_set(err, ERR_MESSAGE, "the message has NUL octets, which cannot be sent");
	if (longest > MESSAGE_LINE_MAX)
		return err_set(err, ERR_MESSAGE, "the message has a line of %" PRIu64 " octets, and SMTP carries %d", longest,
		    MESSAGE_LINE_MAX);
	return 0;
}

/* SMTPUTF8 is needed by the local part of an address alone, or by an address in the header, which we do not change. */
static bool
needs_utf8(const struct transaction *tx)
{
	const struct envelope *e = tx->envelope;
	bool needs = span_has_8bit(mailbox_local(e->sender)) || message_has_utf8_addresses(tx->message);

	for (size_t i = 0; i < e->count && !needs; i++)
		needs = span_has_8bit(mailbox_local(e->recipients[i].address));
	return needs;
}

static int
check_domain(const char *address, struct err *err)
{
	struct buf ascii = BUF_INIT(1024);
	const char *domain = mailbox_domain(address);
	int result = domain != NULL && span_has_8bit(span_of(domain)) ? domain_to_ascii(domain, &ascii, err) : 0;

	buf_release(&ascii);
	return result;
}

/* Decides on SMTPUTF8, and whether all addresses can be written without it. */
static int
check_addresses(const struct smtp *s, struct transaction *tx, struct err *err)
{
	int result = check_domain(tx->envelope->sender, err);

	for (size_t i = 0; i < tx->envelope->count && result == 0; i++)
		result = check_domain(tx->envelope->recipients[i].address, err);
	if (result < 0)
		return -1;
	tx->utf8 = needs_utf8(tx);
	if (!tx->utf8 || s->offers.smtputf8)
		return 0;
	err_set(err, ERR_ADDRESS, "an address of the message is not in ASCII, and the server cannot take it (no SMTPUTF8)");
	memcpy(err->enhanced, "5.6.7", sizeof("5.6.7"));
	return -1;
}

/* What was asked for and must not be left out in silence. */
static int
check_requests(const struct smtp *s, const struct transaction *tx, struct err *err)
{
	const struct requests *r = &tx->requests;

	/* RFC 8689 section 4.2.1: our own hop too must be TLS, and the server the one we mean. */
	if (r->require_tls && (!s->offers.requiretls || !s->stream.verified)) {
		if (s->stream.verified)
			err_set(err, ERR_SERVICE, "require_tls is set, and the server cannot promise it (no REQUIRETLS)");
		else
			err_set(err, ERR_SERVICE, "require_tls is set, and this connection is not verified TLS");
		memcpy(err->enhanced, "5.7.30", sizeof("5.7.30"));
		return -1;
	}
	if (r->deliver_by_s > 0 && r->deliver_by_return && !s->offers.deliver_by)
		return err_set(err, ERR_SERVICE, "deliver_by is set, and the server cannot promise it (no DELIVERBY)");
	if (r->hold_for_s > 0 && !s->offers.future_release)
		return err_set(err, ERR_SERVICE, "the server cannot hold the message (no FUTURERELEASE)");
	return 0;
}

/* The server may have the message: all of it is on its way, and nobody has said no. */
static bool
is_in_doubt(const struct smtp *s, const struct transaction *tx)
{
	size_t behind = s->quit ? strlen("QUIT\r\n") : 0;

	return tx->answers_due > 0 && stream_queued(&s->stream) <= behind &&
	    transaction_count(tx, OUTCOME_TRIED) + transaction_count(tx, OUTCOME_NAMED) > 0;
}

/* A turn has ended, and the session goes on: where nothing was delivered, MAIL still stands (RFC 5321 section 4.1.4). */
static int
end_turn(struct smtp *s, struct transaction *tx, struct err *err)
{
	if (s->broken || s->quit || transaction_count(tx, OUTCOME_PENDING) == 0 || tx->answers_due > 0)
		return 0;
	smtp_command(s, VERB_RSET, NULL, EVERY_RECIPIENT, "RSET");
	return smtp_ask(s, VERB_RSET, err);
}

bool
smtp_may_send(const struct smtp *s)
{
	return !s->broken && !s->quit && (s->offers.mail_max == 0 || s->mails < s->offers.mail_max);
}

int
smtp_send(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	bool last = around->last;
	int result;

	err_clear(err);
	transaction_begin_turn(tx);
	if (check_message(s, tx, err) < 0 || check_addresses(s, tx, err) < 0 || check_requests(s, tx, err) < 0) {
		smtp_place(s, VERB_MAIL, err);
		transaction_fail(tx, err);
		err_clear(err);
		return 0;
	}
	result = smtp_may_pipeline(s) ? send_pipelined(s, tx, last, err) : send_in_steps(s, tx, last, err);
	/* LMTP: one recipient was answered before the end of the content, and the others never will be. */
	if (result == 0 && tx->named > 0) {
		result = err_set(err, ERR_TEMPORARY, "the server broke off the message");
		smtp_place(s, VERB_CONTENT, err);
	}
	if (result == 0)
		result = end_turn(s, tx, err);
	if (result < 0) {
		s->broken = true;
		/* 421 is an answer, and a clear one. */
		err->in_doubt = err->reply_code != 421 && is_in_doubt(s, tx);
		transaction_fail(tx, err);
	}
	return result;
}
