/* SPDX-License-Identifier: ISC */
#include "store/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checksum.h"
#include "store/record.h"
#include "store/store.h"

enum { PIECE_SIZE = 64 * 1024 }; /* octets of a body that are read at once */

enum err_kind
file_kind(int number)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EIO:
	case ENFILE:
	case EMFILE:
	case ENOLCK:
	case EAGAIN:
	case ENOMEM:
	case ESTALE:
		return ERR_TEMPORARY;
	case EACCES:
	case EPERM:
	case EROFS:
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case ENAMETOOLONG:
	case EFBIG:
		return ERR_CANT_CREATE;
	default:
		return ERR_SYSTEM;
	}
}

int
file_fail(const char *path, const char *what, struct err *err)
{
	enum err_kind kind = file_kind(errno);

	if (errno == ENOSPC || errno == EDQUOT)
		return err_sys(err, kind, "the queue %s has no room", path);
	return err_sys(err, kind, "the queue %s cannot %s", path, what);
}

/* Takes n octets off the front of iov. */
static void
advance(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int
file_write(int fd, struct iovec *iov, int count, uint64_t offset)
{
	advance(&iov, &count, 0);
	while (count > 0) {
		ssize_t n = pwritev(fd, iov, count, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return -1;
		offset += (uint64_t)n;
		advance(&iov, &count, (size_t)n);
	}
	return 0;
}

int
file_read(int fd, void *to, size_t want, uint64_t offset, size_t *got)
{
	*got = 0;
	while (*got < want) {
		ssize_t n = pread(fd, (char *)to + *got, want - *got, (off_t)(offset + *got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

int
file_cut(int fd, uint64_t size)
{
	int rc;

	do
		rc = ftruncate(fd, (off_t)size);
	while (rc != 0 && errno == EINTR);
	return rc;
}

int
file_sync(int fd)
{
	int rc;

	do
		rc = fsync(fd);
	while (rc != 0 && errno == EINTR);
	return rc;
}

int
file_sync_data(int fd)
{
	int rc;

	do
		rc = fdatasync(fd);
	while (rc != 0 && errno == EINTR);
	return rc;
}

int
file_sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd < 0)
		return -1;
	rc = file_sync(fd);
	close(fd);
	return rc;
}

static int
ask_lock(int fd, int command, struct flock *lock)
{
	int rc;

	*lock = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET };
	do
		rc = fcntl(fd, command, lock);
	while (rc != 0 && errno == EINTR);
	return rc;
}

int
file_lock(int fd)
{
	struct flock lock;

	return ask_lock(fd, F_OFD_SETLK, &lock);
}

bool
file_is_locked(int fd)
{
	struct flock lock;

	return ask_lock(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int
file_settle_second_name(int dir, const char *id, bool drop, struct stat *st)
{
	int tmp = openat(dir, STORE_TMP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), rc = 0;
	struct stat other;

	if (tmp < 0)
		return errno == ENOENT ? 0 : -1;
	if (fstatat(tmp, id, &other, AT_SYMLINK_NOFOLLOW) == 0 && other.st_ino == st->st_ino &&
	    other.st_dev == st->st_dev) {
		if (drop)
			rc = unlinkat(tmp, id, 0) == 0 ? file_sync(tmp) : -1;
		st->st_nlink--;
	}
	close(tmp);
	return rc;
}

static bool
is_left_over(const struct stat *st, int64_t before_ms)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1 &&
	    (int64_t)st->st_mtime * 1000 < before_ms;
}

static void
remove_old(int folder, const char *name, int64_t before_ms)
{
	struct stat st;
	int fd;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !is_left_over(&st, before_ms))
		return;
	fd = openat(folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	/*
	 * Once more: it may have been used anew meanwhile, or have been removed, and another made
	 * by its name.
	 */
	if (file_lock(fd) == 0 && fstat(fd, &st) == 0 && is_left_over(&st, before_ms))
		unlinkat(folder, name, 0);
	close(fd);
}

void
file_remove_old(int dir, const char *folder, bool (*is_meant)(const char *name), int64_t before_ms)
{
	int fd = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (entries == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (entry = readdir(entries); entry != NULL; entry = readdir(entries))
		if (is_meant(entry->d_name))
			remove_old(fd, entry->d_name, before_ms);
	closedir(entries);
}

int
file_sum(const struct spool *body, uint32_t *sum, struct err *err)
{
	char *scratch = malloc(PIECE_SIZE);
	const char *data;
	uint64_t at = 0;
	size_t got;
	int rc = scratch != NULL ? 0 : err_memory(err);

	for (*sum = 0; rc == 0 && at < body->size; at += got) {
		rc = spool_read(body, at, scratch, PIECE_SIZE, &data, &got, err);
		if (rc == 0)
			*sum = checksum(*sum, data, got);
	}
	free(scratch);
	return rc;
}

void
file_add_batch(struct buf *out, uint64_t tail_len, bool taken, struct span records)
{
	struct record batch = {
		.type = RECORD_BATCH, .at = tail_len, .length = records.len, .taken = taken
	};

	record_write(out, &batch);
	buf_add(out, records.data, records.len);
}
