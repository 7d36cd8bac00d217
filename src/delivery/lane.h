/* SPDX-License-Identifier: ISC */
/*
 * The worker of a run: it takes the messages of one account that it is told to from the store, and
 * sends them one after the other over one link. Each has its outcome recorded before the next one's
 * last octet goes out, so that at most one of them can be in doubt. It never decides what is to be
 * sent, and is told so by the runner, with which it speaks over a pair:
 *
 * 	runner   LANE_TAKE    an id: try this message; at most LANE_AHEAD are not reported yet
 * 	         LANE_LAST    no more will come: say goodbye behind the last one
 * 	worker   LANE_REPORT  what came of an id, in the order in which they were told
 *
 * Where the runner is gone, or SIGTERM comes, the worker waits only for an answer that may mean
 * "delivered", and ends.
 */
#ifndef SENDOFF_DELIVERY_LANE_H
#define SENDOFF_DELIVERY_LANE_H

#include "delivery/attempt.h"
#include "delivery/due.h"
#include "delivery/worker.h"
#include "store/id.h"
#include "store/store.h"

enum {
	LANE_AHEAD = 3, /* messages that a worker may have been told of, and not reported */
};

enum { LANE_TAKE = 1, LANE_LAST };  /* from the runner; a LANE_TAKE's data is the id */
enum { LANE_REPORT = WORKER_SAYS }; /* from the worker */

/* What came of a message. */
enum lane_end {
	LANE_REMOVED, /* it has left the queue */
	LANE_TRIED,   /* it was tried, and remains until at_ms */
	LANE_WAITING, /* it was not tried, for the server cannot be used before at_ms */
	LANE_LATER,   /* it is not due before at_ms; likewise, by the sender's wish: */
	LANE_TIMED,
	LANE_IDLE,     /* it is held, failed, or for nobody: it waits for a person */
	LANE_BUSY,     /* another process works on it */
	LANE_GONE,     /* there is no such message, or it is not selected */
	LANE_UNUSABLE, /* its file is damaged or foreign */
	LANE_TROUBLE,  /* the queue's disk, or memory, was in the way; at_ms: when to look again */
	LANE_ENDS
};

struct lane_report {
	char id[QUEUE_ID_LEN + 1];
	enum lane_end end;
	int64_t at_ms;         /* since 1970; INT64_MAX: never by itself */
	bool told;             /* the watch was told of an attempt */
	bool answered;         /* a server has answered for it */
	bool dead;             /* the account's servers are not to be had: the rest may be left */
	enum err_kind failure; /* of a message that needs a person since: the worst; else ERR_NONE
				*/
};

void lane_report_pack(struct buf *out, const struct lane_report *report);
/* False: it makes no sense. */
bool lane_report_unpack(struct span text, struct lane_report *report);

/* What all workers of a run share; borrowed. */
struct lane_terms {
	struct store *store;
	const struct config *config;
	struct due_rules rules;
	struct attempt_watch watch;
	uint64_t uid; /* who asks for it: RECORD_RETRY */
};

/*
 * Begins a worker. account NULL: for messages whose account is not, or not any more, in the
 * configuration. What the watch prints, the worker prints.
 * Errors: those of worker_start().
 */
int lane_start(struct worker *worker, const struct lane_terms *terms, const struct account *account,
    struct err *err);

#endif
