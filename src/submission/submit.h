/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a new message: sent while its caller waits, or queued, or refused.
 *
 * The process that the caller waits for is the waiter. It has the caller's terminal, clock and
 * signals, and alone decides. What is sent is sent by a worker (sending.h), which asks before it
 * lets the last octet out. Where the caller has waited long enough, or a signal comes, the waiter
 * queues the message from its own copy and hands it, locked, to the worker, which is on its own
 * from then on; or ends the worker, where nothing is in doubt, and leaves the message to a runner.
 */
#ifndef SENDOFF_SUBMISSION_SUBMIT_H
#define SENDOFF_SUBMISSION_SUBMIT_H

#include <stdbool.h>

#include "base/err.h"
#include "config/account.h"
#include "delivery/delivery.h"
#include "store/item.h"
#include "store/store.h"
#include "submission/runner.h"

enum fate {
	FATE_SENT,    /* everybody has it */
	FATE_QUEUED,  /* somebody has it, or nobody yet: the queue sees to the rest */
	FATE_REFUSED, /* nobody has it, nor will: it is the caller's; told by mail too, where that
			 was asked for */
	FATE_UNSENT,  /* it is the caller's: it could be neither sent nor queued */
};

struct submission {
	/* To be filled by the caller; borrowed. */
	const struct config *config;
	const struct account *account;
	const struct envelope *envelope;
	const struct message *message;
	struct submitter submitter;
	struct store *store;  /* open where there is a queue; else dir is -1 */
	struct runner runner; /* of the queue; queue_path NULL: there shall be none */
	enum delivery_when when;
	int64_t wait_ms;       /* until the message is queued and the caller let go; -1: never */
	int64_t not_before_ms; /* since 1970, 0: none; with DELIVERY_QUEUE: no run tries it before
				  then */
	bool hold;             /* with DELIVERY_QUEUE: it waits until a person releases it */
	bool mail_refusals;    /* the sender is told by mail of what is refused, too */
	const struct stream_watch *dialogue; /* called in the worker; or NULL */
	void (*silence)(void *arg); /* in the worker: nothing more is shown of the dialogue */
	/*
	 * Called before the message can be anywhere else than here: before it is queued, and before
	 * the last octet of its content goes out; often more than once. A failure is that of the
	 * delivery, or of queueing. NULL: nothing is to be done.
	 */
	int (*commit)(void *arg, struct err *err);
	void *arg; /* the caller's, for both */

	/* What came of it. */
	enum fate fate;
	bool tried;    /* delivery tells how */
	bool prepared; /* delivery is to be released */
	struct delivery delivery;
	bool queued; /* item is the queued message (also where it was refused, and will be told by
			mail) */
	struct item item;
	struct err queue_err; /* why it could not be queued; ERR_NONE: nobody tried to */
	int signal;           /* that ends the process, for the message could not be queued: the
				 caller is to die of it; 0: none */
};

/*
 * Does it. *s is the caller's, for submission_release(), whatever comes back. Once the message is
 * sent or queued, the signals that would end the process are ignored until it ends by itself: an
 * exit status that tells of a signal would have the message sent once more.
 * Errors: ERR_SYSTEM (memory); those of store_add(), where the message was only to be queued.
 */
int submit(struct submission *s, struct err *err);

void submission_release(struct submission *s);

#endif
