/* SPDX-License-Identifier: ISC */
/*
 * poll(2) with a deadline, in which alone signals are seen: SIGALRM, SIGTERM, SIGINT and SIGHUP
 * come while the program waits, and never between two steps that belong together.
 */
#ifndef SENDOFF_BASE_WAIT_H
#define SENDOFF_BASE_WAIT_H

#include <poll.h>
#include <stdint.h>

/*
 * From now on those signals are blocked but while wait_poll() waits, which calls handle(arg,
 * signal) for each that came and then waits on.  The handler is no signal handler: it may do
 * anything, and not return too.  It may fork and let only the child return; threads are not in the
 * child, which net/dial.c takes care of.  It is called at most once for signals of the same number
 * that came together, and for what ends the program before SIGALRM. What the caller of this program
 * ignores stays ignored (nohup), but for SIGALRM. NULL: the signals are again as they were before
 * the first call; those that wait are delivered then.
 */
void wait_on_signals(void (*handle)(void *arg, int signal), void *arg);

/* Waits like poll(2) until the deadline.  Returns what poll(2) does; never EINTR. */
int wait_poll(struct pollfd *polls, nfds_t count, int64_t deadline);

/*
 * Calls the handler for what came meanwhile, without waiting: for where something else than poll(2)
 * waits.
 */
void wait_deliver(void);

/*
 * The process ends as that signal would have it, though it was ignored or blocked before.  Returns
 * where that cannot be.
 */
void wait_die_of(int signal);

/*
 * To be called in a child before it executes another program: the signals are there as they were at
 * first.
 */
void wait_forget(void);

#endif
