/* SPDX-License-Identifier: ISC */
/*
 * What is told of each message that was tried, and who wants to know.
 */
#ifndef SENDOFF_DELIVERY_ATTEMPT_H
#define SENDOFF_DELIVERY_ATTEMPT_H

#include <stdbool.h>

#include "base/err.h"
#include "config/account.h"
#include "delivery/delivery.h"
#include "store/item.h"

struct attempt {
	const struct item *item;       /* as it is now, with all that was recorded */
	const struct account *account; /* which was used; NULL: there is none of the item's name */
	const struct delivery *delivery; /* NULL: no server was asked: err tells why */
	const struct err *err;           /* what kept it from being tried; NULL */
	enum notice notice;              /* what was sent was no message but a notice about it */
	bool repeats; /* it may have been delivered before: an attempt had ended without an answer
		       */
	bool removed; /* it has left the queue */
};

/* Called in the process that did it, which mostly is a worker. */
struct attempt_watch {
	void (*attempt)(void *arg, const struct attempt *attempt); /* NULL: nobody listens */
	/*
	 * A message that cannot be used (damaged, foreign, unreadable), or other trouble; or a
	 * message that a later version wrote, which is none (ERR_UNAVAILABLE).
	 */
	void (*trouble)(void *arg, const char *name, const struct err *err);
	void *arg;
	const struct stream_watch *stream; /* the SMTP dialogue, or NULL */
};

static inline void
attempt_trouble(const struct attempt_watch *watch, const char *name, const struct err *why)
{
	if (watch->trouble != NULL)
		watch->trouble(watch->arg, name, why);
}

#endif
