/* SPDX-License-Identifier: ISC */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/clock.h"
#include "base/wait.h"
#include "config/account.h"
#include "config/owned.h"

enum {
	LINE_END_MAX = 2, /* octets: CR LF */
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

/* Takes what there is to read: 1 where more may come, 0 behind the end. */
static int
drain(int output, struct buf *text, struct err *err)
{
	for (;;) {
		char *room = buf_reserve(text, text->max - text->len);
		ssize_t n;

		if (room == NULL)
			return err_memory(err);
		n = read(output, room, text->max - text->len);
		if (n > 0)
			buf_commit(text, (size_t)n);
		if (text->len == text->max)
			return err_set(err, ERR_CONFIG, "it prints more than %d octets",
			    SECRET_MAX);
		if (n == 0)
			return 0;
		if (n == -1 && errno == EAGAIN)
			return 1;
		if (n == -1 && errno != EINTR)
			return err_sys(err, ERR_SYSTEM, "cannot read from it");
	}
}

/*
 * Reads until the command has ended: the end of its output may come before that, and never where
 * it left something running that holds it.
 */
static int
follow(struct child *child, int output, int64_t deadline, struct buf *text, struct err *err)
{
	struct pollfd polls[] = {
		{ .fd = child->watch, .events = POLLIN },
		{ .fd = output, .events = POLLIN },
	};
	bool ended;

	do {
		int more;

		if (deadline_poll_ms(deadline) == 0)
			return err_set(err, ERR_SECRET, "it took too long");
		wait_poll(polls, 2, deadline);
		/* In this order: what it printed before it ended is there then. */
		ended = polls[0].revents != 0 && child_wait(child, deadline);
		more = polls[1].fd != -1 ? drain(output, text, err) : 0;
		if (more == -1)
			return -1;
		if (more == 0)
			polls[1].fd = -1;
	} while (!ended);
	return 0;
}

static int
check_status(const struct child *child, struct err *err)
{
	if (child->signal != 0)
		return err_set(err, ERR_CONFIG, "it was ended by signal %d (%s)", child->signal,
		    strsignal(child->signal));
	if (child->exit_status == 127)
		return err_set(err, ERR_CONFIG, "it was not found (exit status 127)");
	if (child->exit_status != 0)
		return err_set(err, ERR_CONFIG, "it failed with exit status %d",
		    child->exit_status);
	return 0;
}

int
secret_command(const char *command, int64_t deadline, struct buf *secret, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(SECRET_MAX + LINE_END_MAX + 1);
	struct child child;
	int ends[2], result;

	buf_clear(secret);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return err_sys(err, ERR_SYSTEM, "cannot make a pipe");
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	result = child_start(&child, command, NULL, NULL, -1, ends[1], deadline, err);
	close(ends[1]);
	if (result == 0)
		result = follow(&child, ends[0], deadline, &text, err);
	else if (err->kind == ERR_TIMEOUT)
		err_set(err, ERR_SECRET, "it took too long");
	close(ends[0]);
	if (result == 0)
		result = check_status(&child, err);
	if (child.ended)
		child_release(&child);
	else
		child_kill(&child);
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
from_command(const struct account *account, int64_t deadline, struct buf *secret, struct err *err)
{
	if (secret_command(account->secret.data,
		deadline_min(deadline, deadline_in(SECRET_COMMAND_LIMIT_MS)), secret, err) == 0)
		return 0;
	return account->secret_source == SECRET_TOKEN ?
	    err_wrap(err, "%s: the command for the token", account->secret_origin) :
	    err_wrap(err, "%s: the command for the password", account->secret_origin);
}

int
account_secret(const struct account *account, int64_t deadline, struct buf *secret, struct err *err)
{
	switch (account->secret_source) {
	case SECRET_LITERAL:
		return copy_literal(account, secret, err);
	case SECRET_FILE:
		return secret_file(account->secret.data, secret, err);
	case SECRET_COMMAND:
	case SECRET_TOKEN:
		return from_command(account, deadline, secret, err);
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
account_new_token(const struct account *account, int64_t deadline, struct buf *token,
    struct err *err)
{
	struct buf command = BUF_INIT_SECRET(SECRET_SETTING_MAX + 64);
	int result;

	buf_addf(&command, "SENDOFF_TOKEN_REFUSED=1; export SENDOFF_TOKEN_REFUSED; %s",
	    account->secret.data);
	result = buf_ok(&command) ?
	    secret_command(command.data,
		deadline_min(deadline, deadline_in(SECRET_COMMAND_LIMIT_MS)), token, err) :
	    err_memory(err);
	buf_release(&command);
	return result == 0 ? 0 :
			     err_wrap(err, "%s: the command for the token", account->secret_origin);
}
