/* SPDX-License-Identifier: ISC */
/*
 * store_add().  A message gets its name when all of it is on the disk and locked, and is queued
 * when the name is, too: two syncs, and a third where the file system needs it.  What STATES calls
 * E1, E2 … happens here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "store/file.h"
#include "store/folder.h"
#include "store/store.h"

enum {
	NAMES_MAX = 20,         /* ids that are tried, should others be taken */
	PIECE_SIZE = 64 * 1024, /* octets of a body that are copied at once */
};

struct adding {
	struct store *store;
	const struct message *message;
	struct item *item; /* its fd is the file */
	struct block block;
	struct buf records;              /* head and first tail */
	int tmp;                         /* the folder of files on their way, or -1 */
	char tmp_name[QUEUE_ID_LEN + 1]; /* the file's name there; empty: none */
	bool unnamed_fails; /* a file without a name cannot be had, or not be given one */
	struct err *err;
};

static int
fail(const struct adding *a, const char *what)
{
	return file_fail(a->store->path, what, a->err);
}

/* Head and tail. */

static int
write_records(struct adding *a, const struct envelope *envelope, const struct store_facts *facts)
{
	struct item draft = { .envelope = *envelope, .message = *a->message };
	int rc;

	draft.queued_ms = facts->now_ms;
	draft.submitter = facts->submitter;
	draft.account = strdup(facts->account);
	if (draft.account == NULL)
		return err_memory(a->err);
	rc = item_write_head(&draft, &a->records, a->err);
	free(draft.account);
	a->block.head_len = a->records.len;
	a->block.head_sum = checksum(0, a->records.data, a->records.len);
	a->records.max = SIZE_MAX;
	if (rc == 0 && facts->records != NULL && facts->records->len > 0)
		file_add_batch(&a->records, 0, false,
		    (struct span){ facts->records->data, facts->records->len });
	if (rc == 0 &&
	    (!buf_ok(&a->records) || (facts->records != NULL && !buf_ok(facts->records))))
		return err_memory(a->err);
	return rc;
}

/* The item is what its file says: it is read from the same octets. */
static int
fill_item(struct adding *a)
{
	struct item *item = a->item;
	struct span head = { a->records.data, (size_t)a->block.head_len };
	struct span tail = { a->records.data + head.len, a->records.len - head.len };

	item->tail_at = BLOCK_SIZE + a->block.body_len + a->block.head_len;
	item->message.body.size = a->block.body_len;
	store_spool(a->store, &item->message.body.place);
	/* What is being sent goes on: it was not cut off. */
	item->active = item->appended = true;
	if (item_read_head(item, head, true, a->err) != ITEM_OK ||
	    item_read_tail(item, tail, a->err) != ITEM_OK)
		return err_wrap(a->err, "the message cannot be queued");
	item->active = false;
	return 0;
}

/* The file. */

/* A file under tmp/, where there are none without a name. */
static int
open_named(struct adding *a)
{
	int dir = a->store->dir;

	if (mkdirat(dir, STORE_TMP, 0700) != 0 && errno != EEXIST)
		return -1;
	if (a->tmp < 0)
		a->tmp = openat(dir, STORE_TMP, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (a->tmp < 0)
		return -1;
	for (int tries = 0; tries < NAMES_MAX; tries++) {
		char name[QUEUE_ID_LEN + 1];
		int fd;

		if (queue_id_make(name, a->err) != 0)
			return -1;
		fd = openat(a->tmp, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0600);
		if (fd >= 0)
			memcpy(a->tmp_name, name, sizeof(name));
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

/* What open(2) says where O_TMPFILE is not known differs by kernel and file system. */
static bool
is_no_tmpfile(int number)
{
	return number == EOPNOTSUPP || number == EISDIR || number == ENOENT || number == EINVAL ||
	    number == ENOSYS;
}

static int
open_new(struct adding *a)
{
	int fd;

	if (a->unnamed_fails)
		return open_named(a);
	fd = openat(a->store->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || !is_no_tmpfile(errno))
		return fd;
	a->unnamed_fails = true;
	return open_named(a);
}

/*
 * The message's own file, opened anew: the lock belongs to what open(2) returned, and must not
 * outlive the item because the message still has its descriptor.  -1 where that file cannot become
 * the queued one.
 */
static int
open_spooled(const struct adding *a)
{
	const struct spool *body = &a->message->body;
	struct stat file, folder;
	char path[64];

	if (a->unnamed_fails || body->fd < 0 || !body->place.linkable ||
	    body->place.room != BLOCK_SIZE || fstat(body->fd, &file) != 0 ||
	    fstat(a->store->dir, &folder) != 0 || file.st_dev != folder.st_dev ||
	    file.st_nlink != 0 || file.st_uid != geteuid())
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", body->fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

/*
 * A umask that takes even the owner's permission away must not make a message that cannot be opened
 * again.
 */
static int
check_mode(int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -1;
	return (st.st_mode & 07777) == 0600 ? 0 : fchmod(fd, 0600);
}

static int
write_block(struct adding *a, const struct buf *body)
{
	unsigned char octets[BLOCK_SIZE];
	struct iovec iov[3] = { { octets, sizeof(octets) } };
	int count = 1;

	block_write(octets, &a->block);
	if (body != NULL) {
		iov[count++] = (struct iovec){ body->data, body->len };
		iov[count++] = (struct iovec){ a->records.data, a->records.len };
	}
	return file_write(a->item->fd, iov, count, 0) == 0 ? 0 : fail(a, "be written");
}

/* Copies the body from its own file; its checksum is a->block's. */
static int
copy_body(struct adding *a)
{
	const struct spool *body = &a->message->body;
	char *scratch = malloc(PIECE_SIZE);
	const char *data;
	size_t got;
	int rc = scratch != NULL ? 0 : err_memory(a->err);

	for (uint64_t at = 0; rc == 0 && at < body->size; at += got) {
		struct iovec iov = { scratch, 0 };

		rc = spool_read(body, at, scratch, PIECE_SIZE, &data, &got, a->err);
		iov.iov_len = got;
		if (rc != 0)
			break;
		a->block.body_sum = checksum(a->block.body_sum, data, got);
		if (file_write(a->item->fd, &iov, 1, BLOCK_SIZE + at) != 0)
			rc = fail(a, "be written");
	}
	free(scratch);
	return rc;
}

/* Behind a body that lies in the file already; what may be there from an earlier try goes away. */
static int
write_around_body(struct adding *a)
{
	struct iovec iov = { a->records.data, a->records.len };
	uint64_t at = BLOCK_SIZE + a->block.body_len;

	if (file_write(a->item->fd, &iov, 1, at) != 0 ||
	    file_cut(a->item->fd, at + a->records.len) != 0)
		return fail(a, "be written");
	return write_block(a, NULL);
}

static int
write_file(struct adding *a)
{
	const struct spool *body = &a->message->body;
	int fd = open_spooled(a), rc = 0;
	bool spooled = fd >= 0;

	a->item->fd = spooled ? fd : open_new(a);
	if (a->item->fd < 0)
		return fail(a, "take a message");
	if (check_mode(a->item->fd) != 0)
		return fail(a, "be written");
	a->block.body_sum = 0;
	if (body->fd < 0) {
		a->block.body_sum = checksum(0, body->memory.data, (size_t)body->size);
		return write_block(a, &body->memory);
	}
	rc = spooled ? file_sum(body, &a->block.body_sum, a->err) : copy_body(a);
	return rc == 0 ? write_around_body(a) : rc;
}

static int
lock_file(struct adding *a)
{
	if (file_lock(a->item->fd) != 0)
		return err_sys(a->err, ERR_TEMPORARY,
		    "the queue %s lies where files cannot be locked", a->store->path);
	a->item->locked = true;
	return 0;
}

/* Its name. */

static int
name_unnamed(struct adding *a, const char *id)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", a->item->fd);
	if (linkat(AT_FDCWD, path, a->store->dir, id, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno == EEXIST || errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS)
		return -1;
	/* Without /proc; allowed to ordinary users since Linux 6.10. */
	if (linkat(a->item->fd, "", a->store->dir, id, AT_EMPTY_PATH) == 0)
		return 0;
	a->unnamed_fails = errno != EEXIST;
	return -1;
}

static int
name_named(struct adding *a, const char *id)
{
	if (renameat2(a->tmp, a->tmp_name, a->store->dir, id, RENAME_NOREPLACE) == 0) {
		a->tmp_name[0] = '\0';
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (linkat(a->tmp, a->tmp_name, a->store->dir, id, 0) != 0)
		return -1;
	if (unlinkat(a->tmp, a->tmp_name, 0) == 0)
		a->tmp_name[0] = '\0';
	return 0;
}

/*
 * Gives the file a name that was free.  Under tmp/ it had the same, so that store_take() knows the
 * one by the other.
 */
static int
give_name(struct adding *a)
{
	char *id = a->item->id;

	for (int tries = 0; tries < NAMES_MAX; tries++) {
		bool first = tries == 0 && a->tmp_name[0] != '\0';

		if (first)
			memcpy(id, a->tmp_name, QUEUE_ID_LEN + 1);
		else if (queue_id_make(id, a->err) != 0)
			return -1;
		if ((a->tmp_name[0] != '\0' ? name_named(a, id) : name_unnamed(a, id)) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	return fail(a, "take a message");
}

/*
 * The name is durable, or taken back.  The file comes behind its folder: should the power fail in
 * between, a name goes away whose file says that it has none, and not a file without a name comes
 * to lost+found.
 */
static int
sync_name(struct adding *a)
{
	if (a->tmp_name[0] == '\0' && file_sync(a->store->dir) == 0 &&
	    (a->tmp < 0 || file_sync(a->tmp) == 0) &&
	    (!folder_forgets_files(a->store->dir) || file_sync(a->item->fd) == 0))
		return 0;
	fail(a, "be made durable");
	unlinkat(a->store->dir, a->item->id, 0);
	return -1;
}

static int
add(struct adding *a)
{
	int rc = write_file(a);

	if (rc == 0)
		rc = lock_file(a);
	if (rc == 0 && file_sync(a->item->fd) != 0)
		rc = fail(a, "be made durable");
	if (rc == 0)
		rc = give_name(a);
	if (rc == 0)
		rc = sync_name(a);
	if (a->tmp_name[0] != '\0')
		unlinkat(a->tmp, a->tmp_name, 0);
	a->tmp_name[0] = '\0';
	return rc;
}

/* Once more, where the first way did not lead to a name. */
static int
add_either_way(struct adding *a)
{
	bool unnamed_failed = a->unnamed_fails;
	int rc = add(a);

	if (rc == 0 || a->tmp >= 0 || a->unnamed_fails == unnamed_failed)
		return rc;
	if (a->item->fd >= 0)
		close(a->item->fd);
	a->item->fd = -1;
	a->item->locked = false;
	return add(a);
}

int
store_add(struct store *store, const struct envelope *envelope, const struct message *message,
    const struct store_facts *facts, struct item *item, struct err *err)
{
	struct adding a = {
		.store = store, .message = message, .item = item, .tmp = -1, .err = err
	};
	int rc;

	item_init(item);
	buf_init(&a.records, STORE_HEAD_MAX);
	a.block.version = FORMAT_VERSION;
	a.block.body_len = message->body.size;
	rc = write_records(&a, envelope, facts);
	if (rc == 0)
		rc = fill_item(&a);
	if (rc == 0)
		rc = add_either_way(&a);
	item->message.body.fd = item->fd;
	if (rc != 0)
		item_release(item);
	if (a.tmp >= 0)
		close(a.tmp);
	buf_release(&a.records);
	return rc;
}
