/* SPDX-License-Identifier: ISC */
#include "base/wait.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"

/* In the order in which they are handled. */
static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

static void (*on_signal)(void *arg, int signal); /* NULL: signals are nothing to us */
static void *on_signal_arg;
static volatile sig_atomic_t came[SIGNALS];
static struct sigaction actions_before[SIGNALS];
static sigset_t mask_before, mask_waiting;

static int input_fd = -1;
static void (*on_input)(void *arg);
static void *on_input_arg;

static int64_t beat_every_ms, beat_at; /* at: on clock_ms()'s scale */
static void (*on_beat)(void *arg);     /* NULL: none */
static void *on_beat_arg;

static bool broken; /* wait_break() was called */

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
		if (actions_before[i].sa_handler != SIG_IGN)
			sigaction(signals[i], &noting, NULL);
	}
}

void
wait_on_signals(void (*handle)(void *arg, int signal), void *arg)
{
	bool caught = on_signal != NULL;

	on_signal = handle;
	on_signal_arg = arg;
	if (!caught)
		catch_signals();
}

void
wait_release_signals(void)
{
	if (on_signal == NULL)
		return;
	on_signal = NULL;
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &actions_before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

void
wait_ignore_signals(void)
{
	if (on_signal == NULL)
		return;
	for (size_t i = 0; i < SIGNALS; i++)
		signal(signals[i], SIG_IGN);
	on_signal = NULL;
	sigprocmask(SIG_SETMASK, &mask_before, NULL);
}

void
wait_on_input(int fd, void (*handle)(void *arg), void *arg)
{
	input_fd = fd;
	on_input = handle;
	on_input_arg = arg;
}

void
wait_on_beat(int64_t every_ms, void (*beat)(void *arg), void *arg)
{
	beat_every_ms = every_ms;
	beat_at = clock_ms() + every_ms;
	on_beat = beat;
	on_beat_arg = arg;
}

void
wait_break(void)
{
	broken = true;
}

void
wait_die_of(int number)
{
	sigset_t this_one;

	wait_release_signals();
	signal(number, SIG_DFL);
	sigemptyset(&this_one);
	sigaddset(&this_one, number);
	sigprocmask(SIG_UNBLOCK, &this_one, NULL);
	raise(number);
}

void
wait_forget(void)
{
	wait_release_signals();
	wait_on_input(-1, NULL, NULL);
	on_beat = NULL;
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

	if (on_signal == NULL)
		return;
	if (is_any_pending()) {
		sigprocmask(SIG_SETMASK, &mask_waiting, &mask);
		sigprocmask(SIG_SETMASK, &mask, NULL);
	}
	/* The handler may have changed since: it is asked for anew each time. */
	for (size_t i = 0; i < SIGNALS; i++) {
		bool call = came[i] != 0 && on_signal != NULL;

		came[i] = 0;
		if (call)
			on_signal(on_signal_arg, signals[i]);
	}
}

/* The caller's descriptors with ours behind them; the number of all. */
static nfds_t
gather(struct pollfd *all, const struct pollfd *polls, nfds_t count)
{
	if (count > 0)
		memcpy(all, polls, count * sizeof(*polls));
	if (input_fd < 0)
		return count;
	all[count] = (struct pollfd){ .fd = input_fd, .events = POLLIN };
	return count + 1;
}

static void
beat_if_due(void)
{
	void (*beat)(void *arg) = on_beat;

	if (beat == NULL || clock_ms() < beat_at)
		return;
	beat_at = clock_ms() + beat_every_ms;
	/* It may wait itself: not for another beat. */
	on_beat = NULL;
	beat(on_beat_arg);
	on_beat = beat;
}

int
wait_poll(struct pollfd *polls, nfds_t count, int64_t deadline)
{
	struct pollfd all[WAIT_POLLS_MAX + 1];

	if (count > WAIT_POLLS_MAX) {
		errno = EINVAL;
		return -1;
	}
	broken = false;
	for (;;) {
		nfds_t n_all = gather(all, polls, count);
		int64_t until = on_beat != NULL ? deadline_min(deadline, beat_at) : deadline;
		int left = deadline_poll_ms(until);
		struct timespec limit = { left / 1000, left % 1000 * 1000000L };
		int n = ppoll(all, n_all, left < 0 ? NULL : &limit,
		    on_signal != NULL ? &mask_waiting : NULL);
		bool heard = n > 0 && n_all > count && all[count].revents != 0;

		if (n < 0 && errno != EINTR)
			return -1;
		if (count > 0 && n >= 0)
			memcpy(polls, all, count * sizeof(*polls));
		/*
		 * Handlers come first, also where no signal broke the wait: a descriptor that is
		 * always ready must not keep them from being called.
		 */
		wait_deliver();
		if (heard)
			on_input(on_input_arg);
		beat_if_due();
		n -= heard;
		if (n > 0)
			return n;
		if (broken) {
			errno = EINTR;
			return -1;
		}
		if (deadline_poll_ms(deadline) == 0)
			return 0;
	}
}
