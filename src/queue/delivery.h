/* SPDX-License-Identifier: ISC */
/*
 * One message over one account: which server, with which password, and what it came to.
 */
#ifndef SENDOFF_QUEUE_DELIVERY_H
#define SENDOFF_QUEUE_DELIVERY_H

#include <stdint.h>

#include "base/err.h"
#include "config/account.h"
#include "net/stream.h"
#include "smtp/transaction.h"

struct delivery {
	struct transaction tx;	/* the outcome of each recipient */
	struct buf server;	/* "host:port" of the server that was talked to last; empty where none was reached */
	struct buf tls;		/* the session's TLS, for the log; empty: none */
	const char *mechanism;	/* of the login; NULL: none */
	int64_t elapsed_ms;
};

/*
 * Tries the account's servers in order, until one can be talked to, and sends.  Another is tried only where the last
 * could not be reached or is out of service for now, never when it may have the message.  Afterwards every recipient in
 * d->tx has an outcome, ACCEPTED or FAILED.  d is the caller's, for delivery_release(), whatever comes back.
 * Returns 0 when all recipients were accepted, -1 else; the errors are in the outcomes.  err is filled only where there
 * are no outcomes: ERR_SYSTEM (memory).
 */
int deliver(struct delivery *d, const struct account *account, const struct envelope *envelope,
    const struct message *message, const struct stream_watch *watch, struct err *err);

void delivery_release(struct delivery *d);

/*
 * The kind whose exit status speaks for the whole: ERR_NONE where all were accepted; where failures differ, the first of
 * temporary, unknown recipient, refused, service refused, any other.
 */
enum err_kind delivery_verdict(const struct delivery *d);

#endif
