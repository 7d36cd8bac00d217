/* SPDX-License-Identifier: ISC */
/*
 * One message on its way over one connection, and what became of it for each recipient.
 */
#ifndef SENDOFF_SMTP_TRANSACTION_H
#define SENDOFF_SMTP_TRANSACTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "message/envelope.h"
#include "message/message.h"

enum outcome_state {
	OUTCOME_PENDING,	/* not known yet */
	OUTCOME_NAMED,		/* the server took RCPT; the message itself is not yet answered */
	OUTCOME_ACCEPTED,	/* the server has the message for this recipient */
	OUTCOME_FAILED,		/* it has not; err says why, and whether that is for good */
};

struct outcome {
	enum outcome_state state;
	struct err err;
};

struct transaction {
	const struct envelope *envelope;	/* borrowed */
	const struct message *message;		/* borrowed */
	struct outcome *outcomes;		/* one a recipient, in the envelope's order; owned */
	size_t named;				/* recipients in OUTCOME_NAMED */
	bool mail_refused;
	bool data_ready;			/* 354 came */
	bool content_due;			/* the whole content is queued, its reply has not come */
	bool content_unsent;			/* part of the content is not even queued */
	struct buf acceptance;			/* the server's reply to the content, printable: often has its queue id */
};

/* Errors: ERR_SYSTEM (memory). */
int transaction_init(struct transaction *tx, const struct envelope *envelope, const struct message *message,
    struct err *err);
void transaction_release(struct transaction *tx);

/* Gives every recipient that has no outcome yet the error. */
void transaction_fail(struct transaction *tx, const struct err *err);
/* Gives the recipient the error, whatever its state. */
void transaction_fail_one(struct transaction *tx, size_t recipient, const struct err *err);
/* Every recipient in OUTCOME_NAMED now has the message. */
void transaction_accept(struct transaction *tx);

/* How many recipients are in that state. */
size_t transaction_count(const struct transaction *tx, enum outcome_state state);

#endif
