/* SPDX-License-Identifier: ISC */
#include "store/key.h"

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
	OLD_MAX = 256,               /* files that one call looks at, whether they are old */
	TRIES = 10, /* where others remove the file between our opening and locking it */
};

/* The log's entries: "WORD TIME STATUS LENGTH CHECKSUM" LF, LENGTH octets, LF. */
struct entry {
	struct span word, text;
	int64_t time_ms;
	int status;
};

static int
fail(const struct key *key, const char *what, struct err *err)
{
	return file_fail(key->path.data, what, err);
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
append(struct key *key, const char *word, int64_t time_ms, int status, struct span text,
    struct err *err)
{
	struct buf out = BUF_INIT(FILE_MAX + 100);
	off_t end = lseek(key->fd, 0, SEEK_END);
	struct iovec iov;
	int result = 0;

	buf_addf(&out, "%s %lld %d %zu ", word, (long long)time_ms, status, text.len);
	buf_addf(&out, "%u\n", (unsigned)sum_of((struct span){ out.data, out.len }, text));
	buf_add(&out, text.data, text.len);
	buf_addc(&out, '\n');
	iov = (struct iovec){ out.data, out.len };
	if (!buf_ok(&out))
		result = err_set(err, ERR_SYSTEM, "the receipt is too long to be kept");
	else if (end < 0 || file_write(key->fd, &iov, 1, (uint64_t)end) < 0 ||
	    file_sync(key->fd) < 0)
		result = fail(key, "be written", err);
	buf_release(&out);
	return result;
}

static int
read_file(const struct key *key, struct buf *out, struct err *err)
{
	struct stat st;
	size_t got = 0;
	char *to;

	if (fstat(key->fd, &st) < 0)
		return fail(key, "be looked at", err);
	to = buf_reserve(out, (size_t)st.st_size + 1);
	if (to == NULL)
		return err_set(err, ERR_CONFIG, "%s/%s is too large for a key", key->path.data,
		    key->name);
	if (file_read(key->fd, to, (size_t)st.st_size, 0, &got) < 0)
		return fail(key, "be read", err);
	buf_commit(out, got);
	return 0;
}

/* The folder; it is made where it is missing. */
static int
open_folder(struct key *key, const struct store *store, struct err *err)
{
	if (mkdirat(store->dir, STORE_RUN, S_IRWXU) == 0)
		fsync(store->dir);
	if (mkdirat(store->dir, STORE_KEYS, S_IRWXU) < 0 && errno != EEXIST)
		return fail(key, "be made", err);
	key->dir = openat(store->dir, STORE_KEYS, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return key->dir >= 0 ? 0 : fail(key, "be opened", err);
}

/* 1: open and locked; 0: another has it; -1: failed. */
static int
open_locked(struct key *key, struct err *err)
{
	struct stat st;

	for (unsigned i = 0; i < TRIES; i++) {
		key->fd = openat(key->dir, key->name,
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
		    S_IRUSR | S_IWUSR);
		if (key->fd < 0 || fstat(key->fd, &st) < 0)
			return fail(key, "be opened", err);
		if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
			return err_set(err, ERR_CONFIG, "%s/%s is no key of this user",
			    key->path.data, key->name);
		if (file_lock(key->fd) < 0)
			return errno == EAGAIN || errno == EACCES ? 0 : fail(key, "be locked", err);
		if (fstat(key->fd, &st) == 0 && st.st_nlink > 0)
			return 1;
		close(key->fd);
		key->fd = -1;
	}
	return 0;
}

/* Keys whose time is over are forgotten, unless somebody uses them, as we do ours. */
static bool
is_key(const char *name)
{
	return name[0] != '.';
}

/* What the log says of the key. */
static enum key_result
read_log(struct key *key, struct span log, struct span content, int64_t now_ms)
{
	enum key_result result = KEY_FREE;
	struct span first = { "", 0 };
	struct entry entry;

	if (!next_entry(&log, &entry) || !span_is(entry.word, "reserved"))
		return KEY_FREE;
	key->begun_ms = entry.time_ms;
	if (now_ms - entry.time_ms > KEY_LIFE_MS)
		return KEY_FREE;
	first = span_cut(&entry.text, ' ');
	buf_add(&key->message_id, entry.text.data, entry.text.len);
	while (next_entry(&log, &entry)) {
		result = span_is(entry.word, "done") ? KEY_DONE : KEY_DOUBT;
		key->status = entry.status;
		buf_clear(&key->receipt);
		buf_add(&key->receipt, entry.text.data, entry.text.len);
	}
	if (result != KEY_FREE &&
	    (first.len != content.len || memcmp(first.data, content.data, first.len) != 0))
		return KEY_OTHER;
	return result;
}

static int
reserve(struct key *key, const char *content, const char *message_id, int64_t now_ms,
    struct err *err)
{
	struct buf text = BUF_INIT(DIGEST_HEX_LEN + ID_MAX + 8);
	int result = 0;

	buf_addf(&text, "%s %.*s", content, ID_MAX, message_id);
	key->begun_ms = now_ms;
	buf_clear(&key->message_id);
	if (file_cut(key->fd, 0) < 0)
		result = fail(key, "be written", err);
	else
		result = append(key, "reserved", now_ms, 0, (struct span){ text.data, text.len },
		    err);
	if (result == 0 && fsync(key->dir) < 0)
		result = fail(key, "be made durable", err);
	buf_release(&text);
	return result;
}

static enum key_result
take_locked(struct key *key, const char *content, const char *message_id, int64_t now_ms,
    struct err *err)
{
	struct buf log = BUF_INIT(FILE_MAX + 4096);
	enum key_result result = KEY_FAILED;

	if (read_file(key, &log, err) == 0)
		result = read_log(key, (struct span){ log.data, log.len }, span_of(content),
		    now_ms);
	buf_release(&log);
	if (result == KEY_FREE && reserve(key, content, message_id, now_ms, err) < 0)
		return KEY_FAILED;
	if (result == KEY_FREE)
		file_remove_old(key->dir, ".", is_key, OLD_MAX, now_ms - KEY_LIFE_MS);
	return result;
}

enum key_result
key_take(struct key *key, const struct store *store, const char *name, const char *content,
    const char *message_id, int64_t now_ms, struct err *err)
{
	int locked;

	*key = (struct key){ .dir = -1, .fd = -1 };
	buf_init(&key->receipt, FILE_MAX);
	buf_init(&key->message_id, ID_MAX);
	buf_init(&key->path, ERR_TEXT_MAX);
	buf_addf(&key->path, "%s/" STORE_KEYS, store->path);
	snprintf(key->name, sizeof(key->name), "%s", name);
	if (open_folder(key, store, err) < 0)
		return KEY_FAILED;
	locked = open_locked(key, err);
	if (locked <= 0)
		return locked < 0 ? KEY_FAILED : KEY_BUSY;
	return take_locked(key, content, message_id, now_ms, err);
}

int
key_sending(struct key *key, int64_t now_ms, struct err *err)
{
	if (key->sending || key->fd < 0)
		return 0;
	if (append(key, "sending", now_ms, 0, (struct span){ "", 0 }, err) < 0)
		return -1;
	key->sending = true;
	return 0;
}

/* A child that goes on with the message has the same open file: the lock ends for it, too. */
static void
let_go(struct key *key)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (key->fd >= 0) {
		fcntl(key->fd, F_OFD_SETLK, &lock);
		close(key->fd);
	}
	key->fd = -1;
}

int
key_done(struct key *key, int status, const struct buf *receipt, int64_t now_ms, struct err *err)
{
	int result = append(key, "done", now_ms, status,
	    (struct span){ receipt->data, receipt->len }, err);

	let_go(key);
	return result;
}

void
key_forget(struct key *key)
{
	if (key->fd >= 0)
		unlinkat(key->dir, key->name, 0);
	let_go(key);
}

void
key_release(struct key *key)
{
	let_go(key);
	if (key->dir >= 0)
		close(key->dir);
	key->dir = -1;
	buf_release(&key->receipt);
	buf_release(&key->message_id);
	buf_release(&key->path);
}
