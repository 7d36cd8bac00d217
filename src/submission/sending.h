/* SPDX-License-Identifier: ISC */
/*
 * The worker that sends a new message while its caller waits. It speaks with the waiter over a
 * pair:
 *
 * 	worker   SENDING_ASK       the last octet of a turn is ready: may it go? With what the
 * 	                           delivery has come to until now (delivery/result.h)
 * 	waiter   SENDING_GO        it may
 * 	         SENDING_NO        it may not; with the error that is the delivery's then
 * 	worker   SENDING_RESULT    what the delivery came to (delivery/result.h)
 * 	waiter   SENDING_DONE      it sees to the rest
 * 	waiter   SENDING_LET_GO    the message is queued, and the worker's own: the id, and the
 * 	                           descriptor that is locked; the caller goes. In the place of an
 * 	                           answer to ASK or RESULT, or at any other time
 * 	worker   SENDING_GONE      it has taken the message over, and nothing of the caller's is
 * open
 *
 * Where the waiter ends without having let go of it, the worker ends too; but it waits for the
 * answer to a message that is out as a whole. After SENDING_LET_GO it records what comes of it in
 * the queue, as every worker does.
 */
#ifndef SENDOFF_SUBMISSION_SENDING_H
#define SENDOFF_SUBMISSION_SENDING_H

#include "delivery/worker.h"
#include "submission/submit.h"

enum { SENDING_ASK = WORKER_SAYS, SENDING_RESULT, SENDING_GONE };
enum { SENDING_GO = 1, SENDING_NO, SENDING_DONE, SENDING_LET_GO };

/* Begins it: s->delivery is ready to be sent. Errors: those of worker_start(). */
int sending_start(struct worker *worker, struct submission *s, struct err *err);

/* Appends the record that the last octet of a first attempt may be out. */
void sending_add_doubt(struct buf *records);

#endif
