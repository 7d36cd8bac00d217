/* SPDX-License-Identifier: ISC */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checksum.h"
#include "store/file.h"
#include "store/folder.h"
#include "store/reservation.h"

/* The directory. */

int
store_open(struct store *store, const char *path, bool make, struct err *err)
{
	*store = (struct store)STORE_INIT;
	store->dir = folder_open(path, make, err);
	if (store->dir < 0)
		return -1;
	store->path = strdup(path);
	if (store->path != NULL)
		return 0;
	store_close(store);
	return err_memory(err);
}

void
store_close(struct store *store)
{
	if (store->dir >= 0)
		close(store->dir);
	free(store->path);
	*store = (struct store)STORE_INIT;
}

void
store_spool(const struct store *store, struct spool_place *place)
{
	*place = (struct spool_place){ .dir = store->path, .room = BLOCK_SIZE, .linkable = true };
}

int
store_sync(struct store *store, struct err *err)
{
	if (file_sync(store->dir) == 0)
		return 0;
	return err_sys(err, ERR_IO, "the queue %s cannot be made durable", store->path);
}

/* Going through the names. */

int
store_scan_begin(struct store_scan *scan, struct store *store, struct err *err)
{
	int fd = openat(store->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	scan->dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (scan->dir != NULL)
		return 0;
	file_fail(store->path, "be read", err);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
is_regular(DIR *dir, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode);
}

static bool
is_ours(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, STORE_RUN) == 0 ||
	    strcmp(name, STORE_KEYS) == 0 || strcmp(name, STORE_TMP) == 0 ||
	    /* With NFS, a file that was removed and is still open: its last user removes it. */
	    strncmp(name, ".nfs", 4) == 0;
}

bool
store_scan_next(struct store_scan *scan, const char **name, bool *foreign, struct err *err)
{
	const struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(scan->dir);
	} while (entry != NULL && is_ours(entry->d_name));
	if (entry == NULL) {
		if (errno != 0)
			err_sys(err, ERR_IO, "the queue cannot be read to its end");
		return false;
	}
	*name = entry->d_name;
	*foreign = !queue_id_is(entry->d_name) || !is_regular(scan->dir, entry);
	return true;
}

void
store_scan_end(struct store_scan *scan)
{
	if (scan->dir != NULL)
		closedir(scan->dir);
	scan->dir = NULL;
}

bool
store_has_any(struct store *store)
{
	struct store_scan scan;
	struct err ignored;
	const char *name;
	bool foreign, any = false;

	err_init(&ignored);
	if (store_scan_begin(&scan, store, &ignored) == 0) {
		while (!any && store_scan_next(&scan, &name, &foreign, &ignored))
			any = !foreign;
		store_scan_end(&scan);
	}
	err_release(&ignored);
	return any;
}

static bool
is_new(const char *name)
{
	return strncmp(name, STORE_NEW, strlen(STORE_NEW)) == 0;
}

void
store_sweep(struct store *store, int64_t now_ms)
{
	file_remove_old(store->dir, STORE_TMP, queue_id_is, now_ms - STORE_LEFT_MS);
	file_remove_old(store->dir, STORE_BREAKERS, is_new, now_ms - STORE_LEFT_MS);
	reservation_sweep(store, now_ms);
}

/* Reading a message. */

enum {
	LOOK_SIZE = 16 * 1024
}; /* octets that are read at first: all of most messages, which are small */

/* A file that is being read. */
struct opened {
	struct store *store;
	const char *id;
	struct item *item;
	bool with_header;
	struct stat st;
	struct block block;
	struct err *err;
};

static enum store_result __attribute__((format(printf, 2, 3)))
damaged(const struct opened *o, const char *fmt, ...)
{
	va_list ap;
	struct buf what = BUF_INIT(ERR_TEXT_MAX);

	va_start(ap, fmt);
	buf_addv(&what, fmt, ap);
	va_end(ap);
	err_set(o->err, ERR_MESSAGE, "the file %s/%s %s", o->store->path, o->id, what.data);
	buf_release(&what);
	return STORE_DAMAGED;
}

static enum store_result
failed(const struct opened *o, const char *what)
{
	err_sys(o->err, file_kind(errno), "the file %s/%s cannot be %s", o->store->path, o->id,
	    what);
	return STORE_FAILED;
}

static enum store_result
open_file(struct opened *o, int flags)
{
	item_init(o->item);
	if (!queue_id_is(o->id))
		return damaged(o, "is no queued message: its name is none");
	memcpy(o->item->id, o->id, QUEUE_ID_LEN + 1);
	o->item->fd = openat(o->store->dir, o->id, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (o->item->fd >= 0)
		return fstat(o->item->fd, &o->st) == 0 ? STORE_OK : failed(o, "looked at");
	if (errno == ENOENT)
		return STORE_GONE;
	if (errno == ELOOP || errno == EISDIR || errno == ENXIO || errno == ENODEV)
		return damaged(o, "is no regular file");
	return failed(o, "opened");
}

/* A crash can leave it two names: the other is for who takes it to remove. */
static enum store_result
settle_names(struct opened *o, bool drop)
{
	if (o->st.st_nlink != 2 || file_settle_second_name(o->store->dir, o->id, drop, &o->st) == 0)
		return STORE_OK;
	return failed(o, drop ? "mended" : "looked at");
}

/* What may be read at all. */
static enum store_result
check_file(const struct opened *o)
{
	if (!S_ISREG(o->st.st_mode))
		return damaged(o, "is no regular file");
	if (o->st.st_uid != geteuid())
		return damaged(o, "belongs to another user");
	if (o->st.st_nlink == 0)
		return STORE_GONE;
	if (o->st.st_nlink > 1)
		return damaged(o, "has %llu names (hard links)",
		    (unsigned long long)o->st.st_nlink);
	if (o->st.st_size < BLOCK_SIZE)
		return damaged(o, "is too short for a queued message");
	return STORE_OK;
}

/* Locks, and sees whether what is locked still is what has the name. */
static enum store_result
lock_file(struct opened *o)
{
	struct stat named;

	if (file_lock(o->item->fd) != 0)
		return errno == EAGAIN || errno == EACCES ? STORE_BUSY : failed(o, "locked");
	o->item->locked = true;
	if (fstatat(o->store->dir, o->id, &named, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? STORE_GONE : failed(o, "looked at");
	if (named.st_ino != o->st.st_ino || named.st_dev != o->st.st_dev)
		return STORE_GONE;
	/* It may have grown before it was ours. */
	o->st = named;
	return STORE_OK;
}

static enum store_result
read_block(struct opened *o, const char *first)
{
	uint64_t size = (uint64_t)o->st.st_size - BLOCK_SIZE;
	struct block *block = &o->block;

	switch (block_read((const unsigned char *)first, block)) {
	case BLOCK_FOREIGN:
		return damaged(o, "is no queued message");
	case BLOCK_EARLIER:
		return damaged(o,
		    "is in a format (%" PRIu32 ") that no release of sendoff has written",
		    block->version);
	case BLOCK_LATER:
		err_set(o->err, ERR_UNAVAILABLE,
		    "the file %s/%s was written by a later version of sendoff (format %" PRIu32
		    "; this one reads up to %d): nothing is done with it",
		    o->store->path, o->id, block->version, FORMAT_VERSION);
		return STORE_LATER;
	case BLOCK_DAMAGED:
		return damaged(o, "is damaged: the checksum of its block is wrong");
	default:
		break;
	}
	if (block->body_len > size || block->head_len > size - block->body_len)
		return damaged(o, "is damaged: it is cut short");
	if (block->head_len > STORE_HEAD_MAX ||
	    size - block->body_len - block->head_len > STORE_TAIL_MAX)
		return damaged(o, "is damaged: it is too large");
	return STORE_OK;
}

/* Fills the item from what lies behind the body. */
static enum store_result
read_records(struct opened *o, struct span head, struct span tail)
{
	struct item *item = o->item;
	enum item_result result;

	if (checksum(0, head.data, head.len) != o->block.head_sum)
		return damaged(o, "is damaged: the checksum of its head is wrong");
	item->tail_at = BLOCK_SIZE + o->block.body_len + o->block.head_len;
	item->message.body.size = o->block.body_len;
	store_spool(o->store, &item->message.body.place);
	item->message.body.fd = item->fd;
	result = item_read_head(item, head, o->with_header, o->err);
	if (result == ITEM_OK)
		result = item_read_tail(item, tail, o->err);
	if (result == ITEM_OK)
		return STORE_OK;
	if (result == ITEM_FAILED)
		return STORE_FAILED;
	if (result == ITEM_LATER) {
		o->err->kind = ERR_UNAVAILABLE;
		err_wrap(o->err, "nothing is done with the file %s/%s", o->store->path, o->id);
		return STORE_LATER;
	}
	err_wrap(o->err, "the file %s/%s is damaged", o->store->path, o->id);
	return STORE_DAMAGED;
}

/* The records of a large message. */
static enum store_result
read_behind_body(struct opened *o)
{
	size_t head_len = (size_t)o->block.head_len, got;
	size_t want = (size_t)((uint64_t)o->st.st_size - BLOCK_SIZE - o->block.body_len);
	enum store_result result;
	char *records = malloc(want + 1);

	if (records == NULL) {
		err_memory(o->err);
		return STORE_FAILED;
	}
	if (file_read(o->item->fd, records, want, BLOCK_SIZE + o->block.body_len, &got) != 0)
		result = failed(o, "read");
	else if (got < head_len)
		result = damaged(o, "is damaged: it is cut short");
	else
		result = read_records(o, (struct span){ records, head_len },
		    (struct span){ records + head_len, got - head_len });
	free(records);
	return result;
}

static enum store_result
read_file(struct opened *o)
{
	char first[LOOK_SIZE];
	size_t want = o->st.st_size < LOOK_SIZE ? (size_t)o->st.st_size : LOOK_SIZE, got, at;
	enum store_result result;

	if (file_read(o->item->fd, first, want, 0, &got) != 0)
		return failed(o, "read");
	if (got < BLOCK_SIZE)
		return damaged(o, "is too short for a queued message");
	result = read_block(o, first);
	if (result != STORE_OK)
		return result;
	if (o->st.st_size > LOOK_SIZE || got < BLOCK_SIZE + o->block.body_len + o->block.head_len)
		return read_behind_body(o);
	at = BLOCK_SIZE + (size_t)o->block.body_len;
	return read_records(o, (struct span){ first + at, (size_t)o->block.head_len },
	    (struct span){ first + at + o->block.head_len, got - at - (size_t)o->block.head_len });
}

static enum store_result
check_body(const struct opened *o)
{
	uint32_t sum = 0;

	if (file_sum(&o->item->message.body, &sum, o->err) != 0)
		return STORE_FAILED;
	return sum == o->block.body_sum ?
	    STORE_OK :
	    damaged(o, "is damaged: the checksum of its body is wrong");
}

/*
 * Cuts off what is no record.  Synced, though that is rare enough not to matter: what was cut must
 * not come back behind a batch that is appended later.
 */
static enum store_result
cut_torn(struct opened *o)
{
	struct item *item = o->item;

	if (file_cut(item->fd, item->tail_at + item->tail.len) != 0 ||
	    file_sync_data(item->fd) != 0)
		return failed(o, "mended");
	item->torn = false;
	return STORE_OK;
}

/* Locks what is open, and reads it. */
static enum store_result
take_open(struct opened *o)
{
	enum store_result result = lock_file(o);

	if (result == STORE_OK)
		result = settle_names(o, true);
	if (result == STORE_OK)
		result = check_file(o);
	if (result == STORE_OK)
		result = read_file(o);
	return result;
}

enum store_result
store_take(struct store *store, const char *id, struct item *item, struct err *err)
{
	struct opened o = {
		.store = store, .id = id, .item = item, .with_header = true, .err = err
	};
	enum store_result result = open_file(&o, O_RDWR);

	if (result == STORE_OK)
		result = take_open(&o);
	if (result == STORE_OK)
		result = check_body(&o);
	if (result == STORE_OK && item->torn)
		result = cut_torn(&o);
	return result;
}

enum store_result
store_adopt(struct store *store, const char *id, int fd, struct item *item, struct err *err)
{
	struct opened o = {
		.store = store, .id = id, .item = item, .with_header = true, .err = err
	};
	enum store_result result;

	item_init(item);
	item->fd = fd;
	if (!queue_id_is(id))
		return damaged(&o, "is no queued message: its name is none");
	memcpy(item->id, id, QUEUE_ID_LEN + 1);
	if (fstat(fd, &o.st) < 0)
		return failed(&o, "looked at");
	/* As who queued it has it: what is being sent goes on, it was not cut off. */
	item->active = item->appended = true;
	result = take_open(&o);
	item->active = false;
	return result;
}

/* Without the fd nothing of the body can be read: it must not seem so. */
static void
let_go(struct item *item)
{
	close(item->fd);
	item->fd = item->message.body.fd = -1;
	item->message.body.size = 0;
}

enum store_result
store_look(struct store *store, const char *id, bool with_header, struct item *item,
    struct err *err)
{
	struct opened o = {
		.store = store, .id = id, .item = item, .with_header = with_header, .err = err
	};
	enum store_result result = open_file(&o, O_RDONLY);

	if (result == STORE_OK)
		result = settle_names(&o, false);
	if (result == STORE_OK)
		result = check_file(&o);
	if (result == STORE_OK) {
		item->active = file_is_locked(item->fd);
		result = read_file(&o);
	}
	if (result == STORE_OK && !with_header)
		let_go(item);
	return result;
}

/* Changing a message. */

static int
fail_to_append(struct item *item, struct err *err)
{
	int saved = errno;

	/*
	 * Nobody shall read what was never durable; where even that fails, STATES tells what it
	 * comes to.
	 */
	if (file_cut(item->fd, item->tail_at + item->tail.len) != 0)
		item->torn = true;
	errno = saved;
	return file_fail(item->message.body.place.dir, "be written", err);
}

/* Writes a batch behind the tail. */
static int
append_batch(struct item *item, const struct buf *batch, struct err *err)
{
	struct iovec iov = { batch->data, batch->len };
	uint64_t at = item->tail_at + item->tail.len;

	if (item->tail.len + batch->len > STORE_TAIL_MAX)
		return err_set(err, ERR_CANT_CREATE,
		    "the queued message %s has too many records already", item->id);
	/* Memory first: what is durable must not be reported as failed. */
	if (buf_reserve(&item->tail, batch->len) == NULL)
		return err_memory(err);
	if (file_write(item->fd, &iov, 1, at) != 0 || file_sync_data(item->fd) != 0)
		return fail_to_append(item, err);
	buf_add(&item->tail, batch->data, batch->len);
	item->appended = true;
	return 0;
}

static int
append(struct item *item, const struct buf *records, struct err *err)
{
	struct span span = { records->data, records->len };
	struct buf batch = BUF_INIT(SIZE_MAX);
	int rc;

	file_add_batch(&batch, item->tail.len, !item->appended, span);
	if (!buf_ok(records) || !buf_ok(&batch))
		rc = err_memory(err);
	else if (item_apply(item, span, err) != ITEM_OK)
		rc = err_wrap(err, "the queued message %s", item->id);
	else
		rc = append_batch(item, &batch, err);
	buf_release(&batch);
	return rc;
}

int
store_append(struct item *item, const struct buf *records, struct err *err)
{
	if (item->fd < 0 || !item->locked || item->broken)
		return err_set(err, ERR_SYSTEM,
		    "nothing more can be recorded of the queued message %s", item->id);
	if (records->len == 0 && buf_ok(records))
		return 0;
	item->broken = append(item, records, err) != 0;
	return item->broken ? -1 : 0;
}

int
store_remove(struct store *store, struct item *item, struct err *err)
{
	if (unlinkat(store->dir, item->id, 0) == 0 || errno == ENOENT)
		return 0;
	return err_sys(err, ERR_CANT_CREATE, "the queued message %s/%s cannot be removed",
	    store->path, item->id);
}
