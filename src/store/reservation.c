/* SPDX-License-Identifier: ISC */
#include "store/reservation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "net/digest.h"
#include "store/file.h"

enum {
	FILE_MAX = 16 * 1024 * 1024, /* octets of a key's file: a receipt for some 100,000
					recipients */
	ID_MAX = 1024,               /* octets of a Message-ID */
	SWEEP_MS = 3600 * 1000,      /* between two looks at all of them */
	TRIES = 10, /* where others remove the file between our opening and locking it */
};

/* A file in the folder; its time tells when all were looked at last. */
#define SWEPT ".swept"

/* The log's entries: "WORD TIME STATUS LENGTH CHECKSUM" LF, LENGTH octets, LF. */
struct entry {
	struct span word, text;
	int64_t time_ms;
	int status;
};

static int
fail(const struct reservation *r, const char *what, struct err *err)
{
	return file_fail(r->path.data, what, err);
}

static uint32_t
sum_of(struct span head, struct span text)
{
	return checksum(checksum(0, head.data, head.len), text.data, text.len);
}

static bool
read_number(struct span word, int64_t *number)
{
	*number = 0;
	if (word.len == 0 || word.len > 18)
		return false;
	for (size_t i = 0; i < word.len; i++) {
		if (!ascii_is_digit(word.data[i]))
			return false;
		*number = 10 * *number + (word.data[i] - '0');
	}
	return true;
}

/* Takes the next whole entry; false where there is none. */
static bool
next_entry(struct span *rest, struct entry *entry)
{
	struct span after = *rest, head = span_cut(&after, '\n'), words = head,
		    counted = { head.data, 0 };
	int64_t status, length, sum;

	entry->word = span_cut(&words, ' ');
	if (!read_number(span_cut(&words, ' '), &entry->time_ms) ||
	    !read_number(span_cut(&words, ' '), &status) ||
	    !read_number(span_cut(&words, ' '), &length) || !read_number(words, &sum))
		return false;
	if (after.len < 1 || (uint64_t)length > after.len - 1 || after.data[length] != '\n')
		return false;
	counted.len = (size_t)(words.data - head.data);
	entry->text = (struct span){ after.data, (size_t)length };
	entry->status = (int)(status & 0xff);
	if (sum_of(counted, entry->text) != sum)
		return false;
	*rest = (struct span){ after.data + length + 1, after.len - (size_t)length - 1 };
	return true;
}

/* Appends an entry, durably. */
static int
append(struct reservation *r, const char *word, int64_t time_ms, int status, struct span text,
    struct err *err)
{
	struct buf out = BUF_INIT(FILE_MAX + 100);
	off_t end = lseek(r->fd, 0, SEEK_END);
	struct iovec iov;
	int result = 0;

	buf_addf(&out, "%s %lld %d %zu ", word, (long long)time_ms, status, text.len);
	buf_addf(&out, "%u\n", (unsigned)sum_of((struct span){ out.data, out.len }, text));
	buf_add(&out, text.data, text.len);
	buf_addc(&out, '\n');
	iov = (struct iovec){ out.data, out.len };
	if (!buf_ok(&out))
		result = err_set(err, ERR_SYSTEM, "the receipt is too long to be kept");
	else if (end < 0 || file_write(r->fd, &iov, 1, (uint64_t)end) < 0 || file_sync(r->fd) < 0)
		result = fail(r, "be written", err);
	buf_release(&out);
	return result;
}

static int
read_file(const struct reservation *r, struct buf *out, struct err *err)
{
	struct stat st;
	size_t got = 0;
	char *to;

	if (fstat(r->fd, &st) < 0)
		return fail(r, "be looked at", err);
	to = buf_reserve(out, (size_t)st.st_size + 1);
	if (to == NULL)
		return err_set(err, ERR_CONFIG, "%s/%s is too large for a key", r->path.data,
		    r->name);
	if (file_read(r->fd, to, (size_t)st.st_size, 0, &got) < 0)
		return fail(r, "be read", err);
	buf_commit(out, got);
	return 0;
}

/*
 * The folder; it is made where it is missing.  It is durable once it holds SWEPT, which is made
 * later.
 */
static int
open_folder(struct reservation *r, const struct store *store, struct err *err)
{
	if (mkdirat(store->dir, STORE_KEYS, S_IRWXU) < 0 && errno != EEXIST)
		return fail(r, "be made", err);
	r->dir = openat(store->dir, STORE_KEYS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (r->dir < 0)
		return fail(r, "be opened", err);
	if (faccessat(r->dir, SWEPT, F_OK, 0) < 0 && file_sync(store->dir) < 0)
		return fail(r, "be made durable", err);
	return 0;
}

/* 1: open and locked; 0: another has it; -1: failed. */
static int
open_locked(struct reservation *r, struct err *err)
{
	struct stat st;

	for (unsigned i = 0; i < TRIES; i++) {
		r->fd = openat(r->dir, r->name,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		    S_IRUSR | S_IWUSR);
		if (r->fd < 0 || fstat(r->fd, &st) < 0)
			return fail(r, "be opened", err);
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
			return err_set(err, ERR_CONFIG, "%s/%s is no key of this user",
			    r->path.data, r->name);
		if (file_lock(r->fd) < 0)
			return errno == EAGAIN || errno == EACCES ? 0 : fail(r, "be locked", err);
		if (fstat(r->fd, &st) == 0 && st.st_nlink > 0)
			return 1;
		close(r->fd);
		r->fd = -1;
	}
	return 0;
}

static bool
is_reservation(const char *name)
{
	return name[0] != '.';
}

void
reservation_sweep(const struct store *store, int64_t now_ms)
{
	file_remove_old(store->dir, STORE_KEYS, is_reservation, now_ms - RESERVATION_LIFE_MS);
}

static bool
sweep_is_due(const struct reservation *r, int64_t now_ms)
{
	int fd = openat(r->dir, SWEPT,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, S_IRUSR | S_IWUSR);
	struct timespec times[2] = { { .tv_sec = now_ms / 1000 }, { .tv_sec = now_ms / 1000 } };
	struct stat st;
	int64_t since_ms;
	bool due = false;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		since_ms = now_ms - (int64_t)st.st_mtime * 1000;
		due = (since_ms < 0 || since_ms >= SWEEP_MS) && futimens(fd, times) == 0;
	}
	if (fd >= 0)
		close(fd);
	return due;
}

/* What the log says of the key. */
static enum reservation_result
read_log(struct reservation *r, struct span log, struct span content, int64_t now_ms)
{
	enum reservation_result result = RESERVATION_FREE;
	struct span first = { "", 0 };
	struct entry entry;

	if (!next_entry(&log, &entry) || !span_is(entry.word, "reserved"))
		return RESERVATION_FREE;
	r->begun_ms = entry.time_ms;
	if (now_ms - entry.time_ms > RESERVATION_LIFE_MS)
		return RESERVATION_FREE;
	first = span_cut(&entry.text, ' ');
	buf_add(&r->message_id, entry.text.data, entry.text.len);
	while (next_entry(&log, &entry)) {
		result = span_is(entry.word, "done") ? RESERVATION_DONE : RESERVATION_DOUBT;
		r->status = entry.status;
		buf_clear(&r->receipt);
		buf_add(&r->receipt, entry.text.data, entry.text.len);
	}
	if (result != RESERVATION_FREE &&
	    (first.len != content.len || memcmp(first.data, content.data, first.len) != 0))
		return RESERVATION_OTHER;
	return result;
}

static int
reserve(struct reservation *r, const char *content, const char *message_id, int64_t now_ms,
    struct err *err)
{
	struct buf text = BUF_INIT(DIGEST_HEX_LEN + ID_MAX + 8);
	int result = 0;

	buf_addf(&text, "%s %.*s", content, ID_MAX, message_id);
	r->begun_ms = now_ms;
	buf_clear(&r->message_id);
	if (file_cut(r->fd, 0) < 0)
		result = fail(r, "be written", err);
	else
		result = append(r, "reserved", now_ms, 0, (struct span){ text.data, text.len },
		    err);
	if (result == 0 && file_sync(r->dir) < 0)
		result = fail(r, "be made durable", err);
	buf_release(&text);
	return result;
}

static enum reservation_result
take_locked(struct reservation *r, const char *content, const char *message_id, int64_t now_ms,
    struct err *err)
{
	struct buf log = BUF_INIT(FILE_MAX + 4096);
	enum reservation_result result = RESERVATION_FAILED;

	if (read_file(r, &log, err) == 0)
		result = read_log(r, (struct span){ log.data, log.len }, span_of(content), now_ms);
	buf_release(&log);
	if (result == RESERVATION_FREE && reserve(r, content, message_id, now_ms, err) < 0)
		return RESERVATION_FAILED;
	return result;
}

enum reservation_result
reservation_take(struct reservation *r, const struct store *store, const char *name,
    const char *content, const char *message_id, int64_t now_ms, struct err *err)
{
	enum reservation_result found;
	int locked;

	*r = (struct reservation){ .dir = -1, .fd = -1 };
	buf_init(&r->receipt, FILE_MAX);
	buf_init(&r->message_id, ID_MAX);
	buf_init(&r->path, ERR_TEXT_MAX);
	buf_addf(&r->path, "%s/" STORE_KEYS, store->path);
	snprintf(r->name, sizeof(r->name), "%s", name);
	if (open_folder(r, store, err) < 0)
		return RESERVATION_FAILED;
	locked = open_locked(r, err);
	if (locked <= 0)
		return locked < 0 ? RESERVATION_FAILED : RESERVATION_BUSY;
	found = take_locked(r, content, message_id, now_ms, err);
	/* Ours is locked, and stays. */
	if (found == RESERVATION_FREE && sweep_is_due(r, now_ms))
		reservation_sweep(store, now_ms);
	return found;
}

int
reservation_sending(struct reservation *r, int64_t now_ms, struct err *err)
{
	if (r->sending || r->fd < 0)
		return 0;
	if (append(r, "sending", now_ms, 0, (struct span){ "", 0 }, err) < 0)
		return -1;
	r->sending = true;
	return 0;
}

/* A child that goes on with the message has the same open file: the lock ends for it, too. */
static void
let_go(struct reservation *r)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (r->fd >= 0) {
		fcntl(r->fd, F_OFD_SETLK, &lock);
		close(r->fd);
	}
	r->fd = -1;
}

int
reservation_done(struct reservation *r, int status, const struct buf *receipt, int64_t now_ms,
    struct err *err)
{
	int result = append(r, "done", now_ms, status, (struct span){ receipt->data, receipt->len },
	    err);

	let_go(r);
	return result;
}

void
reservation_forget(struct reservation *r)
{
	if (r->fd >= 0)
		unlinkat(r->dir, r->name, 0);
	let_go(r);
}

void
reservation_release(struct reservation *r)
{
	let_go(r);
	if (r->dir >= 0)
		close(r->dir);
	r->dir = -1;
	buf_release(&r->receipt);
	buf_release(&r->message_id);
	buf_release(&r->path);
}
