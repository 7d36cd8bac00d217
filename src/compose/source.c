/* SPDX-License-Identifier: ISC */
/*
 * What files and texts give, in blocks: regular files must keep the length that they begin with,
 * FIFOs and pipes are waited for.
 */
#include "compose/compose.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "compose/work.h"

enum { STAY_OPEN = 32 }; /* files to go along */

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
 * By its name, standard input may be a socket, or another user's pipe, which cannot be opened, and
 * would begin anew.
 */
static bool
is_stdin(const char *path)
{
	return strcmp(path, "/dev/stdin") == 0;
}

/*
 * Devices are not even opened.  O_NONBLOCK: a FIFO opens at once, and source_read() waits for its
 * writer; to wait here could be to wait for one who waits for another FIFO to be read first.
 */
static int
open_path(const char *path, int *fd, struct stat *st, struct err *err)
{
	if ((is_stdin(path) ? fstat(STDIN_FILENO, st) : stat(path, st)) != 0)
		return refuse_sys(path, err);
	if (check_kind(path, st, err) != 0)
		return -1;
	if (is_stdin(path))
		*fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, st) != 0)
		return refuse_sys(path, err);
	return check_kind(path, st, err);
}

/*
 * Of many files only the first stay open, for descriptors are few: the others are opened again when
 * their turn has come.
 */
static int
open_part(struct compose_part *part, bool stays, struct err *err)
{
	struct stat st;

	if (open_path(part->path, &part->fd, &st, err) != 0)
		return -1;
	if (!stays && S_ISREG(st.st_mode) && !is_stdin(part->path)) {
		close(part->fd);
		part->fd = -1;
	}
	return 0;
}

int
compose_open(struct compose_part *parts, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		parts[i].fd = -1;
	for (size_t i = 0; i < count; i++) {
		if (open_part(&parts[i], i < STAY_OPEN, err) == 0)
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
	s->fd = part->fd;
	if (s->fd < 0 && open_path(part->path, &s->fd, &st, w->err) != 0)
		return -1;
	if (fstat(s->fd, &st) != 0)
		return refuse_sys(part->path, w->err);
	/* Of standard input, others have read what is before. */
	if (S_ISREG(st.st_mode) && is_stdin(part->path))
		s->begin = lseek(s->fd, 0, SEEK_CUR);
	if (S_ISREG(st.st_mode) && (s->begin < 0 || lseek(s->fd, s->begin, SEEK_SET) != s->begin))
		return refuse_sys(part->path, w->err);
	/* The files of /proc say that they are empty. */
	s->sized = S_ISREG(st.st_mode) && st.st_size > s->begin;
	s->size = s->sized ? (uint64_t)(st.st_size - s->begin) : 0;
	return buf_reserve(&s->block, COMPOSE_BLOCK) != NULL ? 0 : err_memory(w->err);
}

int
source_init_text(struct source *s, struct composer *w, const char *what, int fd, struct span given)
{
	source_init_copy(s, w);
	s->text = what;
	s->fd = fd;
	s->given = given;
	s->ended = given.data == NULL && fd < 0;
	return buf_reserve(&s->block, COMPOSE_BLOCK) != NULL ? 0 : err_memory(w->err);
}

void
source_init_copy(struct source *s, struct composer *w)
{
	*s = (struct source){ .w = w, .fd = -1 };
	buf_init(&s->block, COMPOSE_BLOCK);
	spool_init(&s->copy, w->place);
}

void
source_release(struct source *s)
{
	if (s->part != NULL && s->fd >= 0 && s->fd != s->part->fd)
		close(s->fd);
	s->fd = -1;
	buf_release(&s->block);
	spool_release(&s->copy);
}

/*
 * read(2) that waits.  For files poll(2) comes first: a FIFO that nobody has opened for writing yet
 * would seem to have ended.
 */
static ssize_t
read_some(const struct source *s, char *to, size_t len)
{
	bool wait = s->text == NULL && !s->sized;

	for (;;) {
		struct pollfd pollfd = { .fd = s->fd, .events = POLLIN };
		ssize_t n;

		if (wait && poll(&pollfd, 1, -1) < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		n = read(s->fd, to, len);
		if (n >= 0 || (errno != EINTR && errno != EAGAIN))
			return n;
		wait = wait || errno == EAGAIN;
	}
}

static int
refuse_read(const struct source *s)
{
	if (s->text != NULL)
		return err_sys(s->w->err, ERR_NO_INPUT, "cannot read the %s", s->text);
	return refuse_sys(s->part->path, s->w->err);
}

static int
fill_block(struct source *s)
{
	while (s->block.len < COMPOSE_BLOCK && !s->ended) {
		ssize_t n = read_some(s, s->block.data + s->block.len,
		    COMPOSE_BLOCK - s->block.len);

		if (n < 0)
			return refuse_read(s);
		s->ended = n == 0;
		buf_commit(&s->block, (size_t)n);
	}
	return 0;
}

static void
take_given(struct source *s)
{
	size_t len = s->given.len < COMPOSE_BLOCK ? s->given.len : COMPOSE_BLOCK;

	buf_add(&s->block, s->given.data, len);
	s->given.data += len;
	s->given.len -= len;
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

static int
read_block(struct source *s)
{
	if (s->copied)
		return read_copy(s);
	if (s->given.data == NULL)
		return fill_block(s);
	take_given(s);
	return 0;
}

int
source_read(struct source *s)
{
	buf_clear(&s->block);
	if (read_block(s) != 0)
		return -1;
	s->total += s->block.len;
	if (s->kept && spool_write(&s->copy, s->block.data, s->block.len, s->w->err) != 0)
		return -1;
	return check_size(s);
}

int
source_again(struct source *s)
{
	s->total = 0;
	s->copied = true;
	s->kept = false;
	if (spool_finish(&s->copy, s->w->err) != 0)
		return -1;
	buf_clear(&s->block);
	return buf_reserve(&s->block, COMPOSE_BLOCK) != NULL ? source_read(s) :
							       err_memory(s->w->err);
}

static int
begin_again(struct source *s)
{
	if (s->kept)
		return source_again(s);
	s->total = 0;
	s->ended = false;
	return lseek(s->fd, s->begin, SEEK_SET) == s->begin ? source_read(s) :
							      refuse_sys(s->part->path, s->w->err);
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

/* To the body. */

int
source_write_base64(struct source *s)
{
	struct buf *block = &s->block;

	while (block->len > 0) {
		if (composer_put_base64(s->w, (struct span){ block->data, block->len }) != 0)
			return -1;
		if (source_read(s) != 0)
			return -1;
	}
	return 0;
}

int
source_write_lines(struct source *s)
{
	struct search root = { .needle = { s->w->root.data, s->w->root.len } };

	while (s->block.len > 0) {
		if (composer_put_lines(s->w, (struct span){ s->block.data, s->block.len }, &root) !=
		    0)
			return -1;
		if (source_read(s) != 0)
			return -1;
	}
	return composer_check_root(s->w, &root);
}
