/* SPDX-License-Identifier: ISC */
/*
 * Who sees to a queue without anyone waiting for it.
 */
#ifndef SENDOFF_SUBMISSION_RUNNER_H
#define SENDOFF_SUBMISSION_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "submission/run.h"

struct runner {
	const char *queue_path;  /* the queue's folder */
	const char *config_path; /* as for config_load(), which is called for each run anew */
	struct attempt_watch watch;
	uint64_t uid; /* whose call it began with */
};

/*
 * The runner: a process of its own that empties the queue, waiting for what is not due, and ends
 * when nothing is left that it could send. It looks at a message that comes; at the whole queue
 * when something is due by the wall's clock, when that was set, when the machine wakes from a
 * suspension, and when the network has come up. There is at most one for a queue and a network
 * namespace, for who has no network must not stand for those who have; where there is one already
 * it is woken. `reached`: a server was just reached (due.h). Returns when the runner is on its own
 * (base/process.h).
 * Errors: ERR_SYSTEM (no process; the lock that it needs), those of store_open().
 */
int runner_start(const struct runner *runner, bool reached, struct err *err);

/* One run in a process of its own, and what it leaves to the runner: -q. Errors: ERR_SYSTEM. */
int runner_run(const struct runner *runner, const struct due_rules *rules, struct err *err);

/*
 * Runs every interval_ms, in this process, until a signal ends it: -qTIME. Not when something is
 * due between, but, as runner_start(), when the clock was set and so on. What keeps a run from
 * being made is told to the watch.
 * Errors: those of store_open().
 */
int runner_stay(const struct runner *runner, int64_t interval_ms, struct err *err);

/* The same in a process of its own. Errors: ERR_SYSTEM; what comes later is told to the watch. */
int runner_stay_behind(const struct runner *runner, int64_t interval_ms, struct err *err);

#endif
