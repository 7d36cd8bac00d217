/* SPDX-License-Identifier: ISC */
#include "smtp/wire.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "smtp/hints.h"

enum {
	WRITE_STALL_MS = 180 * 1000, /* commands that the server does not take (RFC 5321
					section 4.5.3.2.5) */
	WINDOW_MS = 60 * 1000,       /* content must move at CONTENT_RATE over any such span */
	CONTENT_RATE = 1024,         /* octets a second */
	LOOK_EVERY = 256 * 1024, /* octets of content after which an early reply is looked for */
};

static void take_mail(struct smtp *s, const struct expected *e);
static void take_rcpt(struct smtp *s, const struct expected *e);
static void take_data(struct smtp *s, const struct expected *e);
static void take_content(struct smtp *s, const struct expected *e);

/*
 * One row a verb.  Time limits are RFC 5321 section 4.5.3.2's, and as near to them where it has
 * none; the greeting's is shorter than its five minutes because a port that waits for TLS never
 * greets.
 */
static const struct verb_row {
	const char *noun;        /* "the server refused …" */
	const char *gerund;      /* "…, while …" */
	int limit_s;             /* how long its reply may take */
	int success;             /* code of the reply that means it worked */
	enum err_kind permanent; /* what a 5yz reply to it means */
	void (*handle)(struct smtp *s, const struct expected *e); /* NULL: the caller reads s->reply
								   */
} verbs[VERBS] = {
	[VERB_GREETING] = { "the connection", "waiting for the greeting", 60, 220, ERR_SERVICE,
	    NULL },
	[VERB_EHLO] = { "our greeting", "greeting the server", 300, 250, ERR_SERVICE, NULL },
	[VERB_STARTTLS] = { "STARTTLS", "asking for TLS", 120, 220, ERR_TLS, NULL },
	[VERB_AUTH] = { "the login", "logging in", 300, 235, ERR_LOGIN, NULL },
	[VERB_AUTH_STEP] = { "the login", "logging in", 300, 235, ERR_LOGIN, NULL },
	[VERB_MAIL] = { "the sender", "giving the sender", 300, 250, ERR_SERVICE, take_mail },
	[VERB_RCPT] = { "the recipient", "giving the recipients", 300, 250, ERR_REFUSED,
	    take_rcpt },
	[VERB_DATA] = { "the message", "announcing the message", 120, 354, ERR_REFUSED, take_data },
	[VERB_BDAT] = { "the message", "sending the message", 600, 250, ERR_REFUSED, take_content },
	[VERB_CONTENT] = { "the message", "sending the message", 600, 250, ERR_REFUSED,
	    take_content },
	[VERB_RSET] = { "RSET", "starting anew", 120, 250, ERR_PROTOCOL, NULL },
	[VERB_QUIT] = { "QUIT", "saying goodbye", 2, 221, ERR_PROTOCOL, NULL },
};

void
smtp_place(const struct smtp *s, enum verb verb, struct err *err)
{
	buf_clear(&err->peer);
	buf_add(&err->peer, s->stream.peer.data, s->stream.peer.len);
	if (err->stage == NULL)
		err->stage = verbs[verb].gerund;
}

/*
 * 552 means "too many recipients" at RCPT (RFC 5321 section 4.5.3.1.10); 530 and 538 want a login
 * at any stage.
 */
static enum err_kind
refusal_kind(const struct reply *reply, enum verb verb, const char *enhanced)
{
	int code = reply->code;

	if (reply_class(reply) == 4 || (verb == VERB_RCPT && code == 552))
		return ERR_TEMPORARY;
	if (reply_class(reply) != 5)
		return ERR_PROTOCOL;
	if (code == 530 || code == 538)
		return ERR_LOGIN;
	if (verb == VERB_RCPT &&
	    (code == 550 || code == 551 || code == 553 || strcmp(enhanced, "5.1.1") == 0))
		return ERR_RECIPIENT_UNKNOWN;
	return verbs[verb].permanent;
}

static void
add_reply(const struct reply *reply, struct buf *out)
{
	struct span rest = { reply->text.data, reply->text.len }, line;

	do {
		line = span_cut(&rest, '\n');
		buf_addf(out, "%s%d ", out->len > 0 ? "\n" : "", reply->code);
		text_printable(out, line, false);
	} while (rest.len > 0 && buf_ok(out));
}

int
smtp_refused(const struct smtp *s, enum verb verb, struct err *err)
{
	const struct reply *reply = &s->reply;
	char enhanced[12] = "";
	enum err_kind kind;
	const char *hint;

	reply_enhanced(reply, enhanced);
	kind = refusal_kind(reply, verb, enhanced);
	if (kind == ERR_PROTOCOL && reply_class(reply) != 5)
		err_set(err, kind, "an answer that does not fit, while %s", verbs[verb].gerund);
	else
		err_set(err, kind, "the server refused %s%s", verbs[verb].noun,
		    kind == ERR_TEMPORARY ? " for now" : "");
	err->reply_code = reply->code;
	memcpy(err->enhanced, enhanced, sizeof(err->enhanced));
	add_reply(reply, &err->reply);
	smtp_place(s, verb, err);
	hint = hint_for_reply(reply->code, enhanced,
	    (struct span){ reply->text.data, reply->text.len });
	return hint != NULL ? err_hint(err, "%s", hint) : -1;
}

/* Gives every recipient that has no outcome the refusal of what the verb was for. */
static void
fail_all(struct smtp *s, enum verb verb, struct transaction *tx, const char *sender)
{
	struct err err;

	err_init(&err);
	smtp_refused(s, verb, &err);
	if (sender != NULL)
		buf_addf(&err.what, ": <%s>", sender);
	transaction_fail(tx, &err);
	err_release(&err);
}

static void
take_mail(struct smtp *s, const struct expected *e)
{
	struct transaction *tx = e->tx;
	char enhanced[12] = "";

	s->mail_stands = true;
	if (reply_class(&s->reply) == 2)
		return;
	tx->mail_refused = true;
	reply_enhanced(&s->reply, enhanced);
	/*
	 * The message before an announced one failed, and the server keeps its MAIL: that is no
	 * word about the one that follows.
	 */
	tx->nested = tx->announced && (s->reply.code == 503 || strcmp(enhanced, "5.5.1") == 0);
	if (!tx->nested)
		fail_all(s, VERB_MAIL, tx, tx->envelope->sender);
}

static void
take_rcpt(struct smtp *s, const struct expected *e)
{
	struct transaction *tx = e->tx;
	struct outcome *outcome = &tx->outcomes[e->recipient];
	char enhanced[12] = "";
	struct err err;

	/* Where MAIL was refused, what the server says to RCPT is of no interest. */
	if (tx->mail_refused)
		return;
	if (reply_class(&s->reply) == 2) {
		outcome->state = OUTCOME_NAMED;
		tx->named++;
		return;
	}
	/*
	 * "Too many recipients" is no refusal of this one: where others were taken, it gets its
	 * turn after them.
	 */
	reply_enhanced(&s->reply, enhanced);
	if (tx->named > 0 && (s->reply.code == 452 || s->reply.code == 552) &&
	    (enhanced[0] == '\0' || strcmp(enhanced + 1, ".5.3") == 0)) {
		outcome->state = OUTCOME_PENDING;
		return;
	}
	err_init(&err);
	smtp_refused(s, VERB_RCPT, &err);
	buf_addf(&err.what, ": <%s>", tx->envelope->recipients[e->recipient].address);
	transaction_fail_one(tx, e->recipient, &err);
	err_release(&err);
}

static void
take_data(struct smtp *s, const struct expected *e)
{
	if (s->reply.code == verbs[VERB_DATA].success)
		e->tx->data_ready = true;
	/* "No valid recipients" says nothing about those whose turn is still to come. */
	else if (e->tx->named > 0)
		fail_all(s, VERB_DATA, e->tx, NULL);
}

/* One reply answers for all recipients; in LMTP each has its own (RFC 2033 section 4.2). */
static void
take_content(struct smtp *s, const struct expected *e)
{
	struct transaction *tx = e->tx;
	bool positive = reply_class(&s->reply) == 2, all = e->recipient == EVERY_RECIPIENT;
	struct err err;

	if (tx->answers_due > 0)
		tx->answers_due--;
	if (tx->answers_due == 0)
		s->in_content = false;
	/*
	 * Nobody was to get it: "no valid recipients" says nothing about those whose turn is still
	 * to come.
	 */
	if (tx->named == 0)
		return;
	if (positive && s->stream.sent_total >= tx->ends_at) {
		s->mail_stands = false;
		buf_clear(&tx->acceptance);
		add_reply(&s->reply, &tx->acceptance);
		if (all)
			transaction_accept(tx);
		else
			transaction_accept_one(tx, e->recipient);
		return;
	}
	err_init(&err);
	smtp_refused(s, e->verb, &err);
	/* Accepted before its end: what the server has of it, nobody knows. */
	err.in_doubt = positive;
	s->broken = s->broken || positive;
	if (all) {
		transaction_break(tx, &err, positive);
	} else {
		buf_addf(&err.what, " for <%s>", tx->envelope->recipients[e->recipient].address);
		transaction_fail_one(tx, e->recipient, &err);
	}
	err_release(&err);
}

/* Makes room for one more reply at the end of the fifo. */
static bool
fifo_grow(struct smtp *s)
{
	size_t cap = s->fifo_cap > 0 ? s->fifo_cap * 2 : 16;
	struct expected *fifo;

	if (s->first + s->due < s->fifo_cap)
		return true;
	if (s->first > s->due) {
		memmove(s->fifo, s->fifo + s->first, s->due * sizeof(*s->fifo));
		s->first = 0;
		return true;
	}
	fifo = realloc(s->fifo, cap * sizeof(*fifo));
	if (fifo == NULL)
		return false;
	s->fifo = fifo;
	s->fifo_cap = cap;
	return true;
}

void
smtp_expect(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient)
{
	if (!fifo_grow(s)) {
		/* Seen by stream_flush(), like any other lack of memory on the way out. */
		s->stream.out.failed = true;
		return;
	}
	if (s->due == 0 && verb != VERB_GREETING)
		s->unasked = stream_has_input(&s->stream);
	s->fifo[s->first + s->due++] = (struct expected){ verb, tx, recipient };
}

void
smtp_line(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient,
    struct buf *line)
{
	buf_add(line, "\r\n", 2);
	if (!buf_ok(line))
		s->stream.out.failed = true;
	stream_put(&s->stream, STREAM_TEXT, line->data, line->len);
	smtp_expect(s, verb, tx, recipient);
}

void
smtp_command(struct smtp *s, enum verb verb, struct transaction *tx, size_t recipient,
    const char *fmt, ...)
{
	struct buf line = BUF_INIT(STREAM_INPUT_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_addv(&line, fmt, ap);
	va_end(ap);
	smtp_line(s, verb, tx, recipient, &line);
	buf_release(&line);
}

/* The verb whose reply is due next: what goes on right now. */
static enum verb
current_verb(const struct smtp *s)
{
	return s->due > 0 ? s->fifo[s->first].verb : VERB_QUIT;
}

/* 421: the server closes, whatever was asked. */
static int
server_closes(const struct smtp *s, enum verb verb, struct err *err)
{
	smtp_refused(s, verb, err);
	buf_clear(&err->what);
	buf_addf(&err->what, "the server closes the connection, while %s", verbs[verb].gerund);
	return -1;
}

/*
 * Takes the replies that were read, as long as any is due and wanted: what follows them stays for
 * who asks next.
 */
static int
take_replies(struct smtp *s, enum until until, struct err *err)
{
	struct span line;

	while (s->due > 0 && !(until == UNTIL_ANSWERED && s->tx->answers_due == 0) &&
	    stream_take_line(&s->stream, &line)) {
		struct expected e = s->fifo[s->first];
		bool closes;

		if (s->reply.complete)
			reply_clear(&s->reply);
		if (reply_add_line(&s->reply, line, err) < 0)
			return -1;
		if (!s->reply.complete)
			continue;
		s->due--;
		s->first = s->due > 0 ? s->first + 1 : 0;
		s->progress = clock_ms();
		closes = s->reply.code == 421;
		/* A server that leaves us has not spoken of a message whose turn has not come. */
		if (verbs[e.verb].handle != NULL && !(closes && e.tx->announced))
			verbs[e.verb].handle(s, &e);
		if (closes && e.verb != VERB_QUIT)
			return server_closes(s, e.verb, err);
	}
	if (stream_line_too_long(&s->stream))
		return err_set(err, ERR_PROTOCOL,
		    "the server's answer has a line of more than %d octets", REPLY_LINE_MAX);
	return 0;
}

/*
 * What was unread before a flight began is a reply too many, which would be taken for the first one
 * of the flight.
 */
static int
refuse_unasked(struct smtp *s, struct err *err)
{
	struct span line;

	err_set(err, ERR_PROTOCOL, "the server answers what nobody asked");
	if (!stream_take_line(&s->stream, &line))
		return -1;
	reply_clear(&s->reply);
	if (reply_add_line(&s->reply, line, err) < 0)
		return -1;
	if (s->reply.code == 421)
		return server_closes(s, current_verb(s), err);
	add_reply(&s->reply, &err->reply);
	return -1;
}

static int
connection_lost(const struct smtp *s, struct err *err)
{
	if (current_verb(s) == VERB_GREETING && s->reply.code == 0)
		return err_set(err, ERR_LOST,
		    "the server closed the connection without a greeting");
	return err_set(err, ERR_LOST, "the server closed the connection, while %s",
	    verbs[current_verb(s)].gerund);
}

/*
 * Sending failed.  A server that drops us often has said why, in a reply or (TLS 1.3: no client
 * certificate) an alert: that is worth more than "broken pipe".
 */
static int
read_last_words(struct smtp *s, struct err *err)
{
	enum stream_result result = STREAM_OK;
	struct err why;

	err_init(&why);
	while (result == STREAM_OK && s->due > 0) {
		result = stream_fill(&s->stream, &why);
		if (result != STREAM_FAILED && take_replies(s, UNTIL_REPLIED, &why) < 0)
			result = STREAM_FAILED;
	}
	if (result == STREAM_FAILED && (why.reply_code != 0 || why.kind == ERR_TLS))
		err_move(err, &why);
	err_release(&why);
	return -1;
}

/* Waits for the server to speak, or to take more, as long as the present step may take. */
static int
wait_for_server(struct smtp *s, struct err *err)
{
	int64_t timeout_ms = s->settings.timeout_ms, now, deadline;
	bool queued = stream_queued(&s->stream) > 0, sending = queued;
	enum verb verb = current_verb(s);

	/* With a whole content to think about: what we have to say behind it can wait. */
	if ((verb == VERB_BDAT || verb == VERB_CONTENT) &&
	    s->stream.sent_total >= s->fifo[s->first].tx->ends_at)
		sending = false;
	if (s->in_content && sending) {
		deadline = s->window_start +
		    (timeout_ms >= 0 && timeout_ms < WINDOW_MS ? timeout_ms : WINDOW_MS);
	} else {
		deadline = s->progress + (sending ? WRITE_STALL_MS : verbs[verb].limit_s * 1000);
		if (!s->in_content)
			deadline = deadline_min(deadline, s->deadline);
	}
	if (stream_wait(&s->stream, STREAM_READABLE | (queued ? STREAM_WRITABLE : 0), deadline,
		err) == 0)
		return 0;
	if (err->kind != ERR_TIMEOUT)
		return -1;
	if (!s->in_content || !sending)
		return err_set(err, ERR_TIMEOUT, "no answer in time, while %s", verbs[verb].gerund);
	now = clock_ms();
	if (s->window_octets == 0 ||
	    s->window_octets < (uint64_t)((now - s->window_start) / 1000) * CONTENT_RATE)
		return err_set(err, ERR_TIMEOUT, "the server takes the message too slowly");
	s->window_start = now;
	s->window_octets = 0;
	err_clear(err);
	return 0;
}

/* Sends as much as goes now. */
static int
send_queued(struct smtp *s, struct err *err)
{
	size_t queued = stream_queued(&s->stream), sent;
	enum stream_result result = stream_flush(&s->stream, err);

	sent = queued - stream_queued(&s->stream);
	if (sent > 0)
		s->progress = clock_ms();
	s->window_octets += sent;
	s->unread_octets += sent;
	return result == STREAM_FAILED ? -1 : 0;
}

static bool
is_reached(const struct smtp *s, enum until until)
{
	if (until == UNTIL_ANSWERED)
		return s->tx->answers_due == 0;
	return stream_queued(&s->stream) == 0 && (until == UNTIL_SENT || s->due == 0);
}

int
smtp_exchange(struct smtp *s, enum until until, struct err *err)
{
	const bool in_content = s->in_content;
	const enum verb verb = current_verb(s);
	int result;

	err_clear(err);
	s->progress = clock_ms();
	result = s->unasked ? refuse_unasked(s, err) : 0;
	/* Each time round, all that was read is taken before anything is sent or waited for. */
	while (result == 0) {
		result = take_replies(s, until, err);
		/* A content that was answered before its end is not sent any further. */
		if (result < 0 || is_reached(s, until) || (in_content && !s->in_content))
			break;
		if (s->stream.ended) {
			result = connection_lost(s, err);
		} else if (stream_queued(&s->stream) > 0 && send_queued(s, err) < 0) {
			result = err->kind == ERR_LOST ? read_last_words(s, err) : -1;
		} else if (s->in_content && s->unread_octets >= LOOK_EVERY) {
			/* A server that takes content as fast as it comes is listened to, too. */
			s->unread_octets = 0;
		} else if (is_reached(s, until)) {
			break;
		} else {
			result = wait_for_server(s, err);
		}
		if (result == 0 && stream_fill(&s->stream, err) == STREAM_FAILED)
			result = -1;
	}
	if (result < 0) {
		s->broken = true;
		smtp_place(s, s->due > 0 ? current_verb(s) : verb, err);
	}
	return result;
}

int
smtp_ask(struct smtp *s, enum verb verb, struct err *err)
{
	if (smtp_exchange(s, UNTIL_REPLIED, err) < 0)
		return -1;
	return s->reply.code == verbs[verb].success ? 0 : smtp_refused(s, verb, err);
}
