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

static void handle_mail(struct smtp *s, const struct expected *e);
static void handle_rcpt(struct smtp *s, const struct expected *e);
static void handle_data(struct smtp *s, const struct expected *e);
static void handle_content(struct smtp *s, const struct expected *e);

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
	[VERB_MAIL] = { "the sender", "giving the sender", 300, 250, ERR_SERVICE, handle_mail },
	[VERB_RCPT] = { "the recipient", "giving the recipients", 300, 250, ERR_REFUSED,
	    handle_rcpt },
	[VERB_DATA] = { "the message", "announcing the message", 120, 354, ERR_REFUSED,
	    handle_data },
	[VERB_BDAT] = { "the message", "sending the message", 600, 250, ERR_REFUSED,
	    handle_content },
	[VERB_CONTENT] = { "the message", "sending the message", 600, 250, ERR_REFUSED,
	    handle_content },
	[VERB_RSET] = { "RSET", "starting anew", 120, 250, ERR_PROTOCOL, NULL },
	[VERB_QUIT] = { "QUIT", "saying goodbye", 2, 221, ERR_PROTOCOL, NULL },
};

bool
smtp_may_pipeline(const struct smtp *s)
{
	return s->offers.pipelining && s->account->pipelining != SETTING_NEVER;
}

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

/*
 * The message before an announced one failed, and the server keeps its MAIL: that is no word about
 * the one that follows.
 */
static bool
is_nested(const struct smtp *s, const struct transaction *tx)
{
	char enhanced[12] = "";

	reply_enhanced(&s->reply, enhanced);
	return tx->announced && (s->reply.code == 503 || strcmp(enhanced, "5.5.1") == 0);
}

static void
handle_mail(struct smtp *s, const struct expected *e)
{
	struct err err;

	s->mail_stands = true;
	if (reply_class(&s->reply) == 2)
		return;
	e->tx->mail_refused = true;
	if (is_nested(s, e->tx)) {
		e->tx->nested = true;
		return;
	}
	err_init(&err);
	smtp_refused(s, VERB_MAIL, &err);
	buf_addf(&err.what, ": <%s>", e->tx->envelope->sender);
	transaction_fail(e->tx, &err);
	err_release(&err);
}

/*
 * "Too many recipients" is no refusal of this one: where others were taken, it gets its turn after
 * them.
 */
static bool
is_too_many(const struct smtp *s, const struct transaction *tx)
{
	char enhanced[12] = "";

	reply_enhanced(&s->reply, enhanced);
	if (tx->named == 0 || (s->reply.code != 452 && s->reply.code != 552))
		return false;
	return enhanced[0] == '\0' || strcmp(enhanced + 1, ".5.3") == 0;
}

static void
handle_rcpt(struct smtp *s, const struct expected *e)
{
	struct outcome *outcome = &e->tx->outcomes[e->recipient];
	struct err err;

	/* Where MAIL was refused, what the server says to RCPT is of no interest. */
	if (e->tx->mail_refused)
		return;
	if (reply_class(&s->reply) == 2) {
		outcome->state = OUTCOME_NAMED;
		e->tx->named++;
		return;
	}
	if (is_too_many(s, e->tx)) {
		outcome->state = OUTCOME_PENDING;
		return;
	}
	err_init(&err);
	smtp_refused(s, VERB_RCPT, &err);
	buf_addf(&err.what, ": <%s>", e->tx->envelope->recipients[e->recipient].address);
	transaction_fail_one(e->tx, e->recipient, &err);
	err_release(&err);
}

static void
handle_data(struct smtp *s, const struct expected *e)
{
	struct err err;

	if (s->reply.code == verbs[VERB_DATA].success) {
		e->tx->data_ready = true;
		return;
	}
	/* "No valid recipients" says nothing about those whose turn is still to come. */
	if (e->tx->named == 0)
		return;
	err_init(&err);
	smtp_refused(s, VERB_DATA, &err);
	transaction_fail(e->tx, &err);
	err_release(&err);
}

/* One reply answers for all recipients; in LMTP each has its own (RFC 2033 section 4.2). */
static void
handle_content(struct smtp *s, const struct expected *e)
{
	struct transaction *tx = e->tx;
	bool early = s->stream.sent_total < tx->ends_at;
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
	if (reply_class(&s->reply) == 2 && !early) {
		buf_clear(&tx->acceptance);
		add_reply(&s->reply, &tx->acceptance);
		s->mail_stands = false;
		if (e->recipient == EVERY_RECIPIENT)
			transaction_accept(tx);
		else
			transaction_accept_one(tx, e->recipient);
		return;
	}
	err_init(&err);
	smtp_refused(s, e->verb, &err);
	if (e->recipient != EVERY_RECIPIENT)
		buf_addf(&err.what, " for <%s>", tx->envelope->recipients[e->recipient].address);
	/* Accepted before its end: what the server has of it, nobody knows. */
	err.in_doubt = reply_class(&s->reply) == 2;
	s->broken = s->broken || err.in_doubt;
	if (e->recipient == EVERY_RECIPIENT)
		transaction_break(tx, &err, err.in_doubt);
	else
		transaction_fail_one(tx, e->recipient, &err);
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

/* 421: the server closes, whatever was asked. */
static int
server_closes(const struct smtp *s, enum verb verb, struct err *err)
{
	smtp_refused(s, verb, err);
	buf_clear(&err->what);
	buf_addf(&err->what, "the server closes the connection, while %s", verbs[verb].gerund);
	return -1;
}

/* A server that leaves us has not spoken of a message whose turn has not come. */
static bool
is_for_handler(const struct smtp *s, const struct expected *e)
{
	return verbs[e->verb].handle != NULL &&
	    (s->reply.code != 421 || e->tx == NULL || !e->tx->announced);
}

/* A reply is complete: its verb's handler gets it. */
static int
take_reply(struct smtp *s, struct err *err)
{
	struct expected e = s->fifo[s->first++];

	s->due--;
	if (s->due == 0)
		s->first = 0;
	s->progress = clock_ms();
	if (is_for_handler(s, &e))
		verbs[e.verb].handle(s, &e);
	if (s->reply.code == 421 && e.verb != VERB_QUIT) {
		s->closer = e.tx;
		return server_closes(s, e.verb, err);
	}
	return 0;
}

/*
 * Until when an exchange goes on: until that message is answered; without one, until little enough
 * is left.
 */
struct goal {
	size_t queued, due;
	const struct transaction *answered;
};

static bool
is_answered(const struct goal *goal)
{
	return goal->answered != NULL && goal->answered->answers_due == 0;
}

static bool
is_reached(const struct smtp *s, const struct goal *goal)
{
	if (goal->answered != NULL)
		return is_answered(goal);
	return stream_queued(&s->stream) <= goal->queued && s->due <= goal->due;
}

/*
 * Takes the replies that have come, as long as any is due: what follows them stays for who asks
 * next.
 */
static int
take_replies(struct smtp *s, const struct goal *goal, struct err *err)
{
	struct span line;

	while (s->due > 0 && !is_answered(goal) && stream_take_line(&s->stream, &line)) {
		if (s->reply.complete)
			reply_clear(&s->reply);
		if (reply_add_line(&s->reply, line, err) < 0)
			return -1;
		if (s->reply.complete && take_reply(s, err) < 0)
			return -1;
	}
	if (stream_line_too_long(&s->stream))
		return err_set(err, ERR_PROTOCOL,
		    "the server's answer has a line of more than %d octets", REPLY_LINE_MAX);
	return 0;
}

/* The verb whose reply is due next: what goes on right now. */
static enum verb
current_verb(const struct smtp *s)
{
	return s->due > 0 ? s->fifo[s->first].verb : VERB_QUIT;
}

/* The server has a whole content to think about: what we have to say behind it can wait. */
static bool
is_answer_next(const struct smtp *s)
{
	enum verb verb = current_verb(s);

	return (verb == VERB_BDAT || verb == VERB_CONTENT) &&
	    s->stream.sent_total >= s->fifo[s->first].tx->ends_at;
}

/* Until when the present step may take. */
static int64_t
step_deadline(const struct smtp *s)
{
	int64_t limit = (int64_t)verbs[current_verb(s)].limit_s * 1000;
	bool sending = stream_queued(&s->stream) > 0 && !is_answer_next(s);

	if (s->in_content && sending)
		return s->window_start +
		    (s->account->timeout_ms < WINDOW_MS ? s->account->timeout_ms : WINDOW_MS);
	if (sending)
		limit = WRITE_STALL_MS;
	limit += s->progress;
	return s->in_content ? limit : deadline_min(limit, s->deadline);
}

/* A window has ended: too slow, or on to the next. */
static bool
window_too_slow(struct smtp *s)
{
	int64_t now = clock_ms(), span = now - s->window_start;
	bool slow = s->window_octets < (uint64_t)(span / 1000) * CONTENT_RATE ||
	    s->window_octets == 0;

	s->window_start = now;
	s->window_octets = 0;
	return slow;
}

static int
wait_for_server(struct smtp *s, struct err *err)
{
	bool sending = stream_queued(&s->stream) > 0;
	int result = stream_wait(&s->stream, STREAM_READABLE | (sending ? STREAM_WRITABLE : 0),
	    step_deadline(s), err);

	if (result == 0 || err->kind != ERR_TIMEOUT)
		return result;
	if (!sending || !s->in_content || is_answer_next(s))
		return err_set(err, ERR_TIMEOUT, "no answer in time, while %s",
		    verbs[current_verb(s)].gerund);
	if (window_too_slow(s))
		return err_set(err, ERR_TIMEOUT, "the server takes the message too slowly");
	err_clear(err);
	return 0;
}

static int
send_queued(struct smtp *s, struct err *err)
{
	size_t before = stream_queued(&s->stream);
	enum stream_result result;

	if (before == 0)
		return 0;
	result = stream_flush(&s->stream, err);
	if (stream_queued(&s->stream) < before) {
		s->progress = clock_ms();
		s->window_octets += before - stream_queued(&s->stream);
		s->unread_octets += before - stream_queued(&s->stream);
	}
	return result == STREAM_FAILED ? -1 : 0;
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

/* Reads once.  1: something came; 0: nothing there; -1: failed. */
static int
read_replies(struct smtp *s, const struct goal *goal, struct err *err)
{
	enum stream_result result = stream_fill(&s->stream, err);

	if (result == STREAM_FAILED || take_replies(s, goal, err) < 0)
		return -1;
	if (result == STREAM_END && s->due > 0 && !is_answered(goal))
		return connection_lost(s, err);
	return result == STREAM_OK ? 1 : 0;
}

/*
 * Takes the replies that were read; and, where a server takes content without ever making us wait,
 * reads now and then.
 */
static int
look_for_replies(struct smtp *s, const struct goal *goal, struct err *err)
{
	if (!s->in_content || s->unread_octets < LOOK_EVERY)
		return take_replies(s, goal, err);
	s->unread_octets = 0;
	return read_replies(s, goal, err) < 0 ? -1 : 0;
}

/*
 * Sending failed.  A server that drops us often has said why, in a reply or (TLS 1.3: no client
 * certificate) an alert: that is worth more than "broken pipe".
 */
static int
read_last_words(struct smtp *s, struct err *err)
{
	const struct goal all = { 0, 0, NULL };
	struct err why;
	int result;

	err_init(&why);
	do
		result = read_replies(s, &all, &why);
	while (result > 0 && s->due > 0);
	if (result < 0 && (why.reply_code != 0 || why.kind == ERR_TLS))
		err_move(err, &why);
	err_release(&why);
	return -1;
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
exchange(struct smtp *s, const struct goal *goal, struct err *err)
{
	bool in_content = s->in_content;

	if (s->unasked)
		return refuse_unasked(s, err);
	for (;;) {
		if (send_queued(s, err) < 0)
			return err->kind == ERR_LOST ? read_last_words(s, err) : -1;
		if (look_for_replies(s, goal, err) < 0)
			return -1;
		if (is_reached(s, goal))
			return 0;
		/* The content was answered before its end: no use to go on sending it. */
		if (in_content && !s->in_content)
			return 0;
		if (wait_for_server(s, err) < 0 || read_replies(s, goal, err) < 0)
			return -1;
		/* Whether more can be sent is not asked any more. */
		if (is_answered(goal))
			return 0;
	}
}

static int
pursue(struct smtp *s, const struct goal *goal, struct err *err)
{
	enum verb verb = current_verb(s);

	err_clear(err);
	s->progress = clock_ms();
	if (exchange(s, goal, err) == 0)
		return 0;
	s->broken = true;
	smtp_place(s, s->due > 0 ? current_verb(s) : verb, err);
	return -1;
}

int
smtp_exchange(struct smtp *s, size_t queued, size_t due, struct err *err)
{
	return pursue(s, &(struct goal){ queued, due, NULL }, err);
}

int
smtp_exchange_to_answer(struct smtp *s, const struct transaction *tx, struct err *err)
{
	return pursue(s, &(struct goal){ 0, 0, tx }, err);
}

int
smtp_ask(struct smtp *s, enum verb verb, struct err *err)
{
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	return s->reply.code == verbs[verb].success ? 0 : smtp_refused(s, verb, err);
}
