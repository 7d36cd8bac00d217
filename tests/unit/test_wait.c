/* SPDX-License-Identifier: ISC */
/*
 * Signals come while the program waits, and only then.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/wait.h"

enum {
	SOON_MS = 30,
	LATE_MS = 10000, /* never, where all is well */
	OFTEN = 200,
	FEW = 16, /* descriptors */
};

static const int ours[] = { SIGTERM, SIGINT, SIGHUP };

/* What the handler was called for: "15 1 ". */
static struct buf calls = BUF_INIT(4096);

static void
write_down(void *arg, int signal)
{
	buf_addf(arg, "%d ", signal);
}

static int
setup(void **state)
{
	(void)state;
	buf_clear(&calls);
	wait_on_signals(write_down, &calls);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	wait_release_signals();
	buf_release(&calls);
	return 0;
}

static bool
is_blocked(int signal)
{
	sigset_t mask;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, signal) == 1;
}

static void
ring_in(int64_t ms)
{
	static bool is_made;
	static timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGHUP };
	struct itimerspec at = { .it_value = { ms / 1000, ms % 1000 * 1000000 } };

	if (!is_made)
		assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	is_made = true;
	timer_settime(timer, 0, &at, NULL);
}

/*
 * How a child ended that did what body does: the number of a signal, or 1000 and its exit status.
 */
static int
end_of_child(void (*body)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
}

static void
signals_wait_for_the_wait(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		assert_true(is_blocked(ours[i]));
		raise(ours[i]);
	}
	assert_string_equal(calls.data, "");
	assert_int_equal(wait_poll(NULL, 0, deadline_in(0)), 0);
	/* Each of them once, and what ends the program first. */
	assert_string_equal(calls.data, "15 2 1 ");
	wait_poll(NULL, 0, deadline_in(0));
	assert_string_equal(calls.data, "15 2 1 ");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_true(is_blocked(ours[i]));
}

/* Programs are started with signals blocked now and then. */
static void
what_was_blocked_comes_too(void **state)
{
	sigset_t term;

	(void)state;
	wait_release_signals();
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	wait_on_signals(write_down, &calls);
	raise(SIGTERM);
	wait_poll(NULL, 0, deadline_in(0));
	assert_string_equal(calls.data, "15 ");
	wait_release_signals();
	assert_true(is_blocked(SIGTERM));
	sigprocmask(SIG_UNBLOCK, &term, NULL);
}

static void
a_signal_does_not_end_the_wait(void **state)
{
	int64_t start = clock_ms();

	(void)state;
	ring_in(SOON_MS / 3);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(SOON_MS)), 0);
	assert_string_equal(calls.data, "1 ");
	assert_true(clock_ms() - start >= SOON_MS);
}

/* However often one comes. */
static void
ring_on(void *arg, int signal)
{
	write_down(arg, signal);
	ring_in(calls.len < OFTEN * strlen("1 ") ? SOON_MS / 10 : 0);
}

static void
signals_do_not_delay_the_end(void **state)
{
	(void)state;
	wait_on_signals(ring_on, &calls);
	ring_in(SOON_MS / 10);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(SOON_MS)), 0);
	assert_true(calls.len < OFTEN * strlen("1 "));
	ring_in(0);
	wait_deliver();
}

static void
poll_tells_what_is_ready(void **state)
{
	struct pollfd polls[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int pipes[2][2];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe(pipes[i]), 0);
		polls[i].fd = pipes[i][0];
	}
	assert_int_equal(wait_poll(polls, 2, deadline_in(0)), 0);
	assert_int_equal(write(pipes[1][1], "x", 1), 1);
	assert_int_equal(wait_poll(polls, 2, DEADLINE_NONE), 1);
	assert_int_equal(polls[0].revents, 0);
	assert_int_equal(polls[1].revents, POLLIN);
	/* A descriptor that is always ready must not keep signals out. */
	raise(SIGTERM);
	assert_int_equal(wait_poll(polls, 2, DEADLINE_NONE), 1);
	assert_string_equal(calls.data, "15 ");
	for (size_t i = 0; i < 4; i++)
		close(pipes[i / 2][i % 2]);
}

/* More descriptors than a process may have. */
static void
poll_fails_as_poll_does(void **state)
{
	struct pollfd polls[FEW + 1];
	struct rlimit before, few;

	(void)state;
	for (size_t i = 0; i <= FEW; i++)
		polls[i] = (struct pollfd){ .fd = -1 };
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ FEW, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(wait_poll(polls, FEW + 1, deadline_in(LATE_MS)), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
signals_are_delivered_without_a_wait(void **state)
{
	(void)state;
	wait_deliver();
	assert_string_equal(calls.data, "");
	raise(SIGHUP);
	raise(SIGINT);
	wait_deliver();
	assert_string_equal(calls.data, "2 1 ");
	wait_deliver();
	assert_string_equal(calls.data, "2 1 ");
}

/* Waits in the handler, too, where another signal comes. */
static void
wait_on(void *arg, int signal)
{
	write_down(arg, signal);
	if (signal != SIGTERM)
		return;
	raise(SIGHUP);
	wait_poll(NULL, 0, deadline_in(0));
	write_down(arg, 0);
}

static void
the_handler_may_wait(void **state)
{
	(void)state;
	wait_on_signals(wait_on, &calls);
	raise(SIGTERM);
	wait_poll(NULL, 0, deadline_in(0));
	assert_string_equal(calls.data, "15 1 0 ");
}

static void
die_of_it(void *arg, int signal)
{
	(void)arg;
	wait_release_signals();
	raise(signal);
}

static void
wait_to_die(void)
{
	wait_on_signals(die_of_it, NULL);
	raise(SIGTERM);
	wait_poll(NULL, 0, deadline_in(LATE_MS));
}

static void
the_handler_need_not_return(void **state)
{
	(void)state;
	assert_int_equal(end_of_child(wait_to_die), SIGTERM);
}

static void
get_terminated(void)
{
	raise(SIGTERM);
}

/* A signal that waits is delivered when nobody handles it any more. */
static void
give_up_with_one_pending(void)
{
	wait_on_signals(write_down, &calls);
	raise(SIGINT);
	wait_release_signals();
}

/* As a shell's child sees it. */
static void
execute(void)
{
	wait_forget();
	execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 3", (char *)NULL);
}

static void
execute_without_care(void)
{
	execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 3", (char *)NULL);
}

static void
signals_are_as_before_in_the_end(void **state)
{
	(void)state;
	/* That it makes a difference. */
	assert_int_equal(end_of_child(execute_without_care), 1003);
	assert_int_equal(end_of_child(execute), SIGTERM);
	wait_release_signals();
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		assert_false(is_blocked(ours[i]));
	assert_int_equal(end_of_child(get_terminated), SIGTERM);
	assert_int_equal(end_of_child(give_up_with_one_pending), SIGINT);
}

/* nohup, and what shells do to programs in the background. */
static void
what_is_ignored_stays_ignored(void **state)
{
	(void)state;
	wait_release_signals();
	signal(SIGHUP, SIG_IGN);
	wait_on_signals(write_down, &calls);
	raise(SIGHUP);
	wait_poll(NULL, 0, deadline_in(0));
	wait_deliver();
	wait_release_signals();
	assert_ptr_equal(signal(SIGHUP, SIG_DFL), SIG_IGN);
	assert_string_equal(calls.data, "");
}

static void
nobody_need_handle_signals(void **state)
{
	int64_t start = clock_ms();

	(void)state;
	wait_release_signals();
	wait_deliver();
	assert_int_equal(wait_poll(NULL, 0, deadline_in(SOON_MS)), 0);
	assert_true(clock_ms() - start >= SOON_MS);
}

/* Reads one octet, and writes it down. */
static void
hear(void *arg)
{
	const int *end = arg;
	char octet = '-';

	if (read(*end, &octet, 1) <= 0) {
		wait_on_input(-1, NULL, NULL);
		octet = '.';
	}
	buf_addc(&calls, octet);
	if (octet == 'b')
		wait_break();
}

/* What somebody says at any time is heard, and does not end the wait; but where that is wanted. */
static void
input_is_heard(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	wait_on_input(ends[0], hear, &ends[0]);
	assert_int_equal(write(ends[1], "aa", 2), 2);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(SOON_MS)), 0);
	assert_string_equal(calls.data, "aa");
	assert_int_equal(write(ends[1], "b", 1), 1);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(LATE_MS)), -1);
	assert_int_equal(errno, EINTR);
	assert_string_equal(calls.data, "aab");
	close(ends[1]);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(SOON_MS)), 0);
	assert_string_equal(calls.data, "aab.");
	close(ends[0]);
}

/* Beside it, the caller's own descriptors are told as ever, and no others. */
static void
input_is_not_the_callers(void **state)
{
	struct pollfd p = { .events = POLLIN };
	int ends[2], own[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(own), 0);
	p.fd = own[0];
	wait_on_input(ends[0], hear, &ends[0]);
	assert_int_equal(write(ends[1], "a", 1), 1);
	assert_int_equal(wait_poll(&p, 1, deadline_in(SOON_MS)), 0);
	assert_int_equal(p.revents, 0);
	assert_int_equal(write(ends[1], "a", 1), 1);
	assert_int_equal(write(own[1], "x", 1), 1);
	assert_int_equal(wait_poll(&p, 1, deadline_in(LATE_MS)), 1);
	assert_int_equal(p.revents, POLLIN);
	assert_string_equal(calls.data, "aa");
	wait_on_input(-1, NULL, NULL);
	for (size_t i = 0; i < 2; i++) {
		close(ends[i]);
		close(own[i]);
	}
}

static void
beat(void *arg)
{
	buf_addc(arg, 'x');
}

static void
beats_while_it_waits(void **state)
{
	(void)state;
	wait_on_beat(SOON_MS / 3, beat, &calls);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(2 * SOON_MS)), 0);
	assert_true(calls.len > 0 && calls.len <= 6);
	wait_forget();
	buf_clear(&calls);
	assert_int_equal(wait_poll(NULL, 0, deadline_in(SOON_MS)), 0);
	assert_int_equal(calls.len, 0);
}

static void
break_it(void *arg, int signal)
{
	write_down(arg, signal);
	wait_break();
}

static void
a_handler_ends_the_wait(void **state)
{
	(void)state;
	wait_on_signals(break_it, &calls);
	raise(SIGINT);
	assert_int_equal(wait_poll(NULL, 0, DEADLINE_NONE), -1);
	assert_int_equal(errno, EINTR);
	assert_string_equal(calls.data, "2 ");
	/* That one only. */
	assert_int_equal(wait_poll(NULL, 0, deadline_in(0)), 0);
}

/* The caller may ignore them, or have them blocked: nohup make check. */
static void
start_afresh(void)
{
	sigset_t none;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		signal(ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(signals_wait_for_the_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_blocked_comes_too, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_do_not_delay_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_does_not_end_the_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(poll_tells_what_is_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(poll_fails_as_poll_does, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_are_delivered_without_a_wait, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(the_handler_may_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(the_handler_need_not_return, setup, teardown),
		cmocka_unit_test_setup_teardown(signals_are_as_before_in_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_ignored_stays_ignored, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_need_handle_signals, setup, teardown),
		cmocka_unit_test_setup_teardown(input_is_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(input_is_not_the_callers, setup, teardown),
		cmocka_unit_test_setup_teardown(beats_while_it_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(a_handler_ends_the_wait, setup, teardown),
	};

	start_afresh();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
