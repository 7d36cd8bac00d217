/* SPDX-License-Identifier: ISC */
#include "message/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "base/span.h"

enum { MOVE_MAX = 1 << 20 }; /* octets that are asked to be copied at once */

void
spool_init(struct spool *s, const struct spool_place *place)
{
	buf_init(&s->memory, SPOOL_MEMORY_MAX + SPOOL_PIECE_MAX);
	s->fd = -1;
	s->size = 0;
	s->place = *place;
	if (s->place.dir == NULL)
		s->place.dir = "/tmp";
}

void
spool_release(struct spool *s)
{
	buf_release(&s->memory);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->size = 0;
}

/*
 * For file systems without O_TMPFILE (NFS, some overlays, FUSE): the name is gone before anything
 * is written.
 */
static int
open_named(const char *dir)
{
	struct buf path = BUF_INIT(4096);
	int fd = -1;

	buf_addf(&path, "%s/sendoff-XXXXXX", dir);
	if (buf_ok(&path))
		fd = mkostemp(path.data, O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
	if (fd >= 0)
		unlink(path.data);
	buf_release(&path);
	return fd;
}

/*
 * What open(2) says where O_TMPFILE is not known differs by kernel and file system (EOPNOTSUPP,
 * EISDIR, ENOENT, EINVAL), so that any failure is taken to mean that.  O_EXCL: the file can never
 * be given a name.
 */
static int
open_unnamed(struct spool *s)
{
	int fd = open(s->place.dir,
	    O_TMPFILE | (s->place.linkable ? 0 : O_EXCL) | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	s->place.linkable = false;
	return open_named(s->place.dir);
}

/* The file, written from behind its room on. */
static int
make_file(struct spool *s)
{
	int fd = open_unnamed(s);

	if (fd >= 0 && lseek(fd, (off_t)s->place.room, SEEK_SET) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
write_all(int fd, struct span data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.data, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data.data += n;
		data.len -= (size_t)n;
	}
	return 0;
}

/* Appends the first len octets in memory to the file, which is made where there is none. */
static int
append(struct spool *s, size_t len)
{
	if (s->fd < 0)
		s->fd = make_file(s);
	return s->fd < 0 ? -1 : write_all(s->fd, (struct span){ s->memory.data, len });
}

/* Goes on with a file in the other folder, that has the first `len` octets of this one. */
static int
move(struct spool *s, uint64_t len)
{
	off_t at = (off_t)s->place.room;
	int from = s->fd, reason = 0;

	s->place.dir = s->place.other;
	s->place.other = NULL;
	s->place.linkable = false;
	s->fd = make_file(s);
	if (s->fd < 0)
		reason = errno;
	while (reason == 0 && len > 0) {
		ssize_t n = sendfile(s->fd, from, &at, len < MOVE_MAX ? (size_t)len : MOVE_MAX);

		if (n > 0)
			len -= (uint64_t)n;
		else if (n == 0)
			reason = EIO;
		else if (errno != EINTR)
			reason = errno;
	}
	if (from >= 0)
		close(from);
	errno = reason;
	return reason == 0 ? 0 : -1;
}

/* Moves the first len octets in memory to the file, in the one folder or the other. */
static int
flush(struct spool *s, size_t len, struct err *err)
{
	uint64_t stored = s->size - s->memory.len;
	int rc = append(s, len);

	if (rc != 0 && s->place.other != NULL && move(s, stored) == 0)
		rc = append(s, len);
	if (s->fd < 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot make a file for the message in %s",
		    s->place.dir);
	if (rc != 0)
		return err_sys(err, ERR_CANT_CREATE, "cannot store the message in %s",
		    s->place.dir);
	buf_consume(&s->memory, len);
	return 0;
}

char *
spool_reserve(struct spool *s, size_t n, struct err *err)
{
	char *place = buf_reserve(&s->memory, n);

	if (place == NULL)
		err_memory(err);
	return place;
}

int
spool_commit(struct spool *s, size_t n, struct err *err)
{
	buf_commit(&s->memory, n);
	s->size += n;
	/* Whole blocks, so that no page of the file is written in two halves. */
	return s->memory.len > SPOOL_MEMORY_MAX ? flush(s, SPOOL_MEMORY_MAX, err) : 0;
}

int
spool_write(struct spool *s, const void *data, size_t len, struct err *err)
{
	struct span left = { data, len };

	while (left.len > 0) {
		size_t n = left.len < SPOOL_PIECE_MAX ? left.len : SPOOL_PIECE_MAX;
		char *place = spool_reserve(s, n, err);

		if (place == NULL)
			return -1;
		memcpy(place, left.data, n);
		if (spool_commit(s, n, err) != 0)
			return -1;
		left.data += n;
		left.len -= n;
	}
	return 0;
}

int
spool_finish(struct spool *s, struct err *err)
{
	if (s->fd < 0)
		return 0;
	if (flush(s, s->memory.len, err) != 0)
		return -1;
	buf_release(&s->memory);
	return 0;
}

static int
read_at(const struct spool *s, uint64_t offset, char *to, size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t n = pread(s->fd, to, len, (off_t)(s->place.room + offset));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_IO, "cannot read back the message from %s",
			    s->place.dir);
		if (n == 0)
			return err_set(err, ERR_IO,
			    "the message that was stored in %s is cut short", s->place.dir);
		to += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int
spool_read(const struct spool *s, uint64_t offset, void *scratch, size_t want, const char **data,
    size_t *got, struct err *err)
{
	uint64_t left = offset < s->size ? s->size - offset : 0;

	*got = want < left ? want : (size_t)left;
	if (s->fd < 0) {
		*data = s->memory.data + (*got > 0 ? offset : 0);
		return 0;
	}
	*data = scratch;
	return read_at(s, offset, scratch, *got, err);
}
