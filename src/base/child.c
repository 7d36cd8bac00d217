/* SPDX-License-Identifier: ISC */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/wait.h"

enum {
	ONLY_FD = 3,            /* the one descriptor of a child besides /dev/null */
	DESCRIPTORS = 1 << 16,  /* closed one by one where the kernel cannot close many at once */
	REAP_MS = 2000,         /* how long a child that was killed is waited for */
	NAP_MIN_NS = 50 * 1000, /* between two looks for it, at first */
	NAP_MAX_NS = 50 * 1000 * 1000,
};

/* What the guard tells: first whether the command runs, then how it ended. */
struct news {
	int failed; /* errno, or 0 */
	int signal, exit_status;
};

/* A lock on a file, or a caller that reads to the end, must not wait for a child. */
static void
keep_only(int fd)
{
	int null = open("/dev/null", O_RDWR);

	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (i != fd)
			dup2(null, i);
	dup2(fd, ONLY_FD);
	if (syscall(SYS_close_range, ONLY_FD + 1U, ~0U, 0U) < 0)
		for (int i = ONLY_FD + 1; i < DESCRIPTORS; i++)
			close(i);
}

/*
 * Killed, a child is gone at once; but not where the kernel waits for something on its behalf, a
 * file server say.  It is not waited for for ever then.
 */
static void
reap(pid_t pid)
{
	int64_t deadline = deadline_in(REAP_MS);
	struct timespec nap = { 0, NAP_MIN_NS };

	while (deadline_poll_ms(deadline) != 0) {
		pid_t found = waitpid(pid, NULL, WNOHANG);

		if (found == pid || (found < 0 && errno != EINTR))
			return;
		nanosleep(&nap, NULL);
		if (nap.tv_nsec < NAP_MAX_NS)
			nap.tv_nsec *= 2;
	}
}

/*
 * The command gets the signals as they are at login: callers of sendmail often ignore SIGPIPE, and
 * the guard blocks SIGCHLD.
 */
static int
prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, int in, int out,
    bool group)
{
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	failed = posix_spawnattr_setflags(attributes,
	    (short)((group ? POSIX_SPAWN_SETPGROUP : 0) | POSIX_SPAWN_SETSIGMASK |
		POSIX_SPAWN_SETSIGDEF));
	if (failed == 0)
		failed = posix_spawnattr_setsigmask(attributes, &none);
	if (failed == 0)
		failed = posix_spawnattr_setsigdefault(attributes, &all);
	/* In this order: where the caller has no standard input, out may be descriptor 0. */
	if (failed == 0 && out >= 0)
		failed = posix_spawn_file_actions_adddup2(actions, out, STDOUT_FILENO);
	if (failed == 0 && in >= 0)
		failed = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
	if (failed == 0 && in < 0)
		failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
		    O_RDONLY, 0);
	return failed;
}

static int
spawn(const char *command, const char *first, const char *second, int in, int out, bool group,
    pid_t *pid)
{
	const char *const words[] = { "sh", "-c", command, "sh", first, second, NULL };
	char *argv[sizeof(words) / sizeof(words[0])];
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	int failed;

	memcpy(argv, words, sizeof(words));
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_init(&actions);
	failed = prepare(&attributes, &actions, in, out, group);
	if (failed == 0)
		failed = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return failed;
}

static void
wake(int signal)
{
	(void)signal;
}

static void
tell(int watch, const struct news *news)
{
	send(watch, news, sizeof(*news), MSG_NOSIGNAL);
}

/*
 * Waits for the end of the command, and then for us to let go of it.  The command is not waited for
 * with waitpid(2) before that, for so long its number, and its group's, are nobody else's.
 */
static _Noreturn void
guard(pid_t command, bool group)
{
	struct pollfd ours = { .fd = ONLY_FD, .events = POLLIN };
	bool ended = false;
	sigset_t none;
	char leave;

	sigemptyset(&none);
	do {
		siginfo_t info = { .si_pid = 0 };

		if (!ended &&
		    waitid(P_PID, (id_t)command, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    info.si_pid == command) {
			bool exited = info.si_code == CLD_EXITED;
			struct news news = { 0, exited ? 0 : info.si_status,
				exited ? info.si_status : 0 };

			tell(ONLY_FD, &news);
			ended = true;
		}
	} while (ppoll(&ours, 1, NULL, &none) <= 0);
	if (recv(ONLY_FD, &leave, 1, MSG_DONTWAIT) <= 0)
		kill(group ? -command : command, SIGKILL);
	reap(command);
	_exit(0);
}

static _Noreturn void
begin_guard(const char *command, const char *first, const char *second, int in, int out, bool group,
    int watch)
{
	struct sigaction waking = { .sa_handler = wake };
	struct news news = { .failed = 0 };
	sigset_t child;
	pid_t pid;

	setpgid(0, 0);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_SETMASK, &child, NULL);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigaction(SIGCHLD, &waking, NULL);
	news.failed = spawn(command, first, second, in, out, group, &pid);
	tell(watch, &news);
	if (news.failed != 0)
		_exit(0);
	keep_only(watch);
	guard(pid, group);
}

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* False where there is none before the deadline.  Where the guard was killed, that is the news. */
static bool
hear(struct child *child, struct news *news, int64_t deadline)
{
	struct pollfd watch = { .fd = child->watch, .events = POLLIN };

	if (wait_poll(&watch, 1, deadline) <= 0)
		return false;
	if (recv(child->watch, news, sizeof(*news), MSG_DONTWAIT) != (ssize_t)sizeof(*news))
		*news = (struct news){ .failed = ECHILD, .signal = SIGKILL };
	return true;
}

int
child_start(struct child *child, const char *command, const char *first, const char *second, int in,
    int out, int64_t deadline, struct err *err)
{
	bool group = !has_terminal();
	struct news news = { .failed = 0 };
	int ends[2];

	*child = (struct child)CHILD_INIT;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, ERR_SYSTEM, "cannot run /bin/sh");
	child->guard = fork();
	if (child->guard == 0)
		begin_guard(command, first, second, in, out, group, ends[1]);
	child->watch = ends[0];
	if (child->guard < 0)
		news.failed = errno;
	close(ends[1]);
	if (news.failed == 0 && !hear(child, &news, deadline)) {
		child_kill(child);
		return err_set(err, ERR_TIMEOUT, "cannot run /bin/sh in time");
	}
	if (news.failed == 0)
		return 0;
	child_kill(child);
	errno = news.failed;
	return err_sys(err, ERR_SYSTEM, "cannot run /bin/sh");
}

bool
child_wait(struct child *child, int64_t deadline)
{
	struct news news;

	if (child->ended || !hear(child, &news, deadline))
		return child->ended;
	child->ended = true;
	child->signal = news.signal;
	child->exit_status = news.exit_status;
	return true;
}

void
child_kill(struct child *child)
{
	if (child->watch >= 0)
		close(child->watch);
	if (child->guard > 0)
		reap(child->guard);
	*child = (struct child)CHILD_INIT;
}

void
child_release(struct child *child)
{
	if (child->watch >= 0)
		send(child->watch, "", 1, MSG_NOSIGNAL);
	child_kill(child);
}

static _Noreturn void
answer_to(void (*work)(const void *question, void *answer), const void *question, void *answer,
    size_t size, int to, pid_t parent)
{
	ssize_t written;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent) {
		keep_only(to);
		work(question, answer);
		written = write(ONLY_FD, answer, size);
		_exit(written == (ssize_t)size ? 0 : 1);
	}
	_exit(1);
}

int
child_ask(void (*work)(const void *question, void *answer), const void *question, void *answer,
    size_t size, int64_t deadline, struct err *err)
{
	pid_t self = getpid(), pid;
	struct pollfd from = { .events = POLLIN };
	ssize_t got = -1;
	int ends[2], ready;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, ERR_SYSTEM, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		answer_to(work, question, answer, size, ends[1], self);
	close(ends[1]);
	if (pid < 0) {
		err_sys(err, ERR_SYSTEM, "cannot make a process");
		close(ends[0]);
		return -1;
	}
	from.fd = ends[0];
	ready = wait_poll(&from, 1, deadline);
	if (ready > 0)
		got = read(ends[0], answer, size);
	close(ends[0]);
	kill(pid, SIGKILL);
	reap(pid);
	if (ready == 0)
		return err_set(err, ERR_TIMEOUT, "no answer in time");
	return got == (ssize_t)size ?
	    0 :
	    err_set(err, ERR_SYSTEM, "the process that was to find it out ended without an answer");
}
