/* SPDX-License-Identifier: ISC */
/*
 * One message on its way to its recipients, and what became of it for each of them.  A server that
 * takes only so many recipients at once gets it in several turns: smtp_send() is called until
 * nobody is pending.
 */
#ifndef SENDOFF_SMTP_TRANSACTION_H
#define SENDOFF_SMTP_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "message/envelope.h"
#include "message/message.h"

enum outcome_state {
	OUTCOME_PENDING,  /* not tried yet, or to be tried again in the next turn */
	OUTCOME_TRIED,    /* RCPT is on its way in this turn */
	OUTCOME_NAMED,    /* the server took RCPT; the message itself is not yet answered */
	OUTCOME_ACCEPTED, /* the server has the message for this recipient */
	OUTCOME_FAILED,   /* it has not; err says why, and whether that is for good */
	OUTCOME_SETTLED,  /* not part of this: it was dealt with before, and nothing changes it */
};

struct outcome {
	enum outcome_state state;
	struct err err;
};

struct transaction {
	const struct envelope *envelope; /* borrowed */
	const struct message *message;   /* borrowed */
	struct requests requests;
	int64_t begin_ms; /* since 1970: requests.deliver_by_s counts from there; 0: from now */
	struct outcome *outcomes; /* one a recipient, in the envelope's order; owned */
	int64_t held_until_s;  /* since 1970: until then the last MAIL wanted it held (RFC 4865); 0:
				  not */
	struct buf acceptance; /* the server's reply to the content, printable: often has its queue
				  id */
	/*
	 * Called once in each turn, before the last octet of the content is let out: for what must
	 * be durable by then.  A failure ends the turn like a broken session, with that error and
	 * without doubt.  NULL: nothing is to be done.
	 */
	int (*before_end)(void *arg, struct err *err);
	void *arg; /* for before_end; borrowed */

	/* Of the present turn. */
	size_t named; /* recipients in OUTCOME_NAMED */
	bool utf8;    /* SMTPUTF8 is in use */
	bool mail_refused;
	bool data_ready; /* 354 came */
	bool announced; /* its MAIL and RCPT went out behind the content of the message before it */
	bool nested;    /* … and the server would have RSET first: nobody was refused by that */
	size_t answers_due; /* replies to the content that have not come; it is queued as a whole */
	uint64_t ends_at;   /* octets of the session's output up to the content's last one; else
			       UINT64_MAX */
	bool content_unsent; /* part of the content is not even queued */
};

/* Errors: ERR_SYSTEM (memory). */
int transaction_init(struct transaction *tx, const struct envelope *envelope,
    const struct message *message, struct err *err);
void transaction_release(struct transaction *tx);

/* Forgets what belongs to one turn. */
void transaction_begin_turn(struct transaction *tx);

/* Gives every recipient that has no outcome yet the error. */
void transaction_fail(struct transaction *tx, const struct err *err);
/*
 * The same where the session broke: in_doubt is as told for those that were tried in this turn,
 * else false.
 */
void transaction_break(struct transaction *tx, const struct err *err, bool in_doubt);
/* An envelope that went out in vain: who was tried in this turn is pending again. */
void transaction_take_back(struct transaction *tx);
/* Gives the recipient the error, whatever its state (but OUTCOME_SETTLED). */
void transaction_fail_one(struct transaction *tx, size_t recipient, const struct err *err);
/* The recipient, or all in OUTCOME_NAMED, now have the message. */
void transaction_accept_one(struct transaction *tx, size_t recipient);
void transaction_accept(struct transaction *tx);

/* True where the server may have the message for a recipient that failed. */
bool transaction_in_doubt(const struct transaction *tx);

/*
 * Until when the server is to hold the message that is sent at now_ms, in seconds since 1970; 0: it
 * is not asked to, or the time is over.
 */
int64_t transaction_hold_until_s(const struct transaction *tx, int64_t now_ms);

/*
 * What is left at now_ms of the time for delivery that was asked for (RFC 2852 section 4), with
 * that for which the server is to hold the message before: from -EHLO_SECONDS_MAX to
 * EHLO_SECONDS_MAX.  0 or less: it is late.
 */
int64_t transaction_time_left_s(const struct transaction *tx, int64_t now_ms);

/* Errors: ERR_MESSAGE: the message is late, and to be returned then. */
int transaction_check_time(const struct transaction *tx, int64_t now_ms, struct err *err);

/* How many recipients are in that state. */
size_t transaction_count(const struct transaction *tx, enum outcome_state state);

#endif
