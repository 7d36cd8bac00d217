/* SPDX-License-Identifier: ISC */
#include "smtp/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "smtp/wire.h"

bool
smtp_is_lmtp(const struct smtp *s)
{
	return s->server->scheme == SERVER_LMTP || s->server->scheme == SERVER_LMTP_UNIX;
}

/*
 * Microsoft's servers offer CHUNKING, but refuse good messages in it ("552 5.3.4 Header size
 * exceeds fixed maximum size") or fall silent behind it.
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

bool
smtp_chunks(const struct smtp *s)
{
	return s->offers.chunking && s->account->chunking != SETTING_NEVER &&
	    !chunks_badly(s->server->host);
}

/*
 * Points *data at the octets from c->at on: at most want, and never past the part of the message
 * they are in.
 */
static int
content_read(struct content *c, char *scratch, size_t want, const char **data, size_t *got,
    struct err *err)
{
	const struct buf *header = &c->tx->message->header;

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
	if (spool_read(&c->tx->message->body, c->at - header->len - 2, scratch, want, data, got,
		err) < 0)
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

/*
 * The replies that the content will get.  They are expected from its beginning on, for a refusal
 * may come before its end.
 */
static void
expect_answers(struct smtp *s, struct transaction *tx, enum verb verb)
{
	if (!smtp_is_lmtp(s)) {
		smtp_expect(s, verb, tx, EVERY_RECIPIENT);
		return;
	}
	for (size_t i = 0; i < tx->envelope->count; i++)
		if (tx->outcomes[i].state == OUTCOME_NAMED)
			smtp_expect(s, verb, tx, i);
}

void
content_begin(struct content *c, struct smtp *s, struct transaction *tx)
{
	bool chunked = smtp_chunks(s);
	char line[64];

	*c = (struct content){ s, tx, 0, message_size(tx->message), !chunked, true,
		tx->before_end == NULL };
	if (chunked) {
		snprintf(line, sizeof(line), "BDAT %" PRIu64 " LAST\r\n", c->size);
		stream_put(&s->stream, STREAM_TEXT, line, strlen(line));
	}
	expect_answers(s, tx, chunked ? VERB_BDAT : VERB_CONTENT);
	tx->content_unsent = true;
	s->in_content = true;
	s->window_start = clock_ms();
	s->window_octets = 0;
}

/* The last octet may go out. */
static int
allow_end(struct content *c, struct err *err)
{
	if (c->may_end)
		return 0;
	c->may_end = true;
	return c->tx->before_end(c->tx->arg, err);
}

/* Queues the next piece; with BDAT the last octet of the last one is the content's end. */
static int
queue_piece(struct content *c, size_t want, struct err *err)
{
	if (!c->stuff && c->size - c->at <= want && allow_end(c, err) < 0)
		return -1;
	return content_queue(c, want, err);
}

int
content_queue_all(struct content *c, struct err *err)
{
	while (c->at < c->size)
		if (queue_piece(c, STREAM_PIECE, err) < 0)
			return -1;
	return 0;
}

int
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
		if (queue_piece(c, STREAM_PIECE - queued, err) < 0)
			return -1;
	}
	return 0;
}

int
content_end(struct content *c, struct err *err)
{
	struct stream *stream = &c->smtp->stream;
	struct transaction *tx = c->tx;

	if (allow_end(c, err) < 0)
		return -1;
	if (c->stuff)
		stream_put(stream, STREAM_TEXT, ".\r\n", 3);
	tx->ends_at = stream->put_total;
	tx->content_unsent = false;
	tx->answers_due = smtp_is_lmtp(c->smtp) ? tx->named : 1;
	return 0;
}

int
content_send_none(struct smtp *s, struct transaction *tx, struct err *err)
{
	/* An LMTP server answers for each recipient, and there is none. */
	if (!smtp_is_lmtp(s))
		smtp_expect(s, VERB_CONTENT, tx, EVERY_RECIPIENT);
	stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
	return smtp_exchange(s, 0, 0, err);
}
