/* SPDX-License-Identifier: ISC */
#include "base/wait.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

/* In the order in which they are handled. */
static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGALRM };
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static void (*handler)(void *arg, int signal); /* NULL: signals are nothing to us */
static void *handler_arg;
static volatile sig_atomic_t came[SIGNALS];
static struct sigaction actions_before[SIGNALS];
static sigset_t mask_before, mask_waiting;

static void
note(int signal)
{
	for (size_t i = 0; i < SIGNALS; i++)
		if (signals[i] == signal)
			came[i] = 1;
}

static void
catch_signals(void)
{
	struct sigaction noting = { .sa_handler = note };
	sigset_t ours;

	sigfillset(&noting.sa_mask);
	sigemptyset(&ours);
	for (size_t i = 0; i < SIGNALS; i++)
		sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, &mask_before);
	mask_waiting = mask_before;
	for (size_t i = 0; i < SIGNALS; i++) {
		came[i] = 0;
		sigdelset(&mask_waiting, signals[i]);
		sigaction(signals[i], NULL, &actions_before[i]);
		if (actions_before[i].sa_handler != SIG_IGN || signals[i] == SIGALRM)
			sigaction(signals[i], &noting, NULL);
	}
}

static void
let_signals_go(void)
{
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &actions_before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

void
wait_on_signals(void (*handle)(void *arg, int signal), void *arg)
{
	bool caught = handler != NULL;

	handler = handle;
	handler_arg = arg;
	if (handle != NULL && !caught)
		catch_signals();
	if (handle == NULL && caught)
		let_signals_go();
}

void
wait_die_of(int number)
{
	sigset_t this_one;

	wait_on_signals(NULL, NULL);
	signal(number, SIG_DFL);
	sigemptyset(&this_one);
	sigaddset(&this_one, number);
	sigprocmask(SIG_UNBLOCK, &this_one, NULL);
	raise(number);
}

void
wait_forget(void)
{
	wait_on_signals(NULL, NULL);
}

/* Whether one of ours waits to be let in. */
static bool
is_any_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigismember(&pending, signals[i]) == 1)
			return true;
	return false;
}

void
wait_deliver(void)
{
	sigset_t mask;

	if (handler == NULL)
		return;
	if (is_any_pending()) {
		sigprocmask(SIG_SETMASK, &mask_waiting, &mask);
		sigprocmask(SIG_SETMASK, &mask, NULL);
	}
	/* The handler may have changed since: it is asked for anew each time. */
	for (size_t i = 0; i < SIGNALS; i++) {
		bool call = came[i] != 0 && handler != NULL;

		came[i] = 0;
		if (call)
			handler(handler_arg, signals[i]);
	}
}

int
wait_poll(struct pollfd *polls, nfds_t count, int64_t deadline)
{
	for (;;) {
		int left = deadline_poll_ms(deadline);
		struct timespec limit = { left / 1000, left % 1000 * 1000000L };
		int n = ppoll(polls, count, left < 0 ? NULL : &limit,
		    handler != NULL ? &mask_waiting : NULL);

		if (n < 0 && errno != EINTR)
			return -1;
		/*
		 * Also where no signal broke the wait: descriptors that are always ready come
		 * before signals.
		 */
		wait_deliver();
		if (n > 0 || (n == 0 && deadline_poll_ms(deadline) == 0))
			return n;
	}
}
