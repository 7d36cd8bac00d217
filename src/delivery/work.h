/* SPDX-License-Identifier: ISC */
/*
 * A queued message on its way, or a notice about it to its sender: from the locked item to what is
 * recorded of it.
 */
#ifndef SENDOFF_DELIVERY_WORK_H
#define SENDOFF_DELIVERY_WORK_H

#include "delivery/attempt.h"
#include "delivery/delivery.h"
#include "store/item.h"
#include "store/store.h"

/* What the works of one worker share; borrowed. */
struct work_place {
	struct store *store;
	const struct account *account;
	const struct attempt_watch *watch;
	bool dirty; /* the store's folder has removals that are not durable */
};

struct work {
	struct work_place *place;
	struct item item;
	enum notice notice;       /* NOTICE_NONE: it is the message itself */
	struct envelope envelope; /* the notice's */
	struct message message;   /* the notice's */
	struct delivery delivery; /* before its last octet goes out, the item's file says so */
	bool repeats; /* an attempt before ended without an answer: this one may deliver it twice */
};

/*
 * Takes over the locked item, which is empty then, and prepares what is to be sent: the message, or
 * what its sender is to be told. An outcome may be there at once (too large for the account).
 * NULL: err tells, and the item is as it was.
 * Errors: ERR_SYSTEM (memory), those of notice_make().
 */
struct work *work_new(struct work_place *place, struct item *item, struct err *err);
void work_free(struct work *work);

/*
 * Records what became of it, and tells; *removed: the message has left the queue.
 * Errors: those of store_append(); what is in the queue is as it was.
 */
int work_conclude(struct work *work, bool *removed, struct err *err);

/* Tells of an attempt of which nothing is recorded: nobody was asked, for want of our own. */
void work_tell(const struct work *work);

/*
 * The worker ends before the work does: records who has the message already, for they would get it
 * again.
 * Errors: those of store_append().
 */
int work_save(struct work *work, struct err *err);

/* Its fate would be unknown if the worker ended now. */
static inline bool
work_is_in_doubt(const struct work *work)
{
	return work->delivery.tx.answers_due > 0;
}

/* Makes removals durable: they must not come back after the next message is out. */
int work_sync_removals(struct work_place *place, struct err *err);

#endif
