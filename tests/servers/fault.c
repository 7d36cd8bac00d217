/* SPDX-License-Identifier: ISC */
/*
 * Runs a program, and disturbs one of its processes at one of its system calls (see fault.py):
 *
 * 	fault LOG FAULT... -- program argument...
 *
 * FAULT is PROCESS:NUMBER:NTH:ACTION. PROCESS is 0 for the program itself, 0.2 for its second
 * child, and so on; NUMBER is the system call's, NTH counts its calls in that process, from 1 on;
 * with a + behind it, all later ones are meant, too. ACTION is one of
 *
 * 	kill          the process is killed before the call
 * 	error=ERRNO   the call is not made, and fails
 * 	hold          the process is held behind the call until SIGUSR1 comes to us
 * 	term          the process gets SIGTERM before the call
 * 	kill=PROCESS  another one is killed, and is dead before the call
 * 	term=PROCESS  another one gets SIGTERM; the call is made when that one has acted on it: when
 * 	              it has ended, or waits again
 * 	wait=PROCESS  likewise, when a wait of that one has come to its end by the clock
 *
 * LOG tells, line by line, what was done ("hit NUMBER PROCESS") and which process was ended by a
 * signal that is not ours ("died SIGNAL PROCESS"). All processes are waited for; the exit status
 * is the program's. They are killed where we are. One that is left alone and waits, without anyone
 * to wait for but the clock, gets SIGTERM: it would see to the queue for hours.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptrace.h>

enum {
	PROCESSES_MAX = 64,
	FAULTS_MAX = 8,
	CALLS_MAX = 1024, /* numbers of system calls */
	NAME_MAX_LEN = 64,
	/* For one who does not act, for he waits for who is held. */
	ACT_MS = 500,
	WAIT_MS = 3000,
	ALONE_MS = 300,
	TICK_MS = 50,
};

enum action { ACTION_KILL, ACTION_ERROR, ACTION_HOLD, ACTION_TERM, ACTION_WAIT };

struct fault {
	char process[NAME_MAX_LEN], target[NAME_MAX_LEN]; /* target: empty: the process itself */
	unsigned long number, nth;
	bool later;
	enum action action;
	long error;
};

enum hold {
	HOLD_NONE,
	HOLD_SIGNAL, /* until SIGUSR1 */
	HOLD_DEATH,  /* until the target is dead */
	HOLD_TOLD,   /* until the target's wait has ended … */
	HOLD_ACTED,  /* … and it waits again */
};

struct process {
	pid_t pid; /* 0: none */
	char name[NAME_MAX_LEN];
	unsigned children;
	unsigned long counts[CALLS_MAX];
	bool known;   /* its parent told of it */
	bool begun;   /* its first stop came */
	bool is_ours; /* it was killed by us */
	unsigned long number;
	const struct fault *at_exit; /* what is to be done when the call has ended */
	enum hold hold;
	struct process *target;
	int64_t until_ms;       /* … but not longer than that */
	int64_t polls_since_ms; /* 0: it is not in poll(2) */
};

static struct process processes[PROCESSES_MAX];
static struct fault faults[FAULTS_MAX];
static size_t fault_count;
static FILE *log_file;
static volatile sig_atomic_t released;

#if defined(__x86_64__)
typedef struct user_regs_struct registers;
#define SKIP(r) ((r)->orig_rax = (unsigned long long)-1)
#define RESULT(r, n) ((r)->rax = (unsigned long long)(n))
#define POLLS(number) ((number) == 7 || (number) == 271)
#elif defined(__aarch64__)
typedef struct user_regs_struct registers;
#define SKIP(r) ((void)(r))
#define RESULT(r, n) ((r)->regs[0] = (unsigned long long)(n))
#define POLLS(number) ((number) == 73)
#else
#error "no system calls can be made to fail on this machine"
#endif

static void
die(const char *what)
{
	perror(what);
	exit(125);
}

static void
on_release(int number)
{
	(void)number;
	released = 1;
}

static void
on_tick(int number)
{
	(void)number;
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct process *
find(pid_t pid)
{
	struct process *free_one = NULL;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		if (processes[i].pid == pid)
			return &processes[i];
		if (free_one == NULL && processes[i].pid == 0)
			free_one = &processes[i];
	}
	if (free_one == NULL) {
		fprintf(stderr, "fault: too many processes\n");
		exit(125);
	}
	memset(free_one, 0, sizeof(*free_one));
	free_one->pid = pid;
	return free_one;
}

static struct process *
find_name(const char *name)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (processes[i].pid != 0 && strcmp(processes[i].name, name) == 0)
			return &processes[i];
	return NULL;
}

static void
go_on(struct process *p, int signal)
{
	if (p->hold == HOLD_NONE && ptrace(PTRACE_SYSCALL, p->pid, 0, signal) < 0 && errno != ESRCH)
		die("PTRACE_SYSCALL");
}

static void
let_go(struct process *p)
{
	p->hold = HOLD_NONE;
	p->target = NULL;
	go_on(p, 0);
}

static void
hold(struct process *p, enum hold why, struct process *target, int64_t patience_ms)
{
	p->hold = why;
	p->target = target;
	p->until_ms = now_ms() + patience_ms;
}

/* Something happened to one whom others may wait for. */
static void
notice(const struct process *target, bool polls, bool poll_broke)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *p = &processes[i];

		if (p->pid == 0 || p->target != target)
			continue;
		if (p->hold == HOLD_TOLD && poll_broke)
			p->hold = HOLD_ACTED;
		else if (p->hold == HOLD_ACTED && polls)
			let_go(p);
	}
}

static void
notice_end(const struct process *target)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (processes[i].pid != 0 && processes[i].target == target)
			let_go(&processes[i]);
}

static void
look_at_clock(void)
{
	struct process *last = NULL;
	unsigned count = 0;

	for (size_t i = 0; i < PROCESSES_MAX; i++) {
		struct process *p = &processes[i];

		if (p->pid == 0)
			continue;
		count++;
		last = p;
		if (p->hold == HOLD_SIGNAL && released)
			let_go(p);
		if ((p->hold == HOLD_TOLD || p->hold == HOLD_ACTED) && now_ms() >= p->until_ms)
			let_go(p);
	}
	if (count == 1 && strcmp(last->name, "0") != 0 && last->polls_since_ms > 0 &&
	    now_ms() - last->polls_since_ms >= ALONE_MS) {
		last->is_ours = true;
		last->polls_since_ms = 0;
		kill(last->pid, SIGTERM);
	}
}

static void
set_registers(struct process *p, bool skip, long result)
{
	registers r;
	struct iovec io = { &r, sizeof(r) };

	if (ptrace(PTRACE_GETREGSET, p->pid, NT_PRSTATUS, &io) < 0)
		return;
	if (skip)
		SKIP(&r);
	else
		RESULT(&r, result);
	ptrace(PTRACE_SETREGSET, p->pid, NT_PRSTATUS, &io);
#if defined(__aarch64__)
	if (skip) {
		int none = -1;

		io = (struct iovec){ &none, sizeof(none) };
		ptrace(PTRACE_SETREGSET, p->pid, NT_ARM_SYSTEM_CALL, &io);
	}
#endif
}

static void
tell_hit(const struct fault *f, const struct process *p)
{
	fprintf(log_file, "hit %lu %s\n", f->nth, p->name);
	fflush(log_file);
}

static void
act_on_other(const struct fault *f, struct process *p)
{
	struct process *target = find_name(f->target);

	if (target == NULL)
		return;
	tell_hit(f, p);
	hold(p, f->action == ACTION_KILL ? HOLD_DEATH : HOLD_TOLD, target,
	    f->action == ACTION_WAIT ? WAIT_MS : ACT_MS);
	if (f->action == ACTION_WAIT)
		return;
	target->is_ours = true;
	kill(target->pid, f->action == ACTION_KILL ? SIGKILL : SIGTERM);
}

static void
act(const struct fault *f, struct process *p)
{
	if (f->target[0] != '\0') {
		act_on_other(f, p);
		return;
	}
	if (f->action != ACTION_HOLD)
		tell_hit(f, p);
	switch (f->action) {
	case ACTION_KILL:
		p->is_ours = true;
		kill(p->pid, SIGKILL);
		break;
	case ACTION_TERM:
		p->is_ours = true;
		kill(p->pid, SIGTERM);
		break;
	case ACTION_ERROR:
		set_registers(p, true, 0);
		p->at_exit = f;
		break;
	case ACTION_HOLD:
		p->at_exit = f;
		break;
	case ACTION_WAIT:
		break;
	}
}

static void
enter_call(struct process *p, unsigned long number)
{
	unsigned long nth;

	p->number = number;
	p->at_exit = NULL;
	if (number >= CALLS_MAX)
		return;
	nth = ++p->counts[number];
	p->polls_since_ms = POLLS(number) ? now_ms() : 0;
	notice(p, POLLS(number), false);
	for (size_t i = 0; i < fault_count; i++) {
		const struct fault *f = &faults[i];

		if (f->number == number && strcmp(f->process, p->name) == 0 &&
		    (nth == f->nth || (f->later && nth > f->nth))) {
			act(f, p);
			break;
		}
	}
}

static void
leave_call(struct process *p, int64_t result)
{
	p->polls_since_ms = 0;
	notice(p, false, POLLS(p->number) && result <= 0);
	if (p->at_exit == NULL)
		return;
	if (p->at_exit->action == ACTION_ERROR) {
		set_registers(p, false, -p->at_exit->error);
	} else {
		/* Before it is told of: who reads that may release it at once. */
		hold(p, HOLD_SIGNAL, NULL, 0);
		tell_hit(p->at_exit, p);
	}
	p->at_exit = NULL;
}

static void
see_child(struct process *parent)
{
	unsigned long pid = 0;
	struct process *child;
	int length;

	ptrace(PTRACE_GETEVENTMSG, parent->pid, 0, &pid);
	child = find((pid_t)pid);
	length = snprintf(child->name, sizeof(child->name), "%s.%u", parent->name,
	    ++parent->children);
	if (length < 0 || (size_t)length >= sizeof(child->name))
		exit(125);
	child->known = true;
	if (child->begun)
		go_on(child, 0);
}

static void
see_stop(struct process *p, int status)
{
	struct __ptrace_syscall_info info;
	int signal = WSTOPSIG(status), event = status >> 16;

	if (!p->begun && signal == SIGSTOP) {
		p->begun = true;
		if (p->known)
			go_on(p, 0);
	} else if (signal == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) > 0) {
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
				enter_call(p, (unsigned long)info.entry.nr);
			else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
				leave_call(p, info.exit.rval);
		}
		go_on(p, 0);
	} else if (event != 0) {
		if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		    event == PTRACE_EVENT_CLONE)
			see_child(p);
		go_on(p, 0);
	} else {
		go_on(p, signal);
	}
}

static void
see_end(struct process *p, int status)
{
	if (WIFSIGNALED(status) && !p->is_ours)
		fprintf(log_file, "died %d %s\n", WTERMSIG(status), p->name);
	fflush(log_file);
	p->pid = 0;
	notice_end(p);
}

static bool
parse_action(struct fault *f, const char *text)
{
	static const char *const names[] = { "kill", "error", "hold", "term", "wait" };
	size_t length = strcspn(text, "=");
	const char *value = text[length] == '=' ? text + length + 1 : "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) != length || strncmp(names[i], text, length) != 0)
			continue;
		f->action = (enum action)i;
		f->error = f->action == ACTION_ERROR ? strtol(value, NULL, 10) : 0;
		if (f->action != ACTION_ERROR)
			snprintf(f->target, sizeof(f->target), "%s", value);
		return true;
	}
	return false;
}

static void
parse(const char *text)
{
	struct fault *f = &faults[fault_count];
	char plus[2] = "", action[NAME_MAX_LEN];

	if (fault_count == FAULTS_MAX ||
	    (sscanf(text, "%63[0-9.]:%lu:%lu:%63s", f->process, &f->number, &f->nth, action) != 4 &&
		sscanf(text, "%63[0-9.]:%lu:%lu%1[+]:%63s", f->process, &f->number, &f->nth, plus,
		    action) != 5) ||
	    !parse_action(f, action)) {
		fprintf(stderr, "fault: what is this? %s\n", text);
		exit(125);
	}
	f->later = plus[0] == '+';
	fault_count++;
}

static pid_t
begin(char **program)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		kill(getpid(), SIGSTOP);
		execv(program[0], program);
		die(program[0]);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0,
		PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		    PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
		die("ptrace");
	*find(pid) = (struct process){ .pid = pid, .name = "0", .known = true, .begun = true };
	go_on(find(pid), 0);
	return pid;
}

static void
prepare_signals(void)
{
	const struct itimerval tick = { { 0, TICK_MS * 1000 }, { 0, TICK_MS * 1000 } };
	struct sigaction action = { .sa_handler = on_release };

	/* Not SA_RESTART: they wake us. */
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = on_tick;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
}

static void
end_as(int status)
{
	const struct rlimit none = { 0, 0 };

	if (WIFEXITED(status))
		exit(WEXITSTATUS(status));
	setrlimit(RLIMIT_CORE, &none);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	exit(125);
}

int
main(int argc, char **argv)
{
	int at = 2, status, program_status = 0;
	pid_t program, pid;

	for (; at < argc && strcmp(argv[at], "--") != 0; at++)
		parse(argv[at]);
	log_file = argc > 2 ? fopen(argv[1], "we") : NULL;
	if (at + 1 >= argc || log_file == NULL)
		die("fault: what is to be done?");
	program = begin(argv + at + 1);
	prepare_signals();
	for (;;) {
		look_at_clock();
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		if (pid == program && !WIFSTOPPED(status))
			program_status = status;
		if (WIFSTOPPED(status))
			see_stop(find(pid), status);
		else
			see_end(find(pid), status);
	}
	fclose(log_file);
	end_as(program_status);
}
