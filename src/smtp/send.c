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
#include "format/domain.h"
#include "smtp/check.h"
#include "smtp/content.h"
#include "smtp/lines.h"
#include "smtp/wire.h"

enum {
	SMALL_CONTENT = 65536, /* octets that may travel with RCPT: a larger content loses nothing
				  by waiting */
	FLIGHT_MAX = 65536,    /* octets of commands queued before they are sent on */
};

/* Which recipients a turn may have (LIMITS, RFC 9422). */
struct share {
	uint64_t recipients, domains; /* still allowed */
	const char *last_domain;      /* of the recipient before, or NULL */
};

static struct share
share_begin(const struct smtp *s)
{
	const uint64_t all = UINT64_MAX;

	return (struct share){ s->offers.rcpt_max > 0 ? s->offers.rcpt_max : all,
		s->offers.rcpt_domain_max > 0 ? s->offers.rcpt_domain_max : all, NULL };
}

/*
 * Takes one recipient into the turn, or says that it is full.  Domains are counted as they change
 * along the list: that may count one twice, and never too few.
 */
static bool
share_take(struct share *share, const char *address)
{
	const char *found = mailbox_domain(address);
	const char *domain = found != NULL ? found : "";
	bool new_domain = share->last_domain == NULL ||
	    !span_is_nocase(span_of(domain), share->last_domain);

	if (share->recipients == 0 || (new_domain && share->domains == 0))
		return false;
	share->recipients--;
	share->domains -= new_domain;
	share->last_domain = domain;
	return true;
}

/*
 * The next pending recipient from i on that the turn has room for; the envelope's count behind the
 * last.
 */
static size_t
next_pending(const struct transaction *tx, struct share *share, size_t i)
{
	while (i < tx->envelope->count && tx->outcomes[i].state != OUTCOME_PENDING)
		i++;
	if (i < tx->envelope->count && !share_take(share, tx->envelope->recipients[i].address))
		return tx->envelope->count;
	return i;
}

/* All that are pending fit into one turn. */
static bool
is_one_turn(const struct smtp *s, const struct transaction *tx)
{
	struct share share = share_begin(s);

	for (size_t i = 0; i < tx->envelope->count; i++)
		if (tx->outcomes[i].state == OUTCOME_PENDING &&
		    !share_take(&share, tx->envelope->recipients[i].address))
			return false;
	return true;
}

bool
smtp_may_send(const struct smtp *s)
{
	return !s->broken && !s->quit &&
	    (s->announced != NULL || s->offers.mail_max == 0 || s->mails < s->offers.mail_max);
}

/* MAIL and all RCPT, without waiting for the replies; a long list is sent on as it grows. */
static int
queue_envelope(struct smtp *s, struct transaction *tx, struct err *err)
{
	struct share share = share_begin(s);

	smtp_queue_mail(s, tx);
	for (size_t i = next_pending(tx, &share, 0); i < tx->envelope->count;
	     i = next_pending(tx, &share, i + 1)) {
		smtp_queue_rcpt(s, tx, i);
		if (stream_queued(&s->stream) > FLIGHT_MAX &&
		    smtp_exchange(s, FLIGHT_MAX / 2, s->due, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * An envelope that came to nothing may still stand (RFC 5321 section 4.1.4): where one does, it
 * goes before the next.
 */
static void
queue_reset(struct smtp *s)
{
	if (s->mail_stands)
		smtp_command(s, VERB_RSET, NULL, EVERY_RECIPIENT, "RSET");
	s->mail_stands = false;
}

/* What was announced over a session that was closed before its turn. */
static void
forget_other_session(const struct smtp *s, struct transaction *tx)
{
	if (tx->announced && s->announced != tx)
		transaction_take_back(tx);
}

static bool
may_announce(const struct smtp *s, const struct transaction *next)
{
	return smtp_may_send(s) && transaction_count(next, OUTCOME_PENDING) > 0 &&
	    is_one_turn(s, next);
}

/*
 * The envelope of the next message, unless there is something to say against it: that is for its
 * own turn.
 */
static int
announce(struct smtp *s, struct transaction *next, struct err *err)
{
	struct err ignored;
	int result;

	err_init(&ignored);
	transaction_begin_turn(next);
	result = smtp_check(s, next, &ignored);
	err_release(&ignored);
	if (result < 0)
		return 0;
	next->announced = true;
	s->announced = next;
	if (queue_envelope(s, next, err) < 0)
		return -1;
	if (!smtp_chunks(s))
		smtp_command(s, VERB_DATA, next, EVERY_RECIPIENT, "DATA");
	return 0;
}

/*
 * What can travel behind the content; nothing where this session has another turn to take for the
 * same message.
 */
static int
queue_follower(struct smtp *s, const struct transaction *tx, const struct around *around,
    struct err *err)
{
	if (!smtp_may_pipeline(s) ||
	    (transaction_count(tx, OUTCOME_PENDING) > 0 && smtp_may_send(s)))
		return 0;
	if (around->last) {
		smtp_command(s, VERB_QUIT, NULL, EVERY_RECIPIENT, "QUIT");
		s->quit = true;
		return 0;
	}
	if (around->next == NULL)
		return 0;
	forget_other_session(s, around->next);
	return may_announce(s, around->next) ? announce(s, around->next, err) : 0;
}

/*
 * Content that was refused before its end leaves the connection useless: the server may take the
 * rest for commands. Its time does not count against the deadline.
 */
static int
finish_content(struct smtp *s, struct transaction *tx, int64_t began, struct err *err)
{
	int result = 0;

	if (!tx->content_unsent)
		result = smtp_exchange_to_answer(s, tx, err);
	else
		s->broken = true;
	s->in_content = false;
	if (s->deadline != DEADLINE_NONE)
		s->deadline += clock_ms() - began;
	return result;
}

static int
send_content(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	int64_t began = clock_ms();
	struct content content;

	content_begin(&content, s, tx);
	if (content_send(&content, err) < 0)
		return -1;
	if (s->in_content &&
	    (content_end(&content, err) < 0 || queue_follower(s, tx, around, err) < 0))
		return -1;
	return finish_content(s, tx, began, err);
}

static bool
is_small(const struct smtp *s, const struct transaction *tx)
{
	return smtp_may_pipeline(s) && smtp_chunks(s) && !smtp_is_lmtp(s) &&
	    message_size(tx->message) <= SMALL_CONTENT;
}

/* A small message for BDAT goes along with its envelope. */
static int
send_in_one(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	struct content content;

	queue_reset(s);
	if (queue_envelope(s, tx, err) < 0)
		return -1;
	content_begin(&content, s, tx);
	s->in_content = false;
	if (content_queue_all(&content, err) < 0 || content_end(&content, err) < 0 ||
	    queue_follower(s, tx, around, err) < 0)
		return -1;
	return smtp_exchange_to_answer(s, tx, err);
}

/* MAIL, RCPT and perhaps DATA are answered: now the content, if anybody is to get it. */
static int
send_rest(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	if (!smtp_chunks(s) && !tx->data_ready)
		return 0;
	if (tx->named > 0)
		return send_content(s, tx, around, err);
	return tx->data_ready ? content_send_none(s, tx, err) : 0;
}

static int
send_pipelined(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	queue_reset(s);
	if (queue_envelope(s, tx, err) < 0)
		return -1;
	if (!smtp_chunks(s))
		smtp_command(s, VERB_DATA, tx, EVERY_RECIPIENT, "DATA");
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	return send_rest(s, tx, around, err);
}

static int
send_in_steps(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	struct share share = share_begin(s);

	queue_reset(s);
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	smtp_queue_mail(s, tx);
	if (smtp_exchange(s, 0, 0, err) < 0)
		return -1;
	for (size_t i = next_pending(tx, &share, 0); i < tx->envelope->count && !tx->mail_refused;
	     i = next_pending(tx, &share, i + 1)) {
		smtp_queue_rcpt(s, tx, i);
		if (smtp_exchange(s, 0, 0, err) < 0)
			return -1;
	}
	if (tx->named == 0)
		return 0;
	if (!smtp_chunks(s)) {
		smtp_command(s, VERB_DATA, tx, EVERY_RECIPIENT, "DATA");
		if (smtp_exchange(s, 0, 0, err) < 0)
			return -1;
	}
	return send_rest(s, tx, around, err);
}

static int
begin_turn(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	transaction_begin_turn(tx);
	if (transaction_count(tx, OUTCOME_PENDING) == 0)
		return 0;
	if (smtp_check(s, tx, err) < 0) {
		transaction_fail(tx, err);
		err_clear(err);
		return 0;
	}
	if (is_small(s, tx))
		return send_in_one(s, tx, around, err);
	return smtp_may_pipeline(s) ? send_pipelined(s, tx, around, err) :
				      send_in_steps(s, tx, around, err);
}

/*
 * 354 behind a MAIL that was refused because another stands: the dot would send nothing to whoever
 * that other was for.  Only the end of the connection takes it back.
 */
static bool
is_trapped(const struct transaction *tx)
{
	return tx->data_ready && tx->mail_refused;
}

/* A server that has enough of us, before it has seen anything of this message but its envelope. */
static bool
has_left(const struct err *err)
{
	return err->reply_code == 421 || err->kind == ERR_LOST;
}

/* The turn of a message whose envelope is on its way: 1 where it has to begin anew. */
static int
go_on(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	s->announced = NULL;
	if (smtp_exchange(s, 0, 0, err) < 0) {
		if (!has_left(err))
			return -1;
		transaction_take_back(tx);
		err_clear(err);
		return 0;
	}
	if (is_trapped(tx))
		s->broken = true;
	if (tx->nested || s->broken) {
		transaction_take_back(tx);
		return smtp_may_send(s) ? 1 : 0;
	}
	tx->announced = false;
	return send_rest(s, tx, around, err);
}

/* Another message has come before the one that was announced. */
static int
take_back(struct smtp *s, struct err *err)
{
	struct transaction *announced = s->announced;
	int result;

	s->announced = NULL;
	result = smtp_exchange(s, 0, 0, err);
	transaction_take_back(announced);
	/* There is no way back from 354; the caller was told. */
	if (result == 0 && announced->data_ready)
		return err_set(err, ERR_BUG, "another message was announced");
	return result;
}

static int
take_turn(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	int result = 1;

	if (s->announced == tx)
		result = go_on(s, tx, around, err);
	else if (s->announced != NULL && take_back(s, err) < 0)
		return -1;
	return result == 1 ? begin_turn(s, tx, around, err) : result;
}

/* A turn has ended, and the session goes on with the same message. */
static int
end_turn(struct smtp *s, struct transaction *tx, struct err *err)
{
	if (!smtp_may_send(s) || s->due > 0 || transaction_count(tx, OUTCOME_PENDING) == 0)
		return 0;
	s->mail_stands = false;
	smtp_command(s, VERB_RSET, NULL, EVERY_RECIPIENT, "RSET");
	return smtp_ask(s, VERB_RSET, err);
}

/*
 * In doubt: all of the content is out, and the server did not say that it leaves us in answer to
 * this very message.
 */
static void
fail_turn(const struct smtp *s, struct transaction *tx, const struct err *err)
{
	transaction_break(tx, err,
	    tx->answers_due > 0 && s->stream.sent_total >= tx->ends_at && s->closer != tx);
	tx->answers_due = 0;
}

void
smtp_abandon(struct smtp *s)
{
	s->broken = true;
	s->in_content = false;
	if (s->announced != NULL)
		transaction_take_back(s->announced);
	s->announced = NULL;
	s->due = 0;
}

/* The end of a turn. */
static int
conclude(struct smtp *s, struct transaction *tx, int result, struct err *err)
{
	/*
	 * LMTP: one recipient was answered before the end of the content, and the others never will
	 * be.
	 */
	if (result == 0 && tx->named > 0 && tx->answers_due == 0) {
		result = err_set(err, ERR_TEMPORARY, "the server broke off the message");
		smtp_place(s, VERB_CONTENT, err);
	}
	if (result == 0)
		result = end_turn(s, tx, err);
	if (result < 0) {
		smtp_abandon(s);
		fail_turn(s, tx, err);
		err->in_doubt = transaction_in_doubt(tx);
	} else if (s->broken) {
		smtp_abandon(s);
	}
	return result;
}

int
smtp_send(struct smtp *s, struct transaction *tx, const struct around *around, struct err *err)
{
	err_clear(err);
	forget_other_session(s, tx);
	s->deadline = deadline_in(s->account->timeout_ms);
	return conclude(s, tx, take_turn(s, tx, around, err), err);
}
