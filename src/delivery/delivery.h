/* SPDX-License-Identifier: ISC */
/*
 * One message over one link, and what it came to.
 */
#ifndef SENDOFF_DELIVERY_DELIVERY_H
#define SENDOFF_DELIVERY_DELIVERY_H

#include <stdint.h>

#include "base/err.h"
#include "delivery/link.h"
#include "routing/policy.h"
#include "smtp/transaction.h"

/* In which form the message goes out. */
enum delivery_form {
	FORM_ORIGINAL,
	FORM_FOR_8BIT, /* converted, 8-bit text left in it */
	FORM_FOR_7BIT,
};

struct delivery {
	struct transaction tx;    /* the outcome of each recipient; its message is `message` or
				     `converted` */
	struct envelope envelope; /* what goes out: the message's, with another sender where policy
				     says so */
	struct message message;   /* likewise, with another header; it borrows all else */
	struct policy policy;     /* what was replaced */
	enum delivery_form form;
	struct message converted; /* where form is not FORM_ORIGINAL */
	struct buf server;    /* "host:port" of the server that was talked to last; empty where none
				 was reached */
	struct buf tls;       /* the session's TLS, for the log; empty: none */
	struct buf mechanism; /* of the login; empty: none */
	const struct account *account; /* whose server it was: the message's account, or a fallback;
					  borrowed */
	bool has_dsn;                  /* the server offered DSN: it tells the sender itself */
	bool from_session; /* it failed before the message was spoken of: not its fault, and never
			      final */
	int64_t began_ms;  /* on clock_ms()'s scale */
	int64_t elapsed_ms;
};

/*
 * Prepares to deliver the message; all recipients are pending.  The caller tells in d->tx.begin_ms
 * when it was handed in, where that was not just now.  d is the caller's, for delivery_release(),
 * whatever comes back.
 * Errors: ERR_SYSTEM (memory); ERR_MESSAGE (larger than the account allows; policy_apply()): then
 * all have failed so.
 */
int delivery_init(struct delivery *d, const struct account *account,
    const struct envelope *envelope, const struct message *message, struct err *err);
void delivery_release(struct delivery *d);

/*
 * Makes what goes out fit for the server of the link, which is open: the message itself, or, where
 * that server cannot take it, a converted one (message_convert()), which is kept for the next
 * server of that kind.  deliver() does so itself; it is for whoever announces the message before.
 * Not while the message is announced or on its way to another server.
 * Errors: those of message_convert(); what goes out is as it was then.
 */
int delivery_adapt(struct delivery *d, const struct link *link, struct err *err);

/*
 * Delivers over the link, which is opened where it is not; but a message that is late, and is to
 * come back then, is refused without a word to any server.  `around` as for smtp_send(); afterwards
 * every recipient has an outcome.  -1: the link's session broke, or could not be opened; the error
 * is in the outcomes too.
 */
int deliver(struct delivery *d, struct link *link, const struct around *around, struct err *err);

/* How many recipients have no outcome yet. */
size_t delivery_undecided(const struct delivery *d);

/* True for a failure that trying again cannot mend: it is about the message or the recipient. */
bool delivery_is_final(const struct delivery *d, size_t recipient);

/*
 * The kind whose exit status speaks for the whole: ERR_NONE where all were accepted; where failures
 * differ, the first of temporary, unknown recipient, refused, service refused, any other.
 */
enum err_kind delivery_verdict(const struct delivery *d);

#endif
