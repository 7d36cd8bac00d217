/* SPDX-License-Identifier: ISC */
/*
 * From what a delivery came to, to what is recorded: who has it, who is tried again and when, who
 * is given up.
 */
#ifndef SENDOFF_DELIVERY_SETTLE_H
#define SENDOFF_DELIVERY_SETTLE_H

#include "base/buf.h"
#include "config/account.h"
#include "delivery/delivery.h"
#include "store/item.h"

struct settlement {
	size_t accepted, waiting, refused, settled; /* recipients, of all that the message has */
	bool relay_notice; /* the sender wants to be told that somebody has it, and the server will
			      not do that */
	bool failed;       /* needs a person */
	int64_t next_ms;   /* the next attempt; 0: none is due */
};

/* Everybody has the message, and nobody is to be told anything. */
static inline bool
settlement_is_sent(const struct settlement *s)
{
	return s->waiting == 0 && s->refused == 0 && s->settled == 0 && !s->relay_notice;
}

/*
 * Appends the records of an attempt that has ended, at now_ms, and counts.  `item` is the message
 * as it was before.
 *
 * A final failure refuses a recipient: the sender is told where he wants to be, and where he cannot
 * be (the null sender) the message needs a person.  What fails for longer than the account's
 * `expire` (age_ms()) is refused likewise; but where login, TLS or the configuration were in the
 * way, it needs a person, for those are no news for the sender.  What the server cannot hold until
 * its time (ERR_HOLD) waits until then, as if it had been queued for it: nothing was tried.
 */
void settle_attempt(const struct item *item, const struct delivery *d,
    const struct account *account, int64_t now_ms, struct buf *records,
    struct settlement *settlement);

/* The same for the first attempt of a message that is not queued (yet). */
void settle_new_attempt(const struct envelope *envelope, const struct delivery *d,
    const struct account *account, int64_t now_ms, struct buf *records,
    struct settlement *settlement);

/*
 * Appends what is known for good of an attempt that goes on: who has the message, of those who had
 * not.  For where it may be cut off: without it, they would get the message again.  `ended`:
 * nothing more of it went out, so that nobody else has it.
 */
void settle_accepted(const struct item *item, const struct delivery *d, bool ended, int64_t now_ms,
    struct buf *records);

/* The same for the first attempt of a message that is not queued (yet). */
void settle_new_accepted(const struct envelope *envelope, const struct delivery *d, bool ended,
    int64_t now_ms, struct buf *records);

/*
 * As settle_attempt(), for an attempt to tell the sender: `item` is the message that the notice is
 * about.
 */
void settle_notice(const struct item *item, const struct delivery *d, const struct account *account,
    enum notice notice, int64_t now_ms, struct buf *records, struct settlement *settlement);

/*
 * The same for a message that cannot even be tried: a failure that is nobody's but the
 * configuration's.
 */
void settle_untried(const struct item *item, const struct account *account, const struct err *why,
    int64_t now_ms, struct buf *records, struct settlement *settlement);

/*
 * Until when the message is tried, if the clock and the machine go on without a break: what a
 * notice of delay tells.
 */
int64_t settle_expire_ms(const struct item *item, const struct account *account, int64_t now_ms);

/* The notice that the sender is to get next; NOTICE_NONE: none. */
enum notice settle_due_notice(const struct item *item, int64_t now_ms);

/*
 * True where such a notice is due and the last attempt was not one at that: it does not wait for
 * the message's next one.
 */
bool settle_has_news(const struct item *item, int64_t now_ms);

/* True where nothing is left to be done for the message: it can leave the queue. */
bool settle_is_done(const struct item *item);

#endif
