/* SPDX-License-Identifier: ISC */
/*
 * What becomes of a new message: sent while its caller waits, or queued, or refused.
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
	struct store *store;     /* open where there is a queue; else dir is -1 */
	const char *queue_path;  /* NULL: there shall be no queue */
	const char *config_path; /* for the runner */
	enum delivery_when when;
	int64_t wait_ms; /* until the message is queued and the rest done behind the caller's back;
			    -1: never */
	int64_t not_before_ms; /* since 1970, 0: none; with DELIVERY_QUEUE: no run tries it before
				  then */
	bool hold;             /* with DELIVERY_QUEUE: it waits until a person releases it */
	bool mail_refusals;    /* the sender is told by mail of what is refused, too */
	const struct stream_watch *dialogue; /* or NULL */
	struct run_watch watch;              /* for the runner */
	/*
	 * The message is queued, and another process goes on with it, or later ones will: the
	 * caller can be told so and the process end.  Does not return.
	 */
	void (*leave)(struct submission *submission);
	/*
	 * Called before the message can be anywhere else than here: before it is queued, and before
	 * the last octet of its content goes out; often more than once, with the submission.  A
	 * failure is that of the delivery, or of queueing. NULL: nothing is to be done.
	 */
	int (*commit)(void *submission, struct err *err);
	void *arg; /* the caller's, for both */

	/* What came of it. */
	enum fate fate;
	bool tried; /* delivery tells how */
	struct delivery delivery;
	bool queued; /* item is the queued message (also where it was refused, and will be told by
			mail) */
	bool behind; /* this process is the one behind the caller's back */
	struct item item;
	struct err queue_err; /* why it could not be queued; ERR_NONE: nobody tried to */
};

/*
 * Does it.  *s is the caller's, for submission_release(), whatever comes back.
 * Errors: ERR_SYSTEM (memory); those of store_add(), where the message was only to be queued.
 */
int submit(struct submission *s, struct err *err);

void submission_release(struct submission *s);

#endif
