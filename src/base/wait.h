/* SPDX-License-Identifier: ISC */
/*
 * poll(2) with a deadline, in which alone the process hears anything: signals that shall end it
 * (SIGTERM, SIGINT, SIGHUP), and a descriptor on which somebody may speak to it at any time. So
 * nothing of that comes between two steps that belong together.
 *
 * Handlers are no signal handlers: they may do anything, and not return, too. All of this is the
 * process's own, and is not passed on to a child: see wait_forget().
 */
#ifndef SENDOFF_BASE_WAIT_H
#define SENDOFF_BASE_WAIT_H

#include <poll.h>
#include <stdint.h>

/*
 * From now on those signals are blocked but while wait_poll() waits, which calls handle(arg,
 * signal) for each that came and then waits on; once for signals of the same number that came
 * together. What the caller of this program ignores stays ignored (nohup).
 */
void wait_on_signals(void (*handle)(void *arg, int signal), void *arg);

/*
 * The signals are again as they were before the first wait_on_signals(); those that came and were
 * not handled are delivered now.
 */
void wait_release_signals(void);

/* Those signals, and those that came already, are nothing to the process from now on. */
void wait_ignore_signals(void);

/*
 * From now on wait_poll() also looks whether fd can be read, or its other end is closed, and calls
 * handle(arg) then, and waits on. -1: no more.
 */
void wait_on_input(int fd, void (*handle)(void *arg), void *arg);

/* From now on wait_poll() calls beat(arg) each so many milliseconds while it waits. */
void wait_on_beat(int64_t every_ms, void (*beat)(void *arg), void *arg);

/* For handlers: the wait_poll() that called this one does not wait on. */
void wait_break(void);

/*
 * Waits like poll(2) until the deadline, for at most WAIT_POLLS_MAX descriptors. Returns what
 * poll(2) does; -1 with EINTR only after wait_break(), and what is ready stays so.
 */
int wait_poll(struct pollfd *polls, nfds_t count, int64_t deadline);

enum { WAIT_POLLS_MAX = 127 };

/* Calls the signals' handler for what came meanwhile, without waiting. */
void wait_deliver(void);

/*
 * The process ends as that signal would have it, though it was ignored or blocked before. Returns
 * where that cannot be.
 */
void wait_die_of(int signal);

/*
 * In a child, which hears for itself: no handlers, and the signals as they were at first, with none
 * of those that were the parent's. To be called before it executes another program, too.
 */
void wait_forget(void);

#endif
