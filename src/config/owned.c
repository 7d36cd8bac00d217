/* SPDX-License-Identifier: ISC */
#include "config/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { READ_SIZE = 16 << 10 };

void
shell_word(struct buf *out, const char *word)
{
	static const char
	    plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+,:@%-";

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		buf_adds(out, word);
		return;
	}
	buf_addc(out, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_adds(out, "'\\'");
		buf_addc(out, *word);
	}
	buf_addc(out, '\'');
}

static void
add_user(struct buf *out, uid_t uid)
{
	const struct passwd *user = getpwuid(uid);

	if (user != NULL)
		buf_adds(out, user->pw_name);
	else
		buf_addf(out, "user %ld", (long)uid);
}

static int
cannot_open(const char *shown, struct err *err)
{
	int reason = errno;

	if (reason == ENOENT || reason == ENOTDIR) {
		err_set(err, ERR_CONFIG, "there is no file %s", shown);
		err->sys_errno = reason;
		return -1;
	}
	return err_sys(err,
	    reason == EMFILE || reason == ENFILE || reason == ENOMEM ? ERR_SYSTEM : ERR_CONFIG,
	    "cannot open %s", shown);
}

static int
wrong_owner(const char *path, const char *shown, uid_t owner, struct err *err)
{
	struct buf who = BUF_INIT(ERR_TEXT_MAX / 4), me = BUF_INIT(ERR_TEXT_MAX / 4),
		   word = BUF_INIT(ERR_TEXT_MAX / 2);

	add_user(&who, owner);
	add_user(&me, geteuid());
	shell_word(&word, path);
	err_set(err, ERR_CONFIG, "%s belongs to %s, not to root%s%s", shown, who.data,
	    geteuid() != 0 ? " or " : "", geteuid() != 0 ? me.data : "");
	err_hint(err, "chown %ld %s", (long)geteuid(), word.data);
	buf_release(&who);
	buf_release(&me);
	buf_release(&word);
	return -1;
}

static int
wrong_mode(const char *path, const char *shown, struct err *err)
{
	struct buf word = BUF_INIT(ERR_TEXT_MAX / 2);

	shell_word(&word, path);
	err_set(err, ERR_CONFIG, "others can write %s", shown);
	err_hint(err, "chmod go-w %s", word.data);
	buf_release(&word);
	return -1;
}

static int
check_status(const char *path, const char *shown, const struct stat *status, struct err *err)
{
	if (S_ISDIR(status->st_mode))
		return err_set(err, ERR_CONFIG, "%s is a directory", shown);
	if (!S_ISREG(status->st_mode))
		return err_set(err, ERR_CONFIG, "%s is not a regular file", shown);
	if (status->st_uid != 0 && status->st_uid != geteuid())
		return wrong_owner(path, shown, status->st_uid, err);
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return wrong_mode(path, shown, err);
	return 0;
}

static int
open_checked(const char *path, const char *shown, struct stat *status, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int result;

	if (fd == -1)
		return cannot_open(shown, err);
	result = fstat(fd, status);
	if (result == -1)
		err_sys(err, ERR_SYSTEM, "cannot look at %s", shown);
	else
		result = check_status(path, shown, status, err);
	if (result == 0)
		return fd;
	close(fd);
	return -1;
}

int
owned_open(const char *path, int *fd, struct stat *status, struct err *err)
{
	struct buf shown = BUF_INIT(ERR_TEXT_MAX / 2);

	text_printable(&shown, span_of(path), false);
	*fd = open_checked(path, shown.data, status, err);
	buf_release(&shown);
	return *fd == -1 ? -1 : 0;
}

/* Spreads each bit of value over all of the result: the last step of SplitMix64. */
static uint64_t
mix(uint64_t before, uint64_t value)
{
	uint64_t x = (before ^ value) + UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t
owned_stamp(uint64_t before, const struct stat *status)
{
	const uint64_t parts[] = {
		status->st_dev,
		status->st_ino,
		(uint64_t)status->st_size,
		(uint64_t)status->st_mtim.tv_sec,
		(uint64_t)status->st_mtim.tv_nsec,
		(uint64_t)status->st_ctim.tv_sec,
		(uint64_t)status->st_ctim.tv_nsec,
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		before = mix(before, parts[i]);
	return before != 0 ? before : 1;
}

/*
 * How many octets to read next: what is left of the file, and one more, so that its end is seen.  A
 * small file so takes little memory, all of which has to be wiped.
 */
static size_t
to_read(const struct stat *status, const struct buf *out)
{
	uint64_t size = (uint64_t)status->st_size + 1;
	size_t n = size > out->len && size - out->len < READ_SIZE ? (size_t)(size - out->len) :
								    READ_SIZE;

	return out->max - out->len < n ? out->max - out->len : n;
}

int
owned_read(int fd, const struct stat *status, struct buf *out, struct err *err)
{
	ssize_t n = 1;

	while (n != 0 && out->len < out->max) {
		size_t size = to_read(status, out);
		char *room = buf_reserve(out, size);

		if (room == NULL)
			return err_memory(err);
		n = read(fd, room, size);
		if (n == -1 && errno != EINTR)
			return err_sys(err, ERR_SYSTEM, "cannot read");
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	return 0;
}
