/* SPDX-License-Identifier: ISC */
#include "delivery/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/pair.h"
#include "base/process.h"
#include "base/wait.h"

enum {
	STOP_MS = 1000, /* from SIGTERM to SIGKILL */
	REAP_MS = 5000, /* from there to its end */
	FIRST_WORD_MS = 5000,
};

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
say_beat(void *arg)
{
	const int *end = arg;
	struct err ignored;

	/* Who does not listen, or is gone, is noticed elsewhere. */
	err_init(&ignored);
	pair_send(*end, WORKER_BEAT, (struct span){ "", 0 }, -1, &ignored);
	err_release(&ignored);
}

static void
begin_life(const struct worker_birth *birth, int end)
{
	int keep[WORKER_KEEP_MAX + 1] = { end };

	wait_forget();
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	if (!has_terminal())
		setsid();
	memcpy(keep + 1, birth->keep, sizeof(birth->keep));
	process_close_all_but(keep, WORKER_KEEP_MAX + 1);
	process_quiet(STDIN_FILENO, birth->output ? STDIN_FILENO : STDOUT_FILENO);
	process_title(birth->title);
	wait_on_beat(WORKER_BEAT_MS, say_beat, &end);
	say_beat(&end);
	birth->live(birth->arg, end);
	fflush(stdout);
	_exit(0);
}

/*
 * The child's first words tell that it is on its own: a caller that ends before, and whose process
 * group or terminal goes with it, would take it along. It ends before only where it is killed.
 */
static void
await_first_word(int end)
{
	struct pollfd p = { .fd = end, .events = POLLIN };

	/* One that is held by somebody is noticed as one that is stuck, later. */
	while (poll(&p, 1, FIRST_WORD_MS) < 0 && errno == EINTR)
		;
}

int
worker_start(struct worker *worker, const struct worker_birth *birth, struct err *err)
{
	int ends[2];
	pid_t pid;

	*worker = WORKER_NONE;
	if (pair_open(ends, err) < 0)
		return -1;
	/* What is buffered must not be printed twice. */
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		begin_life(birth, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return err_sys(err, ERR_SYSTEM, "cannot start a process to send with");
	}
	*worker = (struct worker){ .pid = pid, .end = ends[0], .heard_ms = clock_ms() };
	await_first_word(worker->end);
	return 0;
}

/* Hears out what it still says, until it closes its end. False: it does not. */
static bool
hear_out(struct worker *worker, int64_t deadline)
{
	struct pollfd p = { .fd = worker->end, .events = POLLIN };
	struct pair_message message;
	bool ended = false;

	pair_message_init(&message);
	while (!ended) {
		int n = wait_poll(&p, 1, deadline);

		if (n == 0)
			break;
		while (n > 0 && pair_receive(worker->end, &message) == PAIR_MESSAGE)
			;
		ended = n > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
	}
	pair_message_release(&message);
	return ended;
}

/* One that the system itself holds, at a disk that is gone for example, is left to it. */
static void
reap(pid_t pid)
{
	int64_t deadline = deadline_in(REAP_MS);

	while (waitpid(pid, NULL, WNOHANG) == 0 && deadline_poll_ms(deadline) > 0)
		poll(NULL, 0, 1);
}

void
worker_wait(struct worker *worker, int64_t patience_ms)
{
	if (worker->pid == 0)
		return;
	if (!hear_out(worker, deadline_in(patience_ms)))
		kill(worker->pid, SIGKILL);
	reap(worker->pid);
	close(worker->end);
	*worker = WORKER_NONE;
}

void
worker_stop(struct worker *worker)
{
	if (worker->pid > 0)
		kill(worker->pid, SIGTERM);
	worker_wait(worker, STOP_MS);
}

void
worker_leave_session(void)
{
	if (getsid(0) != getpid())
		setsid();
}

void
worker_leave_caller(void)
{
	worker_leave_session();
	process_leave_folder();
	process_quiet(STDIN_FILENO, STDERR_FILENO);
}
