/* SPDX-License-Identifier: ISC */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/account.h"
#include "config/owned.h"

enum {
	LINE_END_MAX = 2, /* octets: CR LF */
	NAP_MIN_MS = 1,  /* between two looks at a command that has closed its output: has it ended?
			  */
	NAP_MAX_MS = 50, /* and while its output is open, which a program that it left behind may
			    hold */
};

/* One line end goes; what is left is the password. */
static int
take_line(struct buf *text, struct buf *secret, struct err *err)
{
	size_t len = text->len;

	if (len > 0 && text->data[len - 1] == '\n')
		len--;
	if (len < text->len && len > 0 && text->data[len - 1] == '\r')
		len--;
	if (len == 0)
		return err_set(err, ERR_CONFIG,
		    "there is no password, only an empty line or nothing");
	if (len > SECRET_MAX)
		return err_set(err, ERR_CONFIG, "the password is longer than %d octets",
		    SECRET_MAX);
	if (memchr(text->data, '\0', len) != NULL)
		return err_set(err, ERR_CONFIG, "there is a NUL in the password");
	if (memchr(text->data, '\n', len) != NULL || memchr(text->data, '\r', len) != NULL)
		return err_set(err, ERR_CONFIG,
		    "there is more than one line, the password must be the only one");
	buf_clear(secret);
	buf_add(secret, text->data, len);
	return buf_ok(secret) ? 0 : err_memory(err);
}

static int
not_secret(const char *path, struct err *err)
{
	struct buf word = BUF_INIT(ERR_TEXT_MAX / 2);

	shell_word(&word, path);
	err_set(err, ERR_CONFIG, "others can read %s", word.data);
	err_hint(err, "chmod 600 %s", word.data);
	buf_release(&word);
	return -1;
}

static int
read_file(int fd, const char *path, const struct stat *status, struct buf *secret, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(SECRET_MAX + LINE_END_MAX + 1);
	int result;

	if ((status->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return not_secret(path, err);
	result = owned_read(fd, status, &text, err);
	if (result == 0)
		result = take_line(&text, secret, err);
	buf_release(&text);
	return result == 0 ? 0 : err_wrap(err, "%s", path);
}

int
secret_file(const char *path, struct buf *secret, struct err *err)
{
	struct stat status;
	int fd, result;

	buf_clear(secret);
	if (owned_open(path, &fd, &status, err) == -1)
		return -1;
	result = read_file(fd, path, &status, secret, err);
	close(fd);
	return result;
}

/*
 * At a terminal the command may ask its user for something, which a process group in the background
 * cannot.
 */
static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * The command gets a process group of its own, if that may be, so that all of it can be killed, and
 * the signals as they are at login: callers of sendmail often ignore SIGPIPE.
 */
static int
prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, int output, bool group)
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
	/* In this order: where the caller has no standard input, output may be descriptor 0. */
	if (failed == 0)
		failed = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
	if (failed == 0)
		failed = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null",
		    O_RDONLY, 0);
	return failed;
}

static int
spawn_shell(const char *command, int output, bool group, pid_t *pid)
{
	static char sh[] = "sh", c[] = "-c";
	char *copy = strdup(command);
	char *argv[] = { sh, c, copy, NULL };
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	int failed;

	if (copy == NULL)
		return ENOMEM;
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_init(&actions);
	failed = prepare(&attributes, &actions, output, group);
	if (failed == 0)
		failed = posix_spawn(pid, "/bin/sh", &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	wipe(copy, strlen(copy));
	free(copy);
	return failed;
}

struct child {
	pid_t pid;
	bool group; /* it leads a process group of its own */
	int output; /* our end of the pipe, -1 behind its end */
	int nap_ms;
	bool ended;
	int status; /* as waitpid(2) gives it */
};

static void
close_output(struct child *child)
{
	if (child->output != -1)
		close(child->output);
	child->output = -1;
}

static int
start(const char *command, struct child *child, struct err *err)
{
	int ends[2], failed;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return err_sys(err, ERR_SYSTEM, "cannot make a pipe");
	*child = (struct child){
		.output = ends[0], .nap_ms = NAP_MAX_MS, .group = !has_terminal()
	};
	fcntl(child->output, F_SETFL, O_NONBLOCK);
	failed = spawn_shell(command, ends[1], child->group, &child->pid);
	close(ends[1]);
	if (failed == 0)
		return 0;
	close_output(child);
	errno = failed;
	return err_sys(err, ERR_SYSTEM, "cannot run /bin/sh");
}

/* Waits for output, the end of it, or a nap's time. */
static void
nap(struct child *child, int64_t deadline)
{
	struct pollfd p = { .fd = child->output, .events = POLLIN };
	int left = deadline_poll_ms(deadline);

	poll(&p, 1, left < child->nap_ms ? left : child->nap_ms);
	if (child->output == -1 && child->nap_ms < NAP_MAX_MS)
		child->nap_ms *= 2;
}

/* Takes what there is to read. */
static int
drain(struct child *child, struct buf *text, struct err *err)
{
	ssize_t n = 1;

	while (n > 0 && child->output != -1) {
		char *room = buf_reserve(text, text->max - text->len);

		if (room == NULL)
			return err_memory(err);
		n = read(child->output, room, text->max - text->len);
		if (n > 0)
			buf_commit(text, (size_t)n);
		if (text->len == text->max)
			return err_set(err, ERR_CONFIG, "it prints more than %d octets",
			    SECRET_MAX);
	}
	if (n == 0) {
		close_output(child);
		child->nap_ms = NAP_MIN_MS;
	}
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return err_sys(err, ERR_SYSTEM, "cannot read from it");
	return 0;
}

static int
look(struct child *child, int flags, struct err *err)
{
	pid_t pid;

	do {
		pid = waitpid(child->pid, &child->status, flags);
	} while (pid == -1 && errno == EINTR);
	child->ended = pid != 0;
	return pid == -1 ? err_sys(err, ERR_SYSTEM, "cannot learn how it ended") : 0;
}

/* Reads until the command has ended. */
static int
follow(struct child *child, int64_t deadline, struct buf *text, struct err *err)
{
	while (!child->ended) {
		if (deadline_poll_ms(deadline) == 0)
			return err_set(err, ERR_TIMEOUT, "it took too long");
		nap(child, deadline);
		if (look(child, WNOHANG, err) == -1 || drain(child, text, err) == -1)
			return -1;
	}
	return 0;
}

static void
put_down(struct child *child)
{
	struct err ignored;

	if (child->ended)
		return;
	kill(child->group ? -child->pid : child->pid, SIGKILL);
	err_init(&ignored);
	look(child, 0, &ignored);
	err_release(&ignored);
}

static int
check_status(int status, struct err *err)
{
	if (WIFSIGNALED(status))
		return err_set(err, ERR_CONFIG, "it was ended by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == 127)
		return err_set(err, ERR_CONFIG, "it was not found (exit status 127)");
	if (WEXITSTATUS(status) != 0)
		return err_set(err, ERR_CONFIG, "it failed with exit status %d",
		    WEXITSTATUS(status));
	return 0;
}

int
secret_command(const char *command, int64_t limit_ms, struct buf *secret, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(SECRET_MAX + LINE_END_MAX + 1);
	struct child child = { .output = -1 };
	int result;

	buf_clear(secret);
	if (start(command, &child, err) == -1)
		return -1;
	result = follow(&child, deadline_in(limit_ms), &text, err);
	put_down(&child);
	close_output(&child);
	if (result == 0)
		result = check_status(child.status, err);
	if (result == 0)
		result = take_line(&text, secret, err);
	buf_release(&text);
	return result;
}

static int
copy_literal(const struct account *account, struct buf *secret, struct err *err)
{
	buf_clear(secret);
	buf_add(secret, account->secret.data, account->secret.len);
	return buf_ok(secret) ? 0 : err_memory(err);
}

static int
from_command(const struct account *account, struct buf *secret, struct err *err)
{
	if (secret_command(account->secret.data, SECRET_COMMAND_LIMIT_MS, secret, err) == 0)
		return 0;
	return account->secret_source == SECRET_TOKEN ?
	    err_wrap(err, "%s: the command for the token", account->secret_origin) :
	    err_wrap(err, "%s: the command for the password", account->secret_origin);
}

int
account_secret(const struct account *account, struct buf *secret, struct err *err)
{
	switch (account->secret_source) {
	case SECRET_LITERAL:
		return copy_literal(account, secret, err);
	case SECRET_FILE:
		return secret_file(account->secret.data, secret, err);
	case SECRET_COMMAND:
	case SECRET_TOKEN:
		return from_command(account, secret, err);
	case SECRET_NONE:
		break;
	}
	buf_clear(secret);
	err_set(err, ERR_CONFIG, "%s: account \"%s\" has no password", account->origin,
	    account->name);
	return err_hint(err,
	    "add password_command, password_file or password; sendoff.conf(5) tells how");
}

int
account_new_token(const struct account *account, struct buf *token, struct err *err)
{
	struct buf command = BUF_INIT_SECRET(SECRET_SETTING_MAX + 64);
	int result;

	buf_addf(&command, "SENDOFF_TOKEN_REFUSED=1; export SENDOFF_TOKEN_REFUSED; %s",
	    account->secret.data);
	result = buf_ok(&command) ?
	    secret_command(command.data, SECRET_COMMAND_LIMIT_MS, token, err) :
	    err_memory(err);
	buf_release(&command);
	return result == 0 ? 0 :
			     err_wrap(err, "%s: the command for the token", account->secret_origin);
}
