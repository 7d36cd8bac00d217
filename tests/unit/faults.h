/* SPDX-License-Identifier: ISC */
/*
 * System calls that fail, or end the process, when a test wants it: defined here, they come before
 * the C library's. Included by one file of a program.
 */
#ifndef SENDOFF_UNIT_FAULTS_H
#define SENDOFF_UNIT_FAULTS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Each that changes something is counted; the one with the number fail_at fails, and those of the
 * name fail_name; the process ends before the one with the number die_at, or behind the first of
 * the name die_after.
 */

static const char *log_text[1000];
static size_t calls;
static size_t fail_at, die_at;
static int fail_errno, name_errno;
static const char *fail_name, *die_after;
static void (*before_lock)(void);
static size_t piece_max = SIZE_MAX;
static int interrupts;
static bool forgets_files; /* the file system needs a file synced once more behind its name */

enum { DEAD = 42 };

static inline void
reset_calls(void)
{
	calls = 0;
	fail_at = die_at = 0;
	fail_name = die_after = NULL;
	interrupts = 0;
	piece_max = SIZE_MAX;
	before_lock = NULL;
	forgets_files = false;
}

/* False where the call is to fail. */
static inline bool
begin_call(const char *name)
{
	if (interrupts > 0) {
		interrupts--;
		errno = EINTR;
		return false;
	}
	log_text[calls++ % (sizeof(log_text) / sizeof(log_text[0]))] = name;
	if (die_at > 0 && calls == die_at)
		_exit(DEAD);
	errno = fail_at > 0 && calls == fail_at               ? fail_errno :
	    fail_name != NULL && strcmp(name, fail_name) == 0 ? name_errno :
								0;
	return errno == 0;
}

static inline int
end_call(const char *name, long rc)
{
	if (die_after != NULL && strcmp(name, die_after) == 0)
		_exit(DEAD);
	return (int)rc;
}

static inline size_t
count_calls(const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < calls; i++)
		count += strcmp(log_text[i], name) == 0;
	return count;
}

static inline int
open_at(int dir, const char *path, int flags, mode_t mode)
{
	const char *name = (flags & O_TMPFILE) == O_TMPFILE ? "openat tmpfile" :
	    (flags & O_CREAT) != 0                          ? "openat new" :
							      "openat";
	int kept = interrupts;
	bool begun;

	/* Opening is not interrupted on any file system that a queue lies on. */
	interrupts = 0;
	begun = begin_call(name);
	interrupts = kept;
	return begun ? end_call(name, syscall(SYS_openat, dir, path, flags, mode)) : -1;
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_at(dir, path, flags, mode);
}

/* What openat() without a mode is with _FORTIFY_SOURCE. */
int __openat_2(int dir, const char *path, int flags);

int
__openat_2(int dir, const char *path, int flags)
{
	return open_at(dir, path, flags, 0);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int count, off_t offset)
{
	struct iovec piece = iov[0];

	if (!begin_call("pwritev"))
		return -1;
	if (piece.iov_len > piece_max)
		piece.iov_len = piece_max;
	if (piece_max < SIZE_MAX)
		return end_call("pwritev", syscall(SYS_pwritev, fd, &piece, 1, offset, 0));
	return end_call("pwritev", syscall(SYS_pwritev, fd, iov, count, offset, 0));
}

static int last_synced; /* the descriptor */

int
fsync(int fd)
{
	last_synced = fd;
	return begin_call("fsync") ? end_call("fsync", syscall(SYS_fsync, fd)) : -1;
}

/* Not counted.  The same file system wherever the test runs. */
int
fstatfs(int fd, struct statfs *fs)
{
	(void)fd;
	*fs = (struct statfs){ .f_type = forgets_files ? MSDOS_SUPER_MAGIC : XFS_SUPER_MAGIC };
	return 0;
}

int
fdatasync(int fd)
{
	return begin_call("fdatasync") ? end_call("fdatasync", syscall(SYS_fdatasync, fd)) : -1;
}

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	if (interrupts > 0)
		interrupts = 0;
	return begin_call("linkat") ?
	    end_call("linkat", syscall(SYS_linkat, from_dir, from, to_dir, to, flags)) :
	    -1;
}

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	return begin_call("renameat2") ?
	    end_call("renameat2", syscall(SYS_renameat2, from_dir, from, to_dir, to, flags)) :
	    -1;
}

int
unlinkat(int dir, const char *path, int flags)
{
	return begin_call("unlinkat") ?
	    end_call("unlinkat", syscall(SYS_unlinkat, dir, path, flags)) :
	    -1;
}

int
ftruncate(int fd, off_t size)
{
	return begin_call("ftruncate") ? end_call("ftruncate", syscall(SYS_ftruncate, fd, size)) :
					 -1;
}

int
fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (command != F_OFD_SETLK)
		return (int)syscall(SYS_fcntl, fd, command, arg);
	if (before_lock != NULL)
		before_lock();
	return begin_call("lock") ? end_call("lock", syscall(SYS_fcntl, fd, command, arg)) : -1;
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	return begin_call("mkdirat") ? end_call("mkdirat", syscall(SYS_mkdirat, dir, path, mode)) :
				       -1;
}

/* Runs what is to die on its way in a child. */
static inline void
die_in_child(void (*work)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		work(arg);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), DEAD);
}

#endif
