/* SPDX-License-Identifier: ISC */
/*
 * Runs without anyone who waits for them.
 */
#ifndef SENDOFF_SUBMISSION_RUNNER_H
#define SENDOFF_SUBMISSION_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "delivery/run.h"
#include "store/store.h"

struct runner {
	const char *queue_path;  /* the queue's directory */
	const char *config_path; /* as for config_load(), which is called for each run anew */
	struct run_watch watch;
};

/*
 * The runner: a process of its own that empties the queue, waiting for what is not due, and ends
 * when nothing is left that it could send.  It looks when something is due by the wall's clock, and
 * when that was set, the machine wakes from a suspension, or the network has changed.  There is at
 * most one for a queue; where there is one already it is woken. `reached`: a server was just
 * reached (run.h).  Returns at once; the runner keeps none of the caller's descriptors.
 * Errors: ERR_SYSTEM (fork; the lock that it needs), those of store_open().
 */
int runner_start(const struct runner *runner, bool reached, struct err *err);

/* One run in a process of its own, and what it leaves to the runner: -q.  Errors: ERR_SYSTEM. */
int runner_run(const struct runner *runner, const struct run_options *options, struct err *err);

/*
 * Runs every interval_ms, in this process, until a signal ends it: -qTIME.  Not when something is
 * due between, but, as runner_start(), when the clock was set and so on.  What keeps a run from
 * being made is told to the watch.
 * Errors: those of store_open().
 */
int runner_stay(const struct runner *runner, int64_t interval_ms, struct err *err);

/*
 * The calling process leaves its caller: a session of its own, standard streams on /dev/null, in
 * "/".
 */
void runner_leave_caller(void);

#endif
