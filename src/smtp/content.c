/* SPDX-License-Identifier: ISC */
#include "smtp/content.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "smtp/wire.h"

/*
 * Octets of a large content that are read back and queued at a time: several TLS records, or one
 * write without TLS.
 */
enum { CONTENT_PIECE = 4 * STREAM_PIECE };

/*
 * Points *data at the octets of the content from `at` on: at most want, and never past the part of
 * the message they are in: its header, the empty line, or its body, which may be read to scratch.
 */
static int
read_part(const struct message *m, uint64_t at, char *scratch, size_t want, const char **data,
    size_t *got, struct err *err)
{
	size_t begin = m->header.len;

	if (at < begin + 2) {
		bool in_header = at < begin;
		size_t left = (in_header ? begin : begin + 2) - (size_t)at;

		*data = in_header ? m->header.data + at : &"\r\n"[at - begin];
		*got = left < want ? left : want;
		return 0;
	}
	if (spool_read(&m->body, at - begin - 2, scratch, want, data, got, err) < 0)
		return -1;
	return *got > 0 ? 0 : err_set(err, ERR_IO, "the stored message is shorter than it was");
}

/*
 * Copies len octets to `to`, which has room for twice as many, with each dot at the start of a line
 * doubled (RFC 5321 section 4.5.2).  Returns how many they are now.
 */
static size_t
stuff(char *to, const char *data, size_t len, bool *line_start)
{
	const char *end = data + len, *from = data;
	size_t out = 0;

	for (const char *dot = from; (dot = memchr(dot, '.', (size_t)(end - dot))) != NULL; dot++) {
		if (dot == data ? !*line_start : dot[-1] != '\n')
			continue;
		memcpy(to + out, from, (size_t)(dot - from));
		out += (size_t)(dot - from);
		to[out++] = '.';
		from = dot;
	}
	memcpy(to + out, from, (size_t)(end - from));
	if (len > 0)
		*line_start = end[-1] == '\n';
	return out + (size_t)(end - from);
}

/* Queues up to `want` more octets of the content from *at on; read into place where it can be. */
static int
queue_piece(struct smtp *s, const struct message *m, bool dotted, uint64_t *at, size_t want,
    bool *line_start, struct err *err)
{
	char scratch[CONTENT_PIECE];
	char *place = stream_reserve(&s->stream, dotted ? 2 * want : want);
	const char *data = NULL;
	size_t got = 0;

	if (place == NULL)
		return err_memory(err);
	if (read_part(m, *at, dotted ? scratch : place, want, &data, &got, err) < 0)
		return -1;
	*at += got;
	if (dotted)
		got = stuff(place, data, got, line_start);
	else if (data != place)
		memcpy(place, data, got);
	stream_commit_content(&s->stream, got);
	return 0;
}

int
content_send(struct smtp *s, struct transaction *tx, struct err *err)
{
	const uint64_t size = message_size(tx->message);
	const bool dotted = !s->offers.chunking;
	const enum verb verb = dotted ? VERB_CONTENT : VERB_BDAT;
	bool watched = s->in_content, line_start = true, may_end = tx->before_end == NULL;
	char line[64];

	if (!dotted) {
		snprintf(line, sizeof(line), "BDAT %" PRIu64 " LAST\r\n", size);
		stream_put(&s->stream, STREAM_TEXT, line, strlen(line));
	}
	/* Expected from its beginning on, for a refusal may come before its end. */
	if (!s->settings.lmtp)
		smtp_expect(s, verb, tx, EVERY_RECIPIENT);
	for (size_t i = 0; s->settings.lmtp && i < tx->envelope->count; i++)
		if (tx->outcomes[i].state == OUTCOME_NAMED)
			smtp_expect(s, verb, tx, i);
	tx->content_unsent = true;
	s->window_start = clock_ms();
	s->window_octets = 0;
	for (uint64_t at = 0; at < size;) {
		size_t queued = watched ? stream_queued(&s->stream) : 0, want;

		if (queued >= CONTENT_PIECE) {
			if (smtp_exchange(s, UNTIL_SENT, err) < 0)
				return -1;
			if (!s->in_content)
				return 0;
			continue;
		}
		want = CONTENT_PIECE - queued;
		/* Whether the end may go out is not asked long before it does. */
		if (size - at > STREAM_PIECE && size - at - STREAM_PIECE < want)
			want = (size_t)(size - at - STREAM_PIECE);
		/* With BDAT the last octet of the last piece is the content's end. */
		if (!dotted && !may_end && size - at <= want) {
			may_end = true;
			if (tx->before_end(tx->arg, err) < 0)
				return -1;
		}
		if (queue_piece(s, tx->message, dotted, &at, want, &line_start, err) < 0)
			return -1;
	}
	if (!may_end && tx->before_end(tx->arg, err) < 0)
		return -1;
	if (dotted)
		stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
	tx->ends_at = s->stream.put_total;
	tx->content_unsent = false;
	tx->answers_due = s->settings.lmtp ? tx->named : 1;
	return 0;
}

int
content_send_none(struct smtp *s, struct transaction *tx, struct err *err)
{
	/* An LMTP server answers for each recipient, and there is none. */
	if (!s->settings.lmtp)
		smtp_expect(s, VERB_CONTENT, tx, EVERY_RECIPIENT);
	stream_put(&s->stream, STREAM_TEXT, ".\r\n", 3);
	return smtp_exchange(s, UNTIL_REPLIED, err);
}
