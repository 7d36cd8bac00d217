/* SPDX-License-Identifier: ISC */
/*
 * Messages over an open session, in as few flights as the server allows:
 *
 *   PIPELINING and CHUNKING   MAIL RCPT… BDAT content QUIT
 *     a content over SMALL_CONTENT   MAIL RCPT… | BDAT content QUIT
 *   PIPELINING                MAIL RCPT… DATA | content . QUIT
 *   neither                   one command at a time, and nothing ahead of a reply
 *
 * Where another message follows, its envelope stands in the place of QUIT, so that each costs one
 * round trip.  Its content does not: where MAIL fails because the message before was refused and
 * its envelope still stands, the server adds the RCPT that follow to that one, and would give both
 * the content.
 *
 * LMTP always waits for the replies to RCPT, for they tell how many will answer the content.
 */
#include "smtp/session.h"

#include <string.h>

#include "base/clock.h"
#include "format/address.h"
#include "smtp/check.h"
#include "smtp/content.h"
#include "smtp/lines.h"
#include "smtp/wire.h"

enum {
	SMALL_CONTENT = 65536, /* octets that may travel with RCPT: a larger content loses nothing
				  by waiting */
	FLIGHT_MAX = 65536,    /* octets of commands queued before they are sent on */
};

bool
smtp_may_send(const struct smtp *s)
{
	return !s->broken && !s->quit &&
	    (s->announced != NULL || s->offers.mail_max == 0 || s->mails < s->offers.mail_max);
}

/*
 * Behind the last recipient that the next turn has room for (LIMITS, RFC 9422); the envelope's
 * count where all who are pending fit.  Domains are counted as they change along the list: that may
 * count one twice, and never too few.
 */
static size_t
turn_end(const struct smtp *s, const struct transaction *tx)
{
	uint64_t recipients = 0, domains = 0;
	const char *last = NULL;
	size_t i;

	for (i = 0; i < tx->envelope->count; i++) {
		const char *domain = mailbox_domain(tx->envelope->recipients[i].address);

		if (tx->outcomes[i].state != OUTCOME_PENDING)
			continue;
		domain = domain != NULL ? domain : "";
		recipients++;
		if (last == NULL || !span_is_nocase(span_of(domain), last))
			domains++;
		if ((s->offers.rcpt_max > 0 && recipients > s->offers.rcpt_max) ||
		    (s->offers.rcpt_domain_max > 0 && domains > s->offers.rcpt_domain_max))
			break;
		last = domain;
	}
	return i;
}

/*
 * Behind each command: a server without PIPELINING is to answer it before the next; a long flight
 * is sent on as it grows.
 */
static int
step(struct smtp *s, struct err *err)
{
	if (!s->offers.pipelining)
		return smtp_exchange(s, UNTIL_REPLIED, err);
	return stream_queued(&s->stream) > FLIGHT_MAX ? smtp_exchange(s, UNTIL_SENT, err) : 0;
}

/* MAIL, all RCPT that the turn has room for, and DATA where there is no BDAT. */
static int
say_envelope(struct smtp *s, struct transaction *tx, struct err *err)
{
	size_t end = turn_end(s, tx);

	smtp_queue_mail(s, tx);
	if (step(s, err) < 0)
		return -1;
	for (size_t i = 0; i < end && !tx->mail_refused; i++) {
		if (tx->outcomes[i].state != OUTCOME_PENDING)
			continue;
		smtp_queue_rcpt(s, tx, i);
		if (step(s, err) < 0)
			return -1;
	}
	if (s->offers.chunking || (!s->offers.pipelining && tx->named == 0))
		return 0;
	smtp_command(s, VERB_DATA, tx, EVERY_RECIPIENT, "DATA");
	return step(s, err);
}

/*
 * What can travel behind the content: QUIT, or the next message's envelope; nothing where this
 * session has another turn to take for the same message.
 */
static int
queue_follower(struct smtp *s, const struct transaction *tx, const struct around *around,
    struct err *err)
{
	struct transaction *next = around->next;
	struct err ignored;
	int result;

	if (!s->offers.pipelining ||
	    (transaction_count(tx, OUTCOME_PENDING) > 0 && smtp_may_send(s)))
		return 0;
	if (around->last) {
		smtp_command(s, VERB_QUIT, NULL, EVERY_RECIPIENT, "QUIT");
		s->quit = true;
		return 0;
	}
	if (next == NULL)
		return 0;
	/* Over a session that was closed before its turn. */
	if (next->announced)
		transaction_take_back(next);
	if (!smtp_may_send(s) || transaction_count(next, OUTCOME_PENDING) == 0 ||
	    turn_end(s, next) < next->envelope->count)
		return 0;
	/* What there is to say against it is for its own turn. */
	transaction_begin_turn(next);
	err_init(&ignored);
	result = smtp_check(s, next, &ignored);
	err_release(&ignored);
	if (result < 0)
		return 0;
	next->announced = true;
	s->announced = next;
	return say_envelope(s, next, err);
}

/* The content, what follows it, and its answers.  `together`: in one flight with its envelope. */
static int
send_content(struct smtp *s, struct transaction *tx, const struct around *around, bool together,
    struct err *err)
{
	int result;

	s->in_content = !together;
	result = content_send(s, tx, err);
	/*
	 * Content that was refused before its end leaves the connection useless: the server may
	 * take the rest for commands.
	 */
	if (result == 0 && tx->content_unsent)
		s->broken = true;
	else if (result == 0)
		result = queue_follower(s, tx, around, err);
	if (result == 0 && !tx->content_unsent)
		result = smtp_exchange(s, UNTIL_ANSWERED, err);
	s->in_content = false;
	return result;
}

/* What became of an announced envelope when its turn has come. */
enum resumed {
	RESUMED_FAILED = -1,
	RESUMED_READY, /* the content may follow */
	RESUMED_ANEW,  /* the turn has to begin from the start */
	RESUMED_OVER,  /* so it has, but not on this session */
};

static enum resumed
resume(struct smtp *s, struct transaction *tx, struct err *err)
{
	s->announced = NULL;
	if (smtp_exchange(s, UNTIL_REPLIED, err) < 0) {
		/* A server that has enough of us has seen nothing but the envelope. */
		if (err->reply_code != 421 && err->kind != ERR_LOST)
			return RESUMED_FAILED;
		err_clear(err);
	}
	/*
	 * 354 behind a MAIL that was refused because another stands: the dot would send nothing to
	 * whoever that other was for.  Only the end of the connection takes it back.
	 */
	if (tx->data_ready && tx->mail_refused)
		s->broken = true;
	if (tx->nested || s->broken) {
		transaction_take_back(tx);
		return smtp_may_send(s) ? RESUMED_ANEW : RESUMED_OVER;
	}
	tx->announced = false;
	return RESUMED_READY;
}

/* Another message has come before the one that was announced. */
static int
take_back(struct smtp *s, struct err *err)
{
	struct transaction *announced = s->announced;
	int result;

	s->announced = NULL;
	result = smtp_exchange(s, UNTIL_REPLIED, err);
	transaction_take_back(announced);
	/* There is no way back from 354; the caller was told. */
	if (result == 0 && announced->data_ready)
		return err_set(err, ERR_BUG, "another message was announced");
	return result;
}

static int
take_turn(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	enum resumed resumed = s->announced == tx ? resume(s, tx, err) : RESUMED_ANEW;
	bool together = false;

	if (resumed == RESUMED_FAILED || (s->announced != NULL && take_back(s, err) < 0))
		return -1;
	if (resumed == RESUMED_OVER)
		return 0;
	if (resumed == RESUMED_ANEW) {
		transaction_begin_turn(tx);
		if (transaction_count(tx, OUTCOME_PENDING) == 0)
			return 0;
		if (smtp_check(s, tx, err) < 0) {
			transaction_fail(tx, err);
			err_clear(err);
			return 0;
		}
		/* An envelope that came to nothing may still stand (RFC 5321 section 4.1.4). */
		if (s->mail_stands)
			smtp_command(s, VERB_RSET, NULL, EVERY_RECIPIENT, "RSET");
		s->mail_stands = false;
		if (step(s, err) < 0 || say_envelope(s, tx, err) < 0)
			return -1;
		together = s->offers.pipelining && s->offers.chunking && !s->settings.lmtp &&
		    message_size(tx->message) <= SMALL_CONTENT;
		if (!together && smtp_exchange(s, UNTIL_REPLIED, err) < 0)
			return -1;
	}
	/* Content goes where somebody is to get it, or is going to be with it in one flight. */
	if (together || (tx->named > 0 && (s->offers.chunking || tx->data_ready)))
		return send_content(s, tx, around, together, err);
	return tx->data_ready ? content_send_none(s, tx, err) : 0;
}

int
smtp_send(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	int result;

	err_clear(err);
	/* Over a session that was closed before its turn. */
	if (tx->announced && s->announced != tx)
		transaction_take_back(tx);
	s->tx = tx;
	s->deadline = deadline_in(s->settings.timeout_ms);
	result = take_turn(s, tx, around, err);
	/* LMTP: one recipient was answered before the end of the content, the others never will. */
	if (result == 0 && tx->named > 0 && tx->answers_due == 0) {
		result = err_set(err, ERR_TEMPORARY, "the server broke off the message");
		smtp_place(s, VERB_CONTENT, err);
	}
	if (result < 0) {
		/*
		 * In doubt: all of the content is out, and the server did not say that it leaves us
		 * in answer to this very message.
		 */
		s->broken = true;
		transaction_break(tx, err,
		    tx->answers_due > 0 && s->stream.sent_total >= tx->ends_at &&
			err->reply_code != 421);
		tx->answers_due = 0;
		err->in_doubt = transaction_in_doubt(tx);
	}
	if (s->broken && s->announced != NULL) {
		transaction_take_back(s->announced);
		s->announced = NULL;
	}
	s->tx = NULL;
	return result;
}
