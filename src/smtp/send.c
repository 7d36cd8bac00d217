/* SPDX-License-Identifier: ISC */
/*
 * One message over an open session, in as few flights as the server allows:
 *
 *   PIPELINING and CHUNKING   MAIL RCPT… BDAT content QUIT | (content over SMALL_CONTENT: MAIL RCPT… | BDAT content QUIT)
 *   PIPELINING                MAIL RCPT… DATA | content . QUIT
 *   neither                   one command at a time, and nothing ahead of a reply
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
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
use_chunking(const struct smtp *s)
{
	return s->offers.chunking && s->account->chunking != SETTING_NEVER;
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

static void
content_end(struct transaction *tx)
{
	tx->content_unsent = false;
	tx->content_due = true;
}

static void
queue_quit(struct smtp *s, bool last)
{
	if (!last || !smtp_may_pipeline(s))
		return;
	smtp_command(s, VERB_QUIT, NULL, 0, "QUIT");
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

	smtp_command(s, VERB_BDAT, tx, 0, "BDAT %" PRIu64 " LAST", message_size(tx->message));
	content_begin(&content, s, tx, false);
	if (content_send(&content, err) < 0)
		return -1;
	if (s->in_content) {
		content_end(tx);
		queue_quit(s, last);
	}
	return finish_content(s, tx, began, err);
}

static int
send_data(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	int64_t began = clock_ms();
	struct content content;

	smtp_expect(s, VERB_CONTENT, tx, 0);
	content_begin(&content, s, tx, true);
	if (content_send(&content, err) < 0)
		return -1;
	if (s->in_content) {
		stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
		content_end(tx);
		queue_quit(s, last);
	}
	return finish_content(s, tx, began, err);
}

/* 354 although nobody is left to get the message: end it at once (RFC 2920 section 3.1). */
static int
send_nothing(struct smtp *s, struct transaction *tx, struct err *err)
{
	smtp_expect(s, VERB_CONTENT, tx, 0);
	stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
	return smtp_exchange(s, 0, 0, err);
}

static void
queue_mail(struct smtp *s, struct transaction *tx)
{
	const struct message *m = tx->message;
	const struct envelope *e = tx->envelope;
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);

	buf_addf(&line, "MAIL FROM:<%s>", e->sender);
	if (s->offers.size)
		buf_addf(&line, " SIZE=%" PRIu64, message_size(m));
	if (s->offers.eightbitmime && (m->header_8bit || m->body_8bit))
		buf_adds(&line, " BODY=8BITMIME");
	if (s->offers.dsn && e->ret != RETURN_DEFAULT)
		buf_addf(&line, " RET=%s", e->ret == RETURN_FULL ? "FULL" : "HDRS");
	if (s->offers.dsn && e->envid != NULL)
		buf_addf(&line, " ENVID=%s", e->envid);
	smtp_command(s, VERB_MAIL, tx, 0, "%s", line.data);
	buf_release(&line);
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

static void
queue_rcpt(struct smtp *s, struct transaction *tx, size_t recipient)
{
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);

	buf_addf(&line, "RCPT TO:<%s>", tx->envelope->recipients[recipient].address);
	if (s->offers.dsn)
		add_notify(&line, tx->envelope->notify);
	smtp_command(s, VERB_RCPT, tx, recipient, "%s", line.data);
	buf_release(&line);
}

/* MAIL and all RCPT, without waiting for the replies; a long list is sent on as it grows. */
static int
queue_envelope(struct smtp *s, struct transaction *tx, struct err *err)
{
	queue_mail(s, tx);
	for (size_t i = 0; i < tx->envelope->count; i++) {
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
	smtp_command(s, VERB_BDAT, tx, 0, "BDAT %" PRIu64 " LAST", message_size(tx->message));
	content_begin(&content, s, tx, false);
	s->in_content = false;
	while (content.at < content.size)
		if (content_queue(&content, STREAM_PIECE, err) < 0)
			return -1;
	content_end(tx);
	queue_quit(s, last);
	return smtp_exchange(s, 0, due_after_content(s), err);
}

static int
send_pipelined(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	if (use_chunking(s) && message_size(tx->message) <= SMALL_CONTENT)
		return send_in_one(s, tx, last, err);
	if (queue_envelope(s, tx, err) < 0)
		return -1;
	if (!use_chunking(s))
		smtp_command(s, VERB_DATA, tx, 0, "DATA");
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
	queue_mail(s, tx);
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	for (size_t i = 0; i < tx->envelope->count && !tx->mail_refused; i++) {
		queue_rcpt(s, tx, i);
		if (smtp_exchange(s, 0, 0, err) < 0)
			return -1;
	}
	if (tx->named == 0)
		return 0;
	if (use_chunking(s))
		return send_bdat(s, tx, last, err);
	smtp_command(s, VERB_DATA, tx, 0, "DATA");
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

static int
check_utf8(const struct transaction *tx, struct err *err)
{
	const struct envelope *e = tx->envelope;
	const char *address = e->sender_needs_utf8 ? e->sender : NULL;

	for (size_t i = 0; i < e->count && address == NULL; i++)
		if (e->recipients[i].needs_utf8)
			address = e->recipients[i].address;
	if (address == NULL)
		return 0;
	return err_set(err, ERR_ADDRESS, "%s is not in ASCII, which this version cannot send", address);
}

/* The server may have the message: all of it is on its way, and nobody has said no. */
static bool
is_in_doubt(const struct smtp *s, const struct transaction *tx)
{
	size_t behind = s->quit ? strlen("QUIT\r\n") : 0;

	return tx->content_due && stream_queued(&s->stream) <= behind &&
	    transaction_count(tx, OUTCOME_FAILED) < tx->envelope->count;
}

int
smtp_send(struct smtp *s, struct transaction *tx, bool last, struct err *err)
{
	int result;

	err_clear(err);
	if (check_message(s, tx, err) < 0 || check_utf8(tx, err) < 0) {
		smtp_place(s, VERB_MAIL, err);
		transaction_fail(tx, err);
		err_clear(err);
		return 0;
	}
	result = smtp_may_pipeline(s) ? send_pipelined(s, tx, last, err) : send_in_steps(s, tx, last, err);
	if (result < 0) {
		s->broken = true;
		/* 421 is an answer, and a clear one. */
		err->in_doubt = err->reply_code != 421 && is_in_doubt(s, tx);
		transaction_fail(tx, err);
	}
	return result;
}
