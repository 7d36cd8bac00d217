/* SPDX-License-Identifier: ISC */
/*
 * Children: what they tell, how long they are waited for, and that nothing of them stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cmocka.h>

#include "base/child.h"
#include "base/clock.h"
#include "with_err.h"

enum {
	LIMIT_MS = 20000, /* for what is expected to end by itself */
	SHORT_MS = 150,   /* for what is expected not to */
	NOBODY = 65534,
	PROCESSES_MAX = 8,
};

/* Commands write the numbers of their processes here, one a line. */
static char path[] = "/tmp/sendoff-child-XXXXXX";

static int
setup(void **state)
{
	int fd;

	strcpy(strrchr(path, '-'), "-XXXXXX");
	fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? -1 : setup_err(state);
}

static int
teardown(void **state)
{
	unlink(path);
	return teardown_err(state);
}

/* The test's own children are all gone, zombies too. */
static void
assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* A process of init's now, which may take a moment to hear of its end: a zombie counts as gone. */
static bool
is_gone(pid_t pid)
{
	char name[64], line[256] = "";
	FILE *f;

	if (kill(pid, 0) < 0)
		return true;
	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	f = fopen(name, "r");
	if (f == NULL)
		return true;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	return strstr(line, ") Z ") != NULL;
}

/* Waits until the file has that many numbers. */
static size_t
read_processes(pid_t pids[static PROCESSES_MAX], size_t wanted)
{
	size_t count = 0;

	for (int64_t end = deadline_in(LIMIT_MS); count < wanted && deadline_poll_ms(end) > 0;
	     usleep(5000)) {
		FILE *f = fopen(path, "r");
		long pid;

		for (count = 0; count < PROCESSES_MAX && fscanf(f, "%ld\n", &pid) == 1; count++)
			pids[count] = (pid_t)pid;
		fclose(f);
	}
	return count;
}

static void
assert_processes_end(size_t wanted)
{
	pid_t pids[PROCESSES_MAX];
	size_t count = read_processes(pids, wanted);
	int64_t end = deadline_in(LIMIT_MS);

	assert_int_equal(count, wanted);
	for (size_t i = 0; i < count; i++) {
		while (!is_gone(pids[i]) && deadline_poll_ms(end) > 0)
			usleep(5000);
		assert_true(is_gone(pids[i]));
	}
}

/* $F in the command is the file. */
static void
start(struct child *child, const char *command, int in, int out)
{
	setenv("F", path, 1);
	assert_int_equal(child_start(child, command, "one", "two words", in, out,
			     deadline_in(LIMIT_MS), &err),
	    0);
}

struct end_row {
	const char *command;
	int signal, exit_status;
};

static const struct end_row ends[] = {
	{ "true", 0, 0 },
	{ "exit 3", 0, 3 },
	{ "/nonexistent/command 2>/dev/null", 0, 127 },
	{ "kill -9 $$", SIGKILL, 0 },
	{ "kill -PIPE $$", SIGPIPE, 0 },
	{ "kill -TERM 0", SIGTERM, 0 },
	{ "kill -KILL 0", SIGKILL, 0 },
	{ "kill -HUP $$", SIGHUP, 0 },
	{ "test \"$1\" = one && test \"$2\" = 'two words'", 0, 0 },
	{ "test \"$(cat)\" = ''", 0, 0 },
	{ "sleep 60 <&- >&- 2>&- & exit 4", 0, 4 },
};

static void
how_commands_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct child child;

		start(&child, ends[i].command, -1, -1);
		assert_true(child_wait(&child, deadline_in(LIMIT_MS)));
		assert_int_equal(child.signal, ends[i].signal);
		assert_int_equal(child.exit_status, ends[i].exit_status);
		assert_true(child_wait(&child, 0));
		child_kill(&child);
		assert_int_equal(child.guard, 0);
		assert_int_equal(child.watch, -1);
		assert_no_children();
	}
}

/* What ends at child_kill(): each writes the numbers of its processes first. */
static const struct kill_row {
	const char *command;
	size_t processes;
} killed[] = {
	{ "echo $$ > $F; exec sleep 60", 1 },
	{ "trap '' TERM INT HUP; echo $$ > $F; sleep 60; sleep 60", 1 },
	{ "echo $$ > $F; sh -c 'echo $$ >> $F; exec sleep 60' & wait", 2 },
	{ "echo $$ > $F; sh -c 'echo $$ >> $F; exec sleep 60' | cat", 2 },
	{ "echo $$ > $F; kill -STOP $$; sleep 60", 1 },
	{ "echo $$ > $F; kill -STOP 0; sleep 60", 1 },
	{ "sh -c 'echo $$ > $F; exec sleep 60' <&- >&- 2>&- & true", 1 },
};

static void
kill_ends_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(killed) / sizeof(killed[0]); i++) {
		pid_t pids[PROCESSES_MAX];
		struct child child;

		assert_int_equal(truncate(path, 0), 0);
		start(&child, killed[i].command, -1, -1);
		assert_int_equal(read_processes(pids, killed[i].processes), killed[i].processes);
		child_wait(&child, deadline_in(SHORT_MS));
		child_kill(&child);
		assert_no_children();
		assert_processes_end(killed[i].processes);
	}
}

/* What a command leaves running may stay, where it has ended by itself. */
static void
release_leaves_the_rest(void **state)
{
	pid_t pids[PROCESSES_MAX];
	struct child child;

	(void)state;
	start(&child, "sh -c 'echo $$ > $F; exec sleep 60' <&- >&- 2>&- & true", -1, -1);
	assert_true(child_wait(&child, deadline_in(LIMIT_MS)));
	child_release(&child);
	assert_no_children();
	assert_int_equal(read_processes(pids, 1), 1);
	usleep(SHORT_MS * 1000);
	assert_false(is_gone(pids[0]));
	kill(pids[0], SIGKILL);
}

/* A process that is killed takes the command with it; so does one that just exits. */
static void
commands_end_with_us(void **state)
{
	const int how[] = { SIGKILL, SIGTERM, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		pid_t pids[PROCESSES_MAX], pid;

		assert_int_equal(truncate(path, 0), 0);
		pid = fork();
		if (pid == 0) {
			struct child child;

			start(&child, "echo $$ > $F; sh -c 'echo $$ >> $F; exec sleep 60' | cat",
			    -1, -1);
			read_processes(pids, 2);
			if (how[i] == 0)
				_exit(0);
			pause();
		}
		assert_int_equal(read_processes(pids, 2), 2);
		if (how[i] != 0)
			kill(pid, how[i]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_processes_end(2);
	}
}

static void
input_and_output(void **state)
{
	struct child child;
	char text[64] = "";
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	start(&child, "tr a-z A-Z", pair[1], pair[1]);
	close(pair[1]);
	assert_int_equal(write(pair[0], "hello", 5), 5);
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(recv(pair[0], text, sizeof(text), MSG_WAITALL), 5);
	assert_string_equal(text, "HELLO");
	close(pair[0]);
	assert_true(child_wait(&child, deadline_in(LIMIT_MS)));
	child_kill(&child);
	assert_no_children();
}

/* Nothing but 0, 1 and 2 reaches a command; a file that we close is closed, whatever runs. */
static void
descriptors(void **state)
{
	struct child child;
	int ends_of_pipe[2];
	char octet;

	(void)state;
	assert_int_equal(pipe2(ends_of_pipe, O_CLOEXEC), 0);
	start(&child, "sleep 60", -1, -1);
	close(ends_of_pipe[1]);
	assert_int_equal(read(ends_of_pipe[0], &octet, 1), 0);
	close(ends_of_pipe[0]);
	child_kill(&child);
	assert_no_children();
}

/* Children that answer. */

struct answer {
	int number;
	char text[64];
};

static void
add_one(const void *question, void *answer)
{
	struct answer *a = answer;

	a->number = *(const int *)question + 1;
	snprintf(a->text, sizeof(a->text), "%ld", (long)getpid());
}

static void
never(const void *question, void *answer)
{
	FILE *f = fopen(question, "w");

	(void)answer;
	fprintf(f, "%ld\n", (long)getpid());
	fclose(f);
	for (;;)
		pause();
}

static void
dies(const void *question, void *answer)
{
	(void)question;
	(void)answer;
	raise(SIGSEGV);
}

static void
count_descriptors(const void *question, void *answer)
{
	struct answer *a = answer;

	(void)question;
	a->number = 0;
	for (int fd = 0; fd < 256; fd++)
		a->number += fcntl(fd, F_GETFD) != -1 ? 1 : 0;
}

static void
answers(void **state)
{
	struct answer answer = { .number = 0 };
	int question = 41;

	(void)state;
	assert_int_equal(child_ask(add_one, &question, &answer, sizeof(answer),
			     deadline_in(LIMIT_MS), &err),
	    0);
	assert_int_equal(answer.number, 42);
	assert_int_not_equal(atol(answer.text), getpid());
	assert_int_equal(child_ask(count_descriptors, NULL, &answer, sizeof(answer), DEADLINE_NONE,
			     &err),
	    0);
	assert_int_equal(answer.number, 4);
	assert_no_children();
}

static void
answer_that_never_comes(void **state)
{
	struct answer answer;

	(void)state;
	assert_int_equal(child_ask(never, path, &answer, sizeof(answer), deadline_in(SHORT_MS * 5),
			     &err),
	    -1);
	assert_int_equal(err.kind, ERR_TIMEOUT);
	assert_no_children();
	assert_processes_end(1);
}

static void
child_that_dies(void **state)
{
	struct answer answer;

	(void)state;
	assert_int_equal(child_ask(dies, NULL, &answer, sizeof(answer), deadline_in(LIMIT_MS),
			     &err),
	    -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_no_children();
}

static void
answering_ends_with_us(void **state)
{
	pid_t pid = fork(), pids[PROCESSES_MAX];

	(void)state;
	if (pid == 0) {
		struct answer answer;

		child_ask(never, path, &answer, sizeof(answer), DEADLINE_NONE, &err);
		_exit(1);
	}
	assert_int_equal(read_processes(pids, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_processes_end(1);
}

/* Where the system is strict. */

static void
no_new_privileges(void)
{
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
}

/* So many system calls of a new process are refused, as a unit's SystemCallFilter= may do it. */
static void
no_processes(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_fork
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_vfork, 3, 0),
#endif
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	no_new_privileges();
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* An unprivileged user who may have so many processes. */
static void
few_processes(rlim_t count)
{
	const struct rlimit limit = { count, count };

	assert_int_equal(setrlimit(RLIMIT_NPROC, &limit), 0);
	if (geteuid() == 0) {
		assert_int_equal(setgid(NOBODY), 0);
		assert_int_equal(setuid(NOBODY), 0);
	}
}

static void
one_process(void)
{
	few_processes(0);
}

static const struct strict_row {
	void (*how)(void);
	const char *command, *answer; /* the errors; NULL: it works */
} strict[] = {
	{ no_new_privileges, NULL, NULL },
	{ no_processes, "cannot run /bin/sh: Operation not permitted",
	    "cannot make a process: Operation not permitted" },
	{ one_process, "cannot run /bin/sh: Resource temporarily unavailable",
	    "cannot make a process: Resource temporarily unavailable" },
};

static void
assert_went(int result, const char *want)
{
	if (want == NULL) {
		assert_int_equal(result, 0);
		return;
	}
	assert_int_equal(result, -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_string_equal(err.what.data, want);
}

static void
strict_systems(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++) {
		pid_t pid = fork();
		int status, question = 41;

		if (pid == 0) {
			struct answer answer;
			struct child child;

			strict[i].how();
			assert_went(child_ask(add_one, &question, &answer, sizeof(answer),
					deadline_in(LIMIT_MS), &err),
			    strict[i].answer);
			assert_went(child_start(&child, "true", NULL, NULL, -1, -1,
					deadline_in(LIMIT_MS), &err),
			    strict[i].command);
			child_kill(&child);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(how_commands_end, setup, teardown),
		cmocka_unit_test_setup_teardown(kill_ends_all, setup, teardown),
		cmocka_unit_test_setup_teardown(release_leaves_the_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(commands_end_with_us, setup, teardown),
		cmocka_unit_test_setup_teardown(input_and_output, setup, teardown),
		cmocka_unit_test_setup_teardown(descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(answers, setup, teardown),
		cmocka_unit_test_setup_teardown(answer_that_never_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(child_that_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(answering_ends_with_us, setup, teardown),
		cmocka_unit_test_setup_teardown(strict_systems, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
