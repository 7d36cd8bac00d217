/* SPDX-License-Identifier: ISC */
/*
 * From what a caller handed in to what is submitted: sender and recipients that mean something
 * outside, and a header block that is complete.
 */
#ifndef SENDOFF_SUBMISSION_PREPARE_H
#define SENDOFF_SUBMISSION_PREPARE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/account.h"
#include "message/envelope.h"
#include "message/message.h"

struct preparation {
	/* Borrowed. */
	const struct account *account;
	const char *full_name; /* for a From that is added; NULL: the account's, else the
				  submitter's */
	bool sender_apart; /* the envelope's sender says nothing about who the message is from */
	/*
	 * Who submits: his login name, and the full name that the system has for him, appended. It
	 * is asked only where it is needed, for it may cost more than all else that is done.
	 */
	void (*who)(void *arg, struct buf *login, struct buf *full_name);
	void *arg;

	/* What is prepared; the caller's. */
	struct envelope *envelope;
	struct message *message; /* NULL: its header is not looked at */
};

/*
 * Errors: ERR_ADDRESS, ERR_CONFIG (route_recipients()), ERR_MESSAGE (message_complete()),
 * ERR_SYSTEM.
 */
int prepare(const struct preparation *p, struct err *err);

#endif
