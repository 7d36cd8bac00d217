/* SPDX-License-Identifier: ISC */
/*
 * poll(2) with a deadline, in which alone signals are seen: SIGALRM, SIGTERM, SIGINT and SIGHUP come while the program
 * waits, and never between two steps that belong together.
 */
#ifndef SENDOFF_BASE_WAIT_H
#define SENDOFF_BASE_WAIT_H

#include <poll.h>
#include <stdint.h>

/*
 * From now on those signals are blocked but while wait_poll() waits, which calls handle(arg, signal) for each that
 * came and then waits on.  The handler is no signal handler: it may do anything, and not return too.
 * NULL: the signals have their default meaning again.
 */
void wait_on_signals(void (*handle)(void *arg, int signal), void *arg);

/* Waits like poll(2) until the deadline.  Returns what poll(2) does; never EINTR. */
int wait_poll(struct pollfd *polls, nfds_t count, int64_t deadline);

/* To be called in a child before it executes another program: the signals have their default meaning there. */
void wait_forget(void);

#endif
