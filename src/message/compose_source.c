/* SPDX-License-Identifier: ISC */
/*
 * What files give, in blocks: regular files must keep the length that they begin with, FIFOs and pipes are waited for.
 */
#include "message/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "message/compose_work.h"

struct buf
compose_shown(const char *path)
{
	struct buf shown = BUF_INIT(4 * COMPOSE_NAME_MAX);

	text_printable(&shown, span_of(path), false);
	return shown;
}

static int
refuse(const char *path, const char *why, struct err *err)
{
	struct buf shown = compose_shown(path);

	err_set(err, ERR_NO_INPUT, "cannot attach %s: %s", shown.data, why);
	buf_release(&shown);
	return -1;
}

/* By errno. */
static int
refuse_sys(const char *path, struct err *err)
{
	int saved = errno;
	struct buf shown = compose_shown(path);

	errno = saved;
	err_sys(err, ERR_NO_INPUT, "cannot attach %s", shown.data);
	buf_release(&shown);
	return -1;
}

static int
check_kind(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISDIR(st->st_mode))
		return refuse(path, "it is a directory", err);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		return refuse(path, "it is a device", err);
	return 0;
}

/*
 * Devices are not even opened.  O_NONBLOCK: a FIFO opens at once, and source_read() waits for its writer; to wait
 * here could be to wait for one who waits for another FIFO to be read first.
 */
static int
open_part(struct compose_part *part, struct err *err)
{
	struct stat st;

	if (stat(part->path, &st) != 0)
		return refuse_sys(part->path, err);
	if (check_kind(part->path, &st, err) != 0)
		return -1;
	part->fd = open(part->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	/* A socket cannot be opened by its name in /proc. */
	if (part->fd < 0 && errno == ENXIO && strcmp(part->path, "/dev/stdin") == 0)
		part->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	if (part->fd < 0 || fstat(part->fd, &st) != 0)
		return refuse_sys(part->path, err);
	return check_kind(part->path, &st, err);
}

int
compose_open(struct compose_part *parts, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		parts[i].fd = -1;
	for (size_t i = 0; i < count; i++) {
		if (open_part(&parts[i], err) == 0)
			continue;
		compose_close(parts, count);
		return -1;
	}
	return 0;
}

void
compose_close(struct compose_part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (parts[i].fd >= 0)
			close(parts[i].fd);
		parts[i].fd = -1;
	}
}

int
source_init(struct source *s, struct composer *w, const struct compose_part *part)
{
	struct stat st;

	*s = (struct source){ .part = part, .w = w };
	buf_init(&s->block, COMPOSE_BLOCK);
	spool_init(&s->copy, w->place);
	s->copy.place.room = 0;
	s->copy.place.linkable = false;
	if (fstat(part->fd, &st) != 0)
		return refuse_sys(part->path, w->err);
	/* The files of /proc say that they are empty. */
	s->sized = S_ISREG(st.st_mode) && st.st_size > 0;
	s->size = s->sized ? (uint64_t)st.st_size : 0;
	if (S_ISREG(st.st_mode) && lseek(part->fd, 0, SEEK_SET) != 0)
		return refuse_sys(part->path, w->err);
	return buf_reserve(&s->block, COMPOSE_BLOCK) != NULL ? 0 : err_memory(w->err);
}

void
source_release(struct source *s)
{
	buf_release(&s->block);
	spool_release(&s->copy);
}

/* read(2) that waits.  poll(2) comes first: a FIFO that nobody has opened for writing yet would seem to have ended. */
static ssize_t
read_some(const struct source *s, char *to, size_t len)
{
	for (;;) {
		struct pollfd pollfd = { .fd = s->part->fd, .events = POLLIN };
		ssize_t n;

		if (!s->sized && poll(&pollfd, 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		n = read(s->part->fd, to, len);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
	}
}

static int
fill_block(struct source *s)
{
	while (s->block.len < COMPOSE_BLOCK) {
		ssize_t n = read_some(s, s->block.data + s->block.len, COMPOSE_BLOCK - s->block.len);

		if (n < 0)
			return refuse_sys(s->part->path, s->w->err);
		if (n == 0)
			break;
		buf_commit(&s->block, (size_t)n);
	}
	return 0;
}

static int
read_copy(struct source *s)
{
	char *to = s->block.data;
	const char *data;
	size_t got;

	if (spool_read(&s->copy, s->total, to, COMPOSE_BLOCK, &data, &got, s->w->err) != 0)
		return -1;
	if (got > 0 && data != to)
		memcpy(to, data, got);
	buf_commit(&s->block, got);
	return 0;
}

static int
check_size(const struct source *s)
{
	bool ended = s->block.len < COMPOSE_BLOCK;

	if (!s->sized || (s->total <= s->size && (!ended || s->total == s->size)))
		return 0;
	return refuse(s->part->path, "its size changed while it was read", s->w->err);
}

int
source_read(struct source *s)
{
	buf_clear(&s->block);
	if ((s->copied ? read_copy(s) : fill_block(s)) != 0)
		return -1;
	s->total += s->block.len;
	if (s->kept && spool_write(&s->copy, s->block.data, s->block.len, s->w->err) != 0)
		return -1;
	return check_size(s);
}

static int
begin_again(struct source *s)
{
	s->total = 0;
	if (!s->kept)
		return lseek(s->part->fd, 0, SEEK_SET) == 0 ? source_read(s) : refuse_sys(s->part->path, s->w->err);
	if (spool_finish(&s->copy, s->w->err) != 0)
		return -1;
	s->copied = true;
	s->kept = false;
	return source_read(s);
}

int
source_scan(struct source *s, struct scan *scan, struct search *search)
{
	s->kept = !s->sized;
	if (s->kept && spool_write(&s->copy, s->block.data, s->block.len, s->w->err) != 0)
		return -1;
	while (s->block.len > 0) {
		struct span block = { s->block.data, s->block.len };

		scan_add(scan, block);
		if (search != NULL)
			search_add(search, block);
		if (source_read(s) != 0)
			return -1;
	}
	scan_end(scan);
	return begin_again(s);
}
