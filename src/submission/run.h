/* SPDX-License-Identifier: ISC */
/*
 * A run over the queue: looks at messages, and has those whose turn it is sent by workers
 * (delivery/lane.h), one or more for each account, all at the same time. It waits for nothing but
 * for them, and for what its caller waits for: what is slow, stuck or dead for one account holds up
 * no other. Several runs may go on at once, in any processes; each message is in one of them at a
 * time.
 */
#ifndef SENDOFF_SUBMISSION_RUN_H
#define SENDOFF_SUBMISSION_RUN_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "delivery/lane.h"

struct run_result {
	unsigned long removed;   /* messages that left the queue */
	unsigned long tried;     /* … were tried, and remain */
	unsigned long waiting;   /* … are not due yet */
	unsigned long idle;      /* … are held or failed */
	unsigned long timed;     /* … are not to be sent yet */
	unsigned long busy;      /* … were another process's */
	unsigned long trouble;   /* … cannot be used */
	unsigned long told;      /* attempts that the watch was told of */
	unsigned long answered;  /* messages that a server has answered */
	unsigned long unreached; /* … that wait, and would not if their server could be reached */
	enum err_kind failure; /* of the first message that needs a person since; ERR_NONE: none */
	int64_t next_ms;       /* when the next is due; INT64_MAX: none */
};

/* Something is due then. */
static inline void
run_result_due(struct run_result *result, int64_t at_ms)
{
	if (at_ms < result->next_ms)
		result->next_ms = at_ms;
}

struct run;

/* *terms and *result are borrowed; *result is begun anew. NULL: no memory (ERR_SYSTEM). */
struct run *run_new(const struct lane_terms *terms, struct run_result *result, struct err *err);

/* Workers that are still there are ended (run_stop()). */
void run_free(struct run *run);

/*
 * From now on the run goes through the whole queue, oldest first as far as that goes without having
 * read the whole folder; where it does that already, once more behind that. What killed processes
 * have left is swept. Errors: ERR_IO.
 */
int run_scan(struct run *run, struct err *err);

/* Looks at one message. An id that is none, or is being worked on already, is passed over. */
void run_look(struct run *run, const char *id);

/* Messages are still to be looked at, or workers at work. */
bool run_is_busy(const struct run *run);

enum { RUN_WORKERS_MAX = 64 }; /* all accounts together */

/*
 * One step on: a few messages are looked at, workers begun, heard and ended. It waits only where
 * nothing else is left to be done: for them, or until the deadline, or one of polls[0..count) is
 * ready; polls has room for RUN_WORKERS_MAX more. What wait_poll() returns, of the caller's part
 * alone. Errors in reading the folder end the scan, and are kept for run_failed().
 */
int run_step(struct run *run, struct pollfd *polls, nfds_t count, int64_t deadline);

/* False: reading the queue's folder failed since this was asked last; err says why. */
bool run_read_all(struct run *run, struct err *err);

/* Ends all workers, and waits for them, but not longer than RUN_STOP_MS. */
void run_stop(struct run *run);

enum { RUN_STOP_MS = 10 * 1000 };

/*
 * All of it, once: the ids of the selection, or the whole queue. A signal ends it, and then the
 * process. What becomes of single messages is told to the watch and is no error here.
 * Errors: ERR_IO (the folder cannot be read), ERR_SYSTEM (memory).
 */
int run_once(const struct lane_terms *terms, struct run_result *result, struct err *err);

#endif
